r"""How codes are moved: by shifts, or by matrices that are fitted to the codes of orbits.

A move takes codes ``(B, k, n)`` and the number of a group element to codes of the same shape. Three
are compared: shifts, which are an action whatever the network; the powers of one fitted matrix,
which are an action of the integers; and one fitted matrix for each element, which need not be an
action of anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from utils._checks import check_choice, check_finite, check_float, check_whole
from utils.groups import CyclicShifts

__all__ = [
    "Law",
    "Move",
    "fit_generator",
    "fit_maps",
    "group_defect",
    "move_by_matrices",
    "move_by_shifts",
    "places",
    "powers",
]

Move = Callable[[Tensor, int], Tensor]
"""Codes ``(B, k, n)`` and the number of a group element to codes of the same shape."""

Law = Literal["shift", "triple", "square", "still"]
"""By how many places the element k shifts: k, 3 k, k squared, or none."""


def places(law: Law, elements: int | Tensor, order: int) -> Tensor:
    """Return by how many places each element shifts the code, from 0 to ``n - 1``.

    ``shift`` and ``triple`` are homomorphisms of C_16, the second composed with an automorphism;
    ``still`` is the trivial one. ``square`` is none: 1 + 1 goes to 4 and not to 2.

    Parameters
    ----------
    law : {"shift", "triple", "square", "still"}
        The law.
    elements : int or torch.Tensor
        Numbers of group elements.
    order : int
        The ``n`` of C_n.

    Examples
    --------
    >>> places("square", torch.arange(6), order=16).tolist()
    [0, 1, 4, 9, 0, 9]
    """
    check_choice(law, "The law", get_args(Law))
    k = torch.as_tensor(elements)
    return {"shift": k, "triple": 3 * k, "square": k * k, "still": 0 * k}[law] % order


def move_by_shifts(order: int, law: Law = "shift") -> Move:
    """Return the move that shifts all copies of a code.

    Examples
    --------
    >>> move_by_shifts(4)(torch.tensor([[[3.0, 1.0, 0.0, 0.0]]]), 1)
    tensor([[[0., 3., 1., 0.]]])
    """
    action = CyclicShifts(check_whole(order, "The number of group elements"))
    return lambda codes, element: action.act(int(places(law, element, order)), codes)


def move_by_matrices(matrices: Tensor) -> Move:
    """Return the move that applies a matrix of its own for each element, shape ``(n, d, d)``.

    A flattened code ``z`` goes to ``matrices[k] @ z``.

    Examples
    --------
    >>> move_by_matrices(torch.eye(2).repeat(4, 1, 1))(torch.tensor([[[1.0, 2.0]]]), 3)
    tensor([[[1., 2.]]])
    """
    check_float(matrices, "The tensor of matrices")
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2]:
        raise ValueError(f"matrices must have shape (n, d, d), not {tuple(matrices.shape)}")
    return lambda codes, element: (codes.flatten(1) @ matrices[element].mT.to(codes)).reshape(
        codes.shape
    )


def _solve(first: Tensor, second: Tensor, ridge: float) -> Tensor:
    """Return the matrix that takes rows of the one to rows of the other, by ridge regression."""
    dimension = first.shape[1]
    gram = first.mT @ first
    penalty = ridge * gram.diagonal().mean() * torch.eye(dimension, dtype=gram.dtype)
    return torch.linalg.solve(gram + penalty, first.mT @ second).mT


def _orbit_rows(codes: Tensor, ridge: float) -> Tensor:
    """Check codes of orbits and return them in double precision, ``(N, n, d)``."""
    check_float(codes, "codes")
    check_finite(codes, "codes")
    if codes.ndim < 3 or codes.shape[1] < 2:
        raise ValueError(
            f"codes must have shape (N, n, ...), an orbit of n codes in each row, not "
            f"{tuple(codes.shape)}"
        )
    if not 0 <= ridge < float("inf"):
        raise ValueError(f"ridge must be a number of at least 0, not {ridge!r}")
    return codes.detach().flatten(2).double()


def fit_generator(codes: Tensor, *, ridge: float = 1e-4) -> Tensor:
    r"""Fit the one matrix that takes each code of an orbit to the next, the last to the first.

    .. math:: \min_A \sum_i \sum_k \lVert A z_{i,k} - z_{i,k+1} \rVert^2 + \lambda \lVert A \rVert^2

    Parameters
    ----------
    codes : torch.Tensor
        Shape ``(N, n, ...)``: the codes of N orbits; flattened they have ``d`` entries.
    ridge : float
        The penalty :math:`\lambda`, relative to the mean square of an entry of the codes, summed
        over the rows.

    Returns
    -------
    torch.Tensor
        Shape ``(d, d)``, in double precision.

    Examples
    --------
    >>> codes = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> fit_generator(codes, ridge=0.0)
    tensor([[0., 1.],
            [1., 0.]], dtype=torch.float64)
    """
    rows = _orbit_rows(codes, ridge)
    return _solve(rows.flatten(0, 1), rows.roll(-1, dims=1).flatten(0, 1), ridge)


def fit_maps(codes: Tensor, *, ridge: float = 1e-4) -> Tensor:
    r"""Fit one matrix for each element, with no relation between them.

    The parameters are those of :func:`fit_generator`; the matrix of element k takes each code of an
    orbit to the one k places on. That of element 0 is the identity.

    Returns
    -------
    torch.Tensor
        Shape ``(n, d, d)``, in double precision.

    Examples
    --------
    >>> fit_maps(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), ridge=0.0)[1]
    tensor([[0., 1.],
            [1., 0.]], dtype=torch.float64)
    """
    rows = _orbit_rows(codes, ridge)
    first = rows.flatten(0, 1)
    maps = [torch.eye(rows.shape[2], dtype=rows.dtype)]
    for k in range(1, rows.shape[1]):
        maps.append(_solve(first, rows.roll(-k, dims=1).flatten(0, 1), ridge))
    return torch.stack(maps)


def powers(matrix: Tensor, count: int) -> Tensor:
    """Return the powers of a matrix from 0 to ``count - 1``, ``(d, d)`` to ``(count, d, d)``.

    Examples
    --------
    >>> powers(torch.tensor([[2.0]]), 4).flatten()
    tensor([1., 2., 4., 8.])
    """
    check_float(matrix, "The matrix")
    count = check_whole(count, "The number of powers")
    found = [torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)]
    for _ in range(count - 1):
        found.append(matrix @ found[-1])
    return torch.stack(found)


def group_defect(matrices: Tensor, codes: Tensor | None = None) -> float:
    r"""Return how far matrices are from multiplying as C_n does, everywhere or on given codes.

    .. math:: \Bigl( \frac{1}{n^2 d} \sum_{j,k} \lVert M_j M_k - M_{j+k} \rVert_F^2 \Bigr)^{1/2}

    Indices are modulo n. The norm weighs all directions alike, also those in which codes hardly
    vary and a fit has nothing to go by. With codes it is the root mean square of
    :math:`(M_j M_k - M_{j+k}) z` over j, k and the codes, relative to the root of their variance.

    Parameters
    ----------
    matrices : torch.Tensor
        Shape ``(n, d, d)``, as :func:`fit_maps` or :func:`powers` returns them.
    codes : torch.Tensor, optional
        Shape ``(N, n, ...)``, codes of orbits with ``d`` entries each.

    Examples
    --------
    >>> turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> group_defect(powers(turn, 4)), round(group_defect(powers(turn, 2)), 3)
    (0.0, 1.0)
    """
    move_by_matrices(matrices)
    order, dimension = matrices.shape[:2]
    matrices = matrices.double()
    if codes is None:
        second, unit = torch.eye(dimension, dtype=torch.float64), float(dimension)
    else:
        rows = _orbit_rows(codes, 0.0).flatten(0, 1)
        second = rows.mT @ rows / len(rows)
        unit = float(rows.var(dim=0, unbiased=False).sum())
    total = 0.0
    for j in range(order):
        apart = matrices[j] @ matrices - matrices.roll(-j, dims=0)
        total += float(((apart @ second) * apart).sum())
    return (total / (order**2 * unit)) ** 0.5
