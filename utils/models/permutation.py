r"""Linear layers that commute with renumbering the nodes of a graph.

A feature of *order 1* belongs to the nodes of a graph, shape ``(B, n, C)``; one of *order 2*
belongs to the ordered pairs of nodes, shape ``(B, n, n, C)``, with ``C`` channels on the last
axis. A permutation :math:`\sigma` of the nodes moves the one to :math:`x_{\sigma^{-1}(i)}` and
the other to :math:`A_{\sigma^{-1}(i)\,\sigma^{-1}(j)}` (:func:`renumber`). The linear maps that
commute with all :math:`\sigma` are the combinations of 2, 5, 5 and 15 operations, from order 1
to 1, 1 to 2, 2 to 1 and 2 to 2 (Maron, Ben-Hamu, Shamir & Lipman, "Invariant and Equivariant
Graph Networks", ICLR 2019). :func:`operations_1to1` and its relatives compute them one by one.

Where the pairs have no direction, every matrix is symmetric and half of it is superfluous. The
*compact form* :class:`GraphFeatures` keeps the diagonal as features of the nodes and each
unordered pair once: for nine nodes 9 + 36 rows in the place of 81. The entries of a symmetric
matrix are loops and edges, and there is one basis map for each orbit of pairs of these
(:func:`utils.equivariance.equivariant_basis`). Loop to loop: the same or another one, 2. Loop to
edge: the loop sits on the edge or not, 2; and edge to loop likewise, 2. Edge to edge: equal, with
one node in common, or disjoint, 3. Together **9** operations; from order 1 to 2 and from 2 to 1
there are **4**.

How many are independent depends on the number of nodes, since for small ``n`` some patterns of
equal indices cannot occur:

=========  ===  ===  ===  ===
directed   1→1  1→2  2→1  2→2
=========  ===  ===  ===  ===
n = 1      1    1    1    1
n = 2      2    4    4    8
n = 3      2    5    5    14
n ≥ 4      2    5    5    15
=========  ===  ===  ===  ===

=========  ===  ===  ===  ===
symmetric  1→1  1→2  2→1  2→2
=========  ===  ===  ===  ===
n = 1      1    1    1    1
n = 2      2    3    3    5
n = 3      2    4    4    8
n ≥ 4      2    4    4    9
=========  ===  ===  ===  ===

*Sums are means.* Every sum over nodes or pairs is divided by the number of its terms, so that
all operations return numbers of about the size of their input. This rescales basis maps, and
their span stays the same. One layer fits graphs of every size.

*Three levels.* The layers :class:`EquivariantLinear` and :class:`SymmetricEquivariantLinear`
never form the operations. An operation copies numbers (a row mean along its row, the total
everywhere), and mixing channels commutes with copying, so they mix first: once for each pair,
once for each node, once for each graph. ``literal`` evaluates the same weights in the other
order, as they stand on paper, and is what the layers are tested against.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

__all__ = [
    "OPERATION_NAMES",
    "SYMMETRIC_OPERATION_NAMES",
    "EquivariantLinear",
    "GraphFeatures",
    "SymmetricEquivariantLinear",
    "operations_1to1",
    "operations_1to2",
    "operations_2to1",
    "operations_2to2",
    "pack_symmetric",
    "renumber",
    "square_of_pairs",
    "symmetric_operations_1to2",
    "symmetric_operations_2to1",
    "symmetric_operations_2to2",
    "unordered_pairs",
    "unpack_symmetric",
]

_VECTORS = ("diagonal", "row means", "column means")
_PLACES = ("rows", "columns", "diagonal")
_ORDERS = ((1, 1), (1, 2), (2, 1), (2, 2))
_SYMMETRY_TOLERANCE = 1e-5
_FOUR = 4  # so many nodes show every pattern of up to four indices

OPERATION_NAMES: Mapping[tuple[int, int], tuple[str, ...]] = MappingProxyType(
    {
        (1, 1): ("nodes", "mean → all"),
        (1, 2): (
            *(f"nodes → {place}" for place in _PLACES),
            "mean → all",
            "mean → diagonal",
        ),
        (2, 1): (*_VECTORS, "diagonal mean → all", "total mean → all"),
        (2, 2): (
            "pairs",
            "pairs transposed",
            *(f"{vector} → {place}" for place in _PLACES for vector in _VECTORS),
            "diagonal mean → all",
            "total mean → all",
            "diagonal mean → diagonal",
            "total mean → diagonal",
        ),
    }
)
"""The operations by orders of input and output, in the order of the functions.

"Row means → columns" reads: form the mean of each row, and write it along the column of the same
number.
"""

_TO_NODES = ("nodes", "node mean → nodes")
_TO_PAIRS = ("nodes → their pairs", "node mean → pairs")
_FROM_PAIRS = ("means at nodes", "pair mean → nodes")
SYMMETRIC_OPERATION_NAMES: Mapping[tuple[int, int], tuple[str, ...]] = MappingProxyType(
    {
        (1, 1): _TO_NODES,
        (1, 2): (*_TO_NODES, *_TO_PAIRS),
        (2, 1): (*_TO_NODES, *_FROM_PAIRS),
        (2, 2): (
            *_TO_NODES,
            *_FROM_PAIRS,
            *_TO_PAIRS,
            "pairs",
            "means at nodes → their pairs",
            "pair mean → pairs",
        ),
    }
)
"""The operations of the compact form by orders; those with values on nodes come first.

"Means at nodes": at each node, the mean over the pairs that contain it. "Nodes → their pairs": at
each pair, the mean over its two nodes.
"""


class GraphFeatures(NamedTuple):
    """Features of an undirected graph: a symmetric matrix in compact form.

    Attributes
    ----------
    nodes : torch.Tensor
        The diagonal, shape ``(B, n, C)``.
    pairs : torch.Tensor
        One row for each unordered pair of different nodes, shape ``(B, n (n - 1) / 2, C)``, in
        the order of :func:`unordered_pairs`. The number of channels may differ from that of
        the nodes.
    """

    nodes: Tensor
    pairs: Tensor


# ---------------------------------------------------------------- checks


def _check_tensor(x: Tensor, name: str, shape: str) -> None:
    """Check type and number of axes; ``shape`` is what to say, such as ``(B, n, C)``."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor of shape {shape}, not {type(x).__name__}")
    if not x.is_floating_point():
        raise TypeError(
            f"{name} must be a floating-point tensor, not {x.dtype}; convert it with .float()"
        )
    axes = shape.count(",") + 1
    if x.ndim != axes:
        raise ValueError(
            f"{name} must have {axes} axes, shape {shape}, but the shape is {tuple(x.shape)}"
        )


