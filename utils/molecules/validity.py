"""Valences: which graphs are molecules, judged in batches without RDKit."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.graphs import NO_ATOM, check_dense

__all__ = ["ATOM_VALENCES", "is_valid"]

ATOM_VALENCES: tuple[int, ...] = (4, 3, 2, 1)
"""Valences of the neutral atoms, in the order of :data:`~utils.graphs.dense.ATOM_SYMBOLS`."""


def is_valid(atoms: Tensor, bonds: Tensor) -> Tensor:
    """Tell which graphs, of shapes (..., n) and (..., n, n), respect the valences of their atoms.

    A graph is valid if it has an atom, and the bonds of each C, N, O, F have total order at
    most 4, 3, 2, 1; hydrogens fill the rest. This is RDKit's check of valences for neutral
    atoms, before its clean-up, which would turn some nitrogens of valence 5 into charged
    ones: the encoding has no charges, so they are invalid here. A valid graph may fall into
    pieces: see :func:`utils.graphs.is_connected`. The result has shape (...).

    Examples
    --------
    >>> double = torch.tensor([[0, 2], [2, 0]])
    >>> bool(is_valid(torch.tensor([0, 2]), double)), bool(is_valid(torch.tensor([0, 3]), double))
    (True, False)
    """
    check_dense(atoms, bonds)
    limits = torch.tensor([*ATOM_VALENCES, 0], device=atoms.device)[atoms.long()]
    return (bonds.sum(-1, dtype=torch.long) <= limits).all(-1) & (atoms != NO_ATOM).any(-1)
