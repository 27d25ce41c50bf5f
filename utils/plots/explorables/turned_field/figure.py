"""A figure of a field that is turned before or after a kernel: its checks and its markup."""

from __future__ import annotations

import html
import textwrap
from typing import Any

import numpy as np

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import base64_text, fill
from utils.plots.explorables.turned_field._drawing import (
    COLOURS,
    DASHES,
    LARGEST,
    LONGEST,
    NORTH,
    RIM,
    SEEN,
    WIDTHS,
    breeze,
    level_lines,
    marks,
    placed,
    rows,
    scene,
)
from utils.plots.explorables.turned_field._kernels import (
    KERNELS,
    Array,
    Field,
    error,
    filtered,
    jets,
    turn,
    two_ways,
)
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["turned_field_figure"]

_STEP = 5  # degrees
_ROUNDING = 1e-9  # under it, two ways agree
_NOTHING = 1e-5  # this share of a blurred field and its slopes may be the error of their sum
_OUTPUTS = ("numbers, moved (ρ = 1)", "arrow, moved and turned (ρ = g)")
_MOVED = ("The number is moved", "The pair is moved, not turned", "The arrow is moved and turned")
_LETTERS_IN_A_LINE = 70
_SIDE = 61  # heights in a row, for level lines


def _values(word: str, field: Field, points: Array, count: int) -> Array:
    """Return the values of a field at points, or say what is wrong with them."""
    values = np.asarray(field(points), dtype=float)
    if values.shape != (len(points), count) or not np.isfinite(values).all():
        raise ValueError(
            f"The {word} must give finite numbers of shape (N, {count}) at points of shape "
            f"(N, 2), but at {len(points)} points gave shape {values.shape}."
        )
    return values


def said(way: int, now: float, most: float, degrees: int) -> str:
    """Say how the output moves, the number, the pair or the arrow, and whether both ways agree.

    Examples
    --------
    >>> said(1, 1.0, 2.0, 60)[31:]
    'and at 60° the two ways differ: relative error 1.00, at most 2.00 over all turns.'
    >>> said(2, 1e-16, 1e-15, 60)[31:]
    'and the two ways agree, at 60° as at every turn: the kernel commutes with turning.'
    """
    who = _MOVED[way]
    if most < _ROUNDING:
        return (
            f"{who}, and the two ways agree, at {degrees}° as at every turn: the kernel commutes "
            "with turning."
        )
    if degrees == 0:
        return (
            f"{who}. At 0° nothing is turned yet, and the two ways agree; over all turns the "
            f"relative error is at most {most:.2f}."
        )
    if now < _ROUNDING:
        return (
            f"{who}, and at {degrees}° the two ways happen to agree; over all turns the relative "
            f"error is at most {most:.2f}."
        )
    return (
        f"{who}, and at {degrees}° the two ways differ: relative error {now:.2f}, at most "
        f"{most:.2f} over all turns."
    )


