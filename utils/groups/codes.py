r"""The two actions on latent codes that the book meets most, written without any matrix.

So they also work where the group has :math:`9! = 362\,880` elements.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from utils._checks import check_whole
from utils.groups.action import Action, Group
from utils.groups.families import LARGEST_SYMMETRIC, cyclic, symmetric
from utils.groups.finite import FiniteGroup
from utils.groups.representations import (
    Representation,
    permutation_representation,
    regular_representation,
)

__all__ = ["CyclicShifts", "PointPermutations"]

_MOST_POINTS = 7
"""The most points whose permutations are listed; there are 7! = 5040 of them."""

_MOST_TRIED = 4
"""Up to this many points a check tries all permutations; beyond, generators and random ones."""


@dataclass(frozen=True)
class _OnCodes(Action):
    """An action that rearranges numbers, named by the ``n`` of its group."""

    degree: int
    is_isometric = True

    def __post_init__(self) -> None:
        check_whole(self.degree, f"The n of {type(self).__name__}(n)")


@dataclass(frozen=True)
class CyclicShifts(_OnCodes):
    """C_n acting on codes of shape ``(B, k, n)``: ``k`` copies of the regular representation.

    The element ``r`` shifts the last axis of all copies together,
    ``torch.roll(z, shifts=r, dims=-1)``. Any number of axes may stand between the batch and the
    last axis; they are all copies.

    Examples
    --------
    >>> codes = torch.tensor([[3, 1, 0], [3, 1, 0]])
    >>> CyclicShifts(3).act(torch.tensor([0, 1]), codes).tolist()
    [[3, 1, 0], [0, 3, 1]]
    """

    @cached_property
    def group(self) -> FiniteGroup:
        """The group C_n with its table, which is built when first asked for."""
        return cyclic(self.degree)

    @property
    def name(self) -> str:
        """The name of the group."""
        return f"C_{self.degree}"

    @property
    def order(self) -> int:
        """The number of group elements, ``n``."""
        return self.degree

    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Shift every member of ``x``, shape ``(B, ..., n)``, by one number or its own of ``B``."""
        index = self.check_numbers(elements, x)
        if index.ndim == 0:
            return torch.roll(x, int(index), dims=-1)
        steps = torch.arange(self.degree, device=x.device)
        source = (steps - index[:, None]) % self.degree
        source = source.reshape(len(index), *[1] * (x.ndim - 2), self.degree)
        return torch.gather(x, -1, source.expand(x.shape))

    def check(self, x: torch.Tensor) -> None:
        """Refuse a tensor that has not the shape ``(B, ..., n)``."""
        if x.ndim < 2 or x.shape[-1] != self.degree:
            raise ValueError(
                f"{self.name} shifts tensors of shape (B, ..., {self.degree}), but this one has "
                f"shape {tuple(x.shape)}."
            )

    def representation(self) -> Representation:
        """Return the same action on one copy as matrices, the regular representation of C_n."""
        return regular_representation(self.group)


@dataclass(frozen=True)
class PointPermutations(_OnCodes):
    r"""S_n permuting the points of sets: shape ``(B, n)`` or ``(B, n, d)``.

    An element is a permutation ``p`` of shape ``(n,)``, where ``p[i]`` is the place that point
    ``i`` goes to: :math:`(p\,x)_{p(i)} = x_i`. This is a left action, and on ``(B, n)`` it is
    the permutation representation. Distances do not list the elements, so ``n`` may be large.

    Examples
    --------
    >>> PointPermutations(3).act(torch.tensor([2, 0, 1]), torch.tensor([[5, 6, 7]])).tolist()
    [[6, 7, 5]]
    >>> PointPermutations(9).group
    Group(name='S_9', order=362880)
    """

    @cached_property
    def group(self) -> Group:
        """The group S_n, with its table for ``n`` up to 6."""
        if self.degree <= LARGEST_SYMMETRIC:
            return symmetric(self.degree)
        return Group(self.name, self.order)

    @property
    def name(self) -> str:
        """The name of the group."""
        return f"S_{self.degree}"

    @property
    def order(self) -> int:
        """The number of group elements, ``n!``."""
        return math.factorial(self.degree)

    def elements(self) -> Iterator[torch.Tensor]:
        """List the permutations in lexicographic order, one at a time, for ``n`` up to 7."""
        if self.degree > _MOST_POINTS:
            raise ValueError(
                f"{self.name} has {self.order} elements, too many to list; use quotient_distance, "
                f"align or random_elements, which do not list them."
            )
        return map(torch.tensor, itertools.permutations(range(self.degree)))

    def tried(self) -> Iterator[torch.Tensor]:
        """List all permutations of a few points; of many, some that generate, and random ones."""
        n = self.degree
        if n <= _MOST_TRIED:
            return self.elements()
        swaps = [(*range(i), i + 1, i, *range(i + 2, n)) for i in range(n - 1)]
        drawn = self.random_elements(8, torch.Generator().manual_seed(0)).tolist()
        return map(torch.tensor, [*swaps, (*range(1, n), 0), *map(tuple, drawn)])

    def act(self, elements: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Permute the points of ``x`` by one permutation ``(n,)``, or by one each, ``(B, n)``."""
        self.check(x)
        index = torch.as_tensor(elements, device=x.device)
        if index.shape not in ((self.degree,), (x.shape[0], self.degree)):
            raise ValueError(
                f"An element of {self.name} is a permutation of {self.degree} points, one or one "
                f"for each of the {len(x)} members, but the shape is {tuple(index.shape)}."
            )
        ordered, source = index.expand(x.shape[0], self.degree).sort(dim=1)
        if not torch.equal(ordered, torch.arange(self.degree, device=x.device).expand_as(ordered)):
            raise ValueError(f"An element of {self.name} must hold each of 0 to n - 1 once.")
        return torch.gather(x, 1, source if x.ndim == 2 else source[:, :, None].expand(x.shape))

    def check(self, x: torch.Tensor) -> None:
        """Refuse a tensor whose shape is neither ``(B, n)`` nor ``(B, n, d)``."""
        if x.ndim not in (2, 3) or x.shape[1] != self.degree:
            raise ValueError(
                f"{self.name} permutes the points of tensors of shape (B, {self.degree}) or "
                f"(B, {self.degree}, d), but this one has shape {tuple(x.shape)}."
            )

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw permutations uniformly: integers of shape ``(count, n)``."""
        return torch.rand(count, self.degree, generator=generator, dtype=torch.float64).argsort(1)

    def representation(self) -> Representation:
        """Return the action on ``(B, n)`` as matrices, for ``n`` up to 6."""
        return permutation_representation(symmetric(self.degree))
