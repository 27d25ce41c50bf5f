"""Dense molecular graphs and RDKit molecules: there, back, and onto the page.

A dense graph is a pair of tensors: ``atoms`` of shape (n,) with node types 0 to 3 for C, N, O,
F and 4 for an empty slot, and ``bonds`` of shape (n, n) with bond orders 0 to 3 (see
:mod:`utils.data.qm9`). :func:`to_molecule` and :func:`from_molecule` are inverse to each
other, bit by bit and whatever the labelling; :func:`is_valid` and :func:`is_connected` judge
whole batches without leaving torch; :func:`draw` and :func:`draw_grid` make drawings that
read on a light page and on a dark one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from rdkit import Chem, Geometry, rdBase
from rdkit.Chem import rdDepictor, rdFingerprintGenerator
from rdkit.Chem.Draw import rdMolDraw2D
from torch import Tensor

from utils.data.qm9 import (
    ATOM_SYMBOLS,
    ATOM_VALENCES,
    MAX_ATOMS,
    NO_ATOM,
    check_dense,
    graph_from_molecule,
    graph_from_smiles,
)

__all__ = [
    "ATOM_COLOURS",
    "canonical_smiles",
    "draw",
    "draw_grid",
    "from_molecule",
    "from_smiles",
    "is_connected",
    "is_valid",
    "morgan_fingerprints",
    "tanimoto",
    "to_molecule",
    "to_molecules",
]

ATOM_COLOURS: dict[str, str] = {"N": "#0072B2", "O": "#D55E00", "F": "#009E73"}
"""Colours of the atoms in drawings, from the palette of Okabe and Ito.

