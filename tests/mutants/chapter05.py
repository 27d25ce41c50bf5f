"""Five broken cross sections for signs and permutations, taken from the cells of chapter 05."""

from tests.mutants import load

_CHAPTER = load("05")

MUTANTS = _CHAPTER.broken
CORRECT = _CHAPTER.correct
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
