"""Five broken paths between orbits, taken from the cells of chapter 09."""

from tests.mutants import load

_CHAPTER = load("09")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
