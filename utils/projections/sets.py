"""Projections for S_n, permuting numbers ``(B, n)`` or points ``(B, n, d)``."""

from __future__ import annotations

import itertools
import math

import torch

from utils.groups import PointPermutations
from utils.projections._shared import draw, positive
from utils.projections.base import InvariantProjection

__all__ = [
    "power_sums",
    "sort_projection",
    "sorted_random_projections",
]


def sort_projection(points: int) -> InvariantProjection:
    r"""Return the sorted numbers: an isometric cross section of :math:`\mathbb{R}^n / S_n`.

    By the rearrangement inequality no permutation brings two lists of numbers closer together
    than sorting both.

    Parameters
    ----------
    points : int
        The number ``n`` of numbers.

    Returns
    -------
    InvariantProjection
        From ``(B, n)`` to ``(B, n)``.

    Raises
    ------
    ValueError
        If there is no point.
    TypeError
        If ``points`` is not an integer.
    """
    positive(points, "points")
    return InvariantProjection(
        "sort",
        PointPermutations(points),
        (points,),
        points,
        lambda z: z.sort().values,
        invariant=True,
        continuous=True,
        complete=True,
        isometric=True,
        lipschitz_constant=1.0,
        lower_lipschitz_constant=1.0,
    )


def power_sums(points: int) -> InvariantProjection:
    r"""Return the sums of powers :math:`\sum_i z_i^j` for :math:`j = 1, \dots, n`.

    By Newton's identities they determine the polynomial with the roots :math:`z_i`, and so the
    numbers up to their order: the map is complete. It is smooth, but no multiple of the
    distance bounds it, and close to equal numbers it is nearly flat.

    Parameters
    ----------
    points : int
        The number ``n`` of numbers.

    Returns
    -------
    InvariantProjection
        From ``(B, n)`` to ``(B, n)``. For ``n = 1`` it is the number itself, an isometry.

    Raises
    ------
    ValueError
        If there is no point.
    TypeError
        If ``points`` is not an integer.
    """
    positive(points, "points")

    def function(z: torch.Tensor) -> torch.Tensor:
        """Sum the powers of the entries."""
        powers = itertools.accumulate([z] * points, torch.mul)
        return torch.stack([power.sum(dim=1) for power in powers], dim=1)

    single = points == 1
    return InvariantProjection(
        "power sums",
        PointPermutations(points),
        (points,),
        points,
        function,
        invariant=True,
        continuous=True,
        complete=True,
        isometric=single,
        lipschitz_constant=1.0 if single else math.inf,
        lower_lipschitz_constant=float(single),
    )


def sorted_random_projections(
    points: int, dimension: int, directions: int, *, seed: int = 0
) -> InvariantProjection:
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

    Parameters
    ----------
    points : int
        The number ``n`` of points.
    dimension : int
        The dimension ``d`` of a point.
    directions : int
        The number ``m`` of random directions.
    seed : int
        The seed of the Gaussian directions, of variance ``1 / m``.

    Returns
    -------
    InvariantProjection
        From ``(B, n, d)`` to ``(B, m * n)``; ``weights`` has shape ``(m, d)``.

    Raises
    ------
    ValueError
        If one of the numbers is smaller than 1.
    TypeError
        If one of them or the seed is not an integer.
    """
    positive(points, "points")
    positive(dimension, "dimensions")
    weights = draw((positive(directions, "directions"), dimension), seed)
    complete: bool | None = None
    if directions >= (dimension - 1) * points + 1:
        complete = True
    elif directions < dimension or points >= 2 ** (directions - 1):
        complete = False

    def function(z: torch.Tensor) -> torch.Tensor:
        """Sort the projections on every line."""
        lines = z @ weights.to(z).T
        return lines.sort(dim=1).values.transpose(1, 2).flatten(1)

    norm = float(torch.linalg.matrix_norm(weights, ord=2))
    return InvariantProjection(
        "sorted random projections",
        PointPermutations(points),
        (points, dimension),
        directions * points,
        function,
        invariant=True,
        continuous=True,
        complete=complete,
        isometric=False,
        lipschitz_constant=norm,
        lower_lipschitz_constant=norm if dimension == 1 else 0.0,
        weights=weights,
        source="Balan, Haghani and Singh (2022); Dym and Gortler (2022)",
    )
