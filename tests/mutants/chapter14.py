"""Five broken decompositions of variance, taken from the cells of chapter 14."""

from tests.mutants import load

_CHAPTER = load("14")

MUTANTS = _CHAPTER.MUTANTS
CORRECT = _CHAPTER.CORRECT
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
