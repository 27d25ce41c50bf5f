"""Five broken banks of max filters, taken from the cells of chapter 06."""

from tests.mutants import load

_CHAPTER = load("06")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
