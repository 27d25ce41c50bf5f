"""Mark a submission: run its cells in a fenced process, ask the checks, give points.

Checks run here, on plain data; the student's code runs there. The cells are run twice, each time
in a new process: once for the public checks, whose words a student may see, and once for the
hidden ones, so that no word can carry what a hidden check has passed to a function.
"""

from __future__ import annotations

import math
import resource
import signal
import threading
import time
import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from book.course.task import AnswerError, Task
from book.grade.fence import MEGABYTE, Limits, Walls
from book.grade.process import ALL, GoneError, Process, RaisedError, RemoteFunction
from book.grade.submission import Cell

__all__ = ["Mark", "Outcome", "judge"]

MOST_RESTARTS = 30
Remarks = dict[str | None, list[str]]
"""Remarks by the label of the exercise, and on cells of none."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check."""

    name: str
    says: str
    hidden: bool
    passed: bool
    words: str = ""


@dataclass(frozen=True)
class Mark:
    """What an exercise earned; points are None where a person has to give them."""

    label: str
    points: float | None
    outcomes: tuple[Outcome, ...] = ()
    remarks: tuple[str, ...] = ()


class _TaskError(BaseException):
    """A task asks for what it may not ask for: the fault is ours."""


class _LateError(BaseException):
    """A check has computed for too long."""


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Stop what the grader itself computes after some seconds, where the system can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(signum: int, frame: FrameType | None) -> None:
        raise _LateError

    begun = time.monotonic()
    handler = signal.signal(signal.SIGALRM, late)
    left, every = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # somebody else's timer
            rest = left - (time.monotonic() - begun)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 0.001), every)


@contextmanager
def _lean(megabytes: int) -> Iterator[None]:
    """Let the grader itself take only so much memory more, where the system counts it.

    A function of a check may be called with what makes it return far more than it was given.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = getattr(psutil.Process().memory_info(), "data", 0) + megabytes * MEGABYTE
    fits = [one for one in (most, soft, hard) if one != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(fits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class RemoteAnswer:
    """The names of an exercise, in the student's process."""

    def __init__(self, process: Process, task: Task, why: Mapping[str, str]) -> None:
        self._process, self._task, self._why = process, task, why

    def __getattr__(self, name: str) -> Any:
        if name not in self._task.names:
            raise _TaskError(f"the task asks for {name}, which is not among its names")
        answer = self._process.ask("get", name)
        if "refused" in answer:
            raise AnswerError(f"`{name}` cannot be used: {answer['refused']}.")
        if "value" not in answer:
            why = self._why.get(self._task.label)
            raise AnswerError(f"`{name}` has no value yet{f': {why}' if why else ''}.")
        return answer["value"]

    def define(self, source: str, name: str) -> RemoteFunction:
        """Define a function of a task's own in the student's process.

        Parameters
        ----------
        source : str
            Source text that defines it, with its imports; only for tasks that have ``shipped``.
        name : str
            Its name in the text. The student's code can find out both.

        Returns
        -------
        callable
            What may be called, or passed to a function of the answer.
        """
        if not getattr(self._task, "shipped", False):
            raise _TaskError("only a task with `shipped` may define functions")
        try:
            found = self._process.value("define", source, name)
        except RaisedError as error:
            raise _TaskError(f"a shipped text does not run: {error.words()}") from error
        if not isinstance(found, RemoteFunction):
            raise _TaskError(f"a shipped text defines {name}, which is no function")
        return found


@dataclass
class _Step:
    """One thing to do: run a source under a title, or check an exercise."""

    title: str
    source: str = ""
    label: str | None = None
    checks: bool = False


