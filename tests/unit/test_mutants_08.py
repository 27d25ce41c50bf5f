"""The solution test of chapter 08 catches all five mutants; the naive one does not."""

from __future__ import annotations

import pytest
import torch

from tests.mutants.chapter08 import CATCHES, CORRECT, MUTANTS, NAIVE


def some_tables():
    draw = torch.Generator().manual_seed(5)
    return torch.randn(4, 2, generator=draw), torch.randn(4, 4, generator=draw)


def test_there_are_five_different_mutants():
    assert len(MUTANTS) == 5
    z = torch.tensor([0.3, 0.0, 0.28, -0.1])
    found = [carry(z, *some_tables()) for carry in (CORRECT, *MUTANTS.values())]
    for i, first in enumerate(found):
        for second in found[:i]:
            same = (torch.allclose(a, b, atol=1e-3) for a, b in zip(first, second, strict=True))
            assert not all(same)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_solution_catches(name):
    assert CATCHES(MUTANTS[name])


def test_the_solution_accepts_correct_implementations():
    def by_loop(z, rows, table):
        places = sorted(z.tolist())
        reads = torch.zeros(len(z), len(z))
        for i, number in enumerate(z.tolist()):
            for k, place in enumerate(places):
                reads[i, k] = torch.tensor(-abs(number - place) / 0.05).exp()
            reads[i] /= reads[i].sum()
        new_rows, new_table = torch.zeros_like(rows), torch.zeros_like(table)
        for i in range(len(z)):
            for k in range(len(z)):
                new_rows[i] += reads[i, k] * rows[k]
                for j in range(len(z)):
                    for m in range(len(z)):
                        new_table[i, j] += reads[i, k] * reads[j, m] * table[k, m]
        return new_rows, new_table

    z = torch.tensor([0.3, 0.0, 0.28, -0.1])
    for mine, theirs in zip(by_loop(z, *some_tables()), CORRECT(z, *some_tables()), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert not CATCHES(CORRECT)
    assert not CATCHES(by_loop)


def test_the_naive_test_accepts_the_correct_one_and_misses_most():
    assert not NAIVE(CORRECT)
    missed = {name for name, mutant in MUTANTS.items() if not NAIVE(mutant)}
    assert missed == {"there instead of back", "softmax along the wrong axis", "hard"}
