"""Templates, orbits, level lines, values and the bracket, as SVG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables.max_filters._filters import Array, level_line, turns, values
from utils.plots.style import PALETTE

#: The square goes from -REACH to REACH both ways.
REACH = 1.7
COLOURS = PALETTE[:3]
#: How the lines of the templates are dashed: drawn through, dashed, dotted.
DASHES = ("", "8 4", "2 3.5")
#: Height of the chart; where its rows stand; where a strip of values begins and ends, and at
#: which value; where the axis of the bracket begins and ends, and at which ratio.
TALL = 172
ROWS = (32, 54, 76)
STRIP = (44, 148, 1.7)
AXIS = (36, 202, 2.0)
_PAPER = "var(--book-paper, #fff)"


def on_plane(points: Array) -> NDArray[np.float64]:
    """Place points of the plane on its square: x to the right, y downwards.

    Examples
    --------
    >>> on_plane(np.array([[1.7, 0.0]])).tolist()
    [[240.0, 120.0]]
    """
    return SIDE / 2 + np.asarray(points) * (SIDE / (2 * REACH)) * (1, -1)


def _path(points: Array) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in on_plane(points))


def _arrow(tip: Array) -> str:
    """Draw an arrow from the middle of the square to a point."""
    length = float(np.linalg.norm(tip))
    along = np.asarray(tip) / length
    back, side = tip - 0.12 * along, 0.06 * np.array([-along[1], along[0]])
    return _path(np.array([[0.0, 0.0], tip])) + _path(np.array([back + side, tip, back - side]))


def label_place(tip: Array) -> Array:
    """Return where the number of a template stands: beside its arrow, clockwise.

    Examples
    --------
    >>> label_place(np.array([1.0, 0.0])).tolist()
    [0.6, -0.13]
    """
    return 0.6 * tip + 0.13 * np.array([tip[1], -tip[0]]) / np.linalg.norm(tip)


def scene(templates: Array, codes: Array, order: int) -> str:
    """Draw templates (m, 2), the orbits of two codes (2, 2) and level lines through the first."""
    drawn = (
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.35"/>'
    )
    own = values(codes[:1], templates, order)[0]
    for k, (template, value) in enumerate(zip(templates, own, strict=True)):
        drawn += (
            f'<path d="{_path(level_line(template, float(value), order))}Z" fill="none" '
            f'stroke="{COLOURS[k]}" stroke-width="2" stroke-dasharray="{DASHES[k]}"/>'
        )
    for k, template in enumerate(templates):
        x, y = on_plane(label_place(template))
        drawn += (
            f'<path d="{_arrow(template)}" fill="none" stroke="{COLOURS[k]}" stroke-width="2.4"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" font-size="12" text-anchor="middle" '
            f'stroke="{_PAPER}" stroke-width="3" paint-order="stroke">{k + 1}</text>'
        )
    for name, code in zip("ab", codes, strict=True):
        fill, letter = ("currentColor", _PAPER) if name == "a" else (_PAPER, "currentColor")
        orbit = on_plane(turns(order) @ code)
        for x, y in orbit[1:]:
            drawn += (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="currentColor" '
                'stroke-width="1.6"/>'
            )
        x, y = orbit[0]
        drawn += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8.5" fill="{fill}" stroke="currentColor" '
            f'stroke-width="1.6"/><text x="{x:.1f}" y="{y + 4:.1f}" font-size="12" '
            f'text-anchor="middle" style="fill:{letter}">{name}</text>'
        )
    return drawn


def along(value: float, scale: tuple[int, int, float]) -> float:
    """Return where a value stands on a strip or an axis.

    Examples
    --------
    >>> along(0.0, AXIS), along(2.0, AXIS), along(9.0, AXIS)
    (36.0, 202.0, 202.0)
    """
    left, right, most = scale
    return left + (right - left) * min(max(value / most, 0.0), 1.0)


def frame() -> str:
    """Draw what does not move on the chart: its words, strips and the axis of the bracket."""
    text = 'font-size="11" fill="currentColor" stroke="none"'
    left, right, _ = STRIP
    drawn = (
        f'<text x="2" y="12" {text}>template</text>'
        f'<circle cx="90" cy="8" r="3.5" fill="currentColor"/><text x="97" y="12" {text}>a</text>'
        f'<circle cx="118" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        f'<text x="127" y="12" {text}>b</text>'
        f'<text x="188" y="12" {text} text-anchor="end">at a</text>'
        f'<text x="236" y="12" {text} text-anchor="end">at b</text>'
    )
    for y in ROWS:
        drawn += (
            f'<path d="M{left} {y}H{right}" stroke="currentColor" stroke-opacity="0.35" '
            'fill="none"/>'
        )
    drawn += f'<text x="2" y="104" {text}>distance of values / distance of orbits</text>'
    left, right, _ = AXIS
    drawn += f'<path d="M{left} 152H{right}" stroke="currentColor" fill="none"/>'
    for tick in (0.0, 0.5, 1.0, 1.5, 2.0):
        x = along(tick, AXIS)
        drawn += (
            f'<path d="M{x:.1f} 152v4" stroke="currentColor" fill="none"/>'
            f'<text x="{x:.1f}" y="168" {text} text-anchor="middle">{tick:g}</text>'
        )
    return drawn


def chart(found: Array, bracket: tuple[float, float], ratio: float | None) -> str:
    """Draw the values (2, m) of two codes, the bracket, and the ratio of the pair if it has one."""
    text = 'font-size="11" fill="currentColor" stroke="none"'
    drawn = frame()
    for k, (at_a, at_b) in enumerate(found.T):
        y = ROWS[k]
        drawn += (
            f'<text x="2" y="{y + 4}" {text}>{k + 1}</text><path d="M12 {y}h26" fill="none" '
            f'stroke="{COLOURS[k]}" stroke-width="2" stroke-dasharray="{DASHES[k]}"/>'
            f'<circle cx="{along(at_a, STRIP):.1f}" cy="{y}" r="3.5" fill="currentColor"/>'
            f'<circle cx="{along(at_b, STRIP):.1f}" cy="{y}" r="5.5" fill="none" '
            'stroke="currentColor" stroke-width="1.6"/>'
            f'<text x="188" y="{y + 4}" {text} text-anchor="end">{at_a:.2f}</text>'
            f'<text x="236" y="{y + 4}" {text} text-anchor="end">{at_b:.2f}</text>'
        )
    least, most = bracket
    low, high = along(least, AXIS), along(most, AXIS)
    drawn += (
        f'<rect x="{low:.1f}" y="140" width="{high - low:.1f}" height="8" fill="{PALETTE[4]}"/>'
        f'<text x="{low - 4:.1f}" y="148" {text} text-anchor="end">{least:.2f}</text>'
        f'<text x="{high + 4:.1f}" y="148" {text}>{most:.2f}</text>'
    )
    if ratio is not None:
        x = along(ratio, AXIS)
        drawn += (
            f'<path d="M{x:.1f} 139l-5 -9h10z" fill="currentColor"/>'
            f'<text x="{max(x, 40):.1f}" y="126" {text} text-anchor="middle">'
            f"this pair {ratio:.2f}</text>"
        )
    return drawn