Each has a contrast of at least 3 with white and with the dark page. Carbon, bonds and text
take the colour of the surrounding text (``currentColor``).
"""

HIGHLIGHT_COLOUR = "#CC79A7"
"""Colour of highlighted atoms for which none is given."""

_SLOT = "slot"
_BOND_TYPES = {
    1: Chem.BondType.SINGLE,
    2: Chem.BondType.DOUBLE,
    3: Chem.BondType.TRIPLE,
}
_ATOMIC_NUMBERS = {"C": 6, "N": 7, "O": 8, "F": 9}
# Everything is checked, but nothing is rewritten: RDKit's clean-up would give charges to
# nitrogen of valence 5, which in this encoding is a mistake to be reported.
_CHECK = Chem.SanitizeFlags.SANITIZE_ALL ^ Chem.SanitizeFlags.SANITIZE_CLEANUP
# The same, without rewriting bonds as aromatic.
_CHECK_KEKULE = (
    _CHECK ^ Chem.SanitizeFlags.SANITIZE_KEKULIZE ^ Chem.SanitizeFlags.SANITIZE_SETAROMATICITY
)


# --------------------------------------------------------------------- conversion


def from_smiles(smiles: str) -> tuple[Tensor, Tensor]:
    """Turn a SMILES string into a dense graph padded to nine slots.

    Parameters
    ----------
    smiles : str
        SMILES of a neutral, connected molecule of at most nine heavy atoms out of
        C, N, O, F.

    Returns
    -------
    atoms : torch.Tensor
        Node types, uint8, shape (9,), in the order of the string.
    bonds : torch.Tensor
        Bond orders, uint8, shape (9, 9).

    Raises
    ------
    TypeError
        If `smiles` is not a string.
    ValueError
        If it does not parse, or names a molecule that cannot be encoded.
    """
    return graph_from_smiles(smiles)


def from_molecule(molecule: Chem.Mol) -> tuple[Tensor, Tensor]:
    """Turn an RDKit molecule into a dense graph padded to nine slots.

    A molecule that :func:`to_molecule` made remembers the slot of each atom, and gets back
    exactly the tensors it came from, empty slots in between included. Any other molecule
    fills the slots in the order of its atoms; aromatic rings are written in one of their
    Kekulé forms.

    Parameters
    ----------
    molecule : rdkit.Chem.Mol
        A neutral, connected molecule of at most nine heavy atoms out of C, N, O, F.

    Returns
    -------
    atoms : torch.Tensor
        Node types, uint8, shape (9,).
    bonds : torch.Tensor
        Bond orders, uint8, shape (9, 9).

    Raises
    ------
    TypeError
        If `molecule` is not an RDKit molecule.
    ValueError
        If the molecule cannot be encoded; the message says why.
    """
    _check_molecule(molecule)
    atoms, bonds = graph_from_molecule(molecule)
    slots = [a.GetIntProp(_SLOT) for a in molecule.GetAtoms() if a.HasProp(_SLOT)]
    number = molecule.GetNumAtoms()
    if slots == list(range(number)) or len(set(slots)) != number or max(slots) >= MAX_ATOMS:
        return atoms, bonds
    placed_atoms, placed_bonds = torch.full_like(atoms, NO_ATOM), torch.zeros_like(bonds)
    place = torch.tensor(slots)
    placed_atoms[place] = atoms[:number]
    placed_bonds[place[:, None], place[None, :]] = bonds[:number, :number]
    return placed_atoms, placed_bonds


def to_molecule(atoms: Tensor, bonds: Tensor, *, sanitize: bool = True) -> Chem.Mol:
    """Turn one dense graph into an RDKit molecule.

    Empty slots are left out; the atoms keep the order of their slots, and each remembers
    its slot in the integer property ``slot``. Bonds stay as they are given: aromatic rings
    are not perceived, so that the way back is exact (:func:`canonical_smiles` perceives
    them).

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers from 0 to 4, shape (n,).
    bonds : torch.Tensor
        Bond orders, integers from 0 to 3, shape (n, n), symmetric.
    sanitize : bool
        If true, valences are checked. If false, any graph is turned into a molecule, so
        that an invalid one can be drawn.

    Returns
    -------
    rdkit.Chem.Mol
        The molecule, hydrogens implied. It may have several components.

    Raises
    ------
    TypeError
        If one of the inputs is not a tensor of integers.
    ValueError
        If the tensors are not one dense graph, no slot holds an atom, or, with `sanitize`,
        a valence is exceeded.
    """
    check_dense(atoms, bonds)
    if atoms.ndim != 1:
        raise ValueError(
            f"One graph is expected, atoms of shape (n,), not {tuple(atoms.shape)}; use "
            "to_molecules for a batch."
        )
    return _assemble(atoms.tolist(), bonds.tolist(), sanitize)


def to_molecules(atoms: Tensor, bonds: Tensor, *, sanitize: bool = True) -> list[Chem.Mol]:
    """Turn a batch of dense graphs into RDKit molecules, as :func:`to_molecule` does.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers from 0 to 4, shape (N, n).
    bonds : torch.Tensor
        Bond orders, integers from 0 to 3, shape (N, n, n), symmetric.
    sanitize : bool
        Whether valences are checked.

    Returns
    -------
    list of rdkit.Chem.Mol
        N molecules.

    Raises
    ------
    TypeError
        If one of the inputs is not a tensor of integers.
    ValueError
        If the tensors are not a batch of dense graphs, a graph has no atom, or, with
        `sanitize`, a valence is exceeded.
    """
    check_dense(atoms, bonds)
    if atoms.ndim != 2:
        raise ValueError(f"A batch of shape (N, n) is expected, not {tuple(atoms.shape)}.")
    graphs = zip(atoms.tolist(), bonds.tolist(), strict=True)
    return [_assemble(a, b, sanitize) for a, b in graphs]


@cache
def _atom(symbol: str, slot: int) -> Chem.Atom:
    """Return an atom that remembers its slot, to be copied into molecules."""
    atom = Chem.Atom(_ATOMIC_NUMBERS[symbol])
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
    do all labellings of a molecule.

    Parameters
    ----------
    molecule : rdkit.Chem.Mol
        A valid molecule.

    Returns
    -------
    str
        The canonical SMILES.

    Raises
    ------
    TypeError
        If `molecule` is not an RDKit molecule.
    ValueError
        If a valence is exceeded.
    """
    _check_molecule(molecule)
    aromatic = Chem.Mol(molecule)
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(aromatic, _CHECK)
    except Chem.MolSanitizeException as error:
        raise ValueError(
            f"An invalid molecule has no canonical SMILES ({error}); check it with is_valid first."
        ) from error
    return Chem.MolToSmiles(aromatic, isomericSmiles=False)


