"""The copies of a code on its orbit, and the one that is nearest to another code."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from utils.groups import Action, CyclicShifts, PointPermutations, Representation
from utils.quotient._norms import chosen, norm_of_differences, root, settled

__all__ = ["copies", "nearest"]


@functools.singledispatch
def nearest(action: Action, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Find for each pair of codes the copy ``g y`` that is nearest to ``x``, without checks.

    The definition tries every element; among equally good ones it takes the first. A faster road
    for an action of your own is registered with ``@nearest.register``, and everything in
    :mod:`utils.quotient` then takes it.

    For codes of one shape ``(B, ...)`` the results are the ``float64`` distances ``(B,)`` and the
    ``B`` elements, which ``action.act`` takes.

    Examples
    --------
    >>> code = torch.tensor([[3.0, 1.0, 0.0, 0.0]])
    >>> distance, element = nearest(CyclicShifts(4), code, code.roll(1, -1))
    >>> distance.item(), element.item()
    (0.0, 3)
    """
    squared = [(x - copy).square().flatten(1).sum(dim=1) for copy in copies(action, y.double())]
    best, number = torch.stack(squared).min(dim=0)
    return _settled(root(best), x), action.take(number)


@functools.singledispatch
def copies(action: Action, y: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield ``g y`` for every element ``g``, and refuse an action that changes distances after all.

    That an action of a reader is isometric is the word of its author; here it is tried on the
    first and the last code.

    Examples
    --------
    >>> [copy.tolist() for copy in copies(CyclicShifts(2), torch.tensor([[3.0, 1.0]]))]
    [[[3.0, 1.0]], [[1.0, 3.0]]]
    """
    length = torch.linalg.vector_norm(y[0] - y[-1])
    for g in action.elements():
        copy = action.act(g, y.clone())
        found = torch.linalg.vector_norm(copy[0] - copy[-1])
        if copy.shape != y.shape or not torch.isclose(found, length, rtol=1e-5, atol=1e-12):
            raise ValueError(
                f"{action.name} is declared to be isometric, but its element {g} brings two codes "
                f"from the distance {length:.6g} to {found:.6g}."
            )
        yield copy


@copies.register
def _(action: CyclicShifts | Representation, y: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the copies of actions that were proven to be isometric."""
    return (action.act(g, y) for g in action.elements())


@nearest.register
def _(
    action: PointPermutations, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sort numbers: the rearrangement inequality. Match points by the Hungarian method."""
    y = y.double()  # and with it every difference from x
    if x[0].numel() == action.degree:  # numbers, or points on a line
        x, y = x.flatten(1), y.flatten(1)
        (ordered_x, places), (ordered_y, order) = (batch.sort(stable=True) for batch in (x, y))
        distance = torch.linalg.vector_norm(ordered_x - ordered_y, dim=1)
        # The j-th smallest number of y, at order[j], goes to the place of the j-th smallest of x.
        return _settled(distance, x), torch.empty_like(order).scatter_(1, order, places)
    matches = chosen(lambda one, other: _assign(_costs(one, other)), x.double(), y)
    matched = torch.gather(y, 1, matches[:, :, None].expand(y.shape))
    distance = norm_of_differences(x, matched)
    # Point matches[i] of y goes to place i: the permutation is the inverse of the matching.
    return _settled(distance, x), matches.argsort()


def _settled(distance: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Give distances from ``x`` that are only rounding the gradient zero."""
    return settled(distance, torch.linalg.vector_norm(x.detach().flatten(1), dim=1), x.dtype)


@torch.no_grad()
def _costs(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the squared distances ``(B, n, n)`` between the points of each pair of sets."""
    # From differences, not from scalar products: near-equal sets must not be told apart by
    # rounding alone. The differences themselves, d times as many numbers, are never held.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square_()


def _assign(costs: torch.Tensor) -> torch.Tensor:
    """Return for each cost matrix ``(n, n)`` of a batch the column assigned to each row."""
    found = np.empty(costs.shape[:2], dtype=np.int64)
    for b, cost in enumerate(costs.cpu().numpy()):
        found[b] = linear_sum_assignment(cost)[1]
    return torch.from_numpy(found).to(costs.device)
