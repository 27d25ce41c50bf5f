"""Accuracy with few labels, measured over several choices of them, and the spread of results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from utils._checks import check_choice, check_whole
from utils.probes._shared import (
    ArrayLike,
    Labels,
    check_distances,
    check_integers,
    check_matrix,
    plain,
)
from utils.probes.neighbours import knn_accuracy, knn_accuracy_from_distances
from utils.probes.readouts import logistic_accuracy

__all__ = [
    "Spread",
    "few_label_accuracy",
    "few_label_accuracy_from_distances",
    "spread",
    "stratified_subset",
]


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

    Examples
    --------
    >>> str(Spread((0.5, 0.7), 0.6, 0.1414))
    '0.600 ± 0.141'
    """

    values: tuple[float, ...]
    mean: float
    std: float

    def __str__(self) -> str:
        """Return mean and spread with three decimals."""
        return f"{self.mean:.3f} ± {self.std:.3f}"


def spread(values: npt.ArrayLike) -> Spread:
    """Return mean and sample standard deviation of at least two measurements, shape ``(n,)``.

    Examples
    --------
    >>> print(spread([0.5, 0.6, 0.7]))
    0.600 ± 0.100
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"a spread needs a list of at least two values, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a spread needs finite values, and one is NaN or infinite")
    return Spread(tuple(map(float, array)), float(array.mean()), float(array.std(ddof=1)))


def stratified_subset(labels: ArrayLike, count: int, *, seed: int) -> Labels:
    """Choose a few examples at random, the same number from each class.

    If `count` is no multiple of the number of classes, some classes chosen at random give one
    example more. A class with too few examples is refused.

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

    Examples
    --------
    >>> labels = np.array([4, 4, 4, 7, 7, 7])
    >>> labels[stratified_subset(labels, 4, seed=0)]
    array([4, 4, 7, 7])
    """
    array = plain(labels)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"labels must be a list of at least one integer, not {array.shape}")
    known = check_integers(array, len(array), "labels", "themselves")
    classes, sizes = np.unique(known, return_counts=True)
    number = check_whole(count, "The number of labels", 1, len(known))
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
        As in :func:`~utils.probes.knn_accuracy`.
    count : int
        How many of the training codes are labelled, the same number in each class.
    probe : {"knn", "logistic"}
        :func:`~utils.probes.knn_accuracy` or :func:`~utils.probes.logistic_accuracy`.
    k : int
        Number of neighbours; one, because a class may have few labelled codes.
    repeats, seed : int
        Number of choices, at least 2, with the seeds ``seed, …, seed + repeats - 1``.

    Examples
    --------
    >>> codes, labels = np.arange(20.0)[:, None], np.arange(20) // 10
    >>> print(few_label_accuracy(codes, labels, codes, labels, count=20))
    1.000 ± 0.000
    """
    train, test = check_matrix(train_codes, "train_codes"), check_matrix(test_codes, "test_codes")
    known = check_integers(train_labels, len(train), "train_labels", "train_codes")
    check_choice(probe, "The probe", ("knn", "logistic"))

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

    As :func:`few_label_accuracy`, with `distances` as in
    :func:`~utils.probes.knn_accuracy_from_distances`. With the same `count` and `seed` the choices
    are the same, so that a metric and a code can be compared on the same labels.

    Examples
    --------
    >>> apart = np.kron(1 - np.eye(2), np.ones((4, 4)))
    >>> labels = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> print(few_label_accuracy_from_distances(apart, labels, labels, count=2))
    1.000 ± 0.000
    """
    matrix = check_distances(distances)
    known = check_integers(
        train_labels, matrix.shape[1], "train_labels", "the transposed distances"
    )

    return _repeat(
        known,
        count,
        repeats,
        seed,
        lambda rows: knn_accuracy_from_distances(matrix[:, rows], known[rows], test_labels, k=k),
    )


def _repeat(
    labels: Labels, count: int, repeats: int, seed: int, measure: Callable[[Labels], float]
) -> Spread:
    check_whole(repeats, "The number of repeats (one has no spread)", 2)
    return spread(
        [measure(stratified_subset(labels, count, seed=seed + i)) for i in range(repeats)]
    )