def _check_molecule(molecule: object) -> None:
    if not isinstance(molecule, Chem.Mol):
        raise TypeError(
            f"An RDKit molecule is expected, not {type(molecule).__name__}; use to_molecule for "
            "tensors and Chem.MolFromSmiles for strings."
        )


# --------------------------------------------------------------------- judging a batch


def is_valid(atoms: Tensor, bonds: Tensor) -> Tensor:
    """Tell which graphs respect the valences of their atoms.

    A graph is valid if it has an atom, and the bonds of each C, N, O, F have total order at
    most 4, 3, 2, 1; hydrogens fill the rest. This is RDKit's check of valences for neutral
    atoms, before its clean-up, which would turn some nitrogens of valence 5 into charged
    ones: the encoding has no charges, so they are invalid here. A valid graph may fall into
    pieces: see :func:`is_connected`.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers from 0 to 4, shape (..., n).
    bonds : torch.Tensor
        Bond orders, integers from 0 to 3, shape (..., n, n), symmetric.

    Returns
    -------
    torch.Tensor
        Booleans of shape (...).

    Raises
    ------
    TypeError
        If one of the inputs is not a tensor of integers.
    ValueError
        If the tensors are no dense graphs.
    """
    check_dense(atoms, bonds)
    limits = torch.tensor([*ATOM_VALENCES, 0], device=atoms.device)[atoms.long()]
    return (bonds.sum(-1, dtype=torch.long) <= limits).all(-1) & (atoms != NO_ATOM).any(-1)


def is_connected(atoms: Tensor, bonds: Tensor) -> Tensor:
    """Tell which graphs have exactly one component, empty slots left aside.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers from 0 to 4, shape (..., n).
    bonds : torch.Tensor
        Bond orders, integers from 0 to 3, shape (..., n, n), symmetric.

    Returns
    -------
    torch.Tensor
        Booleans of shape (...); false for a graph without atoms.

    Raises
    ------
    TypeError
        If one of the inputs is not a tensor of integers.
    ValueError
        If the tensors are no dense graphs.
    """
    check_dense(atoms, bonds)
    slots = atoms.shape[-1]
    exists = atoms != NO_ATOM
    reach = ((bonds > 0) | torch.eye(slots, dtype=torch.bool, device=bonds.device)).float()
    for _ in range(max(1, (slots - 1).bit_length())):  # walks of length 1, 2, 4, 8, ...
        reach = (reach @ reach).clamp(max=1.0)
    apart = exists[..., :, None] & exists[..., None, :] & (reach == 0)
    return ~apart.flatten(-2).any(-1) & exists.any(-1)


# --------------------------------------------------------------------- similarity


