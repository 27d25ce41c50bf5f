"""The families of finite groups: cyclic, dihedral, symmetric, and direct products."""

from __future__ import annotations

import itertools

import numpy as np

from utils._checks import check_whole
from utils.groups.finite import FiniteGroup, cycles

__all__ = [
    "cyclic",
    "dihedral",
    "direct_product",
    "symmetric",
]

LARGEST_SYMMETRIC = 6
"""The most points whose group has a table; it is one of 720 by 720."""


def cyclic(n: int) -> FiniteGroup:
    """Return C_n, the group of ``n`` rotations; element ``r`` is the rotation by ``r/n`` turns.

    Parameters
    ----------
    n : int
        The order, at least 1.

    Returns
    -------
    FiniteGroup
        Addition modulo ``n``.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is smaller than 1.
    """
    n = check_whole(n, "The n of cyclic(n)")
    steps = np.arange(n)
    table = (steps[:, None] + steps) % n
    labels = tuple("e" if r == 0 else "r" if r == 1 else f"r^{r}" for r in range(n))
    return FiniteGroup(f"C_{n}", table, labels, "cyclic", n, table)


def dihedral(n: int) -> FiniteGroup:
    """Return D_n, the ``2n`` rotations and reflections of a regular polygon with ``n`` corners.

    Element ``j`` is the rotation ``r^j`` by ``j/n`` turns and element ``n + j`` is ``r^j s``:
    reflect first (corner ``i`` to corner ``-i``), then rotate.

    Parameters
    ----------
    n : int
        The number of corners, at least 1.

    Returns
    -------
    FiniteGroup
        The group of order ``2n``.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is smaller than 1.
    """
    n = check_whole(n, "The n of dihedral(n)")
    turn = np.tile(np.arange(n), 2)
    flip = np.repeat([0, 1], n)
    sign = 1 - 2 * flip
    turns = (turn[:, None] + sign[:, None] * turn) % n
    table = turns + n * ((flip[:, None] + flip) % 2)
    images = (turn[:, None] + sign[:, None] * np.arange(n)) % n
    powers = ["", "r", *(f"r^{j}" for j in range(2, n))][:n]
    labels = tuple([power or "e" for power in powers] + [power + "s" for power in powers])
    return FiniteGroup(f"D_{n}", table, labels, "dihedral", n, images)


def symmetric(n: int) -> FiniteGroup:
    """Return S_n, all permutations of ``n`` points, for ``n`` up to 6.

    The elements are the permutations in lexicographic order; the product ``ab`` applies ``b``
    first. For larger ``n`` use :class:`~utils.groups.PointPermutations`, which never lists the
    elements.

    Parameters
    ----------
    n : int
        The number of points, from 1 to 6.

    Returns
    -------
    FiniteGroup
        The group of order ``n!``; a label such as ``"(0 1)(2 3)"`` shows the cycles.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is smaller than 1 or larger than 6.
    """
    n = check_whole(n, "The n of symmetric(n)", largest=LARGEST_SYMMETRIC)
    images = np.array(list(itertools.permutations(range(n))), dtype=np.int64)
    weights = n ** np.arange(n)[::-1]
    keys = images @ weights  # increasing, since the order is lexicographic
    table = np.searchsorted(keys, images[:, images] @ weights)
    labels = tuple(_cycle_label(image) for image in images)
    return FiniteGroup(f"S_{n}", table, labels, "symmetric", n, images)


def _cycle_label(image: np.ndarray) -> str:
    moved = [cycle for cycle in cycles(image) if len(cycle) > 1]
    return "".join(f"({' '.join(map(str, cycle))})" for cycle in moved) or "e"


def direct_product(first: FiniteGroup, second: FiniteGroup) -> FiniteGroup:
    """Return the group of pairs, multiplied entry by entry.

    Parameters
    ----------
    first, second : FiniteGroup
        The factors.

    Returns
    -------
    FiniteGroup
        Element ``a * second.order + b`` is the pair ``(a, b)``.
    """
    n, m = first.order, second.order
    table = first.table[:, None, :, None] * m + second.table[None, :, None, :]
    labels = tuple(f"({a}, {b})" for a in first.labels for b in second.labels)
    return FiniteGroup(f"{first.name} x {second.name}", table.reshape(n * m, n * m), labels)
