"""A figure that shows one of several readings of the same items: its checks and its markup."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE, on_square
from utils.plots.explorables._still import Cell, image_cell, still_of
from utils.plots.explorables._template import base64_text, fill
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["Reading", "choice_figure"]


@dataclass(frozen=True, eq=False)
class Reading:
    """One of the things that a :func:`choice_figure` lets its reader choose.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example the name of a projection.
    points : numpy.ndarray
        Shape (N, 2): where the items lie on the map.
    neighbours : numpy.ndarray
        Shape (N, k), integers: for each item, its k nearest others, nearest first.
    numbers : Mapping[str, str]
        What was measured, ready to be read: the same names for all readings.
    """

    name: str
    points: NDArray[np.floating]
    neighbours: NDArray[np.integer]
    numbers: Mapping[str, str]


_GREYS = 15
_LARGEST_CHOICE = 2**16
_SHORT_LABEL = 2


def _packed_images(images: NDArray[np.floating]) -> str:
    """Store images with four bits a pixel, two pixels a byte."""
    levels = np.clip(np.round(images * _GREYS), 0, _GREYS).astype(np.uint8).ravel()
    levels = np.append(levels, np.zeros(len(levels) % 2, dtype=np.uint8))
    return base64_text(levels[::2] * 16 + levels[1::2])


def _check_choice(
    readings: Sequence[Reading], images: NDArray[Any], labels: Sequence[str], colours: Sequence[str]
) -> None:
    count = len(labels)
    if not readings:
        raise ValueError("A choice figure got no readings: give it at least one to choose.")
    if images.ndim != 3 or len(images) != count or images.shape[1] != images.shape[2]:
        raise ValueError(
            f"The images have shape {images.shape}, but {count} items need square images of shape "
            f"({count}, side, side), one for each."
        )
    if len(colours) != count:
        raise ValueError(f"There are {len(colours)} colours for {count} items: give one for each.")
    if not 2 <= count <= _LARGEST_CHOICE:
        raise ValueError(
            f"A choice figure shows from 2 to {_LARGEST_CHOICE} items, but it got {count}."
        )
    width = np.shape(readings[0].neighbours)[-1:]
    for reading in readings:
        near = np.asarray(reading.neighbours)
        if np.shape(reading.points) != (count, 2) or near.shape != (count, *width):
            raise ValueError(
                f"Reading {reading.name!r} has points of shape {np.shape(reading.points)} and "
                f"neighbours of shape {near.shape} for {count} items: give each item a place on "
                f"the plane and as many neighbours as in the other readings."
            )
        if near.dtype.kind not in "iu" or near.size == 0 or near.min() < 0 or near.max() >= count:
            raise ValueError(
                f"The neighbours in reading {reading.name!r} must be positions of items, integers "
                f"from 0 to {count - 1}, at least one for each item."
            )
        if not np.isfinite(reading.points).all():
            raise ValueError(f"Reading {reading.name!r} has points that are not finite.")
        if list(reading.numbers) != list(readings[0].numbers):
            raise ValueError(
                f"Reading {reading.name!r} reports {list(reading.numbers)}, the first one "
                f"{list(readings[0].numbers)}: give the same numbers for all."
            )


def _map_cell(reading: Reading, labels: Sequence[str], colours: Sequence[str], query: int) -> Cell:
    """Draw the map of a reading as the script does, with rings on an item and its neighbours."""
    places = on_square(np.asarray(reading.points)).round(1)
    letters = 'font-size="9" font-weight="bold" text-anchor="middle" dominant-baseline="central"'
    dots = "".join(
        f'<text x="{x:g}" y="{y:g}" fill="{colour}">{html.escape(label)}</text>'
        if len(label) <= _SHORT_LABEL
        else f'<circle cx="{x:g}" cy="{y:g}" r="2.6" fill="{colour}"/>'
        for (x, y), label, colour in zip(places, labels, colours, strict=True)
    )
    rings = "".join(
        f'<circle cx="{places[item, 0]:g}" cy="{places[item, 1]:g}" fill="none" '
        f'stroke="currentColor" r="{8.5 if item == query else 6.5}" stroke-width="1.5"/>'
        for item in [query, *map(int, reading.neighbours[query])]
    )
    return Cell(reading.name, f'<g opacity="0.85" {letters}>{dots}</g>{rings}', SIDE)


def _found_cell(pictures: NDArray[np.floating], reading: Reading, query: int) -> Cell:
    """Show an item, twice as large, and its neighbours in two rows beside it."""
    side, near = pictures.shape[1], [int(item) for item in reading.neighbours[query]]
    columns = -(-len(near) // 2)
    canvas = np.zeros((2 * side + 2, 2 * side + 6 + columns * (side + 2) - 2))
    canvas[: 2 * side, : 2 * side] = pictures[query].repeat(2, axis=0).repeat(2, axis=1)
    for j, item in enumerate(near):
        top, left = j // columns * (side + 2), 2 * side + 6 + j % columns * (side + 2)
        canvas[top : top + side, left : left + side] = pictures[item]
    grey = np.clip(np.round(canvas * 255), 0, 255).astype(np.uint8)
    return image_cell("the item and its nearest", grey)


def choice_figure(
    readings: Sequence[Reading],
    images: NDArray[np.floating],
    labels: Sequence[str],
    colours: Sequence[str],
    *,
    control: str,
    item: str,
    alt: str,
    start: int = 0,
    query: int = 0,
) -> HTMLFigure:
    """Build a figure that shows one of several readings of the same items, with no kernel.

    A list chooses the reading; a slider, or a click on the map, chooses an item. The map, the
    pictures of the nearest neighbours and the numbers follow. Everything works from the
    keyboard, by touch and without a network. The images are stored once, with 16 grey values.

    Parameters
    ----------
    readings : Sequence[Reading]
        What can be chosen; all report the same numbers.
    images : numpy.ndarray
        Shape (N, S, S), grey values in [0, 1]: the picture of each item.
    labels : Sequence[str]
        N texts, for example the classes. Those of at most two characters stand on the map
        themselves, so that it can be read without its colours; longer ones become dots.
    colours : Sequence[str]
        N colours of the points on the map.
    control, item : str
        What the list and the slider choose: their visible labels.
    alt : str
        Alternative text for the whole figure.
    start, query : int, default 0
        The reading shown and the item chosen first.
    """
    alt = checked_alt(alt)
    pictures = np.asarray(images)
    _check_choice(readings, pictures, labels, colours)
    if not (0 <= start < len(readings) and 0 <= query < len(labels)):
        raise ValueError(
            f"The figure starts at reading {start} and item {query}, outside its {len(readings)} "
            f"readings or {len(labels)} items."
        )
    count, side = np.shape(readings[0].neighbours)[1], pictures.shape[1]
    options = "".join(
        f'<option value="{i}"{" selected" * (i == start)}>{html.escape(reading.name)}</option>'
        for i, reading in enumerate(readings)
    )
    dots = "".join(
        f'<text fill="{colour}">{html.escape(label)}</text>'
        if len(label) <= _SHORT_LABEL
        else f'<circle r="2.6" fill="{colour}"/>'
        for label, colour in zip(labels, colours, strict=True)
    )
    ring = '<circle class="book-ring" fill="none" stroke="currentColor" '
    rings = f'{ring}r="8.5" stroke-width="2.5"/>' + f'{ring}r="6.5" stroke-width="1.2"/>' * count
    numbers = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>"
        for key, value in readings[start].numbers.items()
    )
    across = 2 * side + 6 + -(-count // 2) * (side + 2) - 2
    shown = readings[start]
    first = [_map_cell(shown, labels, colours, query), _found_cell(pictures, shown, query)]
    lines = [f"{item}: {labels[query]}", *(f"{k}: {v}" for k, v in shown.numbers.items())]
    return fill(
        __package__,
        prefix="choice",
        still=still_of(first, [f"{control}: {shown.name}", *lines], alt),
        data={
            "images": _packed_images(pictures),
            "side": side,
            "count": count,
            "labels": list(labels),
            "readings": [
                {
                    "name": reading.name,
                    # On the map, in tenths of its units.
                    "points": base64_text(
                        np.round(on_square(np.asarray(reading.points)) * 10).astype("<u2")
                    ),
                    "neighbours": base64_text(np.asarray(reading.neighbours).astype("<u2")),
                    "numbers": dict(reading.numbers),
                }
                for reading in readings
            ],
        },
        alt=alt,
        text={
            "control": control,
            "item": item,
            "side": SIDE,
            "width": across,
            "height": 2 * side + 2,
            "last": len(labels) - 1,
            "query": query,
            "reading": labels[query],
        },
        markup={"options": options, "dots": dots, "rings": rings, "numbers": numbers},
    )
