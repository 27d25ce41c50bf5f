"""The page of claims and the page of the papers on the built site, in one visit each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from site_tools import PHONE, Visit

from utils.claims import read_ledger

CHAPTER = "1 · Latent codes that mislead"
KNOWN = "digit-search-45-raw"


@pytest.mark.browser
def test_claims_can_be_chosen_and_followed(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    ledger, base = read_ledger(), serve(site)
    headlines = [one for one in ledger.values() if one.kind == "headline"]
    visit.open(f"{base}book/claims.html")
    page = visit.tab
    form = page.get_by_role("form", name="Choose claims")
    status = form.get_by_role("status")
    rows = page.locator("table.claims-table tbody tr")

    def shown() -> int:
        """Count the rows that are to be seen."""
        return page.locator("table.claims-table tbody tr:visible").count()

    assert rows.count() == len(ledger)
    assert shown() == len(headlines)
    everything = form.get_by_role("button", name="show all")
    everything.click()
    assert shown() == len(ledger)
    whole = f"{len(ledger)} of {len(ledger)} claims, {len(headlines)} of them headlines"
    assert status.inner_text() == whole
    titles = page.locator("section.claims-kind > h2").all_inner_texts()
    assert [title.strip("# \n") for title in titles] == ["Headlines", "Guards"]

    # By kind, by chapter, by words, and all of it together.
    form.get_by_label("kind").select_option("Headlines")
    assert shown() == len(headlines)
    form.get_by_label("chapter").select_option(CHAPTER)
    first = [one for one in headlines if one.chapter.startswith("01")]
    assert shown() == len(first)
    form.get_by_label("contains").fill("NEAREST upright")
    assert shown() == sum("nearest upright" in one.statement for one in first)
    assert page.locator(f"#claim-{KNOWN}").is_visible()
    form.get_by_label("contains").fill("digit-search-45-raw")
    assert shown() == 1
    form.get_by_label("contains").fill("no such words")
    assert shown() == 0
    assert status.inner_text() == f"0 of {len(ledger)} claims"  # the kind is chosen
    assert not page.locator("section.claims-kind:visible").count()

    # An address of a row that is hidden shows it again; so does the button.
    page.evaluate(f"location.hash = 'claim-{KNOWN}'")
    page.wait_for_function(f"document.getElementById('claim-{KNOWN}').checkVisibility()")
    assert status.inner_text() == whole
    form.get_by_label("kind").select_option("Guards")
    assert shown() == len(ledger) - len(headlines)
    everything.press("Enter")
    assert shown() == len(ledger)

    # On a phone rows are stacked, and a hidden one stays hidden.
    page.set_viewport_size(PHONE)
    form.get_by_label("contains").fill("xu2019 weisfeiler-not-there")
    assert shown() == 0
    form.get_by_label("contains").fill("")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    # From a number in the prose to its row, to the cell, and back.
    visit.open(f"{base}chapters/01_latent_codes_that_mislead.html")
    page.locator(f"a.claim-number[href$='#claim-{KNOWN}']").first.click()
    page.wait_for_url(f"**/book/claims.html#claim-{KNOWN}")
    row = page.locator(f"tr:has(#claim-{KNOWN})")
    assert row.is_visible()
    row.locator("td:nth-child(2) a").click()
    page.wait_for_url(f"**/chapters/01_latent_codes_that_mislead.html#cell-of-{KNOWN}")
    page.go_back()
    page.wait_for_url(f"**/book/claims.html#claim-{KNOWN}")
    assert row.is_visible()
    assert visit.errors == []


@pytest.mark.browser
def test_numbers_of_the_papers_lead_to_their_claims(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    visit.open(f"{serve(site)}book/papers.html")
    page = visit.tab
    hrefs = page.eval_on_selector_all(
        "table.papers-table a.claim-number", "all => all.map(a => a.getAttribute('href'))"
    )
    assert len(hrefs) > 100
    claims = (site / "book" / "claims.html").read_text(encoding="utf-8")
    assert all(f'id="{href.removeprefix("claims.html#")}"' in claims for href in hrefs)
    page.locator(f"a.claim-number[href$='#claim-{KNOWN}']").first.click()
    page.wait_for_url(f"**/book/claims.html#claim-{KNOWN}")
    assert page.locator(f"tr:has(#claim-{KNOWN})").is_visible()
    assert visit.errors == []
