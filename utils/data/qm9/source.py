"""From the tables of qm9pack to arrays: which molecules are kept, and how they are stored."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from rdkit import Chem
from tqdm import tqdm

from utils.data.qm9.properties import PROPERTIES
from utils.graphs import MAX_ATOMS, NO_ATOM, DenseGraphs
from utils.molecules.conversion import kekule_arrays

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SOURCE_MOLECULES", "build", "read_tables", "source_version", "unpack"]

SOURCE_MOLECULES: int = 130_831
"""Molecules in the tables of qm9pack."""

_MISSING = (
    "The package qm9pack, which carries the molecules, is not installed; run 'pip install qm9pack'."
)


def source_version() -> str:
    """Return the version of qm9pack, or say that it is missing."""
    try:
        return importlib.metadata.version("qm9pack")
    except importlib.metadata.PackageNotFoundError as error:
        raise FileNotFoundError(_MISSING) from error


def read_tables(others: Sequence[str] = ()) -> pd.DataFrame:
    """Read columns of qm9pack's tables, in the order of QM9: those of the graphs, and others."""
    import pandas as pd  # needed once, to build the cache

    spec = importlib.util.find_spec("qm9pack")
    if spec is None:
        raise FileNotFoundError(_MISSING)
    # The package is located without being executed: its own loader imports
    # pkg_resources, which current versions of setuptools no longer have.
    folder = importlib.resources.files(importlib.util.module_from_spec(spec)) / "data"
    columns = ["Index", "SMILES", *(p.column for p in PROPERTIES if p.column), *others]
    tables = []
    for part in ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv"):
        with (folder / part).open("rb") as stream:
            tables.append(pd.read_csv(stream, usecols=columns))
    table = pd.concat(tables, ignore_index=True)
    if len(table) != SOURCE_MOLECULES or bool(table.isna().to_numpy().any()):
        raise ValueError(
            f"qm9pack is expected to list {SOURCE_MOLECULES:,} complete molecules, and the "
            f"installed copy lists {len(table):,}; reinstall it with "
            "'pip install --force-reinstall qm9pack'."
        )
    return table


def build(*, progress: bool = True) -> Callable[[BinaryIO], None]:
    """Parse every molecule and return the function that writes the cache file.

    Parameters
    ----------
    progress : bool
        Whether to show a progress bar, on standard error.
    """
    table = read_tables()
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
        atoms[row], bonds[row] = kekule_arrays(molecule)
        rows.append(row)
    kept = np.asarray(rows)
    atoms, bonds = atoms[kept], bonds[kept]
    upper = np.triu_indices(MAX_ATOMS, 1)
    pairs = bonds[:, upper[0], upper[1]]
    heavy = (atoms != NO_ATOM).sum(1)
    counted = {"heavy_atoms": heavy, "rings": (pairs > 0).sum(1) - heavy + 1}
    properties = [
        table[p.column].to_numpy(float)[kept] * p.scale if p.column else counted[p.name]
        for p in PROPERTIES
    ]
    arrays = {
        "atoms": atoms,
        "pairs": pairs,
        "properties": np.stack(properties, axis=1).astype(np.float32),
        "index": table["Index"].to_numpy(np.int32)[kept],
        "smiles": np.frombuffer("\n".join(first_row).encode(), dtype=np.uint8),
    }

    def write(stream: BinaryIO) -> None:
        """Write the arrays as one compressed archive."""
        np.savez_compressed(stream, **arrays)

    return write


def unpack(content: bytes) -> DenseGraphs:
    """Read the cache file that :func:`build` wrote."""
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
        names=tuple(p.name for p in PROPERTIES),
        units=tuple(p.unit for p in PROPERTIES),
    )
