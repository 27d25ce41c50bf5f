"""Classifiers of digits that are equivariant under rotations.

:class:`RotationCNN` is equivariant under the rotations by multiples of 360°/n, the group
``C_n``; :class:`SO2CNN` under the rotations by any angle, the group ``SO(2)``. Both are
stacks of steerable convolutions (Weiler & Cesa, "General E(2)-Equivariant Steerable CNNs",
NeurIPS 2019) built with the library e2cnn. This module is the only one of the project that
imports e2cnn.

The path of an image through the default network, with the side of the grid::

    image 28 → centred 29 → circular mask
      → conv 7×7 → 25 → pool → 13
      → conv 5×5 → 13 → pool →  7
      → conv 5×5 →  5
      → conv 5×5 →  1   the latent code: k copies of the regular representation of C_n
      → pool over the group → MLP → logits

There is no nonlinearity after the last convolution, so the code is an affine image of the
features before it, and its entries take both signs. The network for SO(2) takes the same
path; its features are *frequencies* instead of copies of the regular representation, and
its code is k complex numbers for each frequency.

**Why the grid is odd.** A rotation by 90° is exact on a pixel grid: it permutes the pixels.
A layer with stride two keeps that symmetry only if the pixels it keeps are themselves
symmetric about the centre, and every second pixel of a row is so only when the row has an
odd number of pixels. The sides above are all odd (29, 25, 13, 7, 5, 1) and every padding is
the same on all four sides. The code of a turned image is then the turned code up to
rounding.

The digits have 28 pixels a side, so they have to be brought to an odd grid first, and the
obvious ways break the symmetry: a row of zeros on two of the four sides moves the centre
of the grid away from the centre about which the digit turns, by half a pixel. Here the
image is read instead at the 29 × 29 *corners* of its 28 × 28 pixels. These corners are a
square grid of the same spacing and with the same centre, so a quarter turn of the pixels
is a quarter turn of the corners. Each corner lies half-way between pixels in both
directions. Its value is a cubic interpolation of the four nearest pixels along each axis,
with weights (−1, 9, 9, −1)/16, and the image is taken to be zero outside its frame. The
weights are the same everywhere, so no part of the image is blurred more than another.
See :func:`centred_on_odd_grid`.

**SO(2) in e2cnn 0.2.3.** The library finds a basis of kernels again by its hash, and PyTorch
asks for the same hash whenever it walks over the modules of a network. For continuous
rotations that hash calls ``ndarray.tostring``, which NumPy 2.3 removed (it had been another
name of ``tobytes``), so that no network for SO(2) can be built. The place is
``R2ContinuousRotationsSolution.__hash__`` in ``e2cnn/kernels/irreps_basis.py``. Nothing of
e2cnn is changed here. A space in e2cnn says in one method how its kernels are built, and
:class:`_ContinuousRotations` is such a space: it builds the same kernels from
:class:`_HashableSolution`, a subclass in which only the hash is new.
"""

from __future__ import annotations

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, get_args

import torch
from e2cnn import gspaces, kernels
from e2cnn import nn as enn
from e2cnn.kernels.irreps_basis import R2ContinuousRotationsSolution
from torch import Tensor, nn

from utils.generators import Image, RegularField, Trivial
from utils.models.base import (
    Kind,
    Leaf,
    Network,
    NetworkConfig,
    Stepwise,
    check_image_shape,
    check_images,
)

__all__ = [
    "SO2CNN",
    "Head",
    "PlainClassifier",
    "RotationCNN",
    "RotationCNNConfig",
    "SO2CNNConfig",
    "SteerableConfig",
    "SteerableNetwork",
    "centred_on_odd_grid",
    "plain_classifier",
    "plain_convolutions",
]

Head = Literal["max", "mean", "norm"]
"""How the classifier pools the latent code over the group."""

GROUP_ORDERS = (4, 8, 16)
MAX_FREQUENCIES = (1, 8)
IMAGE_SIDE = 28
GRID_SIDE = 29
_HALF_PIXEL = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class SteerableConfig(NetworkConfig):
    """What the configurations of this module share."""

    network: ClassVar[str] = "rotation network"


