"""Three bodies that attract each other: a motion whose symmetry is broken by a chosen amount.

:mod:`~utils.data.bodies.dynamics` has the forces and lets the bodies move;
:mod:`~utils.data.bodies.systems` draws systems and says what is to be predicted of them. All names
can be imported from here::

    from utils.data.bodies import forces, sample_systems

    systems = sample_systems(600, seed=0, field=0.25)
"""

from utils.data.bodies.dynamics import (
    DURATION,
    SOFTENING,
    STEPS,
    energy,
    forces,
    potential,
    simulate,
)
from utils.data.bodies.systems import BODIES, BodySystems, displacements, sample_systems, turned

__all__ = [
    "BODIES",
    "DURATION",
    "SOFTENING",
    "STEPS",
    "BodySystems",
    "displacements",
    "energy",
    "forces",
    "potential",
    "sample_systems",
    "simulate",
    "turned",
]
