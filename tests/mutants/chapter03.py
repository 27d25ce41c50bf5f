"""Five broken layers from images to the directions of C_4, taken from the cells of chapter 03."""

from tests.mutants import load

_CHAPTER = load("03")

MUTANTS = _CHAPTER.broken
CORRECT = _CHAPTER.correct
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
