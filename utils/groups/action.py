"""How a group acts on a batch of tensors: the one base class, open to groups of your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from utils._checks import check_finite, check_float

__all__ = ["Action", "Group"]


@dataclass(frozen=True)
class Group:
    """What every group has, also one that is too large for a table: a name and an order.

    Examples
    --------
    >>> Group("S_9", 362880)
    Group(name='S_9', order=362880)
    """

    name: str
    order: int


class Action(ABC):
    r"""A group acting on tensors of shape ``(B, ...)``, on each member of the batch for itself.

    Subclass it to bring a group of your own. The subclass says which ``group`` acts (a
    :class:`~utils.groups.FiniteGroup` where its table is at hand), whether it keeps Euclidean
    distances, how it acts, and on which tensors. Its elements are the numbers ``0`` to
    ``order - 1`` unless it overrides :meth:`elements`. Orbits, distances, alignment and checks of
    equivariance then work by trying every element.

    Examples
    --------
    The quarter turns of square pictures; a turned picture is the same point of the quotient:

    >>> from utils.groups import cyclic
    >>> from utils.quotient import quotient_distance
    >>> class QuarterTurns(Action):
    ...     group, is_isometric = cyclic(4), True
    ...
    ...     def act(self, elements, x):
    ...         numbers = self.check_numbers(elements, x)
    ...         turned = torch.stack([x.rot90(k, (1, 2)) for k in range(4)])
    ...         return turned[numbers, torch.arange(len(x))]
    ...
    ...     def check(self, x):
    ...         if x.ndim != 3 or x.shape[1] != x.shape[2]:
    ...             raise ValueError(f"Quarter turns need square pictures, not {tuple(x.shape)}.")
    >>> picture = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> QuarterTurns().act(1, picture).tolist()
    [[[2.0, 4.0], [1.0, 3.0]]]
    >>> quotient_distance(picture, picture.rot90(1, (1, 2)), QuarterTurns())
    tensor([0.])
    """

    # A property for readers of types; no descriptor, so that a dataclass may have it as a field.
    if TYPE_CHECKING:

        @property
        def group(self) -> Group:
            """The group."""

    @property
    @abstractmethod
    def is_isometric(self) -> bool:
        """Whether every element keeps Euclidean distances; a subclass may set it as a constant."""

    @abstractmethod
    def act(self, elements: Any, x: torch.Tensor) -> torch.Tensor:
        """Move ``x``, shape ``(B, ...)``, by one element, or by ``B`` of them, stacked.

        A left action: ``act(g, act(h, x))`` is ``act(gh, x)``, of the shape and type of ``x``.
        """

    @abstractmethod
    def check(self, x: torch.Tensor) -> None:
        """Refuse a tensor that the group cannot act on, with a ``ValueError`` that says why."""

    @property
    def name(self) -> str:
        """What the action is called in messages; the name of the group unless overridden."""
        return self.group.name

    @property
    def order(self) -> int:
        """The number of group elements."""
        return self.group.order

    def elements(self) -> Iterable[Any]:
        """List everything that :meth:`act` takes, one element at a time, as the table does."""
        return range(self.order)

    def tried(self) -> Iterable[Any]:
        """List the elements that stand for the group in a check: all, unless there are too many.

        An override may leave out what follows from the rest, and thus all but generators of the
        group; a check says nothing of what else is left out. Where both inputs and outputs are
        moved, their actions list the same elements in the same order.
        """
        return self.elements()

    def take(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the elements at some places of :meth:`elements`, stacked."""
        listed = self.elements()
        if isinstance(listed, range):
            return numbers
        return torch.stack([torch.as_tensor(g, device=numbers.device) for g in listed])[numbers]

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw ``count`` elements uniformly, stacked."""
        return self.take(torch.randint(self.order, (count,), generator=generator))

    def check_numbers(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Check ``x`` and elements that are numbers; return these as a tensor, one or ``(B,)``."""
        self.check(x)
        index = torch.as_tensor(elements, device=x.device)
        whole = not index.is_floating_point() and index.dtype != torch.bool
        if not whole or index.shape not in ((), x.shape[:1]):
            raise ValueError(
                f"Group elements are one integer, or one for each of the {len(x)} members of the "
                f"batch, but they have shape {tuple(index.shape)} and type {index.dtype}."
            )
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < self.order:
            raise ValueError(
                f"The group has the elements 0 to {self.order - 1}, but the elements given run "
                f"from {int(index.min())} to {int(index.max())}."
            )
        return index.long()


def check_action(action: Action) -> None:
    """Refuse what is no action."""
    if not isinstance(action, Action):
        kind = type(action).__name__
        raise TypeError(f"The action is an Action, such as CyclicShifts(n), but it is a {kind}.")


def check_batch(x: torch.Tensor, action: Action, name: str) -> None:
    """Refuse a batch of codes on which the group does not act; ``name`` is the argument's."""
    check_float(x, name)
    action.check(x)
    check_finite(x, name)
