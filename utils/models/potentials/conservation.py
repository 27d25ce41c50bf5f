"""What a motion keeps: momentum, angular momentum and energy, and by how much each drifts.

A drift is the largest departure from the value at the beginning, over all times, relative to a
quantity of the same unit that does not vanish by cancellation: the sum of the lengths of all
momenta at the beginning, the sum of lengths of position times length of momentum, and the energy
itself. Each is one number a system. They should be computed in ``float64``: in single
precision, rounding alone is a million times larger than what is to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from utils.data.springs import (
    DURATION,
    STEP,
    Motion,
    SpringSystems,
    roll_out,
    spring_forces,
    spring_potential,
)

__all__ = [
    "SHIFT",
    "TURN",
    "Drifts",
    "SpringMeasures",
    "angular_momentum",
    "drifts",
    "follow",
    "force_error",
    "measure_forces",
    "total_energy",
    "total_momentum",
]

SHIFT = (3.0, 3.0)
"""The vector by which systems are moved when forces are compared."""

TURN = 1.0
"""The angle by which they are turned, in radians."""


@dataclass(frozen=True)
class Drifts:
    """By how much each system of a motion departs from what it began with.

    Attributes
    ----------
    momentum, angular_momentum : torch.Tensor
        Shape ``(N,)``, relative, the largest over all times.

    Examples
    --------
    >>> Drifts(torch.zeros(3), torch.ones(3)).momentum.max()
    tensor(0.)
    """

    momentum: Tensor
    angular_momentum: Tensor


@dataclass(frozen=True)
class SpringMeasures:
    """What :func:`measure_forces` found; of many systems, the median unless it says the worst.

    Attributes
    ----------
    error, shifted, turned : float
        Mean square error of the forces, relative to their mean square, of systems as they are
        drawn, moved by (3, 3), and turned by one radian. Zero forces have 1.
    momentum, angular_momentum : float
        Drifts, see :func:`drifts`.
    momentum_worst, angular_momentum_worst : float
        The largest of them.
    energy : float
        Largest departure of the true energy from its value at the beginning, relative to it.
    own_energy : float
        The same of kinetic energy plus the potential that was learned, over the true energy at the
        beginning; NaN without a potential.
    position_2, position_5 : float
        Root mean square error of a coordinate, after times 2 and 5.

    Examples
    --------
    >>> from utils.data.springs import sample_springs
    >>> still = measure_forces(lambda positions, _: 0 * positions, sample_springs(4, seed=0))
    >>> still.error, still.momentum, still.angular_momentum < 1e-12
    (1.0, 0.0, True)
    """

    error: float
    shifted: float
    turned: float
    momentum: float
    angular_momentum: float
    momentum_worst: float
    angular_momentum_worst: float
    energy: float
    own_energy: float
    position_2: float
    position_5: float


def total_momentum(momenta: Tensor) -> Tensor:
    """Return the sum of all momenta, ``(..., n, 2)`` to ``(..., 2)``.

    Examples
    --------
    >>> total_momentum(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
    tensor([3., 3.])
    """
    return momenta.sum(-2)


def angular_momentum(positions: Tensor, momenta: Tensor) -> Tensor:
    r"""Return :math:`\sum_i q_i \times p_i` about the origin, ``(..., n, 2)`` to ``(...)``.

    Examples
    --------
    >>> angular_momentum(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]]))
    tensor(6.)
    """
    return (positions[..., 0] * momenta[..., 1] - positions[..., 1] * momenta[..., 0]).sum(-1)


def total_energy(potential: Tensor, momenta: Tensor, masses: Tensor) -> Tensor:
    r"""Return a potential, ``(...)``, plus :math:`\sum_i |p_i|^2 / 2 m_i`.

    Examples
    --------
    >>> total_energy(torch.tensor(1.0), torch.tensor([[0.0, 2.0]]), torch.tensor([2.0]))
    tensor(2.)
    """
    return potential + (momenta.square().sum(-1) / masses).sum(-1) / 2


def drifts(motion: Motion) -> Drifts:
    r"""Return how far momentum and angular momentum of a motion depart from where they began.

    They are the largest :math:`|P(t) - P(0)| / \sum_i |p_i(0)|` and
    :math:`|L(t) - L(0)| / \sum_i |q_i(0)| |p_i(0)|` over all times.

    Examples
    --------
    >>> from utils.data.springs import sample_springs
    >>> systems = sample_springs(3, seed=0)
    >>> still = roll_out(torch.zeros_like, systems.positions, systems.momenta, systems.masses)
    >>> bool(drifts(still).momentum.max() < 1e-14)
    True
    """
    q, p = motion.positions, motion.momenta
    momentum, angular = total_momentum(p), angular_momentum(q, p)
    unit = p[0].norm(dim=-1)
    return Drifts(
        (momentum - momentum[0]).norm(dim=-1).amax(0) / unit.sum(-1),
        (angular - angular[0]).abs().amax(0) / (q[0].norm(dim=-1) * unit).sum(-1),
    )


def follow(
    network: Callable[[Tensor, Tensor], Tensor],
    systems: SpringSystems,
    *,
    duration: float = DURATION,
    step: float = STEP,
) -> Motion:
    """Roll systems out by the forces of a network.

    Parameters
    ----------
    network : Callable
        Positions and traits ``(N, n, 2)`` to forces ``(N, n, 2)``, in the type of the systems.
    systems : SpringSystems
    duration, step : float
        As :func:`utils.data.springs.roll_out` takes them.

    Returns
    -------
    Motion

    Examples
    --------
    >>> from utils.data.springs import sample_springs
    >>> from utils.models.potentials import PairPotential
    >>> systems = sample_springs(2, seed=0)
    >>> motion = follow(PairPotential().double(), systems, duration=1.0)
    >>> motion.positions.shape
    torch.Size([21, 2, 5, 2])
    """
    traits = systems.traits
    return roll_out(
        lambda positions: network(positions, traits),
        systems.positions,
        systems.momenta,
        systems.masses,
        duration=duration,
        step=step,
    )


def force_error(network: Callable[[Tensor, Tensor], Tensor], systems: SpringSystems) -> float:
    """Return the mean square error of the forces of a network, relative to their mean square.

    The parameters are those of :func:`follow`.

    Examples
    --------
    >>> from utils.data.springs import sample_springs
    >>> force_error(lambda positions, traits: 0 * positions, sample_springs(2, seed=0))
    1.0
    """
    wanted = systems.forces
    with torch.no_grad():
        found = network(systems.positions, systems.traits)
    return float((found - wanted).square().mean() / wanted.square().mean())


def measure_forces(
    network: Callable[[Tensor, Tensor], Tensor], systems: SpringSystems
) -> SpringMeasures:
    """Measure forces, and the motion that they make.

    Parameters
    ----------
    network : Callable
        As :func:`follow` takes it: a network of :mod:`utils.models.potentials`, or any function.
    systems : SpringSystems
        In ``float64``, at least one.

    Returns
    -------
    SpringMeasures

    Examples
    --------
    >>> from utils.data.springs import sample_springs
    >>> true = measure_forces(lambda q, t: spring_forces(q, t[..., 1]), sample_springs(4, seed=0))
    >>> true.error, true.momentum < 1e-14, 1e-9 < true.angular_momentum < 1e-4
    (0.0, True, True)
    """
    if systems.positions.dtype != torch.float64:
        raise TypeError("Drifts are measured in float64; draw systems with dtype=torch.float64.")
    if not len(systems):
        raise ValueError("There are no systems to measure on.")
    found = follow(network, systems)
    true = follow(lambda positions, traits: spring_forces(positions, traits[..., 1]), systems)
    kept = drifts(found)
    springs = spring_potential(found.positions, systems.stiffness.expand(found.momenta.shape[:-1]))
    energy = total_energy(springs, found.momenta, systems.masses)
    own = torch.full_like(energy, torch.nan)
    potential = getattr(network, "potential", None)
    if potential is not None:
        with torch.no_grad():
            learned = torch.stack([potential(q, systems.traits) for q in found.positions])
        own = total_energy(learned, found.momenta, systems.masses)
    apart = (found.positions - true.positions).square().mean((-2, -1)).sqrt()
    at = [int((found.times - time).abs().argmin()) for time in (2.0, 5.0)]
    return SpringMeasures(
        force_error(network, systems),
        force_error(network, systems.shifted(SHIFT)),
        force_error(network, systems.turned(TURN)),
        float(kept.momentum.median()),
        float(kept.angular_momentum.median()),
        float(kept.momentum.max()),
        float(kept.angular_momentum.max()),
        float(((energy - energy[0]).abs().amax(0) / energy[0]).median()),
        float(((own - own[0]).abs().amax(0) / energy[0]).median()),
        float(apart[at[0]].median()),
        float(apart[at[1]].median()),
    )