def turned_field_figure(
    height: Field,
    wind: Field,
    *,
    reach: float,
    alt: str,
    width: float | None = None,
    kernel: str = "gradient",
    arrow: bool = False,
    angle: int = 60,
) -> HTMLFigure:
    """Build a figure in which a reader turns a field before and after a kernel.

    The reader chooses one of six kernels, says whether a pair that comes out is two numbers, only
    moved to their new place, or an arrow, moved and turned, and turns the map. Shown are both
    ways, turn then filter and filter then turn, at points that are carried along; what differs
    is marked, and the relative error is told in words. A dial or the N on a rim turns the map, in
    steps of 5° chosen for the hand: the mathematics holds for any angle.

    Parameters
    ----------
    height, wind : Callable
        From points (N, 2) to values (N, 1) and (N, 2).
    reach : float
        Radius of the round map about the origin. The fields are asked beyond it, too.
    alt : str
        Alternative text for the whole figure.
    width : float, optional
        Standard deviation of the Gaussian, by default an eighth of the reach.
    kernel : str, default "gradient"
        What is shown first: ``"blur"``, ``"slope"`` or ``"gradient"`` of the height,
        ``"divergence"``, ``"wind"`` (its blur) or ``"rightward"`` (the blur of its first component,
        and zero) of the wind.
    arrow : bool, default False
        Whether the pair is first taken as an arrow.
    angle : int, default 60
        The first turn, counterclockwise, in degrees; a multiple of 5.

    Raises
    ------
    ValueError
        If a field, a number or the first state does not fit, or a kernel makes nothing of a field.

    Notes
    -----
    The entries of all kernels are a Gaussian and its two slopes. Python convolves both fields with
    these at the points p, by a sum in double precision, and stores single precision. The slopes
    turn as an arrow (they are *steerable*: Freeman and Adelson, 1991), so a turned kernel is a
    mixture of the same three. The page thus has (K gf)(gp) for every turn g, without a grid, by
    mixing the stored numbers in double precision. The relative error is the norm of the difference
    over all points, divided by that of filter-then-turn, as in
    :func:`utils.equivariance.relative_error`.

    Examples
    --------
    >>> bump = lambda p: np.exp(-((p - 0.3) ** 2).sum(1, keepdims=True))
    >>> figure = turned_field_figure(
    ...     bump, lambda p: bump(p) * p, reach=2.0, alt="A round map that a reader turns.")
    >>> figure.alt
    'A round map that a reader turns.'
    """
    alt = checked_alt(alt)
    if not (np.isfinite(reach) and reach > 0):
        raise ValueError(f"The radius of the map must be positive, but it is {reach}.")
    width = reach / 8 if width is None else width
    if not 0 < width <= reach:
        raise ValueError(f"The width of the blur lies between 0 and {reach}, but it is {width}.")
    names = [one.key for one in KERNELS]
    if kernel not in names:
        raise ValueError(f"The figure starts with {kernel!r}: choose one of {names}.")
    if angle not in range(0, 360, _STEP):
        raise ValueError(f"The first turn is {angle}: give a multiple of {_STEP} from 0 to 355.")
    start = names.index(kernel)
    chosen = KERNELS[start]
    if arrow and len(chosen.parts) == 1:
        raise ValueError(f"The output of {kernel!r} is one number, which is no arrow.")
    points = rows(reach)
    line = np.linspace(-reach, reach, _SIDE)
    across, up = np.meshgrid(line, line)
    heights = _values("height", height, np.column_stack([across.ravel(), up.ravel()]), 1)
    arrows = _values("wind", wind, points, 2)
    stored = {
        name: jets(field, points, width).astype(np.float32)
        for name, field in (("height", height), ("wind", wind))
    }
    found = {name: own.astype(np.float64) for name, own in stored.items()}
    for one in KERNELS:
        own = found[one.input]
        if not np.abs(filtered(own, one.parts)).max() > _NOTHING * np.abs(own).max():
            raise ValueError(
                f"The kernel {one.key!r} makes nothing of the {one.input}, and zero commutes with "
                "everything."
            )
    under = {
        "height": level_lines(heights.reshape(_SIDE, _SIDE)),
        "wind": breeze(points, arrows, reach),
    }
    jet = found[chosen.input]
    both = two_ways(jet, chosen.parts, angle, arrow)
    most = max(
        error(*two_ways(jet, chosen.parts, degrees, arrow)) for degrees in range(0, 360, _STEP)
    )
    largest = float(np.linalg.norm(both[1], axis=1).max())
    at = placed(points @ turn(angle).T, reach)
    sentence = said(len(chosen.parts) - 1 + arrow, error(*both), most, angle)
    cells = [
        Cell(title, scene(under[chosen.input], drawn, angle), SIDE)
        for title, drawn in (
            ("turn, then filter", marks(at, both[0], both[0], largest)),
            ("filter, then turn", marks(at, both[1], both[0], largest)),
        )
    ]
    lines = textwrap.wrap(f"{chosen.name}. {sentence}", _LETTERS_IN_A_LINE)
    data: dict[str, Any] = {
        "side": SIDE,
        "rim": RIM,
        "north": NORTH,
        "reach": reach,
        "longest": LONGEST,
        "disc": LARGEST,
        "colours": COLOURS,
        "widths": WIDTHS,
        "dashes": DASHES,
        "seen": SEEN,
        "rounding": _ROUNDING,
        "step": _STEP,
        "angle": angle,
        "arrow": arrow,
        "moved": _MOVED,
        "points": points.round(9).tolist(),
        "jets": {name: base64_text(own) for name, own in stored.items()},
        "under": under,
        "kernels": [{"name": one.name, "input": one.input, "parts": one.parts} for one in KERNELS],
    }
    return fill(
        __package__,
        prefix="turned",
        still=still_of(cells, lines, alt),
        data=data,
        alt=alt,
        text={"side": SIDE, "step": _STEP, "last": 360 - _STEP, "angle": angle},
        markup={
            "kernels": _options([one.name for one in KERNELS], start),
            "outputs": _options(_OUTPUTS, int(arrow)),
        },
    )


def _options(names: list[str] | tuple[str, ...], chosen: int) -> str:
    """Return the options of a list in ASCII, which needs no charset of its page."""
    options = "".join(
        f'<option value="{i}"{" selected" * (i == chosen)}>{html.escape(name)}</option>'
        for i, name in enumerate(names)
    )
    return options.encode("ascii", "xmlcharrefreplace").decode()
