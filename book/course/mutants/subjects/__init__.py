"""What the exercises "write a test" promise, chapter by chapter, and how wrong an answer is.

A subject draws inputs from the domain that its exercise promises, and computes the error of an
implementation from the definition or from the properties that define it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from book.course.mutants.oracle import Subject

__all__ = ["SUBJECTS"]


def _subjects() -> dict[str, Subject]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.SUBJECT.chapter: module.SUBJECT for module in modules}


SUBJECTS: Mapping[str, Subject] = MappingProxyType(_subjects())
"""The subjects by the number of their chapter."""
