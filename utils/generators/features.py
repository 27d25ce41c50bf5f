"""What a transformation of the input is meant to do to feature maps, tokens, codes and logits."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.generators.flows import Generator, check_floating
from utils.generators.gradients import fourier_slope

__all__ = ["FeatureRepresentation", "Image", "RegularField", "Tokens", "Trivial"]


class FeatureRepresentation(ABC):
    """How a transformation of the input image is meant to act on features.

    Examples
    --------
    Features that every generator multiplies:

    >>> class Growing(FeatureRepresentation):
    ...     def derivative(self, generator, features, frame):
    ...         return 2 * features
    >>> from utils.generators import generator
    >>> Growing().derivative(generator("scale"), torch.ones(1, 3), (28, 28))
    tensor([[2., 2., 2.]])
    """

    @abstractmethod
    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        r"""Return what the generator does to features, :math:`X_{out}\,z`.

        Parameters
        ----------
        generator : Generator
            The generator of the action on input images.
        features : torch.Tensor
            A batch of features of the shape that the representation is for; any other is a
            ``ValueError``.
        frame : tuple of int
            Height and width of the input images, whose centre is the fixed point of rotations.

        Returns
        -------
        torch.Tensor
            The shape of ``features``.
        """


@dataclass(frozen=True)
class Trivial(FeatureRepresentation):
    """Features that no transformation of the input is meant to change, such as logits.

    Examples
    --------
    >>> from utils.generators import generator
    >>> Trivial().derivative(generator("rotation"), torch.ones(1, 3), (28, 28))
    tensor([[0., 0., 0.]])
    """

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return zero; see :meth:`FeatureRepresentation.derivative`."""
        check_floating(features, "features")
        return torch.zeros_like(features)


