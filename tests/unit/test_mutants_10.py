"""The solution test of chapter 10 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants import chapter10
from tests.mutants.chapter10 import (
    CATCHES,
    CORRECT,
    LIFT,
    MIX,
    MUTANTS,
    TURN,
    TURN_FIELD,
)
from tests.mutants.frame import FiveMutants
from utils.equivariance import assert_equivariant


def noise(batch: int, seed: int) -> torch.Tensor:
    return torch.randn(batch, 1, 11, 11, generator=torch.Generator().manual_seed(seed))


class TestMutants(FiveMutants):
    chapter = chapter10
    naive_catches = ("does not roll the second filters", "does not turn the first filters")
    accepted = (
        lambda x: CORRECT(x).square(),
        lambda x: CORRECT(x) - CORRECT(x).mean((2, 3, 4), keepdim=True),
    )
    apart = 1e-4

    def values(self, implementation):
        return implementation(noise(5, 7))


def test_the_solution_catches_a_network_that_ignores_its_input():
    assert CATCHES(lambda x: torch.ones(len(x), 2, 4, *x.shape[-2:]))


def test_the_layers_are_equivariant_by_the_helper():
    turns = range(4)
    images = [lambda x, r=r: torch.rot90(x, r, (-2, -1)) for r in turns]
    fields = [lambda f, r=r: torch.rot90(f, r, (-2, -1)).roll(r, dims=2) for r in turns]
    assert_equivariant(CORRECT, noise(4, 8), images, fields)
    with pytest.raises(AssertionError):
        assert_equivariant(MUTANTS["rolls the wrong way"], noise(4, 8), images, fields)


def test_turning_a_field_four_times_is_nothing_and_twice_is_half_a_turn():
    f = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(9))
    once = TURN_FIELD(f, 1)
    assert torch.equal(TURN_FIELD(TURN_FIELD(once, 2), 1), f)
    assert torch.equal(once[:, :, 1], TURN(f[:, :, 0], 1))


def test_the_layers_agree_with_sums_over_places():
    draw = torch.Generator().manual_seed(10)
    x = torch.randn(1, 1, 5, 5, generator=draw)
    w = torch.randn(1, 1, 5, 5, generator=draw)
    v = torch.randn(1, 1, 4, 5, 5, generator=draw)
    lifted = LIFT(x, w)
    for h in range(4):
        centre = (x * torch.rot90(w, h, (-2, -1))).sum()
        assert torch.allclose(lifted[0, 0, h, 2, 2], centre, atol=1e-4)
    mixed = MIX(lifted, v)
    for h in range(4):
        pattern = torch.stack([torch.rot90(v[0, 0, (k - h) % 4], h) for k in range(4)])
        assert torch.allclose(mixed[0, 0, h, 2, 2], (lifted[0, 0] * pattern).sum(), atol=1e-3)
