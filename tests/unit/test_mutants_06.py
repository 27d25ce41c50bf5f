"""The solution test of chapter 06 catches all five mutants; the naive one does not."""

from __future__ import annotations

import torch

from tests.mutants import chapter06
from tests.mutants.chapter06 import CORRECT
from tests.mutants.frame import FiveMutants
from utils.projections import random_max_filter


def by_loop(templates, codes):
    shifts = [torch.roll(codes, r, dims=-1).flatten(1) for r in range(codes.shape[-1])]
    return torch.stack([c @ templates.flatten(1).T for c in shifts]).amax(0)


class TestMutants(FiveMutants):
    chapter = chapter06
    naive_catches = ("last shift forgotten",)
    accepted = (by_loop,)

    def values(self, implementation):
        generator = torch.Generator().manual_seed(1)
        templates = torch.randn(5, 3, 4, generator=generator)
        return implementation(templates, torch.randn(6, 3, 4, generator=generator))


def test_the_correct_one_is_the_helper():
    filters = random_max_filter(3, 5, 7, seed=2)
    generator = torch.Generator().manual_seed(3)
    codes = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(CORRECT(filters.weights, codes), filters(codes))
