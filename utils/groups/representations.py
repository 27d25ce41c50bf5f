"""Representations: finite groups acting on vectors by matrices, their sums and products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from utils._checks import check_whole
from utils._precision import full_precision
from utils.groups._checks import TOLERANCE, read_only
from utils.groups.action import Action
from utils.groups.finite import FiniteGroup, SetAction

__all__ = [
    "Representation",
    "direct_sum",
    "permutation_representation",
    "regular_representation",
    "tensor_product",
    "trivial_representation",
]


@dataclass(frozen=True, eq=False, repr=False)
class Representation(Action):
    r"""A finite group acting on :math:`\mathbb{R}^d` by invertible matrices.

    ``matrices`` is read-only ``float64`` of shape ``(order, d, d)``. The constructor checks that
    :math:`\rho(e) = I` and :math:`\rho(as) = \rho(a)\rho(s)` for all elements :math:`a` and all
    generators :math:`s`, which is enough for :math:`\rho(ab) = \rho(a)\rho(b)` throughout.

    Representations of one group add to a direct sum and multiply to a tensor product;
    ``2 * rho`` is ``rho + rho``.

    Examples
    --------
    >>> from utils.groups import cyclic, decompose
    >>> sign = Representation(cyclic(2), np.array([[[1]], [[-1]]]), "sign")
    >>> plane = trivial_representation(cyclic(2)) + sign
    >>> plane, 3 * sign
    (Representation(trivial + sign of C_2, dimension 2), Representation(3 sign of C_2, dimension 3))
    >>> plane.act(1, torch.tensor([[3.0, 4.0]]))
    tensor([[ 3., -4.]])
    >>> decompose(plane * plane)
    {'trivial': 2, 'sign': 2}
    """

    group: FiniteGroup
    matrices: np.ndarray
    name: str = "representation"

    def __post_init__(self) -> None:
        matrices, group = np.asarray(self.matrices, dtype=np.float64), self.group
        d = matrices.shape[-1] if matrices.ndim else 0
        if matrices.shape != (group.order, d, d):
            raise ValueError(
                f"A representation of {group.name} needs one square matrix for each of its "
                f"{group.order} elements, but the array has shape {matrices.shape}."
            )
        if d == 0 or not np.isfinite(matrices).all():
            raise ValueError("The matrices of a representation must be finite and not empty.")
        wrong = np.abs(matrices[group.identity] - np.eye(d)).max()
        for s in group.generators:
            error = np.abs(matrices[group.table[:, s]] - matrices @ matrices[s]).max()
            wrong = max(wrong, error)
        if wrong > TOLERANCE * max(1.0, float(np.abs(matrices).max())):
            raise ValueError(
                f"The matrices do not multiply as {group.name} does: an entry of "
                f"rho(ab) - rho(a) rho(b) is as large as {wrong:.2g}."
            )
        object.__setattr__(self, "matrices", read_only(matrices))

    def __repr__(self) -> str:
        return f"Representation({self.name} of {self.group.name}, dimension {self.dimension})"

    def __call__(self, element: int) -> np.ndarray:
        """Return the matrix of one element, shape ``(d, d)``."""
        return self.matrices[self.group.check_element(element)]

    def __add__(self, other: Representation) -> Representation:
        return direct_sum(self, other) if isinstance(other, Representation) else NotImplemented

    def __mul__(self, other: Representation) -> Representation:
        return tensor_product(self, other) if isinstance(other, Representation) else NotImplemented

    def __rmul__(self, copies: int) -> Representation:
        copies = check_whole(copies, "The number of copies")
        both = direct_sum(*[self] * copies)
        return Representation(self.group, both.matrices, f"{copies} {_factor(self)}")

    @property
    def dimension(self) -> int:
        """The dimension ``d`` of the space."""
        return self.matrices.shape[-1]

    @cached_property
    def is_isometric(self) -> bool:
        """Whether all matrices are orthogonal."""
        product = self.matrices @ self.matrices.transpose(0, 2, 1)
        return bool(np.abs(product - np.eye(self.dimension)).max() <= TOLERANCE)

    @full_precision
    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return ``rho(g) x`` for ``x`` of shape ``(B, ..., d)`` and one element, or ``B`` of them.

        The matrices act on the last axis; all axes between it and the batch are copies.
        """
        index = self.check_numbers(elements, x)
        chosen = self.matrices[index.tolist()]
        matrices = torch.tensor(chosen, dtype=x.dtype, device=x.device)
        if index.ndim == 0:
            return x @ matrices.T
        flat = x.reshape(x.shape[0], -1, self.dimension)
        return (flat @ matrices.transpose(1, 2)).reshape(x.shape)

    def check(self, x: torch.Tensor) -> None:
        """Refuse what is not a floating-point tensor of shape ``(B, ..., d)``."""
        if not x.is_floating_point():
            raise TypeError(f"A representation acts on floating-point tensors, but x is {x.dtype}.")
        if x.ndim < 2 or x.shape[-1] != self.dimension:
            raise ValueError(
                f"{self.name} of {self.group.name} acts on tensors of shape (B, ..., "
                f"{self.dimension}), but this one has shape {tuple(x.shape)}."
            )


