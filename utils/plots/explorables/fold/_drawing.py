"""The plane with its wedge, two distances and two graphs, as SVG; the script draws the same."""

from __future__ import annotations

import itertools
import math

from utils.plots.explorables._square import SIDE
from utils.plots.explorables.fold._folding import (
    HALF,
    PARTS,
    Polar,
    apart,
    code,
    folded,
    orbits_apart,
    turned,
    width,
)
from utils.plots.style import PALETTE

#: The radius of the disc in units of the ``viewBox``.
DISC = 102
#: The heights of the drawing of two distances and of the graphs.
LOW, TALL = 46, 224
#: On the graphs: left and right, and the top of each with its height.
BOX = (34.0, 222.0)
TOPS, RISE = (22.0, 124.0), 66.0
#: Where the bars begin, and how long the longest is.
BAR = (88.0, 112.0)
COLOURS = (PALETTE[1], PALETTE[2])  # of z and of w
DASHES = ("", "5 3")

_MIDDLE = SIDE / 2
_AWAY, _NEAR = 14.0, 24.0  # of a name or number from its point; of a reflection from it
_INK = 'fill="none" stroke="currentColor"'
_TEXT = 'font-size="12" fill="currentColor" stroke="none"'


def at(radius: float, angle: float) -> tuple[float, float]:
    """Return where a point lies on the square, by its radius there and its angle in degrees."""
    turn = math.radians(angle)
    return _MIDDLE + radius * math.cos(turn), _MIDDLE - radius * math.sin(turn)


