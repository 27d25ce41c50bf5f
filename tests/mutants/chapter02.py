"""Five broken Reynolds operators, taken from the cells of chapter 02."""

from tests.mutants import load

_CHAPTER = load("02")

MUTANTS = _CHAPTER.broken
CORRECT = _CHAPTER.correct
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
