"""A classifier of digits that is equivariant under rotations by multiples of 360°/n.

The network is a stack of steerable convolutions (Weiler & Cesa, "General
E(2)-Equivariant Steerable CNNs", NeurIPS 2019) built with the library e2cnn. This
module is the only one of the project that imports e2cnn.

The path of an image through the default network, with the side of the grid::

    image 28 → centred 29 → circular mask
      → conv 7×7 → 25 → pool → 13
      → conv 5×5 → 13 → pool →  7
      → conv 5×5 →  5
      → conv 5×5 →  1   the latent code: k copies of the regular representation of C_n
      → pool over the group → MLP → logits

There is no nonlinearity after the last convolution, so the code is an affine image of the
features before it, and its entries take both signs.

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
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import torch
from e2cnn import gspaces
from e2cnn import nn as enn
from torch import Tensor, nn

__all__ = ["Head", "RotationCNN", "RotationCNNConfig", "centred_on_odd_grid"]

Head = Literal["max", "mean", "norm"]
"""How the classifier pools the latent code over the group."""

GROUP_ORDERS = (4, 8, 16)
IMAGE_SIDE = 28
GRID_SIDE = 29
_CHUNK = 256
_HALF_PIXEL = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)


@dataclass(frozen=True)
class RotationCNNConfig:
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
        if not isinstance(self.widths, (tuple, list)):
            raise TypeError(f"widths must be three integers such as (4, 6, 8), not {self.widths!r}")
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) != 3:
            raise ValueError(
                f"widths must have three entries, one for each inner convolution, but "
                f"{self.widths!r} has {len(self.widths)}"
            )
        numbers: dict[str, Any] = {
            "group_order": self.group_order,
            "copies": self.copies,
            "hidden": self.hidden,
            "classes": self.classes,
            **{f"widths[{i}]": width for i, width in enumerate(self.widths)},
        }
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            smallest = 2 if name == "classes" else 1
            if value < smallest:
                raise ValueError(f"{name} must be at least {smallest}, not {value}")
        if self.group_order not in GROUP_ORDERS:
            raise ValueError(
                f"group_order must be one of {', '.join(map(str, GROUP_ORDERS))}, "
                f"not {self.group_order}"
            )
        if self.head not in get_args(Head):
            raise ValueError(
                f"head must be one of {', '.join(map(repr, get_args(Head)))}, not {self.head!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold.

        Returns
        -------
        dict
            Field name to value, with ``widths`` as a list.
        """
        return {**asdict(self), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RotationCNNConfig:
        """Make a configuration from a dictionary, as :meth:`to_dict` returns it.

        Parameters
        ----------
        values : mapping
            Field name to value. Fields that are absent keep their defaults.

        Returns
        -------
        RotationCNNConfig
            The configuration.

        Raises
        ------
        ValueError
            If a name is not a field, or a value is outside its range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"unknown field {unknown[0]!r} in the configuration of the rotation network; "
                f"the fields are {', '.join(known)}"
            )
        return cls(**dict(values))


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
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(
            f"images must be a floating-point tensor with values in [0, 1], not {found}"
        )
    sides = (IMAGE_SIDE, GRID_SIDE)
    if (
        images.ndim != 4
        or images.shape[1] != 1
        or tuple(images.shape[2:]) not in {(side, side) for side in sides}
    ):
        raise ValueError(
            f"images must have shape (B, 1, 28, 28) or (B, 1, 29, 29), not {tuple(images.shape)}"
        )
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


class RotationCNN(nn.Module):
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
    :meth:`checkpoint_state` and :meth:`load_checkpoint_state`, which hold only what was
    learned and are exact in both modes.
    """

    def __init__(self, config: RotationCNNConfig | None = None) -> None:
        super().__init__()
        self.config = config if config is not None else RotationCNNConfig()
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
        self.classifier = nn.Sequential(
            nn.Linear(self.config.copies, self.config.hidden),
            nn.BatchNorm1d(self.config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(self.config.hidden, self.config.classes),
        )

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
            If the shape of ``images`` is another one.
        """
        grid = centred_on_odd_grid(images)
        if len(grid) == 0:
            return grid.new_zeros(0, self.config.copies, self.config.group_order)
        if not self.training and not torch.is_grad_enabled() and len(grid) > _CHUNK:
            return torch.cat([self._encode(part) for part in grid.split(_CHUNK)])
        return self._encode(grid)

    def _encode(self, grid: Tensor) -> Tensor:
        features = self.trunk(enn.GeometricTensor(grid, self.image_type)).tensor
        return features.reshape(len(grid), self.config.copies, self.config.group_order)

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
        expected = (self.config.copies, self.config.group_order)
        if codes.ndim != 3 or tuple(codes.shape[1:]) != expected:
            raise ValueError(
                f"codes must have shape (B, {expected[0]}, {expected[1]}), not {tuple(codes.shape)}"
            )
        if self.config.head == "max":
            return codes.amax(dim=-1)
        if self.config.head == "mean":
            return codes.mean(dim=-1)
        return torch.linalg.vector_norm(codes, dim=-1)

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
            If the shape of ``images`` is another one.
        """
        return self.classifier(self.pool(self.encode(images)))

    def _learned(self) -> dict[str, Tensor]:
        """Name every trainable parameter and every batch-norm statistic, without copying."""
        learned: dict[str, Tensor] = {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }
        for prefix, module in self.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                for name, buffer in module.named_buffers(recurse=False):
                    learned[f"{prefix}.{name}"] = buffer
        return learned

    def checkpoint_state(self) -> dict[str, Tensor]:
        """Return what was learned: parameters and batch-norm statistics, and nothing else.

        The expanded filters of e2cnn are left out. They follow from the parameters, and
        they are what goes stale when a state is loaded in the wrong mode.

        Returns
        -------
        dict of str to torch.Tensor
            Contiguous copies on the CPU, the same in training and in evaluation mode.
        """
        return {
            name: tensor.detach().cpu().clone().contiguous()
            for name, tensor in self._learned().items()
        }

    def load_checkpoint_state(self, state: Mapping[str, Tensor]) -> None:
        """Load what :meth:`checkpoint_state` returned, and rebuild the expanded filters.

        The network stays in the mode it was in. Nothing is changed if the state does not
        fit.

        Parameters
        ----------
        state : mapping of str to torch.Tensor
            Every key of :meth:`checkpoint_state`, and no other.

        Raises
        ------
        ValueError
            If a key is missing or unexpected, or if a tensor has the wrong shape.
        """
        own = self._learned()
        missing = sorted(set(own) - set(state))
        unexpected = sorted(set(state) - set(own))
        if missing or unexpected:
            kind, names = ("lacks", missing) if missing else ("has the unexpected", unexpected)
            raise ValueError(
                f"the checkpoint does not belong to a rotation network of this configuration: "
                f"it {kind} {names[0]!r} (and {len(names) - 1} more); make the network from the "
                f"configuration stored with the checkpoint"
            )
        for name, tensor in own.items():
            if tuple(state[name].shape) != tuple(tensor.shape):
                raise ValueError(
                    f"the checkpoint does not belong to a rotation network of this "
                    f"configuration: {name!r} has shape {tuple(state[name].shape)}, expected "
                    f"{tuple(tensor.shape)}; make the network from the configuration stored "
                    f"with the checkpoint"
                )
        mode = self.training
        self.train()  # drops the expanded filters, so that no stale one can survive
        with torch.no_grad():
            for name, tensor in self._learned().items():
                tensor.copy_(state[name])
        self.train(mode)  # in evaluation mode e2cnn expands the new filters here
