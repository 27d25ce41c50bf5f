"""The solution test of chapter 05 catches all five mutants; the naive one misses four."""

from __future__ import annotations

import itertools

import torch

from tests.mutants import chapter05
from tests.mutants.chapter05 import CATCHES, CORRECT, MUTANTS
from tests.mutants.frame import FiveMutants


def codes(seed: int) -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestMutants(FiveMutants):
    chapter = chapter05
    naive_catches = ("sorts too early",)
    accepted = (
        lambda z: z.square().sort(dim=1).values.sqrt(),
        lambda z: -CORRECT(z).flip(1),
    )

    def values(self, implementation):
        return implementation(codes(7))


def test_the_solution_catches_a_member_of_the_orbit_that_jumps():
    def largest_first(z):
        order = z.abs().argsort(dim=1)
        shift = torch.where(z.abs().amax(dim=1) > 1, 1, 0)
        sizes = torch.gather(z.abs(), 1, order)
        return torch.where(shift[:, None] == 1, sizes, sizes.flip(1))

    assert CATCHES(largest_first)


def test_the_correct_one_is_isometric_by_brute_force():
    z, w = codes(1), codes(2)
    signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=3)), dtype=torch.float64)
    orders = torch.tensor(list(itertools.permutations(range(3))))
    orbit = (w[:, None] * signs)[:, :, orders].flatten(1, 2)
    brute = (z[:, None] - orbit).norm(dim=-1).amin(dim=1)
    torch.testing.assert_close((CORRECT(z) - CORRECT(w)).norm(dim=1), brute)
    wrong = (MUTANTS["sorts squares"](z) - MUTANTS["sorts squares"](w)).norm(dim=1)
    assert (wrong - brute).abs().max() > 0.1
