"""Clusters of codes against classes."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from utils._checks import check_whole
from utils.probes._shared import (
    ArrayLike,
    check_classes,
    check_integers,
    check_matrix,
    one_thread,
)

__all__ = ["nmi"]


def nmi(
    codes: ArrayLike, labels: ArrayLike, *, clusters: int | None = None, seed: int = 0
) -> float:
    """Return how well clusters of codes match classes: normalised mutual information.

    The clusters come from k-means (ten starts). The labels are used for the comparison only.

    Parameters
    ----------
    codes : array-like
        Shape ``(N, d)``.
    labels : array-like
        Shape ``(N,)``, integers, of at least two classes.
    clusters : int, optional
        Number of clusters, at most ``N``; the number of classes if not given.
    seed : int
        Seed of the starts of k-means.

    Returns
    -------
    float
        Mutual information of cluster and class, divided by the mean of their entropies: 1 if
        each tells the other, 0 if they are independent.

    Examples
    --------
    >>> round(nmi([[0.0], [0.1], [9.0], [9.1]], [3, 3, 5, 5]), 3)
    1.0
    """
    matrix = check_matrix(codes, "codes")
    classes = check_classes(check_integers(labels, len(matrix), "labels", "codes"), "labels")
    wanted = len(np.unique(classes)) if clusters is None else clusters
    number = check_whole(wanted, "The number of clusters", 1, len(matrix))
    with one_thread():
        found = KMeans(n_clusters=number, n_init=10, random_state=seed).fit_predict(matrix)
    return float(normalized_mutual_info_score(classes, found))
