"""A figure of max filters in the plane: what it needs, its checks and its markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, drawing_cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.max_filters._drawing import (
    AXIS,
    COLOURS,
    DASHES,
    REACH,
    ROWS,
    STRIP,
    TALL,
    chart,
    frame,
    scene,
)
from utils.plots.explorables.max_filters._filters import (
    DIRECTIONS,
    LENGTHS,
    bracket,
    distance,
    pairs,
    values,
)
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["max_filters_figure"]

_MOST_TEMPLATES = 3
_ORDERS = range(3, 9)
_STEP = 0.02  # of a length
#: How short and how long a template and a code may be, in steps.
_TEMPLATE, _CODE = (15, 55), (10, 72)
#: A code is caught by the orbit of the other and by a crossing of all lines from the first
#: distance on, by a line from the second.
_CAUGHT = (0.09, 0.05)
_SAME = 1e-9  # what is closer counts as equal
_LETTERS_IN_A_LINE = 70


def _points(word: str, given: ArrayLike, limits: tuple[int, int]) -> NDArray[np.float64]:
    """Return points of the plane whose lengths are within limits, or say what is wrong."""
    found = np.asarray(given, dtype=float)
    low, high = limits[0] * _STEP, limits[1] * _STEP
    lengths = np.linalg.norm(found, axis=1) if found.ndim == 2 else np.array([np.nan])
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():
        raise ValueError(
            f"The {word} must be finite points of the plane, shape (n, 2), but have shape "
            f"{found.shape}."
        )
    if not (lengths.min(initial=low) >= low - _SAME and lengths.max(initial=0) <= high + _SAME):
        raise ValueError(
            f"The {word} need lengths from {low:g} to {high:g}, but have "
            f"{', '.join(f'{x:.3g}' for x in lengths)}."
        )
    return found


def _option(order: int, mirrored: bool, chosen: bool) -> str:
    """Name a group by its smallest turn and, if it has any, its mirrors."""
    named = f" and mirrors, D{chr(0x2080 + order)}" if mirrored else f", C{chr(0x2080 + order)}"
    return (
        f'<option value="{order}{"m" * mirrored}"{" selected" * chosen}>'
        f"{round(360 / order, 1):g}°{named}</option>"
    )


def said(apart: float, gap: float, least: float, most: float) -> str:
    """Say how a pair is told apart, and what is measured over the others.

    Parameters
    ----------
    apart, gap : float
        The distance of the orbits, and that of the values.
    least, most : float
        The bracket.

    Examples
    --------
    >>> said(0.5, 0.0, 0.0, 1.0)[:65]
    'The orbits are 0.50 apart, the values the same: not told apart. M'
    """
    if apart < _SAME:
        pair, outside = "a and b lie in one orbit, so all values are the same.", ""
    elif gap < _SAME:
        pair = f"The orbits are {apart:.2f} apart, the values the same: not told apart."
        outside = "below" if least >= 0.005 else ""
    else:
        ratio = gap / apart
        pair = f"The orbits are {apart:.2f} apart, the values {gap:.2f}: ratio {ratio:.2f}."
        outside = "below" if ratio < least - 0.005 else "above" if ratio > most + 0.005 else ""
    over = f"Measured over {pairs():,} pairs, the ratio goes from {least:.2f} to {most:.2f}"
    return f"{pair} {over}" + (f"; this pair is {outside} them all." if outside else ".")


def max_filters_figure(
    templates: ArrayLike,
    codes: ArrayLike,
    *,
    alt: str,
    order: int = 4,
    orders: Sequence[int] = (3, 4, 5),
    mirrors: Sequence[int] = (),
    shown: int = 1,
) -> HTMLFigure:
    r"""Build a figure in which a reader drags templates and codes, and sees what filters keep.

    The group C_n turns the plane; a D_n has n mirrors as well, one of them level. The reader drags
    two codes a and b and one to three templates, or turns them by dials. Drawn are the orbits of
    both codes and, for each template w, the line through a on which the filter
    :math:`\max_g \langle w, gz \rangle` has one value: a regular n-gon, or with mirrors a polygon
    of 2n sides. A code that is brought close to the other's orbit, to a point where all filters
    have the other's values, or to the other's line, is put there, so that a tie is exact.

    The page computes, in double precision, the values of the filters at a and at b, their
    distance, the quotient distance of the orbits and its ratio; and the smallest and the largest
    ratio over a fixed grid of pairs. Such a bracket bounds the best lower constant from above
    and the best upper one from below: a reader who finds a pair outside is told so.

    Parameters
    ----------
    templates : array_like
        Shape (m, 2), from one to three templates of lengths from 0.3 to 1.1: those the reader
        starts with, and those that are added after them.
    codes : array_like
        Shape (2, 2): a and b, of lengths from 0.2 to 1.44.
    alt : str
        Alternative text for the whole figure.
    order : int, default 4
        The n of the first group.
    orders : Sequence[int], default (3, 4, 5)
        The n of the C_n that the reader chooses from, each from 3 to 8.
    mirrors : Sequence[int], default ()
        The n of the D_n that the reader chooses from as well, each from 3 to 8.
    shown : int, default 1
        How many templates there are at first.

    Raises
    ------
    ValueError
        If numbers, shapes or the first state do not fit.

    Notes
    -----
    In the plane two templates never separate all orbits for n >= 3: around the directions modulo
    360° / n the quotient of the two values is a continuous function on a circle, so it takes some
    value twice. Three do, if no two are parallel after any turn (chapter 6; Cahill, Iverson, Mixon
    and Packer 2022 have such theorems for all finite groups). Under D_n a filter is the scalar
    product of template and code, both folded into one wedge between mirrors, so two templates
    separate all orbits unless they are parallel when folded.

    Examples
    --------
    >>> alt = "Two orbits on a square, and a template."
    >>> figure = max_filters_figure([[1, 0], [0, 0.5]], [[1, 0.2], [1, -0.4]], alt=alt)
    >>> "not told apart" in figure.html
    True
    """
    alt = checked_alt(alt)
    arrows, both = _points("templates", templates, _TEMPLATE), _points("codes", codes, _CODE)
    if not 1 <= len(arrows) <= _MOST_TEMPLATES or len(both) != 2:
        raise ValueError(
            f"The figure shows from 1 to {_MOST_TEMPLATES} templates and 2 codes, but got "
            f"{len(arrows)} and {len(both)}."
        )
    if not 1 <= shown <= len(arrows):
        raise ValueError(f"At first {shown} templates are shown, but there are {len(arrows)}.")
    if order not in orders or not {*orders, *mirrors} <= set(_ORDERS):
        raise ValueError(
            f"The orders are {list(orders)}, the first is {order}, and those with mirrors are "
            f"{list(mirrors)}: give whole numbers from {_ORDERS[0]} to {_ORDERS[-1]}, the first "
            "among the orders."
        )
    first = arrows[:shown]
    found = values(both, first, order)
    apart = distance(both[0], both[1], order)
    gap = float(np.linalg.norm(found[0] - found[1]))
    least, most = bracket(first, order)
    ratio = None if apart < _SAME else gap / apart
    plane = f'<svg viewBox="0 0 {SIDE} {SIDE}">{scene(first, both, order)}</svg>'
    cells = [
        drawing_cell("two orbits, and a line of equal value", plane),
        Cell("what the filters say", chart(found, (least, most), ratio), TALL),
    ]
    sentence = said(apart, gap, least, most)
    return fill(
        __package__,
        prefix="maxfilters",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "templates": arrows.tolist(),
            "codes": both.tolist(),
            "shown": shown,
            "side": SIDE,
            "reach": REACH,
            "step": _STEP,
            "limits": {"template": _TEMPLATE, "code": _CODE},
            "caught": _CAUGHT,
            "same": _SAME,
            "directions": DIRECTIONS,
            "lengths": LENGTHS,
            "pairs": f"{pairs():,}",
            "colours": COLOURS,
            "dashes": DASHES,
            "rows": ROWS,
            "strip": STRIP,
            "axis": AXIS,
        },
        alt=alt,
        text={"side": SIDE, "tall": TALL},
        markup={
            "frame": frame(),
            "orders": "".join(
                [_option(n, False, n == order) for n in orders]
                + [_option(n, True, False) for n in mirrors]
            ),
            "movers": "".join(
                f'<option value="{i}"{" selected" * (i == 1)}>{name}</option>'
                for i, name in enumerate(
                    ["a", "b", *(f"template {k + 1}" for k in range(len(arrows)))]
                )
            ),
        },
    )
