r"""Quadratic assignment for many pairs of graphs at once: Frank and Wolfe, and branch and bound.

Graphs are arrays ``a`` and ``b``, ``float64``, shape ``(P, n, n, c)``. A matching ``m``, shape
``(P, n)``, compares node ``i`` of ``a`` with node ``m[i]`` of ``b``; its cost is
:math:`\sum_{ij} \lVert a_{ij} - b_{m(i) m(j)} \rVert^2`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

CHUNK = 64
"""Pairs searched together; each needs a table of n^4 numbers."""

_BLOCK = 8192
"""Partial matchings that are bounded at once; the rest waits on a stack."""

_TOLERANCE = 1e-12
"""Squared distances closer than this, as a share of the squared norms, count as equal."""


class Found(NamedTuple):
    """The best matchings, their costs, proven lower bounds, and how many branches were bounded."""

    matching: np.ndarray
    cost: np.ndarray
    bound: np.ndarray
    visited: np.ndarray


class _Tables(NamedTuple):
    """What it costs to match nodes, and pairs of nodes ``[i, j]`` with ``[k, l]`` both ways.

    ``rows`` and ``columns`` are the edges of both graphs without numbers that are zero on all, and
    ``binary`` says that these are zeros and ones.
    """

    nodes: np.ndarray
    both: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    binary: bool


class _Open(NamedTuple):
    """Partial matchings: the first nodes of ``a`` have partners, all nodes in ``free`` have none.

    ``linear`` holds what it would cost to add a pair of nodes: its attributes, and its edges to
    the nodes that are matched already.
    """

    pair: np.ndarray
    matched: np.ndarray
    free: np.ndarray
    cost: np.ndarray
    linear: np.ndarray


def costs(a: np.ndarray, b: np.ndarray, matching: np.ndarray) -> np.ndarray:
    """Return the cost of each matching, from differences."""
    rows = np.arange(len(a))[:, None, None]
    return np.square(a - b[rows, matching[:, :, None], matching[:, None]]).sum(axis=(1, 2, 3))


def frank_wolfe(
    a: np.ndarray, b: np.ndarray, steps: int = 30, tolerance: float = 0.03
) -> np.ndarray:
    """Match by the fast approximate quadratic assignment of Vogelstein et al. (2015), Algorithm 1.

    The scalar product is maximized over doubly stochastic matrices from their barycentre on, and
    the last one is rounded. This is SciPy's ``quadratic_assignment(method="faq")`` with several
    numbers for each edge.
    """
    count, n = a.shape[:2]
    a, b = a.transpose(0, 3, 1, 2), b.transpose(0, 3, 1, 2)
    weights = np.full((count, n, n), 1 / n)
    going = np.arange(count)
    for _ in range(steps):
        left, right, p = a[going], b[going], weights[going]
        slope = _product(left, p, right)
        direction = np.eye(n)[_assign(-slope)] - p
        bend = (_product(left, direction, right) * direction).sum(axis=(1, 2)) / 2
        rise = (slope * direction).sum(axis=(1, 2))
        peak = -rise / np.where(bend < 0, 2 * bend, 1)
        inside = (bend < 0) & (peak >= 0) & (peak <= 1)
        length = np.where(inside, peak, rise + bend > 0)[:, None, None]
        weights[going] += length * direction
        going = going[np.linalg.norm(length * direction, axis=(1, 2)) >= tolerance * np.sqrt(n)]
        if not len(going):
            break
    return _assign(-weights)


def _product(a: np.ndarray, p: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the gradient of the scalar product of ``a`` and ``p b p^T`` at ``p``."""
    p, back = p[:, None], b.swapaxes(2, 3)
    return (a @ p @ back + a.swapaxes(2, 3) @ p @ b).sum(axis=1)


def _assign(cost: np.ndarray) -> np.ndarray:
    """Return for each cost matrix the column assigned to each row."""
    return np.array([linear_sum_assignment(one)[1] for one in cost])


