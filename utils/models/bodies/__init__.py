"""Networks that predict where three bodies go, with all, some or none of the symmetry built in.

* :class:`PlainBodies` is a perceptron: no symmetry at all.
* :class:`ExactBodies` commutes with all rotations of space: it mixes the vectors it is given, by
  coefficients that depend on their inner products alone.
* :class:`AxialBodies` commutes with the rotations about z only.
* :class:`ResidualBodies` is the sum of an exact network and a small perceptron.
* :class:`GroupAverage` averages any of them over finitely many rotations, when it is used.

All take states of shape ``(B, 6, 3)`` and return displacements of shape ``(B, 3, 3)``, as
:func:`utils.data.bodies.sample_systems` draws them. :mod:`~utils.models.bodies.networks` has the
networks, :mod:`~utils.models.bodies.averaging` the average, and
:mod:`~utils.models.bodies.measures` says how far from equivariant a network is. All names can be
imported from here.
"""

from utils.models.bodies.averaging import GroupAverage
from utils.models.bodies.measures import (
    BodyMeasures,
    departures,
    lie_departures,
    measure_bodies,
)
from utils.models.bodies.networks import (
    AxialBodies,
    BodiesConfig,
    ExactBodies,
    PlainBodies,
    ResidualBodies,
    ResidualConfig,
)

__all__ = [
    "AxialBodies",
    "BodiesConfig",
    "BodyMeasures",
    "ExactBodies",
    "GroupAverage",
    "PlainBodies",
    "ResidualBodies",
    "ResidualConfig",
    "departures",
    "lie_departures",
    "measure_bodies",
]
