"""The solution test of chapter 13 catches all five mutants; the naive one does not."""

from __future__ import annotations

import torch

from tests.mutants import chapter13
from tests.mutants.chapter13 import CORRECT
from tests.mutants.frame import FiveMutants


def example():
    draw = torch.Generator().manual_seed(5)
    x = torch.randn(4, 2, generator=draw, dtype=torch.float64)
    A, B = torch.randn(2, 2, 2, generator=draw, dtype=torch.float64)
    return (lambda x: torch.sin(x) * x.flip(1)), x, A, B


def by_moving(f, x, A, B):
    """Difference quotients of finite transformations, by the matrix exponential."""
    h = 1e-5
    there, back = (
        f(x @ torch.linalg.matrix_exp(t * A).T) @ torch.linalg.matrix_exp(-t * B).T for t in (h, -h)
    )
    return (there - back) / (2 * h)


class TestMutants(FiveMutants):
    chapter = chapter13
    naive_catches = ("one whole step",)

    def values(self, implementation):
        return implementation(*example())


def test_the_correct_one_agrees_with_finite_transformations():
    torch.testing.assert_close(CORRECT(*example()), by_moving(*example()), rtol=1e-6, atol=1e-7)
