r"""The two actions on latent codes that the book meets most, written without any matrix.

So they also work where the group has :math:`9! = 362\,880` elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from utils.groups._checks import check_degree, check_elements
from utils.groups.families import cyclic, symmetric
from utils.groups.representations import (
    Representation,
    permutation_representation,
    regular_representation,
)

__all__ = [
    "CyclicShifts",
    "ElementMap",
    "GroupAction",
    "PointPermutations",
]


@dataclass(frozen=True)
class CyclicShifts:
    """C_n acting on codes of shape ``(B, k, n)``: ``k`` copies of the regular representation.

    The element ``r`` shifts the last axis of all copies together,
    ``torch.roll(z, shifts=r, dims=-1)``. Any number of axes may stand between the batch and the
    last axis; they are all copies.

    Attributes
    ----------
    degree : int
        The ``n`` of C_n, at least 1.

    Raises
    ------
    TypeError
        If the degree is not an integer.
    ValueError
        If the degree is smaller than 1.
    """

    degree: int

    def __post_init__(self) -> None:
        check_degree(self.degree, "CyclicShifts")

    @property
    def name(self) -> str:
        """The name of the group."""
        return f"C_{self.degree}"

    @property
    def order(self) -> int:
        """The number of group elements."""
        return self.degree

    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Shift every member of a batch.

        Parameters
        ----------
        elements : int or torch.Tensor
            One shift for the whole batch, or integers of shape ``(B,)``.
        x : torch.Tensor
            Shape ``(B, ..., n)``.

        Returns
        -------
        torch.Tensor
            The shifted batch.

        Raises
        ------
        ValueError
            If the last axis is not ``n``, or there is not one element for each member.
        """
        self.check_shape(x)
        index = check_elements(elements, x.shape[0], self.order, x.device)
        if index.ndim == 0:
            return torch.roll(x, int(index), dims=-1)
        steps = torch.arange(self.degree, device=x.device)
        source = (steps - index[:, None]) % self.degree
        source = source.reshape(len(index), *[1] * (x.ndim - 2), self.degree)
        return torch.gather(x, -1, source.expand(x.shape))

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw shifts uniformly.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        torch.Tensor
            Integers of shape ``(count,)``.
        """
        return torch.randint(self.order, (count,), generator=generator)

    def representation(self) -> Representation:
        """Return the same action on one copy as matrices.

        Returns
        -------
        Representation
            The regular representation of C_n.
        """
        return regular_representation(cyclic(self.degree))

    def check_shape(self, x: torch.Tensor) -> None:
        """Refuse a tensor that the group cannot act on.

        Parameters
        ----------
        x : torch.Tensor
            The candidate.

        Raises
        ------
        ValueError
            If ``x`` has fewer than two axes or its last axis is not ``n``.
        """
        if x.ndim < 2 or x.shape[-1] != self.degree:
            raise ValueError(
                f"{self.name} shifts tensors of shape (B, ..., {self.degree}), but this one has "
                f"shape {tuple(x.shape)}."
            )


@dataclass(frozen=True)
class PointPermutations:
    r"""S_n permuting the points of sets: shape ``(B, n)`` or ``(B, n, d)``.

    An element is a permutation ``p`` of shape ``(n,)``, where ``p[i]`` is the place that point
    ``i`` goes to: :math:`(p\,x)_{p(i)} = x_i`. This is a left action, and on ``(B, n)`` it is
    the permutation representation. The elements are never listed, so ``n`` may be large.

    Attributes
    ----------
    degree : int
        The number ``n`` of points, at least 1.

    Raises
    ------
    TypeError
        If the degree is not an integer.
    ValueError
        If the degree is smaller than 1.
    """

    degree: int

    def __post_init__(self) -> None:
        check_degree(self.degree, "PointPermutations")

    @property
    def name(self) -> str:
        """The name of the group."""
        return f"S_{self.degree}"

    @property
    def order(self) -> int:
        """The number of group elements, ``n!``."""
        return math.factorial(self.degree)

    def act(self, elements: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Permute the points of every member of a batch.

        Parameters
        ----------
        elements : torch.Tensor
            One permutation of shape ``(n,)`` for the whole batch, or one for each member, shape
            ``(B, n)``.
        x : torch.Tensor
            Shape ``(B, n)`` or ``(B, n, d)``.

        Returns
        -------
        torch.Tensor
            The permuted batch.

        Raises
        ------
        ValueError
            If the shapes do not fit or a row is not a permutation.
        """
        self.check_shape(x)
        index = torch.as_tensor(elements, device=x.device)
        if index.shape not in ((self.degree,), (x.shape[0], self.degree)):
            raise ValueError(
                f"An element of {self.name} is a permutation of {self.degree} points, shape "
                f"({self.degree},) or ({x.shape[0]}, {self.degree}), but the elements have shape "
                f"{tuple(index.shape)}."
            )
        ordered, source = index.expand(x.shape[0], self.degree).sort(dim=1)
        if not torch.equal(ordered, torch.arange(self.degree, device=x.device).expand_as(ordered)):
            raise ValueError(f"An element of {self.name} must hold each of 0 to n - 1 once.")
        if x.ndim == 3:
            source = source[:, :, None].expand(x.shape)
        return torch.gather(x, 1, source)

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw permutations uniformly.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        torch.Tensor
            Integers of shape ``(count, n)``.
        """
        return torch.rand(count, self.degree, generator=generator, dtype=torch.float64).argsort(1)

    def representation(self) -> Representation:
        """Return the action on ``(B, n)`` as matrices, for ``n`` up to 6.

        Returns
        -------
        Representation
            The permutation representation of S_n.

        Raises
        ------
        ValueError
            If ``n`` is larger than 6.
        """
        return permutation_representation(symmetric(self.degree))

    def check_shape(self, x: torch.Tensor) -> None:
        """Refuse a tensor that the group cannot act on.

        Parameters
        ----------
        x : torch.Tensor
            The candidate.

        Raises
        ------
        ValueError
            If the shape is neither ``(B, n)`` nor ``(B, n, d)``.
        """
        if x.ndim not in (2, 3) or x.shape[1] != self.degree:
            raise ValueError(
                f"{self.name} permutes the points of tensors of shape (B, {self.degree}) or "
                f"(B, {self.degree}, d), but this one has shape {tuple(x.shape)}."
            )


GroupAction = Representation | CyclicShifts | PointPermutations
"""Any of the three ways in which a group acts on a batch of tensors."""

ElementMap = Callable[[torch.Tensor], torch.Tensor]
"""What one group element does to a batch."""
