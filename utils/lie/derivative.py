r"""The Lie derivative of a network: how far it is from equivariant.

Let a one-parameter group act on inputs by :math:`\rho_X(t)` and on outputs by
:math:`\rho_Z(t)`, with generators :math:`X_{in}` and :math:`X_{out}` (see
:mod:`utils.generators`). The Lie derivative of :math:`f` along the group is

.. math::
   (\mathcal{L} f)(x) = \left.\frac{d}{dt}\right|_{t=0} \rho_Z(-t)\, f(\rho_X(t)\, x)
   = J_f(x)\,[X_{in}\, x] - X_{out}\, f(x) .

It is zero for all inputs exactly if :math:`f` is equivariant to that group, and its unit is that
of the output per unit of the parameter :math:`t`: per pixel, per radian (Gruver, Finzi,
Goldblum & Wilson, "The Lie Derivative for Measuring Learned Equivariance", ICLR 2023). The
sign is that of the definition: what the network does, minus what it should do.

The published implementation moves the image by a resampler and differentiates through it. Here
the image is moved once, outside of the network, and its generator goes through the network as a
tangent, by one call of :func:`torch.func.jvp`.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from utils.generators import FeatureRepresentation, Generator, Trivial

__all__ = [
    "LocalEquivarianceError",
    "Scale",
    "Scores",
    "lie_derivative",
    "lie_derivatives",
    "local_equivariance_error",
]

Scores = Literal["logits", "probabilities"]
"""Outputs as they are, or their softmax."""

Scale = Literal["norm", "spread"]
"""What relative errors are relative to: the size of the outputs, or how they differ."""

Model = Callable[[Tensor], Tensor]

TRIVIAL = Trivial()

_SHARED: Any = (None, 0)
"""The outputs are the same for all tangents, their derivatives are not."""


# --------------------------------------------------------------------------------------------
# The derivative
# --------------------------------------------------------------------------------------------


def lie_derivative(
    model: Model,
    images: Tensor,
    generator: Generator,
    output: FeatureRepresentation = TRIVIAL,
) -> tuple[Tensor, Tensor]:
    r"""Return the outputs of a model and their Lie derivative, :math:`J_f [X x] - X_{out} f(x)`.

    Parameters
    ----------
    model : Callable
        Takes images and returns a batch of outputs; a network must be in evaluation mode.
    images : torch.Tensor
        Shape ``(B, C, H, W)``, ``float32`` or ``float64`` like the network.
    generator : Generator
        The transformation; see :func:`utils.lie.generator`.
    output : FeatureRepresentation
        What the transformation is meant to do to the outputs; by default nothing, as for a
        classifier.

    Returns
    -------
    outputs, derivative : torch.Tensor
        The outputs, and their Lie derivative of the same shape, in units of the output per
        ``generator.unit``. Neither carries gradients.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a shape does not fit, or forward-mode differentiation cannot enter the model.
    """
    check_arguments(model, images, [generator], output)
    with torch.no_grad(), forward_mode():
        outputs, pushed = jvp(model, (images,), (generator(images),))
    _check_outputs(outputs, images)
    return outputs, pushed - acted(output, generator, outputs, images, "the outputs")


def lie_derivatives(
    model: Model,
    images: Tensor,
    generators: Sequence[Generator],
    output: FeatureRepresentation = TRIVIAL,
) -> tuple[Tensor, Tensor]:
    """Return the outputs of a model and their Lie derivatives along several generators.

    The tangents go through the network together, by :func:`torch.func.vmap`, and what does not
    depend on them is computed once.

    Parameters
    ----------
    model, images, output
        As for :func:`lie_derivative`.
    generators : sequence of Generator
        At least one.

    Returns
    -------
    outputs : torch.Tensor
        Shape ``(B, ...)``.
    derivatives : torch.Tensor
        Shape ``(G, B, ...)``, one Lie derivative for each generator.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If there is no generator, a shape does not fit, or forward-mode differentiation cannot
        enter the model.
    """
    generators = list(generators)
    check_arguments(model, images, generators, output)

    def push(tangent: Tensor) -> tuple[Tensor, Tensor]:
        """Send one tangent through the model."""
        return jvp(model, (images,), (tangent,))

    with torch.no_grad(), forward_mode():
        tangents = torch.stack([generator(images) for generator in generators])
        outputs, pushed = torch.func.vmap(push, out_dims=_SHARED)(tangents)
    _check_outputs(outputs, images)
    meant = [acted(output, g, outputs, images, "the outputs") for g in generators]
    return outputs, pushed - torch.stack(meant)


def jvp(
    function: Callable[..., Tensor], values: tuple[Tensor, ...], tangents: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Return the value of a function and its derivative along tangents."""
    result = torch.func.jvp(function, values, tangents)
    return result[0], result[1]


