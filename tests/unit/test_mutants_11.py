"""The solution test of chapter 11 catches all five mutants; the naive one does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.mutants.chapter11 import CATCHES, CORRECT, MUTANTS, NAIVE


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


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    values = [distance(codes(1), codes(2)) for distance in (CORRECT, *MUTANTS.values())]
    for i, first in enumerate(values):
        for second in values[:i]:
            assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    assert not CATCHES(CORRECT)
    assert not CATCHES(by_roots)


def test_the_naive_test_accepts_the_correct_one_and_misses_some():
    assert not NAIVE(CORRECT)
    caught = {name for name, mutant in MUTANTS.items() if NAIVE(mutant)}
    assert caught == {"only eight turns"}


def test_the_correct_one_agrees_with_the_roots_of_the_derivative():
    x, y = codes(3), codes(4)
    torch.testing.assert_close(CORRECT(x, y), by_roots(x, y), rtol=1e-9, atol=1e-9)
    coarse = CORRECT(x, y, angles=8, steps=0)
    assert (coarse > by_roots(x, y) + 1e-4).any()
