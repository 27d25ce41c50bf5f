"""The solution test of chapter 04 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants.chapter04 import CATCHES, CORRECT, MUTANTS, NAIVE
from utils.groups import CyclicShifts
from utils.quotient import quotient_distance


def by_helper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return quotient_distance(x, y, CyclicShifts(x.shape[-1]))


def test_there_are_five_mutants():
    assert len(MUTANTS) == 5


@pytest.mark.parametrize("name", MUTANTS)
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


@pytest.mark.parametrize("correct", [CORRECT, by_helper], ids=["chapter", "helper"])
def test_both_tests_accept_what_is_correct(correct):
    assert not CATCHES(correct)
    assert not NAIVE(correct)


def test_the_naive_test_misses_four():
    caught = [name for name, mutant in MUTANTS.items() if NAIVE(mutant)]
    assert caught == ["every second shift"]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_differs_from_the_helper(name):
    generator = torch.Generator().manual_seed(5)
    x, y = torch.randn(2, 40, 3, 6, generator=generator, dtype=torch.float64)
    pairs = [(x, y), (x, x), (x, torch.roll(x, 1, dims=-1))]
    worst = max((MUTANTS[name](a, b) - by_helper(a, b)).abs().max() for a, b in pairs)
    assert worst > 1e-3
