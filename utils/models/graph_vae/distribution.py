"""Distributions over graphs on nine slots, and the likelihood of a graph."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from utils.graphs import MAX_ATOMS, NO_ATOM
from utils.models.permutation import square_of_pairs, unordered_pairs

__all__ = ["GraphLogits", "exact_match", "reconstruction_nats"]


class GraphLogits(NamedTuple):
    """A distribution over graphs, as logits.

    Attributes
    ----------
    existence : torch.Tensor
        Shape ``(B, 9)``: log-odds that a slot holds an atom.
    elements : torch.Tensor
        Shape ``(B, 9, 4)``: logits of C, N, O, F, given that it does.
    adjacency : torch.Tensor
        Shape ``(B, 36)``: log-odds that two atoms are bonded, for the pairs of slots in the
        order of ``torch.triu_indices(9, 9, 1)``.
    orders : torch.Tensor
        Shape ``(B, 36, 3)``: logits of a single, double and triple bond, given that they are.

    Examples
    --------
    >>> logits = GraphLogits(*(torch.zeros(2, *s) for s in ((9,), (9, 4), (36,), (36, 3))))
    >>> atoms, bonds = logits.most_likely()
    >>> bool((atoms == 4).all()), bonds.shape  # no slot is more likely full than empty
    (True, torch.Size([2, 9, 9]))
    """

    existence: Tensor
    elements: Tensor
    adjacency: Tensor
    orders: Tensor

    def most_likely(self) -> tuple[Tensor, Tensor]:
        """Return the atoms and bonds of the most likely choice at every step, uint8.

        Atoms ``(B, 9)`` are 0..3 for C, N, O, F and 4 for "no atom"; bonds ``(B, 9, 9)`` are
        symmetric, 0 for none, otherwise 1, 2, 3. Slots without an atom have no bonds.
        """
        exists = self.existence > 0
        atoms = torch.where(exists, self.elements.argmax(-1), NO_ATOM).to(torch.uint8)
        first, second = unordered_pairs(MAX_ATOMS).to(atoms.device)
        bonded = (self.adjacency > 0) & exists[:, first] & exists[:, second]
        orders = torch.where(bonded, self.orders.argmax(-1) + 1, 0).to(torch.uint8)
        return atoms, square_of_pairs(orders, MAX_ATOMS)

    def square(self) -> tuple[Tensor, Tensor]:
        """Return adjacency ``(B, 9, 9)`` and orders ``(B, 9, 9, 3)``, zero on the diagonal."""
        return square_of_pairs(self.adjacency, MAX_ATOMS), square_of_pairs(self.orders, MAX_ATOMS)


def reconstruction_nats(logits: GraphLogits, atoms: Tensor, bonds: Tensor) -> Tensor:
    """Return minus the log-probability of each graph under decoded distributions.

    An element counts where there is an atom, a bond where there are two, and an order where
    there is a bond: the sum is the negative log-likelihood of the factorised distribution, in
    nats, shape ``(B,)``. Atoms ``(B, 9)`` and bonds ``(B, 9, 9)`` are integers.

    Examples
    --------
    >>> logits = GraphLogits(*(torch.zeros(1, *s) for s in ((9,), (9, 4), (36,), (36, 3))))
    >>> empty = torch.full((1, 9), 4), torch.zeros(1, 9, 9, dtype=torch.int64)
    >>> (reconstruction_nats(logits, *empty) / torch.tensor(2.0).log()).tolist()  # nine coins
    [9.0]
    """
    first, second = unordered_pairs(MAX_ATOMS).to(atoms.device)
    exists = atoms != NO_ATOM
    both = exists[:, first] & exists[:, second]
    orders = bonds[:, first, second].long()
    existence = functional.binary_cross_entropy_with_logits(
        logits.existence, exists.to(logits.existence.dtype), reduction="none"
    )
    elements = functional.cross_entropy(
        logits.elements.flatten(0, 1), atoms.flatten().long() % NO_ATOM, reduction="none"
    ).view_as(existence)
    adjacency = functional.binary_cross_entropy_with_logits(
        logits.adjacency, (orders > 0).to(logits.adjacency.dtype), reduction="none"
    )
    kinds = functional.cross_entropy(
        logits.orders.flatten(0, 1), (orders.flatten() - 1).clamp(min=0), reduction="none"
    ).view_as(adjacency)
    slots = (existence + elements * exists).sum(1)
    return slots + (adjacency * both + kinds * (orders > 0)).sum(1)


def exact_match(logits: GraphLogits, atoms: Tensor, bonds: Tensor) -> Tensor:
    """Say which graphs the most likely choices give back, slot for slot and bond for bond.

    The graphs are as for :func:`reconstruction_nats`; the answer is bool, shape ``(B,)``.

    Examples
    --------
    >>> logits = GraphLogits(*(torch.ones(1, *s) for s in ((9,), (9, 4), (36,), (36, 3))))
    >>> exact_match(logits, *logits.most_likely()).tolist()
    [True]
    """
    found_atoms, found_bonds = logits.most_likely()
    return (found_atoms == atoms).all(1) & (found_bonds == bonds).flatten(1).all(1)
