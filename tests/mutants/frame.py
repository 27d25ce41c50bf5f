"""What is asked of the mutants of every chapter.

A file ``test_mutants_NN.py`` inherits :class:`FiveMutants`, fills in what is its own, and adds
the assertions that only its chapter needs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch


class FiveMutants:
    """Five broken implementations: all different, all caught, and most missed by a naive test.

    Attributes
    ----------
    chapter : module
        The module of :mod:`tests.mutants` with ``MUTANTS``, ``CORRECT``, ``NAIVE`` and
        ``CATCHES``.
    naive_catches : tuple of str
        The mutants that the naive test sees.
    accepted : tuple of callable
        Other correct implementations. The solution test must not refuse them.
    apart : float
        How far the values of any two implementations are apart, somewhere.
    """

    chapter: ClassVar[ModuleType | SimpleNamespace]
    naive_catches: ClassVar[tuple[str, ...]]
    accepted: ClassVar[tuple[Callable[..., Any], ...]] = ()
    apart: ClassVar[float] = 1e-3

    def values(self, implementation: Callable[..., Any]) -> Any:
        """Apply an implementation to an example on which no two of them agree."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run what takes a ``mutant`` once for each."""
        if "mutant" in metafunc.fixturenames:
            metafunc.parametrize("mutant", sorted(self.chapter.MUTANTS))

    def test_there_are_five_different_mutants(self) -> None:
        mutants = self.chapter.MUTANTS
        assert len(mutants) == 5
        named = {"correct": self.chapter.CORRECT, **mutants}
        found = {name: torch.as_tensor(self.values(one)) for name, one in named.items()}
        names = list(found)
        for number, first in enumerate(names):
            for second in names[:number]:
                same_shape = found[first].shape == found[second].shape
                assert not same_shape or not torch.allclose(
                    found[first], found[second], rtol=1e-5, atol=self.apart
                ), f"{first!r} and {second!r} give the same"

    def test_the_solution_catches(self, mutant: str) -> None:
        assert self.chapter.CATCHES(self.chapter.MUTANTS[mutant])

    def test_the_solution_accepts_correct_implementations(self) -> None:
        for correct in (self.chapter.CORRECT, *self.accepted):
            assert not self.chapter.CATCHES(correct)

    def test_the_naive_test_accepts_the_correct_one_and_misses_some(self) -> None:
        naive = self.chapter.NAIVE
        assert not naive(self.chapter.CORRECT)
        caught = {name for name, mutant in self.chapter.MUTANTS.items() if naive(mutant)}
        assert caught == set(self.naive_catches)
        assert len(caught) < len(self.chapter.MUTANTS)
