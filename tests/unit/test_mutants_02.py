"""The solution test of chapter 02 catches all five mutants; the naive one does not."""

from __future__ import annotations

import nbformat
import numpy as np
import pytest

from tests.mutants import load
from tests.mutants.chapter02 import CATCHES, CORRECT, MUTANTS, NAIVE
from utils.groups import reynolds_operator


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    assert len({id(mutant) for mutant in MUTANTS.values()}) == 5


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    assert not CATCHES(CORRECT)
    assert not CATCHES(lambda m: sum(m) / len(m))
    assert not CATCHES(lambda m: np.einsum("gij->ij", m) / m.shape[0])


def test_the_naive_test_accepts_the_correct_one_and_misses_some():
    assert not NAIVE(CORRECT)
    missed = {name for name, mutant in MUTANTS.items() if not NAIVE(mutant)}
    assert missed == {"constant vectors", "forgets to divide", "nothing left", "transposed"}


def test_the_correct_one_is_the_helper():
    from utils.groups import regular_representation, symmetric

    rho = regular_representation(symmetric(3))
    np.testing.assert_allclose(CORRECT(rho.matrices), reynolds_operator(rho), atol=1e-12)


def test_the_loader_refuses_what_it_cannot_load(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"one notebook 99_\*\.ipynb"):
        load("99")
    cell = nbformat.v4.new_code_cell("broken = {}", metadata={"tags": ["mutants"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "98_a.ipynb")
    with pytest.raises(ValueError, match="no cell with the tag 'solution-test'"):
        load("98", directory=tmp_path)
