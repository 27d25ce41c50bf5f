"""Models fitted to codes: logistic regression, ridge regression, a small network."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from utils._checks import check_whole
from utils.probes._shared import (
    Array,
    ArrayLike,
    classification,
    explained,
    one_thread,
    regression,
)

__all__ = ["logistic_accuracy", "mlp_r2", "ridge_errors", "ridge_r2"]


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
    train_codes, train_labels, test_codes, test_labels : array-like
        As in :func:`~utils.probes.knn_accuracy`.
    penalty : float
        Weight of the squared norm of the coefficients, positive. The inverse of
        scikit-learn's ``C``.

    Examples
    --------
    >>> logistic_accuracy([[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1], [[2.0], [7.0]], [0, 1])
    1.0
    """
    train, known, test, wanted = classification(train_codes, train_labels, test_codes, test_labels)
    if not 0 < penalty < np.inf:
        raise ValueError(f"penalty must be positive, not {penalty!r}")
    regressor = LogisticRegression(C=1 / penalty, max_iter=3000)
    with one_thread():
        classifier = make_pipeline(StandardScaler(), regressor).fit(train, known)
        return float(classifier.score(test, wanted))


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
    train_codes, test_codes : array-like
        Shapes ``(N, d)`` and ``(M, d)``: codes to fit and codes to judge on.
    train_targets, test_targets : array-like
        Shapes ``(N, T)`` and ``(M, T)``: their quantities, none of them constant.

    Returns
    -------
    numpy.ndarray
        Shape ``(T,)``: one minus the mean squared error over the variance, at most 1. Zero is
        what the mean of the judged quantities would reach; less is possible.

    Examples
    --------
    >>> codes = np.arange(6.0)[:, None]
    >>> ridge_r2(codes, 3 * codes + 1, codes + 0.5, 3 * codes + 2.5).round(3)
    array([1.])
    """
    train, known, test, wanted = regression(train_codes, train_targets, test_codes, test_targets)
    return explained(_ridge(train, known, test), wanted)


def ridge_errors(
    train_codes: ArrayLike,
    train_targets: ArrayLike,
    test_codes: ArrayLike,
    test_targets: ArrayLike,
) -> Array:
    """Return mean absolute errors of ridge regression, one for each quantity.

    As :func:`ridge_r2`. They are in standard deviations of the quantities to fit.

    Examples
    --------
    >>> codes = np.arange(6.0)[:, None]
    >>> ridge_errors(codes, codes, codes + 3, codes).round(2) # 3 over the deviation of 0 to 5
    array([1.76])
    """
    train, known, test, wanted = regression(train_codes, train_targets, test_codes, test_targets)
    return np.asarray(np.abs(_ridge(train, known, test) - wanted).mean(axis=0))


def _ridge(train: Array, known: Array, test: Array) -> Array:
    """Fit ridge regression, and return what it says of codes to judge on, ``(M, T)``."""
    with one_thread():
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 2, 7))).fit(train, known)
        return np.asarray(model.predict(test)).reshape(len(test), known.shape[1])


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

    As :func:`ridge_r2`, codes standardised likewise; one network predicts all quantities. `seed`
    decides the weights and the order of the examples; `width` (units of each hidden layer) and
    `epochs` (passes over the codes to fit) are at most 10,000.

    Examples
    --------
    >>> codes = np.linspace(-1, 1, 200)[:, None]
    >>> bool(mlp_r2(codes, codes**2, codes, codes**2, seed=0, epochs=20) > 0.8)
    True
    """
    train, known, test, wanted = regression(train_codes, train_targets, test_codes, test_targets)
    check_whole(width, "The width", 1, 10_000)
    check_whole(epochs, "The number of epochs", 1, 10_000)
    network = MLPRegressor(
        hidden_layer_sizes=(width, width),
        learning_rate_init=3e-3,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs,
        random_state=seed,
    )
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops where it was told to
        single = known.shape[1] == 1
        model = make_pipeline(StandardScaler(), network).fit(
            train, known.ravel() if single else known
        )
        return explained(model.predict(test), wanted)
