"""Relabelled graphs: what was at place i is at place p(i)."""

from __future__ import annotations

import torch
from torch import Tensor

from book.course.mutants.forms import chapter07 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject


def inputs(seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Draw types 0 to 4, symmetric bonds 0 to 3, and a permutation for each graph."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for batch in (1, 2, 5, 12):
        a = torch.randint(0, 5, (batch, 9), generator=draw)
        half = torch.randint(0, 4, (batch, 9, 9), generator=draw).triu(1)
        found.append((a, half + half.mT, torch.rand(batch, 9, generator=draw).argsort(1)))
    return found


def error(
    relabel: Implementation, a: Tensor, A: Tensor, p: Tensor
) -> tuple[float, tuple[Tensor, Tensor]]:
    """Return the share of entries that are not what the definition says, of types or of bonds."""
    new_a, new_A = relabel(a.clone(), A.clone(), p.clone())
    if new_a.shape != a.shape or new_A.shape != A.shape:
        raise ValueError("the shape is wrong")
    types = bonds = 0
    for b in range(len(p)):
        for i, place in enumerate(p[b].tolist()):
            types += int(new_a[b, place] != a[b, i])
            bonds += int((new_A[b, place, p[b]] != A[b, i]).sum())
    return max(types / a.numel(), bonds / A.numel()), (new_a, new_A)


SUBJECT = Subject("07", forms, inputs, error, margin=0.02, rounding=0.0)
