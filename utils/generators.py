r"""Infinitesimal transformations of images, and of what networks make of images.

A one-parameter group moves the points of the plane along a velocity field :math:`v`, and an
image with them: :math:`(\rho(t)\,x)(p) = x(\varphi_{-t}(p))`, where :math:`\varphi_t` is the flow
of :math:`v`. Its *generator* is the derivative at the identity,

.. math:: X x = \left.\frac{d}{dt}\right|_{t=0} \rho(t)\, x = -\, v \cdot \nabla x .

All fields here are affine, :math:`v(p) = A\,(p - c) + b`, with :math:`c` the centre of the image.
Coordinates are pixels: :math:`p = (p_x, p_y)`, where :math:`p_x` is the column and grows to the
right, and :math:`p_y` is the row and grows downwards. So ``translation_x`` is the derivative per
pixel to the right, and ``rotation`` the derivative per radian, counter-clockwise as seen on the
page.

The values between the pixels, and so the gradient, are a choice:

* ``"central"``, half the difference of the two neighbours, the default. It is also the exact
  derivative of Keys' cubic interpolation ("Cubic convolution interpolation", 1981);
* ``"fourier"``, the derivative of the trigonometric interpolant, for periodic images, which
  images with zero borders nearly are;
* ``"bilinear"``, the derivative of bilinear interpolation as it is published for Lie derivatives
  of networks (Gruver et al., "The Lie Derivative for Measuring Learned Equivariance", ICLR 2023).
  Bilinear interpolation has a kink at every pixel, so that rounding decides there between the
  difference to the next and to the last pixel. It is here to be compared with, not to be used.

What a transformation of the input does to a feature map, to tokens or to logits is said
explicitly, by a :class:`FeatureRepresentation`: :class:`Trivial`, :class:`Image`,
:class:`Tokens`, :class:`RegularField`. Nothing is guessed from a shape.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import torch
from torch import Tensor

__all__ = [
    "GENERATORS",
    "Boundary",
    "FeatureRepresentation",
    "Generator",
    "Gradient",
    "Image",
    "RegularField",
    "Tokens",
    "Trivial",
    "affine_generator",
    "generator",
    "standard_generators",
]

Gradient = Literal["central", "fourier", "bilinear"]
"""How the gradient of an image is taken."""

Boundary = Literal["replicate", "zeros", "circular"]
"""What lies beyond the border: the pixel of the border again, zero, or the opposite side."""

_Row = tuple[float, float, float]

_FIELDS: dict[str, tuple[tuple[_Row, _Row], str]] = {
    "translation_x": (((0, 0, 1), (0, 0, 0)), "pixel to the right"),
    "translation_y": (((0, 0, 0), (0, 0, 1)), "pixel downwards"),
    "rotation": (((0, 1, 0), (-1, 0, 0)), "radian, counter-clockwise"),
    "scale": (((1, 0, 0), (0, 1, 0)), "unit of the logarithm of the size"),
    "shear_x": (((0, 1, 0), (0, 0, 0)), "unit of the slope of columns"),
    "shear_y": (((0, 0, 0), (1, 0, 0)), "unit of the slope of rows"),
    "stretch": (((1, 0, 0), (0, 0, 0)), "unit of the logarithm of the width"),
    "hyperbolic_rotation": (((0, 1, 0), (1, 0, 0)), "unit of rapidity"),
    "brightness": (((0, 0, 0), (0, 0, 0)), "unit of the logarithm of the brightness"),
}

GENERATORS: tuple[str, ...] = tuple(_FIELDS)
"""The names that :func:`generator` knows."""


# --------------------------------------------------------------------------------------------
# Generators
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Generator:
    r"""The derivative at the identity of a one-parameter group of transformations of images.

    Make one with :func:`generator` or :func:`affine_generator`. Called on a batch of images of
    shape ``(B, C, H, W)`` it returns :math:`X x`, of the same shape.

    Attributes
    ----------
    name : str
        What to call it.
    unit : str
        The unit of the parameter: derivatives are per this unit.
    matrix : tuple of tuple of float
        The velocity field :math:`v(p) = A\,(p - c) + b` in pixels, as the rows of the 2 × 3
        matrix :math:`(A \mid b)`; the first row is the velocity to the right, the second
        downwards.
    gain : float
        The rate at which the values grow: 1 for brightness, 0 for every other generator.
    gradient : {"central", "fourier", "bilinear"}
        How gradients are taken.
    boundary : {"replicate", "zeros", "circular"}
        What lies beyond the border.
    """

    name: str
    unit: str
    matrix: tuple[_Row, _Row]
    gain: float = 0.0
    gradient: Gradient = "central"
    boundary: Boundary = "replicate"

    def __call__(self, images: Tensor) -> Tensor:
        """Return the derivative of the moved images at the identity.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, C, H, W)``, ``float32`` or ``float64``.

        Returns
        -------
        torch.Tensor
            The same shape: change of the pixels per unit of the parameter.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If it has another number of axes, or an empty one.
        """
        _check_tensor(images, "images")
        if images.ndim != 4 or images.numel() == 0:
            raise ValueError(
                f"images must have shape (B, C, H, W) with at least one entry, but they have shape "
                f"{tuple(images.shape)}."
            )
        return Image().derivative(self, images, (images.shape[2], images.shape[3]))


def generator(
    name: str, *, gradient: Gradient = "central", boundary: Boundary | None = None
) -> Generator:
    """Return one of the generators that have a name.

    =======================  =================================================  ==================
    name                     velocity (to the right, downwards) at (x, y)       derivative per
    =======================  =================================================  ==================
    ``translation_x``        (1, 0)                                             pixel
    ``translation_y``        (0, 1)                                             pixel
    ``rotation``             (y, −x), counter-clockwise on the page             radian
    ``scale``                (x, y)                                             log of the size
    ``shear_x``              (y, 0)                                             slope
    ``shear_y``              (0, x)                                             slope
    ``stretch``              (x, 0)                                             log of the width
    ``hyperbolic_rotation``  (y, x)                                             rapidity
    ``brightness``           none; the values are multiplied                    log of the factor
    =======================  =================================================  ==================

    Here (x, y) is the place relative to the centre of the image, in pixels.

    Parameters
    ----------
    name : str
        One of :data:`GENERATORS`.
    gradient : {"central", "fourier", "bilinear"}
        How gradients are taken; see the head of this module.
    boundary : {"replicate", "zeros", "circular"}, optional
        What lies beyond the border. By default the pixel of the border is repeated, so that an
        image of one value does not change; ``"fourier"`` is periodic, ``"circular"``, always.

    Returns
    -------
    Generator
        The generator.

    Raises
    ------
    ValueError
        If the name, the gradient or the boundary is unknown, or the last two do not go together.
    """
    if name not in _FIELDS:
        raise ValueError(
            f"There is no generator {name!r}; choose one of {', '.join(GENERATORS)}, or make one "
            f"with affine_generator."
        )
    matrix, unit = _FIELDS[name]
    chosen = _check_scheme(gradient, boundary)
    gain = 1.0 if name == "brightness" else 0.0
    return Generator(name, unit, _rows(matrix), gain, gradient, chosen)


def affine_generator(
    matrix: Tensor | Sequence[Sequence[float]],
    *,
    name: str = "affine",
    unit: str = "unit of the parameter",
    gradient: Gradient = "central",
    boundary: Boundary | None = None,
) -> Generator:
    r"""Return the generator of any affine velocity field.

    Parameters
    ----------
    matrix : torch.Tensor or sequence
        Shape ``(2, 3)``, the matrix :math:`(A \mid b)` of the velocity
        :math:`v(p) = A\,(p - c) + b` in pixels per unit of the parameter: first row to the right,
        second row downwards, and :math:`p - c` the place (x, y) relative to the centre of the
        image. The group it generates moves points by the matrix exponential.
    name, unit : str
        What to call the generator and the unit of its parameter.
    gradient, boundary
        As in :func:`generator`.

    Returns
    -------
    Generator
        The generator.

    Raises
    ------
    ValueError
        If the matrix has another shape or is not finite.
    """
    rows = torch.as_tensor(matrix, dtype=torch.float64)
    if rows.shape != (2, 3) or not torch.isfinite(rows).all():
        raise ValueError(
            f"The matrix of an affine velocity field has shape (2, 3) and finite entries, but "
            f"this one has shape {tuple(rows.shape)}"
            + ("." if rows.shape != (2, 3) else " and entries that are not finite.")
        )
    return Generator(
        name, unit, _rows(rows.tolist()), 0.0, gradient, _check_scheme(gradient, boundary)
    )


def standard_generators(
    *, gradient: Gradient = "central", boundary: Boundary | None = None
) -> tuple[Generator, ...]:
    """Return all generators that have a name, in the order of :data:`GENERATORS`.

    Parameters
    ----------
    gradient, boundary
        As in :func:`generator`.

    Returns
    -------
    tuple of Generator
        Nine generators.
    """
    return tuple(generator(name, gradient=gradient, boundary=boundary) for name in GENERATORS)


def _rows(matrix: Sequence[Sequence[float]]) -> tuple[_Row, _Row]:
    first, second = ((float(a), float(b), float(c)) for a, b, c in matrix)
    return first, second


def _check_scheme(gradient: str, boundary: str | None) -> Boundary:
    if gradient not in get_args(Gradient):
        raise ValueError(
            f"The gradient is one of {', '.join(map(repr, get_args(Gradient)))}, but {gradient!r} "
            f"was given."
        )
    if boundary is not None and boundary not in get_args(Boundary):
        raise ValueError(
            f"The boundary is one of {', '.join(map(repr, get_args(Boundary)))}, but {boundary!r} "
            f"was given."
        )
    only: dict[str, Boundary] = {"fourier": "circular", "bilinear": "replicate"}
    chosen = boundary or only.get(gradient, "replicate")
    if chosen != only.get(gradient, chosen):
        raise ValueError(
            f"The gradient {gradient!r} goes with the boundary {only[gradient]!r} only, but "
            f"{boundary!r} was given; leave it out, or take the gradient 'central'."
        )
    return chosen  # type: ignore[return-value]


# --------------------------------------------------------------------------------------------
# What a transformation of the input does to features
# --------------------------------------------------------------------------------------------


class FeatureRepresentation(ABC):
    """How a transformation of the input image is meant to act on features."""

    @abstractmethod
    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        r"""Return what the generator does to features, :math:`X_{out}\,z`.

        Parameters
        ----------
        generator : Generator
            The generator of the action on input images.
        features : torch.Tensor
            A batch of features, of the shape that the representation is for.
        frame : tuple of int
            Height and width of the input images, whose centre is the fixed point of rotations.

        Returns
        -------
        torch.Tensor
            The shape of ``features``.

        Raises
        ------
        TypeError
            If ``features`` is not a floating-point tensor.
        ValueError
            If the shape is not one that the representation is for.
        """


@dataclass(frozen=True)
class Trivial(FeatureRepresentation):
    """Features that no transformation of the input is meant to change, such as logits."""

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return zero; see :meth:`FeatureRepresentation.derivative`."""
        _check_tensor(features, "features")
        return torch.zeros_like(features)


