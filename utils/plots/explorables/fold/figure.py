"""A figure of points that are folded or turned into a wedge: data, checks and markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.fold._drawing import (
    BAR,
    BOX,
    COLOURS,
    DASHES,
    DISC,
    LOW,
    RISE,
    TALL,
    TOPS,
    bars,
    graphs,
    plane,
)
from utils.plots.explorables.fold._folding import HALF, PARTS, Polar, said, width
from utils.plots.figure import HTMLFigure, checked_alt
from utils.plots.style import PALETTE

__all__ = ["fold_figure"]

_NAMES = {1: "A₁", 2: "A₁ × A₁", 3: "A₂", 4: "B₂", 6: "G₂"}
_MOST_MIRRORS = 12
_LEAST = 4  # twentieths of a unit: nearer to the origin a point has hardly an angle
_WAYS = ("folding in mirrors", "turning back")
_LETTERS_IN_A_LINE = 74


def _option(mirrors: int) -> str:
    """Name a wedge by its angle, its mirrors and its turns."""
    name = _NAMES.get(mirrors, f"I₂({mirrors})")
    plural = "" if mirrors == 1 else "s"
    return f"{width(mirrors)}°: {mirrors} mirror{plural} ({name}) or {2 * mirrors} turns"


def _options(names: Sequence[str], start: int) -> str:
    return "".join(
        f'<option value="{i}"{" selected" * (i == start)}>{name}</option>'
        for i, name in enumerate(names)
    )


def _point(name: str, given: tuple[float, int], reach: float) -> Polar:
    """Return a point on the grid of the dials, or refuse it."""
    length, angle = given
    parts = round(PARTS * length) if abs(length) < 1e6 else -1
    if abs(parts - PARTS * length) > 1e-9 or not _LEAST <= parts <= round(PARTS * reach):
        raise ValueError(
            f"The length of {name} is {length}: give a multiple of {1 / PARTS} from "
            f"{_LEAST / PARTS} to {reach}."
        )
    if angle != int(angle) or not 0 <= angle < 2 * HALF:
        raise ValueError(f"The angle of {name} is {angle}: give whole degrees from 0 to 359.")
    return Polar(parts, int(angle))


def fold_figure(
    *,
    alt: str,
    mirrors: Sequence[int] = (1, 2, 3, 4, 6),
    start: int = 2,
    z: tuple[float, int] = (2.4, 178),
    w: tuple[float, int] = (2.2, 184),
    reach: float = 3.0,
    by_turning: bool = False,
) -> HTMLFigure:
    """Build a figure in which a reader folds two points of the plane into a wedge, or turns them.

    The reader drags z and w, or moves their angles and lengths by dials, chooses a wedge, and how
    points come into it: by reflections in the mirrors of a dihedral group, whose chamber it is, or
    by turns, of which there are as many as the group of the mirrors has elements. Both ways name
    one point of the wedge for each orbit. Shown are the way of each point, its reflections
    numbered, the distance of the two codes beside that of the two orbits, and the angle chosen over
    the angle of the point: a zigzag for mirrors, a sawtooth for turns.

    Points move in whole degrees and in twentieths of a unit, so that angles and reflections are
    whole numbers and exact. A point on a mirror counts as on the chamber's side; the far edge of a
    wedge is turned to its near edge. Distances are computed in double precision; that of the orbits
    is the smallest over all elements of the group.

    Parameters
    ----------
    alt : str
        Alternative text for the whole figure.
    mirrors : Sequence[int], default (1, 2, 3, 4, 6)
        The numbers of mirrors that the reader chooses from. They divide 180.
    start : int, default 2
        Which of them is shown first.
    z, w : tuple[float, int]
        The first points: length, and angle in degrees.
    reach : float, default 3.0
        The radius of the disc in which points move.
    by_turning : bool, default False
        Whether turning is shown first.

    Raises
    ------
    ValueError
        If mirrors do not stand at whole degrees, or the first state does not fit.

    Notes
    -----
    That folding keeps the distances of orbits is classical (Humphreys 1990, sections 1.4 to 1.12).

    Examples
    --------
    >>> figure = fold_figure(alt="Two points and a wedge.", mirrors=(3,), start=0)
    >>> "60°: 3 mirrors (A₂) or 6 turns" in figure.html
    True
    """
    alt = checked_alt(alt)
    if not mirrors:
        raise ValueError("A figure of folding got no numbers of mirrors: give at least one.")
    for count in mirrors:
        if count not in range(1, _MOST_MIRRORS + 1) or HALF % count:
            raise ValueError(
                f"There cannot be {count} mirrors here: give a divisor of {HALF} from 1 to "
                f"{_MOST_MIRRORS}, so that mirrors stand at whole degrees."
            )
    if not 0 <= start < len(mirrors):
        raise ValueError(f"The figure starts at {start}, outside its {len(mirrors)} wedges.")
    if not 1 <= reach <= 100 or abs(PARTS * reach - round(PARTS * reach)) > 1e-9:
        raise ValueError(f"The reach is {reach}: give a multiple of {1 / PARTS} from 1 to 100.")
    points = _point("z", z, reach), _point("w", w, reach)
    count = mirrors[start]
    sentence = said(*points, count, by_turning)
    under = (
        f'{plane(*points, count, by_turning, reach)}<g transform="translate(0 {SIDE})">'
        f"{bars(*points, count, by_turning, reach)}</g>"
    )
    cells = [
        Cell(_option(count), under, SIDE + LOW),
        Cell(_WAYS[by_turning], graphs(*points, count, by_turning), TALL),
    ]
    return fill(
        __package__,
        prefix="fold",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "mirrors": list(mirrors),
            "points": [[point.length, point.angle] for point in points],
            "parts": PARTS,
            "reach": reach,
            "least": _LEAST,
            "side": SIDE,
            "disc": DISC,
            "box": BOX,
            "tops": TOPS,
            "rise": RISE,
            "tall": TALL,
            "bar": BAR,
            "blue": PALETTE[0],
            "colours": COLOURS,
            "dashes": DASHES,
        },
        alt=alt,
        text={
            "side": SIDE,
            "middle": SIDE // 2,
            "disc": DISC,
            "low": LOW,
            "tall": TALL,
            "least": _LEAST,
            "most": round(PARTS * reach),
            "blue": PALETTE[0],
        },
        markup={
            "wedges": _options([_option(count) for count in mirrors], start),
            "ways": _options(_WAYS, int(by_turning)),
        },
    )
