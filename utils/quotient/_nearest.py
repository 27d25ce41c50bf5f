"""The nearest copy of a code on the orbit of another, for paired codes, and its distance."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from utils.groups import GroupAction, PointPermutations


def paired(
    x: torch.Tensor, y: torch.Tensor, action: GroupAction
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ``float64`` distances and the elements ``g`` that bring ``y`` closest to ``x``."""
    y = y.double()  # and with it every difference from x
    if isinstance(action, PointPermutations):
        return _paired_numbers(x, y) if x.ndim == 2 else paired_points(x, y)
    squared = [(x - action.act(g, y)).square().flatten(1).sum(dim=1) for g in range(action.order)]
    best, element = torch.stack(squared).min(dim=0)
    return best.sqrt(), element


def _paired_numbers(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sorting solves the assignment of numbers: the rearrangement inequality."""
    (ordered_x, places), (ordered_y, order) = (batch.sort(stable=True) for batch in (x, y))
    distance = torch.linalg.vector_norm(ordered_x - ordered_y, dim=1)
    # The j-th smallest number of y, at order[j], goes to the place of the j-th smallest of x.
    return distance, torch.empty_like(order).scatter_(1, order, places)


def paired_points(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Match the points of each pair of sets by the Hungarian method."""
    matches = _assign(_costs(x.double(), y))
    matched = torch.gather(y, 1, matches[:, :, None].expand(y.shape))
    distance = (x - matched).square().flatten(1).sum(dim=1).sqrt()
    # Point matches[i] of y goes to place i: the permutation is the inverse of the matching.
    return distance, matches.argsort()


@torch.no_grad()
def _costs(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the squared distances ``(B, n, n)`` between the points of each pair of sets."""
    # From differences, not from scalar products: near-equal sets must not be told apart by
    # rounding alone. The differences themselves, d times as many numbers, are never held.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square_()


def _assign(costs: torch.Tensor) -> torch.Tensor:
    """Return for each cost matrix ``(n, n)`` of a batch the column assigned to each row."""
    found = np.empty(costs.shape[:2], dtype=np.int64)
    for b, cost in enumerate(costs.detach().cpu().numpy()):
        found[b] = linear_sum_assignment(cost)[1]
    return torch.from_numpy(found).to(costs.device)
