r"""Convolutions on a Lie group, for clouds of points (LieConv; Finzi et al., ICML 2020).

* :func:`clouds` puts points and values into a batch of torch-geometric; :func:`all_pairs`,
  :func:`nearest` and :func:`sampled` say who is whose neighbour (:mod:`~.clouds`).
* :class:`LieConv` is the convolution and :class:`Distances` the pairs that a motion keeps
  (:mod:`~.layers`); the groups are in :mod:`utils.groups.lie_groups`.
* :class:`LieConvNetwork` is a network of such convolutions (:mod:`~.network`).
* :func:`invariance_errors` says by how much its outputs change when clouds move
  (:mod:`~.measures`).

All names can be imported from here.
"""

from utils.models.lie_conv.clouds import all_pairs, clouds, nearest, sampled, with_points
from utils.models.lie_conv.layers import Distances, LieConv, PairReader
from utils.models.lie_conv.measures import (
    MOTIONS,
    invariance_error,
    invariance_errors,
    move,
    pixel_grid,
    random_clouds,
)
from utils.models.lie_conv.network import (
    SYMMETRIES,
    LieConvConfig,
    LieConvNetwork,
    random_network,
    symmetry,
)

__all__ = [
    "MOTIONS",
    "SYMMETRIES",
    "Distances",
    "LieConv",
    "LieConvConfig",
    "LieConvNetwork",
    "PairReader",
    "all_pairs",
    "clouds",
    "invariance_error",
    "invariance_errors",
    "move",
    "nearest",
    "pixel_grid",
    "random_clouds",
    "random_network",
    "sampled",
    "symmetry",
    "with_points",
]
