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
MOST_WORDS = 1700


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
    group_filter = names["group_max_filter"]
    assert [group_filter(names["mirrors_too"], (3, 8), m).complete for m in (47, 48)] == [
        None,
        True,
    ]
    assert [group_filter(names["action"], (2,), m).complete for m in (3, 4)] == [None, True]


@pytest.fixture(scope="module")
def page():
    return run(BLOCKS)


def test_what_is_said_of_fitted_matrices(page):
    """Noise is refused, skew is refused, and both remedies leave an invariant reading."""
    cyclic, powers, fit = page["cyclic"], page["powers"], page["fit_generator"]
    turns = powers(fit(page["noisy"], ridge=0.0), 8)
    with pytest.raises(ValueError, match="do not multiply"):
        page["Representation"](cyclic(8), turns.numpy())
    assert 1e-6 < (turns[1] @ turns[7] - turns[0]).abs().max() < 1e-5  # "some millionths"
    exact = page["Representation"](cyclic(8), powers(fit(page["skewed"], ridge=0.0), 8).numpy())
    with pytest.raises(ValueError, match="changes lengths"):
        page["group_max_filter"](exact, (2,))
    read = page["group_max_filter"](page["upright"], (2,), outputs=4)
    straight, crooked = (
        read(codes.flatten(0, 1)).unflatten(0, (200, 8))
        for codes in (page["skewed"] @ page["L"], page["skewed"])
    )
    share = page["share_within_orbits"]
    assert share(straight) < 1e-5 < 1e-3 < share(crooked)


def test_the_table_of_a_group_that_does_not_commute_needs_inverses(page):
    group = page["dihedral"](4)
    images, weights = torch.randn(20, 5, 5), torch.randn(25, 3)

    def act(g, x):
        """Mirror first, then turn, as the elements of D_4 are numbered."""
        return torch.rot90(x.flip(2) if g >= 4 else x, int(g) % 4, (1, 2))

    def table(x, names):
        """The codes of the copies, by a map that has no symmetry."""
        return torch.stack([act(names[g], x).flatten(1) @ weights for g in group.elements], 2)

    read = page["group_max_filter"](page["regular_representation"](group), (3, 8))
    for names, same in ((group.inverses, True), (list(group.elements), False)):
        values, moved = (read(table(x, names)) for x in (images, act(5, act(1, images))))
        assert torch.allclose(values, moved, atol=1e-3) is same


def test_what_is_said_of_vectors_in_space(page):
    """Scalar products take a mirror image for the vectors, determinants of triples do not."""
    v, mirror = page["v"], torch.tensor([1.0, 1.0, -1.0])
    assert torch.allclose(page["scalar_products"], (v * mirror) @ (v * mirror).mT, atol=1e-5)
    assert torch.allclose(torch.det(v[:, :3]), -torch.det(v[:, :3] * mirror), atol=1e-5)
    assert page["s"].complete


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
    with pytest.raises(AssertionError):
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
    assert len(leaves) == 11
