"""The built site, page by page, as files and in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from site_axe import judge
from site_checks import (
    CLIPPED,
    FORMULAS,
    IMAGES,
    SMALL,
    WIDE,
    bad_formulas,
    bad_images,
    bad_outputs,
    bad_widths,
    broken_links,
    shown_outputs,
)
from site_sliders import choose, push
from site_tools import DESKTOP, DOCUMENTS, PHONE, ROOT, Visit

NOTEBOOKS = [name for name in DOCUMENTS if name.startswith("chapters/")]
NARROW = [*NOTEBOOKS, "book/notation", "book/glossary"]
# Printed tables that are wider than the column: a row broken in two reads worse than it scrolls.
TABLES = {
    "chapters/13a_finite_turns": 1,  # three numbers, for three seeds each, of six networks
    "chapters/14_learned_equivariance": 1,  # four measures of two networks on two sets of digits
    "chapters/14a_what_explains_it": 3,  # seven networks; six shares of a variance; kinds of layer
    "chapters/17a_molecules_and_frames": 1,  # four quantities with their units
}
LOOKS = {
    "desktop, light": (DESKTOP, "light"),
    "desktop, dark": (DESKTOP, "dark"),
    "phone, light": (PHONE, "light"),
    "phone, dark": (PHONE, "dark"),
}
# What is inside a picture is no content of the page, and a scatter plot is thousands of elements.
HOLLOW = """() => document.querySelectorAll("svg[role=img]").forEach(
  (svg) => svg.replaceChildren(...svg.querySelectorAll(":scope > title")))"""
OPEN_FOLDS = """() => {
  const folds = [...document.querySelectorAll("details:not([open])")];
  folds.forEach((fold) => { fold.open = true; });
  return folds;
}"""
# The pages of the API are long and made of the same few parts: each width and each theme once.
API_LOOKS = ("desktop, light", "phone, dark")


def test_warnings_are_errors_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    builds = [line for line in makefile.splitlines() if "jupyter-book build" in line]
    assert builds, "the Makefile does not build the book"
    for line in builds:
        assert re.search(r"\s-W\b", line), line
        assert re.search(r"\s-n\b", line), line


def test_every_chapter_is_in_the_table_of_contents() -> None:
    chapters = sorted(f"chapters/{path.stem}" for path in (ROOT / "chapters").glob("*.ipynb"))
    assert chapters
    assert sorted(NOTEBOOKS) == chapters


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_interactive_output_has_a_form_for_the_page(name: str) -> None:
    notebook = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            kinds = set(output.get("data", {}))
            if any(kind.startswith("application/vnd.plotly") for kind in kinds):
                assert "text/html" in kinds, "".join(cell["source"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_page_of_the_contents_exists(site: Path, name: str) -> None:
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    assert re.search(r"<h1[ >]", text)


def test_internal_links_and_anchors_resolve(site: Path) -> None:
    problems = broken_links(site)
    assert not problems, "\n".join(problems)


def contents(visit: Visit, name: str) -> list[str]:
    """Find what is wrong with the pictures, formulas, outputs and code of an open page."""
    tab = visit.tab
    problems = bad_images(tab.evaluate(IMAGES)) + bad_formulas(tab.evaluate(FORMULAS))
    if name in NOTEBOOKS:
        problems += bad_outputs(
            tab.locator(".cell_output").count(),
            tab.locator(".cell_output .traceback").count(),
            shown_outputs(ROOT / f"{name}.ipynb"),
        )
    if name in NOTEBOOKS:
        problems += bad_widths(tab.evaluate(WIDE), TABLES.get(name, 0))
    # A companion page may hold nothing but proofs, or nothing but code and tables.
    if re.match(r"chapters/\d\d_", name):
        for query in ("mjx-container", ".bd-article figure svg[role=img]"):
            if not tab.locator(query).count():
                problems.append(f"the page has no {query}")
    return problems


def narrow(visit: Visit) -> list[str]:
    """Find what a phone cuts off, or shows too small, with every fold of an open page open."""
    tab, problems = visit.tab, []
    folds = tab.evaluate_handle(OPEN_FOLDS)
    for width in (360, 390):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.wait_for_timeout(200)
        problems += [f"{width} pixels: {cut} is cut off" for cut in tab.evaluate(CLIPPED)]
        if small := tab.evaluate(SMALL):
            problems.append(f"{width} pixels: {small} figures have too small letters")
    folds.evaluate("(folds) => folds.forEach((fold) => { fold.open = false; })")
    return problems


def look(visit: Visit, name: str) -> list[str]:
    """Find what axe objects to, and what is too wide, in an open page at each of its looks."""
    tab, problems = visit.tab, []
    for one in API_LOOKS if name.startswith("book/api/") else LOOKS:
        visit.look(*LOOKS[one])
        found = judge(tab)
        overflow = tab.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow > 0:
            found.append(f"the page is {overflow} pixels wider than the window")
        problems += [f"{one}: {line}" for line in found]
    return problems


@pytest.mark.browser
@pytest.mark.parametrize("name", [*DOCUMENTS, "search"])
def test_page_in_a_browser(
    site: Path, serve: Callable[[Path], str], visit: Visit, name: str
) -> None:
    """A page is opened once for all that can be seen on it, for its formulas take long to set."""
    visit.open(f"{serve(site)}{name}.html")
    problems = contents(visit, name)
    if name in NARROW:
        problems += narrow(visit)
    visit.tab.evaluate(HOLLOW)
    problems += look(visit, name)
    assert not problems, "\n".join(problems)
    assert visit.outside == []
    assert visit.errors == []


REPEATED = """() => [...document.querySelectorAll("div.cell.tag_hide-input")].filter((cell) => {
  const before = cell.previousElementSibling;
  return cell.querySelector(":scope > details.hide") && before
    && before.matches("div.cell.tag_hide-input") && !before.querySelector(".cell_output");
}).length"""


@pytest.mark.browser
def test_hidden_cells_share_a_fold_that_a_link_to_one_opens(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    name = "chapters/09_reading_the_molecular_latent_space"
    visit.open(f"{serve(site)}{name}.html")
    page = visit.tab
    cells = page.locator("div.cell.tag_hide-input")
    inputs = cells.locator(".cell_input")
    notebook = nbformat.read(ROOT / f"{name}.ipynb", as_version=4)
    tagged = [cell for cell in notebook.cells if "hide-input" in cell.metadata.get("tags", ())]
    assert inputs.count() == len(tagged) > page.locator("details.hide").count()
    assert page.evaluate(REPEATED) == 0
    fold = page.locator("details.hide").first
    assert fold.locator(".cell_input").count() > 1
    assert fold.get_attribute("open") is None
    cells.nth(1).evaluate("cell => { cell.id = 'here'; window.location.hash = 'here'; }")
    page.wait_for_function("() => document.querySelector('details.hide').open")


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_one_search_and_no_empty_header(
    site: Path, serve: Callable[[Path], str], visit: Visit, size: dict[str, int]
) -> None:
    visit.tab.set_viewport_size(size)
    visit.open(f"{serve(site)}{DOCUMENTS[0]}.html")
    buttons = visit.tab.locator(".search-button__button:visible, input[type=search]:visible")
    assert buttons.count() == 1
    assert not visit.tab.locator("#pst-header").is_visible()
    assert visit.tab.locator("script[src*=thebe]").count() == 0


@pytest.mark.browser
def test_search_finds_a_word_and_nothing_for_nonsense(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    address = serve(site)
    visit.open(f"{address}search.html?q=orbit")
    # Results come one after another.
    visit.tab.wait_for_selector("#search-results li a:has-text('Glossary')")
    visit.open(f"{address}search.html?q=qqzzxxvv")
    visit.tab.wait_for_function(
        "document.querySelector('#search-results p.search-summary')?.textContent.length > 20"
    )
    assert visit.tab.locator("#search-results li a").count() == 0


@pytest.mark.browser
def test_theme_button_turns_the_page_dark(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    visit.open(f"{serve(site)}{DOCUMENTS[0]}.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit.tab.evaluate(ground)
    visit.tab.locator(".theme-switch-button:visible").click()
    visit.tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    visit.tab.wait_for_timeout(350)
    assert visit.tab.evaluate(ground) != light


@pytest.mark.browser
def test_slider_moves_both_pictures(site: Path, serve: Callable[[Path], str], visit: Visit) -> None:
    """The slider turns the digit; the raw code moves and the projected code stays."""
    name = next(name for name in NOTEBOOKS if name.startswith("chapters/01_"))
    visit.open(f"{serve(site)}{name}.html")
    figure = visit.tab.locator("[data-interactive]:has(input[type=range])").first
    assert figure.count() == 1, "chapter 1 has no figure with a slider"
    # A quarter turn is in the group and exact on the pixel grid, so the projected code is back.
    move = push(figure, steps=18)
    assert move.readout == ("0°", "90°")
    digit, raw = move.changed[:2]
    assert digit, "the digit did not turn"
    assert raw, "the raw code did not move"
    assert len(move.travelled) == 3
    assert move.travelled[1] is not None
    assert move.travelled[2] is not None
    assert move.travelled[1] > 0.1
    assert move.travelled[2] < 0.01
    assert visit.errors == []


@pytest.mark.browser
@pytest.mark.parametrize("number", ["01", "09", "11"])
def test_on_a_phone_a_slider_is_in_sight_of_what_it_moves(
    site: Path, serve: Callable[[Path], str], visit: Visit, number: str
) -> None:
    name = next(name for name in NOTEBOOKS if name.startswith(f"chapters/{number}_"))
    visit.tab.set_viewport_size({"width": 390, "height": 650})
    visit.open(f"{serve(site)}{name}.html")
    figures = visit.tab.locator("[data-interactive]:has(input[type=range])")
    assert figures.count() >= 1
    for figure in figures.all():
        panels = figure.locator(".book-panel svg, .book-panel canvas, .book-panel .book-drawing")
        assert panels.count() >= 1
        for panel in panels.all():
            panel.evaluate("(element) => element.scrollIntoView({block: 'center'})")
            box = figure.locator("input[type=range]").bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= 650 - box["height"], f"{name}: the slider is at {box['y']}"


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_choice_changes_map_neighbours_and_numbers(
    site: Path, serve: Callable[[Path], str], visit: Visit, size: dict[str, int]
) -> None:
    """In chapter 11 another projection, another digit and a click on the map all show."""
    name = next(name for name in NOTEBOOKS if name.startswith("chapters/11_"))
    visit.tab.set_viewport_size(size)
    visit.open(f"{serve(site)}{name}.html")
    figure = visit.tab.locator("[data-interactive]:has(select)").first
    assert figure.count() == 1, "chapter 11 has no figure with a choice"
    seen = choose(figure)
    assert seen["another reading"] == {"map", "pictures", "neighbours", "numbers"}
    assert seen["another item"] == {"map", "pictures", "neighbours", "item"}
    assert seen["a click on the map"] >= {"map", "pictures"}
    assert seen["nothing"] == set()
    assert visit.errors == []
