"""Chapter 04: the quotient distance of shifted rows, and five ways to get it wrong."""

from __future__ import annotations

from tests.mutants import load

_CELLS = load("04")

MUTANTS = _CELLS.MUTANTS
CORRECT = _CELLS.CORRECT
NAIVE = _CELLS.naive
CATCHES = _CELLS.catches
