"""Quotient distances under cyclic shifts: the least distance over the orbit."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from book.course.mutants.forms import chapter04 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart


def inputs(seed: int) -> list[tuple[Tensor, Tensor, NDArray[np.float64]]]:
    """Draw pairs of batches, shape (B, k, 6): generic, in one orbit, and easily taken for one.

    With each come the distances, found one by one.
    """
    draw = torch.Generator().manual_seed(seed)
    found = []
    for batch, k in [(4, 2), (1, 3), (6, 3)]:
        x, y = 1.5 * torch.randn(2, batch, k, 6, generator=draw, dtype=torch.float64)
        r = int(torch.randint(1, 6, (), generator=draw))
        rows = x.clone()
        rows[:, 0] = rows[:, 0].roll(r, -1)
        found += [(x, y), (x, x.roll(r, -1)), (x, rows), (x, x.flip(-1).roll(r, -1)), (y, x)]
    return [(x, y, _least(x, y)) for x, y in found]


def _least(x: Tensor, y: Tensor) -> NDArray[np.float64]:
    pairs = zip(x.numpy(), y.numpy(), strict=True)
    return np.array([min(np.linalg.norm(a - np.roll(b, r, 1)) for r in range(6)) for a, b in pairs])


def error(
    d: Implementation, x: Tensor, y: Tensor, wanted: NDArray[np.float64]
) -> tuple[float, Tensor]:
    """Return how far distances are from the right ones."""
    found = d(x.clone(), y.clone())
    return apart(found, wanted), found


SUBJECT = Subject("04", forms, inputs, error, hard=2)
