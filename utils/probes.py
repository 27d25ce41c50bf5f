r"""What can be read from latent codes: pictures, neighbours, linear classifiers, clusters.

A probe takes codes and labels and returns one number, for labels always between 0 and 1, always
judged on codes it was not fitted on. A probe of quantities, such as the properties of molecules,
returns the share of the variance that it explains, one number for each quantity. The probes are
scikit-learn's; this module fixes their settings, so that numbers in different chapters can be
compared, and says in one sentence what is wrong with bad input. They compute on one thread, so
that the same input gives the same number.

Codes are matrices with one code a row, NumPy arrays or PyTorch tensors. Flatten a code of
shape ``(N, k, n)`` with ``codes.flatten(1)`` first. Where only distances are known, as for the
quotient metric :math:`d_{\mathcal Z/G}`, use the functions whose names end in
``_from_distances``: they take a matrix with one row a query and one column a candidate.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
from torch import Tensor

__all__ = [
    "PrincipalComponents",
    "Spread",
    "few_label_accuracy",
    "few_label_accuracy_from_distances",
    "knn_accuracy",
    "knn_accuracy_from_distances",
    "knn_r2",
    "knn_r2_from_distances",
    "logistic_accuracy",
    "mlp_r2",
    "nmi",
    "pca",
    "retrieval_accuracy",
    "retrieval_accuracy_from_distances",
    "ridge_r2",
    "spread",
    "stratified_subset",
]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
ArrayLike = npt.ArrayLike | Tensor


# ---------------------------------------------------------------- checking the input


def _plain(values: ArrayLike) -> npt.NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _matrix(values: ArrayLike, name: str) -> Array:
    """Return a finite float64 matrix with at least one row and one column."""
    plain = _plain(values)
    if plain.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, not of type {plain.dtype}")
    if plain.ndim != 2:
        raise ValueError(
            f"{name} must be a matrix with one code a row, not of shape {plain.shape}; flatten "
            f"codes with .flatten(1) or .reshape(len(codes), -1)"
        )
    if 0 in plain.shape:
        raise ValueError(f"{name} must not be empty, but its shape is {plain.shape}")
    matrix = plain.astype(np.float64, copy=False)  # whoever calls must not write to it
    if not np.isfinite(matrix).all():
        bad = int(np.count_nonzero(~np.isfinite(matrix).all(axis=1)))
        raise ValueError(
            f"{name} must be finite, but {bad} of its {len(matrix)} rows hold NaN or infinity; "
            f"look for the step that made them"
        )
    return matrix


def _integers(values: ArrayLike, count: int, name: str, of: str) -> Labels:
    plain = _plain(values)
    if plain.dtype.kind not in "iub":
        raise TypeError(f"{name} must be integers, not of type {plain.dtype}")
    if plain.shape != (count,):
        raise ValueError(
            f"{name} must have shape ({count},), one for each row of {of}, not {plain.shape}"
        )
    return plain.astype(np.int64)


def _classes(labels: Labels, name: str) -> None:
    if len(np.unique(labels)) < 2:
        raise ValueError(f"{name} hold a single class, but telling classes apart needs two")


def _same_width(first: Array, second: Array, names: tuple[str, str]) -> None:
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{names[0]} has {first.shape[1]} columns and {names[1]} has {second.shape[1]}; both "
            f"must be codes of the same kind"
        )


def _count(value: int, name: str, most: int, of: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if not 1 <= value <= most:
        raise ValueError(f"{name} must lie between 1 and {most} ({of}), not {value}")
    return int(value)


def _distances(values: ArrayLike) -> Array:
    matrix = _matrix(values, "distances")
    if (matrix < 0).any():
        raise ValueError(
            f"distances must not be negative, but the smallest is {matrix.min():g}; pass "
            f"distances, not similarities"
        )
    return matrix


# ---------------------------------------------------------------- one thread


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """Find the libraries that use threads, once: every search reads the list of open files."""
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[object]:
    limit: AbstractContextManager[object] = _thread_pools().limit(limits=1)
    return limit


# ---------------------------------------------------------------- principal components


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
    """

    scores: Array
    components: Array
    mean: Array
    explained_variance_ratio: Array

    def transform(self, codes: ArrayLike) -> Array:
        """Return other codes in the coordinates of these components.

        Parameters
        ----------
        codes : array-like
            Shape ``(M, d)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(M, c)``.

        Raises
        ------
        ValueError
            If the shape is another one, or an entry is not finite.
        """
        matrix = _matrix(codes, "codes")
        _same_width(matrix, self.components, ("codes", "components"))
        transformed: Array = (matrix - self.mean) @ self.components.T
        return transformed


