"""A figure of a code of which one number moves: what it needs, its checks and its markup."""

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
from utils.plots.explorables.decoding import _drawing
from utils.plots.explorables.decoding._sweep import (
    HOLDS,
    LISTED,
    ORDERS,
    Decode,
    Sweep,
    packed,
    said,
    surprising,
    sweeps,
)
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["CodedGraph", "decoding_figure"]

_LETTERS_IN_A_LINE = 70
_MOST_STEPS = 100


@dataclass(frozen=True, eq=False)
class CodedGraph:
    """A molecule as a code, with one number for each atom.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example its SMILES.
    code : array_like
        Shape (n,): the numbers.
    width : array_like
        Shape (n,): how uncertain each is, the posterior's standard deviation η.
    places : array_like
        Shape (n, 2): where the atoms are drawn, whatever is decoded.
    """

    name: str
    code: ArrayLike
    width: ArrayLike
    places: ArrayLike


@dataclass(frozen=True, eq=False)
class _Seen:
    """A coded graph, checked, with where it is drawn and what is decoded while numbers move."""

    name: str
    code: NDArray[np.float32]
    width: NDArray[np.floating]
    points: NDArray[np.floating]
    bends: list[int]
    lines: list[Sweep]

    def letters(self, span: tuple[float, float]) -> NDArray[np.floating]:
        """Return where the names of the atoms stand above the line of all numbers."""
        at = _drawing.line_places(self.code, *span)
        return _drawing.spread(at, _drawing.LEFT, _drawing.RIGHT)

    def stored(self, span: tuple[float, float], reach: float) -> dict[str, Any]:
        """Return what the script needs."""
        return {
            "name": self.name,
            "points": self.points.round(1).tolist(),
            "bends": self.bends,
            "widths": [float(f"{one:.5g}") for one in self.width],
            "at": _drawing.line_places(self.code, *span).round(1).tolist(),
            "letters": self.letters(span).round(1).tolist(),
            "near": [_drawing.near(self.code, i, reach) for i in range(len(self.code))],
            **packed(self.lines),
        }


def _seen(graph: CodedGraph, decode: Decode, steps: int, step: float) -> _Seen:
    """Check a coded graph and decode it along each of its numbers."""
    code = np.asarray(graph.code, dtype=np.float32)
    width, places = (np.asarray(one, dtype=float) for one in (graph.width, graph.places))
    count = code.size
    wanted = ((count,), (count,), (count, 2))
    if (code.shape, width.shape, places.shape) != wanted or count < 2:
        raise ValueError(
            f"The graph {graph.name!r} has a code, widths and places of shapes {code.shape}, "
            f"{width.shape} and {places.shape}: give (n,), (n,) and (n, 2), with n at least 2."
        )
    if not all(np.isfinite(one).all() for one in (code, width, places)) or not (width > 0).all():
        raise ValueError(
            f"The graph {graph.name!r} must have finite numbers and places, and widths above zero."
        )
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)[np.triu_indices(count, 1)]
    if gaps.min() == 0:
        raise ValueError(f"Two atoms of {graph.name!r} are drawn at one place: move one.")
    lines = sweeps(decode, code, steps, step)
    if (lines[0].found.atoms[lines[0].own] == len(HOLDS) - 1).any():
        raise ValueError(
            f"The code of {graph.name!r} is decoded to an empty slot: give molecules whose atoms "
            f"fill all slots."
        )
    points = _drawing.fitted(places)
    return _Seen(graph.name, code, width, points, _drawing.bends(points), lines)


