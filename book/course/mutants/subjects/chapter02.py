"""Reynolds operators: the projection onto the fixed space along the complement that is kept."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, null_space

from book.course.mutants.forms import chapter02 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Array = NDArray[np.float64]


def _natural(n: int, *, cyclic: bool) -> Array:
    """Return the permutation matrices of S_n or of the cyclic shifts."""
    orders = itertools.permutations(range(n))
    found = [np.eye(n)[:, list(p)] for p in orders]
    return np.stack([np.roll(np.eye(n), r, axis=0) for r in range(n)] if cyclic else found)


def inputs(seed: int) -> list[tuple[Array, Array]]:
    """Draw representations, shape (|G|, d, d), in any basis, with the elements in any order.

    With each comes the projection whose equations are solved.
    """
    random = np.random.default_rng(seed)
    found = []
    for n, cyclic, copies, skew in [
        (3, False, 2, True),
        (4, True, 1, False),
        (3, False, 1, True),
        (4, True, 2, True),
        (5, True, 1, True),
        (6, True, 1, False),
        (4, False, 1, True),
        (3, True, 2, True),
    ]:
        one = _natural(n, cyclic=cyclic)
        several = np.stack([block_diag(*[rho] * copies) for rho in one])
        d = several.shape[1]
        basis = np.eye(d) + 0.5 * skew * np.triu(random.normal(size=(d, d)), 1)
        matrices = (np.linalg.inv(basis) @ several @ basis)[random.permutation(len(several))]
        fixed = null_space(np.concatenate(matrices - np.eye(d)))
        kept = null_space(np.concatenate(matrices.transpose(0, 2, 1) - np.eye(d)))
        found.append((matrices, fixed @ np.linalg.inv(kept.T @ fixed) @ kept.T))
    return found


def error(project: Implementation, matrices: Array, wanted: Array) -> tuple[float, Array]:
    """Return how far a projection is from the right one."""
    found = project(matrices.copy())
    return apart(found, wanted), found


SUBJECT = Subject("02", forms, inputs, error, hard=1)
