"""A figure in which a reader renumbers a molecule: what it needs, its checks and its markup."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import drawing_cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.relabelling import _drawing
from utils.plots.explorables.relabelling._refinement import refined, symmetries, told_apart
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["PaddedGraph", "relabelling_figure"]

_SLOTS = 9
_MOST_EMPTY = 7  # as many fit in their row
_CLOSEST = 30.0  # atoms whose discs do not touch
_LETTERS_IN_A_LINE = 76
_DIMENSIONS = 2


@dataclass(frozen=True, eq=False)
class PaddedGraph:
    """A molecular graph on nine slots, as a :func:`relabelling_figure` shows it.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example ``"acetone"``.
    atoms : array_like
        Shape (9,): the kind of each atom, and the number of kinds where a slot is empty. Empty
        slots come last.
    bonds : array_like
        Shape (9, 9): orders of bonds, 0 to 3, symmetric.
    places : array_like
        Shape (m, 2): where the m atoms stand, y upwards, in any unit.

    Examples
    --------
    >>> bonds = np.zeros((9, 9), int)
    >>> bonds[0, 1] = bonds[1, 0] = 1
    >>> PaddedGraph("methanol", [0, 2, *[4] * 7], bonds, [[0, 0], [1, 0]]).name
    'methanol'
    """

    name: str
    atoms: ArrayLike
    bonds: ArrayLike
    places: ArrayLike


@dataclass(frozen=True, eq=False)
class _Seen:
    """A molecule without its empty slots, and what is said of it."""

    name: str
    kinds: list[int]
    bonds: NDArray[np.integer]
    places: NDArray[np.floating]  # of all slots, on the drawing
    colours: list[list[int]]  # at the start and after each round that changes them
    orders: int  # how many of the 9! orders give the same tensors


def _whole(graph: PaddedGraph, word: str, shape: tuple[int, ...], most: int) -> NDArray[np.int64]:
    """Return whole numbers of a graph, checked."""
    given = np.asarray(getattr(graph, word))
    if given.shape != shape or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"The {word} of {graph.name!r} must be whole numbers of shape {shape}, but have shape "
            f"{given.shape} and type {given.dtype}."
        )
    if given.min() < 0 or given.max() > most:
        raise ValueError(
            f"The {word} of {graph.name!r} must lie between 0 and {most}, but go from "
            f"{given.min()} to {given.max()}."
        )
    return given.astype(np.int64)


def _seen(graph: PaddedGraph, kinds: int) -> _Seen:
    """Check a molecule and find its colours and its symmetries."""
    atoms = _whole(graph, "atoms", (_SLOTS,), kinds)
    bonds = _whole(graph, "bonds", (_SLOTS, _SLOTS), len(_drawing.STRENGTHS) - 1)
    count = int((atoms < kinds).sum())
    if count < _SLOTS - _MOST_EMPTY or (atoms[:count] == kinds).any():
        raise ValueError(
            f"The atoms of {graph.name!r} must be at least {_SLOTS - _MOST_EMPTY} and come before "
            f"its empty slots, kind {kinds}."
        )
    if (bonds != bonds.T).any() or bonds.diagonal().any() or bonds[count:].any():
        raise ValueError(
            f"The bonds of {graph.name!r} must be symmetric, join no atom to itself and leave "
            "empty slots alone."
        )
    own = bonds[:count, :count]
    if not own.any(axis=1).all():
        raise ValueError(f"Each atom of {graph.name!r} needs a bond.")
    points = np.asarray(graph.places, dtype=float)
    if points.shape != (count, _DIMENSIONS) or not np.isfinite(points).all():
        raise ValueError(
            f"The places of {graph.name!r} must be finite and of shape ({count}, 2), but have "
            f"shape {points.shape}."
        )
    places, least = _drawing.atom_places(points, own)
    if least < _CLOSEST:
        raise ValueError(f"Two atoms of {graph.name!r} would touch each other: move them apart.")
    types = atoms[:count].tolist()
    return _Seen(
        graph.name,
        types,
        own,
        np.vstack([places, _drawing.empty_places(_SLOTS - count)]),
        refined(types, own),
        symmetries(types, own) * math.factorial(_SLOTS - count),
    )


def _twins(seen: Sequence[_Seen], rounds: int) -> list[list[list[str]]]:
    """Name for each molecule and round the others whose colours are the same."""
    graphs = [(one.kinds, one.bonds) for one in seen]
    apart = [[told_apart(one, other) for other in graphs] for one in graphs]
    return [
        [
            [
                other.name
                for j, other in enumerate(seen)
                if j != i and ((step := apart[i][j]) is None or t < step)
            ]
            for t in range(rounds + 1)
        ]
        for i in range(len(seen))
    ]


def _listed(items: Sequence[Any]) -> str:
    """Join items as in a sentence.

    Examples
    --------
    >>> _listed([0, 3, 4])
    '0, 3 and 4'
    """
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def _said(one: _Seen, t: int, twins: Sequence[str]) -> str:
    """Say what the script says of a molecule in its first order, after t rounds."""
    stable = len(one.colours) - 1
    colours = one.colours[min(t, stable)]
    names = sorted(set(colours))
    tied = [[i for i, c in enumerate(colours) if c == name] for name in names]
    codes = ", and to ".join(_listed(group) for group in tied if len(group) > 1)
    when = "Before the first round" if t == 0 else f"After {t} round{'s' * (t > 1)}"
    deep = f"a message-passing network of {t} layer{'s' * (t != 1)}"
    if t >= stable:
        when = f"From round {stable} on" if stable else "In every round"
        deep = "a message-passing network, however deep,"
    number = "there is 1 colour" if len(names) == 1 else f"there are {len(names)} colours"
    return (
        f"Nothing has been exchanged; {one.orders:,} of the 9! = {math.factorial(_SLOTS):,} orders "
        f"give{'s' * (one.orders == 1)} these tensors. {when} {number}: {deep} "
        f"{f'gives equal codes to {codes}' if codes else 'can tell all atoms apart'}"
        f"{f', and cannot tell {one.name} from {_listed(twins)}' if twins else ''}."
    )


def relabelling_figure(
    graphs: Sequence[PaddedGraph],
    *,
    alt: str,
    symbols: Sequence[str] = ("C", "N", "O", "F"),
    start: int = 0,
    rounds: int = 1,
) -> HTMLFigure:
    """Build a figure in which a reader renumbers a molecule and refines the colours of its atoms.

    The reader chooses a molecule and exchanges two of its slots: drags one atom onto another, taps
    two, or names them. The drawing stays; the entries of the vector of kinds and of the matrix of
    bonds move, and those that differ from before get a frame. A slider goes through the rounds of
    colour refinement. In words: whether the last exchange changed the tensors, how many of the 9!
    orders give the same ones, and which atoms a message-passing network gives equal codes.

    Colours, symmetries and the molecules that refinement does not tell apart are computed here, in
    whole numbers; the script permutes and compares. Empty slots take part.

    Parameters
    ----------
    graphs : Sequence[PaddedGraph]
        What the reader chooses from.
    alt : str
        Alternative text for the whole figure.
    symbols : Sequence[str], optional
        The name of each kind of atom.
    start : int, default 0
        The molecule shown first.
    rounds : int, default 1
        The rounds of refinement shown first. The slider ends where no molecule changes any more.

    Raises
    ------
    ValueError
        If a graph is not a padded graph, atoms would be drawn on each other, or the first state
        does not exist.

    Notes
    -----
    Refinement is that of Weisfeiler and Leman (1968); that message-passing networks see no more is
    due to Xu et al. (2019). Atoms of one colour get equal codes from such a network if its first
    codes depend on the kinds only.

    Examples
    --------
    >>> bonds = np.zeros((9, 9), int)
    >>> bonds[0, 1] = bonds[1, 0] = 1
    >>> ethane = PaddedGraph("ethane", [0, 0, *[4] * 7], bonds, [[0, 0], [1, 0]])
    >>> figure = relabelling_figure([ethane], alt="Ethane, and its tensors.", rounds=0)
    >>> '"orders": 10080' in figure.html  # 2 symmetries, and 7! for the empty slots
    True
    """
    alt = checked_alt(alt)
    if not graphs:
        raise ValueError("A figure of relabelling got no molecules: give it at least one.")
    if len({graph.name for graph in graphs}) < len(graphs):
        raise ValueError("Two molecules have one name: a reader could not choose between them.")
    if not 0 <= start < len(graphs):
        raise ValueError(f"The figure starts at {start}, outside its {len(graphs)} molecules.")
    seen = [_seen(graph, len(symbols)) for graph in graphs]
    last = max(1, *(len(one.colours) - 1 for one in seen))
    if not 0 <= rounds <= last:
        raise ValueError(f"The slider starts at {rounds}, outside its rounds, 0 to {last}.")
    twins = _twins(seen, last)
    stored = []
    for one, others in zip(seen, twins, strict=True):
        count = len(one.kinds)
        letters = _drawing.letter_places(one.places[:count], one.bonds)
        stored.append(
            {
                "name": one.name,
                "symbols": [symbols[kind] for kind in one.kinds],
                "bonds": [
                    [int(i), int(j), int(one.bonds[i, j])] for i, j in np.argwhere(one.bonds)
                ],
                "lines": _drawing.bond_lines(one.places[:count], one.bonds),
                "places": np.round(one.places, 1).tolist(),
                "letters": np.round(letters, 1).tolist(),
                "colours": one.colours,
                "orders": one.orders,
                "twins": others,
            }
        )
    first, shown = seen[start], stored[start]
    colours = first.colours[min(rounds, len(first.colours) - 1)]
    count = len(first.kinds)
    drawing = _drawing.molecule(
        shown["symbols"],
        first.places,
        _drawing.letter_places(first.places[:count], first.bonds),
        shown["lines"],
        colours,
    )
    grid = _drawing.grid(_SLOTS)
    table = grid + _drawing.tensors(shown["symbols"], first.bonds, colours, _SLOTS)
    sentence = _said(first, rounds, twins[start][rounds])
    return fill(
        __package__,
        prefix="relabelling",
        still=still_of(
            [
                drawing_cell(
                    f"{first.name}, rounds of colouring: {rounds}",
                    _drawing.panel(drawing, _drawing.TALL),
                ),
                drawing_cell("kinds a, bonds A, colours", _drawing.panel(table, _drawing.LOW)),
            ],
            textwrap.wrap(sentence, _LETTERS_IN_A_LINE),
            alt,
        ),
        data={
            "graphs": stored,
            "slots": _SLOTS,
            "size": [SIDE, _drawing.TALL],
            "radii": [_drawing.ATOM, _drawing.EMPTY],
            "cells": [_drawing.LEFT, _drawing.TOP, _drawing.CELL],
            "columns": [_drawing.SLOT, _drawing.KIND, _drawing.COLOUR],
            "strengths": _drawing.STRENGTHS,
            "hues": [_drawing.hue(c) for c in range(_SLOTS)],
            "letters": _drawing.LETTERS,
        },
        alt=alt,
        text={
            "side": SIDE,
            "tall": _drawing.TALL,
            "low": _drawing.LOW,
            "last": last,
            "rounds": rounds,
        },
        markup={
            "grid": grid,
            "options": "".join(
                f'<option value="{i}"{" selected" * (i == start)}>{html.escape(one.name)}</option>'
                for i, one in enumerate(seen)
            ),
        },
    )
