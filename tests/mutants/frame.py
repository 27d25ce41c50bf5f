"""What is asked of the mutants of every chapter.

Five broken implementations: all different, all caught by the chapter's solution, and most missed
by its naive test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Implementation = Callable[..., Any]


@dataclass(frozen=True)
class Mutants:
    """The mutants of a chapter, and what is expected of them.

    Attributes
    ----------
    broken : mapping of str to callable
        The five.
    correct : callable
        The correct implementation.
    naive, catches : callable
        The naive test and the solution: whether they refuse an implementation.
    values : callable
        Applies an implementation to an example on which no two of them agree.
    naive_catches : tuple of str
        The mutants that the naive test sees.
    accepted : tuple of callable
        Other correct implementations. The solution must not refuse them.
    apart : float
        How far the values of any two implementations are apart, somewhere.
    """

    broken: Mapping[str, Implementation]
    correct: Implementation
    naive: Callable[[Implementation], bool]
    catches: Callable[[Implementation], bool]
    values: Callable[[Implementation], Any]
    naive_catches: tuple[str, ...]
    accepted: tuple[Implementation, ...] = ()
    apart: float = 1e-3

    def assert_five_differ(self) -> None:
        """No two implementations give the same."""
        assert len(self.broken) == 5
        named = {"correct": self.correct, **self.broken}
        found = {name: torch.as_tensor(self.values(one)) for name, one in named.items()}
        names = list(found)
        for number, first in enumerate(names):
            for second in names[:number]:
                same_shape = found[first].shape == found[second].shape
                assert not same_shape or not torch.allclose(
                    found[first], found[second], rtol=1e-5, atol=self.apart
                ), f"{first!r} and {second!r} give the same"

    def assert_caught(self, name: str) -> None:
        """The solution refuses a mutant."""
        assert self.catches(self.broken[name])

    def assert_correct_is_accepted(self) -> None:
        """The solution refuses no correct implementation."""
        for correct in (self.correct, *self.accepted):
            assert not self.catches(correct)

    def assert_naive_misses(self) -> None:
        """The naive test accepts the correct one and misses most mutants."""
        assert not self.naive(self.correct)
        caught = {name for name, mutant in self.broken.items() if self.naive(mutant)}
        assert caught == set(self.naive_catches)
        assert len(caught) < len(self.broken)
