r"""The quotient Z/G as a metric space: orbits, the quotient distance, alignment, geodesics.

A group that acts on :math:`Z` by isometries makes the set of orbits a metric space,

.. math:: d_{Z/G}([x], [y]) = \min_{g \in G} \lVert x - g\,y \rVert .

Every function takes the action as an argument, and any :class:`~utils.groups.Action` will do, a
reader's own included: the definition is to try every element. Faster roads are taken for

* :class:`~utils.groups.CyclicShifts`, codes of shape ``(B, k, n)``: all pairs by correlations;
* :class:`~utils.quotient.NodePermutations`: graphs, ``(B, n, n)`` or ``(B, n, n, c)``, are matched
  by branch and bound;
* :class:`~utils.groups.PointPermutations`: numbers, shape ``(B, n)``, are sorted, and points,
  shape ``(B, n, d)``, are matched by the Hungarian method.

Distances are computed in ``float64`` whatever the input, and returned in its type. Wherever two
codes are close, the difference of the aligned codes is formed before it is squared, so that a
distance near zero keeps its digits.

:mod:`utils.quotient.matching` finds the nearest copy of a code, :mod:`utils.quotient.distances`
measures distances, :mod:`utils.quotient.alignment` aligns codes and walks along geodesics, and
:mod:`utils.quotient.means` averages. :mod:`utils.quotient.graph_space` brings the action on graphs,
and :mod:`utils.quotient.frames` turns clouds of points into poses of their own.
All names can be imported from here::

    from utils.groups import CyclicShifts
    from utils.quotient import quotient_distance

    distances = quotient_distance(codes, other_codes, CyclicShifts(8))
"""

from utils.groups import orbit
from utils.quotient.alignment import Alignment, align, quotient_geodesic
from utils.quotient.distances import pairwise, quotient_distance, quotient_distance_matrix
from utils.quotient.frames import (
    PrincipalAxes,
    axis_frames,
    canonical_rotations,
    frame_average,
    pair_frames,
    principal_axes,
)
from utils.quotient.graph_space import (
    GraphMatches,
    NodePermutations,
    attributed_adjacency,
    match_graphs,
    one_hot_graphs,
)
from utils.quotient.matching import copies, nearest
from utils.quotient.means import FrechetMean, frechet_mean

__all__ = [
    "Alignment",
    "FrechetMean",
    "GraphMatches",
    "NodePermutations",
    "PrincipalAxes",
    "align",
    "attributed_adjacency",
    "axis_frames",
    "canonical_rotations",
    "copies",
    "frame_average",
    "frechet_mean",
    "match_graphs",
    "nearest",
    "one_hot_graphs",
    "orbit",
    "pair_frames",
    "pairwise",
    "principal_axes",
    "quotient_distance",
    "quotient_distance_matrix",
    "quotient_geodesic",
]
