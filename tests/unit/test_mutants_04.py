"""The solution test of chapter 04 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants import chapter04
from tests.mutants.chapter04 import MUTANTS, NAIVE
from tests.mutants.frame import FiveMutants
from utils.groups import CyclicShifts
from utils.quotient import quotient_distance


def by_helper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return quotient_distance(x, y, CyclicShifts(x.shape[-1]))


class TestMutants(FiveMutants):
    chapter = chapter04
    naive_catches = ("every second shift",)
    accepted = (by_helper,)

    def values(self, implementation):
        generator = torch.Generator().manual_seed(4)
        x, y = torch.randn(2, 40, 3, 6, generator=generator, dtype=torch.float64)
        pairs = [(x, y), (x, x), (x, torch.roll(x, 1, dims=-1))]
        return torch.stack([implementation(a, b) for a, b in pairs])


def test_the_naive_test_accepts_the_helper():
    assert not NAIVE(by_helper)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_differs_from_the_helper(name):
    generator = torch.Generator().manual_seed(5)
    x, y = torch.randn(2, 40, 3, 6, generator=generator, dtype=torch.float64)
    pairs = [(x, y), (x, x), (x, torch.roll(x, 1, dims=-1))]
    worst = max((MUTANTS[name](a, b) - by_helper(a, b)).abs().max() for a, b in pairs)
    assert worst > 1e-3
