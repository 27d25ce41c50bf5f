"""Where am I, and where do I begin: breadcrumbs, sidebar, reading progress, ways in, anchors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import breadcrumbs
import pytest
import reading_minutes
import sidebar_levels
from bs4 import BeautifulSoup
from site_checks import parse
from site_tools import DESKTOP, DOCUMENTS, PHONE, ROOT, Visit, watched
from sphinx_external_toc.parsing import parse_toc_yaml

from tests.form import READING

CORE = "chapters/05_isometric_cross_sections"
COMPANION = "chapters/05a_folding_proved"
SHORT = "chapters/06b_shadows"  # a page that is light to load


def soup(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def stated(name: str) -> int:
    found = READING.search((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert found
    return int(found[1])


# Breadcrumbs


def test_the_way_to_a_page_is_read_from_the_table_of_contents() -> None:
    site_map = parse_toc_yaml(ROOT / "_toc.yml")
    assert breadcrumbs.ancestors(site_map, COMPANION) == ("Part II · Quotients", [CORE])
    assert breadcrumbs.ancestors(site_map, "book/api/lie") == ("Reference", ["book/api"])
    assert breadcrumbs.ancestors(site_map, "nowhere") == (None, [])
    titles = {CORE: "Cross sections"}
    way = breadcrumbs.crumbs(site_map, titles, COMPANION, "Going deeper: proofs")
    assert [crumb.text for crumb in way] == [
        "Home",
        "Part II · Quotients",
        "5 Cross sections",
        "Going deeper: proofs",
    ]
    assert [crumb.short for crumb in way] == ["Home", "Part II", "5", "Going deeper"]
    assert [crumb.text for crumb in breadcrumbs.crumbs(site_map, {}, "search", "Search")] == [
        "Home",
        "Search",
    ]
    assert breadcrumbs.crumbs(site_map, {}, DOCUMENTS[0], "First") == []


def test_every_page_but_the_first_says_where_it_stands(site: Path) -> None:
    site_map = parse_toc_yaml(ROOT / "_toc.yml")
    for name in [*DOCUMENTS[1:], "search"]:
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        (place,) = re.findall(r'<nav class="book-place".*?</nav>', text, re.DOTALL)
        items = BeautifulSoup(place, "html.parser").select("nav[aria-label] > ol > li")
        assert items[0].get_text() == "HomeHome", name
        current = [item.get("aria-current") for item in items]
        assert current == [None] * (len(items) - 1) + ["page"], name
        for link in re.findall(r'href="([^"]*)"', place):
            assert (site / name).parent.joinpath(link).is_file(), f"{name}: {link}"
        if name != "search":
            caption, above = breadcrumbs.ancestors(site_map, name)
            assert items[1].select_one(".long").get_text() == caption
            assert len(items) == 3 + len(above), name
    assert "book-place" not in (site / f"{DOCUMENTS[0]}.html").read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_way_takes_one_line_beside_the_buttons(
    site: Path, serve: Callable[[Path], str], visit: Visit, size: dict[str, int]
) -> None:
    visit.tab.set_viewport_size(size)
    address = serve(site)
    for name in ("chapters/15a_sharing_and_evidence", "book/papers", "book/api/equivariance"):
        visit.tab.goto(f"{address}{name}.html", wait_until="domcontentloaded")
        place = visit.tab.locator(".book-place ol")
        box, buttons = (
            visit.tab.locator(one).bounding_box()
            for one in (".book-place ol", ".article-header-buttons")
        )
        assert box is not None
        assert buttons is not None
        assert box["height"] < 32, name
        assert box["x"] + box["width"] <= buttons["x"] + 1, name
        shown = place.locator("li:visible").all()
        assert len(shown) >= 2, name
        last = shown[-1].bounding_box()
        assert last is not None
        assert last["width"] > 60, name
        assert last["x"] + last["width"] <= buttons["x"] + 1, name


# The sidebar


def test_companions_are_told_from_chapters() -> None:
    plain = (
        '<ul><li class="toctree-l1"><a>5 Sections</a><details><ul>{}</ul></details></li>'
        '<li class="toctree-l1"><a>The package</a><ul><li class="toctree-l2"><a>utils</a></li>'
        "</ul></li></ul>"
    )
    companion = '<li class="toctree-l2"><a>5.9 Going deeper: proofs</a></li>'
    made = BeautifulSoup(sidebar_levels.levelled(plain.format(companion)), "html.parser")
    assert [one.get_text() for one in made.select("li.chapter > a")] == ["5 Sections"]
    assert [one.get_text() for one in made.select(".companions a")] == ["Proofs"]
    assert made.select_one(".companions-word").get_text() == sidebar_levels.OPTIONAL
    # A list of other pages is no list of companions.
    other = companion.replace("Going deeper: ", "")
    assert "companions" not in sidebar_levels.levelled(plain.format(other))


def test_the_sidebar_has_a_number_for_each_chapter_and_a_word_for_companions(site: Path) -> None:
    side = soup(site, COMPANION).select_one("#pst-primary-sidebar")
    cores = [name for name in DOCUMENTS if re.match(r"chapters/\d\d_", name)]
    companions = [name for name in DOCUMENTS if re.match(r"chapters/\d\d[a-z]_", name)]
    numbers = [one.get_text().strip() for one in side.select("li.chapter .chapter-number")]
    assert numbers == [str(int(name[9:11])) for name in cores]
    assert len(side.select("ul.companions li")) == len(companions)
    assert len(side.select("p.companions-word")) == len({name[:11] for name in companions})
    opened = side.select("details[open] ul.companions a")
    assert len(opened) == sum(name.startswith(CORE[:11]) for name in companions)
    assert not any("Going deeper" in one.get_text() for one in side.select("a"))


COVERED = """() => [...document.querySelectorAll(".bd-links li:has(> details)")].filter((item) => {
  const [link, fold] = [item.querySelector("a"), item.querySelector(".toctree-toggle")];
  const range = document.createRange();
  range.selectNodeContents(link);
  const edge = fold.getBoundingClientRect();
  return [...range.getClientRects()].some((line) => line.right > edge.left + 1
    && line.bottom > edge.top && line.top < edge.bottom);
}).map((item) => item.querySelector("a").textContent)"""
FOLDS = """() => [...document.querySelectorAll(".toggle > .admonition-title")].filter((title) => {
  const button = title.parentElement.querySelector(".toggle-button").getBoundingClientRect();
  const words = [...title.childNodes].filter((node) => node.nodeName !== "BUTTON");
  return words.some((node) => {
    const range = document.createRange();
    range.selectNode(node);
    return [...range.getClientRects()].some((line) => line.width && line.right > button.left + 1
      && line.bottom > button.top && line.top < button.bottom);
  });
}).map((title) => title.textContent)"""


@pytest.mark.browser
def test_on_a_phone_no_chevron_covers_a_title(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    visit.tab.set_viewport_size(PHONE)
    visit.open(f"{serve(site)}{CORE}.html")
    assert visit.tab.locator(".toggle-button").count() >= 5
    assert visit.tab.evaluate(FOLDS) == []
    visit.tab.add_style_tag(content=".toggle > .admonition-title { padding: 0 !important; }")
    assert visit.tab.evaluate(FOLDS) != [], "a title under a chevron is not noticed"
    visit.tab.locator(".primary-toggle").click()
    visit.tab.wait_for_function(
        "() => document.querySelector('#pst-primary-sidebar-modal a').checkVisibility()"
    )
    assert visit.tab.evaluate(COVERED) == []
    assert visit.tab.locator(".companions-word:visible").count() == 1


# The way through a chapter


def places(tab: Any) -> Any:
    return json.loads(tab.evaluate("localStorage.getItem('book-places /') || '{}'"))


@pytest.mark.browser
def test_progress_is_shown_and_the_place_is_found_again(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    tab, address = visit.tab, f"{serve(site)}{COMPANION}.html"
    tab.emulate_media(reduced_motion="reduce")
    visit.open(address)
    minutes = stated(COMPANION)
    left = tab.locator(".book-left")
    assert left.inner_text() == f"About {minutes} of {minutes} minutes left"
    assert tab.locator(".book-continue").count() == 0
    assert tab.locator(".book-progress[aria-hidden=true]").count() == 1
    link = tab.locator("#pst-page-toc-nav a[href^='#']").nth(1)
    anchor, title = link.get_attribute("href"), link.inner_text()
    link.click()
    tab.wait_for_function("() => window.scrollY > 200")
    tab.wait_for_selector("#pst-page-toc-nav a.at-hand")
    assert tab.locator("#pst-page-toc-nav a.at-hand").get_attribute("href") == anchor
    rest = int(re.findall(r"\d+", left.inner_text())[0])
    assert 0 < rest < minutes
    read = float(tab.locator(".book-progress").evaluate("e => e.style.getPropertyValue('--read')"))
    assert 0 < read < 1
    tab.wait_for_function("() => localStorage.getItem('book-places /')")
    assert f"#{places(tab)['pages'][COMPANION]['id']}" == anchor
    ours = tab.evaluate("Object.keys(localStorage).filter(key => key.startsWith('book'))")
    assert ours == ["book-places /"]

    # Both the page and the first page of the book offer to go on, and the title stays in place.
    tab.goto("about:blank")
    tab.goto(address)
    offered = tab.locator(".book-continue a")
    assert title.endswith(offered.inner_text())
    first = tab.locator(".bd-article h1 ~ *:not(.book-continue)").first
    before = first.bounding_box()
    tab.locator(".book-continue").evaluate("line => line.remove()")
    assert first.bounding_box() == before, "the offer moves the page"
    tab.goto(f"{serve(site)}{DOCUMENTS[0]}.html")  # another address, which has no such place
    assert tab.locator(".book-continue").count() == 0
    root = address.removesuffix(f"{COMPANION}.html")
    tab.goto(f"{root}{DOCUMENTS[0]}.html")
    tab.locator(".book-continue a").click()
    tab.wait_for_url(f"{address}{anchor}")

    # Who has come to the end is offered nothing.
    tab.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    tab.wait_for_function("() => !JSON.parse(localStorage.getItem('book-places /')).last")
    assert places(tab) == {"pages": {}}
    assert visit.errors == []


@pytest.mark.browser
def test_without_a_store_the_rest_works(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    tab = visit.tab
    tab.add_init_script(
        "for (const name of ['getItem', 'setItem']) { const old = Storage.prototype[name];"
        " Storage.prototype[name] = function (key, ...rest) {"
        " if (key.startsWith('book')) { window.refused = true; throw new Error('refused'); }"
        " return old.call(this, key, ...rest); }; }"
    )
    visit.open(f"{serve(site)}{SHORT}.html")
    assert tab.evaluate("window.refused")
    tab.evaluate("window.scrollTo(0, document.documentElement.scrollHeight / 2)")
    tab.wait_for_function(
        "() => document.querySelector('.book-progress').style.getPropertyValue('--read') > 0.3"
    )
    tab.wait_for_timeout(1700)
    assert tab.locator(".book-continue").count() == 0
    assert visit.errors == []


@pytest.mark.browser
def test_without_scripts_the_way_is_there_and_nothing_else(
    site: Path, serve: Callable[[Path], str], browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=DESKTOP, color_scheme="dark")
    tab = context.new_page()
    tab.goto(f"{serve(site)}{COMPANION}.html", wait_until="domcontentloaded")
    # The page is light then, and so are the stills of figures.
    assert tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert tab.locator(".book-place li:visible").count() == 4
    assert tab.locator(".companions a:visible").count() >= 2
    assert tab.locator(".book-progress, .book-left, .book-continue").count() == 0
    context.close()


# Anchors

HIDDEN = """() => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const shown = target.closest("tr") || target;
  const header = document.querySelector(".bd-header-article").getBoundingClientRect();
  return header.bottom - shown.getBoundingClientRect().top;
}"""
"""Returns by how many pixels the header covers what the address names; room is negative."""


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_anchor_lands_under_the_header(
    site: Path, serve: Callable[[Path], str], browser: Any, size: dict[str, int]
) -> None:
    address = serve(site)
    core, claims = parse(site / f"{CORE}.html"), parse(site / "book" / "claims.html")
    cell = next(link for link in claims.links if f"{CORE}.html#cell-of" in link)
    row = next(link for link in core.links if "claims.html#claim-" in link)
    word = next(link for link in core.links if "glossary.html#term-" in link)
    section = next(link for link in core.links if link.startswith("#") and "fold" in link)
    names = [
        f"{CORE}.html#{urlsplit(cell).fragment}",
        f"book/claims.html#{urlsplit(row).fragment}",
        f"book/glossary.html#{urlsplit(word).fragment}",
        f"{CORE}.html{section}",
    ]
    with watched(browser, size) as visit:
        # Formulas that are set later move the page, and the browser holds the place only then.
        visit.tab.route("**/mathjax/**", lambda route: route.abort())
        visit.tab.emulate_media(reduced_motion="reduce")
        for name in names:
            visit.tab.goto("about:blank")
            visit.tab.goto(address + name, wait_until="load")
            assert -110 <= visit.tab.evaluate(HIDDEN) <= -4, name
        visit.tab.add_style_tag(
            content="html { scroll-padding: 0 !important; }"
            " .bd-article * { scroll-margin: 0 !important; }"
        )
        visit.tab.evaluate(
            "document.getElementById(decodeURIComponent(location.hash.slice(1))).scrollIntoView()"
        )
        assert visit.tab.evaluate(HIDDEN) > 0, "a covered heading is not noticed"


# The keyboard

UNMARKED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return [at.localName, marked ? "" : at.className];
}"""


