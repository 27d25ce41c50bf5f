"""Drawings of molecules that read on a light page and on a dark one."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rdkit import Chem, Geometry
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from utils._checks import check_whole
from utils.molecules.conversion import ATOMIC_NUMBERS, check_molecule, slot_of

__all__ = ["ATOM_COLOURS", "HIGHLIGHT_COLOUR", "atoms_on_bonds", "draw", "draw_grid", "place"]

ATOM_COLOURS: dict[str, str] = {"N": "#0072B2", "O": "#D55E00", "F": "#009E73"}
"""Colours of the atoms in drawings, from the palette of Okabe and Ito.

Each has a contrast of at least 3 with white and with the dark page. Carbon, bonds and text
take the colour of the surrounding text (``currentColor``).
"""

HIGHLIGHT_COLOUR: str = "#CC79A7"
"""Colour of highlighted atoms for which none is given."""

Highlight = Sequence[int] | Mapping[int, str] | None

_NEAR = 0.15
"""An atom this near a bond, in lengths of that bond, is read as one of its ends."""


def draw(
    molecule: Chem.Mol,
    *,
    size: tuple[int, int] = (240, 200),
    legend: str = "",
    indices: bool = False,
    notes: Mapping[int, str] | None = None,
    highlight: Highlight = None,
    like: Chem.Mol | None = None,
    alt: str | None = None,
) -> str:
    """Draw a molecule, valid or not, as one ``svg`` element that reads in light and dark mode.

    The background is transparent; carbon, bonds and text take the colour of the surrounding
    text, so the drawing has to stand in the page itself and not in an ``img`` tag. A molecule that
    :func:`place` has laid out keeps its layout.

    Parameters
    ----------
    molecule : rdkit.Chem.Mol
        The molecule, with at least one atom.
    size : tuple of int
        Width and height in pixels, each at least 20.
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

    Examples
    --------
    >>> draw(Chem.MolFromSmiles("CCO"), alt="Ethanol")[:36]
    '<svg role="img" aria-label="Ethanol"'
    """
    drawer = _drawer(size, 1, 1)
    copy = _prepare(molecule, indices, notes, like)
    colours = _colours(copy, highlight)
    drawer.DrawMolecule(
        copy,
        highlightAtoms=list(colours),
        highlightAtomColors=colours,
        highlightBonds=[],
        legend=legend,
    )
    return _finish(drawer, alt or legend or f"Molecule {_plain_smiles(molecule)}")


def draw_grid(
    molecules: Sequence[Chem.Mol],
    *,
    legends: Sequence[str] | None = None,
    columns: int = 4,
    size: tuple[int, int] = (180, 150),
    indices: bool = False,
    notes: Sequence[Mapping[int, str] | None] | None = None,
    highlight: Sequence[Highlight] | None = None,
    like: Chem.Mol | None = None,
    alt: str | None = None,
) -> str:
    """Draw several molecules in a grid, row by row, as one ``svg`` element.

    Parameters
    ----------
    molecules : sequence of rdkit.Chem.Mol
        The molecules, at least one.
    columns : int
        Molecules in a row.
    size : tuple of int
        Width and height of one cell in pixels.
    legends, notes, highlight : sequence, optional
        One entry for each molecule, as in :func:`draw`.
    indices, like, alt
        As in :func:`draw`, for every molecule.

    Examples
    --------
    >>> draw_grid([Chem.MolFromSmiles(s) for s in ("C", "N")], legends=["a", "b"])[16:44]
    'aria-label="Molecules: a; b"'
    """
    number = len(molecules)
    if number == 0:
        raise ValueError("There are no molecules to draw; give at least one.")
    for name, entries in (("legends", legends), ("notes", notes), ("highlight", highlight)):
        if entries is not None and len(entries) != number:
            raise ValueError(
                f"{name} has {len(entries)} entries for {number} molecules; give one for each."
            )
    columns = min(check_whole(columns, "The number of columns"), number)
    drawer = _drawer(size, columns, -(-number // columns))
    each_note, each_highlight = notes or [None] * number, highlight or [None] * number
    copies = [_prepare(m, indices, n, like) for m, n in zip(molecules, each_note, strict=True)]
    colours = [_colours(m, h) for m, h in zip(copies, each_highlight, strict=True)]
    drawer.DrawMolecules(
        copies,
        highlightAtoms=[list(c) for c in colours],
        highlightAtomColors=colours,
        highlightBonds=[[] for _ in colours],
        legends=list(legends or [""] * number),
    )
    named = legends or [_plain_smiles(m) for m in molecules]
    return _finish(drawer, alt or f"Molecules: {'; '.join(named)}")


def place(molecule: Chem.Mol, points: Mapping[int, tuple[float, float]]) -> Chem.Mol:
    """Return a copy of a molecule whose atoms stand where we want them.

    Parameters
    ----------
    molecule : rdkit.Chem.Mol
        The molecule.
    points : mapping of int to tuple of float
        Where the atom of each slot stands, in any unit; one point for each atom.

    Raises
    ------
    ValueError
        If a slot has no point, or an atom would lie on a bond that is not its own.

    Examples
    --------
    >>> ring = place(Chem.MolFromSmiles("C1CC1"), {0: (0, 0), 1: (2, 0), 2: (1, 1)})
    >>> atoms_on_bonds(ring)
    []
    """
    copy = Chem.Mol(check_molecule(molecule))
    slots = [slot_of(atom) for atom in copy.GetAtoms()]
    if set(points) != set(slots):
        raise ValueError(
            f"points names the slots {sorted(points)}, not those of the atoms, {slots}."
        )
    layout = Chem.Conformer(len(slots))
    layout.Set3D(False)
    for atom, slot in zip(copy.GetAtoms(), slots, strict=True):
        x, y = map(float, points[slot])
        layout.SetAtomPosition(atom.GetIdx(), Geometry.Point3D(x, y, 0.0))
    copy.RemoveAllConformers()
    copy.AddConformer(layout)
    if wrong := atoms_on_bonds(copy):
        raise ValueError(f"The atom of slot {wrong[0][0]} lies on the bond {wrong[0][1]}; move it.")
    return copy


def atoms_on_bonds(molecule: Chem.Mol) -> list[tuple[int, tuple[int, int]]]:
    """Find what makes a drawing unreadable: atoms on bonds that are not their own.

    Where two bonds lie on each other, an end of one lies on the other, so this finds them too.

    Returns
    -------
    list of tuple
        The slot of each such atom, and the two slots of the bond.

    Examples
    --------
    >>> atoms_on_bonds(Chem.MolFromSmiles("C12C3C4C1C5C2C3C45"))[0]
    (0, (5, 6))
    """
    copy = _with_layout(molecule)
    slots = [slot_of(atom) for atom in copy.GetAtoms()]
    points = copy.GetConformer().GetPositions()[:, :2]
    found = []
    for bond in copy.GetBonds():
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        step = points[end] - points[begin]
        square = max(float(step @ step), 1e-12)
        along = np.clip((points - points[begin]) @ step / square, 0.0, 1.0)
        gap = np.linalg.norm(points - points[begin] - along[:, None] * step, axis=1) / square**0.5
        pair = (min(slots[begin], slots[end]), max(slots[begin], slots[end]))
        found += [(slots[i], pair) for i in np.flatnonzero(gap < _NEAR) if i not in (begin, end)]
    return sorted(found)


def _plain_smiles(molecule: Chem.Mol) -> str:
    return Chem.MolToSmiles(molecule, isomericSmiles=False)


def _rgb(colour: str) -> tuple[float, float, float]:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"Colours are given as '#RRGGBB', not {colour!r}.")
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


def _check_slots(named: Iterable[int], slots: Iterable[int], what: str) -> None:
    unknown = sorted(set(named) - set(slots))
    if unknown:
        raise ValueError(f"{what} names the slots {unknown}, where the molecule has no atoms.")


def _with_layout(molecule: Chem.Mol) -> Chem.Mol:
    """Return a copy that has a layout in the plane, its own or else RDKit's."""
    copy = Chem.Mol(check_molecule(molecule))
    if not copy.GetNumConformers() or copy.GetConformer().Is3D():
        rdDepictor.Compute2DCoords(copy)
    return copy


