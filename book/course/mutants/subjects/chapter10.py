"""Networks to regular fields of C_4: equivariance, each image alone, and not the same for all."""

from __future__ import annotations

import torch
from torch import Tensor

from book.course.mutants.forms import chapter10 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart


def inputs(seed: int) -> list[tuple[Tensor]]:
    """Draw batches of noise, shape (B, 1, m, m)."""
    draw = torch.Generator().manual_seed(seed)
    shapes = [(2, 7), (3, 6), (2, 9)]
    return [(torch.randn(batch, 1, m, m, generator=draw),) for batch, m in shapes]


def error(network: Implementation, x: Tensor) -> tuple[float, Tensor]:
    """Return by how much a demand is missed at worst, and the fields.

    A quarter turn generates the group.
    """
    f = network(x.clone())
    if f.ndim != 5 or f.shape[0] != len(x) or f.shape[2:] != (4, *x.shape[2:]):
        raise ValueError("the shape is wrong")
    missed = [float(f.std(dim=0).max() < 0.05)]
    moved = network(torch.rot90(x, 1, (2, 3)))
    wanted = [torch.rot90(f[:, :, h - 1], 1, (2, 3)) for h in range(4)]
    missed.append(apart(moved, torch.stack(wanted, dim=2)))
    missed.append(apart(torch.cat([network(one[None]) for one in x]), f))
    return max(missed), f


SUBJECT = Subject("10", forms, inputs, error)
