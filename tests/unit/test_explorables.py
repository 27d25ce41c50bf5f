"""The files of figures that move: their templates, what the chapters store, the wheel."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from string import Template

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest

from utils.groups import dihedral
from utils.plots import (
    CodeAction,
    CodedGraph,
    DecodedWay,
    FieldMaps,
    FlowPath,
    ImagePanel,
    Measure,
    PaddedGraph,
    PlaneFunction,
    PointPanel,
    Reading,
    SpringLaw,
    TwoWays,
    arrow_field_figure,
    bars_figure,
    between_figure,
    bodies_figure,
    choice_figure,
    cone_figure,
    decoding_figure,
    feature_maps_figure,
    fold_figure,
    interactive,
    max_filters_figure,
    orbit_figure,
    plane_points,
    relabelling_figure,
    scatter_figure,
    slider_figure,
    slope_figure,
    turned_field_figure,
    turning_figure,
)
from utils.plots.explorables import _template
from utils.plots.explorables._template import assembled, compact, fill

ROOT = Path(__file__).resolve().parents[2]
EXPLORABLES = ROOT / "utils" / "plots" / "explorables"
FOLDERS = sorted(path.parent for path in EXPLORABLES.glob("*/figure.html"))
SHARED = {"alt", "data", "name", "script", "still", "style"}


class Names(HTMLParser):
    """Read the identifiers of a page and what refers to them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.own: list[str] = []
        self.referred: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.own += [found["id"]] if found.get("id") else []
        self.referred += (found.get("for") or "").split()


def template(folder: Path) -> str:
    return "".join(line.strip() for line in (folder / "figure.html").read_text().splitlines())


def slots(folder: Path, markup: str) -> dict[str, str] | None:
    """Read the slots of a figure's template off a filled one; None if it is not of this kind."""
    seen: set[str] = set()
    pattern = ""
    for part in re.split(r"(\$\{?[a-z]+\}?)", template(folder)):
        name = re.fullmatch(r"\$\{?([a-z]+)\}?", part)
        if name is None:
            pattern += re.escape(part)
        elif name[1] in seen:
            pattern += f"(?P={name[1]})"
        else:
            seen.add(name[1])
            pattern += f"(?P<{name[1]}>.*?)"
    found = re.fullmatch(pattern, markup, re.S)
    return found and found.groupdict()


