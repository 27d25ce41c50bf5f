"""Write the course into ``_build/course/``: assignments, solutions, autograders, sheets, an exam.

``student/`` goes to students; everything else stays with those who teach. ``course.json`` holds
the seed from which the numbers of all students are drawn, the roster and the points, and is what
``python -m book.grade`` reads. A file that somebody has changed is never written over: the new
one goes beside it, to ``NAME.new.SUFFIX``.
"""

from __future__ import annotations

import csv
import json
import re
import secrets
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from book._tools.command import ROOT, CommandError, Option, command, title
from book._tools.made import Made
from book.course.exam import exam_texts
from book.course.exercises import chapters, read_chapter
from book.course.gradescope import bundle
from book.course.leaks import leaks, secrets_of
from book.course.marking import marking_csv, marking_sheet
from book.course.nbgrader import CONFIG, release_notebook, source_notebook
from book.course.notebooks import (
    Assignment,
    Student,
    assignment,
    dump,
    solution_notebook,
    student_notebook,
)
from book.course.plan import read_syllabi

__all__ = ["EVERYBODY", "FOLDER", "build", "course_json", "due_in", "in_use", "main", "read_roster"]

FOLDER = Path("_build/course")
EVERYBODY = Student("", "")
"""For whom the numbers are drawn where there is no roster."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")


def read_roster(path: Path) -> list[Student]:
    """Read the students from a CSV file with the columns ``id`` and ``name``.

    Raises
    ------
    CommandError
        If the file is missing, has other columns, an empty or repeated id, or an id that could
        not be the name of a folder.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [*csv.DictReader(stream)]
    except FileNotFoundError as error:
        raise CommandError(f"there is no roster {path}.") from error
    if not rows or not {"id", "name"} <= rows[0].keys():
        raise CommandError(f"{path} needs a first line `id,name` and one line for each student.")
    students = [Student((r["id"] or "").strip(), (r["name"] or "").strip()) for r in rows]
    for place, student in enumerate(students, 2):
        if not _ID.fullmatch(student.id):
            raise CommandError(
                f"{path}, line {place}: the id {student.id!r} must be of letters, digits and "
                "._@+- and begin with a letter or a digit."
            )
    folded = [student.id.casefold() for student in students]
    for student in students:
        if folded.count(student.id.casefold()) > 1:
            raise CommandError(f"{path} has the id {student.id!r} more than once.")
    return students


def in_use(folder: Path) -> tuple[int, list[Student]] | None:
    """Return the seed and the roster of the course in a folder, or None if it holds no course.

    Raises
    ------
    CommandError
        If ``course.json`` is there and cannot be understood: another seed would give every
        student other numbers.
    """
    try:
        known = json.loads((folder / "course.json").read_text(encoding="utf-8"))
        students = [Student(str(i), str(name)) for i, name in known["students"].items()]
        return int(known["seed"]), students
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(
            f"{folder / 'course.json'} is damaged: mend it, or remove it and say SEED= and ROSTER=."
        ) from error


def due_in(syllabus: str, root: Path = ROOT) -> set[str]:
    """Return the labels of the exercises that are due in a syllabus of the book.

    Raises
    ------
    CommandError
        If there is no such syllabus.
    """
    known = read_syllabi(root)
    if syllabus not in known:
        raise CommandError(f"there is no syllabus {syllabus!r}; there are {', '.join(known)}.")
    return {one.label for week in known[syllabus].weeks for one in week.due}


def _syllabus_in_use(folder: Path) -> str:
    """Return the syllabus of the course in a folder, ``""`` if it follows none."""
    try:
        return str(json.loads((folder / "course.json").read_bytes()).get("syllabus", ""))
    except FileNotFoundError:
        return ""


def course_json(
    seed: int, students: Sequence[Student], given: Iterable[Assignment], syllabus: str = ""
) -> str:
    """Return what the grader has to know: the seed, the roster, the exercises and their points."""
    course: dict[str, Any] = {
        "format": 1,
        "seed": seed,
        **({"syllabus": syllabus} if syllabus else {}),
        "students": {student.id: student.name for student in students},
        "chapters": {
            one.chapter.number: {
                "title": one.chapter.title,
                "exercises": [
                    {
                        "label": item.label,
                        "title": item.exercise.title,
                        "points": item.points,
                        "marking": item.marking,
                    }
                    for item in one.items
                ],
            }
            for one in given
        },
    }
    return json.dumps(course, indent=1, ensure_ascii=False) + "\n"


