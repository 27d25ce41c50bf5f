"""Lie derivatives: how a map changes if inputs and outputs move along their flows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from book.course.mutants.forms import chapter13 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Map = Callable[[Tensor], Tensor]


def inputs(seed: int) -> list[tuple[Map, Tensor, Tensor, Tensor, Tensor]]:
    """Draw smooth maps, points (B, d), and generators without symmetry, in double precision.

    With each comes the derivative as a difference quotient of finite transformations.
    """
    draw = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    def linear(W: Tensor) -> Map:
        return lambda x: x @ W.T

    def wave(W: Tensor) -> Map:
        return lambda x: torch.sin(x @ W.T)

    def cube(W: Tensor) -> Map:
        return lambda x: (x @ W.T) ** 3

    found = []
    for kind, batch, d, e in [(wave, 5, 3, 3), (linear, 4, 3, 2), (cube, 2, 2, 4), (wave, 1, 3, 3)]:
        f, x, A, B = kind(some(e, d)), some(batch, d), some(d, d), some(e, e)
        found.append((f, x, A, B, _quotient(f, x, A, B)))
    return found


def _quotient(f: Map, x: Tensor, A: Tensor, B: Tensor, h: float = 1e-4) -> Tensor:
    there, back = (
        f(x @ torch.linalg.matrix_exp(t * A).T) @ torch.linalg.matrix_exp(-t * B).T for t in (h, -h)
    )
    return (there - back) / (2 * h)


def error(
    L: Implementation, f: Map, x: Tensor, A: Tensor, B: Tensor, wanted: Tensor
) -> tuple[float, Tensor]:
    """Return how far a Lie derivative is from the right one."""
    found = L(f, x.clone(), A.clone(), B.clone())
    return apart(found, wanted), found


SUBJECT = Subject("13", forms, inputs, error, shipped=True)
