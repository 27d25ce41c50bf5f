"""From the pixels of a digit to a grid that quarter turns permute.

A rotation by 90° is exact on a pixel grid: it permutes the pixels. A layer with stride two
keeps that symmetry only if the pixels it keeps are themselves symmetric about the centre,
and every second pixel of a row is so only when the row has an odd number of pixels. The
sides of the networks here are all odd (29, 25, 13, 7, 5, 1) and every padding is the same on
all four sides. The code of a turned image is then the turned code up to rounding.

The digits have 28 pixels a side, so they have to be brought to an odd grid first, and the
obvious ways break the symmetry: a row of zeros on two of the four sides moves the centre
of the grid away from the centre about which the digit turns, by half a pixel. Here the
image is read instead at the 29 × 29 *corners* of its 28 × 28 pixels. These corners are a
square grid of the same spacing and with the same centre, so a quarter turn of the pixels
is a quarter turn of the corners. Each corner lies half-way between pixels in both
directions. Its value is a cubic interpolation of the four nearest pixels along each axis,
with weights (−1, 9, 9, −1)/16, and the image is taken to be zero outside its frame. The
weights are the same everywhere, so no part of the image is blurred more than another.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from utils.models.base import check_image_shape

__all__ = ["GRID_SIDE", "IMAGE_SIDE", "centred_on_odd_grid"]

IMAGE_SIDE = 28
GRID_SIDE = 29
_HALF_PIXEL = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)


def centred_on_odd_grid(images: Tensor) -> Tensor:
    """Read 28 × 28 images at the 29 × 29 corners of their pixels.

    The map commutes with quarter turns and with reflections: it is what a network for
    rotations does to an image before anything else.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, 1, 28, 28)``, floating point; ``(B, 1, 29, 29)`` is returned as it is.

    Returns
    -------
    torch.Tensor
        Shape ``(B, 1, 29, 29)``.

    Examples
    --------
    >>> image = torch.zeros(1, 1, 28, 28)
    >>> image[0, 0, 10, 10] = 1.0
    >>> grid = centred_on_odd_grid(image)
    >>> [round(float(value), 4) for value in grid[0, 0, 10, 9:13]]
    [-0.0352, 0.3164, 0.3164, -0.0352]
    >>> turned = centred_on_odd_grid(image.rot90(1, (2, 3)))
    >>> torch.equal(turned, grid.rot90(1, (2, 3)))
    True
    """
    check_image_shape(images, IMAGE_SIDE, GRID_SIDE)
    if images.shape[-1] == GRID_SIDE:
        return images
    weights = images.new_tensor(_HALF_PIXEL)
    kernel = torch.outer(weights, weights)[None, None]
    return nn.functional.conv2d(images, kernel, padding=2)