def build(
    folder: Path,
    seed: int,
    roster: Sequence[Student] = (),
    *,
    only: str = "",
    companions: bool = False,
    syllabus: str = "",
    root: Path = ROOT,
) -> list[str]:
    """Write the course, and return a sentence for each file that somebody has changed.

    Parameters
    ----------
    folder : pathlib.Path
        Where it goes.
    seed : int
        The seed of the course.
    roster : sequence of Student
        The students; without any, all have the same numbers.
    only : str
        The number of one chapter, to write its files alone.
    companions : bool
        Whether the exercises of companion pages are assigned too.
    syllabus : str
        The name of a syllabus: what is due in it is assigned, and nothing else.
    root : pathlib.Path
        The repository.
    """
    every = chapters(root)
    if only and only not in every:
        raise CommandError(f"there is no chapter {only}; there are {', '.join(every)}.")
    read = [read_chapter(number, root) for number in every]
    due = due_in(syllabus, root) if syllabus else None
    every_one = [assignment(o, seed, EVERYBODY, companions=companions, due=due) for o in read]
    shared = [given for given in every_one if given.items]
    if only and only not in [given.chapter.number for given in shared]:
        raise CommandError(f"nothing of chapter {only} is due in the syllabus {syllabus!r}.")
    course = course_json(seed, roster, shared, syllabus)
    with Made(folder) as made:
        made.put("course.json", course)
        made.put("nbgrader/nbgrader_config.py", CONFIG)
        for given in shared:
            if only in ("", given.chapter.number):
                own = [_own(given, seed, student) for student in roster] or [given]
                _chapter(made, given, own, seed, course, root)
        if not only:
            for name, text in exam_texts(seed).items():
                made.put(f"exam/{name}", text)
            made.remove_others()
    return [f"{folder.name}/{name} holds your changes and stays as it is." for name in made.kept]


def _own(shared: Assignment, seed: int, student: Student) -> Assignment:
    """Return an assignment with a student's own numbers."""
    items = [
        replace(item, variant=item.variant and item.variant.task.variant(seed, student.id))
        for item in shared.items
    ]
    return replace(shared, student=student, items=tuple(items))


def _for_students(
    made: Made, name: str, notebook: dict[str, Any], given: Assignment, seed: int
) -> None:
    """Write a notebook for students, unless something in it tells an answer."""
    secrets = [secret for item in given.items for secret in secrets_of(item)]
    for sentence in leaks(notebook, given, secrets, seed):
        raise CommandError(f"{name} would tell what it must not: {sentence}")
    made.put(name, dump(notebook))


def _chapter(
    made: Made, shared: Assignment, own: Sequence[Assignment], seed: int, course: str, root: Path
) -> None:
    """Write the files of one chapter."""
    number = shared.chapter.number
    for given in own:
        place = f"{given.student.id}/{number}" if given.student.id else number
        _for_students(made, f"student/{place}.ipynb", student_notebook(given), given, seed)
        made.put(f"solution/{place}.ipynb", dump(solution_notebook(given)))
    made.put(f"nbgrader/source/{number}/{number}.ipynb", dump(source_notebook(shared)))
    release = f"nbgrader/release/{number}/{number}.ipynb"
    _for_students(made, release, release_notebook(shared), shared, seed)
    if any(item.marking == "manual" for item in shared.items):
        students = [given.student for given in own]
        made.put(f"marking/{number}.md", marking_sheet(shared, root))
        made.put(f"marking/{number}.csv", marking_csv(shared, students, root))
    if any(item.marking == "auto" for item in shared.items):
        solution = dump(solution_notebook(own[0]))
        made.put(f"autograder/{number}.zip", bundle(shared.chapter, course, solution, root))


@command(
    __doc__,
    Option("--seed", type=int, help="the seed of the course; without it the one in use is kept"),
    Option("--roster", type=Path, help="a CSV file with the columns id and name; kept likewise"),
    Option("--only", default="", metavar="N", help="write the files of one chapter alone"),
    Option("--syllabus", metavar="NAME", help="assign what this syllabus asks for; kept likewise"),
    Option("--companions", action="store_true", help="assign the companion pages' exercises too"),
)
def main(options: Namespace) -> Iterable[object]:
    """Write the course."""
    folder = ROOT / FOLDER
    only = options.only.zfill(2) if options.only else ""
    title(f"writing the course into {FOLDER}/")
    seed, roster = in_use(folder) or (secrets.randbits(53), [])
    seed = seed if options.seed is None else options.seed
    roster = read_roster(options.roster) if options.roster else roster
    syllabus = _syllabus_in_use(folder) if options.syllabus is None else options.syllabus
    chosen = {"only": only, "companions": options.companions, "syllabus": syllabus}
    for sentence in build(folder, seed, roster, **chosen):
        print(sentence)
    print(f"The seed of this course is {seed}; {FOLDER}/course.json keeps it. Give out student/.")
    return []


if __name__ == "__main__":
    sys.exit(main())
