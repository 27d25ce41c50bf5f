"""Layouts of drawings: which atoms lie on bonds that are not their own, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rdkit import Chem

from utils import molecules

CUBANE = "C12C3C4C1C5C2C3C45"
SQUARES = {0: (-1, 1), 1: (1, 1), 2: (1, -1), 3: (-1, -1)} | {
    5: (-0.4, 0.4), 6: (0.4, 0.4), 7: (0.4, -0.4), 4: (-0.4, -0.4)
}  # fmt: skip


def strokes(svg: str) -> set[str]:
    """The line of every bond, whatever the order."""
    return set(re.findall(r"<path class='bond-\d+[^']*' d='([^']*)'", svg))


def test_rdkit_draws_cubane_with_bonds_on_bonds():
    found = molecules.atoms_on_bonds(Chem.MolFromSmiles(CUBANE))
    assert {pair for _, pair in found} == {(4, 7), (5, 6)}


def test_a_square_in_a_square_is_readable_and_is_what_is_drawn():
    cubane = Chem.MolFromSmiles(CUBANE)
    placed = molecules.place(cubane, SQUARES)
    assert molecules.atoms_on_bonds(placed) == []
    assert cubane.GetNumConformers() == 0
    bigger = molecules.place(cubane, {k: (7 * x, 7 * y) for k, (x, y) in SQUARES.items()})
    assert strokes(molecules.draw(placed)) == strokes(molecules.draw(bigger))
    assert strokes(molecules.draw(placed)) != strokes(molecules.draw(cubane))


@pytest.mark.parametrize("moved", [{5: (0.0, 1.0)}, {5: (-1.0, 1.0)}, {5: (0.1, 0.9)}])
def test_an_atom_on_a_bond_is_refused(moved):
    with pytest.raises(ValueError, match="lies on the bond"):
        molecules.place(Chem.MolFromSmiles(CUBANE), SQUARES | moved)


def test_a_slot_without_a_point_is_refused():
    with pytest.raises(ValueError, match="points names the slots"):
        molecules.place(Chem.MolFromSmiles("CO"), {0: (0, 0)})


def test_points_belong_to_slots_and_not_to_atoms():
    atoms, bonds = molecules.from_smiles("CCO")
    moved = molecules.to_molecule(atoms.roll(2), bonds.roll((2, 2), (0, 1)))
    placed = molecules.place(moved, {2: (0, 0), 3: (2, 0), 4: (4, 1)})
    oxygen = next(a.GetIdx() for a in placed.GetAtoms() if a.GetSymbol() == "O")
    assert placed.GetConformer().GetAtomPosition(oxygen).x == 4


def test_an_own_atom_is_not_in_the_way():
    assert molecules.atoms_on_bonds(Chem.MolFromSmiles("CCCCO")) == []


def test_a_size_may_be_numpys():
    molecule = Chem.MolFromSmiles("CCO")
    size = (np.int64(120), np.int32(90))
    assert molecules.draw(molecule, size=size) == molecules.draw(molecule, size=(120, 90))
    assert "width='120px'" in molecules.draw(molecule, size=tuple(np.array([120, 90])))
    with pytest.raises(ValueError, match="at least 20"):
        molecules.draw(molecule, size=(np.int64(10), 90))
    with pytest.raises(TypeError, match="is an integer"):
        molecules.draw(molecule, size=(120.5, 90))
