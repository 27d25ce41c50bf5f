"""The local equivariance error: the size of a Lie derivative, averaged over images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from utils._checks import check_choice, check_whole
from utils._precision import full_precision
from utils.generators import FeatureRepresentation, Generator
from utils.lie._checks import Model, check_arguments
from utils.lie.derivative import TRIVIAL, derivatives_after

__all__ = ["LocalEquivarianceError", "Scale", "Scores", "local_equivariance_error"]

Scores = Literal["logits", "probabilities"]
"""Outputs as they are, or their softmax."""

Scale = Literal["norm", "spread"]
"""What relative errors are relative to: the size of the outputs, or how they differ."""

_ROUNDING = 16  # by how many units of rounding of the largest output equal outputs may differ


@dataclass(frozen=True)
class LocalEquivarianceError:
    r"""How far a model is from equivariant, in numbers, one for each of ``G`` generators.

    With :math:`K` the number of components of an output, an image has the error
    :math:`a_b = \lVert (\mathcal{L} f)(x_b) \rVert / \sqrt K`, the root mean square over the
    components. Printed, it is a table; see :func:`local_equivariance_error`.

    Attributes
    ----------
    generators, units : tuple of str
        The names of the generators, and the parameter of each; errors are per this unit.
    scores : {"logits", "probabilities"}
        What was measured.
    scale : {"norm", "spread"}
        What the relative error is relative to.
    images : int
        The number of images, :math:`B`.
    absolute, absolute_standard_error : torch.Tensor
        Shape ``(G,)``: the mean of :math:`a_b`, in units of the output per ``units``, and its
        standard error over images; NaN for a single image.
    relative, relative_standard_error : torch.Tensor
        Shape ``(G,)``: the mean of :math:`a_b` divided by the root mean square of the outputs
        (``"norm"``) or of their deviations from their mean over the images (``"spread"``), per
        ``units``. All images share this denominator, whose uncertainty is in the standard error,
        to first order.
    mean_square, mean_square_standard_error : torch.Tensor
        Shape ``(G,)``: the mean of :math:`a_b^2`, as Gruver et al. (2023) define the error; squared
        units. What their released code prints is :func:`~utils.lie.published_error`.
    per_image : torch.Tensor
        Shape ``(G, B)``: the errors :math:`a_b`.

    Examples
    --------
    A mean over all places does not notice a translation of an image that ends in black:

    >>> from utils.lie import generator
    >>> image = torch.zeros(1, 1, 5, 5)
    >>> image[:, :, 2, 2] = 1.0
    >>> moved = [generator("translation_x")]
    >>> error = local_equivariance_error(lambda x: x.sum((2, 3)), image, moved, scores="logits")
    >>> float(error.absolute)
    0.0
    """

    generators: tuple[str, ...]
    units: tuple[str, ...]
    scores: Scores
    scale: Scale
    images: int
    absolute: Tensor
    absolute_standard_error: Tensor
    relative: Tensor
    relative_standard_error: Tensor
    mean_square: Tensor
    mean_square_standard_error: Tensor
    per_image: Tensor

    def __str__(self) -> str:
        lines = [f"Local equivariance error of {self.scores}, {self.images} images"]
        for i, (name, unit) in enumerate(zip(self.generators, self.units, strict=True)):
            lines.append(
                f"  {name}: {self.absolute[i]:.3g} ± {self.absolute_standard_error[i]:.1g}, "
                f"relative {self.relative[i]:.3g} ± {self.relative_standard_error[i]:.1g}, "
                f"per {unit}"
            )
        return "\n".join(lines)


@full_precision
def local_equivariance_error(
    model: Model,
    images: Tensor,
    generators: Sequence[Generator],
    output: FeatureRepresentation = TRIVIAL,
    *,
    scores: Scores,
    scale: Scale = "norm",
    batch_size: int = 64,
) -> LocalEquivarianceError:
    """Measure the local equivariance error of a model, absolute and relative.

    Softmax compresses: a network that is sure has small derivatives of its probabilities, and so
    has one that has learned nothing. Report the relative error of the logits beside it. Outputs
    that are all zero (all equal up to rounding, for ``"spread"``) are refused: nothing is relative
    to them.

    Parameters
    ----------
    model, images, generators, output
        As for :func:`~utils.lie.lie_derivatives`.
    scores : {"logits", "probabilities"}
        Measure the outputs as they are, logits or anything else, or their softmax over the
        classes.
    scale : {"norm", "spread"}
        What the relative error is relative to. ``"norm"`` is the size of the outputs; a constant
        added to all outputs changes it. ``"spread"`` is how much they differ between images.
    batch_size : int
        How many images go through the model at once; the memory grows with it and with the number
        of generators.

    Returns
    -------
    LocalEquivarianceError
        Numbers in ``float64``, with standard errors over images.

    Examples
    --------
    >>> from utils.lie import generator
    >>> images = torch.arange(24.0).reshape(2, 1, 3, 4)
    >>> flows = [generator("brightness"), generator("translation_x")]
    >>> print(local_equivariance_error(lambda x: x.mean((2, 3)), images, flows, scores="logits"))
    Local equivariance error of logits, 2 images
      brightness: 11.5 ± 6, relative 0.887 ± 0.1, per unit of the logarithm of the brightness
      translation_x: 0.75 ± 0, relative 0.0578 ± 0.02, per pixel to the right
    """
    generators = list(generators)
    check_arguments(model, images, generators, output)
    check_choice(scores, "scores", get_args(Scores))
    check_choice(scale, "scale", get_args(Scale))
    batch_size = check_whole(batch_size, "batch_size")
    step = None if scores == "logits" else probabilities
    found_outputs, found_errors = [], []
    for generator in generators:
        generator(images[:1])
    for number, part in enumerate(images.split(batch_size)):
        outputs, derivatives = derivatives_after(
            model, part, generators, output, step, verify=number == 0
        )
        rounding = _ROUNDING * torch.finfo(outputs.dtype).eps
        found_outputs.append(outputs.flatten(1).double())
        found_errors.append(_root_mean_square(derivatives.flatten(2).double()))
    outputs, errors = torch.cat(found_outputs), torch.cat(found_errors, dim=1)
    reference = outputs - outputs.mean(dim=0) if scale == "spread" else outputs
    least = rounding * outputs.abs().max() if scale == "spread" else 0.0
    if (reference.abs() <= least).all():
        raise ValueError(
            f"The outputs are {'all equal' if scale == 'spread' else 'all zero'}, and nothing is "
            "relative to that; give other images or measure another model."
        )
    squares = _root_mean_square(reference).square()
    size = squares.mean().sqrt()
    absolute = errors.mean(dim=1)
    # To first order, how each image moves the ratio of the mean error to the root mean square.
    pull = errors / size - absolute[:, None] * squares / (2 * size**3)
    return LocalEquivarianceError(
        generators=tuple(generator.name for generator in generators),
        units=tuple(generator.unit for generator in generators),
        scores=scores,
        scale=scale,
        images=len(images),
        absolute=absolute,
        absolute_standard_error=standard_error(errors),
        relative=absolute / size,
        relative_standard_error=standard_error(pull),
        mean_square=errors.square().mean(dim=1),
        mean_square_standard_error=standard_error(errors.square()),
        per_image=errors,
    )


def probabilities(outputs: Tensor) -> Tensor:
    """Return the softmax of logits, shape ``(B, K)``."""
    if outputs.ndim != 2:
        raise ValueError(
            f"Probabilities need logits of shape (B, classes), but the outputs have shape "
            f"{tuple(outputs.shape)}; measure them with scores='logits'."
        )
    return outputs.softmax(dim=1)


def _root_mean_square(values: Tensor) -> Tensor:
    return values.square().mean(dim=-1).sqrt()


def standard_error(values: Tensor) -> Tensor:
    """Return the standard error of means over the last axis."""
    count = values.shape[-1]
    if count == 1:
        return torch.full(values.shape[:-1], math.nan, dtype=values.dtype)
    return values.std(dim=-1) / count**0.5
