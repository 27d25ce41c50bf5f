r"""Soft sharing learned by gradient: the inner problem in closed form, the outer by validation.

Weights :math:`w \in \mathbb R^K` are tied by a matrix A with rows on the simplex,
:math:`w = A v`. For given A the shared values v minimise a ridge loss on training data,
and A, through a softmax, minimises the loss that these v have on validation data. This is the
bilevel form of Yeh, Hu, Hasegawa-Johnson & Schwing (AISTATS 2022). It is shown to be judged: from
random starts it often stops at a partition that is not the one sought.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from utils._checks import check_finite, check_float, check_whole
from utils.discovery.partitions import canonical

__all__ = ["Quadratic", "SoftSharing", "learn_sharing", "linear_map_loss"]


@dataclass(frozen=True)
class Quadratic:
    r"""A squared loss of weights, :math:`w^\top G w - 2 b^\top w + c`.

    Attributes
    ----------
    gram : torch.Tensor
        G, shape ``(K, K)``.
    moment : torch.Tensor
        b, shape ``(K,)``.
    constant : torch.Tensor
        c, no axes.

    Examples
    --------
    >>> one = Quadratic(torch.eye(2), torch.ones(2), torch.tensor(2.0))
    >>> one(torch.tensor([1.0, 0.0]))
    tensor(1.)
    """

    gram: Tensor
    moment: Tensor
    constant: Tensor

    def __call__(self, weights: Tensor) -> Tensor:
        """Return the loss of weights of shape ``(..., K)``."""
        bent = (weights @ self.gram * weights).sum(-1)
        return bent - 2 * weights @ self.moment + self.constant


def linear_map_loss(inputs: Tensor, outputs: Tensor) -> Quadratic:
    """Return the mean squared error of a linear map, as a function of its entries, row by row.

    Parameters
    ----------
    inputs, outputs : torch.Tensor
        Shapes ``(N, n)`` and ``(N, p)``, floating point.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 2.0]])
    >>> linear_map_loss(x, x)(torch.eye(2).flatten())
    tensor(0.)
    """
    check_finite(check_float(inputs, "The inputs"), "The inputs")
    check_finite(check_float(outputs, "The outputs"), "The outputs")
    if inputs.ndim != 2 or outputs.ndim != 2 or len(inputs) != len(outputs):
        raise ValueError(
            f"Inputs and outputs have shapes (N, n) and (N, p), but here {tuple(inputs.shape)} and "
            f"{tuple(outputs.shape)}."
        )
    number = len(inputs)
    identity = torch.eye(outputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    gram = torch.kron(identity, inputs.T @ inputs / number)
    moment = (outputs.T @ inputs / number).flatten()
    return Quadratic(gram, moment, outputs.square().sum() / number)


@dataclass(frozen=True)
class SoftSharing:
    """What the bilevel optimiser found.

    Attributes
    ----------
    labels : torch.Tensor
        Shape ``(K,)``: the class with the largest share of each weight.
    assignment : torch.Tensor
        A, shape ``(K, C)``.
    weights : torch.Tensor
        ``A v``, shape ``(K,)``.
    loss : float
        The validation loss of these weights.

    Examples
    --------
    >>> SoftSharing(torch.tensor([0]), torch.ones(1, 1), torch.ones(1), 0.0).loss
    0.0
    """

    labels: Tensor
    assignment: Tensor
    weights: Tensor
    loss: float


def learn_sharing(
    training: Quadratic,
    validation: Quadratic,
    *,
    classes: int,
    ridge: float = 1e-3,
    steps: int = 400,
    restarts: int = 3,
    rate: float = 0.05,
    start: Tensor | None = None,
    seed: int = 0,
) -> SoftSharing:
    """Learn which weights are equal, from random starts; the start of least loss is kept.

    Parameters
    ----------
    training, validation : Quadratic
        The two losses.
    classes : int
        Columns of A: the most different values.
    ridge : float
        Weight of the squared norm of v in the inner problem.
    steps, restarts : int
        Steps of Adam, and how many random starts; they run side by side.
    rate : float
        Learning rate of Adam.
    start : torch.Tensor, optional
        Logits of shape ``(K, C)`` to start at, instead of random ones.
    seed : int
        Of the random starts.

    Examples
    --------
    >>> loss = Quadratic(torch.eye(2), torch.ones(2), torch.tensor(2.0))
    >>> learn_sharing(loss, loss, classes=1, steps=1).labels
    tensor([0, 0])
    """
    check_whole(classes, "The number of classes")
    check_whole(steps, "The number of steps")
    check_whole(restarts, "The number of starts")
    number = len(training.moment)
    random = torch.Generator().manual_seed(check_whole(seed, "The seed", 0))
    if start is None:
        first = torch.randn(restarts, number, classes, generator=random)
    elif start.shape == (number, classes):
        first = start.detach()[None].clone()
    else:
        raise ValueError(f"The start has shape {(number, classes)}, not {tuple(start.shape)}.")
    logits = first.to(training.moment).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        validation(_inner(logits, training, ridge)).sum().backward()
        optimizer.step()
    with torch.no_grad():
        weights = _inner(logits, training, ridge)
        losses = validation(weights)
    best = int(losses.argmin())
    shares = logits.detach()[best].softmax(-1)
    return SoftSharing(canonical(shares.argmax(-1)), shares, weights[best], float(losses[best]))


def _inner(logits: Tensor, training: Quadratic, ridge: float) -> Tensor:
    """Weights ``A v`` with v the minimum of the training loss plus a ridge."""
    shares = logits.softmax(-1)
    gram = shares.mT @ training.gram @ shares
    keep = ridge * torch.eye(shares.shape[-1], dtype=gram.dtype, device=gram.device)
    values = torch.linalg.solve(gram + keep, (shares.mT @ training.moment)[..., None])
    return (shares @ values)[..., 0]