def decoding_figure(
    graphs: Sequence[CodedGraph],
    decode: Decode,
    *,
    alt: str,
    reach: float = 0.15,
    step: float = 0.005,
) -> HTMLFigure:
    """Build a figure in which a reader moves one atom's number and sees the molecule decoded.

    The reader chooses a molecule and one of its atoms and drags the atom's number, all others held.
    The atoms stay where they are drawn, so what changes is seen: bonds that are not those of the
    code as it came are dashed, bonds that are gone dotted, and atoms that are another element
    ringed. A strip shows along the number where the graph changes and by how much.

    Nothing is decoded in the page and nothing is interpolated. Here, in the precision of
    ``decode``, the code is decoded at every step from ``-reach`` to ``reach`` around each number,
    and wherever it equals another atom's number. The page looks up the nearest of these values,
    and says which it is. Equal graphs of a molecule are stored once. The first state is the
    smallest move after which just one bond has changed that is not the moved atom's own, and the
    molecule is sound: no valence is exceeded, and it is in one piece.

    Parameters
    ----------
    graphs : Sequence[CodedGraph]
        What the reader chooses from.
    decode : callable
        From codes, float32 of shape (B, n), to the most likely graphs: atoms (B, n), 0 to 3 for C,
        N, O, F and 4 for none, bonds (B, n, n), the orders, and for each graph whether no valence
        is exceeded, and whether it is in one piece, both (B,).
    alt : str
        Alternative text for the whole figure.
    reach : float, default 0.15
        How far a number moves to either side.
    step : float, default 0.005
        The distance of two neighbouring values.

    Raises
    ------
    ValueError
        If a graph, what is decoded, ``reach`` or ``step`` does not fit.

    Examples
    --------
    Two atoms that are bonded while their numbers are less than 0.1 apart.

    >>> def decode(codes):
    ...     near = abs(codes[:, 0] - codes[:, 1]) < 0.1
    ...     bonds = near[:, None, None] * (1 - np.eye(2, dtype=int))
    ...     return np.zeros(codes.shape, int), bonds, near | True, near
    >>> pair = CodedGraph("CC", [0.0, 0.05], [0.01, 0.01], [[0, 0], [1, 0]])
    >>> "C1–C2 single" in decoding_figure([pair], decode, alt="Two atoms and one bond.").html
    False
    """
    alt = checked_alt(alt)
    if not graphs:
        raise ValueError("A figure of decoding got no graphs: give it at least one.")
    if not (np.isfinite([reach, step]).all() and 0 < step <= reach <= _MOST_STEPS * step):
        raise ValueError(
            f"reach and step must be positive, with at most {_MOST_STEPS} steps to either side, "
            f"but are {reach} and {step}."
        )
    steps = round(reach / step)
    reach = steps * step
    seen = [_seen(graph, decode, steps, step) for graph in graphs]
    every = np.concatenate([one.code for one in seen]).astype(float)
    span = (float(every.min()) - reach, float(every.max()) + reach)
    first = seen[0]
    atom, t = surprising(first.lines)
    sweep, width = first.lines[atom], float(first.width[atom])
    drawn = _drawing.numbers(first.code, first.letters(span), span, sweep, atom, t, width, reach)
    cells = [
        Cell(
            "decoded", _drawing.molecule(first.points, first.bends, sweep, atom, t), _drawing.TALL
        ),
        Cell("the numbers, and one enlarged", drawn, _drawing.DEEP),
    ]
    sentence = f"{first.name}. {said(sweep, atom, t, width)}"
    return fill(
        __package__,
        prefix="decoding",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "side": SIDE,
            "frame": _drawing.FRAME,
            "most": _drawing.MOST,
            "listed": LISTED,
            "disc": _drawing.DISC,
            "apart": _drawing.APART,
            "colours": [_drawing.CHOSEN, _drawing.CHANGED],
            "holds": HOLDS,
            "orders": ORDERS,
            "reach": reach,
            "step": step,
            "span": span,
            "start": [atom, t],
            "graphs": [one.stored(span, reach) for one in seen],
        },
        alt=alt,
        text={
            "side": SIDE,
            "tall": _drawing.TALL,
            "deep": _drawing.DEEP,
            "most": _drawing.MOST,
        },
        markup={
            "graphs": "".join(
                f'<option value="{i}">{html.escape(graph.name)}</option>'
                for i, graph in enumerate(graphs)
            )
        },
    )
