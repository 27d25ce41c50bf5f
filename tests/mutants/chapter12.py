"""Five broken orbit maps, taken from the cells of chapter 12."""

from tests.mutants import load

_CHAPTER = load("12")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
