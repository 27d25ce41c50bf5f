r"""Codes that are split into an invariant part and a pose, and learned actions, measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from utils.data.mnist import rotate
from utils.models.context_vae import ContextVAE
from utils.models.group_invariant import GroupInvariantAutoencoder
from utils.models.latent_actions import pixel_variance, share_within_orbits
from utils.probes.few_labels import few_label_accuracy
from utils.probes.neighbours import knn_accuracy
from utils.probes.readouts import logistic_accuracy

__all__ = [
    "ContextMeasures",
    "Readings",
    "SplitMeasures",
    "measure_context",
    "measure_split",
    "pose_angles",
    "pose_jumps",
    "predicted_orbits",
    "read_codes",
]


@dataclass(frozen=True)
class Readings:
    """How well the class of a digit is read off its code.

    Attributes
    ----------
    few, many, linear : float
        Accuracy of the nearest of 100 labelled codes (mean of five choices), of the nearest of all
        labelled codes, and of a logistic regression on all of them.

    Examples
    --------
    >>> Readings(few=0.6, many=0.8, linear=0.8).few
    0.6
    """

    few: float
    many: float
    linear: float


def read_codes(
    fit_codes: Tensor, fit_labels: Tensor, test_codes: Tensor, test_labels: Tensor
) -> Readings:
    """Read classes off codes, ``(N, d)`` and ``(M, d)``, in three ways.

    Examples
    --------
    >>> codes, labels = torch.arange(300.0)[:, None] // 30, torch.arange(300) // 30
    >>> read_codes(codes, labels, codes, labels).few
    1.0
    """
    parts = fit_codes.flatten(1), fit_labels, test_codes.flatten(1), test_labels
    return Readings(
        few_label_accuracy(*parts, count=100).mean,
        knn_accuracy(*parts, k=1),
        logistic_accuracy(*parts),
    )


# ---------------------------------------------------------------- the explicit split


@dataclass(frozen=True)
class SplitMeasures:
    """What :func:`measure_split` found.

    Attributes
    ----------
    render : tuple of float
        For each turn the mean square error of the picture drawn from the invariant code of the
        given picture and its pose turned along, over the variance of the pixels. Element 0 is the
        error of the reconstruction.
    pose_error : float
        Median, over turns and digits, of the angle between the pose of a turned picture and the
        turned pose, in degrees, not negative.
    strength : float
        Median of how well the pose is defined, from 0 to 1.
    share_grid, share : float
        Share of the variance of the invariant code within orbits: of the turns that the network
        takes its copies at, and of all turns.
    pose_lost : float
        Share of the variance of the pixels within orbits: the error of the best picture that is
        the same for a whole orbit.

    Examples
    --------
    >>> found = SplitMeasures((0.3, 0.3), 0.5, 0.9, share_grid=0.0, share=0.05, pose_lost=0.8)
    >>> found.render[0] < found.pose_lost
    True
    """

    render: tuple[float, ...]
    pose_error: float
    strength: float
    share_grid: float
    share: float
    pose_lost: float


def _signed(radians: Tensor) -> Tensor:
    """Bring angles to [-π, π]."""
    return torch.atan2(radians.sin(), radians.cos())


def measure_split(network: GroupInvariantAutoencoder, orbits: Tensor) -> SplitMeasures:
    """Measure reconstruction, pose and invariance of an explicit split.

    Parameters
    ----------
    network : GroupInvariantAutoencoder
        In evaluation mode.
    orbits : torch.Tensor
        Shape ``(N, n, 1, side, side)``, with ``n`` a multiple of the order of the network.

    Examples
    --------
    >>> from utils.data.mnist import turn_orbits
    >>> orbits = turn_orbits(torch.rand(5, 1, 14, 14), 16)
    >>> found = measure_split(GroupInvariantAutoencoder().eval(), orbits)
    >>> found.share_grid < found.share, len(found.render)
    (True, 16)
    """
    turns = orbits.shape[1]
    if orbits.ndim != 5 or turns % network.config.order:
        raise ValueError(
            f"orbits must have shape (N, n, 1, side, side) with n a multiple of "
            f"{network.config.order}, not {tuple(orbits.shape)}"
        )
    steps = torch.arange(turns) * (2 * math.pi / turns)
    with torch.no_grad():
        code = network.encode(orbits.flatten(0, 1))
        invariant = code.invariant.unflatten(0, orbits.shape[:2])
        angle = pose_angles(code.pose).unflatten(0, orbits.shape[:2])
        wanted = angle[:, :1] + steps
        poses = torch.stack([wanted.cos(), wanted.sin()], -1)
        errors = [
            (network.decode(invariant[:, 0], poses[:, k]) - orbits[:, k]).square().mean()
            for k in range(turns)
        ]
    variance = pixel_variance(orbits)
    return SplitMeasures(
        tuple(float(error) / variance for error in errors),
        float(_signed(angle - wanted)[:, 1:].abs().rad2deg().median()),
        float(code.strength.median()),
        share_within_orbits(invariant[:, :: turns // network.config.order]),
        share_within_orbits(invariant),
        share_within_orbits(orbits),
    )


def pose_angles(pose: Tensor) -> Tensor:
    """Return the angles of poses, cosines and sines ``(..., 2)``, in radians from -π to π.

    Examples
    --------
    >>> pose_angles(torch.tensor([[0.0, 1.0]])).rad2deg().tolist()
    [90.0]
    """
    return torch.atan2(pose[..., 1], pose[..., 0])


@torch.no_grad()
def pose_jumps(
    network: GroupInvariantAutoencoder, images: Tensor, degrees: float = 3.0
) -> tuple[Tensor, Tensor]:
    """Turn pictures all the way round in small steps, and say how far the pose jumps.

    Parameters
    ----------
    network : GroupInvariantAutoencoder
        In evaluation mode.
    images : torch.Tensor
        Shape ``(B, 1, side, side)``.
    degrees : float
        The step, a divisor of 360.

    Returns
    -------
    jumps, strengths : torch.Tensor
        Shape ``(B,)`` each: the largest change, from one step to the next, of the pose beyond the
        step itself, in degrees; and the least strength of the pose on the way.

    Examples
    --------
    >>> jumps, strengths = pose_jumps(GroupInvariantAutoencoder().eval(), torch.rand(2, 1, 14, 14))
    >>> jumps.shape, bool((strengths >= 0).all())
    (torch.Size([2]), True)
    """
    steps = round(360 / degrees)
    if steps < 2 or abs(steps * degrees - 360) > 1e-9:
        raise ValueError(f"degrees must divide 360, and {degrees!r} does not")
    angles, strengths = [], []
    for k in range(steps):
        code = network.encode(rotate(images, k * degrees))
        angles.append(pose_angles(code.pose) - math.radians(k * degrees))
        strengths.append(code.strength)
    drift = torch.stack(angles, dim=1)
    jumps = _signed(drift.roll(-1, dims=1) - drift).abs().amax(1).rad2deg()
    return jumps, torch.stack(strengths, dim=1).amin(1)


# ---------------------------------------------------------------- a learned action


@dataclass(frozen=True)
class ContextMeasures:
    """What :func:`measure_context` found.

    Attributes
    ----------
    render : tuple of float
        For each turn the mean square error of the picture decoded from the code that the auxiliary
        network predicts, over the variance of the pixels; element 0 is the turn by nothing.
    reconstruction : float
        The same for the code itself.
    active : int
        How many numbers of the code vary by more than 0.05 (their variance over pictures).
    action_error : float
        Mean square distance of predicted codes from codes of turned pictures, over twice the
        variance of codes.
    return_error, identity_error : float
        Mean square distance of ``a_n/2(a_n/2(z))``, and of ``a_0(z)``, from ``z``, over twice the
        variance of codes. A group action has 0.
    share : float
        Share of the variance of codes within orbits.
    predicted_share : float
        Share of the variance within orbits of the mean over the predicted orbit: of what would be
        invariant if the learned action were one.

    Examples
    --------
    >>> found = ContextMeasures((0.4, 0.5), 0.4, 14, 0.1, 0.2, 0.1, 0.7, 0.01)
    >>> found.return_error > 0  # no group action
    True
    """

    render: tuple[float, ...]
    reconstruction: float
    active: int
    action_error: float
    return_error: float
    identity_error: float
    share: float
    predicted_share: float


@torch.no_grad()
def predicted_orbits(network: ContextVAE, z: Tensor, order: int = 8) -> Tensor:
    """Return what the auxiliary network makes of codes under all turns, ``(B, d, order)``.

    Column ``r`` is the code turned *back* by ``r`` steps, as in an orbit table: where the learned
    action is a group action, a turn of the picture rolls the columns.

    Examples
    --------
    >>> predicted_orbits(ContextVAE().eval(), torch.zeros(5, 16)).shape
    torch.Size([5, 16, 8])
    """
    columns = [network.act(z, -360.0 * r / order).mean for r in range(order)]
    return torch.stack(columns, dim=2)


@torch.no_grad()
def measure_context(network: ContextVAE, orbits: Tensor) -> ContextMeasures:
    """Measure how good a learned action is, and how far from a group.

    Parameters
    ----------
    network : ContextVAE
        In evaluation mode.
    orbits : torch.Tensor
        Shape ``(N, n, 1, side, side)``, an even number of turns.

    Examples
    --------
    >>> found = measure_context(ContextVAE().eval(), torch.rand(5, 16, 1, 14, 14))
    >>> len(found.render), found.return_error > 0
    (16, True)
    """
    turns = orbits.shape[1]
    if orbits.ndim != 5 or turns % 2:
        raise ValueError(
            f"orbits must have shape (N, n, 1, side, side) with n even, not {tuple(orbits.shape)}"
        )
    variance = pixel_variance(orbits)
    every = network.encode(orbits.flatten(0, 1)).mean
    codes = every.unflatten(0, orbits.shape[:2])
    spread = 2 * every.var(0, unbiased=False).sum()

    def apart(found: Tensor, wanted: Tensor) -> float:
        """Return a mean square distance, relative to the codes."""
        return float((found - wanted).square().sum(1).mean() / spread)

    z = codes[:, 0]
    moved = [network.act(z, 360.0 * k / turns).mean for k in range(turns)]
    half = network.act(moved[turns // 2], 180.0).mean
    means = predicted_orbits(network, every).mean(2).unflatten(0, orbits.shape[:2])
    return ContextMeasures(
        tuple(
            float((network.decode(moved[k]) - orbits[:, k]).square().mean()) / variance
            for k in range(turns)
        ),
        float((network.decode(z) - orbits[:, 0]).square().mean()) / variance,
        int((every.var(0) > 0.05).sum()),
        sum(apart(moved[k], codes[:, k]) for k in range(1, turns)) / (turns - 1),
        apart(half, z),
        apart(moved[0], z),
        share_within_orbits(codes),
        share_within_orbits(means),
    )
