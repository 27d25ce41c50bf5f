"""The tasks of the course, chapter by chapter."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from book.course.task import Task

__all__ = ["TASKS"]


def _tasks() -> dict[str, Task]:
    """Return one instance of every task in the modules beside this one, by label."""
    found: dict[str, Task] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            whole = isinstance(value, type) and issubclass(value, Task) and hasattr(value, "label")
            if whole and value.__module__ == f"{__name__}.{module.name}":
                if value.label in found:
                    raise ValueError(f"two tasks have the label {value.label}")
                found[value.label] = value()
    return found


TASKS: Mapping[str, Task] = MappingProxyType(_tasks())
"""All tasks by the label of their exercise."""
