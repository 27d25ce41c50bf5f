"""The place from which chapter 10 takes its task; see :mod:`utils.training.tasks.rotated_mnist`."""

from utils.training.tasks.rotated_mnist import RotatedMNIST as RotatedMNIST
