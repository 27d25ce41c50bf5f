"""The networks for rotations: their shapes, and the way from images to codes and logits."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, get_args

import torch
from e2cnn import gspaces
from e2cnn import nn as enn
from torch import Tensor, nn

from utils._checks import check_choice
from utils._precision import single_by_default
from utils.models.base import Network, NetworkConfig, check_images
from utils.models.rotation_cnn.continuous import ContinuousRotations, NormalisedGates
from utils.models.rotation_cnn.odd_grid import GRID_SIDE, IMAGE_SIDE, centred_on_odd_grid

__all__ = [
    "SO2CNN",
    "Head",
    "RotationCNN",
    "RotationCNNConfig",
    "SO2CNNConfig",
    "SteerableConfig",
    "SteerableNetwork",
    "pool_over_group",
]

Head = Literal["max", "mean", "norm"]
"""How the classifier pools the latent code over the group."""

_GROUP_ORDERS = (4, 8, 16)
_HIGHEST_FREQUENCY = 8
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class SteerableConfig(NetworkConfig):
    """What the configurations of this room share."""

    network: ClassVar[str] = "rotation network"

    hidden: int
    classes: int


@dataclass(frozen=True)
class RotationCNNConfig(SteerableConfig):
    """The shape of a :class:`~utils.models.rotation_cnn.RotationCNN`.

    Parameters
    ----------
    group_order : int
        Number ``n`` of rotations in the group ``C_n``: 4, 8 or 16.
    widths : tuple of int
        Copies of the regular representation after the first, second and third convolution;
        there are ``n`` times as many channels.
    copies : int
        Number ``k`` of copies of the regular representation in the latent code.
    head : {"max", "mean", "norm"}
        Pooling over the group between the code and the classifier: the largest entry, the
        mean, or the Euclidean norm of each copy.
    hidden, classes : int
        Widths of the classifier.
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
        check_choice(self.group_order, "group_order", _GROUP_ORDERS)
        check_choice(self.head, "head", get_args(Head))


@dataclass(frozen=True)
class SO2CNNConfig(SteerableConfig):
    """The shape of a :class:`~utils.models.rotation_cnn.SO2CNN`.

    Parameters
    ----------
    max_frequency : int
        Largest frequency ``F`` of the features and of the code, from 1 to 8.
    widths : tuple of int
        Copies of *each* frequency 0, ..., F after the first, second and third convolution;
        there are ``2 F + 1`` times as many channels.
    copies : int
        Number ``k`` of copies of each frequency in the latent code.
    hidden, classes : int
        Widths of the classifier.
    """

    max_frequency: int = 3
    widths: tuple[int, int, int] = (4, 6, 8)
    copies: int = 16
    hidden: int = 64
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        self._check_widths(3)
        self._check_numbers(max_frequency=1, copies=1, hidden=1, classes=2)
        if self.max_frequency > _HIGHEST_FREQUENCY:
            raise ValueError(
                f"max_frequency must be at most {_HIGHEST_FREQUENCY}, not {self.max_frequency}: "
                f"filters of five pixels a side cannot tell higher frequencies apart"
            )


