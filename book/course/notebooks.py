"""Write the notebooks of an assignment: one for a student, one with solutions."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from book._ext.exercise_facts import LEVELS
from book.course.checking import public_checks, setup, staying_checks
from book.course.exercises import Chapter, Code, Exercise, Text
from book.course.page_code import definitions
from book.course.task import Variant
from book.course.tasks import TASKS

__all__ = [
    "Assignment",
    "Item",
    "Student",
    "assignment",
    "chapter_title",
    "dump",
    "solution_notebook",
    "student_notebook",
]

Cell = dict[str, Any]

WITH_CODE = {"code", "test", "experiment"}
"""The kinds of exercises whose answer has a cell for code also where a person marks."""

HANDING_IN = """\
**Handing in.** Write into the cells that say so, run the notebook once from top to bottom, save it
and hand in this file, `{number}.ipynb`, under its name. A program finds each answer by its cell, so
do not delete, copy or split the cells; add as many of your own as you like."""

MARKING = """\
**Marking.** What a program marks is what your cells *define*, by the names that the question asks
for; what they print does not count. The public checks below each question say whether an answer
has the right form. Marking runs these and others. It runs your cells in a process of its own, with
limits on time, memory and files: a fence against accidents, and not a jail."""


@dataclass(frozen=True)
class Student:
    """A student of the roster; ``Student("", "")`` stands for all where there is none."""

    id: str
    name: str


@dataclass(frozen=True)
class Item:
    """One exercise of an assignment, with a student's numbers where a program marks it."""

    exercise: Exercise
    variant: Variant | None

    @property
    def label(self) -> str:
        """The label of the exercise."""
        return self.exercise.label

    @property
    def points(self) -> int:
        """What it earns: the task says so where there is one."""
        return self.variant.task.points if self.variant else self.exercise.points

    @property
    def hint(self) -> str:
        """The hint: the task's own where it has one, since a page speaks of its own numbers."""
        return (self.variant and self.variant.hint) or self.exercise.hint

    @property
    def marking(self) -> str:
        """Who marks: ``"auto"`` for a program, ``"manual"`` for a person."""
        return "auto" if self.variant else "manual"


@dataclass(frozen=True)
class Assignment:
    """What one student is asked in one chapter."""

    chapter: Chapter
    student: Student
    items: tuple[Item, ...]


def assignment(
    chapter: Chapter,
    seed: int,
    student: Student,
    *,
    companions: bool = False,
    due: Container[str] | None = None,
) -> Assignment:
    """Return a student's assignment: all exercises of the core page, or those that are due.

    Parameters
    ----------
    chapter : Chapter
        The chapter.
    seed : int
        The seed of the course.
    student : Student
        Whose numbers are drawn.
    companions : bool
        Whether the exercises of the companion pages belong to it too.
    due : container of str, optional
        The labels of the exercises that are assigned, of whatever page, and no others.
    """
    return Assignment(
        chapter,
        student,
        tuple(
            Item(one, TASKS[one.label].variant(seed, student.id) if one.label in TASKS else None)
            for one in chapter.exercises
            if (one.core or companions if due is None else one.label in due)
        ),
    )


def chapter_title(chapter: Chapter) -> str:
    """Return the title of a chapter with its number."""
    return f"Chapter {int(chapter.number)}. {chapter.title}"


def student_notebook(given: Assignment) -> dict[str, Any]:
    """Return the notebook that a student works in: nothing in it tells an answer."""
    cells = [*_opening(given)]
    for place, item in enumerate(given.items, 1):
        cells += _question(place, item)
        cells += _answer_cells(item)
        cells += _check_cells(item)
    return _notebook(given, cells)


def solution_notebook(given: Assignment) -> dict[str, Any]:
    """Return the same notebook with every answer, for those who mark."""
    cells = [*_opening(given)]
    cells[0]["source"] += "\n\n**With solutions: not for students.**"
    for place, item in enumerate(given.items, 1):
        cells += _question(place, item)
        cells += _solution_cells(item)
        cells += _check_cells(item)
        if item.variant and (hidden := [c.says for c in item.variant.checks if c.hidden]):
            says = "\n".join(f"- {sentence}" for sentence in hidden)
            cells.append(_markdown(f"hidden-{item.label}", f"What else is checked:\n\n{says}"))
    return _notebook(given, cells)


