"""Orbits: those of vectors with their stabilisers, and how many a finite set has.

The orbits of the points of a finite set are methods of :class:`~utils.groups.SetAction`.
"""

from __future__ import annotations

import numpy as np

from utils.groups._checks import TOLERANCE
from utils.groups.finite import SetAction, cycles
from utils.groups.representations import Representation

__all__ = [
    "burnside_count",
    "count_colourings",
    "orbit",
    "stabilizer",
]


def orbit(rho: Representation, x: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return the different vectors that the group moves one vector to.

    Parameters
    ----------
    rho : Representation
        A representation.
    x : numpy.ndarray
        Shape ``(d,)``.
    tolerance : float
        Vectors whose entries differ by at most ``tolerance`` times the largest entry of the
        orbit count as one.

    Returns
    -------
    numpy.ndarray
        Shape ``(|G| / |stabilizer|, d)``, in the order in which the group elements reach them.

    Raises
    ------
    ValueError
        If the vector has the wrong shape or is not finite.
    """
    moved = rho.matrices @ _check_vector(rho, x)
    limit = tolerance * max(float(np.abs(moved).max()), np.finfo(float).tiny)
    kept: list[int] = []
    for g in range(len(moved)):
        if all(np.abs(moved[g] - moved[h]).max() > limit for h in kept):
            kept.append(g)
    return moved[kept]


def stabilizer(rho: Representation, x: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return the group elements that leave one vector where it is.

    Parameters
    ----------
    rho : Representation
        A representation.
    x : numpy.ndarray
        Shape ``(d,)``.
    tolerance : float
        Entries may differ by this much times the largest entry of the orbit.

    Returns
    -------
    numpy.ndarray
        Sorted elements; they form a subgroup, and its order times the size of the orbit is the
        order of the group.

    Raises
    ------
    ValueError
        If the vector has the wrong shape or is not finite.
    """
    vector = _check_vector(rho, x)
    moved = rho.matrices @ vector
    limit = tolerance * max(float(np.abs(moved).max()), np.finfo(float).tiny)
    return np.flatnonzero(np.abs(moved - vector).max(axis=1) <= limit)


def _check_vector(rho: Representation, x: np.ndarray) -> np.ndarray:
    vector = np.asarray(x, dtype=np.float64)
    if vector.shape != (rho.dimension,) or not np.isfinite(vector).all():
        raise ValueError(
            f"{rho.name} of {rho.group.name} acts on finite vectors of {rho.dimension} entries, "
            f"but the vector has shape {vector.shape}."
        )
    return vector


def burnside_count(fixed_points: np.ndarray) -> int:
    r"""Count orbits by Burnside's lemma: the mean number of fixed points.

    .. math:: |X/G| = \frac{1}{|G|} \sum_{g \in G} |X^g|

    Parameters
    ----------
    fixed_points : numpy.ndarray
        For each group element the number of points that it fixes; see
        :meth:`~utils.groups.finite.SetAction.fixed_points`. Python integers of any size are
        allowed.

    Returns
    -------
    int
        The number of orbits.

    Raises
    ------
    ValueError
        If the list is empty or the mean is not a whole number, which no action can produce.
    """
    counts = [int(count) for count in fixed_points]
    if not counts:
        raise ValueError("Burnside's lemma needs one count for each group element, but got none.")
    quotient, rest = divmod(sum(counts), len(counts))
    if rest:
        raise ValueError(
            f"The fixed points add up to {sum(counts)}, which {len(counts)} does not divide; no "
            f"action of a group of that order has these counts."
        )
    return quotient


def count_colourings(action: SetAction, colours: int) -> int:
    r"""Count the colourings of the points that no group element carries into each other.

    An element with :math:`c(g)` cycles fixes :math:`q^{c(g)}` colourings with :math:`q` colours,
    and Burnside's lemma takes the mean.

    Parameters
    ----------
    action : SetAction
        The action on the points to be coloured.
    colours : int
        The number :math:`q` of colours, at least 1.

    Returns
    -------
    int
        The number of orbits of colourings.

    Raises
    ------
    ValueError
        If there is no colour.
    """
    if colours < 1:
        raise ValueError(f"There must be at least one colour, but there are {colours}.")
    fixed = [colours ** len(cycles(image)) for image in action.images]
    return burnside_count(np.array(fixed, dtype=object))
