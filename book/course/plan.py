"""Plan a course: what a chapter takes, and what is read and due in which week.

The minutes of reading are those that the pages state, which a test holds to their words, code and
proofs; the minutes of an exercise are its own. The syllabi stand in ``book/syllabi.yml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml

from book._tools.command import ROOT
from book.course.exercises import Chapter, Exercise, chapters, read_chapter

__all__ = ["Page", "Syllabus", "Week", "needs", "pages", "planned", "read_syllabi", "who_marks"]

_READING = re.compile(r"\*\*Reading\.\*\*\s+About (\d+) minutes\.")
_BUDGET = re.compile(r"At most (\d+) reference seconds of one core and ([\d.]+) GB")
_NEEDS = re.compile(r"\*\*Prerequisites\.\*\*(.*?)(?:\n\s*\n|\Z)", re.S)


@dataclass(frozen=True)
class Page:
    """A page of the book: what it takes to read and to run.

    Attributes
    ----------
    name : str
        The name of its notebook, ``"05a_folding_proved"``.
    minutes : int
        How long it takes to read.
    seconds : int
        Reference seconds of one core that it runs at most.
    gigabytes : float
        Memory that it takes at most.
    """

    name: str
    minutes: int
    seconds: int
    gigabytes: float

    @property
    def core(self) -> bool:
        """Whether it is a chapter's core page."""
        return bool(re.match(r"\d\d_", self.name))


@dataclass(frozen=True)
class Week:
    """One week: the chapters that are read, and the exercises that are due."""

    read: tuple[Chapter, ...]
    due: tuple[Exercise, ...]


@dataclass(frozen=True)
class Syllabus:
    """A course of some weeks."""

    name: str
    title: str
    weeks: tuple[Week, ...]


def _text(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def pages(root: Path = ROOT) -> list[Page]:
    """Return all pages with what they state, in the order of their names.

    Raises
    ------
    ValueError
        If a page does not state its minutes or its budget.
    """
    found = []
    for path in sorted((root / "chapters").glob("[0-9][0-9]*_*.ipynb")):
        text = _text(path)
        reading, budget = _READING.search(text), _BUDGET.search(text)
        if not reading or not budget:
            raise ValueError(f"{path.name} does not state its minutes and its budget.")
        found.append(Page(path.stem, int(reading[1]), int(budget[1]), float(budget[2])))
    return found


def needs(number: str, root: Path = ROOT) -> set[str]:
    """Return the numbers of the chapters that a chapter names as its prerequisites."""
    labels = {}
    for path in sorted((root / "chapters").glob("[0-9][0-9]_*.ipynb")):
        label = re.search(r"(?m)^\((chapter-[\w-]+)\)=$", _text(path))
        if label:
            labels[label[1]] = path.name[:2]
        if path.name.startswith(number):
            named = _NEEDS.search(_text(path))
    words = re.findall(r"chapter-[\w-]+", named[1]) if named else []
    return {labels[word] for word in words if word in labels}


def who_marks(exercise: Exercise) -> str:
    """Say who marks an exercise: a program, or a person."""
    from book.course.tasks import TASKS

    return "a program" if exercise.label in TASKS else "a person"


def read_syllabi(root: Path = ROOT) -> dict[str, Syllabus]:
    """Read the syllabi of the book; see :func:`planned` for what they must keep."""
    text = (root / "book" / "syllabi.yml").read_text(encoding="utf-8")
    return planned(yaml.safe_load(text), root)


def planned(stored: Mapping[str, Any], root: Path = ROOT) -> dict[str, Syllabus]:
    """Make syllabi of what a file holds.

    Raises
    ------
    ValueError
        If a week reads a chapter that is not there or that a later week reads first, or if an
        exercise is not there, due twice, or due before its chapter is read.
    """
    whole = {number: read_chapter(number, root) for number in chapters(root)}
    exercises = {one.label: one for chapter in whole.values() for one in chapter.exercises}
    found = {}
    for name, entry in stored.items():
        weeks: list[Week] = []
        for place, week in enumerate(entry["weeks"], start=1):
            where = f"book/syllabi.yml: week {place} of {name}"
            for number in week["read"]:
                if number not in whole:
                    raise ValueError(f"{where} reads {number!r}, which is no chapter.")
            before = {c.number for w in weeks for c in w.read} | set(week["read"])
            for number in week["read"]:
                if missing := sorted(needs(number, root) - before):
                    raise ValueError(f"{where} reads {number}, which needs {missing[0]} first.")
            done = {e.label for w in weeks for e in w.due}
            for label in week["due"]:
                if label not in exercises:
                    raise ValueError(f"{where} asks for {label!r}, which is no exercise.")
                if label in done:
                    raise ValueError(f"{where} asks for {label} again.")
                if exercises[label].chapter not in before:
                    raise ValueError(f"{where} asks for {label} before its chapter is read.")
            weeks.append(
                Week(
                    tuple(whole[number] for number in week["read"]),
                    tuple(exercises[label] for label in week["due"]),
                )
            )
        found[name] = Syllabus(name, entry["title"], tuple(weeks))
    return found
