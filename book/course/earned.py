"""What answers earn, asked inside the notebook that gives them, as nbgrader's hidden tests do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from book.course.task import AnswerError, Variant
from book.course.tasks import TASKS

__all__ = ["earned"]


class _Namespace:
    """The names of a notebook, as a check asks for them."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        value = self._names.get(name, ...)
        if value is ...:
            raise AnswerError(f"`{name}` has no value.")
        return value


def earned(label: str, parameters: Mapping[str, Any], names: Mapping[str, Any]) -> float:
    """Return the points that the answers in a notebook earn, and print what they lack.

    Parameters
    ----------
    label : str
        The label of the exercise.
    parameters : mapping
        The numbers of the variant.
    names : mapping of str to object
        What the notebook has defined: ``globals()``.
    """
    task = TASKS[label]
    share, lacks = Variant(task, parameters).score(_Namespace(names))
    print("\n".join(lacks) or "All is as it should be.")
    return round(share * task.points, 2)
