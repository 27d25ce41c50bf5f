"""A perceptron for three bodies, and networks that have a symmetry built in."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from utils._checks import check_float
from utils.data.bodies import BODIES
from utils.models.base import Network, NetworkConfig

__all__ = [
    "AxialBodies",
    "BodiesConfig",
    "ExactBodies",
    "PlainBodies",
    "ResidualBodies",
    "ResidualConfig",
    "check_states",
]

VECTORS = 2 * BODIES
"""Vectors in a state: positions, then velocities."""

PAIRS = VECTORS * (VECTORS + 1) // 2
"""Inner products of them."""


@dataclass(frozen=True)
class BodiesConfig(NetworkConfig):
    """The configuration of a network for three bodies.

    Parameters
    ----------
    width : int
        Numbers in a hidden layer.
    depth : int
        Hidden layers.
    balanced : bool
        Whether the network carries two numbers beside its weights, the logarithms of what two
        terms of its loss are weighted by, up to a common constant; they are learned with it.
    """

    network: ClassVar[str] = "network for three bodies"
    width: int = 96
    depth: int = 3
    balanced: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(width=1, depth=1)
        if not isinstance(self.balanced, bool):
            raise TypeError(f"balanced is True or False, but it is {self.balanced!r}.")


@dataclass(frozen=True)
class ResidualConfig(BodiesConfig):
    """The configuration of an exact network with a small perceptron beside it.

    Beside this parameter it has those of :class:`BodiesConfig`, for the exact network.

    Parameters
    ----------
    residual_width : int
        Numbers in a hidden layer of the perceptron, which is as deep as the exact network.
    """

    residual_width: int = 48

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        self._check_numbers(residual_width=1)


def check_states(states: Tensor) -> None:
    """Refuse what is not states of three bodies, in one sentence."""
    check_float(states, "The tensor of states")
    if states.ndim != 3 or tuple(states.shape[1:]) != (VECTORS, 3):
        raise ValueError(
            f"states must have shape (B, {VECTORS}, 3), three positions and three velocities, "
            f"not {tuple(states.shape)}"
        )


def perceptron(given: int, returned: int, width: int, depth: int) -> nn.Sequential:
    """Return a perceptron with SiLU between its layers."""
    sizes = (given, *(width,) * depth)
    hidden = [(nn.Linear(a, b), nn.SiLU()) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*itertools.chain.from_iterable(hidden), nn.Linear(width, returned))


def inner_products(vectors: Tensor) -> Tensor:
    """Return the inner products of vectors, ``(B, n, d)`` to ``(B, n (n + 1) / 2)``."""
    first, second = torch.triu_indices(vectors.shape[1], vectors.shape[1])
    return (vectors @ vectors.mT)[:, first, second]


class _BodiesNetwork(Network):
    """What the networks for three bodies share: a perceptron, and where its last layer is."""

    config: BodiesConfig

    def __init__(self, config: BodiesConfig | None, given: int, returned: int) -> None:
        super().__init__()
        self.config = self._configured(BodiesConfig, config)
        self.layers = perceptron(given, returned, self.config.width, self.config.depth)
        if self.config.balanced:
            self.balance = nn.Parameter(torch.zeros(2))

    @property
    def last_weights(self) -> Tensor:
        """The weights of the last layer, by whose gradients terms of a loss are compared."""
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        return last.weight


class PlainBodies(_BodiesNetwork):
    """A perceptron that knows no symmetry.

    Examples
    --------
    >>> PlainBodies()(torch.zeros(2, 6, 3)).shape
    torch.Size([2, 3, 3])
    """

    def __init__(self, config: BodiesConfig | None = None) -> None:
        super().__init__(config, 3 * VECTORS, 3 * BODIES)

    def forward(self, states: Tensor) -> Tensor:
        """Return displacements, ``(B, 6, 3)`` to ``(B, 3, 3)``."""
        check_states(states)
        return self.layers(states.flatten(1)).unflatten(1, (BODIES, 3))


class ExactBodies(_BodiesNetwork):
    r"""A network that commutes with all rotations of space, whatever its weights are.

    A perceptron reads the inner products :math:`\langle v_j, v_k \rangle` of the six vectors of
    a state, which no rotation changes, and returns coefficients; what the network returns are
    sums of the six vectors with these coefficients (Villar, Hogg, Storey-Fisher, Yao & Blum-Smith,
    "Scalars are universal: equivariant machine learning, structured like classical physics",
    NeurIPS 2021). It commutes with reflections too, and so does the attraction.

    Examples
    --------
    >>> network, states = ExactBodies(), torch.randn(2, 6, 3)
    >>> turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> torch.allclose(network(states @ turn.mT), network(states) @ turn.mT, atol=1e-6)
    True
    """

    def __init__(self, config: BodiesConfig | None = None) -> None:
        super().__init__(config, PAIRS, BODIES * VECTORS)

    def forward(self, states: Tensor) -> Tensor:
        """Return displacements, ``(B, 6, 3)`` to ``(B, 3, 3)``."""
        check_states(states)
        coefficients = self.layers(inner_products(states)).unflatten(1, (BODIES, VECTORS))
        return coefficients @ states


class AxialBodies(_BodiesNetwork):
    """A network that commutes with the rotations about z, whatever its weights are.

    In the plane of x and y it is built like :class:`ExactBodies`; its perceptron also reads the
    six heights, and returns the three displacements along z as they are. It commutes with
    reflections in planes through the axis too, and so do field and anisotropy.

    Examples
    --------
    >>> AxialBodies()(torch.zeros(2, 6, 3)).shape
    torch.Size([2, 3, 3])
    """

    def __init__(self, config: BodiesConfig | None = None) -> None:
        super().__init__(config, PAIRS + VECTORS, BODIES * VECTORS + BODIES)

    def forward(self, states: Tensor) -> Tensor:
        """Return displacements, ``(B, 6, 3)`` to ``(B, 3, 3)``."""
        check_states(states)
        flat, heights = states[..., :2], states[..., 2]
        found = self.layers(torch.cat([inner_products(flat), heights], dim=1))
        mixing, upward = found.split([BODIES * VECTORS, BODIES], dim=1)
        around = mixing.unflatten(1, (BODIES, VECTORS)) @ flat
        return torch.cat([around, upward[..., None]], dim=-1)


class ResidualBodies(Network):
    """The sum of an exact network and a small perceptron: a residual pathway.

    Trained with a price on what the perceptron returns, it uses the perceptron only for what the
    exact network cannot say (Finzi, Benton & Wilson, "Residual Pathway Priors for Soft
    Equivariance Constraints", NeurIPS 2021, where every layer is such a sum).

    Examples
    --------
    >>> exact, residual = ResidualBodies().parts(torch.zeros(2, 6, 3))
    >>> exact.shape == residual.shape
    True
    """

    config: ResidualConfig

    def __init__(self, config: ResidualConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(ResidualConfig, config)
        self.exact = ExactBodies(BodiesConfig(self.config.width, self.config.depth))
        self.residual = PlainBodies(BodiesConfig(self.config.residual_width, self.config.depth))

    def parts(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the exact network says and what the perceptron adds."""
        return self.exact(states), self.residual(states)

    def forward(self, states: Tensor, *, parts: bool = False) -> Tensor:
        """Return displacements, ``(B, 6, 3)`` to ``(B, 3, 3)``.

        With ``parts`` they are those of the two paths, ``(2, B, 3, 3)``, the exact one first.
        """
        both = torch.stack(self.parts(states))
        return both if parts else both.sum(0)
