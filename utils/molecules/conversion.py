"""RDKit there and back: dense graphs, molecules and SMILES.

A dense graph holds elements and orders of bonds. What else a molecule may carry is dropped where
the graph is the same without it, and refused, in one sentence, where it is not:

=====================================================================  ======================
a molecule may have                                                    and the graph
=====================================================================  ======================
single, double and triple bonds                                        holds them
aromatic bonds                                                         holds one Kekulé form
hydrogens, of any isotope, each on one single bond to a heavy atom     implies them
stereochemistry of atoms and bonds, isotopes, atom map numbers         drops them
names, labels, coordinates, conformers and data of any kind            drops them
bonds of other kinds: dative, zero-order, hydrogen, any, quadruple, …  is refused
elements but C, N, O, F; wildcards; hydrogens placed otherwise         is refused
formal charges, also where they cancel; radicals; hydrogens too many   is refused
queries (SMARTS), repeated units, link nodes                           is refused
several components, no heavy atom, or more than nine                   is refused
=====================================================================  ======================

Names (:func:`canonical_smiles`) and fingerprints drop the same, and keep what has no dense form.
"""

from __future__ import annotations

import contextlib
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
    "plain_copy",
    "slot_of",
    "smiles_of_graphs",
    "to_molecule",
    "to_molecules",
]

ATOMIC_NUMBERS: dict[str, int] = {"C": 6, "N": 7, "O": 8, "F": 9}
"""Atomic numbers of the elements that can be encoded."""

_SLOT = "slot"
_BOND_TYPES = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
_ORDERED = frozenset(_BOND_TYPES.values())
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
    slot = _remembered(atom)
    return atom.GetIdx() if slot is None else slot


def _remembered(atom: Chem.Atom) -> int | None:
    """Return the slot that :func:`_atom` wrote: the property, or what pickles keep of it."""
    with contextlib.suppress(KeyError, ValueError):  # no such property, or text of somebody else
        return int(atom.GetIntProp(_SLOT))
    name = "" if atom.GetMonomerInfo() is None else atom.GetMonomerInfo().GetName()
    word, _, number = name.partition(" ")
    return int(number) if word == _SLOT and number.isdecimal() else None


def _odd_hydrogens(molecule: Chem.Mol) -> bool:
    """Tell whether a hydrogen hangs otherwise than on one single bond to a heavy atom."""
    return any(
        [b.GetBondType() for b in a.GetBonds()] != [Chem.BondType.SINGLE]
        or a.GetNeighbors()[0].GetAtomicNum() == 1
        for a in molecule.GetAtoms()
        if a.GetAtomicNum() == 1
    )


# --------------------------------------------------------------------- molecule to graph