def pca(codes: ArrayLike, components: int = 2) -> PrincipalComponents:
    """Return the principal components of codes, centred and not scaled.

    Parameters
    ----------
    codes : array-like
        Shape ``(N, d)``, at least two codes.
    components : int
        Number ``c`` of components, at most ``min(N, d)``.

    Returns
    -------
    PrincipalComponents
        Scores, directions, mean and shares of variance. The result is the same on every
        call: it comes from an exact singular value decomposition with fixed signs.

    Raises
    ------
    ValueError
        If the shape is wrong, an entry is not finite, there are too few codes for so many
        components, or all codes are equal.
    TypeError
        If the codes are not numbers or `components` is not a whole number.
    """
    matrix = _matrix(codes, "codes")
    number = _count(components, "components", min(matrix.shape), "the smaller side of codes")
    if (matrix == matrix[0]).all():
        raise ValueError("codes are all equal, so no direction explains any variance")
    with _one_thread():
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


# ---------------------------------------------------------------- classification


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
    train_codes : array-like
        Shape ``(N, d)``: codes whose labels are known.
    train_labels : array-like
        Shape ``(N,)``, integers.
    test_codes : array-like
        Shape ``(M, d)``: codes to classify.
    test_labels : array-like
        Shape ``(M,)``, integers.
    k : int
        Number of neighbours, at most ``N``.

    Returns
    -------
    float
        Share of the test codes whose class was found, in ``[0, 1]``.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, there are fewer than `k` labelled
        codes, or all of them are of one class.
    TypeError
        If codes are not numbers or labels not integers.
    """
    train, test = _matrix(train_codes, "train_codes"), _matrix(test_codes, "test_codes")
    _same_width(train, test, ("train_codes", "test_codes"))
    known = _integers(train_labels, len(train), "train_labels", "train_codes")
    wanted = _integers(test_labels, len(test), "test_labels", "test_codes")
    _classes(known, "train_labels")
    number = _count(k, "k", len(train), "the number of labelled codes")
    with _one_thread():
        classifier = KNeighborsClassifier(n_neighbors=number).fit(train, known)
        return float(classifier.score(test, wanted))


def knn_accuracy_from_distances(
    distances: ArrayLike, train_labels: ArrayLike, test_labels: ArrayLike, *, k: int = 5
) -> float:
    """Return the accuracy of the vote of the `k` nearest codes, given all distances.

    Parameters
    ----------
    distances : array-like
        Shape ``(M, N)``, not negative: from each code to classify (row) to each labelled code
        (column), in any metric.
    train_labels : array-like
        Shape ``(N,)``, integers.
    test_labels : array-like
        Shape ``(M,)``, integers.
    k : int
        Number of neighbours, at most ``N``.

    Returns
    -------
    float
        Share of the rows whose class was found, in ``[0, 1]``.

    Raises
    ------
    ValueError
        If shapes do not fit, a distance is negative or not finite, there are fewer than `k`
        labelled codes, or all of them are of one class.
    TypeError
        If distances are not numbers or labels not integers.
    """
    matrix = _distances(distances)
    known = _integers(train_labels, matrix.shape[1], "train_labels", "the transposed distances")
    wanted = _integers(test_labels, len(matrix), "test_labels", "distances")
    _classes(known, "train_labels")
    number = _count(k, "k", len(known), "the number of labelled codes")
    classifier = KNeighborsClassifier(n_neighbors=number, metric="precomputed")
    # The classifier wants the distances among the labelled codes as well, and only counts them.
    with _one_thread():
        classifier.fit(np.zeros((len(known), len(known))), known)
        return float(classifier.score(matrix, wanted))


def logistic_accuracy(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    penalty: float = 1.0,
) -> float:
    """Return the accuracy of a linear classifier: multinomial logistic regression.

    The codes are standardised with the mean and spread of the labelled ones first.

    Parameters
    ----------
    train_codes : array-like
        Shape ``(N, d)``: codes whose labels are known.
    train_labels : array-like
        Shape ``(N,)``, integers.
    test_codes : array-like
        Shape ``(M, d)``: codes to classify.
    test_labels : array-like
        Shape ``(M,)``, integers.
    penalty : float
        Weight of the squared norm of the coefficients, positive. The inverse of
        scikit-learn's ``C``.

    Returns
    -------
    float
        Share of the test codes whose class was found, in ``[0, 1]``.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, `penalty` is not positive, or all
        labelled codes are of one class.
    TypeError
        If codes are not numbers or labels not integers.
    """
    train, test = _matrix(train_codes, "train_codes"), _matrix(test_codes, "test_codes")
    _same_width(train, test, ("train_codes", "test_codes"))
    known = _integers(train_labels, len(train), "train_labels", "train_codes")
    wanted = _integers(test_labels, len(test), "test_labels", "test_codes")
    _classes(known, "train_labels")
    if not 0 < penalty < np.inf:
        raise ValueError(f"penalty must be positive, not {penalty!r}")
    regression = LogisticRegression(C=1 / penalty, max_iter=3000)
    with _one_thread():
        classifier = make_pipeline(StandardScaler(), regression).fit(train, known)
        return float(classifier.score(test, wanted))


# ---------------------------------------------------------------- regression


def _targets(values: ArrayLike, count: int, name: str, of: str) -> Array:
    matrix = _matrix(values, name)
    if len(matrix) != count:
        raise ValueError(
            f"{name} must have a row for each of the {count} rows of {of}, not {len(matrix)}"
        )
    return matrix


def _regression(
    train_codes: ArrayLike,
    train_targets: ArrayLike,
    test_codes: ArrayLike,
    test_targets: ArrayLike,
) -> tuple[Array, Array, Array, Array]:
    """Return checked codes, and targets in units of the spread of those to fit."""
    train, test = _matrix(train_codes, "train_codes"), _matrix(test_codes, "test_codes")
    _same_width(train, test, ("train_codes", "test_codes"))
    known = _targets(train_targets, len(train), "train_targets", "train_codes")
    wanted = _targets(test_targets, len(test), "test_targets", "test_codes")
    return train, *_in_units(known, wanted), test


def _in_units(known: Array, wanted: Array) -> tuple[Array, Array]:
    _same_width(known, wanted, ("train_targets", "test_targets"))
    for values, name in ((known, "train_targets"), (wanted, "test_targets")):
        constant = (values == values[0]).all(axis=0)
        if constant.any():
            raise ValueError(
                f"column {int(constant.argmax())} of {name} is constant, so there is no variance "
                f"to explain; leave it out or give more rows"
            )
    middle, scale = known.mean(axis=0), known.std(axis=0)
    return (known - middle) / scale, (wanted - middle) / scale


def _r2(predicted: Array, wanted: Array) -> Array:
    residual = np.square(predicted.reshape(wanted.shape) - wanted).mean(axis=0)
    return np.asarray(1 - residual / wanted.var(axis=0))


def ridge_r2(
    train_codes: ArrayLike,
    train_targets: ArrayLike,
    test_codes: ArrayLike,
    test_targets: ArrayLike,
) -> Array:
    """Return what a linear model explains of several quantities: ridge regression.

    Codes are standardised with the mean and spread of those to fit; the penalty is chosen
    among them, by leave-one-out errors, from powers of ten between 0.0001 and 100.

    Parameters
    ----------
    train_codes : array-like
        Shape ``(N, d)``: codes to fit.
    train_targets : array-like
        Shape ``(N, T)``: their quantities.
    test_codes : array-like
        Shape ``(M, d)``: codes to judge on.
    test_targets : array-like
        Shape ``(M, T)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(T,)``: one minus the mean squared error over the variance, at most 1. Zero is
        what the mean of the judged quantities would reach; less is possible.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or a quantity is constant.
    TypeError
        If codes or quantities are not numbers.
    """
    train, known, wanted, test = _regression(train_codes, train_targets, test_codes, test_targets)
    with _one_thread():
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 2, 7))).fit(train, known)
        return _r2(model.predict(test), wanted)


def knn_r2(
    train_codes: ArrayLike,
    train_targets: ArrayLike,
    test_codes: ArrayLike,
    test_targets: ArrayLike,
    *,
    k: int = 5,
) -> Array:
    """Return what the mean over the `k` nearest codes explains of several quantities.

    Parameters
    ----------
    train_codes : array-like
        Shape ``(N, d)``: codes whose quantities are known; distances are Euclidean, and the
        codes are not scaled.
    train_targets : array-like
        Shape ``(N, T)``.
    test_codes : array-like
        Shape ``(M, d)``.
    test_targets : array-like
        Shape ``(M, T)``.
    k : int
        Number of neighbours, at most ``N``.

    Returns
    -------
    numpy.ndarray
        Shape ``(T,)``, as for :func:`ridge_r2`.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, a quantity is constant, or there are fewer
        than `k` codes to fit.
    TypeError
        If codes or quantities are not numbers.
    """
    train, known, wanted, test = _regression(train_codes, train_targets, test_codes, test_targets)
    number = _count(k, "k", len(train), "the number of codes to fit")
    with _one_thread():
        model = KNeighborsRegressor(n_neighbors=number).fit(train, known)
        return _r2(model.predict(test), wanted)


def knn_r2_from_distances(
    distances: ArrayLike, train_targets: ArrayLike, test_targets: ArrayLike, *, k: int = 5
) -> Array:
    """Return what the mean over the `k` nearest codes explains, given all distances.

    Parameters
    ----------
    distances : array-like
        Shape ``(M, N)``, not negative: from each code to judge on (row) to each code to fit
        (column), in any metric.
    train_targets : array-like
        Shape ``(N, T)``.
    test_targets : array-like
        Shape ``(M, T)``.
    k : int
        Number of neighbours, at most ``N``.

    Returns
    -------
    numpy.ndarray
        Shape ``(T,)``, as for :func:`ridge_r2`.

    Raises
    ------
    ValueError
        If shapes do not fit, a distance is negative or not finite, a quantity is constant, or
        there are fewer than `k` codes to fit.
    TypeError
        If distances or quantities are not numbers.
    """
    matrix = _distances(distances)
    known = _targets(train_targets, matrix.shape[1], "train_targets", "the transposed distances")
    wanted = _targets(test_targets, len(matrix), "test_targets", "distances")
    known, wanted = _in_units(known, wanted)
    number = _count(k, "k", len(known), "the number of codes to fit")
    nearest = np.argsort(matrix, axis=1, kind="stable")[:, :number]
    return _r2(known[nearest].mean(axis=1), wanted)


def mlp_r2(
    train_codes: ArrayLike,
    train_targets: ArrayLike,
    test_codes: ArrayLike,
    test_targets: ArrayLike,
    *,
    seed: int,
    width: int = 64,
    epochs: int = 40,
) -> Array:
    """Return what a network with two hidden layers explains of several quantities.

    Codes are standardised as in :func:`ridge_r2`; one network predicts all quantities.

    Parameters
    ----------
    train_codes : array-like
        Shape ``(N, d)``: codes to fit.
    train_targets : array-like
        Shape ``(N, T)``.
    test_codes : array-like
        Shape ``(M, d)``.
    test_targets : array-like
        Shape ``(M, T)``.
    seed : int
        Seed of the weights and of the order of the examples.
    width : int
        Units of each hidden layer.
    epochs : int
        Passes over the codes to fit.

    Returns
    -------
    numpy.ndarray
        Shape ``(T,)``, as for :func:`ridge_r2`.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, a quantity is constant, or `width` or
        `epochs` is not positive.
    TypeError
        If codes or quantities are not numbers.
    """
    train, known, wanted, test = _regression(train_codes, train_targets, test_codes, test_targets)
    _count(width, "width", 10_000, "a bound on memory")
    _count(epochs, "epochs", 10_000, "a bound on time")
    network = MLPRegressor(
        hidden_layer_sizes=(width, width),
        learning_rate_init=3e-3,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs,
        random_state=seed,
    )
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops where it was told to
        single = known.shape[1] == 1
        model = make_pipeline(StandardScaler(), network).fit(
            train, known.ravel() if single else known
        )
        return _r2(model.predict(test), wanted)


# ---------------------------------------------------------------- retrieval


def retrieval_accuracy(
    queries: ArrayLike, gallery: ArrayLike, index: ArrayLike, *, k: int = 1
) -> float:
    """Return how often a query finds its own item among its `k` nearest in the gallery.

    Parameters
    ----------
    queries : array-like
        Shape ``(M, d)``, for example codes of turned images.
    gallery : array-like
        Shape ``(N, d)``, for example codes of the images as they were.
    index : array-like
        Shape ``(M,)``, integers: row of the gallery that belongs to each query.
    k : int
        How many nearest items count, at most ``N``.

    Returns
    -------
    float
        Share of the queries that find their item, in ``[0, 1]``.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or an index lies outside the gallery.
    TypeError
        If codes are not numbers or indices not integers.
    """
    asked, items = _matrix(queries, "queries"), _matrix(gallery, "gallery")
    _same_width(asked, items, ("queries", "gallery"))
    own = _positions(index, len(asked), len(items), "queries")
    number = _count(k, "k", len(items), "the size of the gallery")
    with _one_thread():
        fitted = NearestNeighbors(n_neighbors=number).fit(items)
        found = fitted.kneighbors(asked, return_distance=False)
    return float((found == own[:, None]).any(axis=1).mean())


def retrieval_accuracy_from_distances(
    distances: ArrayLike, index: ArrayLike, *, k: int = 1
) -> float:
    """Return how often a query finds its own item, given all distances.

    Parameters
    ----------
    distances : array-like
        Shape ``(M, N)``, not negative: from each query (row) to each item (column).
    index : array-like
        Shape ``(M,)``, integers: column that belongs to each row.
    k : int
        How many nearest items count, at most ``N``.

    Returns
    -------
    float
        Share of the rows that find their item, in ``[0, 1]``.

    Raises
    ------
    ValueError
        If shapes do not fit, a distance is negative or not finite, or an index lies outside.
    TypeError
        If distances are not numbers or indices not integers.
    """
    matrix = _distances(distances)
    own = _positions(index, len(matrix), matrix.shape[1], "distances")
    number = _count(k, "k", matrix.shape[1], "the size of the gallery")
    wanted = np.take_along_axis(matrix, own[:, None], axis=1)
    # An equal distance counts as nearer if its column comes first, as in a stable sort.
    earlier = np.arange(matrix.shape[1]) < own[:, None]
    nearer = (matrix < wanted) | ((matrix == wanted) & earlier)
    return float((np.count_nonzero(nearer, axis=1) < number).mean())


def _positions(index: ArrayLike, count: int, size: int, of: str) -> Labels:
    own = _integers(index, count, "index", of)
    if own.min() < 0 or own.max() >= size:
        raise ValueError(
            f"index must point into the gallery, 0 to {size - 1}, but it reaches from "
            f"{own.min()} to {own.max()}"
        )
    return own


# ---------------------------------------------------------------- clusters


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
        Shape ``(N,)``, integers.
    clusters : int, optional
        Number of clusters; the number of classes if not given.
    seed : int
        Seed of the starts of k-means.

    Returns
    -------
    float
        Mutual information of cluster and class, divided by the mean of their entropies: 1 if
        each tells the other, 0 if they are independent.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, all labels are of one class, or there
        are more clusters than codes.
    TypeError
        If codes are not numbers or labels not integers.
    """
    matrix = _matrix(codes, "codes")
    classes = _integers(labels, len(matrix), "labels", "codes")
    _classes(classes, "labels")
    wanted = len(np.unique(classes)) if clusters is None else clusters
    number = _count(wanted, "clusters", len(matrix), "the number of codes")
    with _one_thread():
        found = KMeans(n_clusters=number, n_init=10, random_state=seed).fit_predict(matrix)
    return float(normalized_mutual_info_score(classes, found))


