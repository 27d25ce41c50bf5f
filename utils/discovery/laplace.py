r"""A differentiable evidence for a network: the Laplace approximation, averaged over turns.

The logits of a small network are averaged over turns of the picture by angles in [-w, w]. Around
trained weights :math:`\theta` the evidence is approximated by a Gaussian integral,

.. math:: \log p(D \mid w) \approx \log p(D \mid \theta, w) - \tfrac12 \sum_l \delta_l
    |\theta_l|^2 - \tfrac12 \log\det\Big(I + \Lambda^{1/2} \sum_l
    \frac{J_l J_l^\top}{\delta_l} \Lambda^{1/2}\Big),

with J the Jacobian of the averaged logits in the weights, Λ the curvature of the cross-entropy in
the logits (together the generalised Gauss-Newton matrix) and δ one prior precision for each array
of weights. All depends on w through the pictures, so its gradient reaches w; the weights are held
fixed in that gradient. This is the approach of Immer, van der Ouderaa, Rätsch, Fortuin & van der
Wilk, "Invariance Learning in Deep Neural Networks with Differentiable Laplace Approximations"
(NeurIPS 2022), who factor the matrix to reach large networks; here it is small enough to be whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils._checks import check_float, check_whole
from utils.discovery.widths import TurnedPictures, turn

__all__ = ["AveragedNetwork", "LaplaceRun", "laplace_log_evidence", "learn_width_by_evidence"]


class AveragedNetwork(nn.Module):
    """One hidden layer of tanh units, its logits averaged over copies of the input; float64.

    Parameters
    ----------
    inputs, hidden, classes : int
        Sizes.
    generator : torch.Generator
        Draws the weights.

    Examples
    --------
    >>> net = AveragedNetwork(4, 3, 2, torch.Generator().manual_seed(0))
    >>> net(torch.zeros(5, 9, 4).double()).shape  # five inputs, nine copies of each
    torch.Size([5, 2])
    """

    def __init__(self, inputs: int, hidden: int, classes: int, generator: torch.Generator):
        super().__init__()

        def drawn(rows: int, columns: int) -> nn.Parameter:
            """Draw the weights of a layer."""
            values = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
            return nn.Parameter(values / rows**0.5)

        self.first = drawn(inputs, hidden)
        self.first_bias = nn.Parameter(torch.zeros(hidden, dtype=torch.float64))
        self.second = drawn(hidden, classes)
        self.second_bias = nn.Parameter(torch.zeros(classes, dtype=torch.float64))

    def forward(self, copies: Tensor) -> Tensor:
        """Return logits ``(N, C)`` of copies ``(N, m, d)``."""
        hidden = torch.tanh(copies @ self.first + self.first_bias)
        return hidden.mean(1) @ self.second + self.second_bias

    def jacobian(self, copies: Tensor) -> list[Tensor]:
        """Return derivatives of the logits, ``(N, C, P)``, by each array in the parameters' order.

        Gradients reach the copies and not the weights.
        """
        w1, b1, w2 = (p.detach() for p in (self.first, self.first_bias, self.second))
        hidden = torch.tanh(copies @ w1 + b1)
        slope = 1 - hidden.square()
        number, classes = len(copies), w2.shape[1]
        same = torch.eye(classes, dtype=torch.float64)
        inner = torch.einsum("nmd,nmh->ndh", copies, slope) / copies.shape[1]
        return [
            torch.einsum("ndh,hc->ncdh", inner, w2).flatten(2),
            torch.einsum("nh,hc->nch", slope.mean(1), w2),
            torch.einsum("nh,cd->nchd", hidden.mean(1), same).flatten(2),
            same.expand(number, classes, classes),
        ]


def laplace_log_evidence(
    network: AveragedNetwork, copies: Tensor, labels: Tensor, log_precision: Tensor
) -> Tensor:
    """Return the approximate logarithm of the evidence, in nats, of all data together.

    Parameters
    ----------
    network : AveragedNetwork
        With trained weights, which are held fixed.
    copies : torch.Tensor
        Shape ``(N, m, d)``, float64; gradients reach them.
    labels : torch.Tensor
        Shape ``(N,)``, int64.
    log_precision : torch.Tensor
        Shape ``(4,)``: of the Gaussian prior of each array of weights.

    Examples
    --------
    >>> net = AveragedNetwork(4, 3, 2, torch.Generator().manual_seed(0))
    >>> x, y = torch.eye(4).double()[:, None], torch.tensor([0, 0, 1, 1])
    >>> bool(laplace_log_evidence(net, x, y, torch.zeros(4).double()) < 0)
    True
    """
    check_float(copies, "The copies")
    if copies.ndim != 3 or len(copies) != len(labels) or log_precision.shape != (4,):
        raise ValueError(
            f"Copies have shape (N, m, d), labels (N,) and precisions (4,), but here "
            f"{tuple(copies.shape)}, {tuple(labels.shape)} and {tuple(log_precision.shape)}."
        )
    fixed = {name: p.detach() for name, p in network.named_parameters()}
    logits = torch.func.functional_call(network, fixed, (copies,))
    shares = logits.softmax(-1)
    classes = logits.shape[1]
    # Columns sqrt(p_k) (e_k - p): their products sum to diag(p) - p pᵀ.
    same = torch.eye(classes, dtype=logits.dtype)
    root = (same - shares[:, :, None]) * shares.sqrt()[:, None, :]
    precision = log_precision.exp()
    size = logits.numel()
    inside = torch.eye(size, dtype=logits.dtype)
    prior = torch.zeros((), dtype=logits.dtype)
    for one, p, delta in zip(
        network.jacobian(copies), network.parameters(), precision, strict=True
    ):
        bent = torch.einsum("nck,ncp->nkp", root, one).reshape(size, -1)
        inside = inside + bent @ bent.T / delta
        prior = prior - delta * p.detach().square().sum() / 2
    fit = -functional.cross_entropy(logits, labels, reduction="sum")
    factor = torch.linalg.cholesky(inside)
    return fit + prior - factor.diagonal().log().sum()


@dataclass(frozen=True)
class LaplaceRun:
    """What training with the approximate evidence gave.

    Attributes
    ----------
    path : torch.Tensor
        Shape ``(steps + 1,)``: the half-width in degrees.
    log_evidence : float
        At the end, nats a picture.
    accuracy : float
        On the training pictures.

    Examples
    --------
    >>> LaplaceRun(torch.tensor([5.0, 60.0]), -0.1, 1.0).degrees
    60.0
    """

    path: Tensor
    log_evidence: float
    accuracy: float

    @property
    def degrees(self) -> float:
        """The half-width at the end."""
        return float(self.path[-1])


def learn_width_by_evidence(
    made: TurnedPictures,
    *,
    start: float,
    learn: bool = True,
    steps: int = 400,
    burn_in: int = 100,
    every: int = 5,
    copies: int = 9,
    hidden: int = 12,
    rates: tuple[float, float, float] = (2e-2, 0.1, 0.1),
    seed: int = 0,
) -> LaplaceRun:
    """Train weights by penalised likelihood, and half-width and precisions by the evidence.

    Parameters
    ----------
    made : TurnedPictures
        Classes of pictures; 2 × 2 pixels are averaged once more.
    start : float
        Half-width before training, in degrees from 0 to 180.
    learn : bool
        Whether the half-width moves; else only the precisions follow the evidence.
    steps, burn_in, every : int
        Steps on the weights, how many of them before the first step on the evidence, and how many
        between two.
    copies : int
        Angles in the range, the middles of equal parts.
    hidden : int
        Units.
    rates : tuple of float
        Learning rates of weights, logarithms of precisions, and half-width in radians.
    seed : int
        Of the first weights.

    Examples
    --------
    >>> made = TurnedPictures(torch.rand(6, 1, 14, 14), torch.arange(6) % 2, torch.zeros(6))
    >>> learn_width_by_evidence(made, start=30.0, learn=False, steps=2).degrees
    30.0
    """
    if made.task == "none":
        raise ValueError('The likelihood is that of classes, which the task "none" has not.')
    if not 0 <= start <= 180:
        raise ValueError(f"The half-width starts between 0 and 180 degrees, not at {start!r}.")
    for value, what in ((steps, "steps"), (every, "steps between two"), (copies, "copies")):
        check_whole(value, f"The number of {what}")
    images = functional.avg_pool2d(made.images.double(), 2)
    number, labels = len(made), made.targets
    random = torch.Generator().manual_seed(check_whole(seed, "The seed", 0))
    network = AveragedNetwork(images[0].numel(), hidden, int(labels.max()) + 1, random)
    width = torch.tensor(math.radians(start), dtype=torch.float64, requires_grad=True)
    log_precision = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    middles = (2 * torch.arange(copies, dtype=torch.float64) + 1 - copies) / copies
    many = images.repeat_interleave(copies, 0)

    def turned(half: Tensor) -> Tensor:
        """Turn every picture by all angles of a half-width."""
        return turn(many, (middles * half).repeat(number)).reshape(number, copies, -1)

    optimizer = torch.optim.Adam(network.parameters(), lr=rates[0])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    groups = [{"params": [log_precision], "lr": rates[1]}]
    if learn:
        groups.append({"params": [width], "lr": rates[2]})
    outer = torch.optim.Adam(groups)
    path, still = [start], turned(width.detach())
    for step in range(steps):
        pairs = zip(log_precision.detach().exp(), network.parameters(), strict=True)
        penalty = sum(delta * p.square().sum() / 2 for delta, p in pairs)
        loss = functional.cross_entropy(network(still), labels) + penalty / number
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step >= burn_in and step % every == 0:
            outer.zero_grad()
            copied = turned(width) if learn else still
            evidence = laplace_log_evidence(network, copied, labels, log_precision)
            (-evidence / number).backward()
            outer.step()
            if learn:
                with torch.no_grad():
                    width.clamp_(0, math.pi)
                still = turned(width.detach())
        path.append(math.degrees(float(width.detach())) if learn else start)
    with torch.no_grad():
        final = float(laplace_log_evidence(network, still, labels, log_precision)) / number
        right = float((network(still).argmax(1) == labels).double().mean())
    return LaplaceRun(torch.tensor(path), final, right)