def exchange(a: np.ndarray, b: np.ndarray, matching: np.ndarray) -> np.ndarray:
    """Exchange partners of two nodes, the best two of each pair of graphs, while this helps."""
    matching, best = matching.copy(), costs(a, b, matching)
    going, n = np.arange(len(a)), a.shape[1]
    swaps = np.array([np.arange(n)] + [_swap(n, i, j) for i in range(n) for j in range(i)])
    while len(going):
        tried = matching[going][:, swaps]
        values = np.stack([costs(a[going], b[going], one) for one in tried.swapaxes(0, 1)])
        place, value = values.argmin(axis=0), values.min(axis=0)
        better = value < best[going] * (1 - _TOLERANCE)
        going, place = going[better], place[better]
        matching[going], best[going] = tried[better, place], value[better]
    return matching


def _swap(n: int, i: int, j: int) -> np.ndarray:
    order = np.arange(n)
    order[[i, j]] = j, i
    return order


def search(a: np.ndarray, b: np.ndarray, matching: np.ndarray, most: int) -> Found:
    """Find the best matching by branch and bound, from one that is known.

    Of each pair at most about ``most`` branches are bounded; what is left open then counts in the
    bound. The nodes of ``a`` are matched one after the other, all partial matchings of a block at
    once. A branch is left when the cost of what is matched and a lower bound for the rest are not
    below the cost of the best matching known. The bound is that of an assignment problem, as of
    Gilmore (1962) and Lawler (1963): to match ``i`` with ``j`` costs the attributes of both, their
    edges to matched nodes, and at least the distance of their other edges, number by number in
    sorted order. A feasible dual solution bounds the assignment.
    """
    n, pairs = a.shape[1], np.arange(len(a))
    order = _order(a)
    a = a[pairs[:, None, None], order[:, :, None], order[:, None]]
    best = np.take_along_axis(matching, order, axis=1)
    least = costs(a, b, best)
    size = np.square(a).sum(axis=(1, 2, 3)) + np.square(b).sum(axis=(1, 2, 3))
    # Squared distances of integer graphs are all even or all odd: ||a||^2 + ||b||^2 - 2 <a, pb>.
    whole = np.all((a % 1 == 0) & (b % 1 == 0), axis=(1, 2, 3))
    gap = np.where(whole & (size < 2**40), 1.5, _TOLERANCE * size)
    cut, visited = np.full(len(a), np.inf), np.zeros(len(a), dtype=int)
    tables = _tables(a, b)
    free = np.tile(np.arange(n), (len(a), 1))
    stack = [_Open(pairs, best[:, :0], free, np.zeros(len(a)), tables.nodes)]
    while stack:
        here = stack.pop()
        if len(here.pair) > _BLOCK:
            stack.append(_Open(*(part[_BLOCK:] for part in here)))
            here = _Open(*(part[:_BLOCK] for part in here))
        pair, level = here.pair, here.matched.shape[1]
        bound = here.cost[:, None] + _bounds(here, tables)
        over = (bound > (least - gap)[pair][:, None]) | (visited[pair] >= most)[:, None]
        np.add.at(visited, pair, 1)
        np.minimum.at(cut, pair, np.where(over, bound, np.inf).min(axis=1))
        branch, place = np.nonzero(~over)
        children = _children(here, branch, place, tables)
        if level + 1 < n:
            ahead = np.argsort(bound[branch, place], kind="stable")
            if len(ahead):
                stack.append(_Open(*(part[ahead] for part in children)))
            continue
        for pair, matched, cost in zip(children.pair, children.matched, children.cost, strict=True):
            if cost < least[pair]:
                best[pair], least[pair] = matched, cost
    np.put_along_axis(best, order, best.copy(), axis=1)
    return Found(best, least, np.where(cut > least - gap, least, cut), visited)


