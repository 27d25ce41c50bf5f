"""Classifiers of digits that are equivariant under rotations.

:class:`RotationCNN` is equivariant under the rotations by multiples of 360°/n, the group
``C_n``; :class:`SO2CNN` under the rotations by any angle, the group ``SO(2)``. Both are
stacks of steerable convolutions (Weiler & Cesa, "General E(2)-Equivariant Steerable CNNs",
NeurIPS 2019) built with the library e2cnn, which no other room imports.

The path of an image through the default network, with the side of the grid::

    image 28 → centred 29 → circular mask
      → conv 7×7 → 25 → pool → 13
      → conv 5×5 → 13 → pool →  7
      → conv 5×5 →  5
      → conv 5×5 →  1   the latent code: k copies of the regular representation of C_n
      → pool over the group → MLP → logits

There is no nonlinearity after the last convolution, so the code is an affine image of the
features before it, and its entries take both signs. The network for SO(2) takes the same
path; its features are *frequencies* instead of copies of the regular representation, and
its code is k complex numbers for each frequency.

:mod:`~utils.models.rotation_cnn.networks` has both networks and their shapes. Why the sides are
odd is said in :mod:`~utils.models.rotation_cnn.odd_grid`, and what SO(2) asks of e2cnn in
:mod:`~utils.models.rotation_cnn.continuous`. :mod:`~utils.models.rotation_cnn.plain` writes a
trained network as ordinary layers. All names can be imported from here.
"""

from utils.models.rotation_cnn.networks import (
    SO2CNN,
    Head,
    RotationCNN,
    RotationCNNConfig,
    SO2CNNConfig,
    SteerableConfig,
    SteerableNetwork,
)
from utils.models.rotation_cnn.odd_grid import centred_on_odd_grid
from utils.models.rotation_cnn.plain import PlainClassifier, plain_classifier, plain_convolutions

__all__ = [
    "SO2CNN",
    "Head",
    "PlainClassifier",
    "RotationCNN",
    "RotationCNNConfig",
    "SO2CNNConfig",
    "SteerableConfig",
    "SteerableNetwork",
    "centred_on_odd_grid",
    "plain_classifier",
    "plain_convolutions",
]
