"""Generators of the flows that move the points of the plane, and images with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from utils.generators.gradients import Boundary, Gradient, check_scheme, slope

__all__ = ["GENERATORS", "Generator", "affine_generator", "generator", "standard_generators"]

Row = tuple[float, float, float]

_FIELDS: dict[str, tuple[tuple[Row, Row], str]] = {
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


@dataclass(frozen=True)
class Generator:
    r"""The derivative at the identity of a one-parameter group of transformations of images.

    Make one with :func:`generator` or :func:`affine_generator`.

    Attributes
    ----------
    name, unit : str
        What to call it, and the unit of the parameter: derivatives are per this unit.
    matrix : tuple of tuple of float
        The velocity field :math:`v(p) = A\,(p - c) + b` in pixels, as the rows of the 2 × 3
        matrix :math:`(A \mid b)`: the velocity to the right, then downwards.
    gain : float
        The rate at which the values grow: 1 for brightness, 0 for every other generator.
    gradient, boundary
        As in :func:`generator`.

    Examples
    --------
    >>> ramp = torch.arange(4.0).expand(1, 1, 3, 4)
    >>> generator("translation_x")(ramp)[0, 0, 1]  # what moves to the right gets darker
    tensor([-0.5000, -1.0000, -1.0000, -0.5000])
    """

    name: str
    unit: str
    matrix: tuple[Row, Row]
    gain: float = 0.0
    gradient: Gradient = "central"
    boundary: Boundary = "replicate"

    def __call__(self, images: Tensor) -> Tensor:
        """Return :math:`X x`, change per unit, of images of shape ``(B, C, H, W)``."""
        check_floating(images, "images")
        if images.ndim != 4 or images.numel() == 0:
            raise ValueError(
                f"images must have shape (B, C, H, W) with at least one entry, but they have shape "
                f"{tuple(images.shape)}."
            )
        return self.move(images, (1.0, 1.0), (0.0, 0.0), (images.shape[2], images.shape[3]))

    def move(
        self,
        maps: Tensor,
        stride: tuple[float, float],
        offset: tuple[float, float],
        frame: tuple[int, int],
    ) -> Tensor:
        r"""Return :math:`-v \cdot \nabla` of maps on any grid of places of an image, plus the gain.

        Parameters
        ----------
        maps : torch.Tensor
            Shape ``(..., rows, columns)``.
        stride, offset : tuple of float
            Pixel ``i`` of a column or a row lies at ``offset + stride * i`` of the image; each is
            (down the rows, along the columns).
        frame : tuple of int
            Height and width of the image, whose centre is the origin of the velocity field.

        Returns
        -------
        torch.Tensor
            The shape of ``maps``.

        Examples
        --------
        >>> coarse = torch.tensor([[0.0, 2.0, 4.0]])  # every second pixel of a ramp
        >>> generator("translation_x").move(coarse, (1.0, 2.0), (0.0, 0.0), (1, 6))
        tensor([[-0.5000, -1.0000, -0.5000]])
        """
        (a, b, right), (c, d, down) = self.matrix
        rows, columns = maps.shape[-2:]
        y = torch.arange(rows, dtype=torch.float64) * stride[0] + offset[0] - (frame[0] - 1) / 2
        x = torch.arange(columns, dtype=torch.float64) * stride[1] + offset[1] - (frame[1] - 1) / 2
        # The velocities in grid steps, for each place of the grid.
        along = (a * x[None, :] + b * y[:, None] + right) / stride[1]
        downward = (c * x[None, :] + d * y[:, None] + down) / stride[0]
        moved = self.gain * maps
        for velocity, axis in ((along, -1), (downward, -2)):
            if velocity.any():
                gradient = slope(maps, axis, self.gradient, self.boundary)
                moved = moved - velocity.to(maps) * gradient
        return moved


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
        How gradients are taken; see :mod:`utils.generators.gradients`.
    boundary : {"replicate", "zeros", "circular", "reflect"}, optional
        What lies beyond the border: by default the pixel of the border again, for ``"fourier"``
        the opposite side, for ``"bilinear"`` a mirror.

    Examples
    --------
    >>> turn = generator("rotation", boundary="zeros")
    >>> turn.unit, turn.matrix
    ('radian, counter-clockwise', ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)))
    """
    if name not in _FIELDS:
        raise ValueError(
            f"There is no generator {name!r}; choose one of {', '.join(GENERATORS)}, or make one "
            f"with affine_generator."
        )
    matrix, unit = _FIELDS[name]
    chosen = check_scheme(gradient, boundary)
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
    name, unit, gradient, boundary
        As in :class:`Generator` and :func:`generator`.

    Examples
    --------
    >>> spiral = affine_generator([[0.1, 1, 0], [-1, 0.1, 0]], name="spiral", unit="radian")
    >>> spiral(torch.arange(4.0).expand(1, 1, 3, 4))[0, 0, 1]  # a ramp, at x from -1.5 to 1.5
    tensor([ 0.0750,  0.0500, -0.0500, -0.0750])
    """
    rows = torch.as_tensor(matrix, dtype=torch.float64)
    if rows.shape != (2, 3) or not torch.isfinite(rows).all():
        raise ValueError(
            f"The matrix of an affine velocity field has shape (2, 3) and finite entries, but "
            f"this one has shape {tuple(rows.shape)} and {int((~torch.isfinite(rows)).sum())} "
            f"entries that are not finite."
        )
    chosen = check_scheme(gradient, boundary)
    return Generator(name, unit, _rows(rows.tolist()), 0.0, gradient, chosen)


def standard_generators(
    *, gradient: Gradient = "central", boundary: Boundary | None = None
) -> tuple[Generator, ...]:
    """Return all generators that have a name, in the order of :data:`GENERATORS`.

    The arguments are those of :func:`generator`.

    Examples
    --------
    >>> len(standard_generators(gradient="fourier"))
    9
    """
    return tuple(generator(name, gradient=gradient, boundary=boundary) for name in GENERATORS)


def check_floating(tensor: Tensor, what: str) -> None:
    """Refuse what is not a floating-point tensor, of any precision."""
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        found = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{what} must be a floating-point tensor, but this is {found}.")


def _rows(matrix: Sequence[Sequence[float]]) -> tuple[Row, Row]:
    first, second = ((float(a), float(b), float(c)) for a, b, c in matrix)
    return first, second
