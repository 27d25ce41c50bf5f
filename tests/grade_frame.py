"""What the tests of the grader share: an assignment with a task of each kind, and notebooks."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from book.course.task import Answer, Task, require
from book.course.tasks import TASKS

HAND = "ex-05-by-hand"
SEED = 2027
COURSE = {
    "format": 1,
    "seed": SEED,
    "students": {"ada": "Ada L.", "bob": "Bob N.", "eve": "Eve O."},
    "chapters": {
        "05": {
            "title": "Isometric cross sections",
            "exercises": [
                {"label": HAND, "title": "By hand", "points": 2, "marking": "auto"},
                {"label": "ex-05-proof", "title": "A proof", "points": 3, "marking": "manual"},
            ],
        }
    },
}


class Turn(Task):
    """A function of numbers, arrays and functions; each hidden check has its share."""

    label = "ex-turn"
    points = 3
    names: ClassVar = {"turn": "turns a point by right angles", "mean": "averages a function"}
    all_or_nothing = False

    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {"k": chance.choice([1, 3])}

    def prompt(self, k: int) -> str:
        return f"Turn by ${k}$ right angles, and average a function over all four turns."

    def given(self, k: int) -> str:
        return """
        import numpy as np

        def quarter(point):
            return -point[1], point[0]
        """

    def solution(self, k: int) -> str:
        return f"""
        def turn(point, k={k}):
            for _ in range(k):
                point = quarter(point)
            return np.array(point)

        def mean(f, point):
            return sum(f(turn(point, k)) for k in range(4)) / 4
        """

    def public_shape(self, answer: Answer, k: int) -> None:
        """A turned point is an array of two numbers."""
        require(np.shape(answer.turn((1, 2))) == (2,), "turn must return a pair.")

    def hidden_turn(self, answer: Answer, k: int) -> None:
        """Points are turned the right way."""
        for x, y in ((1.0, 0.0), (2.0, 5.0)):
            right = [-y, x] if k == 1 else [y, -x]
            require(np.allclose(answer.turn((x, y)), right), "Turn anticlockwise.")

    def hidden_mean(self, answer: Answer, k: int) -> None:
        """The mean asks the function at all four turns."""
        asked = []

        def f(point: Any) -> float:
            asked.append(tuple(np.round(point, 9)))
            return float(point[0]) + 7

        require(answer.mean(f, (1.0, 2.0)) == 7, "Add up, and divide by four.")
        require(len(set(asked)) == 4, "Ask at all four turns.")


class Circulant(Task):
    """An array or a tensor."""

    label = "ex-circulant"
    points = 2
    names: ClassVar = {"W": "a circulant matrix of whole numbers, an array or a tensor"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {"row": chance.sample(range(1, 9), 3)}

    def prompt(self, row: list[int]) -> str:
        return f"Write down the circulant matrix with the first row ${row}$."

    def solution(self, row: list[int]) -> str:
        return f"import numpy as np\nW = np.stack([np.roll({row}, i) for i in range(3)])"

    def hidden_entries(self, answer: Answer, row: list[int]) -> None:
        """The matrix commutes with the shift and has the right first row."""
        W = np.asarray(answer.W)
        require(W.shape == (3, 3), "It has three rows.")
        require((np.roll(W, (1, 1), (0, 1)) == W).all(), "Shift rows and columns together.")
        require(W[0].tolist() == row, "Look at the first row.")


class Mutants(Task):
    """A test that the student writes, asked whether it tells right from wrong."""

    label = "ex-mutants"
    points = 4
    names: ClassVar = {"check_sort": "raises AssertionError for a wrong sorting function"}
    shipped: ClassVar = {
        "right": "def sort(x):\n    return sorted(x)",
        "backwards": "def sort(x):\n    return sorted(x)[::-1]",
        "drops": "def sort(x):\n    return sorted(set(x))",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {}

    def prompt(self) -> str:
        return "Write a test of sorting."

    def solution(self) -> str:
        return """
        def check_sort(sort):
            assert sort([2, 1, 2]) == [1, 2, 2]
        """

    def score(self, answer: Any) -> tuple[float, list[str]]:
        """The test accepts what sorts, and refuses what does not."""
        caught = []
        for name, source in self.shipped.items():
            sort = answer.define(source, "sort")
            try:
                answer.check_sort(sort)
            except AssertionError:
                caught.append(name)
        if "right" in caught:
            return 0.0, ["The test refuses a function that sorts."]
        return len(caught) / 2, [f"{len(caught)} of 2 wrong functions are refused."]


DRY: Mapping[str, Task] = {
    task.label: task for task in (TASKS[HAND], Turn(), Circulant(), Mutants())
}
POINTS = {label: task.points for label, task in DRY.items()}

Source = str | tuple[str, Mapping[str, Any]]


def notebook(cells: Sequence[Source], student: str = "ada", chapter: str = "05") -> dict[str, Any]:
    """Return a notebook of cells: a source, or a source with metadata."""
    pairs = [(c, {}) if isinstance(c, str) else c for c in cells]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"course": {"chapter": chapter, "student": student}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{i}",
                "source": source,
                "metadata": dict(metadata),
                "outputs": [],
                "execution_count": None,
            }
            for i, (source, metadata) in enumerate(pairs)
        ],
    }


def answer(source: str, label: str = HAND) -> Source:
    """Return a cell that answers an exercise."""
    return source, {"exercise": label}


def solution(label: str, student: str = "ada") -> str:
    """Return the solution of a student's variant."""
    return DRY[label].variant(SEED, student).solution


def write(path: Path, cells: Sequence[Source], student: str = "ada", chapter: str = "05") -> Path:
    """Write a notebook to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(cells, student, chapter)), encoding="utf-8")
    return path
