"""QM9 as torch-geometric users know it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from utils._checks import check_choice
from utils.data.qm9.loading import load_dense
from utils.data.qm9.properties import PROPERTIES, property_indices
from utils.data.splits import SPLITS
from utils.graphs import ATOM_SYMBOLS, BOND_ORDERS, DenseGraphs

__all__ = ["QM9", "collate"]


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
    root, split, split_seed, relabel_seed, progress
        As in :func:`~utils.data.qm9.load_dense`; empty slots are left out.
    properties : str or sequence of str, optional
        Names of the columns of ``y``; all of
        :data:`~utils.data.qm9.properties.PROPERTIES` if omitted.
    transform : callable, optional
        Applied to every graph on access, as in torch-geometric.

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
        check_choice(split, "The split", (*SPLITS, None))
        names = [p.name for p in PROPERTIES] if properties is None else properties
        columns = property_indices(names)
        super().__init__(None if root is None else os.fspath(root), transform)
        dense = load_dense(
            split, split_seed=split_seed, relabel_seed=relabel_seed, root=root, progress=progress
        )
        self.split = split
        self.property_names: tuple[str, ...] = tuple(dense.names[c] for c in columns)
        self._data, self.slices = collate(dense, columns)

    def __repr__(self) -> str:
        """Return the name, the split and the number of graphs."""
        return f"QM9({len(self):,} graphs, split={self.split!r})"


def collate(dense: DenseGraphs, columns: Sequence[int]) -> tuple[Data, dict[str, Tensor]]:
    """Assemble torch-geometric's collated storage from dense graphs, all at once.

    The properties in `columns` become ``y``. The slices say where each of N graphs begins and
    ends in each part of the storage: int64, shape (N + 1,).
    """
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
