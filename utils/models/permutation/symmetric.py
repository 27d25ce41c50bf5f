r"""The layer for undirected graphs, in compact form, and the directed layer that it stands for."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from utils._checks import check_whole
from utils.models.permutation.directed import EquivariantLinear, Layer, mix
from utils.models.permutation.features import (
    GraphFeatures,
    check_features,
    check_graph,
)
from utils.models.permutation.initialisation import initial_weights
from utils.models.permutation.operations import (
    OPERATIONS,
    PARTS,
    SYMMETRIC_OPERATIONS,
    Operation,
    Orders,
    blocks,
    check_orders,
    incidence,
    stacked,
    symmetric_operations,
)

__all__ = ["SymmetricEquivariantLinear"]


class SymmetricEquivariantLinear(Layer):
    r"""The general equivariant linear layer for undirected graphs, in compact form.

    Order 1 is a tensor of nodes ``(B, n, C)``; order 2 is
    :class:`~utils.models.permutation.GraphFeatures`, a symmetric matrix without its lower half.
    Every operation of ``SYMMETRIC_OPERATIONS[orders]``
    has a matrix that mixes channels. The bias is one number for each channel of the nodes, and
    one for each channel of the pairs: a constant on the diagonal and a constant off it.

    Parameters
    ----------
    in_channels, out_channels : int or tuple of int
        Number of channels; for order 2 also two, for nodes and for pairs.
    orders, bias, nodes
        As for :class:`~utils.models.permutation.EquivariantLinear`; the rule for the initial
        weights is the same.

    Attributes
    ----------
    pair_weight : torch.nn.Parameter or None
        From order 2 to 2 only: from each pair to itself.
    node_weight : torch.nn.Parameter
        From what a node sees (itself, the mean over its pairs) to what it sends (to itself, to
        its pairs).
    graph_weight : torch.nn.Parameter
        From the means over nodes and over pairs to all nodes and to all pairs.
    bias : torch.nn.Parameter or None
        One entry for each column of ``graph_weight``.

    Examples
    --------
    >>> layer = SymmetricEquivariantLinear((5, 4), 8)
    >>> layer
    SymmetricEquivariantLinear((5, 4), 8, order 2 → 2, 9 operations, bias=True)
    >>> nodes, pairs = layer(GraphFeatures(torch.randn(2, 9, 5), torch.randn(2, 36, 4)))
    >>> nodes.shape, pairs.shape
    (torch.Size([2, 9, 8]), torch.Size([2, 36, 8]))
    """

    basis = SYMMETRIC_OPERATIONS
    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]
    incidence: Tensor

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int | tuple[int, int],
        *,
        orders: Orders = (2, 2),
        bias: bool = True,
        nodes: int = 9,
    ) -> None:
        super().__init__()
        self.orders = check_orders(orders)
        self.in_channels = _channels_of_parts(in_channels, self.orders[0], "in_channels")
        self.out_channels = _channels_of_parts(out_channels, self.orders[1], "out_channels")
        self.nodes = check_whole(nodes, "nodes", 4)
        wide = sum(self.in_channels), sum(self.out_channels)
        self._allocate((self.in_channels[-1], self.out_channels[-1]), wide, wide, bias=bias)
        self.register_buffer("incidence", incidence(nodes, self.node_weight), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights from PyTorch's global generator, and set the bias to zero."""
        c_in, c_out = (
            dict(zip(PARTS, c, strict=False)) for c in (self.in_channels, self.out_channels)
        )
        drawn = initial_weights(self.orders, self.nodes, c_in, c_out, symmetric=True)
        number = 0
        with torch.no_grad():
            for block, matrices in self._weights().items():
                for matrix in matrices:
                    matrix.copy_(drawn[block][number])
                    number += 1
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _weights(self) -> dict[tuple[str, str], list[Tensor]]:
        """Return the matrices by source and target, each block in the order of its levels."""
        shares = [
            [matrix for column in columns for matrix in column.split(self.in_channels)]
            for columns in (
                self.node_weight.split(self.out_channels, dim=1),
                self.graph_weight.split(self.out_channels, dim=1),
            )
        ]
        found: dict[tuple[str, str], list[Tensor]] = {
            block: [*level] for block, *level in zip(blocks(self.orders), *shares, strict=True)
        }
        if self.pair_weight is not None:
            found["pairs", "pairs"].insert(0, self.pair_weight)
        return found

    def weights_by_operation(self) -> dict[Operation, Tensor]:
        """Return views of the parameters: one matrix ``(C_in, C_out)`` for each operation.

        >>> layer = SymmetricEquivariantLinear((5, 4), 8)
        >>> layer.weights_by_operation()["nodes", "their pairs"].shape
        torch.Size([5, 8])
        """
        matrices = (matrix for block in self._weights().values() for matrix in block)
        return dict(zip(SYMMETRIC_OPERATIONS[self.orders], matrices, strict=True))

    def forward(self, x: Tensor | GraphFeatures) -> Tensor | GraphFeatures:
        """Apply the layer to nodes or, for order 2, to the compact form: mix first, then copy."""
        nodes, pairs = self._parts(x)
        n = nodes.shape[1]
        contained = self.incidence if n == self.nodes else incidence(n, nodes)
        seen = nodes
        if pairs is not None:
            at_nodes = contained.mT / max(n - 1, 1) @ pairs
            seen = torch.cat([nodes, at_nodes], dim=2)
        at_graph = seen.mean(1) @ self.graph_weight
        if self.bias is not None:
            at_graph = at_graph + self.bias
        sent = seen @ self.node_weight + at_graph[:, None]
        if self.orders[1] == 1:
            return sent
        to_nodes, to_pairs = sent.split(self.out_channels, dim=2)
        out = contained / 2 @ to_pairs
        if self.pair_weight is not None and pairs is not None:
            out = out + pairs @ self.pair_weight
        return GraphFeatures(to_nodes, out)

    def literal(self, x: Tensor | GraphFeatures) -> Tensor | GraphFeatures:
        """Apply the layer as it stands on paper: all operations, side by side, then mix."""
        nodes, pairs = self._parts(x)
        targets = PARTS[: self.orders[1]]
        found = {target: symmetric_operations(nodes, pairs, target) for target in targets}
        weights, total = self._weights(), dict.fromkeys(targets, nodes.new_zeros(()))
        if self.bias is not None:
            total = dict(zip(targets, self.bias.split(self.out_channels), strict=True))
        for target, by_source in found.items():
            for source, some in by_source.items():
                mixed = mix(stacked(some), weights[source, target])
                total[target] = mixed + total[target]
        return total["nodes"] if self.orders[1] == 1 else GraphFeatures(**total)

    def as_directed(self, n: int) -> EquivariantLinear:
        r"""Return a layer with its own weights that does the same to matrices of ``n >= 2`` nodes.

        With :math:`d` for the diagonal and :math:`r` for the row means of a symmetric matrix, the
        mean over the pairs at node :math:`i` is :math:`(n\,r_i - d_i) / (n - 1)`, and what is
        written to pairs only is written everywhere and taken back on the diagonal. That is why
        the weights depend on ``n``.

        >>> from utils.models.permutation import unpack_symmetric
        >>> layer = SymmetricEquivariantLinear(3, 4, orders=(2, 1))
        >>> x = GraphFeatures(torch.randn(2, 5, 3), torch.randn(2, 10, 3))
        >>> torch.allclose(layer.as_directed(5)(unpack_symmetric(x)), layer(x), atol=1e-5)
        True
        """
        check_whole(n, "n", 2)
        if len(set(self.in_channels)) > 1 or len(set(self.out_channels)) > 1:
            raise ValueError(
                f"a matrix has as many channels on its diagonal as off it, but this layer leads "
                f"from {self.in_channels} to {self.out_channels} channels"
            )
        with torch.random.fork_rng(devices=[]):  # the initial weights are overwritten
            layer = EquivariantLinear(
                self.in_channels[0],
                self.out_channels[0],
                orders=self.orders,
                bias=self.bias is not None,
                nodes=self.nodes,
            ).to(self.node_weight)
        seen, sent = _as_read(self.orders[0], n), _as_written(self.orders[1])
        zero = self.node_weight.new_zeros(self.in_channels[0], self.out_channels[0])
        new = dict.fromkeys(OPERATIONS[self.orders], zero)
        for (source, target), weights in self._weights().items():
            *own, by_node, by_graph = (weight.detach() for weight in weights)
            for same in own:
                new[Operation("pairs")] = same
                new[_LOOPS] = new[_LOOPS] - same
            for level, weight in enumerate((by_node, by_graph)):
                read, written = seen[source][level], sent[target][level]
                for (what, a), (where, b) in product(read.items(), written.items()):
                    operation = Operation(what, where)
                    new[operation] = new[operation] + a * b * weight
        layer._set_weights(torch.stack(list(new.values())))
        if self.bias is not None and layer.bias is not None:
            bias = self.bias.detach()
            if self.orders[1] == 2:
                on_nodes, on_pairs = bias.split(self.out_channels)
                bias = torch.cat([on_pairs, on_nodes - on_pairs])
            with torch.no_grad():
                layer.bias.copy_(bias)
        return layer

    def _parts(self, x: Tensor | GraphFeatures) -> tuple[Tensor, Tensor | None]:
        """Check the input, and return its nodes and its pairs."""
        if self.orders[0] == 1:
            if isinstance(x, GraphFeatures):
                raise TypeError("x must be a tensor of nodes, (B, n, C), not GraphFeatures")
            check_features(x, "x", order=1)
            self._check_input(x, self.in_channels[0])
            return x, None
        if isinstance(x, Tensor):
            raise TypeError(
                "x must be GraphFeatures(nodes, pairs), not a tensor; use pack_symmetric"
            )
        check_graph(x)
        for part, channels, name in zip(x, self.in_channels, PARTS, strict=True):
            self._check_input(part, channels, f"x.{name}")
        return x.nodes, x.pairs


