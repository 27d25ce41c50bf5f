"""A zoo of small classifiers of digits, made to be read layer by layer.

Four architectures, each in several sizes: a convolutional network with three ways to make its
grid coarser (:class:`CNN`), a perceptron (:class:`MLP`), an MLP-Mixer (:class:`Mixer`) and a
vision transformer (:class:`ViT`). None of them knows anything about rotations. They are what
a measurement of learned symmetry is made on.

Three properties make that measurement possible.

**Every step is a module.** Whatever can break a symmetry (a convolution, a nonlinearity, a
pooling, a normalisation, the cutting into patches, the positions, the mixing of tokens) is a
submodule with a name, takes one tensor and returns one. Between these modules nothing happens
but the sum of a residual connection. The method ``leaves`` of a network names them all, in the
order of computation, with what kind of step each is and with how a transformation of the image
acts on what goes in and on what comes out (:class:`utils.models.base.Leaf`).

**Forward-mode differentiation enters everywhere.** Attention is written out. In evaluation
mode, in which a network is measured, batch norm is nothing but a scale and an offset for each
channel.

**Every grid has the centre of the image.** A layer of stride two keeps every second position.
A convolution with an odd kernel, stride two and equal padding on 28 pixels keeps positions 0,
2, ..., 26; their centre lies half a pixel beside that of the image, and a quarter turn of the
image does not map them to each other. Here a layer of stride two has an even window on a grid
with an even number of pixels and an odd one on a grid with an odd number, so that a quarter
turn maps every grid to itself::

    maximum   28 → conv → 28 → maximum of 2×2, stride 2 → 14 → ... → 7 → conv → logits
    stride    28 → conv with stride 2 → 14 → conv with stride 2 → 7 → conv → logits
    blur      28 → conv → 28 → maximum of 2×2 → 27 → blur, stride 2 → 14 → ... → 7 → conv → logits

The third is the anti-aliased pooling of Zhang, "Making Convolutional Networks
Shift-Invariant Again" (ICML 2019): the maximum is taken at every position, and the result is
blurred before every second position is left out.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.generators import FeatureRepresentation, Image, Tokens, Trivial
from utils.models.base import (
    Kind,
    Leaf,
    Network,
    NetworkConfig,
    Stepwise,
    WindowMaximum,
    check_images,
)

__all__ = [
    "CNN",
    "MLP",
    "Activation",
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

Activation = Literal["relu", "gelu"]
"""The nonlinearity, applied to every number by itself."""

Downsampling = Literal["maximum", "stride", "blur"]
"""How a convolutional network makes its grid coarser: see the head of the module."""

Padding = Literal["zeros", "circular"]
"""What a convolution reads outside the frame: nothing, or the other side of the image."""

ImageReadout = Literal["places", "mean"]
"""What a convolutional network classifies: all numbers at their places, or means over places."""

Readout = Literal["class", "mean"]
"""What a transformer classifies: its extra token, or the mean over the tokens of patches."""

IMAGE_SIDE = 28
_KERNELS = (3, 5, 7)
_BINOMIAL = (1.0, 2.0, 1.0)


def _check_word(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def _check_patch(patch: int) -> None:
    if IMAGE_SIDE % patch:
        raise ValueError(
            f"patch must divide the {IMAGE_SIDE} pixels of a side without remainder, not {patch}"
        )


# ---------------------------------------------------------------- configurations


@dataclass(frozen=True)
class CNNConfig(NetworkConfig):
    """The shape of a :class:`CNN`.

    Parameters
    ----------
    widths : tuple of int
        Number of channels after the first, second and third convolution.
    kernel : int
        Side of the filters: 3, 5 or 7. A convolution of stride two has filters one larger.
    downsampling : {"maximum", "stride", "blur"}
        How the grid becomes coarser, twice.
    activation : {"relu", "gelu"}
        The nonlinearity.
    padding : {"zeros", "circular"}
        What lies outside the frame.
    readout : {"places", "mean"}
        What the last linear map reads: every channel at every place, or the mean of each
        channel over all places.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer, or if ``widths`` is not a sequence of integers.
    ValueError
        If a value lies outside its range.
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
        if self.kernel not in _KERNELS:
            raise ValueError(
                f"kernel must be one of {', '.join(map(str, _KERNELS))}, not {self.kernel}"
            )
        _check_word("downsampling", self.downsampling, get_args(Downsampling))
        _check_word("activation", self.activation, get_args(Activation))
        _check_word("padding", self.padding, get_args(Padding))
        _check_word("readout", self.readout, get_args(ImageReadout))


