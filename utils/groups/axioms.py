"""Multiplication tables: the group axioms, the neutral element, generated subgroups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["AxiomReport", "check_axioms"]


@dataclass(frozen=True)
class AxiomReport:
    """What :func:`check_axioms` found out about a multiplication table: one flag per axiom.

    Without an identity there are no inverses. ``counterexample`` is the first thing that went
    wrong, in words; empty if nothing did.

    Examples
    --------
    >>> AxiomReport(True, True, True, False, "1 has no inverse").holds
    False
    """

    closure: bool
    associativity: bool
    identity: bool
    inverses: bool
    counterexample: str = ""

    @property
    def holds(self) -> bool:
        """Whether all four axioms hold, so that the table is that of a group."""
        return self.closure and self.associativity and self.identity and self.inverses

    def __str__(self) -> str:
        marks = ", ".join(
            f"{name} {'holds' if getattr(self, name) else 'fails'}"
            for name in ("closure", "associativity", "identity", "inverses")
        )
        return marks + (f" ({self.counterexample})" if self.counterexample else "")


def check_axioms(table: np.ndarray) -> AxiomReport:
    """Check the four group axioms on a table whose entry ``[a, b]`` is the product ``ab``.

    The table may be wrong; that is the point. Associativity is checked over all ``n ** 3``
    triples, one left factor at a time, so that ``n ** 2`` numbers are held in memory.

    Examples
    --------
    >>> print(check_axioms(np.array([[0, 1], [1, 1]])))
    closure holds, associativity holds, identity holds, inverses fails (1 has no inverse)
    """
    table = check_table_form(table)
    n = len(table)
    outside = np.argwhere((table < 0) | (table >= n))
    if len(outside):
        a, b = outside[0]
        text = f"{a}·{b} = {table[a, b]} is not one of the elements 0 to {n - 1}"
        return AxiomReport(False, False, False, False, text)
    associative, text = True, ""
    for a in range(n):
        wrong = np.argwhere(table[table[a]] != table[a][table])
        if len(wrong):
            b, c = wrong[0]
            associative, text = False, f"({a}·{b})·{c} differs from {a}·({b}·{c})"
            break
    identity = find_identity(table)
    if identity is None:
        return AxiomReport(True, associative, False, False, text or "no element is neutral")
    neutral = table == identity
    lacking = np.flatnonzero(~(neutral & neutral.T).any(axis=1))
    if len(lacking):
        text = text or f"{lacking[0]} has no inverse"
    return AxiomReport(True, associative, True, not len(lacking), text)


def check_table_form(table: np.ndarray) -> np.ndarray:
    """Return a multiplication table as an array, or refuse what has not the form of one."""
    array = np.asarray(table)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"A table is square and not empty, but this one has shape {array.shape}.")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"A table holds element indices, but this one holds {array.dtype}; use .astype(int)."
        )
    return array


def find_identity(table: np.ndarray) -> int | None:
    """Return the neutral element of a multiplication table, or ``None`` if there is none."""
    everyone = np.arange(len(table))
    neutral = (table == everyone).all(axis=1) & (table == everyone[:, None]).all(axis=0)
    found = np.flatnonzero(neutral)
    return int(found[0]) if len(found) else None


def passes_light(table: np.ndarray, identity: int) -> bool:
    """Light's test: the middle factor of ``(xa)y = x(ay)`` need only run over generators."""
    generators: list[int] = []
    reached = np.array([identity])
    while len(reached) < len(table):
        generators.append(int(np.setdiff1d(np.arange(len(table)), reached)[0]))
        reached = closure(table, generators, identity)
    return all(np.array_equal(table[table[:, a]], table[:, table[a]]) for a in generators)


def closure(table: np.ndarray, generators: Iterable[int], identity: int) -> np.ndarray:
    """Return the sorted elements of the subgroup that ``generators`` generate."""
    member = np.zeros(len(table), dtype=bool)
    member[identity] = True
    columns = np.fromiter(generators, dtype=np.int64)
    frontier = np.array([identity])
    while len(frontier) and len(columns):
        products = np.unique(table[np.ix_(frontier, columns)])
        frontier = products[~member[products]]
        member[frontier] = True
    return np.flatnonzero(member)
