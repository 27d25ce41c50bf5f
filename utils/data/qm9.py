"""QM9: 130 thousand small organic molecules as graphs, in two views.

`QM9 <https://doi.org/10.1038/sdata.2014.22>`__ (Ramakrishnan, Dral, Rupp and von
Lilienfeld, 2014) lists small molecules of carbon, nitrogen, oxygen and fluorine with at
most nine heavy atoms, and properties of each, computed by density functional theory.
The installed package ``qm9pack`` carries the curated set of 130,831 molecules, so nothing
is downloaded. This module turns it into graphs:

* one node for each heavy atom (hydrogens are implied by the valences);
* one edge for each bond, of order 1, 2 or 3; aromatic rings are written in one of their
  Kekulé forms, so no fourth kind of bond is needed;
* neutral molecules only, each graph once (stereo-isomers share their graph; the first in
  the order of QM9 stands for all).

130,165 graphs remain. :class:`DenseGraphs` holds them as arrays padded to nine slots, as
the graph VAE of the book wants them; :class:`QM9` is the torch-geometric data set of the
same molecules. In the dense view ``atoms`` takes the values 0 to 3 for C, N, O, F and 4 for
"no atom", and ``bonds`` the values 0 to 3 for the bond order.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import torch
from rdkit import Chem, rdBase
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset
from tqdm import tqdm

from utils.data.cache import cache_directory, load_or_build

__all__ = [
    "ATOM_SYMBOLS",
    "ATOM_VALENCES",
    "BOND_ORDERS",
    "MAX_ATOMS",
    "NO_ATOM",
    "PROPERTIES",
    "QM9",
    "SPLITS",
    "DenseGraphs",
    "Property",
    "Ties",
    "cache_path",
    "check_dense",
    "graph_from_molecule",
    "graph_from_smiles",
    "load_dense",
    "property_indices",
    "random_permutations",
    "random_tie_ranks",
    "relabel",
    "split_indices",
    "stratified_split",
    "tied_molecules",
    "weisfeiler_leman_colours",
]

ATOM_SYMBOLS: tuple[str, ...] = ("C", "N", "O", "F")
"""Chemical symbols of the node types 0 to 3; type 4 is "no atom"."""

ATOM_VALENCES: tuple[int, ...] = (4, 3, 2, 1)
"""Valences of the neutral atoms, in the order of :data:`ATOM_SYMBOLS`."""

NO_ATOM: int = len(ATOM_SYMBOLS)
"""The node type of an empty slot."""

BOND_ORDERS: tuple[int, ...] = (1, 2, 3)
"""The bond orders that occur; 0 in a bond array means no bond."""

MAX_ATOMS: int = 9
"""Slots in the dense view; no molecule of QM9 has more heavy atoms."""

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""Names of the parts of the data set."""

HELD_OUT: int = 10_000
"""Molecules in the validation part, and again in the test part."""

_SOURCE_MOLECULES = 130_831
_MISSING = (
    "The package qm9pack, which carries the molecules, is not installed; run 'pip install qm9pack'."
)
_ATOMIC_NUMBERS = (6, 7, 8, 9)
_CHUNK = 4096  # molecules handled at once where intermediate arrays are large
_EV_PER_HARTREE = 27.211386245988  # CODATA 2018


@dataclass(frozen=True)
class Property:
    """A scalar property of a molecule.

    Attributes
    ----------
    name : str
        The name used throughout the book.
    unit : str
        Its unit, or an empty string for counts.
    description : str
        What it is, in one line.
    column : str
        Column of qm9pack that holds it; empty if it is read off the graph.
    scale : float
        Factor from the column's unit to `unit`.
    """

    name: str
    unit: str
    description: str
    column: str = ""
    scale: float = 1.0


PROPERTIES: tuple[Property, ...] = (
    Property("heavy_atoms", "", "number of atoms other than hydrogen"),
    Property("rings", "", "number of independent cycles of the graph: bonds - atoms + 1"),
    Property("dipole", "D", "dipole moment", "Dipole_debye"),
    Property("polarisability", "bohr^3", "isotropic polarisability", "Polarizability_bohr3"),
    Property("homo", "eV", "energy of the highest occupied orbital", "HOMO_au", _EV_PER_HARTREE),
    Property("lumo", "eV", "energy of the lowest unoccupied orbital", "LUMO_au", _EV_PER_HARTREE),
    Property("gap", "eV", "lumo minus homo", "HOMO_LUMO_gap_au", _EV_PER_HARTREE),
    Property("spatial_extent", "bohr^2", "electronic spatial extent", "R2_bohr2"),
    Property("zpve", "eV", "zero-point vibrational energy", "ZPVE_au", _EV_PER_HARTREE),
    Property(
        "internal_energy_0K",
        "eV",
        "internal energy at 0 K",
        "InternalEnergy_0K_au",
        _EV_PER_HARTREE,
    ),
    Property(
        "internal_energy",
        "eV",
        "internal energy at 298.15 K",
        "InternalEnergy_298K_au",
        _EV_PER_HARTREE,
    ),
    Property("enthalpy", "eV", "enthalpy at 298.15 K", "Enthalphy_298K_au", _EV_PER_HARTREE),
    Property(
        "free_energy",
        "eV",
        "Gibbs free energy at 298.15 K",
        "GibbsFreeEnergy_298K_au",
        _EV_PER_HARTREE,
    ),
    Property(
        "heat_capacity",
        "cal/(mol K)",
        "heat capacity at constant volume, 298.15 K",
        "Heatcapacity_Cv_cal_mol_K",
    ),
    Property("rotational_a", "GHz", "rotational constant A (0 if linear)", "RotA_GHz"),
    Property("rotational_b", "GHz", "rotational constant B", "RotB_GHz"),
    Property("rotational_c", "GHz", "rotational constant C", "RotC_GHz"),
)
"""The properties, in the order of the columns of :attr:`DenseGraphs.properties`.

Energies are in electron volts. They are kept in single precision, which resolves the total
energies (about -10,000 eV) to a thousandth of an electron volt.
"""


