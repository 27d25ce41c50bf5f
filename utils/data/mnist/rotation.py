"""Digits turned about their centres, by given angles or by random ones."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage, special
from torch import Tensor

from utils._checks import check_whole
from utils.data.mnist.digits import Digits, RotatedDigits, indices_without_small, load_full

__all__ = ["protocol_indices", "rotate", "rotated", "rotated_mnist_protocol"]

_CHUNK = 2048


def rotate(images: Tensor, angles_degrees: Tensor | Sequence[float] | float) -> Tensor:
    """Turn images about their centres, with cubic-spline interpolation.

    The image is read as the cubic B-spline that passes through its pixels (Unser, "Splines:
    A Perfect Fit for Signal and Image Processing", 1999), and the spline is sampled on the
    turned grid. The frame keeps its size; points from outside it are zero. The result is
    linear in the image and is not clipped, so it may overshoot its range a little. Angles
    that are multiples of 90° permute the pixels of a square image, up to rounding.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, H, W)``, floating point. Gradients do not flow through.
    angles_degrees : torch.Tensor, sequence of float, or float
        One angle for all images or one for each, in degrees, counter-clockwise as seen on
        the page.

    Returns
    -------
    torch.Tensor
        Same shape, type and device.

    Notes
    -----
    The result is that of ``scipy.ndimage.rotate`` with ``order=3`` and ``reshape=False``
    on each image. Here the spline coefficients of many images are computed at once, and
    each image is then sampled once, which makes about 15,000 digits a second on one core.

    Examples
    --------
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> rotate(image, 90.0).round().tolist()
    [[[[2.0, 4.0], [1.0, 3.0]]]]
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a floating-point tensor, not {found}")
    if images.ndim != 4:
        raise ValueError(f"images must have shape (B, C, H, W), not {tuple(images.shape)}")
    angles = np.asarray(
        angles_degrees.detach().cpu() if isinstance(angles_degrees, Tensor) else angles_degrees,
        dtype=np.float64,
    )
    if angles.ndim != 0 and angles.shape != (len(images),):
        raise ValueError(
            f"angles_degrees must be one number or have shape ({len(images)},), one angle for each "
            f"image, not {angles.shape}"
        )
    if not np.isfinite(angles).all():
        raise ValueError("angles_degrees must be finite; at least one is infinite or not a number")
    angles = np.broadcast_to(angles, (len(images),))
    source = images.detach().cpu().numpy()
    turned = np.empty_like(source, order="C")
    # cosdg and sindg are exact at multiples of 90°, where the turned grid meets the pixels.
    cosines, sines = special.cosdg(angles), special.sindg(angles)
    centre = (np.array(source.shape[2:]) - 1) / 2
    for start in range(0, len(source), _CHUNK):
        part = source[start : start + _CHUNK]
        rows = ndimage.spline_filter1d(part, order=3, axis=-1, mode="mirror")
        coefficients = ndimage.spline_filter1d(rows, order=3, axis=-2, mode="mirror")
        for i in range(len(part)):
            cosine, sine = cosines[start + i], sines[start + i]
            matrix = np.array([[cosine, sine], [-sine, cosine]])
            offset = centre - matrix @ centre
            for channel in range(source.shape[1]):
                ndimage.affine_transform(
                    coefficients[i, channel],
                    matrix,
                    offset,
                    output=turned[start + i, channel],
                    order=3,
                    prefilter=False,
                )
    return torch.from_numpy(turned).to(images.device)


def _draw_angles(generator: np.random.Generator, count: int, max_angle: float) -> Tensor:
    return torch.from_numpy(generator.uniform(0.0, max_angle, size=count).astype(np.float32))


def rotated(
    digits: Digits, *, seed: int, copies: int = 1, max_angle: float = 360.0
) -> RotatedDigits:
    """Turn every digit by a random angle.

    Parameters
    ----------
    digits : Digits
        The upright digits.
    seed : int
        Seed of the angles. The same seed gives the same angles on every machine.
    copies : int
        How many times each digit appears, each time with an angle of its own.
    max_angle : float
        The angles are uniform between 0 and this, in degrees, at most 360.

    Returns
    -------
    RotatedDigits
        ``copies * len(digits)`` images: all digits once in their order, then all of them
        again, so that ``index`` is ``0, …, N-1, 0, …, N-1, …``.

    Examples
    --------
    >>> blank = Digits(torch.zeros(2, 1, 28, 28), torch.tensor([3, 8]))
    >>> rotated(blank, seed=0, copies=2).index
    tensor([0, 1, 0, 1])
    """
    check_whole(seed, "The seed", 0)
    check_whole(copies, "The number of copies")
    if not 0 <= max_angle <= 360:
        raise ValueError(f"max_angle must be between 0 and 360 degrees, not {max_angle}")
    index = torch.arange(len(digits)).repeat(copies)
    angles = _draw_angles(np.random.default_rng(seed), len(index), max_angle)
    chosen = digits if copies == 1 else digits.take(index)
    return RotatedDigits(rotate(chosen.images, angles), chosen.labels.clone(), angles, index)


def rotated_mnist_protocol(
    seed: int = 0, *, directory: str | os.PathLike[str] | None = None
) -> tuple[RotatedDigits, RotatedDigits]:
    """Make 12,000 turned digits to train on and 50,000 to test on.

    This stands in for the data set "MNIST-rot" of Larochelle et al. (2007), whose files are
    not shipped here: same sizes, same source, one uniform random angle for each digit, no
    digit in both parts. The choice of digits is another one, so that the parts are clean
    in two further ways. The training part is taken from MNIST's training part without the
    small 5,000 of :func:`~utils.data.mnist.load_small`. The test part holds all 10,000 digits of
    MNIST's test part and 40,000 of those training digits that were not chosen, none of the small
    ones among them. Results on the two data sets are close, and they are not the same.

    Parameters
    ----------
    seed : int
        Seed of the choice and of the angles.
    directory : path-like, optional
        As in :func:`~utils.data.mnist.load_full`.

    Returns
    -------
    train, test : RotatedDigits
        12,000 and 50,000 images. In ``index``, 0 to 59,999 are positions in MNIST's training
        part, and 60,000 to 69,999 are positions in its test part plus 60,000.
    """
    check_whole(seed, "The seed", 0)
    train, test = load_full("train", directory=directory), load_full("test", directory=directory)
    generator = np.random.default_rng(seed)
    chosen = protocol_indices(train.labels, len(test), generator)
    everything = Digits(
        torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels])
    )
    parts = []
    for index in chosen:
        upright = everything.take(index)
        angles = _draw_angles(generator, len(index), 360.0)
        parts.append(RotatedDigits(rotate(upright.images, angles), upright.labels, angles, index))
    return parts[0], parts[1]


def protocol_indices(
    train_labels: Tensor,
    test_count: int,
    generator: np.random.Generator,
    sizes: tuple[int, int] = (12_000, 50_000),
) -> tuple[Tensor, Tensor]:
    """Choose the digits of the two parts; positions count MNIST's test part from the end."""
    free = indices_without_small(train_labels)
    order = free[torch.from_numpy(generator.permutation(len(free)))]
    for_training = order[: sizes[0]]
    extra = order[sizes[0] : sizes[0] + sizes[1] - test_count]
    for_test = torch.cat([torch.arange(test_count) + len(train_labels), extra])
    return for_training, for_test[torch.from_numpy(generator.permutation(len(for_test)))]