@dataclass(frozen=True)
class RotationCNNConfig(SteerableConfig):
    """The shape of a :class:`RotationCNN`.

    Parameters
    ----------
    group_order : int
        Number ``n`` of rotations in the group ``C_n``: 4, 8 or 16.
    widths : tuple of int
        Number of copies of the regular representation after the first, second and third
        convolution. The number of channels is ``n`` times as large.
    copies : int
        Number ``k`` of copies of the regular representation in the latent code.
    head : {"max", "mean", "norm"}
        Pooling over the group between the code and the classifier: the largest entry, the
        mean, or the Euclidean norm of each copy.
    hidden : int
        Width of the hidden layer of the classifier.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer, or if ``widths`` is not a sequence of integers.
    ValueError
        If a value lies outside its range.
    """

    group_order: int = 8
    widths: tuple[int, int, int] = (4, 6, 8)
    copies: int = 16
    head: Head = "max"
    hidden: int = 64
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        self._check_widths(3)
        self._check_numbers(group_order=1, copies=1, hidden=1, classes=2)
        if self.group_order not in GROUP_ORDERS:
            raise ValueError(
                f"group_order must be one of {', '.join(map(str, GROUP_ORDERS))}, "
                f"not {self.group_order}"
            )
        if self.head not in get_args(Head):
            raise ValueError(
                f"head must be one of {', '.join(map(repr, get_args(Head)))}, not {self.head!r}"
            )


@dataclass(frozen=True)
class SO2CNNConfig(SteerableConfig):
    """The shape of a :class:`SO2CNN`.

    Parameters
    ----------
    max_frequency : int
        Largest frequency ``F`` of the features and of the code, from 1 to 8.
    widths : tuple of int
        Number of copies of *each* frequency 0, ..., F after the first, second and third
        convolution. The number of channels is ``2 F + 1`` times as large.
    copies : int
        Number ``k`` of copies of each frequency in the latent code.
    hidden : int
        Width of the hidden layer of the classifier.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer, or if ``widths`` is not a sequence of integers.
    ValueError
        If a value lies outside its range.
    """

    max_frequency: int = 3
    widths: tuple[int, int, int] = (4, 6, 8)
    copies: int = 16
    hidden: int = 64
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        least, most = MAX_FREQUENCIES
        self._check_widths(3)
        self._check_numbers(max_frequency=least, copies=1, hidden=1, classes=2)
        if self.max_frequency > most:
            raise ValueError(
                f"max_frequency must be at most {most}, not {self.max_frequency}: the filters of "
                f"five pixels a side cannot tell higher frequencies apart"
            )


def centred_on_odd_grid(images: Tensor) -> Tensor:
    """Read 28 × 28 images at the 29 × 29 corners of their pixels.

    The corners form a grid with an odd number of points and the same centre as the pixels,
    so that the map commutes with quarter turns and with reflections: it is what the
    network does to an image before anything else (see the head of this module). Images
    that are already 29 × 29 are returned as they are.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)``, floating point.

    Returns
    -------
    torch.Tensor
        Shape ``(B, 1, 29, 29)``.

    Raises
    ------
    TypeError
        If ``images`` is not a floating-point tensor.
    ValueError
        If the shape is another one.
    """
    check_image_shape(images, IMAGE_SIDE, GRID_SIDE)
    if images.shape[-1] == GRID_SIDE:
        return images
    weights = images.new_tensor(_HALF_PIXEL)
    kernel = torch.outer(weights, weights)[None, None]
    return nn.functional.conv2d(images, kernel, padding=2)


