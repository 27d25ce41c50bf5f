r"""Infinitesimal transformations of images, and of what networks make of images.

A one-parameter group moves the points of the plane along a velocity field :math:`v`, and an
image with them: :math:`(\rho(t)\,x)(p) = x(\varphi_{-t}(p))`, where :math:`\varphi_t` is the flow
of :math:`v`. Its *generator* is the derivative at the identity,

.. math:: X x = \left.\frac{d}{dt}\right|_{t=0} \rho(t)\, x = -\, v \cdot \nabla x .

All fields here are affine, :math:`v(p) = A\,(p - c) + b`, with :math:`c` the centre of the image.
Coordinates are pixels: :math:`p = (p_x, p_y)`, where :math:`p_x` is the column and grows to the
right, and :math:`p_y` is the row and grows downwards. So ``translation_x`` is the derivative per
pixel to the right, and ``rotation`` the derivative per radian, counter-clockwise as seen on the
page. The generators are in :mod:`~utils.generators.flows`, the gradients they stand on in
:mod:`~utils.generators.gradients`.

What a transformation of the input does to a feature map, to tokens or to logits is said
explicitly, by a :class:`~utils.generators.FeatureRepresentation` of
:mod:`~utils.generators.features`: :class:`~utils.generators.Trivial`,
:class:`~utils.generators.Image`, :class:`~utils.generators.Tokens`,
:class:`~utils.generators.RegularField`. Nothing is guessed from a shape. All names can be imported
from here::

    from utils.generators import Image, generator

    slope = generator("rotation")(images)
    meant = Image(stride=2).derivative(generator("rotation"), features, frame=(28, 28))
"""

from utils.generators.features import FeatureRepresentation, Image, RegularField, Tokens, Trivial
from utils.generators.flows import (
    GENERATORS,
    Generator,
    affine_generator,
    generator,
    standard_generators,
)
from utils.generators.gradients import Boundary, Gradient

__all__ = [
    "GENERATORS",
    "Boundary",
    "FeatureRepresentation",
    "Generator",
    "Gradient",
    "Image",
    "RegularField",
    "Tokens",
    "Trivial",
    "affine_generator",
    "generator",
    "standard_generators",
]
