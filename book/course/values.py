"""What checks read off an answer: whole numbers, numbers, truth values and arrays.

Each function takes the answer and a name, returns a plain value, and refuses what has another
kind or shape with a sentence for the student. NumPy's and torch's numbers count as numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from book.course.task import Answer, require

__all__ = [
    "array",
    "as_array",
    "as_number",
    "as_whole",
    "defined",
    "number",
    "truth",
    "whole",
    "words",
]


def _plain(value: Any) -> Any:
    """Return arrays and tensors of one number as that number, and all else as it is."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0:
        return value.item()
    return value


def number(answer: Answer, name: str) -> float:
    """Return an answer that is one finite real number."""
    return as_number(getattr(answer, name), name)


def as_number(value: Any, name: str) -> float:
    """Return a value that is one finite real number; ``name`` says in words what it is.

    Examples
    --------
    >>> as_number(np.float32(0.5), "share")
    0.5
    """
    value = _plain(value)
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    require(real and math.isfinite(value), f"{name} must be a number.")
    return float(value)


def whole(answer: Answer, name: str) -> int:
    """Return an answer that is a whole number."""
    return as_whole(getattr(answer, name), name)


def as_whole(value: Any, name: str) -> int:
    """Return a value that is a whole number, ``4`` or ``4.0``.

    Examples
    --------
    >>> as_whole(4.0, "points")
    4
    """
    value = _plain(value)
    good = isinstance(value, int) and not isinstance(value, bool)
    good = good or (isinstance(value, float) and value.is_integer())
    require(good, f"{name} must be a whole number.")
    return int(value)


def truth(answer: Answer, name: str) -> bool:
    """Return an answer that is ``True`` or ``False``."""
    value = _plain(getattr(answer, name))
    require(isinstance(value, bool), f"{name} must be True or False.")
    return bool(value)


def words(answer: Answer, name: str, allowed: Sequence[str]) -> set[str]:
    """Return an answer that lists some of the allowed words, in any order."""
    value = getattr(answer, name)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    good = isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)
    require(good, f"{name} must be a list of words.")
    strange = sorted(set(value) - set(allowed))
    require(not strange, f"{name} may hold only {', '.join(map(repr, allowed))}.")
    return set(value)


def array(answer: Answer, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Return an answer that is an array of finite real numbers of a shape; None is any length."""
    return as_array(getattr(answer, name), name, shape)


def as_array(value: Any, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Return a value that is a list, tuple, array or tensor of real numbers of a shape.

    Examples
    --------
    >>> as_array([(1, 2), (3, 4)], "W", (2, 2))
    array([[1., 2.],
           [3., 4.]])
    """
    wanted = " × ".join("any" if n is None else str(n) for n in shape)
    says = f"{name} must be an array of numbers of shape {wanted}."
    try:
        plain = np.asarray(_items(value))
    except (ValueError, TypeError):
        plain = np.asarray(None)
    require(plain.dtype.kind in "iuf" and plain.ndim == len(shape), says)
    fits = all(n is None or n == m for n, m in zip(shape, plain.shape, strict=True))
    require(fits, says)
    require(np.isfinite(plain).all(), f"{name} must hold finite numbers only.")
    return plain.astype(float)


def _items(value: Any) -> Any:
    """Turn the tensors in a nested list into arrays."""
    if isinstance(value, (list, tuple)):
        return [_items(v) for v in value]
    return _plain(value)


@functools.lru_cache(maxsize=64)
def defined(code: str) -> Mapping[str, Any]:
    """Return what a cell that we wrote ourselves defines; checks only read it.

    Examples
    --------
    >>> defined("row = [1, 2]")["row"]
    [1, 2]
    """
    namespace: dict[str, Any] = {}
    exec(compile(code, "<given>", "exec"), namespace)
    return MappingProxyType(namespace)
