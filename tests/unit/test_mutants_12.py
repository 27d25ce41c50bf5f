"""The solution test of chapter 12 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants.chapter12 import CATCHES, CORRECT, MUTANTS, NAIVE


def some_encoder(x):
    weights = torch.randn(25, 2, generator=torch.Generator().manual_seed(5))
    return torch.sin(x.flatten(1) @ weights)


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    x = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(6))
    tables = [orbit_map(some_encoder, x) for orbit_map in (CORRECT, *MUTANTS.values())]
    for i, first in enumerate(tables):
        for second in tables[:i]:
            assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    def by_loop(f, x):
        table = torch.zeros(*f(x).shape, 4)
        for b in range(len(x)):
            image = x[b : b + 1]
            for r in range(4):
                table[b, :, r] = f(image)[0]
                image = image.transpose(1, 2).flip(2)
        return table

    x = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(by_loop(some_encoder, x), CORRECT(some_encoder, x))
    assert not CATCHES(CORRECT)
    assert not CATCHES(by_loop)


def test_the_naive_test_accepts_the_correct_one_and_misses_most():
    assert not NAIVE(CORRECT)
    missed = {name for name, mutant in MUTANTS.items() if not NAIVE(mutant)}
    assert missed == {"turned on instead of back", "axes mixed up", "sorted"}
