"""Networks that read a molecule as a cloud of atoms, and see of each pair what a group leaves.

:class:`CloudNetwork` is one network in four sights (:data:`SIGHTS`): it sees two positions, the
vector from one to the other, their distance, or nothing of where they are.
:mod:`~utils.models.clouds.networks` has it, :mod:`~utils.models.clouds.measures` says how far its
predictions err, and how far they move with the molecule. All names can be imported from here.
"""

from utils.models.clouds.measures import CloudMeasures, composition, measure_clouds, predict
from utils.models.clouds.networks import (
    SIGHTS,
    CloudConfig,
    CloudNetwork,
    Sight,
    bumps_of,
    pair_features,
)

__all__ = [
    "SIGHTS",
    "CloudConfig",
    "CloudMeasures",
    "CloudNetwork",
    "Sight",
    "bumps_of",
    "composition",
    "measure_clouds",
    "pair_features",
    "predict",
]