def _pair(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def wedge(mirrors: int) -> str:
    """Return the path of the wedge.

    Examples
    --------
    >>> wedge(2)
    'M120 120L222.0 120.0A102 102 0 0 0 120.0 18.0Z'
    """
    ends = [_pair(at(DISC, angle)) for angle in (0, width(mirrors))]
    return f"M{SIDE // 2} {SIDE // 2}L{ends[0]}A{DISC} {DISC} 0 0 0 {ends[1]}Z"


def lines(mirrors: int) -> str:
    """Return the path of the mirrors, or of the edges of all wedges, which are as long together."""
    return "".join(
        f"M{SIDE // 2} {SIDE // 2}L{_pair(at(DISC, k * width(mirrors)))}"
        for k in range(2 * mirrors)
    )


def _head(tip: tuple[float, float], way: tuple[float, float]) -> str:
    """Return the two strokes of an arrow's head, whose shaft runs along ``way``."""
    size = math.hypot(*way)
    u, v = way[0] / size, way[1] / size
    sides = [_pair((tip[0] - 7 * u + s * 3.5 * v, tip[1] - 7 * v - s * 3.5 * u)) for s in (1, -1)]
    return f"M{sides[0]}L{_pair(tip)}L{sides[1]}"


def route(radius: float, angles: list[int], by_turning: bool) -> tuple[str, str]:
    """Return the path on which a point comes into the wedge, chords or one arc, and its arrows."""
    shafts = heads = ""
    for begin, end in itertools.pairwise(angles):
        tail, tip = at(radius, begin), at(radius, end)
        way = (tip[0] - tail[0], tip[1] - tail[1])
        if by_turning:
            large = int(begin - end > HALF)
            shafts += f"M{_pair(tail)}A{radius:.1f} {radius:.1f} 0 {large} 1 {_pair(tip)}"
            slope = math.radians(end)
            way = (math.sin(slope), math.cos(slope))
        else:
            shafts += f"M{_pair(tail)}L{_pair(tip)}"
        heads += _head(tip, way)
    return shafts, heads


def label(
    radius: float, angles: list[int], k: int, side: int, by_turning: bool
) -> tuple[float, float]:
    """Return where the name of a point stands (k = 0), or the number of its reflection.

    It is on the outer side of the point (``side`` 1) or on the inner (-1); but the name of a point
    whose first reflection leads nearby is on the other side of that place.
    """
    x, y = at(radius, angles[k])
    if k == 0 and len(angles) > 1 and not by_turning:
        to = at(radius, angles[1])
        far = math.dist((x, y), to)
        if far < _NEAR:
            return x + _AWAY * (x - to[0]) / far, y + _AWAY * (y - to[1]) / far
    return at(radius + side * _AWAY, angles[k])


def steps(point: Polar, mirrors: int, by_turning: bool) -> list[int]:
    """Return the angles of a point on its way into the wedge."""
    if not by_turning:
        return folded(point.angle, mirrors)
    end = turned(point.angle, mirrors)
    return [point.angle] if end == point.angle else [point.angle, end]


def mark(which: int, x: float, y: float, size: float, style: str) -> str:
    """Draw the mark of z, a circle, or of w, a square."""
    if which == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" {style}/>'
    side = 1.8 * size
    return (
        f'<rect x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" '
        f'height="{side:.1f}" {style}/>'
    )


def plane(z: Polar, w: Polar, mirrors: int, by_turning: bool, reach: float) -> str:
    """Draw the wedge, both points, their ways into it and their codes."""
    unit = DISC / (PARTS * reach)
    dash = "4 3" if by_turning else ""
    ends = [code(point, mirrors, by_turning) for point in (z, w)]
    between = "L".join(_pair(at(end.length * unit, end.angle)) for end in ends)
    drawn = (
        f'<circle cx="{_MIDDLE:g}" cy="{_MIDDLE:g}" r="{DISC}" {_INK} stroke-opacity="0.35"/>'
        f'<path d="{wedge(mirrors)}" fill="{PALETTE[0]}" fill-opacity="0.25"/>'
        f'<path d="{lines(mirrors)}" {_INK} stroke-opacity="0.5" stroke-dasharray="{dash}"/>'
        f'<path d="M{between}" {_INK} stroke-width="2.4"/>'
    )
    outer = 0 if z.length >= w.length else 1
    for i, (point, name) in enumerate(((z, "z"), (w, "w"))):
        radius, colour = point.length * unit, COLOURS[i]
        angles = steps(point, mirrors, by_turning)
        shafts, heads = route(radius, angles, by_turning)
        style = f'fill="none" stroke="{colour}" stroke-width="1.6"'
        drawn += f'<path d="{shafts}" {style} stroke-dasharray="{DASHES[i]}"/>'
        drawn += f'<path d="{heads}" {style}/>'
        ring = f'fill="none" stroke="{colour}" stroke-width="2"'
        drawn += mark(i, *at(radius, angles[-1]), 7.5, ring)
        drawn += mark(i, *at(radius, point.angle), 5, f'fill="{colour}"')
        side = 1 if i == outer else -1
        for k in range(1 if by_turning else len(angles)):
            x, y = label(radius, angles, k, side, by_turning)
            drawn += (
                f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" font-weight="bold" '
                f"{_TEXT}>{k if k else name}</text>"
            )
    return drawn


def bars(z: Polar, w: Polar, mirrors: int, by_turning: bool, reach: float) -> str:
    """Draw the distance of the codes above that of the orbits."""
    far = apart(code(z, mirrors, by_turning), code(w, mirrors, by_turning))
    near = orbits_apart(z, w, mirrors, by_turning)
    most = longest(mirrors, reach)
    drawn = ""
    for i, (word, value) in enumerate((("codes apart", far), ("orbits apart", near))):
        left, full = BAR
        long = full * value / most
        y = 4 + 21 * i
        style = 'fill="currentColor"' if i == 0 else _INK
        drawn += (
            f'<text x="2" y="{y + 12}" {_TEXT}>{word}</text><rect x="{left:g}" y="{y + 2}" '
            f'width="{long:.1f}" height="11" {style}/><text x="{left + long + 6:.1f}" '
            f'y="{y + 12}" {_TEXT}>{value:.2f}</text>'
        )
    return drawn


def longest(mirrors: int, reach: float) -> float:
    """Return what the longest bar stands for: no two points of the wedge are farther apart."""
    return reach * max(1.0, 2 * math.sin(math.radians(width(mirrors) / 2)))


def graph(mirrors: int, by_turning: bool) -> str:
    """Return the graph of the chosen angle over the angle: a zigzag, or a sawtooth.

    Examples
    --------
    >>> graph(1, False)
    'M34.0 88.0L128.0 22.0L222.0 88.0'
    >>> graph(1, True)
    'M34.0 190.0L128.0 124.0M128.0 190.0L222.0 124.0'
    """
    (left, right), top = BOX, TOPS[int(by_turning)]
    ends = [left + (right - left) * k / (2 * mirrors) for k in range(2 * mirrors + 1)]
    high, low = f"{top:.1f}", f"{top + RISE:.1f}"
    if by_turning:
        pairs = itertools.pairwise(ends)
        return "".join(f"M{begin:.1f} {low}L{end:.1f} {high}" for begin, end in pairs)
    return "M" + "L".join(f"{x:.1f} {high if k % 2 else low}" for k, x in enumerate(ends))


def on_graph(point: Polar, mirrors: int, by_turning: bool) -> tuple[float, float]:
    """Return where a point stands on a graph."""
    (left, right), top = BOX, TOPS[int(by_turning)]
    chosen = code(point, mirrors, by_turning).angle / width(mirrors)
    return left + (right - left) * point.angle / (2 * HALF), top + RISE * (1 - chosen)


def axes(mirrors: int) -> str:
    """Draw the axes of both graphs."""
    left, right = BOX
    drawn = ""
    for top in TOPS:
        bottom = top + RISE
        drawn += (
            f'<path d="M{left:g} {top:g}V{bottom:g}H{right:g}" {_INK} stroke-opacity="0.5"/>'
            f'<text x="{left - 4:g}" y="{bottom + 4:g}" text-anchor="end" {_TEXT}>0°</text>'
            f'<text x="{left - 4:g}" y="{top + 8:g}" text-anchor="end" {_TEXT}>'
            f"{width(mirrors)}°</text>"
        )
    for angle in range(0, 361, 90):
        x = left + (right - left) * angle / 360
        drawn += (
            f'<path d="M{x:g} {bottom:g}v4" {_INK} stroke-opacity="0.5"/><text x="{x:g}" '
            f'y="{bottom + 16:g}" text-anchor="middle" {_TEXT}>{angle}°</text>'
        )
    return drawn + (
        f'<text x="{(left + right) / 2:g}" y="{TALL - 3}" text-anchor="middle" {_TEXT}>'
        f"angle of the point</text>"
    )


def titles(mirrors: int) -> tuple[str, str]:
    """Say what each of the two graphs is."""
    return "angle folded to: no jump", f"angle turned to: {2 * mirrors} jumps a round"


def graphs(z: Polar, w: Polar, mirrors: int, by_turning: bool) -> str:
    """Draw both graphs with both points on them, the one in use stronger."""
    drawn = axes(mirrors)
    for i, title in enumerate(titles(mirrors)):
        used = i == int(by_turning)
        drawn += (
            f'<text x="{BOX[0]:g}" y="{TOPS[i] - 8:g}" {_TEXT} '
            f'font-weight="{"bold" if used else "normal"}">{title}</text>'
            f'<path d="{graph(mirrors, bool(i))}" fill="none" stroke="{PALETTE[0]}" '
            f'stroke-width="{2.4 if used else 1.2}"/>'
        )
        for k, point in enumerate((z, w)):
            drawn += mark(k, *on_graph(point, mirrors, bool(i)), 4.5, f'fill="{COLOURS[k]}"')
    return drawn
