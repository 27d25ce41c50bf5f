"""Networks for bodies in the plane: potentials with and without symmetry, and what they keep.

:mod:`~utils.models.potentials.networks` has the networks: a perceptron, pairs read under a group,
and forces without a potential. :mod:`~utils.models.potentials.conservation` measures how
momentum, angular momentum and energy drift when bodies move by their forces. All names can be
imported from here.
"""

from utils.models.potentials.conservation import (
    SHIFT,
    TURN,
    Drifts,
    SpringMeasures,
    angular_momentum,
    drifts,
    follow,
    force_error,
    measure_forces,
    total_energy,
    total_momentum,
)
from utils.models.potentials.networks import (
    DirectForces,
    PairConfig,
    PairPotential,
    PerceptronPotential,
    Potential,
    PotentialConfig,
    pair_features,
)

__all__ = [
    "SHIFT",
    "TURN",
    "DirectForces",
    "Drifts",
    "PairConfig",
    "PairPotential",
    "PerceptronPotential",
    "Potential",
    "PotentialConfig",
    "SpringMeasures",
    "angular_momentum",
    "drifts",
    "follow",
    "force_error",
    "measure_forces",
    "pair_features",
    "total_energy",
    "total_momentum",
]
