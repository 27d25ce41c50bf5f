"""What the modules of this room share: the tolerance, arrays kept, and arguments checked."""

from __future__ import annotations

import numpy as np
import torch

TOLERANCE = 1e-9
"""Largest entry of an error matrix that is still rounding, for matrices with entries near 1."""


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a copy of ``array`` that cannot be written to."""
    copy = np.array(array, copy=True, order="C")
    copy.setflags(write=False)
    return copy


def check_degree(n: int, family: str, largest: int | None = None) -> int:
    """Return ``n`` as an integer, or refuse one that no group of the family has."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"The n of {family}(n) is an integer, but it is {n!r}.")
    if n < 1 or (largest is not None and n > largest):
        limit = "at least 1" if largest is None else f"between 1 and {largest}"
        raise ValueError(f"The n of {family}(n) is {limit}, but it is {n}.")
    return int(n)


def check_elements(
    elements: int | torch.Tensor, batch: int, order: int, device: torch.device
) -> torch.Tensor:
    """Return group elements as integers: one for the whole batch, or one for each member."""
    index = torch.as_tensor(elements, device=device)
    if index.is_floating_point() or index.dtype == torch.bool or index.shape not in ((), (batch,)):
        raise ValueError(
            f"Group elements are one integer, or one for each of the {batch} members of the "
            f"batch, but they have shape {tuple(index.shape)} and type {index.dtype}."
        )
    if index.numel() and (int(index.min()) < 0 or int(index.max()) >= order):
        raise ValueError(
            f"The group has the elements 0 to {order - 1}, but the elements given run from "
            f"{int(index.min())} to {int(index.max())}."
        )
    return index.long()