def morgan_fingerprints(
    molecules: Sequence[Chem.Mol], *, radius: int = 2, bits: int = 2048
) -> Tensor:
    """Return the Morgan fingerprints of molecules.

    Every atom names the surroundings it has within `radius` bonds, and each name sets one of
    `bits` bits (Rogers and Hahn, "Extended-Connectivity Fingerprints", 2010). A fingerprint
    does not depend on the order of the atoms, and owes nothing to any network.

    Parameters
    ----------
    molecules : sequence of rdkit.Chem.Mol
        N molecules, sanitised, as :func:`to_molecules` makes them.
    radius : int
        Largest distance, in bonds, at which an atom sees another.
    bits : int
        Length of a fingerprint.

    Returns
    -------
    torch.Tensor
        Booleans of shape (N, bits).

    Raises
    ------
    TypeError
        If one of them is not an RDKit molecule.
    ValueError
        If there are none, or `radius` or `bits` is out of range.
    """
    if len(molecules) == 0:
        raise ValueError("There are no molecules to take fingerprints of; give at least one.")
    if radius < 0 or bits < 1:
        raise ValueError(f"radius must be at least 0 and bits at least 1, not {radius} and {bits}.")
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=bits)
    rows = []
    for molecule in molecules:
        _check_molecule(molecule)
        rows.append(torch.from_numpy(generator.GetFingerprintAsNumPy(molecule)))
    return torch.stack(rows).bool()


def tanimoto(first: Tensor, second: Tensor) -> Tensor:
    """Return the Tanimoto similarity of all pairs of fingerprints.

    It is the number of bits that both have, over the number of bits that at least one has
    (the Jaccard index): 1 for equal fingerprints, 0 for fingerprints without a common bit.

    Parameters
    ----------
    first : torch.Tensor
        Booleans of shape (A, bits).
    second : torch.Tensor
        Booleans of shape (B, bits).

    Returns
    -------
    torch.Tensor
        Shape (A, B), float32, between 0 and 1; 1 for two empty fingerprints.

    Raises
    ------
    TypeError
        If one of them is not a tensor of booleans.
    ValueError
        If they are not matrices of the same number of bits.
    """
    for name, tensor in (("first", first), ("second", second)):
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool:
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise TypeError(
                f"{name} must be a torch tensor of booleans, as morgan_fingerprints makes it, "
                f"not {kind}."
            )
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            f"fingerprints of shapes (A, bits) and (B, bits) are expected, not "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    a, b = first.float(), second.float()
    common = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1) - common
    return torch.where(either > 0, common / either.clamp(min=1), 1.0)


# --------------------------------------------------------------------- drawing


def _rgb(colour: str) -> tuple[float, float, float]:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"Colours are given as '#RRGGBB', not {colour!r}.")
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


def _slot_of(atom: Chem.Atom) -> int:
    return atom.GetIntProp(_SLOT) if atom.HasProp(_SLOT) else atom.GetIdx()


def _prepare(
    molecule: Chem.Mol,
    indices: bool,
    notes: Mapping[int, str] | None,
    like: Chem.Mol | None,
) -> Chem.Mol:
    """Return a copy of a molecule with coordinates and notes."""
    _check_molecule(molecule)
    if molecule.GetNumAtoms() == 0:
        raise ValueError("The molecule has no atoms, so there is nothing to draw.")
    notes = notes or {}
    copy = Chem.Mol(molecule)
    slots = [_slot_of(atom) for atom in copy.GetAtoms()]
    unknown = sorted(set(notes) - set(slots))
    if unknown:
        raise ValueError(f"notes names the slots {unknown}, where the molecule has no atoms.")
    for atom, slot in zip(copy.GetAtoms(), slots, strict=True):
        parts = ([str(slot)] if indices else []) + ([notes[slot]] if slot in notes else [])
        if parts:
            atom.SetProp("atomNote", " ".join(parts))
    rdDepictor.Compute2DCoords(copy)
    if like is not None:
        _place_like(copy, like)
    return copy


def _place_like(molecule: Chem.Mol, like: Chem.Mol) -> None:
    """Copy the layout of an isomorphic molecule; leave other molecules as they are."""
    _check_molecule(like)
    pattern, target = Chem.Mol(like), Chem.Mol(molecule)
    for either in (pattern, target):
        either.UpdatePropertyCache(strict=False)
        Chem.GetSymmSSSR(either)
        Chem.SetAromaticity(either)
    same_size = pattern.GetNumAtoms() == target.GetNumAtoms()
    match = target.GetSubstructMatch(pattern) if same_size else ()
    if not match:
        return
    rdDepictor.Compute2DCoords(pattern)
    source, place = pattern.GetConformer(), molecule.GetConformer()
    for i, j in enumerate(match):
        point = source.GetAtomPosition(i)
        place.SetAtomPosition(j, Geometry.Point3D(point.x, point.y, 0.0))


