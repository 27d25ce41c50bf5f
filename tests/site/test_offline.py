"""The zip, unpacked and opened from a file, with the network cut."""

from __future__ import annotations

import html
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from site_checks import FORMULAS, bad_formulas
from site_sliders import push
from site_tools import DESKTOP, PHONE, Visit, watched

from book._tools import offline
from book._tools.offline import FOLDER
from book._tools.search_texts import INDEX, PAGE, SCRIPT, TEXTS, with_texts

CHAPTER = "05_isometric_cross_sections"
MOVING = "01_latent_codes_that_mislead"
HOSTILE = "chapters/06_random_invariant_projections.html"
DANGER = "<img src='data:,x' onerror='document.title = `run`'> </script> bispectrum &lt;b&gt;"


@pytest.fixture(scope="module")
def unpacked(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a reader gets out of the zip, under a name with a space in it."""
    folder = tmp_path_factory.mktemp("copy") / "taken along"
    target = folder.parent / "copy.zip"
    assert offline.main(["--site", str(site), "--to", str(target)]) == 0
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    return folder / FOLDER


@pytest.fixture
def tab(browser: Any, unpacked: Path) -> Iterator[Visit]:
    """A tab that reaches nothing but the unpacked folder."""
    with watched(browser, DESKTOP, unpacked) as result:
        yield result
        assert result.outside == []
        assert result.errors == []


@pytest.mark.browser
def test_the_copy_opens_searches_moves_and_turns_dark(unpacked: Path, tab: Visit) -> None:
    page = tab.tab
    page.context.set_offline(True)
    page.goto((unpacked / "index.html").as_uri())
    page.wait_for_url("**/book/welcome.html", wait_until="load")
    assert page.locator("p.take-along").count() == 0

    # A word, typed, finds a page, which is followed; nothing is found for nonsense.
    page.keyboard.press("Control+k")
    page.keyboard.type("canonicalisation")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=canonicalisation*")
    found = page.locator("#search-results li a")
    found.first.wait_for()
    assert f"{CHAPTER}.html" in (found.first.get_attribute("href") or "")
    found.first.click()
    page.wait_for_url(f"**/chapters/{CHAPTER}.html*")
    page.wait_for_load_state("load")
    page.evaluate("MathJax.startup.promise")
    formulas = page.evaluate(FORMULAS)
    assert formulas["set"] > 50
    assert bad_formulas(formulas) == []
    assert page.evaluate("document.fonts.check('16px \"Book Serif\"')")

    # Dark, and on a phone.
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator(".theme-switch-button:visible").click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.wait_for_function(f"{ground} !== '{light}'")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size(DESKTOP)

    # A figure moves. Its turn by a right angle is exact.
    tab.open((unpacked / "chapters" / f"{MOVING}.html").as_uri())
    move = push(page.locator("[data-interactive]:has(input[type=range])").first, steps=18)
    assert move.readout == ("0°", "90°")
    assert move.changed[0], "the digit did not turn"


@pytest.mark.browser
def test_a_search_for_nonsense_says_so(unpacked: Path, tab: Visit) -> None:
    tab.open(f"{(unpacked / 'search.html').as_uri()}?q=qqzzxxvv")
    tab.tab.wait_for_function(
        "document.querySelector('#search-results p.search-summary')?.textContent.length > 20"
    )
    assert tab.tab.locator("#search-results li a").count() == 0


@pytest.mark.browser
def test_a_page_says_where_its_notebook_lies(unpacked: Path, tab: Visit) -> None:
    page = tab.tab
    tab.open((unpacked / "chapters" / f"{CHAPTER}.html").as_uri())
    page.locator(".dropdown-download-buttons > button").click()
    link = page.locator("a.btn-download-source-button")
    name = f"notebooks/{CHAPTER}.ipynb"
    assert link.inner_text().strip() == name, "the reader is not told where the notebook lies"
    notebook = json.loads((unpacked / name).read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    with page.context.expect_page() as opened:
        link.click()
    assert opened.value.url == (unpacked / name).as_uri()


@pytest.mark.browser
def test_a_page_of_the_copy_that_asks_for_more_is_noticed(browser: Any, unpacked: Path) -> None:
    """The control of the tests above: what lies outside of the folder is refused and told."""
    with watched(browser, DESKTOP, unpacked) as visit:
        visit.open((unpacked / "chapters" / f"{CHAPTER}.html").as_uri())
        outside = [(unpacked.parent / "x.js").as_uri(), "https://example.org/x.js"]
        for address in outside:
            visit.tab.evaluate(
                "address => new Promise(done => {"
                " const script = document.createElement('script'); script.src = address;"
                " script.onerror = done; document.head.append(script); })",
                address,
            )
        assert visit.outside == outside
        assert visit.errors


SEARCHED = "document.querySelector('#search-results p.search-summary')?.textContent.length > 20"
RESULTS = """
() => [...document.querySelectorAll("#search-results li")].map(item => ({
  address: item.querySelector("a").getAttribute("href"),
  kind: item.querySelector("a + span:not(.highlighted)")?.textContent ?? "",
  quote: item.querySelector("p.context")?.textContent ?? "",
  marked: [...item.querySelectorAll("p.context .highlighted")].map(e => e.textContent),
  elements: [...item.querySelectorAll("p.context *:not(span.highlighted)")].length,
}))
"""


def searched(tab: Visit, folder: Path, query: str) -> list[dict[str, Any]]:
    """What the search page of a copy shows for a query."""
    tab.tab.goto(f"{(folder / PAGE).as_uri()}?q={query}")
    tab.tab.wait_for_function(SEARCHED)
    found: list[dict[str, Any]] = tab.tab.evaluate(RESULTS)
    return found


def words_at(folder: Path, address: str) -> str:
    """The words of the page, or of the part of it, that an address leads to."""
    name, _, part = address.partition("#")
    soup = BeautifulSoup((folder / name).read_text(encoding="utf-8"), "html.parser")
    found = soup.find(id=part) if part else soup.find("article")
    assert isinstance(found, Tag), address
    for element in found.select(".headerlink, script, style"):
        element.decompose()
    return " ".join(found.get_text().split())


def words_of(quote: str) -> str:
    """The words of an excerpt, without the dots at its ends."""
    return quote.removeprefix("...").removesuffix("...").strip()


@pytest.mark.browser
@pytest.mark.parametrize(("query", "parts"), [("bispectrum", 0), ("folding", 0), ("exercises", 3)])
def test_a_search_quotes_what_it_found_and_marks_the_word(
    unpacked: Path, tab: Visit, query: str, parts: int
) -> None:
    found = [result for result in searched(tab, unpacked, query) if not result["kind"]][:12]
    assert len(found) > 8
    assert sum("#" in result["address"] for result in found) >= parts
    for result in found:
        words, quote = words_at(unpacked, result["address"]), words_of(result["quote"])
        assert 0 < len(quote) <= 240
        assert quote in words, result["address"]
        assert {word.lower() for word in result["marked"]} <= {query}
        assert bool(result["marked"]) == (query in quote.lower())
    assert any(result["marked"] for result in found)
    # The control: an excerpt is of its own page.
    assert words_of(found[0]["quote"]) not in words_at(unpacked, found[1]["address"])


@pytest.mark.browser
def test_a_page_that_only_a_synonym_finds_is_quoted_from_its_beginning(
    unpacked: Path, tab: Visit
) -> None:
    first = searched(tab, unpacked, "canonicalisation")[0]
    words = words_at(unpacked, first["address"])
    assert first["address"] == f"chapters/{CHAPTER}.html"
    assert "canonicali" not in words.lower(), "the page has the word: take another query"
    assert len(words_of(first["quote"])) > 200
    assert words.startswith(words_of(first["quote"]))
    assert first["marked"] == []


@pytest.fixture
def search(site: Path, tmp_path: Path, browser: Any) -> Iterator[tuple[Path, Visit]]:
    """What the search of the copy needs, for a test to change; one page, of dangerous text."""
    files = {name: (site / name).read_bytes() for name in (PAGE, INDEX)}
    body = f"<article><p>{html.escape(DANGER)}</p></article>"
    shutil.copytree(site / "_static", tmp_path / "_static")
    for name, content in with_texts({**files, HOSTILE: body.encode()}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with watched(browser, DESKTOP, tmp_path) as result:
        yield tmp_path, result
        assert result.outside == []


@pytest.mark.browser
def test_markup_in_a_text_is_shown_and_does_nothing(search: tuple[Path, Visit]) -> None:
    folder, tab = search
    found = {result["address"]: result for result in searched(tab, folder, "bispectrum")}
    assert words_of(found[HOSTILE]["quote"]) == DANGER
    assert found[HOSTILE]["marked"] == ["bispectrum"]
    assert found[HOSTILE]["elements"] == 0
    assert tab.tab.title() != "run"
    assert tab.errors == []
    # The control: inserted as markup, the same text is an element and runs.
    tab.tab.evaluate("text => document.querySelector('p.context').innerHTML = text", DANGER)
    tab.tab.wait_for_function("document.title === 'run'")
    assert sum(result["elements"] for result in tab.tab.evaluate(RESULTS)) == 1


@pytest.mark.browser
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("missing", ["ERR_FILE_NOT_FOUND"]),
        ("cut short", ["unexpected token"]),
        ("of no pages", []),
        ("of other things", ["undefined"]),
    ],
)
def test_without_whole_texts_the_search_still_lists_titles(
    search: tuple[Path, Visit], damage: str, said: list[str]
) -> None:
    folder, tab = search
    titles = [result["address"] for result in searched(tab, folder, "bispectrum")]
    texts = folder / TEXTS
    match damage:
        case "missing":
            texts.unlink()
        case "cut short":
            texts.write_bytes(texts.read_bytes()[:-20])
        case "of no pages":
            texts.write_text("Search.pageTexts = {};")
        case "of other things":
            texts.write_text(f'Search.pageTexts = {{"{HOSTILE.removesuffix(".html")}": 7}};')
    found = searched(tab, folder, "bispectrum")
    assert [result["address"] for result in found] == titles
    assert len(titles) > 8
    assert not any(result["quote"] for result in found)
    assert len(tab.errors) == len(said), tab.errors
    assert all(words in error for words, error in zip(said, tab.errors, strict=True)), tab.errors


def test_the_search_page_alone_loads_the_texts_and_they_are_small(
    site: Path, unpacked: Path
) -> None:
    loading = {
        path.relative_to(unpacked).as_posix()
        for path in unpacked.rglob("*.html")
        if TEXTS in path.read_text(encoding="utf-8")
    }
    assert loading == {PAGE}
    assert not (site / TEXTS).exists()
    assert TEXTS not in (site / PAGE).read_text(encoding="utf-8")
    with zipfile.ZipFile(unpacked.parents[1] / "copy.zip") as archive:
        sizes = [archive.getinfo(f"{FOLDER}/{name}").compress_size for name in (TEXTS, SCRIPT)]
    assert 100_000 < sum(sizes) < 1_000_000