@dataclass(frozen=True)
class _Grid(FeatureRepresentation):
    """Features on a grid of places of the input image."""

    stride: float | tuple[float, float] = 1.0
    offset: float | tuple[float, float] = 0.0

    def __post_init__(self) -> None:
        """Check stride and offset, and bring them to one form."""
        for name in ("stride", "offset"):
            value = getattr(self, name)
            pair = value if isinstance(value, tuple) else (value, value)
            if len(pair) != 2 or not all(
                isinstance(v, int | float) and math.isfinite(v) for v in pair
            ):
                raise ValueError(
                    f"The {name} of {type(self).__name__} is a number or a pair (down the rows, "
                    f"along the columns), but it is {value!r}."
                )
            if name == "stride" and min(pair) <= 0:
                raise ValueError(
                    f"The stride of {type(self).__name__} is positive, but it is {value!r}."
                )
            # One form for one grid, so that representations can be compared.
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

        The value that a window gives belongs to the middle of the window.

        Parameters
        ----------
        kernel, stride, padding, dilation : int or tuple of int
            As for :class:`torch.nn.Conv2d` or :class:`torch.nn.MaxPool2d`; pairs are (rows,
            columns).

        Returns
        -------
        FeatureRepresentation
            The same kind of representation, with the grid of the outputs.

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
        return replace(self, stride=(strides[0], strides[1]), offset=(offsets[0], offsets[1]))

    def _move(self, generator: Generator, maps: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return −v·∇ of maps of shape ``(..., rows, columns)``, plus the gain."""
        (a, b, right), (c, d, down) = generator.matrix
        stride_y, stride_x = _pair(self.stride)
        offset_y, offset_x = _pair(self.offset)
        rows, columns = maps.shape[-2:]
        y = torch.arange(rows, dtype=torch.float64) * stride_y + offset_y - (frame[0] - 1) / 2
        x = torch.arange(columns, dtype=torch.float64) * stride_x + offset_x - (frame[1] - 1) / 2
        # The velocities in grid steps, for each place of the grid.
        along = (a * x[None, :] + b * y[:, None] + right) / stride_x
        downward = (c * x[None, :] + d * y[:, None] + down) / stride_y
        moved = generator.gain * maps
        for velocity, axis in ((along, -1), (downward, -2)):
            if velocity.any():
                slope = _slope(maps, axis, generator.gradient, generator.boundary)
                moved = moved - velocity.to(maps) * slope
        return moved


@dataclass(frozen=True)
class Image(_Grid):
    """An image or a feature map, ``(B, C, H, W)``, whose channels move like grey values.

    Pixel ``i`` of a row or column lies at the coordinate ``offset + stride * i`` of the input
    image, whose own first pixel lies at 0. Brightness multiplies the values.

    Parameters
    ----------
    stride : float or tuple of float
        Distance of neighbouring pixels in pixels of the input; a pair is (down the rows, along
        the columns).
    offset : float or tuple of float
        Coordinate of the first pixel in pixels of the input. It matters to all but translations.
        After a convolution it follows from kernel, stride and padding; see
        :meth:`after_window`.
    flattened : tuple of int, optional
        ``(C, H, W)`` for features of shape ``(B, C * H * W)``, as they enter a dense layer.

    Raises
    ------
    ValueError
        If a number lies outside its range.
    """

    flattened: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.flattened is not None and (
            len(self.flattened) != 3
            or not all(isinstance(n, int) and n > 0 for n in self.flattened)
        ):
            raise ValueError(
                f"flattened is three positive integers (C, H, W), but it is {self.flattened!r}."
            )

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does; see :meth:`FeatureRepresentation.derivative`."""
        _check_tensor(features, "features")
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
    stride, offset
        The places of the tokens in pixels of the input, as for :class:`Image`. Patches of ``p``
        pixels have ``stride=p`` and ``offset=(p - 1) / 2``.
    rows, columns : int
        The grid.
    extra : int
        Tokens in front of the grid that nothing moves, such as a class token.
    channels_first : bool
        Whether the layout is ``(B, channels, tokens)``, as inside the token mixing of a Mixer.

    Raises
    ------
    ValueError
        If a number lies outside its range.
    """

    rows: int = 0
    columns: int = 0
    extra: int = 0
    channels_first: bool = False

    def __init__(
        self,
        rows: int,
        columns: int,
        extra: int = 0,
        stride: float | tuple[float, float] = 1.0,
        offset: float | tuple[float, float] = 0.0,
        channels_first: bool = False,
    ) -> None:
        values = {
            "rows": rows,
            "columns": columns,
            "extra": extra,
            "stride": stride,
            "offset": offset,
            "channels_first": channels_first,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        for name, least in (("rows", 1), ("columns", 1), ("extra", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(
                    f"{name} of Tokens is an integer of at least {least}, but it is {value!r}."
                )

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does; see :meth:`FeatureRepresentation.derivative`."""
        _check_tensor(features, "features")
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
    stride, offset
        The places of the pixels in pixels of the input, as for :class:`Image`; without meaning
        for codes.
    order : int
        The order :math:`n` of the group.

    Raises
    ------
    ValueError
        If a number lies outside its range.
    """

    order: int = 0

    def __init__(
        self,
        order: int,
        stride: float | tuple[float, float] = 1.0,
        offset: float | tuple[float, float] = 0.0,
    ) -> None:
        for name, value in (("order", order), ("stride", stride), ("offset", offset)):
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if isinstance(self.order, bool) or not isinstance(self.order, int) or self.order < 2:
            raise ValueError(
                f"The order of RegularField is an integer of at least 2, but it is {self.order!r}."
            )

    def derivative(self, generator: Generator, features: Tensor, frame: tuple[int, int]) -> Tensor:
        """Return what the generator does; see :meth:`FeatureRepresentation.derivative`."""
        _check_tensor(features, "features")
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
            return generator.gain * features - b * self._turn(features, 2)
        fields = features.unflatten(1, (-1, self.order))
        turned = self._turn(fields, 2).flatten(1, 2)
        return self._move(generator, features, frame) - b * turned

    def _turn(self, features: Tensor, axis: int) -> Tensor:
        """Return the derivative of the trigonometric interpolant along the group, per radian."""
        return _fourier_slope(features, axis) * (self.order / (2 * math.pi))


def _pair(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _check_tensor(tensor: Tensor, name: str) -> None:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        found = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{name} must be a floating-point tensor, but this is {found}.")


# --------------------------------------------------------------------------------------------
# Gradients along one axis, per step of the grid
# --------------------------------------------------------------------------------------------


def _slope(maps: Tensor, axis: int, gradient: Gradient, boundary: Boundary) -> Tensor:
    if gradient == "fourier":
        return _fourier_slope(maps, axis)
    if gradient == "bilinear":
        return _bilinear_slope(maps, axis)
    after = _neighbours(maps, axis, 1, boundary)
    before = _neighbours(maps, axis, -1, boundary)
    return (after - before) / 2


def _neighbours(maps: Tensor, axis: int, step: int, boundary: Boundary) -> Tensor:
    """Return at each place the value of the next (``step`` 1) or the last (−1) one."""
    rolled = torch.roll(maps, -step, axis)
    if boundary == "circular":
        return rolled
    size = maps.shape[axis]
    edge = size - 1 if step == 1 else 0
    inside = rolled.narrow(axis, 0 if step == 1 else 1, size - 1)
    beyond = maps.narrow(axis, edge, 1)
    if boundary == "zeros":
        beyond = torch.zeros_like(beyond)
    return torch.cat([inside, beyond] if step == 1 else [beyond, inside], dim=axis)


def _fourier_slope(maps: Tensor, axis: int) -> Tensor:
    size = maps.shape[axis]
    frequencies = torch.arange(size // 2 + 1, dtype=torch.float64)
    if size % 2 == 0:
        frequencies[-1] = 0
    factors = (2 * math.pi / size * frequencies).to(maps)
    spectrum = torch.fft.rfft(maps.movedim(axis, -1), dim=-1)
    slope = torch.fft.irfft(1j * factors * spectrum, n=size, dim=-1)
    return slope.movedim(-1, axis)


def _bilinear_slope(maps: Tensor, axis: int) -> Tensor:
    """Return the slope of the bilinear interpolant where rounding puts the pixels.

    The published definition samples at ``(g + 1) / 2 * (size - 1)`` with ``g`` evenly spaced in
    [−1, 1]. In floating point that falls now on a pixel, now just before one, and the slope is
    then the difference to the next or from the last pixel. Beyond the border the pixel of the
    border is repeated.
    """
    size = maps.shape[axis]
    grid = torch.linspace(-1, 1, size, dtype=maps.dtype, device=maps.device)
    before = ((grid + 1) / 2 * (size - 1)).floor().long()
    after = (before + 1).clamp(max=size - 1)
    return maps.index_select(axis, after) - maps.index_select(axis, before)
