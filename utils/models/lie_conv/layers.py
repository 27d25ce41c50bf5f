r"""The convolution of LieConv: a kernel on :math:`\log(v^{-1}u)`, gathered over neighbours."""

from __future__ import annotations

import itertools
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import degree

from utils._checks import check_choice, check_float, check_whole

__all__ = ["Distances", "LieConv", "PairReader", "perceptron"]

Aggregation = Literal["mean", "sum"]

PIECE = 8192
"""Pairs that are taken together where nothing is differentiated.

What the hidden layers of the kernel hold of so many stays in the processor's cache.
"""


class PairReader(Protocol):
    """What a convolution asks of a symmetry: a lift of points, and what is read of two of them.

    A :class:`utils.groups.LieGroup` is one, and so are :class:`Distances`.

    Examples
    --------
    >>> from utils.groups import Translations
    >>> reader: PairReader = Translations(2)
    >>> reader.name, reader.pair_size, reader.orbit_size, reader.lifts
    ('T(2)', 2, 0, 1)
    """

    name: str
    dimension: int
    orbit_size: int

    @property
    def pair_size(self) -> int:
        """Numbers that are read of two elements."""

    @property
    def lifts(self) -> int:
        """Elements for each point."""

    def lift(
        self, points: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return elements and labels of orbits."""

    def relative(self, v: Tensor, u: Tensor) -> Tensor:
        """Return what is read of two elements, the same when both are moved."""


class Distances:
    r"""Pairs of points by the square of their distance, which is all that motions keep of a pair.

    A kernel on SE(d) that is averaged over all frames of both points, instead of a few drawn at
    random, depends on the distance of the points only. Reflections keep it too, so its group is
    E(d).

    Parameters
    ----------
    dimension : int
        Of the space.

    Examples
    --------
    >>> Distances(3).relative(torch.zeros(3), torch.tensor([1.0, 2.0, 2.0]))
    tensor([9.])
    """

    orbit_size: int = 0
    pair_size = lifts = 1

    def __init__(self, dimension: int = 3) -> None:
        self.dimension = check_whole(dimension, "The dimension")
        self.name = f"E({self.dimension})"

    def lift(
        self, points: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the points as they are, and no labels."""
        check_float(points, "The tensor of points")
        if points.shape[-1] != self.dimension:
            raise ValueError(
                f"{self.name} reads points of dimension {self.dimension}, not {points.shape[-1]}."
            )
        return points, points[..., :0]

    def relative(self, v: Tensor, u: Tensor) -> Tensor:
        """Return squares of distances, ``(..., 1)``."""
        return (u - v).square().sum(-1, keepdim=True)


def perceptron(*sizes: int) -> nn.Sequential:
    """Return a perceptron with SiLU between its layers; ``sizes`` from input to output.

    Examples
    --------
    >>> perceptron(2, 8, 1)(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """
    steps = [(nn.Linear(a, b), nn.SiLU()) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*list(itertools.chain.from_iterable(steps))[:-1])


class LieConv(MessagePassing):
    r"""One convolution: what a point gathers is the kernel times the value, over its neighbours.

    .. math:: (k * f)(u_i) = \frac{1}{n_i} \sum_{j} k_w(\log(v_j^{-1}u_i), q_i, q_j) \odot f(v_j)

    (Finzi et al. 2020, equation 8, with a kernel for each channel; their code mixes the channels
    in the same sum, :class:`LieConvNetwork` in the linear map that follows.) The kernel
    :math:`k_w` is a perceptron. A linear map without bias mixes the channels of what is gathered.

    Parameters
    ----------
    pair_size : int
        Numbers that the kernel reads of a pair, with the labels of both orbits.
    channels : int
        Values at a point, in and out.
    hidden, depth : int
        Width and number of the kernel's hidden layers.
    aggregation : {"mean", "sum"}
        Whether the sum is divided by the number of neighbours.

    Examples
    --------
    >>> layer, edges = LieConv(2, 4), torch.tensor([[0, 1, 1], [0, 0, 1]])
    >>> layer(torch.ones(2, 4), edges, torch.zeros(3, 2)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        pair_size: int,
        channels: int,
        *,
        hidden: int = 32,
        depth: int = 2,
        aggregation: Aggregation = "mean",
    ) -> None:
        check_choice(aggregation, "The aggregation", ("mean", "sum"))
        super().__init__(aggr="sum", node_dim=0)
        self.aggregation = aggregation
        self.kernel = perceptron(pair_size, *(hidden,) * depth, channels)
        # As large as He et al. (2015) draw them: with smaller ones an untrained kernel is almost
        # the same everywhere, and an untrained network hardly sees where the points are.
        for layer in self.kernel:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.mix = nn.Linear(channels, channels, bias=False)

    def forward(self, values: Tensor, edge_index: Tensor, pairs: Tensor) -> Tensor:
        """Return what each element gathers.

        Parameters
        ----------
        values : torch.Tensor
            Shape ``(N, channels)``.
        edge_index : torch.Tensor
            Shape ``(2, E)``: v, then u.
        pairs : torch.Tensor
            Shape ``(E, pair_size)``: what is read of each pair.
        """
        piece = len(pairs) if torch.is_grad_enabled() else PIECE
        gathered = torch.zeros_like(values)
        for edges, read in zip(edge_index.split(piece, 1), pairs.split(piece), strict=True):
            gathered = gathered + self.propagate(edges, values=values, weights=self.kernel(read))
        if self.aggregation == "mean":
            counts = degree(edge_index[1], len(values), values.dtype)
            gathered = gathered / counts.clamp(min=1)[:, None]
        return self.mix(gathered)

    def message(self, values_j: Tensor, weights: Tensor, **_: Any) -> Tensor:
        """Return the value at the neighbour, times the kernel."""
        return weights * values_j
