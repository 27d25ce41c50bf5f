"""A molecule and its tensors as SVG, in the units of the figure's two drawings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.style import DIGIT_COLOURS, PALETTE

#: How high the molecule and its tensors are, and how large atoms and empty slots are drawn.
TALL, LOW = 212, 194
ATOM, EMPTY = 14.0, 10.0
#: Where the entries of A begin, how large they are, and where the columns beside them stand.
LEFT, TOP, CELL = 43, 20, 19
SLOT, KIND, COLOUR = 9, 29, 228
#: How strongly an entry of A is filled, by the order of the bond.
STRENGTHS = (0.0, 0.2, 0.38, 0.56)
LETTERS = "abcdefghi"
_BOX = (30.0, 210.0, 34.0, 156.0)  # where atoms stand: left, right, top and bottom
_LONGEST = 62.0  # of the shortest bond
_ROW = (54.0, 26.0, 196.0)  # of the empty slots: first, step and height
_GAP = 3.6  # between the lines of a bond


def hue(colour: int) -> str:
    """Return how a colour of the refinement is shown."""
    return DIGIT_COLOURS[colour]


def atom_places(
    points: NDArray[np.floating], bonds: NDArray[np.integer]
) -> tuple[NDArray[np.floating], float]:
    """Place atoms on the drawing, y downwards, and return their least distance too."""
    left, right, top, bottom = _BOX
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([right - left, bottom - top])
    extent = np.where(high > low, high - low, 1e-9)
    gaps = np.linalg.norm(points[:, None] - points, axis=2)
    scale = min(float((room / extent).min()), _LONGEST / max(float(gaps[bonds > 0].min()), 1e-9))
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    least = float(gaps[np.triu_indices(len(points), 1)].min())
    return middle + (points - (low + high) / 2) * scale * (1, -1), least * scale


def empty_places(count: int) -> NDArray[np.floating]:
    """Return where empty slots stand in their row, shape (count, 2)."""
    first, step, height = _ROW
    return np.column_stack([first + step * np.arange(count), np.full(count, height)])


def bond_lines(places: NDArray[np.floating], bonds: NDArray[np.integer]) -> str:
    """Return one path with a line for each order of each bond."""
    path = ""
    for i, j in np.argwhere(np.triu(bonds) > 0):
        step = places[j] - places[i]
        across = np.array([-step[1], step[0]]) / np.linalg.norm(step)
        order = int(bonds[i, j])
        for k in range(order):
            shift = _GAP * (k - (order - 1) / 2) * across
            (x, y), (u, v) = places[i] + shift, places[j] + shift
            path += f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}"
    return path


def letter_places(places: NDArray[np.floating], bonds: NDArray[np.integer]) -> NDArray[np.floating]:
    """Return where the letter of each atom's colour stands: where its bonds leave most room."""
    found = []
    for i, place in enumerate(places):
        steps = places[bonds[i] > 0] - place
        angles = np.sort(np.arctan2(steps[:, 1], steps[:, 0]))
        gaps = np.diff([*angles, angles[0] + 2 * np.pi])
        widest = int(np.argmax(gaps))
        angle = angles[widest] + gaps[widest] / 2
        found.append(place + (ATOM + 8) * np.array([np.cos(angle), np.sin(angle)]))
    return np.array(found)


