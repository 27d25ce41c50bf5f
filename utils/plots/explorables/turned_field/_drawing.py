"""A round map with a field under it and what a kernel makes of it, as SVG."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.style import PALETTE

Array = NDArray[np.float64]

#: Radius of the map on the drawing, and of the circle on which its N moves.
RIM, NORTH = 98, 107
#: Length of the longest arrow and radius of the largest disc.
LONGEST, LARGEST = 18.0, 7.5
#: Colours where the two ways agree and where they differ; widths of an arrow that comes out, and
#: of the one in the first map that it differs from; dashes of a disc that differs.
COLOURS, WIDTHS, DASHES = PALETTE[:2], (2.2, 1.1), "3 2"
#: From this share of the largest value on, a difference is drawn.
SEEN = 0.01
_SHORTEST, _HEAD = 1.5, 5.0
_LINES = 7


def rows(reach: float) -> Array:
    """Return the points at which a map of a radius shows what comes out, shape (N, 2).

    Examples
    --------
    >>> points = rows(5.0)
    >>> len(points), points[0].tolist()
    (69, [-2.0, -4.0])
    """
    line = np.arange(-4, 5) * reach / 5
    across, up = np.meshgrid(line, line)
    points = np.column_stack([across.ravel(), up.ravel()])
    return points[np.linalg.norm(points, axis=1) <= 0.9 * reach]


def placed(points: Array, reach: float) -> Array:
    """Place points of the map on the drawing."""
    return np.asarray(SIDE / 2 + points * (RIM / reach) * (1, -1))


def arrow(x: float, y: float, dx: float, dy: float) -> str:
    """Draw an arrow on the drawing, y downwards; a short one is a dot."""
    length = float(np.hypot(dx, dy))
    if length < _SHORTEST:
        return f"M{x:.1f} {y:.1f}h.01"
    ux, uy = dx / length, dy / length
    head = min(_HEAD, 0.5 * length)
    ends = "".join(
        f"{letter}{x + dx - head * (ux + side * 0.6 * uy):.1f} "
        f"{y + dy - head * (uy - side * 0.6 * ux):.1f}"
        for letter, side in (("M", 1), ("L", -1))
    )
    left, right = ends.split("L")
    tip = f"{x + dx:.1f} {y + dy:.1f}"
    return f"M{x:.1f} {y:.1f}L{tip}{left}L{tip}L{right}"


def level_lines(values: Array) -> str:
    """Return the level lines of heights on a square grid, (H, H), inside its inscribed circle."""
    side = len(values)
    line = np.linspace(-1, 1, side)
    outside = np.hypot(*np.meshgrid(line, line)) > 1
    inside = values[~outside]
    levels = np.linspace(inside.min(), inside.max(), _LINES + 2)[1:-1]
    drawn = Figure().subplots().contour(np.ma.array(values, mask=outside), levels=levels)
    found = []
    for segments in drawn.allsegs:
        for segment in segments:
            kept = Path(placed(np.asarray(segment) * (2 / (side - 1)) - 1, 1.0)).cleaned(
                simplify=True
            )
            at = np.asarray(kept.vertices)[np.asarray(kept.codes) != Path.STOP]
            found.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at))
    return "".join(found).replace(".0 ", " ").replace(".0L", "L")


def breeze(points: Array, arrows: Array, reach: float) -> str:
    """Draw the wind itself, thin, as one path; the strongest is as long as an arrow gets."""
    steps = LONGEST * arrows / np.linalg.norm(arrows, axis=1).max() * (1, -1)
    return "".join(
        arrow(*place, *step) for place, step in zip(placed(points, reach), steps, strict=True)
    )


def marks(at: Array, values: Array, others: Array, largest: float) -> str:
    """Draw numbers as discs, open where negative, or pairs as arrows, at places of the drawing.

    What differs from ``others`` has another colour; a disc then has dashes, and an arrow has the
    thin arrow of the others with it.
    """
    drawn = ""
    for (x, y), value, other in zip(at, values, others, strict=True):
        differs = bool(np.linalg.norm(value - other) > SEEN * largest)
        colour = COLOURS[differs]
        if len(value) == 1:
            radius = LARGEST * (abs(float(value[0])) / largest) ** 0.5
            drawn += (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" '
                f'fill="{"none" if value[0] < 0 else colour}" fill-opacity="0.55" '
                f'stroke="{colour}" stroke-width="1.6"'
                + (f' stroke-dasharray="{DASHES}"/>' if differs else "/>")
            )
            continue
        pairs = [(value, colour, WIDTHS[0])] + [(other, COLOURS[0], WIDTHS[1])] * differs
        for pair, stroke, width in pairs:
            dx, dy = LONGEST * pair / largest * (1, -1)
            drawn += (
                f'<path d="{arrow(x, y, dx, dy)}" stroke="{stroke}" stroke-width="{width}" '
                'fill="none"/>'
            )
    return drawn


def scene(under: str, output: str, degrees: float) -> str:
    """Draw a turned map: its rim, its north, the field under it and what comes out."""
    angle = np.deg2rad(90 + degrees)
    x, y = SIDE / 2 + NORTH * np.cos(angle), SIDE / 2 - NORTH * np.sin(angle)
    middle = SIDE / 2
    return (
        f'<circle cx="{middle:g}" cy="{middle:g}" r="{RIM}" fill="none" stroke="currentColor" '
        f'stroke-opacity="0.35"/><path d="{under}" fill="none" stroke="currentColor" '
        f'stroke-opacity="0.45" transform="rotate({-degrees:g} {middle:g} {middle:g})"/>'
        f'<g stroke-linecap="round" stroke-linejoin="round">{output}</g>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="var(--book-paper, #fff)" '
        f'stroke="currentColor"/><text x="{x:.1f}" y="{y + 4.5:.1f}" font-size="13" '
        f'text-anchor="middle">N</text>'
    )
