"""What the modules of this room share: the tolerance, and arrays that are kept."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-9
"""Largest entry of an error matrix that is still rounding, for matrices with entries near 1."""


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a copy of ``array`` that cannot be written to."""
    copy = np.array(array, copy=True, order="C")
    copy.setflags(write=False)
    return copy
