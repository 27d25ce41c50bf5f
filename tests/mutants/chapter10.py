"""Five broken pairs of layers for quarter turns, taken from the cells of chapter 10."""

from tests.mutants import load

_CHAPTER = load("10")

MUTANTS = _CHAPTER.broken
CORRECT = _CHAPTER.correct
NAIVE = _CHAPTER.naive
CATCHES = _CHAPTER.catches
LIFT = _CHAPTER.lift
MIX = _CHAPTER.mix
TURN = _CHAPTER.turn
TURN_FIELD = _CHAPTER.turn_field
