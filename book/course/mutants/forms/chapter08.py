"""Soft carrying: a code (n,), rows (n, C) and a table (n, n) of places to those of slots."""

import torch
from torch import Tensor


def by_shares(z: Tensor, X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Divide the weights of every slot by their sum."""
    places = z.sort().values
    weights = torch.exp(-(z[:, None] - places[None, :]).abs() / 0.05)
    R = weights / weights.sum(dim=1, keepdim=True)
    return R @ X, R @ Y @ R.T


def by_logarithms(z: Tensor, X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Normalize in logarithms, and contract index by index."""
    gaps = torch.sqrt((z.sort().values - z[:, None]) ** 2)
    logits = -20 * gaps
    R = torch.exp(logits - logits.logsumexp(dim=1, keepdim=True))
    return torch.einsum("ik,kc->ic", R, X), torch.einsum("ik,jl,kl->ij", R, R, Y)


def slot_by_slot(z: Tensor, X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Read for one slot after the other."""
    order = z.argsort()
    reads = []
    for number in z:
        reads.append(torch.softmax(-(number - z[order]).abs() / 0.05, dim=0))
    rows = torch.stack([(r[:, None] * X).sum(dim=0) for r in reads])
    table = torch.stack([torch.stack([r @ Y @ q for q in reads]) for r in reads])
    return rows, table