def trivial_representation(group: FiniteGroup, dimension: int = 1) -> Representation:
    """Return the representation in which every element does nothing.

    Examples
    --------
    >>> from utils.groups import cyclic
    >>> trivial_representation(cyclic(2)).matrices.ravel()
    array([1., 1.])
    """
    d = check_whole(dimension, "The dimension")
    return Representation(group, np.broadcast_to(np.eye(d), (group.order, d, d)), "trivial")


def permutation_representation(action: SetAction | FiniteGroup) -> Representation:
    """Return the permutation matrices of an action: ``rho(g)`` maps unit vector ``i`` to ``g·i``.

    A group stands for its natural action; the dimension is the number of points.

    Examples
    --------
    >>> from utils.groups import symmetric
    >>> rho = permutation_representation(symmetric(3))
    >>> rho(3) @ [5, 6, 7]  # (0 1 2) carries the entry of point 0 to point 1
    array([7., 5., 6.])
    """
    if isinstance(action, FiniteGroup):
        action = action.natural_action()
    matrices = np.zeros((action.group.order, action.points, action.points))
    elements = np.arange(action.group.order)[:, None]
    matrices[elements, action.images, np.arange(action.points)] = 1.0
    return Representation(action.group, matrices, "permutation")


def regular_representation(group: FiniteGroup) -> Representation:
    """Return the regular representation: the group permutes its own elements, ``g·h = gh``.

    For C_n the matrix of ``r`` is the cyclic shift ``torch.roll(z, r)``.

    Examples
    --------
    >>> from utils.groups import cyclic
    >>> regular_representation(cyclic(4)).act(1, torch.tensor([[3.0, 1.0, 0.0, 0.0]]))
    tensor([[0., 3., 1., 0.]])
    """
    matrices = permutation_representation(SetAction(group, group.table)).matrices
    return Representation(group, matrices, "regular")


def same_group(representations: Sequence[Representation], what: str) -> FiniteGroup:
    """Return the group that all representations belong to, or refuse if they do not."""
    if not representations:
        raise ValueError(f"A {what} needs at least one representation, but got none.")
    first, *others = (rho.group for rho in representations)
    for other in others:
        if other != first:
            raise ValueError(
                f"A {what} needs one group, but these belong to {first.name} and {other.name}."
            )
    return first


def direct_sum(*representations: Representation) -> Representation:
    """Return the block-diagonal sum of representations of one group; ``a + b`` is that of two.

    Examples
    --------
    >>> from utils.groups import cyclic
    >>> direct_sum(trivial_representation(cyclic(3)), regular_representation(cyclic(3)))
    Representation(trivial + regular of C_3, dimension 4)
    """
    group = same_group(representations, "direct sum")
    ends = np.cumsum([rho.dimension for rho in representations])
    matrices = np.zeros((group.order, ends[-1], ends[-1]))
    for rho, end in zip(representations, ends, strict=True):
        block = slice(end - rho.dimension, end)
        matrices[:, block, block] = rho.matrices
    return Representation(group, matrices, " + ".join(rho.name for rho in representations))


def tensor_product(*representations: Representation) -> Representation:
    """Return the Kronecker product of representations of one group; ``a * b`` is that of two.

    On a tensor with ``m`` axes, flattened row by row, the element ``g`` acts on each axis with
    the corresponding matrix.

    Examples
    --------
    >>> from utils.groups import symmetric
    >>> point = permutation_representation(symmetric(3))
    >>> tensor_product(point, point)  # on tables of 3 by 3
    Representation(permutation x permutation of S_3, dimension 9)
    """
    group = same_group(representations, "tensor product")
    matrices: np.ndarray = np.ones((group.order, 1, 1))
    for rho in representations:
        size = matrices.shape[-1] * rho.dimension
        product = np.einsum("gij,gkl->gikjl", matrices, rho.matrices)
        matrices = product.reshape(group.order, size, size)
    return Representation(group, matrices, " x ".join(map(_factor, representations)))


def _factor(rho: Representation) -> str:
    """Name a representation as a factor: a sum goes into brackets."""
    return f"({rho.name})" if " + " in rho.name else rho.name
