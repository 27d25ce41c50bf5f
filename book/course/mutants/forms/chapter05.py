"""Isometric cross sections of type B."""

import torch
from torch import Tensor


def by_squares(z: Tensor) -> Tensor:
    """Sort the squares and take roots."""
    squares = z * z
    return squares.sort(dim=1).values.sqrt()


def largest_first(z: Tensor) -> Tensor:
    """Go to the chamber in which entries fall and are not negative."""
    sizes = torch.maximum(z, -z)
    order = sizes.argsort(dim=1, descending=True)
    return sizes.gather(1, order)


def by_exchanges(z: Tensor) -> Tensor:
    """Reflect in one mirror after the other."""
    columns = [torch.where(column < 0, -column, column) for column in z.unbind(1)]
    for last in range(len(columns), 1, -1):
        for i in range(last - 1):
            low = torch.minimum(columns[i], columns[i + 1])
            columns[i + 1] = torch.maximum(columns[i], columns[i + 1])
            columns[i] = low
    return torch.stack(columns, dim=1)


def negative_chamber(z: Tensor) -> Tensor:
    """Go to the chamber in which entries rise and are not positive."""
    return -torch.topk(z.abs(), z.shape[1], dim=1).values
