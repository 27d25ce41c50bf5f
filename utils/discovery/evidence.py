r"""The evidence of a Gaussian process whose kernel is averaged over rotations.

If :math:`f` is a Gaussian process with kernel k, its average over rotations of the input by angles
in [-w, w] is one too, and its kernel is k averaged over turns of both arguments,

.. math:: k_w(x, x') = \frac{1}{m^2} \sum_{a, b} k(R_a x, R_b x') .

The half-width w is a parameter of the prior, so the evidence of the training data judges it, with
neither a reward nor held-out data (van der Wilk, Bauer, John & Hensman, "Learning Invariances using
the Marginal Likelihood", NeurIPS 2018). Class labels are regressed as numbers, which makes the
evidence exact; the paper approximates it, and learns the range by gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from utils._checks import check_finite, check_float, check_whole
from utils.data.mnist import rotate

__all__ = [
    "GaussianProcess",
    "WidthEvidence",
    "averaged_kernel",
    "evidence_of_widths",
    "fit_gaussian_process",
    "turned_copies",
]


def turned_copies(images: Tensor, degrees: float, *, copies: int = 13) -> Tensor:
    """Turn every picture by angles spread evenly over [-w, w], and flatten the copies.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(N, 1, n, n)``.
    degrees : float
        The half-width w, from 0 to 180; for 0 there is one copy.
    copies : int
        How many angles: the middles of equal parts of the range.

    Returns
    -------
    torch.Tensor
        Shape ``(N, m, n * n)``, float64.

    Examples
    --------
    >>> turned_copies(torch.rand(5, 1, 14, 14), 30.0).shape
    torch.Size([5, 13, 196])
    """
    check_float(images, "The images")
    if images.ndim != 4 or images.shape[1] != 1:
        raise ValueError(f"Images have shape (N, 1, n, n), but here {tuple(images.shape)}.")
    if not 0 <= degrees <= 180:
        raise ValueError(f"A half-width lies between 0 and 180 degrees, not at {degrees!r}.")
    check_whole(copies, "The number of copies")
    if degrees == 0:
        return images.double().flatten(1)[:, None]
    angles = (2 * torch.arange(copies) + 1 - copies) * (degrees / copies)
    turned = [rotate(images.double(), float(angle)).flatten(1) for angle in angles]
    return torch.stack(turned, dim=1)


def averaged_kernel(copies: Tensor, others: Tensor, *, length: float = 3.0) -> Tensor:
    r"""Return the Gaussian kernel of pictures, averaged over all pairs of their copies.

    Parameters
    ----------
    copies, others : torch.Tensor
        Shapes ``(N, m, d)`` and ``(M, p, d)``, float64, as :func:`turned_copies` makes them.
    length : float
        The length ℓ of the kernel :math:`\exp(-|x - x'|^2 / 2 \ell^2)`.

    Returns
    -------
    torch.Tensor
        Shape ``(N, M)``.

    Examples
    --------
    >>> x = torch.zeros(1, 1, 2, dtype=torch.float64)
    >>> averaged_kernel(x, torch.cat([x, x + 3], dim=1))  # (1 + exp(-1)) / 2
    tensor([[0.6839]], dtype=torch.float64)
    """
    if copies.ndim != 3 or others.ndim != 3 or copies.shape[2] != others.shape[2]:
        raise ValueError(
            f"Copies have shapes (N, m, d) and (M, p, d), but here {tuple(copies.shape)} and "
            f"{tuple(others.shape)}."
        )
    if not length > 0:
        raise ValueError(f"The length of the kernel is positive, but it is {length!r}.")
    m, (k, p) = copies.shape[1], others.shape[:2]
    right = others.flatten(0, 1)
    rows = []
    for part in copies.split(max(1, 2_000_000 // (m * k * p))):
        left = part.flatten(0, 1)
        squares = left.square().sum(1)[:, None] + right.square().sum(1) - 2 * left @ right.T
        values = squares.clamp_(min=0).div_(-2 * length**2).exp_()
        rows.append(values.reshape(len(part), m, k, p).mean((1, 3)))
    return torch.cat(rows)


@dataclass(frozen=True)
class GaussianProcess:
    """A Gaussian process fitted to classes as numbers.

    Attributes
    ----------
    log_evidence : float
        Of all targets, in nats, divided by the number of pictures.
    noise, signal : float
        Standard deviations: of the noise, and the factor of the kernel's root.
    residual : float
        Mean square of what the posterior mean leaves of the training targets.
    weights : torch.Tensor
        Shape ``(N, C)``: a kernel with the training pictures, times these, predicts.

    Examples
    --------
    >>> fit = fit_gaussian_process(torch.eye(4).double(), torch.eye(4).double())
    >>> fit.weights.shape
    torch.Size([4, 4])
    """

    log_evidence: float
    noise: float
    signal: float
    residual: float
    weights: Tensor


def fit_gaussian_process(
    kernel: Tensor, targets: Tensor, *, ratios: Sequence[float] | None = None
) -> GaussianProcess:
    r"""Choose noise and signal by the exact evidence.

    The columns of the targets are independent draws with covariance
    :math:`s^2 (K + r I)`. For a given ratio r the best s is known,
    :math:`s^2 = \operatorname{tr} Y^\top (K + r I)^{-1} Y / NC`, and one eigendecomposition of K
    serves all ratios.

    Parameters
    ----------
    kernel : torch.Tensor
        Shape ``(N, N)``, float64.
    targets : torch.Tensor
        Shape ``(N, C)``, float64.
    ratios : sequence of float, optional
        Ratios of the variances of noise and signal to try; by default 41 from 1e-8 to 100.

    Examples
    --------
    >>> kernel = torch.full((2, 2), 1.0).double()
    >>> fit = fit_gaussian_process(kernel, torch.tensor([[1.0], [1.0]]).double(), ratios=[0.5])
    >>> round(fit.noise**2 / fit.signal**2, 6), round(fit.residual, 4)
    (0.5, 0.04)
    """
    check_finite(check_float(kernel, "The kernel"), "The kernel")
    check_finite(check_float(targets, "The targets"), "The targets")
    if targets.ndim != 2 or kernel.shape != (len(targets), len(targets)):
        raise ValueError(
            f"The kernel has shape (N, N) and the targets (N, C), but here {tuple(kernel.shape)} "
            f"and {tuple(targets.shape)}."
        )
    tried = torch.logspace(-8, 2, 41).double() if ratios is None else torch.tensor(ratios).double()
    if not (tried > 0).all():
        raise ValueError("The ratios of noise to signal are positive.")
    number, columns = targets.shape
    values, vectors = torch.linalg.eigh(kernel.double())
    inside = vectors.T @ targets.double()
    spectrum = values.clamp(min=0)[None] + tried[:, None]  # (R, N)
    variance = (inside.square().sum(1) / spectrum).sum(1) / (number * columns)
    best_signal = columns * number * (1 + (2 * math.pi * variance).log())
    evidence = -(best_signal + columns * spectrum.log().sum(1)) / 2 / number
    best = int(evidence.argmax())
    weights = vectors @ (inside / spectrum[best][:, None])
    left = tried[best] * weights  # targets minus posterior mean
    return GaussianProcess(
        float(evidence[best]),
        float((tried[best] * variance[best]).sqrt()),
        float(variance[best].sqrt()),
        float(left.square().mean()),
        weights,
    )


@dataclass(frozen=True)
class WidthEvidence:
    """What each half-width gave.

    Attributes
    ----------
    degrees : tuple of float
        The half-widths.
    fits : tuple of GaussianProcess
        One for each.
    residual : torch.Tensor
        Shape ``(W,)``: mean square of what is left of the training targets, all at the same ratio
        of noise to signal, .01: how well each prior fits the training data.
    accuracy : torch.Tensor
        Shape ``(W,)``: the share of right classes among pictures not trained on.

    Examples
    --------
    >>> pictures, labels = torch.rand(6, 1, 8, 8), torch.arange(6) % 2
    >>> found = evidence_of_widths(pictures, labels, pictures, labels, degrees=(0.0, 90.0))
    >>> found.picked in (0.0, 90.0), found.log_evidence.shape
    (True, torch.Size([2]))
    """

    degrees: tuple[float, ...]
    fits: tuple[GaussianProcess, ...]
    residual: Tensor
    accuracy: Tensor

    @property
    def log_evidence(self) -> Tensor:
        """Shape ``(W,)``: nats a picture."""
        return torch.tensor([fit.log_evidence for fit in self.fits], dtype=torch.float64)

    @property
    def picked(self) -> float:
        """The half-width with the largest evidence."""
        return self.degrees[int(self.log_evidence.argmax())]


def evidence_of_widths(
    images: Tensor,
    labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    *,
    degrees: Sequence[float] = (0, 15, 30, 45, 60, 75, 90, 120, 150, 180),
    copies: int = 13,
    length: float = 3.0,
) -> WidthEvidence:
    """Fit a Gaussian process for each half-width, and judge it by evidence and on other pictures.

    Parameters
    ----------
    images, test_images : torch.Tensor
        Shapes ``(N, 1, n, n)`` and ``(M, 1, n, n)``; of 28 × 28 pixels, 2 × 2 are averaged.
    labels, test_labels : torch.Tensor
        Shapes ``(N,)`` and ``(M,)``, int64.
    degrees : sequence of float
        The half-widths to try.
    copies : int
        Angles in each range, as in :func:`turned_copies`.
    length : float
        Length of the kernel, in units of the root of summed squares of pixels.

    Examples
    --------
    >>> pictures, labels = torch.rand(6, 1, 8, 8), torch.arange(6) % 2
    >>> evidence_of_widths(pictures, labels, pictures, labels, degrees=[0.0]).accuracy
    tensor([1.], dtype=torch.float64)
    """
    classes = int(torch.cat([labels, test_labels]).max()) + 1
    wanted = functional.one_hot(labels, classes).double()
    wanted = wanted - wanted.mean(0)
    small, tests = (
        functional.avg_pool2d(part, 2) if part.shape[-1] == 28 else part
        for part in (images, test_images)
    )
    fits, residuals, accuracies = [], [], []
    for width in degrees:
        here, there = (turned_copies(part, width, copies=copies) for part in (small, tests))
        kernel = averaged_kernel(here, here, length=length)
        fit = fit_gaussian_process(kernel, wanted)
        residuals.append(fit_gaussian_process(kernel, wanted, ratios=[0.01]).residual)
        guesses = (averaged_kernel(there, here, length=length) @ fit.weights).argmax(1)
        fits.append(fit)
        accuracies.append((guesses == test_labels).double().mean())
    left = torch.tensor(residuals, dtype=torch.float64)
    return WidthEvidence(tuple(map(float, degrees)), tuple(fits), left, torch.stack(accuracies))
