"""Speed of the molecules: loading, relabelling, colouring, converting, drawing.

Run with ``pytest tests/benchmarks/test_bench_qm9.py``; not part of ``make test``.
"""

from __future__ import annotations

import pytest

from utils import molecules
from utils.data import qm9


@pytest.fixture(scope="module")
def dense() -> qm9.DenseGraphs:
    return qm9.load_dense()


def test_load_dense(benchmark):
    assert len(benchmark(qm9.load_dense)) == 130_165


def test_load_graphs(benchmark):
    assert len(benchmark(qm9.QM9)) == 130_165


def test_relabel_all(benchmark, dense):
    permutations = qm9.random_permutations(len(dense), seed=0)
    assert len(benchmark(qm9.relabel, dense, permutations)) == len(dense)


def test_ties_of_all(benchmark, dense):
    assert len(benchmark(qm9.tied_molecules, dense.atoms, dense.bonds).tied) == len(dense)


def test_judge_all(benchmark, dense):
    def judge() -> bool:
        valid = molecules.is_valid(dense.atoms, dense.bonds)
        return bool((valid & molecules.is_connected(dense.atoms, dense.bonds)).all())

    assert benchmark(judge)


def test_round_trip_of_2000(benchmark, dense):
    part = dense[60_000:62_000]

    def round_trip() -> int:
        made = molecules.to_molecules(part.atoms, part.bonds)
        return len([molecules.from_molecule(molecule) for molecule in made])

    assert benchmark(round_trip) == 2000


def test_grid_of_twelve(benchmark, dense):
    part = dense[60_000:60_012]
    made = molecules.to_molecules(part.atoms, part.bonds)
    assert benchmark(molecules.draw_grid, made).startswith("<svg")
