"""Losses of re-rendering: turn a row, encode it, shift the code, decode, and compare."""

from collections.abc import Callable

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


def one_by_one(f: Map, d: Map, x: Tensor, j: Tensor, k: Tensor) -> Tensor:
    """Turn and shift one picture after the other."""
    turned = torch.stack([row.roll(int(s)) for row, s in zip(x, j, strict=True)])
    shifted = torch.stack([code.roll(int(s), dims=1) for code, s in zip(f(turned), k, strict=True)])
    target = torch.stack([row.roll(int(s)) for row, s in zip(turned, k, strict=True)])
    gap = d(shifted) - target
    return (gap * gap).sum(dim=1).mean()


def _matrices(steps: Tensor, n: int, like: Tensor) -> Tensor:
    eye = torch.eye(n, dtype=like.dtype, device=like.device)
    source = (torch.arange(n)[None, :] - steps[:, None]) % n
    return eye[source]


def by_matrices(f: Map, d: Map, x: Tensor, j: Tensor, k: Tensor) -> Tensor:
    """Turn and shift by matrices of zeros and ones."""
    n = x.shape[1]
    codes = f(torch.einsum("bst,bt->bs", _matrices(j, n, x), x))
    drawn = d(torch.einsum("bst,bct->bcs", _matrices(k, n, x), codes))
    target = torch.einsum("bst,bt->bs", _matrices(j + k, n, x), x)
    return (drawn - target).square().sum() / len(x)


def by_fourier(f: Map, d: Map, x: Tensor, j: Tensor, k: Tensor) -> Tensor:
    """Turn and shift by phases."""
    n = x.shape[1]
    wave = torch.arange(n // 2 + 1, dtype=x.dtype, device=x.device) * (-2 * torch.pi / n)
    once = torch.exp(1j * wave * j[:, None])
    code_phase = torch.exp(1j * wave * k[:, None])
    codes = f(torch.fft.irfft(torch.fft.rfft(x) * once, n=n))
    moved = torch.fft.irfft(torch.fft.rfft(codes) * code_phase[:, None], n=n)
    target = torch.fft.irfft(torch.fft.rfft(x) * once * code_phase, n=n)
    return (d(moved) - target).norm(dim=1).pow(2).mean()
