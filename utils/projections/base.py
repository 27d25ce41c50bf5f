"""The type of every invariant projection: a map, with what is known about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from utils.groups import GroupAction
from utils.projections._shared import holds

__all__ = ["InvariantProjection"]


@dataclass(frozen=True)
class InvariantProjection:
    r"""A map from codes to vectors, with what is known about it.

    Attributes
    ----------
    name : str
        What the projection is called in tables and figures.
    action : GroupAction
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

    Raises
    ------
    ValueError
        If the declared properties contradict one another.
    """

    name: str
    action: GroupAction
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
        finite = math.isfinite(self.lipschitz_constant)
        contradictions = {
            "a map with a finite Lipschitz constant is invariant": finite and not self.invariant,
            "a map with a finite Lipschitz constant is continuous": finite and not self.continuous,
            "an isometric map has both Lipschitz constants 1": self.isometric
            and not self.lipschitz_constant == 1 == self.lower_lipschitz_constant,
            "a map with a positive lower Lipschitz constant is complete": not self.complete
            and self.lower_lipschitz_constant > 0,
            "a lower Lipschitz constant is not above the upper one": not 0
            <= self.lower_lipschitz_constant
            <= self.lipschitz_constant,
        }
        for rule, broken in contradictions.items():
            if broken:
                raise ValueError(f"The properties declared for {self.name} contradict: {rule}.")

    @property
    def group(self) -> str:
        """The name of the group, for example ``"C_8"``."""
        return self.action.name

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Project a batch of codes.

        Parameters
        ----------
        z : torch.Tensor
            Shape ``(B, *input_shape)``, ``float32`` or ``float64``, finite.

        Returns
        -------
        torch.Tensor
            Shape ``(B, output_dimension)``, of the type of ``z``.

        Raises
        ------
        ValueError
            If the shape is wrong, the batch is empty, or it holds NaN or infinite values.
        TypeError
            If ``z`` is not a float32 or float64 tensor.
        """
        self.check_input(z)
        return self.function(z)

    def check_input(self, z: torch.Tensor) -> None:
        """Refuse what the projection cannot be called on.

        Parameters
        ----------
        z : torch.Tensor
            The candidate.

        Raises
        ------
        ValueError
            If the shape is wrong, the batch is empty, or it holds NaN or infinite values.
        TypeError
            If ``z`` is not a float32 or float64 tensor.
        """
        if not isinstance(z, torch.Tensor):
            raise TypeError(
                f"{self.name} takes a torch.Tensor, but it got a {type(z).__name__}; convert it "
                f"with torch.as_tensor."
            )
        if z.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"{self.name} takes float32 or float64 codes, but these are {z.dtype}; convert "
                f"them with .float()."
            )
        if z.shape[1:] != self.input_shape or z.ndim == 0:
            expected = ", ".join(map(str, ("B", *self.input_shape)))
            raise ValueError(
                f"{self.name} for {self.group} takes codes of shape ({expected}), but these have "
                f"shape {tuple(z.shape)}."
            )
        if z.shape[0] == 0:
            raise ValueError(f"{self.name} got an empty batch; give it at least one code.")
        if not holds(torch.isfinite(z).all()):
            raise ValueError(
                f"{self.name} got codes with NaN or infinite values; find out where they come "
                f"from, or leave them out."
            )
