"""Folding and turning points of the plane into a wedge; angles are whole degrees, so all exact."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: A half turn in degrees, and the parts that a unit of length has on the dials.
HALF = 180
PARTS = 20


@dataclass(frozen=True)
class Polar:
    """A point of the plane, on a grid that mouse and keyboard share.

    Attributes
    ----------
    length : int
        The distance from the origin, in twentieths.
    angle : int
        Degrees from the first axis, from 0 to 359.
    """

    length: int
    angle: int


def width(mirrors: int) -> int:
    """Return the angle of the chamber of so many mirrors, in degrees."""
    return HALF // mirrors


def folded(angle: int, mirrors: int) -> list[int]:
    """Return the angles that a point has while it is reflected in the walls, its own first.

    The walls are at 0 and at the width of the chamber; where both are violated, the first is
    taken. A point on a mirror is on the chamber's side of it.

    Examples
    --------
    >>> folded(178, 3), folded(184, 3), folded(60, 3)
    ([178, 302, 58], [184, 176, 304, 56], [60])
    """
    path = [angle % (2 * HALF)]
    while path[-1] > width(mirrors):
        wall = 0 if path[-1] > HALF else width(mirrors)
        path.append((2 * wall - path[-1]) % (2 * HALF))
    return path


def turned(angle: int, mirrors: int) -> int:
    """Return the angle after turning back by whole wedges; the far edge belongs to the next one.

    Examples
    --------
    >>> turned(178, 3), turned(184, 3), turned(60, 3)
    (58, 4, 0)
    """
    return angle % width(mirrors)


def code(point: Polar, mirrors: int, by_turning: bool) -> Polar:
    """Return the member of the orbit in the wedge; its length is that of the point."""
    angle = turned(point.angle, mirrors) if by_turning else folded(point.angle, mirrors)[-1]
    return Polar(point.length, angle)


def apart(p: Polar, q: Polar) -> float:
    """Return the straight distance of two points.

    Examples
    --------
    >>> apart(Polar(60, 0), Polar(80, 90))
    5.0
    """
    (a, b), (c, d) = place(p), place(q)
    return math.hypot(a - c, b - d)


def place(point: Polar) -> tuple[float, float]:
    """Return the coordinates of a point."""
    angle = math.radians(point.angle)
    length = point.length / PARTS
    return length * math.cos(angle), length * math.sin(angle)


def orbit(point: Polar, mirrors: int, by_turning: bool) -> list[Polar]:
    """Return all images of a point: under the group of the mirrors, or under as many turns.

    Examples
    --------
    >>> [p.angle for p in orbit(Polar(20, 10), 2, False)]
    [10, 190, 350, 170]
    >>> [p.angle for p in orbit(Polar(20, 10), 2, True)]
    [10, 100, 190, 280]
    """
    step, full = width(mirrors), 2 * HALF
    if by_turning:
        angles = [point.angle + k * step for k in range(2 * mirrors)]
    else:
        angles = [sign * point.angle + 2 * k * step for sign in (1, -1) for k in range(mirrors)]
    return [Polar(point.length, angle % full) for angle in angles]


def orbits_apart(p: Polar, q: Polar, mirrors: int, by_turning: bool) -> float:
    """Return the quotient distance, by trying every element of the group.

    Examples
    --------
    >>> round(orbits_apart(Polar(20, 5), Polar(20, 55), 3, False), 2)
    0.85
    >>> round(orbits_apart(Polar(20, 5), Polar(20, 55), 3, True), 2)
    0.17
    """
    return min(apart(p, image) for image in orbit(q, mirrors, by_turning))


def said(z: Polar, w: Polar, mirrors: int, by_turning: bool) -> str:
    """Say what the script says of a state.

    Examples
    --------
    >>> said(Polar(48, 178), Polar(44, 184), 3, True)
    'Turned back: z by 120°, w by 180°. Torn: the codes are 2.10 apart, the orbits only 0.31.'
    """
    far = apart(code(z, mirrors, by_turning), code(w, mirrors, by_turning))
    near = orbits_apart(z, w, mirrors, by_turning)
    codes, orbits = f"{far:.2f}", f"{near:.2f}"
    if not by_turning:
        counts = [len(folded(p.angle, mirrors)) - 1 for p in (z, w)]
        return (
            f"Reflections into the wedge: {counts[0]} for z, {counts[1]} for w. The codes are "
            f"{codes} apart, the orbits {orbits}: no tear."
        )
    backs = [p.angle - turned(p.angle, mirrors) for p in (z, w)]
    start = f"Turned back: z by {backs[0]}°, w by {backs[1]}°."
    if codes == orbits:
        return f"{start} Here the codes are {codes} apart, as are the orbits; go across an edge."
    word = "Torn" if far >= 2 * near else "Stretched"
    return f"{start} {word}: the codes are {codes} apart, the orbits only {orbits}."
