"""A figure of a code that moves and its drawing that turns: data, checks and markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, image_cell, still_of
from utils.plots.explorables._template import base64_text, fill
from utils.plots.figure import HTMLFigure, checked_alt
from utils.plots.style import PALETTE

__all__ = ["CodeAction", "turning_figure"]

_MOST = 15  # the largest entry of a stored code: more shades are not told apart
_GREYS = 15  # above black
_COLOURS = (PALETTE[0], PALETTE[1])  # of negative and of positive entries
_LETTERS_IN_A_LINE = 70


@dataclass(frozen=True, eq=False)
class CodeAction:
    """What a way of moving codes does to some items.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example ``"shift"``.
    codes : array_like
        Shape (items, T, channels, places): the code of each item moved by 0, ..., T - 1 steps.
    drawings : array_like
        Shape (items, T, H, W): what the decoder draws from it, grey values; shown from 0 to 1.
    """

    name: str
    codes: ArrayLike
    drawings: ArrayLike


class _Store:
    """Arrays of bytes, each kept once."""

    def __init__(self) -> None:
        self.kept: dict[bytes, int] = {}

    def number(self, array: NDArray[np.uint8] | NDArray[np.int8]) -> int:
        """Return at which place an array is kept."""
        return self.kept.setdefault(array.tobytes(), len(self.kept))

    def text(self) -> str:
        """Return all that is kept, one after the other."""
        return base64_text(np.frombuffer(b"".join(self.kept), np.uint8))


def _finite(word: str, value: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    array = np.asarray(value, dtype=float)
    if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"The {word} must be finite numbers in {dimensions} dimensions, but have shape "
            f"{array.shape}."
        )
    return array


def _grey(images: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return sixteen levels of grey, from 0 to 255."""
    levels = np.clip(np.round(images * _GREYS), 0, _GREYS)
    return (levels * (255 // _GREYS)).astype(np.uint8)


def _entries(codes: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return codes as whole numbers; those of one item keep their common scale."""
    largest = np.abs(codes).max(axis=(1, 2, 3), keepdims=True)
    scaled = codes / np.where(largest > 0, largest, 1)
    return np.round(_MOST * scaled).astype(np.int8)


def _code_cell(code: NDArray[np.int8]) -> Cell:
    """Draw a code as squares, as strong as its entries are large."""
    side = SIDE / code.shape[1]
    squares = "".join(
        f'<rect x="{j * side:.2f}" y="{i * side:.2f}" width="{side:.2f}" height="{side:.2f}" '
        f'fill="{_COLOURS[int(value > 0)]}" fill-opacity="{abs(int(value)) / _MOST:.2f}"/>'
        for (i, j), value in np.ndenumerate(code)
    )
    return Cell("code", squares, side * code.shape[0])


def _sentence(name: str, item: str, label: str, error: float, mean: float) -> str:
    return (
        f"{name}, {item}, {label}: the drawing differs from the turned picture by {error:.3f} of "
        f"the variance. Mean over all items and steps: {mean:.3f}."
    )


def turning_figure(
    actions: Sequence[CodeAction],
    truth: ArrayLike,
    labels: Sequence[str],
    items: Sequence[str],
    *,
    spread: float,
    control: str,
    alt: str,
    action: str = "Action on the code",
    item: str = "Item",
    start: int = 0,
) -> HTMLFigure:
    """Build a figure in which a reader moves a code and sees its drawing turn, with no kernel.

    A list chooses how codes are moved, another the item, and a slider by how many steps. Shown are
    the picture that the drawing should be, the drawing and the code; the error of the drawing is
    told in words. All pictures are computed before, and equal ones are stored once.

    Parameters
    ----------
    actions : Sequence[CodeAction]
        What the reader chooses from.
    truth : array_like
        Shape (items, T, H, W): the pictures of the items, turned by 0, ..., T - 1 steps.
    labels : Sequence[str]
        T readings of the slider, for example ``"shifted by 4 of 16 places"``.
    items : Sequence[str]
        The names of the items.
    spread : float
        The variance of the pictures that errors are divided by: the mean squared difference of a
        pixel from its mean over a set of pictures.
    control, action, item : str
        What slider and lists change: their visible labels.
    alt : str
        Alternative text for the whole figure.
    start : int, default 0
        The first position of the slider.

    Raises
    ------
    ValueError
        If shapes or the first state do not fit.
    """
    alt = checked_alt(alt)
    steps, count = len(labels), len(items)
    wanted = _finite("turned pictures", truth, 4)
    if wanted.shape[:2] != (count, steps):
        raise ValueError(
            f"The turned pictures have shape {wanted.shape}, but there are {count} items and "
            f"{steps} labels: give shape ({count}, {steps}, H, W)."
        )
    if not actions:
        raise ValueError("A figure of turning got no actions: give it at least one.")
    if not 0 <= start < steps:
        raise ValueError(f"The slider starts at {start}, outside its {steps} positions.")
    if not (np.isfinite(spread) and spread > 0):
        raise ValueError(f"Errors are divided by the spread, which is {spread}, not above zero.")
    pictures, codes = _Store(), _Store()
    target = _grey(wanted)
    stored: list[dict[str, Any]] = []
    size: tuple[int, ...] | None = None
    for one in actions:
        drawn = _finite(f"drawings of {one.name!r}", one.drawings, 4)
        code = _finite(f"codes of {one.name!r}", one.codes, 4)
        size = size or code.shape[2:]
        if drawn.shape != wanted.shape or code.shape != (count, steps, *size):
            raise ValueError(
                f"The action {one.name!r} has drawings of shape {drawn.shape} and codes of shape "
                f"{code.shape}: give {wanted.shape} and {(count, steps, *size)}."
            )
        errors = ((drawn - wanted) ** 2).mean(axis=(2, 3)) / spread
        grey, entries = _grey(drawn), _entries(code)
        if not stored:
            first = (grey[0, start], entries[0, start], float(errors[0, start]))
        stored.append(
            {
                "name": one.name,
                "drawings": [[pictures.number(image) for image in row] for row in grey],
                "codes": [[codes.number(entry) for entry in row] for row in entries],
                "errors": [[float(f"{error:.5g}") for error in row] for row in errors],
                "mean": float(f"{errors.mean():.5g}"),
            }
        )
    shown, shown_code, error = first
    mean = stored[0]["mean"]
    sentence = _sentence(actions[0].name, items[0], labels[start], float(f"{error:.5g}"), mean)
    turned = [[pictures.number(image) for image in row] for row in target]
    height, width = wanted.shape[2:]
    channels, places = shown_code.shape
    cells = [
        image_cell("the picture, turned", target[0, start]),
        image_cell("the drawing", shown),
        _code_cell(shown_code),
    ]
    return fill(
        __package__,
        prefix="turning",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "pictures": pictures.text(),
            "codes": codes.text(),
            "size": [height, width],
            "shape": [channels, places],
            "most": _MOST,
            "colours": _COLOURS,
            "labels": list(labels),
            "items": list(items),
            "truth": turned,
            "actions": stored,
        },
        alt=alt,
        text={
            "action": action,
            "item": item,
            "control": control,
            "last": steps - 1,
            "start": start,
            "reading": labels[start],
            "width": width,
            "height": height,
            "channels": channels,
            "places": places,
        },
        markup={
            "actions": _options([one.name for one in actions]),
            "items": _options(items),
        },
    )


def _options(names: Sequence[str]) -> str:
    return "".join(
        f'<option value="{i}">{html.escape(name)}</option>' for i, name in enumerate(names)
    )
