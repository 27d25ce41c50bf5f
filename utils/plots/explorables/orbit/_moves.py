"""What the elements of a group of turns and mirrors are, and where they bring a point.

Angles are whole degrees, counterclockwise from the right: whether two places are one is decided
without rounding. Corner ``i`` of an ``n``-gon lies at ``360 i / n`` degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

from utils.groups import FiniteGroup

TURN, MIRROR = 0, 1


@dataclass(frozen=True)
class Move:
    """A turn by some degrees, or the mirror that lies in that direction.

    Attributes
    ----------
    kind : int
        :data:`TURN` or :data:`MIRROR`.
    degrees : int
        From 0 to 359 for a turn, from 0 to 179 for a mirror.
    """

    kind: int
    degrees: int

    @property
    def name(self) -> str:
        """What a reader calls it.

        Examples
        --------
        >>> Move(MIRROR, 30).name
        'the mirror at 30°'
        """
        if self.kind == MIRROR:
            return f"the mirror at {self.degrees}°"
        return f"the turn by {self.degrees}°" if self.degrees else "the identity"

    def direction(self, degrees: int) -> int:
        """Return to which direction, from 0 to 359, it brings a direction.

        Examples
        --------
        >>> Move(TURN, 240).direction(150), Move(MIRROR, 30).direction(0)
        (30, 60)
        """
        if self.kind == MIRROR:
            return (2 * self.degrees - degrees) % 360
        return (self.degrees + degrees) % 360


def moves(group: FiniteGroup) -> tuple[Move, ...]:
    """Return the elements of a cyclic or dihedral group, in its order, as they move the plane.

    Element ``j`` is the turn by ``j/n`` of a full turn, element ``n + j`` the mirror at ``j/2n``.

    Examples
    --------
    >>> from utils.groups import dihedral
    >>> [move.name for move in moves(dihedral(2))][2:]
    ['the mirror at 0°', 'the mirror at 90°']
    """
    n = group.degree
    turns = [Move(TURN, 360 * j // n) for j in range(n)]
    mirrors = [Move(MIRROR, 180 * j // n) for j in range(n)]
    return (*turns, *(mirrors if group.family == "dihedral" else ()))


def images(elements: tuple[Move, ...], degrees: int, distance: int) -> dict[int, int]:
    """Return the directions of the images of a point, and how many elements lead to each.

    The point's own direction comes first; a point at the centre, distance 0, is its only image.

    Examples
    --------
    >>> from utils.groups import dihedral
    >>> images(moves(dihedral(3)), 60, 80)
    {60: 2, 180: 2, 300: 2}
    """
    if distance == 0:
        return {degrees: len(elements)}
    found: dict[int, int] = {}
    for move in elements:
        image = move.direction(degrees)
        found[image] = found.get(image, 0) + 1
    return found


def keepers(elements: tuple[Move, ...], degrees: int, distance: int) -> list[int]:
    """Return the numbers of the elements that leave a point where it is."""
    return [
        g for g, move in enumerate(elements) if distance == 0 or move.direction(degrees) == degrees
    ]


def classes(group: FiniteGroup) -> list[tuple[str, tuple[int, ...]]]:
    """Return the conjugacy classes and what they are called beside the bars.

    Examples
    --------
    >>> from utils.groups import dihedral
    >>> [name for name, _ in classes(dihedral(4))]
    ['identity', 'turns by ±90°', 'turn by 180°', 'mirrors on beads', 'mirrors between']
    """
    elements, n = moves(group), group.degree
    named = []
    for members in group.conjugacy_classes:
        first, several = elements[members[0]], len(members) > 1
        if first.kind == TURN:
            sign = "s by ±" if several else " by "
            name = f"turn{sign}{first.degrees}°" if first.degrees else "identity"
        else:
            where = "" if n % 2 else " between" if members[0] % 2 else " on beads"
            name = f"mirror{'s' if several else ''}{where}"
        named.append((name, members))
    return named


def product(orbit: int, stabilizer: int) -> str:
    """Write the product of two orders in one line: with spaces at which no line ends.

    Examples
    --------
    >>> product(6, 2).replace(chr(0xA0), "_")
    '6_×_2_=_12'
    """
    return f"{orbit} × {stabilizer} = {orbit * stabilizer}".replace(" ", "\N{NO-BREAK SPACE}")


def said_of_point(elements: tuple[Move, ...], degrees: int, distance: int) -> str:
    """Say how large a point's orbit and stabilizer are, and what is in the latter."""
    order, size = len(elements), len(images(elements, degrees, distance))
    kept = [elements[g].name for g in keepers(elements, degrees, distance)]
    if len(kept) == 1:
        words = f"only {kept[0]} leaves the point where it is"
    elif len(kept) == order:
        words = f"all {order} elements leave the point where it is"
    else:
        listed = f"{', '.join(kept[:-1])} and {kept[-1]}"
        words = f"{len(kept)} elements leave the point where it is, {listed}"
    return (
        f"{size} {'point' if size == 1 else 'points'} in the orbit; {words}: "
        f"{product(size, len(kept))}."
    )
