"""Geodesics of R^n / S_n: codes (B, n) and a time between 0 and 1 to codes (B, n)."""

import torch
from torch import Tensor


def between_sorted(x: Tensor, y: Tensor, t: float) -> Tensor:
    """Sort both ends and go along the line between them."""
    start, end = torch.sort(x, dim=1).values, torch.sort(y, dim=1).values
    return start + t * (end - start)


def from_x(x: Tensor, y: Tensor, t: float) -> Tensor:
    """Leave x as it is, and order y as x is ordered."""
    ranks = x.argsort(dim=1).argsort(dim=1)
    aligned = y.sort(dim=1).values.gather(1, ranks)
    return (1 - t) * x + t * aligned


def largest_first(x: Tensor, y: Tensor, t: float) -> Tensor:
    """Sort from the largest on, and weigh."""
    n = x.shape[1]
    ends = [torch.topk(z, n, dim=1).values for z in (x, y)]
    return ends[0] * (1 - t) + ends[1] * t


def towards_y(x: Tensor, y: Tensor, t: float) -> Tensor:
    """Carry x to the places of y, code by code."""
    places = []
    for a, b in zip(x, y, strict=True):
        order, there = a.argsort(), b.argsort()
        moved = torch.zeros_like(a)
        moved[there] = a[order]
        places.append(torch.lerp(moved, b, t))
    return torch.stack(places)