def _channels_of_parts(channels: int | tuple[int, int], order: int, name: str) -> tuple[int, ...]:
    """Return the number of channels of the nodes and, for order 2, of the pairs."""
    if not isinstance(channels, (tuple, list)):
        return (check_whole(channels, name),) * order
    if order == 1 or len(channels) != 2:
        raise ValueError(
            f"{name} must be one number, or for order 2 two, for nodes and for pairs, not "
            f"{channels!r} for order {order}"
        )
    return tuple(check_whole(one, f"{name}[{i}]") for i, one in enumerate(channels))


_LOOPS = Operation("diagonal", "diagonal")
_Terms = tuple[dict[str, float], dict[str, float]]


def _as_read(order: int, n: int) -> dict[str, _Terms]:
    """Return the vector and the mean that each part shows, in terms of what a matrix shows."""
    if order == 1:
        return {"nodes": ({"nodes": 1.0}, {"mean": 1.0})}
    share = 1 / (n - 1)
    return {
        "nodes": ({"diagonal": 1.0}, {"diagonal mean": 1.0}),
        "pairs": (
            {"diagonal": -share, "row means": n * share},
            {"diagonal mean": -share, "total mean": n * share},
        ),
    }


def _as_written(order: int) -> dict[str, _Terms]:
    """Return where a matrix writes a vector and a number that are meant for a part."""
    if order == 1:
        return {"nodes": ({"": 1.0}, {"all": 1.0})}
    return {
        "nodes": ({"diagonal": 1.0}, {"diagonal": 1.0}),
        "pairs": (
            {"rows": 0.5, "columns": 0.5, "diagonal": -1.0},
            {"all": 1.0, "diagonal": -1.0},
        ),
    }
