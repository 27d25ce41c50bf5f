r"""Where three bodies go, learned in six ways, as a task of the training loop.

What a method does about the symmetry is in its network, in its data or in its loss:

* ``plain``, ``exact``, ``axial``: nothing but the network; the loss is the mean square error
  :math:`L(x, y) = \lVert f(x) - y \rVert^2`.
* ``augment``: every system is turned at random each time it is seen, :math:`L(Rx, Ry)`.
* ``remul``: both, :math:`L(x, y) + \beta L(Rx, Ry)`, divided by :math:`1 + \beta`: REMUL (Elhag,
  Rusch, Di Giovanni & Bronstein, "Relaxed Equivariance via Multitask Learning", arXiv 2410.17878).
* ``consistency``: what the network says of a turned system is compared with what it says of the
  system, :math:`L(x, y) + \beta \lVert f(Rx) - R f(x) \rVert^2`, divided by
  :math:`1 + \beta`; no label is turned. The paper of REMUL measures with this, and trains with
  turned labels.
* ``residual``: the perceptron beside the exact network pays for what it says,
  :math:`L(x, y) + \lambda \lVert r(x) \rVert^2`. Up to a constant this is the negative logarithm
  of a Gaussian prior on what it says.

In place of a constant, the weights of ``remul`` can follow GradNorm (Chen, Badrinarayanan, Lee &
Rabinovich, ICML 2018; see :func:`balanced`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils.data.bodies import BodySystems, sample_systems, turned
from utils.data.checksum import data_checksum
from utils.groups import random_rotations
from utils.models.base import Network
from utils.models.bodies import (
    AxialBodies,
    ExactBodies,
    PlainBodies,
    ResidualBodies,
    departures,
    lie_departures,
)
from utils.training.recipe import require_whole
from utils.training.task import Batch, NetworkTask, Split

__all__ = ["Around", "Bodies", "BodiesData", "Method", "balanced"]

Around = Literal["all", "z"]
"""Rotations about all axes, or about z only."""

Method = Literal["plain", "augment", "remul", "consistency", "residual", "exact", "axial"]
"""What is done about the symmetry."""

_NETWORKS: Mapping[str, type[Network]] = {
    "exact": ExactBodies,
    "axial": AxialBodies,
    "residual": ResidualBodies,
}

# The systems are the same for every seed of training, so that methods are compared on the same.
_SEEDS: Mapping[str, int] = {"train": 20261101, "validation": 20261102, "test": 20261103}
_ROTATION_SEED = 20261104


@dataclass(frozen=True)
class BodiesData:
    """Systems of three bodies, as the training loop asks for them.

    An epoch of the loop is several passes over the training systems: they are few, and the loop
    measures and keeps the network after every epoch.

    Parameters
    ----------
    train, validation, test : BodySystems
    passes : int
        Passes over the training systems in an epoch.
    """

    train: BodySystems
    validation: BodySystems
    test: BodySystems
    passes: int

    @property
    def training_size(self) -> int:
        """Number of training examples in an epoch."""
        return self.passes * len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum, sizes, seeds, and what breaks the symmetry."""
        parts = (self.train, self.validation, self.test)
        return {
            "checksum": data_checksum(*(part.states for part in parts)),
            "training_systems": len(self.train),
            "validation_systems": len(self.validation),
            "test_systems": len(self.test),
            "systems": ", ".join(f"{part} seed {seed}" for part, seed in _SEEDS.items()),
            "field": self.train.field,
            "anisotropy": self.train.anisotropy,
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return states ``(B, 6, 3)`` and targets ``(B, 3, 3)``."""
        rows = rows % len(self.train)
        return self.train.states[rows], self.train.targets[rows]

    def evaluation(self, split: Split) -> Batch:
        """Return states, targets, rotations ``(N, 3, 3)``, and the mean square of the targets."""
        systems: BodySystems = getattr(self, split)
        return (systems.states, systems.targets, *_yardsticks(systems))


def _yardsticks(systems: BodySystems) -> tuple[Tensor, Tensor]:
    """Return a rotation for each system, and the mean square of the targets once for each."""
    generator = torch.Generator().manual_seed(_ROTATION_SEED)
    rotations = random_rotations(len(systems), generator=generator).to(systems.states.dtype)
    return rotations, _squares(systems.targets).mean().expand(len(systems))


def _squares(vectors: Tensor) -> Tensor:
    """Return the squared norm of each member of a batch."""
    return vectors.square().sum((-2, -1))


def _rotations_about_z(number: int, dtype: torch.dtype) -> Tensor:
    """Draw rotations about z, from the global random state."""
    angles = 2 * torch.pi * torch.rand(number, dtype=dtype)
    rotations = torch.eye(3, dtype=dtype).repeat(number, 1, 1)
    rotations[:, 0, 0] = rotations[:, 1, 1] = angles.cos()
    rotations[:, 1, 0] = angles.sin()
    rotations[:, 0, 1] = -angles.sin()
    return rotations


def balanced(model: nn.Module, losses: Tensor, asymmetry: float) -> Tensor:
    r"""Weigh the terms of a loss by GradNorm, with weights that are learned beside the network.

    With :math:`G_i` the norm of the gradient of :math:`w_i L_i` by the weights of the last layer,
    :math:`\bar G` their mean and :math:`r_i` the rate of the term, :math:`L_i` over the mean
    of the terms, the weights go down :math:`\sum_i \lvert G_i - \bar G r_i^\gamma \rvert`, in
    which only the first :math:`G_i` depends on them (Chen et al., ICML 2018, equations 1 and 2
    and algorithm 1). Two things differ. The weights are twice a softmax of two logits,
    so their sum stays 2, and the optimiser of the network moves them. Rates are not
    relative to the first loss: the terms must begin alike, as ``remul``'s do.

    Parameters
    ----------
    model : torch.nn.Module
        A network for three bodies whose configuration has ``balanced=True``.
    losses : torch.Tensor
        The terms, shape ``(2,)``, that have gradients.
    asymmetry : float
        The exponent :math:`\gamma`: the larger, the more weight for what learns slowly.

    Returns
    -------
    torch.Tensor
        A scalar whose value is the weighted sum, and whose gradients move network and weights.
    """
    last: Any = model.last_weights
    weights = 2 * torch.softmax(model.balance, 0)  # type: ignore[arg-type]
    norms = torch.stack(
        [torch.autograd.grad(term, last, retain_graph=True)[0].norm() for term in losses]
    )
    with torch.no_grad():
        wanted = (weights * norms).mean() * (losses / losses.mean()) ** asymmetry
    mismatch = (weights * norms - wanted).abs().sum()
    return (weights.detach() * losses).sum() + mismatch - mismatch.detach()


@dataclass(frozen=True, kw_only=True)
class Bodies(NetworkTask):
    """Predict how far three bodies come beyond free flight, and do something about the symmetry.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    method : str
        What is done about the symmetry; see :mod:`utils.training.tasks.bodies`.
    field, anisotropy : float
        What breaks the symmetry, as :func:`utils.data.bodies.forces` takes it.
    beta : float
        Weight of the term that asks for the symmetry, not negative; unused with `asymmetry`.
    asymmetry : float, optional
        Exponent of GradNorm, which weighs the terms in place of `beta`; for ``remul`` only.
    samples : int
        Rotations of each system in a step.
    around : {"all", "z"}
        Which rotations the loss and the augmentation draw.
    price : float
        The price of what the perceptron of a residual pathway says, not negative.
    training_size, validation_size, test_size : int
        Numbers of systems.
    passes : int
        Passes over the training systems in an epoch of the recipe.
    """

    name = "bodies"
    method: Method = "plain"
    field: float = 0.0
    anisotropy: float = 0.0
    beta: float = 1.0
    asymmetry: float | None = None
    samples: int = 1
    around: Around = "all"
    price: float = 0.1
    training_size: int = 600
    validation_size: int = 500
    test_size: int = 2_000
    passes: int = 24

    def __post_init__(self) -> None:
        """Check every setting, and make the configuration of the network."""
        check_choice(self.method, "method", get_args(Method))
        check_choice(self.around, "around", get_args(Around))
        for name in ("training_size", "validation_size", "test_size", "passes", "samples"):
            require_whole(getattr(self, name), name)
        for name in ("beta", "price"):
            self._check_weight(name)
        if self.asymmetry is not None:
            self._check_weight("asymmetry")
            if self.method != "remul":
                raise ValueError(
                    f"asymmetry weighs the two terms of the method 'remul', not of "
                    f"{self.method!r}; leave it out"
                )
        super().__post_init__()
        if getattr(self.network, "balanced", False) != (self.asymmetry is not None):
            raise ValueError("a network is balanced if and only if an asymmetry is given")

    def configuration(self) -> Mapping[str, Any]:
        """Return every setting beside recipe and network."""
        names = ("method", "field", "anisotropy", "beta", "asymmetry", "samples")
        others = ("around", "price")
        sizes = ("training_size", "validation_size", "test_size", "passes")
        return {name: getattr(self, name) for name in (*names, *others, *sizes)}

    def network_class(self) -> type[Network]:
        """Return the network of the method."""
        return _NETWORKS.get(self.method, PlainBodies)

    def load_data(self) -> BodiesData:
        """Simulate the systems; it takes a second."""
        draw = functools.partial(sample_systems, field=self.field, anisotropy=self.anisotropy)
        sizes = {
            "train": self.training_size,
            "validation": self.validation_size,
            "test": self.test_size,
        }
        parts = {part: draw(size, seed=_SEEDS[part]) for part, size in sizes.items()}
        return BodiesData(**parts, passes=self.passes)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss of the method; see :mod:`utils.training.tasks.bodies`."""
        states, targets = batch
        if self.method == "residual":
            exact, residual = model(states, parts=True)
            price = self.price * _squares(residual).mean()
            return _squares(exact + residual - targets).mean() + price
        if self.method not in ("augment", "remul", "consistency"):
            return _squares(model(states) - targets).mean()
        number = self.samples * len(states)
        draw = random_rotations if self.around == "all" else _rotations_about_z
        rotations = draw(number, dtype=states.dtype).to(states.device)
        moved = turned(states.repeat(self.samples, 1, 1), rotations)
        if self.method == "augment":
            labels = turned(targets.repeat(self.samples, 1, 1), rotations)
            return _squares(model(moved) - labels).mean()
        found, after = model(torch.cat([states, moved])).split([len(states), number])
        meant = targets if self.method == "remul" else found
        meant = turned(meant.repeat(self.samples, 1, 1), rotations)
        terms = torch.stack([_squares(found - targets).mean(), _squares(after - meant).mean()])
        if self.asymmetry is not None:
            return balanced(model, terms, self.asymmetry)
        return (terms[0] + self.beta * terms[1]) / (1 + self.beta)

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return squares, one for each system, from whose means relative errors are made.

        ``error`` is the squared error over the mean square of the targets. ``output``,
        ``departure`` and ``lie_x``, ``lie_y``, ``lie_z`` are the squared norms of what the
        network says, of f(Rx) - R f(x), and of the Lie derivatives per radian.
        """
        states, targets, rotations, unit = batch
        found = model(states)
        lie = lie_departures(model, states)
        return {
            "error": _squares(found - targets) / unit,
            "output": _squares(found),
            "departure": _squares(departures(model, states, rotations)),
            **{f"lie_{axis}": _squares(each) for axis, each in zip("xyz", lie, strict=True)},
        }
