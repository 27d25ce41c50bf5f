"""The type of every invariant projection: a map, with what is known about it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from utils._checks import check_finite, check_float
from utils._precision import full_precision
from utils.groups import Action, Group

__all__ = ["InvariantProjection"]


@dataclass(frozen=True)
class InvariantProjection:
    r"""A map from codes to vectors, with what is known about it.

    Declarations that contradict one another are a ``ValueError``.

    Attributes
    ----------
    name : str
        What the projection is called in tables and figures.
    action : Action
        The action of the group on the codes.
    input_shape : tuple
        The shape of one code, for example ``(16, 8)``.
    output_dimension : int
        The length ``m`` of the value.
    function : Callable
        The map itself, from ``(B, *input_shape)`` to ``(B, m)``, without checks.
    invariant : bool
        Whether :math:`s(gz) = s(z)` for all :math:`g` and :math:`z`.
    continuous : bool
        Whether the map is continuous on Z.
    complete : bool or None
        Whether equal values come from one orbit only. ``None`` if neither a proof nor a
        counterexample is known. Random projections are complete with probability 1.
    isometric : bool
        Whether distances of values are quotient distances.
    lipschitz_constant : float
        A proven upper bound on :math:`\lVert s(x) - s(y)\rVert / d_{Z/G}(x, y)`; infinite if
        there is none.
    lower_lipschitz_constant : float
        A proven lower bound on the same ratio; 0 if none is known.
    weights : torch.Tensor or None
        The random templates, ``float64``, for projections that have any.
    source : str
        Where the projection comes from.

    Examples
    --------
    The largest absolute value does not change with the signs of a point, but forgets a lot:

    >>> from utils.groups import reflection_group
    >>> known = {"invariant": True, "continuous": True, "complete": False, "isometric": False}
    >>> peak = InvariantProjection(
    ...     "peak", reflection_group(torch.eye(2)), (2,), 1, lambda z: z.abs().amax(1)[:, None],
    ...     **known, lipschitz_constant=1.0,
    ... )
    >>> peak(torch.tensor([[3.0, -5.0]])), peak.group.order
    (tensor([[5.]]), 4)
    """

    name: str
    action: Action
    input_shape: tuple[int, ...]
    output_dimension: int
    function: Callable[[torch.Tensor], torch.Tensor] = field(repr=False, compare=False)
    invariant: bool = field(kw_only=True)
    continuous: bool = field(kw_only=True)
    complete: bool | None = field(kw_only=True)
    isometric: bool = field(kw_only=True)
    lipschitz_constant: float = field(kw_only=True)
    lower_lipschitz_constant: float = field(default=0.0, kw_only=True)
    weights: torch.Tensor | None = field(default=None, repr=False, compare=False, kw_only=True)
    source: str = field(default="", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        upper, lower = self.lipschitz_constant, self.lower_lipschitz_constant
        finite = math.isfinite(upper)
        contradictions = {
            "a map with a finite Lipschitz constant is invariant": finite and not self.invariant,
            "a map with a finite Lipschitz constant is continuous": finite and not self.continuous,
            "an isometric map has both Lipschitz constants 1": self.isometric
            and not upper == 1 == lower,
            "a map with a positive lower Lipschitz constant is complete": not self.complete
            and lower > 0,
            "a lower Lipschitz constant is not above the upper one": not 0 <= lower <= upper,
        }
        for rule, broken in contradictions.items():
            if broken:
                raise ValueError(f"The properties declared for {self.name} contradict: {rule}.")

    @property
    def group(self) -> Group:
        """The group, with its name and order."""
        return self.action.group

    @full_precision
    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Project finite ``float32`` or ``float64`` codes, ``(B, *input_shape)`` to ``(B, m)``."""
        self.check_input(z)
        return self.function(z)

    def check_input(self, z: torch.Tensor) -> None:
        """Refuse what the projection cannot be called on; under vmap, all but NaN is seen."""
        check_float(z, f"A batch of codes for {self.name}")
        if z.shape[1:] != self.input_shape or z.ndim == 0:
            expected = ", ".join(map(str, ("B", *self.input_shape)))
            raise ValueError(
                f"{self.name} for {self.group.name} takes codes of shape ({expected}), but these "
                f"have shape {tuple(z.shape)}."
            )
        # vmap hides values from Python.
        with contextlib.suppress(RuntimeError):
            check_finite(z, f"A batch of codes for {self.name}")
