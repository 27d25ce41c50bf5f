"""Penalties for maps of positions (B, n, 3) that do not turn and shift as their inputs do."""

from collections.abc import Callable

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


def by_products(f: Map, x: Tensor, q: Tensor, v: Tensor) -> Tensor:
    """Write the rotation with the axis, its cross product and its outer product."""
    q = q / q.square().sum(dim=1, keepdim=True).sqrt()
    w, axis = q[:, 0, None, None], q[:, 1:]
    i, j, k = axis.unbind(1)
    none = torch.zeros_like(i)
    cross = torch.stack([none, -k, j, k, none, -i, -j, i, none], 1).reshape(-1, 3, 3)
    outer = axis[:, :, None] * axis[:, None, :]
    identity = torch.eye(3, dtype=q.dtype, device=q.device)
    plain = w * w - (axis * axis).sum(dim=1)[:, None, None]
    R = plain * identity + 2 * outer + 2 * w * cross
    moved = torch.einsum("bij,bnj->bni", R, x) + v[:, None]
    wanted = torch.einsum("bij,bnj->bni", R, f(x)) + v[:, None]
    gap = f(moved) - wanted
    return (gap * gap).sum(dim=2).sum(dim=1).mean()


def by_angles(f: Map, x: Tensor, q: Tensor, v: Tensor) -> Tensor:
    """Turn by twice the angle of the quaternion, with the exponential of the axis."""
    angle = 2 * torch.atan2(q[:, 1:].norm(dim=1), q[:, 0])
    axis = q[:, 1:] / q[:, 1:].norm(dim=1, keepdim=True)
    turn = torch.zeros(len(q), 3, 3, dtype=q.dtype, device=q.device)
    turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0] = axis[:, 0], axis[:, 1], axis[:, 2]
    turn = turn - turn.mT
    R = torch.linalg.matrix_exp(angle[:, None, None] * turn)
    shift = v.unsqueeze(1)
    there = f(x @ R.mT + shift) - shift
    return (there @ R - f(x)).square().sum(dim=(1, 2)).mean()


def _turned(r: Tensor, a: Tensor) -> Tensor:
    r = r / r.norm()
    axis = r[1:].expand_as(a)
    once = torch.linalg.cross(axis, a)
    return a + 2 * r[0] * once + 2 * torch.linalg.cross(axis, once)


def state_by_state(f: Map, x: Tensor, q: Tensor, v: Tensor) -> Tensor:
    """Add up over states, each turned by two cross products."""
    moved = torch.stack([_turned(r, a) + s for a, r, s in zip(x, q, v, strict=True)])
    values = f(moved)
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for b, a in enumerate(f(x)):
        gap = values[b] - _turned(q[b], a) - v[b]
        total = total + gap.pow(2).sum()
    return total / len(x)
