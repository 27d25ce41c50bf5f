r"""Small pictures of digits with their whole orbits, under turns and under changes of hue.

A network that is to carry an action on its code is trained and judged on orbits: what a picture
becomes under every element of a cyclic group. Two groups act here on small pictures. C_16 turns a
picture by multiples of 22.5°, where multiples of 90° permute its pixels and all others interpolate.
C_6 moves the hue of a coloured picture by multiples of 60°, without interpolation.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from utils._checks import check_choice, check_float, check_whole
from utils.data.mnist.digits import Digits
from utils.data.mnist.rotation import rotate, rotated

__all__ = ["DigitOrbits", "TurnedFrom", "digit_orbits", "hue_orbits", "move_hue", "turn_orbits"]

TurnedFrom = Literal["given", "original"]
"""Whether a small picture is turned, or the large one it was made from."""


@dataclass(frozen=True)
class DigitOrbits:
    """Pictures of digits, each with its orbit under a cyclic group.

    Attributes
    ----------
    images : torch.Tensor
        Shape ``(N, order, C, side, side)``, float32. The picture that was given is
        ``images[:, 0]``, and ``images[:, k]`` is what the k-th element makes of it.
    labels : torch.Tensor
        Shape ``(N,)``, int64, from 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of orbits."""
        return len(self.labels)

    @property
    def order(self) -> int:
        """The number of elements of the group."""
        return self.images.shape[1]

    def take(self, index: Tensor) -> DigitOrbits:
        """Return a copy of some orbits, by positions or by a mask, shape ``(N,)``."""
        return DigitOrbits(self.images[index], self.labels[index])


def turn_orbits(images: Tensor, order: int = 16) -> Tensor:
    r"""Turn pictures by every multiple of 360° / n, counter-clockwise.

    The values are those of :func:`~utils.data.mnist.rotate`, up to rounding. Since a turn is linear
    in the picture it is one matrix for each angle; quarter turns are permutations and are exact,
    so that ``orbit[:, k + order // 4]`` is ``orbit[:, k]`` turned by 90° to the last bit where 4
    divides the order.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, side, side)``, floating point. Gradients flow through.
    order : int
        The ``n`` of C_n.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, C, side, side)``; element 0 is a copy of the pictures.

    Examples
    --------
    >>> turn_orbits(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), order=4)[0, :, 0].tolist()[1]
    [[2.0, 4.0], [1.0, 3.0]]
    """
    check_float(images, "images")
    order = check_whole(order, "The number of turns")
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(f"images must have shape (B, C, side, side), not {tuple(images.shape)}")
    quarters = 4 if order % 4 == 0 else 1
    found = [images.clone()]
    for k in range(1, order // quarters):
        matrix = _turning_matrix(images.shape[-1], 360.0 * k / order).to(images)
        found.append((images.flatten(2) @ matrix).reshape(images.shape))
    turned = [torch.rot90(part, q, (2, 3)) for q in range(quarters) for part in found]
    return torch.stack(turned, dim=1)


@functools.lru_cache(maxsize=64)
def _turning_matrix(side: int, angle: float) -> Tensor:
    """Return the matrix ``(side^2, side^2)`` that turns flat pictures, from the right."""
    pixels = torch.eye(side * side, dtype=torch.float64).reshape(-1, 1, side, side)
    return rotate(pixels, angle).flatten(1)


def digit_orbits(
    digits: Digits,
    *,
    seed: int,
    order: int = 16,
    side: int = 14,
    turned_from: TurnedFrom = "given",
) -> DigitOrbits:
    """Make a small picture of every digit at a random angle, and turn it all the way round.

    A digit is turned by an angle of its own, uniform on the circle, and averaged over squares
    of pixels: this is the picture that is given. A network is handed nothing else, so its orbit is
    made by turning this picture (``turned_from="given"``).
    Turning the large digit before it is made small (``"original"``) gives sharper pictures, which
    nobody who has only the small one could make; it is here to measure how much that matters.

    Parameters
    ----------
    digits : Digits
        Upright digits, 28 pixels a side.
    seed : int
        Seed of the angles; the same angles as :func:`~utils.data.mnist.rotated` draws.
    order : int
        The ``n`` of C_n.
    side : int
        Pixels a side, a divisor of 28.
    turned_from : {"given", "original"}
        What is turned.

    Returns
    -------
    DigitOrbits
        Images of shape ``(N, order, 1, side, side)``.

    Examples
    --------
    >>> blank = Digits(torch.zeros(2, 1, 28, 28), torch.tensor([3, 8]))
    >>> digit_orbits(blank, seed=0).images.shape
    torch.Size([2, 16, 1, 14, 14])
    """
    order = check_whole(order, "The number of turns")
    side = check_whole(side, "The number of pixels a side")
    check_choice(turned_from, "turned_from", get_args(TurnedFrom))
    large = digits.images.shape[-1]
    if large % side:
        raise ValueError(f"the number of pixels a side must divide {large}, and {side} does not")
    first = rotated(digits, seed=seed).images
    if turned_from == "given":
        images = turn_orbits(_shrunk(first, large // side), order)
    else:
        angles = rotated(digits, seed=seed).angles
        poses = [rotate(digits.images, angles + 360.0 * k / order) for k in range(order)]
        images = torch.stack([_shrunk(pose, large // side) for pose in poses], dim=1)
    return DigitOrbits(images, digits.labels.clone())


def _shrunk(images: Tensor, factor: int) -> Tensor:
    return functional.avg_pool2d(images, factor)


# ---------------------------------------------------------------- hue


def move_hue(images: Tensor, steps: int) -> Tensor:
    r"""Move the hue of coloured pictures by steps of 60°: red, yellow, green, cyan, blue, magenta.

    With :math:`M` and :math:`m` the largest and the smallest of the three numbers of a pixel, one
    step takes :math:`(r, g, b)` to :math:`(M + m - g,\; M + m - b,\; M + m - r)`. Saturation and
    value stay, six steps are the identity up to rounding, and an odd number of them is not linear.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(..., 3, H, W)``, floating point.
    steps : int
        How many steps of 60°, of either sign.

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    >>> [move_hue(red, k).flatten().tolist() for k in (1, 2)]
    [[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    check_float(images, "images")
    steps = check_whole(steps, "The number of steps", smallest=-(10**9)) % 6
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ValueError(f"images must have shape (..., 3, H, W), not {tuple(images.shape)}")
    moved = torch.roll(images, -(4 * steps % 3), dims=-3) if steps else images.clone()
    if steps % 2:
        ends = images.amax(dim=-3, keepdim=True) + images.amin(dim=-3, keepdim=True)
        return ends - moved
    return moved


def hue_orbits(digits: Digits, *, seed: int, side: int = 14) -> DigitOrbits:
    """Colour small upright digits, each with a hue of its own, and move the hue all the way round.

    Hues are uniform on the circle, saturation is one, paper is black.

    Parameters
    ----------
    digits : Digits
        Upright digits, 28 pixels a side.
    seed : int
        Seed of the hues.
    side : int
        Pixels a side, a divisor of 28.

    Returns
    -------
    DigitOrbits
        Images of shape ``(N, 6, 3, side, side)``.

    Examples
    --------
    >>> blank = Digits(torch.zeros(2, 1, 28, 28), torch.tensor([3, 8]))
    >>> hue_orbits(blank, seed=0).images.shape
    torch.Size([2, 6, 3, 14, 14])
    """
    check_whole(seed, "The seed", 0)
    side = check_whole(side, "The number of pixels a side")
    large = digits.images.shape[-1]
    if large % side:
        raise ValueError(f"the number of pixels a side must divide {large}, and {side} does not")
    generator = torch.Generator().manual_seed(seed)
    hues = 6 * torch.rand(len(digits), generator=generator)
    # Red, green and blue of a hue, from 0 to 6: a trapezium each, two sixths apart.
    distance = torch.stack([(hues - centre + 3) % 6 - 3 for centre in (0, 2, 4)], dim=1).abs()
    colours = (2 - distance).clamp(0, 1)[:, :, None, None]
    coloured = _shrunk(digits.images, large // side) * colours
    return DigitOrbits(
        torch.stack([move_hue(coloured, k) for k in range(6)], dim=1), digits.labels.clone()
    )