@contextlib.contextmanager
def _quiet_e2cnn() -> Iterator[None]:
    """Silence the one warning e2cnn 0.2.3 causes in present-day PyTorch, and no other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*indexing with dtype torch.uint8.*")
        yield


class SteerableNetwork(Network, ABC):
    """What the networks of this module share: the way in, the classifier, the learned state.

    A subclass sets ``image_type``, ``trunk`` (from images to the latent code on a grid of
    one pixel) and ``classifier``.
    """

    # Larger pieces have maps too large for the allocator to keep, and every layer pays for
    # fresh pages: with C_16, half as much time again for 256 rows as for 64.
    _rows: ClassVar[int] = 64

    image_type: enn.FieldType
    trunk: enn.SequentialModule
    classifier: nn.Sequential

    @property
    @abstractmethod
    def _code_shape(self) -> tuple[int, int]:
        """Shape of one code."""

    @abstractmethod
    def _arrange(self, features: Tensor) -> Tensor:
        """Bring the channels of the last layer, ``(B, C)``, into the shape of codes."""

    @abstractmethod
    def pool(self, codes: Tensor) -> Tensor:
        """Pool codes to numbers that do not change when the image turns."""

    def _encode(self, images: Tensor) -> Tensor:
        check_images(images, IMAGE_SIDE, GRID_SIDE)
        grid = centred_on_odd_grid(images)
        if len(grid) == 0:
            return grid.new_zeros(0, *self._code_shape)
        return self._in_pieces(self._encode_piece, grid)

    def _encode_piece(self, grid: Tensor) -> Tensor:
        features = self.trunk(enn.GeometricTensor(grid, self.image_type)).tensor
        return self._arrange(features.flatten(1))

    def _check_codes(self, codes: Tensor) -> None:
        copies, size = self._code_shape
        if codes.ndim != 3 or tuple(codes.shape[1:]) != (copies, size):
            raise ValueError(
                f"codes must have shape (B, {copies}, {size}), not {tuple(codes.shape)}"
            )

    def _make_classifier(self, inputs: int, hidden: int, classes: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)``, values in ``[0, 1]``.

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
        return cast(Tensor, self.classifier(self.pool(self._encode(images))))

    def _learned(self) -> dict[str, Tensor]:
        """Name every trainable parameter and every batch-norm statistic, without copying.

        The expanded filters of e2cnn are left out. They follow from the parameters, and
        they are what goes stale when a state is loaded in the wrong mode.
        """
        learned: dict[str, Tensor] = {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }
        for prefix, module in self.named_modules():
            for name, buffer in module.named_buffers(recurse=False):
                if name in _STATISTICS:
                    learned[f"{prefix}.{name}"] = buffer
        return learned

    def _load(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state that fits, and rebuild the expanded filters."""
        mode = self.training
        self.train()  # drops the expanded filters, so that no stale one can survive
        super()._load(state)
        self.train(mode)  # in evaluation mode e2cnn expands the new filters here


