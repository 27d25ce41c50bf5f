r"""Which entries of a square matrix are equal: colours, the groups behind them, and clusters.

A linear map W of :math:`\mathbb R^n` commutes with a group of permutations if and only if
:math:`W_{\pi(i)\pi(j)} = W_{ij}`: its entries are equal along the orbits of the group on pairs of
places. So each group colours the n × n table of pairs. This module goes both ways: from a group to
its colouring, and from a colouring to all permutations that leave it alone. The way back returns
the *2-closure* of the group, the largest group with the same orbits on pairs (Wielandt 1969), which
may be larger than the group.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from utils._checks import check_choice, check_finite, check_float, check_whole
from utils.discovery.partitions import (
    _check_labels,
    _check_positive,
    canonical,
    negative_log_evidence,
)

__all__ = [
    "automorphisms",
    "clusters_by_evidence",
    "orbit_colouring",
    "permutation_generators",
    "ward_path",
]

_NAMES = ("symmetric", "alternating", "cyclic", "dihedral", "two blocks", "trivial")


def permutation_generators(name: str, count: int) -> Tensor:
    """Return permutations that generate a group of permutations of ``count`` places.

    Parameters
    ----------
    name : {"symmetric", "alternating", "cyclic", "dihedral", "two blocks", "trivial"}
        "two blocks" permutes the first half of the places among themselves, and the second half.
    count : int
        How many places; at least 3, and even for two blocks.

    Returns
    -------
    torch.Tensor
        Shape ``(m, count)``, int64; row ``p`` sends place ``i`` to ``p[i]``.

    Examples
    --------
    >>> permutation_generators("dihedral", 4).tolist()
    [[1, 2, 3, 0], [3, 2, 1, 0]]
    """
    check_choice(name, "The group", _NAMES)
    check_whole(count, "The number of places", 3)
    if name == "two blocks" and count % 2:
        raise ValueError(f"Two blocks have an even number of places, but there are {count}.")
    places = list(range(count))

    def swap(i: int, j: int) -> list[int]:
        """Exchange two places."""
        return [j if k == i else i if k == j else k for k in places]

    turn = [(k + 1) % count for k in places]
    half = count // 2
    rows = {
        "symmetric": [swap(k, k + 1) for k in places[:-1]],
        "alternating": [
            [1 if k == 0 else i if k == 1 else 0 if k == i else k for k in places]
            for i in places[2:]
        ],
        "cyclic": [turn],
        "dihedral": [turn, places[::-1]],
        "two blocks": [swap(k, k + 1) for k in places[:-1] if k + 1 != half],
        "trivial": [places],
    }[name]
    return torch.tensor(rows)


def orbit_colouring(generators: Tensor) -> Tensor:
    """Colour all pairs of places by their orbits under the group that permutations generate.

    Parameters
    ----------
    generators : torch.Tensor
        Shape ``(m, n)``, integers: m permutations of n places.

    Returns
    -------
    torch.Tensor
        Shape ``(n, n)``, int64: colours from 0, in the order in which they appear, row by row.

    Examples
    --------
    >>> orbit_colouring(permutation_generators("cyclic", 3)).tolist()
    [[0, 1, 2], [2, 0, 1], [1, 2, 0]]
    >>> orbit_colouring(permutation_generators("symmetric", 3)).tolist()
    [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    _check_permutations(generators)
    n = generators.shape[1]
    colours = torch.arange(n * n).reshape(n, n)
    while True:  # every pair takes the least name in its orbit
        before = colours
        for p in generators.long():
            moved = colours[p][:, p]
            colours = torch.minimum(colours, moved)
            back = torch.argsort(p)
            colours = torch.minimum(colours, colours[back][:, back])
        if torch.equal(before, colours):
            return canonical(colours.flatten()).reshape(n, n)


def automorphisms(colouring: Tensor, *, most: int = 10_000) -> Tensor:
    """Find all permutations of places that leave a colouring of pairs alone.

    They are built place by place, and a beginning that already breaks a colour is dropped with all
    that would have followed, so not all n! permutations are tried.

    Parameters
    ----------
    colouring : torch.Tensor
        Shape ``(n, n)``, integers.
    most : int
        With more beginnings than this, the search stops with an error.

    Returns
    -------
    torch.Tensor
        Shape ``(order, n)``, int64: the permutations in lexicographic order, the identity first.

    Examples
    --------
    >>> automorphisms(orbit_colouring(permutation_generators("cyclic", 4))).tolist()
    [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]
    >>> alternating = orbit_colouring(permutation_generators("alternating", 4))
    >>> len(automorphisms(alternating))  # twice the 12 of the group: its 2-closure
    24
    """
    _check_labels(colouring)
    if colouring.ndim != 2 or colouring.shape[0] != colouring.shape[1]:
        raise ValueError(f"A colouring has shape (n, n), but this one {tuple(colouring.shape)}.")
    check_whole(most, "The largest number of beginnings")
    n = len(colouring)
    starts = torch.zeros(1, 0, dtype=torch.int64)
    for place in range(n):
        images = torch.arange(n).repeat(len(starts))[:, None]
        grown = torch.cat([starts.repeat_interleave(n, dim=0), images], dim=1)
        fits = (grown[:, :-1] != images).all(1)
        fits &= (colouring[grown, images] == colouring[: place + 1, place]).all(1)
        fits &= (colouring[images, grown] == colouring[place, : place + 1]).all(1)
        starts = grown[fits]
        if len(starts) > most:
            raise ValueError(
                f"More than {most} beginnings fit the colouring; allow more, or take fewer places."
            )
    return starts


def ward_path(values: Tensor) -> Tensor:
    """Cluster numbers on a line, from all apart to all together, by Ward's rule.

    At each step the two neighbours are joined whose union adds least to the sum of squares within
    clusters (Ward, "Hierarchical Grouping to Optimize an Objective Function", 1963). On a line such
    two are always next to each other.

    Parameters
    ----------
    values : torch.Tensor
        Shape ``(K,)``, floating point.

    Returns
    -------
    torch.Tensor
        Shape ``(K, K)``, int64: row ``k - 1`` has k clusters, named by first members.

    Examples
    --------
    >>> ward_path(torch.tensor([0.0, 5.0, 0.1])).tolist()
    [[0, 0, 0], [0, 1, 0], [0, 1, 2]]
    """
    check_finite(check_float(values, "The values"), "The values")
    if values.ndim != 1:
        raise ValueError(f"The values have shape (K,), but here {tuple(values.shape)}.")
    order = torch.argsort(values.detach().double(), stable=True)
    groups = [(1, float(values[i])) for i in order]  # size and mean, from left to right
    rows = []
    while True:
        sizes = torch.tensor([size for size, _ in groups])
        labels = torch.empty(len(values), dtype=torch.int64)
        labels[order] = torch.repeat_interleave(torch.arange(len(groups)), sizes)
        rows.append(labels)
        if len(groups) == 1:
            return canonical(torch.stack(rows[::-1]))
        costs = [a * b / (a + b) * (x - y) ** 2 for (a, x), (b, y) in pairwise(groups)]
        at = costs.index(min(costs))
        (a, x), (b, y) = groups[at : at + 2]
        groups[at : at + 2] = [(a + b, (a * x + b * y) / (a + b))]


def clusters_by_evidence(
    values: Tensor, *, noise: float, prior: float | None = None, price_of_labels: bool = True
) -> Tensor:
    r"""Tie numbers on a line that may be equal, as many as the evidence asks for.

    Of the clusterings of :func:`ward_path`, the one with the largest evidence is taken
    (:func:`~utils.discovery.negative_log_evidence`, one measurement of each number). Each k was
    chosen after a look at the data, among many ways to label K numbers with k names; a uniform
    prior over the labellings charges :math:`K \ln k` for that. Without it the evidence compares
    the *best* labelling for each k as though it had been named beforehand.

    Parameters
    ----------
    values : torch.Tensor
        Shape ``(K,)``, floating point.
    noise : float
        The standard deviation of one of them.
    prior : float, optional
        The standard deviation of cluster means; by default that of the values.
    price_of_labels : bool
        Whether to charge for the labelling.

    Returns
    -------
    torch.Tensor
        Shape ``(K,)``, int64.

    Examples
    --------
    >>> clusters_by_evidence(torch.tensor([0.0, 5.0, 0.1, 5.1]), noise=0.1).tolist()
    [0, 1, 0, 1]
    """
    path = ward_path(values)
    count = len(values)
    wide = float(values.double().std(correction=0)) if prior is None else prior
    if wide == 0 and prior is None:
        return path[0]
    _check_positive(wide, "The standard deviation of the means")
    losses = negative_log_evidence(values.double()[:, None], path, noise=noise, prior=wide)
    if price_of_labels:
        losses = losses + count * torch.arange(1, count + 1, dtype=torch.float64).log()
    return path[losses.argmin()]


def _check_permutations(generators: Tensor) -> None:
    _check_labels(generators)
    if generators.ndim != 2:
        raise ValueError(
            f"Permutations have shape (m, n), one a row, but here {tuple(generators.shape)}."
        )
    wanted = torch.arange(generators.shape[1])
    if not (generators.long().sort(1).values == wanted).all():
        raise ValueError("Each row must hold each place from 0 to n - 1 once.")