def property_indices(names: str | Iterable[str]) -> list[int]:
    """Return the columns of properties by name.

    Parameters
    ----------
    names : str or iterable of str
        One name or several, from :data:`PROPERTIES`.

    Returns
    -------
    list of int
        The position of each name in :data:`PROPERTIES`.

    Raises
    ------
    ValueError
        If a name is unknown; the message lists those that are.
    """
    known = {p.name: i for i, p in enumerate(PROPERTIES)}
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"Unknown property {name!r}; choose from {', '.join(known)}.")
    return [known[name] for name in wanted]


# --------------------------------------------------------------------- one molecule


def _clip(smiles: str) -> str:
    return repr(smiles if len(smiles) <= 60 else smiles[:57] + "...")


def graph_from_molecule(molecule: Chem.Mol, *, name: str = "The molecule") -> tuple[Tensor, Tensor]:
    """Turn an RDKit molecule into a padded dense graph, atoms in the molecule's order.

    Parameters
    ----------
    molecule : rdkit.Chem.Mol
        A neutral, connected molecule of at most nine heavy atoms out of C, N, O, F, without
        radicals. Aromatic bonds are replaced by single and double bonds (one Kekulé form);
        a molecule without aromatic bonds keeps exactly the bonds it has. Stereochemistry,
        isotopes and hydrogens are dropped.
    name : str
        How error messages call the molecule.

    Returns
    -------
    atoms : torch.Tensor
        Node types, uint8, shape (9,).
    bonds : torch.Tensor
        Bond orders, uint8, shape (9, 9), symmetric with a zero diagonal.

    Raises
    ------
    ValueError
        If the molecule is none that the dense view can hold, in one sentence that says why.
    """
    if any(bond.GetIsAromatic() for bond in molecule.GetBonds()):
        molecule = _kekule(molecule, name)
    atoms = list(molecule.GetAtoms())
    if any(a.GetAtomicNum() == 1 for a in atoms):
        # Without sanitising, which would look for aromatic rings again.
        molecule = Chem.RemoveHs(molecule, sanitize=False)
        atoms = list(molecule.GetAtoms())
    number = len(atoms)
    if number == 0:
        raise ValueError(f"{name} has no atoms; give a molecule of 1 to {MAX_ATOMS} heavy atoms.")
    foreign = sorted({a.GetSymbol() for a in atoms if a.GetAtomicNum() not in _ATOMIC_NUMBERS})
    if foreign:
        raise ValueError(
            f"{name} contains {', '.join(foreign)}; only {', '.join(ATOM_SYMBOLS)} "
            "(and implied hydrogens) can be encoded."
        )
    if number > MAX_ATOMS:
        raise ValueError(
            f"{name} has {number} heavy atoms; at most {MAX_ATOMS} can be encoded, as in QM9."
        )
    if len(Chem.GetMolFrags(molecule)) > 1:
        raise ValueError(f"{name} is not connected; give one molecule at a time.")
    if any(a.GetFormalCharge() for a in atoms):
        raise ValueError(
            f"{name} carries formal charges; give a molecule whose atoms are all neutral."
        )
    if any(a.GetNumRadicalElectrons() for a in atoms):
        raise ValueError(
            f"{name} is a radical; give a molecule in which hydrogens fill all valences."
        )
    types, orders = _dense_of(molecule)
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


