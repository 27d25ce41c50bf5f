"""The solution test of chapter 02 catches all five mutants; the naive one does not."""

from __future__ import annotations

import numpy as np

from tests.mutants import chapter02
from tests.mutants.chapter02 import CORRECT
from tests.mutants.frame import FiveMutants
from utils.groups import regular_representation, reynolds_operator, symmetric


class TestMutants(FiveMutants):
    chapter = chapter02
    naive_catches = ("every other element",)
    accepted = (lambda m: sum(m) / len(m), lambda m: np.einsum("gij->ij", m) / m.shape[0])

    def values(self, implementation):
        return implementation(np.random.default_rng(0).normal(size=(6, 4, 4)))


def test_the_correct_one_is_the_helper():
    rho = regular_representation(symmetric(3))
    np.testing.assert_allclose(CORRECT(rho.matrices), reynolds_operator(rho), atol=1e-12)
