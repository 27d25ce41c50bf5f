r"""The quotient Z/G as a metric space: orbits, the quotient distance, alignment, geodesics.

A group that acts on :math:`Z` by isometries makes the set of orbits a metric space,

.. math:: d_{Z/G}([x], [y]) = \min_{g \in G} \lVert x - g\,y \rVert .

Every function takes the action as an argument:

* :class:`~utils.groups.CyclicShifts`: C_n shifting ``k`` copies of its regular representation,
  codes of shape ``(B, k, n)``;
* :class:`~utils.groups.PointPermutations`: S_n permuting numbers, shape ``(B, n)``, where sorting
  finds the minimum, or points, shape ``(B, n, d)``, where the Hungarian method does;
* an orthogonal :class:`~utils.groups.Representation` of any finite group, where the minimum is
  taken by trying every element. It is slow, and the ground truth for the others.

Distances are computed in ``float64`` whatever the input, and returned in its type. Wherever two
codes are close, the difference of the aligned codes is formed before it is squared, so that a
distance near zero keeps its digits.

:mod:`utils.quotient.orbits` lists orbits, :mod:`utils.quotient.distances` measures distances, and
:mod:`utils.quotient.alignment` aligns codes and walks along geodesics. All names can be imported
from here::

    from utils.groups import CyclicShifts
    from utils.quotient import quotient_distance

    distances = quotient_distance(codes, other_codes, CyclicShifts(8))
"""

from utils.quotient.alignment import Alignment, align, quotient_geodesic
from utils.quotient.distances import quotient_distance, quotient_distance_matrix
from utils.quotient.orbits import orbit

__all__ = [
    "Alignment",
    "align",
    "orbit",
    "quotient_distance",
    "quotient_distance_matrix",
    "quotient_geodesic",
]
