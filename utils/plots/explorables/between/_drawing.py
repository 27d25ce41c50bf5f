"""A molecule from letters and lines, and the strip of a whole way, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.plots.style import PALETTE

#: Width and height of a drawing, height of a strip, and left and right edge of its cells.
WIDTH, HEIGHT, STRIP = 200, 140, 34
EDGES = (4, 196)
#: What a graph can be, and the word for it.
WHOLE, IN_PIECES, IMPOSSIBLE = range(3)
WORDS = ("whole", "in pieces", "impossible")
#: Colours of atoms that are no carbon: those of :data:`utils.molecules.ATOM_COLOURS`, which this
#: module cannot import without RDKit; a test compares them.
COLOURS = {"N": "#0072B2", "O": "#D55E00", "F": "#009E73"}
#: Colours of the ways, raw and sorted.
WAYS = (PALETTE[1], PALETTE[0])
_SCALE, _MARGIN = 20.0, 14
_APART = {1: (0.0,), 2: (-2.2, 2.2), 3: (-3.8, 0.0, 3.8)}  # the lines of a bond, from its middle


@dataclass(frozen=True)
class Drawn:
    """A graph ready to be drawn.

    Attributes
    ----------
    symbols : tuple of str
        Its atoms.
    places : tuple of tuple of int
        Where they lie in a drawing.
    bonds : tuple of tuple of int
        Triples: first atom, second atom, order.
    crowded : tuple of int
        The atoms with more bonds than their valence allows.
    name : str
        The SMILES, empty for what is impossible.
    state : int
        :data:`WHOLE`, :data:`IN_PIECES` or :data:`IMPOSSIBLE`.
    """

    symbols: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    bonds: tuple[tuple[int, int, int], ...]
    crowded: tuple[int, ...]
    name: str
    state: int

    def packed(self) -> list[object]:
        """Return what the script reads."""
        places = [x for place in self.places for x in place]
        bonds = [x for bond in self.bonds for x in bond]
        return ["".join(self.symbols), places, bonds, list(self.crowded), self.name, self.state]

    def words(self) -> str:
        """Say what it is, with its SMILES if it has one.

        Examples
        --------
        >>> Drawn(("C", "O"), ((0, 0), (9, 0)), ((0, 1, 1),), (), "CO", WHOLE).words()
        'CO, whole'
        """
        return f"{self.name}, {WORDS[self.state]}" if self.name else WORDS[self.state]


def fitted(layout: NDArray[np.floating]) -> NDArray[np.intp]:
    """Place a layout, shape (atoms, 2), y upwards, in the middle of a drawing.

    Bonds are equally long in all drawings, unless a layout is too large.

    Examples
    --------
    >>> fitted(np.array([[-1.0, 0.0], [1.0, 0.0]])).tolist()
    [[80, 70], [120, 70]]
    """
    low, high = layout.min(axis=0), layout.max(axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * _MARGIN
    scale = min(_SCALE, *(room / np.maximum(high - low, 1e-9)))
    centred = (layout - (low + high) / 2) * scale * (1, -1)
    return np.rint(centred + np.array([WIDTH, HEIGHT]) / 2).astype(np.intp)


def bond_lines(drawn: Drawn) -> str:
    """Return the lines of all bonds as one path."""
    path = ""
    for i, j, order in drawn.bonds:
        (x0, y0), (x1, y1) = drawn.places[i], drawn.places[j]
        length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
        for apart in _APART[order]:
            dx, dy = -(y1 - y0) / length * apart, (x1 - x0) / length * apart
            path += f"M{x0 + dx:.1f} {y0 + dy:.1f}L{x1 + dx:.1f} {y1 + dy:.1f}"
    return path


def molecule(drawn: Drawn) -> str:
    """Draw a graph; a dashed ring is around each atom with too many bonds."""
    markup = f'<path d="{bond_lines(drawn)}" fill="none" stroke="currentColor" stroke-width="1.6"/>'
    bonded = {i for bond in drawn.bonds for i in bond[:2]}
    for i, (symbol, (x, y)) in enumerate(zip(drawn.symbols, drawn.places, strict=True)):
        if symbol != "C" or i not in bonded:
            markup += (
                f'<circle cx="{x}" cy="{y}" r="8" fill="var(--book-paper, #fff)"/>'
                f'<text x="{x}" y="{y + 5}" font-size="15" font-weight="bold" text-anchor="middle" '
                f'fill="{COLOURS.get(symbol, "currentColor")}">{symbol}</text>'
            )
        if i in drawn.crowded:
            markup += (
                f'<circle cx="{x}" cy="{y}" r="11" fill="none" stroke="currentColor" '
                'stroke-width="1.4" stroke-dasharray="3 2.5"/>'
            )
    return markup


def runs(order: Sequence[int]) -> list[tuple[int, int]]:
    """Return where in a way the same graph begins and ends.

    Examples
    --------
    >>> runs([5, 5, 7, 5])
    [(0, 2), (2, 3), (3, 4)]
    """
    cuts = [i for i in range(1, len(order)) if order[i] != order[i - 1]]
    return list(zip([0, *cuts], [*cuts, len(order)], strict=True))


def strip(order: Sequence[int], drawn: Sequence[Drawn], colour: str, step: int) -> str:
    """Draw a way: a bar for each stay at one graph, and a wedge under the step that is shown.

    A whole molecule is a full bar, one in pieces a hollow one, and what is impossible a crossed
    line; between two graphs is a gap.
    """
    left, right = EDGES
    cell = (right - left) / len(order)
    markup = ""
    for begin, end in runs(order):
        x, wide = left + begin * cell + 1.7, (end - begin) * cell - 3.4
        state = drawn[order[begin]].state
        if state == IMPOSSIBLE:
            crosses = "".join(
                f"M{left + (k + 0.5) * cell - 2.5:.2f} 8.5l5 5m0 -5l-5 5" for k in range(begin, end)
            )
            markup += (
                f'<path d="M{x:.2f} 11h{wide:.2f}{crosses}" fill="none" stroke="currentColor" '
                'stroke-width="1"/>'
            )
        else:
            fill = colour if state == WHOLE else "none"
            markup += (
                f'<rect x="{x:.2f}" y="4.75" width="{wide:.2f}" height="12.5" fill="{fill}" '
                f'stroke="{colour}" stroke-width="1.5"/>'
            )
    return markup + f'<path class="book-wedge" d="{wedge(step, len(order))}" fill="currentColor"/>'


def wedge(step: int, steps: int) -> str:
    """Return the outline of the wedge under a step."""
    left, right = EDGES
    x = left + (step + 0.5) * (right - left) / steps
    return f"M{x:.2f} 20l6 10h-12z"
