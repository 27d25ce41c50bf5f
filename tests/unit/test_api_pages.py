"""Each page of the API reference begins with a short example, and the examples run."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "book" / "api").glob("*.md"))
_FENCE = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MOST_LINES = 14


def faults(page: str, name: str) -> list[str]:
    """Run the example of a page; say what is wrong with it."""
    before, room, _ = page.partition("```{api-room}")
    found = _FENCE.findall(before)
    if len(found) != 1 or not room:
        return [f"{name}: {len(found)} examples stand before its functions, not one"]
    said = []
    if found[0].count("\n") > _MOST_LINES:
        said.append(f"{name}: the example has more than {_MOST_LINES} lines")
    if not re.search(rf"^>>> from utils\.{name}[ .]", found[0], re.MULTILINE):
        said.append(f"{name}: the example imports nothing of its room")
    if "+SKIP" in found[0]:
        said.append(f"{name}: the example skips a line")
    test = doctest.DocTestParser().get_doctest(found[0], {}, name, None, None)
    doctest.DocTestRunner(verbose=False).run(test, out=said.append, clear_globs=True)
    return said


@pytest.mark.parametrize("name", PAGES)
def test_the_example_of_a_page_runs(name: str) -> None:
    assert not faults((ROOT / "book" / "api" / f"{name}.md").read_text(encoding="utf-8"), name)


def test_pages_without_a_sound_example_are_noticed() -> None:
    room = "```{api-room} utils.groups\n```\n"
    good = "```pycon\n>>> from utils.groups import cyclic\n>>> cyclic(3).order\n3\n```\n"
    assert faults(good + room, "groups") == []
    assert "0 examples" in faults(room, "groups")[0]
    assert "0 examples" in faults(room + good, "groups")[0]
    assert "Got:\n    3" in "".join(faults(good.replace("\n3\n", "\n4\n") + room, "groups"))
    assert "nothing of its room" in faults(good + room, "lie")[0]
    skipping = good.replace("order\n", "order  # doctest: +SKIP\n")
    assert "skips" in faults(skipping + room, "groups")[0]
