"""Relative errors by spread: logits and derivatives, both (B, K), to a number."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def by_norms(y: Array, L: Array) -> float:
    """Use norms and the variance of every class."""
    sizes = np.linalg.norm(L, axis=1) / np.sqrt(L.shape[1])
    spread = np.sqrt(np.var(y, axis=0).mean())
    return sizes.mean() / spread


def by_moments(y: Array, L: Array) -> float:
    """Use the mean of squares less the square of the mean."""
    sizes = (L * L).mean(axis=1) ** 0.5
    variances = (y * y).mean(axis=0) - y.mean(axis=0) ** 2
    return sizes.sum() / len(L) / variances.mean() ** 0.5


def image_by_image(y: Array, L: Array) -> float:
    """Add up image by image."""
    middle = y.sum(axis=0) / len(y)
    size = square = 0.0
    for logits, slopes in zip(y, L, strict=True):
        size += np.sqrt((slopes @ slopes) / len(slopes))
        gap = logits - middle
        square += (gap @ gap) / len(gap)
    return (size / len(y)) / np.sqrt(square / len(y))
