"""A page is light: what a browser fetches for the first page that it opens, and for the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from site_tools import DOCUMENTS, Visit
from site_weight import fetched, formula_fonts, heaviest, weight

FIRST, NEXT = 1_200_000, 400_000  # bytes
PAGES = [*DOCUMENTS, "search"]
LARGE = {"plotly.min.js"}  # fetched when a figure that needs it comes near
SEARCH = {"searchindex.js", "searchtools.js", "language_data.js"}
OPENED = [
    "book/welcome",
    "chapters/11_reading_the_rotation_latent_space",  # the heaviest, and the first with formulas
    "chapters/01_latent_codes_that_mislead",
    "chapters/07_qm9_and_its_permutations",
    "book/claims",
    "book/api/groups",
]


@pytest.fixture
def asked(visit: Visit) -> list[str]:
    """The paths that the browser has asked the server for, in their order."""
    paths: list[str] = []
    visit.tab.on("response", lambda r: paths.append(unquote(urlsplit(r.url).path).lstrip("/")))
    return paths


def names(paths: list[str]) -> set[str]:
    """Return the names of the files that were asked for."""
    return {Path(path).name for path in paths}


def test_the_first_page_that_a_reader_opens_is_light(site: Path) -> None:
    heavy = {}
    for name in PAGES:
        files = fetched(site, name)
        if (total := weight(files)) > FIRST:
            heavy[name] = f"{total / 1000:.0f} kB: {heaviest(files)}"
    assert not heavy


def test_the_next_page_is_lighter(site: Path) -> None:
    """What all pages share is there already: the welcome page's files, and fonts of formulas."""
    shared, heavy = fetched(site, DOCUMENTS[0]) | formula_fonts(site), {}
    for name in PAGES:
        files = fetched(site, name) - shared | {(site / f"{name}.html").resolve()}
        if (total := weight(files)) > NEXT:
            heavy[name] = f"{total / 1000:.0f} kB: {heaviest(files)}"
    assert not heavy


def test_a_heavy_picture_and_a_heavy_script_are_counted(tmp_path: Path) -> None:
    noise = random.Random(0)
    (tmp_path / "big.png").write_bytes(noise.randbytes(300_000))
    (tmp_path / "big.js").write_text("".join(noise.choices("0123456789", k=400_000)))
    (tmp_path / "font.woff2").write_bytes(noise.randbytes(50_000))
    (tmp_path / "a.css").write_text("@font-face { src: url('font.woff2#x') }")
    page = '<link rel="stylesheet" href="a.css?v=1"><script src="big.js"></script>'
    (tmp_path / "light.html").write_text('<link rel="next" href="big.js"><p>a</p>')
    (tmp_path / "heavy.html").write_text(f'{page}<p><img src="big.png"></p>')
    assert weight(fetched(tmp_path, "light")) < 1000
    assert NEXT < weight(fetched(tmp_path, "heavy")) < 550_000  # digits compress to four bits
    assert heaviest(fetched(tmp_path, "heavy"), 1) == "big.png 300 kB"


@pytest.mark.browser
def test_a_browser_asks_for_no_more_than_is_reckoned(
    site: Path, serve: Callable[[Path], str], visit: Visit, asked: list[str]
) -> None:
    address, seen, formulas = serve(site), set[Path](), False
    for name in OPENED:
        asked.clear()
        visit.open(f"{address}{name}.html")
        visit.tab.wait_for_load_state("networkidle")
        files = {(site / path).resolve() for path in asked}
        assert not files - fetched(site, name), "the reckoning overlooks a file"
        assert (site / f"{name}.html").resolve() in files
        assert weight(files) <= FIRST
        if seen:
            assert weight(files - seen) <= NEXT, heaviest(files - seen)
        formulas = formulas or bool(files & formula_fonts(site))
        assert not names(asked) & (LARGE | SEARCH)
        seen |= files
    assert formulas
    assert visit.errors == []


@pytest.mark.browser
def test_the_search_is_fetched_when_a_reader_turns_to_it(
    site: Path, serve: Callable[[Path], str], visit: Visit, asked: list[str]
) -> None:
    visit.open(f"{serve(site)}{DOCUMENTS[0]}.html")
    visit.tab.wait_for_load_state("networkidle")
    assert not names(asked) & SEARCH
    with visit.tab.expect_response("**/searchindex.js"):
        visit.tab.keyboard.press("Control+k")
    field = visit.tab.locator("#pst-search-dialog input[name=q]")
    assert field.is_visible()
    field.fill("orbit")
    field.press("Enter")
    visit.tab.wait_for_selector("#search-results li a:has-text('Glossary')")
    assert visit.errors == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_plotly_is_fetched_when_its_figure_comes_near_and_nothing_moves(
    site: Path, serve: Callable[[Path], str], visit: Visit, asked: list[str], width: int
) -> None:
    visit.tab.set_viewport_size({"width": width, "height": 800})
    visit.open(f"{serve(site)}chapters/07_qm9_and_its_permutations.html")
    visit.tab.wait_for_load_state("networkidle")
    figure = visit.tab.locator("figure.book-figure:has(.book-plotly)")
    assert figure.locator(".book-still").is_visible()
    assert not names(asked) & LARGE
    whole = "document.documentElement.scrollHeight"
    height, page = figure.bounding_box()["height"], visit.tab.evaluate(whole)
    with visit.tab.expect_response("**/plotly.min.js"):
        figure.evaluate("e => window.scrollTo(0, e.getBoundingClientRect().top - 1200)")
    visit.tab.wait_for_selector(".book-plotly .main-svg", state="attached")
    assert not figure.locator(".book-still").is_visible()
    visit.tab.wait_for_timeout(300)
    assert figure.bounding_box()["height"] == pytest.approx(height, abs=1)
    assert visit.tab.evaluate(whole) == pytest.approx(page, abs=1)
    assert visit.errors == []
