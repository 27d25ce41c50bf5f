"""Quotient distances between codes of shape (B, k, 6) under cyclic shifts."""

import torch
from torch import Tensor


def one_by_one(x: Tensor, y: Tensor) -> Tensor:
    """Try the shifts in a loop and keep the best."""
    best = (x - y).square().sum(dim=(1, 2))
    for r in range(1, x.shape[2]):
        moved = torch.roll(y, r, dims=2)
        best = torch.minimum(best, (x - moved).square().sum(dim=(1, 2)))
    return best.sqrt()


def by_windows(x: Tensor, y: Tensor) -> Tensor:
    """Read all shifts of y as windows of two periods."""
    n = x.shape[-1]
    windows = torch.cat([y, y[..., :-1]], dim=-1).unfold(-1, n, 1)
    gaps = (windows - x[:, :, None]).square().sum(dim=(1, 3))
    return gaps.amin(dim=1).sqrt()


def moves_the_first(x: Tensor, y: Tensor) -> Tensor:
    """Shift x in place of y, and measure with norms."""
    norms = [(torch.roll(x, -r, dims=-1) - y).flatten(1).norm(dim=1) for r in range(6)]
    return torch.stack(norms).amin(dim=0)


def by_table(x: Tensor, y: Tensor) -> Tensor:
    """Index with a table of shifted places."""
    places = torch.arange(x.shape[2])
    table = (places - places[:, None]) % len(places)
    gaps = x[:, :, None, :] - y[:, :, table]
    squares = (gaps * gaps).sum(dim=1).sum(dim=-1)
    return squares.min(dim=1).values ** 0.5
