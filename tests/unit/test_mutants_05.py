"""The solution test of chapter 05 catches all five mutants; the naive one misses four."""

from __future__ import annotations

import itertools

import pytest
import torch

from tests.mutants.chapter05 import CATCHES, CORRECT, MUTANTS, NAIVE


def codes(seed: int) -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    outputs = [CORRECT(codes(7)), *(mutant(codes(7)) for mutant in MUTANTS.values())]
    for number, first in enumerate(outputs):
        for second in outputs[:number]:
            assert not torch.allclose(first, second)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    assert not CATCHES(CORRECT)
    assert not CATCHES(lambda z: z.square().sort(dim=1).values.sqrt())
    assert not CATCHES(lambda z: -CORRECT(z).flip(1))


def test_the_solution_catches_a_member_of_the_orbit_that_jumps():
    def largest_first(z):
        order = z.abs().argsort(dim=1)
        shift = torch.where(z.abs().amax(dim=1) > 1, 1, 0)
        sizes = torch.gather(z.abs(), 1, order)
        return torch.where(shift[:, None] == 1, sizes, sizes.flip(1))

    assert CATCHES(largest_first)


def test_the_naive_test_accepts_the_correct_one_and_misses_four():
    assert not NAIVE(CORRECT)
    caught = {name for name, mutant in MUTANTS.items() if NAIVE(mutant)}
    assert caught == {"sorts too early"}


def test_the_correct_one_is_isometric_by_brute_force():
    z, w = codes(1), codes(2)
    signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=3)), dtype=torch.float64)
    orders = torch.tensor(list(itertools.permutations(range(3))))
    orbit = (w[:, None] * signs)[:, :, orders].flatten(1, 2)
    brute = (z[:, None] - orbit).norm(dim=-1).amin(dim=1)
    torch.testing.assert_close((CORRECT(z) - CORRECT(w)).norm(dim=1), brute)
    wrong = (MUTANTS["sorts squares"](z) - MUTANTS["sorts squares"](w)).norm(dim=1)
    assert (wrong - brute).abs().max() > 0.1