@dataclass(frozen=True)
class MLPConfig(NetworkConfig):
    """The shape of an :class:`MLP`.

    Parameters
    ----------
    width : int
        Width of each hidden layer.
    depth : int
        Number of hidden layers.
    activation : {"relu", "gelu"}
        The nonlinearity.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a value lies outside its range.
    """

    network: ClassVar[str] = "perceptron"

    width: int = 64
    depth: int = 2
    activation: Activation = "relu"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(width=1, depth=1, classes=2)
        _check_word("activation", self.activation, get_args(Activation))


@dataclass(frozen=True)
class MixerConfig(NetworkConfig):
    """The shape of a :class:`Mixer`.

    Parameters
    ----------
    patch : int
        Side of a patch in pixels; it must divide 28.
    width : int
        Number of channels of a token.
    depth : int
        Number of blocks.
    token_hidden : int
        Width of the perceptron that mixes tokens.
    channel_hidden : int
        Width of the perceptron that mixes channels.
    activation : {"relu", "gelu"}
        The nonlinearity of both.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a value lies outside its range.
    """

    network: ClassVar[str] = "mixer"

    patch: int = 4
    width: int = 40
    depth: int = 3
    token_hidden: int = 32
    channel_hidden: int = 80
    activation: Activation = "gelu"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(patch=1, width=1, depth=1, token_hidden=1, channel_hidden=1, classes=2)
        _check_patch(self.patch)
        _check_word("activation", self.activation, get_args(Activation))


@dataclass(frozen=True)
class ViTConfig(NetworkConfig):
    """The shape of a :class:`ViT`.

    Parameters
    ----------
    patch : int
        Side of a patch in pixels; it must divide 28.
    width : int
        Number of channels of a token.
    depth : int
        Number of blocks.
    heads : int
        Number of attention heads; it must divide ``width``.
    hidden : int
        Width of the perceptron of a block.
    readout : {"class", "mean"}
        What is classified: an extra token, or the mean over the patches.
    activation : {"relu", "gelu"}
        The nonlinearity of the perceptron.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a value lies outside its range.
    """

    network: ClassVar[str] = "vision transformer"

    patch: int = 4
    width: int = 40
    depth: int = 3
    heads: int = 4
    hidden: int = 80
    readout: Readout = "class"
    activation: Activation = "gelu"
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(patch=1, width=1, depth=1, heads=1, hidden=1, classes=2)
        _check_patch(self.patch)
        if self.width % self.heads:
            raise ValueError(
                f"heads must divide the width of {self.width} without remainder, not {self.heads}"
            )
        _check_word("readout", self.readout, get_args(Readout))
        _check_word("activation", self.activation, get_args(Activation))


# ---------------------------------------------------------------- steps


def _activation(name: Activation) -> nn.Module:
    return nn.ReLU() if name == "relu" else nn.GELU()


class Blur(nn.Module):
    """Blur every channel with binomial weights, and keep every second position.

    The window is 3 × 3 with weights (1, 2, 1)/4 along each axis. Beyond the frame the image is
    mirrored at its outermost pixels, so that a constant image stays constant.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return the blurred features, ``(B, C, H, W)`` to ``(B, C, (H+1)/2, (W+1)/2)``."""
        channels = features.shape[1]
        weights = features.new_tensor(_BINOMIAL) / sum(_BINOMIAL)
        kernel = torch.outer(weights, weights).expand(channels, 1, -1, -1)
        padded = functional.pad(features, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, kernel, stride=2, groups=channels)


class SpatialMean(nn.Module):
    """Take the mean over all positions of an image."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the means, ``(B, C, H, W)`` to ``(B, C)``."""
        return features.mean(dim=(2, 3))


