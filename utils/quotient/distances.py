"""Exact quotient distances: of paired codes, and between all pairs of two batches."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from utils._checks import check_choice
from utils._precision import full_precision
from utils.groups import Action, CyclicShifts, PointPermutations
from utils.quotient._checks import broadcast, check_pair, only_auto
from utils.quotient._norms import all_distances, ordered, settled
from utils.quotient.matching import copies, nearest

__all__ = ["pairwise", "quotient_distance", "quotient_distance_matrix"]

_METHODS = ("auto", "matmul", "fft")

_CANCELLATION = 1e-5
"""Squared distances below this share of the squared norms are computed again, directly."""

_FFT_FROM = 8
"""The order of C_n from which correlations by Fourier transform beat one product per shift."""

_TILE_BYTES, _TILE_CODES = 4 * 2**20, 512
"""Spectra of pairs are taken in tiles that stay in the cache, of so many codes of one batch."""

_TILE_ROWS = 64
"""The fewest codes of the other batch in a tile, below which matrix products are slow."""


@full_precision
def quotient_distance(x: torch.Tensor, y: torch.Tensor, action: Action) -> torch.Tensor:
    r"""Return the quotient distance of paired codes, :math:`\min_g \lVert x_b - g\,y_b \rVert`.

    The minimum is exact: over all elements by trying them, over all permutations of numbers by
    sorting, over all permutations of points by the Hungarian method. Each candidate is compared
    by the norm of the difference itself. Codes have one shape ``(B, ...)``, distances ``(B,)``; a
    batch of one is compared with every member of the other batch.

    Examples
    --------
    >>> code = torch.tensor([[3.0, 1.0, 0.0, 0.0]])
    >>> quotient_distance(code, code.roll(2, -1) + 1, CyclicShifts(4))
    tensor([2.])
    """
    check_pair(x, y, action, "x y")
    x, y = broadcast(x, y)
    return nearest(action, x, y)[0].to(x.dtype)


@full_precision
def quotient_distance_matrix(
    x: torch.Tensor,
    y: torch.Tensor,
    action: Action,
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

    Other actions form differences, or products of rows about their mean where these do not cancel;
    the relative error stays below :math:`10^{-12}`.

    Parameters
    ----------
    x, y : torch.Tensor
        Codes of shape ``(A, ...)`` and ``(B, ...)``; the distances have shape ``(A, B)``.
    action : Action
        The action, by isometries.
    method : str
        For C_n ``"matmul"``, ``"fft"`` or ``"auto"``, which takes the second from order 8 on,
        where it was measured to be faster; for the other actions only ``"auto"``.
    max_bytes : int
        A bound on the working memory for pairs, beyond codes and result; at least one megabyte.

    Examples
    --------
    >>> numbers = torch.tensor([[1.0, 2.0], [5.0, 1.0]])
    >>> quotient_distance_matrix(numbers, numbers, PointPermutations(2)).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    check_pair(x, y, action, "x y")
    if max_bytes < 1 << 20:
        raise ValueError(f"max_bytes must be at least one megabyte, but it is {max_bytes}.")
    return pairwise(action, x, y, check_choice(method, "The method", _METHODS), max_bytes)


@functools.singledispatch
def pairwise(
    action: Action, x: torch.Tensor, y: torch.Tensor, method: str, max_bytes: int
) -> torch.Tensor:
    """Return all quotient distances, as :func:`quotient_distance_matrix` does, without checks.

    The definition moves ``y`` by every element; a faster road for an action of your own is
    registered with ``@pairwise.register``.

    Examples
    --------
    >>> numbers = torch.tensor([[1.0, 2.0], [5.0, 1.0]])
    >>> pairwise(CyclicShifts(2).representation(), numbers, numbers, "auto", 2**20).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    only_auto(action, method)
    return _smallest(x, [copy.flatten(1) for copy in copies(action, y.double())], max_bytes)


@pairwise.register
def _(
    action: PointPermutations, x: torch.Tensor, y: torch.Tensor, method: str, max_bytes: int
) -> torch.Tensor:
    """Compare sorted numbers, and match points block by block of pairs."""
    only_auto(action, method)
    y = y.double()
    if x[0].numel() == action.degree:  # numbers, or points on a line
        return _smallest(ordered(x.flatten(1)), [ordered(y.flatten(1))], max_bytes)
    result = x.new_empty(len(x), len(y))
    n, d = x.shape[1:]
    # For each pair its costs, its matches, and five times as many numbers as a code has.
    pairs = _fitting(max_bytes, 8 * n * (n + 5 * d + 2))
    columns = min(len(y), pairs)
    rows = pairs // columns
    for i in range(0, len(x), rows):
        for j in range(0, len(y), columns):
            a, b = x[i : i + rows], y[j : j + columns]
            left, right = a.repeat_interleave(len(b), dim=0), b.repeat(len(a), 1, 1)
            distance = nearest(action, left, right)[0]
            result[i : i + rows, j : j + columns] = distance.reshape(len(a), len(b))
    return result


