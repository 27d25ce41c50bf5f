"""The sections that the docstrings of all projections for C_n share, each written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from utils.projections.base import InvariantProjection

Factory = TypeVar("Factory", bound=Callable[..., InvariantProjection])

_PARAMETERS = {
    "copies": "The number ``k`` of copies of the regular representation.",
    "order": "The ``n`` of C_n, at least 2.",
    "outputs": "The number ``m`` of outputs, each with a random template of its own.",
    "seed": "The seed of the Gaussian templates, of variance ``1 / m``.",
}
"""What an integer argument means, for every argument that a factory may have."""

_RAISES = {
    False: """
Raises
------
ValueError
    If ``copies`` or ``order`` is too small.
TypeError
    If one of them is not an integer.""",
    True: """
Raises
------
ValueError
    If ``copies``, ``order`` or ``outputs`` is too small.
TypeError
    If one of them or the seed is not an integer.""",
}
"""What a factory refuses, without and with random templates."""

_RETURNS = "Returns\n-------\n"


def cyclic_factory(factory: Factory) -> Factory:
    """Give the docstring of a factory of projections for C_n its shared sections.

    "Parameters" is made from the signature and stands before "Returns", which the factory writes
    itself; "Raises" follows. A factory with an argument that is not described here, or without
    "Returns", is refused when its module is imported.
    """
    if factory.__doc__ is None:  # python -OO
        return factory
    arguments = inspect.signature(factory).parameters
    unknown = arguments.keys() - _PARAMETERS.keys()
    if unknown:
        raise ValueError(f"No description is known of {', '.join(sorted(unknown))}.")
    summary, returns, rest = inspect.cleandoc(factory.__doc__).partition(_RETURNS)
    if not returns:
        raise ValueError(f"The docstring of {factory.__name__} has no section Returns.")
    described = "".join(f"{name} : int\n    {_PARAMETERS[name]}\n" for name in arguments)
    parameters = f"Parameters\n----------\n{described}\n"
    factory.__doc__ = f"{summary}{parameters}{returns}{rest}\n{_RAISES['seed' in arguments]}"
    return factory
