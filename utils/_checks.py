"""Checks that every room asks at its doors: whole numbers, choices, tensors of codes.

Each says in one sentence what was expected and what was given, before any work is done.
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any, TypeVar

import torch

__all__ = ["check_choice", "check_finite", "check_float", "check_whole"]

Choice = TypeVar("Choice")


def check_whole(value: Any, what: str, smallest: int = 1, largest: int | None = None) -> int:
    """Return a whole number within its limits as an ``int``; ``what`` opens the sentence.

    Examples
    --------
    >>> check_whole(3, "The number of copies")
    3
    >>> check_whole(True, "The number of copies")
    Traceback (most recent call last):
    TypeError: The number of copies is an integer, but it is True.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | torch.Tensor):
        raise TypeError(f"{what} is an integer, but it is {value!r}.")
    if number < smallest or (largest is not None and number > largest):
        limits = f"at least {smallest}" if largest is None else f"from {smallest} to {largest}"
        raise ValueError(f"{what} is {limits}, but it is {number}.")
    return number


def check_choice(value: Choice, what: str, choices: Collection[Choice]) -> Choice:
    """Return one of several choices, or name them all.

    Examples
    --------
    >>> check_choice("auto", "The method", ("auto", "fft"))
    'auto'
    >>> check_choice("fast", "The method", ("auto", "fft"))
    Traceback (most recent call last):
    ValueError: The method is one of 'auto', 'fft', but it is 'fast'.
    """
    if value not in choices:
        raise ValueError(f"{what} is one of {', '.join(map(repr, choices))}, but it is {value!r}.")
    return value


def check_float(x: Any, what: str) -> torch.Tensor:
    """Return a tensor of ``float32`` or ``float64`` numbers, or say what it is instead."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"{what} must be a torch.Tensor, but it is a {type(x).__name__}; convert it with "
            f"torch.as_tensor."
        )
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"{what} must be float32 or float64, but it is {x.dtype}; convert it with .float()."
        )
    return x


def check_finite(x: torch.Tensor, what: str) -> torch.Tensor:
    """Return a tensor that is not empty and holds neither NaN nor infinity."""
    if x.numel() == 0:
        raise ValueError(f"{what} is empty, shape {tuple(x.shape)}.")
    # A sum is NaN or infinite if a number is: one pass, nothing of the tensor's size is kept.
    if not torch.isfinite(x.detach().sum()) and not torch.isfinite(x).all():
        raise ValueError(f"{what} holds NaN or infinite values; remove them first.")
    return x
