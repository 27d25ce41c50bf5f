r"""How far a function of clouds moves when the atoms hardly do.

An invariance test compares :math:`f(gx)` with :math:`f(x)` and is blind to tearing. Here atoms
are displaced by very little, and what :math:`f` makes of it is divided by how far apart
:math:`f` puts two molecules.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.quotient.frames import (
    axis_frames,
    canonical_rotations,
    frame_average,
    pair_frames,
)

if TYPE_CHECKING:
    from utils.data.qm9 import MolecularClouds

__all__ = ["POSES", "displaced", "pose_waves", "relative_changes", "spread_of"]

POSES: tuple[str, ...] = ("as given", "canonical", "frame", "weighted")
"""In which poses a cloud is read: its own, the canonical one, the four of its axes, all pairs'."""


def pose_waves(
    pose: str = "as given", *, number: int = 64, seed: int = 0
) -> Callable[[MolecularClouds], Tensor]:
    r"""Return a fixed smooth function of clouds, read in one of four kinds of poses.

    The function is :math:`\phi_k(x) = n^{-1/2} \sum_i a_{k, t(i)} \cos(\langle w_k, x_i \rangle +
    b_k)` with normal :math:`w_k` (of variance 1 per square ångström) and :math:`a`, uniform
    :math:`b_k`, and :math:`t(i)` the element of atom i. It stands for any network that knows no
    rotations. It reads clouds about their means.

    Parameters
    ----------
    pose : str
        One of :data:`POSES`.
    number : int
        How many numbers the function returns.
    seed : int
        Seed of the function.

    Returns
    -------
    callable
        From :class:`~utils.data.qm9.MolecularClouds` to a tensor of shape ``(N, number)``.

    Examples
    --------
    >>> from utils.data.qm9 import ring_cloud
    >>> pose_waves("frame")(ring_cloud()).shape
    torch.Size([1, 64])
    """
    if pose not in POSES:
        raise ValueError(f"The pose is one of {', '.join(map(repr, POSES))}, not {pose!r}.")
    number = check_whole(number, "The number of waves")
    generator = torch.Generator().manual_seed(check_whole(seed, "The seed", 0))
    waves, amplitudes, phases = (
        torch.randn(number, 3, generator=generator, dtype=torch.float64),
        torch.randn(10, number, generator=generator, dtype=torch.float64),
        2 * torch.pi * torch.rand(number, generator=generator, dtype=torch.float64),
    )

    def read(clouds: MolecularClouds) -> Tensor:
        """Return the waves of clouds in the chosen pose."""
        exists = clouds.exists
        size = exists.sum(1, keepdim=True).to(clouds.positions).sqrt()
        tones = amplitudes.to(clouds.positions)[clouds.elements.long()] * exists[..., None]

        def phi(points: Tensor) -> Tensor:
            """Return the waves of points as they lie."""
            along = points @ waves.to(points).mT + phases.to(points)
            return (along.cos() * tones).sum(1) / size

        points = clouds.positions
        if pose == "as given":
            return phi(clouds.centred().positions)
        if pose == "canonical":
            turns = canonical_rotations(points, exists)
            return frame_average(phi, points, turns, exists=exists)
        frames = axis_frames if pose == "frame" else pair_frames
        return frame_average(phi, points, *frames(points, exists), exists)

    return read


def displaced(clouds: MolecularClouds, size: float, *, seed: int = 0) -> MolecularClouds:
    """Displace the atoms of every molecule at random.

    Parameters
    ----------
    clouds : MolecularClouds
        N molecules.
    size : float
        Norm of all displacements of a molecule together, in ångströms.
    seed : int
        Seed of their directions.

    Returns
    -------
    MolecularClouds
        The molecules with their atoms displaced; the given ones are left as they are.

    Examples
    --------
    >>> from utils.data.qm9 import ring_cloud
    >>> ring = ring_cloud()
    >>> moved = displaced(ring, 0.1).positions - ring.positions
    >>> round(float(moved.norm()), 6)
    0.1
    """
    generator = torch.Generator().manual_seed(check_whole(seed, "The seed", 0))
    drawn = torch.randn(clouds.positions.shape, generator=generator, dtype=torch.float64)
    drawn = drawn * clouds.exists[..., None]
    step = size * drawn / drawn.flatten(1).norm(dim=1)[:, None, None]
    return dataclasses.replace(clouds, positions=clouds.positions + step.to(clouds.positions))


def spread_of(values: Tensor) -> float:
    """Return the root mean square distance of rows, ``(N, d)``, from their mean.

    Examples
    --------
    >>> spread_of(torch.tensor([[3.0, 0.0], [-3.0, 0.0]]))
    3.0
    """
    return float((values - values.mean(0)).square().sum(1).mean().sqrt())


def relative_changes(
    functions: Mapping[str, Callable[[MolecularClouds], Tensor]],
    clouds: MolecularClouds,
    size: float,
    *,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Return how far functions move when atoms do, relative to the spread between molecules.

    Parameters
    ----------
    functions : mapping of str to callable
        Each from clouds to a tensor of shape ``(N, d)``.
    clouds : MolecularClouds
        At least 2 molecules, in ``float64``.
    size, seed
        As :func:`displaced` takes them. All functions see the same displacements.

    Returns
    -------
    dict of str to torch.Tensor
        One number for each molecule, shape ``(N,)``.

    Examples
    --------
    >>> from utils.data.qm9 import load_clouds
    >>> clouds = load_clouds("test", number=20).double()
    >>> found = relative_changes({"phi": pose_waves()}, clouds, 1e-3)
    >>> bool(found["phi"].max() < 1e-2)
    True
    """
    check_whole(len(clouds), "The number of molecules", 2)
    moved = displaced(clouds, size, seed=seed)
    changes = {}
    for name, function in functions.items():
        before = function(clouds)
        changes[name] = (function(moved) - before).norm(dim=1) / spread_of(before)
    return changes
