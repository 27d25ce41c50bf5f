"""What the nearest codes say: votes, means, and whether an item finds itself again."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors

from utils._checks import check_whole
from utils.probes._shared import (
    Array,
    ArrayLike,
    Labels,
    check_classes,
    check_distances,
    check_integers,
    check_matrix,
    check_width,
    classification,
    explained,
    one_thread,
    quantities,
    regression,
)

__all__ = [
    "knn_accuracy",
    "knn_accuracy_from_distances",
    "knn_r2",
    "knn_r2_from_distances",
    "retrieval_accuracy",
    "retrieval_accuracy_from_distances",
]


def _neighbours(k: int, most: int) -> int:
    return check_whole(k, "The number k of neighbours", 1, most)


def knn_accuracy(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    k: int = 5,
) -> float:
    """Return the accuracy of the vote of the `k` nearest codes in Euclidean distance.

    Parameters
    ----------
    train_codes, test_codes : array-like
        Shapes ``(N, d)`` and ``(M, d)``: codes whose labels are known, and codes to classify.
    train_labels, test_labels : array-like
        Shapes ``(N,)`` and ``(M,)``, integers; the known ones of at least two classes.
    k : int
        Number of neighbours, at most ``N``.

    Returns
    -------
    float
        Share of the test codes whose class was found, in ``[0, 1]``.

    Examples
    --------
    >>> knn_accuracy([[0.0], [1.0], [9.0]], [0, 0, 1], [[0.4], [6.0]], [0, 0], k=1)
    0.5
    """
    train, known, test, wanted = classification(train_codes, train_labels, test_codes, test_labels)
    number = _neighbours(k, len(train))
    with one_thread():
        classifier = KNeighborsClassifier(n_neighbors=number).fit(train, known)
        return float(classifier.score(test, wanted))


def knn_accuracy_from_distances(
    distances: ArrayLike, train_labels: ArrayLike, test_labels: ArrayLike, *, k: int = 5
) -> float:
    """Return the accuracy of the vote of the `k` nearest codes, given all distances.

    As :func:`knn_accuracy`, in any metric: `distances`, shape ``(M, N)``, lead from each code to
    classify (row) to each labelled code (column).

    Examples
    --------
    >>> knn_accuracy_from_distances([[1.0, 2.0], [4.0, 3.0]], [0, 1], [0, 1], k=1)
    1.0
    """
    matrix = check_distances(distances)
    columns = matrix.shape[1]
    known = check_integers(train_labels, columns, "train_labels", "the transposed distances")
    wanted = check_integers(test_labels, len(matrix), "test_labels", "distances")
    check_classes(known, "train_labels")
    classifier = KNeighborsClassifier(n_neighbors=_neighbours(k, columns), metric="precomputed")
    # The classifier wants the distances among the labelled codes as well, and only counts them.
    with one_thread():
        classifier.fit(np.zeros((columns, columns)), known)
        return float(classifier.score(matrix, wanted))


def knn_r2(
    train_codes: ArrayLike,
    train_targets: ArrayLike,
    test_codes: ArrayLike,
    test_targets: ArrayLike,
    *,
    k: int = 5,
) -> Array:
    """Return what the mean over the `k` nearest codes explains of several quantities.

    As :func:`~utils.probes.ridge_r2`; distances are Euclidean, and the codes are not scaled.

    Examples
    --------
    >>> codes = np.arange(5.0)[:, None]
    >>> knn_r2(codes, codes, codes + 0.1, codes, k=1)
    array([1.])
    """
    train, known, test, wanted = regression(train_codes, train_targets, test_codes, test_targets)
    number = _neighbours(k, len(train))
    with one_thread():
        model = KNeighborsRegressor(n_neighbors=number).fit(train, known)
        return explained(model.predict(test), wanted)


def knn_r2_from_distances(
    distances: ArrayLike, train_targets: ArrayLike, test_targets: ArrayLike, *, k: int = 5
) -> Array:
    """Return what the mean over the `k` nearest codes explains, given all distances.

    As :func:`knn_r2`, in any metric: `distances`, shape ``(M, N)``, lead from each code to judge on
    (row) to each code to fit (column).

    Examples
    --------
    >>> knn_r2_from_distances(1 - np.eye(3), [[1.0], [2.0], [4.0]], [[1.0], [2.0], [4.0]], k=1)
    array([1.])
    """
    matrix = check_distances(distances)
    known, wanted = quantities(train_targets, test_targets, matrix.shape[1], len(matrix))
    number = _neighbours(k, len(known))
    nearest = np.argsort(matrix, axis=1, kind="stable")[:, :number]
    return explained(known[nearest].mean(axis=1), wanted)


def _positions(index: ArrayLike, count: int, size: int, of: str) -> Labels:
    own = check_integers(index, count, "index", of)
    if own.min() < 0 or own.max() >= size:
        raise ValueError(
            f"index must point into the gallery, 0 to {size - 1}, but it reaches from "
            f"{own.min()} to {own.max()}"
        )
    return own


def retrieval_accuracy(
    queries: ArrayLike, gallery: ArrayLike, index: ArrayLike, *, k: int = 1
) -> float:
    """Return the share of queries that find their own item among the `k` nearest in the gallery.

    Parameters
    ----------
    queries, gallery : array-like
        Shapes ``(M, d)`` and ``(N, d)``, for example codes of turned images and of the images
        as they were.
    index : array-like
        Shape ``(M,)``, integers: row of the gallery that belongs to each query.
    k : int
        How many nearest items count, at most ``N``.

    Examples
    --------
    >>> retrieval_accuracy([[0.2], [0.6]], [[0.0], [1.0]], [0, 0])
    0.5
    """
    asked, items = check_matrix(queries, "queries"), check_matrix(gallery, "gallery")
    check_width(asked, items, ("queries", "gallery"))
    own = _positions(index, len(asked), len(items), "queries")
    number = _neighbours(k, len(items))
    with one_thread():
        fitted = NearestNeighbors(n_neighbors=number).fit(items)
        found = fitted.kneighbors(asked, return_distance=False)
    return float((found == own[:, None]).any(axis=1).mean())


def retrieval_accuracy_from_distances(
    distances: ArrayLike, index: ArrayLike, *, k: int = 1
) -> float:
    """Return the share of queries that find their own item, given all distances.

    As :func:`retrieval_accuracy`: `distances`, shape ``(M, N)``, lead from each query (row) to each
    item (column). Of equal distances the one whose column comes first counts as nearer.

    Examples
    --------
    >>> retrieval_accuracy_from_distances([[0.0, 2.0], [1.0, 3.0]], [0, 1], k=1)
    0.5
    """
    matrix = check_distances(distances)
    own = _positions(index, len(matrix), matrix.shape[1], "distances")
    number = _neighbours(k, matrix.shape[1])
    wanted = np.take_along_axis(matrix, own[:, None], axis=1)
    # As in a stable sort.
    earlier = np.arange(matrix.shape[1]) < own[:, None]
    nearer = (matrix < wanted) | ((matrix == wanted) & earlier)
    return float((np.count_nonzero(nearer, axis=1) < number).mean())
