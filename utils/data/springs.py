r"""Five bodies in the plane, any two of them joined by a spring: what moves them, and how.

A body has a mass m and a stiffness k; the spring between two bodies has the constant
:math:`k_i k_j` and no length at rest. The energy is

.. math:: H(q, p) = \sum_i \frac{|p_i|^2}{2 m_i} + V(q), \qquad
   V(q) = \frac12 \sum_{i<j} k_i k_j |q_i - q_j|^2,

as in the springs of Finzi, Stanton, Izmailov & Wilson, "Generalizing Convolutional Neural Networks
for Equivariance to Lie Groups on Arbitrary Continuous Data" (ICML 2020), whose sum runs over
ordered pairs, so that theirs are twice as stiff. Nothing depends on where the bodies are or
which way they face, so the momentum and the angular momentum never change.

Bodies move by Hamilton's equations, :math:`\dot q_i = p_i / m_i` and :math:`\dot p_i = F_i(q)`.
:func:`roll_out` follows them with forces from anywhere: true ones, or those of a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from utils._checks import check_float, check_whole

__all__ = [
    "BODIES",
    "DURATION",
    "STEP",
    "Motion",
    "SpringSystems",
    "roll_out",
    "sample_springs",
    "spring_forces",
    "spring_potential",
]

BODIES = 5
"""Bodies in a system."""

DURATION = 5.0
"""How long a system is followed."""

STEP = 0.05
"""A step of the integrator."""

MASSES, STIFFNESS = (0.5, 2.0), (0.5, 1.5)
"""Between which limits masses and stiffness are drawn, each value as likely as any other."""

SPREAD, PUSH = 1.0, 0.5
"""Standard deviations of a coordinate of a position and of a momentum."""

Forces = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class SpringSystems:
    """Systems of bodies joined by springs, each in one state.

    Parameters
    ----------
    positions, momenta : torch.Tensor
        Shape ``(N, n, 2)``.
    masses, stiffness : torch.Tensor
        Shape ``(N, n)``.

    Examples
    --------
    >>> systems = sample_springs(3, seed=0)
    >>> len(systems), systems.traits.shape
    (3, torch.Size([3, 5, 2]))
    """

    positions: Tensor
    momenta: Tensor
    masses: Tensor
    stiffness: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def traits(self) -> Tensor:
        """Mass and stiffness of each body, shape ``(N, n, 2)``: what a network is told of it."""
        return torch.stack([self.masses, self.stiffness], dim=-1)

    @property
    def forces(self) -> Tensor:
        """The true forces, shape ``(N, n, 2)``."""
        return spring_forces(self.positions, self.stiffness)

    def shifted(self, by: tuple[float, float]) -> Self:
        """Move all bodies by the same vector; momenta and forces stay what they are.

        Examples
        --------
        >>> systems = sample_springs(2, seed=0)
        >>> torch.allclose(systems.shifted((3.0, 3.0)).forces, systems.forces)
        True
        """
        return replace(self, positions=self.positions + self.positions.new_tensor(by))

    def turned(self, angle: float) -> Self:
        """Turn positions and momenta about the origin, counterclockwise; forces turn with them.

        Examples
        --------
        >>> systems = sample_springs(2, seed=0)
        >>> half = systems.turned(math.pi)
        >>> torch.allclose(half.forces, -systems.forces)
        True
        """
        turn = _rotation(angle).to(self.positions)
        return replace(self, positions=self.positions @ turn.mT, momenta=self.momenta @ turn.mT)


@dataclass(frozen=True)
class Motion:
    """Where bodies are and how they move, at several times.

    Parameters
    ----------
    times : torch.Tensor
        Shape ``(T,)``, from 0 on.
    positions, momenta : torch.Tensor
        Shape ``(T, N, n, 2)``.
    masses : torch.Tensor
        Shape ``(N, n)``.

    Examples
    --------
    >>> two = torch.zeros(1, 2, 2)
    >>> free, ones = torch.zeros_like, torch.ones(1, 2)
    >>> motion = roll_out(free, two, two + 1.0, ones, duration=1.0, step=0.5)
    >>> motion.times.tolist(), motion.positions[-1, 0, 0].tolist()
    ([0.0, 0.5, 1.0], [1.0, 1.0])
    """

    times: Tensor
    positions: Tensor
    momenta: Tensor
    masses: Tensor


def spring_potential(positions: Tensor, stiffness: Tensor) -> Tensor:
    r"""Return the energy of the springs, :math:`\frac12 \sum_{i<j} k_i k_j |q_i - q_j|^2`.

    Parameters
    ----------
    positions : torch.Tensor
        Shape ``(..., n, 2)``.
    stiffness : torch.Tensor
        Shape ``(..., n)``.

    Returns
    -------
    torch.Tensor
        Shape ``(...)``.

    Examples
    --------
    >>> float(spring_potential(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([2.0, 1.0])))
    25.0
    """
    _check_bodies(positions, stiffness, "stiffness")
    apart = positions[..., None, :, :] - positions[..., :, None, :]
    springs = stiffness[..., None, :] * stiffness[..., :, None]
    return (springs * apart.square().sum(-1)).sum((-2, -1)) / 4  # each pair is there twice


def spring_forces(positions: Tensor, stiffness: Tensor) -> Tensor:
    r"""Return the forces :math:`F_i = \sum_j k_i k_j (q_j - q_i)`, minus the gradient of V.

    The parameters are those of :func:`spring_potential`. The result has the shape of the
    positions; over the bodies of a system it adds up to zero.

    Examples
    --------
    >>> spring_forces(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([2.0, 1.0]))
    tensor([[ 6.,  8.],
            [-6., -8.]])
    """
    _check_bodies(positions, stiffness, "stiffness")
    apart = positions[..., None, :, :] - positions[..., :, None, :]  # from the first to the second
    springs = stiffness[..., None, :] * stiffness[..., :, None]
    return (springs[..., None] * apart).sum(-2)


def sample_springs(
    number: int, *, seed: int, bodies: int = BODIES, dtype: torch.dtype = torch.float64
) -> SpringSystems:
    """Draw systems at random, as likely as they are when turned about the origin.

    Positions and momenta are normal with standard deviations of 1 and 0.5, masses uniform between
    0.5 and 2, stiffness between 0.5 and 1.5. Systems are drawn around the origin, so a shifted
    system is one that is not drawn.

    Parameters
    ----------
    number : int
        How many systems.
    seed : int
        Seed of all that is drawn.
    bodies : int
        Bodies in a system, at least two.
    dtype : torch.dtype
        Type of the tensors; they are drawn in ``float64``.

    Returns
    -------
    SpringSystems

    Examples
    --------
    >>> sample_springs(4, seed=0).positions.shape
    torch.Size([4, 5, 2])
    """
    number = check_whole(number, "The number of systems")
    bodies = check_whole(bodies, "The number of bodies", 2)
    seed = check_whole(seed, "The seed", 0)
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(number, 2, bodies, 2, generator=generator, dtype=torch.float64)
    shares = torch.rand(number, 2, bodies, generator=generator, dtype=torch.float64)
    masses, stiffness = (
        low + (high - low) * share
        for (low, high), share in zip((MASSES, STIFFNESS), shares.unbind(1), strict=True)
    )
    drawn = (SPREAD * vectors[:, 0], PUSH * vectors[:, 1], masses, stiffness)
    return SpringSystems(*(each.to(dtype) for each in drawn))


def roll_out(
    forces: Forces,
    positions: Tensor,
    momenta: Tensor,
    masses: Tensor,
    *,
    duration: float = DURATION,
    step: float = STEP,
) -> Motion:
    r"""Follow bodies through time by the classical Runge–Kutta scheme of order 4.

    The scheme keeps what is linear in the state if the forces do, to rounding: the momentum,
    where forces add up to zero. What is quadratic, as the angular momentum, it keeps up to its
    own error, of order 4 in the step: a floor that is to be measured with the true forces.

    Parameters
    ----------
    forces : Callable
        Positions ``(N, n, 2)`` to forces ``(N, n, 2)``. Gradients are not kept.
    positions, momenta : torch.Tensor
        At the beginning, shape ``(N, n, 2)``.
    masses : torch.Tensor
        Shape ``(N, n)``, positive.
    duration, step : float
        How long, and the length of a step; their quotient is rounded to whole steps.

    Returns
    -------
    Motion
        At the beginning and after every step, in the type of the positions. If bodies run away
        to infinity, there is a ValueError.

    Examples
    --------
    >>> start = torch.tensor([[[-1.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    >>> one = torch.ones(1, 2, dtype=torch.float64)
    >>> quarter = math.pi / 8**0.5  # of a period: they meet
    >>> motion = roll_out(lambda q: spring_forces(q, one), start, 0 * start, one, duration=quarter)
    >>> round(float(motion.positions[-1].abs().max()), 2)
    0.0
    """
    _check_bodies(positions, masses, "masses")
    check_float(momenta, "The tensor of momenta")
    if momenta.shape != positions.shape or momenta.dtype != positions.dtype:
        raise ValueError(
            f"momenta must have the shape and type of the positions, {tuple(positions.shape)} of "
            f"{positions.dtype}, not {tuple(momenta.shape)} of {momenta.dtype}"
        )
    if not bool((masses > 0).all()):
        raise ValueError("masses must be positive")
    if not (0 < duration < math.inf and 0 < step < math.inf):
        raise ValueError(f"duration and step must be positive, not {duration!r} and {step!r}")
    steps = max(1, round(duration / step))
    h, heavy = duration / steps, masses[..., None]
    places, pushes = [positions], [momenta]

    def slope(q: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        """Return the velocities and the forces."""
        return p / heavy, forces(q)

    with torch.no_grad():
        for _ in range(steps):
            q, p = places[-1], pushes[-1]
            v1, f1 = slope(q, p)
            v2, f2 = slope(q + h / 2 * v1, p + h / 2 * f1)
            v3, f3 = slope(q + h / 2 * v2, p + h / 2 * f2)
            v4, f4 = slope(q + h * v3, p + h * f3)
            places.append(q + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4))
            pushes.append(p + h / 6 * (f1 + 2 * f2 + 2 * f3 + f4))
            if not bool(torch.isfinite(places[-1]).all() and torch.isfinite(pushes[-1]).all()):
                raise ValueError(
                    f"bodies have run away by time {len(places) * h - h:.3g}: positions or momenta "
                    f"are not finite; look at the forces, or take a shorter duration or step"
                )
    times = h * torch.arange(steps + 1, dtype=positions.dtype, device=positions.device)
    return Motion(times, torch.stack(places), torch.stack(pushes), masses)


def _rotation(angle: float) -> Tensor:
    """Return the matrix that turns the plane."""
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)


def _check_bodies(positions: Tensor, numbers: Tensor, what: str) -> None:
    check_float(positions, "The tensor of positions")
    check_float(numbers, f"The tensor of {what}")
    if positions.ndim < 2 or positions.shape[-1] != 2 or positions.shape[-2] < 2:
        raise ValueError(
            f"positions must have shape (..., n, 2) with at least two bodies, not "
            f"{tuple(positions.shape)}"
        )
    if numbers.shape != positions.shape[:-1]:
        raise ValueError(
            f"{what} must have shape {tuple(positions.shape[:-1])}, one number a body, not "
            f"{tuple(numbers.shape)}"
        )
