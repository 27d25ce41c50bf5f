"""Max filters under cyclic shifts: the largest inner product with a shifted code."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from book.course.mutants.forms import chapter06 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart


def inputs(seed: int) -> list[tuple[Tensor, Tensor, NDArray[np.float64]]]:
    """Draw templates (m, k, n) and codes (B, k, n), generic and all negative.

    With each come the values, computed in loops.
    """
    draw = torch.Generator().manual_seed(seed)
    found = []
    for m, batch, k, n in [(5, 6, 3, 4), (4, 3, 2, 5), (2, 5, 1, 4), (3, 1, 2, 6), (3, 4, 2, 3)]:
        W = torch.randn(m, k, n, generator=draw)
        z = torch.randn(batch, k, n, generator=draw)
        found += [(W, z), (W.abs(), -z.abs())]
    return [(W, z, _largest(W, z)) for W, z in found]


def _largest(W: Tensor, z: Tensor) -> NDArray[np.float64]:
    rows = [
        [max((w * np.roll(c, r, 1)).sum() for r in range(c.shape[1])) for w in W.numpy()]
        for c in z.numpy()
    ]
    return np.array(rows)


def error(
    s: Implementation, W: Tensor, z: Tensor, wanted: NDArray[np.float64]
) -> tuple[float, Tensor]:
    """Return how far filters are from the right ones."""
    found = s(W.clone(), z.clone())
    return apart(found, wanted), found


SUBJECT = Subject("06", forms, inputs, error, hard=2)
