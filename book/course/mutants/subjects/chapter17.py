"""Convolutions on SE(2): means of k(u_j^-1 u_i) f_j over the elements near i."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from book.course.mutants.forms import chapter17 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Kernel = Callable[[Tensor], Tensor]


def inputs(seed: int) -> list[tuple[object, ...]]:
    """Draw elements with all angles, features, kernels without a symmetry, and radii.

    With each comes the convolution, from NumPy's matrices, one pair after another.
    """
    draw = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    found: list[tuple[object, ...]] = []
    for n, radius in [(7, 1.6), (5, 1.1), (9, 2.2), (4, 9.0), (6, 1.4)]:
        u, f = some(n, 3), some(n)
        u[:, 2] = u[:, 2] * 2.5
        w, v = some(3, 6), some(6)

        def kernel(e: Tensor, w: Tensor = w, v: Tensor = v) -> Tensor:
            return torch.tanh(e @ w) @ v

        found.append((u, f, kernel, radius, _wanted(u, f, kernel, radius)))
    return found


def _matrix(row: np.ndarray) -> np.ndarray:
    x, y, angle = row
    return np.array(
        [[np.cos(angle), -np.sin(angle), x], [np.sin(angle), np.cos(angle), y], [0, 0, 1]]
    )


def _wanted(u: Tensor, f: Tensor, kernel: Kernel, radius: float) -> Tensor:
    """Solve for each element seen from another."""
    matrices = [_matrix(row) for row in u.numpy()]
    means = []
    for there in matrices:
        values = []
        for j, here in enumerate(matrices):
            if np.linalg.norm(there[:2, 2] - here[:2, 2]) <= radius:
                seen = np.linalg.solve(here, there)
                turn = np.arctan2(seen[1, 0], seen[0, 0])
                element = torch.tensor([seen[0, 2], seen[1, 2], turn], dtype=torch.float64)
                values.append(float(kernel(element) * f[j]))
        means.append(np.mean(values))
    return torch.tensor(means, dtype=torch.float64)


def error(
    conv: Implementation, u: Tensor, f: Tensor, kernel: Kernel, radius: float, wanted: Tensor
) -> tuple[float, Tensor]:
    """Return how far a convolution is from the right one."""
    found = conv(u.clone(), f.clone(), kernel, radius)
    return apart(found, wanted), found


SUBJECT = Subject("17", forms, inputs, error, shipped=True)
