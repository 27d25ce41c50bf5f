"""Turning maps back, rolling them back, and what is then left of a difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def disk(side: int) -> NDArray[np.float64]:
    """Return 1 on the pixels of a square that stay in it however it is turned, 0 elsewhere.

    Examples
    --------
    >>> disk(3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]]
    """
    axis = np.linspace(-1, 1, side)
    return (axis[:, None] ** 2 + axis**2 <= 1).astype(float)


def turned_back(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn the maps of position t clockwise by ``360° t / T``, shape (T, n, m, m).

    A map is read as the cubic spline through its pixels, and zero outside.
    """
    from scipy import ndimage  # only whoever makes the figure needs SciPy

    angles = 360 * np.arange(len(maps)) / len(maps)
    return np.stack(
        [
            ndimage.rotate(own, -angle, axes=(-1, -2), reshape=False, order=3)
            for own, angle in zip(maps, angles, strict=True)
        ]
    )


def best_rolls(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Roll back what stands at each position so that it is nearest to the first.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (T, n, ...).

    Returns
    -------
    rolls, errors : numpy.ndarray
        Shape (T,): by how many places, from 0 to n - 1, and the norm of the difference that is
        left, divided by the norm of the first.

    Examples
    --------
    >>> rolls, errors = best_rolls(np.array([[3.0, 4.0, 0.0], [0.0, 3.0, 4.5]]))
    >>> rolls.tolist(), errors.tolist()
    ([0, 1], [0.0, 0.1])
    """
    first = values[0]
    found = np.array(
        [
            [np.linalg.norm(np.roll(own, -k, axis=0) - first) for k in range(len(first))]
            for own in values
        ]
    )
    rolls = found.argmin(axis=1)
    return rolls, found.min(axis=1) / np.linalg.norm(first)
