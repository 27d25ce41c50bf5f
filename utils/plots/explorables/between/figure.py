"""A figure of two ways between molecules: data, checks and markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._still import drawing_cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.between._drawing import (
    COLOURS,
    EDGES,
    HEIGHT,
    IMPOSSIBLE,
    STRIP,
    WAYS,
    WHOLE,
    WIDTH,
    WORDS,
    Drawn,
    molecule,
    strip,
)
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["DecodedWay", "TwoWays", "between_figure"]

_LETTERS_IN_A_LINE = 72
_KINDS = ("raw", "sorted")


@dataclass(frozen=True, eq=False)
class DecodedWay:
    """What a decoder makes of the codes along a way, in steps of equal length.

    Attributes
    ----------
    atoms, bonds : array_like
        Dense graphs (:mod:`utils.graphs`), shapes (T, n) and (T, n, n).
    length : float
        The distance of the codes at its ends.
    """

    atoms: ArrayLike
    bonds: ArrayLike
    length: float


@dataclass(frozen=True, eq=False)
class TwoWays:
    """A pair of molecules, and two ways from one to the other.

    Attributes
    ----------
    name : str
        What a reader chooses by.
    raw : DecodedWay
        The line between the codes as they are, and their distance.
    by_order : DecodedWay
        The line between sorted codes, a shortest path in the quotient, and the quotient distance.
    """

    name: str
    raw: DecodedWay
    by_order: DecodedWay


@dataclass(frozen=True)
class _Way:
    """A way as it is shown: the numbers of its drawings, and its length."""

    order: tuple[int, ...]
    length: float

    def counts(self, drawn: Sequence[Drawn]) -> tuple[int, int, int]:
        """Return how many steps are whole, how many are valid, and how many molecules are met."""
        whole = [k for k in self.order if drawn[k].state == WHOLE]
        valid = [k for k in self.order if drawn[k].state != IMPOSSIBLE]
        return len(whole), len(valid), len(set(whole))


def _graphs(way: DecodedWay, name: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return a way's graphs as whole numbers, or refuse it."""
    atoms, bonds = np.asarray(way.atoms), np.asarray(way.bonds)
    steps, slots = atoms.shape if atoms.ndim == 2 else (0, 0)
    if steps < 2 or slots == 0 or bonds.shape != (steps, slots, slots):
        raise ValueError(
            f"A way of the pair {name!r} has atoms of shape {atoms.shape} and bonds of shape "
            f"{bonds.shape}: give (T, n) and (T, n, n), with at least two steps."
        )
    if not (np.isfinite(way.length) and way.length >= 0):
        raise ValueError(f"A way of the pair {name!r} has the length {way.length}, which is none.")
    return atoms.astype(np.intp), bonds.astype(np.intp)


def _checked(
    pairs: Sequence[TwoWays], start: int
) -> list[list[tuple[NDArray[np.intp], NDArray[np.intp]]]]:
    """Return the graphs of all ways, or say what is wrong with them."""
    if not pairs:
        raise ValueError("A figure of ways between molecules got no pairs: give it at least one.")
    if len({pair.name for pair in pairs}) < len(pairs):
        raise ValueError("Two pairs have the same name, so a reader could not choose between them.")
    graphs = [[_graphs(way, pair.name) for way in (pair.raw, pair.by_order)] for pair in pairs]
    lengths = {len(atoms) for ways in graphs for atoms, _ in ways}
    if len(lengths) > 1:
        raise ValueError(
            f"Ways have {sorted(lengths)} steps, but one slider moves along all: give them equally "
            "many."
        )
    (steps,) = lengths
    if not 0 <= start < steps:
        raise ValueError(f"The slider starts at {start}, outside its {steps} steps.")
    return graphs


def _molecules(number: int) -> str:
    return f"{number} molecule{'s' * (number != 1)}"


def _share(part: int, steps: int) -> str:
    """Return a share in percent, half a percent up, as the script does.

    Examples
    --------
    >>> _share(1, 200), _share(7, 21)
    ('1%', '33%')
    """
    return f"{(200 * part + steps) // (2 * steps)}%"


def _facts(way: _Way, drawn: Sequence[Drawn]) -> str:
    whole, valid, met = way.counts(drawn)
    steps = len(way.order)
    return (
        f"{way.length:.2f} long, {_molecules(met)}; {_share(whole, steps)} of the steps whole, "
        f"{_share(valid, steps)} valid"
    )