def from_smiles(smiles: str) -> tuple[Tensor, Tensor]:
    """Turn a SMILES string into a dense graph, atoms in the order of the string.

    Parameters
    ----------
    smiles : str
        A neutral, connected molecule of at most nine heavy atoms out of C, N, O, F, without
        radicals. The table of :mod:`utils.molecules.conversion` says what is dropped; anything
        else is refused in one sentence that says why.

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
    # RDKit would drop hydrogens on bonds of every kind; here those on single bonds are dropped.
    reading = Chem.SmilesParserParams()
    reading.removeHs = False  # type: ignore[assignment]  # a boolean in RDKit's own words
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, reading)
    shown = repr(smiles if len(smiles) <= 60 else smiles[:57] + "...")
    if molecule is None:
        raise ValueError(
            f"{shown} is not a SMILES string that RDKit can read; check brackets, "
            "ring numbers and valences."
        )
    types, orders, _ = _encode(molecule, f"The molecule {shown}")
    return torch.from_numpy(types), torch.from_numpy(orders)


def from_molecule(molecule: Chem.Mol) -> tuple[Tensor, Tensor]:
    """Turn an RDKit molecule into a dense graph, as :func:`from_smiles` does with a string.

    A molecule that :func:`to_molecule` made remembers the slot of each atom, also when it is
    copied or pickled, and gets back exactly the tensors it came from, empty slots in between
    included. A molecule whose atoms remember no slots fills them in the order of its heavy
    atoms; one that remembers some, or one slot twice, is refused. Aromatic rings are written in
    one of their Kekulé forms; a molecule without aromatic bonds keeps exactly the bonds it has,
    even where they exceed a valence. The table of :mod:`utils.molecules.conversion` says what
    is dropped and what is refused.

    Examples
    --------
    >>> atoms, bonds = from_molecule(Chem.MolFromSmiles("c1ccccc1"))
    >>> bonds[:6].sum(-1).tolist()
    [3, 3, 3, 3, 3, 3]
    """
    types, orders, remembered = _encode(check_molecule(molecule), "The molecule")
    slots = [slot for slot in remembered if slot is not None and 0 <= slot < MAX_ATOMS]
    if len(set(slots)) < len(remembered) and any(slot is not None for slot in remembered):
        raise ValueError(
            f"The molecule remembers the slots {remembered}, which are not different ones from 0 "
            f"to {MAX_ATOMS - 1} for all atoms; number them anew with "
            "from_smiles(canonical_smiles(molecule))."
        )
    if slots:
        place = np.argsort(slots + [slot for slot in range(MAX_ATOMS) if slot not in slots])
        types, orders = types[place], orders[np.ix_(place, place)]
    return torch.from_numpy(types), torch.from_numpy(orders)


def _encode(molecule: Chem.Mol, name: str) -> tuple[np.ndarray, np.ndarray, list[int | None]]:
    """Return the arrays of a molecule, or say why it (called `name`) has none, and its slots."""
    molecule = _kekule(molecule, name)
    heavy = [a for a in molecule.GetAtoms() if a.GetAtomicNum() != 1]
    _check_atoms(molecule, heavy, name)
    types, orders = kekule_arrays(molecule)
    _check_hydrogens(heavy, orders.sum(1).tolist(), name)
    return types, orders, [_remembered(atom) for atom in heavy]


def _kekule(molecule: Chem.Mol, name: str) -> Chem.Mol:
    """Return a molecule whose bonds are single, double and triple, or say which one is not."""
    bonds, aromatic = list(molecule.GetBonds()), Chem.BondType.AROMATIC
    for bond in bonds:
        if bond.GetBondType() not in _ORDERED | {aromatic}:
            raise ValueError(
                f"{name} has a bond of the kind {bond.GetBondType().name} between atoms "
                f"{bond.GetBeginAtomIdx()} and {bond.GetEndAtomIdx()}; only single, double, "
                "triple and aromatic bonds can be encoded, so give a molecule without it."
            )
    if not any(bond.GetIsAromatic() or bond.GetBondType() == aromatic for bond in bonds):
        return molecule
    copy, reason = Chem.Mol(molecule), ""
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(copy)
            Chem.Kekulize(copy, clearAromaticFlags=True)
    except Chem.MolSanitizeException as error:
        reason = f" ({error})"
    if reason or any(bond.GetBondType() not in _ORDERED for bond in copy.GetBonds()):
        raise ValueError(
            f"{name} has aromatic bonds that no single and double bonds can stand for{reason}."
        )
    return copy


def _check_atoms(molecule: Chem.Mol, heavy: list[Chem.Atom], name: str) -> None:
    """Check that the atoms are a neutral, connected molecule that fits, and not a pattern."""
    atoms = list(molecule.GetAtoms())
    if not atoms:
        raise ValueError(f"{name} has no atoms; give a molecule of 1 to {MAX_ATOMS} heavy atoms.")
    known = ATOMIC_NUMBERS.values()
    foreign = sorted({a.GetSymbol() for a in heavy if a.GetAtomicNum() not in known})
    if foreign:
        raise ValueError(
            f"{name} contains {', '.join(foreign)}; only {', '.join(ATOM_SYMBOLS)} "
            "(and implied hydrogens) can be encoded."
        )
    if _odd_hydrogens(molecule):
        raise ValueError(
            f"{name} contains H that no single bond joins to one heavy atom; only hydrogens "
            "that valences imply can be encoded, so leave it out."
        )
    if len(heavy) > MAX_ATOMS:
        raise ValueError(
            f"{name} has {len(heavy)} heavy atoms; at most {MAX_ATOMS} can be encoded, as in QM9."
        )
    if len(Chem.GetMolFrags(molecule)) > 1:
        raise ValueError(f"{name} is not connected; give one molecule at a time.")
    if any(a.GetFormalCharge() for a in atoms):
        raise ValueError(f"{name} carries formal charges; give one whose atoms are all neutral.")
    if any(a.GetNumRadicalElectrons() for a in atoms):
        raise ValueError(f"{name} is a radical; give one whose hydrogens fill all valences.")
    units = [g for g in Chem.GetMolSubstanceGroups(molecule) if g.GetProp("TYPE") != "DAT"]
    if molecule.HasQuery() or units or molecule.HasProp("_molLinkNodes"):
        raise ValueError(
            f"{name} is a pattern (a query, repeated units or link nodes) that stands for many; "
            "give one molecule, such as Chem.MolFromSmiles makes."
        )


def _check_hydrogens(heavy: list[Chem.Atom], orders: list[int], name: str) -> None:
    """Check that hydrogens which are written out are those that the valences imply."""
    for atom, order in zip(heavy, orders, strict=False):
        written = atom.GetNumExplicitHs()
        written += sum(n.GetAtomicNum() == 1 for n in atom.GetNeighbors())
        free = ATOM_VALENCES[atom.GetAtomicNum() - ATOMIC_NUMBERS["C"]] - order
        if atom.GetNoImplicit() and written < free:
            raise ValueError(f"{name} is a radical; give one whose hydrogens fill all valences.")
        if written > max(free, 0):
            raise ValueError(
                f"{name} has {written} hydrogens on an atom {atom.GetSymbol()} whose valence "
                f"leaves room for {max(free, 0)}; give one whose hydrogens fill all valences."
            )


def kekule_arrays(molecule: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """Return padded arrays of a Kekulé molecule that is known to fit: nothing is checked."""
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    (heavy,) = np.nonzero(numbers != 1)
    types = np.full(MAX_ATOMS, NO_ATOM, dtype=np.uint8)
    orders = np.zeros((MAX_ATOMS, MAX_ATOMS), dtype=np.uint8)
    types[: len(heavy)] = numbers[heavy] - ATOMIC_NUMBERS["C"]
    full = Chem.GetAdjacencyMatrix(molecule, useBO=True, force=True)
    orders[: len(heavy), : len(heavy)] = full[np.ix_(heavy, heavy)]
    return types, orders


# --------------------------------------------------------------------- graph to molecule


def to_molecule(atoms: Tensor, bonds: Tensor, *, sanitize: bool = True) -> Chem.Mol:
    """Turn one dense graph into an RDKit molecule, hydrogens implied.

    Empty slots are left out; the atoms keep the order of their slots, and each remembers
    its slot in the integer property ``slot``, and in its monomer's name, which RDKit also keeps
    in pickles. Bonds stay as they are given: aromatic rings
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
    kind = Chem.AtomMonomerType.OTHER
    atom.SetMonomerInfo(Chem.AtomMonomerInfo(kind, f"{_SLOT} {slot}"))
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


