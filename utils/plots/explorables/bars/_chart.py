"""Bars of means with one dot for each seed, side by side on one chart."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from utils.plots.explorables._square import SIDE
from utils.plots.style import PALETTE

#: Where bars stand, how high the highest is, and how high the chart with its letters is.
FLOOR, TALL, HEIGHT = 160.0, 104.0, 182
#: The colour of a bar under its line, of one above it, and of one without a line.
COLOURS = (PALETTE[0], PALETTE[1], PALETTE[5])
_LETTER = 7.2  # the width of one
_HALVES = (1, 1.2, 2, 3, 4, 6, 8, 10)  # the tops of axes whose half is short, too
_DOTS = 6  # between the dots of two seeds


@dataclass(frozen=True)
class Bar:
    """What is drawn of one measure: the mean, what is written of it, and each seed."""

    mean: float | None
    shown: str
    seeds: tuple[float, ...]
    colour: str


@dataclass(frozen=True)
class Axis:
    """One group of bars: its title, their names, the top of the axis and a line across."""

    title: str
    names: tuple[str, ...]
    top: float
    line: float | None


def rounded_up(value: float) -> float:
    """Return the least short number that is at least a value, the top of an axis.

    Examples
    --------
    >>> rounded_up(0.93), rounded_up(1.3), rounded_up(0.031), rounded_up(0.0)
    (1.0, 2.0, 0.04, 1.0)
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    tops = (float(f"{step * power:.3g}") for step in _HALVES)
    return next(top for top in tops if top >= value * (1 - 1e-9))


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    """Return where on an axis numbers stand, as shares of its height, and the numbers."""
    return [(share, f"{share * axis.top:g}") for share in (0.0, 0.5, 1.0)]


def _margins(axes: Sequence[Axis]) -> list[float]:
    """Return how much each axis needs for its numbers."""
    return [8 + 8 * max(len(text) for _, text in _ticks(axis)) for axis in axes]


def _width(axes: Sequence[Axis]) -> float:
    return (SIDE - sum(_margins(axes))) / sum(len(axis.names) for axis in axes)


def middles(axes: Sequence[Axis]) -> list[float]:
    """Return where on the chart the middle of each bar is."""
    width, places, left = _width(axes), [], 0.0
    for axis, margin in zip(axes, _margins(axes), strict=True):
        left += margin
        places += [left + (i + 0.5) * width for i in range(len(axis.names))]
        left += len(axis.names) * width
    return places


def at(value: float, top: float) -> float:
    """Return how far down on the chart a value is.

    Examples
    --------
    >>> at(0.0, 2.0), at(2.0, 2.0)
    (160.0, 56.0)
    """
    return FLOOR - TALL * value / top


def _frame(axes: Sequence[Axis]) -> str:
    """Draw what stays: axes, titles, names and lines."""
    width, markup, left = _width(axes), "", 0.0
    for axis, margin in zip(axes, _margins(axes), strict=True):
        begin = left + margin
        right = begin + width * len(axis.names)
        lines = textwrap.wrap(axis.title, max(6, int((right - left) / _LETTER)))
        for i, line in enumerate(lines):
            above = 13 + 15 * (i - max(0, len(lines) - 2))
            markup += (
                f'<text x="{(left + right) / 2:.1f}" y="{above}" text-anchor="middle">'
                f"{html.escape(line)}</text>"
            )
        for share, text in _ticks(axis):
            y = at(share, 1.0)
            markup += (
                f'<path d="M{begin - 2:.1f} {y:g}H{right:.1f}" stroke="currentColor" '
                f'stroke-opacity="{0.7 if share == 0 else 0.2}" fill="none"/>'
                f'<text x="{begin - 5:.1f}" y="{y + 5:g}" text-anchor="end">{text}</text>'
            )
        if axis.line is not None:
            markup += (
                f'<path d="M{begin:.1f} {at(axis.line, axis.top):.1f}H{right:.1f}" fill="none" '
                'stroke="currentColor" stroke-dasharray="4 3"/>'
            )
        left = right
    names = [name for axis in axes for name in axis.names]
    for x, name in zip(middles(axes), names, strict=True):
        markup += (
            f'<text x="{x:.1f}" y="{FLOOR + 16:g}" text-anchor="middle">{html.escape(name)}</text>'
        )
    return markup


def chart(axes: Sequence[Axis], bars: Sequence[Bar], seeds: int) -> str:
    """Draw a chart in one state; each bar has ``seeds`` dots, those without a value hidden."""
    tops = [axis.top for axis in axes for _ in axis.names]
    width, markup = _width(axes), ""
    for x, top, bar in zip(middles(axes), tops, bars, strict=True):
        height = TALL * (bar.mean or 0.0) / top
        highest = max([bar.mean or 0.0, *bar.seeds])
        markup += (
            f'<rect class="book-bar" x="{x - 0.36 * width:.1f}" width="{0.72 * width:.1f}" '
            f'y="{FLOOR - height:.1f}" height="{height:.1f}" fill="{bar.colour}" '
            'fill-opacity="0.75"/>'
        )
        for i in range(seeds):
            there = i < len(bar.seeds)
            y = at(bar.seeds[i], top) if there else FLOOR
            place = x + _DOTS * (i - (seeds - 1) / 2)
            markup += (
                f'<circle class="book-seed" cx="{place:.1f}" cy="{y:.1f}" r="2.6" '
                f'visibility="{"visible" if there else "hidden"}"/>'
            )
        markup += (
            f'<text class="book-value" x="{x:.1f}" y="{at(highest, top) - 6:.1f}" '
            f'text-anchor="middle">{html.escape(bar.shown)}</text>'
        )
    return _frame(axes) + markup
