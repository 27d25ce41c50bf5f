"""What the functions of this room ask of an action and of codes, before any work is done."""

from __future__ import annotations

import torch

from utils.groups import CyclicShifts, GroupAction, PointPermutations, Representation


def check_kind(action: GroupAction) -> None:
    """Refuse an action that the functions of this room do not know."""
    if not isinstance(action, Representation | CyclicShifts | PointPermutations):
        raise TypeError(
            f"The action is CyclicShifts(n), PointPermutations(n) or a Representation, but it is "
            f"a {type(action).__name__}."
        )


def check_action(action: GroupAction) -> None:
    """Refuse an action that is not known or not isometric."""
    check_kind(action)
    if isinstance(action, Representation) and not action.is_orthogonal:
        raise ValueError(
            f"The quotient distance needs a group of isometries, but {action.name} of "
            f"{action.group.name} has matrices that are not orthogonal."
        )


def check_batch(x: torch.Tensor, action: GroupAction, name: str) -> None:
    """Refuse a batch of codes on which the group does not act; ``name`` is the argument's."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, but it is a {type(x).__name__}.")
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be float32 or float64, but it is {x.dtype}; convert it.")
    action.check(x)
    if x.numel() == 0:
        raise ValueError(f"{name} is empty, shape {tuple(x.shape)}; give at least one code.")
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} holds NaN or infinite values; remove them first.")


def check_pair(x: torch.Tensor, y: torch.Tensor, action: GroupAction, names: str) -> None:
    """Refuse two batches that cannot be compared; ``names`` are the arguments', with a space."""
    check_action(action)
    first, second = names.split()
    check_batch(x, action, first)
    check_batch(y, action, second)
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
