"""Every check of the site, given something broken on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from site_axe import judge
from site_checks import (
    CLIPPED,
    FORMULAS,
    IMAGES,
    WIDE,
    bad_formulas,
    bad_images,
    bad_outputs,
    bad_widths,
    broken_links,
)
from site_sliders import push
from site_tools import DOCUMENTS, PHONE, Visit
from test_site import narrow

from utils.plots import ImagePanel, PointPanel, slider_figure

PAGE = "<!doctype html><html lang='en'><head><title>A page</title></head><body>{}</body></html>"


def broken(name: str) -> str:
    return (Path(__file__).parent / "broken" / f"{name}.html").read_text(encoding="utf-8")


def write(folder: Path, body: str) -> None:
    (folder / "index.html").write_text(PAGE.format(body), encoding="utf-8")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<a href='missing.html'>x</a>", "does not exist"),
        ("<a href='#nowhere'>x</a>", "no such anchor"),
        ("<a href='other.html#gone'>x</a>", "no such anchor"),
        (broken("outside_file"), "outside file"),
        ("<img src='//cdn.example.org/x.png' alt='A picture'>", "outside file"),
        ("<img src='gone.png' alt='A picture'>", "does not exist"),
    ],
)
def test_link_check_catches(tmp_path: Path, body: str, problem: str) -> None:
    (tmp_path / "other.html").write_text(PAGE.format("<p id='here'>x</p>"), encoding="utf-8")
    write(tmp_path, body)
    assert [problem in found for found in broken_links(tmp_path)] == [True]


def test_link_check_passes_a_sound_page(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text(PAGE.format("<p id='here'>x</p>"), encoding="utf-8")
    write(tmp_path, "<a href='other.html#here'>x</a><a href='https://example.org'>y</a>")
    assert broken_links(tmp_path) == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<img src='x.png'>", "no alternative text"),
        ("<img src='x.png' alt=''>", "no alternative text"),
        ("<img src='a/figure_12.png' alt='a/figure_12.png'>", "file name"),
        ("<svg role='img' viewBox='0 0 1 1'></svg>", "no alternative text"),
        ("<svg aria-label='A square of one unit' viewBox='0 0 1 1'></svg>", "lacks role=img"),
        ("<canvas></canvas>", "no alternative text"),
        ("<svg role='img' aria-label='A red disc'></svg>" * 2, "share the text"),
    ],
)
def test_image_check_catches(
    tmp_path: Path, serve: Callable[[Path], str], visit: Visit, body: str, problem: str
) -> None:
    write(tmp_path, body)
    visit.open(serve(tmp_path))
    assert [problem in found for found in bad_images(visit.tab.evaluate(IMAGES))] == [True]


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    """A copy of one page of the site with all it needs, to be broken."""
    folder = tmp_path / "site"
    (folder / "book").mkdir(parents=True)
    shutil.copytree(site / "_static", folder / "_static")
    for name in ("searchindex.js", "objects.inv"):
        shutil.copy(site / name, folder / name)
    shutil.copy(site / f"{DOCUMENTS[0]}.html", folder / "book" / "page.html")
    return folder


def damage(folder: Path, html: str) -> None:
    page = folder / "book" / "page.html"
    text = page.read_text(encoding="utf-8")
    marker = '<article class="bd-article">'
    assert marker in text
    page.write_text(text.replace(marker, marker + html, 1), encoding="utf-8")


@pytest.mark.browser
def test_page_checks_pass_an_undamaged_copy(
    copy: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    damage(copy, "")
    visit.open(serve(copy) + "book/page.html")
    assert (judge(visit.tab), visit.outside, visit.errors) == ([], [], [])
    assert bad_images(visit.tab.evaluate(IMAGES)) == []


@pytest.mark.browser
def test_page_checks_catch_an_outside_request(
    copy: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    damage(copy, broken("outside_request"))
    visit.open(serve(copy) + "book/page.html")
    assert visit.outside == ["https://example.org/data.json"]


@pytest.mark.browser
def test_page_checks_catch_a_script_error(
    copy: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    damage(copy, broken("script_error"))
    visit.open(serve(copy) + "book/page.html")
    assert any("undefinedFunction" in error for error in visit.errors)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("html", "rule"),
    [
        ("<p style='color:#bbb;background:#fff'>Hard to read.</p>", "color-contrast"),
        ("<img src='../_static/logo.svg'>", "image-alt"),
        ("<button></button>", "button-name"),
    ],
)
def test_page_checks_catch_an_axe_violation(
    copy: Path, serve: Callable[[Path], str], visit: Visit, html: str, rule: str
) -> None:
    damage(copy, html)
    visit.open(serve(copy) + "book/page.html")
    assert any(line.startswith(rule) for line in judge(visit.tab))


@pytest.mark.browser
@pytest.mark.parametrize("formula", [r"\(\notacommand x\)", r"\(\frac{1\)"])
def test_formula_check_catches(
    site: Path,
    tmp_path: Path,
    serve: Callable[[Path], str],
    visit: Visit,
    formula: str,
) -> None:
    folder = tmp_path / "site"
    (folder / "book").mkdir(parents=True)
    shutil.copytree(site / "_static", folder / "_static")
    page = (site / "book" / "notation.html").read_text(encoding="utf-8")
    marker = '<article class="bd-article">'
    broken = f'<p><span class="math notranslate nohighlight">{formula}</span></p>'
    page = page.replace(marker, marker + broken, 1)
    (folder / "book" / "page.html").write_text(page, encoding="utf-8")
    visit.open(serve(folder) + "book/page.html")
    assert len(bad_formulas(visit.tab.evaluate(FORMULAS))) == 1


@pytest.mark.browser
def test_a_cut_formula_is_caught(
    site: Path, tmp_path: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site / "_static", folder / "_static")
    page = (site / "book" / "notation.html").read_text(encoding="utf-8")
    marker = '<article class="bd-article">'
    long = r"\(" + " + ".join(f"x_{{{i}}}" for i in range(40)) + r"\)"
    formula = f'<p>So <span class="math notranslate nohighlight">{long}</span>.</p>'
    (folder / "book").mkdir()
    text = page.replace(marker, marker + formula, 1)
    (folder / "book" / "page.html").write_text(text, encoding="utf-8")
    visit.tab.set_viewport_size(PHONE)
    visit.open(serve(folder) + "book/page.html")
    assert visit.tab.evaluate(CLIPPED) == []
    hide = "span.math.wide { overflow: hidden !important; }"
    visit.tab.add_style_tag(content=hide)
    assert len(visit.tab.evaluate(CLIPPED)) == 1
    fold = """e => {
      const fold = document.createElement("details");
      e.replaceWith(fold);
      fold.append(e);
    }"""
    visit.tab.locator("article > p").first.evaluate(fold)
    assert visit.tab.evaluate(CLIPPED) == [], "it is out of sight"
    assert [line.split(":")[0] for line in narrow(visit)] == ["360 pixels", "390 pixels"]
    assert visit.tab.locator("details[open]").count() == 0, "folds are closed again"


LONG = f"<pre style='overflow-x: auto; width: 30rem'>{'x' * 200}</pre>"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("html", "tables", "problems"),
    [
        (f"<div class='cell_input'>{LONG}</div>", 1, 1),
        (f"<details><summary>A hint</summary>{LONG}</details>", 0, 1),
        (f"<div class='solution toggle-hidden'><div>{LONG}</div></div>", 0, 1),
        (f"<details class='hide'><summary>Set-up</summary>{LONG}</details>", 0, 0),
        (f"<div class='cell_output'>{LONG}</div>", 0, 1),
        (f"<div class='cell_output'>{LONG}</div>", 1, 0),
        (f"<div class='cell_output'>{LONG}{LONG}</div>", 1, 2),
        ("<pre style='overflow-x: auto'>short</pre>", 0, 0),
    ],
)
def test_width_check_catches_what_scrolls(
    tmp_path: Path,
    serve: Callable[[Path], str],
    visit: Visit,
    html: str,
    tables: int,
    problems: int,
) -> None:
    write(tmp_path, f"<style>.toggle-hidden > div {{ display: none; }}</style>{html}")
    visit.open(serve(tmp_path))
    before = visit.tab.content()
    found = bad_widths(visit.tab.evaluate(WIDE), tables)
    assert [line.split(" by ")[0] for line in found] == ["a block scrolls"] * problems
    assert visit.tab.content() == before, "what was folded is folded again"


def test_formula_check_catches_formulas_left_as_text() -> None:
    assert bad_formulas({"written": 3, "set": 2, "errors": []}) != []


@pytest.mark.parametrize(("shown", "tracebacks", "expected"), [(0, 0, 0), (3, 0, 4), (4, 1, 4)])
def test_output_check_catches(shown: int, tracebacks: int, expected: int) -> None:
    assert len(bad_outputs(shown, tracebacks, expected)) == 1


def slider_page(folder: Path, raw: np.ndarray, images: np.ndarray) -> None:
    steps = len(raw)
    still = np.zeros((steps, 2))
    cloud = np.array([[-1.0, -1.0], [1.0, 1.0]])
    colours = ["#3a7bd5", "#d9730d"]
    figure = slider_figure(
        [
            ImagePanel("the image", images),
            PointPanel("the raw code", raw, cloud, colours),
            PointPanel("the projected code", still, cloud, colours),
        ],
        [f"{step}°" for step in range(steps)],
        control="Turn",
        alt="An image and two codes that a slider moves.",
    )
    write(folder, figure.html)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("image_moves", "code_moves"), [(True, True), (False, True), (True, False)]
)
def test_slider_check_tells_moving_from_still(
    tmp_path: Path,
    serve: Callable[[Path], str],
    visit: Visit,
    image_moves: bool,
    code_moves: bool,
) -> None:
    steps = 8
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    images = np.zeros((steps, 6, 6))
    if image_moves:
        images[np.arange(steps), np.arange(steps) % 6, 2] = 1.0
    slider_page(tmp_path, circle if code_moves else np.ones((steps, 2)), images)
    visit.open(serve(tmp_path))
    move = push(visit.tab.locator("[data-interactive]"), steps=3)
    assert move.changed == [image_moves, code_moves, False]
    assert move.travelled[0] is None
    assert (move.travelled[1] > 0.05) is code_moves
    assert move.travelled[2] == pytest.approx(0.0)
    assert move.readout == ("0°", "3°")
