"""A task: an exercise of the book that a program can mark, with numbers of each student's own.

A task names the exercise of the book that it varies, draws the numbers of a variant, writes the
question with them, and checks an answer. What it checks it computes itself; nothing is compared
with a stored result. Two variants of one task differ in their answers, so that a copied answer
fails, and not in what one has to understand.
"""

from __future__ import annotations

import hashlib
import inspect
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

__all__ = [
    "Answer",
    "AnswerError",
    "Check",
    "Parameters",
    "Shipped",
    "Task",
    "Variant",
    "chance",
    "require",
]

Parameters = Mapping[str, Any]
"""The numbers of one variant: plain values that JSON can hold."""


class Answer(Protocol):
    """What a student's cells define, by name: plain values, arrays, tensors and functions."""

    def __getattr__(self, name: str) -> Any: ...


class AnswerError(AssertionError):
    """An answer that a check does not accept; its message is for the student."""


def require(condition: object, says: str) -> None:
    """Raise :class:`AnswerError` with a sentence for the student unless the condition holds.

    Examples
    --------
    >>> require(2 + 2 == 4, "Two and two are four.")
    >>> require(2 + 2 == 5, "Add once more.")
    Traceback (most recent call last):
    book.course.task.AnswerError: Add once more.
    """
    if not condition:
        raise AnswerError(says)


