"""The number that the released code of Gruver et al. reports, in its own units.

The code that came with "The Lie Derivative for Measuring Learned Equivariance" (ICLR 2023)
measures the softmax of the outputs, takes the mean *absolute* derivative over the classes, and
moves images by bilinear resampling in coordinates in which an image reaches from −1 to 1. A
translation is so per half the distance between the outermost pixels: 13.5 times the error per
pixel of an image of 28 × 28. :func:`~utils.lie.local_equivariance_error` differs in all four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from utils._checks import check_choice, check_whole
from utils._precision import full_precision
from utils.generators import generator
from utils.lie._checks import Model, check_arguments
from utils.lie.derivative import TRIVIAL, derivatives_after
from utils.lie.errors import probabilities, standard_error

__all__ = ["PublishedError", "PublishedFlow", "published_error"]

PublishedFlow = Literal[
    "translation_x",
    "translation_y",
    "rotation",
    "scale",
    "shear_x",
    "shear_y",
    "hyperbolic_rotation",
    "brightness",
]
"""The flows of the released code, by our names. Its stretch is not among them: it starts from an
image that is collapsed onto a line, and not from the image."""


@dataclass(frozen=True)
class PublishedError:
    """What the released code prints for each of ``G`` flows, and its standard error.

    Attributes
    ----------
    flows, units : tuple of str
        The names of the flows, and the parameter of each.
    images : int
        The number of images, ``B``.
    mean, standard_error : torch.Tensor
        Shape ``(G,)``, ``float64``: the mean absolute derivative of the probabilities over classes
        and images, per ``units``, and its standard error over images; NaN for a single image.

    Examples
    --------
    >>> images = torch.rand(3, 1, 8, 8)
    >>> found = published_error(lambda x: x.flatten(1)[:, :4], images, ["translation_x"])
    >>> found.units, found.mean.shape
    (('half of the width',), torch.Size([1]))
    """

    flows: tuple[PublishedFlow, ...]
    units: tuple[str, ...]
    images: int
    mean: Tensor
    standard_error: Tensor


@full_precision
def published_error(
    model: Model,
    images: Tensor,
    flows: Sequence[PublishedFlow] = get_args(PublishedFlow),
    *,
    batch_size: int = 64,
) -> PublishedError:
    r"""Measure what the released code measures, :math:`\frac1K \sum_k |\mathcal{L} p_k|`.

    Use it to stand beside published numbers, and
    :func:`~utils.lie.local_equivariance_error` to compare networks: these derivatives are small
    for whoever is sure or has learned nothing, and bilinear interpolation has a kink at each pixel.

    Parameters
    ----------
    model : Callable
        Takes images and returns logits, shape ``(B, K)``.
    images : torch.Tensor
        Shape ``(B, C, S, S)``; the published coordinates are those of square images.
    flows : sequence of str
        Which flows, of :data:`PublishedFlow`.
    batch_size : int
        How many images go through the model at once.

    Examples
    --------
    Nothing that shifts values by 1 changes a softmax, but a gain does:

    >>> images = torch.ones(2, 1, 4, 4)
    >>> logits = lambda x: torch.stack([x.sum((1, 2, 3)) / 16, 0 * x[:, 0, 0, 0]], 1)
    >>> published_error(logits, images, ["brightness"]).mean  # p (1 - p) for p of 1 / (1 + 1 / e)
    tensor([0.1966], dtype=torch.float64)
    """
    for flow in flows:
        check_choice(flow, "A published flow", get_args(PublishedFlow))
    chosen = [
        generator(flow, gradient="central" if flow == "brightness" else "bilinear")
        for flow in flows
    ]
    check_arguments(model, images, chosen, TRIVIAL)
    batch_size = check_whole(batch_size, "batch_size")
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"The published coordinates are those of square images of shape (B, C, S, S), but the "
            f"images have shape {tuple(images.shape)}."
        )
    half = (images.shape[2] - 1) / 2
    parts = [
        derivatives_after(model, part, chosen, TRIVIAL, probabilities, verify=number == 0)[1]
        for number, part in enumerate(images.split(batch_size))
    ]
    scales = torch.tensor([half if flow in _HALVES else 1.0 for flow in flows]).double()
    errors = torch.cat(parts, dim=1).double().abs().mean(dim=2) * scales[:, None].to(images.device)
    units = (_HALVES.get(flow, move.unit) for flow, move in zip(flows, chosen, strict=True))
    return PublishedError(
        tuple(flows), tuple(units), len(images), errors.mean(dim=1), standard_error(errors)
    )


_HALVES = {"translation_x": "half of the width", "translation_y": "half of the height"}
