"""Reynolds operators: the mean of the matrices of a representation."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def by_sum(matrices: Array) -> Array:
    """Add the matrices one by one."""
    total = np.zeros(matrices.shape[1:])
    for rho in matrices:
        total = total + rho
    return total / len(matrices)


def by_basis(matrices: Array) -> Array:
    """Average the images of every vector of the basis."""
    columns = []
    for e in np.eye(matrices.shape[1]):
        images = np.stack([rho @ e for rho in matrices])
        columns.append(images.mean(axis=0))
    return np.stack(columns, axis=1)


def by_inverses(matrices: Array) -> Array:
    """Average the inverses, which are the same elements in another order."""
    return np.linalg.inv(matrices).sum(axis=0) / matrices.shape[0]


def by_weights(matrices: Array) -> Array:
    """Contract with equal weights that add up to one."""
    n = len(matrices)
    weights = np.ones(n) / n
    flat = matrices.reshape(n, -1).T @ weights
    return flat.reshape(matrices.shape[1:])
