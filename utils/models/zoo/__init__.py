"""A zoo of small classifiers of digits, made to be read layer by layer.

Four architectures, each in several sizes: a convolutional network with three ways to make its
grid coarser (:class:`CNN`), a perceptron (:class:`MLP`), an MLP-Mixer (:class:`Mixer`) and a
vision transformer (:class:`ViT`). None of them knows anything about rotations. They are what
a measurement of learned symmetry is made on.

Three properties make that measurement possible.

**Every step is a module.** Whatever can break a symmetry (a convolution, a nonlinearity, a
pooling, a normalisation, the cutting into patches, the positions, the mixing of tokens) is a
submodule with a name, takes one tensor and returns one. Between these modules nothing happens
but the sum of a residual connection. The method ``leaves`` of a network names them all, in the
order of computation, with what kind of step each is and with how a transformation of the image
acts on what goes in and on what comes out (:class:`utils.models.base.Leaf`).

**Forward-mode differentiation enters everywhere.** Attention is written out. In evaluation
mode, in which a network is measured, batch norm is nothing but a scale and an offset for each
channel.

**Every grid has the centre of the image.** A layer of stride two keeps every second position.
A convolution with an odd kernel, stride two and equal padding on 28 pixels keeps positions 0,
2, ..., 26; their centre lies half a pixel beside that of the image, and a quarter turn of the
image does not map them to each other. Here a layer of stride two has an even window on a grid
with an even number of pixels and an odd one on a grid with an odd number, so that a quarter
turn maps every grid to itself::

    maximum   28 → conv → 28 → maximum of 2×2, stride 2 → 14 → ... → 7 → conv → logits
    stride    28 → conv with stride 2 → 14 → conv with stride 2 → 7 → conv → logits
    blur      28 → conv → 28 → maximum of 2×2 → 27 → blur, stride 2 → 14 → ... → 7 → conv → logits

The third is the anti-aliased pooling of Zhang, "Making Convolutional Networks
Shift-Invariant Again" (ICML 2019): the maximum is taken at every position, and the result is
blurred before every second position is left out.

:mod:`~utils.models.zoo.networks` has the networks and their shapes,
:mod:`~utils.models.zoo.steps` what they are made of. All names can be imported from here.
"""

from utils.models.zoo.networks import (
    CNN,
    MLP,
    CNNConfig,
    Downsampling,
    ImageReadout,
    Mixer,
    MixerConfig,
    MLPConfig,
    Padding,
    Readout,
    ViT,
    ViTConfig,
    ZooNetwork,
)
from utils.models.zoo.steps import Activation

__all__ = [
    "CNN",
    "MLP",
    "Activation",
    "CNNConfig",
    "Downsampling",
    "ImageReadout",
    "MLPConfig",
    "Mixer",
    "MixerConfig",
    "Padding",
    "Readout",
    "ViT",
    "ViTConfig",
    "ZooNetwork",
]