def _order(a: np.ndarray) -> np.ndarray:
    """Order the nodes of each graph so that each has many edges to those before it."""
    count, n = a.shape[:2]
    rows = np.arange(count)
    weight = np.square(a).sum(axis=3)
    weight = weight + weight.swapaxes(1, 2)
    total = weight.sum(axis=2)
    total /= 2 * n * np.maximum(total.max(axis=1, keepdims=True), 1e-300)  # decides ties
    weight[:, range(n), range(n)] = 0
    order, near = np.empty((count, n), dtype=int), np.zeros((count, n))
    for k in range(n):
        order[:, k] = (near + total).argmax(axis=1)
        near += weight[rows, order[:, k]]
        near[rows, order[:, k]] = -np.inf
    return order


def _tables(a: np.ndarray, b: np.ndarray) -> _Tables:
    count, n = a.shape[:2]
    single = np.zeros((count, n, n, n, n))
    for left, right in zip(np.moveaxis(a, 3, 0), np.moveaxis(b, 3, 0), strict=True):
        single += np.square(left[:, :, :, None, None] - right[:, None, None])
    i = np.arange(n)
    nodes = single[:, i[:, None], i[:, None], i, i]
    edges = [np.where(np.eye(n, dtype=bool)[:, :, None], 0, one) for one in (a, b)]
    used = np.any([one.any(axis=(0, 1, 2)) for one in edges], axis=0)
    rows, columns = (one[..., used] for one in edges)
    binary = all(np.isin(one, (0, 1)).all() for one in (rows, columns))
    return _Tables(nodes, single + single.transpose(0, 2, 1, 4, 3), rows, columns, binary)


def _bounds(here: _Open, tables: _Tables) -> np.ndarray:
    """Bound what the rest costs if the next node is matched with each of the free ones."""
    pair, level = here.pair, here.matched.shape[1]
    rows = tables.rows[:, level:, level:]
    columns = tables.columns[pair[:, None, None], here.free[:, :, None], here.free[:, None]]
    reduced = here.linear.copy()
    # Both hold the zero of the diagonal, which only lowers the bound.
    if tables.binary:
        rows, columns = rows.sum(axis=2)[pair], columns.sum(axis=2)
        for left, right in zip(np.moveaxis(rows, 2, 0), np.moveaxis(columns, 2, 0), strict=True):
            reduced += np.abs(left[:, :, None] - right[:, None])
    else:
        rows, columns = np.sort(rows, axis=2)[pair], np.sort(columns, axis=2)
        for t in range(rows.shape[2]):
            for c in range(rows.shape[3]):
                reduced += np.square(rows[:, :, None, t, c] - columns[:, None, :, t, c])
    least = reduced.min(axis=2, keepdims=True)
    reduced -= least
    dual = least.sum(axis=(1, 2))
    least = reduced.min(axis=1, keepdims=True)
    dual += least.sum(axis=(1, 2))
    return dual[:, None] + reduced[:, 0] - least[:, 0]


def _children(here: _Open, branch: np.ndarray, place: np.ndarray, tables: _Tables) -> _Open:
    """Match the next node with the free node at ``place``, in each of some partial matchings."""
    level, left = here.matched.shape[1], here.free.shape[1]
    pair, partner = here.pair[branch], here.free[branch, place]
    kept = np.nonzero(np.arange(left) != place[:, None])[1].reshape(len(branch), left - 1)
    free = np.take_along_axis(here.free[branch], kept, axis=1)
    linear = here.linear[branch[:, None, None], np.arange(1, left)[:, None], kept[:, None]]
    later = np.arange(level + 1, level + left)[:, None]
    linear += tables.both[pair[:, None, None], level, later, partner[:, None, None], free[:, None]]
    matched = np.concatenate([here.matched[branch], partner[:, None]], axis=1)
    return _Open(pair, matched, free, here.cost[branch] + here.linear[branch, 0, place], linear)
