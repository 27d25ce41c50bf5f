r"""The quotient Z/G as a metric space: orbits, the quotient distance, alignment, geodesics.

A group that acts on :math:`Z` by isometries makes the set of orbits a metric space,

.. math:: d_{Z/G}([x], [y]) = \min_{g \in G} \lVert x - g\,y \rVert .

Every function takes the action as an argument:

* :class:`~utils.groups.CyclicShifts`: C_n shifting ``k`` copies of its regular representation,
  codes of shape ``(B, k, n)``;
* :class:`~utils.groups.PointPermutations`: S_n permuting numbers, shape ``(B, n)``, where sorting
  finds the minimum, or points, shape ``(B, n, d)``, where the Hungarian method does;
* an orthogonal :class:`~utils.groups.Representation` of any finite group, where the minimum is
  taken by trying every element. It is slow, and the ground truth for the others.

Distances are computed in ``float64`` whatever the input, and returned in its type. Wherever two
codes are close, the difference of the aligned codes is formed before it is squared, so that a
distance near zero keeps its digits.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from utils.groups import CyclicShifts, GroupAction, PointPermutations, Representation

__all__ = [
    "Alignment",
    "align",
    "orbit",
    "quotient_distance",
    "quotient_distance_matrix",
    "quotient_geodesic",
]

_CANCELLATION = 1e-5
"""Squared distances below this share of the squared norms are computed again, directly."""

_FFT_FROM = 16
"""The order of C_n from which correlations by Fourier transform beat one product per shift."""

_MOST_POINTS = 7
"""The most points whose orbit is listed; it has 7! = 5040 members."""


@dataclass(frozen=True)
class Alignment:
    """The best copies of a batch of codes, seen from a reference.

    Attributes
    ----------
    aligned : torch.Tensor
        ``g x`` for the best ``g`` of each member, of the shape of ``x``.
    elements : torch.Tensor
        The group elements: integers of shape ``(B,)``, or permutations of shape ``(B, n)``; they
        are what ``action.act`` takes. Among equally good elements of a listed group the smallest
        is chosen.
    distance : torch.Tensor
        Shape ``(B,)``: the quotient distance to the reference.
    """

    aligned: torch.Tensor
    elements: torch.Tensor
    distance: torch.Tensor


# --------------------------------------------------------------------------------------------
# Checks
# --------------------------------------------------------------------------------------------


def _check_kind(action: GroupAction) -> None:
    if not isinstance(action, Representation | CyclicShifts | PointPermutations):
        raise TypeError(
            f"The action is CyclicShifts(n), PointPermutations(n) or a Representation, but it is "
            f"a {type(action).__name__}."
        )


def _check_action(action: GroupAction) -> None:
    _check_kind(action)
    if isinstance(action, Representation) and not action.is_orthogonal:
        raise ValueError(
            f"The quotient distance needs a group of isometries, but {action.name} of "
            f"{action.group.name} has matrices that are not orthogonal."
        )


def _check_batch(x: torch.Tensor, action: GroupAction, name: str) -> None:
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, but it is a {type(x).__name__}.")
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be float32 or float64, but it is {x.dtype}; convert it.")
    if isinstance(action, Representation):
        if x.ndim < 2 or x.shape[-1] != action.dimension:
            raise ValueError(
                f"{name} must have shape (B, ..., {action.dimension}) for {action.name} of "
                f"{action.group.name}, but it has shape {tuple(x.shape)}."
            )
    else:
        action.check_shape(x)
    if x.numel() == 0:
        raise ValueError(f"{name} is empty, shape {tuple(x.shape)}; give at least one code.")
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} holds NaN or infinite values; remove them first.")


def _check_pair(x: torch.Tensor, y: torch.Tensor, action: GroupAction, names: str) -> None:
    _check_action(action)
    first, second = names.split()
    _check_batch(x, action, first)
    _check_batch(y, action, second)
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"The codes in {first} and {second} must have one shape, but they have "
            f"{tuple(x.shape[1:])} and {tuple(y.shape[1:])}."
        )
    if x.dtype != y.dtype:
        raise TypeError(f"{first} is {x.dtype} and {second} is {y.dtype}; convert one of them.")


def _check_memory(max_bytes: int) -> None:
    if max_bytes < 1 << 20:
        raise ValueError(f"max_bytes must be at least one megabyte, but it is {max_bytes}.")


# --------------------------------------------------------------------------------------------
# Orbits
# --------------------------------------------------------------------------------------------


def orbit(x: torch.Tensor, action: GroupAction) -> torch.Tensor:
    """Move every code by every group element.

    Parameters
    ----------
    x : torch.Tensor
        Codes of shape ``(B, ...)``.
    action : GroupAction
        The action; points are permuted for at most 7 of them.

    Returns
    -------
    torch.Tensor
        Shape ``(B, |G|, ...)``, the elements in the order of the group; permutations are in
        lexicographic order. Repetitions are kept.

    Raises
    ------
    ValueError
        If the shape does not fit, the batch is empty or not finite, or the group is too large.
    TypeError
        If ``x`` is not a float32 or float64 tensor.
    """
    _check_kind(action)
    _check_batch(x, action, "x")
    if isinstance(action, PointPermutations):
        if action.degree > _MOST_POINTS:
            raise ValueError(
                f"The orbit under {action.name} has {action.order} members, too many to list; use "
                f"quotient_distance or align, which do not list them."
            )
        permutations = itertools.permutations(range(action.degree))
        return torch.stack([action.act(torch.tensor(p), x) for p in permutations], dim=1)
    return torch.stack([action.act(g, x) for g in range(action.order)], dim=1)


# --------------------------------------------------------------------------------------------
# Distances between paired codes, and alignment
# --------------------------------------------------------------------------------------------


def quotient_distance(x: torch.Tensor, y: torch.Tensor, action: GroupAction) -> torch.Tensor:
    r"""Return the quotient distance of paired codes, :math:`\min_g \lVert x_b - g\,y_b \rVert`.

    The minimum is exact: over all shifts or all matrices by trying them, over all permutations
    of numbers by sorting, over all permutations of points by the Hungarian method. Each
    candidate is compared by the norm of the difference itself.

    Parameters
    ----------
    x, y : torch.Tensor
        Codes of one shape ``(B, ...)``; a batch of one is compared with every member of the
        other batch.
    action : GroupAction
        The action.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``, of the type of ``x``.

    Raises
    ------
    ValueError
        If shapes do not fit, a batch is empty or not finite, or the action is not isometric.
    TypeError
        If the codes are not both float32 or both float64 tensors.
    """
    _check_pair(x, y, action, "x y")
    x, y = _broadcast(x, y)
    return _paired(x, y, action)[0].to(x.dtype)


def align(x: torch.Tensor, reference: torch.Tensor, action: GroupAction) -> Alignment:
    r"""Move every code as close to its reference as the group allows.

    Parameters
    ----------
    x : torch.Tensor
        Codes of shape ``(B, ...)``.
    reference : torch.Tensor
        One reference for each code, or a batch of one for all of them.
    action : GroupAction
        The action.

    Returns
    -------
    Alignment
        The moved codes :math:`g_b x_b`, the elements :math:`g_b` and the distances.

    Raises
    ------
    ValueError
        If shapes do not fit, a batch is empty or not finite, or the action is not isometric.
    TypeError
        If the codes are not both float32 or both float64 tensors.
    """
    _check_pair(x, reference, action, "x reference")
    if len(reference) not in (1, len(x)):
        raise ValueError(
            f"There must be one reference, or one for each of the {len(x)} codes, but there are "
            f"{len(reference)}."
        )
    distance, elements = _paired(reference.expand_as(x), x, action)
    return Alignment(action.act(elements, x), elements, distance.to(x.dtype))


def quotient_geodesic(
    x: torch.Tensor,
    y: torch.Tensor,
    action: GroupAction,
    times: torch.Tensor | Sequence[float],
) -> torch.Tensor:
    r"""Walk along a shortest path from the orbit of ``x`` to the orbit of ``y``.

    The path is the image of the straight line from ``x`` to the nearest copy of ``y``. It has
    constant speed: :math:`d_{Z/G}(\gamma(s), \gamma(t)) = |s - t|\, d_{Z/G}(x, y)`.

    Parameters
    ----------
    x, y : torch.Tensor
        Codes of one shape ``(B, ...)``.
    action : GroupAction
        The action.
    times : torch.Tensor or sequence of float
        Times between 0 (at ``x``) and 1 (at the orbit of ``y``).

    Returns
    -------
    torch.Tensor
        Shape ``(T, B, ...)``: points of Z that stand for their orbits.

    Raises
    ------
    ValueError
        If shapes do not fit, a batch is empty or not finite, the action is not isometric, or a
        time lies outside the interval.
    TypeError
        If the codes are not both float32 or both float64 tensors.
    """
    _check_pair(x, y, action, "x y")
    t = torch.as_tensor(times, dtype=x.dtype, device=x.device)
    if t.ndim != 1 or t.numel() == 0 or not ((t >= 0) & (t <= 1)).all():
        raise ValueError(
            "The times must be a list of at least one number between 0 and 1; beyond the ends the "
            "straight line need not be a shortest path."
        )
    x, y = _broadcast(x, y)
    end = align(y, x, action).aligned
    return torch.lerp(x[None], end[None], t.reshape(-1, *[1] * x.ndim))


def _broadcast(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if len(x) != len(y) and 1 not in (len(x), len(y)):
        raise ValueError(
            f"x holds {len(x)} codes and y {len(y)}; pairs need as many in both, or "
            f"one in one of them. quotient_distance_matrix compares all with all."
        )
    size = max(len(x), len(y))
    return x.expand(size, *x.shape[1:]), y.expand(size, *y.shape[1:])


def _paired(
    x: torch.Tensor, y: torch.Tensor, action: GroupAction
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ``float64`` distances and the elements ``g`` that bring ``y`` closest to ``x``."""
    y = y.double()  # and with it every difference from x
    if isinstance(action, PointPermutations):
        return _paired_numbers(x, y) if x.ndim == 2 else _paired_points(x, y)
    squared = [(x - action.act(g, y)).square().flatten(1).sum(dim=1) for g in range(action.order)]
    best, element = torch.stack(squared).min(dim=0)
    return best.sqrt(), element


