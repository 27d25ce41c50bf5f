r"""Which way up a cloud of points is: one canonical turn, four of a frame, or many with weights.

A function :math:`\phi` of clouds becomes invariant to rotations when each cloud is turned first,
:math:`\phi(R(x)\,x)`, if the canonical rotation follows the cloud,
:math:`R(gx) = R(x)\,g^{-1}` (Kaba, Mondal, Zhang, Bengio & Ravanbakhsh, "Equivariance with
Learned Canonicalization Functions", ICML 2023). A *frame* is a set of such rotations that follows
the cloud as a set, and :math:`\phi` is averaged over it (Puny et al., "Frame Averaging for
Invariant and Equivariant Network Design", ICLR 2022); here those of the principal axes. No
canonical rotation is continuous, and neither is any frame of finitely many rotations with equal
weights; weights that go to zero before a rotation ceases to be defined make the average
continuous (Dym, Lawrence & Siegel, "Equivariant Frames and the Impossibility of Continuous
Canonicalization", ICML 2024).

A cloud has shape ``(n, 3)``, a batch of them ``(B, n, 3)``. Which slots hold a point is a mask of
shape ``(B, n)``. All of it is about the mean of the points, and a function is given clouds whose
mean is the origin: translations are divided out in the same step, which tears nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from utils._checks import check_finite, check_float

__all__ = [
    "PrincipalAxes",
    "axis_frames",
    "canonical_rotations",
    "frame_average",
    "pair_frames",
    "principal_axes",
]

CloudFunction = Callable[[Tensor], Tensor]
"""From clouds ``(B, n, 3)`` to something whose first dimension is ``B``."""


class PrincipalAxes(NamedTuple):
    """Second moments of clouds along their principal axes.

    Attributes
    ----------
    moments : torch.Tensor
        Mean squares along the axes, the largest first, shape ``(B, 3)``.
    axes : torch.Tensor
        Unit vectors, one a row, shape ``(B, 3, 3)``. Their signs mean nothing.

    Examples
    --------
    >>> points = torch.diag(torch.tensor([2.0, 1.0, 0.5]))
    >>> points = torch.cat([points, -points])[None]
    >>> [round(x, 3) for x in principal_axes(points).moments[0].tolist()]
    [1.333, 0.333, 0.083]
    """

    moments: Tensor
    axes: Tensor

    @property
    def gaps(self) -> Tensor:
        """How close two moments come, as a share of the largest, shape ``(B,)``; 0 if equal."""
        parts = -self.moments.diff(dim=1)
        largest = self.moments[:, 0].clamp_min(torch.finfo(self.moments.dtype).tiny)
        return parts.min(1).values / largest


def principal_axes(points: Tensor, exists: Tensor | None = None) -> PrincipalAxes:
    """Return the principal axes of clouds about their means, and the moments along them.

    Parameters
    ----------
    points : torch.Tensor
        Shape ``(B, n, 3)``.
    exists : torch.Tensor, optional
        Which slots hold a point, shape ``(B, n)``, bool; all of them if omitted.

    Returns
    -------
    PrincipalAxes

    Examples
    --------
    >>> cloud = torch.tensor([[[0.0, 2, 0], [0, -2, 0], [1, 0, 0], [-1, 0, 0]]])
    >>> found = principal_axes(cloud)
    >>> found.moments.tolist(), found.axes.abs()[0, 0].tolist()
    ([[2.0, 0.5, 0.0]], [0.0, 1.0, 0.0])
    """
    centred, _ = _about_the_mean(points, exists)
    return _axes(centred, _counts(points, exists))


def canonical_rotations(points: Tensor, exists: Tensor | None = None) -> Tensor:
    r"""Return the rotation that brings each cloud into a pose of its own, right-handed.

    Its rows are the principal axes, the longest first. An axis points to the side where the third
    moment of the points along it is positive; the last one makes the rotation right-handed. A
    moment that vanishes, as that across a planar molecule, leaves the sign to rounding: this is
    so for the first two axes only, and it is one of the two places where the canonical pose
    jumps. The other is where two second moments cross.

    Parameters
    ----------
    points, exists
        As :func:`principal_axes` takes them.

    Returns
    -------
    torch.Tensor
        Shape ``(B, 3, 3)``: :math:`R(x)`, with :math:`R(x g^\top) = R(x) g^\top` for clouds whose
        moments differ.

    Examples
    --------
    >>> cloud = torch.tensor([[[3.0, 0, 0], [-1, 1, 0], [-1, 0, 0], [-1, -2, 0]]])
    >>> quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    >>> still, turned = canonical_rotations(torch.cat([cloud, cloud @ quarter.T]))
    >>> torch.allclose(cloud @ still.T, cloud @ quarter.T @ turned.T, atol=1e-5)
    True
    """
    centred, _ = _about_the_mean(points, exists)
    axes = _axes(centred, _counts(points, exists)).axes
    third = (centred @ axes.mT)[..., :2].pow(3).sum(1)
    signs = torch.where(third < 0, -1.0, 1.0).to(points.dtype)
    return _right_handed(axes[:, :2] * signs[..., None])


def axis_frames(points: Tensor, exists: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the frame of each cloud: its four right-handed choices of principal axes.

    Parameters
    ----------
    points, exists
        As :func:`principal_axes` takes them.

    Returns
    -------
    rotations : torch.Tensor
        Shape ``(B, 4, 3, 3)``, axes as rows.
    weights : torch.Tensor
        A quarter each, shape ``(B, 4)``.

    Examples
    --------
    >>> rotations, weights = axis_frames(torch.randn(2, 5, 3))
    >>> rotations.shape, weights.sum(1).tolist()
    (torch.Size([2, 4, 3, 3]), [1.0, 1.0])
    """
    centred, _ = _about_the_mean(points, exists)
    axes = _axes(centred, _counts(points, exists)).axes[:, None, :2]
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).to(points)
    rotations = _right_handed(axes * signs[None, :, :, None])
    return rotations, torch.full_like(rotations[..., 0, 0], 0.25)


