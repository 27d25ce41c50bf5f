"""The hidden mutants of a course: out of all that are wrong, a set that the seed chooses."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from book.course.mutants.generator import Draft, Implementation, drafts, source_of
from book.course.mutants.oracle import STEPS, Endless, Finding, define, examine, limited, same
from book.course.mutants.printed import printed
from book.course.mutants.subjects import SUBJECTS
from book.course.task import chance

__all__ = ["EASY", "SIZE", "Mutant", "census", "chosen", "correct", "pool"]

SIZE = 12
"""The number of hidden mutants of an exercise."""

EASY = 3
"""How many of them the printed naive test catches; fewer than a third."""

EACH = 2
"""How many of them come from one operator, as long as others offer some."""

STEADY = 0.35
"""The share of promised inputs on which a hidden mutant is wrong, for each of three draws."""

DEMANDED = 0.5
"""The share of promised inputs on which a mutant that the book's own test misses is wrong."""


@dataclass(frozen=True)
class Mutant:
    """An implementation that is wrong.

    Parameters
    ----------
    draft : Draft
        Its source, and what was changed.
    share : float
        The share of promised inputs on which it is wrong.
    naive, book : bool
        Whether the printed naive test and the book's own test catch it.
    """

    draft: Draft
    share: float
    naive: bool
    book: bool


def correct(chapter: str) -> dict[str, str]:
    """Return the sources of the correct implementations of a chapter by name."""
    module = SUBJECTS[chapter].forms
    names = [n for n, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__]
    return {n: source_of(module, n) for n in names if not n.startswith("_")}


def _caught(test: Callable[[Implementation], bool], source: str) -> bool:
    """Whether a printed test refuses an implementation; to stop it with an error is to refuse."""
    try:
        with limited(10 * STEPS):
            return bool(test(define(source)))
    except (Exception, Endless):
        return True


@cache
def _drafts(chapter: str) -> tuple[Draft, ...]:
    """Return all changed implementations of a chapter, each once."""
    found = (d for form, source in correct(chapter).items() for d in drafts(source, form))
    return tuple({d.source: d for d in found}.values())


@cache
def _finding(chapter: str, draft: Draft) -> Finding:
    """Return what the oracle finds; wrong is what stays so, by some way, on other inputs."""
    subject, implementation = SUBJECTS[chapter], define(draft.source)
    first = examine(subject, implementation)
    if first.verdict == "wrong":
        for seed in (1, 2):
            other = examine(subject, implementation, seed=seed)
            if other.verdict != "wrong" or min(first.share, other.share) < STEADY:
                return replace(first, verdict="unsteady")
    return first


@cache
def _naive(chapter: str, draft: Draft) -> bool:
    """Whether the printed naive test refuses a changed implementation."""
    return _caught(printed(chapter).naive, draft.source)


@cache
def _mutant(chapter: str, draft: Draft) -> Mutant:
    """Return a wrong implementation together with what the printed tests say."""
    book = _caught(printed(chapter).catches, draft.source)
    return Mutant(draft, _finding(chapter, draft).share, _naive(chapter, draft), book)


class _Set:
    """Wrong implementations that do different things."""

    def __init__(self, chapter: str) -> None:
        self.chapter = chapter
        self.findings: list[Finding] = []

    def judge(self, draft: Draft) -> str:
        """Return the oracle's verdict, or ``"repeated"``; keep what is wrong and new."""
        finding = _finding(self.chapter, draft)
        if finding.verdict == "wrong":
            margin = SUBJECTS[self.chapter].margin
            if any(same(finding, other, margin) for other in self.findings):
                return "repeated"
            self.findings.append(finding)
        return finding.verdict


def _demanded(mutant: Mutant) -> bool:
    """Whether the book's own test catches a mutant, or the exercise asks for what would."""
    return mutant.book or (mutant.share >= DEMANDED and not mutant.naive)


@cache
def census(chapter: str) -> Mapping[str, int]:
    """Return how many changed implementations are wrong, equivalent and so on. It takes minutes."""
    judges = _Set(chapter)
    return Counter(judges.judge(draft) for draft in _drafts(chapter))


@cache
def pool(chapter: str) -> tuple[Mutant, ...]:
    """Return all mutants of a chapter, no two of which do the same. It takes minutes.

    What the book's own test misses is left out unless the exercise demands what would catch it:
    the definition that the task states is broken on every other promised input, or more.
    """
    judges = _Set(chapter)
    found = [d for d in _drafts(chapter) if judges.judge(d) == "wrong"]
    return tuple(m for m in (_mutant(chapter, d) for d in found) if _demanded(m))


@cache
def chosen(chapter: str, seed: int) -> tuple[Mutant, ...]:
    """Return the hidden mutants of a course.

    Parameters
    ----------
    chapter : str
        The number of the chapter.
    seed : int
        Chooses; another seed gives another set, of the same difficulty.

    Returns
    -------
    tuple of Mutant
        ``SIZE`` of them: ``EASY`` that the naive test catches, as many as the subject says that
        the book's own test misses, and otherwise what the one misses and the other catches. No
        operator made more than two as long as others offer some.
    """
    subject = SUBJECTS[chapter]
    luck = chance(seed, "", f"mutants of chapter {chapter}")
    judges, operators = _Set(chapter), Counter[str]()
    wanted = {"easy": EASY, "hard": subject.hard, "fair": SIZE - EASY - subject.hard}
    took: list[Mutant] = []
    later: list[Draft] = []

    def take(draft: Draft) -> None:
        if not wanted["easy"] and _naive(chapter, draft):
            return
        if judges.judge(draft) != "wrong":
            return
        mutant = _mutant(chapter, draft)
        kind = "easy" if mutant.naive else "fair" if mutant.book else "hard"
        if wanted[kind] and _demanded(mutant):
            wanted[kind] -= 1
            operators[draft.operator] += 1
            took.append(mutant)

    for draft in _in_turn(_drafts(chapter), luck):
        if any(wanted.values()):
            if operators[draft.operator] < EACH:
                take(draft)
            else:
                later.append(draft)
    for draft in later:
        if any(wanted.values()):
            take(draft)
    luck.shuffle(took)
    return tuple(took)


def _in_turn(found: Sequence[Draft], luck: random.Random) -> list[Draft]:
    """Return drafts in an order in which the operators take turns."""
    piles: dict[str, list[Draft]] = {}
    for draft in found:
        piles.setdefault(draft.operator, []).append(draft)
    order = list(piles.values())
    luck.shuffle(order)
    for pile in order:
        luck.shuffle(pile)
    longest = max(map(len, order), default=0)
    return [pile[i] for i in range(longest) for pile in order if i < len(pile)]