def _finish(drawer: rdMolDraw2D.MolDraw2DSVG, label: str) -> str:
    """Close a drawing and make it fit to stand in a page."""
    drawer.FinishDrawing()
    svg = re.sub(r"<\?xml[^>]*\?>\s*", "", drawer.GetDrawingText())
    svg = re.sub(r"<!--.*?-->\s*", "", svg)
    svg = re.sub(r"\s+", " ", svg.replace("#000000", "currentColor"))
    for default in ("fill-rule:evenodd;", "stroke-linecap:butt;", "stroke-linejoin:miter;"):
        svg = svg.replace(default, "")
    svg = re.sub(r";?stroke-opacity:1(?=[;'])", "", svg)
    head = f'<svg role="img" aria-label="{html.escape(label)}" style="max-width:100%;height:auto"'
    return re.sub(r"<svg\s+version='1.1' baseProfile='full'", lambda _: head, svg, count=1).strip()


def _set_options(drawer: rdMolDraw2D.MolDraw2DSVG) -> None:
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    black = (0.0, 0.0, 0.0)
    options.updateAtomPalette(
        {6: black, -1: black}
        | {_ATOMIC_NUMBERS[symbol]: _rgb(colour) for symbol, colour in ATOM_COLOURS.items()}
    )
    options.setLegendColour(black)
    options.setAtomNoteColour(black)
    options.setAnnotationColour(black)
    options.prepareMolsBeforeDrawing = False
    options.includeRadicals = False
    options.bondLineWidth = 2
    options.annotationFontScale = 0.7
    options.padding = 0.08
    options.minFontSize = 9
    options.legendFontSize = 14
    options.legendFraction = 0.16
    options.drawMolsSameScale = False


def _colours(
    molecule: Chem.Mol, highlight: Sequence[int] | Mapping[int, str] | None
) -> dict[int, tuple[float, float, float, float]]:
    """Return the half-transparent colour of each highlighted atom, by atom number."""
    if highlight is None:
        return {}
    by_slot = {_slot_of(atom): atom.GetIdx() for atom in molecule.GetAtoms()}
    unknown = sorted(set(highlight) - set(by_slot))
    if unknown:
        raise ValueError(f"highlight names the slots {unknown}, where the molecule has no atoms.")
    colours = highlight if isinstance(highlight, Mapping) else {}
    return {by_slot[s]: (*_rgb(colours.get(s, HIGHLIGHT_COLOUR)), 0.4) for s in highlight}


def _check_size(size: tuple[int, int]) -> None:
    if len(size) != 2 or min(size) < 20:
        raise ValueError(f"size is (width, height) in pixels, each at least 20, not {size}.")


