"""Five broken ways to carry a result back to the slots, taken from the cells of chapter 08."""

from tests.mutants import load

_CHAPTER = load("08")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
