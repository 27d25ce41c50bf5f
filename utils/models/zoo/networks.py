"""The networks of the zoo: their shapes, and their steps one after the other."""

from __future__ import annotations

import dataclasses
from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, get_args, get_origin, get_type_hints

from torch import Tensor, nn

from utils._checks import check_choice
from utils.generators import FeatureRepresentation, Image, Tokens, Trivial
from utils.models.base import Leaf, Network, NetworkConfig, Stepwise, WindowMaximum, check_images
from utils.models.zoo.steps import (
    Activation,
    Attention,
    Block,
    Blur,
    ClassToken,
    FirstToken,
    Mean,
    PatchEmbedding,
    Positions,
    TokenMixing,
    kind_of,
    nonlinearity,
)

__all__ = [
    "CNN",
    "MLP",
    "CNNConfig",
    "Downsampling",
    "ImageReadout",
    "MLPConfig",
    "Mixer",
    "MixerConfig",
    "Padding",
    "Readout",
    "ViT",
    "ViTConfig",
    "ZooNetwork",
]

Downsampling = Literal["maximum", "stride", "blur"]
"""How a convolutional network makes its grid coarser: see :mod:`utils.models.zoo`."""

Padding = Literal["zeros", "circular"]
"""What a convolution reads outside the frame: nothing, or the other side of the image."""

ImageReadout = Literal["places", "mean"]
"""What a convolutional network classifies: all numbers at their places, or means over places."""

Readout = Literal["class", "mean"]
"""What a transformer classifies: its extra token, or the mean over the tokens of patches."""

IMAGE_SIDE = 28
_KERNELS = (3, 5, 7)


class _ZooConfig(NetworkConfig):
    """What the configurations of the zoo share."""

    def _check_words(self) -> None:
        """Check every field whose annotation lists the words that it may be."""
        for name, kind in get_type_hints(type(self)).items():
            if get_origin(kind) is Literal:
                check_choice(getattr(self, name), name, get_args(kind))


def _check_divides(name: str, value: int, whole: int, what: str) -> None:
    if whole % value:
        raise ValueError(f"{name} must divide {what} without remainder, not {value}")


@dataclass(frozen=True)
class CNNConfig(_ZooConfig):
    """The shape of a :class:`~utils.models.zoo.CNN`.

    Parameters
    ----------
    widths : tuple of int
        Channels after the first, second and third convolution.
    kernel : int
        Side of the filters: 3, 5 or 7. A convolution of stride two has filters one larger.
    downsampling : {"maximum", "stride", "blur"}
        How the grid becomes coarser, twice.
    padding : {"zeros", "circular"}
        What lies outside the frame.
    readout : {"places", "mean"}
        What the last linear map reads: every channel at every place, or the mean of each
        channel over all places.
    """

    network: ClassVar[str] = "convolutional network"

    widths: tuple[int, int, int] = (16, 32, 48)
    kernel: int = 3
    downsampling: Downsampling = "maximum"
    activation: Activation = "relu"
    padding: Padding = "zeros"
    readout: ImageReadout = "places"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        self._check_widths(3)
        self._check_numbers(kernel=1, classes=2)
        check_choice(self.kernel, "kernel", _KERNELS)
        self._check_words()


@dataclass(frozen=True)
class MLPConfig(_ZooConfig):
    """The shape of an :class:`~utils.models.zoo.MLP`.

    Parameters
    ----------
    width, depth : int
        Width and number of the hidden layers.
    """

    network: ClassVar[str] = "perceptron"

    width: int = 64
    depth: int = 2
    activation: Activation = "relu"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(width=1, depth=1, classes=2)
        self._check_words()


@dataclass(frozen=True)
class _PatchConfig(_ZooConfig):
    """What the shapes of networks of patches share."""

    patch: int = 4
    width: int = 40
    depth: int = 3

    def __post_init__(self) -> None:
        """Check the fields that are shared, and every word."""
        self._check_numbers(patch=1, width=1, depth=1, classes=2)
        _check_divides("patch", self.patch, IMAGE_SIDE, f"the {IMAGE_SIDE} pixels of a side")
        self._check_words()


