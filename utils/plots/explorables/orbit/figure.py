"""A figure of orbits of a point and of coloured beads: what it needs, its checks, its markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from utils._checks import check_whole
from utils.groups import FiniteGroup
from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.orbit._beads import beads_of
from utils.plots.explorables.orbit._drawing import (
    BARS,
    COLOURS,
    HIGH,
    HUB,
    NAMES,
    RIM,
    RING,
    SHAPES,
    SMALL,
    TALL,
    UNIT,
    necklace,
    plane,
)
from utils.plots.explorables.orbit._moves import classes, moves, said_of_point
from utils.plots.figure import HTMLFigure, checked_alt
from utils.plots.style import PALETTE

__all__ = ["orbit_figure"]

_CORNERS = (2, 6)  # the fewest and the most; of seven beads too many colourings would be listed
_MOST_COLOURS = 4
#: So near, in units of the square, the dragged point goes to a mirror or to the centre.
_SNAP = {"mirror": 5, "centre": 9}
_LETTERS_IN_A_LINE = 75


def _checked(groups: Mapping[str, FiniteGroup], start: int) -> list[tuple[str, FiniteGroup]]:
    """Return names and groups, or say which group cannot be drawn."""
    listed = list(groups.items())
    if not listed:
        raise ValueError("A figure of orbits got no groups: give it at least one.")
    fewest, most = _CORNERS
    for name, group in listed:
        if group.family not in ("cyclic", "dihedral") or not fewest <= group.degree <= most:
            raise ValueError(
                f"The group {name!r} is {group.name}: a figure of orbits draws cyclic and dihedral "
                f"groups of {fewest} to {most} corners."
            )
    if not 0 <= start < len(listed):
        raise ValueError(f"The figure starts with group {start}, but has {len(listed)}.")
    return listed


def orbit_figure(
    groups: Mapping[str, FiniteGroup],
    *,
    alt: str,
    direction: int = 21,
    distance: float = 0.8,
    colouring: Sequence[int] = (1, 0, 1, 0, 0, 0),
    colours: int = 2,
    start: int = 0,
) -> HTMLFigure:
    """Build a figure in which a reader drags a point, colours beads and sees their orbits.

    The reader chooses a group of turns and mirrors of a regular polygon. In the plane a point is
    dragged: shown are the points of its orbit, each with the number of elements that bring the
    point there, and the mirrors that leave it where it is. Beads at the polygon's corners are
    coloured by tapping: shown are the colourings of their orbit and, as one bar for each element,
    how many of all colourings it fixes; the mean of the bars is the number of orbits (Burnside's
    lemma). Sentences say orbit, stabilizer and count.

    The page computes with whole numbers: directions are whole degrees and distances hundredths,
    so that no rounding decides what is one place, and colourings are listed. A dragged point that
    is near a mirror or the centre is put on it.

    Parameters
    ----------
    groups : Mapping[str, FiniteGroup]
        What the reader chooses from: names, and cyclic or dihedral groups of 2 to 6 corners.
    alt : str
        Alternative text for the whole figure.
    direction : int, default 21
        Where the point is at first: whole degrees from 0 to 359, counterclockwise from the right.
    distance : float, default 0.8
        How far from the centre it is, from 0 to 1; rounded to hundredths.
    colouring : Sequence[int], default (1, 0, 1, 0, 0, 0)
        The first colours, one for each corner of the largest polygon at least.
    colours : int, default 2
        How many colours there are at first, from 2 to 4.
    start : int, default 0
        The first group, by its place in ``groups``.

    Raises
    ------
    ValueError
        If a group is of another kind, or the first state does not fit.

    Examples
    --------
    >>> from utils.groups import cyclic, dihedral
    >>> chosen = {"turns": cyclic(3), "turns and mirrors": dihedral(3)}
    >>> figure = orbit_figure(chosen, alt="A point, its orbit under turns by 120°, three beads.")
    >>> "3 points in the orbit; only the identity" in figure.html  # the script computes it
    False
    """
    alt = checked_alt(alt)
    listed = _checked(groups, start)
    check_whole(direction, "The direction of the point", 0, 359)
    check_whole(colours, "The number of colours", 2, _MOST_COLOURS)
    if not 0 <= distance <= 1:
        raise ValueError(f"The distance of the point is from 0 to 1, but it is {distance}.")
    beads = [check_whole(c, "The colour of a bead", 0, colours - 1) for c in colouring]
    corners = max(group.degree for _, group in listed)
    if len(beads) < corners:
        raise ValueError(f"{corners} beads need a colour each, but {len(beads)} colours are given.")
    name, group = listed[start]
    hundredths = round(100 * distance)
    first = beads_of(group, beads[: group.degree], colours)
    sentences = (said_of_point(moves(group), direction, hundredths), first.said)
    cells = [
        Cell(f"A point and its orbit: {name}", plane(group, direction, hundredths), HIGH),
        Cell("A colouring and its orbit", necklace(group, first), TALL),
    ]
    lines = [row for said in sentences for row in textwrap.wrap(said, _LETTERS_IN_A_LINE)]
    return fill(
        __package__,
        prefix="orbit",
        still=still_of(cells, lines, alt),
        data={
            "groups": [_stored(*pair) for pair in listed],
            "degrees": direction,
            "distance": hundredths,
            "colouring": beads,
            "most": colours,
            "start": start,
            "side": SIDE,
            "unit": UNIT,
            "rim": RIM,
            "names": NAMES,
            "hub": HUB,
            "ring": RING,
            "small": SMALL,
            "bars": BARS,
            "colours": COLOURS,
            "shapes": SHAPES,
            "palette": [PALETTE[1], PALETTE[0]],
            "least": _SNAP,
        },
        alt=alt,
        text={
            "side": SIDE,
            "middle": SIDE // 2,
            "rim": RIM,
            "high": HIGH,
            "tall": TALL,
            "most": _MOST_COLOURS,
        },
        markup={
            "options": "".join(
                f'<option value="{i}">{html.escape(title)}</option>'
                for i, (title, _) in enumerate(listed)
            )
        },
    )


def _stored(name: str, group: FiniteGroup) -> dict[str, Any]:
    """Return what the script needs of a group."""
    return {
        "name": name,
        "n": group.degree,
        "moves": [[move.kind, move.degrees] for move in moves(group)],
        "images": group.natural_action().images.tolist(),
        "classes": [[label, list(members)] for label, members in classes(group)],
    }
