"""Colour refinement of Weisfeiler and Leman, exact and for a whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.graphs.dense import BOND_ORDERS, MAX_ATOMS, check_dense

__all__ = ["CHUNK", "weisfeiler_leman_colours"]

CHUNK: int = 4096
"""Graphs handled at once where intermediate arrays are large."""


def weisfeiler_leman_colours(atoms: Tensor, bonds: Tensor, *, rounds: int | None = None) -> Tensor:
    r"""Colour the atoms by 1-WL colour refinement.

    Atoms start with their kind as colour. In each round the new colour of an atom is its
    old colour together with the multiset of (bond order, colour) over its neighbours, and
    after at most :math:`n-1` rounds nothing changes any more (Weisfeiler and Leman, 1968).
    No message-passing network and no deterministic function built of them separates two
    atoms of one colour.

    Nothing is hashed: the pair of colour and sorted multiset is written as one integer in
    base 28, which fits in 64 bits for nine slots, and colours are the ranks of these
    integers within the graph. Ranks do not depend on labels, so the colouring is exactly
    equivariant. They name the classes *within* a graph: equal colours in different
    graphs mean nothing.

    Parameters
    ----------
    atoms, bonds : torch.Tensor
        Dense graphs, shapes (..., n) and (..., n, n), with n at most 9.
    rounds : int, optional
        Number of rounds; until stable if omitted.

    Returns
    -------
    torch.Tensor
        Colours, int64, shape (..., n), each the number of slots of the graph with a
        smaller signature. Empty slots share a colour of their own.

    Examples
    --------
    The two ends of a path of three carbons look alike, and the middle does not:

    >>> path = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> weisfeiler_leman_colours(torch.zeros(3, dtype=torch.long), path)
    tensor([0, 2, 0])
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
    chunks = zip(flat_atoms.split(CHUNK), flat_bonds.split(CHUNK), strict=True)
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
