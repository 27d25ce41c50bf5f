"""How a group acts on a batch of tensors: the one base class, open to groups of your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

__all__ = [
    "Action",
    "Group",
]


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
    r"""A group acting on tensors of shape ``(B, ...)``, each member of the batch for itself.

    Subclass it to bring a group of your own. The subclass says which :attr:`group` acts, whether
    it keeps Euclidean distances (:attr:`is_isometric`), how it acts (:meth:`act`), and on which
    tensors (:meth:`check`). Its elements are the numbers ``0`` to ``order - 1`` unless it
    overrides :meth:`elements`. Distances, alignment, orbits and checks of equivariance then work
    by trying every element.

    Attributes
    ----------
    group : Group
        The group; a :class:`~utils.groups.FiniteGroup` where its table is at hand, and then
        :meth:`elements` has the order of the table.

    Examples
    --------
    The quarter turns of square pictures of shape ``(B, side, side)``:

    >>> from utils.groups import cyclic
    >>> class QuarterTurns(Action):
    ...     group, is_isometric = cyclic(4), True
    ...
    ...     def act(self, elements, x):
    ...         self.check(x)
    ...         turned = torch.stack([x.rot90(k, (1, 2)) for k in range(4)])
    ...         return turned[elements, torch.arange(len(x))]
    ...
    ...     def check(self, x):
    ...         if x.ndim != 3 or x.shape[1] != x.shape[2]:
    ...             raise ValueError(f"Quarter turns need square pictures, not {tuple(x.shape)}.")
    >>> picture = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> QuarterTurns().act(1, picture).tolist()
    [[[2.0, 4.0], [1.0, 3.0]]]

    Its distance is that of the orbits: a turned picture is the same point of the quotient.

    >>> from utils.quotient import quotient_distance
    >>> quotient_distance(picture, picture.rot90(1, (1, 2)), QuarterTurns())
    tensor([0.])
    """

    # A property for readers of types; no descriptor, so that a dataclass may have it as a field.
    if TYPE_CHECKING:

        @property
        def group(self) -> Group: ...

    @property
    @abstractmethod
    def is_isometric(self) -> bool:
        """Whether every element keeps Euclidean distances; a subclass may set it as a constant."""

    @abstractmethod
    def act(self, elements: Any, x: torch.Tensor) -> torch.Tensor:
        """Move every member of a batch; a left action: ``act(g, act(h, x))`` is ``act(gh, x)``.

        Parameters
        ----------
        elements : int or torch.Tensor
            One element for the whole batch, or one for each of the ``B`` members, stacked.
        x : torch.Tensor
            Shape ``(B, ...)``; what :meth:`check` lets through.

        Returns
        -------
        torch.Tensor
            The moved batch, of the shape and type of ``x``.
        """

    @abstractmethod
    def check(self, x: torch.Tensor) -> None:
        """Refuse a tensor that the group cannot act on, with a ``ValueError`` that says why."""

    @property
    def name(self) -> str:
        """What the action is called in messages; that of the group unless overridden."""
        return self.group.name

    @property
    def order(self) -> int:
        """The number of group elements."""
        return self.group.order

    def elements(self) -> Iterable[Any]:
        """Everything that :meth:`act` takes, one element at a time, the order of the group's."""
        return range(self.order)

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw ``count`` elements uniformly; shape ``(count,)``, or ``(count, ...)``."""
        drawn = torch.randint(self.order, (count,), generator=generator)
        listed = self.elements()
        if isinstance(listed, range):
            return drawn
        return torch.stack([torch.as_tensor(element) for element in listed])[drawn]
