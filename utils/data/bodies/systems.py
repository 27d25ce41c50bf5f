"""Data sets of three bodies: where they are and how they move, and where they will be."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from utils._checks import check_float, check_whole
from utils.data.bodies.dynamics import DURATION, simulate

__all__ = ["BODIES", "BodySystems", "displacements", "sample_systems", "turned"]

BODIES = 3
"""Bodies in a system."""

SPREAD, SPEED = 1.0, 0.5
"""Standard deviation of a coordinate and of a velocity, before the centre is taken away."""


@dataclass(frozen=True)
class BodySystems:
    """States of systems of three bodies, and what is to be predicted of them.

    Parameters
    ----------
    states : torch.Tensor
        Shape ``(N, 6, 3)``: three positions, then three velocities. The centre of mass of each
        system rests at the origin. A rotation moves all six vectors, ``states @ R.mT``.
    targets : torch.Tensor
        Shape ``(N, 3, 3)``: how far each body comes beyond free flight, x(T) - x(0) - T v(0).
        A rotation moves them in the same way.
    field, anisotropy : float
        What breaks the symmetry, as :func:`utils.data.bodies.forces` takes it.
    """

    states: Tensor
    targets: Tensor
    field: float = 0.0
    anisotropy: float = 0.0

    def __len__(self) -> int:
        return len(self.states)


def displacements(states: Tensor, *, field: float = 0.0, anisotropy: float = 0.0) -> Tensor:
    """Return how far each body comes beyond free flight: what is to be predicted of a state.

    Parameters
    ----------
    states : torch.Tensor
        Shape ``(B, 6, 3)``: three positions, then three velocities.
    field, anisotropy : float
        As :func:`utils.data.bodies.forces` takes them.

    Returns
    -------
    torch.Tensor
        Shape ``(B, 3, 3)``, in the type of the states; computed in ``float64``.

    Examples
    --------
    >>> far_apart = 1e6 * torch.eye(3).repeat(2, 1)[None]
    >>> displacements(far_apart, field=1.0).round(decimals=3)[0, :, 2].tolist()
    [0.5, -0.5, 0.0]
    """
    check_float(states, "The tensor of states")
    if states.ndim != 3 or tuple(states.shape[1:]) != (2 * BODIES, 3):
        raise ValueError(f"states must have shape (B, 6, 3), not {tuple(states.shape)}")
    positions, velocities = states.double().split(BODIES, dim=1)
    later, _ = simulate(positions, velocities, field=field, anisotropy=anisotropy)
    return (later - positions - DURATION * velocities).to(states.dtype)


def sample_systems(
    number: int,
    *,
    seed: int,
    field: float = 0.0,
    anisotropy: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> BodySystems:
    """Draw systems at random, as likely as they are when turned, and simulate them.

    Positions and velocities are normal, so no direction is preferred: what breaks the symmetry
    is in the motion alone. Systems of one seed and number begin in the same states, whatever
    breaks the symmetry.

    Parameters
    ----------
    number : int
        How many systems.
    seed : int
        Seed of the states.
    field, anisotropy : float
        As :func:`utils.data.bodies.forces` takes them.
    dtype : torch.dtype
        In which states and targets are returned. The simulation is in ``float64``.

    Returns
    -------
    BodySystems

    Examples
    --------
    >>> systems = sample_systems(4, seed=0, field=1.0)
    >>> systems.states.shape, systems.targets.shape
    (torch.Size([4, 6, 3]), torch.Size([4, 3, 3]))
    """
    number = check_whole(number, "The number of systems")
    seed = check_whole(seed, "The seed", 0)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(number, 2, BODIES, 3, generator=generator, dtype=torch.float64)
    drawn = drawn - drawn.mean(dim=2, keepdim=True)
    states = torch.cat([SPREAD * drawn[:, 0], SPEED * drawn[:, 1]], dim=1)
    targets = displacements(states, field=field, anisotropy=anisotropy)
    return BodySystems(states.to(dtype), targets.to(dtype), field, anisotropy)


def turned(vectors: Tensor, rotations: Tensor) -> Tensor:
    """Turn vectors: each member of a batch by a rotation of its own, or all by one.

    Parameters
    ----------
    vectors : torch.Tensor
        Shape ``(B, n, 3)``: states, or targets.
    rotations : torch.Tensor
        Shape ``(B, 3, 3)`` or ``(3, 3)``; taken in the type of the vectors.

    Returns
    -------
    torch.Tensor
        Same shape as the vectors.

    Examples
    --------
    >>> quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> turned(torch.tensor([[[1.0, 0.0, 2.0]]]), quarter).tolist()
    [[[0.0, 1.0, 2.0]]]
    """
    check_float(vectors, "The tensor of vectors")
    if vectors.ndim != 3 or vectors.shape[-1] != 3:
        raise ValueError(f"vectors must have shape (B, n, 3), not {tuple(vectors.shape)}")
    if tuple(rotations.shape) not in ((3, 3), (len(vectors), 3, 3)):
        raise ValueError(
            f"rotations must have shape (3, 3) or ({len(vectors)}, 3, 3), not "
            f"{tuple(rotations.shape)}"
        )
    return vectors @ rotations.to(vectors).mT