def _sentence(ways: Sequence[_Way], drawn: Sequence[Drawn], step: int) -> str:
    raw, by_order = ways
    steps = len(raw.order)
    here, there = (drawn[way.order[step]].words() for way in ways)
    (*_, many), (*_, few) = (way.counts(drawn) for way in ways)
    return (
        f"Step {step} of {steps - 1}. Raw: {here}; sorted: {there}. The raw way is "
        f"{raw.length:.2f} long and passes {_molecules(many)}, the sorted one "
        f"{by_order.length:.2f} and passes {few}."
    )


def between_figure(pairs: Sequence[TwoWays], *, alt: str, start: int = 0) -> HTMLFigure:
    """Build a figure in which a reader walks between two molecules on two ways, with no kernel.

    A list chooses the pair of molecules; a slider, or a strip under each drawing, how far to go.
    Beside one another are the line between raw codes and that between sorted ones, each with the
    graph decoded there, its SMILES, and whether it is whole (valid and in one piece), in pieces, or
    impossible; then an atom with too many bonds has a dashed ring. A strip shows the whole way: a
    bar for each stay at one graph, full, hollow or crossed out. In words are the length of the way,
    the shares of whole and of valid steps, and how many different molecules it passes: whole ones,
    told apart by their SMILES, at the steps that are shown and with the two ends.

    What each graph is, is judged by :mod:`utils.molecules`; places of atoms are RDKit's, turned so
    that slots move little from step to step, and rounded to a 200th of a drawing's width.
    Equal graphs are stored once. Hydrogens are not drawn. The page itself only counts and draws.

    Parameters
    ----------
    pairs : Sequence[TwoWays]
        What a reader chooses from; all ways have equally many steps.
    alt : str
        Alternative text for the whole figure.
    start : int, default 0
        The first step that is shown.

    Raises
    ------
    ValueError
        If there are no pairs, or shapes, lengths, names or the first step do not fit.

    Examples
    --------
    >>> ethane, methanol = [[0, 0]], [[0, 2]]
    >>> bond = [[[0, 1], [1, 0]]] * 2
    >>> way = DecodedWay(ethane + methanol, bond, 0.5)
    >>> figure = between_figure([TwoWays("a pair", way, way)], alt="From ethane to methanol.")
    >>> "CO" in figure.html
    True
    """
    alt = checked_alt(alt)
    graphs = _checked(pairs, start)
    from utils.plots.explorables.between._reading import Reader  # loads torch and RDKit

    reader = Reader()
    ways = [
        [
            _Way(tuple(reader.way(*one)), float(f"{way.length:.5g}"))
            for one, way in zip(both, (pair.raw, pair.by_order), strict=True)
        ]
        for both, pair in zip(graphs, pairs, strict=True)
    ]
    drawn = reader.drawn
    first = ways[0]
    steps = len(first[0].order)
    cells = [
        drawing_cell(
            f"between {kind} codes",
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT + STRIP}">{molecule(drawn[way.order[start]])}'
            f'<g transform="translate(0 {HEIGHT})">{strip(way.order, drawn, colour, start)}</g>'
            "</svg>",
        )
        for kind, way, colour in zip(_KINDS, first, WAYS, strict=True)
    ]
    lines = textwrap.wrap(_sentence(first, drawn, start), _LETTERS_IN_A_LINE)
    for kind, way in zip(_KINDS, first, strict=True):
        lines += textwrap.wrap(f"{kind}: {_facts(way, drawn)}", _LETTERS_IN_A_LINE)
    return fill(
        __package__,
        prefix="between",
        still=still_of(cells, [pairs[0].name, *lines], alt),
        data={
            "drawn": [one.packed() for one in drawn],
            "pairs": [
                {
                    "name": pair.name,
                    "ways": [{"order": way.order, "length": way.length} for way in both],
                }
                for pair, both in zip(pairs, ways, strict=True)
            ],
            "kinds": _KINDS,
            "words": WORDS,
            "colours": COLOURS,
            "ways": WAYS,
            "edges": EDGES,
        },
        alt=alt,
        text={
            "width": WIDTH,
            "height": HEIGHT,
            "strip": STRIP,
            "last": steps - 1,
            "start": start,
        },
        markup={
            "options": "".join(
                f'<option value="{i}">{html.escape(pair.name)}</option>'
                for i, pair in enumerate(pairs)
            )
        },
    )
