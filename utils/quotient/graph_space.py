r"""Graph space: graphs with attributes up to the order of their nodes, as a quotient.

A graph of ``n`` nodes is an array of shape ``(n, n)``, or ``(n, n, c)`` with ``c`` numbers for each
pair: the attributes of node ``i`` stand at ``(i, i)``, those of the edge from ``i`` to ``j`` at
``(i, j)``, and what does not exist is zero. S_n renumbers the nodes, and graph space is the
quotient (Jain and Obermayer 2009; Calissano, Feragen and Vantini 2023), with the distance

.. math:: d([A], [B]) = \min_{p \in S_n} \lVert A - p\,B \rVert_F , \qquad
   (p\,B)_{p(i) p(j)} = B_{ij} .

To find the minimum is a quadratic assignment problem. For the nine slots of a molecule it is solved
exactly, by branch and bound, with a proof for each answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from utils._checks import check_choice, check_whole
from utils._precision import full_precision
from utils.groups import Action, Group, PointPermutations
from utils.quotient import _quadratic
from utils.quotient._checks import broadcast, check_pair, only_auto
from utils.quotient._norms import chosen, norm_of_differences
from utils.quotient.distances import pairwise
from utils.quotient.matching import nearest

__all__ = [
    "GraphMatches",
    "NodePermutations",
    "attributed_adjacency",
    "match_graphs",
    "one_hot_graphs",
]

_MOST_BRANCHES = 1_000_000
"""Where the search for an exact distance gives up, for each pair; nine slots need some thousand."""

_PAIRS = 4096
"""Pairs of graphs that :func:`~utils.quotient.quotient_distance_matrix` holds at once."""


@dataclass(frozen=True)
class NodePermutations(Action):
    r"""S_n renumbering the nodes of graphs: shape ``(B, n, n)`` or ``(B, n, n, c)``.

    An element is a permutation ``p`` of shape ``(n,)``, where ``p[i]`` is the slot that node ``i``
    goes to, as for :class:`~utils.groups.PointPermutations`. Every function of
    :mod:`utils.quotient` takes this action.

    Examples
    --------
    >>> from utils.quotient import quotient_distance
    >>> edge = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    >>> moved = NodePermutations(3).act(torch.tensor([2, 0, 1]), edge)
    >>> moved[0].tolist(), quotient_distance(edge, moved, NodePermutations(3))
    ([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], tensor([0.]))
    """

    degree: int
    is_isometric = True

    def __post_init__(self) -> None:
        check_whole(self.degree, "The n of NodePermutations(n)")

    @cached_property
    def _points(self) -> PointPermutations:
        return PointPermutations(self.degree)

    @property
    def group(self) -> Group:
        """The group S_n, with its table for ``n`` up to 6."""
        return self._points.group

    @property
    def name(self) -> str:
        """What the action is called."""
        return f"S_{self.degree} on graphs"

    @property
    def order(self) -> int:
        """The number of group elements, ``n!``."""
        return math.factorial(self.degree)

    def elements(self) -> Iterator[torch.Tensor]:
        """List the permutations in lexicographic order, one at a time, for ``n`` up to 7."""
        return self._points.elements()

    def tried(self) -> Iterator[torch.Tensor]:
        """List the permutations that stand for all in a check, as for points."""
        return self._points.tried()

    def act(self, elements: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Renumber the graphs ``x`` by one permutation ``(n,)``, or by one each, ``(B, n)``."""
        self.check(x)
        moved = x
        for _ in range(2):  # columns, then rows
            moved = moved.swapaxes(1, 2)
            moved = self._points.act(elements, moved.flatten(2)).reshape(moved.shape)
        return moved

    def check(self, x: torch.Tensor) -> None:
        """Refuse a tensor whose shape is neither ``(B, n, n)`` nor ``(B, n, n, c)``."""
        n = self.degree
        if x.ndim not in (3, 4) or x.shape[1:3] != (n, n):
            raise ValueError(
                f"{self.name} renumbers tensors of shape (B, {n}, {n}) or (B, {n}, {n}, c), but "
                f"this one has shape {tuple(x.shape)}."
            )

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw permutations uniformly: integers of shape ``(count, n)``."""
        return self._points.random_elements(count, generator)


def attributed_adjacency(nodes: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """Write graphs with attributes as one tensor: those of nodes on the diagonal.

    Attributes of nodes have the shape ``(B, n, v)`` and those of edges ``(B, n, n, e)``; the result
    has the shape ``(B, n, n, v + e)``, each kind of attribute having numbers of its own. What
    ``edges`` holds on the diagonal, loops, stays.

    Examples
    --------
    >>> graph = attributed_adjacency(torch.tensor([[[5.0], [6.0]]]), torch.ones(1, 2, 2, 1))
    >>> graph[0, ..., 0].tolist(), graph[0, ..., 1].tolist()
    ([[5.0, 0.0], [0.0, 6.0]], [[1.0, 1.0], [1.0, 1.0]])
    """
    if nodes.ndim != 3 or edges.ndim != 4 or edges.shape[:3] != (*nodes.shape[:2], nodes.shape[1]):
        raise ValueError(
            "Attributes of nodes have the shape (B, n, v) and those of edges (B, n, n, e), but "
            f"these have {tuple(nodes.shape)} and {tuple(edges.shape)}."
        )
    return torch.cat([torch.diag_embed(nodes.mT).permute(0, 2, 3, 1), edges], dim=3)


def one_hot_graphs(
    atoms: torch.Tensor, bonds: torch.Tensor, *, node_kinds: int = 4, edge_kinds: int = 3
) -> torch.Tensor:
    """Write dense graphs, as :mod:`utils.graphs` has them, as attributed adjacency tensors.

    Each kind of node and of edge has a number of its own, 1 where it is and 0 elsewhere, and an
    empty slot or a missing edge has none. So the squared distance of two aligned graphs counts 2
    for a node of another kind, 1 for a node too many, 2 for an edge too many (it is stored in both
    directions), and 4 for an edge of another kind.

    ``atoms``, shape ``(B, n)``, are integers from 0 to ``node_kinds``, the last being an empty
    slot; ``bonds``, shape ``(B, n, n)``, from 0, no edge, to ``edge_kinds``. The result is
    ``float32`` of shape ``(B, n, n, node_kinds + edge_kinds)``.

    Examples
    --------
    >>> bonds = torch.tensor([[[0, 2], [2, 0]]])
    >>> graph = one_hot_graphs(torch.tensor([[0, 2]]), bonds)  # C=O
    >>> graph[0, 0].tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    """
    for what, kinds, largest in (("atoms", atoms, node_kinds), ("bonds", bonds, edge_kinds)):
        if kinds.is_floating_point() or kinds.dtype == torch.bool:
            raise TypeError(f"{what} holds kinds, integers, but it is {kinds.dtype}.")
        if kinds.numel() and not 0 <= int(kinds.min()) <= int(kinds.max()) <= largest:
            raise ValueError(
                f"{what} holds kinds from 0 to {largest}, but these run from {int(kinds.min())} "
                f"to {int(kinds.max())}."
            )
    nodes, edges = (
        torch.nn.functional.one_hot(kinds.long(), largest + 1).float()
        for kinds, largest in ((atoms, node_kinds), (bonds, edge_kinds))
    )
    return attributed_adjacency(nodes[..., :-1], edges[..., 1:])


@dataclass(frozen=True)
class GraphMatches:
    """How paired graphs match, with a certificate for each pair.

    Attributes
    ----------
    distance : torch.Tensor
        The Frobenius distance of the aligned graphs, ``(B,)``: never below the quotient distance.
    lower_bound : torch.Tensor
        A proven lower bound on the quotient distance, ``(B,)``.
    elements : torch.Tensor
        The permutations that align ``y``, as :class:`NodePermutations` takes them, ``(B, n)``.
    certified : torch.Tensor
        Whether the bound meets the distance, which then is the quotient distance: truth values
        ``(B,)``. For integers this is exact; for other numbers squared distances are told apart
        down to 1e-12 of the squared norms.
    branches : torch.Tensor
        How many partial matchings were bounded for the proof, integers ``(B,)``.

    Examples
    --------
    >>> edge = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    >>> found = match_graphs(edge, torch.zeros(1, 3, 3), method="faq")
    >>> bool(found.lower_bound <= found.distance), found.certified.tolist()
    (True, [True])
    """

    distance: torch.Tensor
    lower_bound: torch.Tensor
    elements: torch.Tensor
    certified: torch.Tensor
    branches: torch.Tensor


@full_precision
def match_graphs(
    x: torch.Tensor, y: torch.Tensor, *, method: str = "exact", max_branches: int = _MOST_BRANCHES
) -> GraphMatches:
    r"""Align each graph in ``y`` with its partner in ``x``, and bound how far that is from best.

    Parameters
    ----------
    x, y : torch.Tensor
        Graphs of shape ``(B, n, n)`` or ``(B, n, n, c)``; a batch of one is compared with every
        graph of the other.
    method : str
        ``"faq"`` is the fast approximate method of Vogelstein et al. (2015), from the barycentre,
        as SciPy's ``quadratic_assignment`` has it for one number each edge. ``"exact"`` starts
        from there and searches by branch and bound.
    max_branches : int
        Where the search of a pair stops. It then is not certified.

    Examples
    --------
    >>> path = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    >>> found = match_graphs(path, path[:, [1, 0, 2]][:, :, [1, 0, 2]])
    >>> found.distance.item(), found.certified.item(), found.elements.tolist()
    (0.0, True, [[1, 0, 2]])
    """
    check_choice(method, "The method", ("exact", "faq"))
    most = check_whole(max_branches, "max_branches") if method == "exact" else 0
    if not isinstance(x, torch.Tensor) or x.ndim < 2:
        raise TypeError("x must be a torch.Tensor of shape (B, n, n) or (B, n, n, c).")
    check_pair(x, y, NodePermutations(x.shape[1]), "x y")
    x, y = broadcast(x, y)
    return _match(x, y, most)


def _match(x: torch.Tensor, y: torch.Tensor, most: int) -> GraphMatches:
    """Match pairs chunk by chunk; with ``most`` zero approximately."""
    n = x.shape[1]
    a, b = (
        graphs.detach().cpu().double().reshape(len(graphs), n, n, -1).numpy() for graphs in (x, y)
    )
    found = []
    for i in range(0, len(a), _quadratic.CHUNK):
        left, right = a[i : i + _quadratic.CHUNK], b[i : i + _quadratic.CHUNK]
        start = _quadratic.frank_wolfe(left, right)
        if most:
            start = _quadratic.exchange(left, right, start)
        found.append(_quadratic.search(left, right, start, most))
    matching, cost, bound, branches = (
        torch.from_numpy(np.concatenate(parts)).to(x.device) for parts in zip(*found, strict=True)
    )
    elements = matching.argsort(dim=1)
    distance = norm_of_differences(x, NodePermutations(n).act(elements, y.double()))
    certified = bound >= cost
    lower = torch.where(certified, distance, bound.clamp(min=0).sqrt())
    return GraphMatches(distance.to(x.dtype), lower.to(x.dtype), elements, certified, branches)


@nearest.register
def _(
    action: NodePermutations, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Search by branch and bound, and refuse to answer where the search was stopped."""
    elements = chosen(_proven, x, y)
    return norm_of_differences(x, action.act(elements, y.double())), elements


