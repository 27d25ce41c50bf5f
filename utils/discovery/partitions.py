r"""Which of several means are equal: every partition of them, scored five ways.

:math:`K` effects are measured :math:`n` times each, :math:`y_{jr} = \mu_j + \sigma\,
\varepsilon_{jr}`. A partition of the effects says which means are equal, as the parameters of an
equivariant layer are equal along orbits. A partition is a row of labels, one an effect, in which
each class is named by the order of its first member: ``[0, 1, 0]`` ties the first effect to the
third. All scores are losses: the partition with the smallest is chosen.

Choosing how parameters are shared by the loss on held-out data is the idea of Yeh, Hu,
Hasegawa-Johnson & Schwing, "Equivariance Discovery by Learned Parameter-Sharing" (AISTATS 2022).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from utils._checks import check_finite, check_float, check_whole

__all__ = [
    "adjusted_rand_index",
    "bic",
    "canonical",
    "class_count",
    "k_fold_loss",
    "negative_log_evidence",
    "random_partitions",
    "set_partitions",
    "shared_means",
    "sharing_penalty",
    "training_loss",
    "validation_loss",
]

MOST = 10
"""The most effects whose partitions are listed: ten have 115,975."""


def set_partitions(count: int) -> Tensor:
    """List all partitions of a set, each as labels in the order of first members.

    Parameters
    ----------
    count : int
        How many members the set has, at most ten.

    Returns
    -------
    torch.Tensor
        Shape ``(B, count)``, int64, where B is the Bell number: 52 for five members. The first
        row has one class and the last row has ``count`` of them.

    Examples
    --------
    >>> set_partitions(3).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 2]]
    """
    check_whole(count, "The number of members", 1, MOST)
    rows = torch.zeros(1, 1, dtype=torch.int64)
    for _ in range(count - 1):
        options = rows.amax(1) + 2  # join one of the classes, or open a new one
        first = torch.repeat_interleave(torch.arange(len(rows)), options)
        starts = (options.cumsum(0) - options).repeat_interleave(options)
        rows = torch.cat([rows[first], (torch.arange(len(first)) - starts)[:, None]], dim=1)
    return rows


def canonical(labels: Tensor) -> Tensor:
    """Rename classes by the order of their first members, row by row.

    Parameters
    ----------
    labels : torch.Tensor
        Shape ``(..., K)``, integers.

    Examples
    --------
    >>> canonical(torch.tensor([[7, 2, 7], [1, 1, 0]])).tolist()
    [[0, 1, 0], [0, 0, 1]]
    """
    _check_labels(labels)
    same = labels[..., :, None] == labels[..., None, :]
    first = same.to(torch.int64).argmax(-1)  # the first member of the class of each
    places = torch.arange(labels.shape[-1], device=labels.device)
    opens = (first == places).to(torch.int64).cumsum(-1) - 1
    return opens.gather(-1, first)


def class_count(partitions: Tensor) -> Tensor:
    """Return the number of classes of each partition, shape ``(...,)``.

    Examples
    --------
    >>> class_count(set_partitions(3)).tolist()
    [1, 2, 2, 2, 3]
    """
    return canonical(partitions).amax(-1) + 1


def random_partitions(count: int, trials: int, generator: torch.Generator) -> Tensor:
    """Draw partitions of ``count`` members, all equally likely; shape ``(trials, count)``.

    Examples
    --------
    >>> random_partitions(5, 2, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 5])
    """
    every = set_partitions(count)
    check_whole(trials, "The number of trials")
    return every[torch.randint(len(every), (trials,), generator=generator)]


def shared_means(measured: Tensor, partitions: Tensor) -> Tensor:
    """Estimate the mean of each effect as the mean over its class.

    Parameters
    ----------
    measured : torch.Tensor
        Shape ``(..., K, n)``, floating point: n measurements of each of K effects.
    partitions : torch.Tensor
        Shape ``(B, K)``, integers.

    Returns
    -------
    torch.Tensor
        Shape ``(..., B, K)``.

    Examples
    --------
    >>> y = torch.tensor([[0.0, 2.0], [4.0, 4.0], [9.0, 9.0]])
    >>> shared_means(y, torch.tensor([[0, 0, 1]]))
    tensor([[2.5000, 2.5000, 9.0000]])
    """
    _check_data(measured, partitions)
    return _spread(_class_means(measured.mean(-1), partitions), partitions)


def training_loss(measured: Tensor, partitions: Tensor) -> Tensor:
    """Return the mean squared residual about the shared means, on the data they were fitted to.

    The arguments are those of :func:`shared_means`; the result has shape ``(..., B)``.

    Examples
    --------
    >>> y = torch.tensor([[0.0, 2.0], [4.0, 4.0]])
    >>> training_loss(y, set_partitions(2))  # the finest partition never loses
    tensor([2.7500, 0.5000])
    """
    return _loss_of(shared_means(measured, partitions), measured)


def validation_loss(measured: Tensor, partitions: Tensor, *, train: int) -> Tensor:
    """Return the mean squared error on measurements that were held out.

    Parameters
    ----------
    measured, partitions
        As in :func:`shared_means`.
    train : int
        The first ``train`` measurements of each effect are fitted, the others are held out.

    Examples
    --------
    >>> y = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    >>> validation_loss(y, set_partitions(2), train=1)  # here sharing helps
    tensor([1., 4.])
    """
    _check_data(measured, partitions)
    check_whole(train, "The number of fitted measurements", 1, measured.shape[-1] - 1)
    return _loss_of(shared_means(measured[..., :train], partitions), measured[..., train:])


def k_fold_loss(measured: Tensor, partitions: Tensor, *, folds: int = 5) -> Tensor:
    """Return the mean squared error of cross-validation; each fold is held out once.

    Parameters
    ----------
    measured, partitions
        As in :func:`shared_means`.
    folds : int
        How many parts; it divides the number of measurements of an effect.

    Examples
    --------
    >>> y = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    >>> k_fold_loss(y, set_partitions(2), folds=2)
    tensor([1., 4.])
    """
    _check_data(measured, partitions)
    repeats = measured.shape[-1]
    check_whole(folds, "The number of folds", 2, repeats)
    if repeats % folds:
        raise ValueError(f"{folds} folds do not divide {repeats} measurements evenly.")
    parts = measured.unflatten(-1, (folds, -1))
    losses = []
    for held in range(folds):
        rest = [part for part in range(folds) if part != held]
        fitted = shared_means(parts[..., rest, :].flatten(-2), partitions)
        losses.append(_loss_of(fitted, parts[..., held, :]))
    return torch.stack(losses).mean(0)


def bic(measured: Tensor, partitions: Tensor, *, noise: float = 1.0) -> Tensor:
    r"""Return half the Bayesian information criterion, in nats, for known noise.

    It is :math:`\mathrm{RSS}/2\sigma^2 + \tfrac{C}{2} \ln N` for C classes and N measurements in
    all (Schwarz, "Estimating the Dimension of a Model", 1978), up to a constant.

    Parameters
    ----------
    measured, partitions
        As in :func:`shared_means`.
    noise : float
        The standard deviation σ of one measurement.

    Examples
    --------
    >>> y = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    >>> bic(y, set_partitions(2))
    tensor([2.6931, 3.3863])
    """
    _check_positive(noise, "The standard deviation of the noise")
    number = measured.shape[-2] * measured.shape[-1]
    misfit = training_loss(measured, partitions) * number / (2 * noise**2)
    return misfit + class_count(partitions) * math.log(number) / 2


def negative_log_evidence(
    measured: Tensor, partitions: Tensor, *, noise: float = 1.0, prior: float = 5.0
) -> Tensor:
    r"""Return minus the logarithm of the evidence of each partition, exactly, in nats.

    The evidence is the density of the data once the class means are integrated out. Class means
    are drawn from :math:`\mathcal N(m, \tau^2)`, where m is the mean of all measurements. With
    :math:`n_c` measurements of mean :math:`\bar y_c` in class c, the minus logarithm is

    .. math:: \frac{\mathrm{RSS}}{2\sigma^2} + \frac N2 \ln 2\pi\sigma^2 + \sum_c \Big[ \tfrac12
       \ln\Big(1 + \frac{n_c \tau^2}{\sigma^2}\Big) + \frac{(\bar y_c - m)^2}
       {2(\tau^2 + \sigma^2/n_c)} \Big].

    The logarithms in the sum are the price of a class: what a mean could have been.

    Parameters
    ----------
    measured, partitions
        As in :func:`shared_means`.
    noise : float
        The standard deviation σ of one measurement.
    prior : float
        The standard deviation τ of the means before the data.

    Returns
    -------
    torch.Tensor
        Shape ``(..., B)``.

    Examples
    --------
    >>> y = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    >>> negative_log_evidence(y, set_partitions(2))  # one class is enough
    tensor([7.9833, 9.6076])
    """
    _check_positive(noise, "The standard deviation of the noise")
    _check_positive(prior, "The standard deviation of the means")
    number = measured.shape[-2] * measured.shape[-1]
    misfit = training_loss(measured, partitions) * number / (2 * noise**2)
    means = measured.mean(-1)
    sizes = _one_hot(partitions, measured.dtype).sum(-2) * measured.shape[-1]  # (B, C)
    there = sizes > 0
    counts = sizes.clamp(min=1)
    away = _class_means(means, partitions) - means.mean(-1)[..., None, None]
    price = torch.log1p(counts * (prior / noise) ** 2) / 2
    surprise = away.square() / (2 * (prior**2 + noise**2 / counts))
    terms = torch.where(there, price + surprise, torch.zeros_like(surprise))
    return misfit + number / 2 * math.log(2 * math.pi * noise**2) + terms.sum(-1)


def sharing_penalty(partitions: Tensor) -> Tensor:
    r"""Return the sum over classes of the root of their sizes, shape ``(B,)``.

    For the 0/1 matrix A of a partition this is :math:`\mathrm{sum}\,\sqrt{\mathrm{diag}
    (A^\top A)}`, what the code published with Yeh et al. (2022) adds to the validation loss
    with the factor .01 (its entropy term is zero for a partition). Few classes are cheap.

    Examples
    --------
    >>> sharing_penalty(torch.tensor([[0, 0, 0, 0], [0, 1, 2, 3]]))
    tensor([2., 4.])
    """
    _check_labels(partitions)
    return _one_hot(partitions, torch.get_default_dtype()).sum(-2).sqrt().sum(-1)


def adjusted_rand_index(found: Tensor, truth: Tensor) -> float:
    """Return how far two partitions agree: 1 if they are equal, about 0 by chance.

    Parameters
    ----------
    found, truth : torch.Tensor
        Shape ``(K,)``, integers (Hubert & Arabie, "Comparing Partitions", 1985).

    Examples
    --------
    >>> adjusted_rand_index(torch.tensor([0, 0, 1, 1]), torch.tensor([5, 5, 2, 2]))
    1.0
    """
    _check_labels(found)
    _check_labels(truth)
    if found.shape != truth.shape or found.ndim != 1:
        raise ValueError(
            f"Both partitions have shape (K,), but they have shapes {tuple(found.shape)} and "
            f"{tuple(truth.shape)}."
        )
    pairs = math.comb(len(found), 2)
    a, b = (_one_hot(canonical(one)[None], torch.float64)[0] for one in (found, truth))

    def within(sizes: Tensor) -> float:
        """Count the pairs that lie in one class."""
        return float((sizes * (sizes - 1) / 2).sum())

    both, first, second = within(a.T @ b), within(a.sum(0)), within(b.sum(0))
    chance = first * second / pairs if pairs else 0.0
    most = (first + second) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def _one_hot(partitions: Tensor, dtype: torch.dtype) -> Tensor:
    """Shape ``(B, K, C)``, where C is the largest number of classes."""
    labels = canonical(partitions)
    classes = torch.arange(int(labels.max()) + 1, device=labels.device)
    return (labels[..., None] == classes).to(dtype)


def _class_means(means: Tensor, partitions: Tensor) -> Tensor:
    """Shape ``(..., B, C)``; zero where a partition has fewer classes than C."""
    members = _one_hot(partitions, means.dtype)
    return torch.einsum("...k,bkc->...bc", means, members) / members.sum(-2).clamp(min=1)


def _spread(of_classes: Tensor, partitions: Tensor) -> Tensor:
    return torch.einsum("...bc,bkc->...bk", of_classes, _one_hot(partitions, of_classes.dtype))


def _loss_of(means: Tensor, measured: Tensor) -> Tensor:
    """Mean squared distance of measurements ``(..., K, n)`` from means ``(..., B, K)``."""
    centre = measured.mean(-1, keepdim=True)
    within = (measured - centre).square().mean((-1, -2))
    between = (means - centre.squeeze(-1)[..., None, :]).square().mean(-1)
    return within[..., None] + between


def _check_labels(labels: Tensor) -> None:
    kinds = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.int8)
    if not isinstance(labels, Tensor) or labels.dtype not in kinds:
        found = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"Labels of classes must be a tensor of integers, but this is {found}.")
    if labels.ndim == 0 or labels.numel() == 0:
        raise ValueError(f"There are no labels in a tensor of shape {tuple(labels.shape)}.")


def _check_data(measured: Tensor, partitions: Tensor) -> None:
    check_finite(check_float(measured, "The measurements"), "The measurements")
    _check_labels(partitions)
    if measured.ndim < 2 or partitions.ndim != 2 or measured.shape[-2] != partitions.shape[1]:
        raise ValueError(
            f"Measurements have shape (..., K, n) and partitions (B, K), but they have shapes "
            f"{tuple(measured.shape)} and {tuple(partitions.shape)}."
        )


def _check_positive(value: float, what: str) -> None:
    if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise ValueError(f"{what} is a positive number, but it is {value!r}.")
