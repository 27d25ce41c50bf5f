"""Mark many submissions: which there are, what is marked already, several at a time."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from book.course.tasks import TASKS
from book.grade.course import Course
from book.grade.fence import Limits
from book.grade.judge import judge
from book.grade.report import Result, load, save
from book.grade.submission import Submission, is_named, read

__all__ = ["Job", "gathered", "mark", "mark_all"]


@dataclass(frozen=True)
class Job:
    """A submission that is to be marked, and all that its result depends on.

    Attributes
    ----------
    hidden : tuple of pathlib.Path
        Folders that the student's code must not read.
    folder : pathlib.Path
        Where the result is written.
    spare : float
        Seconds beyond both rounds of marking after which the grader's own process is ended.
    """

    submission: Submission
    course: Course
    limits: Limits
    hidden: tuple[Path, ...]
    folder: Path
    spare: float = 120.0

    @property
    def key(self) -> str:
        """Changes when the result may."""
        one = self.submission
        said = [one.checksum, one.path.name, one.student, one.chapter, one.problem]
        text = json.dumps([*said, self.course.digest, asdict(self.limits)])
        return sha256(text.encode()).hexdigest()

    @property
    def path(self) -> Path:
        """The file of the result."""
        student = re.sub(r"[^\w.-]", "_", self.submission.student or "unknown")[:60]
        chapter = re.sub(r"\W", "_", self.submission.chapter or "00")[:10]
        return self.folder / f"{student}_{chapter}_{self.key[:16]}.json"


def gathered(paths: Iterable[Path], course: Course, student: str | None = None) -> list[Submission]:
    """Read submissions; of two for the same student and chapter none is marked.

    A file that is named after its student comes before one that only says whose it is inside.
    The same bytes twice are one submission. Whoever is not in the course, or answers no chapter of
    it, is not marked either; ``problem`` says so.
    """
    found: dict[object, Submission] = {}
    for path in paths:
        one = _attributed(read(path, course.students, student), course)
        known = one.student and one.chapter
        place = (one.student, one.chapter) if known else one.path
        other = found.get(place)
        if other is None:
            found[place] = one
        elif one.checksum and one.checksum == other.checksum:
            continue
        elif len(named := [o for o in (other, one) if is_named(o.path, course.students)]) == 1:
            found[place] = named[0]
            stranger = one if named[0] is other else other
            says = f"It says that it is {one.student}'s, and {_short(named[0].path)} is named so."
            found[stranger.path] = replace(stranger, student=None, problem=says)
        else:
            both = f"{_short(other.path)} and {_short(one.path)}"
            says = f"There are two notebooks, {both}, and none was marked."
            found[place] = replace(other, problem=says, checksum="")
    return list(found.values())


def _short(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _attributed(one: Submission, course: Course) -> Submission:
    """Refuse a submission of nobody in the course, or of no chapter."""
    problem = ""
    if one.student is None and not course.students:
        one = replace(one, student="")  # all have the same numbers
    if one.student is None:
        problem = "Neither the file's name nor the notebook says whose it is."
    elif course.students and one.student not in course.students:
        problem = f"There is no student {one.student[:60]} in the course."
    elif one.chapter is None:
        problem = "Neither the file's name nor the notebook says which chapter it answers."
    elif one.chapter not in course.chapters:
        problem = f"There is no chapter {one.chapter[:60]} in the course."
    return replace(one, problem=one.problem or problem)


def mark(job: Job) -> Result:
    """Mark a submission, and write down what came of it."""
    given, course = job.submission, job.course
    result = Result(given.path.name, given.student, given.chapter, given.problem)
    if not given.problem:
        exercises = [e for e in course.chapters[given.chapter or ""] if e.automatic]
        marks, remarks, printed = judge(
            given.cells,
            {e.label: TASKS[e.label] for e in exercises},
            course.seed,
            (given.student or "") if course.students else "",
            {e.label: e.points for e in exercises},
            limits=job.limits,
            hidden=job.hidden,
        )
        result = replace(result, marks=tuple(marks), remarks=tuple(remarks), printed=printed)
    save(result, job.key, job.path)
    return result


def mark_all(jobs: Sequence[Job], at_once: int) -> Iterator[tuple[Result, bool]]:
    """Mark what is not marked yet, several at a time.

    Yields
    ------
    tuple
        Each result as it comes, and whether it was there already.
    """
    left = []
    for job in jobs:
        result = load(job.key, job.path)
        if result is None:
            left.append(job)
        else:
            yield result, True
    if len(left) == 1:
        yield mark(left[0]), False
        return
    try:
        with _pool(min(at_once, len(left)) or 1) as pool:
            futures: dict[Future[Result], Job] = {pool.submit(_watched, job): job for job in left}
            try:
                for future in as_completed(futures):
                    result = future.result()
                    left.remove(futures[future])
                    yield result, False
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BrokenProcessPool:  # one of them took the grader's process down; it costs itself alone
        for job in left:
            yield _alone(job), False


def _watched(job: Job) -> Result:
    """Mark, and end this process if a check computes where no signal reaches it."""
    faulthandler.dump_traceback_later(2 * job.limits.whole + job.spare, exit=True)
    try:
        return mark(job)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _alone(job: Job) -> Result:
    try:
        with _pool(1) as pool:
            return pool.submit(_watched, job).result()
    except BrokenProcessPool:
        one = job.submission
        says = "The grader's own process ended while it marked this notebook."
        result = Result(one.path.name, one.student, one.chapter, says)
        save(result, job.key, job.path)
        return result


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(),),
    )


def _begin(parent: int) -> None:
    """End this process when the one that started it is gone."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
