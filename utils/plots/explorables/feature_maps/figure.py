"""A figure of feature maps around an image that a reader turns: data, checks and markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.feature_maps._drawing import (
    AT,
    BARS,
    LINE,
    LONGEST,
    RADIUS,
    TALL,
    WIDE,
    bars,
    label_spot,
    ring,
)
from utils.plots.explorables.feature_maps._pictures import Store, levels
from utils.plots.explorables.feature_maps._undoing import best_rolls, disk, turned_back
from utils.plots.explorables.feature_maps.fields import FieldMaps
from utils.plots.figure import HTMLFigure, checked_alt
from utils.plots.style import PALETTE

__all__ = ["feature_maps_figure"]

_FEWEST, _MOST = 4, 8  # maps around the image
_ROUNDING = 1e-4  # what is nearer than this in single precision is equal up to rounding
_LETTERS_IN_A_LINE = 70


def _array(word: str, value: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    """Return finite numbers as an array, or say that they are none."""
    array = np.asarray(value, dtype=float)
    if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"The {word} must be finite numbers in {dimensions} dimensions, but have shape "
            f"{array.shape}."
        )
    return array


@dataclass(frozen=True, eq=False)
class _Field:
    """A field with all that is computed from it before it is shown."""

    name: str
    labels: tuple[str, ...]
    shown: NDArray[np.uint8]  # (T, n, m, m) grey values
    filters: NDArray[np.uint8] | None  # (n, s, s)
    code: NDArray[np.float64]  # (T, n) from -1 to 1
    strongest: NDArray[np.intp]  # (T,)
    rolls: NDArray[np.intp]
    errors: NDArray[np.float64]
    code_rolls: NDArray[np.intp]
    code_errors: NDArray[np.float64]

    def stored(self) -> dict[str, Any]:
        """Return what the script needs."""
        store, filters = Store(), Store()
        maps = [[store.number(picture) for picture in row] for row in self.shown]
        found: dict[str, Any] = {
            "name": self.name,
            "labels": self.labels,
            "side": self.shown.shape[-1],
            "maps": maps,
            "pixels": store.text(),
            "code": [[float(f"{value:.4f}") for value in row] for row in self.code],
            "strongest": self.strongest.tolist(),
            "rolls": self.rolls.tolist(),
            "errors": [_kept(value) for value in self.errors],
            "codeRolls": self.code_rolls.tolist(),
            "codeErrors": [_kept(value) for value in self.code_errors],
        }
        if self.filters is not None:
            found["filterSide"] = self.filters.shape[-1]
            found["filters"] = [filters.number(picture) for picture in self.filters]
            found["filterPixels"] = filters.text()
        return found


def _kept(error: float) -> float:
    """Round an error as it is stored: rounding to its power of ten, all else to four digits."""
    return float(f"{error:.0e}" if error < _ROUNDING else f"{error:.3e}")


def _field(given: FieldMaps, steps: int) -> _Field:
    """Check a field, and compute what is left after each turn is undone."""
    name = given.name
    maps = _array(f"maps of {name!r}", given.maps, 4)
    code = _array(f"code of {name!r}", given.code, 2)
    count, side = maps.shape[1:3]
    if maps.shape != (steps, count, side, side) or not (_FEWEST <= count <= _MOST and side > 1):
        raise ValueError(
            f"The maps of {name!r} have shape {maps.shape}: give (T, n, m, m) with T = {steps} as "
            f"for the image, n from {_FEWEST} to {_MOST}, and m above 1."
        )
    if code.shape != (steps, count) or len(given.labels) != count:
        raise ValueError(
            f"The code of {name!r} has shape {code.shape} and {len(given.labels)} labels: give "
            f"({steps}, {count}) and {count}, as for its maps."
        )
    seen = disk(side)
    if not ((maps[0] * seen).any() and code[0].any()):
        raise ValueError(
            f"The first maps or the first code of {name!r} are zero, so that no difference can be "
            "measured in units of them."
        )
    filters = None
    if given.filters is not None:
        bank = _array(f"filters of {name!r}", given.filters, 3)
        if len(bank) != count or bank.shape[1] != bank.shape[2]:
            raise ValueError(
                f"The filters of {name!r} have shape {bank.shape}: give ({count}, s, s), one for "
                "each map."
            )
        filters = levels(0.5 + 0.5 * bank / (np.abs(bank).max() or 1.0))
    rolls, errors = best_rolls(turned_back(maps) * seen)
    code_rolls, code_errors = best_rolls(code)
    return _Field(
        name=name,
        labels=tuple(given.labels),
        shown=levels(maps / (maps.max() or 1.0)),
        filters=filters,
        code=code / np.abs(code).max(),
        strongest=(maps.clip(min=0) * seen).sum(axis=(2, 3)).argmax(axis=1),
        rolls=rolls,
        errors=errors,
        code_rolls=code_rolls,
        code_errors=code_errors,
    )


def difference(error: float) -> str:
    """Say how large a relative difference is, as the script does.

    Examples
    --------
    >>> [difference(x) for x in (3e-7, 0.0214, 0.1149, 0.872)]
    ['by rounding', 'by 2.1 %', 'by 11 %', 'by 87 %']
    """
    if error < _ROUNDING:
        return "by rounding"
    return f"by {100 * error:.{1 if error < 0.0995 else 0}f} %"


def _sentence(field: _Field, t: int, label: str) -> str:
    """Say what is seen before anything is undone."""
    seen = (
        f"{field.name}, digit turned by {label}: the map {field.labels[field.strongest[t]]} is "
        "strongest."
    )
    if t == 0:
        return f"{seen} There is nothing to undo yet."
    same = field.code_rolls[t] == field.rolls[t]
    own = "" if same else f", rolled back by {field.code_rolls[t]},"
    return (
        f"{seen} Turned back, and rolled back by {field.rolls[t]} (the best of "
        f"{len(field.labels)} rolls), the maps would differ from the first "
        f"{difference(_kept(field.errors[t]))}, the code{own} "
        f"{difference(_kept(field.code_errors[t]))}."
    )


def feature_maps_figure(
    fields: Sequence[FieldMaps],
    digits: ArrayLike,
    *,
    alt: str,
    start: int = 0,
) -> HTMLFigure:
    """Build a figure in which a reader turns an image amid its feature maps, with no kernel.

    The reader turns the digit, by dragging it or by a slider, and chooses the network and the
    layer. Around the digit stand the maps of one field, beside each the filter that made it; the
    map that answers most has a thick rim. Below are numbers of the code, those of the first state
    as dashed outlines. If the reader undoes the turn, the page turns each map back and rolls maps
    and code back by as many places as bring them nearest to the first state.

    Everything is computed before, in double precision: how many places, and what difference is
    left, in units of the norm of the first. For maps it is measured on the disk that stays in the
    square, and they are turned back as cubic splines. Pixels are shown with 32 grey values; undone
    maps are the same pixels, turned by the browser.

    Parameters
    ----------
    fields : Sequence[FieldMaps]
        What the reader chooses from.
    digits : array_like
        Shape (T, H, H): the image turned counter-clockwise by 0°, 360°/T, and so on, grey values;
        shown from 0 to 1.
    alt : str
        Alternative text for the whole figure.
    start : int, default 0
        The first position of the slider.

    Raises
    ------
    ValueError
        If numbers, shapes or the first state do not fit.

    Notes
    -----
    A regular field of ``C_n`` whose image is turned by ``360° k / n`` turns and rolls by k places:
    undone, it is the first again. For turns that do not permute the pixels this holds up to
    interpolation, and between the elements of the group it is not promised (Cohen and Welling,
    "Group Equivariant Convolutional Networks", ICML 2016). Maps of an ordinary network are given
    the best of all rolls as well.

    Examples
    --------
    >>> maps = np.zeros((4, 4, 3, 3))
    >>> maps[range(4), range(4), [0, 1, 2, 1], [1, 0, 1, 2]] = 1.0  # it turns, and it rolls
    >>> field = FieldMaps("C4", maps, np.eye(4), ["0°", "90°", "180°", "270°"])
    >>> feature_maps_figure([field], np.ones((4, 3, 3)), alt="A square amid four maps.").alt
    'A square amid four maps.'
    """
    alt = checked_alt(alt)
    images = _array("turned images", digits, 3)
    steps, height, width = images.shape
    if height != width or steps < 2:
        raise ValueError(
            f"The turned images have shape {images.shape}: give (T, H, H) with two angles or more."
        )
    if not fields:
        raise ValueError("A figure of feature maps got no fields: give it at least one.")
    if not 0 <= start < steps:
        raise ValueError(f"The slider starts at {start}, outside its {steps} positions.")
    found = [_field(field, steps) for field in fields]
    shown, angles = levels(images), [360 * t / steps for t in range(steps)]
    labels = [f"{angle:g}°" for angle in angles]
    first, store = found[0], Store()
    drawing = ring(
        shown[start],
        first.shown[start],
        first.filters,
        first.labels,
        int(first.strongest[start]),
        angles[start],
    )
    cells = [
        Cell("the digit, filters and maps", drawing, SIDE * TALL / WIDE),
        Cell("of its code", bars(first.code[start], first.code[0], first.labels), BARS[1]),
    ]
    sentence = _sentence(first, start, labels[start])
    return fill(
        __package__,
        prefix="maps",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "size": [WIDE, TALL],
            "at": AT,
            "radius": RADIUS,
            "bars": [*BARS, LINE, LONGEST],
            "colours": PALETTE[:2],
            "rounding": _ROUNDING,
            "labels": labels,
            "side": height,
            "digits": [store.number(image) for image in shown],
            "pixels": store.text(),
            "spots": {
                str(n): [label_spot(place, n) for place in range(n)]
                for n in sorted({len(field.labels) for field in found})
            },
            "fields": [field.stored() for field in found],
        },
        alt=alt,
        text={
            "last": steps - 1,
            "start": start,
            "wide": WIDE,
            "tall": TALL,
            "broad": BARS[0],
            "high": BARS[1],
            "angle": labels[start],
        },
        markup={
            "options": "".join(
                f'<option value="{i}">{html.escape(field.name)}</option>'
                for i, field in enumerate(found)
            ),
        },
    )
