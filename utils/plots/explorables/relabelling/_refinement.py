"""Colours and symmetries of small graphs, exact: what the figure says of them, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["refined", "symmetries", "told_apart"]


def ranks(values: Sequence[Any]) -> list[int]:
    """Replace each value by the number of smaller ones.

    Examples
    --------
    >>> ranks([5, 2, 5, 9])
    [1, 0, 1, 3]
    """
    return [sum(other < mine for other in values) for mine in values]


def refined(kinds: Sequence[int], bonds: NDArray[np.integer]) -> list[list[int]]:
    """Return the colours of 1-WL refinement: at the start and after each round that changes them.

    They are those of :func:`utils.graphs.weisfeiler_leman_colours`: the rank of the pair of a
    colour and the pairs (order of a bond, colour) around, compared from the largest on.

    Parameters
    ----------
    kinds : Sequence[int]
        The kinds of n nodes.
    bonds : numpy.ndarray
        Shape (n, n): orders of edges, 0 where there is none.

    Examples
    --------
    The ends of a path of three look alike, and the middle does not:

    >>> refined([0, 0, 0], np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    [[0, 0, 0], [0, 2, 0]]
    """
    history = [ranks(kinds)]
    while True:
        colours = history[-1]
        around = [
            sorted(((order, colours[j]) for j, order in enumerate(row) if order), reverse=True)
            for row in bonds.tolist()
        ]
        after = ranks(list(zip(colours, around, strict=True)))
        if after == colours:
            return history
        history.append(after)


def told_apart(
    first: tuple[Sequence[int], NDArray[np.integer]],
    second: tuple[Sequence[int], NDArray[np.integer]],
) -> int | None:
    """Return the first round in which the colours of two graphs differ, None if no round does it.

    Both are refined as one graph of two parts, so that their colours can be compared.

    Examples
    --------
    A ring of six and two rings of three: each atom has two neighbours like itself.

    >>> step = np.eye(6, dtype=int)[[1, 2, 3, 4, 5, 0]]
    >>> ring, two = step + step.T, np.kron(np.eye(2, dtype=int), 1 - np.eye(3, dtype=int))
    >>> told_apart(([0] * 6, ring), ([0] * 6, two)) is None
    True
    """
    (left, bonds), (right, others) = first, second
    count = len(left)
    both = np.zeros((count + len(right),) * 2, dtype=int)
    both[:count, :count], both[count:, count:] = bonds, others
    for step, colours in enumerate(refined([*left, *right], both)):
        if sorted(colours[:count]) != sorted(colours[count:]):
            return step
    return None


def symmetries(kinds: Sequence[int], bonds: NDArray[np.integer]) -> int:
    """Count the permutations of the nodes that change neither kinds nor edges.

    Examples
    --------
    >>> symmetries([0, 0, 0], 1 - np.eye(3, dtype=int)), symmetries([0, 0, 1], np.zeros((3, 3)))
    (6, 2)
    """

    def ways(images: list[int]) -> int:
        """Count the ways to carry on from the images of the first nodes."""
        i = len(images)
        if i == len(kinds):
            return 1
        return sum(
            ways([*images, j])
            for j in range(len(kinds))
            if j not in images
            and kinds[i] == kinds[j]
            and all(bonds[i, k] == bonds[j, image] for k, image in enumerate(images))
        )

    return ways([])
