"""Bodies, their ways and what drifts, as SVG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.style import PALETTE

#: How high the chart is, and where on it its axes lie: left, right, top and bottom.
TALL = 128
BOX = (36.0, 232.0, 22.0, 108.0)
#: The powers of ten at the bottom and at the top of the chart.
POWERS = (-17, 1)
_TICKS = (0, -4, -8, -12, -16)
_DOTS = 120  # points of a way that are drawn


def radius(mass: float, masses: NDArray[np.floating]) -> float:
    """Return how large a body is drawn: its area grows with its mass."""
    return float(8.5 * np.sqrt(mass / np.mean(masses)).clip(0.75, 1.5))


def thinned(steps: int) -> NDArray[np.intp]:
    """Return which of the steps from 0 to ``steps`` a way is drawn through."""
    return np.unique(np.round(np.linspace(0, steps, min(steps, _DOTS) + 1)).astype(np.intp))


def way(places: NDArray[np.floating]) -> str:
    """Draw a line through places of the square, shape (N, 2)."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def level(drift: float) -> float:
    """Return how far down on the chart a drift stands; what is smaller stands on its floor.

    Examples
    --------
    >>> level(10.0), level(0.0)
    (22.0, 108.0)
    """
    low, high = POWERS
    power = min(max(np.log10(max(drift, 1e-300)), low), high)
    return float(BOX[3] - (BOX[3] - BOX[2]) * (power - low) / (high - low))


def curve(drift: NDArray[np.floating]) -> str:
    """Draw a drift over time on the chart; its first value, zero, is left out."""
    left, right = BOX[:2]
    steps = len(drift) - 1
    at = thinned(steps)[1:]
    return "M" + "L".join(
        f"{left + (right - left) * t / steps:.1f} {level(float(drift[t])):.1f}" for t in at
    )


def frame(until: str) -> str:
    """Draw the axes of the chart and say what its two lines are."""
    left, right, _, bottom = BOX
    text = 'font-size="11" fill="currentColor" stroke="none"'
    drawn = ""
    for power in _TICKS:
        y = level(10.0**power)
        drawn += (
            f'<path d="M{left} {y:.1f}H{right}" stroke="currentColor" stroke-opacity="0.2" '
            f'fill="none"/><text x="{left - 4}" y="{y + 4:.1f}" {text} text-anchor="end">'
            f"{'1' if power == 0 else f'1e{power}'}</text>"
        )
    drawn += f'<path d="M{left} {bottom}H{right}" stroke="currentColor" fill="none"/>'
    for x, anchor, word in ((left, "middle", "0"), (right, "end", f"time {until}")):
        drawn += f'<text x="{x}" y="{TALL - 6}" {text} text-anchor="{anchor}">{word}</text>'
    for x, colour, dash, word in (
        (4, PALETTE[0], "", "momentum"),
        (88, PALETTE[1], "5 3", "angular momentum"),
    ):
        drawn += (
            f'<path d="M{x} 8h22" stroke="{colour}" stroke-width="2.4" stroke-dasharray="{dash}" '
            f'fill="none"/><text x="{x + 26}" y="12" {text}>{word}</text>'
        )
    return drawn


def scene(
    places: NDArray[np.floating], masses: NDArray[np.floating], steps: NDArray[np.intp]
) -> str:
    """Draw the ways and the bodies at their start; places have shape (steps + 1, n, 2)."""
    drawn = (
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.35"/>'
    )
    for i in range(places.shape[1]):
        drawn += (
            f'<path d="{way(places[steps, i])}" fill="none" stroke="{PALETTE[i % len(PALETTE)]}" '
            'stroke-width="1.6" stroke-opacity="0.8"/>'
        )
    for i, (x, y) in enumerate(places[0]):
        drawn += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius(masses[i], masses):.1f}" '
            f'fill="var(--book-paper, #fff)" stroke="{PALETTE[i % len(PALETTE)]}" '
            f'stroke-width="2.4"/><text x="{x:.1f}" y="{y + 4:.1f}" font-size="11" '
            f'text-anchor="middle">{i + 1}</text>'
        )
    return drawn