def _dense_of(molecule: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """Return padded arrays of a Kekulé molecule that is known to fit."""
    kinds = [atom.GetAtomicNum() - _ATOMIC_NUMBERS[0] for atom in molecule.GetAtoms()]
    number = len(kinds)
    types = np.full(MAX_ATOMS, NO_ATOM, dtype=np.uint8)
    orders = np.zeros((MAX_ATOMS, MAX_ATOMS), dtype=np.uint8)
    types[:number] = kinds
    orders[:number, :number] = Chem.GetAdjacencyMatrix(molecule, useBO=True, force=True)
    return types, orders


def graph_from_smiles(smiles: str) -> tuple[Tensor, Tensor]:
    """Turn a SMILES string into a padded dense graph, atoms in the order of the string.

    Parameters
    ----------
    smiles : str
        SMILES of a neutral, connected molecule of at most nine heavy atoms out of
        C, N, O, F.

    Returns
    -------
    atoms : torch.Tensor
        Node types, uint8, shape (9,).
    bonds : torch.Tensor
        Bond orders, uint8, shape (9, 9), symmetric with a zero diagonal.

    Raises
    ------
    TypeError
        If `smiles` is not a string.
    ValueError
        If it does not parse, or names a molecule that the dense view cannot hold.

    Examples
    --------
    >>> atoms, bonds = graph_from_smiles("CC=O")
    >>> atoms.tolist()
    [0, 0, 2, 4, 4, 4, 4, 4, 4]
    >>> int(bonds[1, 2])
    2
    """
    if not isinstance(smiles, str):
        raise TypeError(f"SMILES must be a string such as 'CC=O', not {type(smiles).__name__}.")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(
            f"{_clip(smiles)} is not a SMILES string that RDKit can read; check brackets, "
            "ring numbers and valences."
        )
    return graph_from_molecule(molecule, name=f"The molecule {_clip(smiles)}")


def check_dense(atoms: Tensor, bonds: Tensor) -> None:
    """Check that two tensors are a dense graph, or a batch of dense graphs.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers from 0 to 4, shape (..., n).
    bonds : torch.Tensor
        Bond orders, integers from 0 to 3, shape (..., n, n).

    Raises
    ------
    TypeError
        If one of them is not a tensor of integers.
    ValueError
        If shapes or values do not fit, if `bonds` is not symmetric, has a nonzero diagonal,
        or joins an empty slot.
    """
    for name, tensor in (("atoms", atoms), ("bonds", bonds)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch tensor, not {type(tensor).__name__}.")
        if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
            raise TypeError(
                f"{name} must hold integers, such as torch.uint8, not {tensor.dtype}; "
                "take the argmax of probabilities first."
            )
    if atoms.ndim == 0 or bonds.shape != (*atoms.shape, atoms.shape[-1]):
        raise ValueError(
            "atoms of shape (..., n) and bonds of shape (..., n, n) are expected, "
            f"not {tuple(atoms.shape)} and {tuple(bonds.shape)}."
        )
    if atoms.numel() == 0:
        return
    if int(atoms.min()) < 0 or int(atoms.max()) > NO_ATOM:
        raise ValueError(
            f"atoms must lie in 0..{NO_ATOM} ({', '.join(ATOM_SYMBOLS)}, no atom); "
            f"found values from {int(atoms.min())} to {int(atoms.max())}."
        )
    if int(bonds.min()) < 0 or int(bonds.max()) > BOND_ORDERS[-1]:
        raise ValueError(
            f"bonds must lie in 0..{BOND_ORDERS[-1]} (0 for no bond, else the order); "
            f"found values from {int(bonds.min())} to {int(bonds.max())}."
        )
    if not torch.equal(bonds, bonds.transpose(-1, -2)):
        raise ValueError(
            "bonds is not symmetric: a bond from i to j must have the same order from j to i; "
            "symmetrise it before."
        )
    if bool(bonds.diagonal(dim1=-2, dim2=-1).any()):
        raise ValueError("bonds has a nonzero diagonal: an atom cannot be bonded to itself.")
    if bool(bonds[(atoms == NO_ATOM)].any()):
        raise ValueError(
            f"bonds joins an empty slot (an atom of type {NO_ATOM}); set the rows and columns "
            "of empty slots to 0."
        )


# --------------------------------------------------------------------- dense batches


@dataclass(frozen=True, eq=False)
class DenseGraphs:
    """Molecular graphs as arrays padded to nine slots.

    Attributes
    ----------
    atoms : torch.Tensor
        Node types, uint8, shape (N, 9): 0..3 for C, N, O, F and 4 for "no atom".
    bonds : torch.Tensor
        Bond orders, uint8, shape (N, 9, 9): 0 for no bond, otherwise 1, 2, 3.
    properties : torch.Tensor
        Values in the order of :data:`PROPERTIES`, float32, shape (N, P).
    index : torch.Tensor
        Number of each molecule in QM9 (from 1), int64, shape (N,).
    smiles : tuple of str
        Canonical SMILES without stereochemistry, one for each molecule.
    """

    atoms: Tensor
    bonds: Tensor
    properties: Tensor
    index: Tensor
    smiles: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of molecules."""
        return len(self.atoms)

    def __getitem__(self, which: Any) -> DenseGraphs:
        """Return some of the molecules, in the order asked for.

        Parameters
        ----------
        which : int, slice, sequence of int, or torch.Tensor
            Positions (an integer gives a batch of one), or a mask of booleans, shape (N,).

        Returns
        -------
        DenseGraphs
            The chosen molecules.

        Raises
        ------
        IndexError
            If a position is out of range or a mask has another length.
        """
        chosen = torch.arange(len(self))[which].reshape(-1)
        return DenseGraphs(
            self.atoms[chosen],
            self.bonds[chosen],
            self.properties[chosen],
            self.index[chosen],
            tuple(self.smiles[i] for i in chosen.tolist()),
        )

    @property
    def exists(self) -> Tensor:
        """Which slots hold an atom: booleans of shape (N, 9)."""
        return self.atoms != NO_ATOM

    @property
    def num_heavy(self) -> Tensor:
        """Number of heavy atoms of each molecule: int64, shape (N,)."""
        return self.exists.sum(-1)

    def property(self, name: str) -> Tensor:
        """Return one property of every molecule.

        Parameters
        ----------
        name : str
            A name from :data:`PROPERTIES`.

        Returns
        -------
        torch.Tensor
            Values, float32, shape (N,).

        Raises
        ------
        ValueError
            If the name is unknown.
        """
        return self.properties[:, property_indices(name)[0]]


def random_permutations(number: int, *, seed: int, slots: int = MAX_ATOMS) -> Tensor:
    """Draw uniform random permutations, one for each molecule.

    Parameters
    ----------
    number : int
        How many permutations.
    seed : int
        Seed of the draw.
    slots : int
        Number of things permuted.

    Returns
    -------
    torch.Tensor
        Integers of shape (number, slots); row `n` is the permutation of molecule `n`.
    """
    generator = torch.Generator().manual_seed(seed)
    keys = torch.rand(number, slots, generator=generator, dtype=torch.float64)
    return keys.argsort(dim=-1, stable=True)


def relabel(dense: DenseGraphs, permutations: Tensor) -> DenseGraphs:
    r"""Move the atom in slot :math:`i` of every molecule to slot :math:`\sigma(i)`.

    This is the left action of the symmetric group :math:`S_9` on dense graphs,
    :math:`(\sigma\cdot x)_{\sigma(i)} = x_i` for atoms and
    :math:`(\sigma\cdot A)_{\sigma(i)\sigma(j)} = A_{ij}` for bonds, so that relabelling by
    :math:`\tau` and then by :math:`\sigma` is relabelling by :math:`\sigma\tau`. **Empty slots
    move like atoms**: a node of type "no atom" is a node, and the atoms need not stand at
    the front afterwards. Properties and SMILES do not depend on labels and stay.

    Parameters
    ----------
    dense : DenseGraphs
        N molecules.
    permutations : torch.Tensor
        Integers of shape (N, 9), or (9,) for the same permutation everywhere; entry `i`
        is the slot to which slot `i` moves.

    Returns
    -------
    DenseGraphs
        The relabelled molecules.

    Raises
    ------
    ValueError
        If the shape does not fit or a row is not a permutation of 0..8.
    """
    slots = dense.atoms.shape[-1]
    permutations = torch.as_tensor(permutations)
    if permutations.shape not in ((slots,), (len(dense), slots)):
        raise ValueError(
            f"permutations of shape ({len(dense)}, {slots}) or ({slots},) are expected, "
            f"not {tuple(permutations.shape)}."
        )
    permutations = permutations.long().expand(len(dense), slots)
    if not torch.equal(permutations.sort(-1).values, torch.arange(slots).expand_as(permutations)):
        raise ValueError(f"every row of permutations must hold each of 0..{slots - 1} once.")
    source = permutations.argsort(-1)  # slot j receives what stood in slot source[j]
    rows = torch.arange(len(dense))[:, None]
    return DenseGraphs(
        dense.atoms[rows, source],
        dense.bonds[rows[..., None], source[:, :, None], source[:, None, :]],
        dense.properties,
        dense.index,
        dense.smiles,
    )


# --------------------------------------------------------------------- building and loading


def cache_path(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache file of the dense graphs, whether or not it exists.

    Parameters
    ----------
    root : path-like, optional
        Folder to use in place of :func:`utils.data.cache.cache_directory`.

    Returns
    -------
    pathlib.Path
        The file. Its name holds the versions of qm9pack and RDKit, because the graphs and
        the canonical SMILES are made from them.

    Raises
    ------
    FileNotFoundError
        If the package qm9pack is not installed.
    """
    folder = cache_directory() if root is None else Path(root).expanduser().absolute()
    try:
        source = importlib.metadata.version("qm9pack")
    except importlib.metadata.PackageNotFoundError as error:
        raise FileNotFoundError(_MISSING) from error
    return folder / f"qm9-graphs-1-qm9pack-{source}-rdkit-{rdBase.rdkitVersion}.npz"


def _read_tables() -> pd.DataFrame:
    """Read the needed columns of qm9pack's tables, in the order of QM9."""
    spec = importlib.util.find_spec("qm9pack")
    if spec is None:
        raise FileNotFoundError(_MISSING)
    # The package is located without being executed: its own loader imports
    # pkg_resources, which current versions of setuptools no longer have.
    folder = importlib.resources.files(importlib.util.module_from_spec(spec)) / "data"
    columns = ["Index", "SMILES", *(p.column for p in PROPERTIES if p.column)]
    tables = []
    for part in ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv"):
        with (folder / part).open("rb") as stream:
            tables.append(pd.read_csv(stream, usecols=columns))
    table = pd.concat(tables, ignore_index=True)
    if len(table) != _SOURCE_MOLECULES or bool(table.isna().to_numpy().any()):
        raise ValueError(
            f"qm9pack is expected to list {_SOURCE_MOLECULES:,} complete molecules, and the "
            f"installed copy lists {len(table):,}; reinstall it with "
            "'pip install --force-reinstall qm9pack'."
        )
    return table


def _build(*, progress: bool = True) -> Callable[[BinaryIO], None]:
    """Parse every molecule and return the function that writes the cache file."""
    table = _read_tables()
    atoms = np.full((len(table), MAX_ATOMS), NO_ATOM, dtype=np.uint8)
    bonds = np.zeros((len(table), MAX_ATOMS, MAX_ATOMS), dtype=np.uint8)
    rows: list[int] = []
    first_row: dict[str, int] = {}
    strings = tqdm(
        table["SMILES"], desc="QM9 graphs", unit=" molecules", mininterval=0.5, disable=not progress
    )
    for row, string in enumerate(strings):
        molecule = Chem.MolFromSmiles(string)
        if any(a.GetFormalCharge() for a in molecule.GetAtoms()):
            continue
        flat = Chem.MolToSmiles(molecule, isomericSmiles=False)
        if first_row.setdefault(flat, row) != row:
            continue
        Chem.Kekulize(molecule, clearAromaticFlags=True)
        atoms[row], bonds[row] = _dense_of(molecule)
        rows.append(row)
    kept = np.asarray(rows)
    atoms, bonds = atoms[kept], bonds[kept]
    upper = np.triu_indices(MAX_ATOMS, 1)
    pairs = bonds[:, upper[0], upper[1]]
    heavy = (atoms != NO_ATOM).sum(1)
    graph_properties = {"heavy_atoms": heavy, "rings": (pairs > 0).sum(1) - heavy + 1}
    properties = np.stack(
        [
            table[p.column].to_numpy(float)[kept] * p.scale
            if p.column
            else graph_properties[p.name]
            for p in PROPERTIES
        ],
        axis=1,
    ).astype(np.float32)
    arrays = {
        "atoms": atoms,
        "pairs": pairs,
        "properties": properties,
        "index": table["Index"].to_numpy(np.int32)[kept],
        "smiles": np.frombuffer("\n".join(first_row).encode(), dtype=np.uint8),
    }

    def write(stream: BinaryIO) -> None:
        """Write the arrays as one compressed archive."""
        np.savez_compressed(stream, **arrays)

    return write


def _unpack(content: bytes) -> DenseGraphs:
    """Read the cache file that :func:`_build` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    atoms, pairs = arrays["atoms"], arrays["pairs"]
    bonds = np.zeros((len(atoms), MAX_ATOMS, MAX_ATOMS), dtype=np.uint8)
    i, j = np.triu_indices(MAX_ATOMS, 1)
    bonds[:, i, j] = pairs
    bonds[:, j, i] = pairs
    return DenseGraphs(
        torch.from_numpy(atoms),
        torch.from_numpy(bonds),
        torch.from_numpy(arrays["properties"]),
        torch.from_numpy(arrays["index"].astype(np.int64)),
        tuple(arrays["smiles"].tobytes().decode().split("\n")),
    )


def _check_split(split: str | None) -> None:
    if split is not None and split not in SPLITS:
        raise ValueError(
            f"Unknown split {split!r}; choose from {', '.join(SPLITS)}, or None for all molecules."
        )


def load_dense(
    split: str | None = None,
    *,
    split_seed: int = 0,
    relabel_seed: int | None = None,
    root: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> DenseGraphs:
    """Load QM9 as dense graphs, building the cache on first use.

    Parameters
    ----------
    split : {"train", "validation", "test"}, optional
        Which part to return, in the random order of :func:`split_indices`; all 130,165
        molecules in the order of QM9 if omitted.
    split_seed : int
        Seed of the split.
    relabel_seed : int, optional
        If given, the nine slots of every molecule are permuted at random, as by
        :func:`relabel`. The permutation of a molecule depends on the seed alone, not on
        the split.
    root : path-like, optional
        Folder of the cache, in place of :func:`utils.data.cache.cache_directory`.
    progress : bool
        Whether to show a progress bar, on standard error, while building.

    Returns
    -------
    DenseGraphs
        The molecules.

    Raises
    ------
    ValueError
        If the split is unknown; raised before anything is read.
    CacheError
        If the cache has to be built and cannot be written.
    """
    _check_split(split)
    content = load_or_build(cache_path(root), lambda: _build(progress=progress), what="QM9 graphs")
    dense = _unpack(content)
    if relabel_seed is not None:
        dense = relabel(dense, random_permutations(len(dense), seed=relabel_seed))
    if split is not None:
        dense = dense[stratified_split(dense.num_heavy, seed=split_seed)[split]]
    return dense


def stratified_split(
    strata: Tensor, *, seed: int = 0, held_out: int = HELD_OUT
) -> dict[str, Tensor]:
    """Split positions at random into three parts that have the same mix of strata.

    Every stratum is divided in proportion, up to rounding; the leftover places go to the
    strata with the largest remainders. Within a part the order is random, so that any
    stretch of it is a random sample too.

    Parameters
    ----------
    strata : torch.Tensor
        Integer label of each item, shape (N,).
    seed : int
        Seed of the split.
    held_out : int
        Size of the validation part and of the test part.

    Returns
    -------
    dict of str to torch.Tensor
        Positions, int64, under the names of :data:`SPLITS`; disjoint, and together all.

    Raises
    ------
    ValueError
        If there are not enough items for two held-out parts and something to train on.
    """
    labels = strata.numpy()
    if held_out < 1 or 2 * held_out >= len(labels):
        raise ValueError(
            f"Cannot hold out twice {held_out:,} of {len(labels):,} items; choose held_out "
            "between 1 and less than half of them."
        )
    generator = np.random.default_rng(seed)
    members = [generator.permutation(np.flatnonzero(labels == s)) for s in np.unique(labels)]
    sizes = np.array([len(m) for m in members])
    parts: dict[str, Tensor] = {}
    for name in ("test", "validation"):
        left = np.array([len(m) for m in members])
        share = held_out * sizes / sizes.sum()
        quota = np.minimum(np.floor(share).astype(int), left)
        by_remainder = np.argsort(-(share - quota), kind="stable")
        for stratum in np.resize(by_remainder, held_out + len(members)):
            if quota.sum() == held_out:
                break
            quota[stratum] += quota[stratum] < left[stratum]
        taken = np.concatenate([m[:q] for m, q in zip(members, quota, strict=True)])
        members = [m[q:] for m, q in zip(members, quota, strict=True)]
        parts[name] = torch.from_numpy(generator.permutation(taken))
    parts["train"] = torch.from_numpy(generator.permutation(np.concatenate(members)))
    return {name: parts[name] for name in SPLITS}


def split_indices(
    seed: int = 0, *, root: str | os.PathLike[str] | None = None
) -> dict[str, Tensor]:
    """Return the positions of the three parts of QM9 in ``load_dense()``.

    QM9 is ordered roughly by size, so a consecutive split would train on small molecules
    and test on large ones. This one is random, and stratified by the number of heavy atoms.

    Parameters
    ----------
    seed : int
        Seed of the split.
    root : path-like, optional
        Folder of the cache.

    Returns
    -------
    dict of str to torch.Tensor
        Positions, int64, under "train", "validation" (10,000) and "test" (10,000), each
        part in random order.
    """
    return stratified_split(load_dense(root=root).num_heavy, seed=seed)


class QM9(InMemoryDataset):
    """QM9 as a torch-geometric data set of heavy-atom graphs.

    Each graph is a ``torch_geometric.data.Data`` with

    * ``x``: node types one-hot over C, N, O, F, float32, shape (n, 4);
    * ``edge_index``: both directions of every bond, sorted by source, int64, shape (2, E);
    * ``edge_attr``: bond orders one-hot over 1, 2, 3, float32, shape (E, 3);
    * ``y``: the chosen properties, float32, shape (1, P);
    * ``idx``: its number in QM9; ``num_heavy``: n; both int64, shape (1,);
    * ``smiles``: canonical SMILES without stereochemistry.

    Parameters
    ----------
    root : path-like, optional
        Folder of the cache, in place of :func:`utils.data.cache.cache_directory`.
    split : {"train", "validation", "test"}, optional
        Which part; all molecules in the order of QM9 if omitted.
    properties : str or sequence of str, optional
        Names of the columns of ``y``; all of :data:`PROPERTIES` if omitted.
    split_seed : int
        Seed of the split.
    relabel_seed : int, optional
        If given, the atoms of every molecule are numbered in a random order: the one that
        :func:`load_dense` gives for the same seed, its empty slots left out.
    transform : callable, optional
        Applied to every graph on access, as in torch-geometric.
    progress : bool
        Whether to show a progress bar, on standard error, while the cache is built.

    Raises
    ------
    ValueError
        If the split or a property is unknown; raised before anything is read.
    CacheError
        If the cache has to be built and cannot be written.

    Notes
    -----
    torch-geometric's own way is to keep the collated data set in a ``processed`` folder, as
    a pickle that is loaded without a check. A pickle can run code and a truncated one is
    not noticed, so this class has no ``process`` method and writes no such file. Instead
    the collated storage is assembled in memory from the verified dense cache, by array
    operations over all molecules at once, which takes a fraction of a second.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        split: str | None = None,
        properties: str | Sequence[str] | None = None,
        split_seed: int = 0,
        relabel_seed: int | None = None,
        transform: Callable[[Data], Data] | None = None,
        progress: bool = True,
    ) -> None:
        _check_split(split)
        names = [p.name for p in PROPERTIES] if properties is None else properties
        columns = property_indices(names)
        super().__init__(None if root is None else os.fspath(root), transform)
        dense = load_dense(
            split, split_seed=split_seed, relabel_seed=relabel_seed, root=root, progress=progress
        )
        self.split = split
        self.property_names: tuple[str, ...] = tuple(PROPERTIES[c].name for c in columns)
        self._data, self.slices = _collate(dense, columns)

    def __repr__(self) -> str:
        """Return the name, the split and the number of graphs."""
        return f"QM9({len(self):,} graphs, split={self.split!r})"


def _collate(dense: DenseGraphs, columns: Sequence[int]) -> tuple[Data, dict[str, Tensor]]:
    """Assemble torch-geometric's collated storage from dense graphs, all at once."""
    number = len(dense)
    exists = dense.exists
    rank = exists.cumsum(-1) - 1  # number of an atom among the atoms of its molecule
    molecule, source, target = dense.bonds.nonzero(as_tuple=True)
    data = Data(
        x=torch.eye(len(ATOM_SYMBOLS))[dense.atoms[exists].long()],
        edge_index=torch.stack([rank[molecule, source], rank[molecule, target]]),
        edge_attr=torch.eye(len(BOND_ORDERS))[dense.bonds[molecule, source, target].long() - 1],
        y=dense.properties[:, list(columns)],
        idx=dense.index,
        num_heavy=dense.num_heavy,
        smiles=list(dense.smiles),
    )
    nodes = torch.zeros(number + 1, dtype=torch.long)
    nodes[1:] = dense.num_heavy.cumsum(0)
    edges = torch.zeros(number + 1, dtype=torch.long)
    edges[1:] = torch.bincount(molecule, minlength=number).cumsum(0)
    each = torch.arange(number + 1)
    slices = {"x": nodes, "edge_index": edges, "edge_attr": edges}
    return data, slices | dict.fromkeys(("y", "idx", "num_heavy", "smiles"), each)


# --------------------------------------------------------------------- ties


def weisfeiler_leman_colours(atoms: Tensor, bonds: Tensor, *, rounds: int | None = None) -> Tensor:
    r"""Colour the atoms by 1-WL colour refinement, for a whole batch at once.

    Atoms start with their type as colour. In each round the new colour of an atom is its
    old colour together with the multiset of (bond order, colour) over its neighbours, and
    after at most :math:`n-1` rounds nothing changes any more (Weisfeiler and Leman, 1968).
    No message-passing network and no deterministic function built of them separates two
    atoms of one colour.

    Nothing is hashed: the pair of colour and sorted multiset is written as one integer in
    base 28, which fits in 64 bits for nine slots, and colours are the ranks of these
    integers within the molecule. Ranks do not depend on labels, so the colouring is exactly
    equivariant. They name the classes *within* a molecule: equal colours in different
    molecules mean nothing.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers, shape (..., n) with n at most 9.
    bonds : torch.Tensor
        Bond orders, integers, shape (..., n, n).
    rounds : int, optional
        Number of rounds; until stable if omitted.

    Returns
    -------
    torch.Tensor
        Colours, int64, shape (..., n), each the number of slots of the molecule with a
        smaller signature. Empty slots share a colour of their own.

    Raises
    ------
    TypeError
        If one of the inputs is not a tensor of integers.
    ValueError
        If the tensors are no dense graphs, or have more than nine slots.
    """
    check_dense(atoms, bonds)
    slots = atoms.shape[-1]
    if slots > MAX_ATOMS:
        raise ValueError(
            f"Colours are computed for at most {MAX_ATOMS} slots, not {slots}; "
            "the signature of a larger graph does not fit in 64 bits."
        )
    limit = slots - 1 if rounds is None else rounds
    flat_atoms, flat_bonds = atoms.reshape(-1, slots), bonds.reshape(-1, slots, slots)
    chunks = zip(flat_atoms.split(_CHUNK), flat_bonds.split(_CHUNK), strict=True)
    return torch.cat([_refine(a.long(), b.long(), limit) for a, b in chunks]).view(atoms.shape)


def _refine(atoms: Tensor, bonds: Tensor, rounds: int) -> Tensor:
    """Refine the colours of one chunk, at most `rounds` times."""
    slots = atoms.shape[-1]
    base = len(BOND_ORDERS) * MAX_ATOMS + 1
    weights = base ** torch.arange(slots)
    colours = _ranks(atoms)
    for _ in range(rounds):
        codes = torch.where(bonds > 0, 1 + (bonds - 1) * MAX_ATOMS + colours[:, None, :], 0)
        multiset = (codes.sort(-1).values * weights).sum(-1)
        refined = _ranks(colours * base**slots + multiset)
        if torch.equal(refined, colours):
            break
        colours = refined
    return colours


def _ranks(values: Tensor) -> Tensor:
    """Replace each value by the number of strictly smaller ones along the last axis."""
    return (values[..., :, None] > values[..., None, :]).sum(-1)


@dataclass(frozen=True, eq=False)
class Ties:
    """What 1-WL colour refinement cannot tell apart in each molecule of a batch.

    Attributes
    ----------
    colours : torch.Tensor
        The stable colours, int64, shape (N, n).
    tied : torch.Tensor
        Booleans of shape (N,): two atoms of the molecule share a colour.
    ambiguous : torch.Tensor
        Booleans of shape (N,): the bond between two atoms is not a function of their two
        colours. A deterministic equivariant encoder with node-wise codes followed by any
        pairwise decoder cannot reconstruct these molecules.
    """

    colours: Tensor
    tied: Tensor
    ambiguous: Tensor


def tied_molecules(atoms: Tensor, bonds: Tensor) -> Ties:
    """Find the molecules with atoms that 1-WL colour refinement cannot tell apart.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers, shape (N, n) with n at most 9.
    bonds : torch.Tensor
        Bond orders, integers, shape (N, n, n).

    Returns
    -------
    Ties
        Colours, and which molecules are tied and ambiguous. Empty slots do not count.

    Raises
    ------
    TypeError
        If one of the inputs is not a tensor of integers.
    ValueError
        If the tensors are not a batch of dense graphs.

    Notes
    -----
    Ambiguous molecules are tied. The converse fails: the two ends of ethane are tied, and
    the one bond is a function of the one pair of colours there is.
    """
    if atoms.ndim != 2:
        raise ValueError(f"A batch of shape (N, n) is expected, not {tuple(atoms.shape)}.")
    colours = weisfeiler_leman_colours(atoms, bonds)
    chunks = zip(atoms.split(_CHUNK), bonds.split(_CHUNK), colours.split(_CHUNK), strict=True)
    found = [_ties(*chunk) for chunk in chunks]
    return Ties(colours, torch.cat([t for t, _ in found]), torch.cat([a for _, a in found]))


def random_tie_ranks(atoms: Tensor, ties: Ties, *, generator: torch.Generator) -> Tensor:
    """Draw numbers for the tied atoms of ambiguous molecules, colour by colour.

    An encoder that reads these numbers can tell the atoms of a ring apart, which nothing in
    the ring does. The numbers are drawn, so its codes are random too: fix the draw and say so.
    Where nothing is ambiguous all numbers are zero, and such codes stay determined.

    Parameters
    ----------
    atoms : torch.Tensor
        Node types, integers, shape (N, n).
    ties : Ties
        What :func:`tied_molecules` found in these molecules.
    generator : torch.Generator
        Source of the draw.

    Returns
    -------
    torch.Tensor
        Int64, shape (N, n): in ambiguous molecules the atoms of a colour that k share have
        the numbers 0, ..., k - 1 in random order; zero elsewhere.

    Raises
    ------
    ValueError
        If `atoms` does not have the shape of the colours.
    """
    if atoms.shape != ties.colours.shape:
        raise ValueError(
            f"atoms of shape {tuple(ties.colours.shape)} are expected, as in the molecules whose "
            f"ties were found, not {tuple(atoms.shape)}."
        )
    keys = torch.rand(ties.colours.shape, generator=generator)
    same = ties.colours[:, :, None] == ties.colours[:, None, :]
    ranks = (same & (keys[:, :, None] > keys[:, None, :])).sum(-1)
    return torch.where(ties.ambiguous[:, None] & (atoms != NO_ATOM), ranks, 0)


def _ties(atoms: Tensor, bonds: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
    """Return which molecules of one chunk are tied, and which are ambiguous."""
    number, slots = atoms.shape
    real = atoms != NO_ATOM
    pair = real[:, :, None] & real[:, None, :] & ~torch.eye(slots, dtype=torch.bool)
    same = (colours[:, :, None] == colours[:, None, :]) & pair
    # Smallest and largest bond order over all pairs of atoms with given two colours.
    classes = (colours[:, :, None] * slots + colours[:, None, :]).flatten(1)
    orders = bonds.long()
    top = BOND_ORDERS[-1] + 1
    size = (number, slots * slots)
    low = torch.full(size, top).scatter_reduce(
        1, classes, torch.where(pair, orders, top).flatten(1), "amin"
    )
    high = torch.full(size, -1).scatter_reduce(
        1, classes, torch.where(pair, orders, -1).flatten(1), "amax"
    )
    return same.flatten(1).any(1), ((low < high) & (high >= 0)).any(1)