def _proven(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the elements of matches that are all certified."""
    found = _match(x, y, _MOST_BRANCHES)
    if not found.certified.all():
        raise ValueError(
            f"The exact distance of {int((~found.certified).sum())} of {len(x)} pairs of graphs "
            f"was not proved within {_MOST_BRANCHES} branches each; match_graphs gives bounds."
        )
    return found.elements


@pairwise.register
def _(
    action: NodePermutations, x: torch.Tensor, y: torch.Tensor, method: str, max_bytes: int
) -> torch.Tensor:
    """Match some thousand pairs at a time; a set with itself takes each pair once."""
    only_auto(action, method)
    same = x is y
    rows, columns = (
        torch.triu_indices(len(x), len(x), 1)
        if same
        else torch.cartesian_prod(torch.arange(len(x)), torch.arange(len(y))).T
    ).to(x.device)
    result = x.new_zeros(len(x), len(y))
    pairs = min(_PAIRS, max(1, max_bytes // (64 * x[0].numel())))
    for i, j in zip(rows.split(pairs), columns.split(pairs), strict=True):
        if not len(i):  # one graph with itself
            continue
        distance = nearest(action, x[i], y[j])[0].to(result.dtype)
        result = result.index_put((i, j), distance)
        if same:
            result = result.index_put((j, i), distance)
    return result
