"""Max filters of the plane that C_n turns: what the script of the figure does, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Pairs for the bracket: so many directions within one turn of the group, and so many lengths of
#: the second code, from a quarter of the first to its whole.
DIRECTIONS = 48
LENGTHS = tuple(k / 16 for k in range(4, 17))


def turns(order: int) -> Array:
    """Return the rotations by multiples of 360° / n, shape (n, 2, 2).

    Examples
    --------
    >>> turns(4)[1].round(9).tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    angles = 2 * np.pi * np.arange(order) / order
    cos, sin = np.cos(angles), np.sin(angles)
    return np.moveaxis(np.array([[cos, -sin], [sin, cos]]), 2, 0)


def values(codes: Array, templates: Array, order: int) -> Array:
    """Return max_g <w, g z> for codes z, shape (B, 2), and templates w, shape (m, 2): (B, m).

    Examples
    --------
    >>> values(np.array([[0.0, 3.0]]), np.array([[1.0, 0.5]]), 4).round(9).tolist()
    [[3.0]]
    """
    products: Array = np.einsum("mi,gij,bj->bmg", templates, turns(order), codes)
    return products.max(axis=2)


def distance(a: Array, b: Array, order: int) -> float:
    """Return how far the orbits of two codes, each of shape (2,), are apart.

    Examples
    --------
    >>> distance(np.array([1.0, 0.0]), np.array([0.0, 3.0]), 4)
    2.0
    """
    return float(np.linalg.norm(a - turns(order) @ b, axis=1).min())


def pairs() -> int:
    """Return how many pairs of different orbits the bracket is measured over."""
    whole = DIRECTIONS * (DIRECTIONS - 1) // 2  # pairs of codes of one length
    return (len(LENGTHS) - 1) * DIRECTIONS**2 + whole


def bracket(templates: Array, order: int) -> tuple[float, float]:
    """Return the smallest and the largest ratio |s(x) - s(y)| / d([x], [y]) over a grid of pairs.

    The first code has length 1 and one of :data:`DIRECTIONS` directions within a turn of the
    group, the second one of the same directions and of :data:`LENGTHS`: a common factor changes no
    ratio, and neither does the order in a pair.

    Examples
    --------
    One filter takes the same value on many orbits, and changes at most by the length of its
    template:

    >>> least, most = bracket(np.array([[1.0, 0.0]]), 4)
    >>> round(least, 9), round(most, 9)
    (0.0, 1.0)
    """
    angles = 2 * np.pi * np.arange(DIRECTIONS) / (order * DIRECTIONS)
    found = values(np.column_stack([np.cos(angles), np.sin(angles)]), templates, order)
    steps = np.abs(np.subtract.outer(np.arange(DIRECTIONS), np.arange(DIRECTIONS)))
    near = np.cos(angles[np.minimum(steps, DIRECTIONS - steps)])  # of the nearest copies
    least, most = np.inf, 0.0
    for length in LENGTHS:
        once = np.triu(np.ones_like(near, dtype=bool), 1) if length == 1 else near <= 1
        gaps = ((found[:, None] - length * found) ** 2).sum(axis=2)[once]
        ratios = gaps / (1 + length**2 - 2 * length * near[once])
        least, most = min(least, ratios.min()), max(most, ratios.max())
    return float(np.sqrt(least)), float(np.sqrt(most))


def level_line(template: Array, value: float, order: int) -> Array:
    """Return the corners of the polygon on which a filter has a value, shape (n, 2).

    Its sides are perpendicular to the turned templates.

    Examples
    --------
    >>> level_line(np.array([2.0, 0.0]), 2.0, 4).round(9).tolist()
    [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    length = np.linalg.norm(template)
    corner = value / (length * np.cos(np.pi / order))
    angle = np.arctan2(template[1], template[0]) + np.pi / order
    return turns(order) @ (corner * np.array([np.cos(angle), np.sin(angle)]))
