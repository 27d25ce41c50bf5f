"""RDKit there and back: dense graphs, molecules and SMILES."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from rdkit import Chem, rdBase
from torch import Tensor

from utils.graphs import ATOM_SYMBOLS, MAX_ATOMS, NO_ATOM, check_dense
from utils.molecules.validity import ATOM_VALENCES

__all__ = [
    "ATOMIC_NUMBERS",
    "canonical_smiles",
    "check_molecule",
    "from_molecule",
    "from_smiles",
    "kekule_arrays",
    "slot_of",
    "to_molecule",
    "to_molecules",
]

ATOMIC_NUMBERS: dict[str, int] = {"C": 6, "N": 7, "O": 8, "F": 9}
"""Atomic numbers of the elements that can be encoded."""

_SLOT = "slot"
_BOND_TYPES = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
# Everything is checked, but nothing is rewritten: RDKit's clean-up would give charges to
# nitrogen of valence 5, which in this encoding is a mistake to be reported.
_CHECK = Chem.SanitizeFlags.SANITIZE_ALL ^ Chem.SanitizeFlags.SANITIZE_CLEANUP
# The same, without rewriting bonds as aromatic.
_CHECK_KEKULE = (
    _CHECK ^ Chem.SanitizeFlags.SANITIZE_KEKULIZE ^ Chem.SanitizeFlags.SANITIZE_SETAROMATICITY
)


def check_molecule(molecule: object) -> Chem.Mol:
    """Return an RDKit molecule, or say what it is instead."""
    if not isinstance(molecule, Chem.Mol):
        raise TypeError(
            f"An RDKit molecule is expected, not {type(molecule).__name__}; use to_molecule for "
            "tensors and Chem.MolFromSmiles for strings."
        )
    return molecule


def slot_of(atom: Chem.Atom) -> int:
    """Return the slot that an atom remembers, or else its number in the molecule."""
    return atom.GetIntProp(_SLOT) if atom.HasProp(_SLOT) else atom.GetIdx()


# --------------------------------------------------------------------- molecule to graph


def from_smiles(smiles: str) -> tuple[Tensor, Tensor]:
    """Turn a SMILES string into a dense graph, atoms in the order of the string.

    Parameters
    ----------
    smiles : str
        A neutral, connected molecule of at most nine heavy atoms out of C, N, O, F, without
        radicals; anything else is refused in one sentence that says why.

    Returns
    -------
    atoms, bonds : torch.Tensor
        Kinds and orders, uint8, shapes (9,) and (9, 9).

    Examples
    --------
    >>> atoms, bonds = from_smiles("CC=O")
    >>> atoms.tolist(), int(bonds[1, 2])
    ([0, 0, 2, 4, 4, 4, 4, 4, 4], 2)
    """
    if not isinstance(smiles, str):
        raise TypeError(f"SMILES must be a string such as 'CC=O', not {type(smiles).__name__}.")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    shown = repr(smiles if len(smiles) <= 60 else smiles[:57] + "...")
    if molecule is None:
        raise ValueError(
            f"{shown} is not a SMILES string that RDKit can read; check brackets, "
            "ring numbers and valences."
        )
    return _encode(molecule, f"The molecule {shown}")


def from_molecule(molecule: Chem.Mol) -> tuple[Tensor, Tensor]:
    """Turn an RDKit molecule into a dense graph, as :func:`from_smiles` does with a string.

    A molecule that :func:`to_molecule` made remembers the slot of each atom, and gets back
    exactly the tensors it came from, empty slots in between included. Any other molecule
    fills the slots in the order of its atoms. Aromatic rings are written in one of their Kekulé
    forms; a molecule without aromatic bonds keeps exactly the bonds it has. Stereochemistry,
    isotopes and hydrogens are dropped.

    Examples
    --------
    >>> atoms, bonds = from_molecule(Chem.MolFromSmiles("c1ccccc1"))
    >>> bonds[:6].sum(-1).tolist()
    [3, 3, 3, 3, 3, 3]
    """
    atoms, bonds = _encode(check_molecule(molecule), "The molecule")
    slots = [a.GetIntProp(_SLOT) for a in molecule.GetAtoms() if a.HasProp(_SLOT)]
    number = molecule.GetNumAtoms()
    if slots == list(range(number)) or len(set(slots)) != number or max(slots) >= MAX_ATOMS:
        return atoms, bonds
    placed_atoms, placed_bonds = torch.full_like(atoms, NO_ATOM), torch.zeros_like(bonds)
    place = torch.tensor(slots)
    placed_atoms[place] = atoms[:number]
    placed_bonds[place[:, None], place[None, :]] = bonds[:number, :number]
    return placed_atoms, placed_bonds


def _encode(molecule: Chem.Mol, name: str) -> tuple[Tensor, Tensor]:
    """Return the dense graph of a molecule, or say why it (called `name`) has none."""
    if any(bond.GetIsAromatic() for bond in molecule.GetBonds()):
        molecule = _kekule(molecule, name)
    atoms = list(molecule.GetAtoms())
    if any(a.GetAtomicNum() == 1 for a in atoms):
        # Without sanitising, which would look for aromatic rings again.
        molecule = Chem.RemoveHs(molecule, sanitize=False)
        atoms = list(molecule.GetAtoms())
    if not atoms:
        raise ValueError(f"{name} has no atoms; give a molecule of 1 to {MAX_ATOMS} heavy atoms.")
    known = ATOMIC_NUMBERS.values()
    foreign = sorted({a.GetSymbol() for a in atoms if a.GetAtomicNum() not in known})
    if foreign:
        raise ValueError(
            f"{name} contains {', '.join(foreign)}; only {', '.join(ATOM_SYMBOLS)} "
            "(and implied hydrogens) can be encoded."
        )
    if len(atoms) > MAX_ATOMS:
        raise ValueError(
            f"{name} has {len(atoms)} heavy atoms; at most {MAX_ATOMS} can be encoded, as in QM9."
        )
    if len(Chem.GetMolFrags(molecule)) > 1:
        raise ValueError(f"{name} is not connected; give one molecule at a time.")
    if any(a.GetFormalCharge() for a in atoms):
        raise ValueError(f"{name} carries formal charges; give one whose atoms are all neutral.")
    if any(a.GetNumRadicalElectrons() for a in atoms):
        raise ValueError(f"{name} is a radical; give one whose hydrogens fill all valences.")
    types, orders = kekule_arrays(molecule)
    return torch.from_numpy(types), torch.from_numpy(orders)


def _kekule(molecule: Chem.Mol, name: str) -> Chem.Mol:
    """Return a copy with single and double bonds in place of aromatic ones."""
    copy = Chem.Mol(molecule)
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(copy)
            Chem.Kekulize(copy, clearAromaticFlags=True)
    except Chem.MolSanitizeException as error:
        raise ValueError(
            f"{name} has aromatic bonds that no single and double bonds can stand for ({error})."
        ) from error
    return copy


def kekule_arrays(molecule: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """Return padded arrays of a Kekulé molecule that is known to fit: nothing is checked."""
    kinds = [atom.GetAtomicNum() - ATOMIC_NUMBERS["C"] for atom in molecule.GetAtoms()]
    number = len(kinds)
    types = np.full(MAX_ATOMS, NO_ATOM, dtype=np.uint8)
    orders = np.zeros((MAX_ATOMS, MAX_ATOMS), dtype=np.uint8)
    types[:number] = kinds
    orders[:number, :number] = Chem.GetAdjacencyMatrix(molecule, useBO=True, force=True)
    return types, orders


# --------------------------------------------------------------------- graph to molecule


def to_molecule(atoms: Tensor, bonds: Tensor, *, sanitize: bool = True) -> Chem.Mol:
    """Turn one dense graph into an RDKit molecule, hydrogens implied.

    Empty slots are left out; the atoms keep the order of their slots, and each remembers
    its slot in the integer property ``slot``. Bonds stay as they are given: aromatic rings
    are not perceived, so that the way back is exact (:func:`canonical_smiles` perceives
    them). The molecule may have several components.

    Parameters
    ----------
    atoms, bonds : torch.Tensor
        One dense graph with at least one atom, shapes (n,) and (n, n).
    sanitize : bool
        If true, an exceeded valence is refused. If false, any graph is turned into a molecule,
        so that an invalid one can be drawn.

    Examples
    --------
    >>> canonical_smiles(to_molecule(*from_smiles("OCC")))
    'CCO'
    """
    check_dense(atoms, bonds)
    if atoms.ndim != 1:
        raise ValueError(
            f"One graph is expected, atoms of shape (n,), not {tuple(atoms.shape)}; use "
            "to_molecules for a batch."
        )
    return _assemble(atoms.tolist(), bonds.tolist(), sanitize)


def to_molecules(atoms: Tensor, bonds: Tensor, *, sanitize: bool = True) -> list[Chem.Mol]:
    """Turn a batch of dense graphs, shapes (N, n) and (N, n, n), into RDKit molecules.

    As :func:`to_molecule` for each; `sanitize` says whether valences are checked.

    Examples
    --------
    >>> atoms, bonds = from_smiles("CO")
    >>> len(to_molecules(torch.stack([atoms, atoms]), torch.stack([bonds, bonds])))
    2
    """
    check_dense(atoms, bonds)
    if atoms.ndim != 2:
        raise ValueError(f"A batch of shape (N, n) is expected, not {tuple(atoms.shape)}.")
    graphs = zip(atoms.tolist(), bonds.tolist(), strict=True)
    return [_assemble(a, b, sanitize) for a, b in graphs]


@cache
def _atom(symbol: str, slot: int) -> Chem.Atom:
    """Return an atom that remembers its slot, to be copied into molecules."""
    atom = Chem.Atom(ATOMIC_NUMBERS[symbol])
    atom.SetIntProp(_SLOT, slot)
    return atom


def _assemble(types: list[int], orders: list[list[int]], sanitize: bool) -> Chem.Mol:
    """Build a molecule from lists that are known to be a dense graph."""
    molecule = Chem.RWMol()
    place: dict[int, int] = {}
    for slot, kind in enumerate(types):
        if kind == NO_ATOM:
            continue
        symbol = ATOM_SYMBOLS[kind]
        total = sum(orders[slot])
        if sanitize and total > ATOM_VALENCES[kind]:
            raise ValueError(
                f"The atom in slot {slot} ({symbol}) has bonds of total order {total}, more than "
                f"its valence {ATOM_VALENCES[kind]}; pass sanitize=False to draw it anyway."
            )
        place[slot] = molecule.AddAtom(_atom(symbol, slot))
    if not place:
        raise ValueError("The graph has no atoms: every slot is empty.")
    for i, row in enumerate(orders):
        for j in range(i):
            if row[j]:
                molecule.AddBond(place[j], place[i], _BOND_TYPES[row[j]])
    if sanitize:
        Chem.SanitizeMol(molecule, _CHECK_KEKULE)
    else:
        molecule.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(molecule)
    return molecule.GetMol()


def canonical_smiles(molecule: Chem.Mol) -> str:
    """Return the canonical SMILES without stereochemistry: the name of the graph.

    Aromaticity is perceived first, so that the Kekulé forms of a ring share a name, and so
    do all labellings of a molecule. A molecule with an exceeded valence has no such name.

    Examples
    --------
    >>> canonical_smiles(Chem.MolFromSmiles("C1=CC=CC=C1C"))
    'Cc1ccccc1'
    """
    aromatic = Chem.Mol(check_molecule(molecule))
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(aromatic, _CHECK)
    except Chem.MolSanitizeException as error:
        raise ValueError(
            f"An invalid molecule has no canonical SMILES ({error}); check it with is_valid first."
        ) from error
    return Chem.MolToSmiles(aromatic, isomericSmiles=False)