def check_arguments(
    model: Model, images: Tensor, generators: Sequence[Generator], output: FeatureRepresentation
) -> None:
    """Check what every measurement is given, before any work."""
    if not callable(model):
        raise TypeError(f"The model must be callable, but it is a {type(model).__name__}.")
    if not isinstance(images, Tensor) or images.dtype not in (torch.float32, torch.float64):
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a float32 or float64 tensor, but this is {found}.")
    if images.ndim != 4 or images.numel() == 0:
        raise ValueError(
            f"images must have shape (B, C, H, W) with at least one entry, but they have shape "
            f"{tuple(images.shape)}."
        )
    if not torch.isfinite(images).all():
        raise ValueError("images hold NaN or infinite values; remove them first.")
    if not generators:
        raise ValueError("There must be at least one generator, but the list is empty.")
    for generator in generators:
        if not isinstance(generator, Generator):
            raise TypeError(
                f"A generator is made by utils.lie.generator or affine_generator, but this "
                f"is a {type(generator).__name__}."
            )
    check_representation(output, "output")
    _check_modules(model)


def check_representation(value: object, name: str) -> None:
    """Check that something is a representation of features."""
    if not isinstance(value, FeatureRepresentation):
        raise TypeError(
            f"{name} must be a representation such as Trivial() or Image(), but it is a "
            f"{value.__name__ if isinstance(value, type) else type(value).__name__}."
        )


def _check_modules(model: Model) -> None:
    """Refuse what forward-mode differentiation cannot enter, as far as modules show it."""
    owner = model if isinstance(model, nn.Module) else getattr(model, "__self__", None)
    if not isinstance(owner, nn.Module):
        return
    for name, module in owner.named_modules():
        what = f"Layer {name!r}" if name else "The model"
        kind = type(module).__name__
        if isinstance(module, _BatchNorm | _DropoutNd) and module.training:
            raise ValueError(
                f"{what} is a {kind} in training mode, where an output depends on the other "
                f"images of the batch or on chance; call model.eval() first."
            )
        if isinstance(module, nn.LSTM) and next(module.parameters()).dtype == torch.float32:
            raise ValueError(
                f"{what} is a {kind}, and forward-mode differentiation cannot enter its fused "
                f"kernel; convert the model and the images to float64, which has no such kernel "
                f"on a CPU, or replace it by a loop over torch.nn.LSTMCell."
            )
        fused = isinstance(module, nn.TransformerEncoderLayer | nn.MultiheadAttention)
        if fused and not module.training and torch.backends.mha.get_fastpath_enabled():
            raise ValueError(
                f"{what} is a {kind} with a fused fast path, which forward-mode differentiation "
                f"cannot enter; call torch.backends.mha.set_fastpath_enabled(False) first, and "
                f"measure inside `with torch.nn.attention.sdpa_kernel("
                f"torch.nn.attention.SDPBackend.MATH):`."
            )


@contextlib.contextmanager
def forward_mode() -> Iterator[None]:
    """Say in one sentence what to do if forward-mode differentiation stops inside a model."""
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        message = str(error)
        if "forward AD" not in message and "captured Tensor" not in message:
            raise
        if "scaled_dot_product" in message:
            raise ValueError(
                "The model calls fused attention, which forward-mode differentiation cannot "
                "enter; measure inside `with torch.nn.attention.sdpa_kernel("
                "torch.nn.attention.SDPBackend.MATH):`, or write the attention out."
            ) from error
        if "forward AD" not in message:
            raise ValueError(
                "The model changes a tensor of its own while it runs, as batch norm does in "
                "training mode, and forward-mode differentiation cannot go through that; call "
                "model.eval() or remove the change in place."
            ) from error
        operation = message.partition("forward AD with ")[2].split(" ")[0] or "an operation"
        raise ValueError(
            f"The model calls {operation}, which forward-mode differentiation cannot enter; write "
            f"this step in plain tensor operations."
        ) from error


def _check_outputs(outputs: object, images: Tensor) -> None:
    """Check that a model has returned one floating-point tensor with a row for each image."""
    if (
        not isinstance(outputs, Tensor)
        or not outputs.is_floating_point()
        or outputs.ndim == 0
        or len(outputs) != len(images)
    ):
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"The model must return one floating-point tensor with an entry for each of the "
            f"{len(images)} images, but it returned {found}."
        )