def dump(notebook: dict[str, Any]) -> str:
    """Return the text of a notebook's file."""
    lined = [
        {**cell, "source": cell["source"].splitlines(keepends=True)} for cell in notebook["cells"]
    ]
    whole = {**notebook, "cells": lined}
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


# ------------------------------------------------------------------ cells


def _markdown(name: str, source: str, **metadata: Any) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": source}


def _code(name: str, source: str, **metadata: Any) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def _notebook(given: Assignment, cells: list[Cell]) -> dict[str, Any]:
    return {
        "cells": cells,
        "metadata": {
            "course": {"chapter": given.chapter.number, "student": given.student.id},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _opening(given: Assignment) -> Iterator[Cell]:
    number, items = given.chapter.number, given.items
    points = sum(item.points for item in items)
    minutes = sum(item.exercise.minutes for item in items)
    whose = f" Its numbers are those of {given.student.name}." if given.student.id else ""
    yield _markdown(
        "title",
        f"# {chapter_title(given.chapter)}\n\n"
        f"{_count(len(items), 'exercise')}, {_count(points, 'point')}, about {minutes} minutes."
        f"{whose} The page of the book goes with it: words, theorems, tables and figures that are "
        "named below, or said to be above, are found there.\n\n"
        f"{_flow(HANDING_IN.format(number=number))}\n\n{_flow(MARKING)}",
    )
    yield _code("setup", setup(), jupyter={"source_hidden": True})


def _flow(text: str) -> str:
    return " ".join(text.split())


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _question(place: int, item: Item) -> Iterator[Cell]:
    """Yield the question, the code that comes with it, and the hint."""
    exercise, variant = item.exercise, item.variant
    facts = [
        LEVELS[exercise.level],
        f"about {exercise.minutes} minutes",
        _count(item.points, "point"),
        f"marked by a {'program' if variant else 'person'}",
    ]
    head = f"## Exercise {place}. {exercise.title}\n\n*{' · '.join(facts)}*"
    hint = f"<details>\n<summary><b>Hint</b></summary>\n\n{item.hint}\n\n</details>"
    if variant:
        texts, code = [variant.prompt], [variant.given] if variant.given else []
        if staying := staying_checks(variant):
            texts.append(f"*You will be told when your answer is marked:* {' '.join(staying)}")
    else:
        texts = [part.source for part in exercise.question if isinstance(part, Text)]
        code = [part.source for part in exercise.question if isinstance(part, Code)]
        if exercise.kind in WITH_CODE and (from_page := definitions(exercise)):
            code.insert(0, from_page)
    blocks = [head, *texts, *([hint] if item.hint else [])]
    yield _markdown(f"question-{item.label}", "\n\n".join(blocks))
    for number, source in enumerate(code):
        name = f"given-{item.label}" + (f"-{number}" if number else "")
        yield _code(name, source, exercise=item.label, given=True)


def _answer_cells(item: Item) -> Iterator[Cell]:
    """Yield the cells that a student fills in."""
    if item.variant:
        yield _code(f"answer-{item.label}", item.variant.starter, exercise=item.label)
        return
    yield _markdown(f"answer-{item.label}", "*Your answer:*", exercise=item.label)
    if item.exercise.kind in WITH_CODE:
        yield _code(f"code-{item.label}", "# Your code", exercise=item.label)


def _solution_cells(item: Item) -> Iterator[Cell]:
    """Yield our answer."""
    if item.variant:
        yield _code(f"answer-{item.label}", item.variant.solution, exercise=item.label)
        if item.variant.remarks:
            yield _markdown(f"remarks-{item.label}", item.variant.remarks)
        return
    for number, part in enumerate(item.exercise.solution):
        make = _markdown if isinstance(part, Text) else _code
        name = f"{'answer' if isinstance(part, Text) else 'code'}-{item.label}"
        yield make(name + (f"-{number}" if number else ""), part.source, exercise=item.label)


def _check_cells(item: Item) -> Sequence[Cell]:
    source = public_checks(item.variant) if item.variant else ""
    if not source:
        return []
    folded = {"source_hidden": True}
    name = f"checks-{item.label}"
    return [_code(name, source, exercise=item.label, public=True, jupyter=folded)]
