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
