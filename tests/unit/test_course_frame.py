"""The questions asked of every task refuse tasks that are not sound."""

from __future__ import annotations

import random
from typing import Any

import pytest

from book.course.task import Answer, AnswerError, Task, require
from book.course.values import as_array, as_number, as_whole, whole
from tests import course_frame as frame


class Sum(Task):
    """Add two numbers; a sound task, which the planted ones spoil in one place."""

    label = "ex-planted"
    points = 1
    names = {"total": "the sum of the two numbers"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {"a": chance.randint(10, 99), "b": chance.randint(10, 99)}

    def prompt(self, a: int, b: int) -> str:
        return f"Add ${a}$ and ${b}$. The sum has two or three digits."

    def solution(self, a: int, b: int) -> str:
        return f"total = {a + b}"

    def difficulty(self, a: int, b: int) -> dict[str, tuple[float, float, float]]:
        return {"digits": (len(f"{a}{b}"), 4, 4)}

    def public_shape(self, answer: Answer, a: int, b: int) -> None:
        """The sum is a whole number."""
        whole(answer, "total")

    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        require(whole(answer, "total") == a + b, "Add the units first, and carry.")


class TooManyPoints(Sum):
    points = 40


class NoHiddenCheck(Task):
    label, points, names = "ex-planted", 1, Sum.names
    draw, prompt, solution = Sum.draw, Sum.prompt, Sum.solution
    public_shape = Sum.public_shape


class OwnChance(Sum):
    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {"a": random.randint(10, 99), "b": 10}


class Tuples(Sum):
    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {"a": (1, 2), "b": 3}


class OddDollars(Sum):
    def prompt(self, a: int, b: int) -> str:
        return f"Add ${a}$ and ${b}. The sum has two or three digits, or so it seems."


class Directive(Sum):
    def prompt(self, a: int, b: int) -> str:
        return f"By {{ref}}`a chapter` you know how to add ${a}$ and ${b}$. Do."


class Unfilled(Sum):
    def prompt(self, a: int, b: int) -> str:
        return f"Add {a} and {{b}}. The sum has two or three digits, or so it seems."


class WrongSolution(Sum):
    def solution(self, a: int, b: int) -> str:
        return f"total = {a + b if a % 3 else a}"


class FilledStarter(Sum):
    def starter(self, a: int, b: int) -> str:
        return f"total = {a} + {b}"


class AnyWholeNumber(Sum):
    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        whole(answer, "total")


class SharedAnswer(Sum):
    def solution(self, a: int, b: int) -> str:
        return "total = 0"

    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        require(whole(answer, "total") == 0, "Add the units first, and carry.")


class Unread(Sum):
    names = {"total": "the sum of the two numbers", "why": "the reason"}

    def solution(self, a: int, b: int) -> str:
        return f"total = {a + b}\nwhy = 'carry'"


class LetsNaNPass(Sum):
    def public_shape(self, answer: Answer, a: int, b: int) -> None:
        """The sum is a number."""
        require(answer.total != 0.5, "The sum is a number.")

    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        require(not abs(answer.total - a - b) > 1e-9, "Add the units first, and carry.")


class PartlyShared(Sum):
    all_or_nothing = False

    def hidden_digits(self, answer: Answer, a: int, b: int) -> None:
        """The sum has two or three digits."""
        require(10 <= whole(answer, "total") < 1000, "The sum has two or three digits.")


class Telltale(Sum):
    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        require(whole(answer, "total") == a + b, f"It should be {a + b}.")


class Crashes(Sum):
    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        if answer.total != a + b:
            raise ZeroDivisionError("none")


class NoMeasure(Sum):
    def difficulty(self, a: int, b: int) -> dict[str, tuple[float, float, float]]:
        return {}


class UnequallyHard(Sum):
    def draw(self, chance: random.Random) -> dict[str, Any]:
        return {"a": chance.randint(10, 101), "b": chance.randint(10, 99)}


class Object(Sum):
    def solution(self, a: int, b: int) -> str:
        return f"class Total:\n    value = {a + b}\ntotal = Total"


class Hangs(Sum):
    def hidden_sum(self, answer: Answer, a: int, b: int) -> None:
        """The sum is right."""
        require(whole(answer, "total") == a + b, "Add the units first, and carry.")

        sum(range(3_000_000))


PLANTED = [
    (TooManyPoints, frame.is_described),
    (NoHiddenCheck, frame.is_described),
    (OwnChance, frame.draws_plain_values),
    (Tuples, frame.draws_plain_values),
    (OddDollars, frame.reads_well),
    (Directive, frame.reads_well),
    (Unfilled, frame.reads_well),
    (WrongSolution, frame.accepts_its_solution),
    (Object, frame.accepts_its_solution),
    (FilledStarter, frame.refuses_the_starter),
    (Unread, frame.needs_every_name),
    (LetsNaNPass, frame.needs_every_name),
    (AnyWholeNumber, frame.refuses_copies),
    (SharedAnswer, frame.refuses_copies),
    (PartlyShared, frame.refuses_copies),
    (Telltale, frame.refuses_copies),
    (Crashes, frame.refuses_copies),
    (NoMeasure, frame.is_equally_hard),
    (UnequallyHard, frame.is_equally_hard),
]


@pytest.mark.parametrize("question", frame.QUESTIONS, ids=lambda q: q.__name__)
def test_a_sound_task_passes(question: Any) -> None:
    question(Sum())


@pytest.mark.parametrize(("planted", "question"), PLANTED, ids=lambda p: p.__name__)
def test_a_planted_fault_is_found(planted: type[Task], question: Any) -> None:
    with pytest.raises(AssertionError):
        question(planted())


def test_a_slow_task_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "SECONDS", 0.02)
    with pytest.raises(AssertionError, match="slow"):
        frame.accepts_its_solution(Hangs())


def test_a_printed_solution_that_earns_points_is_found() -> None:
    lucky = frame.variant(task := Sum(), 3).parameters
    frame.refuses_the_book(task, "total = 3")
    with pytest.raises(AssertionError, match="the book earns"):
        frame.refuses_the_book(task, f"total = {lucky['a'] + lucky['b']}")


def test_values_and_functions_cross_and_nothing_else() -> None:
    namespace = {"f": lambda x: x.__setitem__(0, 9) or x, "kind": Sum, "x": [1]}
    answer = frame.Served(namespace, ["f", "kind", "x", "y"])
    sent = [1]
    assert answer.f(sent) == [9]
    assert sent == [1]
    assert answer.x is not namespace["x"]
    for name, says in {"kind": "values and functions", "y": "y is not defined"}.items():
        with pytest.raises(AnswerError, match=says):
            getattr(answer, name)
    with pytest.raises(AttributeError):
        _ = answer.z
    with pytest.raises(AssertionError, match="cannot be sent"):
        answer.f({1, 2})


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), [1], 1j])
def test_no_number(value: Any) -> None:
    with pytest.raises(AnswerError, match="x must be a number"):
        as_number(value, "x")
    with pytest.raises(AnswerError, match="x must be a whole number"):
        as_whole(value, "x")


@pytest.mark.parametrize("value", [1.0, [1.0], [[1, 2], [3]], [["a", "b"]], [[1, float("nan")]]])
def test_no_array(value: Any) -> None:
    with pytest.raises(AnswerError, match="x must"):
        as_array(value, "x", (None, 2))
