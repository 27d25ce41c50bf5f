"""Points of the plane on the square of a figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Width and height of the square, in units of its ``viewBox``.
SIDE = 240
_MARGIN = 12


def on_square(
    points: NDArray[np.floating], among: NDArray[np.floating] | None = None
) -> NDArray[np.floating]:
    """Place points on a square that holds a set of points, with one scale for both axes.

    From shape (N, 2) to (N, 2): x to the right and y downwards, from 0 to :data:`SIDE`. The
    square holds the points ``among``, shape (M, 2), by default the same.

    Examples
    --------
    >>> on_square(np.array([[0.0, 0.0], [1.0, 2.0]])).tolist()
    [[66.0, 228.0], [174.0, 12.0]]
    """
    held = points if among is None else among
    low, high = held.min(axis=0), held.max(axis=0)
    scale = (SIDE - 2 * _MARGIN) / float(np.max(high - low) or 1.0)
    centred = (points - (low + high) / 2) * scale
    return np.column_stack([SIDE / 2 + centred[:, 0], SIDE / 2 - centred[:, 1]])