@dataclass(frozen=True)
class MixerConfig(_PatchConfig):
    """The shape of a :class:`~utils.models.zoo.Mixer`.

    Parameters
    ----------
    patch : int
        Side of a patch in pixels; it must divide 28.
    width, depth : int
        Channels of a token, and number of blocks.
    token_hidden, channel_hidden : int
        Widths of the perceptrons that mix tokens and channels.
    """

    network: ClassVar[str] = "mixer"

    token_hidden: int = 32
    channel_hidden: int = 80
    activation: Activation = "gelu"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        self._check_numbers(token_hidden=1, channel_hidden=1)


@dataclass(frozen=True)
class ViTConfig(_PatchConfig):
    """The shape of a :class:`~utils.models.zoo.ViT`.

    Parameters
    ----------
    patch, width, depth : int
        As in :class:`~utils.models.zoo.MixerConfig`.
    heads : int
        Number of attention heads; it must divide ``width``.
    hidden : int
        Width of the perceptron of a block.
    readout : {"class", "mean"}
        What is classified: an extra token, or the mean over the patches.
    """

    network: ClassVar[str] = "vision transformer"

    heads: int = 4
    hidden: int = 80
    readout: Readout = "class"
    activation: Activation = "gelu"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        self._check_numbers(heads=1, hidden=1)
        _check_divides("heads", self.heads, self.width, f"the width of {self.width}")


