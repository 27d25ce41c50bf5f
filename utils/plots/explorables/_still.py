"""The first state of a figure that moves, as one drawing: what is seen until its script runs."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.plots.explorables._square import SIDE
from utils.plots.picture import still

_GAP, _LINE, _LETTERS = 24, 22, 13
_IN_A_ROW = 3


@dataclass(frozen=True)
class Cell:
    """One panel: its title, its markup from the origin on, and its height; all are as wide."""

    title: str
    markup: str
    height: float


def image_cell(title: str, pixels: NDArray[np.uint8]) -> Cell:
    """Show grey values, shape (H, W), with their pixels seen."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    height = SIDE * pixels.shape[0] / pixels.shape[1]
    address = base64.b64encode(stream.getvalue()).decode()
    return Cell(
        title,
        f'<image width="{SIDE}" height="{height:g}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{address}"/>',
        height,
    )


def drawing_cell(title: str, drawing: str) -> Cell:
    """Show an ``<svg>`` with a ``viewBox``, as wide as the panel."""
    head, body = drawing.split(">", 1)
    box = re.search(r"viewBox=[\"'][\d.+-]+ [\d.+-]+ ([\d.]+) ([\d.]+)[\"']", head)
    ratio = float(box[2]) / float(box[1]) if box else 1.0
    head = re.sub(r"\s(?:style|width|height|class)=(?:\"[^\"]*\"|'[^']*')", "", head)
    height = SIDE * ratio
    return Cell(title, f'{head} width="{SIDE}" height="{height:g}">{body}', height)


def still_of(cells: Sequence[Cell], lines: Sequence[str], alt: str) -> str:
    """Return a picture of panels beside one another, with lines of text under them."""
    columns = 2 if len(cells) == _IN_A_ROW + 1 else min(len(cells), _IN_A_ROW)
    width = columns * (SIDE + _GAP) - _GAP
    text = f'font-size="{_LETTERS}" text-anchor="middle"'
    drawn, top = "", 0.0
    for begin in range(0, len(cells), columns):
        row = cells[begin : begin + columns]
        for i, cell in enumerate(row):
            left = i * (SIDE + _GAP)
            drawn += (
                f'<text x="{left + SIDE / 2:g}" y="{top + _LETTERS:g}" {text}>'
                f'{html.escape(cell.title)}</text><g transform="translate({left:g} '
                f'{top + _LINE:g})">{cell.markup}</g>'
            )
        top += _LINE + max(cell.height for cell in row) + _GAP / 2
    for line in lines:
        top += _LINE
        drawn += (
            f'<text x="{width / 2:g}" y="{top - _LINE / 3:g}" {text}>{html.escape(line)}</text>'
        )
    return still(
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(alt)}" '
        f'viewBox="-8 -8 {width + 16:g} {top + 16:g}" style="width:100%;max-width:{width}px;'
        f'height:auto"><g fill="currentColor" font-family="sans-serif">{drawn}</g></svg>'
    )
