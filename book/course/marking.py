"""The marking sheet of a chapter: what a person marks, with our solution and the scale.

The scale is the one of the page for instructors. Which of its rows an exercise is marked by
depends on the kind of work; the points are shared out among the rows as evenly as whole points
can be.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from book._tools.command import ROOT
from book.course.exercises import Code, Part
from book.course.notebooks import Assignment, Item, Student, chapter_title

__all__ = ["COLUMNS", "CRITERIA", "Criterion", "criteria", "marking_csv", "marking_sheet", "scale"]

CRITERIA = {
    "paper": ("Argument",),
    "proof": ("Argument",),
    "code": ("Code", "Check"),
    "test": ("Check", "Code"),
    "experiment": ("Claim", "Check"),
}
"""The rows of the scale by which each kind of exercise is marked, the weightier first."""

COLUMNS = (
    *("student", "name", "chapter", "exercise", "title", "criterion", "points"),
    *("not yet", "sound", "excellent", "awarded", "comment"),
)
"""The columns of the CSV file; the last two are filled in by the person who marks."""


@dataclass(frozen=True)
class Criterion:
    """One row of the scale, with its share of an exercise's points."""

    name: str
    points: int
    not_yet: str
    sound: str
    excellent: str


@cache
def scale(root: Path = ROOT) -> dict[str, tuple[str, str, str]]:
    """Read the scale from the page for instructors: what is not yet, sound and excellent.

    Raises
    ------
    ValueError
        If the page has lost the table.
    """
    text = (root / "book" / "instructors.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| \*\*(\w+)\*\* \| (.*?) \| (.*?) \| (.*?) \|$", text)
    found = {name: (first, second, third) for name, first, second, third in rows}
    if lost := {name for names in CRITERIA.values() for name in names} - found.keys():
        raise ValueError(f"book/instructors.md has no row of the scale for {sorted(lost)}.")
    return found


def criteria(kind: str, points: int, root: Path = ROOT) -> list[Criterion]:
    """Return the rows by which an exercise is marked; their points add up to the exercise's.

    Examples
    --------
    >>> [(c.name, c.points) for c in criteria("code", 5)]
    [('Code', 3), ('Check', 2)]
    >>> [(c.name, c.points) for c in criteria("paper", 1)]
    [('Argument', 1)]
    """
    names = CRITERIA[kind][:points]
    share, rest = divmod(points, len(names))
    return [
        Criterion(name, share + (place < rest), *scale(root)[name])
        for place, name in enumerate(names)
    ]


def _by_hand(given: Assignment) -> list[Item]:
    return [item for item in given.items if item.marking == "manual"]


def marking_csv(given: Assignment, students: Sequence[Student], root: Path = ROOT) -> str:
    """Return the sheet as CSV: one row for each student, exercise and row of the scale.

    Parameters
    ----------
    given : Assignment
        The assignment.
    students : sequence of Student
        For whom rows are written; the student is left empty where there is no roster.
    root : pathlib.Path
        The repository.
    """
    stream = io.StringIO()
    sheet = csv.writer(stream, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for student in students:
        for item in _by_hand(given):
            for one in criteria(item.exercise.kind, item.points, root):
                facts = (given.chapter.number, item.label, item.exercise.title, one.name)
                words = (one.not_yet, one.sound, one.excellent)
                sheet.writerow((student.id, student.name, *facts, one.points, *words, "", ""))
    return stream.getvalue()


def marking_sheet(given: Assignment, root: Path = ROOT) -> str:
    """Return the sheet as CommonMark: question, our solution and scale of each exercise."""
    by_hand = _by_hand(given)
    points = sum(item.points for item in by_hand)
    automatic = sum(item.points for item in given.items) - points
    head = (
        f"# Marking sheet: {chapter_title(given.chapter)}\n\n"
        f"A person marks {points} points here; a program marks {automatic}. In each row of the "
        "scale *excellent* earns all points of the row, *sound* two thirds of them and *not yet* "
        "none; between them, judge. Our solution is one of several: mark the argument, not the "
        "likeness. **Not for students.**"
    )
    return "\n\n".join([head, *(part for item in by_hand for part in _sheet(item, root))]) + "\n"


def _sheet(item: Item, root: Path) -> Iterator[str]:
    """Yield what the sheet says of one exercise."""
    exercise = item.exercise
    yield f"## {exercise.title}"
    yield f"`{item.label}` · {exercise.kind} · {item.points} points"
    yield from _parts(exercise.question)
    yield "### Our solution"
    yield from _parts(exercise.solution)
    yield "### Scale"
    rows = [
        f"| **{one.name}** | {one.points} | {one.not_yet} | {one.sound} | {one.excellent} |"
        for one in criteria(exercise.kind, item.points, root)
    ]
    yield "\n".join(
        ["| criterion | points | not yet | sound | excellent |", "|---|---|---|---|---|", *rows]
    )


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        yield f"```python\n{part.source}\n```" if isinstance(part, Code) else part.source
