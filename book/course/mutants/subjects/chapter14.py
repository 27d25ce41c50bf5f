"""Relative errors by spread: the mean size of the derivatives over the spread of the logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from book.course.mutants.forms import chapter14 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Array = NDArray[np.float64]


def inputs(seed: int) -> list[tuple[Array, Array]]:
    """Draw logits with a mean for each class, and derivatives of different sizes, (B, K)."""
    random = np.random.default_rng(seed)
    found = []
    for batch, classes in [(4, 3), (6, 4), (3, 5), (8, 2), (5, 10), (7, 3), (2, 4), (10, 3)]:
        shape = (batch, classes)
        y = random.normal(size=shape) * random.uniform(0.5, 3, (batch, 1))
        y = y + 3 * random.normal(size=classes)
        found.append((y, random.normal(size=shape) * random.uniform(0.1, 4, (batch, 1))))
    return found


def error(measure: Implementation, y: Array, L: Array) -> tuple[float, float]:
    """Return how far a measure is from the definition in loops, in parts of the latter."""
    batch, classes = y.shape
    middle = [sum(y[:, k]) / batch for k in range(classes)]
    spread = sum((y[b, k] - middle[k]) ** 2 for b in range(batch) for k in range(classes))
    sizes = [(sum(v * v for v in row) / classes) ** 0.5 for row in L]
    wanted = sum(sizes) / batch / (spread / batch / classes) ** 0.5
    found = measure(y.copy(), L.copy())
    return apart(found, wanted) / min(1.0, wanted), found


SUBJECT = Subject("14", forms, inputs, error, margin=1e-2)