def draw(
    molecule: Chem.Mol,
    *,
    size: tuple[int, int] = (240, 200),
    legend: str = "",
    indices: bool = False,
    notes: Mapping[int, str] | None = None,
    highlight: Sequence[int] | Mapping[int, str] | None = None,
    like: Chem.Mol | None = None,
    alt: str | None = None,
) -> str:
    """Draw a molecule as SVG that reads in light and dark mode.

    The background is transparent; carbon, bonds and text take the colour of the surrounding
    text, so the drawing has to stand in the page itself and not in an ``img`` tag.

    Parameters
    ----------
    molecule : rdkit.Chem.Mol
        The molecule, valid or not.
    size : tuple of int
        Width and height in pixels.
    legend : str
        A line of text below.
    indices : bool
        Whether to write beside each atom the slot that it stands in.
    notes : mapping of int to str, optional
        Text to write beside the atoms, by slot.
    highlight : sequence of int, or mapping of int to str, optional
        Slots whose atoms get a disc, with colours ``"#RRGGBB"`` if it is a mapping.
    like : rdkit.Chem.Mol, optional
        If this is the same graph under another labelling, its layout is used, so that two
        drawings differ in nothing but the labels. Otherwise it changes nothing.
    alt : str, optional
        What a screen reader says; the legend or the SMILES if omitted.

    Returns
    -------
    str
        One ``svg`` element.

    Raises
    ------
    TypeError
        If `molecule` is not an RDKit molecule.
    ValueError
        If it has no atoms, a slot or colour is wrong, or the size is too small.
    """
    _check_size(size)
    copy = _prepare(molecule, indices, notes, like)
    colours = _colours(copy, highlight)
    drawer = rdMolDraw2D.MolDraw2DSVG(*size)
    _set_options(drawer)
    drawer.DrawMolecule(
        copy,
        highlightAtoms=list(colours),
        highlightAtomColors=colours,
        highlightBonds=[],
        legend=legend,
    )
    return _finish(drawer, alt or legend or f"Molecule {_plain_smiles(molecule)}")


def _plain_smiles(molecule: Chem.Mol) -> str:
    return Chem.MolToSmiles(molecule, isomericSmiles=False)


def draw_grid(
    molecules: Sequence[Chem.Mol],
    *,
    legends: Sequence[str] | None = None,
    columns: int = 4,
    size: tuple[int, int] = (180, 150),
    indices: bool = False,
    notes: Sequence[Mapping[int, str] | None] | None = None,
    highlight: Sequence[Sequence[int] | Mapping[int, str] | None] | None = None,
    like: Chem.Mol | None = None,
    alt: str | None = None,
) -> str:
    """Draw several molecules in a grid, as one SVG that reads in light and dark mode.

    Parameters
    ----------
    molecules : sequence of rdkit.Chem.Mol
        The molecules, row by row.
    legends : sequence of str, optional
        A line of text below each.
    columns : int
        Molecules in a row.
    size : tuple of int
        Width and height of one cell in pixels.
    indices : bool
        Whether to write beside each atom the slot that it stands in.
    notes, highlight : sequence, optional
        One entry for each molecule, as in :func:`draw`.
    like : rdkit.Chem.Mol, optional
        As in :func:`draw`, for every molecule.
    alt : str, optional
        What a screen reader says; the legends or the SMILES if omitted.

    Returns
    -------
    str
        One ``svg`` element.

    Raises
    ------
    TypeError
        If one of the molecules is not an RDKit molecule.
    ValueError
        If there are none, lengths differ, or something is wrong with one of them.
    """
    _check_size(size)
    number = len(molecules)
    if number == 0:
        raise ValueError("There are no molecules to draw; give at least one.")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}.")
    for name, entries in (("legends", legends), ("notes", notes), ("highlight", highlight)):
        if entries is not None and len(entries) != number:
            raise ValueError(
                f"{name} has {len(entries)} entries for {number} molecules; give one for each."
            )
    each_note = notes or [None] * number
    copies = [_prepare(m, indices, n, like) for m, n in zip(molecules, each_note, strict=True)]
    each_highlight = highlight or [None] * number
    colours = [_colours(m, h) for m, h in zip(copies, each_highlight, strict=True)]
    columns = min(columns, number)
    rows = -(-number // columns)
    drawer = rdMolDraw2D.MolDraw2DSVG(columns * size[0], rows * size[1], *size)
    _set_options(drawer)
    drawer.DrawMolecules(
        copies,
        highlightAtoms=[list(c) for c in colours],
        highlightAtomColors=colours,
        highlightBonds=[[] for _ in colours],
        legends=list(legends or [""] * number),
    )
    named = legends or [_plain_smiles(m) for m in molecules]
    return _finish(drawer, alt or f"Molecules: {'; '.join(named)}")
