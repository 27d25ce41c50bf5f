"""The solution test of chapter 03 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants import chapter03
from tests.mutants.chapter03 import CATCHES, CORRECT, MUTANTS
from tests.mutants.frame import FiveMutants


class TestMutants(FiveMutants):
    chapter = chapter03
    naive_catches = ("turns the kernel the other way",)
    accepted = (
        lambda x: CORRECT(x).square(),
        lambda x: CORRECT(x) - CORRECT(x).mean((1, 2, 3), keepdim=True),
    )
    apart = 1e-5

    def values(self, implementation):
        return implementation(torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(7)))


def test_the_solution_catches_a_layer_that_ignores_its_input():
    assert CATCHES(lambda x: torch.ones(len(x), 4, 14, 14))


def test_the_correct_one_is_equivariant_by_the_helper():
    from utils.equivariance import assert_equivariant

    x = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(8))
    turns = range(4)
    images = [lambda x, r=r: torch.rot90(x, r, (-2, -1)) for r in turns]
    features = [lambda z, r=r: torch.rot90(z, r, (-2, -1)).roll(r, dims=1) for r in turns]
    assert_equivariant(CORRECT, x, images, features)
    with pytest.raises(AssertionError):
        assert_equivariant(MUTANTS["forgets even sides"], x, images, features)
