"""Five broken distances over the circle, taken from the cells of chapter 11."""

from tests.mutants import load

_CHAPTER = load("11")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
