"""The page on a reader's own network: its code runs, its length, and where its tree leads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests import form

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "book" / "own_network.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)
MOST_WORDS = 1800


def run(blocks: list[str]) -> dict:
    """Run blocks of code one after the other, as a reader would, in one namespace."""
    names: dict = {"__name__": "page"}
    with torch.random.fork_rng():
        for number, block in enumerate(blocks):
            exec(compile(block, f"block {number} of own_network.md", "exec"), names)
    return names


def test_every_block_runs_in_order():
    assert len(BLOCKS) > 8
    assert sum(block.count("assert") for block in BLOCKS) > 8
    names = run(BLOCKS)
    # What the page says of numbers: 64 directions are enough, and 63 are not known to be.
    sets = names["sorted_random_projections"]
    assert [sets(9, 8, m).complete for m in (63, 64)] == [None, True]
    assert [names["random_max_filter"](4, 8, m).complete for m in (59, 60)] == [None, True]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('padding=2, padding_mode="circular").eval()', "padding=2).eval()"),
        ("-k % 8", "(k * k) % 8"),
        ('["rotation 1"]', '["rotation 2"]'),
        ("read = random_max_filter(copies=4, order=8)", "read = norm_pool(4, 8)"),
    ],
)
def test_what_the_page_asserts_can_fail(right, wrong):
    """A control for the blocks themselves: with one thing changed the page stops."""
    page = "\n\x00".join(BLOCKS)
    assert page.count(right) == 1
    with pytest.raises((AssertionError, NameError)):
        run(page.replace(right, wrong).split("\x00"))


def test_it_is_short_and_spelled_as_the_book_is():
    prose = re.sub(r"(?ms)^```python\n.*?^```$", "", TEXT)
    assert form.word_count(prose) <= MOST_WORDS
    assert form.misspellings(prose) == []


def test_every_leaf_is_a_section_and_every_section_is_reached():
    tree = TEXT.split("## The tree")[1].split("\n(own-measure)=")[0]
    leaves = set(re.findall(r"<(own-[\w-]+)>", tree))
    sections = set(re.findall(r"(?m)^\((own-[\w-]+)\)=\n## ", TEXT))
    assert leaves == sections
    assert len(leaves) == 10
