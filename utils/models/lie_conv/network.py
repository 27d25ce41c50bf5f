"""A network of such convolutions: from clouds with values to numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import global_add_pool, global_mean_pool

from utils._checks import check_choice, check_float, check_whole
from utils.groups import Motions, Rotations, Similarities, Translations, Trivial
from utils.models.base import Network, NetworkConfig
from utils.models.lie_conv.clouds import lifted_edges
from utils.models.lie_conv.layers import Aggregation, Distances, LieConv, PairReader

__all__ = ["SYMMETRIES", "LieConvConfig", "LieConvNetwork", "random_network", "symmetry"]

SYMMETRIES: dict[str, Callable[..., PairReader]] = {
    "trivial": lambda: Trivial(2),
    "T(2)": lambda: Translations(2),
    "SO(2)": Rotations,
    "R×SO(2)": Similarities,
    "SE(2)": Motions,
    "E(2)": lambda: Distances(2),
    "trivial(3)": lambda: Trivial(3),
    "T(3)": lambda: Translations(3),
    "E(3)": lambda: Distances(3),
}
"""What a network can be built on, by name."""


@dataclass(frozen=True)
class LieConvConfig(NetworkConfig):
    """The configuration of a network of convolutions on a Lie group.

    Parameters
    ----------
    group : str
        One of :data:`SYMMETRIES`.
    channels : int
        Values at a point, inside.
    layers : int
        Convolutions.
    hidden, depth : int
        Width and number of the hidden layers of each kernel.
    values, outputs : int
        Numbers given at a point, and numbers returned for a cloud.
    aggregation, pooling : {"mean", "sum"}
        How neighbours are gathered, and how the points of a cloud are at the end.
    lifts : int
        Elements for each point; more than one for SE(2) only.
    frames : {"random", "fixed"}
        The first frame of a point, for SE(2) (:class:`utils.groups.Motions`).
    chart : {"log", "entries"}
        What is read of an angle (:class:`utils.groups.LieGroup`).
    """

    network: ClassVar[str] = "network of convolutions on a Lie group"
    group: str = "T(2)"
    channels: int = 16
    layers: int = 2
    hidden: int = 32
    depth: int = 2
    values: int = 1
    outputs: int = 1
    aggregation: str = "mean"
    pooling: str = "mean"
    lifts: int = 1
    frames: str = "random"
    chart: str = "log"

    def __post_init__(self) -> None:
        """Check every field."""
        check_choice(self.group, "group", SYMMETRIES)
        self._check_numbers(channels=1, layers=1, hidden=1, depth=1, values=1, outputs=1, lifts=1)
        for name in ("aggregation", "pooling"):
            check_choice(getattr(self, name), name, ("mean", "sum"))
        check_choice(self.frames, "frames", ("random", "fixed"))
        check_choice(self.chart, "chart", ("log", "entries"))
        if self.group != "SE(2)" and (self.lifts != 1 or self.frames != "random"):
            raise ValueError(
                f"lifts and frames are those of SE(2), but the group is {self.group}, which lifts "
                f"a point to one element."
            )
        if self.chart == "entries" and self.group not in ("SO(2)", "R×SO(2)", "SE(2)"):
            raise ValueError(f"chart 'entries' is for groups with an angle, not {self.group}.")


def symmetry(config: LieConvConfig) -> PairReader:
    """Return what a network of a configuration reads pairs with.

    Examples
    --------
    >>> symmetry(LieConvConfig(group="SE(2)", lifts=2, chart="entries"))
    SE(2), chart 'entries'
    """
    if config.group == "SE(2)":
        return Motions(config.lifts, config.frames, config.chart)  # type: ignore[arg-type]
    if config.chart == "entries":
        return SYMMETRIES[config.group](chart="entries")
    return SYMMETRIES[config.group]()


class LieConvNetwork(Network):
    r"""A residual network of convolutions on a Lie group, read out by a mean over the points.

    The values are mapped to channels; each layer adds
    :math:`\mathrm{silu}(W \cdot \mathrm{conv}(f))` to them; the points of a cloud are averaged and
    mapped to outputs. All that it knows of places is what the group reads of pairs of them, so it
    has the group's symmetry whatever its weights are.

    Parameters
    ----------
    config : LieConvConfig, optional
    reader : PairReader, optional
        What reads pairs, in place of the configuration's group: to try another, or a broken one.

    Examples
    --------
    >>> from utils.models.lie_conv import clouds, with_points
    >>> network = random_network(LieConvConfig(group="T(2)"), seed=0)
    >>> points = torch.randn(3, 6, 2, dtype=torch.float64)
    >>> before = clouds(points)
    >>> torch.allclose(network(before), network(with_points(before, points + 5)), atol=1e-12)
    True
    """

    config: LieConvConfig

    def __init__(
        self, config: LieConvConfig | None = None, *, reader: PairReader | None = None
    ) -> None:
        super().__init__()
        self.config = own = self._configured(LieConvConfig, config)
        self.reader = reader if reader is not None else symmetry(own)
        size = self.reader.pair_size + 2 * self.reader.orbit_size
        self.embed = nn.Linear(own.values, own.channels)
        self.convolutions = nn.ModuleList(
            LieConv(
                size,
                own.channels,
                hidden=own.hidden,
                depth=own.depth,
                aggregation=cast(Aggregation, own.aggregation),
            )
            for _ in range(own.layers)
        )
        self.readout = nn.Linear(own.channels, own.outputs)

    def forward(self, cloud: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """Return outputs of clouds, ``(B, outputs)``.

        Parameters
        ----------
        cloud : torch_geometric.data.Batch
            As :func:`~utils.models.lie_conv.clouds` returns it, with its neighbours.
        generator : torch.Generator, optional
            Where random frames come from, for SE(2).
        """
        self._check(cloud)
        elements, orbits = self.reader.lift(cloud.pos, generator=generator)
        edges = lifted_edges(cloud.edge_index, self.reader.lifts)
        v, u = edges
        pairs = torch.cat(
            [self.reader.relative(elements[v], elements[u]), orbits[u], orbits[v]], dim=-1
        )
        features = self.embed(cloud.x).repeat_interleave(self.reader.lifts, dim=0)
        for convolution in self.convolutions:
            features = features + nn.functional.silu(convolution(features, edges, pairs))
        pool = global_mean_pool if self.config.pooling == "mean" else global_add_pool
        owner = cloud.batch.repeat_interleave(self.reader.lifts)
        return self.readout(pool(features, owner, size=cloud.num_graphs))

    def _check(self, cloud: Batch) -> None:
        """Refuse what is not clouds for this network, in one sentence."""
        if not isinstance(cloud, Batch) or "edge_index" not in cloud:
            raise TypeError(
                "The network reads clouds with their neighbours; make them with "
                "utils.models.lie_conv.clouds."
            )
        check_float(cloud.pos, "The tensor of points")
        if cloud.x.shape[1] != self.config.values:
            raise ValueError(
                f"The network reads {self.config.values} values at a point, but the clouds have "
                f"{cloud.x.shape[1]}."
            )
        for what, tensor in (("points", cloud.pos), ("values", cloud.x)):
            if tensor.dtype != self.embed.weight.dtype:
                raise TypeError(
                    f"The {what} are {tensor.dtype}, but the weights {self.embed.weight.dtype}; "
                    f"convert one of them, with .double() or .float()."
                )


def random_network(
    config: LieConvConfig | None = None, *, seed: int, reader: PairReader | None = None
) -> LieConvNetwork:
    """Return a network of ``float64`` weights at random; the global random state stays as it is.

    Examples
    --------
    >>> random_network(seed=0).training
    False
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_whole(seed, "The seed", 0))
        return LieConvNetwork(config, reader=reader).double().eval()
