"""Write down what was marked: one JSON file for each submission, a table, Gradescope's format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from book._tools.command import write
from book.grade.course import Course, Exercise
from book.grade.judge import Mark, Outcome

__all__ = ["Result", "clean", "first_failure", "gradescope", "load", "save", "table", "totals"]

TOTALS = ("student", "name", "chapter", "points", "of", "a person marks", "remarks")
COLUMNS = ("student", "chapter", "exercise", "points", "of", "first failing check", "remarks")


@dataclass(frozen=True)
class Result:
    """What came of one submission.

    Attributes
    ----------
    file : str
        The name of the file.
    student, chapter : str or None
        Whose it is and of which chapter, as far as known.
    problem : str
        Why it was not marked; empty if it was.
    marks : tuple of Mark
        The exercises that a program marks.
    remarks : tuple of str
        What happened in cells that belong to no exercise.
    printed : str
        The beginning of what the cells printed; for the instructor only.
    """

    file: str
    student: str | None
    chapter: str | None
    problem: str = ""
    marks: tuple[Mark, ...] = ()
    remarks: tuple[str, ...] = ()
    printed: str = ""


def save(result: Result, key: str, path: Path) -> None:
    """Write a result whole, with the key of what it depends on."""
    write(path, json.dumps({"key": key, **asdict(result)}, indent=1) + "\n")


def load(key: str, path: Path) -> Result | None:
    """Return the result in a file, or None if there is none of this key."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said.pop("key") != key:
            return None
        marks = tuple(
            Mark(
                mark["label"],
                mark["points"],
                tuple(Outcome(**outcome) for outcome in mark["outcomes"]),
                tuple(mark["remarks"]),
            )
            for mark in said.pop("marks")
        )
        return Result(**{**said, "marks": marks, "remarks": tuple(said["remarks"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # absent or damaged, to be made again


def first_failure(mark: Mark) -> str:
    """Return the sentence of the first check that failed, and its words."""
    for outcome in mark.outcomes:
        if not outcome.passed:
            return f"{outcome.says} {outcome.words}".strip()
    return ""


def _lines(
    course: Course, result: Result, exercises: Sequence[Exercise]
) -> Iterable[tuple[object, ...]]:
    marks = {mark.label: mark for mark in result.marks}
    for exercise in exercises:
        head = (result.student, result.chapter, exercise.label)
        mark = marks.get(exercise.label)
        if result.problem:
            yield (*head, 0 if exercise.automatic else None, exercise.points, "", result.problem)
        elif mark is None:
            yield (*head, None, exercise.points, "", "A person marks this exercise.")
        else:
            remarks = " ".join(f"{r.rstrip('.')}." for r in mark.remarks)
            yield (*head, mark.points, exercise.points, first_failure(mark), remarks)


def table(course: Course, results: Iterable[Result]) -> str:
    """Return the table of all marks as CSV.

    Points are empty where a person has to give them. Text that a spreadsheet could take for a
    formula begins with an apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in sorted(results, key=lambda r: (r.chapter or "", r.student or "", r.file)):
        exercises = course.chapters.get(result.chapter or "", ())
        if result.student is None or not exercises:
            head = (result.student, result.chapter, None, None, None, None)
            writer.writerow(map(_cell, (*head, f"{result.file}: {result.problem}")))
            continue
        for line in _lines(course, result, exercises):
            writer.writerow(map(_cell, line))
    return stream.getvalue()


def totals(course: Course, results: Sequence[Result]) -> str:
    """Return a line for each student and each chapter of which somebody has handed in, as CSV.

    Points are what a program gave, of what a program can give; what a person marks comes on top.
    A student of the roster who handed in nothing has a line without points.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(TOTALS)
    known = {(r.chapter, r.student): r for r in results}
    chapters = {r.chapter for r in results if r.chapter is not None}
    for chapter in sorted(chapters & course.chapters.keys()):
        exercises = course.chapters[chapter]
        of, rest = (sum(e.points for e in exercises if e.automatic is by) for by in (True, False))
        handed_in = {r.student for r in results if r.chapter == chapter and r.student is not None}
        for student in sorted(handed_in | course.students.keys()):
            result, points = known.get((chapter, student)), None
            says = "Nothing was handed in."
            if result:
                points = 0 if result.problem else sum(mark.points or 0 for mark in result.marks)
                says = result.problem or " ".join(m.label for m in result.marks if m.remarks)
            line = (student, course.students.get(student, ""), chapter, points, of, rest, says)
            writer.writerow(map(_cell, line))
    return stream.getvalue()


def _cell(value: object) -> str:
    """Write a value for a table that other programs open."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:g}"
    text = clean(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def clean(text: str) -> str:
    """Return text in one line without control characters."""
    text = text.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+", " ", text).strip()


def gradescope(course: Course, result: Result) -> dict[str, Any]:
    """Return what Gradescope reads from ``results.json``.

    A student sees of each exercise the points, of public checks what failed and why, and of
    hidden checks the sentence alone: their words may tell what a function was called with.
    """
    if result.problem:
        return {"score": 0, "output": clean(result.problem), "stdout_visibility": "hidden"}
    titles: Mapping[str, Exercise] = {e.label: e for e in course.chapters[result.chapter or ""]}
    tests = []
    for mark in result.marks:
        exercise = titles[mark.label]
        test: dict[str, Any] = {
            "name": f"{exercise.title} ({mark.label})",
            "max_score": exercise.points,
            "output": "\n".join(map(_line, mark.outcomes)),
            "visibility": "visible",
        }
        if mark.points is None:
            test["output"] += "\nA person decides on this exercise."
        else:
            test["score"] = mark.points
            test["status"] = "passed" if mark.points == exercise.points else "failed"
        tests.append(test)
    return {"tests": tests, "visibility": "visible", "stdout_visibility": "hidden"}


def _line(outcome: Outcome) -> str:
    words = "" if outcome.hidden or outcome.passed else f" {outcome.words}"
    return clean(f"{'passed' if outcome.passed else 'failed'}: {outcome.says}{words}")
