"""The solution test of chapter 06 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants.chapter06 import CATCHES, CORRECT, MUTANTS, NAIVE
from utils.projections import random_max_filter


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    generator = torch.Generator().manual_seed(1)
    templates = torch.randn(5, 3, 4, generator=generator)
    codes = torch.randn(6, 3, 4, generator=generator)
    values = [s(templates, codes) for s in (CORRECT, *MUTANTS.values())]
    for i, first in enumerate(values):
        for second in values[:i]:
            assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    def by_loop(templates, codes):
        shifts = [torch.roll(codes, r, dims=-1).flatten(1) for r in range(codes.shape[-1])]
        return torch.stack([c @ templates.flatten(1).T for c in shifts]).amax(0)

    assert not CATCHES(CORRECT)
    assert not CATCHES(by_loop)


def test_the_naive_test_accepts_the_correct_one_and_misses_some():
    assert not NAIVE(CORRECT)
    caught = {name for name, mutant in MUTANTS.items() if NAIVE(mutant)}
    assert caught == {"last shift forgotten"}


def test_the_correct_one_is_the_helper():
    filters = random_max_filter(3, 5, 7, seed=2)
    generator = torch.Generator().manual_seed(3)
    codes = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(CORRECT(filters.weights, codes), filters(codes))
