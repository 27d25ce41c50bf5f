"""What ``course.json`` says: the seed, the students, and the exercises of each chapter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from book._tools.command import ROOT, CommandError

__all__ = ["Course", "Exercise", "read_course"]


@dataclass(frozen=True)
class Exercise:
    """An exercise that is set, and whether a program or a person marks it."""

    label: str
    title: str
    points: float
    automatic: bool


@dataclass(frozen=True)
class Course:
    """A course.

    Attributes
    ----------
    folder : pathlib.Path
        Where ``course.json`` lies; students' code must not read there.
    seed : int
        What all variants are drawn with.
    students : mapping of str to str
        Their names by what their files are called after. Without any, all have one variant.
    chapters : mapping of str to tuple of Exercise
        The exercises by the number of the chapter, ``"05"``.
    digest : str
        Changes when the course, a task or the grader does, and with it what has to be marked.
    """

    folder: Path
    seed: int
    students: Mapping[str, str]
    chapters: Mapping[str, tuple[Exercise, ...]]
    digest: str


def _exercise(said: Mapping[str, Any]) -> Exercise:
    if said["marking"] not in ("auto", "manual"):
        raise ValueError(f"{said['label']}: marking is auto or manual")
    return Exercise(said["label"], said["title"], said["points"], said["marking"] == "auto")


def read_course(folder: Path) -> Course:
    """Read the course in a folder.

    Raises
    ------
    CommandError
        If there is none, or if it is not understood.
    """
    path = folder / "course.json"
    try:
        content = path.read_bytes()
        said = json.loads(content)
        if said["format"] != 1:
            raise ValueError("its format is not 1")
        return Course(
            folder.resolve(),
            int(said["seed"]),
            dict(said["students"]),
            {
                number: tuple(map(_exercise, chapter["exercises"]))
                for number, chapter in said["chapters"].items()
            },
            _digest(content),
        )
    except OSError as error:
        raise CommandError(f"There is no course in {folder}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{path} is not understood: {error}.") from error


def _digest(content: bytes) -> str:
    digest = hashlib.sha256(content)
    for room in ("course", "grade"):
        for path in sorted((ROOT / "book" / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