def plain_copy(molecule: Chem.Mol, lacks: str) -> Chem.Mol:
    """Return a copy, aromaticity perceived, without what the table of this module drops.

    An invalid molecule has none, and therefore no `lacks`, which the sentence names.
    """
    copy = Chem.Mol(check_molecule(molecule))
    try:
        with rdBase.BlockLogs():
            if any(a.GetAtomicNum() == 1 for a in copy.GetAtoms()) and not _odd_hydrogens(copy):
                copy = Chem.RemoveHs(copy, _hydrogens(), sanitize=False)
            for atom in copy.GetAtoms():
                atom.SetIsotope(0)
                atom.SetAtomMapNum(0)
            Chem.RemoveStereochemistry(copy)
            Chem.SanitizeMol(copy, _CHECK)
    except Chem.MolSanitizeException as error:
        raise _nameless(error, lacks) from error
    return copy


def _nameless(error: Exception, lacks: str) -> ValueError:
    return ValueError(
        f"An invalid molecule has no {lacks} ({error}); check it with is_valid first."
    )


@cache
def _hydrogens() -> Chem.RemoveHsParameters:
    """Return which hydrogens go: all those on heavy atoms, whatever they are marked with."""
    every = Chem.RemoveHsParameters()
    for kind in (
        "DefiningBondStereo",
        "DummyNeighbors",
        "Hydrides",
        "InSGroups",
        "Isotopes",
        "Mapped",
        "Nonimplicit",
        "NontetrahedralNeighbors",
        "WithWedgedBond",
    ):
        setattr(every, f"remove{kind}", True)
    return every


def canonical_smiles(molecule: Chem.Mol) -> str:
    """Return the canonical SMILES of what the dense form keeps: the name of the graph.

    Aromaticity is perceived first, so that the Kekulé forms of a ring share a name, and so
    do all labellings of a molecule, with whatever stereochemistry, isotopes, hydrogens and atom
    map numbers. A molecule with an exceeded valence has no such name.

    Examples
    --------
    >>> canonical_smiles(Chem.MolFromSmiles("C1=CC=CC=C1[CH3:7]"))
    'Cc1ccccc1'
    """
    return Chem.MolToSmiles(plain_copy(molecule, "canonical SMILES"), isomericSmiles=False)


def smiles_of_graphs(atoms: Tensor, bonds: Tensor) -> list[str]:
    """Return the canonical SMILES of each dense graph of a batch, all of them valid.

    As :func:`canonical_smiles` of :func:`to_molecules`, in half the time: a molecule that is made
    from a graph has nothing to drop, and nobody else sees it, so that it needs no copy.

    Parameters
    ----------
    atoms, bonds : torch.Tensor
        Dense graphs, each with an atom, shapes (N, n) and (N, n, n).

    Raises
    ------
    ValueError
        If a valence is exceeded, or a graph has no atoms.

    Examples
    --------
    >>> atoms, bonds = from_smiles("OCC")
    >>> smiles_of_graphs(atoms[None], bonds[None])
    ['CCO']
    """
    names = []
    for molecule in to_molecules(atoms, bonds, sanitize=False):
        try:
            with rdBase.BlockLogs():
                Chem.SanitizeMol(molecule, _CHECK)
        except Chem.MolSanitizeException as error:
            raise _nameless(error, "canonical SMILES") from error
        names.append(Chem.MolToSmiles(molecule, isomericSmiles=False))
    return names
