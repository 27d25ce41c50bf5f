"""Convolutions on elements (n, 3) of SE(2), rows x, y and angle, with means over balls."""

from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor], Tensor]


def by_complex(u: Tensor, f: Tensor, k: Kernel, radius: float) -> Tensor:
    """Write the plane as complex numbers."""
    place, pose = torch.complex(u[:, 0], u[:, 1]), torch.polar(torch.ones_like(f), u[:, 2])
    gap = place.unsqueeze(1) - place.unsqueeze(0)
    shift = gap * pose.conj().unsqueeze(0)
    turn = (pose.unsqueeze(1) * pose.conj().unsqueeze(0)).angle()
    values = k(torch.stack([shift.real, shift.imag, turn], dim=2)) * f.unsqueeze(0)
    inside = (gap.abs() <= radius).to(values.dtype)
    return (inside * values).sum(dim=1) / inside.sum(dim=1)


def _matrices(u: Tensor) -> Tensor:
    cos, sin = u[:, 2].cos(), u[:, 2].sin()
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [cos, -sin, u[:, 0], sin, cos, u[:, 1], zero, zero, one]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def by_matrices(u: Tensor, f: Tensor, k: Kernel, radius: float) -> Tensor:
    """Invert and multiply matrices of three rows."""
    M = _matrices(u)
    seen = torch.einsum("jab,ibc->ijac", torch.linalg.inv(M), M)
    turn = torch.atan2(seen[:, :, 1, 0], seen[:, :, 0, 0])
    values = k(torch.cat([seen[:, :, :2, 2], turn[:, :, None]], dim=2))
    inside = torch.cdist(u[:, :2], u[:, :2]) <= radius
    inside = inside | torch.eye(len(u), dtype=torch.bool, device=u.device)
    return torch.stack(
        [(row[near] * f[near]).mean() for row, near in zip(values, inside, strict=True)]
    )


def point_by_point(u: Tensor, f: Tensor, k: Kernel, radius: float) -> Tensor:
    """Add up over the neighbours of one point after the other."""
    found = []
    for here in u:
        total = torch.zeros((), dtype=u.dtype, device=u.device)
        count = 0
        for j, there in enumerate(u):
            dx, dy = here[0] - there[0], here[1] - there[1]
            if torch.hypot(dx, dy) > radius:
                continue
            cos, sin = there[2].cos(), there[2].sin()
            turn = torch.remainder(here[2] - there[2] + torch.pi, 2 * torch.pi) - torch.pi
            seen = torch.stack([cos * dx + sin * dy, cos * dy - sin * dx, turn])
            total = total + k(seen) * f[j]
            count += 1
        found.append(total / count)
    return torch.stack(found)
