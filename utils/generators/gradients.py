"""Gradients of images along one axis, per step of the grid.

The values between the pixels, and so the gradient, are a choice:

* ``"central"``, half the difference of the two neighbours, the default. It is also the exact
  derivative of Keys' cubic interpolation ("Cubic convolution interpolation", 1981);
* ``"fourier"``, the derivative of the trigonometric interpolant, for periodic images, which
  images with zero borders nearly are;
* ``"bilinear"``, the derivative of bilinear interpolation as it is published for Lie derivatives
  of networks (Gruver et al., "The Lie Derivative for Measuring Learned Equivariance", ICLR 2023),
  with the published border, which reflects. Bilinear interpolation has a kink at every pixel, so
  that rounding decides there between the difference to the next and to the last pixel. It is here
  to be compared with, not to be used.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from utils._checks import check_choice

__all__ = ["Boundary", "Gradient", "check_scheme", "fourier_slope", "slope"]

Gradient = Literal["central", "fourier", "bilinear"]
"""How the gradient of an image is taken."""

Boundary = Literal["replicate", "zeros", "circular", "reflect"]
"""What lies beyond the border: the pixel of the border again, zero, the opposite side, or the
pixel before the border, as in a mirror."""


def check_scheme(gradient: Gradient, boundary: Boundary | None) -> Boundary:
    """Return the boundary that goes with a gradient, or refuse the pair.

    By default the pixel of the border is repeated, so that an image of one value does not change;
    ``"fourier"`` is periodic, ``"circular"``, always, and ``"bilinear"`` reflects or repeats.

    Examples
    --------
    >>> [check_scheme(gradient, None) for gradient in ("central", "fourier", "bilinear")]
    ['replicate', 'circular', 'reflect']
    """
    check_choice(gradient, "The gradient", get_args(Gradient))
    known: dict[str, tuple[Boundary, ...]] = {
        "central": get_args(Boundary),
        "fourier": ("circular",),
        "bilinear": ("reflect", "replicate"),
    }
    if boundary is None:
        return known[gradient][0]
    check_choice(boundary, "The boundary", get_args(Boundary))
    if boundary not in known[gradient]:
        raise ValueError(
            f"The gradient {gradient!r} goes with the boundary "
            f"{' or '.join(map(repr, known[gradient]))} only, but {boundary!r} was given; leave it "
            f"out, or take the gradient 'central'."
        )
    return boundary


def slope(maps: Tensor, axis: int, gradient: Gradient, boundary: Boundary) -> Tensor:
    """Return the derivative of maps of any shape along an axis, per step of the grid.

    Examples
    --------
    >>> slope(torch.tensor([1.0, 4.0, 9.0, 16.0]), 0, "central", "zeros")
    tensor([ 2.0000,  4.0000,  6.0000, -4.5000])
    """
    if gradient == "fourier":
        return fourier_slope(maps, axis)
    if gradient == "bilinear":
        return _bilinear_slope(maps, axis, boundary)
    return (_neighbours(maps, axis, 1, boundary) - _neighbours(maps, axis, -1, boundary)) / 2


def fourier_slope(maps: Tensor, axis: int) -> Tensor:
    """Return the derivative of the trigonometric interpolant of periodic maps.

    The highest frequency of an even size is its own mirror image and has no derivative at the
    given places; it is set to zero.

    Examples
    --------
    >>> fourier_slope(torch.tensor([1.0, -1.0, 1.0, -1.0]), 0).abs().max()
    tensor(0.)
    """
    size = maps.shape[axis]
    frequencies = torch.arange(size // 2 + 1, dtype=torch.float64)
    if size % 2 == 0:
        frequencies[-1] = 0
    factors = (2 * math.pi / size * frequencies).to(maps)
    spectrum = torch.fft.rfft(maps.movedim(axis, -1), dim=-1)
    return torch.fft.irfft(1j * factors * spectrum, n=size, dim=-1).movedim(-1, axis)


def _neighbours(maps: Tensor, axis: int, step: int, boundary: Boundary) -> Tensor:
    """Return at each place the value of the next (``step`` 1) or the last (−1) one."""
    rolled = torch.roll(maps, -step, axis)
    if boundary == "circular":
        return rolled
    size = maps.shape[axis]
    inside = rolled.narrow(axis, 0 if step == 1 else 1, size - 1)
    beyond = maps.narrow(axis, size - 1 if step == 1 else 0, 1)
    if boundary == "zeros":
        beyond = torch.zeros_like(beyond)
    if boundary == "reflect" and size > 1:
        beyond = maps.narrow(axis, size - 2 if step == 1 else 1, 1)
    return torch.cat([inside, beyond] if step == 1 else [beyond, inside], dim=axis)


def _bilinear_slope(maps: Tensor, axis: int, boundary: Boundary) -> Tensor:
    """Return the slope of the bilinear interpolant where rounding puts the pixels.

    The published definition samples at ``(g + 1) / 2 * (size - 1)`` with ``g`` evenly spaced in
    [−1, 1]. In floating point that falls now on a pixel, now just before one, and the slope is
    then the difference to the next or from the last pixel. Beyond the border lies the pixel before
    it, as published, or the pixel of the border again.
    """
    size = maps.shape[axis]
    grid = torch.linspace(-1, 1, size, dtype=maps.dtype, device=maps.device)
    before = ((grid + 1) / 2 * (size - 1)).floor().long()
    beyond = max(size - 2, 0) if boundary == "reflect" else size - 1
    after = torch.where(before + 1 < size, before + 1, beyond)
    return maps.index_select(axis, after) - maps.index_select(axis, before)
