"""Spans of matrices: the angles between two, and whether one is a Lie algebra."""

from __future__ import annotations

import torch
from torch import Tensor

from utils._checks import check_finite

__all__ = ["bracket_defect", "closes_under_brackets", "principal_cosines"]


def principal_cosines(found: Tensor, known: Tensor) -> Tensor:
    """Return the cosines of the principal angles between two spans of matrices, descending.

    All are 1 if the smaller span lies in the larger; for two matrices it is the cosine of the angle
    between them, without its sign. Products are sums over entries.

    Parameters
    ----------
    found, known : torch.Tensor
        Shapes ``(k, ...)`` and ``(l, ...)``: linearly independent matrices, or rows of anything.

    Returns
    -------
    torch.Tensor
        Shape ``(min(k, l),)``, ``float64``.

    Examples
    --------
    >>> plane, line = torch.eye(3)[:2], torch.tensor([[0.0, 1.0, 1.0]])
    >>> principal_cosines(plane, line)
    tensor([0.7071], dtype=torch.float64)
    """
    first, second = _span(found, "found"), _span(known, "known")
    if first.shape[0] != second.shape[0]:
        raise ValueError(
            f"Both spans lie in one space, but found has {first.shape[0]} entries a row and known "
            f"{second.shape[0]}."
        )
    return torch.linalg.svdvals(first.T @ second).clamp(max=1.0)


def bracket_defect(matrices: Tensor) -> float:
    r"""Return how far the brackets of matrices leave their span: 0 for a Lie algebra, at most 1.

    For an orthonormal basis :math:`Q_1, \dots, Q_k` of the span it is the root mean square, over
    pairs, of the part of :math:`[Q_i, Q_j] / \sqrt 2` orthogonal to the span. It does not depend on
    the basis, and no bracket of matrices of size 1 is larger than :math:`\sqrt 2`. A single matrix
    always closes.

    Parameters
    ----------
    matrices : torch.Tensor
        Shape ``(k, d, d)``, or ``(k, d, d + 1)`` for affine fields :math:`(A \mid b)`.

    Examples
    --------
    Turns about two axes of space do not close; with the third they do:

    >>> turns = torch.zeros(3, 3, 3)
    >>> for axis, (i, j) in enumerate([(1, 2), (2, 0), (0, 1)]):
    ...     turns[axis, i, j], turns[axis, j, i] = -1, 1
    >>> round(bracket_defect(turns[:2]), 6), round(bracket_defect(turns), 6)
    (0.5, 0.0)
    """
    square = _square(matrices)
    span = _span(square, "matrices")
    count, size = span.shape[1], square.shape[1]
    if count == 1:
        return 0.0
    basis = span.T.reshape(count, size, size)
    products = torch.einsum("iab,jbc->ijac", basis, basis)
    i, j = torch.triu_indices(count, count, offset=1)
    brackets = (products - products.transpose(0, 1))[i, j].flatten(1)
    outside = brackets - (brackets @ span) @ span.T
    return float((outside.square().sum(dim=1).mean() / 2).sqrt())


def closes_under_brackets(matrices: Tensor, tolerance: float = 1e-6) -> bool:
    """Tell whether the span of matrices holds their brackets, as a Lie algebra does.

    It does if :func:`bracket_defect` is at most ``tolerance``; what is found in a trained network
    closes roughly, and its defect says how roughly.

    Examples
    --------
    >>> upper, lower = torch.eye(4).reshape(4, 2, 2)[1:3]
    >>> closes_under_brackets(torch.stack([upper, lower]))  # their bracket is diagonal
    False
    >>> closes_under_brackets(torch.stack([upper, lower, upper @ lower - lower @ upper]))
    True
    """
    return bracket_defect(matrices) <= tolerance


def checked_basis(basis: Tensor) -> Tensor:
    """Return matrices of shape ``(G, d, d)`` or ``(G, d, d + 1)`` in ``float64``."""
    if not isinstance(basis, Tensor):
        raise TypeError(f"The basis must be a torch.Tensor, but it is a {type(basis).__name__}.")
    check_finite(basis, "The basis")
    if basis.ndim != 3 or basis.shape[2] - basis.shape[1] not in (0, 1):
        raise ValueError(
            f"The basis has shape (G, d, d), or (G, d, d + 1) for affine fields, but its shape is "
            f"{tuple(basis.shape)}."
        )
    return basis.detach().double().cpu()


def _square(matrices: Tensor) -> Tensor:
    """Return matrices, those of affine fields with a last row of zeros."""
    found = checked_basis(matrices)
    short = found.shape[2] - found.shape[1]
    return torch.nn.functional.pad(found, (0, 0, 0, short))


def _span(rows: Tensor, what: str) -> Tensor:
    """Return an orthonormal basis of a span, as columns, or refuse rows that depend."""
    if not isinstance(rows, Tensor) or rows.ndim < 2:
        raise ValueError(f"{what} is a tensor of shape (k, ...) with at least two axes.")
    flat = check_finite(rows, what).detach().double().cpu().flatten(1)
    sizes = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    left, values, _ = torch.linalg.svd((flat / sizes.clamp(min=1e-300)).T, full_matrices=False)
    if len(flat) > flat.shape[1] or not sizes.all() or values[-1] <= 1e-6 * values[0]:
        raise ValueError(f"The rows of {what} are linearly dependent; leave some out.")
    return left
