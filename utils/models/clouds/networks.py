"""One network for clouds of atoms, whose sight of two atoms decides its symmetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice, check_float
from utils.models.base import Network, NetworkConfig

__all__ = ["SIGHTS", "CloudConfig", "CloudNetwork", "Sight", "bumps_of", "pair_features"]

Sight = Literal["positions", "centred", "differences", "distances", "nothing"]
"""What a network sees of the positions of two atoms."""

SIGHTS: Mapping[Sight, int] = {
    "positions": 6,
    "centred": 6,
    "differences": 3,
    "distances": 1,
    "nothing": 0,
}
"""What a network sees of two atoms, and how many numbers that is."""

_REACH = (1.0, 6.0)
"""Centres of the first and the last bump, in ångströms."""

_TYPES = 10
"""Atomic numbers 0 to 9 have an entry in the table of types."""


@dataclass(frozen=True)
class CloudConfig(NetworkConfig):
    """The configuration of a network for clouds of atoms.

    Parameters
    ----------
    sight : {"positions", "centred", "differences", "distances", "nothing"}
        What the kernel sees of the positions of two atoms; see :func:`pair_features`.
    channels : int
        Numbers that an atom carries.
    depth : int
        Convolutions.
    width : int
        Numbers in a hidden layer of a kernel.
    bumps : int
        Gaussian bumps of the distance of two atoms that the kernel sees beside, with centres from
        1 to 6 ångströms (as in SchNet: Schütt et al., "SchNet: A continuous-filter convolutional
        neural network for modeling quantum interactions", NeurIPS 2017); 0 or at least 2. They
        leave the symmetry as it is, unless nothing of the positions was seen before.
    returned : int
        Numbers that are predicted of a cloud.
    """

    network: ClassVar[str] = "network for clouds"
    sight: Sight = "distances"
    channels: int = 24
    depth: int = 2
    width: int = 32
    bumps: int = 0
    returned: int = 4

    def __post_init__(self) -> None:
        """Check every field."""
        check_choice(self.sight, "The sight", get_args(Sight))
        self._check_numbers(channels=1, depth=1, width=1, bumps=0, returned=1)
        if self.bumps == 1 or (self.bumps and self.sight == "nothing"):
            raise ValueError("bumps is 0 or at least 2, and 0 for a network that sees nothing")

    @property
    def seen(self) -> int:
        """How many numbers the kernel sees of two atoms, the last says whether they are one."""
        distance = self.bumps > 0 and self.sight != "distances"
        return SIGHTS[self.sight] + self.bumps + distance + 1


def pair_features(positions: Tensor, exists: Tensor, sight: Sight) -> Tensor:
    r"""Return what a kernel sees of the positions of each pair of atoms.

    In the language of LieConv (Finzi, Stanton, Izmailov & Wilson, "Generalizing Convolutional
    Neural Networks for Equivariance to Lie Groups on Arbitrary Continuous Data", ICML 2020), an
    atom is lifted to a group element :math:`u` and the orbit :math:`q` it lies in, and the
    kernel sees :math:`\log(v^{-1}u), q_u, q_v`:

    * ``positions``: the trivial group. Every point is an orbit, and both positions are seen.
    * ``centred``: both positions relative to the mean of the cloud.
    * ``differences``: translations, T(3): :math:`x_u - x_v`.
    * ``distances``: :math:`\lVert x_u - x_v \rVert`, all that rotations, translations and
      reflections leave of two points. (LieConv for SE(3) lifts each atom to several random
      frames instead, and is invariant in distribution.)
    * ``nothing``: no numbers at all.

    Parameters
    ----------
    positions : torch.Tensor
        Shape ``(B, n, 3)``.
    exists : torch.Tensor
        Which slots hold an atom, shape ``(B, n)``, bool.
    sight : str
        One of :data:`SIGHTS`.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, n, SIGHTS[sight])``: entry ``[b, i, j]`` is what atom i sees of atom j.

    Examples
    --------
    >>> cloud, both = torch.tensor([[[0.0, 0, 0], [3, 4, 0]]]), torch.ones(1, 2, dtype=torch.bool)
    >>> pair_features(cloud, both, "distances")[0, 0, 1].tolist()
    [5.0]
    """
    check_choice(sight, "The sight", get_args(Sight))
    batch, n, _ = positions.shape
    if sight == "nothing":
        return positions.new_empty(batch, n, n, 0)
    if sight == "centred":
        shown = exists[..., None]
        mean = (positions * shown).sum(1, keepdim=True) / shown.sum(1, keepdim=True)
        positions = (positions - mean) * shown
    if sight in ("positions", "centred"):
        shape = (batch, n, n, 3)
        return torch.cat(
            [positions[:, :, None].expand(shape), positions[:, None].expand(shape)], dim=-1
        )
    differences = positions[:, None] - positions[:, :, None]
    if sight == "differences":
        return differences
    squares = differences.square().sum(-1, keepdim=True)
    apart = squares > 0  # where it is 0 the root has no derivative
    return torch.where(apart, torch.where(apart, squares, 1).sqrt(), 0)


def bumps_of(distances: Tensor, number: int) -> Tensor:
    """Return Gaussian bumps of distances, ``(..., 1)`` to ``(..., number)``.

    Examples
    --------
    >>> bumps_of(torch.tensor([[1.0], [6.0]]), 2).diagonal().tolist()
    [1.0, 1.0]
    """
    centres = torch.linspace(*_REACH, number, dtype=distances.dtype, device=distances.device)
    step = (_REACH[1] - _REACH[0]) / (number - 1)
    return torch.exp(-(((distances - centres) / step) ** 2) / 2)


class _Convolution(nn.Module):
    """Every atom adds up its neighbours, each weighed by a kernel of what is seen of the pair."""

    def __init__(self, config: CloudConfig) -> None:
        super().__init__()
        given, width, channels = config.seen, config.width, config.channels
        self.kernel = nn.Sequential(
            nn.Linear(given, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, channels),
        )
        self.mix = nn.Linear(channels, channels)

    def forward(self, features: Tensor, seen: Tensor, pairs: Tensor) -> Tensor:
        """Return new features of the atoms, from ``(B, n, c)``, ``(B, n, n, s)``, ``(B, n, n)``."""
        weights = self.kernel(seen) * pairs[..., None]
        gathered = torch.einsum("bijc,bjc->bic", weights, features) / _TYPICAL_NEIGHBOURS
        return features + nn.functional.silu(self.mix(gathered))


_TYPICAL_NEIGHBOURS, _TYPICAL_ATOMS = 4.0, 7.0
"""Sums are divided by constants, not by how many there are: the size of a molecule matters."""


class CloudNetwork(Network):
    r"""A network that adds up kernels of pairs of atoms, and then adds up the atoms.

    :math:`f_i \leftarrow f_i + \sigma(W \sum_j k(\text{pair } ij) \odot f_j)`, where the sum is
    over all atoms of the molecule and :math:`k` is a perceptron. It is invariant to the order of
    the atoms in any case, and to what its sight leaves out: translations for ``centred`` and
    ``differences``, all rigid motions for ``distances``, everything for ``nothing``.

    Examples
    --------
    >>> network = CloudNetwork(CloudConfig(sight="differences"))
    >>> elements = torch.tensor([[6, 8, 0]])
    >>> positions = torch.tensor([[[0.0, 0, 0], [1.2, 0, 0], [0, 0, 0]]])
    >>> network(elements, positions, torch.tensor([2])).shape
    torch.Size([1, 4])
    """

    config: CloudConfig

    def __init__(self, config: CloudConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(CloudConfig, config)
        channels = self.config.channels
        self.types = nn.Embedding(_TYPES, channels)
        self.hydrogens = nn.Linear(1, channels)
        self.layers = nn.ModuleList(_Convolution(self.config) for _ in range(self.config.depth))
        self.atom = nn.Linear(channels, channels)
        self.head = nn.Sequential(
            nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, self.config.returned)
        )

    def see(self, positions: Tensor, exists: Tensor) -> Tensor:
        """Return what the kernel sees of each pair of atoms, ``(B, n, n, s)``."""
        sight, bumps = self.config.sight, self.config.bumps
        seen = pair_features(positions, exists, sight)
        if not bumps:
            return seen
        distances = pair_features(positions, exists, "distances")
        known = [] if sight == "distances" else [distances]
        return torch.cat([seen, *known, bumps_of(distances, bumps)], dim=-1)

    def forward(self, elements: Tensor, positions: Tensor, hydrogens: Tensor) -> Tensor:
        """Return predictions, shape ``(B, returned)``, in standard deviations of each property.

        Parameters
        ----------
        elements : torch.Tensor
            Atomic numbers, shape ``(B, n)``, integers; 0 where there is no atom.
        positions : torch.Tensor
            In ångströms, shape ``(B, n, 3)``.
        hydrogens : torch.Tensor
            How many hydrogens each molecule has, shape ``(B,)``.
        """
        check_float(positions, "The tensor of positions")
        if positions.shape != (*elements.shape, 3) or elements.ndim != 2:
            raise ValueError(
                f"elements must have shape (B, n) and positions (B, n, 3), not "
                f"{tuple(elements.shape)} and {tuple(positions.shape)}"
            )
        exists = elements != 0
        seen = self.see(positions, exists)
        n = elements.shape[1]
        itself = torch.eye(n, dtype=seen.dtype, device=seen.device)[None, ..., None]
        seen = torch.cat([seen, itself.expand(len(seen), n, n, 1)], dim=-1)
        pairs = (exists[:, :, None] & exists[:, None]).to(positions)
        count = hydrogens.to(positions)[:, None, None] / 10
        features = self.types(elements.long()) + self.hydrogens(count)
        for layer in self.layers:
            features = layer(features, seen, pairs)
        atoms = nn.functional.silu(self.atom(features)) * exists[..., None]
        return self.head(atoms.sum(1) / _TYPICAL_ATOMS)
