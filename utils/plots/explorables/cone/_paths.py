"""Straight lines and shortest paths between two orbits of C_n in the plane, in whole degrees.

A code is a pair (distance from the tip, angle). Angles are whole degrees, and so are half the
angles of the wedges in use, so that a tie and a code on the cut are met exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

#: Distance from the tip and angle in degrees.
Code: TypeAlias = tuple[float, int]
#: Where a straight piece begins and where it ends.
Piece: TypeAlias = tuple[Code, Code]


@dataclass(frozen=True)
class Line:
    """A straight line from u to a copy of v.

    Attributes
    ----------
    begin, end : tuple of (float, int)
        Its ends in the plane; the angle of the end is counted on from that of the beginning.
    turn : int
        By how many degrees, from 0 to 359, v is turned to lie at its end.
    """

    begin: Code
    end: Code
    turn: int

    @property
    def span(self) -> int:
        """How many degrees the line goes round the tip, counted against the clock."""
        return self.end[1] - self.begin[1]

    @property
    def length(self) -> float:
        """Its length."""
        (r, a), (s, b) = self.begin, self.end
        return math.sqrt((r - s) ** 2 + 4 * r * s * math.sin(math.radians(b - a) / 2) ** 2)

    def distance(self, degrees: int) -> float:
        """Return how far from the tip the line is after so many degrees of its span.

        The span is neither zero nor half a turn.
        """
        (r, _), (s, _) = self.begin, self.end
        sine = [math.sin(math.radians(x)) for x in (self.span, degrees, self.span - degrees)]
        return r * s * sine[0] / (r * sine[1] + s * sine[2])


def wrapped(degrees: int, period: int) -> int:
    """Return an angle up to multiples of a period, above -period / 2 and at most period / 2.

    Examples
    --------
    >>> wrapped(70, 120), wrapped(60, 120), wrapped(-60, 120)
    (-50, 60, 60)
    """
    rest = degrees % period
    return rest - period if 2 * rest > period else rest


def lines(n: int, u: Code, v: Code) -> tuple[Line, list[Line]]:
    """Return the straight line from u to v, and the shortest lines from u to copies of v.

    There is one shortest line, or in a tie there are two, ordered by their turns. With a code at
    the tip all copies are equally near, and the line to v stands for them.

    Examples
    --------
    >>> straight, ways = lines(3, (1.0, 39), (1.0, -162))
    >>> straight.span, [(way.span, way.turn) for way in ways]
    (159, [(39, 240)])
    >>> [(way.span, way.turn) for way in lines(2, (1.0, 0), (0.5, 90))[1]]
    [(90, 0), (-90, 180)]
    """
    (r, a), (s, b) = u, v
    if r == 0 or s == 0:
        angle = b if r == 0 else a
        line = Line((r, angle), (s, angle), 0)
        return line, [line]
    wedge = 360 // n

    def to(span: int) -> Line:
        """Return the line that goes round by a span."""
        return Line((r, a), (s, a + span), (a + span - b) % 360)

    least = wrapped(b - a, wedge)
    spans = [least, -least] if 2 * least == wedge else [least]
    return to(wrapped(b - a, 360)), sorted(map(to, spans), key=lambda line: line.turn)


def seen(n: int, angle: int) -> list[int]:
    """Return at which angles of the wedge about zero a direction is seen: on the cut, at two.

    Examples
    --------
    >>> seen(3, 78), seen(3, 180)
    ([-42], [60, -60])
    """
    wedge = 360 // n
    own = wrapped(angle, wedge)
    return [own, -own] if 2 * own == wedge else [own]


def crossings(n: int, line: Line) -> list[int]:
    """Return after how many degrees of its span a line crosses the copies of the cut.

    Its ends, and a line along the cut or through the tip, do not count.
    """
    step = 1 if line.span > 0 else -1
    if line.span in (0, 180, -180):
        return []
    wedge, a = 360 // n, line.begin[1]
    return [s for s in range(step, line.span, step) if 2 * wrapped(a + s, wedge) == wedge]


def pieces(n: int, line: Line) -> list[Piece]:
    """Return the line as it is seen in the wedge: straight pieces between its edges.

    Examples
    --------
    >>> for begin, end in pieces(3, Line((1.0, 40), (1.0, 80), 0)):
    ...     print([round(x, 3) for x in (*begin, *end)])
    [1.0, 40, 0.94, 60]
    [0.94, -60, 1.0, -40]
    """
    (r, a), (s, b) = line.begin, line.end
    if line.span == 0:
        return [((r, t), (s, t)) for t in seen(n, a)]
    if abs(line.span) == 180:  # through the tip
        inwards = [((r, t), (0.0, t)) for t in seen(n, a)]
        return inwards + [((0.0, t), (s, t)) for t in seen(n, b)]
    wedge = 360 // n
    stops = [0, *crossings(n, line), line.span]
    found = []
    for begin, end in pairwise(stops):
        shift = wedge * round((2 * a + begin + end) / (2 * wedge))
        found.append(
            (
                (line.distance(begin), a + begin - shift),
                (line.distance(end), a + end - shift),
            )
        )
    return found


def said(n: int, u: Code, v: Code) -> str:
    """Say how far u and v are apart, and why."""
    straight, ways = lines(n, u, v)
    named = ["v itself" if way.turn == 0 else f"v turned by {way.turn}°" for way in ways]
    far, near = straight.length, ways[0].length
    on_cut = [name for name, (r, a) in (("u", u), ("v", v)) if r > 0 and len(seen(n, a)) == 2]
    if u[0] == 0 or v[0] == 0:
        tips = " and ".join(name for name, (r, _) in (("u", u), ("v", v)) if r == 0)
        verb = "are" if " " in tips else "is"
        why = f"{tips} {verb} at the tip, which every turn leaves in place."
    elif near == 0:
        why = "u and v are the same." if ways[0].turn == 0 else f"u is {named[0]}: one orbit."
    elif len(ways) == 2:
        why = f"a tie of {named[0]} and {named[1]}. Shortest paths pass the tip on both sides."
    else:
        why = f"the nearest copy of v is {named[0]}."
    more = ""
    if near > 0 and len(ways) == 1 and crossings(n, ways[0]):
        more = " The shortest path crosses the cut."
    elif on_cut:
        names = " and ".join(on_cut)
        more = f" {names} {'lies' if len(on_cut) == 1 else 'lie'} on the cut, seen at both edges."
    return f"Straight (dashed) {far:.2f}, quotient (solid) {near:.2f}: {why}{more}"