class _Grid(FeatureRepresentation):
    """Features on a grid: pixel ``i`` of a row or column lies at ``offset + stride * i``."""

    stride: float | tuple[float, float]
    offset: float | tuple[float, float]

    def __post_init__(self) -> None:
        """Check stride and offset, and bring them to one form, so that grids can be compared."""
        kind = type(self).__name__
        for name in ("stride", "offset"):
            value = getattr(self, name)
            pair = value if isinstance(value, tuple) else (value, value)
            if len(pair) != 2 or not all(
                isinstance(v, int | float) and math.isfinite(v) for v in pair
            ):
                raise ValueError(
                    f"The {name} of {kind} is a number or a pair (down the rows, along the "
                    f"columns), but it is {value!r}."
                )
            if name == "stride" and min(pair) <= 0:
                raise ValueError(f"The stride of {kind} is positive, but it is {value!r}.")
            down, along = float(pair[0]), float(pair[1])
            object.__setattr__(self, name, down if down == along else (down, along))

    def after_window(
        self,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
    ) -> Self:
        """Return the representation after a convolution or a pooling of these features.

        It is of the same kind, with the grid of the outputs: the value that a window gives belongs
        to the middle of the window. The arguments are those of :class:`torch.nn.Conv2d` or
        :class:`torch.nn.MaxPool2d`; pairs are (rows, columns).

        Examples
        --------
        >>> Image().after_window(3, stride=2, padding=1)
        Image(stride=2.0, offset=0.0, flattened=None)
        >>> Image().after_window(2, stride=2).offset
        0.5
        """
        strides, offsets = [], []
        for axis in range(2):
            k, s, p, d = (float(_pair(v)[axis]) for v in (kernel, stride, padding, dilation))
            unit = _pair(self.stride)[axis]
            strides.append(unit * s)
            offsets.append(_pair(self.offset)[axis] + unit * (d * (k - 1) / 2 - p))
        return replace(self, stride=tuple(strides), offset=tuple(offsets))  # type: ignore[type-var]

    def _move(self, generator: Generator, maps: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does to maps of shape ``(..., rows, columns)``."""
        return generator.move(maps, _pair(self.stride), _pair(self.offset), frame)


@dataclass(frozen=True)
class Image(_Grid):
    """An image or a feature map, ``(B, C, H, W)``, whose channels move like grey values.

    Brightness multiplies the values.

    Parameters
    ----------
    stride : float or tuple of float
        Distance of neighbouring pixels in pixels of the input; a pair is (down the rows, along
        the columns).
    offset : float or tuple of float
        Coordinate of the first pixel in pixels of the input, whose own first pixel lies at 0. It
        matters to all but translations. After a convolution it follows from kernel, stride and
        padding; see :meth:`after_window`.
    flattened : tuple of int, optional
        ``(C, H, W)`` for features of shape ``(B, C * H * W)``, as they enter a dense layer.

    Examples
    --------
    >>> from utils.generators import generator
    >>> coarse = torch.tensor([0.0, 2.0, 4.0]).expand(1, 1, 3, 3)  # every second pixel of a ramp
    >>> Image(stride=2).derivative(generator("translation_x"), coarse, (6, 6))[0, 0, 0]
    tensor([-0.5000, -1.0000, -0.5000])
    """

    stride: float | tuple[float, float] = 1.0
    offset: float | tuple[float, float] = 0.0
    flattened: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.flattened is not None:
            if len(self.flattened) != 3:
                raise ValueError(
                    f"flattened is three integers (C, H, W), but it is {self.flattened!r}."
                )
            for size in self.flattened:
                check_whole(size, "A size in flattened")

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does; see :meth:`FeatureRepresentation.derivative`."""
        check_floating(features, "features")
        if self.flattened is None:
            if features.ndim != 4:
                raise ValueError(
                    f"Image is for features of shape (B, C, H, W), but these have shape "
                    f"{tuple(features.shape)}; flat features need Image(flattened=(C, H, W))."
                )
            return self._move(generator, features, frame)
        if features.ndim != 2 or features.shape[1] != math.prod(self.flattened):
            raise ValueError(
                f"Image with flattened={self.flattened} is for features of shape "
                f"(B, {math.prod(self.flattened)}), but these have shape {tuple(features.shape)}."
            )
        maps = features.reshape(len(features), *self.flattened)
        return self._move(generator, maps, frame).reshape(features.shape)


@dataclass(frozen=True)
class Tokens(_Grid):
    """A grid of tokens, ``(B, extra + rows * columns, channels)``, row after row.

    Parameters
    ----------
    rows, columns : int
        The grid.
    extra : int
        Tokens in front of the grid that nothing moves, such as a class token.
    stride, offset : float or tuple of float
        The places of the tokens in pixels of the input, as for :class:`Image`. Patches of ``p``
        pixels have ``stride=p`` and ``offset=(p - 1) / 2``.
    channels_first : bool
        Whether the layout is ``(B, channels, tokens)``, as inside the token mixing of a Mixer.

    Examples
    --------
    A class token and one row of two patches of four pixels:

    >>> from utils.generators import generator
    >>> patches = Tokens(1, 2, extra=1, stride=4, offset=1.5)
    >>> tokens = torch.tensor([5.0, 0.0, 8.0]).reshape(1, 3, 1)
    >>> patches.derivative(generator("translation_x"), tokens, (4, 8)).flatten()
    tensor([ 0., -1., -1.])
    """

    rows: int
    columns: int
    extra: int = 0
    stride: float | tuple[float, float] = 1.0
    offset: float | tuple[float, float] = 0.0
    channels_first: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        for name, least in (("rows", 1), ("columns", 1), ("extra", 0)):
            number = check_whole(getattr(self, name), f"The number {name} of Tokens", least)
            object.__setattr__(self, name, number)

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does; see :meth:`FeatureRepresentation.derivative`."""
        check_floating(features, "features")
        count = self.extra + self.rows * self.columns
        axis = 2 if self.channels_first else 1
        if features.ndim != 3 or features.shape[axis] != count:
            layout = f"(B, channels, {count})" if self.channels_first else f"(B, {count}, channels)"
            raise ValueError(
                f"Tokens of {self.rows} x {self.columns} with {self.extra} extra are for features "
                f"of shape {layout}, but these have shape {tuple(features.shape)}."
            )
        tokens = features if self.channels_first else features.transpose(1, 2)
        fixed, grid = tokens[..., : self.extra], tokens[..., self.extra :]
        maps = grid.unflatten(-1, (self.rows, self.columns))
        moved = self._move(generator, maps, frame).flatten(-2)
        moved = torch.cat([torch.zeros_like(fixed), moved], dim=-1)
        return moved if self.channels_first else moved.transpose(1, 2)


@dataclass(frozen=True)
class RegularField(_Grid):
    r"""Copies of the regular representation of :math:`C_n`, on a grid or without one.

    The shape is ``(B, copies * order, H, W)``, with the group as the faster axis of the channels
    as in e2cnn, or ``(B, copies, order)`` for codes. A rotation by :math:`2\pi/n`,
    counter-clockwise, moves the places and shifts the group axis by one. A rotation by a small
    angle shifts it by a fraction of one, and what a function on :math:`n` directions is between
    them is a choice, as it is for pixels: here it is the trigonometric interpolant. Its
    derivative multiplies frequency :math:`f` by :math:`-\mathrm{i} f`. The highest frequency of
    an even :math:`n`, :math:`n/2`, is its own mirror image, has no derivative at the given
    directions, and is set to zero.

    Translations and scalings move places only. Shears, stretches and hyperbolic rotations do not
    act on directions as one rotation, and are refused.

    Parameters
    ----------
    order : int
        The order :math:`n` of the group, at least 2.
    stride, offset : float or tuple of float
        The places of the pixels in pixels of the input, as for :class:`Image`; without meaning
        for codes.

    Examples
    --------
    A function of four directions that is a cosine turns into a sine:

    >>> from utils.generators import generator
    >>> code = torch.tensor([[[1.0, 0.0, -1.0, 0.0]]])
    >>> RegularField(4).derivative(generator("rotation"), code, (9, 9)).round() + 0
    tensor([[[ 0.,  1.,  0., -1.]]])
    """

    order: int
    stride: float | tuple[float, float] = 1.0
    offset: float | tuple[float, float] = 0.0

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        object.__setattr__(self, "order", check_whole(self.order, "The order of RegularField", 2))

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does; see :meth:`FeatureRepresentation.derivative`."""
        check_floating(features, "features")
        on_grid = features.ndim == 4 and features.shape[1] % self.order == 0
        if not on_grid and not (features.ndim == 3 and features.shape[2] == self.order):
            raise ValueError(
                f"RegularField of order {self.order} is for features of shape "
                f"(B, copies * {self.order}, H, W) or (B, copies, {self.order}), but these have "
                f"shape {tuple(features.shape)}."
            )
        (a, b, _), (c, d, _) = generator.matrix
        if a != d or b != -c:
            raise ValueError(
                f"RegularField says what translations, rotations and scalings do, but "
                f"{generator.name} is none of them; declare these features as Image or measure "
                f"another generator."
            )
        if not on_grid:
            return generator.gain * features - b * self._turn(features)
        turned = self._turn(features.unflatten(1, (-1, self.order))).flatten(1, 2)
        return self._move(generator, features, frame) - b * turned

    def _turn(self, fields: Tensor) -> Tensor:
        """Return the derivative of ``(B, copies, order, ...)`` along the group, per radian."""
        return fourier_slope(fields, 2) * (self.order / (2 * math.pi))


def _pair(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)
