"""What colour refinement cannot tell apart, and a draw that tells it apart at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from utils.graphs.colours import CHUNK, weisfeiler_leman_colours
from utils.graphs.dense import BOND_ORDERS, NO_ATOM

__all__ = ["Ties", "random_tie_ranks", "tied_molecules"]


@dataclass(frozen=True, eq=False)
class Ties:
    """What 1-WL colour refinement cannot tell apart in each graph of a batch.

    Attributes
    ----------
    colours : torch.Tensor
        The stable colours, int64, shape (N, n).
    tied : torch.Tensor
        Booleans of shape (N,): two atoms of the graph share a colour.
    ambiguous : torch.Tensor
        Booleans of shape (N,): the bond between two atoms is not a function of their two
        colours. A deterministic equivariant encoder with node-wise codes followed by any
        pairwise decoder cannot reconstruct these graphs.

    Examples
    --------
    Two atoms and their bond are tied, and not ambiguous:

    >>> pair = torch.tensor([[[0, 1], [1, 0]]])
    >>> ties = tied_molecules(torch.zeros(1, 2, dtype=torch.long), pair)
    >>> ties.colours, ties.tied, ties.ambiguous
    (tensor([[0, 0]]), tensor([True]), tensor([False]))
    """

    colours: Tensor
    tied: Tensor
    ambiguous: Tensor


def tied_molecules(atoms: Tensor, bonds: Tensor) -> Ties:
    """Find the graphs with atoms that 1-WL colour refinement cannot tell apart.

    Ambiguous graphs are tied. The converse fails: the two ends of ethane are tied, and
    the one bond is a function of the one pair of colours there is. Empty slots do not count.
    A batch of shapes (N, n) and (N, n, n) is expected, with n at most 9.

    Examples
    --------
    A ring of four is ambiguous: neighbours and opposite corners have the same two colours.

    >>> ring = torch.eye(4, dtype=torch.long).roll(1, 1)
    >>> found = tied_molecules(torch.zeros(1, 4, dtype=torch.long), (ring + ring.T)[None])
    >>> found.tied, found.ambiguous
    (tensor([True]), tensor([True]))
    """
    if atoms.ndim != 2:
        raise ValueError(f"A batch of shape (N, n) is expected, not {tuple(atoms.shape)}.")
    colours = weisfeiler_leman_colours(atoms, bonds)
    chunks = zip(atoms.split(CHUNK), bonds.split(CHUNK), colours.split(CHUNK), strict=True)
    found = [_ties(*chunk) for chunk in chunks]
    return Ties(colours, torch.cat([t for t, _ in found]), torch.cat([a for _, a in found]))


def _ties(atoms: Tensor, bonds: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
    """Return which graphs of one chunk are tied, and which are ambiguous."""
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


def random_tie_ranks(atoms: Tensor, ties: Ties, *, generator: torch.Generator) -> Tensor:
    """Draw numbers for the tied atoms of ambiguous graphs, colour by colour.

    An encoder that reads these numbers can tell the atoms of a ring apart, which nothing in
    the ring does. The numbers are drawn, so its codes are random too: fix the draw and say so.
    Where nothing is ambiguous all numbers are zero, and such codes stay determined.

    Parameters
    ----------
    atoms : torch.Tensor
        Node kinds, integers, shape (N, n).
    ties : Ties
        What :func:`tied_molecules` found in these graphs.
    generator : torch.Generator
        Source of the draw.

    Returns
    -------
    torch.Tensor
        Int64, shape (N, n): in ambiguous graphs the atoms of a colour that k share have
        the numbers 0, ..., k - 1 in random order; zero elsewhere.

    Examples
    --------
    >>> ring = torch.eye(4, dtype=torch.long).roll(1, 1)
    >>> atoms = torch.zeros(1, 4, dtype=torch.long)
    >>> ties = tied_molecules(atoms, (ring + ring.T)[None])
    >>> random_tie_ranks(atoms, ties, generator=torch.Generator().manual_seed(0)).sort().values
    tensor([[0, 1, 2, 3]])
    """
    if atoms.shape != ties.colours.shape:
        raise ValueError(
            f"atoms of shape {tuple(ties.colours.shape)} are expected, as in the graphs whose "
            f"ties were found, not {tuple(atoms.shape)}."
        )
    keys = torch.rand(ties.colours.shape, generator=generator)
    same = ties.colours[:, :, None] == ties.colours[:, None, :]
    ranks = (same & (keys[:, :, None] > keys[:, None, :])).sum(-1)
    return torch.where(ties.ambiguous[:, None] & (atoms != NO_ATOM), ranks, 0)
