"""Molecules of QM9 as clouds: which atoms there are, and where, in ångströms.

The tables of qm9pack hold the geometries that QM9 was computed with, all atoms, hydrogens too. A
random sample of 10,000 molecules is read once and cached, as the graphs are.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from utils._checks import check_choice, check_float, check_whole
from utils.data.cache import cache_directory, load_or_build
from utils.data.qm9.properties import PROPERTIES, property_indices
from utils.data.qm9.source import read_tables, source_version
from utils.data.splits import SPLITS

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = [
    "ELEMENTS",
    "MolecularClouds",
    "build_clouds",
    "clouds_cache_path",
    "load_clouds",
    "random_rows",
    "ring_cloud",
]

ELEMENTS: tuple[int, ...] = (1, 6, 7, 8, 9)
"""Atomic numbers in QM9: hydrogen, carbon, nitrogen, oxygen, fluorine."""

SAMPLE: dict[str, int] = {"train": 5_000, "validation": 1_000, "test": 4_000}
"""Molecules in the parts of the sample."""

_SYMBOLS: dict[str, int] = dict(zip("HCNOF", ELEMENTS, strict=True))
_BRACKETS = str.maketrans("", "", "[]")
_SAMPLE_SEED = 20261117
_NAMES = tuple(p.name for p in PROPERTIES if p.column)


@dataclass(frozen=True)
class MolecularClouds:
    """Molecules as clouds of typed points, padded to a common number of slots.

    Parameters
    ----------
    elements : torch.Tensor
        Atomic numbers, shape ``(N, n)``, uint8; 0 where there is no atom. Empty slots come last.
    positions : torch.Tensor
        Where the atoms are, in ångströms, shape ``(N, n, 3)``; 0 in empty slots.
    hydrogens : torch.Tensor
        How many hydrogens each molecule has, shown or not, shape ``(N,)``, int64.
    properties : torch.Tensor
        Shape ``(N, P)``, float32, in the order of `names`; none of them changes when the molecule
        is moved.
    index : torch.Tensor
        Numbers in QM9, shape ``(N,)``, int64.
    names, units : tuple of str
        Of the properties.

    Examples
    --------
    >>> ring = ring_cloud()
    >>> ring.elements.shape, int(ring.heavy().exists.sum())
    (torch.Size([1, 12]), 6)
    """

    elements: Tensor
    positions: Tensor
    hydrogens: Tensor
    properties: Tensor
    index: Tensor
    names: tuple[str, ...] = _NAMES
    units: tuple[str, ...] = tuple(p.unit for p in PROPERTIES if p.column)

    def __len__(self) -> int:
        return len(self.elements)

    def __getitem__(self, rows: Any) -> MolecularClouds:
        """Return some molecules, chosen by a slice, a mask or positions."""
        if not isinstance(rows, slice):
            rows = torch.as_tensor(rows)
            if rows.ndim != 1:
                raise TypeError("choose molecules by a slice, a mask or a list of positions")
        parts = ("elements", "positions", "hydrogens", "properties", "index")
        return dataclasses.replace(self, **{part: getattr(self, part)[rows] for part in parts})

    @property
    def exists(self) -> Tensor:
        """Which slots hold an atom, shape ``(N, n)``."""
        return self.elements != 0

    def property(self, name: str) -> Tensor:
        """Return one property, shape ``(N,)``."""
        check_choice(name, "The property", self.names)
        return self.properties[:, self.names.index(name)]

    def double(self) -> MolecularClouds:
        """Return the molecules with positions in ``float64``."""
        return dataclasses.replace(self, positions=self.positions.double())

    def heavy(self) -> MolecularClouds:
        """Leave the hydrogens out; how many there were stays in ``hydrogens``.

        The order of the other atoms is kept, and empty slots that no molecule needs are dropped.
        """
        shown = self.elements > 1
        order = shown.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        order = order[:, : max(1, int(shown.sum(1).max()))]
        kept = shown.gather(1, order)
        elements = self.elements.gather(1, order) * kept
        positions = self.positions.take_along_dim(order[..., None], 1) * kept[..., None]
        return dataclasses.replace(self, elements=elements, positions=positions)

    def centred(self) -> MolecularClouds:
        """Move the mean of the atoms of every molecule to the origin."""
        exists = self.exists[..., None]
        mean = self.positions.sum(1, keepdim=True) / exists.sum(1, keepdim=True)
        return dataclasses.replace(self, positions=(self.positions - mean) * exists)

    def turned_in_place(self, rotations: Tensor) -> MolecularClouds:
        """Turn every molecule about the mean of its atoms: ``(3, 3)``, or ``(N, 3, 3)``."""
        exists = self.exists[..., None]
        mean = self.positions.sum(1) / exists.sum(1)
        return self.moved(shifts=-mean).moved(rotations, mean)

    def moved(
        self, rotations: Tensor | None = None, shifts: Tensor | None = None
    ) -> MolecularClouds:
        """Turn every molecule about the origin, then shift it.

        Parameters
        ----------
        rotations : torch.Tensor, optional
            Shape ``(3, 3)``, or ``(N, 3, 3)`` for one each.
        shifts : torch.Tensor, optional
            In ångströms, shape ``(3,)`` or ``(N, 3)``.

        Returns
        -------
        MolecularClouds
        """
        positions = self.positions
        if rotations is not None:
            if tuple(rotations.shape) not in ((3, 3), (len(self), 3, 3)):
                raise ValueError(
                    f"rotations must have shape (3, 3) or ({len(self)}, 3, 3), not "
                    f"{tuple(rotations.shape)}"
                )
            positions = positions @ rotations.to(positions).mT
        if shifts is not None:
            if tuple(shifts.shape) not in ((3,), (len(self), 3)):
                raise ValueError(
                    f"shifts must have shape (3,) or ({len(self)}, 3), not {tuple(shifts.shape)}"
                )
            shifts = shifts.to(positions).expand(len(self), 3)
            positions = positions + shifts[:, None] * self.exists[..., None]
        return dataclasses.replace(self, positions=positions)

    def graphs(self, radius: float | None = None) -> Batch:
        """Return the molecules as a torch-geometric batch, for networks that pass messages.

        Parameters
        ----------
        radius : float, optional
            Atoms closer than this, in ångströms, are neighbours; all atoms of a molecule if
            omitted. Every atom is a neighbour of itself.

        Returns
        -------
        torch_geometric.data.Batch
            With ``z`` (atomic numbers), ``pos``, ``edge_index`` (from neighbour to atom),
            ``hydrogens`` and ``y`` (all properties), and the usual ``batch`` and ``ptr``.
        """
        from torch_geometric.data import Batch, Data

        if radius is not None and not radius > 0:
            raise ValueError(f"The radius is a positive length in ångströms, not {radius!r}.")
        molecules = []
        for row in range(len(self)):
            shown = self.exists[row]
            points = self.positions[row, shown]
            reach = torch.inf if radius is None else radius
            near = (points[:, None] - points).square().sum(-1).sqrt() <= reach
            molecules.append(
                Data(
                    z=self.elements[row, shown].long(),
                    pos=points,
                    edge_index=near.nonzero().T.flip(0).contiguous(),
                    hydrogens=self.hydrogens[row : row + 1],
                    y=self.properties[row : row + 1],
                    num_nodes=len(points),
                )
            )
        return Batch.from_data_list(molecules)


# ---------------------------------------------------------------- the sample of QM9


def random_rows(number: int, total: int, seed: int) -> Tensor:
    """Return so many of so many rows, each once, in random order."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(total, generator=generator)[:number]