def _steps(cells: Sequence[Cell], given: Mapping[str, str], remarks: Remarks) -> list[_Step]:
    """Order what is to be done.

    An exercise is checked where it ends: before the next cell that belongs to another one. Cells
    without a mark belong to the exercise above them. The given code, our own, runs once, where
    the exercise begins.

    Parameters
    ----------
    cells : sequence of Cell
        The cells of the submission.
    given : mapping of str to str
        The given code of each exercise that is checked, by label.
    remarks : dict
        Where remarks on an exercise are added.
    """
    owner: list[str | None] = []
    for cell in cells:
        known = cell.exercise if cell.exercise in given else None
        other = cell.exercise is not None and known is None
        owner.append(known if known or other or not owner else owner[-1])
    last = {label: i for i, label in enumerate(owner) if label}
    first = {label: owner.index(label) for label in last}
    marked = {one: [c for c in cells if c.exercise == one and not c.given] for one in given}
    steps = []
    for label, ours in given.items():
        if not marked[label]:
            remarks[label].append(
                "No cell is marked as the answer: what the whole notebook defines was taken."
            )
            first.pop(label, None)
            last.pop(label, None)
            if ours:
                steps.append(_Step("given", ours, label))
        elif len(marked[label]) > 1:
            remarks[label].append(
                f"{len(marked[label])} cells are marked as the answer; they ran in their order."
            )
    for i, cell in enumerate(cells):
        exercise = owner[i]
        if exercise in first and i == first[exercise] and given[exercise]:
            steps.append(_Step("given", given[exercise], exercise))
        if not (cell.given and cell.exercise in given):
            steps.append(_Step(f"cell {i + 1}", cell.source, exercise))
        if exercise in last and i == last[exercise]:
            steps.append(_Step("checks", label=exercise, checks=True))
    steps += [_Step("checks", label=label, checks=True) for label in given if not marked[label]]
    return steps


@dataclass
class _Sitting:
    """Goes through the steps in processes that may end on the way; checks what is ``wanted``."""

    steps: Sequence[_Step]
    wanted: Container[str]
    limits: Limits
    hidden: Sequence[Path]
    walls: Walls
    until: float
    remarks: Remarks
    skipped: set[int]
    why: dict[str, str]
    process: Process | None = None
    starts: int = 0
    printed: str = ""

    def each(self) -> Iterator[_Step]:
        """Run the cells, and stop at each exercise that is to be checked."""
        ends = [i for i, step in enumerate(self.steps) if step.checks and step.label in self.wanted]
        for i, step in enumerate(self.steps[: max(ends, default=-1) + 1]):
            if i in ends:
                self._reached = i
                yield step
            elif self.process is not None and not step.checks:
                self._run(i)
        self.close()

    def ready(self) -> Process:
        """Return a process in which all steps so far have run; GoneError if there is none."""
        while self.process is None:
            if time.monotonic() > self.until:
                raise GoneError("had no time left: the whole notebook took too long")
            if self.starts == MOST_RESTARTS:
                raise GoneError(f"was started {MOST_RESTARTS} times and always ended")
            self.starts += 1
            self.process = Process(self.limits, self.hidden, self.walls)
            for i in range(self._reached):
                if self.process is not None and not self.steps[i].checks:
                    self._run(i)
        return self.process

    _reached: int = 0

    def _run(self, i: int) -> None:
        """Run one cell; if the process ends by it, remember not to run it again."""
        step = self.steps[i]
        if i in self.skipped or self.process is None:
            return
        says = ""
        try:
            self.process.until = min(time.monotonic() + self.limits.cell, self.until)
            self.process.each = math.inf
            answer = self.process.ask("run", step.source, step.title)
            if "error" in answer:
                says = f"stopped with {RaisedError.of(answer['error']).words()}"
        except GoneError as error:
            self.skipped.add(i)
            self.lose()
            says = f"{error}; it was left out"
        except AnswerError:  # no check is running that could refuse anything
            says = ""
        if says:
            says = f"{step.title} {says}"
            if step.label:
                self.why[step.label] = says
            noted = self.remarks.setdefault(step.label, [])
            if says not in noted:
                noted.append(says)

    def lose(self) -> None:
        """Note that the process has ended."""
        if self.process is not None:
            self.printed = self.printed or self.process.printed
            self.process = None

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.end()
            self.lose()


def _ask(
    sitting: _Sitting, task: Task, seconds: float, run: Callable[[Any], object]
) -> tuple[bool, str, Any]:
    """Run a check; return whether it passed, what is said if not, and what it returned."""
    try:
        process = sitting.ready()
    except GoneError as error:
        return False, f"The notebook {error}.", None
    process.until = min(time.monotonic() + seconds, sitting.until)
    process.each = sitting.limits.check
    process.ships = bool(getattr(task, "shipped", False))
    try:
        with _within(seconds + 2), _lean(sitting.limits.memory), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = run(RemoteAnswer(process, task, sitting.why))
        return True, "", found
    except AnswerError as error:
        return False, str(error), None
    except GoneError as error:
        return False, f"Your code {error}.", None
    except RaisedError as error:
        return False, f"Your code stopped with {error.words()}.", None
    except _LateError:
        sitting.close()
        return False, f"The check did not come back within {seconds:.0f} seconds.", None
    except _TaskError:
        raise
    except RecursionError:
        return False, "The check could not use the answer: it is too deep.", None
    except Exception as error:
        return False, f"The check could not use the answer ({_words(error)}).", None
    finally:
        process.forget()
        if process.ended:
            sitting.lose()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}".rstrip(": ")


