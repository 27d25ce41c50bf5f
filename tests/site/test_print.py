"""On paper: black on white from a dark page, nothing cut, nothing to press, solutions folded."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from site_tools import DESKTOP, ROOT, Visit, watched

from book._tools.command import CommandError
from book._tools.pdf.pages import Page
from book._tools.pdf.places import number_of_pages
from book._tools.pdf.printing import Cover, Report, print_pages

pytestmark = pytest.mark.browser

CHAPTER = "chapters/14_learned_equivariance"  # code, formulas, tables, figures, one of which moves
PAPER = {"width": 658, "height": 971}  # pixels: A4 within the margins of print.css
SOLUTIONS = ".solution.admonition, .exercise .hint.admonition"

# Grounds that are not white, and letters that are faint on white.
DARK = """
() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  const found = [];
  for (const e of document.querySelectorAll("html, body, body *")) {
    if (!e.getClientRects().length || e.closest("svg, mjx-assistive-mml")) continue;
    const style = getComputedStyle(e);
    const ground = parts(style.backgroundColor);
    const name = `${e.localName}.${e.className}`;
    if ((ground[3] ?? 1) > 0 && light(ground) < 0.9) found.push(`ground of ${name}`);
    const own = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (own && 1.05 / (light(parts(style.color)) + 0.05) < 4.5) found.push(`letters of ${name}`);
  }
  return [...new Set(found)];
}
"""
# What the edge of the paper cuts, and figures that are higher than a page.
CUT = """
([width, height]) => {
  const found = [];
  for (const e of document.querySelectorAll("article pre")) {
    if (e.scrollWidth > e.clientWidth + 1) found.push(`code: ${e.textContent.slice(0, 40)}`);
  }
  for (const e of document.querySelectorAll("article :is(p, li, table, svg, img, .math)")) {
    const box = e.getBoundingClientRect();
    if (e.closest("mjx-assistive-mml") || !box.width) continue;
    if (box.right > width + 1) found.push(`${e.localName} ends at ${box.right}`);
  }
  for (const e of document.querySelectorAll("article figure :is(svg, img)")) {
    if (e.getBoundingClientRect().height > height) found.push(`${e.localName} is too high`);
  }
  return found;
}
"""
PRESSED = """
() => [...document.querySelectorAll(
    "button, input, select, textarea, nav, [role=button], [role=search], [data-interactive],"
    + " .headerlink, .prev-next-area, .bd-sidebar-primary, .bd-header-article, details > summary")]
  .filter(e => e.getClientRects().length && getComputedStyle(e).visibility === "visible")
  .filter(e => !e.closest(".quiz-answer"))
  .map(e => `${e.localName}.${e.className}`)
"""
# How many of the boxes that match show more than their title.
OPEN = """
selector => [...document.querySelectorAll(selector)].filter(box =>
  [...box.children].some(e => !e.classList.contains("admonition-title")
    && e.getBoundingClientRect().height > 0 && getComputedStyle(e).visibility === "visible")).length
