r"""The layer between features of nodes and of ordered pairs, on three levels of weights.

An operation copies numbers (a row mean along its row, the total everywhere), and mixing channels
commutes with copying. So ``forward`` never forms the operations: it mixes first, once for each
pair, once for each node, once for each graph, which are the three levels of weights. ``literal``
evaluates the same weights in the other order, as they stand on paper, and is what the layers are
tested against: both agree up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from utils._checks import check_whole
from utils.models.permutation.features import check_features
from utils.models.permutation.initialisation import initial_weights
from utils.models.permutation.operations import (
    FUNCTIONS,
    NUMBERS,
    OPERATIONS,
    PARTS,
    PLACES,
    SPREADS,
    VECTORS,
    Operation,
    Orders,
    check_orders,
)

__all__ = ["EquivariantLinear"]


class Layer(nn.Module):
    """Weights on three levels, and what is said about them."""

    basis: ClassVar[Mapping[Orders, tuple[Operation, ...]]]
    orders: Orders
    in_channels: int | tuple[int, ...]
    out_channels: int | tuple[int, ...]
    pair_weight: nn.Parameter | None
    node_weight: nn.Parameter
    graph_weight: nn.Parameter
    bias: nn.Parameter | None

    def _allocate(
        self, pair: tuple[int, int], node: tuple[int, int], graph: tuple[int, int], *, bias: bool
    ) -> None:
        self.pair_weight = nn.Parameter(torch.empty(pair)) if self.orders == (2, 2) else None
        self.node_weight = nn.Parameter(torch.empty(node))
        self.graph_weight = nn.Parameter(torch.empty(graph))
        self.bias = nn.Parameter(torch.empty(graph[1])) if bias else None

    def _check_input(self, x: Tensor, channels: int, name: str = "x") -> None:
        if x.shape[-1] != channels:
            raise ValueError(
                f"{name} must have {channels} channels on its last axis, but the shape is "
                f"{tuple(x.shape)}"
            )
        weight = self.node_weight
        if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(
                f"x must have the type of the weights, {weight.dtype}, but it is {x.dtype}; "
                f"convert one of them with .to()"
            )

    def extra_repr(self) -> str:
        """Return what stands between the brackets when the layer is printed."""
        channels = (
            str(c if isinstance(c, int) else c[0] if len(set(c)) == 1 else c)
            for c in (self.in_channels, self.out_channels)
        )
        return (
            f"{', '.join(channels)}, order {self.orders[0]} → {self.orders[1]}, "
            f"{len(self.basis[self.orders])} operations, bias={self.bias is not None}"
        )


class EquivariantLinear(Layer):
    r"""The general equivariant linear layer between features of nodes and of ordered pairs.

    Every operation of ``OPERATIONS[orders]`` has a matrix that mixes channels, and the layer is
    their sum (Maron et al., ICLR 2019). Its bias is what is fixed by all permutations: one number
    for each channel of a node; for pairs two, one everywhere and one more on the diagonal. For
    independent inputs of variance 1 the initial outputs have expected variance 1, and this stays
    about so in a stack of layers (:mod:`utils.models.permutation.initialisation`).

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels.
    orders : tuple of int
        Orders of input and output: ``(1, 1)``, ``(1, 2)``, ``(2, 1)`` or ``(2, 2)``.
    bias : bool
        Whether to add a bias; it starts at zero.
    nodes : int
        For how many nodes, at least 4, to scale the initial weights; the layer takes any number.

    Attributes
    ----------
    pair_weight : torch.nn.Parameter or None
        ``(C_in, 2 C_out)``, from order 2 to 2 only: a pair, and its transpose.
    node_weight : torch.nn.Parameter
        ``(V C_in, P C_out)``: from V vectors that are read to P places where they are written.
    graph_weight : torch.nn.Parameter
        ``(M C_in, S C_out)``: from M means, written everywhere and (S = 2) on the diagonal.
    bias : torch.nn.Parameter or None
        One entry for each column of ``graph_weight``.

    Examples
    --------
    >>> layer = EquivariantLinear(3, 4, orders=(2, 1))
    >>> layer
    EquivariantLinear(3, 4, order 2 → 1, 5 operations, bias=True)
    >>> a = torch.randn(8, 9, 9, 3)
    >>> layer(a).shape, torch.allclose(layer(a), layer.literal(a), atol=1e-5)
    (torch.Size([8, 9, 4]), True)
    """

    basis = OPERATIONS
    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        orders: Orders = (2, 2),
        bias: bool = True,
        nodes: int = 9,
    ) -> None:
        super().__init__()
        self.in_channels = c_in = check_whole(in_channels, "in_channels")
        self.out_channels = c_out = check_whole(out_channels, "out_channels")
        self.orders = check_orders(orders)
        self.nodes = check_whole(nodes, "nodes", 4)
        read, written = self.orders
        self._allocate(
            (c_in, 2 * c_out),
            (len(VECTORS[read]) * c_in, len(PLACES[written]) * c_out),
            (len(NUMBERS[read]) * c_in, len(SPREADS[written]) * c_out),
            bias=bias,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights from PyTorch's global generator, and set the bias to zero."""
        c_in, c_out = (dict.fromkeys(PARTS, c) for c in (self.in_channels, self.out_channels))
        drawn = initial_weights(self.orders, self.nodes, c_in, c_out, symmetric=False)
        self._set_weights(torch.stack(list(drawn.values())).sum(0))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _set_weights(self, weights: Tensor) -> None:
        """Set the weights from one matrix for each operation, in their order."""
        with torch.no_grad():
            for own, new in zip(self.weights_by_operation().values(), weights, strict=True):
                own.copy_(new)

    def weights_by_operation(self) -> dict[Operation, Tensor]:
        """Return views of the parameters: one matrix ``(C_in, C_out)`` for each operation.

        >>> EquivariantLinear(3, 4).weights_by_operation()["row means", "columns"].shape
        torch.Size([3, 4])
        """
        matrices: list[Tensor] = []
        if self.pair_weight is not None:
            matrices += self.pair_weight.split(self.out_channels, dim=1)
        for parameter in (self.node_weight, self.graph_weight):
            for column in parameter.split(self.out_channels, dim=1):
                matrices += column.split(self.in_channels)
        return dict(zip(OPERATIONS[self.orders], matrices, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, to ``(B, n, C)`` or ``(B, n, n, C)``: mix first, then copy."""
        self._check(x)
        if self.orders[0] == 1:
            vectors, means = x, x.mean(1)
        else:
            diagonal = x.diagonal(dim1=1, dim2=2).mT
            vectors = torch.cat([diagonal, x.mean(2), x.mean(1)], dim=2)
            means = vectors[..., : 2 * self.in_channels].mean(1)
        at_nodes = vectors @ self.node_weight
        at_graph = means @ self.graph_weight
        if self.bias is not None:
            at_graph = at_graph + self.bias
        if self.orders[1] == 1:
            return at_nodes + at_graph[:, None]
        rows, columns, diagonal = at_nodes.split(self.out_channels, dim=2)
        everywhere, on_diagonal = at_graph.split(self.out_channels, dim=1)
        out = (rows + everywhere[:, None])[:, :, None] + columns[:, None]
        if self.pair_weight is not None:
            same, swapped = (x @ self.pair_weight).split(self.out_channels, dim=3)
            out = out + same + swapped.transpose(1, 2)
        out.diagonal(dim1=1, dim2=2).add_((diagonal + on_diagonal[:, None]).mT)
        return out

    def literal(self, x: Tensor) -> Tensor:
        """Apply the layer as it stands on paper: all operations, side by side, then mix."""
        self._check(x)
        out = mix(FUNCTIONS[self.orders](x), list(self.weights_by_operation().values()))
        if self.bias is None:
            return out
        everywhere, *on_diagonal = self.bias.split(self.out_channels)
        out = out + everywhere
        for one in on_diagonal:
            out = out + torch.eye(x.shape[1], dtype=x.dtype, device=x.device)[..., None] * one
        return out

    def _check(self, x: Tensor) -> None:
        check_features(x, "x", order=self.orders[0])
        self._check_input(x, self.in_channels)


def mix(operations: Tensor, weights: list[Tensor]) -> Tensor:
    """Mix operations ``(..., C_in, K)`` with ``K`` matrices ``(C_in, C_out)``."""
    side_by_side = operations.transpose(-1, -2).flatten(-2)
    return side_by_side @ torch.cat(weights)
