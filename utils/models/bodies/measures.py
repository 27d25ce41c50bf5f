r"""How wrong a network for three bodies is, and how far from equivariant.

Two measures of the second are used. One turns a state by any rotation and compares what the
network says then with what it should say, :math:`f(Rx) - R f(x)`. The other turns it by very
little about an axis: the Lie derivative :math:`L_A f = J_f[Ax] - A f` of the generator A of that
axis, per radian. Both are given as root mean squares relative to the root mean square of what the
network says, so they are pure numbers; a network that turns its answer in the wrong sense has 2
in the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from utils.data.bodies import BodySystems, turned
from utils.groups import random_rotations, rotation_generators
from utils.models.bodies.networks import check_states

__all__ = ["BodyMeasures", "departures", "lie_departures", "measure_bodies"]

Predictor = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class BodyMeasures:
    """What :func:`measure_bodies` found.

    Attributes
    ----------
    error : float
        Mean square error of the predictions, relative to the mean square of the targets: 1 for
        the prediction that all bodies fly freely.
    equivariance : float
        Root mean square of f(Rx) - R f(x) over random rotations R, relative to that of f(x).
    lie : tuple of float
        Root mean square of the Lie derivative about x, y and z, per radian, relative to that of
        f(x).

    Examples
    --------
    >>> BodyMeasures(0.1, 0.5, (0.3, 0.3, 0.02)).lie[2]
    0.02
    """

    error: float
    equivariance: float
    lie: tuple[float, float, float]


def departures(network: Predictor, states: Tensor, rotations: Tensor) -> Tensor:
    r"""Return :math:`f(Rx) - R f(x)` for each state and a rotation of its own.

    Parameters
    ----------
    network : Callable
        States ``(B, 6, 3)`` to displacements ``(B, 3, 3)``.
    states : torch.Tensor
        Shape ``(B, 6, 3)``.
    rotations : torch.Tensor
        Shape ``(B, 3, 3)``, or ``(3, 3)`` for all states.

    Returns
    -------
    torch.Tensor
        Shape ``(B, 3, 3)``.

    Examples
    --------
    >>> quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> departures(lambda states: 2 * states[:, :3], torch.ones(1, 6, 3), quarter).abs().max()
    tensor(0.)
    """
    check_states(states)
    return network(turned(states, rotations)) - turned(network(states), rotations)


def lie_departures(network: Predictor, states: Tensor) -> Tensor:
    r"""Return the Lie derivatives :math:`J_f[Ax] - A f(x)` about x, y and z, per radian.

    The parameters are those of :func:`departures`, whose derivative by the angle at zero this is.

    Returns
    -------
    torch.Tensor
        Shape ``(3, B, 3, 3)``, one for each axis. It carries no gradients.

    Examples
    --------
    >>> lie_departures(lambda states: states[:, :3], torch.ones(1, 6, 3)).abs().max()
    tensor(0.)
    """
    check_states(states)
    found = []
    with torch.no_grad():
        for generator in rotation_generators().to(states):
            value, pushed, *_ = torch.func.jvp(network, (states,), (states @ generator.mT,))
            found.append(pushed - value @ generator.mT)
    return torch.stack(found)


def measure_bodies(network: Predictor, systems: BodySystems, *, seed: int = 0) -> BodyMeasures:
    """Measure a network on systems of three bodies.

    Parameters
    ----------
    network : Callable
        States ``(B, 6, 3)`` to displacements ``(B, 3, 3)``; in evaluation mode.
    systems : BodySystems
        At least one system.
    seed : int
        Seed of the rotations.

    Returns
    -------
    BodyMeasures

    Examples
    --------
    >>> from utils.data.bodies import sample_systems
    >>> still = measure_bodies(lambda states: states[:, :3], sample_systems(8, seed=0))
    >>> still.equivariance < 1e-6, max(still.lie) < 1e-6
    (True, True)
    """
    if not len(systems):
        raise ValueError("There are no systems to measure on.")
    states, targets = systems.states, systems.targets
    rotations = random_rotations(len(systems), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        found = network(states)
        apart = departures(network, states, rotations)
    unit = float(_mean_square(found))
    if not unit > 0:
        raise ValueError("The network returns zero for all states, so no error is relative to it.")
    lie = [float(_mean_square(each) / unit) ** 0.5 for each in lie_departures(network, states)]
    return BodyMeasures(
        float(_mean_square(found - targets) / _mean_square(targets)),
        float(_mean_square(apart) / unit) ** 0.5,
        (lie[0], lie[1], lie[2]),
    )


def _mean_square(vectors: Tensor) -> Tensor:
    """Return the mean over the batch of the squared norm."""
    return vectors.double().square().sum((-2, -1)).mean()