"""
SPOILT = """
html[data-theme] .bd-article pre { white-space: pre !important; width: 5rem; }
html[data-theme] .bd-article figure svg { min-height: 2000px !important; }
"""
WITHOUT = """
() => { document.querySelector("link[href*='print.css']").disabled = true; }
"""


@pytest.fixture(scope="module")
def dark(site: Path, browser: Any) -> Iterator[Visit]:
    """The chapter as a reader of the dark page has it before them."""
    with watched(browser, DESKTOP, site) as visit:
        visit.tab.emulate_media(color_scheme="dark")
        visit.open((site / f"{CHAPTER}.html").as_uri())
        assert visit.tab.evaluate("document.documentElement.dataset.theme") == "dark"
        yield visit


@pytest.fixture
def paper(dark: Visit) -> Iterator[Any]:
    """The same, laid out for paper."""
    dark.tab.emulate_media(media="print", color_scheme="dark")
    dark.tab.set_viewport_size(PAPER)
    yield dark.tab
    dark.tab.emulate_media(media="screen", color_scheme="dark")
    dark.tab.set_viewport_size(DESKTOP)


def test_ground_is_white_and_letters_are_dark(dark: Visit, paper: Any) -> None:
    assert paper.evaluate(DARK) == []
    paper.emulate_media(media="screen", color_scheme="dark")
    assert paper.evaluate(DARK), "a dark page goes unseen"


def test_nothing_is_cut_and_every_figure_fits_a_page(paper: Any) -> None:
    size = [PAPER["width"], PAPER["height"]]
    assert paper.evaluate(CUT, size) == []
    spoilt = paper.add_style_tag(content=SPOILT)
    found = paper.evaluate(CUT, size)
    spoilt.evaluate("sheet => sheet.remove()")
    assert {line.split(":")[0] for line in found} >= {"code", "svg is too high"}


def test_nothing_is_left_to_press_and_a_moving_figure_is_its_still(paper: Any) -> None:
    assert paper.evaluate(PRESSED) == []
    stills = paper.locator("img.book-still").all()
    assert stills
    assert all(still.is_visible() for still in stills)
    paper.evaluate(WITHOUT)
    found = paper.evaluate(PRESSED)
    assert not any(still.is_visible() for still in stills)
    paper.evaluate("document.querySelector(\"link[href*='print.css']\").disabled = false")
    assert found, "what can be pressed goes unseen"


def test_hints_and_solutions_are_folded_unless_the_address_asks(
    site: Path, paper: Any, visit: Visit, serve: Callable[[Path], str]
) -> None:
    boxes = paper.locator(SOLUTIONS).count()
    assert boxes >= 10
    paper.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert paper.evaluate(OPEN, SOLUTIONS) == 0
    paper.evaluate("window.dispatchEvent(new Event('afterprint'))")
    line = "e => getComputedStyle(e, '::after').content"
    assert "online" in paper.locator(".solution > .admonition-title").first.evaluate(line)
    visit.open(f"{serve(site)}{CHAPTER}.html?solutions=1")
    assert visit.tab.evaluate(OPEN, SOLUTIONS) == boxes
    visit.tab.emulate_media(media="print")
    assert visit.tab.evaluate(OPEN, SOLUTIONS) == boxes


@pytest.mark.parametrize("page", ["claims", "exercises"])
def test_paper_says_how_many_rows_of_a_list_were_chosen(
    site: Path, serve: Callable[[Path], str], visit: Visit, page: str
) -> None:
    visit.open(f"{serve(site)}book/{page}.html")
    visit.tab.emulate_media(media="print")
    said = visit.tab.locator("form.exercise-choice").inner_text()
    assert re.match(rf"\d+ of \d+ {page}", said)
    assert visit.tab.evaluate(PRESSED) == []


def test_links_within_the_page_lead_somewhere(paper: Any) -> None:
    lost = """() => [...document.querySelectorAll("article a[href^='#']")].map(a => a.hash.slice(1))
      .filter(id => id && !document.getElementById(decodeURIComponent(id)))"""
    assert paper.evaluate(lost) == []
    assert paper.locator("article a[href^='#']").count() > 10


def test_a_chapter_has_as_many_pages_as_its_words_and_lines_need(paper: Any) -> None:
    """3,000 words on seven pages, 220 lines on four, figures, questions and exercises on ten.

    More than half as many again would be half-empty pages; less than half of them, lost text.
    """
    pages = number_of_pages(paper.pdf(format="A4", print_background=True, outline=True))
    assert 11 <= pages <= 24


SMALL = """<!doctype html><html lang="en"><head>
<link rel="stylesheet" href="../_static/print.css?v=1"></head><body><article class="bd-article">
<section id="top"><h1>{title}<a class="headerlink" href="#top">#</a></h1>{body}</section>
</article></body></html>"""
TWO = [Page("chapters/01_one", "Part I"), Page("chapters/02_two", "Part I")]
COVER = Cover("Book", "Title", "Authors", "Version", "Licence", "Note")
DRAWING = '<svg width="9"><circle id="c" r="4"/><use href="#c"/></svg>'


def printed(folder: Path, browser: Any, sheets: int) -> tuple[Report, bytes]:
    """Print two pages, the first over so many sheets."""
    (folder / "chapters").mkdir(exist_ok=True)
    (folder / "_static").mkdir(exist_ok=True)
    shutil.copy(ROOT / "book" / "_static" / "print.css", folder / "_static")
    rest = '<div style="break-before: page">more</div>' * (sheets - 1)
    first = f'<p>To <a href="02_two.html#far">far</a>, <a href="../api.html">out</a>.</p>{rest}'
    second = f'<section id="far"><h2>Far</h2>{DRAWING}<p>Back to <a href="#gone">none</a>.</p>'
    for page, title, body in zip(TWO, ("1 One", "2 Two"), (first, second), strict=True):
        text = SMALL.format(title=title, body=body)
        (folder / f"{page.document}.html").write_text(text, encoding="utf-8")
    target = folder / "out" / "two.pdf"
    report = print_pages(folder, TWO, COVER, target, browser)
    assert [path.name for path in target.parent.iterdir()] == ["two.pdf"]
    return report, target.read_bytes()


def test_contents_say_on_which_page_a_chapter_begins(tmp_path: Path, browser: Any) -> None:
    """The title and the contents are pages 1 and 2."""
    for sheets in (1, 3):
        report, pdf = printed(tmp_path, browser, sheets)
        second = 3 + sheets
        assert report.begins == {"c01": 3, "c02": second}
        assert report.contents == (("1 One", "3"), ("2 Two", str(second)))
        assert report.pages == number_of_pages(pdf) == second
    assert pdf.count(b"/Dest /c02--far") == 1, "a link between chapters is lost"
    assert report.loose == ("#c02--gone",)
    assert b"/URI" not in pdf, "a link leads to a file of this machine"
    for heading in (b"/Title (Part I)", b"/Title (2 Two)", b"/Title (Far)"):
        assert heading in pdf, "a bookmark is missing"


def test_a_page_that_is_not_there_is_named_and_the_old_file_stays(
    tmp_path: Path, browser: Any
) -> None:
    _, pdf = printed(tmp_path, browser, 1)
    (tmp_path / f"{TWO[1].document}.html").unlink()
    with pytest.raises(CommandError, match=r"02_two\.html: call `make html`"):
        print_pages(tmp_path, TWO, COVER, tmp_path / "out" / "two.pdf", browser)
    assert (tmp_path / "out" / "two.pdf").read_bytes() == pdf


def test_a_page_that_is_none_of_the_book_leaves_no_tab(tmp_path: Path, browser: Any) -> None:
    before = len(browser.contexts)
    (tmp_path / "chapters").mkdir()
    (tmp_path / f"{TWO[0].document}.html").write_text("<p>A page</p>", encoding="utf-8")
    with pytest.raises(CommandError, match=r"01_one\.html is no page of the book"):
        print_pages(tmp_path, TWO[:1], COVER, tmp_path / "one.pdf", browser)
    assert len(browser.contexts) == before
    assert not (tmp_path / "one.pdf").exists()