def pair_frames(
    points: Tensor, exists: Tensor | None = None, *, power: float = 2.0
) -> tuple[Tensor, Tensor]:
    r"""Return a rotation for each ordered pair of points, with a weight that makes it continuous.

    The first row of the rotation of a pair points from the mean to the first point, the second
    row lies in the plane of both, by Gram and Schmidt. The weight is
    :math:`\lvert x_i \times x_j \rvert^p` over the sum of all these: it vanishes where the
    two do not span a plane and the rotation is not defined. In this way a weighted average over
    the pairs is continuous wherever the cloud does not lie on a line through its mean. This is
    the road by which Dym, Lawrence & Siegel (ICML 2024) show that weights mend what a frame of
    finitely many rotations cannot; the weights are ours. A cloud on a line is refused: no
    rotation about the line changes it.

    Parameters
    ----------
    points, exists
        As :func:`principal_axes` takes them.
    power : float
        :math:`p`, positive. Derivatives of the average exist from more than 1 on.

    Returns
    -------
    rotations : torch.Tensor
        Shape ``(B, n (n - 1), 3, 3)``, axes as rows; the identity for pairs of weight 0.
    weights : torch.Tensor
        Shape ``(B, n (n - 1))``; the sum over the pairs of a cloud is 1.

    Examples
    --------
    >>> rotations, weights = pair_frames(torch.randn(2, 5, 3, dtype=torch.float64))
    >>> rotations.shape, torch.allclose(weights.sum(1), torch.ones(2, dtype=torch.float64))
    (torch.Size([2, 20, 3, 3]), True)
    """
    if not power > 0:
        raise ValueError(f"The power is positive, but it is {power!r}.")
    centred, _ = _about_the_mean(points, exists)
    n = points.shape[1]
    first, second = (~torch.eye(n, dtype=torch.bool, device=points.device)).nonzero().unbind(1)
    a, b = centred[:, first], centred[:, second]
    normal = torch.linalg.cross(a, b)
    size = normal.norm(dim=-1)
    scale = centred.norm(dim=-1).amax(1)
    # What is nearer to a line than rounding has neither a direction nor a weight.
    noise = 8 * torch.finfo(points.dtype).eps * scale.square()[:, None]
    spans = size > noise
    if not bool(spans.any(1).all()):
        row = int((~spans.any(1)).nonzero()[0, 0])
        raise ValueError(
            f"The points of cloud {row} lie on a line, which any rotation about it leaves as it "
            f"is; leave such clouds out."
        )
    weights = torch.where(spans, size / scale.square()[:, None], 0).pow(power)
    weights = weights / weights.sum(1, keepdim=True)
    along = a / torch.where(spans, a.norm(dim=-1), 1)[..., None]
    across = normal / torch.where(spans, size, 1)[..., None]
    rotations = torch.stack([along, torch.linalg.cross(across, along), across], dim=-2)
    identity = torch.eye(3, dtype=points.dtype, device=points.device)
    return torch.where(spans[..., None, None], rotations, identity), weights


