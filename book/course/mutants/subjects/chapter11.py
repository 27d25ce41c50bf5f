"""Quotient distances over the circle: the least distance over all angles."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from book.course.mutants.forms import chapter11 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Array = NDArray[np.float64]


def inputs(seed: int) -> list[tuple[Tensor, Tensor, Array]]:
    """Draw pairs, shape (B, k, F + 1): generic, in one orbit, and mirror images.

    With each come the distances, found one by one.
    """
    draw = torch.Generator().manual_seed(seed)
    found = []
    for batch, k, number in [(3, 3, 4), (1, 2, 4), (4, 1, 3)]:
        x, y = torch.randn(2, batch, k, number, generator=draw, dtype=torch.complex128)
        angles = 6 * torch.rand(batch, 1, 1, generator=draw, dtype=torch.float64)
        turned = x * torch.exp(1j * angles * torch.arange(number))
        found += [(x, y), (x, turned), (x, x.conj_physical()), (x, turned + 0.3 * y)]
    least = [
        np.array([_least(*p) for p in zip(x.numpy(), y.numpy(), strict=True)]) for x, y in found
    ]
    return [(x, y, wanted) for (x, y), wanted in zip(found, least, strict=True)]


def _least(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> float:
    """Minimize over 2,000 angles, and by thirds between the neighbours of the best."""

    def gap(theta: float) -> float:
        return float(np.linalg.norm(a - b * np.exp(1j * theta * np.arange(b.shape[1]))))

    overlap = np.exp(-1j * np.outer(np.linspace(0, 2 * np.pi, 2001), np.arange(b.shape[1])))
    best = 2 * np.pi / 2000 * int((overlap @ (a * b.conj()).sum(0)).real.argmax())
    low, high = best - 4e-3, best + 4e-3
    while high - low > 1e-7:
        third = (high - low) / 3
        low, high = (
            (low, high - third) if gap(low + third) < gap(high - third) else (low + third, high)
        )
    return gap((low + high) / 2)


def error(d: Implementation, x: Tensor, y: Tensor, wanted: Array) -> tuple[float, Tensor]:
    """Return how far distances are from the right ones."""
    found = d(x.clone(), y.clone())
    return apart(found, wanted), found


SUBJECT = Subject("11", forms, inputs, error)