def molecule(
    symbols: Sequence[str],
    places: NDArray[np.floating],
    letters: NDArray[np.floating],
    lines: str,
    colours: Sequence[int],
) -> str:
    """Draw a molecule whose content i is in slot i; places are those of all slots."""
    drawn = f'<path d="{lines}" fill="none" stroke="currentColor" stroke-width="1.6"/>'
    count = len(symbols)
    for i, (x, y) in enumerate(places):
        text = f'y="{y + 4.2:.1f}" text-anchor="middle"'
        if i >= count:
            drawn += (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{EMPTY:g}" fill="none" '
                f'stroke="currentColor" stroke-dasharray="3 2"/>'
                f'<text x="{x:.1f}" {text} font-size="12" font-weight="bold">{i}</text>'
            )
            continue
        tint = hue(colours[i])
        drawn += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{ATOM:g}" fill="var(--book-paper, #fff)"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{ATOM:g}" fill="{tint}" fill-opacity="0.28" '
            f'stroke="{tint}" stroke-width="2.2"/>'
            f'<text x="{x - 4.5:.1f}" {text} font-size="12">{symbols[i]}</text>'
            f'<text x="{x + 5.5:.1f}" {text} font-size="12" font-weight="bold">{i}</text>'
            f'<text x="{letters[i, 0]:.1f}" y="{letters[i, 1] + 4:.1f}" text-anchor="middle" '
            f'font-size="13" font-style="italic">{LETTERS[colours[i]]}</text>'
        )
    if len(places) > count:
        drawn += f'<text x="4" y="{_ROW[2] + 4:g}" font-size="11">empty</text>'
    return drawn


def grid(slots: int) -> str:
    """Draw what stays of the tensors: lines and the numbers of the slots."""
    end, low = LEFT + slots * CELL, TOP + slots * CELL
    lines = "".join(
        f"M{LEFT} {TOP + k * CELL}H{end}M{LEFT + k * CELL} {TOP}V{low}"
        f"M{KIND - 9} {TOP + k * CELL}h18"
        for k in range(slots + 1)
    )
    lines += f"M{KIND - 9} {TOP}V{low}M{KIND + 9} {TOP}V{low}"
    text = 'font-size="11" fill="currentColor" text-anchor="middle"'
    drawn = f'<path d="{lines}" fill="none" stroke="currentColor" stroke-opacity="0.3"/>'
    drawn += f'<text x="{KIND}" y="13" {text} font-style="italic">a</text>'
    for k in range(slots):
        drawn += (
            f'<text x="{LEFT + (k + 0.5) * CELL:g}" y="13" {text}>{k}</text>'
            f'<text x="{SLOT}" y="{TOP + (k + 0.5) * CELL + 4:g}" {text}>{k}</text>'
        )
    return drawn


def tensors(
    symbols: Sequence[str], bonds: NDArray[np.integer], colours: Sequence[int], slots: int
) -> str:
    """Draw kinds, bonds and colours of a graph in its first order, over the :func:`grid`."""
    drawn = ""
    text = 'font-size="12" text-anchor="middle"'
    for k, (symbol, colour) in enumerate(zip(symbols, colours, strict=True)):
        y = TOP + (k + 0.5) * CELL
        drawn += (
            f'<text x="{KIND}" y="{y + 4.2:g}" {text}>{symbol}</text>'
            f'<circle cx="{COLOUR}" cy="{y:g}" r="8" fill="{hue(colour)}" fill-opacity="0.28" '
            f'stroke="{hue(colour)}" stroke-width="1.6"/><text x="{COLOUR}" y="{y + 3.8:g}" '
            f'{text} font-style="italic">{LETTERS[colour]}</text>'
        )
    for k in range(len(symbols), slots):
        y = TOP + (k + 0.5) * CELL
        drawn += f'<text x="{KIND}" y="{y + 4.2:g}" {text}>\N{EN DASH}</text>'
    for i, j in np.argwhere(bonds > 0):
        x, y = LEFT + j * CELL, TOP + i * CELL
        drawn += (
            f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{PALETTE[0]}" '
            f'fill-opacity="{STRENGTHS[bonds[i, j]]}"/><text x="{x + CELL / 2:g}" '
            f'y="{y + CELL / 2 + 4.2:g}" {text}>{bonds[i, j]}</text>'
        )
    return drawn


def panel(markup: str, height: int) -> str:
    """Return a drawing as wide as the figure's panels."""
    return f'<svg viewBox="0 0 {SIDE} {height}">{markup}</svg>'
