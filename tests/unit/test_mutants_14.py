"""The solution test of chapter 14 catches all five mutants; the naive one misses most."""

from __future__ import annotations

import numpy as np

from tests.mutants import chapter14
from tests.mutants.chapter14 import CORRECT
from tests.mutants.frame import FiveMutants


def by_projections(v):
    """Share of a part: how much of the array projections onto its subspace keep."""
    shape = v.shape
    centred = (v - v.mean()).ravel()
    kept = []
    averages = [np.full((n, n), 1 / n) for n in shape]
    rests = [np.eye(n) - mean for n, mean in zip(shape, averages, strict=True)]
    (a0, t0, s0), (a1, t1, s1) = averages, rests
    for factors in (
        (a1, t0, s0),
        (a0, t1, s0),
        (a1, t1, s0),
        (np.eye(shape[0]), np.eye(shape[1]), s1),
    ):
        projection = np.kron(np.kron(factors[0], factors[1]), factors[2])
        kept.append(np.sum((projection @ centred) ** 2))
    return np.array(kept) / np.sum(centred**2)


class TestMutants(FiveMutants):
    chapter = chapter14
    naive_catches = ("total not centred",)
    accepted = (by_projections,)

    def values(self, implementation):
        return implementation(np.random.default_rng(6).normal(size=(4, 3, 2)) + 1)


def test_the_correct_one_agrees_with_projections():
    v = np.random.default_rng(7).normal(size=(3, 4, 5)) + np.arange(3)[:, None, None]
    np.testing.assert_allclose(CORRECT(v), by_projections(v))


def test_it_is_no_decomposition_if_the_table_is_not_complete():
    v = np.random.default_rng(8).normal(size=(2, 2, 2))
    v[0, 0, 1] = np.nan
    assert np.isnan(CORRECT(v)).any()