class SteerableNetwork(Network, ABC):
    """What the networks of this room share: trunk, classifier, and the learned state.

    A subclass hands on how images and codes transform, what follows each of the three inner
    convolutions, and how many numbers the classifier reads; it arranges the channels of the
    trunk's last layer as codes, and pools codes.

    Notes
    -----
    *Modes.* An e2cnn convolution keeps its expanded filter as a buffer in evaluation mode
    and throws it away in training mode. A ``state_dict`` taken in one mode and loaded with
    ``strict=False`` in the other leaves old filters in place without an error. Use
    :meth:`~utils.models.base.Network.checkpoint_state` and
    :meth:`~utils.models.base.Network.load_checkpoint_state`, which hold only what was
    learned and are exact in both modes.
    """

    # Larger pieces have maps too large for the allocator to keep, and every layer pays for
    # fresh pages: with C_16, half as much time again for 256 rows as for 64.
    _rows: ClassVar[int] = 64

    @single_by_default()  # e2cnn keeps its bases in the default type of the first who asks
    def __init__(
        self,
        config: SteerableConfig,
        image: enn.FieldType,
        stages: Sequence[list[enn.EquivariantModule]],
        code: enn.FieldType,
        pooled: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.image_type = image
        layers = [enn.MaskModule(image, GRID_SIDE, margin=1)]
        before = image
        for number, (stage, side, padding) in enumerate(
            zip(stages, (7, 5, 5), (1, 2, 1), strict=True)
        ):
            layers += [_convolution(before, stage[0].in_type, side, padding), *stage]
            before = stage[-1].out_type
            if number < 2:
                layers.append(enn.PointwiseAvgPoolAntialiased(before, sigma=0.66, stride=2))
        layers.append(_convolution(before, code, 5, 0, bias=True))
        self.trunk = enn.SequentialModule(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(pooled, config.hidden),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(config.hidden, config.classes),
        )

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

    def encode(self, images: Tensor) -> Tensor:
        """Return the latent codes of images, in the shape that the class describes.

        Without gradients and in evaluation mode the images pass through in pieces, so that
        the memory needed does not grow with their number.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)``, values in ``[0, 1]`` (see
            :func:`utils.models.base.check_images`).
        """
        check_images(images, IMAGE_SIDE, GRID_SIDE)
        grid = centred_on_odd_grid(images)
        if len(grid) == 0:
            return grid.new_zeros(0, *self._code_shape)
        return self._in_pieces(self._encode_piece, grid)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images as :meth:`encode` takes them: logits of shape ``(B, classes)``."""
        return cast(Tensor, self.classifier(self.pool(self.encode(images))))

    def _encode_piece(self, grid: Tensor) -> Tensor:
        features = self.trunk(enn.GeometricTensor(grid, self.image_type)).tensor
        return self._arrange(features.flatten(1))

    def _check_codes(self, codes: Tensor) -> None:
        copies, size = self._code_shape
        if codes.ndim != 3 or tuple(codes.shape[1:]) != (copies, size):
            raise ValueError(
                f"codes must have shape (B, {copies}, {size}), not {tuple(codes.shape)}"
            )

    def _learned(self) -> dict[str, Tensor]:
        """Name every trainable parameter and every batch-norm statistic, without copying.

        The expanded filters of e2cnn are left out. They follow from the parameters, and
        they are what goes stale when a state is loaded in the wrong mode.
        """
        learned = {name: p for name, p in self.named_parameters() if p.requires_grad}
        statistics = {n: b for n, b in self.named_buffers() if n.endswith(_STATISTICS)}
        return learned | statistics

    def _load(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state that fits, and rebuild the expanded filters."""
        mode = self.training
        self.train()  # drops the expanded filters, so that no stale one can survive
        super()._load(state)
        self.train(mode)  # in evaluation mode e2cnn expands the new filters here


def _convolution(
    before: enn.FieldType, after: enn.FieldType, side: int, padding: int, bias: bool = False
) -> enn.R2Conv:
    """Make a steerable convolution with the initial weights that e2cnn gives it.

    Their scales depend on the types alone and cost most of the time it takes to make a
    network, so e2cnn keeps them for the next one.
    """
    with warnings.catch_warnings():  # the one that e2cnn 0.2.3 causes in present-day PyTorch
        warnings.filterwarnings("ignore", message=".*indexing with dtype torch.uint8.*")
        layer = enn.R2Conv(before, after, side, padding=padding, bias=bias, initialize=False)
        enn.init.generalized_he_init(layer.weights.data, layer.basisexpansion, cache=True)
    return layer


class RotationCNN(SteerableNetwork):
    """A digit classifier whose latent code transforms by cyclic shifts under rotation.

    Codes have shape ``(B, k, n)``: ``k`` copies of the regular representation of ``C_n``.

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

    Examples
    --------
    >>> config = RotationCNNConfig(group_order=4, widths=(1, 1, 1), copies=3)
    >>> network = RotationCNN(config).eval()
    >>> image = torch.rand(1, 1, 28, 28)
    >>> with torch.no_grad():
    ...     still, turned = network.encode(image), network.encode(image.rot90(1, (2, 3)))
    >>> still.shape, torch.allclose(turned, still.roll(1, dims=-1), atol=1e-4)
    (torch.Size([1, 3, 4]), True)
    """

    config: RotationCNNConfig

    def __init__(self, config: RotationCNNConfig | None = None) -> None:
        config = self._configured(RotationCNNConfig, config)
        space = gspaces.Rot2dOnR2(N=config.group_order)
        *inner, code = (
            enn.FieldType(space, [space.regular_repr] * count)
            for count in (*config.widths, config.copies)
        )
        super().__init__(
            config,
            enn.FieldType(space, [space.trivial_repr]),
            [[enn.InnerBatchNorm(field), enn.ReLU(field, inplace=True)] for field in inner],
            code,
            config.copies,
        )

    @property
    def _code_shape(self) -> tuple[int, int]:
        return self.config.copies, self.config.group_order

    def _arrange(self, features: Tensor) -> Tensor:
        return features.reshape(len(features), *self._code_shape)

    def pool(self, codes: Tensor) -> Tensor:
        """Pool codes over the group, as the head of the configuration says.

        Returns shape ``(B, k)``, unchanged when the codes ``(B, k, n)`` are shifted.
        """
        self._check_codes(codes)
        return pool_over_group(codes, self.config.head)


def pool_over_group(codes: Tensor, head: Head) -> Tensor:
    """Return the largest entry, the mean or the norm of each copy, ``(B, k, n)`` to ``(B, k)``.

    Examples
    --------
    >>> codes = torch.tensor([[[3.0, 4.0, 0.0, 0.0]]])
    >>> [float(pool_over_group(codes, head)) for head in ("max", "mean", "norm")]
    [4.0, 1.75, 5.0]
    """
    if head == "max":
        return codes.amax(dim=-1)
    return codes.mean(dim=-1) if head == "mean" else torch.linalg.vector_norm(codes, dim=-1)


class SO2CNN(SteerableNetwork):
    """A digit classifier whose latent code turns with the image, for every angle.

    Codes have shape ``(B, k, 2 F + 1)``. Along the last axis: frequency 0, then the real and
    the imaginary part of frequency 1, of frequency 2, and so on to ``F``.

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
    """

    config: SO2CNNConfig

    def __init__(self, config: SO2CNNConfig | None = None) -> None:
        config = self._configured(SO2CNNConfig, config)
        top, copies = config.max_frequency, config.copies
        space = ContinuousRotations(top)
        super().__init__(
            config,
            enn.FieldType(space, [space.trivial_repr]),
            [[NormalisedGates(space, width, top)] for width in config.widths],
            enn.FieldType(space, [space.irrep(f) for f in range(top + 1) for _ in range(copies)]),
            copies * (top + 1),
        )

    @property
    def _code_shape(self) -> tuple[int, int]:
        return self.config.copies, 2 * self.config.max_frequency + 1

    def _arrange(self, features: Tensor) -> Tensor:
        # The channels come frequency by frequency, all copies of one frequency together.
        copies, top = self.config.copies, self.config.max_frequency
        pairs = features[:, copies:].reshape(len(features), top, copies, 2).transpose(1, 2)
        return torch.cat([features[:, :copies, None], pairs.flatten(2)], dim=2)

    def frequencies(self, codes: Tensor) -> Tensor:
        """Return codes as complex numbers, one for each copy and frequency.

        Parameters
        ----------
        codes : torch.Tensor
            Shape ``(B, k, 2 F + 1)``.

        Returns
        -------
        torch.Tensor
            Complex, shape ``(B, k, F + 1)``. A counter-clockwise turn of the image by ``θ``
            multiplies entry ``f`` of the last axis by ``exp(i f θ)``. Entry 0 is real.
        """
        self._check_codes(codes)
        real = torch.cat([codes[..., :1], codes[..., 1::2]], dim=-1)
        imaginary = torch.cat([torch.zeros_like(codes[..., :1]), codes[..., 2::2]], dim=-1)
        return torch.complex(real, imaginary)

    def pool(self, codes: Tensor) -> Tensor:
        """Return what a turn of the image leaves alone: frequency 0, and moduli of the others.

        Returns shape ``(B, k (F + 1))``: for each copy in turn, frequency 0 (which has a
        sign) and then the moduli of frequencies 1 to ``F``.
        """
        self._check_codes(codes)
        pairs = codes[..., 1:].unflatten(-1, (self.config.max_frequency, 2))
        moduli = torch.linalg.vector_norm(pairs, dim=-1)
        return torch.cat([codes[..., :1], moduli], dim=-1).flatten(1)
