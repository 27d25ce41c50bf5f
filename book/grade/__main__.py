"""Mark submissions: ``python -m book.grade submissions/ --course _build/course``.

Every notebook in the folder is marked in fenced processes, several notebooks at a time. What came
of it is written at once and whole, so that the command may be stopped at any moment and goes on
where it was: only what is new, or was marked with other tasks or limits, is marked again.
"""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from book._tools.command import CommandError, Option, command, title, write
from book.course.tasks import TASKS
from book.grade.batch import Job, gathered, mark_all
from book.grade.course import Course, read_course
from book.grade.fence import Limits
from book.grade.process import Process, StartError, sweep
from book.grade.report import Result, clean, gradescope, table, totals
from book.grade.submission import find

_LIMITS = Limits()


def _check_tasks(course: Course) -> None:
    """Refuse a course that has a program mark what no task is for."""
    wanted = [e.label for exercises in course.chapters.values() for e in exercises if e.automatic]
    missing = sorted(set(wanted) - set(TASKS))
    if missing:
        raise CommandError(f"course.json lets a program mark what has no task: {missing}.")


def _check_fence(limits: Limits) -> None:
    """Say what the fence is made of on this system."""
    sweep()
    try:
        process = Process(limits)
    except StartError as error:
        raise CommandError(f"No fenced process can be started: {error}.") from error
    process.end()
    weak = sorted(what for what, wall in process.walls.items() if wall == "hook")
    if weak:
        print(f"The fence is of Python only for: {', '.join(weak)}; use a container.")


def _summary(result: Result) -> str:
    if result.problem:
        return result.problem
    earned = sum(mark.points or 0 for mark in result.marks)
    noted = [mark.label for mark in result.marks if mark.remarks]
    return f"{earned:g} points{f', with remarks on {noted}' if noted else ''}"


@command(
    __doc__,
    Option("submissions", type=Path, help="a folder of notebooks, or one notebook"),
    Option("--course", type=Path, required=True, help="the folder with course.json"),
    Option("--jobs", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="how many at once"),
    Option("--out", type=Path, default=Path("marks.csv"), help="the table; results lie beside it"),
    Option("--gradescope", type=Path, help="write results.json for one notebook"),
    Option("--student", help="who hands the notebook in; by default its name and metadata say so"),
    Option("--seconds", type=float, default=_LIMITS.whole, help="for a whole notebook"),
    Option("--cell-seconds", type=float, default=_LIMITS.cell, help="for one cell"),
    Option("--memory", type=int, default=_LIMITS.memory, help="megabytes for a notebook"),
)
def main(options: Namespace) -> Iterator[object]:
    """Mark, write, and return what a person has to look at."""
    course = read_course(options.course)
    _check_tasks(course)
    limits = replace(
        _LIMITS, whole=options.seconds, cell=options.cell_seconds, memory=options.memory
    )
    if options.jobs < 1 or min(limits.whole, limits.cell) <= 0 or limits.memory < 100:
        raise CommandError("Jobs and seconds are positive, memory is at least 100 MB.")
    if options.student and course.students and options.student not in course.students:
        raise CommandError(f"There is no student {options.student} in the course.")
    whole = options.submissions.is_dir()
    paths = list(find(options.submissions)) if whole else [options.submissions]
    if not whole and not options.submissions.exists():
        raise CommandError(f"There is no {options.submissions}.")
    if (options.gradescope or options.student) and len(paths) != 1:
        raise CommandError(f"Give one notebook, not {len(paths)}.")
    _check_fence(limits)
    folder = options.out.with_suffix("")
    hidden = (course.folder, options.submissions.resolve(), folder.resolve())
    submissions = gathered(paths, course, options.student)
    jobs = [Job(one, course, limits, hidden, folder) for one in submissions]
    title(f"{len(jobs)} submissions, {options.jobs} at a time")
    begun, results, kept = time.monotonic(), [], 0
    try:
        for result, old in mark_all(jobs, options.jobs):
            results.append(result)
            kept += old
            if not old:
                whose = f"{result.student or result.file} {result.chapter or ''}"
                print(clean(f"{whose}: {_summary(result)}"))
    except StartError as error:
        raise CommandError(f"A fenced process did not start: {error}. Call again.") from error
    write(options.out, table(course, results))
    if whole:
        summed = options.out.with_name(f"{options.out.stem}-totals.csv")
        write(summed, totals(course, results))
    if options.gradescope:
        said = gradescope(course, results[0])
        write(options.gradescope, json.dumps(said, indent=1) + "\n")
    seconds = time.monotonic() - begun
    print(f"{len(results) - kept} marked in {seconds:.0f} s, {kept} before; see {options.out}")
    for result in results:
        if result.problem:
            yield clean(f"{result.file}: {result.problem}")


if __name__ == "__main__":
    raise SystemExit(main())
