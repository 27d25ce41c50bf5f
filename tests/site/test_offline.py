"""The zip, unpacked and opened from a file, with the network cut."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from site_checks import FORMULAS, bad_formulas
from site_sliders import push
from site_tools import DESKTOP, PHONE, Visit, watched

from book._tools import offline
from book._tools.offline import FOLDER

CHAPTER = "05_isometric_cross_sections"
MOVING = "01_latent_codes_that_mislead"


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
