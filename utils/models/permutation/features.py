r"""Features of the nodes and of the pairs of nodes of a graph, and how renumbering moves them.

A feature of *order 1* belongs to the nodes, shape ``(B, n, C)``; one of *order 2* belongs to the
ordered pairs of nodes, shape ``(B, n, n, C)``. Where pairs have no direction, every matrix is
symmetric and half of it is superfluous: :class:`GraphFeatures` keeps its diagonal as features of
the nodes, and each unordered pair once.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from utils._checks import check_whole

__all__ = [
    "GraphFeatures",
    "pack_symmetric",
    "renumber",
    "square_of_pairs",
    "unordered_pairs",
    "unpack_symmetric",
]

_SYMMETRY_TOLERANCE = 1e-5


class GraphFeatures(NamedTuple):
    """Features of an undirected graph: a symmetric matrix in compact form.

    Attributes
    ----------
    nodes : torch.Tensor
        The diagonal, shape ``(B, n, C)``.
    pairs : torch.Tensor
        Shape ``(B, n (n - 1) / 2, C)``, in the order of :func:`unordered_pairs`. The number of
        channels may differ from that of the nodes.

    Examples
    --------
    >>> GraphFeatures(torch.ones(1, 9, 2), torch.zeros(1, 36, 2)).pairs.shape
    torch.Size([1, 36, 2])
    """

    nodes: Tensor
    pairs: Tensor


Features = TypeVar("Features", Tensor, GraphFeatures)


def unordered_pairs(n: int) -> Tensor:
    """Return the smaller and the larger node of each pair, integers ``(2, n (n - 1) / 2)``.

    Examples
    --------
    >>> unordered_pairs(3).tolist()
    [[0, 0, 1], [1, 2, 2]]
    """
    check_whole(n, "n")
    return torch.triu_indices(n, n, 1)


def pack_symmetric(a: Tensor) -> GraphFeatures:
    """Bring symmetric matrices, shape ``(B, n, n, C)``, into compact form.

    A matrix is refused if an entry differs from its mirror image by more than ``1e-5`` of the
    largest entry.

    Examples
    --------
    >>> nodes, pairs = pack_symmetric(torch.tensor([[1.0, 2.0], [2.0, 3.0]]).reshape(1, 2, 2, 1))
    >>> nodes.flatten().tolist(), pairs.flatten().tolist()
    ([1.0, 3.0], [2.0])
    """
    check_features(a, "a", order=2)
    if a.numel():
        values = a.detach()
        largest = float(values.abs().max())
        if not math.isfinite(largest):
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
    """Write values of pairs as symmetric arrays ``(B, n, n, ...)`` with zeros on the diagonal.

    The pairs are of any type, shape ``(B, n (n - 1) / 2, ...)``, as :func:`unordered_pairs` lists
    them.

    Examples
    --------
    >>> square_of_pairs(torch.tensor([[5, 6, 7]]), 3).tolist()
    [[[0, 5, 6], [5, 0, 7], [6, 7, 0]]]
    """
    count = check_whole(n, "n") * (n - 1) // 2
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
    """Write compact features as symmetric matrices ``(B, n, n, C)``, the nodes on the diagonal.

    This is the inverse of :func:`pack_symmetric`; nodes and pairs have equally many channels.

    Examples
    --------
    >>> x = GraphFeatures(torch.ones(1, 2, 1), torch.full((1, 1, 1), 5.0))
    >>> unpack_symmetric(x)[..., 0].tolist()
    [[[1.0, 5.0], [5.0, 1.0]]]
    """
    check_graph(x, equal_channels=True)
    n = x.nodes.shape[1]
    every = torch.arange(n, device=x.nodes.device)
    matrix = square_of_pairs(x.pairs, n)
    matrix[:, every, every] = x.nodes
    return matrix


def renumber(x: Features, permutation: Tensor) -> Features:
    r"""Renumber the nodes of features: the action of :math:`S_n` that the layers commute with.

    Parameters
    ----------
    x : torch.Tensor or GraphFeatures
        Nodes ``(B, n, C)``, ordered pairs ``(B, n, n, C)``, or the compact form. The number of
        axes says which.
    permutation : torch.Tensor
        Shape ``(n,)``; node ``i`` becomes node ``permutation[i]``, as in
        :class:`utils.groups.PointPermutations`: entry ``(i, j)`` of ``x`` is entry
        ``(p[i], p[j])`` of the result.

    Examples
    --------
    >>> renumber(torch.tensor([[[10.0], [20.0], [30.0]]]), torch.tensor([1, 2, 0])).flatten()
    tensor([30., 10., 20.])
    """
    if isinstance(x, GraphFeatures):
        check_graph(x)
    else:
        check_features(x, "x", order=2 if isinstance(x, Tensor) and x.ndim == 4 else 1)
    sample = x.nodes if isinstance(x, GraphFeatures) else x
    n = sample.shape[1]
    places = torch.as_tensor(permutation, device=sample.device)
    every = torch.arange(n, device=sample.device)
    if places.shape != (n,) or not torch.equal(places.sort().values, every):
        raise ValueError(
            f"permutation must hold each of 0 to {n - 1} once, shape ({n},), but it is "
            f"{places.tolist()}"
        )
    source = places.argsort()
    if not isinstance(x, GraphFeatures):
        return x[:, source] if x.ndim == 3 else x[:, source][:, :, source]
    first, second = source[unordered_pairs(n).to(sample.device)]
    number = square_of_pairs(torch.arange(len(first), device=sample.device)[None], n)[0]
    return GraphFeatures(x.nodes[:, source], x.pairs[:, number[first, second]])


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


def check_features(x: Tensor, name: str, *, order: int) -> None:
    """Refuse what is not nodes ``(B, n, C)`` (order 1) or ordered pairs ``(B, n, n, C)``."""
    _check_tensor(x, name, "(B, n, C)" if order == 1 else "(B, n, n, C)")
    if order == 2 and x.shape[1] != x.shape[2]:
        raise ValueError(
            f"{name} must have as many rows as columns, shape (B, n, n, C), but the shape is "
            f"{tuple(x.shape)}"
        )
    if x.shape[1] == 0:
        raise ValueError(f"{name} must have at least one node, but the shape is {tuple(x.shape)}")


def check_graph(x: GraphFeatures, name: str = "x", *, equal_channels: bool = False) -> None:
    """Refuse what is not the compact form of graphs, all parts of one type."""
    if not isinstance(x, GraphFeatures):
        raise TypeError(
            f"{name} must be GraphFeatures(nodes, pairs), as pack_symmetric makes them, not "
            f"{type(x).__name__}"
        )
    check_features(x.nodes, f"{name}.nodes", order=1)
    _check_tensor(x.pairs, f"{name}.pairs", "(B, n (n - 1) / 2, C)")
    batch, n, channels = x.nodes.shape
    count = n * (n - 1) // 2
    if x.pairs.shape[:2] != (batch, count):
        raise ValueError(
            f"{batch} graphs of {n} nodes have pairs of shape ({batch}, {count}, C), "
            f"but {name}.pairs has shape {tuple(x.pairs.shape)}"
        )
    if x.nodes.dtype != x.pairs.dtype:
        raise TypeError(
            f"nodes and pairs must be of one type, but {name}.nodes is {x.nodes.dtype} and "
            f"{name}.pairs is {x.pairs.dtype}"
        )
    if equal_channels and channels != x.pairs.shape[2]:
        raise ValueError(
            f"nodes and pairs must have equally many channels, but they have {channels} and "
            f"{x.pairs.shape[2]}"
        )
