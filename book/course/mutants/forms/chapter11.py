"""Quotient distances over the circle, of paired complex codes (B, k, F + 1)."""

import numpy as np
import torch
from torch import Tensor


def zooming_in(x: Tensor, y: Tensor) -> Tensor:
    """Look at angles on a grid, and then on finer and finer ones around the best."""
    f = torch.arange(x.shape[2], dtype=torch.float64)
    centre, width = torch.zeros(len(x), dtype=torch.float64), torch.pi
    squares = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(7):
        angles = centre[:, None] + width * torch.linspace(-1, 1, 129, dtype=torch.float64)
        turned = y[:, None] * torch.exp(1j * angles[:, :, None, None] * f)
        gaps = (x[:, None] - turned).abs().square().sum(dim=(2, 3))
        squares, at = gaps.min(dim=1)
        centre = angles.gather(1, at[:, None])[:, 0]
        width = width / 32
    return squares.sqrt()


def by_roots(x: Tensor, y: Tensor) -> Tensor:
    """Find all angles at which the overlap stops growing, as roots of a polynomial."""
    f = torch.arange(x.shape[2], dtype=torch.float64)
    found = []
    for a, b in zip(x, y, strict=True):
        overlap = (a * b.conj()).sum(dim=0)
        slope = f * overlap
        c = torch.cat([slope.flip(0)[:-1], -slope.conj()])
        angles = torch.from_numpy(-np.angle(np.roots(c.numpy())))
        turned = b * torch.exp(1j * angles[:, None, None] * f)
        found.append((a - turned).abs().square().sum(dim=(1, 2)).min().sqrt())
    return torch.stack(found)


def by_newton(x: Tensor, y: Tensor) -> Tensor:
    """Improve the best angles of a grid by steps of Newton."""
    overlap = (x * y.conj()).sum(dim=1)
    f = torch.arange(x.shape[2], dtype=torch.float64)
    grid = torch.arange(256, dtype=torch.float64) * (2 * torch.pi / 256)
    waves = torch.exp(-1j * f[:, None] * grid)
    theta = grid[(overlap @ waves).real.argmax(dim=1)]
    for _ in range(5):
        wave = overlap * torch.exp(-1j * f * theta[:, None])
        slope, bend = (f * wave.imag).sum(dim=1), (f * f * wave.real).sum(dim=1)
        theta = theta + slope / bend.clamp(min=1e-9)
    turned = y * torch.exp(1j * theta[:, None, None] * f)
    return (x - turned).abs().square().sum(dim=(1, 2)).sqrt()