def stops(visit: Visit) -> list[list[str]]:
    """Press Tab through a page; returns each element, with its classes where nothing marks it."""
    found: list[list[str]] = []
    visit.tab.evaluate("document.activeElement.blur()")
    while len(found) < 300:
        visit.tab.keyboard.press("Tab")
        found.append(visit.tab.evaluate(UNMARKED))
        if found[-1][0] == "body":
            return found[:-1]
    raise AssertionError(f"the keyboard does not get out of the page: {found[-3:]}")


@pytest.mark.browser
def test_every_stop_of_the_keyboard_is_marked(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    visit.open(f"{serve(site)}{SHORT}.html")
    assert visit.tab.locator("button.toggle-button").count() >= 2
    found = stops(visit)
    assert len(found) > 30
    assert [classes for _, classes in found if classes] == []
    visit.tab.add_style_tag(content="button.toggle-button { outline: none !important; }")
    assert any("toggle-button" in classes for _, classes in stops(visit)), "it goes unseen"


# The first page


def test_minutes_are_those_of_the_pages() -> None:
    cores = [name for name in DOCUMENTS if re.match(r"chapters/\d\d_", name)]
    assert reading_minutes.minutes(ROOT, "05") == stated(CORE)
    assert reading_minutes.minutes(ROOT, "all") == sum(stated(name) for name in cores)
    with pytest.raises(ValueError, match="no chapter '99' whose reading time"):
        reading_minutes.minutes(ROOT, "99")


def test_three_ways_in_lead_somewhere_and_say_the_minutes_of_the_pages(site: Path) -> None:
    page = soup(site, DOCUMENTS[0])
    ways = page.select_one("#three-ways-in")
    cards = [" ".join(card.get_text().split()) for card in ways.select(".sd-card")]
    assert len(cards) == 3
    first = next(name for name in DOCUMENTS if name.startswith("chapters/01_"))
    assert f"{stated(first)} minutes" in cards[0]
    hours = float(re.search(r"about ([\d.]+) hours", cards[1])[1])
    cores = [name for name in DOCUMENTS if re.match(r"chapters/\d\d_", name)]
    assert abs(hours - sum(stated(name) for name in cores) / 60) <= 0.25
    assert "SEED" in cards[2]
    source = (site / f"{DOCUMENTS[0]}.html").parent
    for card in ways.select(".sd-card"):
        links = [str(link["href"]) for link in card.select("a")]
        assert len(links) >= 1
        for link in links:
            parts = urlsplit(link)
            target = source / unquote(parts.path)
            assert target.is_file(), link
            assert not parts.fragment or parts.fragment in parse(target).ids, link
    # They stand after the figure that moves and before the parts.
    text = str(page)
    marks = ("data-interactive", 'id="three-ways-in"', 'id="the-six-parts"')
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_book_is_named_once_in_the_title_of_its_first_page(site: Path) -> None:
    assert soup(site, DOCUMENTS[0]).title.get_text() == "Interpreting Equivariant Representations"
    other = soup(site, "book/glossary").title.get_text()
    assert other.startswith("Glossary")
    assert "Interpreting Equivariant Representations" in other


def test_the_glossary_stands_before_the_first_chapter() -> None:
    chapters = [name for name in DOCUMENTS if name.startswith("chapters/")]
    assert DOCUMENTS.index("book/glossary") < DOCUMENTS.index(chapters[0])
