"""The drawing of two measures: its marks, its logarithmic axes, its box."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utils.plots.style import INK, PALETTE

SIDE = 260
LEFT, RIGHT, TOP, BOTTOM = 46, 252, 8, 222
_PAD = 0.06  # of the length of an axis, at both ends
_MOST_TICKS = 6

#: Outlines about the origin: a circle, a square, a diamond, two triangles, a cross and a star.
MARKS = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "M-4-4h8v8h-8z",
    "M0-5.6L5.6 0L0 5.6L-5.6 0z",
    "M0-5.4L5 3.6h-10z",
    "M0 5.4L5-3.6h-10z",
    "M-1.8-5h3.6v3.2h3.2v3.6h-3.2v3.2h-3.6v-3.2h-3.2v-3.6h3.2z",
    "M0-6.4L1.6-2.2L6.1-2L2.6 0.8L3.8 5.2L0 2.7L-3.8 5.2L-2.6 0.8L-6.1-2L-1.6-2.2z",
)
COLOURS = (*PALETTE[:6], "currentColor")
STILL_COLOURS = (*PALETTE[:6], INK)


def limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis, as powers of ten.

    Examples
    --------
    >>> [round(end, 3) for end in limits(np.array([1.0, 10.0]))]
    [-0.06, 1.06]
    """
    low, high = float(np.log10(values.min())), float(np.log10(values.max()))
    pad = _PAD * (high - low) or 0.5
    return low - pad, high + pad


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers on a logarithmic axis, six at most where that is possible.

    Examples
    --------
    >>> ticks(-1.0, 0.05)
    [0.1, 0.2, 0.3, 0.5, 1.0]
    """
    found: list[float] = []
    for digits in ((1, 2, 3, 5), (1, 2, 5), (1,)):
        powers = range(math.floor(low), math.ceil(high) + 1)
        steps = [(digit, power) for power in powers for digit in digits]
        found = [
            digit * 10.0**power if power >= 0 else digit / 10.0**-power
            for digit, power in steps
            if low <= math.log10(digit) + power <= high
        ]
        if len(found) <= _MOST_TICKS:
            break
    return found


def along(value: float, ends: Sequence[float]) -> float:
    """Return where a value lies between the ends of an axis, from 0 to 1."""
    return (math.log10(value) - ends[0]) / (ends[1] - ends[0])


def place(x: float, y: float, across: Sequence[float], up: Sequence[float]) -> str:
    """Return where two values are drawn, as two numbers of the drawing.

    Examples
    --------
    >>> place(1.0, 10.0, (0.0, 1.0), (0.0, 1.0))
    '46.0 8.0'
    """
    left = LEFT + (RIGHT - LEFT) * along(x, across)
    return f"{left:.1f} {BOTTOM - (BOTTOM - TOP) * along(y, up):.1f}"


def axes(across: Sequence[float], up: Sequence[float], names: Sequence[str]) -> str:
    """Draw ticks, their numbers, and the names of two axes; the ends are powers of ten."""
    drawn = f'<text x="{(LEFT + RIGHT) / 2}" y="{SIDE - 4}" text-anchor="middle">{names[0]}</text>'
    middle = (TOP + BOTTOM) / 2
    drawn += (
        f'<text x="11" y="{middle}" text-anchor="middle" transform="rotate(-90 11 {middle})">'
        f"{names[1]}</text>"
    )
    for value in ticks(*across):
        x = LEFT + (RIGHT - LEFT) * along(value, across)
        drawn += (
            f'<path d="M{x:.1f} {BOTTOM}v4" stroke="currentColor"/>'
            f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{value:g}</text>'
        )
    for value in ticks(*up):
        y = BOTTOM - (BOTTOM - TOP) * along(value, up)
        drawn += (
            f'<path d="M{LEFT} {y:.1f}h-4" stroke="currentColor"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    return f'<g font-size="11">{drawn}</g>'


def mark(family: int, solid: bool, colours: Sequence[str], place: str = "") -> str:
    """Draw the mark of a family, filled or hollow."""
    colour = colours[family % len(colours)]
    fill = colour if solid else "none"
    moved = f' transform="translate({place})"' if place else ""
    return (
        f'<path d="{MARKS[family % len(MARKS)]}" fill="{fill}" stroke="{colour}" '
        f'stroke-width="1.5"{moved}/>'
    )
