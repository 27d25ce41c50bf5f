"""The solution test of chapter 12 catches all five mutants; the naive one does not."""

from __future__ import annotations

import torch

from tests.mutants import chapter12
from tests.mutants.chapter12 import CORRECT
from tests.mutants.frame import FiveMutants


def some_encoder(x):
    weights = torch.randn(25, 2, generator=torch.Generator().manual_seed(5))
    return torch.sin(x.flatten(1) @ weights)


def by_loop(f, x):
    table = torch.zeros(*f(x).shape, 4)
    for b in range(len(x)):
        image = x[b : b + 1]
        for r in range(4):
            table[b, :, r] = f(image)[0]
            image = image.transpose(1, 2).flip(2)
    return table


class TestMutants(FiveMutants):
    chapter = chapter12
    naive_catches = ("codes shifted, image not turned", "half circle, twice")
    accepted = (by_loop,)

    def values(self, implementation):
        return implementation(
            some_encoder, torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(6))
        )


def test_the_correct_one_agrees_with_a_loop():
    x = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(by_loop(some_encoder, x), CORRECT(some_encoder, x))
