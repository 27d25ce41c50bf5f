"""Level lines and arrows on the square of a figure, as SVG paths."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.style import PALETTE

#: So many arrows stand in a row, and so many rows.
ARROWS = 7
#: How long an arrow is drawn, as a share of the vector A x.
LENGTH = 0.2
#: The strokes of an arrow along a level line and of one across it: colour and width.
STROKES = ((PALETTE[0], 1.4), (PALETTE[1], 2.6))
_LINES = 9
_SHADES = (3, 97)  # percentiles between which the level lines lie


def nodes(side: int) -> NDArray[np.intp]:
    """Return in which rows and columns of a grid of ``side`` points arrows begin.

    Examples
    --------
    >>> nodes(81).tolist()
    [10, 20, 30, 40, 50, 60, 70]
    """
    return np.round((side - 1) * (np.arange(ARROWS) + 1) / (ARROWS + 1)).astype(np.intp)


def level_lines(values: NDArray[np.floating]) -> str:
    """Return the level lines of values on a square grid, shape (H, H), as one path."""
    side = len(values)
    low, high = np.percentile(values, _SHADES)
    drawn = Figure().subplots().contour(values, levels=np.linspace(low, high, _LINES))
    found = []
    for lines in drawn.allsegs:
        for line in lines:
            places = np.asarray(line) * (SIDE / (side - 1))
            places[:, 1] = SIDE - places[:, 1]
            kept = Path(places).cleaned(simplify=True)
            ends = np.asarray(kept.vertices)[np.asarray(kept.codes) != Path.STOP]
            text = "L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
            found.append(f"M{text}")
    return "".join(found).replace(".0 ", " ").replace(".0L", "L")


def arrow(start: NDArray[np.floating], step: NDArray[np.floating]) -> str:
    """Draw an arrow on the square, y downwards; one of no length is a dot."""
    length = float(np.hypot(*step))
    (x, y), (dx, dy) = start, step
    path = f"M{x:.1f} {y:.1f}l{dx:.1f} {dy:.1f}"
    if length < 1:
        return path
    ux, uy = dx / length, dy / length
    head = min(5.0, 0.4 * length)
    ends = [
        (x + dx - head * (ux + side * 0.6 * uy), y + dy - head * (uy - side * 0.6 * ux))
        for side in (1, -1)
    ]
    (ax, ay), (bx, by) = ends
    return path + f"M{ax:.1f} {ay:.1f}L{x + dx:.1f} {y + dy:.1f}L{bx:.1f} {by:.1f}"


def _mixed(first: str, last: str, share: float) -> str:
    channels = [
        round((1 - share) * int(first[i : i + 2], 16) + share * int(last[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    return f"rgb({channels[0]},{channels[1]},{channels[2]})"


def field(
    starts: NDArray[np.floating],
    gradients: NDArray[np.floating],
    matrix: NDArray[np.floating],
    reach: float,
) -> str:
    """Draw the arrows A x, coloured by how straight they cross the level lines."""
    scale = SIDE / (2 * reach)
    markup = ""
    for place, gradient in zip(starts, gradients, strict=True):
        vector = matrix @ place
        norms = float(np.linalg.norm(vector) * np.linalg.norm(gradient))
        across = abs(float(vector @ gradient)) / norms if norms > 0 else 0.0
        start = np.array([SIDE / 2 + place[0] * scale, SIDE / 2 - place[1] * scale])
        step = LENGTH * scale * vector * (1, -1)
        (first, thin), (last, thick) = STROKES
        markup += (
            f'<path d="{arrow(start, step)}" stroke="{_mixed(first, last, across)}" '
            f'stroke-width="{thin + across * (thick - thin):.2f}"/>'
        )
    return markup
