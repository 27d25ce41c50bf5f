"""The solution test of chapter 11 catches all five mutants; the naive one does not."""

from __future__ import annotations

import numpy as np
import torch

from tests.mutants import chapter11
from tests.mutants.chapter11 import CORRECT
from tests.mutants.frame import FiveMutants


def codes(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 3, 4, dtype=torch.complex128, generator=generator)


def by_roots(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The minimum over all turns, from the critical points of a trigonometric polynomial."""
    found = []
    for a, b in zip(x, y, strict=True):
        overlap, f = (a * b.conj()).sum(dim=0).numpy(), np.arange(a.shape[1])
        slope = np.concatenate([(f * overlap)[:0:-1], [0], -(f * overlap).conj()[1:]])
        theta = -np.angle(np.roots(slope))
        best = (overlap * np.exp(-1j * np.outer(theta, f))).real.sum(axis=1).max()
        norms = (a.abs() ** 2 + b.abs() ** 2).sum().item()
        found.append(np.sqrt(max(0.0, norms - 2 * best)))
    return torch.tensor(found)


class TestMutants(FiveMutants):
    chapter = chapter11
    naive_catches = ("only eight turns",)
    accepted = (by_roots,)

    def values(self, implementation):
        return implementation(codes(1), codes(2))


def test_the_correct_one_agrees_with_the_roots_of_the_derivative():
    x, y = codes(3), codes(4)
    torch.testing.assert_close(CORRECT(x, y), by_roots(x, y), rtol=1e-9, atol=1e-9)
    coarse = CORRECT(x, y, angles=8, steps=0)
    assert (coarse > by_roots(x, y) + 1e-4).any()
