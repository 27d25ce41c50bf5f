"""The arithmetic that results are promised in, whatever is switched on around a call."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import torch

__all__ = ["full_precision", "single_by_default"]

P = ParamSpec("P")
R = TypeVar("R")

_DEVICES = ("cpu", "cuda", "mps", "xpu")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function compute in the type of its arguments, under ``torch.autocast`` too.

    Autocast would take matrix products in ``bfloat16``, with three digits: a fold would leave its
    orbit, and the identity would move codes.

    Examples
    --------
    >>> square = full_precision(lambda x: x @ x)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     square(torch.eye(2)).dtype, (torch.eye(2) @ torch.eye(2)).dtype
    (torch.float32, torch.bfloat16)
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        """Switch autocast off where it is on."""
        switched = [device for device in _DEVICES if torch.is_autocast_enabled(device)]
        if not switched:
            return function(*args, **kwargs)
        with contextlib.ExitStack() as stack:
            for device in switched:
                stack.enter_context(torch.autocast(device, enabled=False))
            return function(*args, **kwargs)

    return run


@contextlib.contextmanager
def single_by_default() -> Iterator[None]:
    """Make new tensors ``float32`` for a while, whatever the default is.

    Examples
    --------
    >>> torch.set_default_dtype(torch.float64)
    >>> with single_by_default():
    ...     torch.zeros(1).dtype
    torch.float32
    >>> torch.set_default_dtype(torch.float32)
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
