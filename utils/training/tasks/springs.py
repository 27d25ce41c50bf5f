r"""How five bodies joined by springs push each other, learned from forces.

The loss is the mean square error of the forces, relative to their mean square over the training
systems. What differs is the network: a potential by a perceptron (``perceptron``), a potential
by a convolution over pairs that are read under a group (``pairs``), or forces without a
potential (``direct``); and whether systems are shifted at random each time they are seen.

Networks are trained in single precision; what they keep is measured in ``float64``, see
:func:`utils.models.potentials.measure_forces`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils.data.checksum import data_checksum
from utils.data.springs import SpringSystems, sample_springs
from utils.models.base import Network
from utils.models.potentials import (
    SHIFT,
    TURN,
    DirectForces,
    PairPotential,
    PerceptronPotential,
)
from utils.training.recipe import require_whole
from utils.training.task import Batch, NetworkTask, Split

__all__ = ["SPRING_SEEDS", "Method", "Springs", "SpringsData"]

Method = Literal["perceptron", "pairs", "direct"]
"""Which network says how bodies push each other."""

_NETWORKS: Mapping[str, type[Network]] = {
    "perceptron": PerceptronPotential,
    "pairs": PairPotential,
    "direct": DirectForces,
}

SPRING_SEEDS: Mapping[str, int] = {"train": 20261201, "validation": 20261202, "test": 20261203}
"""Seeds of the systems, the same for every seed of training."""


@dataclass(frozen=True)
class SpringsData:
    """Systems of bodies joined by springs, as the training loop asks for them.

    Parameters
    ----------
    train, validation, test : SpringSystems
        In single precision.
    passes : int
        Passes over the training systems in an epoch: the loop measures and keeps the network
        after every epoch, and the systems are few.
    """

    train: SpringSystems
    validation: SpringSystems
    test: SpringSystems
    passes: int

    @property
    def training_size(self) -> int:
        """Number of training examples in an epoch."""
        return self.passes * len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum, sizes and seeds."""
        parts = (self.train, self.validation, self.test)
        return {
            "checksum": data_checksum(*(each for p in parts for each in (p.positions, p.traits))),
            "training_systems": len(self.train),
            "validation_systems": len(self.validation),
            "test_systems": len(self.test),
            "systems": ", ".join(f"{part} seed {seed}" for part, seed in SPRING_SEEDS.items()),
        }

    def _unit(self, number: int) -> Tensor:
        """Return the mean square of a force of the training systems, once for each of a batch."""
        return _squares(self.train.forces).mean().expand(number)

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return positions, traits and forces ``(B, 5, 2)``, and what errors are relative to."""
        rows = rows % len(self.train)
        systems = self.train
        read = (systems.positions[rows], systems.traits[rows], systems.forces[rows])
        return (*read, self._unit(len(rows)))

    def evaluation(self, split: Split) -> Batch:
        """Return the same of all systems of a split."""
        systems: SpringSystems = getattr(self, split)
        return (systems.positions, systems.traits, systems.forces, self._unit(len(systems)))


def _squares(forces: Tensor) -> Tensor:
    """Return the squared norm of each member of a batch."""
    return forces.square().sum((-2, -1))


@dataclass(frozen=True, kw_only=True)
class Springs(NetworkTask):
    """Learn the forces of springs between five bodies.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    method : {"perceptron", "pairs", "direct"}
        Which network.
    shift : float
        Standard deviation of the random vector by which each system is shifted each time it is
        seen in training; 0 for none.
    training_size, validation_size, test_size : int
        Numbers of systems.
    passes : int
        Passes over the training systems in an epoch of the recipe.
    """

    name = "springs"
    method: Method = "pairs"
    shift: float = 0.0
    training_size: int = 1_500
    validation_size: int = 300
    test_size: int = 1_000
    passes: int = 5

    def __post_init__(self) -> None:
        """Check every setting, and make the configuration of the network."""
        check_choice(self.method, "method", get_args(Method))
        for name in ("training_size", "validation_size", "test_size", "passes"):
            require_whole(getattr(self, name), name)
        self._check_weight("shift")
        super().__post_init__()

    def configuration(self) -> Mapping[str, Any]:
        """Return every setting beside recipe and network."""
        names = ("method", "shift", "training_size", "validation_size", "test_size", "passes")
        return {name: getattr(self, name) for name in names}

    def network_class(self) -> type[Network]:
        """Return the network of the method."""
        return _NETWORKS[self.method]

    def load_data(self) -> SpringsData:
        """Draw the systems."""
        sizes = {
            "train": self.training_size,
            "validation": self.validation_size,
            "test": self.test_size,
        }
        parts = {
            part: sample_springs(size, seed=SPRING_SEEDS[part], dtype=torch.float32)
            for part, size in sizes.items()
        }
        return SpringsData(**parts, passes=self.passes)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean square error of the forces, relative to their mean square."""
        positions, traits, forces, unit = batch
        if self.shift:
            moves = torch.randn(len(positions), 1, 2, dtype=positions.dtype)
            positions = positions + self.shift * moves.to(positions.device)
        return (_squares(model(positions, traits) - forces) / unit).mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return squared errors of the forces, relative to the mean square in training.

        ``error`` is that of systems as they are drawn, ``shifted`` and ``turned`` that of the same
        systems moved by (3, 3) and turned by one radian.
        """
        positions, traits, forces, unit = batch
        moved = positions + positions.new_tensor(SHIFT)
        turn = torch.linalg.matrix_exp(TURN * positions.new_tensor([[0.0, -1.0], [1.0, 0.0]]))
        found = {
            "error": model(positions, traits) - forces,
            "shifted": model(moved, traits) - forces,
            "turned": model(positions @ turn.mT, traits) - forces @ turn.mT,
        }
        return {name: _squares(each) / unit for name, each in found.items()}
