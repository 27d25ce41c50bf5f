"""A figure of two codes on the plane and on a cone: what it needs, its checks and its markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.cone._drawing import (
    APEX,
    COLOURS,
    PLANE,
    REACH,
    SCALE,
    WEDGE,
    plane,
    quotient,
    square,
)
from utils.plots.explorables.cone._paths import Code, said
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["cone_figure"]

_STEP, _TURN = 0.05, 3  # of distances, and of angles in degrees
_LAST = round(REACH / _STEP)
_ORDERS = (2, 3, 4, 5, 6, 10, 12)
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_LETTERS_IN_A_LINE = 70


def _code(name: str, given: tuple[float, float]) -> Code:
    """Check where a code starts, and put it on the grid of distances."""
    found = np.asarray(given, dtype=float)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise ValueError(f"The code {name} must be a distance and an angle, but is {given!r}.")
    step, turn = found[0] / _STEP, found[1] / _TURN
    if not (
        0 <= round(step) <= _LAST
        and abs(step - round(step)) < 1e-6
        and abs(turn) <= 180 // _TURN
        and turn == round(turn)
    ):
        raise ValueError(
            f"The code {name} starts at distance {found[0]:g} and angle {found[1]:g}: give a "
            f"multiple of {_STEP} up to {REACH} and a multiple of {_TURN} from -180 to 180 degrees."
        )
    return round(step) * _STEP, round(found[1])


def cone_figure(
    u: tuple[float, float],
    v: tuple[float, float],
    *,
    alt: str,
    orders: Sequence[int] = (2, 3, 4, 6),
    order: int = 3,
) -> HTMLFigure:
    """Build a figure in which a reader moves two codes of the plane, and their orbits on a cone.

    The reader chooses n, drags u, v or a copy of one (a copy that is taken becomes the code:
    it names the same orbit), and sees the straight line between them and the shortest line from u
    to a copy of v: in the plane, in the wedge of angle 360°/n into which both are folded, and on
    the cone that the wedge is glued to. A path that leaves the wedge at one edge comes back by the
    other, at equal marks. The page itself computes this in double precision; angles are whole
    degrees, in steps of 3, so that codes on the cut, and ties, in which two copies are equally
    near, are met exactly and not by chance of rounding.

    Parameters
    ----------
    u, v : tuple of float
        Where the codes start: the distance from the origin, a multiple of 0.05 up to 1.4, and the
        angle in degrees, a multiple of 3 from -180 to 180.
    alt : str
        Alternative text for the whole figure.
    orders : Sequence[int], default (2, 3, 4, 6)
        The groups that the reader chooses from, different divisors of 60 from 2 to 12.
    order : int, default 3
        The n shown first.

    Returns
    -------
    HTMLFigure
        The figure, to be the value of a cell.

    Raises
    ------
    ValueError
        If the codes or the orders do not fit.

    Notes
    -----
    With r and s the distances from the origin and d the least angle from u to a copy of v,
    d <= 180°/n, the quotient distance is the root of (r - s)² + 4 r s sin²(d / 2). Off the
    origin two copies are equally near if and only if d = 180°/n. Since d is at most a right angle,
    a shortest path between two such orbits never meets the tip. On cones, see chapter I.5 of
    M. R. Bridson and A. Haefliger, *Metric Spaces of Non-Positive Curvature*, Springer, 1999.

    The cone is drawn to scale, with u in front: its slant heights are the distances from the
    origin, and angles about its axis are n times those in the plane.

    Examples
    --------
    >>> figure = cone_figure((1.0, 39), (1.0, -162), alt="Two codes on the plane and on a cone.")
    >>> "C₄: turns by 90°" in figure.html
    True
    """
    alt = checked_alt(alt)
    first, second = _code("u", u), _code("v", v)
    given = list(orders)
    if not given or len(set(given)) < len(given) or not set(given) <= set(_ORDERS):
        raise ValueError(f"The orders are {given}: give different ones of {list(_ORDERS)}.")
    if order not in given:
        raise ValueError(f"The figure starts at order {order}, which is not one of {given}.")

    sentence = said(order, first, second)
    cells = [
        Cell("in the plane", square(plane(order, first, second)), SIDE),
        Cell(
            f"in the quotient, {360 // order}° rolled into a cone",
            square(quotient(order, first, second)),
            SIDE,
        ),
    ]
    return fill(
        __package__,
        prefix="cone",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "codes": [[round(r / _STEP), angle] for r, angle in (first, second)],
            "step": _STEP,
            "turn": _TURN,
            "reach": REACH,
            "scale": SCALE,
            "plane": PLANE,
            "wedge": WEDGE,
            "apex": APEX,
            "most": max(given),
            "colours": COLOURS,
        },
        alt=alt,
        text={"side": SIDE, "last": _LAST, "turn": _TURN, "apex": f"{APEX[0]:g}"},
        markup={
            "options": "".join(
                f'<option value="{n}"{" selected" * (n == order)}>'
                f"C{str(n).translate(_SUBSCRIPTS)}: turns by {360 // n}°</option>"
                for n in given
            ),
        },
    )
