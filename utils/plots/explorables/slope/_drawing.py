"""A curve with its tangent at zero and a secant, as SVG; the script draws the same."""

from __future__ import annotations

import html
import math

import numpy as np
from numpy.typing import NDArray

from utils.plots.style import PALETTE

#: How high the chart is, and where on it its axes lie: left, right, top and bottom.
TALL = 200
BOX = (34.0, 226.0, 26.0, 166.0)
#: How many times nearer to zero the reader may look.
ZOOMS = (1, 10, 100, 1000)
#: Colour, width and dash of the curve, the secant and the tangent.
STROKES = ((PALETTE[0], 2, ""), (PALETTE[1], 2, ""), ("currentColor", 1.6, "5 3"))
_AIR = 0.12  # above and below the curve, as a share of its height
_TICKS = 4  # at most, besides one


def number(value: float) -> str:
    """Write a number with as few digits as it has, at most six, and a true minus.

    Examples
    --------
    >>> number(-0.125), number(90.0)
    ('−0.125', '90')
    """
    return f"{value:.6g}".replace("-", "−")


def heights(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return what lies at the bottom and at the top of the chart that shows some values."""
    low, high = float(values.min()), float(values.max())
    air = _AIR * (high - low) or 0.5
    return low - air, high + air


def ticks(low: float, high: float) -> tuple[list[float], int]:
    """Return round numbers between two others, and with how many places they are written.

    Examples
    --------
    >>> ticks(-3.1, 13.6)
    ([0.0, 5.0, 10.0], 0)
    """
    rough = (high - low) / _TICKS
    power = math.floor(math.log10(rough))
    size = next(m for m in (1, 2, 5, 10) if m * 10.0**power >= rough)
    step = size * 10.0**power
    first, last = math.ceil(low / step), math.floor(high / step)
    return [k * step for k in range(first, last + 1)], max(0, -power - (size == 10))


def straight(slope: float, start: float, reach: float, low: float, high: float) -> list[float]:
    """Return from where to where, in time, a line through (0, start) lies on the chart."""
    if not slope:
        return [-reach, reach]
    ends = sorted(((low - start) / slope, (high - start) / slope))
    return [max(-reach, ends[0]), min(reach, ends[1])]


def _legend(output: str) -> str:
    """Say what the three lines are."""
    drawn = ""
    for x, word, (colour, width, dash) in zip(
        (2, 84, 152), (output, "secant", "tangent"), STROKES, strict=True
    ):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        drawn += (
            f'<path d="M{x} 10h18" stroke="{colour}" stroke-width="{width}"{dashed} fill="none"/>'
            f'<text x="{x + 22}" y="14" font-size="11">{html.escape(word)}</text>'
        )
    return drawn


def frame(output: str) -> str:
    """Draw what stays: the legend and the box."""
    left, right, top, bottom = BOX
    return _legend(output) + (
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.35"/>'
    )


def chart(
    times: NDArray[np.float64], values: NDArray[np.float64], slope: float, at: int, unit: str
) -> str:
    """Draw the whole way of an output, its tangent at time zero and the secant to ``times[at]``."""
    left, right, top, bottom = BOX
    reach = float(np.abs(times).max())
    low, high = heights(values)
    start = float(values[times == 0][0])
    across = lambda t: left + (right - left) * (t + reach) / (2 * reach)  # noqa: E731
    down = lambda y: bottom - (bottom - top) * (y - low) / (high - low)  # noqa: E731
    found, places = ticks(low, high)
    drawn = (
        f'<path d="M{across(0):.1f} {top}V{bottom}" stroke="currentColor" stroke-opacity="0.25"/>'
    )
    for y in found:
        text = f"{y:.{places}f}".replace("-", "−")
        drawn += (
            f'<path d="M{left} {down(y):.1f}h4" stroke="currentColor"/><text x="{left - 4}" '
            f'y="{down(y) + 4:.1f}" font-size="11" text-anchor="end">{text}</text>'
        )
    for t, anchor in ((-reach, "start"), (0.0, "middle"), (reach, "end")):
        drawn += (
            f'<text x="{across(t):.1f}" y="{bottom + 14}" font-size="11" text-anchor="{anchor}">'
            f"{number(t)}</text>"
        )
    drawn += (
        f'<text x="{(left + right) / 2}" y="{bottom + 29}" font-size="11" text-anchor="middle">'
        f"h, in {html.escape(unit)}s</text>"
    )
    curve = "M" + "L".join(
        f"{across(t):.1f} {down(y):.1f}" for t, y in zip(times, values, strict=True)
    )
    secant = (float(values[at]) - start) / float(times[at])
    paths = [curve] + [
        "M"
        + "L".join(
            f"{across(t):.1f} {down(start + s * t):.1f}"
            for t in straight(s, start, reach, low, high)
        )
        for s in (secant, slope)
    ]
    for path, (colour, width, dash) in zip(paths, STROKES, strict=True):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        drawn += f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'
    ends = [(0.0, start, "currentColor", 3.5), (times[at], values[at], PALETTE[1], 7.0)]
    for t, y, colour, radius in ends:
        drawn += f'<circle cx="{across(t):.1f}" cy="{down(y):.1f}" r="{radius}" fill="{colour}"/>'
    return drawn
