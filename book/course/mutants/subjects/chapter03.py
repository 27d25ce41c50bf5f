"""Lifting layers: equivariance under quarter turns, each image alone, and not the same for all."""

from __future__ import annotations

import torch
from torch import Tensor

from book.course.mutants.forms import chapter03 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart


def inputs(seed: int) -> list[tuple[Tensor]]:
    """Draw batches of noise, shape (B, 1, m, m), with odd and even sides."""
    draw = torch.Generator().manual_seed(seed)
    shapes = [(3, 12), (2, 13), (3, 11), (2, 10)]
    return [(torch.randn(batch, 1, m, m, generator=draw),) for batch, m in shapes]


def error(layer: Implementation, x: Tensor) -> tuple[float, Tensor]:
    """Return by how much a demand is missed at worst, and the features.

    A quarter turn generates the group.
    """
    z = layer(x.clone())
    if z.shape[:2] != (len(x), 4) or z.shape[2] != z.shape[3]:
        raise ValueError("the shape is wrong")
    missed = [float(z.std(dim=0).max() < 0.1)]
    moved = layer(torch.rot90(x, 1, (2, 3)))
    wanted = [torch.rot90(z[:, h - 1], 1, (1, 2)) for h in range(4)]
    missed.append(apart(moved, torch.stack(wanted, dim=1)))
    missed.append(apart(torch.cat([layer(one[None]) for one in x]), z))
    return max(missed), z


SUBJECT = Subject("03", forms, inputs, error)
