"""Lie derivatives of a map f along the generators A on inputs and B on outputs."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

Map = Callable[[Tensor], Tensor]


def by_jacobian(f: Map, x: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """Contract the whole Jacobian with the direction."""
    moved = torch.einsum("ij,bj->bi", A, x)
    J = torch.autograd.functional.jacobian(f, x)
    pushed = torch.einsum("beci,ci->be", J, moved)
    return pushed - torch.einsum("ij,bj->bi", B, f(x))


def by_dual_numbers(f: Map, x: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """Give the points a tangent, and read that of the values."""
    with forward_ad.dual_level():
        y = f(forward_ad.make_dual(x, x @ A.T))
        value, tangent = forward_ad.unpack_dual(y)
    pushed = torch.zeros_like(value) if tangent is None else tangent
    return pushed - value @ B.T


def by_transformations(f: Map, x: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """Differentiate the map that is moved there and back, at time zero."""
    zero = torch.zeros((), dtype=x.dtype)

    def moved(t: Tensor) -> Tensor:
        there = x + t * (A @ x.T).T
        return f(there) - t * (B @ f(x).T).T

    return torch.autograd.functional.jvp(moved, zero, torch.ones_like(zero))[1]
