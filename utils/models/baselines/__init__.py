"""Ordinary networks for digits, with no rotation symmetry built in.

They are what the rotation network of :mod:`utils.models.rotation_cnn` is compared with. A
convolution commutes with shifts of the image, and nothing here commutes with turns: whatever
these networks know about rotations they have learned from turned digits.

:class:`PlainCNN` classifies digits and has about as many parameters as the C8 network of the
book (:mod:`~utils.models.baselines.classifier`). :class:`ConvVAE` is a variational
autoencoder: it learns a code of a digit without labels, from nothing but the wish to draw
the digit again (:mod:`~utils.models.baselines.autoencoder`). Neither code has a nonlinearity
after it, so its entries take both signs.
"""

from utils.models.baselines.autoencoder import (
    ConvVAE,
    ConvVAEConfig,
    VAEOutput,
    bernoulli_nats,
    gaussian_kl,
    negative_elbo,
)
from utils.models.baselines.classifier import PlainCNN, PlainCNNConfig

__all__ = [
    "ConvVAE",
    "ConvVAEConfig",
    "PlainCNN",
    "PlainCNNConfig",
    "VAEOutput",
    "bernoulli_nats",
    "gaussian_kl",
    "negative_elbo",
]
