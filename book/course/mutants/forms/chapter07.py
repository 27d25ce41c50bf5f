"""Relabelled batches of padded graphs: types (B, 9), bonds (B, 9, 9) and permutations (B, 9)."""

import torch
from torch import Tensor


def written_to(a: Tensor, A: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Write every entry to its new place."""
    rows = torch.arange(len(p))[:, None]
    new_a, new_A = torch.zeros_like(a), torch.zeros_like(A)
    new_a[rows, p] = a
    new_A[rows[:, :, None], p[:, :, None], p[:, None, :]] = A
    return new_a, new_A


def by_matrices(a: Tensor, A: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply with permutation matrices."""
    P = torch.nn.functional.one_hot(p, p.shape[1]).mT.to(a.dtype)
    new_a = (P @ a[:, :, None])[:, :, 0]
    return new_a, P @ A.to(a.dtype) @ P.mT


def one_by_one(a: Tensor, A: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Read every graph through the inverse of its permutation."""
    types, bonds = [], []
    for k in range(len(p)):
        back = torch.zeros_like(p[k])
        back[p[k]] = torch.arange(p.shape[1])
        types.append(a[k][back])
        bonds.append(A[k][back][:, back])
    return torch.stack(types), torch.stack(bonds)


def by_gathering(a: Tensor, A: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Gather along one axis after the other."""
    back = p.argsort(dim=1)
    rows = A.gather(1, back[:, :, None].expand_as(A))
    return a.gather(1, back), rows.gather(2, back[:, None, :].expand_as(A))
