"""Blurred fields with their slopes, kernels made of them, and the two ways round a turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Field = Callable[[Array], Array]
#: For each number that comes out: which components of the input it adds, and which of the value
#: (0), the slope along x (1) and the slope along y (2) of their blur.
Parts = Sequence[Sequence[tuple[int, int]]]

#: So many widths the blur reaches, and so many steps of its sum a width has.
_REACH, _STEPS = 6, 4


@dataclass(frozen=True)
class Kernel:
    """A kernel whose entries are a Gaussian and its slopes, from a height or from a wind."""

    key: str
    name: str
    input: str
    parts: Parts


#: What a reader chooses from.
KERNELS = (
    Kernel("blur", "height → number: blur", "height", [[(0, 0)]]),
    Kernel("slope", "height → number: slope to the right", "height", [[(0, 1)]]),
    Kernel("gradient", "height → pair: slopes right and up", "height", [[(0, 1)], [(0, 2)]]),
    Kernel("divergence", "wind → number: divergence", "wind", [[(0, 1), (1, 2)]]),
    Kernel("wind", "wind → pair: blur", "wind", [[(0, 0)], [(1, 0)]]),
    Kernel("rightward", "wind → pair: blur, rightward part", "wind", [[(0, 0)], []]),
)


def jets(field: Field, points: Array, width: float) -> Array:
    """Return a field convolved with a Gaussian and with its slopes, at points.

    From points (N, 2) to values and slopes along x and y, (N, d, 3), of a field from (M, 2) to
    (M, d). The convolution is a sum over a square grid, a quarter of the width apart and cut off
    at six widths, where the Gaussian is under 2e-8 of its height.

    Examples
    --------
    A plane stays as it is, and a parabola keeps its slopes:

    >>> field = lambda p: np.stack([3 * p[:, 0], p[:, 1] ** 2], axis=1)
    >>> jets(field, np.array([[2.0, 1.0]]), 0.1)[0].round(3) + 0.0
    array([[6.  , 3.  , 0.  ],
           [1.01, 0.  , 2.  ]])
    """
    line = np.arange(-_REACH * _STEPS, _REACH * _STEPS + 1) / _STEPS
    x, y = (axis.ravel() for axis in np.meshgrid(line, line))
    bell = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi * _STEPS**2)
    kernels = np.stack([bell, -x * bell / width, -y * bell / width], axis=1)
    places = points[:, None] - width * np.column_stack([x, y])
    values = field(places.reshape(-1, 2)).reshape(len(points), len(bell), -1)
    return np.asarray(np.einsum("nmd,mk->ndk", values, kernels))


def turn(degrees: float) -> Array:
    """Return the rotation by an angle in degrees, counterclockwise."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]])


def turned(jet: Array, degrees: float) -> Array:
    """Return at g p the jet of the turned field gf, from that of f at p; both (N, d, 3).

    The two slopes turn as an arrow. So does a pair of components, and a single one stays.

    Examples
    --------
    >>> turned(np.array([[[5.0, 1.0, 0.0]]]), 90.0).round(9).tolist()
    [[[5.0, 0.0, 1.0]]]
    """
    g = turn(degrees)
    moved = np.concatenate([jet[..., :1], jet[..., 1:] @ g.T], axis=-1)
    return np.einsum("ab,nbk->nak", g, moved) if jet.shape[1] == len(g) else moved


def filtered(jet: Array, parts: Parts) -> Array:
    """Return what a kernel makes of a field with a jet (N, d, 3): shape (N, numbers out)."""
    out = np.zeros((len(jet), len(parts)))
    for row, own in enumerate(parts):
        for component, place in own:
            out[:, row] += jet[:, component, place]
    return out


def two_ways(jet: Array, parts: Parts, degrees: float, arrow: bool) -> tuple[Array, Array]:
    """Return both ways at the turned points: turn, then filter; and filter, then turn.

    If ``arrow`` the pair that comes out is moved and turned; otherwise numbers are only moved.

    Examples
    --------
    >>> jet = np.array([[[0.0, 1.0, 0.0]]])
    >>> both = two_ways(jet, [[(0, 1)], [(0, 2)]], 90.0, arrow=False)
    >>> [way.round(9).tolist() for way in both]
    [[[0.0, 1.0]], [[1.0, 0.0]]]
    """
    last = filtered(jet, parts)
    return filtered(turned(jet, degrees), parts), last @ turn(degrees).T if arrow else last


def error(first: Array, second: Array) -> float:
    """Return the relative error of the first way, as :func:`utils.equivariance.relative_error`."""
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))