@pairwise.register
def _(
    action: CyclicShifts, x: torch.Tensor, y: torch.Tensor, method: str, max_bytes: int
) -> torch.Tensor:
    """Find the distances of shifted codes from their correlations."""
    n = action.degree
    spectral = n >= _FFT_FROM if method == "auto" else method == "fft"
    result = x.new_empty(len(x), len(y))
    x, y = x.double().reshape(len(x), -1, n), y.double().reshape(len(y), -1, n)
    columns = _TILE_CODES if spectral else len(y)
    x_norms, y_norms = (codes.flatten(1).square().sum(dim=1) for codes in (x, y))
    for left in range(0, len(y), columns):
        part = y[left : left + columns]
        largest_correlation = (_by_frequencies if spectral else _by_shifts)(x, part)
        # Some numbers for each pair, in the spectral form for each pair, shift and frequency.
        one = 8 * len(part) * (2 * n + 6 if spectral else 10)
        rows = _fitting(max_bytes, one)
        if spectral:
            rows = min(rows, max(_TILE_ROWS, _fitting(_TILE_BYTES, one)))
        for top in range(0, len(x), rows):
            block = x[top : top + rows]
            norms = x_norms[top : top + rows, None] + y_norms[left : left + columns]
            squared = torch.add(norms, largest_correlation(slice(top, top + rows)), alpha=-2)
            close = torch.nonzero(squared <= _CANCELLATION * norms)
            squared[close.unbind(dim=1)] = 1.0  # what cancels is computed again below
            result[top : top + rows, left : left + columns] = squared.sqrt()
            for pairs in close.split(_fitting(max_bytes, 128 * block.shape[1] * n)):
                a, b = pairs.unbind(dim=1)
                again = nearest(action, block[a], part[b])[0]
                result[top + a, left + b] = again.to(result.dtype)
    return result


def _fitting(max_bytes: int, bytes_of_one: int) -> int:
    """Return how many at a time fit into the memory; one at least."""
    return max(1, max_bytes // bytes_of_one)


def _smallest(x: torch.Tensor, moved: list[torch.Tensor], max_bytes: int) -> torch.Tensor:
    """Return the smallest Euclidean distance from each row of ``x`` over moved ``y``."""

    def block_of(block: torch.Tensor) -> torch.Tensor:
        """Return the distances from some rows."""
        rows = block.double().flatten(1)
        least = functools.reduce(torch.minimum, (all_distances(rows, copy) for copy in moved))
        if least.requires_grad:
            size = torch.linalg.vector_norm(rows.detach(), dim=1)[:, None]
            least = settled(least, size, x.dtype)
        return least.to(x.dtype)

    # Five numbers for each pair are alive while the minimum is taken.
    rows = _fitting(max_bytes, 40 * len(moved[0]))
    if rows >= len(x):
        return block_of(x)
    result = x.new_empty(len(x), len(moved[0]))
    for start in range(0, len(x), rows):
        result[start : start + rows] = block_of(x[start : start + rows])
    return result


def _by_shifts(x: torch.Tensor, y: torch.Tensor) -> Callable[[slice], torch.Tensor]:
    """Return the largest correlations of some rows with ``y``, one matrix product a shift."""

    def largest(rows: slice) -> torch.Tensor:
        """Return the largest correlation over all shifts, for every pair."""
        shifted = (torch.roll(y, r, dims=-1).flatten(1) for r in range(y.shape[-1]))
        return functools.reduce(torch.maximum, (x[rows].flatten(1) @ copy.T for copy in shifted))

    return largest


def _by_frequencies(x: torch.Tensor, y: torch.Tensor) -> Callable[[slice], torch.Tensor]:
    """Return the same function, one matrix product a frequency.

    The transform back is a matrix product too, which is faster than many short transforms.
    """
    n = y.shape[-1]
    spectrum = torch.fft.rfft(y).permute(2, 1, 0).conj()
    parts = torch.cat([spectrum.real, spectrum.imag], dim=1).repeat(2, 1, 1)
    spectrum = torch.fft.rfft(x).permute(2, 0, 1)
    real, imaginary = spectrum.real, spectrum.imag
    pairs = ([real, -imaginary], [imaginary, real])
    own = torch.cat([torch.cat(pair, dim=2) for pair in pairs]).contiguous()
    unit = torch.eye(n // 2 + 1, dtype=torch.complex128, device=y.device)
    back = torch.fft.irfft(torch.cat([unit, 1j * unit]), n=n).T.contiguous()

    def largest(rows: slice) -> torch.Tensor:
        """Return the largest correlation over all shifts, for every pair."""
        products = torch.bmm(own[:, rows].contiguous(), parts)
        return (back @ products.flatten(1)).amax(dim=0).reshape(products.shape[1:])

    return largest
