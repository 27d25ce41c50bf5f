"""The symmetric group on dense graphs: every slot moves, empty ones too."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.graphs.dense import MAX_ATOMS, DenseGraphs

__all__ = ["random_permutations", "relabel"]


def random_permutations(number: int, *, seed: int, slots: int = MAX_ATOMS) -> Tensor:
    """Draw uniform random permutations, one for each graph: int64, shape (number, slots).

    Examples
    --------
    >>> random_permutations(2, seed=0, slots=4).sort(-1).values.tolist()
    [[0, 1, 2, 3], [0, 1, 2, 3]]
    """
    check_whole(number, "The number of permutations", 0)
    check_whole(slots, "The number of slots")
    generator = torch.Generator().manual_seed(check_whole(seed, "The seed", 0, 2**64 - 1))
    keys = torch.rand(number, slots, generator=generator, dtype=torch.float64)
    return keys.argsort(dim=-1, stable=True)


def relabel(dense: DenseGraphs, permutations: Tensor) -> DenseGraphs:
    r"""Move the atom in slot :math:`i` of every graph to slot :math:`\sigma(i)`.

    This is the left action of the symmetric group :math:`S_n` on dense graphs,
    :math:`(\sigma\cdot x)_{\sigma(i)} = x_i` for atoms and
    :math:`(\sigma\cdot A)_{\sigma(i)\sigma(j)} = A_{ij}` for bonds, so that relabelling by
    :math:`\tau` and then by :math:`\sigma` is relabelling by :math:`\sigma\tau`. **Empty slots
    move like atoms**: a node of kind "no atom" is a node, and the atoms need not stand at
    the front afterwards. Properties and SMILES do not depend on labels and stay.

    Parameters
    ----------
    dense : DenseGraphs
        N graphs of n slots.
    permutations : torch.Tensor
        Integers of shape (N, n), or (n,) for the same permutation everywhere; entry `i`
        is the slot to which slot `i` moves.

    Examples
    --------
    >>> single = torch.tensor([[[0, 1, 0], [1, 0, 2], [0, 2, 0]]])
    >>> row, none = torch.tensor([1]), torch.zeros(1, 0)
    >>> graph = DenseGraphs(torch.tensor([[0, 1, 2]]), single, none, row, ("CN=O",), (), ())
    >>> relabel(graph, torch.tensor([2, 0, 1])).atoms
    tensor([[1, 2, 0]])
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
    return replace(
        dense,
        atoms=dense.atoms[rows, source],
        bonds=dense.bonds[rows[..., None], source[:, :, None], source[:, None, :]],
    )
