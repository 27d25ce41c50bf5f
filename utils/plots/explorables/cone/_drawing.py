"""The plane, the wedge and the cone of a figure, as SVG: what its script draws, in Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from utils.plots.explorables._square import SIDE
from utils.plots.explorables.cone._paths import Code, Line, crossings, lines, pieces, seen
from utils.plots.style import PALETTE

#: Distances are drawn so many units long, and codes are at most so far from the tip.
SCALE, REACH = 76.0, 1.4
#: Where the tip lies in the plane, in the wedge and on the cone.
PLANE, WEDGE, APEX = (120.0, 120.0), (10.0, 120.0), (182.0, 72.0)
#: From how many degrees above the horizon the cone is seen.
_HEIGHT = 20
_STEPS = 60  # straight pieces of a path on the cone
#: The colours of u, of v and of shortest paths.
COLOURS = (PALETTE[0], PALETTE[1], PALETTE[2])

_DASHED = 'fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="5 4"'
_SOLID = f'fill="none" stroke="{COLOURS[2]}" stroke-width="3"'
_EDGE = 'fill="none" stroke="currentColor"'
_PALE = 'stroke-opacity="0.35"'

Place = tuple[float, float]


def flat(code: Code, tip: Place) -> Place:
    """Return where a code is drawn, in the plane or in the wedge.

    Examples
    --------
    >>> flat((1.0, 90), PLANE)
    (120.0, 44.0)
    """
    r, angle = code[0] * SCALE, math.radians(code[1])
    return tip[0] + r * math.cos(angle), tip[1] - r * math.sin(angle)


def rolled(n: int, r: float, degrees: float, front: float) -> tuple[Place, bool]:
    """Return where a point is drawn on the cone, and whether it is on the side that is seen.

    The direction ``front`` of the plane faces the reader. The cone has slant heights as long as
    distances are in the plane, and angles about its axis are n times as large.

    Examples
    --------
    >>> rolled(2, 1.0, 0.0, 0.0)[1], rolled(2, 1.0, 90.0, 0.0)[1]
    (True, False)
    """
    around, above = math.radians(n * (degrees - front)), math.radians(_HEIGHT)
    down, out = math.sqrt(1 - 1 / n**2), 1 / n
    x = r * out * math.sin(around)
    y = r * down * math.cos(above) + r * out * math.cos(around) * math.sin(above)
    faces = down * math.cos(above) * math.cos(around) + out * math.sin(above) > 0
    return (APEX[0] + SCALE * x, APEX[1] + SCALE * y), faces


def path(places: Iterable[Place]) -> str:
    """Draw straight lines through places."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def on_cone(n: int, line: Line, front: float) -> tuple[str, str]:
    """Draw a line on the cone: the parts that are seen and the parts behind."""
    (x0, y0), (x1, y1) = (flat(code, (0.0, 0.0)) for code in (line.begin, line.end))
    through = abs(line.span) == 180
    points = []
    for k in range(_STEPS + 1):
        t = k / _STEPS
        x, y = (1 - t) * x0 + t * x1, (1 - t) * y0 + t * y1
        r = math.hypot(x, y) / SCALE
        if through:
            begin = (1 - t) * line.begin[0] >= t * line.end[0]
            angle: float = line.begin[1] if begin else line.end[1]
        else:
            angle = math.degrees(math.atan2(-y, x))
        points.append(rolled(n, r, angle, front))
    parts = {True: "", False: ""}
    short = [(a, b, faces) for (a, faces), (b, _) in pairwise(points)]
    for faces, run in groupby(short, lambda part: part[2]):
        part = list(run)
        parts[faces] += path([part[0][0], *(b for _, b, _ in part)])
    return parts[True], parts[False]


def silhouette(n: int) -> str:
    """Draw the cone without its seam.

    The rim in front is the greater part of it: the outline touches it behind its middle.
    """
    radius, flatter = SCALE * REACH / n, math.sin(math.radians(_HEIGHT))
    level = APEX[1] + SCALE * REACH * math.sqrt(1 - 1 / n**2) * math.cos(math.radians(_HEIGHT))
    # The outline leaves the rim where the side that is seen ends.
    slope = math.tan(math.radians(_HEIGHT)) / math.sqrt(n**2 - 1)
    side, low = radius * math.sqrt(1 - slope**2), level - radius * flatter * slope
    rim = f"{radius:.3f} {radius * flatter:.3f} 0"
    left, right = f"{APEX[0] - side:.3f} {low:.3f}", f"{APEX[0] + side:.3f} {low:.3f}"
    outline = f"M{left}L{APEX[0]} {APEX[1]}L{right}"
    return (
        f'<path d="{outline}A{rim} 1 1 {left}" fill="currentColor" fill-opacity="0.08" '
        f'stroke="currentColor"/><path d="M{left}A{rim} 0 1 {right}" {_EDGE} {_PALE}/>'
    )


