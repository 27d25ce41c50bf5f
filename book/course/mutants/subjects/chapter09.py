"""Geodesics of R^n / S_n: the sorted code moves along a line with constant speed."""

from __future__ import annotations

import torch
from torch import Tensor

from book.course.mutants.forms import chapter09 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart


def inputs(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Draw pairs of batches of codes, shape (B, n), with entries of both signs."""
    draw = torch.Generator().manual_seed(seed)
    shapes = [(6, 4), (1, 4), (3, 3), (4, 5), (2, 6)]
    return [tuple(1.5 * torch.randn(2, b, n, generator=draw)) for b, n in shapes]


def error(path: Implementation, x: Tensor, y: Tensor) -> tuple[float, list[Tensor]]:
    """Return how far a path is from the geodesic of orbits, or a code from itself alone.

    By the rearrangement inequality sorting is an isometry onto the sorted codes, a convex set.
    """
    missed, values = [], []
    start, end = (torch.tensor([sorted(row) for row in z.tolist()]) for z in (x, y))
    for t in (0.0, 0.25, 0.6, 1.0):
        place = path(x.clone(), y.clone(), t)
        if place.shape != x.shape:
            raise ValueError("the shape is wrong")
        missed.append(apart(place.sort(1).values, (1 - t) * start + t * end))
        alone = torch.cat([path(x[[i]], y[[i]], t) for i in range(len(x))])
        missed.append(apart(alone, place))
        values.append(place)
    return max(missed), values


SUBJECT = Subject("09", forms, inputs, error)