def _check_nodes(x: Tensor, name: str = "x") -> None:
    _check_tensor(x, name, "(B, n, C)")
    if x.shape[1] == 0:
        raise ValueError(f"{name} must have at least one node, but the shape is {tuple(x.shape)}")


def _check_square(a: Tensor, name: str = "a") -> None:
    _check_tensor(a, name, "(B, n, n, C)")
    if a.shape[1] != a.shape[2]:
        raise ValueError(
            f"{name} must have as many rows as columns, shape (B, n, n, C), but the shape is "
            f"{tuple(a.shape)}"
        )
    if a.shape[1] == 0:
        raise ValueError(f"{name} must have at least one node, but the shape is {tuple(a.shape)}")


def _check_graph(x: GraphFeatures, name: str = "x") -> None:
    if not isinstance(x, GraphFeatures):
        raise TypeError(
            f"{name} must be GraphFeatures(nodes, pairs), as pack_symmetric makes them, not "
            f"{type(x).__name__}"
        )
    _check_nodes(x.nodes, f"{name}.nodes")
    _check_tensor(x.pairs, f"{name}.pairs", "(B, n (n - 1) / 2, C)")
    batch, n = x.nodes.shape[:2]
    if tuple(x.pairs.shape[:2]) != (batch, n * (n - 1) // 2):
        raise ValueError(
            f"{batch} graphs of {n} nodes have pairs of shape ({batch}, {n * (n - 1) // 2}, C), "
            f"but {name}.pairs has shape {tuple(x.pairs.shape)}"
        )
    if x.nodes.dtype != x.pairs.dtype:
        raise TypeError(
            f"nodes and pairs must be of one type, but {name}.nodes is {x.nodes.dtype} and "
            f"{name}.pairs is {x.pairs.dtype}"
        )


def _check_equal_channels(x: GraphFeatures) -> None:
    if x.nodes.shape[2] != x.pairs.shape[2]:
        raise ValueError(
            f"nodes and pairs must have equally many channels, but they have "
            f"{x.nodes.shape[2]} and {x.pairs.shape[2]}"
        )


def _check_count(value: int, name: str, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def _check_orders(orders: tuple[int, int]) -> tuple[int, int]:
    found = tuple(orders) if isinstance(orders, (tuple, list)) else orders
    if found not in _ORDERS:
        raise ValueError(
            f"orders must be (1, 1), (1, 2), (2, 1) or (2, 2), the orders of input and output, "
            f"not {orders!r}"
        )
    return found[0], found[1]


# ---------------------------------------------------------------- the compact form


def unordered_pairs(n: int) -> Tensor:
    """Return the unordered pairs of ``n`` nodes in the order of the compact form.

    Parameters
    ----------
    n : int
        Number of nodes, at least 1.

    Returns
    -------
    torch.Tensor
        Integers of shape ``(2, n (n - 1) / 2)``: the smaller and the larger node of each pair,
        as ``torch.triu_indices(n, n, 1)`` lists them.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is smaller than 1.
    """
    _check_count(n, "n")
    return torch.triu_indices(n, n, 1)


@lru_cache(maxsize=32)
def _incidence_array(n: int) -> np.ndarray:
    first, second = np.triu_indices(n, 1)
    found = np.zeros((len(first), n), dtype=np.float32)
    rows = np.arange(len(first))
    found[rows, first] = found[rows, second] = 1
    return found


def _incidence(n: int, like: Tensor) -> Tensor:
    """Return the matrix with a one where a pair contains a node, shape ``(n (n - 1) / 2, n)``."""
    return torch.tensor(_incidence_array(n), dtype=like.dtype, device=like.device)


def pack_symmetric(a: Tensor) -> GraphFeatures:
    """Bring symmetric matrices into compact form.

    Parameters
    ----------
    a : torch.Tensor
        Shape ``(B, n, n, C)``, symmetric in the two axes of nodes.

    Returns
    -------
    GraphFeatures
        The diagonal and what lies above it.

    Raises
    ------
    TypeError
        If ``a`` is not a floating-point tensor.
    ValueError
        If the shape is another one, if an entry is NaN or infinite, or if an entry differs from
        its mirror image by more than ``1e-5`` of the largest entry.
    """
    _check_square(a)
    if a.numel():
        values = a.detach()
        largest = float(values.abs().max())
        if not np.isfinite(largest):
            raise ValueError("a holds NaN or infinite values; remove them first")
        gap = float((values - values.transpose(1, 2)).abs().max())
        if gap > _SYMMETRY_TOLERANCE * largest:
            raise ValueError(
                f"a must be symmetric, but an entry differs from its mirror image by {gap:.2g}; "
                f"use (a + a.transpose(1, 2)) / 2, or a directed layer (EquivariantLinear)"
            )
    first, second = unordered_pairs(a.shape[1]).to(a.device)
    return GraphFeatures(a.diagonal(dim1=1, dim2=2).mT, a[:, first, second])


def square_of_pairs(pairs: Tensor, n: int) -> Tensor:
    """Write values of unordered pairs as symmetric arrays with zeros on the diagonal.

    Parameters
    ----------
    pairs : torch.Tensor
        Shape ``(B, n (n - 1) / 2, ...)``, of any type, in the order of :func:`unordered_pairs`.
    n : int
        Number of nodes, at least 1.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, n, ...)``.

    Raises
    ------
    ValueError
        If the second axis does not have the length of the pairs of ``n`` nodes.
    """
    count = _check_count(n, "n") * (n - 1) // 2
    if pairs.ndim < 2 or pairs.shape[1] != count:
        raise ValueError(
            f"pairs must have shape (B, {count}, ...) for {n} nodes, not {tuple(pairs.shape)}"
        )
    first, second = unordered_pairs(n).to(pairs.device)
    square = pairs.new_zeros(len(pairs), n, n, *pairs.shape[2:])
    square[:, first, second] = pairs
    square[:, second, first] = pairs
    return square


def unpack_symmetric(x: GraphFeatures) -> Tensor:
    """Write compact features as symmetric matrices; the inverse of :func:`pack_symmetric`.

    Parameters
    ----------
    x : GraphFeatures
        Nodes ``(B, n, C)`` and pairs ``(B, n (n - 1) / 2, C)``, equally many channels.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, n, C)``, symmetric, with the nodes on the diagonal.

    Raises
    ------
    TypeError
        If ``x`` is not :class:`GraphFeatures` of floating-point tensors.
    ValueError
        If the shapes do not fit together.
    """
    _check_graph(x)
    _check_equal_channels(x)
    n = x.nodes.shape[1]
    every = torch.arange(n, device=x.nodes.device)
    matrix = square_of_pairs(x.pairs, n)
    matrix[:, every, every] = x.nodes
    return matrix


def renumber(x: Tensor | GraphFeatures, permutation: Tensor) -> Tensor | GraphFeatures:
    r"""Renumber the nodes of features: the action of :math:`S_n` that the layers commute with.

    Parameters
    ----------
    x : torch.Tensor or GraphFeatures
        Nodes ``(B, n, C)``, ordered pairs ``(B, n, n, C)``, or the compact form. The number of
        axes says which.
    permutation : torch.Tensor
        Shape ``(n,)``; node ``i`` becomes node ``permutation[i]``, as in
        :class:`utils.groups.PointPermutations`.

    Returns
    -------
    torch.Tensor or GraphFeatures
        The same kind as ``x``: entry ``(p[i], p[j])`` is entry ``(i, j)`` of ``x``.

    Raises
    ------
    TypeError
        If ``x`` is neither a floating-point tensor nor :class:`GraphFeatures`.
    ValueError
        If the shape is another one, or ``permutation`` does not hold each of 0 to n - 1 once.
    """
    if isinstance(x, GraphFeatures):
        _check_graph(x)
        sample = x.nodes
    elif isinstance(x, Tensor) and x.ndim == 4:
        _check_square(x, "x")
        sample = x
    else:
        _check_nodes(x)
        sample = x
    n = sample.shape[1]
    places = torch.as_tensor(permutation, device=sample.device)
    if places.shape != (n,) or not torch.equal(
        places.sort().values, torch.arange(n, device=sample.device)
    ):
        raise ValueError(
            f"permutation must hold each of 0 to {n - 1} once, shape ({n},), but it is "
            f"{places.tolist()}"
        )
    source = places.argsort()
    if not isinstance(x, GraphFeatures):
        return x[:, source] if x.ndim == 3 else x[:, source][:, :, source]
    first, second = unordered_pairs(n).to(sample.device)
    number = torch.zeros(n, n, dtype=torch.long, device=sample.device)
    number[first, second] = number[second, first] = torch.arange(len(first), device=sample.device)
    return GraphFeatures(x.nodes[:, source], x.pairs[:, number[source[first], source[second]]])


# ---------------------------------------------------------------- the operations, as on paper


def _stacked(found: list[Tensor]) -> Tensor:
    """Stack operations on a last axis; in memory the channels of one operation lie together."""
    return torch.stack(found, dim=-2).transpose(-1, -2)


def _everywhere(number: Tensor, n: int) -> Tensor:
    """Write numbers of graphs, shape ``(B, C)``, to every one of ``n`` rows."""
    return number[:, None].expand(-1, n, -1)


def operations_1to1(x: Tensor) -> Tensor:
    """Compute the two operations from nodes to nodes.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(B, n, C)``.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, C, 2)``, in the order of ``OPERATION_NAMES[1, 1]``: ``x`` itself, and the
        mean over nodes written to every node.

    Raises
    ------
    TypeError
        If ``x`` is not a floating-point tensor.
    ValueError
        If the shape is another one.
    """
    _check_nodes(x)
    return _stacked([x, _everywhere(x.mean(1), x.shape[1])])


def operations_1to2(x: Tensor) -> Tensor:
    """Compute the five operations from nodes to ordered pairs.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(B, n, C)``.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, n, C, 5)``, in the order of ``OPERATION_NAMES[1, 2]``: the entry of node
        ``i`` in all of row ``i``, in all of column ``i``, at ``(i, i)`` only; the mean over nodes
        everywhere, and on the diagonal.

    Raises
    ------
    TypeError
        If ``x`` is not a floating-point tensor.
    ValueError
        If the shape is another one.
    """
    _check_nodes(x)
    batch, n, channels = x.shape
    eye = torch.eye(n, dtype=x.dtype, device=x.device)[None, :, :, None]
    along_rows = x[:, :, None].expand(batch, n, n, channels)
    mean = x.mean(1)[:, None, None].expand(batch, n, n, channels)
    return _stacked([along_rows, along_rows.transpose(1, 2), along_rows * eye, mean, mean * eye])


def operations_2to1(a: Tensor) -> Tensor:
    """Compute the five operations from ordered pairs to nodes.

    Parameters
    ----------
    a : torch.Tensor
        Shape ``(B, n, n, C)``.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, C, 5)``, in the order of ``OPERATION_NAMES[2, 1]``: diagonal, row means and
        column means, then the mean of the diagonal (trace over ``n``) and the mean of everything
        (total over ``n²``), written to every node.

    Raises
    ------
    TypeError
        If ``a`` is not a floating-point tensor.
    ValueError
        If the shape is another one.
    """
    _check_square(a)
    n = a.shape[1]
    diagonal = a.diagonal(dim1=1, dim2=2).mT
    numbers = [_everywhere(number, n) for number in (diagonal.mean(1), a.mean((1, 2)))]
    return _stacked([diagonal, a.mean(2), a.mean(1), *numbers])


def operations_2to2(a: Tensor) -> Tensor:
    """Compute the fifteen operations from ordered pairs to ordered pairs.

    Parameters
    ----------
    a : torch.Tensor
        Shape ``(B, n, n, C)``.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, n, C, 15)``, in the order of ``OPERATION_NAMES[2, 2]``: ``a`` and its
        transpose; diagonal, row means and column means written along rows, then along columns,
        then on the diagonal; mean of the diagonal and of everything written everywhere, then on
        the diagonal.

    Raises
    ------
    TypeError
        If ``a`` is not a floating-point tensor.
    ValueError
        If the shape is another one.
    """
    _check_square(a)
    eye = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)[None, :, :, None]
    diagonal = a.diagonal(dim1=1, dim2=2).mT
    vectors = (diagonal, a.mean(2), a.mean(1))
    along_rows = [vector[:, :, None].expand(a.shape) for vector in vectors]
    along_columns = [vector[:, None].expand(a.shape) for vector in vectors]
    on_diagonal = [matrix * eye for matrix in along_rows]
    numbers = (diagonal.mean(1), a.mean((1, 2)))
    everywhere = [number[:, None, None].expand(a.shape) for number in numbers]
    return _stacked(
        [
            a,
            a.transpose(1, 2),
            *along_rows,
            *along_columns,
            *on_diagonal,
            *everywhere,
            *(matrix * eye for matrix in everywhere),
        ]
    )


def _means_at_nodes(pairs: Tensor, n: int) -> Tensor:
    """Return at each node the mean over the pairs that contain it; zero if there is none."""
    return _incidence(n, pairs).T @ pairs / max(n - 1, 1)


def _means_at_pairs(nodes: Tensor) -> Tensor:
    """Return at each pair the mean over its two nodes."""
    first, second = unordered_pairs(nodes.shape[1]).to(nodes.device)
    return (nodes[:, first] + nodes[:, second]) / 2


def _pair_mean(pairs: Tensor) -> Tensor:
    return pairs.sum(1) / max(pairs.shape[1], 1)


def _nodes_to_nodes(nodes: Tensor) -> list[Tensor]:
    return [nodes, _everywhere(nodes.mean(1), nodes.shape[1])]


def _pairs_to_nodes(pairs: Tensor, n: int) -> list[Tensor]:
    return [_means_at_nodes(pairs, n), _everywhere(_pair_mean(pairs), n)]


def _nodes_to_pairs(nodes: Tensor) -> list[Tensor]:
    n = nodes.shape[1]
    return [_means_at_pairs(nodes), _everywhere(nodes.mean(1), n * (n - 1) // 2)]


def _pairs_to_pairs(pairs: Tensor, n: int) -> list[Tensor]:
    shared = _means_at_pairs(_means_at_nodes(pairs, n))
    return [pairs, shared, _everywhere(_pair_mean(pairs), pairs.shape[1])]


def symmetric_operations_1to2(x: Tensor) -> GraphFeatures:
    """Compute the four operations from nodes to the compact form.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(B, n, C)``.

    Returns
    -------
    GraphFeatures
        Nodes ``(B, n, C, 2)`` and pairs ``(B, n (n - 1) / 2, C, 2)``, in the order of
        ``SYMMETRIC_OPERATION_NAMES[1, 2]``. Each operation has values on one of the two, and
        is zero on the other.

    Raises
    ------
    TypeError
        If ``x`` is not a floating-point tensor.
    ValueError
        If the shape is another one.
    """
    _check_nodes(x)
    return GraphFeatures(_stacked(_nodes_to_nodes(x)), _stacked(_nodes_to_pairs(x)))


def symmetric_operations_2to1(x: GraphFeatures) -> Tensor:
    """Compute the four operations from the compact form to nodes.

    Parameters
    ----------
    x : GraphFeatures
        Nodes ``(B, n, C)`` and pairs ``(B, n (n - 1) / 2, C)``, equally many channels.

    Returns
    -------
    torch.Tensor
        Shape ``(B, n, C, 4)``, in the order of ``SYMMETRIC_OPERATION_NAMES[2, 1]``.

    Raises
    ------
    TypeError
        If ``x`` is not :class:`GraphFeatures` of floating-point tensors.
    ValueError
        If the shapes do not fit together.
    """
    _check_graph(x)
    _check_equal_channels(x)
    return _stacked([*_nodes_to_nodes(x.nodes), *_pairs_to_nodes(x.pairs, x.nodes.shape[1])])


def symmetric_operations_2to2(x: GraphFeatures) -> GraphFeatures:
    """Compute the nine operations from the compact form to the compact form.

    Parameters
    ----------
    x : GraphFeatures
        Nodes ``(B, n, C)`` and pairs ``(B, n (n - 1) / 2, C)``, equally many channels.

    Returns
    -------
    GraphFeatures
        Nodes ``(B, n, C, 4)`` and pairs ``(B, n (n - 1) / 2, C, 5)``: in the order of
        ``SYMMETRIC_OPERATION_NAMES[2, 2]`` the four operations with values on nodes, and the
        five with values on pairs. Each is zero on the other.

    Raises
    ------
    TypeError
        If ``x`` is not :class:`GraphFeatures` of floating-point tensors.
    ValueError
        If the shapes do not fit together.
    """
    _check_graph(x)
    _check_equal_channels(x)
    nodes, pairs = x
    n = nodes.shape[1]
    return GraphFeatures(
        _stacked([*_nodes_to_nodes(nodes), *_pairs_to_nodes(pairs, n)]),
        _stacked([*_nodes_to_pairs(nodes), *_pairs_to_pairs(pairs, n)]),
    )


# ---------------------------------------------------------------- initial weights

_OPERATIONS = {
    (1, 1): operations_1to1,
    (1, 2): operations_1to2,
    (2, 1): operations_2to1,
    (2, 2): operations_2to2,
}
_SYMMETRIC_BLOCKS = {
    **dict.fromkeys(_TO_NODES, ("nodes", "nodes")),
    **dict.fromkeys(_FROM_PAIRS, ("pairs", "nodes")),
    **dict.fromkeys(_TO_PAIRS, ("nodes", "pairs")),
    **dict.fromkeys(SYMMETRIC_OPERATION_NAMES[2, 2][6:], ("pairs", "pairs")),
}


class _Copy(NamedTuple):
    """A copy of an irreducible representation in a space of features.

    An equivariant map is known from its entries among the first four nodes, where every pattern
    of equal indices occurs, so everything here is restricted to these. ``a.rows @ b.rows.T``
    carries copy ``b`` isometrically to copy ``a`` of the same kind. A kind that occurs once has
    its orthogonal projection, ``projection``, instead.
    """

    kind: str
    part: str
    dimension: int
    rows: np.ndarray
    projection: np.ndarray | None = None


def _copies(order: int, n: int, *, symmetric: bool) -> list[_Copy]:
    """Split features of ``n >= 4`` nodes into irreducible representations of S_n."""
    one, centred = np.ones((n, 1)), np.eye(n) - 1 / n
    if order == 1:
        return [
            _Copy("trivial", "nodes", 1, one[:_FOUR] / n**0.5),
            _Copy("standard", "nodes", n - 1, centred[:_FOUR]),
        ]
    if symmetric:
        row, column = (np.append(np.arange(_FOUR), end) for end in np.triu_indices(_FOUR, 1))
    else:
        row, column = np.indices((_FOUR, _FOUR)).reshape(2, -1)
    off = (row != column)[:, None].astype(float)
    first, second = np.eye(n)[row], np.eye(n)[column]
    loops, both, apart = first * (1 - off), (first + second) * off, (first - second) * off
    sides = 1 if symmetric else 2  # an unordered pair is listed once, an ordered one twice
    found = [
        _Copy("trivial", "nodes", 1, loops @ one / n**0.5),
        _Copy("standard", "nodes", n - 1, loops @ centred),
        _Copy("trivial", "pairs", 1, off / (sides * n * (n - 1) / 2) ** 0.5),
        _Copy("standard", "pairs", n - 1, both @ centred / (sides * (n - 2)) ** 0.5),
    ]
    # What is left of the pairs: an even part and, with directions, an odd one.
    left = np.diag(off[:, 0])
    known = sum(copy.rows @ copy.rows.T for copy in found[2:])
    even = ("even", "pairs", n * (n - 3) // 2, np.empty(0))
    if symmetric:
        return [*found, _Copy(*even, left - known)]
    swap = np.eye(_FOUR**2)[column * _FOUR + row]
    turned = apart @ centred / (2 * n) ** 0.5
    odd = left @ (np.eye(_FOUR**2) - swap) / 2 - turned @ turned.T
    return [
        *found,
        _Copy("standard", "pairs", n - 1, turned),
        _Copy(*even, left @ (np.eye(_FOUR**2) + swap) / 2 - known),
        _Copy("odd", "pairs", (n - 1) * (n - 2) // 2, np.empty(0), odd),
    ]


def _operation_entries(orders: tuple[int, int], n: int, *, symmetric: bool) -> np.ndarray:
    """Return the entries of the operations among four of ``n`` nodes.

    Shape ``(operations, outputs, inputs)``; the rows and columns are those of :class:`_Copy`.
    """
    eye = torch.eye(n, dtype=torch.float64, device="cpu")
    if not symmetric or orders == (1, 1):
        x = eye[:_FOUR, :, None]
        if orders[0] == 2:
            x = torch.einsum("ikc,jlc->ijklc", x, x).flatten(0, 1)
        found = _OPERATIONS[orders](x)
        kept = found[:, :_FOUR] if orders[1] == 1 else found[:, :_FOUR, :_FOUR].flatten(1, 2)
        return kept[:, :, 0].permute(2, 1, 0).numpy()
    among = (unordered_pairs(n).cpu() < _FOUR).all(0).nonzero()[:, 0]
    chosen = torch.cat([torch.arange(_FOUR, device="cpu"), n + among])
    units = nn.functional.one_hot(chosen, n * (n + 1) // 2).double()[:, :, None]
    graph = GraphFeatures(units[:, :n], units[:, n:])
    if orders == (2, 1):
        return symmetric_operations_2to1(graph)[:, :_FOUR, 0].permute(2, 1, 0).numpy()
    if orders == (1, 2):
        made = symmetric_operations_1to2(eye[:_FOUR, :, None])
    else:
        made = symmetric_operations_2to2(graph)
    nodes = made.nodes[:, :_FOUR, 0].permute(2, 1, 0).numpy()
    pairs = made.pairs[:, among, 0].permute(2, 1, 0).numpy()
    return np.concatenate(
        [
            np.pad(nodes, ((0, 0), (0, pairs.shape[1]), (0, 0))),
            np.pad(pairs, ((0, 0), (nodes.shape[1], 0), (0, 0))),
        ]
    )


class _Unit(NamedTuple):
    """An equivariant map that carries one irreducible part of the input to one of the output."""

    source: str
    target: str
    spread: float
    kind: str
    coefficients: tuple[float, ...]


@lru_cache(maxsize=32)
def _units(orders: tuple[int, int], n: int, symmetric: bool) -> tuple[_Unit, ...]:
    """Return the maps between irreducible parts, as combinations of the operations."""
    copies_in, copies_out = (_copies(order, n, symmetric=symmetric) for order in orders)
    entries = _operation_entries(orders, n, symmetric=symmetric)
    design = entries.reshape(len(entries), -1).T
    kinds = {copy.kind for copy in copies_in}
    found = []
    for b in copies_out:
        part = [copy for copy in copies_out if copy.part == b.part]
        reached = sum(copy.dimension for copy in part if copy.kind in kinds)
        spread = (sum(copy.dimension for copy in part) / reached) ** 0.5
        for a in copies_in:
            if a.kind == b.kind:
                unit = b.rows @ a.rows.T if b.projection is None else b.projection
                solved = np.linalg.lstsq(design, unit.ravel(), rcond=None)[0]
                found.append(_Unit(a.part, b.part, spread, a.kind, tuple(solved)))
    return tuple(found)


def _initial_weights(
    orders: tuple[int, int],
    n: int,
    channels_in: Mapping[str, int],
    channels_out: Mapping[str, int],
    *,
    symmetric: bool,
) -> dict[tuple[str, str], Tensor]:
    """Draw weights of all operations, shape ``(operations, C_in, C_out)``, by source and target.

    Parts of one kind mix with independent normal weights whose variance is one over the number
    of channels that arrive, and parts of different kinds cannot mix at all. So the mean square
    of each irreducible part is kept, whatever the input, and no part grows with depth.
    """
    fan: dict[str, int] = {}
    for copy in _copies(orders[0], n, symmetric=symmetric):
        fan[copy.kind] = fan.get(copy.kind, 0) + channels_in[copy.part]
    weights: dict[tuple[str, str], Tensor] = {}
    for unit in _units(orders, n, symmetric):
        drawn = torch.randn(channels_in[unit.source], channels_out[unit.target])
        coefficients = torch.tensor(unit.coefficients, dtype=drawn.dtype)
        scaled = unit.spread / fan[unit.kind] ** 0.5 * coefficients[:, None, None] * drawn
        block = unit.source, unit.target
        weights[block] = weights[block] + scaled if block in weights else scaled
    return weights


# ---------------------------------------------------------------- layers


class EquivariantLinear(nn.Module):
    r"""The general equivariant linear layer between features of nodes and of ordered pairs.

    Every operation of ``OPERATION_NAMES[orders]`` has a matrix that mixes channels, and the layer
    is their sum. Its bias is what is fixed by all permutations: one number for each channel of a
    node; for pairs two, one everywhere and one more on the diagonal.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels, at least 1.
    orders : tuple of int
        Orders of input and output: ``(1, 1)``, ``(1, 2)``, ``(2, 1)`` or ``(2, 2)``.
    bias : bool
        Whether to add a bias.
    nodes : int
        For how many nodes, at least 4, to scale the initial weights; the layer takes any number.

    Attributes
    ----------
    pair_weight : torch.nn.Parameter or None
        Shape ``(C_in, 2 C_out)``, from order 2 to 2 only: a pair, and its transpose.
    node_weight : torch.nn.Parameter
        Shape ``(C_in, C_out)`` times the numbers of vectors that are read (the nodes; or diagonal,
        row means and column means) and of places where they are written (the nodes; or rows,
        columns and diagonal).
    graph_weight : torch.nn.Parameter
        Shape ``(C_in, C_out)`` times the numbers of means that are read (1 or 2) and of places
        where they are written (everywhere; and the diagonal).
    bias : torch.nn.Parameter or None
        One entry for each column of ``graph_weight``.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a number is too small or ``orders`` is not one of the four.

    Notes
    -----
    *Initial weights.* The features of nodes and of pairs split into irreducible parts (such as
    constants, and vectors of sum zero), and an equivariant map mixes parts of one kind only.
    The initial weights mix them with independent normal numbers. For independent inputs of
    variance 1 each output has expected variance 1, and since no kind of part is amplified, this
    stays about so in a stack of layers. The bias starts at zero.

    The operations and their number are those of Maron et al. (ICLR 2019); the three levels of
    weights and the initial weights are this book's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        orders: tuple[int, int] = (2, 2),
        bias: bool = True,
        nodes: int = 9,
    ) -> None:
        super().__init__()
        self.in_channels = _check_count(in_channels, "in_channels")
        self.out_channels = _check_count(out_channels, "out_channels")
        self.orders = _check_orders(orders)
        self.nodes = _check_count(nodes, "nodes", least=4)
        order_in, order_out = self.orders
        self._vectors, self._means = (1, 1) if order_in == 1 else (3, 2)
        self._places, self._spreads = (1, 1) if order_out == 1 else (3, 2)
        self.pair_weight = (
            nn.Parameter(torch.empty(in_channels, 2 * out_channels))
            if self.orders == (2, 2)
            else None
        )
        self.node_weight = nn.Parameter(
            torch.empty(self._vectors * in_channels, self._places * out_channels)
        )
        self.graph_weight = nn.Parameter(
            torch.empty(self._means * in_channels, self._spreads * out_channels)
        )
        self.bias = nn.Parameter(torch.empty(self._spreads * out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights from PyTorch's global generator, and set the bias to zero."""
        channels_in = {"nodes": self.in_channels, "pairs": self.in_channels}
        channels_out = {"nodes": self.out_channels, "pairs": self.out_channels}
        drawn = _initial_weights(
            self.orders, self.nodes, channels_in, channels_out, symmetric=False
        )
        self._set_weights(torch.stack(list(drawn.values())).sum(0))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _set_weights(self, weights: Tensor) -> None:
        """Set the weights from one matrix for each operation, in the order of their names."""
        own = 0 if self.pair_weight is None else 2
        middle = own + self._places * self._vectors
        with torch.no_grad():
            if self.pair_weight is not None:
                self.pair_weight.copy_(torch.cat([weights[0], weights[1]], dim=1))
            for parameter, part, targets in (
                (self.node_weight, weights[own:middle], self._places),
                (self.graph_weight, weights[middle:], self._spreads),
            ):
                blocks = part.unflatten(0, (targets, -1)).permute(1, 2, 0, 3)
                parameter.copy_(blocks.flatten(2).flatten(0, 1))

    def weights_by_operation(self) -> dict[str, Tensor]:
        """Return the weights as one matrix for each operation.

        Returns
        -------
        dict of str to torch.Tensor
            Under the names of the operations, in their order: matrices ``(C_in, C_out)``, from
            which gradients flow back to the parameters.
        """
        matrices = []
        if self.pair_weight is not None:
            matrices += list(self.pair_weight.split(self.out_channels, dim=1))
        for parameter in (self.node_weight, self.graph_weight):
            for column in parameter.split(self.out_channels, dim=1):
                matrices += list(column.split(self.in_channels))
        return dict(zip(OPERATION_NAMES[self.orders], matrices, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer: mix the channels first, then copy.

        Parameters
        ----------
        x : torch.Tensor
            Nodes ``(B, n, C_in)`` or ordered pairs ``(B, n, n, C_in)``, as the order says.

        Returns
        -------
        torch.Tensor
            Nodes ``(B, n, C_out)`` or ordered pairs ``(B, n, n, C_out)``.

        Raises
        ------
        TypeError
            If ``x`` is not a floating-point tensor of the type of the weights.
        ValueError
            If the shape is another one.
        """
        self._check_input(x)
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
        """Apply the layer as it stands on paper: all operations, side by side, then mix.

        Parameters
        ----------
        x : torch.Tensor
            As for :meth:`forward`.

        Returns
        -------
        torch.Tensor
            The same as :meth:`forward` returns, up to rounding.

        Raises
        ------
        TypeError
            If ``x`` is not a floating-point tensor of the type of the weights.
        ValueError
            If the shape is another one.
        """
        self._check_input(x)
        out = _mix(_OPERATIONS[self.orders](x), list(self.weights_by_operation().values()))
        if self.bias is None:
            return out
        everywhere, *on_diagonal = self.bias.split(self.out_channels)
        out = out + everywhere
        for one in on_diagonal:
            out = out + torch.eye(x.shape[1], dtype=x.dtype, device=x.device)[..., None] * one
        return out

    def _check_input(self, x: Tensor) -> None:
        if self.orders[0] == 1:
            _check_nodes(x)
        else:
            _check_square(x, "x")
        _check_channels(x, self.in_channels, "x")
        _check_type(x, self.node_weight)

    def extra_repr(self) -> str:
        """Return what stands between the brackets when the layer is printed."""
        return (
            f"{self.in_channels}, {self.out_channels}, order {self.orders[0]} → {self.orders[1]}, "
            f"{len(OPERATION_NAMES[self.orders])} operations, bias={self.bias is not None}"
        )


class SymmetricEquivariantLinear(nn.Module):
    r"""The general equivariant linear layer for undirected graphs, in compact form.

    Order 1 is a tensor of nodes ``(B, n, C)`` as before; order 2 is :class:`GraphFeatures`, a
    symmetric matrix without its lower half. Every operation of
    ``SYMMETRIC_OPERATION_NAMES[orders]`` has a matrix that mixes channels. The bias is one
    number for each channel of the nodes, and one for each channel of the pairs: a constant on the
    diagonal and a constant off it.

    Parameters
    ----------
    in_channels, out_channels : int or tuple of int
        Number of channels, at least 1. For order 2 also two numbers, for nodes and for pairs;
        one number stands for both.
    orders : tuple of int
        Orders of input and output: ``(1, 1)``, ``(1, 2)``, ``(2, 1)`` or ``(2, 2)``.
    bias : bool
        Whether to add a bias.
    nodes : int
        For how many nodes, at least 4, to scale the initial weights; the layer takes any number.

    Attributes
    ----------
    pair_weight : torch.nn.Parameter or None
        From order 2 to 2 only: from each pair to itself.
    node_weight : torch.nn.Parameter
        From the vectors that a node sees (itself, and the mean over its pairs) to what it sends
        (to itself, and to its pairs).
    graph_weight : torch.nn.Parameter
        From the means over nodes and over pairs to all nodes and to all pairs.
    bias : torch.nn.Parameter or None
        One entry for each column of ``graph_weight``.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a number is too small, ``orders`` is not one of the four, or two numbers of channels
        are given where there are only nodes.

    Notes
    -----
    The initial weights follow the rule of :class:`EquivariantLinear`. :meth:`as_directed` writes
    the layer with the fifteen operations (or 2, 5, 5). The maps between matrices are those of
    Maron et al. (ICLR 2019); restricted to symmetric ones, some of them coincide.
    """

    incidence: Tensor

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int | tuple[int, int],
        *,
        orders: tuple[int, int] = (2, 2),
        bias: bool = True,
        nodes: int = 9,
    ) -> None:
        super().__init__()
        self.orders = _check_orders(orders)
        self.in_channels = _channels_of_parts(in_channels, self.orders[0], "in_channels")
        self.out_channels = _channels_of_parts(out_channels, self.orders[1], "out_channels")
        self.nodes = _check_count(nodes, "nodes", least=4)
        wide_in, wide_out = sum(self.in_channels), sum(self.out_channels)
        self.pair_weight = (
            nn.Parameter(torch.empty(self.in_channels[1], self.out_channels[1]))
            if self.orders == (2, 2)
            else None
        )
        self.node_weight = nn.Parameter(torch.empty(wide_in, wide_out))
        self.graph_weight = nn.Parameter(torch.empty(wide_in, wide_out))
        self.bias = nn.Parameter(torch.empty(wide_out)) if bias else None
        self.register_buffer("incidence", _incidence(nodes, self.node_weight), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights from PyTorch's global generator, and set the bias to zero."""
        parts = ("nodes", "pairs")
        drawn = _initial_weights(
            self.orders,
            self.nodes,
            dict(zip(parts, self.in_channels, strict=False)),
            dict(zip(parts, self.out_channels, strict=False)),
            symmetric=True,
        )
        with torch.no_grad():
            for number, (name, matrix) in enumerate(self.weights_by_operation().items()):
                source, target = _SYMMETRIC_BLOCKS[name]
                matrix.copy_(drawn[source, target][number])
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def weights_by_operation(self) -> dict[str, Tensor]:
        """Return the weights as one matrix for each operation.

        Returns
        -------
        dict of str to torch.Tensor
            Under the names of the operations, in their order: matrices ``(C_in, C_out)`` with
            the channels of the nodes or of the pairs, as the operation says. They are views of
            the parameters.
        """
        matrices = []
        for place, column in enumerate(self.node_weight.split(self.out_channels, dim=1)):
            more = self.graph_weight.split(self.out_channels, dim=1)[place]
            for source, (one, other) in enumerate(
                zip(column.split(self.in_channels), more.split(self.in_channels), strict=True)
            ):
                if place == source == 1 and self.pair_weight is not None:
                    matrices.append(self.pair_weight)
                matrices += [one, other]
        return dict(zip(SYMMETRIC_OPERATION_NAMES[self.orders], matrices, strict=True))

    def forward(self, x: Tensor | GraphFeatures) -> Tensor | GraphFeatures:
        """Apply the layer: mix the channels first, then copy.

        Parameters
        ----------
        x : torch.Tensor or GraphFeatures
            Nodes ``(B, n, C_in)`` for order 1, the compact form for order 2.

        Returns
        -------
        torch.Tensor or GraphFeatures
            Nodes ``(B, n, C_out)``, or the compact form.

        Raises
        ------
        TypeError
            If ``x`` is of another kind, or not of the type of the weights.
        ValueError
            If a shape is another one.
        """
        nodes, pairs = self._parts(x)
        n = nodes.shape[1]
        incidence = self.incidence if n == self.nodes else _incidence(n, nodes)
        seen = nodes
        if pairs is not None:
            at_nodes = incidence.mT / max(n - 1, 1) @ pairs
            seen = torch.cat([nodes, at_nodes], dim=2)
        at_graph = seen.mean(1) @ self.graph_weight
        if self.bias is not None:
            at_graph = at_graph + self.bias
        sent = seen @ self.node_weight + at_graph[:, None]
        if self.orders[1] == 1:
            return sent
        to_nodes, to_pairs = sent.split(self.out_channels, dim=2)
        out = incidence / 2 @ to_pairs
        if self.pair_weight is not None and pairs is not None:
            out = out + pairs @ self.pair_weight
        return GraphFeatures(to_nodes, out)

    def literal(self, x: Tensor | GraphFeatures) -> Tensor | GraphFeatures:
        """Apply the layer as it stands on paper: all operations, side by side, then mix.

        Parameters
        ----------
        x : torch.Tensor or GraphFeatures
            As for :meth:`forward`.

        Returns
        -------
        torch.Tensor or GraphFeatures
            The same as :meth:`forward` returns, up to rounding.

        Raises
        ------
        TypeError
            If ``x`` is of another kind, or not of the type of the weights.
        ValueError
            If a shape is another one.
        """
        nodes, pairs = self._parts(x)
        n = nodes.shape[1]
        found = {("nodes", "nodes"): _nodes_to_nodes(nodes)}
        if pairs is not None:
            found["pairs", "nodes"] = _pairs_to_nodes(pairs, n)
        if self.orders[1] == 2:
            found["nodes", "pairs"] = _nodes_to_pairs(nodes)
            if pairs is not None:
                found["pairs", "pairs"] = _pairs_to_pairs(pairs, n)
        weights = self.weights_by_operation()
        bias: tuple[Tensor | float, ...] = (0.0, 0.0)
        if self.bias is not None:
            bias = self.bias.split(self.out_channels)
        out = []
        for place, target in enumerate(("nodes", "pairs")[: self.orders[1]]):
            total: Tensor | float = bias[place]
            for (source, end), operations in found.items():
                if end == target:
                    block = (source, end)
                    own = [w for name, w in weights.items() if _SYMMETRIC_BLOCKS[name] == block]
                    total = _mix(_stacked(operations), own) + total
            assert isinstance(total, Tensor)
            out.append(total)
        return out[0] if self.orders[1] == 1 else GraphFeatures(*out)

    def as_directed(self, n: int) -> EquivariantLinear:
        r"""Return a directed layer that does the same to symmetric matrices of ``n`` nodes.

        With :math:`d` for the diagonal and :math:`r` for the row means of a symmetric matrix, the
        mean over the pairs at node :math:`i` is :math:`(n\,r_i - d_i) / (n - 1)`, and what is
        written to pairs only is written everywhere and taken back on the diagonal. That is why
        the weights depend on ``n``.

        Parameters
        ----------
        n : int
            Number of nodes, at least 2.

        Returns
        -------
        EquivariantLinear
            With ``unpack_symmetric`` after the one and before the other, both layers agree. It
            has its own copy of the weights.

        Raises
        ------
        TypeError
            If ``n`` is not an integer.
        ValueError
            If ``n`` is smaller than 2, or nodes and pairs differ in their number of channels.
        """
        _check_count(n, "n", least=2)
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
        own = {name: w.detach() for name, w in self.weights_by_operation().items()}
        zero = torch.zeros_like(own["nodes"])
        new = dict.fromkeys(OPERATION_NAMES[self.orders], zero)
        share = 1 / (n - 1)
        # What a node and a graph see in compact form, in terms of the matrix.
        if self.orders[0] == 1:
            vectors = {"nodes": {"nodes": 1.0}}
            means = {"nodes": {"mean": 1.0}}
        else:
            vectors = {
                "nodes": {"diagonal": 1.0},
                "pairs": {"diagonal": -share, "row means": n * share},
            }
            means = {
                "nodes": {"diagonal mean": 1.0},
                "pairs": {"diagonal mean": -share, "total mean": n * share},
            }
        # Where the matrix writes what is meant for nodes, and what is meant for pairs.
        if self.orders[1] == 1:
            places = {"nodes": {"": 1.0}}
            spreads = {"nodes": {" → all": 1.0}}
        else:
            places = {
                "nodes": {" → diagonal": 1.0},
                "pairs": {" → rows": 0.5, " → columns": 0.5, " → diagonal": -1.0},
            }
            spreads = {
                "nodes": {" → diagonal": 1.0},
                "pairs": {" → all": 1.0, " → diagonal": -1.0},
            }
        for target in places:
            for source in vectors:
                level = [
                    w for name, w in own.items() if _SYMMETRIC_BLOCKS[name] == (source, target)
                ]
                if len(level) == 3:
                    new["pairs"] = level[0]
                    new["diagonal → diagonal"] = new["diagonal → diagonal"] - level[0]
                for read, written, w in (
                    (vectors[source], places[target], level[-2]),
                    (means[source], spreads[target], level[-1]),
                ):
                    for vector, a in read.items():
                        for place, b in written.items():
                            new[vector + place] = new[vector + place] + a * b * w
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
            _check_nodes(x)
            _check_channels(x, self.in_channels[0], "x")
            _check_type(x, self.node_weight)
            return x, None
        if isinstance(x, Tensor):
            raise TypeError(
                "x must be GraphFeatures(nodes, pairs), not a tensor; use pack_symmetric"
            )
        _check_graph(x)
        _check_channels(x.nodes, self.in_channels[0], "x.nodes")
        _check_channels(x.pairs, self.in_channels[1], "x.pairs")
        _check_type(x.nodes, self.node_weight)
        return x.nodes, x.pairs

    def extra_repr(self) -> str:
        """Return what stands between the brackets when the layer is printed."""
        channels = (
            str(c[0] if len(set(c)) == 1 else c) for c in (self.in_channels, self.out_channels)
        )
        return (
            f"{', '.join(channels)}, order {self.orders[0]} → {self.orders[1]}, "
            f"{len(SYMMETRIC_OPERATION_NAMES[self.orders])} operations, "
            f"bias={self.bias is not None}"
        )


def _mix(operations: Tensor, weights: list[Tensor]) -> Tensor:
    """Mix operations ``(..., C_in, K)`` with ``K`` matrices ``(C_in, C_out)``."""
    side_by_side = operations.transpose(-1, -2).flatten(-2)
    return side_by_side @ torch.cat(weights)


def _channels_of_parts(channels: int | tuple[int, int], order: int, name: str) -> tuple[int, ...]:
    """Return the number of channels of the nodes and, for order 2, of the pairs."""
    if not isinstance(channels, (tuple, list)):
        return (_check_count(channels, name),) * order
    if order == 1 or len(channels) != 2:
        raise ValueError(
            f"{name} must be one number, or for order 2 two, for nodes and for pairs, not "
            f"{channels!r} for order {order}"
        )
    return tuple(_check_count(one, f"{name}[{i}]") for i, one in enumerate(channels))


def _check_channels(x: Tensor, channels: int, name: str) -> None:
    if x.shape[-1] != channels:
        raise ValueError(
            f"{name} must have {channels} channels on its last axis, but the shape is "
            f"{tuple(x.shape)}"
        )


def _check_type(x: Tensor, weight: Tensor) -> None:
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(
            f"x must have the type of the weights, {weight.dtype}, but it is {x.dtype}; convert "
            f"one of them with .to()"
        )
