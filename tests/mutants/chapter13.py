"""Five broken Lie derivatives, taken from the cells of chapter 13."""

from tests.mutants import load

_CHAPTER = load("13")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
