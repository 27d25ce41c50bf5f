"""Penalties on maps of positions that are not equivariant under rotations and shifts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from book.course.mutants.forms import chapter16 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Family = Callable[[Tensor, Tensor], Tensor]


def inputs(seed: int) -> list[tuple[object, ...]]:
    """Draw families of maps with a matrix of parameters, states, quaternions and shifts.

    With each come the penalty and its gradient in the parameters, from SciPy's rotations.
    """
    draw = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    def wave(W: Tensor, x: Tensor) -> Tensor:
        return torch.sin(x @ W.T) + x.mean(-2, keepdim=True)

    def step(W: Tensor, x: Tensor) -> Tensor:
        return x + (x - x.mean(-2, keepdim=True)) @ W.T

    def bend(W: Tensor, x: Tensor) -> Tensor:
        return x.square() @ W.T / 2

    found: list[tuple[object, ...]] = []
    for family, batch, n in [(wave, 4, 3), (step, 3, 2), (bend, 5, 1), (wave, 2, 4), (step, 6, 3)]:
        x, q, v, W = some(batch, n, 3), some(batch, 4), some(batch, 3), some(3, 3)
        found.append((family, x, q, v, W, *_wanted(family, x, q, v, W)))
    return found


def _wanted(family: Family, x: Tensor, q: Tensor, v: Tensor, W: Tensor) -> tuple[Tensor, Tensor]:
    """Return the penalty and its gradient, one state after another."""
    W = W.clone().requires_grad_()
    turns = torch.tensor(Rotation.from_quat(q[:, [1, 2, 3, 0]].numpy()).as_matrix())
    total = torch.zeros((), dtype=torch.float64)
    for a, R, s in zip(x, turns, v, strict=True):
        gap = family(W, a @ R.T + s) - (family(W, a) @ R.T + s)
        total = total + (gap**2).sum() / len(x)
    return total.detach(), torch.autograd.grad(total, W)[0]


def error(
    penalty: Implementation,
    family: Family,
    x: Tensor,
    q: Tensor,
    v: Tensor,
    W: Tensor,
    value: Tensor,
    gradient: Tensor,
) -> tuple[float, tuple[Tensor, Tensor]]:
    """Return how far a penalty or its gradient is from the right one, whichever is farther."""
    W = W.clone().requires_grad_()
    found = penalty(lambda x: family(W, x), x.clone(), q.clone(), v.clone())
    (slope,) = torch.autograd.grad(found, W)
    gap = max(apart(found.detach(), value), apart(slope, gradient))
    return gap, (found.detach().reshape(1), slope)


SUBJECT = Subject("16", forms, inputs, error, shipped=True)
