"""Lie derivatives: how far a network is from equivariant, at once and layer by layer.

:mod:`utils.lie.derivative` measures a network at each image, :mod:`utils.lie.errors` averages over
images, :mod:`utils.lie.published` does so as released code does, and :mod:`utils.lie.layers`
measures its layers; how transformations act on images and on features is said in
:mod:`utils.generators`. :mod:`utils.lie.null_space` turns the question round and finds the
symmetries of a given function, :mod:`utils.lie.finite` does so over finite ways, and
:mod:`utils.lie.spans` compares what was found with what is known. All names can be imported from
here::

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
from utils.lie.finite import flowed, secant_form
from utils.lie.layers import LayerwiseLieDerivative, TelescopingError, layerwise_lie_derivative
from utils.lie.null_space import (
    InfinitesimalSymmetries,
    SymmetryForm,
    affine_basis,
    image_symmetry_form,
    infinitesimal_symmetries,
    matrix_basis,
    symmetry_form,
)
from utils.lie.published import PublishedError, PublishedFlow, published_error
from utils.lie.spans import bracket_defect, closes_under_brackets, principal_cosines

__all__ = [
    "GENERATORS",
    "FeatureRepresentation",
    "Generator",
    "Image",
    "InfinitesimalSymmetries",
    "LayerwiseLieDerivative",
    "LocalEquivarianceError",
    "PublishedError",
    "PublishedFlow",
    "RegularField",
    "SymmetryForm",
    "TelescopingError",
    "Tokens",
    "Trivial",
    "affine_basis",
    "affine_generator",
    "bracket_defect",
    "closes_under_brackets",
    "flowed",
    "generator",
    "image_symmetry_form",
    "infinitesimal_symmetries",
    "layerwise_lie_derivative",
    "lie_derivative",
    "lie_derivatives",
    "local_equivariance_error",
    "matrix_basis",
    "principal_cosines",
    "published_error",
    "secant_form",
    "standard_generators",
    "symmetry_form",
]
