"""A number is followed from the prose to its claim, to its cell, and back, in three clicks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from site_tools import DESKTOP, PHONE, Visit

from utils.claims import read_ledger

FOLLOWED = [
    # A chapter, a number of it and a window: the first claim of a cell, a later one of a cell
    # whose code shares the fold of another cell, and a cell without a fold of its own.
    ("05_isometric_cross_sections", "fold-against-group", DESKTOP),
    ("09_reading_the_molecular_latent_space", "mol-probe-spread-gap", PHONE),
    ("14_learned_equivariance", "learned-opening-logits", DESKTOP),
]
# Settled: formulas are set, and the window has stopped moving.
STILL = """async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  for (let last = null; last !== window.scrollY; ) {
    last = window.scrollY;
    await new Promise(go => setTimeout(go, 150));
  }
}"""
IN_SIGHT = """(element) => {
  const box = element.getBoundingClientRect();
  const header = document.querySelector(".bd-header-article").getBoundingClientRect();
  return box.height > 0 && box.top >= Math.max(0, header.bottom) && box.top < innerHeight / 2;
}"""
"""Whether the top of an element is seen, in the upper half of the window, below the header."""

PAINTED = "(element) => getComputedStyle(element).backgroundColor !== 'rgba(0, 0, 0, 0)'"


def arrived(page: Any, address: str) -> None:
    """Wait until a click has led to an address and the page lies still."""
    page.wait_for_url(address)
    page.wait_for_load_state("load")
    page.evaluate(STILL)


@pytest.mark.browser
@pytest.mark.parametrize(("chapter", "claim", "size"), FOLLOWED, ids=["05", "09", "14"])
def test_from_a_number_to_its_claim_to_its_cell_and_back(
    site: Path,
    serve: Callable[[Path], str],
    visit: Visit,
    chapter: str,
    claim: str,
    size: dict[str, int],
) -> None:
    page = visit.tab
    page.set_viewport_size(size)
    visit.open(f"{serve(site)}chapters/{chapter}.html")
    number = page.locator(f"a.claim-number[href$='#claim-{claim}']").first
    said = number.inner_text()

    number.click()
    arrived(page, f"**/book/claims.html#claim-{claim}")
    row = page.locator(f"tr:has(#claim-{claim})")
    assert row.evaluate(IN_SIGHT)
    assert row.locator("td").first.evaluate(PAINTED), "the row is not marked"
    seeds = row.locator(".claim-seeds")
    assert seeds.is_visible()
    assert seeds.inner_text() == f"Seeds: {read_ledger()[claim].seeds}"
    found = row.locator("td:nth-child(2) a")

    found.click()
    arrived(page, f"**/chapters/{chapter}.html#cell-of-{claim}")
    cell = page.locator(".cell-followed")
    assert cell.count() == 1
    assert cell.evaluate(IN_SIGHT)
    assert claim in cell.inner_text(), "another cell is marked"
    assert cell.get_by_role("link", name="the claim", exact=True).get_attribute("href") == (
        f"../book/claims.html#claim-{claim}"
    )

    cell.get_by_role("link", name="the number in the text").click()
    page.evaluate(STILL)
    assert page.url.endswith(f"{chapter}.html#number-of-{claim}")
    assert number.inner_text() == said
    assert number.evaluate(IN_SIGHT)
    assert number.evaluate(PAINTED), "the number is not marked"
    assert cell.count() == 0
    assert visit.errors == []


@pytest.mark.browser
def test_a_figure_is_followed_to_the_figure_and_not_to_its_code(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    page, chapter = visit.tab, f"{serve(site)}chapters/11_reading_the_rotation_latent_space.html"
    visit.open(f"{chapter}#fig-11-choose")
    page.evaluate(STILL)
    figure = page.locator("#fig-11-choose")
    assert figure.evaluate(IN_SIGHT)
    assert page.locator(".cell-followed").count() == 0
    assert page.locator("details.hide[open]").count() == 0, "code that was folded is shown"
    assert page.locator("details.hide").count() >= 1
    assert visit.errors == []


@pytest.mark.browser
def test_what_lies_in_a_folded_solution_is_opened_and_brought_into_sight(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    page, claim = visit.tab, "mol-half-lost"  # a number that only a solution quotes
    visit.open(f"{serve(site)}chapters/09_reading_the_molecular_latent_space.html")
    number = page.locator(f".toggle-hidden a.claim-number[href$='#claim-{claim}']")
    assert number.count() == 1
    page.evaluate(
        "element => { element.id = 'here'; location.hash = 'here'; }", number.element_handle()
    )
    page.evaluate(STILL)
    assert page.locator("#here").evaluate(IN_SIGHT)