def judge(
    cells: Sequence[Cell],
    tasks: Mapping[str, Task],
    seed: int,
    student: str,
    points: Mapping[str, float],
    *,
    limits: Limits,
    hidden: Sequence[Path] = (),
    walls: Walls = ALL,
) -> tuple[list[Mark], list[str], str]:
    """Mark the exercises of one notebook.

    Parameters
    ----------
    cells : sequence of Cell
        Its code cells.
    tasks : mapping of str to Task
        The tasks of the exercises that are marked, by label.
    seed, student
        What the student's variants are drawn with.
    points : mapping of str to float
        What each exercise can earn.
    limits, hidden, walls
        What the student's process may use, and may not read.

    Returns
    -------
    tuple
        The marks in the order of the tasks; remarks on cells that belong to no exercise; and the
        beginning of what the cells printed.
    """
    variants = {label: task.variant(seed, student) for label, task in tasks.items()}
    noted: Remarks = {None: [], **{label: [] for label in tasks}}
    steps = _steps(cells, {label: v.given for label, v in variants.items()}, noted)
    outcomes: dict[str, list[Outcome]] = {label: [] for label in tasks}
    scored: dict[str, float | None] = {}
    skipped: set[int] = set()
    why: dict[str, str] = {}
    printed = ""
    until = time.monotonic() + limits.whole
    for secret in (False, True):
        wanted = {
            label
            for label, variant in variants.items()
            if (secret and _scores(tasks[label]))
            or any(check.hidden == secret for check in variant.checks)
        }
        sitting = _Sitting(steps, wanted, limits, hidden, walls, until, noted, skipped, why)
        try:
            for step in sitting.each():
                label = step.label or ""
                task, variant = tasks[label], variants[label]
                try:
                    if secret and _scores(task):
                        share, outcome = _scored(sitting, task, variant.parameters)
                        scored[label] = share
                        outcomes[label].append(outcome)
                        continue
                    for check in variant.checks:
                        if check.hidden == secret:
                            passed, words, _ = _ask(sitting, task, limits.check, check.run)
                            outcomes[label].append(
                                Outcome(check.name, check.says, secret, passed, words[:500])
                            )
                except _TaskError as error:
                    noted[label].append(f"The task itself is at fault, a person decides: {error}.")
                    scored[label] = None
        finally:
            sitting.close()
        printed = printed or sitting.printed
    marks = [
        Mark(
            label,
            _points(task, points[label], outcomes[label], scored),
            tuple(outcomes[label]),
            tuple(noted[label]),
        )
        for label, task in tasks.items()
    ]
    return marks, noted[None], printed


def _scores(task: Task) -> bool:
    """Whether a task scores answers in a way of its own, and not by its checks."""
    return getattr(type(task), "score", None) is not getattr(Task, "score", None)


def _scored(sitting: _Sitting, task: Any, parameters: Mapping[str, Any]) -> tuple[float, Outcome]:
    """Let a task score an answer itself; return the share of the points and what is said."""
    passed, says, found = _ask(
        sitting, task, sitting.limits.score, lambda answer: task.score(answer, **parameters)
    )
    share = 0.0
    if passed:
        try:
            fraction, lines = found
            share, says = float(fraction), " ".join(map(str, lines))
        except (TypeError, ValueError) as error:
            raise _TaskError("score must return a share and a list of words") from error
        if not math.isfinite(share):
            raise _TaskError("score must return a share between 0 and 1")
        share = min(max(share, 0.0), 1.0)
    sentence = (type(task).score.__doc__ or "The answer is scored.").partition("\n")[0]
    return share, Outcome("score", sentence, True, share == 1, says[:2000])


def _points(
    task: Task, most: float, outcomes: Sequence[Outcome], scored: Mapping[str, float | None]
) -> float | None:
    """Return the points of an exercise."""
    if task.label in scored:
        share = scored[task.label]
        return None if share is None else round(most * share, 2)
    counted = [o for o in outcomes if task.all_or_nothing or o.hidden]
    if not counted:
        return None
    passed = sum(o.passed for o in counted)
    if task.all_or_nothing:
        return most if passed == len(counted) else 0
    return round(most * passed / len(counted), 2)