def frame_average(
    function: CloudFunction,
    points: Tensor,
    rotations: Tensor,
    weights: Tensor | None = None,
    exists: Tensor | None = None,
) -> Tensor:
    """Return the average of a function over the poses that a frame gives each cloud.

    Parameters
    ----------
    function : callable
        From clouds ``(B, n, 3)`` to values whose first dimension is ``B``. It is called once for
        each rotation of the frame, and always with the whole batch, so it may know which types
        the points have.
    points : torch.Tensor
        Shape ``(B, n, 3)``.
    rotations : torch.Tensor
        Shape ``(B, k, 3, 3)``, or ``(B, 3, 3)`` for one canonical rotation each.
    weights : torch.Tensor, optional
        Shape ``(B, k)``; equal ones if omitted.
    exists : torch.Tensor, optional
        Which slots hold a point, shape ``(B, n)``, bool; all of them if omitted.

    Returns
    -------
    torch.Tensor
        What the function returns, averaged.

    Examples
    --------
    >>> cloud = torch.randn(2, 6, 3, dtype=torch.float64)
    >>> frame_average(lambda x: x.pow(3).sum(1), cloud, *axis_frames(cloud)).shape
    torch.Size([2, 3])
    """
    centred, _ = _about_the_mean(points, exists)
    if rotations.ndim == 3:
        rotations = rotations[:, None]
    if rotations.ndim != 4 or len(rotations) != len(points) or rotations.shape[2:] != (3, 3):
        raise ValueError(
            f"rotations must have shape ({len(points)}, k, 3, 3), not {tuple(rotations.shape)}"
        )
    if weights is None:
        weights = torch.full_like(rotations[..., 0, 0], 1 / rotations.shape[1])
    if weights.shape != rotations.shape[:2]:
        raise ValueError(
            f"weights must have shape {tuple(rotations.shape[:2])}, one for each rotation, not "
            f"{tuple(weights.shape)}"
        )
    total: Tensor | None = None
    for turn, weight in zip(rotations.unbind(1), weights.unbind(1), strict=True):
        value = function(centred @ turn.mT)
        term = weight.reshape(-1, *(1,) * (value.ndim - 1)) * value
        total = term if total is None else total + term
    assert total is not None
    return total


# ---------------------------------------------------------------- what they share


def _counts(points: Tensor, exists: Tensor | None) -> Tensor:
    """Return how many points each cloud has, shape ``(B, 1)``."""
    if exists is None:
        return torch.full((len(points), 1), points.shape[1]).to(points)
    return exists.sum(1, keepdim=True).to(points)


def _about_the_mean(points: Tensor, exists: Tensor | None) -> tuple[Tensor, Tensor]:
    """Check clouds, and return them about their means, with 0 in empty slots, and the means."""
    check_finite(check_float(points, "The tensor of points"), "The tensor of points")
    if points.ndim != 3 or points.shape[-1] != 3:
        raise ValueError(f"points must have shape (B, n, 3), not {tuple(points.shape)}")
    if exists is None:
        mean = points.mean(1, keepdim=True)
        return points - mean, mean
    if exists.dtype != torch.bool or exists.shape != points.shape[:2]:
        raise ValueError(
            f"exists must be a mask of shape {tuple(points.shape[:2])}, not {exists.dtype} of "
            f"shape {tuple(exists.shape)}"
        )
    if not bool(exists.any(1).all()):
        raise ValueError("a cloud has at least one point, but one of them has none")
    shown = exists[..., None]
    kept = torch.where(shown, points, 0)
    mean = kept.sum(1, keepdim=True) / shown.sum(1, keepdim=True)
    return torch.where(shown, points - mean, 0), mean


def _axes(centred: Tensor, counts: Tensor) -> PrincipalAxes:
    """Return the principal axes of clouds whose means are the origin."""
    moments, vectors = torch.linalg.eigh(centred.mT @ centred / counts[..., None])
    return PrincipalAxes(moments.flip(1).clamp_min(0), vectors.flip(2).mT)


def _right_handed(two: Tensor) -> Tensor:
    """Complete two orthonormal rows to a rotation, ``(..., 2, 3)`` to ``(..., 3, 3)``."""
    third = torch.linalg.cross(two[..., 0, :], two[..., 1, :])
    return torch.cat([two, third[..., None, :]], dim=-2)
