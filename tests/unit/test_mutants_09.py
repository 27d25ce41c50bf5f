"""The solution test of chapter 09 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants.chapter09 import CATCHES, CORRECT, MUTANTS, NAIVE
from utils.groups import PointPermutations
from utils.quotient import quotient_geodesic


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    x, y = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(6))
    places = [path(x, y, 0.7) for path in (CORRECT, *MUTANTS.values())]
    for i, first in enumerate(places):
        for second in places[:i]:
            assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    def from_the_library(x, y, t):
        return quotient_geodesic(x, y, PointPermutations(x.shape[1]), [t])[0]

    x, y = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(7))
    ours, theirs = CORRECT(x, y, 0.3), from_the_library(x, y, 0.3)
    torch.testing.assert_close(theirs.sort(1).values, ours)
    assert not torch.allclose(ours, theirs)
    assert not CATCHES(CORRECT)
    assert not CATCHES(from_the_library)


def test_the_naive_test_accepts_the_correct_one_and_misses_most():
    assert not NAIVE(CORRECT)
    missed = {name for name, mutant in MUTANTS.items() if not NAIVE(mutant)}
    assert missed == set(MUTANTS) - {"only one end sorted"}