# ---------------------------------------------------------------- few labels


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one quantity.

    Attributes
    ----------
    values : tuple of float
        The measurements, at least two.
    mean : float
        Their mean.
    std : float
        Their sample standard deviation (divisor ``n - 1``).
    """

    values: tuple[float, ...]
    mean: float
    std: float

    def __str__(self) -> str:
        """Return mean and spread with three decimals."""
        return f"{self.mean:.3f} ± {self.std:.3f}"


def spread(values: npt.ArrayLike) -> Spread:
    """Return mean and sample standard deviation of repeated measurements.

    Parameters
    ----------
    values : array-like
        Shape ``(n,)`` with ``n`` at least 2.

    Returns
    -------
    Spread
        The measurements with their mean and spread.

    Raises
    ------
    ValueError
        If there are fewer than two values, or one is not finite.
    """
    plain = np.asarray(values, dtype=np.float64)
    if plain.ndim != 1 or len(plain) < 2:
        raise ValueError(f"a spread needs a list of at least two values, not {plain.shape}")
    if not np.isfinite(plain).all():
        raise ValueError("a spread needs finite values, and one is NaN or infinite")
    return Spread(tuple(map(float, plain)), float(plain.mean()), float(plain.std(ddof=1)))


def stratified_subset(labels: ArrayLike, count: int, *, seed: int) -> Labels:
    """Choose a few examples at random, the same number from each class.

    If `count` is no multiple of the number of classes, some classes chosen at random give one
    example more.

    Parameters
    ----------
    labels : array-like
        Shape ``(N,)``, integers.
    count : int
        How many examples, at least one for each class.
    seed : int
        Seed of the choice.

    Returns
    -------
    numpy.ndarray
        Shape ``(count,)``: increasing positions, without repetition.

    Raises
    ------
    ValueError
        If `count` is smaller than the number of classes, or a class has too few examples.
    TypeError
        If labels are not integers.
    """
    plain = _plain(labels)
    if plain.ndim != 1 or len(plain) == 0:
        raise ValueError(f"labels must be a list of at least one integer, not {plain.shape}")
    known = _integers(plain, len(plain), "labels", "themselves")
    classes, sizes = np.unique(known, return_counts=True)
    number = _count(count, "count", len(known), "the number of labels")
    if number < len(classes):
        raise ValueError(
            f"{number} labels are too few for {len(classes)} classes; ask for at least one each"
        )
    generator = np.random.default_rng(seed)
    quotas = np.full(len(classes), number // len(classes))
    quotas[generator.permutation(len(classes))[: number % len(classes)]] += 1
    short = np.flatnonzero(sizes < quotas)
    if len(short):
        first = short[0]
        raise ValueError(
            f"class {classes[first]} has {sizes[first]} examples, but {quotas[first]} are needed "
            f"to choose {number} evenly; ask for fewer"
        )
    chosen = [
        generator.choice(np.flatnonzero(known == label), size=quota, replace=False)
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def few_label_accuracy(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    count: int,
    probe: Literal["knn", "logistic"] = "knn",
    k: int = 1,
    repeats: int = 5,
    seed: int = 0,
) -> Spread:
    """Return the accuracy when only a few codes are labelled, over several choices of them.

    Parameters
    ----------
    train_codes, train_labels, test_codes, test_labels : array-like
        As in :func:`knn_accuracy`.
    count : int
        How many of the training codes are labelled, the same number in each class.
    probe : {"knn", "logistic"}
        The classifier: :func:`knn_accuracy` with `k` neighbours or
        :func:`logistic_accuracy`.
    k : int
        Number of neighbours; one, because a class may have few labelled codes.
    repeats : int
        Number of choices, with the seeds ``seed, …, seed + repeats - 1``.
    seed : int
        First seed.

    Returns
    -------
    Spread
        The accuracies with their mean and spread.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, there are too few labels, `probe` is
        unknown, or `repeats` is less than 2.
    TypeError
        If codes are not numbers or labels not integers.
    """
    train, test = _matrix(train_codes, "train_codes"), _matrix(test_codes, "test_codes")
    known = _integers(train_labels, len(train), "train_labels", "train_codes")
    if probe not in ("knn", "logistic"):
        raise ValueError(f"probe must be 'knn' or 'logistic', not {probe!r}")

    def measure(rows: Labels) -> float:
        """Return the accuracy with these labelled rows, from their codes."""
        if probe == "knn":
            return knn_accuracy(train[rows], known[rows], test, test_labels, k=k)
        return logistic_accuracy(train[rows], known[rows], test, test_labels)

    return _repeat(known, count, repeats, seed, measure)


def few_label_accuracy_from_distances(
    distances: ArrayLike,
    train_labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    count: int,
    k: int = 1,
    repeats: int = 5,
    seed: int = 0,
) -> Spread:
    """Return the nearest-neighbour accuracy with few labels, given all distances.

    With the same `count` and `seed` the choices are those of :func:`few_label_accuracy`, so
    that a metric and a code can be compared on the same labels.

    Parameters
    ----------
    distances, train_labels, test_labels : array-like
        As in :func:`knn_accuracy_from_distances`.
    count : int
        How many of the columns are labelled, the same number in each class.
    k : int
        Number of neighbours.
    repeats : int
        Number of choices, with the seeds ``seed, …, seed + repeats - 1``.
    seed : int
        First seed.

    Returns
    -------
    Spread
        The accuracies with their mean and spread.

    Raises
    ------
    ValueError
        If shapes do not fit, a distance is negative or not finite, there are too few
        labels, or `repeats` is less than 2.
    TypeError
        If distances are not numbers or labels not integers.
    """
    matrix = _distances(distances)
    known = _integers(train_labels, matrix.shape[1], "train_labels", "the transposed distances")

    def measure(rows: Labels) -> float:
        """Return the accuracy with these labelled rows, from their distances."""
        return knn_accuracy_from_distances(matrix[:, rows], known[rows], test_labels, k=k)

    return _repeat(known, count, repeats, seed, measure)


def _repeat(
    labels: Labels, count: int, repeats: int, seed: int, measure: Callable[[Labels], float]
) -> Spread:
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 2:
        raise ValueError(f"repeats must be at least 2, or there is no spread, not {repeats!r}")
    return spread(
        [measure(stratified_subset(labels, count, seed=seed + i)) for i in range(repeats)]
    )
