"""The decorator that makes an invariant projection of a map and what is declared of it."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.groups import Action, CyclicShifts
from utils.projections.base import InvariantProjection

P = ParamSpec("P")
Pair = tuple[float, float]

_PARAMETERS = {
    "copies": "int\n    The number ``k`` of copies of the regular representation.",
    "order": "int\n    The ``n`` of C_n, at least 2.",
    "outputs": "int\n    The number ``m`` of outputs, each with a random template of its own.",
    "points": "int\n    The number ``n`` of numbers or points.",
    "dimension": "int\n    The dimension ``d`` of a point.",
    "directions": "int\n    The number ``m`` of random directions.",
    "seed": "int\n    The seed of the Gaussian weights, of variance ``1 / m``.",
    "normals": "numpy.ndarray\n    Shape ``(count, d)``, of any length and sign: of mirrors that "
    "generate the group.",
    "action": "Action\n    The finite group, acting linearly and by isometries.",
    "shape": "sequence of int\n    The shape of one code, for example ``(24,)``.",
    "inside": "numpy.ndarray\n    Shape ``(d,)``: a point off all mirrors, in the chamber.",
}
"""What it means, for every argument that a factory may have."""


@dataclass(frozen=True)
class Codes:
    """What a factory is asked for: who acts on the codes, and their shape."""

    action: Action
    shape: tuple[int, ...]

    @property
    def dimension(self) -> int:
        """The number of entries of a code."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class DrawnCodes(Codes):
    """Codes for a map with random weights."""

    weights: Tensor


@dataclass(frozen=True)
class _Map:
    """The map of a factory, which goes through pickle and deepcopy by the factory's name."""

    factory: Any
    extra: tuple[Any, ...]

    def __call__(self, z: Tensor) -> Tensor:
        """Evaluate the map."""
        value: Tensor = self.factory.__wrapped__(z, *self.extra)
        return value


def cyclic_codes(copies: int, order: int) -> Codes:
    """C_n shifts ``k`` copies of its regular representation, codes ``(k, n)``."""
    copies = check_whole(copies, "The number of copies")
    order = check_whole(order, "The number of group elements", smallest=2)
    return Codes(CyclicShifts(order), (copies, order))


def draw(shape: tuple[int, ...], seed: int) -> Tensor:
    """Draw Gaussian weights whose squares add up to the dimension of the code on average."""
    seed = check_whole(seed, "The seed", smallest=-(2**63))
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[0])


def declared(
    name: str,
    domain: Callable[P, Codes],
    *,
    bounds: Pair | Callable[[Any], Pair],
    made_once: Callable[[Any], Any] | None = None,
    **declarations: Any,
) -> Callable[[Callable[..., Tensor]], Callable[P, InvariantProjection]]:
    """Make a map on codes a factory of projections, with what is declared of it.

    The factory has the arguments of ``domain``, and its docstring gets "Parameters" and "Returns"
    from the table above. ``bounds`` are the proven multiples ``(c, C)`` of the quotient distance
    between which distances of values stay, the lower and the upper Lipschitz constant. The other
    declarations are fields of :class:`InvariantProjection`; unless something else is said, a map
    is invariant and continuous and not isometric. What depends on the arguments is a function of
    the codes, such as ``made_once``: the second argument of the map, the same for all batches.

    Examples
    --------
    >>> @declared("least", cyclic_codes, complete=False, bounds=(0.0, 1.0))
    ... def min_pool(z):
    ...     return z.amin(dim=-1)
    >>> min_pool(copies=2, order=4)(torch.arange(8.0).reshape(1, 2, 4))
    tensor([[0., 4.]])
    """
    declarations = {"invariant": True, "continuous": True, "isometric": False, **declarations}

    def decorate(function: Callable[..., Tensor]) -> Callable[P, InvariantProjection]:
        """Make the factory of a map."""

        @functools.wraps(function)
        def factory(*args: P.args, **kwargs: P.kwargs) -> InvariantProjection:
            """Return the projection for these arguments."""
            codes = domain(*args, **kwargs)
            known = {k: v(codes) if callable(v) else v for k, v in declarations.items()}
            lower, upper = bounds(codes) if callable(bounds) else bounds
            known |= {"lower_lipschitz_constant": lower, "lipschitz_constant": upper}
            if isinstance(codes, DrawnCodes):
                known["weights"] = codes.weights
            extra = () if made_once is None else (made_once(codes),)

            project = _Map(factory, extra)
            # A code without ties, which some maps take longer for.
            one = torch.linspace(0, 1, codes.dimension).reshape(1, *codes.shape)
            outputs = project(one).shape[1]
            return InvariantProjection(name, codes.action, codes.shape, outputs, project, **known)

        signature = inspect.signature(domain).replace(return_annotation=InvariantProjection)
        factory.__signature__ = signature  # type: ignore[attr-defined]
        factory.__doc__ = _documented(function.__doc__, signature)
        return factory

    return decorate


def _documented(docstring: str | None, signature: inspect.Signature) -> str | None:
    """Put the sections that all factories share before the examples."""
    if docstring is None:  # python -OO
        return None
    said, title, examples = inspect.cleandoc(docstring).partition("Examples\n--------\n")
    described = "\n".join(f"{name} : {_PARAMETERS[name]}" for name in signature.parameters)
    return (
        f"{said.rstrip()}\n\nParameters\n----------\n{described}\n\n"
        f"Returns\n-------\nInvariantProjection\n    The map, with what is declared of it.\n\n"
        f"{title}{examples}"
    )