def _paired_numbers(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sorting solves the assignment of numbers: the rearrangement inequality."""
    (ordered_x, places), (ordered_y, order) = (batch.sort(stable=True) for batch in (x, y))
    distance = torch.linalg.vector_norm(ordered_x - ordered_y, dim=1)
    # The j-th smallest number of y, at order[j], goes to the place of the j-th smallest of x.
    return distance, torch.empty_like(order).scatter_(1, order, places)


def _paired_points(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Match the points of each pair of sets by the Hungarian method."""
    matches = _assign(_costs(x.double(), y))
    matched = torch.gather(y, 1, matches[:, :, None].expand(y.shape))
    distance = (x - matched).square().flatten(1).sum(dim=1).sqrt()
    # Point matches[i] of y goes to place i: the permutation is the inverse of the matching.
    return distance, matches.argsort()


@torch.no_grad()
def _costs(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the squared distances ``(B, n, n)`` between the points of each pair of sets."""
    # From differences, not from scalar products: near-equal sets must not be told apart by
    # rounding alone. The differences themselves, d times as many numbers, are never held.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square_()


def _assign(costs: torch.Tensor) -> torch.Tensor:
    """Return for each cost matrix ``(n, n)`` of a batch the column assigned to each row."""
    found = np.empty(costs.shape[:2], dtype=np.int64)
    for b, cost in enumerate(costs.detach().cpu().numpy()):
        found[b] = linear_sum_assignment(cost)[1]
    return torch.from_numpy(found).to(costs.device)


# --------------------------------------------------------------------------------------------
# Distances between all pairs
# --------------------------------------------------------------------------------------------


def quotient_distance_matrix(
    x: torch.Tensor,
    y: torch.Tensor,
    action: GroupAction,
    *,
    method: str = "auto",
    max_bytes: int = 256 * 2**20,
) -> torch.Tensor:
    r"""Return the quotient distance between every code in ``x`` and every code in ``y``.

    For C_n the distance comes from the largest circular cross-correlation,

    .. math::
       d(x, y)^2 = \lVert x \rVert^2 + \lVert y \rVert^2
                   - 2 \max_r \langle x, r\,y \rangle,

    over all shifts ``r`` by one matrix product for each (``"matmul"``) or by one for each
    frequency and a Fourier transform back (``"fft"``). The difference on the right cancels when
    the two codes are close. Its rounding error is about :math:`10^{-15}` of the squared norms, so
    every pair with :math:`d^2` below :math:`10^{-5}` of them is computed again from the
    difference of the aligned codes. What remains is a relative error below :math:`10^{-9}` for
    ``float64`` input and the rounding of the output for ``float32``.

    The other actions form differences directly and do not cancel.

    Parameters
    ----------
    x, y : torch.Tensor
        Codes of shape ``(A, ...)`` and ``(B, ...)``.
    action : GroupAction
        The action.
    method : str
        For C_n ``"matmul"``, ``"fft"`` or ``"auto"``, which takes the second from order 16 on,
        where it was measured to be faster; for the other actions only ``"auto"``.
    max_bytes : int
        A bound on the working memory for pairs, beyond codes and result; at least one megabyte.

    Returns
    -------
    torch.Tensor
        Shape ``(A, B)``, of the type of ``x``.

    Raises
    ------
    ValueError
        If shapes do not fit, a batch is empty or not finite, the action is not isometric, or
        the method is unknown.
    TypeError
        If the codes are not both float32 or both float64 tensors.
    """
    _check_pair(x, y, action, "x y")
    _check_memory(max_bytes)
    if method not in ("auto", "matmul", "fft"):
        raise ValueError(f"The method is 'auto', 'matmul' or 'fft', but it is {method!r}.")
    if method != "auto" and not isinstance(action, CyclicShifts):
        raise ValueError(f"The method {method!r} is for CyclicShifts only; leave it at 'auto'.")
    result = x.new_empty(len(x), len(y))
    if isinstance(action, CyclicShifts):
        _fill_cyclic(result, x, y.double(), method, action, max_bytes)
    elif isinstance(action, PointPermutations) and x.ndim == 3:
        _fill_points(result, x, y.double(), max_bytes)
    else:
        _fill_directly(result, x, y.double(), action, max_bytes)
    return result


def _fitting(max_bytes: int, bytes_of_one: int) -> int:
    """Return how many at a time fit into the memory; one at least."""
    return max(1, max_bytes // bytes_of_one)


def _fill_directly(
    result: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    action: Representation | PointPermutations,
    max_bytes: int,
) -> None:
    """Fill in Euclidean distances: of sorted numbers, or the smallest over the group."""
    if isinstance(action, PointPermutations):
        x, copies = x.sort().values, [y.sort().values]
    else:
        copies = [action.act(g, y).flatten(1) for g in range(action.order)]
    # Four numbers for each pair are alive while the minimum is taken.
    rows = _fitting(max_bytes, 32 * len(y))
    for start in range(0, len(x), rows):
        block = x[start : start + rows].double().flatten(1)
        # From differences, not from scalar products, so that nothing cancels.
        distances = (
            torch.cdist(block, copy, compute_mode="donot_use_mm_for_euclid_dist") for copy in copies
        )
        result[start : start + rows] = functools.reduce(torch.minimum, distances)


def _fill_points(result: torch.Tensor, x: torch.Tensor, y: torch.Tensor, max_bytes: int) -> None:
    """Fill in the distances of point sets, block by block of pairs."""
    n, d = x.shape[1:]
    # For each pair its costs, its matches, and five times as many numbers as a code has.
    pairs = _fitting(max_bytes, 8 * n * (n + 5 * d + 2))
    columns = min(len(y), pairs)
    rows = pairs // columns
    for i in range(0, len(x), rows):
        for j in range(0, len(y), columns):
            a, b = x[i : i + rows], y[j : j + columns]
            distance, _ = _paired_points(a.repeat_interleave(len(b), dim=0), b.repeat(len(a), 1, 1))
            result[i : i + rows, j : j + columns] = distance.reshape(len(a), len(b))


def _fill_cyclic(
    result: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    method: str,
    action: CyclicShifts,
    max_bytes: int,
) -> None:
    """Fill in the distances of shifted codes from their correlations."""
    n = action.degree
    spectral = n >= _FFT_FROM if method == "auto" else method == "fft"
    x, y = x.reshape(len(x), -1, n), y.reshape(len(y), -1, n)
    correlation = _SpectralCorrelation(y) if spectral else _ShiftCorrelation(y)
    # Some numbers for each pair, in the spectral form for each pair and shift.
    rows = _fitting(max_bytes, 80 * len(y) * (n if spectral else 1))
    y_norms = y.flatten(1).square().sum(dim=1)
    for start in range(0, len(x), rows):
        block = x[start : start + rows].double()
        norms = block.flatten(1).square().sum(dim=1)[:, None] + y_norms
        squared = norms - 2 * correlation.largest(block)
        close = torch.nonzero(squared <= _CANCELLATION * norms)
        # Rounding can make squares negative; these are close, and the NaN is overwritten.
        distance = squared.sqrt()
        for pairs in close.split(_fitting(max_bytes, 128 * block.shape[1] * n)):
            a, b = pairs.unbind(dim=1)
            distance[a, b] = _paired(block[a], y[b], action)[0]
        result[start : start + rows] = distance


class _ShiftCorrelation:
    """The largest correlation over all shifts, by one matrix product for each shift."""

    def __init__(self, y: torch.Tensor) -> None:
        self.y = y

    def largest(self, x: torch.Tensor) -> torch.Tensor:
        """Return the largest correlation over all shifts, for every pair."""
        products = (
            x.flatten(1) @ torch.roll(self.y, r, dims=-1).flatten(1).T
            for r in range(self.y.shape[-1])
        )
        return functools.reduce(torch.maximum, products)


class _SpectralCorrelation:
    """The largest correlation over all shifts, by one matrix product for each frequency.

    The transform back is a matrix product too, which is faster than many short transforms.
    """

    def __init__(self, y: torch.Tensor) -> None:
        self.degree = y.shape[-1]
        spectrum = torch.fft.rfft(y).permute(2, 1, 0).conj()
        self.y = torch.cat([spectrum.real, spectrum.imag], dim=1)
        unit = torch.eye(self.degree // 2 + 1, dtype=torch.complex128, device=y.device)
        back = torch.cat([unit, 1j * unit])
        self.back = torch.fft.irfft(back, n=self.degree).T

    def largest(self, x: torch.Tensor) -> torch.Tensor:
        """Return the largest correlation over all shifts, for every pair."""
        spectrum = torch.fft.rfft(x).permute(2, 0, 1)
        real, imaginary = spectrum.real, spectrum.imag
        products = torch.cat(
            [
                torch.cat([real, -imaginary], dim=2) @ self.y,
                torch.cat([imaginary, real], dim=2) @ self.y,
            ]
        )
        correlations = self.back @ products.flatten(1)
        return correlations.amax(dim=0).reshape(products.shape[1:])
