"""Dense graphs: what they are, how they are relabelled, coloured and tied."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import graphs, molecules
from utils.data import qm9


@pytest.fixture(scope="module")
def dense() -> graphs.DenseGraphs:
    return qm9.load_dense()


@pytest.fixture(scope="module")
def sample(dense) -> graphs.DenseGraphs:
    """All molecules of at most five heavy atoms, and 400 others."""
    small = torch.nonzero(dense.num_heavy <= 5)[:, 0]
    others = torch.from_numpy(np.random.default_rng(0).choice(len(dense), 400, replace=False))
    return dense[torch.cat([small, others])]


# ------------------------------------------------------------------ the dense form

ATOMS, BONDS = molecules.from_smiles("CC=O")


@pytest.mark.parametrize(
    ("atoms", "bonds", "error", "words"),
    [
        (ATOMS.tolist(), BONDS, TypeError, "atoms must be a torch tensor"),
        (ATOMS, BONDS.numpy(), TypeError, "bonds must be a torch tensor"),
        (ATOMS.float(), BONDS, TypeError, "atoms must hold integers"),
        (ATOMS, BONDS.bool(), TypeError, "bonds must hold integers"),
        (ATOMS[:8], BONDS, ValueError, "shape"),
        (ATOMS, BONDS[0], ValueError, "shape"),
        (ATOMS[None], BONDS, ValueError, "shape"),
        (torch.tensor(1), torch.tensor(1), ValueError, "shape"),
        (ATOMS + 1, BONDS, ValueError, r"0\.\.4"),
        (ATOMS.long() - 1, BONDS, ValueError, r"0\.\.4"),
        (ATOMS, BONDS * 2, ValueError, r"0\.\.3"),
        (ATOMS, BONDS.triu(), ValueError, "symmetric"),
        (ATOMS, BONDS + torch.eye(9, dtype=torch.uint8), ValueError, "itself"),
        (ATOMS.roll(1), BONDS, ValueError, "empty slot"),
    ],
)
def test_tensors_that_are_no_dense_graph(atoms, bonds, error, words):
    with pytest.raises(error, match=words) as caught:
        graphs.check_dense(atoms, bonds)
    assert str(caught.value).endswith(".")


def test_an_empty_batch_is_a_batch(dense):
    nothing = dense[torch.zeros(0, dtype=torch.long)]
    graphs.check_dense(nothing.atoms, nothing.bonds)
    assert len(nothing) == 0
    assert graphs.weisfeiler_leman_colours(nothing.atoms, nothing.bonds).shape == (0, 9)


# ------------------------------------------------------------------ selection


def test_selection(dense):
    assert len(dense[5]) == 1
    assert dense[-1].smiles == dense.smiles[-1:]
    assert dense[2:4].smiles == ("O", "C#C")
    assert dense[[4, 0]].smiles == ("C#N", "C")
    water = dense[dense.index == 3]
    assert water.smiles == ("O",)
    assert water.atoms[0].tolist() == [2] + [4] * 8
    with pytest.raises(IndexError):
        dense[len(dense)]
    with pytest.raises(IndexError):
        dense[torch.ones(3, dtype=torch.bool)]


def test_a_set_carries_the_names_and_units_of_its_properties(dense):
    assert (len(dense.names), len(dense.units)) == (dense.properties.shape[1],) * 2
    assert dict(zip(dense.names, dense.units, strict=True))["gap"] == "eV"
    assert dense[:3].names == graphs.relabel(dense[:3], torch.arange(9)).names == dense.names
    for position, name in enumerate(dense.names):
        assert torch.equal(dense.property(name), dense.properties[:, position])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ("gap",)}, "2 graphs with 1 properties"),
        ({"units": ("eV",)}, "cannot have 1 units"),
        ({"smiles": ("C",)}, "2 graphs with 17 properties"),
        ({"index": torch.arange(3)}, "as many rows"),
    ],
)
def test_sets_whose_parts_do_not_fit(dense, change, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(dense[:2], **change)


# ------------------------------------------------------------------ relabelling


def same(a: graphs.DenseGraphs, b: graphs.DenseGraphs) -> bool:
    return torch.equal(a.atoms, b.atoms) and torch.equal(a.bonds, b.bonds)


def compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    return outer.gather(1, inner)


def broken_relabel(dense: graphs.DenseGraphs, permutations: torch.Tensor) -> graphs.DenseGraphs:
    """The usual slip: gather along the permutation, which is a right action."""
    return graphs.relabel(dense, permutations.argsort(-1))


def test_relabelling_is_a_left_action(sample):
    tau = graphs.random_permutations(len(sample), seed=1)
    sigma = graphs.random_permutations(len(sample), seed=2)
    for action, holds in ((graphs.relabel, True), (broken_relabel, False)):
        in_turn = action(action(sample, tau), sigma)
        at_once = action(sample, compose(sigma, tau))
        assert same(in_turn, at_once) is holds
    assert same(graphs.relabel(sample, torch.arange(9)), sample)
    assert same(graphs.relabel(graphs.relabel(sample, sigma), sigma.argsort(-1)), sample)


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, 400), sigma=st.permutations(range(9)))
def test_relabelling_entry_by_entry(sample, position, sigma):
    one = sample[position]
    moved = graphs.relabel(one, torch.tensor(sigma))
    for i in range(9):
        assert moved.atoms[0, sigma[i]] == one.atoms[0, i]  # empty slots move too
        for j in range(9):
            assert moved.bonds[0, sigma[i], sigma[j]] == one.bonds[0, i, j]
    graphs.check_dense(moved.atoms, moved.bonds)
    assert moved.smiles == one.smiles
    assert torch.equal(moved.properties, one.properties)


def test_relabelling_rejects_what_is_no_permutation(sample):
    for wrong in (torch.arange(8), torch.arange(9).expand(3, 9), torch.arange(9)[None, None]):
        with pytest.raises(ValueError, match="shape"):
            graphs.relabel(sample, wrong)
    for wrong in (torch.zeros(9, dtype=torch.long), torch.arange(1, 10), torch.arange(-1, 8)):
        with pytest.raises(ValueError, match=r"each of 0\.\.8 once"):
            graphs.relabel(sample, wrong)


def test_random_permutations_are_uniform_and_reproducible():
    drawn = graphs.random_permutations(60_000, seed=0, slots=3)
    assert torch.equal(drawn, graphs.random_permutations(60_000, seed=0, slots=3))
    assert not torch.equal(drawn, graphs.random_permutations(60_000, seed=1, slots=3))
    counts = collections.Counter(map(tuple, drawn.tolist()))
    assert len(counts) == 6
    chi_squared = sum((c - 10_000) ** 2 / 10_000 for c in counts.values())
    assert chi_squared < 20.5  # 99.9 % quantile with 5 degrees of freedom


# ------------------------------------------------------------------ ties


def naive_refinement(atoms: list[int], bonds: list[list[int]]) -> list[int]:
    """1-WL with nested tuples, the way a textbook writes it."""
    colours: list[object] = list(atoms)
    for _ in range(len(atoms)):
        colours = [
            (
                own,
                tuple(
                    sorted((order, repr(c)) for order, c in zip(row, colours, strict=True) if order)
                ),
            )
            for own, row in zip(colours, bonds, strict=True)
        ]
        names = {c: k for k, c in enumerate(sorted(set(map(repr, colours))))}
        colours = [names[repr(c)] for c in colours]
    return colours  # type: ignore[return-value]


def partition(colours: list[int]) -> set[frozenset[int]]:
    return {frozenset(i for i, c in enumerate(colours) if c == k) for k in set(colours)}


def test_colours_agree_with_a_textbook_refinement(sample):
    colours = graphs.weisfeiler_leman_colours(sample.atoms, sample.bonds)
    early = graphs.weisfeiler_leman_colours(sample.atoms, sample.bonds, rounds=1)
    unordered = graphs.weisfeiler_leman_colours(sample.atoms, (sample.bonds > 0).byte())
    differs = {"one round": 0, "bond orders ignored": 0}
    for n in range(len(sample)):
        expected = partition(naive_refinement(sample.atoms[n].tolist(), sample.bonds[n].tolist()))
        assert partition(colours[n].tolist()) == expected
        differs["one round"] += partition(early[n].tolist()) != expected
        differs["bond orders ignored"] += partition(unordered[n].tolist()) != expected
    assert all(differs.values()), differs  # the comparison can fail


def test_colours_are_exactly_equivariant(sample):
    sigma = graphs.random_permutations(len(sample), seed=9)
    moved = graphs.relabel(sample, sigma)
    colours = graphs.weisfeiler_leman_colours(sample.atoms, sample.bonds)
    expected = torch.empty_like(colours).scatter_(1, sigma, colours)
    assert torch.equal(graphs.weisfeiler_leman_colours(moved.atoms, moved.bonds), expected)
    assert not torch.equal(expected, colours)


def test_a_single_graph_and_a_batch_agree(sample):
    batch = graphs.weisfeiler_leman_colours(sample.atoms, sample.bonds)
    one = graphs.weisfeiler_leman_colours(sample.atoms[50], sample.bonds[50])
    assert torch.equal(one, batch[50])


def test_colours_of_too_large_a_graph():
    atoms, bonds = torch.zeros(10, dtype=torch.uint8), torch.zeros(10, 10, dtype=torch.uint8)
    with pytest.raises(ValueError, match="at most 9 slots, not 10"):
        graphs.weisfeiler_leman_colours(atoms, bonds)
    with pytest.raises(ValueError, match=r"shape \(N, n\)"):
        graphs.tied_molecules(ATOMS, BONDS)


@pytest.mark.parametrize(
    ("smiles", "tied", "ambiguous"),
    [
        ("C", False, False),
        ("CO", False, False),
        ("CC", True, False),  # two carbons alike, but there is only one pair
        ("CCC", True, False),  # the pairs end-middle are bonded, the pair of ends is not
        ("C1CC1", True, False),  # every pair of atoms is bonded
        ("C1CCC1", True, True),  # neighbours and opposite corners look the same
        ("c1ccccc1", True, True),
        ("CC(C)(C)C", True, False),
        ("N#CC#N", True, True),
    ],
)
def test_known_ties(smiles, tied, ambiguous):
    atoms, bonds = molecules.from_smiles(smiles)
    found = graphs.tied_molecules(atoms[None], bonds[None])
    assert bool(found.tied) is tied
    assert bool(found.ambiguous) is ambiguous
    assert naive_ambiguous(atoms.tolist(), bonds.tolist()) is ambiguous


def naive_ambiguous(atoms: list[int], bonds: list[list[int]]) -> bool:
    """Try all pairs of pairs of atoms."""
    colours = naive_refinement(atoms, bonds)
    real = [i for i, kind in enumerate(atoms) if kind != graphs.NO_ATOM]
    pairs = [(i, j) for i in real for j in real if i != j]
    return any(
        (colours[i], colours[j]) == (colours[k], colours[m]) and bonds[i][j] != bonds[k][m]
        for i, j in pairs
        for k, m in pairs
    )


def test_ties_agree_with_brute_force(sample):
    found = graphs.tied_molecules(sample.atoms, sample.bonds)
    for n in range(0, len(sample), 3):
        atoms, bonds = sample.atoms[n].tolist(), sample.bonds[n].tolist()
        colours = naive_refinement(atoms, bonds)
        real = [c for c, kind in zip(colours, atoms, strict=True) if kind != graphs.NO_ATOM]
        assert bool(found.tied[n]) == (len(set(real)) < len(real))
        assert bool(found.ambiguous[n]) == naive_ambiguous(atoms, bonds)


def test_tie_ranks_number_every_colour_of_an_ambiguous_molecule() -> None:
    made = [molecules.from_smiles(smiles) for smiles in ("C1CCCCC1", "CC(C)C", "CC1CC1")]
    atoms, bonds = (torch.stack(part) for part in zip(*made, strict=True))
    ties = graphs.tied_molecules(atoms, bonds)
    assert ties.ambiguous.tolist() == [True, False, False]
    draws = [
        graphs.random_tie_ranks(atoms, ties, generator=torch.Generator().manual_seed(seed))
        for seed in range(20)
    ]
    for ranks in draws:
        assert sorted(ranks[0, :6].tolist()) == [0, 1, 2, 3, 4, 5]
        assert not bool(ranks[0, 6:].any())
        assert not bool(ranks[1:].any())
    assert len({tuple(ranks[0, :6].tolist()) for ranks in draws}) > 10
    again = graphs.random_tie_ranks(atoms, ties, generator=torch.Generator().manual_seed(3))
    assert torch.equal(again, draws[3])
    with pytest.raises(ValueError, match=r"atoms of shape \(3, 9\) are expected"):
        graphs.random_tie_ranks(atoms[:2], ties, generator=torch.Generator())