class RotationCNN(SteerableNetwork):
    """A digit classifier whose latent code transforms by cyclic shifts under rotation.

    Parameters
    ----------
    config : RotationCNNConfig, optional
        The shape of the network; the default is the C8 network of the book.

    Notes
    -----
    *Direction.* Write ``x`` for an image and ``R x`` for the image turned
    counter-clockwise by ``360°/n``. Then ``encode(R x)`` is
    ``torch.roll(encode(x), 1, dims=-1)``. This is exact (to rounding) for quarter turns,
    which permute the pixels, and approximate for the other elements of the group, because
    a turned image has to be interpolated.

    *Modes.* An e2cnn convolution keeps its expanded filter as a buffer in evaluation mode
    and throws it away in training mode. A ``state_dict`` taken in one mode and loaded with
    ``strict=False`` in the other leaves old filters in place without an error. Use
    :meth:`~utils.models.base.Network.checkpoint_state` and
    :meth:`~utils.models.base.Network.load_checkpoint_state`, which hold only what was
    learned and are exact in both modes.
    """

    config: RotationCNNConfig

    def __init__(self, config: RotationCNNConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(RotationCNNConfig, config)
        n = self.config.group_order
        space = gspaces.Rot2dOnR2(N=n)
        image = enn.FieldType(space, [space.trivial_repr])
        types = [
            enn.FieldType(space, [space.regular_repr] * count)
            for count in (*self.config.widths, self.config.copies)
        ]
        first, second, third, code = types
        self.image_type = image
        with _quiet_e2cnn():
            self.trunk = enn.SequentialModule(
                enn.MaskModule(image, GRID_SIDE, margin=1),
                enn.R2Conv(image, first, kernel_size=7, padding=1, bias=False),
                enn.InnerBatchNorm(first),
                enn.ReLU(first, inplace=True),
                enn.PointwiseAvgPoolAntialiased(first, sigma=0.66, stride=2),
                enn.R2Conv(first, second, kernel_size=5, padding=2, bias=False),
                enn.InnerBatchNorm(second),
                enn.ReLU(second, inplace=True),
                enn.PointwiseAvgPoolAntialiased(second, sigma=0.66, stride=2),
                enn.R2Conv(second, third, kernel_size=5, padding=1, bias=False),
                enn.InnerBatchNorm(third),
                enn.ReLU(third, inplace=True),
                enn.R2Conv(third, code, kernel_size=5, padding=0, bias=True),
            )
        self.classifier = self._make_classifier(
            self.config.copies, self.config.hidden, self.config.classes
        )

    @property
    def _code_shape(self) -> tuple[int, int]:
        return self.config.copies, self.config.group_order

    def _arrange(self, features: Tensor) -> Tensor:
        return features.reshape(len(features), *self._code_shape)

    def encode(self, images: Tensor) -> Tensor:
        """Return the latent codes of images.

        Without gradients and in evaluation mode the images pass through in pieces, so that
        the memory needed does not grow with their number.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)``, values in ``[0, 1]``.

        Returns
        -------
        torch.Tensor
            Shape ``(B, k, n)``: ``k`` copies of the regular representation of ``C_n``. A
            counter-clockwise turn of the image by ``360° r / n`` shifts the last axis as
            ``torch.roll(code, r, dims=-1)`` does.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        return self._encode(images)

    def pool(self, codes: Tensor) -> Tensor:
        """Pool codes over the group, as the head of the configuration says.

        Parameters
        ----------
        codes : torch.Tensor
            Shape ``(B, k, n)``.

        Returns
        -------
        torch.Tensor
            Shape ``(B, k)``; unchanged when the codes are shifted.

        Raises
        ------
        ValueError
            If ``codes`` has another shape.
        """
        self._check_codes(codes)
        return _pool_over_group(codes, self.config.head)


class _OddGrid(nn.Module):
    """Read images at the corners of their pixels, and mask the corners of the square."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask.clone())

    def forward(self, images: Tensor) -> Tensor:
        """Return the masked grid, shape ``(B, 1, 29, 29)``."""
        return centred_on_odd_grid(images) * self.get_buffer("mask")


def plain_convolutions(network: RotationCNN) -> nn.Sequential:
    """Write a trained network without its symmetry: as ordinary layers of PyTorch.

    At test time a steerable convolution is a convolution like any other. Its filters were
    built from fewer numbers, and that is all that is left of the symmetry. The result
    computes the same codes and holds no e2cnn module.

    Parameters
    ----------
    network : RotationCNN
        The network. It is not changed, and the result shares no memory with it.

    Returns
    -------
    torch.nn.Sequential
        In evaluation mode, from images ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)`` to codes
        ``(B, k, n)``.

    Raises
    ------
    TypeError
        If ``network`` is not a :class:`RotationCNN`.

    Notes
    -----
    e2cnn exports most of its modules itself (``module.export()``). It does not export the
    mask and the antialiased pooling of version 0.2.3, which are written out here.
    """
    if not isinstance(network, RotationCNN):
        raise TypeError(f"network must be a RotationCNN, not {type(network).__name__}")
    twin = RotationCNN(network.config).eval()  # exporting switches modules to evaluation mode
    twin.load_checkpoint_state(network.checkpoint_state())
    layers: list[nn.Module] = []
    for module in twin.trunk.children():
        if isinstance(module, enn.MaskModule):
            layers.append(_OddGrid(module.mask))
        elif isinstance(module, enn.PointwiseAvgPoolAntialiased):
            channels = module.in_type.size
            pool = nn.Conv2d(
                channels,
                channels,
                module.kernel_size,
                stride=module.stride,
                padding=module.padding,
                groups=channels,
                bias=False,
            )
            pool.weight.data.copy_(module.filter)
            layers.append(pool)
        else:
            layers.append(module.export())
    code = nn.Sequential(
        nn.Flatten(), nn.Unflatten(1, (network.config.copies, network.config.group_order))
    )
    device = next(network.parameters()).device
    return nn.Sequential(*layers, *code).eval().requires_grad_(False).to(device)


class PlainClassifier(nn.Sequential, Stepwise):
    """A trained rotation network as ordinary layers with names, from the image to the logits.

    What :func:`plain_convolutions` writes out, and the head. It computes what the network
    computes, holds no e2cnn module, and its steps can be read one by one. Make one with
    :func:`plain_classifier`.

    Parameters
    ----------
    network : RotationCNN
        The network. It is not changed, and the result shares no memory with it.
    """

    def __init__(self, network: RotationCNN) -> None:
        super().__init__()
        grid, *layers = plain_convolutions(network)
        self.group_order = network.config.group_order
        arranged, stages = nn.Sequential(*layers[-3:]), layers[:-3]
        self.add_module("grid", grid)
        names = ["conv", "norm", "relu", "blur"]
        for number, layer in enumerate(stages):
            name = f"{names[number % 4]}{number // 4 + 1}"
            # Out of place, so that whoever listens to the layer before hears what it said.
            self.add_module(name, nn.ReLU() if isinstance(layer, nn.ReLU) else layer)
        self.add_module("code", arranged)
        self.add_module("pool", _GroupPool(network.config.head))
        twin = RotationCNN(network.config)
        twin.load_checkpoint_state(network.checkpoint_state())
        head = [nn.ReLU() if isinstance(layer, nn.ReLU) else layer for layer in twin.classifier]
        for name, layer in zip(("hidden", "norm", "relu", "head"), head, strict=True):
            self.add_module(name, layer)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images, as :meth:`SteerableNetwork.forward` does."""
        check_images(images, IMAGE_SIDE, GRID_SIDE)
        return cast(Tensor, super().forward(images))

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`.

        The features are copies of the regular representation of ``C_n``. The representations
        are those for images of 28 pixels a side.
        """
        found = {"grid": Leaf("grid", Image(), Image(offset=-0.5))}
        here: Image | RegularField = Image(offset=-0.5)
        for name, step in self.named_children():
            if isinstance(step, nn.Conv2d):
                window = (step.kernel_size[0], step.stride[0], int(step.padding[0]))
                after = here.after_window(*window)
                field = RegularField(self.group_order, after.stride, after.offset)
                blurs = name.startswith("blur")
                found[name] = Leaf("blur" if blurs else "convolution", here, field)
                here = field
            elif isinstance(step, nn.BatchNorm2d | nn.ReLU) and "code" not in found:
                norm = isinstance(step, nn.BatchNorm2d)
                found[name] = Leaf("normalisation" if norm else "nonlinearity", here, here)
            elif name == "code":
                found[name] = Leaf("convolution", here, RegularField(self.group_order))
            elif name == "pool":
                found[name] = Leaf("readout", RegularField(self.group_order), Trivial())
            elif "pool" in found:
                kind: Kind = "nonlinearity" if isinstance(step, nn.ReLU) else "linear"
                found[name] = Leaf(kind, Trivial(), Trivial())
        return found


class _GroupPool(nn.Module):
    """Pool codes over the group, as the head of the configuration says."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, codes: Tensor) -> Tensor:
        """Return the pooled codes, ``(B, k, n)`` to ``(B, k)``."""
        return _pool_over_group(codes, self.head)


def _pool_over_group(codes: Tensor, head: Head) -> Tensor:
    if head == "max":
        return codes.amax(dim=-1)
    return codes.mean(dim=-1) if head == "mean" else torch.linalg.vector_norm(codes, dim=-1)


def plain_classifier(network: RotationCNN) -> PlainClassifier:
    """Write a trained network without its symmetry, from images to logits.

    Parameters
    ----------
    network : RotationCNN
        The network. It is not changed, and the result shares no memory with it.

    Returns
    -------
    PlainClassifier
        In evaluation mode, from images ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)`` to logits
        ``(B, classes)``, with a list of its steps.

    Raises
    ------
    TypeError
        If ``network`` is not a :class:`RotationCNN`.

    See Also
    --------
    plain_convolutions : The same for the codes.
    """
    plain = PlainClassifier(network).eval().requires_grad_(False)
    return plain.to(next(network.parameters()).device)


class _HashableSolution(R2ContinuousRotationsSolution):
    """The kernels between two frequencies, with a hash that NumPy 2.3 can compute."""

    __eq__ = R2ContinuousRotationsSolution.__eq__

    def __hash__(self) -> int:
        """Return the hash e2cnn means: ``tobytes`` in the place of ``tostring``."""
        return hash((self.in_irrep, self.out_irrep, self.mu.tobytes(), self.gamma.tobytes()))


class _ContinuousRotations(gspaces.Rot2dOnR2):
    """The plane under rotations by any angle (see the head of this module for the why)."""

    def __init__(self, max_frequency: int) -> None:
        super().__init__(N=-1, maximum_frequency=max_frequency)

    def _basis_generator(
        self, in_repr: Any, out_repr: Any, rings: Any, sigma: Any, **_: Any
    ) -> kernels.KernelBasis:
        angular = kernels.SteerableKernelBasis(_HashableSolution, in_repr, out_repr)
        return kernels.PolarBasis(kernels.GaussianRadialProfile(rings, sigma), angular)


class _NormalisedGates(enn.EquivariantModule):
    """Batch norm and gated nonlinearity of features that are split into frequencies.

    The incoming channels are ``F w`` gates, ``w`` numbers of frequency 0, and ``w`` pairs of
    each frequency 1, ..., F. A turn of the image turns the pairs and leaves the rest alone.
    So gates and numbers get an ordinary batch norm, and the numbers a ReLU. A pair may only
    be multiplied by an invariant number: it is divided by the root mean square of its
    entries over the batch and multiplied by a learned scale and by the sigmoid of its gate
    (Weiler et al., "3D Steerable CNNs", NeurIPS 2018). The gates are used up.

    One pass over the pairs does all of this; the layers of e2cnn take several, need single
    precision, and cost a third of a training step.
    """

    def __init__(self, space: _ContinuousRotations, width: int, max_frequency: int) -> None:
        super().__init__()
        self.width = width
        self.gates = width * max_frequency
        numbers = [space.trivial_repr]
        pairs = [space.irrep(f) for f in range(1, max_frequency + 1) for _ in range(width)]
        self.in_type = enn.FieldType(space, numbers * (self.gates + width) + pairs)
        self.out_type = enn.FieldType(space, numbers * width + pairs)
        self.norm = nn.BatchNorm2d(self.gates + width)
        self.weight = nn.Parameter(torch.ones(self.gates))
        self.running_var: Tensor
        self.register_buffer("running_var", torch.ones(self.gates))

    def forward(self, features: enn.GeometricTensor) -> enn.GeometricTensor:
        """Normalise the fields, and scale each by its gate."""
        channels = features.tensor
        invariant = self.norm(channels[:, : self.gates + self.width])
        pairs = channels[:, self.gates + self.width :].unflatten(1, (self.gates, 2))
        if self.training:
            mean_square = pairs.square().mean(dim=(0, 2, 3, 4))
            with torch.no_grad():
                self.running_var.lerp_(mean_square.to(self.running_var.dtype), 0.1)
        else:
            mean_square = self.running_var
        scale = self.weight * torch.rsqrt(mean_square + self.norm.eps)
        gate = torch.sigmoid(invariant[:, : self.gates]) * scale[:, None, None]
        numbers = torch.relu(invariant[:, self.gates :])
        out = torch.cat([numbers, (pairs * gate[:, :, None]).flatten(1, 2)], dim=1)
        return enn.GeometricTensor(out, self.out_type)

    def evaluate_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for a shape of the input."""
        return (input_shape[0], self.out_type.size, *input_shape[2:])


