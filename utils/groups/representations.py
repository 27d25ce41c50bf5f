"""Representations: finite groups acting on vectors by matrices, their sums and products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from utils.groups._checks import TOLERANCE, check_elements, read_only
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


@dataclass(frozen=True, eq=False)
class Representation(Action):
    r"""A finite group acting on :math:`\mathbb{R}^d` by invertible matrices.

    The constructor checks that :math:`\rho(e) = I` and :math:`\rho(as) = \rho(a)\rho(s)` for all
    elements :math:`a` and all generators :math:`s`, which is enough for
    :math:`\rho(ab) = \rho(a)\rho(b)` throughout.

    Attributes
    ----------
    group : FiniteGroup
        The group that acts.
    matrices : numpy.ndarray
        Read-only ``float64`` of shape ``(order, d, d)``.
    name : str
        For example ``"regular"``.

    Raises
    ------
    ValueError
        If the shape is wrong, an entry is not finite, or the matrices do not multiply as the
        group does.
    """

    group: FiniteGroup
    matrices: np.ndarray = field(repr=False)
    name: str = "representation"

    def __post_init__(self) -> None:
        matrices = np.asarray(self.matrices, dtype=np.float64)
        order = self.group.order
        if (
            matrices.ndim != 3
            or matrices.shape[0] != order
            or matrices.shape[1:]
            != (
                matrices.shape[-1],
                matrices.shape[-1],
            )
        ):
            raise ValueError(
                f"A representation of {self.group.name} needs one square matrix for each of its "
                f"{order} elements, shape ({order}, d, d), but the array has shape "
                f"{matrices.shape}."
            )
        if matrices.shape[-1] == 0 or not np.isfinite(matrices).all():
            raise ValueError("The matrices of a representation must be finite and not empty.")
        scale = max(1.0, float(np.abs(matrices).max()))
        wrong = np.abs(matrices[self.group.identity] - np.eye(matrices.shape[-1])).max()
        for s in self.group.generators:
            error = np.abs(matrices[self.group.table[:, s]] - matrices @ matrices[s]).max()
            wrong = max(wrong, error)
        if wrong > TOLERANCE * scale:
            raise ValueError(
                f"The matrices do not multiply as {self.group.name} does: an entry of "
                f"rho(ab) - rho(a) rho(b) is as large as {wrong:.2g}."
            )
        object.__setattr__(self, "matrices", read_only(matrices))

    def __call__(self, element: int) -> np.ndarray:
        """Return the matrix of one element, shape ``(d, d)``."""
        return self.matrices[self.group._check_element(element)]

    @property
    def dimension(self) -> int:
        """The dimension ``d`` of the space."""
        return self.matrices.shape[-1]

    @property
    def is_isometric(self) -> bool:
        """Whether all matrices are orthogonal."""
        return self.is_orthogonal

    @cached_property
    def is_orthogonal(self) -> bool:
        """Whether all matrices are orthogonal, so that the group acts by isometries."""
        product = self.matrices @ self.matrices.transpose(0, 2, 1)
        return bool(np.abs(product - np.eye(self.dimension)).max() <= TOLERANCE)

    @cached_property
    def is_permutation(self) -> bool:
        """Whether all matrices are permutation matrices."""
        ones = self.matrices == 1.0
        return bool(
            (ones | (self.matrices == 0.0)).all()
            and (ones.sum(axis=1) == 1).all()
            and (ones.sum(axis=2) == 1).all()
        )

    def tensor(
        self, *, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> torch.Tensor:
        """Return the matrices as a tensor.

        Parameters
        ----------
        dtype : torch.dtype
            The floating-point type.
        device : torch.device or str
            Where the tensor is to live.

        Returns
        -------
        torch.Tensor
            A fresh copy of shape ``(order, d, d)``.
        """
        return torch.tensor(self.matrices, dtype=dtype, device=device)

    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Act on the last axis of a batch; all axes between it and the batch are copies.

        Parameters
        ----------
        elements : int or torch.Tensor
            One element for the whole batch, or integers of shape ``(B,)``, one for each member.
        x : torch.Tensor
            Shape ``(B, ..., d)``, floating point.

        Returns
        -------
        torch.Tensor
            ``rho(g) x``, of the shape of ``x``.
        """
        self.check(x)
        index = check_elements(elements, x.shape[0], self.order, x.device)
        matrices = self.tensor(dtype=x.dtype, device=x.device)
        if index.ndim == 0:
            return x @ matrices[index].T
        flat = x.reshape(x.shape[0], -1, self.dimension)
        return (flat @ matrices[index].transpose(1, 2)).reshape(x.shape)

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

    Parameters
    ----------
    group : FiniteGroup
        Any finite group.
    dimension : int
        The dimension, at least 1.

    Returns
    -------
    Representation
        Identity matrices.
    """
    matrices = np.broadcast_to(np.eye(dimension), (group.order, dimension, dimension))
    return Representation(group, matrices, "trivial")


def permutation_representation(action: SetAction | FiniteGroup) -> Representation:
    """Return the permutation matrices of an action: ``rho(g)`` maps unit vector ``i`` to ``g·i``.

    Parameters
    ----------
    action : SetAction or FiniteGroup
        An action, or a group that stands for its natural action.

    Returns
    -------
    Representation
        Of dimension the number of points.

    Raises
    ------
    ValueError
        If a group is given that has no natural action.
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

    Parameters
    ----------
    group : FiniteGroup
        Any finite group.

    Returns
    -------
    Representation
        Of dimension ``group.order``.
    """
    matrices = permutation_representation(SetAction(group, group.table)).matrices
    return Representation(group, matrices, "regular")


def same_group(representations: Sequence[Representation], what: str) -> FiniteGroup:
    """Return the group that all representations belong to, or refuse if they do not."""
    if not representations:
        raise ValueError(f"A {what} needs at least one representation, but got none.")
    group = representations[0].group
    for other in representations[1:]:
        if other.group != group:
            raise ValueError(
                f"A {what} needs representations of one group, but these belong to {group.name} "
                f"and {other.group.name}."
            )
    return group


def direct_sum(*representations: Representation) -> Representation:
    """Return the block-diagonal sum of representations of one group.

    Parameters
    ----------
    *representations : Representation
        At least one.

    Returns
    -------
    Representation
        Its dimension is the sum of the dimensions.

    Raises
    ------
    ValueError
        If none is given or the groups differ.
    """
    group = same_group(representations, "direct sum")
    total = sum(rho.dimension for rho in representations)
    matrices = np.zeros((group.order, total, total))
    start = 0
    for rho in representations:
        stop = start + rho.dimension
        matrices[:, start:stop, start:stop] = rho.matrices
        start = stop
    return Representation(group, matrices, " + ".join(rho.name for rho in representations))


def tensor_product(*representations: Representation) -> Representation:
    """Return the Kronecker product of representations of one group.

    On a tensor with ``m`` axes, flattened row by row, the element ``g`` acts on each axis with
    the corresponding matrix.

    Parameters
    ----------
    *representations : Representation
        At least one.

    Returns
    -------
    Representation
        Its dimension is the product of the dimensions.

    Raises
    ------
    ValueError
        If none is given or the groups differ.
    """
    group = same_group(representations, "tensor product")
    matrices: np.ndarray = np.ones((group.order, 1, 1))
    for rho in representations:
        size = matrices.shape[-1] * rho.dimension
        product = np.einsum("gij,gkl->gikjl", matrices, rho.matrices)
        matrices = product.reshape(group.order, size, size)
    return Representation(group, matrices, " x ".join(rho.name for rho in representations))