def acted(
    representation: FeatureRepresentation,
    generator: Generator,
    features: Tensor,
    images: Tensor,
    place: str,
) -> Tensor:
    """Return what the generator does to features, and say where if they do not fit."""
    frame = (images.shape[2], images.shape[3])
    try:
        return representation.derivative(generator, features, frame)
    except ValueError as error:
        raise ValueError(f"For {place}: {error}") from error


# --------------------------------------------------------------------------------------------
# The local equivariance error
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LocalEquivarianceError:
    r"""How far a model is from equivariant, in numbers, one for each generator.

    With :math:`K` the number of components of an output, an image has the error
    :math:`a_b = \lVert (\mathcal{L} f)(x_b) \rVert / \sqrt K`, the root mean square over the
    components.

    Attributes
    ----------
    generators : tuple of str
        The names of the generators.
    units : tuple of str
        The parameter of each; errors are per this unit.
    scores : {"logits", "probabilities"}
        What was measured.
    scale : {"norm", "spread"}
        What the relative error is relative to.
    images : int
        The number of images, :math:`B`.
    absolute : torch.Tensor
        Shape ``(G,)``: the mean of :math:`a_b`, in units of the output per ``units``.
    absolute_standard_error : torch.Tensor
        Shape ``(G,)``: its standard error over images; NaN for a single image.
    relative : torch.Tensor
        Shape ``(G,)``: the mean of :math:`a_b` divided by the root mean square of the outputs
        (``"norm"``) or of their deviations from their mean over the images (``"spread"``), per
        ``units``. All images share this denominator.
    relative_standard_error : torch.Tensor
        Shape ``(G,)``: its standard error over images, with the uncertainty of the denominator,
        to first order.
    published : torch.Tensor
        Shape ``(G,)``: the mean of :math:`a_b^2`, which is the error that Gruver et al. (2023)
        report; squared units.
    published_standard_error : torch.Tensor
        Shape ``(G,)``.
    per_image : torch.Tensor
        Shape ``(G, B)``: the errors :math:`a_b`.
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
    published: Tensor
    published_standard_error: Tensor
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
    has one that has learned nothing. Report the relative error of the logits beside it.

    Parameters
    ----------
    model, images, output
        As for :func:`lie_derivative`.
    generators : sequence of Generator
        At least one.
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

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a choice is unknown, a shape does not fit, forward-mode differentiation cannot enter
        the model, or the outputs are all zero (all equal, for ``"spread"``), so that nothing is
        relative to them.
    """
    generators = list(generators)
    check_arguments(model, images, generators, output)
    for name, value, known in (("scores", scores, Scores), ("scale", scale, Scale)):
        if value not in get_args(known):
            choices = " or ".join(map(repr, get_args(known)))
            raise ValueError(f"{name} is {choices}, but it is {value!r}.")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer, but it is {batch_size!r}.")
    measured = model if scores == "logits" else functools.partial(_probabilities, model)
    found_outputs, found_errors = [], []
    for part in images.split(batch_size):
        outputs, derivatives = lie_derivatives(measured, part, generators, output)
        found_outputs.append(outputs.flatten(1).double())
        found_errors.append(_root_mean_square(derivatives.flatten(2).double()))
    outputs, errors = torch.cat(found_outputs), torch.cat(found_errors, dim=1)
    reference = outputs - outputs.mean(dim=0) if scale == "spread" else outputs
    if not reference.any():
        raise ValueError(
            f"The outputs are {'all equal' if scale == 'spread' else 'all zero'}, and nothing is "
            f"relative to that; give other images or measure another model."
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
        absolute_standard_error=_standard_error(errors),
        relative=absolute / size,
        relative_standard_error=_standard_error(pull),
        published=errors.square().mean(dim=1),
        published_standard_error=_standard_error(errors.square()),
        per_image=errors,
    )


def _probabilities(model: Model, images: Tensor) -> Tensor:
    outputs = model(images)
    _check_outputs(outputs, images)
    if outputs.ndim != 2:
        raise ValueError(
            f"Probabilities need logits of shape (B, classes), but the outputs have shape "
            f"{tuple(outputs.shape)}; measure them with scores='logits'."
        )
    return outputs.softmax(dim=1)


def _root_mean_square(values: Tensor) -> Tensor:
    return values.square().mean(dim=-1).sqrt()


def _standard_error(values: Tensor) -> Tensor:
    """Return the standard error of means over the last axis."""
    count = values.shape[-1]
    if count == 1:
        return torch.full(values.shape[:-1], math.nan, dtype=values.dtype)
    return values.std(dim=-1) / count**0.5
