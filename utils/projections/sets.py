"""Projections for S_n, permuting numbers ``(B, n)`` or points ``(B, n, d)``."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.groups import PointPermutations
from utils.projections._declared import Codes, DrawnCodes, declared, draw

__all__ = ["power_sums", "sort_projection", "sorted_random_projections"]


def _numbers(points: int) -> Codes:
    """S_n permutes ``n`` numbers."""
    points = check_whole(points, "The number of points")
    return Codes(PointPermutations(points), (points,))


def _lines(points: int, dimension: int, directions: int, *, seed: int = 0) -> DrawnCodes:
    """S_n permutes ``n`` points in ``d`` dimensions, seen on random lines."""
    points = check_whole(points, "The number of points")
    dimension = check_whole(dimension, "The number of dimensions")
    directions = check_whole(directions, "The number of directions")
    weights = draw((directions, dimension), seed)
    return DrawnCodes(PointPermutations(points), (points, dimension), weights)


@declared("sort", _numbers, complete=True, isometric=True, bounds=(1.0, 1.0))
def sort_projection(z: Tensor) -> Tensor:
    r"""Return the sorted numbers: an isometric cross section of :math:`\mathbb{R}^n / S_n`.

    By the rearrangement inequality no permutation brings two lists of numbers closer together
    than sorting both.

    Examples
    --------
    >>> sort_projection(points=3)(torch.tensor([[2.0, 3.0, 1.0]]))
    tensor([[1., 2., 3.]])
    """
    return z.sort().values


@declared(
    "power sums",
    _numbers,
    complete=True,
    isometric=lambda codes: codes.dimension == 1,
    bounds=lambda codes: (1.0, 1.0) if codes.dimension == 1 else (0.0, math.inf),
)
def power_sums(z: Tensor) -> Tensor:
    r"""Return the sums of powers :math:`\sum_i z_i^j` for :math:`j = 1, \dots, n`.

    By Newton's identities they determine the polynomial with the roots :math:`z_i`, and so the
    numbers up to their order: the map is complete. It is smooth, but no multiple of the
    distance bounds it, and close to equal numbers it is nearly flat. For ``n = 1`` it is the number
    itself, an isometry.

    Examples
    --------
    >>> power_sums(points=3)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[ 6., 14., 36.]])
    """
    powers = itertools.accumulate([z] * z.shape[1], torch.mul)
    return torch.stack([power.sum(dim=1) for power in powers], dim=1)


def _enough_directions(codes: DrawnCodes) -> bool | None:
    (points, dimension), directions = codes.shape, len(codes.weights)
    if directions >= (dimension - 1) * points + 1:
        return True
    return False if directions < dimension or points >= 2 ** (directions - 1) else None


def _line_bounds(codes: DrawnCodes) -> tuple[float, float]:
    norm = float(torch.linalg.matrix_norm(codes.weights, ord=2))
    return norm if codes.shape[1] == 1 else 0.0, norm


@declared(
    "sorted random projections",
    _lines,
    made_once=lambda codes: codes.weights,
    complete=_enough_directions,
    bounds=_line_bounds,
    source="Balan, Haghani and Singh (2022); Dym and Gortler (2022)",
)
def sorted_random_projections(z: Tensor, weights: Tensor) -> Tensor:
    r"""Return the point set projected on random lines, sorted on each: ``sort(Z A)``.

    Sorting is isometric for every column, so that the Lipschitz constant is the spectral norm of
    :math:`A \in \mathbb{R}^{d \times m}`. With :math:`m \ge (d - 1) n + 1` directions, any
    :math:`d` of which are independent, the map is complete: were a point :math:`x` of one set
    missing from the other, each direction would need some :math:`y` of the other with the same
    projection, one :math:`y` would serve :math:`d` of the directions, and then :math:`y = x`.
    For numbers, :math:`d = 1`, the map is a multiple of an isometry.
    With fewer directions than :math:`d` a set can be moved unseen. With :math:`m` directions and
    at least :math:`2^{m-1}` points in :math:`d \ge 2` dimensions it is not complete either: take
    :math:`v_j` perpendicular to direction :math:`j`, and the sums :math:`\sum_j \epsilon_j v_j`
    over :math:`\epsilon \in \{0, 1\}^m`, the even ones in one set and the odd ones in the other.
    There are ``m * n`` outputs, and the ``weights`` have the shape ``(m, d)``.

    Examples
    --------
    >>> s = sorted_random_projections(points=2, dimension=2, directions=3)
    >>> z = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> torch.equal(s(z), s(z.flip(1))), s.complete
    (True, True)
    """
    lines = z @ weights.to(z).T
    return lines.sort(dim=1).values.transpose(1, 2).flatten(1)
