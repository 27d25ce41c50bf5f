"""Soft carrying: every slot reads the places, in order of their numbers, by their distances."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from book.course.mutants.forms import chapter08 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Input = tuple[Tensor, Tensor, Tensor, NDArray[np.float64], NDArray[np.float64]]


def inputs(seed: int) -> list[Input]:
    """Draw codes far apart, near each other and with ties, with rows and tables.

    With each come both results, as sums over places.
    """
    draw = torch.Generator().manual_seed(seed)
    found = []
    for n, C in [(3, 2), (4, 3), (5, 1), (6, 4)]:
        far = torch.randperm(n, generator=draw) - 1.0
        near = 0.1 * torch.randn(n, generator=draw)
        tied = torch.cat([near[:1], near[:-1]])[torch.randperm(n, generator=draw)]
        for z in (far, near, tied):
            X, Y = torch.randn(n, C, generator=draw), torch.randn(n, n, generator=draw)
            R = np.array([_reads(number, sorted(z.tolist())) for number in z.tolist()])
            table = np.einsum("ik,jl,kl->ij", R, R, Y.numpy())
            found.append((z, X, Y, (R[:, :, None] * X.numpy()).sum(1), table))
    return found


def _reads(number: float, places: list[float]) -> list[float]:
    weights = [math.exp(-abs(number - place) / 0.05) for place in places]
    return [w / sum(weights) for w in weights]


def error(
    f: Implementation, z: Tensor, X: Tensor, Y: Tensor, *wanted: NDArray[np.float64]
) -> tuple[float, tuple[Tensor, Tensor]]:
    """Return how far rows and table are from the right ones."""
    rows, table = f(z.clone(), X.clone(), Y.clone())
    return max(apart(rows, wanted[0]), apart(table, wanted[1])), (rows, table)


SUBJECT = Subject("08", forms, inputs, error, margin=1e-2, hard=2)
