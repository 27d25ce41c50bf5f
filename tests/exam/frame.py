"""A table of what the answers of the exam must say, and what several of them need."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Values = dict[str, Any]
ANSWERS: dict[str, Callable[..., Values]] = {}
"""The values of an answer, by the name of its question."""

Code = Sequence[float]


def of(name: str) -> Callable[[Callable[..., Values]], Callable[..., Values]]:
    """Enter the function that computes the values of a question."""

    def enter(function: Callable[..., Values]) -> Callable[..., Values]:
        ANSWERS[name] = function
        return function

    return enter


def turn(degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s], [s, c]]).round(12)


def shifts(z: Code) -> list[tuple[float, ...]]:
    return [tuple(np.roll(z, r)) for r in range(len(z))]


def squared(z: Code, copies: Iterable[Code]) -> float:
    """The square of the smallest distance from a code to some others."""
    return min(float(((np.array(z) - w) ** 2).sum()) for w in copies)


def product(matrices: list[np.ndarray]) -> list[np.ndarray]:
    """All products of some matrices: the group that they generate."""
    size = len(matrices[0]) if matrices else 1
    group = [np.eye(size)]
    for g in group:
        for m in matrices:
            new = m @ g
            if not any(np.allclose(new, old) for old in group):
                group.append(new)
    return group


def orbits(points: Iterable[Any], moves: Sequence[Callable[[Any], Any]]) -> list[frozenset[Any]]:
    return list({frozenset(move(point) for move in moves) for point in points})


def first_wrong(steps: Sequence[Any]) -> int:
    """The number of the first step of a proof that does not hold, from 1."""
    return next(n for n, holds in enumerate(steps, 1) if not np.all(holds))
