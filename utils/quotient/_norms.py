"""Norms whose gradient is zero at zero, and not NaN; distances from differences."""

from __future__ import annotations

import torch
from scipy.spatial.distance import cdist
from torch.autograd import forward_ad


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


def all_distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean distances of all rows of ``x`` and ``y``, ``float64``.

    They come from differences, not from scalar products, so that nothing cancels: by SciPy, or by
    PyTorch where somebody asks for derivatives.
    """
    if any(
        one.requires_grad
        or one.device.type != "cpu"
        or forward_ad.unpack_dual(one).tangent is not None
        for one in (x, y)
    ):
        return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    distances = torch.empty(len(x), len(y), dtype=torch.float64)
    cdist(x.numpy(), y.numpy(), out=distances.numpy())
    return distances
