r"""The operations of which every permutation-equivariant linear map is a combination.

Each *reads* something from the features and *writes* it somewhere. A matrix shows itself and its
transpose, three vectors (diagonal, row means, column means) and two numbers (mean of the diagonal,
mean of everything); a vector is written along the rows, along the columns or on the diagonal, a
number everywhere or on the diagonal: 2 + 3 · 3 + 2 · 2 = 15 operations from order 2 to 2. The same
rule gives 2, 5 and 5 from order 1 to 1, 1 to 2 and 2 to 1.

In compact form nodes and pairs each show a vector (the nodes; at each node, the mean over its
pairs) and a number, and both are written to the nodes or to the pairs: with the pairs themselves
4 · 2 + 1 = 9 operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from utils._checks import check_choice
from utils.models.permutation.features import (
    GraphFeatures,
    check_features,
    check_graph,
    unordered_pairs,
)

__all__ = [
    "OPERATIONS",
    "OPERATION_NAMES",
    "SYMMETRIC_OPERATIONS",
    "SYMMETRIC_OPERATION_NAMES",
    "Operation",
    "operations_1to1",
    "operations_1to2",
    "operations_2to1",
    "operations_2to2",
    "symmetric_operations_1to2",
    "symmetric_operations_2to1",
    "symmetric_operations_2to2",
]

Orders = tuple[int, int]
ORDERS: tuple[Orders, ...] = ((1, 1), (1, 2), (2, 1), (2, 2))


class Operation(NamedTuple):
    """What is read, and where it is written; nothing for what stays in its place.

    It is equal to the plain tuple of its words: a mapping from operations can be asked for
    ``["row means", "columns"]``, the mean of each row along the column of the same number.

    Examples
    --------
    >>> str(Operation("row means", "columns")), str(Operation("pairs transposed"))
    ('row means → columns', 'pairs transposed')
    """

    read: str
    write: str = ""

    def __str__(self) -> str:
        """Return the name of the operation."""
        return f"{self.read} → {self.write}" if self.write else self.read


# What features of order 1 and 2 show, and where it is written.
VECTORS = {1: ("nodes",), 2: ("diagonal", "row means", "column means")}
NUMBERS = {1: ("mean",), 2: ("diagonal mean", "total mean")}
PLACES = {1: ("",), 2: ("rows", "columns", "diagonal")}
SPREADS = {1: ("all",), 2: ("all", "diagonal")}
# The same for the two parts of the compact form; what is written to "their pairs" is the mean
# over the two nodes of each pair.
PARTS = ("nodes", "pairs")
_SEEN = {"nodes": "nodes", "pairs": "means at nodes"}
_MEAN = {"nodes": "node mean", "pairs": "pair mean"}
_PLACE = {"nodes": "", "pairs": "their pairs"}


def blocks(orders: Orders) -> list[tuple[str, str]]:
    """Return the sources and targets of the symmetric operations, in their order."""
    return [(source, target) for target in PARTS[: orders[1]] for source in PARTS[: orders[0]]]


def _directed(orders: Orders) -> tuple[Operation, ...]:
    read, written = orders
    own = ("pairs", "pairs transposed") if orders == (2, 2) else ()
    return (
        *(Operation(matrix) for matrix in own),
        *(Operation(vector, place) for place in PLACES[written] for vector in VECTORS[read]),
        *(Operation(number, spread) for spread in SPREADS[written] for number in NUMBERS[read]),
    )


def _symmetric(orders: Orders) -> tuple[Operation, ...]:
    found = []
    for source, target in blocks(orders):
        own = [Operation("pairs")] if source == target == "pairs" else []
        found += [*own, Operation(_SEEN[source], _PLACE[target]), Operation(_MEAN[source], target)]
    return tuple(found)


OPERATIONS: Mapping[Orders, tuple[Operation, ...]] = MappingProxyType(
    {orders: _directed(orders) for orders in ORDERS}
)
"""The operations by orders of input and output, in the order of the functions."""
OPERATION_NAMES: Mapping[Orders, tuple[str, ...]] = MappingProxyType(
    {orders: tuple(map(str, found)) for orders, found in OPERATIONS.items()}
)
"""Their names, such as "row means → columns"."""
SYMMETRIC_OPERATIONS: Mapping[Orders, tuple[Operation, ...]] = MappingProxyType(
    {orders: _symmetric(orders) for orders in ORDERS}
)
"""The operations of the compact form by orders; those with values on nodes come first."""
SYMMETRIC_OPERATION_NAMES: Mapping[Orders, tuple[str, ...]] = MappingProxyType(
    {orders: tuple(map(str, found)) for orders, found in SYMMETRIC_OPERATIONS.items()}
)
"""Their names, such as "node mean → pairs"."""


def check_orders(orders: Orders) -> Orders:
    """Return the orders of input and output, each 1 or 2, as a tuple."""
    found = tuple(orders) if isinstance(orders, list) else orders
    return check_choice(found, "The pair of orders of input and output", ORDERS)


# ---------------------------------------------------------------- matrices


def stacked(found: list[Tensor]) -> Tensor:
    """Stack operations on a last axis; in memory the channels of one operation lie together."""
    return torch.stack(found, dim=-2).transpose(-1, -2)


def _everywhere(number: Tensor, rows: int) -> Tensor:
    """Write numbers of graphs, shape ``(B, C)``, to every one of so many rows."""
    return number[:, None].expand(-1, rows, -1)


def _eye(like: Tensor) -> Tensor:
    return torch.eye(like.shape[1], dtype=like.dtype, device=like.device)[None, :, :, None]


def operations_1to1(x: Tensor) -> Tensor:
    """Compute the two operations from nodes ``(B, n, C)`` to nodes, ``(B, n, C, 2)``.

    They are ``x`` itself, and the mean over nodes written to every node.

    Examples
    --------
    >>> operations_1to1(torch.tensor([[[1.0], [3.0]]])).squeeze().tolist()
    [[1.0, 2.0], [3.0, 2.0]]
    """
    check_features(x, "x", order=1)
    return stacked([x, _everywhere(x.mean(1), x.shape[1])])


def operations_1to2(x: Tensor) -> Tensor:
    """Compute the five operations from nodes ``(B, n, C)`` to pairs, ``(B, n, n, C, 5)``.

    They are the entry of node ``i`` in all of row ``i``, in all of column ``i``, at ``(i, i)``
    only; the mean over nodes everywhere, and on the diagonal.

    Examples
    --------
    >>> along_rows, *_ = operations_1to2(torch.tensor([[[1.0], [3.0]]])).squeeze().unbind(-1)
    >>> along_rows.tolist()
    [[1.0, 1.0], [3.0, 3.0]]
    """
    check_features(x, "x", order=1)
    n, eye = x.shape[1], _eye(x)
    along_rows = x[:, :, None].expand(-1, n, n, -1)
    mean = x.mean(1)[:, None, None].expand(-1, n, n, -1)
    return stacked([along_rows, along_rows.transpose(1, 2), along_rows * eye, mean, mean * eye])


def operations_2to1(a: Tensor) -> Tensor:
    """Compute the five operations from pairs ``(B, n, n, C)`` to nodes, ``(B, n, C, 5)``.

    They are diagonal, row means and column means; the mean of the diagonal (trace over ``n``) and
    the mean of everything (total over ``n²``), written to every node.

    Examples
    --------
    >>> operations_2to1(torch.tensor([[1.0, 2.0], [3.0, 6.0]]).reshape(1, 2, 2, 1))[0, 0, 0]
    tensor([1.0000, 1.5000, 2.0000, 3.5000, 3.0000])
    """
    check_features(a, "a", order=2)
    diagonal = a.diagonal(dim1=1, dim2=2).mT
    numbers = [_everywhere(number, a.shape[1]) for number in (diagonal.mean(1), a.mean((1, 2)))]
    return stacked([diagonal, a.mean(2), a.mean(1), *numbers])


def operations_2to2(a: Tensor) -> Tensor:
    """Compute the fifteen operations from pairs ``(B, n, n, C)`` to pairs, ``(B, n, n, C, 15)``.

    They are ``a`` and its transpose; diagonal, row means and column means written along rows, then
    along columns, then on the diagonal; mean of the diagonal and of everything written everywhere,
    then on the diagonal.

    Examples
    --------
    >>> found = operations_2to2(torch.tensor([[1.0, 2.0], [3.0, 6.0]]).reshape(1, 2, 2, 1))
    >>> found[0, :, :, 0, OPERATIONS[2, 2].index(("row means", "columns"))].tolist()
    [[1.5, 4.5], [1.5, 4.5]]
    """
    check_features(a, "a", order=2)
    eye, diagonal = _eye(a), a.diagonal(dim1=1, dim2=2).mT
    vectors = (diagonal, a.mean(2), a.mean(1))
    rows = [vector[:, :, None].expand(a.shape) for vector in vectors]
    columns = [vector[:, None].expand(a.shape) for vector in vectors]
    diagonals = [matrix * eye for matrix in rows]
    numbers = (diagonal.mean(1), a.mean((1, 2)))
    constant = [number[:, None, None].expand(a.shape) for number in numbers]
    more = [matrix * eye for matrix in constant]
    return stacked([a, a.transpose(1, 2), *rows, *columns, *diagonals, *constant, *more])


FUNCTIONS = {
    (1, 1): operations_1to1,
    (1, 2): operations_1to2,
    (2, 1): operations_2to1,
    (2, 2): operations_2to2,
}


# ---------------------------------------------------------------- the compact form


def incidence(n: int, like: Tensor) -> Tensor:
    """Return the matrix with a one where a pair contains a node, shape ``(n (n - 1) / 2, n)``."""
    nodes = unordered_pairs(n).T.to(like.device)
    empty = torch.zeros(len(nodes), n, dtype=like.dtype, device=like.device)
    return empty.scatter_(1, nodes, 1)


def _means_at_nodes(pairs: Tensor, n: int) -> Tensor:
    """Return at each node the mean over the pairs that contain it; zero if there is none."""
    return incidence(n, pairs).T @ pairs / max(n - 1, 1)


def _means_at_pairs(nodes: Tensor) -> Tensor:
    """Return at each pair the mean over its two nodes."""
    first, second = unordered_pairs(nodes.shape[1]).to(nodes.device)
    return (nodes[:, first] + nodes[:, second]) / 2


def symmetric_operations(
    nodes: Tensor, pairs: Tensor | None, target: str
) -> dict[str, list[Tensor]]:
    """Compute the operations with values on one part, by their sources."""
    found = {}
    for source in PARTS[: 1 if pairs is None else 2]:
        own, vector = [], nodes
        if source == "pairs" and pairs is not None:
            own, vector = [pairs], _means_at_nodes(pairs, nodes.shape[1])
        if target == "pairs":
            vector = _means_at_pairs(vector)
        number = own[0].sum(1) / max(own[0].shape[1], 1) if own else nodes.mean(1)
        level = [vector, _everywhere(number, vector.shape[1])]
        found[source] = own + level if target == "pairs" else level
    return found


def _side_by_side(nodes: Tensor, pairs: Tensor | None, target: str) -> Tensor:
    found = symmetric_operations(nodes, pairs, target)
    return stacked([one for some in found.values() for one in some])


def symmetric_operations_1to2(x: Tensor) -> GraphFeatures:
    """Compute the four operations from nodes ``(B, n, C)`` to the compact form.

    It holds nodes ``(B, n, C, 2)`` and pairs ``(B, n (n - 1) / 2, C, 2)``, in the order of
    ``SYMMETRIC_OPERATIONS[1, 2]``. Each operation is zero on the part where it is not listed.

    Examples
    --------
    >>> symmetric_operations_1to2(torch.tensor([[[1.0], [3.0], [8.0]]])).pairs.squeeze().tolist()
    [[2.0, 4.0], [4.5, 4.0], [5.5, 4.0]]
    """
    check_features(x, "x", order=1)
    return GraphFeatures(*(_side_by_side(x, None, target) for target in PARTS))


def symmetric_operations_2to1(x: GraphFeatures) -> Tensor:
    """Compute the four operations from the compact form to nodes, ``(B, n, C, 4)``.

    They stand in the order of ``SYMMETRIC_OPERATIONS[2, 1]``; nodes and pairs have equally many
    channels.

    Examples
    --------
    >>> x = GraphFeatures(torch.ones(1, 3, 1), torch.tensor([[[2.0], [4.0], [6.0]]]))
    >>> symmetric_operations_2to1(x).squeeze().tolist()
    [[1.0, 1.0, 3.0, 4.0], [1.0, 1.0, 4.0, 4.0], [1.0, 1.0, 5.0, 4.0]]
    """
    check_graph(x, equal_channels=True)
    return _side_by_side(*x, "nodes")


def symmetric_operations_2to2(x: GraphFeatures) -> GraphFeatures:
    """Compute the nine operations from the compact form to the compact form.

    It holds nodes ``(B, n, C, 4)`` and pairs ``(B, n (n - 1) / 2, C, 5)``: in the order of
    ``SYMMETRIC_OPERATIONS[2, 2]`` the four operations with values on nodes, and the five with
    values on pairs. Each is zero on the other part.

    Examples
    --------
    >>> x = GraphFeatures(torch.ones(1, 3, 1), torch.tensor([[[2.0], [4.0], [6.0]]]))
    >>> symmetric_operations_2to2(x).pairs.squeeze()[0].tolist()
    [1.0, 1.0, 2.0, 3.5, 4.0]
    """
    check_graph(x, equal_channels=True)
    return GraphFeatures(*(_side_by_side(*x, target) for target in PARTS))