def stored_figures() -> list[tuple[str, str]]:
    """Every figure that moves and is stored in a chapter, with the chapter's name."""
    found = []
    for path in sorted((ROOT / "chapters").glob("[0-9][0-9]*_*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                markup = output.get("data", {}).get("text/html", "")
                if markup.startswith('<figure class="book-figure" role="group"'):
                    found.append((path.stem, markup))
    return found


STORED = stored_figures()


def test_every_figure_that_moves_has_its_files_and_is_met_in_a_chapter() -> None:
    packages = {path.parent for path in EXPLORABLES.glob("*/__init__.py")}
    assert set(FOLDERS) == packages
    for folder in FOLDERS:
        assert (folder / "figure.js").is_file()
        _, style = assembled(folder, EXPLORABLES)
        assert bool(style) is ("$style" in template(folder))
        assert (".book-by-key" in style) is ("book-by-key" in template(folder))
        assert any(slots(folder, markup) for _, markup in STORED), folder.name


@pytest.mark.parametrize(("chapter", "markup"), STORED, ids=[name for name, _ in STORED])
def test_what_a_chapter_stores_is_what_the_files_give_today(chapter: str, markup: str) -> None:
    (folder,) = (folder for folder in FOLDERS if slots(folder, markup))
    found = slots(folder, markup)
    assert found is not None
    again = fill(
        f"utils.plots.explorables.{folder.name}",
        prefix=found["name"].rpartition("-")[0],
        data=json.loads(found["data"]),
        alt=html.unescape(found["alt"]),
        text={},
        markup={key: value for key, value in found.items() if key not in SHARED},
        still=found["still"],
    )
    expected = again.html
    same = expected == markup  # apart, for pytest would draw up the difference of long texts
    assert same, f"execute chapter {chapter} again: its figure is not what {folder.name} gives"


@pytest.mark.parametrize(
    ("today", "other"), [("const draw", "const paint"), ("gap:1rem", "gap:2rem"), ("</div>", "")]
)
def test_a_stored_figure_with_something_else_is_noticed(today: str, other: str) -> None:
    chapter, markup = next(
        (chapter, markup) for chapter, markup in STORED if "book-slider" in markup
    )
    assert today in markup
    with pytest.raises((AssertionError, ValueError)):
        test_what_a_chapter_stores_is_what_the_files_give_today(
            chapter, markup.replace(today, other)
        )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_names_in_a_template_belong_to_its_figure_and_labels_find_them(folder: Path) -> None:
    names = Names(Template(template(folder)).safe_substitute(name="own"))
    assert names.own
    assert all(name == "own" or name.startswith("own-") for name in names.own)
    assert set(names.referred) <= set(names.own)
    assert (folder / "figure.js").read_text().count('"ID"') == 1


def test_texts_are_escaped_and_data_cannot_end_its_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "figure.html").write_text("<p id='$name'>\n  $text\n  $more</p>\n$data$script")
    (tmp_path / "figure.js").write_text('find("ID", "IDENTITY");\n')
    monkeypatch.setattr(_template, "files", lambda package: tmp_path)
    figure = fill(
        "any",
        prefix="x",
        data={"a": "</p>"},
        alt="",
        text={"text": "<&"},
        markup={"more": "<b>"},
        still="",
    )
    name = re.search(r"id='(x-[0-9a-f]{10})'", figure.html)[1]
    assert figure.html == (
        f'<p id=\'{name}\'>&lt;&amp;<b></p>{{"a": "<\\/p>"}}\nfind("{name}", "IDENTITY");\n'
    )
    with pytest.raises(KeyError, match="more"):
        fill("any", prefix="x", data={}, alt="", text={"text": ""}, markup={}, still="")


BOND = np.outer(np.arange(9) < 2, np.arange(9) < 2)
STILLS = {
    "arrow_field": arrow_field_figure(
        [
            PlaneFunction(
                "x²", plane_points(1.0)[:, 0] ** 2, np.diag([4.0, 1.0, 0.0, 0.0]), np.eye(4)
            )
        ],
        reach=1.0,
        alt="Upright level lines and arrows.",
        weights=(0.0, 1.0, 0.0, 0.0),
    ),
    "bars": bars_figure(
        [
            Measure("slope", ("x", "y"), {"a": [[[0.2], [0.0]]]}, line=0.1, below="Kept:"),
            Measure("error", ("",), {"a": [[[3.0]]]}),
        ],
        ["field 1"],
        control="at",
        choice="method",
        alt="Three bars with a dot each.",
    ),
    "between": between_figure(
        [
            TwoWays(
                "a pair",
                DecodedWay([[0, 0], [0, 3], [0, 2]], [[[0, k], [k, 0]] for k in (1, 2, 1)], 1.5),
                DecodedWay([[0, 0], [2, 0], [2, 0]], [[[0, 1], [1, 0]]] * 3, 0.5),
            )
        ],
        alt="From ethane to methanol on two ways.",
        start=1,
    ),
    "bodies": bodies_figure(
        [SpringLaw("one-sided pull", [[0.0, 1.0], [0.0, 0.0]])],
        [[-1.0, 0.0], [1.0, 0.0]],
        [[0.0, 0.0], [0.0, 1.0]],
        [1.0, 1.0],
        reach=2.0,
        time=0.1,
        step=0.1,
        alt="Two bodies, of which one pulls.",
    ),
    "scatter": scatter_figure(
        {"norm": [[0.1, 0.2, 0.4]], "spread": [[0.4, 0.3, 0.2]]},
        ["rotation"],
        ["one", "two", "three"],
        ["x", "x", "y"],
        [True, True, False],
        {},
        solid_means=("upright", "turned"),
        case="along",
        item="Network",
        alt="Three networks in two orders.",
    ),
    "slider": slider_figure(
        [ImagePanel("black", np.zeros((2, 4, 4))), PointPanel("way", np.eye(2), np.eye(2), "rg")],
        ["0°", "1°"],
        control="angle",
        alt="A square and a point on its way.",
        start=1,
    ),
    "choice": choice_figure(
        [Reading("raw", np.eye(3)[:, :2], np.array([[1], [2], [0]]), {"error": "3 %"})],
        np.zeros((3, 4, 4)),
        ["a", "b", "item c"],
        ["r", "g", "b"],
        control="reading",
        item="item",
        alt="A map of three items.",
    ),
    "max_filters": max_filters_figure(
        [[1.0, 0.0]], [[0.8, 0.6], [0.8, -0.5]], alt="Two orbits on one square, and a template."
    ),
    "turning": turning_figure(
        [CodeAction("shift", np.zeros((1, 2, 3, 4)), np.full((1, 2, 5, 5), 0.5))],
        np.zeros((1, 2, 5, 5)),
        ["0 places", "1 place"],
        ["digit 7"],
        spread=1.0,
        control="shift",
        alt="A black picture and a grey drawing.",
        start=1,
    ),
    "turned_field": turned_field_figure(
        lambda p: np.exp(-((p - 0.4) ** 2).sum(1, keepdims=True)),
        lambda p: np.exp(-(p**2).sum(1, keepdims=True)) * (p + 0.5),
        reach=2.0,
        angle=90,
        alt="A hill and its slopes, turned before and after.",
    ),
    "plotly_figure": interactive(
        go.Figure().add_scatter(x=[1, 2], y=np.array([3.0, 4.0]), name="two", mode="lines+markers"),
        alt="A line through two points.",
    ),
    "orbit": orbit_figure(
        {"D₂, two mirrors": dihedral(2)},
        alt="A point on one of two mirrors, and two beads.",
        direction=90,
        colouring=(1, 1),
    ),
    "fold": fold_figure(
        alt="Two points and the wedge of two mirrors.", mirrors=(2,), start=0, z=(2.0, 100)
    ),
    "relabelling": relabelling_figure(
        [
            PaddedGraph(
                "ethane", [0, 0, *[4] * 7], np.eye(9, dtype=int)[[1, 0, *[8] * 7]] * BOND, np.eye(2)
            )
        ],
        rounds=0,
        alt="Two atoms with a bond, and their tensors.",
    ),
    "decoding": decoding_figure(
        [CodedGraph("pair", [0.0, 0.5], [0.1, 0.1], [[0, 0], [1, 0]])],
        lambda codes: (
            np.zeros(codes.shape, int),
            np.full((len(codes), 1, 1), 2) * (1 - np.eye(2, dtype=int)),
            np.full(len(codes), True),
            np.full(len(codes), True),
        ),
        alt="Two atoms and the double bond between them.",
    ),
    "cone": cone_figure(
        (1.0, 0), (0.5, 120), order=2, alt="Two codes of which the half turn of one is nearer."
    ),
    "feature_maps": feature_maps_figure(
        [
            FieldMaps(
                "C4",
                np.eye(4)[:, :, None, None] * np.ones((3, 3)),
                np.eye(4),
                ["0°", "90°", "180°", "270°"],
                np.ones((4, 3, 3)),
            )
        ],
        np.ones((4, 3, 3)),
        alt="A square with four maps around it.",
        start=1,
    ),
    "slope": slope_figure(
        [
            FlowPath(
                "shift",
                "pixel",
                [-1.0, 0.0, 2.0],
                np.zeros((3, 4, 4)),
                {"cnn": [1.0, 0.0, 3.0]},
                {"cnn": -0.5},
            )
        ],
        output="logit",
        alt="A broken line with a secant.",
    ),
}
WORDS = {
    "arrow_field": ["x²", "scaling 1.00", "arrows cross", "1.414", "71 %"],
    "bodies": ["one-sided pull: momentum lost (drift 0.20)", "angular momentum"],
    "turned_field": ["slopes right and up", "filter, then turn", "moved, not turned", "error 1.41"],
    "turning": ["shift, digit 7, 1 place", "by 0.250 of the variance", "the drawing", "code"],
    "orbit": ["2 points in the orbit; 2 elements", "the mirror at 90°", "all 4 elements", "mean 3"],
    "bars": ["a: slope x 0.20, y 0.000; error 3.00. Kept: y.", "at: field 1"],
    "scatter": ["smallest value of spread: three.", "measures: −1.00."],
    "slider": ["black", "way", "angle: 1°"],
    "choice": ["raw", "error: 3 %"],
    "fold": ["90°: 2 mirrors (A₁ × A₁) or 4 turns", "1 for z, 2 for w", "are 2.59 apart", "jump"],
    "max_filters": ["orbits are 0.36 apart, the values the same", "this pair 0.00", "at a", "0.80"],
    "relabelling": ["10,080 of the 9! = 362,880", "there is 1 colour", "equal codes to 0 and 1."],
    "decoding": ["pair. C1’s number 0.000, as it came: the molecule; valences", "C1", "C2", "0.15"],
    "cone": ["Straight (dashed) 1.32, quotient (solid) 0.87", "v turned by 180°", "glued"],
    "feature_maps": ["C4, digit turned by 90°: the map 90° is strongest", "rolled back by 1 (the"],
    "slope": ["shift, cnn: h = 2 pixels. Slope of the secant 1.500", "differ by 2.000", "tangent"],
    "between": [
        "Raw: impossible; sorted: CO, whole.",
        "sorted: 0.50 long, 2 molecules; 100% of the steps whole",
        "raw: 1.50 long, 2 molecules; 67% of the steps whole, 67% valid",
    ],
}


@pytest.mark.parametrize("kind", sorted(STILLS))
def test_until_its_script_runs_a_figure_shows_its_first_state(kind: str) -> None:
    assert set(STILLS) == {folder.name for folder in FOLDERS}
    figure = STILLS[kind]
    shown = figure._repr_mimebundle_()["text/html"]
    picture = re.search(r'<img class="book-still" alt="([^"]*)"[^>]*base64,([^"]*)">', shown)
    assert picture is not None
    assert html.unescape(picture[1]) == figure.alt
    drawn = ElementTree.fromstring(base64.b64decode(picture[2]))
    text = " ".join("".join(drawn.itertext()).split())
    for word in WORDS.get(kind, []):
        assert word in text
    assert re.search(r'<div[^>]* data-interactive[^>]* hidden="hidden">', shown)
    script, _ = assembled(EXPLORABLES / kind, EXPLORABLES)
    assert "root.hidden = false" in script
    assert '.book-still").hidden = true' in script


def test_of_a_bar_no_still_can_be_drawn() -> None:
    with pytest.raises(ValueError, match="'bar'"):
        interactive(go.Figure().add_bar(x=[1], y=[2]), alt="One bar and nothing more.")


def test_a_style_sheet_is_stored_without_what_it_does_not_need() -> None:
    sheet = """
    /* A comment; with: signs. */
    .a > .b,
    .c :hover {
      margin: 0 auto;
      color: var(--ink, #fff) !important;
    }
    @media (max-width: 3rem) and (color) {
      .d::after { content: "; a:  b { }"; }
    }
    """
    assert compact(sheet) == (
        ".a > .b,.c :hover{margin:0 auto;color:var(--ink,#fff)!important}"
        '@media (max-width:3rem) and (color){.d::after{content:"; a:  b { }"}}'
    )


def test_the_files_of_the_figures_are_in_the_wheel() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    packed = {
        file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    }
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in EXPLORABLES.rglob("*.*")
        if path.suffix in (".py", ".js", ".css", ".html")
    }
    assert len(needed) >= 4 * len(FOLDERS) + 2
    assert needed <= packed


MOST_WEIGHT = 60_000  # bytes, compressed
CORE_PAGES = sorted(
    path.stem for path in (ROOT / "chapters").glob("*.ipynb") if re.match(r"\d\d_", path.stem)
)


@pytest.mark.parametrize("chapter", CORE_PAGES)
def test_a_core_page_has_a_figure_that_answers_back(chapter: str) -> None:
    found = [markup for name, markup in STORED if name == chapter]
    assert found, f"{chapter} has no figure that moves"
    for markup in found:
        weight = len(gzip.compress(markup.encode()))
        assert weight <= MOST_WEIGHT, f"a figure of {chapter} has {weight} bytes, compressed"
