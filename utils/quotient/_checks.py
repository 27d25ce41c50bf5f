"""What the functions of this room ask of an action and of codes, before any work is done."""

from __future__ import annotations

import torch

from utils.groups import Action
from utils.groups.action import check_action, check_batch


def check_pair(x: torch.Tensor, y: torch.Tensor, action: Action, names: str) -> None:
    """Refuse two batches that cannot be compared; ``names`` are the arguments', with a space."""
    check_action(action)
    if not action.is_isometric:
        raise ValueError(
            f"The quotient distance needs a group of isometries, but {action.name} of "
            f"{action.group.name} changes distances (its matrices are not orthogonal)."
        )
    first, second = names.split()
    try:
        check_batch(x, action, first)
        check_batch(y, action, second)
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        raise ValueError(
            "Which copy of a code is nearest depends on its values, which torch.func.vmap hides; "
            "leave vmap out and give all codes as one batch, or loop over batches."
        ) from error
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"The codes in {first} and {second} must have one shape, but they have "
            f"{tuple(x.shape[1:])} and {tuple(y.shape[1:])}."
        )
    if x.dtype != y.dtype:
        raise TypeError(f"{first} is {x.dtype} and {second} is {y.dtype}; convert one of them.")


def broadcast(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two batches of one length, a batch of one being repeated."""
    if len(x) != len(y) and 1 not in (len(x), len(y)):
        raise ValueError(
            f"x holds {len(x)} codes and y {len(y)}; pairs need as many in both, or "
            f"one in one of them. quotient_distance_matrix compares all with all."
        )
    size = max(len(x), len(y))
    return x.expand(size, *x.shape[1:]), y.expand(size, *y.shape[1:])


def only_auto(action: Action, method: str) -> None:
    """Refuse a method that is for another action."""
    if method != "auto":
        raise ValueError(f"The method {method!r} is for CyclicShifts only, not for {action.name}.")