def clouds_cache_path(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache file of the clouds, whether or not it exists."""
    folder = cache_directory() if root is None else Path(root).expanduser().absolute()
    return folder / f"qm9-clouds-1-qm9pack-{source_version()}.npz"


def load_clouds(
    split: str | None = None,
    *,
    number: int | None = None,
    root: str | os.PathLike[str] | None = None,
) -> MolecularClouds:
    """Load the sample of QM9 with its coordinates, reading it from qm9pack on first use.

    10,000 molecules are drawn at random from the 130,831 of qm9pack, without regard to anything:
    5,000 to train on, 1,000 to validate and 4,000 to test. They stand in random order, and where
    QM9 put them: neither centred nor turned.

    Parameters
    ----------
    split : {"train", "validation", "test"}, optional
        Which part to return; all of them, in this order, if omitted.
    number : int, optional
        How many molecules, from the beginning of the part; all if omitted.
    root : path-like, optional
        Folder of the cache, in place of :func:`utils.data.cache.cache_directory`.

    Returns
    -------
    MolecularClouds

    Examples
    --------
    >>> clouds = load_clouds("test", number=600)
    >>> clouds.positions.shape, clouds.heavy().positions.shape[1]
    (torch.Size([600, 29, 3]), 9)
    """
    check_choice(split, "The split", (*SPLITS, None))
    first = sum(SAMPLE[part] for part in SPLITS[: SPLITS.index(split)]) if split else 0
    size = SAMPLE[split] if split else sum(SAMPLE.values())
    if number is not None:
        size = check_whole(number, "The number of molecules", 1, size)
    content = load_or_build(clouds_cache_path(root), build_clouds, what="QM9 coordinates")
    return _unpack(content)[first : first + size]


def build_clouds() -> Callable[[BinaryIO], None]:
    """Read the sample from qm9pack and return the function that writes the cache file."""
    table = read_tables(("Elements", "XYZ_Ang"))
    rows = random_rows(sum(SAMPLE.values()), len(table), _SAMPLE_SEED).numpy()
    table = table.iloc[rows]
    molecules = [
        parse_cloud(elements, positions)
        for elements, positions in zip(table["Elements"], table["XYZ_Ang"], strict=True)
    ]
    counts = [len(elements) for elements, _ in molecules]
    columns = property_indices(_NAMES)
    arrays: dict[str, Any] = {
        "counts": np.asarray(counts, dtype=np.uint8),
        "elements": np.concatenate([elements for elements, _ in molecules]),
        "positions": np.concatenate([positions for _, positions in molecules]),
        "properties": np.stack(
            [table[PROPERTIES[c].column].to_numpy(float) * PROPERTIES[c].scale for c in columns],
            axis=1,
        ).astype(np.float32),
        "index": table["Index"].to_numpy(np.int32),
    }

    def write(stream: BinaryIO) -> None:
        """Write the arrays as one compressed archive."""
        np.savez_compressed(stream, **arrays)

    return write


def parse_cloud(elements: str, positions: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the two cells of qm9pack's tables that hold one molecule.

    Parameters
    ----------
    elements : str
        Symbols in quotation marks, as in ``"['O','H','H']"``.
    positions : str
        Their coordinates in ångströms, as in ``"[[0.,0.1,0.2],...]"``: not JSON, for some of
        qm9pack's numbers end with the point. In some files of QM9 exponents are written ``*^``.

    Returns
    -------
    tuple of numpy.ndarray
        Atomic numbers, uint8, shape ``(n,)``, and positions, float32, shape ``(n, 3)``.

    Examples
    --------
    >>> numbers, points = parse_cloud("['O','H']", "[[0.,0.,1.5*^-3],[0.,0.97,0.]]")
    >>> numbers.tolist(), points.shape
    ([8, 1], (2, 3))
    """
    symbols = [symbol.strip(" '") for symbol in elements.strip("[] ").split(",")]
    numbers = positions.replace("*^", "e").translate(_BRACKETS).split(",")
    unknown = sorted(set(symbols) - set(_SYMBOLS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of the elements of QM9, {', '.join(_SYMBOLS)}.")
    points = np.asarray(numbers, dtype=float)
    if points.size != 3 * len(symbols) or not np.isfinite(points).all():
        raise ValueError(
            f"A molecule of {len(symbols)} atoms needs {3 * len(symbols)} finite coordinates, but "
            f"{np.isfinite(points).sum()} are there."
        )
    types = np.asarray([_SYMBOLS[symbol] for symbol in symbols], dtype=np.uint8)
    return types, points.reshape(-1, 3).astype(np.float32)


def _unpack(content: bytes) -> MolecularClouds:
    """Read the cache file that :func:`build_clouds` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    counts = arrays["counts"].astype(np.int64)
    filled = np.arange(counts.max()) < counts[:, None]
    elements = np.zeros(filled.shape, dtype=np.uint8)
    positions = np.zeros((*filled.shape, 3), dtype=np.float32)
    elements[filled], positions[filled] = arrays["elements"], arrays["positions"]
    return MolecularClouds(
        torch.from_numpy(elements),
        torch.from_numpy(positions),
        torch.from_numpy((elements == 1).sum(1)),
        torch.from_numpy(arrays["properties"]),
        torch.from_numpy(arrays["index"].astype(np.int64)),
    )


# ---------------------------------------------------------------- one molecule by hand


def ring_cloud(
    stretch: Tensor | float = 0.0, *, angle: float = 0.0, dtype: torch.dtype = torch.float64
) -> MolecularClouds:
    r"""Return a ring of five carbons and a nitrogen with six hydrogens, stretched a little.

    Without a stretch the twelve atoms are two regular hexagons in the plane of x and y, so two
    of the three moments of the cloud agree. The stretch by a factor :math:`1 + e` along one
    direction of the plane and :math:`1 - e` across it parts them, one way for
    :math:`e > 0` and the other for :math:`e < 0`: a path through :math:`e = 0` crosses.

    Parameters
    ----------
    stretch : float or torch.Tensor
        :math:`e`, or one for each member of a batch, shape ``(N,)``; less than 1 in size.
    angle : float
        Angle between the direction and the x axis, in radians; the nitrogen lies on the x axis.
    dtype : torch.dtype
        Of the positions.

    Returns
    -------
    MolecularClouds
        With N molecules, without properties.

    Examples
    --------
    >>> ring = ring_cloud(torch.tensor([-0.1, 0.1]))
    >>> moments = (ring.positions.mT @ ring.positions).diagonal(dim1=1, dim2=2)
    >>> (moments[:, 0] > moments[:, 1]).tolist()
    [False, True]
    """
    e = torch.as_tensor(stretch, dtype=dtype).reshape(-1)
    if not bool((e.abs() < 1).all()):
        raise ValueError("A stretch lies between -1 and 1.")
    check_float(torch.empty(0, dtype=dtype), "The tensor of positions")
    turn = torch.arange(6, dtype=dtype) * (torch.pi / 3)
    corners = torch.stack([turn.cos(), turn.sin(), torch.zeros_like(turn)], dim=1)
    points = torch.cat([1.39 * corners, 2.48 * corners])  # benzene: to carbons, to hydrogens
    along = torch.tensor([np.cos(angle), np.sin(angle), 0.0], dtype=dtype)
    across = torch.tensor([-np.sin(angle), np.cos(angle), 0.0], dtype=dtype)
    pull = torch.outer(along, along) - torch.outer(across, across)
    positions = points @ (torch.eye(3, dtype=dtype) + e[:, None, None] * pull)
    elements = torch.tensor([7, *(6,) * 5, *(1,) * 6], dtype=torch.uint8).repeat(len(e), 1)
    return MolecularClouds(
        elements,
        positions,
        torch.full((len(e),), 6),
        torch.empty(len(e), 0),
        torch.full((len(e),), -1),
        (),
        (),
    )
