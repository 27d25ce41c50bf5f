"""Forces on bodies in the plane, and their motion: what the script of the figure does, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Law", "drifts", "features", "force", "motion"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Law:
    """Springs or a network with its numbers as arrays."""

    name: str
    kind: str  # "springs" or what a network sees
    numbers: tuple[Array, ...] = field(default=())


def pairs(kind: str, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs (i, j) of bodies that features belong to, in their order."""
    return np.triu_indices(count, 0 if kind == "products" else 1)


def features(kind: str, count: int) -> int:
    """Return how many numbers a network sees of so many bodies.

    Examples
    --------
    >>> [features(kind, 5) for kind in ("positions", "centred", "products", "distances")]
    [10, 10, 15, 10]
    """
    return 2 * count if kind in ("positions", "centred") else len(pairs(kind, count)[0])


def force(law: Law, q: Array) -> Array:
    """Return the forces on bodies at q, shape (n, 2)."""
    if law.kind == "springs":
        stiffness, anchors = law.numbers
        return stiffness @ q - (stiffness.sum(axis=1) + anchors)[:, None] * q
    hidden, bias, out = law.numbers
    seen = q - q.mean(axis=0) if law.kind == "centred" else q
    if law.kind in ("positions", "centred"):
        found = seen.ravel()
    else:
        i, j = pairs(law.kind, len(q))
        found = (q[i] * q[j]).sum(1) if law.kind == "products" else ((q[i] - q[j]) ** 2).sum(1)
    slopes = (out * (1 - np.tanh(hidden @ found + bias) ** 2)) @ hidden
    if law.kind in ("positions", "centred"):
        pull = -slopes.reshape(q.shape)
        return pull - pull.mean(axis=0) if law.kind == "centred" else pull
    pull = np.zeros_like(q)
    if law.kind == "products":
        np.add.at(pull, i, -slopes[:, None] * q[j])
        np.add.at(pull, j, -slopes[:, None] * q[i])
    else:
        along = 2 * slopes[:, None] * (q[i] - q[j])
        np.add.at(pull, i, -along)
        np.add.at(pull, j, along)
    return pull


def motion(
    law: Law, q: Array, p: Array, masses: Array, step: float, steps: int
) -> tuple[Array, Array]:
    """Return positions and momenta along the way, each (steps + 1, n, 2), by Runge-Kutta.

    Examples
    --------
    One body on a spring to the origin goes round in the time two pi:

    >>> law = Law("one", "springs", (np.zeros((1, 1)), np.ones(1)))
    >>> q, p = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> way, _ = motion(law, q, p, np.ones(1), 2 * np.pi / 400, 400)
    >>> bool(np.abs(way[400] - way[0]).max() < 1e-7), way[100].round(3).tolist()
    (True, [[0.0, 1.0]])
    """
    places, momenta = [q], [p]
    weights = masses[:, None]
    for _ in range(steps):
        k1, l1 = p / weights, force(law, q)
        k2, l2 = (p + step / 2 * l1) / weights, force(law, q + step / 2 * k1)
        k3, l3 = (p + step / 2 * l2) / weights, force(law, q + step / 2 * k2)
        k4, l4 = (p + step * l3) / weights, force(law, q + step * k3)
        q = q + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        p = p + step / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
        places.append(q)
        momenta.append(p)
    return np.array(places), np.array(momenta)


def drifts(q: Array, p: Array) -> tuple[Array, Array]:
    """Return how far momentum and angular momentum are from their first values, each (steps + 1,).

    The first is measured in units of sum_i |p_i| at the start, the second of sum_i |q_i| |p_i| at
    the start, as :func:`utils.models.potentials.drifts` does; where that is zero, in units of one.
    """
    total = p.sum(axis=1)
    turning = (q[..., 0] * p[..., 1] - q[..., 1] * p[..., 0]).sum(axis=1)
    sizes = np.linalg.norm(p, axis=2)
    arms = (np.linalg.norm(q, axis=2) * sizes).sum(axis=1)
    return (
        np.linalg.norm(total - total[0], axis=1) / (sizes[0].sum() or 1.0),
        np.abs(turning - turning[0]) / (arms[0] or 1.0),
    )
