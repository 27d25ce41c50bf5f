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

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from utils._precision import full_precision
from utils.generators import FeatureRepresentation, Generator, Trivial
from utils.lie._checks import Model, check_arguments, check_outputs, forward_mode
from utils.lie._tangents import jvp, verified

__all__ = ["lie_derivative", "lie_derivatives"]

TRIVIAL = Trivial()

_SHARED: Any = (None, 0)
"""The outputs are the same for all tangents, their derivatives are not."""


@full_precision
def lie_derivative(
    model: Model,
    images: Tensor,
    generator: Generator,
    output: FeatureRepresentation = TRIVIAL,
    *,
    verify: bool = True,
) -> tuple[Tensor, Tensor]:
    r"""Return the outputs of a model and their Lie derivative, :math:`J_f [X x] - X_{out} f(x)`.

    What forward-mode differentiation cannot enter, such as fused attention, or loses on its way,
    as under ``torch.inference_mode``, is a ``ValueError`` that says where and what to do.

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
    verify : bool
        Hold the derivative of two images along a random direction against a finite difference
        first. Without it, a model that detaches has a Lie derivative of 0.

    Returns
    -------
    outputs, derivative : torch.Tensor
        The outputs, and their Lie derivative of the same shape, in units of the output per
        ``generator.unit``. Neither carries gradients.

    Examples
    --------
    >>> from utils.lie import generator
    >>> images = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> lie_derivative(lambda x: x.mean((2, 3)) ** 2, images, generator("brightness"))
    (tensor([[2.2500]]), tensor([[4.5000]]))
    """
    check_arguments(model, images, [generator], output)
    images = images.contiguous()
    tangent = generator(images)
    outputs, moved = pushed(model, images, tangent, verify)
    return outputs, moved - acted(output, generator, outputs, images, "the outputs")


@full_precision
def lie_derivatives(
    model: Model,
    images: Tensor,
    generators: Sequence[Generator],
    output: FeatureRepresentation = TRIVIAL,
    *,
    verify: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return the outputs of a model and their Lie derivatives along several generators.

    The tangents go through the network together, by :func:`torch.func.vmap`, and what does not
    depend on them is computed once. The arguments are those of :func:`lie_derivative`, with at
    least one generator.

    Returns
    -------
    outputs : torch.Tensor
        Shape ``(B, ...)``.
    derivatives : torch.Tensor
        Shape ``(G, B, ...)``, one Lie derivative for each generator.

    Examples
    --------
    >>> from utils.lie import standard_generators
    >>> images = torch.rand(2, 1, 5, 5)
    >>> lie_derivatives(lambda x: x.amax((2, 3)), images, standard_generators())[1].shape
    torch.Size([9, 2, 1])
    """
    generators = list(generators)
    check_arguments(model, images, generators, output)
    return derivatives_after(model, images, generators, output, verify=verify)


def derivatives_after(
    model: Model,
    images: Tensor,
    generators: Sequence[Generator],
    output: FeatureRepresentation,
    step: Callable[[Tensor], Tensor] | None = None,
    *,
    verify: bool,
) -> tuple[Tensor, Tensor]:
    """Return what :func:`lie_derivatives` does, for a model with one more step after it.

    The model is verified without the step: the softmax of a network that is sure hides what is cut.
    """
    images = images.contiguous()
    tangents = torch.stack([generator(images) for generator in generators])
    outputs, moved = pushed(model, images, tangents, verify)
    if step is not None:
        primal = outputs
        outputs, moved = torch.func.vmap(
            lambda slope: jvp(step, (primal,), (slope,)), out_dims=_SHARED
        )(moved)
    meant = [acted(output, g, outputs, images, "the outputs") for g in generators]
    return outputs, moved - torch.stack(meant)


def pushed(model: Model, images: Tensor, tangents: Tensor, verify: bool) -> tuple[Tensor, Tensor]:
    """Send the tangents of one flow, or of several at once, through a model."""

    def run(images: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and derivatives, at a copy that the model may change."""

        def push(tangent: Tensor) -> tuple[Tensor, Tensor]:
            """Send one tangent through the model."""
            return jvp(lambda x: model(x.clone()), (images,), (tangent,))

        several = tangents.ndim > images.ndim
        with torch.no_grad(), forward_mode(model):
            found = torch.func.vmap(push, out_dims=_SHARED)(tangents) if several else push(tangents)
        check_outputs(found[0], images)
        return found

    return verified(model, images, tangents, run) if verify else run(images, tangents)


def acted(
    representation: FeatureRepresentation,
    generator: Generator,
    features: Tensor,
    images: Tensor,
    place: str,
) -> Tensor:
    """Return what the generator does to features, and say where if they do not fit."""
    try:
        return representation.derivative(generator, features, (images.shape[2], images.shape[3]))
    except ValueError as error:
        raise ValueError(f"For {place}: {error}") from error
