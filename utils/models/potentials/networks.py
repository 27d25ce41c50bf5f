r"""Networks that say how bodies push each other: as minus the gradient of a potential, or directly.

A :class:`Potential` returns forces :math:`F = -\nabla V` of a number V that it computes of the
positions. Two kinds differ in what V reads:

* :class:`PerceptronPotential` reads all positions at once;
* :class:`PairPotential` is a convolution in the manner of LieConv (Finzi, Stanton, Izmailov &
  Wilson, ICML 2020) with all pairs as neighbours: its kernel reads what :func:`pair_features`
  gives for a group.

:class:`DirectForces` returns forces that commute with all rigid motions and need not be the
gradient of anything.

All take positions ``(B, n, 2)`` and traits ``(B, n, 2)``, mass and stiffness, and return
forces ``(B, n, 2)``, in the type of the weights.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice, check_float
from utils.data.springs import BODIES
from utils.models.base import Network, NetworkConfig

__all__ = [
    "Centre",
    "DirectForces",
    "PairConfig",
    "PairGroup",
    "PairPotential",
    "PerceptronPotential",
    "Potential",
    "PotentialConfig",
    "pair_features",
]

TRAITS = 2
"""Numbers that are known of a body: its mass and its stiffness."""

Centre = Literal["none", "mean", "mass"]
"""What is taken away from the positions: nothing, their mean, or the centre of mass."""

PairGroup = Literal["trivial", "T(2)", "SO(2)", "SE(2)"]
"""The group under which a pair of positions is read: its kernel is told nothing that it changes."""

FEATURES: dict[str, int] = {"trivial": 4, "T(2)": 2, "SO(2)": 4, "SE(2)": 1}


@dataclass(frozen=True)
class PotentialConfig(NetworkConfig):
    """The configuration of a network for bodies in the plane.

    Parameters
    ----------
    width : int
        Numbers in a hidden layer.
    depth : int
        Hidden layers of each perceptron.
    centre : {"none", "mean", "mass"}
        What is taken away from the positions before the network reads them.
    """

    network: ClassVar[str] = "network for bodies in the plane"
    width: int = 96
    depth: int = 2
    centre: Centre = "none"

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(width=1, depth=1)
        check_choice(self.centre, "centre", get_args(Centre))


@dataclass(frozen=True)
class PairConfig(PotentialConfig):
    """The configuration of a network that reads pairs of bodies.

    Beside these parameters it has those of :class:`PotentialConfig`.

    Parameters
    ----------
    group : {"trivial", "T(2)", "SO(2)", "SE(2)"}
        Under which group a pair is read.
    channels : int
        Numbers that a body sends to the others.
    """

    width: int = 32
    group: PairGroup = "SE(2)"
    channels: int = 32

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        self._check_numbers(channels=1)
        check_choice(self.group, "group", get_args(PairGroup))


def pair_features(positions: Tensor, group: PairGroup) -> Tensor:
    r"""Return what a kernel may know of two bodies: numbers that no element of a group changes.

    Bodies i and j are told apart by the group as LieConv's kernel tells them apart, by
    :math:`\log(v_j^{-1} u_i)` and by the orbits of both:

    * ``trivial``: :math:`(q_i, q_j)`;
    * ``T(2)``: :math:`q_i - q_j`;
    * ``SO(2)``, about the origin: :math:`\langle q_i, q_j \rangle`, :math:`q_i \times q_j`,
      :math:`|q_i|^2`, :math:`|q_j|^2`; these fix and are fixed by the angle between the two and
      both radii, and unlike an angle they have no jump at :math:`\pi` and no corner at the origin;
    * ``SE(2)``: :math:`|q_i - q_j|^2`. (With a frame for every body LieConv would read more.)

    Parameters
    ----------
    positions : torch.Tensor
        Shape ``(..., n, 2)``.
    group : {"trivial", "T(2)", "SO(2)", "SE(2)"}

    Returns
    -------
    torch.Tensor
        Shape ``(..., n, n, c)`` with c of 4, 2, 4 or 1; entry i, j is that of bodies i and j.

    Examples
    --------
    >>> pair_features(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), "SE(2)")[0, 1]
    tensor([25.])
    """
    check_float(positions, "The tensor of positions")
    check_choice(group, "group", get_args(PairGroup))
    if positions.ndim < 2 or positions.shape[-1] != 2:
        raise ValueError(f"positions must have shape (..., n, 2), not {tuple(positions.shape)}")
    first, second = torch.broadcast_tensors(positions[..., :, None, :], positions[..., None, :, :])
    if group == "trivial":
        return torch.cat([first, second], dim=-1)
    if group == "T(2)":
        return first - second
    if group == "SE(2)":
        return (first - second).square().sum(-1, keepdim=True)
    inner = (first * second).sum(-1)
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return torch.stack([inner, cross, first.square().sum(-1), second.square().sum(-1)], dim=-1)


def perceptron(given: int, returned: int, width: int, depth: int) -> nn.Sequential:
    """Return a perceptron with SiLU between its layers."""
    sizes = (given, *(width,) * depth)
    hidden = [(nn.Linear(a, b), nn.SiLU()) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*itertools.chain.from_iterable(hidden), nn.Linear(width, returned))


class Potential(Network):
    """A network whose forces are minus the gradient of a potential; subclasses say of which.

    What is true of V holds of the motion (Noether): if V does not change when all bodies are
    moved by the same vector, the momentum is kept; if it does not change when all are turned
    about the origin, the angular momentum is. The weights do not matter.
    """

    config: PotentialConfig

    def energy(self, positions: Tensor, traits: Tensor) -> Tensor:
        """Return V of positions that have been centred as the configuration says."""
        raise NotImplementedError

    def potential(self, positions: Tensor, traits: Tensor) -> Tensor:
        """Return V, ``(B, n, 2)`` and ``(B, n, 2)`` to ``(B,)``."""
        _check_systems(positions, traits)
        return self.energy(_centred(positions, traits, self.config.centre), traits)

    def forward(self, positions: Tensor, traits: Tensor) -> Tensor:
        """Return the forces, minus the gradient of the potential, shape ``(B, n, 2)``."""
        _check_systems(positions, traits)

        def total(places: Tensor) -> Tensor:
            """Return the sum over the batch, of which each system has a term of its own."""
            return self.potential(places, traits).sum()

        return -torch.func.grad(total)(positions)


class PerceptronPotential(Potential):
    """A potential by a perceptron that reads the positions and traits of all five bodies.

    With ``centre="mean"`` it reads positions minus their mean, as the baseline ``HFC`` in the
    public code of LieConv does: a line that makes V invariant under translations.

    Examples
    --------
    >>> network = PerceptronPotential()
    >>> network(torch.zeros(2, 5, 2), torch.ones(2, 5, 2)).shape
    torch.Size([2, 5, 2])
    """

    def __init__(self, config: PotentialConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(PotentialConfig, config)
        self.layers = perceptron(BODIES * (2 + TRAITS), 1, self.config.width, self.config.depth)

    def energy(self, positions: Tensor, traits: Tensor) -> Tensor:
        """Return V of centred positions, shape ``(B,)``."""
        if positions.shape[1] != BODIES:
            raise ValueError(f"this network reads {BODIES} bodies, not {positions.shape[1]}")
        read = torch.cat([positions, traits], dim=-1).flatten(1)
        return self.layers(read).squeeze(-1)


class PairPotential(Potential):
    r"""A potential by one convolution over all pairs of bodies, for any number of bodies.

    With traits :math:`t_i` and pair features :math:`a_{ij}` of the group,

    .. math:: h_i = \sum_{j \ne i} K(a_{ij}) \odot W t_j, \qquad V = \sum_i r(h_i, t_i),

    where the kernel K and the readout r are perceptrons. Each body and each pair is read by the
    same weights, so V does not depend on how the bodies are numbered, whatever the group;
    ``trivial`` is this sharing alone.

    Examples
    --------
    >>> network = PairPotential(PairConfig(group="T(2)"))
    >>> forces = network(torch.randn(2, 5, 2), torch.ones(2, 5, 2))
    >>> bool(forces.sum(1).abs().max() < 1e-5)
    True
    """

    config: PairConfig

    def __init__(self, config: PairConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(PairConfig, config)
        width, depth, channels = self.config.width, self.config.depth, self.config.channels
        self.kernel = perceptron(FEATURES[self.config.group], channels, width, depth)
        self.lift = nn.Linear(TRAITS, channels)
        self.readout = perceptron(channels + TRAITS, 1, width, depth)

    def energy(self, positions: Tensor, traits: Tensor) -> Tensor:
        """Return V of centred positions, shape ``(B,)``."""
        number = positions.shape[1]
        kernel = self.kernel(pair_features(positions, self.config.group))
        others = 1 - torch.eye(number, dtype=positions.dtype, device=positions.device)
        gathered = torch.einsum("ij,bijc,bjc->bic", others, kernel, self.lift(traits))
        return self.readout(torch.cat([gathered, traits], dim=-1)).sum((1, 2))


class DirectForces(Network):
    r"""Forces that commute with all rigid motions of the plane, and come from no potential.

    Body i is pulled towards body j by :math:`c(s_{ij}, t_i, t_j)` times their distance vector,
    with a perceptron c of :math:`s = |d|^2 / (1 + |d|^2)`, d that vector, and of both traits;
    s is bounded, so forces grow no faster than distances. Nothing makes the pull of j on i the
    opposite of that of i on j, so the momentum changes: equivariance alone keeps nothing.

    Examples
    --------
    >>> DirectForces()(torch.randn(2, 5, 2), torch.ones(2, 5, 2)).shape
    torch.Size([2, 5, 2])
    """

    config: PotentialConfig

    def __init__(self, config: PotentialConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(PotentialConfig, config)
        self.layers = perceptron(1 + 2 * TRAITS, 1, self.config.width, self.config.depth)

    def forward(self, positions: Tensor, traits: Tensor) -> Tensor:
        """Return the forces, shape ``(B, n, 2)``."""
        _check_systems(positions, traits)
        number = positions.shape[1]
        own = traits[:, :, None].expand(-1, -1, number, -1)
        squares = pair_features(positions, "SE(2)")
        bounded = squares / (1 + squares)
        features = torch.cat([bounded, own, own.transpose(1, 2)], dim=-1)
        towards = positions[:, None, :] - positions[:, :, None]  # from i to j
        return (self.layers(features) * towards).sum(2)


def _centred(positions: Tensor, traits: Tensor, centre: Centre) -> Tensor:
    """Take the mean or the centre of mass away."""
    if centre == "none":
        return positions
    if centre == "mean":
        return positions - positions.mean(1, keepdim=True)
    weights = traits[..., :1] / traits[..., :1].sum(1, keepdim=True)
    return positions - (weights * positions).sum(1, keepdim=True)


def _check_systems(positions: Tensor, traits: Tensor) -> None:
    for tensor, what in ((positions, "positions"), (traits, "traits")):
        check_float(tensor, f"The tensor of {what}")
        if tensor.ndim != 3 or tensor.shape[-1] != 2:
            raise ValueError(f"{what} must have shape (B, n, 2), not {tuple(tensor.shape)}")
    if positions.shape != traits.shape:
        raise ValueError(
            f"there must be as many traits as positions: {tuple(traits.shape)} is not "
            f"{tuple(positions.shape)}"
        )
