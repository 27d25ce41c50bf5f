"""Decks of slides: whole, offline, legible, and with nothing that belongs to an exercise."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from site_tools import Visit, watched

from book._tools.slides.__main__ import print_deck
from book._tools.slides.deck import write_deck
from book._tools.slides.page import QUESTION

pytestmark = pytest.mark.browser

PAGES = {"05": "05_isometric_cross_sections", "09": "09_reading_the_molecular_latent_space"}
SCREEN = {"width": 1280, "height": 720}
READY = "html[data-ready]"
LEAST = 20  # pixels: letters
CONTRAST = 4.5

# What a slide cuts off, shows in small letters, or shows in a colour like that of its ground. The
# letters of drawings, of formulas' parts and of plotly have sizes of their own.
FAULTS = """
([least, contrast]) => {
  const found = [];
  const levels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = levels(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  Reveal.getSlides().forEach((slide, number) => {
    Reveal.slide(number);
    const say = what => found.push(`${slide.id}: ${what}`);
    const body = slide.querySelector(".body");
    const frame = slide.querySelector(".sheet").getBoundingClientRect();
    if (body.scrollHeight > body.clientHeight + 1) say("too high");
    for (const e of [body, ...body.querySelectorAll(".math, .math > mjx-container")]) {
      if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) say("too wide");
    }
    for (const number of body.querySelectorAll(".eqno")) {
      const formula = number.parentElement.querySelector("mjx-math").getBoundingClientRect();
      if (formula.right > number.getBoundingClientRect().left) say("a number over its formula");
    }
    for (const e of body.querySelectorAll("p, li, pre, td, svg, canvas, mjx-container")) {
      const box = e.getBoundingClientRect();
      if (!box.width || e.closest("mjx-assistive-mml")) continue;
      const [right, bottom] = [frame.right + 1, frame.bottom + 1];
      if (box.left < frame.left - 1 || box.right > right || box.bottom > bottom) {
        say(`${e.tagName} leaves the slide`);
      }
    }
    const walker = document.createTreeWalker(slide.querySelector(".sheet"), NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const e = node.parentElement;
      const text = node.data.trim().slice(0, 30);
      if (!text || e.closest("svg, mjx-container, script, style, [hidden], .book-plot")) continue;
      const style = getComputedStyle(e);
      const zoom = e.closest("[data-interactive]")?.style.zoom || 1;
      if (parseFloat(style.fontSize) * zoom < least - 0.1) say(`small: ${text}`);
      const [a, b] = [light(levels(style.color)), light(ground(e))].toSorted((x, y) => y - x);
      if ((a + 0.05) / (b + 0.05) < contrast) say(`faint: ${text}`);
    }
  });
  return found;
}
"""


def normal(text: str) -> str:
    """Return a text with one space between words."""
    return " ".join(text.split())


@functools.cache
def article(path: Path) -> Tag:
    """Return the text of a built page."""
    found = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find("article")
    assert isinstance(found, Tag)
    for mark in found.select(".headerlink"):
        mark.decompose()
    return found


def outside(element: Tag, *classes: str) -> bool:
    """Say whether an element stands in none with these classes."""
    return not any(element.find_parent(class_=name) for name in classes)


def leaks(page: Tag, deck: str) -> list[str]:
    """Return the paragraphs and lines of exercises and solutions that a deck holds."""
    squeezed = re.sub(r"\W", "", BeautifulSoup(deck, "html.parser").get_text())
    found = []
    for element in page.select(":is(.exercise, .solution) :is(p, li, pre)"):
        if {"admonition-title", "exercise-facts"} & {*element.get_attribute_list("class")}:
            continue
        wanted = re.sub(r"\W", "", element.get_text())
        if len(wanted) > 25 and wanted in squeezed:
            found.append(normal(element.get_text()))
    return found


class Deck:
    """A deck in a folder, with the page that it was made of and a tab that shows it."""

    def __init__(self, page: Path, folder: Path, visit: Visit) -> None:
        self.page, self.folder, self.visit, self.tab = article(page), folder, visit, visit.tab
        self.text = (folder / "index.html").read_text(encoding="utf-8")
        self.soup = BeautifulSoup(self.text, "html.parser")
        self.tab.goto((folder / "index.html").as_uri())
        self.tab.wait_for_selector(READY, state="attached", timeout=60_000)

    def at(self) -> int:
        return int(self.tab.evaluate("Reveal.getSlidePastCount()"))


@pytest.fixture(scope="module", params=PAGES)
def deck(
    request: pytest.FixtureRequest, site: Path, browser: Any, tmp_path_factory: Any
) -> Iterator[Deck]:
    folder = tmp_path_factory.mktemp("a deck") / request.param
    page = site / "chapters" / f"{PAGES[request.param]}.html"
    write_deck(page, folder)
    with watched(browser, SCREEN, folder) as visit:
        yield Deck(page, folder, visit)


def test_every_figure_is_shown_with_what_it_says_to_those_who_cannot_see_it(deck: Deck) -> None:
    def labels(root: Tag) -> list[str]:
        figures = [
            f for f in root.select("figure.book-figure") if outside(f, "exercise", "solution")
        ]
        return [
            str(e["aria-label"]) for f in figures for e in [f, *f.select("[role='img']")]
            if e.get("aria-label")
        ]  # fmt: skip

    on_page = labels(deck.page)
    assert len(on_page) >= 3
    assert labels(deck.soup) == on_page
    shown = deck.tab.evaluate(
        "[...document.querySelectorAll('figure.book-figure, figure.book-figure > svg')]"
        ".map(e => e.getAttribute('aria-label'))"
    )
    assert {*on_page} >= {*shown} - {None}


def test_every_numbered_statement_is_shown_and_no_proof(deck: Deck) -> None:
    def statements(root: Tag) -> list[str]:
        titles = root.select(".proof > .admonition-title:has(.caption-number)")
        return [normal(title.parent.get_text()) for title in titles if title.parent]

    on_page = statements(deck.page)
    assert len(on_page) >= 2
    assert statements(deck.soup) == on_page
    proofs = [p for p in deck.page.select(".proof") if not p.select_one(".caption-number")]
    assert proofs
    for proof in proofs:
        assert normal(proof.get_text()) not in normal(deck.soup.get_text())


def test_every_question_has_a_slide_and_is_answered_by_the_next(deck: Deck) -> None:
    asked = [
        normal(p.get_text())
        for p in deck.page.select("p:has(> strong)")
        if any(s.get_text().startswith(QUESTION) for s in p.select("strong"))
        and outside(p, "exercise", "solution")
    ]
    polls = deck.soup.select("section.poll")
    shown = [normal(poll.select(".body > p")[1].get_text()) for poll in polls]
    assert shown == asked != []
    for poll in polls:
        answer = poll.find_next_sibling("section")
        assert isinstance(answer, Tag)
        assert {"figure", "table"} & {*answer.get_attribute_list("class")}


def test_the_notes_and_the_slides_hold_all_prose_in_its_order(deck: Deck) -> None:
    apart = ("exercise", "solution", "proof", "dropdown", "admonition", "cell", "table")
    prose = [
        normal(p.get_text())
        for p in deck.page.select("p, li")
        if outside(p, *apart) and not p.find_parent(["figcaption", "li", "td", "th"])
        and p.find_parent(id="exercises") is None
    ]  # fmt: skip
    assert len(prose) > 20
    held = normal(deck.soup.select("main")[0].get_text())
    place = 0
    for paragraph in prose:
        place = held.find(paragraph, place)
        assert place >= 0, paragraph
    printed = BeautifulSoup((deck.folder / "notes.html").read_text(encoding="utf-8"), "html.parser")
    on_paper = normal(printed.get_text())
    notes = [normal(n.get_text()) for n in deck.soup.select("aside.notes") if n.get_text()]
    assert len(notes) > 5
    assert [note for note in notes if note not in on_paper] == []


def test_each_concept_question_is_a_slide_and_its_answer_a_note(deck: Deck) -> None:
    asked = [normal(legend.get_text()) for legend in deck.page.select(".quiz-question legend")]
    slides = deck.soup.select("section.question")
    assert len(asked) == 5
    assert [normal(slide.select_one(".body > p").get_text()) for slide in slides] == asked
    choices = [normal(c.get_text()) for c in deck.page.select(".quiz-choice > span")]
    assert [normal(c.get_text()) for c in deck.soup.select("ul.choices > li")] == choices
    for slide, right in zip(slides, deck.page.select(".quiz-right"), strict=True):
        assert normal(right.get_text()) in normal(slide.select_one("aside.notes").get_text())
        assert normal(right.get_text()) not in normal(slide.select_one(".body").get_text())


def test_exercises_come_last_with_their_minutes_and_nothing_of_them_is_given_away(
    deck: Deck,
) -> None:
    last = deck.soup.select("main > section")[-1]
    rows = [normal(row.get_text()) for row in last.select("tr")]
    assert len(rows) == len(deck.page.select(".exercise")) > 0
    assert all(re.search(r"Exercise \d+\.\d+ \(.+\)★.* \d+ minutes", row) for row in rows), rows
    notes = (deck.folder / "notes.html").read_text(encoding="utf-8")
    assert leaks(deck.page, deck.text) == leaks(deck.page, notes) == []
    solution = deck.page.select(".solution p:not(.admonition-title)")[0]
    assert leaks(deck.page, deck.text + str(solution)), "a solution in a deck is found"


def test_arrows_lead_to_the_last_slide_and_back(deck: Deck) -> None:
    many = int(deck.tab.evaluate("Reveal.getTotalSlides()"))
    deck.tab.evaluate("Reveal.slide(0)")
    for place in range(1, many):
        deck.tab.keyboard.press("ArrowRight")
        assert deck.at() == place
    deck.tab.keyboard.press("ArrowRight")
    assert deck.at() == many - 1
    deck.tab.keyboard.press("ArrowLeft")
    assert deck.at() == many - 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_small_or_faint(deck: Deck, scheme: str) -> None:
    deck.tab.emulate_media(color_scheme=scheme)
    deck.tab.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    assert deck.tab.evaluate(FAULTS, [LEAST, CONTRAST]) == []
    ground = deck.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", ground)[0]) > 128) == (scheme == "light")
    deck.tab.evaluate(
        "document.querySelectorAll('.statement .body')[1].insertAdjacentHTML('beforeend', "
        "`<div id=planted style='height:800px;color:var(--book-paper);font-size:12px'>x</div>`)"
    )
    found = deck.tab.evaluate(FAULTS, [LEAST, CONTRAST])
    deck.tab.evaluate("document.getElementById('planted').remove()")
    assert {one.split(": ")[1] for one in found} == {"too high", "small", "faint"}
    deck.tab.emulate_media(color_scheme="light")


def test_a_figure_that_moves_answers_on_its_slide(deck: Deck) -> None:
    number = deck.tab.evaluate(
        "Reveal.getSlides().findIndex(s => s.querySelector('[data-interactive] input'))"
    )
    deck.tab.evaluate(f"Reveal.slide({number})")
    figure = deck.tab.locator("section.present [data-interactive]")
    assert figure.is_visible()
    assert not deck.tab.locator("section.present .book-still").is_visible()
    before = figure.locator("output").inner_text(), figure.inner_html()
    if (fold := figure.locator("details > summary")).count():  # what a drag does, by keyboard
        fold.press("Enter")
        assert deck.at() == number, "the key opens the fold, not the next slide"
    slider = figure.locator("input[type=range]").first
    assert slider.is_visible()
    slider.focus()
    slider.press("ArrowRight")
    assert deck.at() == number, "the arrow moves the figure, not the deck"
    assert figure.locator("output").inner_text() != before[0]
    assert figure.inner_html() != before[1]
    slider.press("Escape")
    deck.tab.keyboard.press("ArrowRight")
    assert deck.at() == number + 1


def test_the_notes_open_in_a_second_window_and_follow(deck: Deck) -> None:
    """From files, as a deck is carried about; formulas are the browser's own there."""
    number = deck.tab.evaluate(
        "Reveal.getSlides().findIndex(s => s.querySelector('aside.notes math'))"
    )
    deck.tab.evaluate(f"Reveal.slide({number})")
    with deck.tab.expect_popup() as opened:
        deck.tab.keyboard.press("s")
    window = opened.value
    value = window.locator(".speaker-controls-notes .value")
    value.locator("math").first.wait_for(timeout=60_000)
    wanted = "Reveal.getCurrentSlide().querySelector('aside.notes').innerText.length"
    assert value.evaluate("e => e.textContent.trim().length") > 0 < deck.tab.evaluate(wanted)
    assert value.locator("math").first.bounding_box()["width"] > 0
    assert not value.locator("merror").count()
    first = value.inner_text()
    following = deck.tab.evaluate(
        f"Reveal.getSlides().findIndex((s, i) => i > {number}"
        " && s.querySelector('aside.notes').textContent.trim())"
    )
    deck.tab.evaluate(f"Reveal.slide({following})")
    window.wait_for_function(
        "before => document.querySelector('.speaker-controls-notes .value').innerText !== before",
        arg=first,
    )
    shown = window.frames[1]
    shown.wait_for_selector(READY, state="attached", timeout=60_000)
    shown.wait_for_function(f"Reveal.getSlidePastCount() === {following}", timeout=20_000)
    window.close()


def test_a_page_is_printed_for_each_slide(deck: Deck, browser: Any) -> None:
    pdf = print_deck(deck.folder, browser).read_bytes()
    many = int(deck.tab.evaluate("Reveal.getTotalSlides()"))
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == many


def test_a_deck_asked_for_nothing_outside_and_reported_no_error(
    deck: Deck, serve: Callable[[Path], str], visit: Visit
) -> None:
    """Of all that the tests above did, from files; and once more from a server."""
    assert deck.visit.outside == []
    assert deck.visit.errors == []
    visit.open(serve(deck.folder))
    visit.tab.wait_for_selector(READY, state="attached", timeout=60_000)
    assert visit.outside == []
    assert visit.errors == []
    visit.tab.evaluate("fetch('https://example.org/').catch(() => 0)")
    assert visit.outside, "a request to the outside is noticed"