def mark(which: int, place: Place, size: float, letter: str = "", filled: bool = False) -> str:
    """Draw a code or a copy: a square for u, a disc for v."""
    x, y = place
    ground = COLOURS[which] if filled else "var(--book-paper, #fff)"
    style = f'fill="{ground}" stroke="{COLOURS[which]}" stroke-width="2"'
    shape = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" {style}/>'
        if which
        else f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" '
        f'height="{2 * size}" {style}/>'
    )
    if letter:
        shape += f'<text x="{x:.1f}" y="{y + 4:.1f}" font-size="13" text-anchor="middle">'
        shape += f"{letter}</text>"
    return shape


def sector(n: int, tip: Place) -> str:
    """Draw the wedge about angle zero, with equal marks on its edges."""
    half = 180 // n
    low, high = (flat((REACH, angle), tip) for angle in (-half, half))
    drawn = (
        f'<path d="M{tip[0]} {tip[1]}L{low[0]:.1f} {low[1]:.1f}A{SCALE * REACH:.1f} '
        f'{SCALE * REACH:.1f} 0 0 0 {high[0]:.1f} {high[1]:.1f}Z" fill="currentColor" '
        'fill-opacity="0.08"/>'
    )
    for end in (low, high):
        drawn += f'<path d="{path([tip, end])}" {_EDGE}/>'
    return drawn


def chevrons(n: int, tip: Place) -> str:
    """Draw an arrow head on each edge of the wedge: these edges are to be glued."""
    drawn = ""
    for angle in (-(180 // n), 180 // n):
        c, s = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
        x, y = flat((0.94 * REACH, angle), tip)
        wings = [(x - 6 * c - k * 4 * s, y - 6 * s + k * 4 * c) for k in (-1, 1)]
        drawn += f'<path d="{path([wings[0], (x, y), wings[1]])}" {_EDGE} stroke-width="1.6"/>'
    return drawn


def plane(n: int, u: Code, v: Code) -> str:
    """Draw the codes, their copies, the straight line and the shortest ones in the plane."""
    straight, ways = lines(n, u, v)
    wedge = 360 // n
    drawn = (
        f'<circle cx="{PLANE[0]}" cy="{PLANE[1]}" r="{SCALE * REACH:.1f}" {_EDGE} {_PALE}/>'
        + sector(n, PLANE)
    )

    def segment(line: Line, turn: int = 0) -> str:
        """Draw a line, turned."""
        ends = [(r, angle + turn) for r, angle in (line.begin, line.end)]
        return path(flat(end, PLANE) for end in ends)

    copies = "".join(segment(way, k * wedge) for way in ways for k in range(1, n))
    drawn += f'<path d="{copies}" fill="none" stroke="{COLOURS[2]}" stroke-opacity="0.6"/>'
    drawn += f'<path d="{segment(straight)}" {_DASHED}/>'
    drawn += f'<path d="{"".join(map(segment, ways))}" {_SOLID}/>'
    for which, (r, angle) in enumerate((u, v)):
        for turn in range(wedge, 360, wedge):
            near = bool(which) and any(way.turn == turn for way in ways)
            drawn += mark(which, flat((r, angle + turn), PLANE), 4.5, filled=near)
    for which, code in enumerate((u, v)):
        drawn += mark(which, flat(code, PLANE), 8.5, "uv"[which])
    return drawn


def _together(found: Sequence[str], style: str) -> str:
    return f'<path d="{"".join(found)}" {style}/>'


def quotient(n: int, u: Code, v: Code) -> str:
    """Draw the wedge with the folded lines, and the cone with the same lines."""
    straight, ways = lines(n, u, v)
    drawn = sector(n, WEDGE) + chevrons(n, WEDGE)

    def folded(line: Line) -> str:
        """Draw the pieces of a line in the wedge."""
        return "".join(path(flat(end, WEDGE) for end in piece) for piece in pieces(n, line))

    drawn += _together([folded(straight)], _DASHED)
    drawn += _together([folded(way) for way in ways], _SOLID)
    half = 180 // n
    for way in ways:
        for s in crossings(n, way):
            for angle in (half, -half):
                x, y = flat((way.distance(s), angle), WEDGE)
                drawn += (
                    f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5Z" '
                    f'fill="var(--book-paper, #fff)" stroke="{COLOURS[2]}" stroke-width="2"/>'
                )
    for which, (r, angle) in enumerate((u, v)):
        for t in seen(n, angle):
            drawn += mark(which, flat((r, t), WEDGE), 7.5, "uv"[which])
    drawn += silhouette(n)
    front = u[1]
    (rim, faces) = rolled(n, REACH, half, front)
    drawn += f'<path d="{path([APEX, rim])}" {_EDGE} {"" if faces else _PALE}/>'
    for line, style in ((straight, _DASHED), *((way, _SOLID) for way in ways)):
        ahead, behind = on_cone(n, line, front)
        drawn += _together([behind], f"{style} {_PALE}") + _together([ahead], style)
    for which, (r, angle) in ((1, v), (0, u)):
        drawn += mark(which, rolled(n, r, angle, front)[0], 4.5)
    text = 'font-size="12" text-anchor="middle"'
    return (
        f'{drawn}<text x="84" y="16" {text}>cut open</text>'
        f'<text x="{APEX[0]}" y="16" {text}>glued</text>'
    )


def square(drawing: str) -> str:
    """Return a drawing as an ``<svg>`` of its own."""
    return f'<svg viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}">{drawing}</svg>'
