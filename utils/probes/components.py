"""Principal components: codes as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from utils._checks import check_whole
from utils.probes._shared import Array, ArrayLike, check_matrix, check_width, one_thread

__all__ = ["PrincipalComponents", "pca"]


@dataclass(frozen=True)
class PrincipalComponents:
    """The principal components of a set of codes.

    Attributes
    ----------
    scores : numpy.ndarray
        Shape ``(N, c)``: the codes in the coordinates of the components.
    components : numpy.ndarray
        Shape ``(c, d)``: orthonormal directions, of decreasing variance. The entry of largest
        magnitude of each is positive, which fixes its sign.
    mean : numpy.ndarray
        Shape ``(d,)``: the mean code.
    explained_variance_ratio : numpy.ndarray
        Shape ``(c,)``: share of the total variance along each component.

    Examples
    --------
    >>> pca([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], 1).transform([[6.0, 8.0], [3.0, 4.0]]).round(3)
    array([[5.],
           [0.]])
    """

    scores: Array
    components: Array
    mean: Array
    explained_variance_ratio: Array

    def transform(self, codes: ArrayLike) -> Array:
        """Return other codes, shape ``(M, d)``, in the coordinates of these: ``(M, c)``."""
        matrix = check_matrix(codes, "codes")
        check_width(matrix, self.components, ("codes", "components"))
        transformed: Array = (matrix - self.mean) @ self.components.T
        return transformed


def pca(codes: ArrayLike, components: int = 2) -> PrincipalComponents:
    """Return the principal components of codes, centred and not scaled.

    The result is the same on every call: it comes from an exact singular value decomposition
    with fixed signs.

    Parameters
    ----------
    codes : array-like
        Shape ``(N, d)``, not all equal.
    components : int
        Number ``c`` of components, at most ``min(N, d)``.

    Examples
    --------
    >>> line = pca([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], 1)
    >>> line.components.round(3), line.scores.round(3).ravel()
    (array([[0.6, 0.8]]), array([-5.,  0.,  5.]))
    """
    matrix = check_matrix(codes, "codes")
    number = check_whole(components, "The number of components", 1, min(matrix.shape))
    if (matrix == matrix[0]).all():
        raise ValueError("codes are all equal, so no direction explains any variance")
    with one_thread():
        fitted = PCA(n_components=number, svd_solver="full").fit(matrix)
    directions = fitted.components_
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(number), largest])
    directions = directions * signs[:, None]
    return PrincipalComponents(
        scores=(matrix - fitted.mean_) @ directions.T,
        components=directions,
        mean=fitted.mean_,
        explained_variance_ratio=fitted.explained_variance_ratio_,
    )
