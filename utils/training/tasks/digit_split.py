"""Digits split into an invariant code and a pose, as a task of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils.data.mnist import DigitOrbits
from utils.models.base import Network
from utils.models.group_invariant import GroupInvariantAutoencoder
from utils.training.recipe import require_whole
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, NetworkTask, Split
from utils.training.tasks.orbits import OrbitDigits, OrbitSource, orbit_digits

__all__ = ["DigitSplit", "DigitSplitData"]

_POSES = 1  # stream of random numbers within an epoch


@dataclass(frozen=True)
class DigitSplitData:
    """Small digits, of which every epoch sees each in one pose.

    Parameters
    ----------
    digits : OrbitDigits
    seed : int
        Seed of the poses.
    """

    digits: OrbitDigits
    seed: int

    @property
    def training_size(self) -> int:
        """Number of training digits."""
        return len(self.digits.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum, sizes and seeds."""
        return self.digits.facts

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return pictures in poses that the epoch decides, shape ``(B, 1, 14, 14)``."""
        orbits = self.digits.train
        generator = epoch_generator(self.seed, epoch, _POSES)
        poses = torch.randint(orbits.order, (len(orbits),), generator=generator)
        return (orbits.images[rows, poses[rows]],)

    def evaluation(self, split: Split) -> Batch:
        """Return pictures as they are given, a quarter turn of each, and the variance of all."""
        orbits: DigitOrbits = getattr(self.digits, split)
        variance = orbits.images.flatten(0, 1).flatten(1).var(0, unbiased=False).sum()
        quarter = orbits.images[:, orbits.order // 4]
        return orbits.images[:, 0], quarter, variance.expand(len(orbits))


@dataclass(frozen=True, kw_only=True)
class DigitSplit(NetworkTask):
    """Learn an invariant code and a pose of digits by drawing them again.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`. The loss is
    the squared error of what comes back, summed over pixels: nothing is said of the pose.

    Parameters
    ----------
    training_size : int
        How many digits.
    source : {"mnist", "small"}
        Which digits; see :func:`utils.training.tasks.orbits.orbit_digits`.
    """

    name = "digit-split"
    training_size: int = 6_000
    source: OrbitSource = "mnist"

    def __post_init__(self) -> None:
        """Check which digits."""
        super().__post_init__()
        require_whole(self.training_size, "training_size")
        check_choice(self.source, "source", get_args(OrbitSource))

    def configuration(self) -> Mapping[str, Any]:
        """Return which digits are used."""
        return {"training_size": self.training_size, "source": self.source}

    def network_class(self) -> type[Network]:
        """Return :class:`utils.models.group_invariant.GroupInvariantAutoencoder`."""
        return GroupInvariantAutoencoder

    def load_data(self) -> DigitSplitData:
        """Load the digits and turn them; it takes some seconds."""
        return DigitSplitData(orbit_digits(self.training_size, self.source), self.seed)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean squared error of what comes back, summed over pixels."""
        (images,) = batch
        return _squares(model(images) - images).mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return ``error`` and ``rendering``, squared errors over the variance of the pixels.

        The second is of the picture turned by a quarter, drawn from the invariant code of the
        first and its pose turned by a quarter.
        """
        images, quarter, variance = batch
        network: Any = model
        code = network.encode(images)
        pose = torch.stack([-code.pose[:, 1], code.pose[:, 0]], 1)
        return {
            "error": _squares(network.decode(code.invariant, code.pose) - images) / variance,
            "rendering": _squares(network.decode(code.invariant, pose) - quarter) / variance,
        }


def _squares(pictures: Tensor) -> Tensor:
    return pictures.flatten(1).square().sum(1)
