"""Arrays that functions of an answer return."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, require
from book.course.values import as_array

__all__ = ["array_of"]


def array_of(
    answer: Answer, name: str, shape: tuple[int | None, ...], *args: Any
) -> NDArray[np.float64]:
    """Return the array of a given shape that a function of the answer returns."""
    function = getattr(answer, name)
    require(callable(function), f"{name} must be a function.")
    return as_array(function(*args), f"What {name} returns", shape)
