"""The frame of the tasks in which a student writes a test, and how these are marked."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from book.course.mutants.choose import SIZE, chosen, correct
from book.course.mutants.generator import NAME
from book.course.mutants.oracle import STEPS, Endless, define, limited
from book.course.mutants.printed import NAMES, excerpt, printed, sources
from book.course.task import Answer, AnswerError, Shipped, Task, Variant, chance, require

__all__ = ["CHANCE", "LARGEST", "SHOWN", "WrittenTest"]

CHANCE = 1 / 3
"""The share of hidden mutants that earns nothing: more than the printed naive test catches."""

LARGEST = 200_000
"""The most numbers that a test may pass in one call."""

SHOWN = 3
"""How many broken implementations of the book a student is given."""

TWICE = 2
"""How often every correct implementation is handed to a test."""


ERRORS = """
These return the right shape, and on a quarter of ordinary inputs or more, such as normally
distributed numbers, they are wrong by more than 0.001. Correct ones are right up to 0.00002.
Where the largest entry is above one, both numbers are multiplied by it.
"""
"""What a task says of errors unless it says something else."""


class WrittenTest(Task):
    """Write a test that accepts what is correct and catches what is broken.

    The mutants are the same for all students of a course. A test that refuses one correct
    implementation earns nothing, so that ``return True`` does not. Of the rest, the share of
    hidden mutants beyond :data:`CHANCE` counts, so that neither ``return False`` nor the printed
    naive test earns anything. A coin that says True with probability p has to spare 2k correct
    ones, k of them different: it earns (1 - p)^(2k) times a share that is small unless p is large.

    Attributes
    ----------
    chapter : str
        The number of the chapter.
    asks : str
        What to write, and which implementations are correct.
    errors : str
        How wrong the broken ones are at least, and the correct ones at most.
    more : str
        Code behind the book's own solution that catches what this one misses.
    """

    points = 4
    names: ClassVar[Mapping[str, str]] = {
        "catches": "a function of an implementation: True exactly if it is broken"
    }
    chapter: ClassVar[str]
    asks: ClassVar[str]
    more: ClassVar[str] = ""
    errors: ClassVar[str] = ERRORS

    def variant(self, seed: int, student: str = "") -> Variant:
        """Return the variant of a course, the same for every student."""
        return Variant(self, self.draw(chance(seed, "", self.label)))

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the seed by which mutants are chosen."""
        return {"mutants_seed": chance.randrange(2**31)}

    def prompt(self, mutants_seed: int) -> str:
        """Return the question."""
        right, wrong = self._words()
        return f"""
{self.asks.strip()}

The given cell has `{right}` and {SHOWN} of the book's broken implementations in `{wrong}`. Your
test is marked by correct implementations that are written in different ways, and by {SIZE} broken
ones that the book does not print. {self.errors.strip()}

A test that refuses a correct implementation earns nothing. Otherwise it earns points for the
broken ones that it catches, as far as these are more than a third. To stop with an error counts
as returning True. Pass no more than {LARGEST:,} numbers in one call.
"""

    def given(self, mutants_seed: int) -> str:
        """Return the correct implementation and some of the book's broken ones."""
        return "\n" + excerpt(self.chapter, SHOWN, also=self.solution(mutants_seed))

    def starter(self, mutants_seed: int) -> str:
        """Return a test that accepts everything."""
        return f"\ndef catches({self._argument()}):\n    return False\n"

    def solution(self, mutants_seed: int) -> str:
        """Return the solution of the book, and what we ask beyond it."""
        return "\n" + "\n\n".join([*sources(self.chapter, "solution-test"), self.more])

    def public_accepts(self, answer: Answer, mutants_seed: int) -> None:
        """The test accepts the correct implementation of the book."""  # noqa: D401
        right, _ = self._words()
        require(not self._says(answer, self._shown(right)), f"Your test refuses `{right}`.")

    def public_catches(self, answer: Answer, mutants_seed: int) -> None:
        """The test catches the broken implementations that are given."""  # noqa: D401
        _, wrong = self._words()
        for name in list(printed(self.chapter).broken)[:SHOWN]:
            says = f"Your test does not catch {name!r}."
            require(self._says(answer, self._shown(f"{wrong}[{name!r}]")), says)

    def score(self, answer: Answer, *args: Any, **parameters: Any) -> tuple[float, list[str]]:
        """The test catches broken implementations that are not given, and accepts correct ones.

        This line is what a student reads. Returned are the share of the points that the test
        earns, and what it lacks.
        """  # noqa: D401
        seed = parameters["mutants_seed"]
        mutants = [m.draft.source for m in chosen(self.chapter, seed)]
        caught = 0
        try:
            for source, right in self._order(mutants, seed):
                refused = self._says(answer, self._handed(source))
                if right:
                    require(not refused, "Your test refuses a correct implementation.")
                caught += refused
        except AnswerError as fault:
            return 0.0, [str(fault)]
        share = caught / len(mutants)
        lacks = [f"Your test misses {len(mutants) - caught} of {len(mutants)} broken ones."]
        return max(0.0, (share - CHANCE) / (1 - CHANCE)), lacks if share < 1 else []

    def _order(self, mutants: list[str], seed: int) -> list[tuple[str, bool]]:
        """Return all sources in an order that tells nothing, each with whether it is correct.

        A correct one comes last, so that a test that stops for good does not seem to refuse.
        """
        rights = [(source, True) for source in correct(self.chapter).values()] * TWICE
        some = rights[1:] + [(source, False) for source in mutants]
        chance(seed, "", "order").shuffle(some)
        return [*some, rights[0]]

    def _handed(self, source: str) -> Callable[..., Any]:
        """Return what the student's test gets for a source."""
        if self.shipped:
            return Shipped(ast.unparse(ast.parse(source)), NAME)
        return _guarded(define(source))

    def _shown(self, expression: str) -> Callable[..., Any]:
        """Return what the student's test gets for an implementation that the book prints."""
        source = f"{excerpt(self.chapter, SHOWN)}\n\n{NAME} = {expression}"
        return Shipped(source, NAME) if self.shipped else _guarded(define(source))

    def _says(self, answer: Answer, implementation: Callable[..., Any]) -> bool:
        """Return whether a student's test refuses an implementation."""
        catches = answer.catches
        try:
            said = catches(implementation)
        except Exception:
            return True
        if isinstance(said, np.ndarray | torch.Tensor) and np.asarray(said).size == 1:
            said = said.item()
        require(isinstance(said, bool | np.bool_), "catches must return True or False.")
        return bool(said)

    def _words(self) -> tuple[str, str]:
        """Return what the chapter calls the correct implementation, and the broken ones."""
        defined = vars(printed(self.chapter))
        right, wrong = (upper if upper in defined else lower for upper, lower in NAMES)
        return right, wrong

    def _argument(self) -> str:
        """Return the name of the argument of the book's own test."""
        tree = ast.parse("\n".join(sources(self.chapter, "solution-test")))
        tests = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "catches"]
        return tests[-1].args.args[0].arg


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that refuses large arguments and runs only so many lines."""

    def implementation(*arguments: Any) -> Any:
        if sum(int(np.prod(np.shape(a))) for a in arguments) > LARGEST:
            raise ValueError(f"Pass no more than {LARGEST:,} numbers in one call.")
        try:
            with limited(10 * STEPS):
                return function(*arguments)
        except Endless:
            raise ValueError("This call takes too long; pass fewer numbers.") from None

    return implementation
