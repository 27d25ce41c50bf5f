"""The frame around the mutants of a chapter can fail, each part of it for its own reason."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
import torch

from tests.mutants import load
from tests.mutants.frame import Mutants


def frame(**change: Any) -> Mutants:
    """Five wrong ways to take absolute values; some values of `change` spoil the frame."""
    x = torch.linspace(-2, 2, 7)
    sound: dict[str, Any] = {
        "broken": {
            "keeps the sign": lambda x: x,
            "turns the sign": lambda x: -x,
            "squares": lambda x: x * x,
            "forgets the negative": lambda x: x.clamp(min=0),
            "adds one": lambda x: x.abs() + 1,
        },
        "correct": torch.abs,
        "naive": lambda one: bool((one(x) < 0).any()),
        "catches": lambda one: not torch.equal(one(x), x.abs()),
        "values": lambda one: one(x),
        "naive_catches": ("keeps the sign", "turns the sign"),
        "accepted": (lambda x: (x * x).sqrt(),),
    }
    return Mutants(**{**sound, **change})


FIVE = frame().broken


def run(one: Mutants) -> None:
    one.assert_five_differ()
    for name in one.broken:
        one.assert_caught(name)
    one.assert_correct_is_accepted()
    one.assert_naive_misses()


def test_a_sound_chapter_passes() -> None:
    run(frame())


@pytest.mark.parametrize(
    "change",
    [
        {"broken": dict(list(FIVE.items())[1:])},
        {"broken": {**FIVE, "adds one": lambda x: x}},
        {"broken": {**FIVE, "adds one": torch.abs}},
        {"catches": lambda one: one(torch.ones(1)).item() != 1},
        {"catches": lambda one: True},
        {"accepted": (torch.square,)},
        {"naive": lambda one: True},
        {"naive": lambda one: False},
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
