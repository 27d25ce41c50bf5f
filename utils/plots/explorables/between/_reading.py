"""What graphs along a way are, what they are called, and where their atoms are drawn.

This module needs torch and RDKit, which the other figures do without; so it is imported only when
a figure of molecules is made.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem

from utils.graphs import ATOM_SYMBOLS, NO_ATOM
from utils.molecules import (
    ATOM_VALENCES,
    canonical_smiles,
    is_connected,
    is_valid,
    to_molecule,
)
from utils.plots.explorables.between._drawing import IMPOSSIBLE, IN_PIECES, WHOLE, Drawn, fitted
from utils.plots.explorables.between._layout import layout, turned

__all__ = ["Reader"]

Points = dict[int, NDArray[np.float64]]


@dataclass(frozen=True)
class _Kept:
    """Where atoms lie, shape (atoms, 2), its rows in the order in which SMILES lists the atoms."""

    number: int
    places: NDArray[np.float64]


class Reader:
    """Names and draws graphs; each is kept once, whatever the order of its atoms.

    Attributes
    ----------
    drawn : list of Drawn
        What has been met so far.

    Examples
    --------
    >>> atoms = np.array([[0, 2], [2, 0]])
    >>> reader = Reader()
    >>> reader.way(atoms, np.array([[[0, 1], [1, 0]]] * 2))
    [0, 0]
    >>> reader.drawn[0].name
    'CO'
    """

    def __init__(self) -> None:
        self.drawn: list[Drawn] = []
        self._kept: dict[tuple[int, str], _Kept] = {}

    def way(self, atoms: NDArray[np.integer], bonds: NDArray[np.integer]) -> list[int]:
        """Return the number of what is drawn for each graph, (T, n) and (T, n, n).

        A graph that is new is turned to lie as the one before it does, slot by slot, so that a
        drawing changes no more than it has to.
        """
        types, orders = torch.as_tensor(atoms), torch.as_tensor(bonds)
        valid = np.where(is_connected(types, orders), WHOLE, IN_PIECES)
        states = np.where(is_valid(types, orders), valid, IMPOSSIBLE)
        before: Points = {}
        numbers = []
        for graph, table, state in zip(types, orders, states.tolist(), strict=True):
            number, before = self._one(graph, table, state, before)
            numbers.append(number)
        return numbers

    def _one(
        self, atoms: torch.Tensor, bonds: torch.Tensor, state: int, before: Points
    ) -> tuple[int, Points]:
        """Return the number of one graph and where its slots lie."""
        if not (atoms != NO_ATOM).any():
            drawn = Drawn((), (), (), (), "", state)
            return self._keep((state, ""), drawn, np.empty((0, 2))).number, {}
        molecule = to_molecule(atoms, bonds, sanitize=False)
        # RDKit writes a graph that is no molecule, too; as a name for it, and not as chemistry.
        plain = Chem.MolToSmiles(molecule, isomericSmiles=False)
        listed = ast.literal_eval(molecule.GetProp("_smilesAtomOutputOrder"))
        name = plain if state == IMPOSSIBLE else canonical_smiles(molecule)
        slots = [int(slot) for slot in torch.nonzero(atoms != NO_ATOM)[:, 0]]
        kept = self._kept.get((state, name))
        if kept is None:
            places = turned(layout(molecule), slots, before)
            drawn = Drawn(
                tuple(ATOM_SYMBOLS[int(kind)] for kind in atoms[slots]),
                tuple(map(tuple, fitted(places).tolist())),
                tuple(
                    (i, j, int(bonds[slots[i], slots[j]]))
                    for j in range(len(slots))
                    for i in range(j)
                    if bonds[slots[i], slots[j]]
                ),
                tuple(
                    i
                    for i, slot in enumerate(slots)
                    if int(bonds[slot].sum()) > ATOM_VALENCES[int(atoms[slot])]
                ),
                "" if state == IMPOSSIBLE else name,
                state,
            )
            kept = self._keep((state, name), drawn, places[listed])
        return kept.number, {slots[i]: place for i, place in zip(listed, kept.places, strict=True)}

    def _keep(self, key: tuple[int, str], drawn: Drawn, places: NDArray[np.float64]) -> _Kept:
        """Keep a drawing, if it is new, and return it."""
        if key not in self._kept:
            self._kept[key] = _Kept(len(self.drawn), places)
            self.drawn.append(drawn)
        return self._kept[key]
