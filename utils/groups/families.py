"""The families of finite groups: cyclic, dihedral, symmetric, and direct products."""

from __future__ import annotations

import itertools

import numpy as np

from utils._checks import check_whole
from utils.groups.finite import FiniteGroup, cycles

__all__ = ["cyclic", "dihedral", "direct_product", "symmetric"]

LARGEST_SYMMETRIC = 6
"""The most points whose group has a table; it is one of 720 by 720."""


def cyclic(n: int) -> FiniteGroup:
    """Return C_n, the group of ``n`` rotations; element ``r`` is the rotation by ``r/n`` turns.

    Examples
    --------
    >>> cyclic(3).labels
    ('e', 'r', 'r^2')
    """
    n = check_whole(n, "The n of cyclic(n)")
    steps = np.arange(n)
    table = (steps[:, None] + steps) % n
    return FiniteGroup(f"C_{n}", table, ("e", *_powers(n)[1:]), "cyclic", n, table)


def dihedral(n: int) -> FiniteGroup:
    """Return D_n, the ``2n`` rotations and reflections of a regular polygon with ``n`` corners.

    Element ``j`` is the rotation ``r^j`` by ``j/n`` turns and element ``n + j`` is ``r^j s``:
    reflect first (corner ``i`` to corner ``-i``), then rotate.

    Examples
    --------
    >>> square = dihedral(4)
    >>> square.labels[square.multiply(1, 4)], square.is_abelian
    ('rs', False)
    """
    n = check_whole(n, "The n of dihedral(n)")
    turn = np.tile(np.arange(n), 2)
    flip = np.repeat([0, 1], n)
    sign = 1 - 2 * flip
    table = (turn[:, None] + sign[:, None] * turn) % n + n * ((flip[:, None] + flip) % 2)
    images = (turn[:, None] + sign[:, None] * np.arange(n)) % n
    labels = ("e", *_powers(n)[1:], *(power + "s" for power in _powers(n)))
    return FiniteGroup(f"D_{n}", table, labels, "dihedral", n, images)


def _powers(n: int) -> list[str]:
    """Name the rotations; the identity, which is not written in a product, is empty."""
    return ["", "r", *(f"r^{j}" for j in range(2, n))][:n]


def symmetric(n: int) -> FiniteGroup:
    """Return S_n, all permutations of ``n`` points in lexicographic order, for ``n`` up to 6.

    The product ``ab`` applies ``b`` first; labels show the cycles. For larger ``n`` use
    :class:`~utils.groups.PointPermutations`, which needs no table.

    Examples
    --------
    >>> symmetric(3).labels
    ('e', '(1 2)', '(0 1)', '(0 1 2)', '(0 2 1)', '(0 2)')
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
    """Return the group of pairs: element ``a * second.order + b`` is the pair ``(a, b)``.

    Examples
    --------
    >>> direct_product(cyclic(2), cyclic(3)).labels
    ('(e, e)', '(e, r)', '(e, r^2)', '(r, e)', '(r, r)', '(r, r^2)')
    """
    n, m = first.order, second.order
    table = first.table[:, None, :, None] * m + second.table[None, :, None, :]
    labels = tuple(f"({a}, {b})" for a in first.labels for b in second.labels)
    return FiniteGroup(f"{first.name} x {second.name}", table.reshape(n * m, n * m), labels)
