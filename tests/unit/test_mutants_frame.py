"""The frame around the mutants of a chapter can fail, each part of it for its own reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
import torch

from tests.mutants import load
from tests.mutants.frame import FiveMutants


def frame(**change: Any) -> Any:
    """Five wrong ways to take absolute values; some values of `change` spoil the frame."""
    x = torch.linspace(-2, 2, 7)
    chapter: dict[str, Any] = {
        "MUTANTS": {
            "keeps the sign": lambda x: x,
            "turns the sign": lambda x: -x,
            "squares": lambda x: x * x,
            "forgets the negative": lambda x: x.clamp(min=0),
            "adds one": lambda x: x.abs() + 1,
        },
        "CORRECT": lambda x: x.abs(),
        "CATCHES": lambda one: not torch.equal(one(x), x.abs()),
        "NAIVE": lambda one: bool((one(x) < 0).any()),
    }

    class Frame(FiveMutants):
        naive_catches = change.pop("naive_catches", ("keeps the sign", "turns the sign"))
        accepted = change.pop("accepted", (lambda x: (x * x).sqrt(),))

        def values(self, implementation: Any) -> Any:
            return implementation(x)

    Frame.chapter = SimpleNamespace(**{**chapter, **change})
    return Frame()


FIVE = frame().chapter.MUTANTS


def run(one: Any) -> None:
    one.test_there_are_five_different_mutants()
    for name in one.chapter.MUTANTS:
        one.test_the_solution_catches(name)
    one.test_the_solution_accepts_correct_implementations()
    one.test_the_naive_test_accepts_the_correct_one_and_misses_some()


def test_a_sound_chapter_passes() -> None:
    run(frame())


@pytest.mark.parametrize(
    "change",
    [
        {"MUTANTS": dict(list(FIVE.items())[1:])},
        {"MUTANTS": {**FIVE, "adds one": lambda x: x}},
        {"MUTANTS": {**FIVE, "adds one": torch.abs}},
        {"CATCHES": lambda one: one(torch.ones(1)).item() != 1},
        {"CATCHES": lambda one: True},
        {"accepted": (torch.square,)},
        {"NAIVE": lambda one: True},
        {"NAIVE": lambda one: False},
        {"naive_catches": ("keeps the sign",)},
    ],
)
def test_a_spoiled_chapter_does_not(change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        run(frame(**change))


def test_the_loader_refuses_what_it_cannot_load(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"one notebook 99_\*\.ipynb"):
        load("99")
    cell = nbformat.v4.new_code_cell("broken = {}", metadata={"tags": ["mutants"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "98_a.ipynb")
    with pytest.raises(ValueError, match="no cell with the tag 'solution-test'"):
        load("98", directory=tmp_path)