class PatchEmbedding(nn.Module):
    """Cut an image into square patches and map each linearly to a token."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(1, width, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens row by row, ``(B, 1, 28, 28)`` to ``(B, N, C)``."""
        return cast(Tensor, self.projection(images)).flatten(2).transpose(1, 2)


class ClassToken(nn.Module):
    """Put a learned token, the same for all images, before the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return one token more, ``(B, N, C)`` to ``(B, 1 + N, C)``."""
        return torch.cat([self.token.expand(len(tokens), 1, -1), tokens], dim=1)


class Positions(nn.Module):
    """Add a learned vector to every token, which says where the token is."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(0.02 * torch.randn(count, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the sum, ``(B, N, C)``."""
        return tokens + self.vectors


class TokenMixing(nn.Module):
    """Mix the tokens, every channel by itself, through a perceptron.

    The hidden numbers of this perceptron lie on no grid, so that no transformation of the
    image acts on them; the step is one.
    """

    def __init__(self, count: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.into = nn.Linear(count, hidden)
        self.activation = _activation(activation)
        self.back = nn.Linear(hidden, count)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return mixed tokens, ``(B, N, C)``."""
        hidden = self.activation(self.into(tokens.transpose(1, 2)))
        return cast(Tensor, self.back(hidden)).transpose(1, 2)


class Attention(nn.Module):
    """Replace the values of every token by averages, with weights from queries and keys.

    Written out, because forward-mode differentiation does not enter the fused attention of
    PyTorch. It has no weights: the linear maps before and after are steps of their own.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, tokens: Tensor) -> Tensor:
        """Return averages of values, ``(B, N, 3 C)`` to ``(B, N, C)``."""
        query, key, value = tokens.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        return (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)


class FirstToken(nn.Module):
    """Take the first token."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return it, ``(B, N, C)`` to ``(B, C)``."""
        return tokens[:, 0]


class TokenMean(nn.Module):
    """Take the mean over all tokens."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return it, ``(B, N, C)`` to ``(B, C)``."""
        return tokens.mean(dim=1)