def chance(seed: int, student: str, label: str) -> random.Random:
    """Return the chance that draws a student's variant of a task.

    Parameters
    ----------
    seed : int
        The seed of the course, which students do not know.
    student : str
        The student's name in the roster; ``""`` for the variant that all share.
    label : str
        The label of the exercise.
    """
    digest = hashlib.sha256(f"{seed}\n{student}\n{label}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


@dataclass(frozen=True)
class Shipped:
    r"""A function by its source, for checks that hand it to a function of the student.

    A function of arrays stays in the process of the checks and is called back. One that has to
    run beside the student's own code, because it differentiates it or calls it often, is sent as
    text instead, and defined in the process of the student. Called here, it runs here.

    Parameters
    ----------
    source : str
        A module that defines the function and imports what it uses.
    name : str
        The name of the function in it.

    Examples
    --------
    >>> Shipped("def implementation(x):\n    return 2 * x", "implementation")(4)
    8
    """

    source: str
    name: str

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Define the function here and call it."""
        return self.defined(*arguments, **options)

    @cached_property
    def defined(self) -> Callable[..., Any]:
        """The function, defined in this process."""
        names: dict[str, Any] = {"__name__": "shipped"}
        exec(compile(self.source, "<shipped>", "exec"), names)
        function: Callable[..., Any] = names[self.name]
        return function


@dataclass(frozen=True)
class Check:
    """One check of an answer.

    Parameters
    ----------
    name : str
        The name of the method.
    says : str
        What is checked, in one sentence: the first line of the method's docstring.
    hidden : bool
        Whether students see it only through its result.
    run : callable
        Takes the answer; raises :class:`AnswerError`, or anything else, if it is not accepted.
    """

    name: str
    says: str
    hidden: bool
    run: Callable[[Answer], None]


class Task(ABC):
    """An exercise that a program can mark.

    A subclass sets ``label``, ``points`` and ``names``, and defines :meth:`draw`, :meth:`prompt`
    and :meth:`solution`, each of which takes the parameters of a variant by keyword. Its checks
    are methods ``public_...(self, answer, **parameters)`` and ``hidden_...``, in the order in
    which they are written; a student may run the public ones.

    Attributes
    ----------
    label : str
        The label of the exercise in the book, ``"ex-05-by-hand"``.
    points : int
        What a right answer earns.
    names : mapping of str to str
        What the student's cell must define, and what each is, in words.
    all_or_nothing : bool
        Whether one failed check costs all points. False only where the checks ask for independent
        things, none of which a constant or a guess could give; then each has an equal share.
    shipped : bool
        Whether its checks pass :class:`Shipped` functions.
    """

    label: ClassVar[str]
    points: ClassVar[int]
    names: ClassVar[Mapping[str, str]]
    all_or_nothing: ClassVar[bool] = True
    shipped: ClassVar[bool] = False

    @abstractmethod
    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the parameters of a variant; ``{}`` for a task that has only one."""

    @abstractmethod
    def prompt(self, *args: Any, **parameters: Any) -> str:
        """Return the question in CommonMark with formulas between dollars, without a heading."""

    def given(self, *args: Any, **parameters: Any) -> str:
        """Return code that the student is given, in a cell of its own; it imports what it uses."""
        return ""

    def starter(self, *args: Any, **parameters: Any) -> str:
        """Return the cell that the student fills in."""
        return "\n".join(f"{name} = ...  # {what}" for name, what in self.names.items())

    def hint(self, *args: Any, **parameters: Any) -> str:
        """Return a hint that fits the variant, or ``""`` where that of the page does."""
        return ""

    @abstractmethod
    def solution(self, *args: Any, **parameters: Any) -> str:
        """Return code that solves the variant; it may use what :meth:`given` defines."""

    def remarks(self, *args: Any, **parameters: Any) -> str:
        """Return what the solution notebook says beside the code, in CommonMark."""
        return ""

    def difficulty(self, *args: Any, **parameters: Any) -> dict[str, tuple[float, float, float]]:
        """Return what makes a variant hard: for each measure its value and the band it lies in."""
        return {}

    def score(self, answer: Answer, *args: Any, **parameters: Any) -> tuple[float, list[str]]:
        """Return the share of the points that an answer earns, and what it lacks, in words.

        The checks decide, unless a task measures how good an answer is.
        """
        checks, lacks, passed = Variant(self, parameters).checks, [], 0
        for check in checks:
            try:
                check.run(answer)
                passed += check.hidden
            except Exception as fault:
                lacks.append(str(fault) if isinstance(fault, AnswerError) else f"{fault!r}")
        if self.all_or_nothing:
            return float(not lacks), lacks
        return passed / sum(check.hidden for check in checks), lacks

    def variant(self, seed: int, student: str = "") -> Variant:
        """Return the variant of one student."""
        return Variant(self, self.draw(chance(seed, student, self.label)))


@dataclass(frozen=True)
class Variant:
    """A task with the numbers of one student.

    Examples
    --------
    >>> from book.course.tasks import TASKS
    >>> variant = TASKS["ex-05-by-hand"].variant(seed=2027, student="ada")
    >>> sorted(variant.parameters)
    ['a', 'b']
    """

    task: Task
    parameters: Parameters

    @property
    def prompt(self) -> str:
        """The question."""
        return inspect.cleandoc(self.task.prompt(**self.parameters))

    @property
    def given(self) -> str:
        """The code that comes with it."""
        return inspect.cleandoc(self.task.given(**self.parameters))

    @property
    def starter(self) -> str:
        """The cell that is filled in."""
        return inspect.cleandoc(self.task.starter(**self.parameters))

    @property
    def hint(self) -> str:
        """The hint, ``""`` where that of the page fits."""
        return inspect.cleandoc(self.task.hint(**self.parameters))

    @property
    def solution(self) -> str:
        """The cell as we fill it in."""
        return inspect.cleandoc(self.task.solution(**self.parameters))

    @property
    def remarks(self) -> str:
        """What is said beside the solution."""
        return inspect.cleandoc(self.task.remarks(**self.parameters))

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks, in the order in which they are written."""
        names = (n for kind in reversed(type(self.task).__mro__) for n in vars(kind))
        return tuple(
            self._check(name)
            for name in dict.fromkeys(names)
            if name.startswith(("public_", "hidden_"))
        )

    def score(self, answer: Answer) -> tuple[float, list[str]]:
        """Return the share of the points that an answer earns, and what it lacks, in words."""
        return self.task.score(answer, **self.parameters)

    def _check(self, name: str) -> Check:
        method = getattr(self.task, name)
        says = (inspect.getdoc(method) or "").partition("\n")[0]
        parameters = dict(self.parameters)

        def run(answer: Answer) -> None:
            method(answer, **parameters)

        return Check(name, says, name.startswith("hidden_"), run)
