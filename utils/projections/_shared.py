"""What the projections share: checks of what they are given, and the drawing of templates."""

from __future__ import annotations

import math

import torch

from utils.groups import CyclicShifts


def holds(condition: torch.Tensor, *, otherwise: bool = True) -> bool:
    """Return the truth of a tensor, or ``otherwise`` where vmap hides its value."""
    try:
        return bool(condition)
    except RuntimeError:
        return otherwise


def positive(value: int, what: str, smallest: int = 1) -> int:
    """Return a number of things, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"The number of {what} is an integer, but it is {value!r}.")
    if value < smallest:
        raise ValueError(f"The number of {what} is at least {smallest}, but it is {value}.")
    return value


def cyclic_codes(copies: int, order: int) -> tuple[CyclicShifts, tuple[int, int]]:
    """Return the action of C_n on ``k`` copies and the shape ``(k, n)`` of a code."""
    positive(copies, "copies")
    positive(order, "group elements", smallest=2)
    return CyclicShifts(order), (copies, order)


def draw(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Draw Gaussian templates whose squares add up to the dimension of the code on average."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"The seed is an integer, but it is {seed!r}.")
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[0])