class SO2CNN(SteerableNetwork):
    """A digit classifier whose latent code turns with the image, for every angle.

    Parameters
    ----------
    config : SO2CNNConfig, optional
        The shape of the network; the default is the SO(2) network of the book.

    Notes
    -----
    *Direction.* Write ``x`` for an image, ``R x`` for the image turned counter-clockwise by
    the angle ``θ``, and ``z_f`` for the complex numbers of frequency ``f`` in the code of
    ``x`` (:meth:`frequencies`). Those of ``R x`` are ``exp(i f θ) z_f``. This is exact (to
    rounding) for quarter turns, which permute the pixels, and approximate for all other
    angles, because a turned image has to be interpolated and the filters are sampled on
    pixels.

    *Modes.* As with :class:`RotationCNN`, use
    :meth:`~utils.models.base.Network.checkpoint_state` and
    :meth:`~utils.models.base.Network.load_checkpoint_state`, and never ``state_dict``.
    """

    config: SO2CNNConfig

    def __init__(self, config: SO2CNNConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(SO2CNNConfig, config)
        top, copies = self.config.max_frequency, self.config.copies
        space = _ContinuousRotations(top)
        image = enn.FieldType(space, [space.trivial_repr])
        code = enn.FieldType(space, [space.irrep(f) for f in range(top + 1) for _ in range(copies)])
        first, second, third = (_NormalisedGates(space, width, top) for width in self.config.widths)
        self.image_type = image
        with _quiet_e2cnn():
            self.trunk = enn.SequentialModule(
                enn.MaskModule(image, GRID_SIDE, margin=1),
                enn.R2Conv(image, first.in_type, kernel_size=7, padding=1, bias=False),
                first,
                enn.PointwiseAvgPoolAntialiased(first.out_type, sigma=0.66, stride=2),
                enn.R2Conv(first.out_type, second.in_type, kernel_size=5, padding=2, bias=False),
                second,
                enn.PointwiseAvgPoolAntialiased(second.out_type, sigma=0.66, stride=2),
                enn.R2Conv(second.out_type, third.in_type, kernel_size=5, padding=1, bias=False),
                third,
                enn.R2Conv(third.out_type, code, kernel_size=5, padding=0, bias=True),
            )
        self.classifier = self._make_classifier(
            copies * (top + 1), self.config.hidden, self.config.classes
        )

    @property
    def _code_shape(self) -> tuple[int, int]:
        return self.config.copies, 2 * self.config.max_frequency + 1

    def _arrange(self, features: Tensor) -> Tensor:
        # The channels come frequency by frequency, all copies of one frequency together.
        copies, top = self.config.copies, self.config.max_frequency
        pairs = features[:, copies:].reshape(len(features), top, copies, 2).transpose(1, 2)
        return torch.cat([features[:, :copies, None], pairs.flatten(2)], dim=2)

    def encode(self, images: Tensor) -> Tensor:
        """Return the latent codes of images, as real numbers.

        Without gradients and in evaluation mode the images pass through in pieces, so that
        the memory needed does not grow with their number.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)``, values in ``[0, 1]``.

        Returns
        -------
        torch.Tensor
            Shape ``(B, k, 2 F + 1)``. Along the last axis: frequency 0, then the real and
            the imaginary part of frequency 1, of frequency 2, and so on to ``F``.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        return self._encode(images)

    def frequencies(self, codes: Tensor) -> Tensor:
        """Return codes as complex numbers, one for each copy and frequency.

        Parameters
        ----------
        codes : torch.Tensor
            Shape ``(B, k, 2 F + 1)``, as :meth:`encode` returns them.

        Returns
        -------
        torch.Tensor
            Complex, shape ``(B, k, F + 1)``. A counter-clockwise turn of the image by ``θ``
            multiplies entry ``f`` of the last axis by ``exp(i f θ)``. Entry 0 is real.

        Raises
        ------
        ValueError
            If ``codes`` has another shape.
        """
        self._check_codes(codes)
        real = torch.cat([codes[..., :1], codes[..., 1::2]], dim=-1)
        imaginary = torch.cat([torch.zeros_like(codes[..., :1]), codes[..., 2::2]], dim=-1)
        return torch.complex(real, imaginary)

    def pool(self, codes: Tensor) -> Tensor:
        """Return what a turn of the image leaves alone: frequency 0, and moduli of the others.

        Parameters
        ----------
        codes : torch.Tensor
            Shape ``(B, k, 2 F + 1)``.

        Returns
        -------
        torch.Tensor
            Shape ``(B, k (F + 1))``: for each copy in turn, frequency 0 (which has a sign)
            and then the moduli of frequencies 1 to ``F``.

        Raises
        ------
        ValueError
            If ``codes`` has another shape.
        """
        self._check_codes(codes)
        pairs = codes[..., 1:].unflatten(-1, (self.config.max_frequency, 2))
        moduli = torch.linalg.vector_norm(pairs, dim=-1)
        return torch.cat([codes[..., :1], moduli], dim=-1).flatten(1)
