"""What all probes ask of their input, the one thread they compute on, and explained variance."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
from torch import Tensor

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
ArrayLike = npt.ArrayLike | Tensor


def plain(values: ArrayLike) -> npt.NDArray[Any]:
    """Return the values as an array of NumPy's."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def check_matrix(values: ArrayLike, name: str) -> Array:
    """Return a finite float64 matrix with at least one row and one column, not to be written to."""
    array = plain(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, not of type {array.dtype}")
    if array.ndim != 2:
        raise ValueError(
            f"{name} must be a matrix with one code a row, not of shape {array.shape}; flatten "
            f"codes with .flatten(1) or .reshape(len(codes), -1)"
        )
    if 0 in array.shape:
        raise ValueError(f"{name} must not be empty, but its shape is {array.shape}")
    matrix = array.astype(np.float64, copy=False)
    if not np.isfinite(matrix).all():
        bad = int(np.count_nonzero(~np.isfinite(matrix).all(axis=1)))
        raise ValueError(
            f"{name} must be finite, but {bad} of its {len(matrix)} rows hold NaN or infinity; "
            f"look for the step that made them"
        )
    return matrix


def check_distances(values: ArrayLike) -> Array:
    """Return a matrix without negative entries."""
    matrix = check_matrix(values, "distances")
    if (matrix < 0).any():
        raise ValueError(
            f"distances must not be negative, but the smallest is {matrix.min():g}; pass "
            f"distances, not similarities"
        )
    return matrix


def check_integers(values: ArrayLike, count: int, name: str, of: str) -> Labels:
    """Return `count` integers, one for each row of `of`."""
    array = plain(values)
    if array.dtype.kind not in "iub":
        raise TypeError(f"{name} must be integers, not of type {array.dtype}")
    if array.shape != (count,):
        raise ValueError(
            f"{name} must have shape ({count},), one for each row of {of}, not {array.shape}"
        )
    return array.astype(np.int64)


def check_classes(labels: Labels, name: str) -> Labels:
    """Return labels of at least two classes."""
    if len(np.unique(labels)) < 2:
        raise ValueError(f"{name} hold a single class, but telling classes apart needs two")
    return labels


def check_width(first: Array, second: Array, names: tuple[str, str]) -> None:
    """Refuse two matrices with different numbers of columns."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{names[0]} has {first.shape[1]} columns and {names[1]} has {second.shape[1]}; both "
            f"must be of the same kind"
        )


def classification(
    train_codes: ArrayLike, train_labels: ArrayLike, test_codes: ArrayLike, test_labels: ArrayLike
) -> tuple[Array, Labels, Array, Labels]:
    """Return checked codes and labels, in this order."""
    train, test = check_matrix(train_codes, "train_codes"), check_matrix(test_codes, "test_codes")
    check_width(train, test, ("train_codes", "test_codes"))
    known = check_integers(train_labels, len(train), "train_labels", "train_codes")
    wanted = check_integers(test_labels, len(test), "test_labels", "test_codes")
    return train, check_classes(known, "train_labels"), test, wanted


def regression(
    train_codes: ArrayLike, train_targets: ArrayLike, test_codes: ArrayLike, test_targets: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """Return checked codes and, in units of the spread of those to fit, quantities."""
    train, test = check_matrix(train_codes, "train_codes"), check_matrix(test_codes, "test_codes")
    check_width(train, test, ("train_codes", "test_codes"))
    known, wanted = quantities(train_targets, test_targets, len(train), len(test))
    return train, known, test, wanted


def quantities(
    train_targets: ArrayLike, test_targets: ArrayLike, train_count: int, test_count: int
) -> tuple[Array, Array]:
    """Return checked quantities, in units of the spread of those to fit."""
    both = []
    for values, name, count in (
        (train_targets, "train_targets", train_count),
        (test_targets, "test_targets", test_count),
    ):
        matrix = check_matrix(values, name)
        if len(matrix) != count:
            raise ValueError(f"{name} must have a row for each of {count} codes, not {len(matrix)}")
        both.append(matrix)
    known, wanted = both
    check_width(known, wanted, ("train_targets", "test_targets"))
    for matrix, name in ((known, "train_targets"), (wanted, "test_targets")):
        constant = (matrix == matrix[0]).all(axis=0)
        if constant.any():
            raise ValueError(
                f"column {int(constant.argmax())} of {name} is constant, so there is no variance "
                f"to explain; leave it out or give more rows"
            )
    middle, scale = known.mean(axis=0), known.std(axis=0)
    return (known - middle) / scale, (wanted - middle) / scale


def explained(predicted: Array, wanted: Array) -> Array:
    """Return the share of the variance of each quantity that a prediction explains."""
    residual = np.square(predicted.reshape(wanted.shape) - wanted).mean(axis=0)
    return np.asarray(1 - residual / wanted.var(axis=0))


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """Find the libraries that use threads, once: every search reads the list of open files."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Compute on one thread while the context lasts."""
    limit: AbstractContextManager[object] = _thread_pools().limit(limits=1)
    return limit
