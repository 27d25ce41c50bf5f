"""Lie derivatives: how far a network is from equivariant, at once and layer by layer.

:mod:`utils.lie.derivative` measures a network at each image, :mod:`utils.lie.errors` averages over
images, :mod:`utils.lie.published` does so as released code does, and :mod:`utils.lie.layers`
measures its layers; how transformations act on images and on
features is said in :mod:`utils.generators`. All names can be imported from here::

    from utils.lie import generator, lie_derivative

    outputs, derivative = lie_derivative(network, images, generator("rotation"))
"""

from utils.generators import (
    GENERATORS,
    FeatureRepresentation,
    Generator,
    Image,
    RegularField,
    Tokens,
    Trivial,
    affine_generator,
    generator,
    standard_generators,
)
from utils.lie.derivative import lie_derivative, lie_derivatives
from utils.lie.errors import LocalEquivarianceError, local_equivariance_error
from utils.lie.layers import LayerwiseLieDerivative, TelescopingError, layerwise_lie_derivative
from utils.lie.published import PublishedError, PublishedFlow, published_error

__all__ = [
    "GENERATORS",
    "FeatureRepresentation",
    "Generator",
    "Image",
    "LayerwiseLieDerivative",
    "LocalEquivarianceError",
    "PublishedError",
    "PublishedFlow",
    "RegularField",
    "TelescopingError",
    "Tokens",
    "Trivial",
    "affine_generator",
    "generator",
    "layerwise_lie_derivative",
    "lie_derivative",
    "lie_derivatives",
    "local_equivariance_error",
    "published_error",
    "standard_generators",
]
