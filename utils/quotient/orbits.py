"""Orbits, listed member by member."""

from __future__ import annotations

import itertools

import torch

from utils.groups import GroupAction, PointPermutations
from utils.quotient._checks import check_batch, check_kind

__all__ = ["orbit"]

_MOST_POINTS = 7
"""The most points whose orbit is listed; it has 7! = 5040 members."""


def orbit(x: torch.Tensor, action: GroupAction) -> torch.Tensor:
    """Move every code by every group element.

    Parameters
    ----------
    x : torch.Tensor
        Codes of shape ``(B, ...)``.
    action : GroupAction
        The action; points are permuted for at most 7 of them.

    Returns
    -------
    torch.Tensor
        Shape ``(B, |G|, ...)``, the elements in the order of the group; permutations are in
        lexicographic order. Repetitions are kept.

    Raises
    ------
    ValueError
        If the shape does not fit, the batch is empty or not finite, or the group is too large.
    TypeError
        If ``x`` is not a float32 or float64 tensor.
    """
    check_kind(action)
    check_batch(x, action, "x")
    if isinstance(action, PointPermutations):
        if action.degree > _MOST_POINTS:
            raise ValueError(
                f"The orbit under {action.name} has {action.order} members, too many to list; use "
                f"quotient_distance or align, which do not list them."
            )
        permutations = itertools.permutations(range(action.degree))
        return torch.stack([action.act(torch.tensor(p), x) for p in permutations], dim=1)
    return torch.stack([action.act(g, x) for g in range(action.order)], dim=1)