def _prepare(
    molecule: Chem.Mol, indices: bool, notes: Mapping[int, str] | None, like: Chem.Mol | None
) -> Chem.Mol:
    """Return a copy of a molecule with coordinates and notes."""
    copy = _with_layout(molecule)
    if copy.GetNumAtoms() == 0:
        raise ValueError("The molecule has no atoms, so there is nothing to draw.")
    notes = notes or {}
    _check_slots(notes, map(slot_of, copy.GetAtoms()), "notes")
    for atom in copy.GetAtoms():
        slot = slot_of(atom)
        parts = ([str(slot)] if indices else []) + ([notes[slot]] if slot in notes else [])
        if parts:
            atom.SetProp("atomNote", " ".join(parts))
    if like is not None:
        _place_like(copy, like)
    return copy


def _place_like(molecule: Chem.Mol, like: Chem.Mol) -> None:
    """Copy the layout of an isomorphic molecule; leave other molecules as they are."""
    pattern, target = _with_layout(like), Chem.Mol(molecule)
    for either in (pattern, target):
        either.UpdatePropertyCache(strict=False)
        Chem.GetSymmSSSR(either)
        Chem.SetAromaticity(either)
    same_size = pattern.GetNumAtoms() == target.GetNumAtoms()
    match = target.GetSubstructMatch(pattern) if same_size else ()
    if not match:
        return
    source, target_layout = pattern.GetConformer(), molecule.GetConformer()
    for i, j in enumerate(match):
        point = source.GetAtomPosition(i)
        target_layout.SetAtomPosition(j, Geometry.Point3D(point.x, point.y, 0.0))


