"""The dense form of graphs: kinds of nodes and orders of edges, padded to some slots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from utils._checks import check_choice

__all__ = [
    "ATOM_SYMBOLS",
    "BOND_ORDERS",
    "MAX_ATOMS",
    "NO_ATOM",
    "DenseGraphs",
    "check_dense",
    "is_connected",
]

ATOM_SYMBOLS: tuple[str, ...] = ("C", "N", "O", "F")
"""Names of the node kinds 0 to 3; kind 4 is "no atom"."""

NO_ATOM: int = len(ATOM_SYMBOLS)
"""The node kind of an empty slot."""

BOND_ORDERS: tuple[int, ...] = (1, 2, 3)
"""The edge orders that occur; 0 in a bond array means no bond."""

MAX_ATOMS: int = 9
"""Slots of a padded graph; no molecule of QM9 has more heavy atoms."""


def check_dense(atoms: Tensor, bonds: Tensor) -> None:
    """Check that two tensors are a dense graph, or a batch of dense graphs.

    `atoms`, shape (..., n), must hold integers from 0 to 4, and `bonds`, shape (..., n, n),
    integers from 0 to 3: symmetric, zero on the diagonal and in the rows of empty slots.

    Examples
    --------
    >>> check_dense(torch.tensor([0, 2]), torch.tensor([[0, 2], [2, 0]]))
    >>> check_dense(torch.tensor([0, 4]), torch.tensor([[0, 2], [2, 0]]))
    Traceback (most recent call last):
    ValueError: bonds joins an empty slot (kind 4); set the rows and columns of empty slots to 0.
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
    kinds = f"{', '.join(ATOM_SYMBOLS)}, no atom"
    for name, tensor, largest, meaning in (
        ("atoms", atoms, NO_ATOM, kinds),
        ("bonds", bonds, BOND_ORDERS[-1], "0 for no bond, else the order"),
    ):
        low, high = int(tensor.min()), int(tensor.max())
        if low < 0 or high > largest:
            raise ValueError(
                f"{name} must lie in 0..{largest} ({meaning}); found values from {low} to {high}."
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
            f"bonds joins an empty slot (kind {NO_ATOM}); set the rows and columns of empty "
            "slots to 0."
        )


def is_connected(atoms: Tensor, bonds: Tensor) -> Tensor:
    """Tell which graphs, of shapes (..., n) and (..., n, n), have exactly one component.

    Empty slots are left aside; a graph without atoms has no component. The result has shape (...).

    Examples
    --------
    >>> pair = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    >>> is_connected(torch.tensor([[0, 0, 4], [0, 0, 1]]), torch.stack([pair, pair]))
    tensor([ True, False])
    """
    check_dense(atoms, bonds)
    slots = atoms.shape[-1]
    exists = atoms != NO_ATOM
    reach = ((bonds > 0) | torch.eye(slots, dtype=torch.bool, device=bonds.device)).float()
    for _ in range(max(1, (slots - 1).bit_length())):  # walks of length 1, 2, 4, 8, ...
        reach = (reach @ reach).clamp(max=1.0)
    apart = exists[..., :, None] & exists[..., None, :] & (reach == 0)
    return ~apart.flatten(-2).any(-1) & exists.any(-1)


@dataclass(frozen=True, eq=False)
class DenseGraphs:
    """A set of graphs as padded arrays, with a name and some properties for each.

    Attributes
    ----------
    atoms : torch.Tensor
        Node kinds, uint8, shape (N, n): 0..3 for C, N, O, F and 4 for "no atom".
    bonds : torch.Tensor
        Edge orders, uint8, shape (N, n, n): 0 for no bond, otherwise 1, 2, 3.
    properties : torch.Tensor
        float32, shape (N, P); its columns are named in `names`.
    index : torch.Tensor
        Number of each graph in its source, int64, shape (N,).
    smiles : tuple of str
        A name for each graph that does not depend on labels: N of them.
    names, units : tuple of str
        P names and P units of the properties; the unit of a count is empty.

    Examples
    --------
    >>> pair = torch.tensor([[[0, 1], [1, 0]]], dtype=torch.uint8)
    >>> atoms, values = torch.zeros(1, 2, dtype=torch.uint8), torch.tensor([[2.0]])
    >>> one = DenseGraphs(atoms, pair, values, torch.tensor([7]), ("CC",), ("size",), ("",))
    >>> one.property("size"), one.num_heavy, len(one[[0, 0, 0]])
    (tensor([2.]), tensor([2]), 3)
    """

    atoms: Tensor
    bonds: Tensor
    properties: Tensor
    index: Tensor
    smiles: tuple[str, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that there is one row for each graph and one name and unit for each property."""
        lengths = {len(part) for part in (self.atoms, self.bonds, self.index, self.smiles)}
        if self.properties.shape != (len(self.atoms), len(self.names)) or len(lengths) > 1:
            raise ValueError(
                f"{len(self.atoms)} graphs with {len(self.names)} properties need as many rows of "
                f"bonds, index and smiles, and a table of that shape, not "
                f"{tuple(self.properties.shape)}."
            )
        if len(self.names) != len(self.units):
            raise ValueError(f"{len(self.names)} properties cannot have {len(self.units)} units.")

    def __len__(self) -> int:
        """Return the number of graphs."""
        return len(self.atoms)

    def __getitem__(self, which: Any) -> DenseGraphs:
        """Return some of the graphs, in the order asked for.

        `which` holds positions (an integer gives a batch of one), or is a mask, shape (N,).
        """
        chosen = torch.arange(len(self))[which].reshape(-1)
        return replace(
            self,
            atoms=self.atoms[chosen],
            bonds=self.bonds[chosen],
            properties=self.properties[chosen],
            index=self.index[chosen],
            smiles=tuple(self.smiles[i] for i in chosen.tolist()),
        )

    @property
    def exists(self) -> Tensor:
        """Which slots hold an atom: booleans of shape (N, n)."""
        return self.atoms != NO_ATOM

    @property
    def num_heavy(self) -> Tensor:
        """Number of atoms of each graph: int64, shape (N,)."""
        return self.exists.sum(-1)

    def property(self, name: str) -> Tensor:
        """Return one property of every graph by its name: float32, shape (N,)."""
        return self.properties[:, self.names.index(check_choice(name, "The property", self.names))]
