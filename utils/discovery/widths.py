r"""A range of rotations that is learned by gradient, and what the best predictor says it will be.

Augerino (Benton, Finzi, Izmailov & Wilson, "Learning Invariances in Neural Networks", NeurIPS
2020) turns each training picture by an angle :math:`u\,w` with :math:`u \sim U(-1, 1)`, lets the
gradient of the loss reach the half-width w through the picture, and subtracts a reward
:math:`\lambda w` from the loss. Here w is a plain parameter, in radians, kept within
:math:`[0, \pi]`; the code published with the paper passes another through a softplus.

Three tasks ask different things of the same turned pictures (:data:`TASKS`):

* ``"full"``: which picture it is, turned by any angle;
* ``"partial"``: which picture, and whether it is upright or upside-down, give or take 45°;
* ``"none"``: the angle itself, as cosine and sine.

For an ideal predictor the loss at each half-width is known (:func:`bayes_loss`), and so is the
half-width at which loss minus reward is least (:func:`predicted_width`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from utils._checks import check_choice, check_float, check_whole
from utils.data.mnist import rotate

__all__ = [
    "TASKS",
    "LearnedWidth",
    "TurnedPictures",
    "bayes_loss",
    "learn_width",
    "predicted_width",
    "turn",
    "turned_pictures",
]

TASKS = ("full", "partial", "none")
"""What can be asked of turned pictures."""

_HALF_RANGE = math.pi / 4  # of the angles of the task "partial"
_PARTS = 900  # of a quarter of the circle, in the integral of the task "partial"


@dataclass(frozen=True)
class TurnedPictures:
    """Turned pictures and what is asked of them.

    Attributes
    ----------
    images : torch.Tensor
        Shape ``(N, 1, 14, 14)``, float32.
    targets : torch.Tensor
        Classes, shape ``(N,)``, int64; for the task "none" cosine and sine, shape ``(N, 2)``.
    angles : torch.Tensor
        Shape ``(N,)``, radians, counter-clockwise.
    task : str
        One of :data:`TASKS`.
    sources : torch.Tensor, optional
        Shape ``(N, 1, 28, 28)``: the pictures before they were turned.

    Examples
    --------
    >>> TurnedPictures(torch.zeros(2, 1, 14, 14), torch.zeros(2).long(), torch.zeros(2)).task
    'full'
    """

    images: Tensor
    targets: Tensor
    angles: Tensor
    task: str = "full"
    sources: Tensor | None = None

    def __post_init__(self) -> None:
        """Check the task and the numbers of rows."""
        check_choice(self.task, "The task", TASKS)
        if not len(self.images) == len(self.targets) == len(self.angles):
            raise ValueError("There must be one target and one angle for each picture.")

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.images)


def turned_pictures(
    pictures: Tensor, task: str, *, count: int = 1000, seed: int = 0
) -> TurnedPictures:
    """Turn a few pictures many times, and say what is asked.

    Parameters
    ----------
    pictures : torch.Tensor
        Shape ``(M, 1, 28, 28)``: the pictures that are turned, all equally likely. They are
        averaged over 2 × 2 pixels afterwards.
    task : str
        One of :data:`TASKS`. The angles are uniform on the circle, but for "partial" within 45° of
        upright or of upside-down.
    count, seed : int
        How many turned pictures, and the seed of choices and angles.

    Examples
    --------
    >>> made = turned_pictures(torch.rand(2, 1, 28, 28), "partial", count=8)
    >>> made.images.shape, int(made.targets.max()) < 4  # two pictures, upright or upside-down
    (torch.Size([8, 1, 14, 14]), True)
    """
    check_choice(task, "The task", TASKS)
    check_float(pictures, "The pictures")
    if pictures.ndim != 4 or pictures.shape[1:] != (1, 28, 28) or len(pictures) == 0:
        raise ValueError(
            f"The pictures have shape (M, 1, 28, 28), but here {tuple(pictures.shape)}."
        )
    check_whole(count, "The number of turned pictures")
    random = np.random.default_rng(check_whole(seed, "The seed", 0))
    which = torch.from_numpy(random.integers(len(pictures), size=count))
    down = torch.from_numpy(random.integers(2, size=count))
    angles = torch.from_numpy(random.uniform(-math.pi, math.pi, size=count)).float()
    if task == "partial":
        angles = angles / math.pi * _HALF_RANGE + math.pi * down
    images = functional.avg_pool2d(rotate(pictures[which], torch.rad2deg(angles)), 2).float()
    targets = {
        "full": which,
        "partial": 2 * which + down,
        "none": torch.stack([angles.cos(), angles.sin()], dim=1),
    }[task]
    return TurnedPictures(images, targets, angles, task, pictures[which])


def turn(images: Tensor, angles: Tensor) -> Tensor:
    """Turn each picture by its angle, so that gradients reach the angle.

    Bilinear interpolation; what lies outside the frame is zero.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, H, W)`` with H equal to W.
    angles : torch.Tensor
        Shape ``(B,)``, radians, counter-clockwise as seen on the page.

    Returns
    -------
    torch.Tensor
        The shape of ``images``.

    Examples
    --------
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> turn(image, torch.tensor([torch.pi / 2])).round().tolist()
    [[[[2.0, 4.0], [1.0, 3.0]]]]
    """
    check_float(images, "The images")
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(f"Images have shape (B, C, n, n), but here {tuple(images.shape)}.")
    if angles.shape != (len(images),):
        raise ValueError(
            f"There is one angle for each of {len(images)} images, but the angles have shape "
            f"{tuple(angles.shape)}."
        )
    cosine, sine, nil = angles.cos(), angles.sin(), torch.zeros_like(angles)
    rows = torch.stack([cosine, -sine, nil, sine, cosine, nil], dim=1).reshape(-1, 2, 3)
    grid = functional.affine_grid(rows.to(images), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


@dataclass(frozen=True)
class LearnedWidth:
    """What training the half-width gave.

    Attributes
    ----------
    path : torch.Tensor
        Shape ``(steps + 1,)``: the half-width in degrees before each step and at the end.
    losses : torch.Tensor
        Shape ``(steps,)``: the loss without its reward, one batch a step.
    network : torch.nn.Module
        The trained network, from pictures ``(B, 1, n, n)`` to outputs ``(B, k)``.

    Examples
    --------
    >>> LearnedWidth(torch.tensor([17.0, 50.0]), torch.zeros(1), nn.Identity()).degrees
    50.0
    """

    path: Tensor
    losses: Tensor
    network: nn.Module

    @property
    def degrees(self) -> float:
        """The half-width at the end."""
        return float(self.path[-1])


def learn_width(
    made: TurnedPictures,
    *,
    reward: float,
    start: float = 17.0,
    steps: int = 600,
    frozen: int = 60,
    batch: int = 64,
    hidden: int = 96,
    rates: tuple[float, float] = (3e-3, 2e-2),
    at_once: bool = False,
    seed: int = 0,
) -> LearnedWidth:
    r"""Train a small network and the half-width of its augmentation together.

    The network is a perceptron with two hidden layers. The loss is cross-entropy, or the squared
    distance for the task "none", minus :math:`\lambda w` with w in radians. Adam trains both, with
    rates that fall along a cosine.

    Parameters
    ----------
    made : TurnedPictures
        The data.
    reward : float
        λ, in units of the loss per radian.
    start : float
        The half-width before training, in degrees from 0 to 180.
    steps, frozen, batch : int
        Training steps, how many of them the half-width rests at first, pictures a step.
    hidden : int
        Units of a hidden layer.
    rates : tuple of float
        Learning rates of the network and of the half-width.
    at_once : bool
        Whether the upright source is turned once, by the sum of both angles. By default the turned
        picture is turned again, as augmentation does; the second interpolation leaves traces from
        which a network can read by how much.
    seed : int
        Of initial weights, batches and angles.

    Examples
    --------
    >>> made = turned_pictures(torch.rand(2, 1, 28, 28), "full", count=32)
    >>> run = learn_width(made, reward=0.2, steps=5, frozen=0)
    >>> run.path.shape, run.degrees > 17.0
    (torch.Size([6]), True)
    """
    if not (math.isfinite(reward) and reward >= 0):
        raise ValueError(f"The reward is a number from 0 on, but it is {reward!r}.")
    if not 0 <= start <= 180:
        raise ValueError(f"The half-width starts between 0 and 180 degrees, not at {start!r}.")
    if at_once and made.sources is None:
        raise ValueError("To turn at once, the pictures before they were turned are needed.")
    check_whole(steps, "The number of steps")
    check_whole(frozen, "The number of steps at rest", 0)
    check_whole(batch, "The number of pictures a step")
    random = torch.Generator().manual_seed(check_whole(seed, "The seed", 0))
    classes = 2 if made.task == "none" else int(made.targets.max()) + 1
    network = _perceptron(made.images[0].numel(), hidden, classes, random)
    width = nn.Parameter(torch.tensor(math.radians(start)))
    groups = [{"params": network.parameters(), "lr": rates[0]}, {"params": [width], "lr": rates[1]}]
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    path, losses = [math.radians(start)], []
    for step in range(steps):
        chosen = torch.randint(len(made), (batch,), generator=random)
        angles = (2 * torch.rand(batch, generator=random) - 1) * width
        if at_once and made.sources is not None:
            whole = turn(made.sources[chosen], made.angles[chosen] + angles)
            shown = functional.avg_pool2d(whole, 2)
        else:
            shown = turn(made.images[chosen], angles)
        loss = _loss(network(shown), made.targets[chosen], made.task)
        optimizer.zero_grad()
        (loss - reward * width).backward()
        if step < frozen:
            width.grad = None
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            width.clamp_(0, math.pi)
        path.append(float(width.detach()))
        losses.append(float(loss.detach()))
    return LearnedWidth(torch.rad2deg(torch.tensor(path)), torch.tensor(losses), network)


def bayes_loss(task: str, degrees: Tensor) -> Tensor:
    r"""Return the least loss that any predictor reaches when pictures are turned by up to ± w.

    All pictures are taken to be told apart at every angle, so that only the angle matters. For
    "full" it is 0. For "none" the best guess of the angle's direction is the seen direction times
    :math:`\operatorname{sinc} w`, which leaves :math:`1 - \operatorname{sinc}^2 w`. For
    "partial" the seen angle is the sum of two uniform ones, and the cross-entropy is the integral
    over it of the entropy of upright against upside-down.

    Parameters
    ----------
    task : str
        One of :data:`TASKS`.
    degrees : torch.Tensor
        Half-widths from 0 to 180, any shape.

    Returns
    -------
    torch.Tensor
        float64, the shape of ``degrees``, in nats for "full" and "partial".

    Examples
    --------
    >>> bayes_loss("partial", torch.tensor([0.0, 45.0, 180.0]))
    tensor([0.0000, 0.0000, 0.6931], dtype=torch.float64)
    """
    check_choice(task, "The task", TASKS)
    width = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float64))
    if ((width < 0) | (width > math.pi + 1e-9)).any():
        raise ValueError("Half-widths lie between 0 and 180 degrees.")
    if task == "full":
        return torch.zeros_like(width)
    if task == "none":
        return 1 - torch.sinc(width / math.pi).square()
    # A quarter of the circle serves for all: left and right, up and down are alike.
    seen = (torch.arange(_PARTS, dtype=torch.float64) + 0.5) / _PARTS * math.pi / 2
    upright = _density(seen, width[..., None])
    down = _density(seen - math.pi, width[..., None])
    share = upright / (upright + down)
    entropy = torch.special.entr(share) + torch.special.entr(1 - share)
    there = upright + down > 0
    both = torch.where(there, (upright + down) / 2 * entropy, torch.zeros_like(upright))
    return both.sum(-1) * (2 * math.pi / _PARTS)


def predicted_width(task: str, reward: float, *, start: float | None = None) -> float:
    r"""Return the half-width, in degrees, where the least loss minus the reward is least.

    Parameters
    ----------
    task : str
        One of :data:`TASKS`.
    reward : float
        λ, per radian.
    start : float, optional
        With a start, in degrees, return instead where going downhill from there ends.

    Examples
    --------
    >>> [round(predicted_width(task, 0.2)) for task in TASKS]
    [180, 54, 18]
    >>> predicted_width("partial", 0.2, start=160)  # a wrong optimum, bought by the reward
    180.0
    """
    if not (math.isfinite(reward) and reward >= 0):
        raise ValueError(f"The reward is a number from 0 on, but it is {reward!r}.")
    degrees = torch.linspace(0, 180, 1801, dtype=torch.float64)
    values = bayes_loss(task, degrees) - reward * torch.deg2rad(degrees)
    if start is None:
        return float(degrees[values.argmin()])
    if not 0 <= start <= 180:
        raise ValueError(f"The half-width starts between 0 and 180 degrees, not at {start!r}.")
    at = round(10 * start)
    down = 1 if at < 1800 and values[at + 1] < values[at] else -1
    while 0 <= at + down <= 1800 and values[at + down] < values[at]:
        at += down
    return float(degrees[at])


def _density(angle: Tensor, width: Tensor) -> Tensor:
    """Density on the circle of U(-45°, 45°) + U(-w, w); angles in (-π, π]."""
    total = torch.zeros_like(angle * width)
    for lap in (-2 * math.pi, 0.0, 2 * math.pi):  # what has gone round comes back
        lower = torch.maximum(angle + lap - width, torch.tensor(-_HALF_RANGE))
        upper = torch.minimum(angle + lap + width, torch.tensor(_HALF_RANGE))
        within = (upper - lower).clamp(min=0) / (2 * width.clamp(min=1e-12)) / (2 * _HALF_RANGE)
        still = ((angle + lap).abs() <= _HALF_RANGE).to(angle) / (2 * _HALF_RANGE)
        total = total + torch.where(width > 1e-9, within, still)
    return total


def _perceptron(inputs: int, hidden: int, outputs: int, random: torch.Generator) -> nn.Sequential:
    sizes = [inputs, hidden, hidden, outputs]
    layers: list[nn.Module] = [nn.Flatten()]
    for size, following in pairwise(sizes):
        linear = nn.utils.skip_init(nn.Linear, size, following)
        for parameter in (linear.weight, linear.bias):
            nn.init.uniform_(parameter, -(size**-0.5), size**-0.5, generator=random)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _loss(outputs: Tensor, targets: Tensor, task: str) -> Tensor:
    if task == "none":
        return (outputs - targets).square().sum(1).mean()
    return functional.cross_entropy(outputs, targets)