def _colours(
    molecule: Chem.Mol, highlight: Highlight
) -> dict[int, tuple[float, float, float, float]]:
    """Return the half-transparent colour of each highlighted atom, by atom number."""
    if highlight is None:
        return {}
    by_slot = {slot_of(atom): atom.GetIdx() for atom in molecule.GetAtoms()}
    _check_slots(highlight, by_slot, "highlight")
    colours = highlight if isinstance(highlight, Mapping) else {}
    return {by_slot[s]: (*_rgb(colours.get(s, HIGHLIGHT_COLOUR)), 0.4) for s in highlight}


def _drawer(size: tuple[int, int], columns: int, rows: int) -> rdMolDraw2D.MolDraw2DSVG:
    """Return a drawer for a grid of cells of one size, its options set for light and dark."""
    if len(size) != 2:
        raise ValueError(f"size is (width, height) in pixels, each at least 20, not {size}.")
    width, height = (check_whole(side, "A side of size, in pixels,", 20) for side in size)
    drawer = rdMolDraw2D.MolDraw2DSVG(columns * width, rows * height, width, height)
    options: Any = drawer.drawOptions()
    black = (0.0, 0.0, 0.0)
    options.updateAtomPalette(
        {6: black, -1: black} | {ATOMIC_NUMBERS[s]: _rgb(c) for s, c in ATOM_COLOURS.items()}
    )
    options.setLegendColour(black)
    options.setAtomNoteColour(black)
    options.setAnnotationColour(black)
    options.clearBackground = False
    options.prepareMolsBeforeDrawing = False
    options.includeRadicals = False
    options.bondLineWidth = 2
    options.annotationFontScale = 0.7
    options.padding = 0.08
    options.minFontSize = 9
    options.legendFontSize = 14
    options.legendFraction = 0.16
    options.drawMolsSameScale = False
    return drawer


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