class MixerBlock(nn.Module):
    """Mix tokens, then channels, each around a residual connection."""

    def __init__(self, count: int, config: MixerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.mixing = TokenMixing(count, config.token_hidden, config.activation)
        self.norm2 = nn.LayerNorm(config.width)
        self.into = nn.Linear(config.width, config.channel_hidden)
        self.activation = _activation(config.activation)
        self.back = nn.Linear(config.channel_hidden, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape, ``(B, N, C)``."""
        tokens = tokens + self.mixing(self.norm1(tokens))
        return tokens + self.back(self.activation(self.into(self.norm2(tokens))))


class TransformerBlock(nn.Module):
    """Attention, then a perceptron for each token, each around a residual connection."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.queries = nn.Linear(config.width, 3 * config.width)
        self.attention = Attention(config.heads)
        self.values = nn.Linear(config.width, config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.into = nn.Linear(config.width, config.hidden)
        self.activation = _activation(config.activation)
        self.back = nn.Linear(config.hidden, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape, ``(B, N, C)``."""
        tokens = tokens + self.values(self.attention(self.queries(self.norm1(tokens))))
        return tokens + self.back(self.activation(self.into(self.norm2(tokens))))


# ---------------------------------------------------------------- networks


class ZooNetwork(Network, Stepwise, ABC):
    """What the networks of the zoo share: the door, and the steps one after the other.

    A batch is never cut into pieces, so that whoever listens to a layer hears it once.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``, values in ``[0, 1]``. Turned digits may overshoot that
            range a little, as :func:`utils.data.mnist.rotate` leaves them.

        Returns
        -------
        torch.Tensor
            Logits of shape ``(B, classes)``.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        check_images(images, IMAGE_SIDE)
        tensor = images
        for step in self.children():
            tensor = step(tensor)
        return tensor


class CNN(ZooNetwork):
    """A classifier of three convolutions, each followed by batch norm, and a linear map.

    Parameters
    ----------
    config : CNNConfig, optional
        The shape of the network.

    Raises
    ------
    TypeError
        If ``config`` is not a :class:`CNNConfig`.

    Notes
    -----
    With circular padding, and apart from the two places where the grid becomes coarser and
    from the head, every step commutes with shifts of the image by whole pixels, exactly. A
    head that reads means does not change under them.
    """

    config: CNNConfig

    def __init__(self, config: CNNConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(CNNConfig, config)
        kind, channels = self.config.downsampling, 1
        for number, width in enumerate(self.config.widths, start=1):
            coarser = number < 3
            strided = coarser and kind == "stride"
            # An even window on an even grid: the centre stays where it is.
            side = self.config.kernel + strided
            self.add_module(
                f"conv{number}",
                nn.Conv2d(
                    channels,
                    width,
                    side,
                    stride=1 + strided,
                    padding=self.config.kernel // 2,
                    padding_mode=self.config.padding,
                    bias=False,
                ),
            )
            self.add_module(f"norm{number}", nn.BatchNorm2d(width))
            self.add_module(f"activation{number}", _activation(self.config.activation))
            if coarser and kind == "maximum":
                self.add_module(f"maximum{number}", WindowMaximum(2))
            if coarser and kind == "blur":
                self.add_module(f"maximum{number}", WindowMaximum(2, stride=1))
                self.add_module(f"blur{number}", Blur())
            channels = width
        if self.config.readout == "mean":
            self.add_module("mean", SpatialMean())
            self.add_module("head", nn.Linear(channels, self.config.classes))
        else:
            places = (IMAGE_SIDE // 4) ** 2
            linear = nn.Linear(channels * places, self.config.classes)
            self.add_module("head", nn.Sequential(nn.Flatten(), linear))

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`."""
        found: dict[str, Leaf] = {}
        here = Image()
        for name, step in self.named_children():
            if isinstance(step, nn.Conv2d):
                after = here.after_window(
                    _one(step.kernel_size), _one(step.stride), _one(step.padding)
                )
                kind: Kind = "convolution" if _one(step.stride) == 1 else "stride"
                found[name] = Leaf(kind, here, after)
                here = after
            elif isinstance(step, WindowMaximum):
                after = here.after_window(_one(step.kernel_size), _one(step.stride))
                found[name] = Leaf("pooling", here, after)
                here = after
            elif isinstance(step, Blur):
                after = here.after_window(3, stride=2, padding=1)
                found[name] = Leaf("blur", here, after)
                here = after
            elif isinstance(step, SpatialMean | nn.Sequential):
                found[name] = Leaf("readout", here, Trivial())
            elif isinstance(step, nn.Linear):
                found[name] = Leaf("linear", Trivial(), Trivial())
            elif isinstance(step, nn.BatchNorm2d):
                found[name] = Leaf("normalisation", here, here)
            else:
                found[name] = Leaf("nonlinearity", here, here)
        return found


class MLP(ZooNetwork):
    """A classifier that takes the pixels as a list of numbers.

    Parameters
    ----------
    config : MLPConfig, optional
        The shape of the network.

    Raises
    ------
    TypeError
        If ``config`` is not an :class:`MLPConfig`.
    """

    config: MLPConfig

    def __init__(self, config: MLPConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(MLPConfig, config)
        width = self.config.width
        self.linear1 = nn.Sequential(nn.Flatten(), nn.Linear(IMAGE_SIDE**2, width))
        self.activation1 = _activation(self.config.activation)
        for number in range(2, self.config.depth + 1):
            self.add_module(f"linear{number}", nn.Linear(width, width))
            self.add_module(f"activation{number}", _activation(self.config.activation))
        self.head = nn.Linear(width, self.config.classes)

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`."""
        found = {"linear1": Leaf("readout", Image(), Trivial())}
        for name, step in list(self.named_children())[1:]:
            kind: Kind = "linear" if isinstance(step, nn.Linear) else "nonlinearity"
            found[name] = Leaf(kind, Trivial(), Trivial())
        return found


class Mixer(ZooNetwork):
    """A classifier that mixes tokens by a perceptron over their places.

    Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision" (NeurIPS 2021).

    Parameters
    ----------
    config : MixerConfig, optional
        The shape of the network.

    Raises
    ------
    TypeError
        If ``config`` is not a :class:`MixerConfig`.
    """

    config: MixerConfig

    def __init__(self, config: MixerConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(MixerConfig, config)
        width, count = self.config.width, (IMAGE_SIDE // self.config.patch) ** 2
        self.patches = PatchEmbedding(self.config.patch, width)
        self.blocks = nn.Sequential(
            *(MixerBlock(count, self.config) for _ in range(self.config.depth))
        )
        self.norm = nn.LayerNorm(width)
        self.mean = TokenMean()
        self.head = nn.Linear(width, self.config.classes)

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`."""
        grid = _patch_grid(self.config.patch)
        found = {"patches": Leaf("patches", Image(), grid)}
        for number in range(self.config.depth):
            found |= {
                f"blocks.{number}.{name}": Leaf(kind, grid, grid)
                for name, kind in _MIXER_BLOCK.items()
            }
        found["norm"] = Leaf("normalisation", grid, grid)
        found["mean"] = Leaf("readout", grid, Trivial())
        found["head"] = Leaf("linear", Trivial(), Trivial())
        return found


class ViT(ZooNetwork):
    """A classifier that mixes tokens by attention.

    Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021), with the normalisation
    before each step.

    Parameters
    ----------
    config : ViTConfig, optional
        The shape of the network.

    Raises
    ------
    TypeError
        If ``config`` is not a :class:`ViTConfig`.
    """

    config: ViTConfig

    def __init__(self, config: ViTConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(ViTConfig, config)
        width, count = self.config.width, (IMAGE_SIDE // self.config.patch) ** 2
        self.patches = PatchEmbedding(self.config.patch, width)
        if self.config.readout == "class":
            self.token = ClassToken(width)
            count += 1
        self.positions = Positions(count, width)
        self.blocks = nn.Sequential(
            *(TransformerBlock(self.config) for _ in range(self.config.depth))
        )
        self.norm = nn.LayerNorm(width)
        self.readout = FirstToken() if self.config.readout == "class" else TokenMean()
        self.head = nn.Linear(width, self.config.classes)

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`."""
        grid = _patch_grid(self.config.patch)
        found = {"patches": Leaf("patches", Image(), grid)}
        if self.config.readout == "class":
            # A token that is the same for all images: no transformation acts on it.
            longer = _patch_grid(self.config.patch, extra=1)
            found["token"] = Leaf("linear", grid, longer)
            grid = longer
        found["positions"] = Leaf("positions", grid, grid)
        for number in range(self.config.depth):
            found |= {
                f"blocks.{number}.{name}": Leaf(kind, grid, grid)
                for name, kind in _TRANSFORMER_BLOCK.items()
            }
        found["norm"] = Leaf("normalisation", grid, grid)
        found["readout"] = Leaf("readout", grid, Trivial())
        found["head"] = Leaf("linear", Trivial(), Trivial())
        return found


# The names of the steps of a block, in the order of computation.
_MIXER_BLOCK: Mapping[str, Kind] = MappingProxyType(
    {
        "norm1": "normalisation",
        "mixing": "token mixing",
        "norm2": "normalisation",
        "into": "linear",
        "activation": "nonlinearity",
        "back": "linear",
    }
)
_TRANSFORMER_BLOCK: Mapping[str, Kind] = MappingProxyType(
    {
        "norm1": "normalisation",
        "queries": "linear",
        "attention": "attention",
        "values": "linear",
        "norm2": "normalisation",
        "into": "linear",
        "activation": "nonlinearity",
        "back": "linear",
    }
)


def _patch_grid(patch: int, extra: int = 0) -> FeatureRepresentation:
    """Return what acts on tokens, one for each patch, after some that nothing moves."""
    count = IMAGE_SIDE // patch
    return Tokens(count, count, extra, stride=patch, offset=(patch - 1) / 2)


def _one(value: Any) -> int:
    """Return the number that stands for both axes of a layer."""
    return int(value[0] if isinstance(value, tuple) else value)