class ZooNetwork(Network, Stepwise, ABC):
    """What the networks of the zoo share: the door, and the steps one after the other.

    A batch is never cut into pieces, so that whoever listens to a layer hears it once.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Classify images, ``(B, 1, 28, 28)`` to logits ``(B, classes)``.

        Values lie in ``[0, 1]``; turned digits may overshoot that range a little (see
        :func:`utils.models.base.check_images`).
        """
        check_images(images, IMAGE_SIDE)
        tensor = images
        for step in self.children():
            tensor = step(tensor)
        return tensor

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`."""
        found: dict[str, Leaf] = {}
        here: FeatureRepresentation = Image()
        for name, step in self._steps():
            after = _after(step, here)
            found[name] = Leaf(kind_of(step), here, after)
            here = after
        return found

    def _steps(self) -> Iterator[tuple[str, nn.Module]]:
        """Name the steps in the order of computation, those of a block one by one."""
        for name, child in self.named_children():
            if name != "blocks":
                yield name, child
                continue
            for number, block in child.named_children():
                for inner, step in block.named_children():
                    yield f"{name}.{number}.{inner}", step


class CNN(ZooNetwork):
    """A classifier of three convolutions, each followed by batch norm, and a linear map.

    With circular padding, and apart from the two places where the grid becomes coarser and
    from the head, every step commutes with shifts of the image by whole pixels, exactly. A
    head that reads means does not change under them.

    Examples
    --------
    >>> leaves = CNN(CNNConfig(widths=(2, 3, 4), readout="mean")).leaves()
    >>> {name: leaves[name].kind for name in ("conv1", "maximum1", "mean")}
    {'conv1': 'convolution', 'maximum1': 'pooling', 'mean': 'readout'}
    """

    config: CNNConfig

    def __init__(self, config: CNNConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(CNNConfig, config)
        kind, channels = config.downsampling, 1
        for number, width in enumerate(config.widths, start=1):
            coarser = number < 3
            strided = coarser and kind == "stride"
            # An even window on an even grid: the centre stays where it is.
            self.add_module(
                f"conv{number}",
                nn.Conv2d(
                    channels,
                    width,
                    config.kernel + strided,
                    stride=1 + strided,
                    padding=config.kernel // 2,
                    padding_mode=config.padding,
                    bias=False,
                ),
            )
            self.add_module(f"norm{number}", nn.BatchNorm2d(width))
            self.add_module(f"activation{number}", nonlinearity(config.activation))
            if coarser and kind == "maximum":
                self.add_module(f"maximum{number}", WindowMaximum(2))
            if coarser and kind == "blur":
                self.add_module(f"maximum{number}", WindowMaximum(2, stride=1))
                self.add_module(f"blur{number}", Blur())
            channels = width
        if config.readout == "mean":
            self.add_module("mean", Mean())
            self.add_module("head", nn.Linear(channels, config.classes))
        else:
            linear = nn.Linear(channels * (IMAGE_SIDE // 4) ** 2, config.classes)
            self.add_module("head", nn.Sequential(nn.Flatten(), linear))


class MLP(ZooNetwork):
    """A classifier that takes the pixels as a list of numbers."""

    config: MLPConfig

    def __init__(self, config: MLPConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(MLPConfig, config)
        self.linear1 = nn.Sequential(nn.Flatten(), nn.Linear(IMAGE_SIDE**2, config.width))
        self.activation1 = nonlinearity(config.activation)
        for number in range(2, config.depth + 1):
            self.add_module(f"linear{number}", nn.Linear(config.width, config.width))
            self.add_module(f"activation{number}", nonlinearity(config.activation))
        self.head = nn.Linear(config.width, config.classes)


class Mixer(ZooNetwork):
    """A classifier that mixes tokens by a perceptron over their places.

    Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision" (NeurIPS 2021).
    """

    config: MixerConfig

    def __init__(self, config: MixerConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(MixerConfig, config)
        count = (IMAGE_SIDE // config.patch) ** 2
        self.patches = PatchEmbedding(config.patch, config.width)
        self.blocks = nn.Sequential()
        for _ in range(config.depth):
            mixing = {"mixing": TokenMixing(count, config.token_hidden, config.activation)}
            self.blocks.append(
                Block(mixing, config.width, config.channel_hidden, config.activation)
            )
        self.norm = nn.LayerNorm(config.width)
        self.mean = Mean()
        self.head = nn.Linear(config.width, config.classes)


class ViT(ZooNetwork):
    """A classifier that mixes tokens by attention.

    Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021), with the normalisation
    before each step.
    """

    config: ViTConfig

    def __init__(self, config: ViTConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(ViTConfig, config)
        count = (IMAGE_SIDE // config.patch) ** 2
        self.patches = PatchEmbedding(config.patch, config.width)
        if config.readout == "class":
            self.token = ClassToken(config.width)
            count += 1
        self.positions = Positions(count, config.width)
        self.blocks = nn.Sequential()
        for _ in range(config.depth):
            mixing = {
                "queries": nn.Linear(config.width, 3 * config.width),
                "attention": Attention(config.heads),
                "values": nn.Linear(config.width, config.width),
            }
            self.blocks.append(Block(mixing, config.width, config.hidden, config.activation))
        self.norm = nn.LayerNorm(config.width)
        self.readout = FirstToken() if config.readout == "class" else Mean()
        self.head = nn.Linear(config.width, config.classes)


def _after(step: nn.Module, here: FeatureRepresentation) -> FeatureRepresentation:
    """Return what acts on the output of a step, given what acts on its input."""
    if isinstance(step, nn.Conv2d | WindowMaximum | Blur):
        assert isinstance(here, Image)
        if isinstance(step, nn.Conv2d):
            return here.after_window(step.kernel_size[0], step.stride[0], int(step.padding[0]))
        if isinstance(step, Blur):
            return here.after_window(3, stride=2, padding=1)
        return here.after_window(cast(int, step.kernel_size), cast(int, step.stride))
    if isinstance(step, PatchEmbedding):
        patch = step.projection.kernel_size[0]
        count = IMAGE_SIDE // patch
        return Tokens(count, count, 0, stride=patch, offset=(patch - 1) / 2)
    if isinstance(step, ClassToken):  # the same for all images: no transformation acts on it
        assert isinstance(here, Tokens)
        return dataclasses.replace(here, extra=1)
    return Trivial() if kind_of(step) == "readout" else here
