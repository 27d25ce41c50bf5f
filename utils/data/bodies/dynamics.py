r"""How a few bodies move that attract each other, in a field or with a preferred direction.

The bodies have mass 1. Two of them at the distance vector :math:`d` have the energy
:math:`-1/\sqrt{d^\top M d + \varepsilon^2}`, with :math:`M` the identity unless the interaction is
anisotropic. Without more, the energy does not change when everything is turned, so the force
commutes with all rotations of space. Two things break this, each by an amount that one chooses:

* a **field** pulls body 0 up and body 1 down, along z, wherever they are: a force of this size;
* an **anisotropy** a makes :math:`M = \mathrm{diag}(1, 1, 1 + a)`: lengths along z count for more.

Both leave the rotations about z. The centre of mass moves freely throughout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from utils._checks import check_float, check_whole

__all__ = ["DURATION", "SOFTENING", "STEPS", "energy", "forces", "potential", "simulate"]

SOFTENING = 0.5
"""The distance within which the attraction grows no further."""

DURATION = 1.0
"""How long a system is followed."""

STEPS = 128
"""Steps of the integrator over this time."""


def potential(
    positions: Tensor,
    *,
    field: float = 0.0,
    anisotropy: float = 0.0,
    softening: float = SOFTENING,
) -> Tensor:
    """Return the potential energy of systems of bodies.

    The parameters are those of :func:`forces`, which is minus its gradient.

    Returns
    -------
    torch.Tensor
        Shape ``(...)``.

    Examples
    --------
    >>> positions = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> round(float(potential(positions, softening=0.75)), 4)
    -0.8
    """
    _check(positions, "positions", field, anisotropy, softening)
    first, second = torch.triu_indices(positions.shape[-2], positions.shape[-2], 1)
    apart = positions[..., second, :] - positions[..., first, :]
    squares = (apart * apart * _metric(apart, anisotropy)).sum(-1)
    height = positions[..., 0, 2] - positions[..., 1, 2]
    return -((squares + softening**2) ** -0.5).sum(-1) - field * height


def forces(
    positions: Tensor,
    *,
    field: float = 0.0,
    anisotropy: float = 0.0,
    softening: float = SOFTENING,
) -> Tensor:
    """Return the force on each body; as the masses are 1, also its acceleration.

    Parameters
    ----------
    positions : torch.Tensor
        Shape ``(..., bodies, 3)``, at least two bodies.
    field : float
        The force that pulls body 0 up and body 1 down, along z.
    anisotropy : float
        By how much the square of a distance along z counts for more; above -1.
    softening : float
        A length, positive: within it the attraction grows no further.

    Returns
    -------
    torch.Tensor
        Same shape. Over the bodies of a system the forces add up to zero.

    Examples
    --------
    >>> positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    >>> forces(positions, field=2.0, softening=0.75)
    tensor([[ 0.5120,  0.0000,  2.0000],
            [-0.5120,  0.0000, -2.0000]])
    """
    _check(positions, "positions", field, anisotropy, softening)
    apart = positions[..., None, :, :] - positions[..., :, None, :]  # from the first to the second
    weighed = apart * _metric(apart, anisotropy)
    squares = (apart * weighed).sum(-1, keepdim=True)
    attraction = (weighed * (squares + softening**2) ** -1.5).sum(-2)
    pull = torch.zeros_like(positions[(0,) * (positions.ndim - 2)])
    pull[0, 2], pull[1, 2] = field, -field
    return attraction + pull


def energy(positions: Tensor, velocities: Tensor, **breaking: float) -> Tensor:
    """Return potential plus kinetic energy, shape ``(...)``; it stays the same in time.

    Beside positions and velocities it takes what :func:`forces` takes.

    Examples
    --------
    >>> at_rest = torch.zeros(3, 3)
    >>> float(energy(at_rest, at_rest + 1.0, softening=1.0))
    1.5
    """
    _check_state(positions, velocities)
    return potential(positions, **breaking) + (velocities**2).sum((-2, -1)) / 2


def simulate(
    positions: Tensor,
    velocities: Tensor,
    *,
    duration: float = DURATION,
    steps: int = STEPS,
    **breaking: float,
) -> tuple[Tensor, Tensor]:
    """Let systems of bodies move for a while.

    The integrator is the velocity Verlet scheme: the error falls with the square of the step, and
    what the force commutes with, the scheme commutes with too. All is computed in ``float64`` and
    returned in the type of the positions.

    Parameters
    ----------
    positions, velocities : torch.Tensor
        Shape ``(..., bodies, 3)``.
    duration : float
        How long; negative to go back in time.
    steps : int
        Number of steps.
    **breaking
        ``field``, ``anisotropy`` and ``softening``, as :func:`forces` takes them.

    Returns
    -------
    positions, velocities : torch.Tensor
        At the end, same shape.

    Examples
    --------
    >>> apart = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    >>> later, _ = simulate(apart, torch.zeros(2, 3), duration=0.5)
    >>> float(later[1, 0] - later[0, 0]) < 1
    True
    """
    _check_state(positions, velocities)
    steps = check_whole(steps, "The number of steps")
    if not math.isfinite(duration):
        raise ValueError(f"The duration must be a finite number, not {duration!r}.")
    kind, step = positions.dtype, duration / steps
    place, speed = positions.double(), velocities.double()
    force = forces(place, **breaking)
    for _ in range(steps):
        speed = speed + step / 2 * force
        place = place + step * speed
        force = forces(place, **breaking)
        speed = speed + step / 2 * force
    return place.to(kind), speed.to(kind)


def _metric(vectors: Tensor, anisotropy: float) -> Tensor:
    """Return the diagonal of the matrix that squares of distances are weighed by."""
    return torch.tensor([1.0, 1.0, 1.0 + anisotropy], dtype=vectors.dtype, device=vectors.device)


def _check(positions: Tensor, what: str, field: float, anisotropy: float, softening: float) -> None:
    check_float(positions, f"The tensor of {what}")
    if positions.ndim < 2 or positions.shape[-1] != 3 or positions.shape[-2] < 2:
        raise ValueError(
            f"{what} must have shape (..., bodies, 3) with at least two bodies, not "
            f"{tuple(positions.shape)}"
        )
    if not math.isfinite(field):
        raise ValueError(f"The field must be a finite number, not {field!r}.")
    if not -1 < anisotropy < math.inf:
        raise ValueError(f"The anisotropy must be a number above -1, not {anisotropy!r}.")
    if not 0 < softening < math.inf:
        raise ValueError(f"The softening must be a positive length, not {softening!r}.")


def _check_state(positions: Tensor, velocities: Tensor) -> None:
    check_float(positions, "The tensor of positions")
    check_float(velocities, "The tensor of velocities")
    if positions.shape != velocities.shape or positions.dtype != velocities.dtype:
        raise ValueError(
            f"positions and velocities must have the same shape and type, not "
            f"{tuple(positions.shape)} of {positions.dtype} and {tuple(velocities.shape)} of "
            f"{velocities.dtype}"
        )
