"""Where maps and filters stand around the image, and the first state as SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables.feature_maps._pictures import address
from utils.plots.style import PALETTE

#: Width and height of the drawing, whose middle is the image's.
WIDE, TALL = 304, 276
#: How far from the middle maps and filters stand, and the radii of all that is round.
AT = {"map": 89.0, "filter": 46.0}
RADIUS = {"digit": 32.0, "map": 29.0, "filter": 13.0}
#: The drawing of the code: its width, its height, where its middle line is and its longest bar.
BARS = (240, 92)
LINE, LONGEST = 38.0, 34.0
_STRONG = PALETTE[1]


def spot(kind: str, place: int, count: int) -> tuple[float, float]:
    """Return where something stands: the first at the top, the others counter-clockwise.

    Examples
    --------
    >>> spot("map", 0, 8), spot("map", 2, 8)
    ((152.0, 49.0), (63.0, 138.0))
    """
    angle = 2 * np.pi * place / count
    x, y = WIDE / 2 - AT[kind] * np.sin(angle), TALL / 2 - AT[kind] * np.cos(angle)
    return round(float(x), 2), round(float(y), 2)


def label_spot(place: int, count: int) -> tuple[float, float, str]:
    """Return where the label of a map stands, with its ``text-anchor``.

    Examples
    --------
    >>> label_spot(2, 8)
    (31.0, 143.0, 'end')
    """
    angle = 2 * np.pi * place / count
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    out = AT["map"] + RADIUS["map"]
    x = WIDE / 2 - (out + 3) * sine
    y = TALL / 2 + 5 - (out + 11) * cosine
    anchor = "middle" if abs(sine) < 1e-9 else "end" if sine > 0 else "start"
    return round(x, 1), round(y, 1), anchor


def _round_picture(picture: NDArray[np.uint8], x: float, y: float, radius: float) -> str:
    return (
        f'<image x="{x - radius:.2f}" y="{y - radius:.2f}" width="{2 * radius:g}" '
        f'height="{2 * radius:g}" preserveAspectRatio="none" clip-path="url(#round)" '
        f'style="image-rendering:pixelated" href="{address(picture)}"/>'
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.4"/>'
    )


def ring(
    digit: NDArray[np.uint8],
    maps: NDArray[np.uint8],
    filters: NDArray[np.uint8] | None,
    labels: Sequence[str],
    strongest: int,
    angle: float,
) -> str:
    """Draw the image, and around it the filters and the maps, the strongest with a thick rim."""
    count = len(maps)
    drawn = _round_picture(digit, WIDE / 2, TALL / 2, RADIUS["digit"])
    for place, label in enumerate(labels):
        drawn += _round_picture(maps[place], *spot("map", place, count), RADIUS["map"])
        if filters is not None:
            drawn += _round_picture(filters[place], *spot("filter", place, count), RADIUS["filter"])
        x, y, anchor = label_spot(place, count)
        drawn += (
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="14">'
            f"{html.escape(label)}</text>"
        )
    x, y = spot("map", strongest, count)
    turn = np.deg2rad(angle)
    knob = WIDE / 2 - RADIUS["digit"] * np.sin(turn), TALL / 2 - RADIUS["digit"] * np.cos(turn)
    return (
        f'<svg viewBox="0 0 {WIDE} {TALL}" width="{SIDE}" height="{SIDE * TALL / WIDE:.1f}">'
        '<clipPath id="round" clipPathUnits="objectBoundingBox">'
        f'<circle cx="0.5" cy="0.5" r="0.5"/></clipPath>{drawn}'
        f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS["map"]:g}" fill="none" stroke="{_STRONG}" '
        f'stroke-width="4"/><circle cx="{knob[0]:.1f}" cy="{knob[1]:.1f}" r="5" '
        'stroke="var(--book-paper, #fff)" stroke-width="1.5"/></svg>'
    )


def bars(code: NDArray[np.float64], first: NDArray[np.float64], labels: Sequence[str]) -> str:
    """Draw the numbers of a code, from -1 to 1, as bars; those of the first state are dashed."""
    width = BARS[0] / len(code)

    def bar(place: int, value: float, look: str) -> str:
        """Draw one bar from the middle line."""
        tall = LONGEST * abs(value)
        return (
            f'<rect x="{width * (place + 0.2):.1f}" y="{LINE - max(value, 0.0) * LONGEST:.1f}" '
            f'width="{0.6 * width:.1f}" height="{tall:.1f}" {look}/>'
        )

    drawn = ""
    for place, label in enumerate(labels):
        drawn += bar(place, float(code[place]), f'fill="{PALETTE[0]}"')
        drawn += bar(
            place,
            float(first[place]),
            'fill="none" stroke="currentColor" stroke-dasharray="3 2"',
        )
        drawn += (
            f'<text x="{width * (place + 0.5):.1f}" y="{BARS[1] - 3}" text-anchor="middle" '
            f'font-size="11">{html.escape(label)}</text>'
        )
    return f'{drawn}<path d="M0 {LINE:g}H{BARS[0]}" stroke="currentColor"/>'
