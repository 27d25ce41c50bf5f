"""Norms whose gradient is zero at zero, and not NaN; distances from differences."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch.autograd import forward_ad

_PRODUCTS_FROM, _ROWS = 9, 128
"""The length of rows from which products are faster than differences, and how many at a time."""

_CANCELS, _FEW = 1e-3, 1000
"""Squared distances below this share of the squared norms are computed again, from differences.
Where they are more than one in so many, all are."""


def root(squared: torch.Tensor) -> torch.Tensor:
    """Take square roots, whose gradient is zero at zero, as that of a norm is."""
    positive = squared > 0
    return squared.where(positive, 1.0).sqrt().where(positive, 0.0)


def norm_of_differences(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean distance of the members of two batches, in ``float64``."""
    return root((x.double() - y.double()).square().flatten(1).sum(dim=1))


def settled(distance: torch.Tensor, size: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Give distances that are only rounding, in codes of a norm and a type, the gradient zero.

    Codes of one orbit that went through a rotation lie 1e-16 apart, in a direction that means
    nothing.
    """
    if not distance.requires_grad:
        return distance
    return torch.where(distance > 8 * torch.finfo(dtype).eps * size, distance, distance.detach())


def ordered(x: torch.Tensor) -> torch.Tensor:
    """Sort the rows: by NumPy, or by PyTorch where somebody asks for derivatives."""
    if forward_ad.unpack_dual(x).tangent is None:
        with contextlib.suppress(RuntimeError, TypeError):  # what NumPy cannot hold
            return torch.from_numpy(np.sort(x.numpy(), axis=1))
    return x.sort().values


def all_distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean distances of all rows of ``x`` and ``y``, ``float64``.

    They come from differences, or from scalar products where these do not cancel, and may be
    differentiated forwards, backwards and again. Their relative error is below 1e-12.
    """
    return _Distances.apply(x, y)


def _distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Take SciPy's distances, or those of products where these are faster and do not cancel."""
    distances = _unfilled(len(x), len(y))
    done = _by_products(x, y, distances) if x.shape[1] >= _PRODUCTS_FROM else 0
    if done < len(x):
        cdist(x[done:].numpy(), y.numpy(), out=distances[done:].numpy())
    return distances


def _unfilled(rows: int, columns: int) -> torch.Tensor:
    """Return a tensor from NumPy, which asks the system for large pages: they are there sooner."""
    return torch.from_numpy(np.empty((rows, columns)))


def _by_products(x: torch.Tensor, y: torch.Tensor, distances: torch.Tensor) -> int:
    """Fill in distances from scalar products, until many cancel; return how many rows are done."""
    if not distances.numel():
        return 0
    middle = y.mean(dim=0)  # what all rows share goes before anything is squared
    x, y = x - middle, y - middle
    size, other = (rows.square().sum(dim=1) for rows in (x, y))
    largest, across = float(other.max()), y.T.contiguous()
    if not math.isfinite(2 * (largest + float(size.max()))):
        return 0
    for start in range(0, len(x), _ROWS):
        own = size[start : start + _ROWS, None]
        squared = distances[start : start + _ROWS]
        torch.addmm(other, x[start : start + _ROWS], across, alpha=-2, out=squared).add_(own)
        if float(squared.amin()) <= _CANCELS * (largest + float(own.max())):
            close = torch.nonzero(squared <= _CANCELS * (own + other))
            if len(close) > squared.numel() // _FEW:
                return start
            a, b = close.unbind(dim=1)
            squared[a, b] = (x[start + a] - y[b]).square().sum(dim=1)
        squared.sqrt_()
    return len(x)


class _Distances(torch.autograd.Function):
    """All distances; derivatives in the memory of the distances, since no difference is kept."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take SciPy's distances, on another device PyTorch's."""
        if x.device.type != "cpu":
            return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
        return _distances(x.detach(), y.detach())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        """Keep the rows."""
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pull along the unit vectors between the rows, about their mean, where less cancels."""
        x, y = (rows - ctx.saved_tensors[1].detach().mean(dim=0) for rows in ctx.saved_tensors)
        pull = slopes * _inverse(_Distances.apply(x, y))
        return (
            pull.sum(dim=1, keepdim=True) * x - pull @ y,
            pull.sum(dim=0)[:, None] * y - pull.T @ x,
        )

    @staticmethod
    def jvp(ctx: Any, moved_x: torch.Tensor, moved_y: torch.Tensor) -> torch.Tensor:
        """Move along the unit vectors between the rows."""
        x, y = (rows - ctx.saved_tensors[1].detach().mean(dim=0) for rows in ctx.saved_tensors)
        moved_x, moved_y = (
            torch.zeros_like(rows) if moved is None else moved
            for rows, moved in ((x, moved_x), (y, moved_y))
        )
        own = (x * moved_x).sum(dim=1)[:, None] + (y * moved_y).sum(dim=1)
        return (own - moved_x @ y.T - x @ moved_y.T) * _inverse(_Distances.apply(x, y))


def _inverse(distances: torch.Tensor) -> torch.Tensor:
    """Return one over distances, and 0 where they are 0."""
    return torch.where(distances > 0, 1 / distances.where(distances > 0, 1.0), 0.0)


def chosen(
    choose: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Return whole numbers that a function outside of PyTorch finds, without a derivative."""
    return _Chosen.apply(choose, x, y)


class _Chosen(torch.autograd.Function):
    """Show a function the values themselves, whatever PyTorch transforms."""

    @staticmethod
    def forward(choose: Callable, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        return choose(x.detach(), y.detach())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
        """Say that a choice has no derivative."""
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, slopes: torch.Tensor) -> tuple[None, None, None]:
        """Return no derivative."""
        return None, None, None

    @staticmethod
    def jvp(ctx: Any, *moved: torch.Tensor) -> None:
        """Return no derivative."""
