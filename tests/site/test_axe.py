"""Texts alike in colour and ground are judged once by axe, and no fault goes unseen by that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from site_axe import JUDGE, OPTIONS, judge
from site_checks import violations
from site_tools import Visit

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><title>A page</title><style>
body {{ background: #fff; color: #222 }} p {{ margin: 4px }} {style}</style></head>
<body><main><h1>A page</h1>{body}</main></body></html>"""
MANY = "<p>A text to be read.</p>" * 30
FAULTS = {
    "the letters": "<p style='color: #bbb'>A fault.</p>",
    "a size": "<p style='color: #8a8a8a; font-size: 30px'>Large.</p>"
    "<p style='color: #8a8a8a'>A fault.</p>",
    "the ground": "<p style='background: #333'>A fault.</p>",
    "a ground around it": "<div style='background: #333'><p>A fault.</p></div>",
    "how much shows through": "<div style='opacity: 0.3'><p>A fault.</p></div>",
    "what lies below": "<div style='background: #333; height: 2em; margin-bottom: -2em'></div>"
    "<p style='position: relative'>A fault.</p>",
    "letters beyond their ground": "<div style='color: #ddd'>"
    + "<p style='background: #333'><b>Whole</b></p>" * 5
    + "<p style='background: #333; width: 3em; white-space: nowrap'>"
    "<b style='margin-left: 6em'>A fault.</b></p></div>",
}


@pytest.fixture
def shown(
    tmp_path: Path, serve: Callable[[Path], str], visit: Visit
) -> Callable[[str, str], Visit]:
    """Show a page with some content and some style."""

    def show(body: str, style: str = "") -> Visit:
        page = PAGE.format(body=body, style=style)
        (tmp_path / "index.html").write_text(page, encoding="utf-8")
        visit.open(serve(tmp_path))
        return visit

    return show


def test_a_sound_page_passes_with_a_group_for_each_way_of_colouring(
    shown: Callable[..., Visit],
) -> None:
    visit = shown(MANY + "<p style='color: #000'>Black.</p>" * 3)
    assert judge(visit.tab) == []
    found = visit.tab.evaluate(JUDGE, OPTIONS)
    assert (found["groups"], found["open"]) == (3, 0)
    assert visit.tab.locator("[data-contrast]").count() == 0


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("before", [True, False], ids=["among", "first"])
def test_one_faint_text_among_many_is_found(
    shown: Callable[..., Visit], what: str, before: bool
) -> None:
    fault = FAULTS[what]
    visit = shown(MANY + fault + MANY if before else fault + MANY)
    found = judge(visit.tab)
    assert [line.split(":")[0] for line in found] == ["color-contrast"]
    assert "A fault." in found[0]
    assert found == violations(Axe().run(visit.tab, options=OPTIONS).response)


def test_where_the_first_is_not_judged_all_others_are(shown: Callable[..., Visit]) -> None:
    """Axe leaves out the label of a field that is switched off, and so the first of this group."""
    label = "<label for='off'>Faint field</label><input id='off' disabled>"
    faint = "<span>A fault.</span>" * 4
    visit = shown(label + faint, "label, span { color: #bbb; font-size: 16px }")
    found = judge(visit.tab)
    assert len(found) == 4
    assert visit.tab.evaluate(JUDGE, OPTIONS)["open"] == 1


def test_a_fault_of_a_whole_group_is_found(shown: Callable[..., Visit]) -> None:
    assert judge(shown(MANY, "p { color: #bbb }").tab) != []
