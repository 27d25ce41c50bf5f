"""Isometric cross sections of type B: in the orbit, constant on it, and as far apart as orbits."""

from __future__ import annotations

import torch
from torch import Tensor

from book.course.mutants.forms import chapter05 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart


def inputs(seed: int) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Draw batches of codes z and w, shape (B, n), with an order and signs for every z."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for batch, n in [(1, 4), (2, 3), (6, 4), (16, 4), (8, 2), (4, 5), (5, 6), (32, 3)]:
        z, w = 1.5 * torch.randn(2, batch, n, generator=draw, dtype=torch.float64)
        order = torch.rand(batch, n, generator=draw).argsort(1)
        signs = torch.randint(0, 2, (batch, n), generator=draw) * 2 - 1
        found.append((z, w, order, signs))
    return found


def error(
    s: Implementation, z: Tensor, w: Tensor, order: Tensor, signs: Tensor
) -> tuple[float, Tensor]:
    """Return by how much a demand is missed at worst, and s(z)."""
    value, other = s(z.clone()), s(w.clone())
    if value.shape != z.shape:
        raise ValueError("the shape is wrong")
    sizes, others = z.abs().sort(1).values, w.abs().sort(1).values
    distance = (sizes - others).norm(dim=1)
    missed = [
        apart(s(z.gather(1, order) * signs), value),
        apart(value.abs().sort(1).values, sizes),
        apart((value - other).norm(dim=1), distance),
        apart(torch.cat([s(one[None].clone()) for one in z]), value),
    ]
    return max(missed), value


SUBJECT = Subject("05", forms, inputs, error)
