r"""Finite groups, their actions and their representations.

The room holds four kinds of small immutable objects:

* a :class:`FiniteGroup` is a multiplication table;
* a :class:`SetAction` lets a finite group permute finitely many points;
* a :class:`Representation` lets a finite group act on :math:`\mathbb{R}^d` by matrices;
* :class:`CyclicShifts` and :class:`PointPermutations` are the two actions on latent codes that
  the book meets most, written without any matrix, so that they also work where the group has
  :math:`9! = 362\,880` elements.

All actions are left actions: acting with :math:`h` and then with :math:`g` is acting with
:math:`gh`. All matrices are ``float64`` and read-only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

__all__ = [
    "AxiomReport",
    "CyclicShifts",
    "ElementMap",
    "FiniteGroup",
    "GroupAction",
    "PointPermutations",
    "Representation",
    "SetAction",
    "burnside_count",
    "chamber_walls",
    "character",
    "character_inner_product",
    "check_axioms",
    "count_colourings",
    "cyclic",
    "decompose",
    "dihedral",
    "direct_product",
    "direct_sum",
    "irreps",
    "isotypic_projection",
    "orbit",
    "permutation_representation",
    "reflection_group",
    "reflection_mirrors",
    "regular_representation",
    "reynolds_operator",
    "stabilizer",
    "symmetric",
    "tensor_product",
    "trivial_representation",
]

_TOLERANCE = 1e-9
"""Largest entry of an error matrix that is still rounding, for matrices with entries near 1."""


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return a copy of ``array`` that cannot be written to."""
    copy = np.array(array, copy=True, order="C")
    copy.setflags(write=False)
    return copy


# --------------------------------------------------------------------------------------------
# Groups
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AxiomReport:
    """What :func:`check_axioms` found out about a multiplication table.

    Attributes
    ----------
    closure : bool
        Whether every product is one of the elements.
    associativity : bool
        Whether ``(ab)c = a(bc)`` for all triples.
    identity : bool
        Whether some element ``e`` has ``ea = ae = a`` for all ``a``.
    inverses : bool
        Whether every ``a`` has a ``b`` with ``ab = ba = e``; false without an identity.
    counterexample : str
        The first thing that went wrong, in words; empty if nothing did.
    """

    closure: bool
    associativity: bool
    identity: bool
    inverses: bool
    counterexample: str = ""

    @property
    def holds(self) -> bool:
        """Whether all four axioms hold, so that the table is that of a group."""
        return self.closure and self.associativity and self.identity and self.inverses

    def __str__(self) -> str:
        marks = ", ".join(
            f"{name} {'holds' if getattr(self, name) else 'fails'}"
            for name in ("closure", "associativity", "identity", "inverses")
        )
        return marks + (f" ({self.counterexample})" if self.counterexample else "")


def check_axioms(table: np.ndarray) -> AxiomReport:
    """Check the four group axioms on a multiplication table, associativity over all triples.

    The table may be wrong; that is the point. The check goes through all ``n ** 3`` triples, one
    left factor at a time, so that it holds ``n ** 2`` numbers in memory.

    Parameters
    ----------
    table : numpy.ndarray
        Integers of shape ``(n, n)``; entry ``[a, b]`` is the product ``ab``.

    Returns
    -------
    AxiomReport
        One flag per axiom and the first counterexample in words.

    Raises
    ------
    ValueError
        If the table is empty or not square.
    TypeError
        If the table does not hold integers.
    """
    table = _check_table_form(table)
    n = len(table)
    outside = np.argwhere((table < 0) | (table >= n))
    if len(outside):
        a, b = outside[0]
        text = f"{a}·{b} = {table[a, b]} is not one of the elements 0 to {n - 1}"
        return AxiomReport(False, False, False, False, text)
    associative, text = True, ""
    for a in range(n):
        wrong = np.argwhere(table[table[a]] != table[a][table])
        if len(wrong):
            b, c = wrong[0]
            associative, text = False, f"({a}·{b})·{c} differs from {a}·({b}·{c})"
            break
    identity = _find_identity(table)
    if identity is None:
        return AxiomReport(True, associative, False, False, text or "no element is neutral")
    neutral = table == identity
    lacking = np.flatnonzero(~(neutral & neutral.T).any(axis=1))
    if len(lacking):
        text = text or f"{lacking[0]} has no inverse"
    return AxiomReport(True, associative, True, not len(lacking), text)


def _check_table_form(table: np.ndarray) -> np.ndarray:
    array = np.asarray(table)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(
            f"A multiplication table is square and not empty, but this one has shape {array.shape}."
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"A multiplication table holds element indices (integers), but this one holds "
            f"{array.dtype}; convert it with .astype(int)."
        )
    return array


def _find_identity(table: np.ndarray) -> int | None:
    everyone = np.arange(len(table))
    neutral = (table == everyone).all(axis=1) & (table == everyone[:, None]).all(axis=0)
    found = np.flatnonzero(neutral)
    return int(found[0]) if len(found) else None


def _closure(table: np.ndarray, generators: Iterable[int], identity: int) -> np.ndarray:
    """Return the sorted elements of the subgroup that ``generators`` generate."""
    member = np.zeros(len(table), dtype=bool)
    member[identity] = True
    columns = np.fromiter(generators, dtype=np.int64)
    frontier = np.array([identity])
    while len(frontier) and len(columns):
        products = np.unique(table[np.ix_(frontier, columns)])
        frontier = products[~member[products]]
        member[frontier] = True
    return np.flatnonzero(member)


@dataclass(frozen=True, eq=False)
class FiniteGroup:
    """A finite group, given by its multiplication table.

    The elements are the integers ``0`` to ``order - 1``; ``labels`` says what they are called.
    A table that is not that of a group is refused. Two groups are equal if their tables are.

    Attributes
    ----------
    name : str
        For example ``"C_8"``.
    table : numpy.ndarray
        Read-only integers of shape ``(order, order)``; entry ``[a, b]`` is the product ``ab``.
    labels : tuple
        One name per element, for example ``("e", "r", "r^2")``.
    family : str
        ``"cyclic"``, ``"dihedral"``, ``"symmetric"`` or ``"other"``.
    degree : int
        The ``n`` of C_n, D_n or S_n; 0 for other groups.
    natural_images : numpy.ndarray or None
        Shape ``(order, n)``: the permutation by which each element moves the ``n`` points that
        the family is named after. ``None`` if the group comes without such points.

    Raises
    ------
    ValueError
        If the table breaks a group axiom, or the labels do not match it.
    TypeError
        If the table does not hold integers.
    """

    name: str
    table: np.ndarray = field(repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)
    family: str = field(default="other", repr=False)
    degree: int = field(default=0, repr=False)
    natural_images: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        table = _check_table_form(self.table).astype(np.int64)
        n = len(table)
        everyone = np.arange(n)
        identity = _find_identity(table)
        latin = (np.sort(table, axis=0) == everyone[:, None]).all() and (
            np.sort(table, axis=1) == everyone
        ).all()
        if identity is None or not latin or not self._passes_light(table, identity):
            raise ValueError(
                f"The table given for {self.name} is not that of a group: {check_axioms(table)}."
            )
        labels = tuple(self.labels) or tuple(str(a) for a in range(n))
        if len(labels) != n or len(set(labels)) != n:
            raise ValueError(
                f"{self.name} has {n} elements and needs as many different labels, but "
                f"{len(labels)} labels ({len(set(labels))} different) were given."
            )
        object.__setattr__(self, "table", _read_only(table))
        object.__setattr__(self, "labels", labels)
        if self.natural_images is not None:
            images = _read_only(np.asarray(self.natural_images, dtype=np.int64))
            object.__setattr__(self, "natural_images", images)

    @staticmethod
    def _passes_light(table: np.ndarray, identity: int) -> bool:
        """Light's test: the middle factor of ``(xa)y = x(ay)`` need only run over generators."""
        generators: list[int] = []
        reached = np.array([identity])
        while len(reached) < len(table):
            missing = np.setdiff1d(np.arange(len(table)), reached)
            generators.append(int(missing[0]))
            reached = _closure(table, generators, identity)
        return all(np.array_equal(table[table[:, a]], table[:, table[a]]) for a in generators)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FiniteGroup) and np.array_equal(self.table, other.table)

    def __hash__(self) -> int:
        return hash((self.order, self.table.tobytes()))

    def __len__(self) -> int:
        return self.order

    @property
    def order(self) -> int:
        """The number of elements."""
        return len(self.table)

    @property
    def elements(self) -> range:
        """The elements, as integers."""
        return range(self.order)

    @cached_property
    def identity(self) -> int:
        """The neutral element."""
        found = _find_identity(self.table)
        assert found is not None
        return found

    @cached_property
    def inverses(self) -> np.ndarray:
        """Read-only integers of shape ``(order,)``: the inverse of each element."""
        return _read_only(np.argmax(self.table == self.identity, axis=1))

    @cached_property
    def generators(self) -> tuple[int, ...]:
        """A few elements whose products are all elements; empty for the trivial group.

        Chosen greedily, elements of high order first. No element of the list lies in the
        subgroup generated by those before it.
        """
        chosen: list[int] = []
        reached = {self.identity}
        for a in sorted(self.elements, key=lambda a: (-self.element_order(a), a)):
            if len(reached) == self.order:
                break
            if a not in reached:
                chosen.append(a)
                reached = set(_closure(self.table, chosen, self.identity).tolist())
        return tuple(chosen)

    @cached_property
    def conjugacy_classes(self) -> tuple[tuple[int, ...], ...]:
        """The conjugacy classes, each sorted, in the order of their smallest elements."""
        seen: set[int] = set()
        classes = []
        for a in self.elements:
            if a not in seen:
                products = self.table[self.table[:, a], self.inverses]
                classes.append(tuple(int(b) for b in np.unique(products)))
                seen.update(classes[-1])
        return tuple(classes)

    @property
    def is_abelian(self) -> bool:
        """Whether ``ab = ba`` for all elements."""
        return np.array_equal(self.table, self.table.T)

    def multiply(self, *factors: int) -> int:
        """Multiply elements, from left to right; the empty product is the identity.

        Parameters
        ----------
        *factors : int
            Elements of the group.

        Returns
        -------
        int
            The product.

        Raises
        ------
        ValueError
            If a factor is not an element.
        """
        product = self.identity
        for factor in factors:
            product = int(self.table[product, self._check_element(factor)])
        return product

    def inverse(self, element: int) -> int:
        """Return the inverse of one element.

        Parameters
        ----------
        element : int
            An element of the group.

        Returns
        -------
        int
            The element ``b`` with ``ab = ba = e``.

        Raises
        ------
        ValueError
            If the argument is not an element.
        """
        return int(self.inverses[self._check_element(element)])

    def element_order(self, element: int) -> int:
        """Return the smallest ``m >= 1`` with ``a ** m = e``.

        Parameters
        ----------
        element : int
            An element of the group.

        Returns
        -------
        int
            The order of the element.

        Raises
        ------
        ValueError
            If the argument is not an element.
        """
        power, order = self._check_element(element), 1
        while power != self.identity:
            power, order = int(self.table[power, element]), order + 1
        return order

    def subgroup(self, *generators: int) -> tuple[int, ...]:
        """Return the elements of the subgroup that some elements generate.

        Parameters
        ----------
        *generators : int
            Elements of the group; none of them gives the trivial subgroup.

        Returns
        -------
        tuple
            The elements of the subgroup, sorted.

        Raises
        ------
        ValueError
            If an argument is not an element.
        """
        checked = [self._check_element(a) for a in generators]
        return tuple(int(a) for a in _closure(self.table, checked, self.identity))

    def check_axioms(self) -> AxiomReport:
        """Check the axioms over all triples; see :func:`check_axioms`.

        Returns
        -------
        AxiomReport
            One flag per axiom.
        """
        return check_axioms(self.table)

    def natural_action(self) -> SetAction:
        """Return the action on the points that the group is named after.

        C_n turns and D_n turns and flips the corners of a regular polygon, S_n permutes
        ``n`` points.

        Returns
        -------
        SetAction
            The action on ``degree`` points.

        Raises
        ------
        ValueError
            If the group was built without such points.
        """
        if self.natural_images is None:
            raise ValueError(
                f"{self.name} comes without points to act on; build a SetAction from the "
                f"permutation of each element instead."
            )
        return SetAction(self, self.natural_images)

    def _check_element(self, element: int) -> int:
        if not 0 <= int(element) < self.order:
            raise ValueError(
                f"{element} is not an element of {self.name}; its elements are 0 to "
                f"{self.order - 1}."
            )
        return int(element)


def _check_degree(n: int, family: str, largest: int | None = None) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"The n of {family}(n) is an integer, but it is {n!r}.")
    if n < 1 or (largest is not None and n > largest):
        limit = "at least 1" if largest is None else f"between 1 and {largest}"
        raise ValueError(f"The n of {family}(n) is {limit}, but it is {n}.")
    return int(n)


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
    n = _check_degree(n, "cyclic")
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
    n = _check_degree(n, "dihedral")
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
    first. For larger ``n`` use :class:`PointPermutations`, which never lists the elements.

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
    n = _check_degree(n, "symmetric", largest=6)
    images = np.array(list(itertools.permutations(range(n))), dtype=np.int64)
    weights = n ** np.arange(n)[::-1]
    keys = images @ weights  # increasing, since the order is lexicographic
    table = np.searchsorted(keys, images[:, images] @ weights)
    labels = tuple(_cycle_label(image) for image in images)
    return FiniteGroup(f"S_{n}", table, labels, "symmetric", n, images)


def _cycles(image: Sequence[int] | np.ndarray) -> list[list[int]]:
    """Return the cycles of a permutation, fixed points included."""
    seen: set[int] = set()
    cycles = []
    for start in range(len(image)):
        cycle = []
        while start not in seen:
            seen.add(start)
            cycle.append(start)
            start = int(image[start])
        if cycle:
            cycles.append(cycle)
    return cycles


def _cycle_label(image: np.ndarray) -> str:
    moved = [cycle for cycle in _cycles(image) if len(cycle) > 1]
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


# --------------------------------------------------------------------------------------------
# Actions on finite sets
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SetAction:
    """A finite group permuting finitely many points.

    Attributes
    ----------
    group : FiniteGroup
        The group that acts.
    images : numpy.ndarray
        Read-only integers of shape ``(order, points)``; entry ``[g, i]`` is the point ``g·i``.

    Raises
    ------
    ValueError
        If the shape is wrong, a row is not a permutation, or the rows do not multiply as the
        group does.
    """

    group: FiniteGroup
    images: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        images = np.asarray(self.images, dtype=np.int64)
        if images.ndim != 2 or len(images) != self.group.order or images.shape[1] == 0:
            raise ValueError(
                f"An action of {self.group.name} needs one permutation for each of its "
                f"{self.group.order} elements, shape ({self.group.order}, points), but the array "
                f"has shape {images.shape}."
            )
        if not (np.sort(images, axis=1) == np.arange(images.shape[1])).all():
            raise ValueError("Each row of an action must be a permutation of 0, 1, 2, ...")
        for s in self.group.generators:
            # (a s)·i must be a·(s·i); all a and a generating set of s are enough.
            if not np.array_equal(images[self.group.table[:, s]], images[:, images[s]]):
                raise ValueError(
                    f"The permutations do not multiply as {self.group.name} does: acting with "
                    f"{self.group.labels[s]} first and then with another element is not acting "
                    f"with their product."
                )
        if not np.array_equal(images[self.group.identity], np.arange(images.shape[1])):
            raise ValueError("The identity of the group must leave every point where it is.")
        object.__setattr__(self, "images", _read_only(images))

    @property
    def points(self) -> int:
        """The number of points."""
        return self.images.shape[1]

    def orbit(self, point: int) -> np.ndarray:
        """Return the points that ``point`` can be moved to, sorted.

        Parameters
        ----------
        point : int
            A point.

        Returns
        -------
        numpy.ndarray
            The orbit, without repetitions.

        Raises
        ------
        ValueError
            If there is no such point.
        """
        return np.unique(self.images[:, self._check_point(point)])

    def stabilizer(self, point: int) -> np.ndarray:
        """Return the group elements that leave ``point`` where it is, sorted.

        Parameters
        ----------
        point : int
            A point.

        Returns
        -------
        numpy.ndarray
            Elements of the group; they form a subgroup.

        Raises
        ------
        ValueError
            If there is no such point.
        """
        return np.flatnonzero(self.images[:, self._check_point(point)] == point)

    def orbits(self) -> tuple[tuple[int, ...], ...]:
        """Return all orbits, each sorted, in the order of their smallest points.

        Returns
        -------
        tuple
            One tuple of points for each orbit.
        """
        smallest = self.images.min(axis=0)
        return tuple(
            tuple(int(i) for i in np.flatnonzero(smallest == least))
            for least in np.unique(smallest)
        )

    def fixed_points(self) -> np.ndarray:
        """Return how many points each element leaves where they are.

        Returns
        -------
        numpy.ndarray
            Integers of shape ``(order,)``: the character of the permutation representation.
        """
        return (self.images == np.arange(self.points)).sum(axis=1)

    def on_colourings(self, colours: int) -> SetAction:
        """Return the action on all ways to colour the points.

        The element ``g`` carries the colour of point ``i`` to point ``g·i``. Colouring number
        ``c`` has as its digits in base ``colours`` the colours of the points, point 0 first.

        Parameters
        ----------
        colours : int
            The number of colours, at least 1.

        Returns
        -------
        SetAction
            The action on ``colours ** points`` colourings.

        Raises
        ------
        ValueError
            If there would be more than ten million images to store; :func:`count_colourings`
            counts orbits without listing them.
        """
        if colours < 1:
            raise ValueError(f"There must be at least one colour, but there are {colours}.")
        count = colours**self.points
        if count * self.group.order > 10_000_000:
            raise ValueError(
                f"{colours} colours on {self.points} points make {count} colourings, too many to "
                f"list; count_colourings counts their orbits without listing them."
            )
        weights = colours ** np.arange(self.points)[::-1]
        digits = np.arange(count)[:, None] // weights % colours
        moved = np.stack([digits[:, np.argsort(image)] @ weights for image in self.images])
        return SetAction(self.group, moved)

    def _check_point(self, point: int) -> int:
        if not 0 <= point < self.points:
            raise ValueError(f"{point} is not one of the points 0 to {self.points - 1}.")
        return int(point)


def burnside_count(fixed_points: np.ndarray) -> int:
    r"""Count orbits by Burnside's lemma: the mean number of fixed points.

    .. math:: |X/G| = \frac{1}{|G|} \sum_{g \in G} |X^g|

    Parameters
    ----------
    fixed_points : numpy.ndarray
        For each group element the number of points that it fixes; see
        :meth:`SetAction.fixed_points`. Python integers of any size are allowed.

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
    fixed = [colours ** len(_cycles(image)) for image in action.images]
    return burnside_count(np.array(fixed, dtype=object))


# --------------------------------------------------------------------------------------------
# Representations
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Representation:
    r"""A finite group acting on :math:`\mathbb{R}^d` by invertible matrices.

    The constructor checks that :math:`\rho(e) = I` and :math:`\rho(as) = \rho(a)\rho(s)` for all
    elements :math:`a` and all generators :math:`s`, which is enough for
    :math:`\rho(ab) = \rho(a)\rho(b)` throughout.

    Attributes
    ----------
    group : FiniteGroup
        The group that acts.
    matrices : numpy.ndarray
        Read-only ``float64`` of shape ``(order, d, d)``.
    name : str
        For example ``"regular"``.

    Raises
    ------
    ValueError
        If the shape is wrong, an entry is not finite, or the matrices do not multiply as the
        group does.
    """

    group: FiniteGroup
    matrices: np.ndarray = field(repr=False)
    name: str = "representation"

    def __post_init__(self) -> None:
        matrices = np.asarray(self.matrices, dtype=np.float64)
        order = self.group.order
        if (
            matrices.ndim != 3
            or matrices.shape[0] != order
            or matrices.shape[1:]
            != (
                matrices.shape[-1],
                matrices.shape[-1],
            )
        ):
            raise ValueError(
                f"A representation of {self.group.name} needs one square matrix for each of its "
                f"{order} elements, shape ({order}, d, d), but the array has shape "
                f"{matrices.shape}."
            )
        if matrices.shape[-1] == 0 or not np.isfinite(matrices).all():
            raise ValueError("The matrices of a representation must be finite and not empty.")
        scale = max(1.0, float(np.abs(matrices).max()))
        wrong = np.abs(matrices[self.group.identity] - np.eye(matrices.shape[-1])).max()
        for s in self.group.generators:
            error = np.abs(matrices[self.group.table[:, s]] - matrices @ matrices[s]).max()
            wrong = max(wrong, error)
        if wrong > _TOLERANCE * scale:
            raise ValueError(
                f"The matrices do not multiply as {self.group.name} does: an entry of "
                f"rho(ab) - rho(a) rho(b) is as large as {wrong:.2g}."
            )
        object.__setattr__(self, "matrices", _read_only(matrices))

    def __call__(self, element: int) -> np.ndarray:
        """Return the matrix of one element, shape ``(d, d)``."""
        return self.matrices[self.group._check_element(element)]

    @property
    def dimension(self) -> int:
        """The dimension ``d`` of the space."""
        return self.matrices.shape[-1]

    @property
    def order(self) -> int:
        """The number of group elements."""
        return self.group.order

    @cached_property
    def is_orthogonal(self) -> bool:
        """Whether all matrices are orthogonal, so that the group acts by isometries."""
        product = self.matrices @ self.matrices.transpose(0, 2, 1)
        return bool(np.abs(product - np.eye(self.dimension)).max() <= _TOLERANCE)

    @cached_property
    def is_permutation(self) -> bool:
        """Whether all matrices are permutation matrices."""
        ones = self.matrices == 1.0
        return bool(
            (ones | (self.matrices == 0.0)).all()
            and (ones.sum(axis=1) == 1).all()
            and (ones.sum(axis=2) == 1).all()
        )

    def tensor(
        self, *, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> torch.Tensor:
        """Return the matrices as a tensor.

        Parameters
        ----------
        dtype : torch.dtype
            The floating-point type.
        device : torch.device or str
            Where the tensor is to live.

        Returns
        -------
        torch.Tensor
            A fresh copy of shape ``(order, d, d)``.
        """
        return torch.tensor(self.matrices, dtype=dtype, device=device)

    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Act on the last axis of a batch; all axes between it and the batch are copies.

        Parameters
        ----------
        elements : int or torch.Tensor
            One element for the whole batch, or integers of shape ``(B,)``, one for each member.
        x : torch.Tensor
            Shape ``(B, ..., d)``, floating point.

        Returns
        -------
        torch.Tensor
            ``rho(g) x``, of the shape of ``x``.

        Raises
        ------
        ValueError
            If the last axis is not ``d``, or there is not one element for each member.
        TypeError
            If ``x`` is not floating point.
        """
        if not x.is_floating_point():
            raise TypeError(f"A representation acts on floating-point tensors, but x is {x.dtype}.")
        if x.ndim < 2 or x.shape[-1] != self.dimension:
            raise ValueError(
                f"{self.name} of {self.group.name} acts on tensors of shape (B, ..., "
                f"{self.dimension}), but x has shape {tuple(x.shape)}."
            )
        index = _check_elements(elements, x.shape[0], self.order, x.device)
        matrices = self.tensor(dtype=x.dtype, device=x.device)
        if index.ndim == 0:
            return x @ matrices[index].T
        flat = x.reshape(x.shape[0], -1, self.dimension)
        return (flat @ matrices[index].transpose(1, 2)).reshape(x.shape)

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw group elements uniformly.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        torch.Tensor
            Integers of shape ``(count,)``.
        """
        return torch.randint(self.order, (count,), generator=generator)


def _check_elements(
    elements: int | torch.Tensor, batch: int, order: int, device: torch.device
) -> torch.Tensor:
    index = torch.as_tensor(elements, device=device)
    if index.is_floating_point() or index.dtype == torch.bool or index.shape not in ((), (batch,)):
        raise ValueError(
            f"Group elements are one integer, or one for each of the {batch} members of the "
            f"batch, but they have shape {tuple(index.shape)} and type {index.dtype}."
        )
    if index.numel() and (int(index.min()) < 0 or int(index.max()) >= order):
        raise ValueError(
            f"The group has the elements 0 to {order - 1}, but the elements given run from "
            f"{int(index.min())} to {int(index.max())}."
        )
    return index.long()


def trivial_representation(group: FiniteGroup, dimension: int = 1) -> Representation:
    """Return the representation in which every element does nothing.

    Parameters
    ----------
    group : FiniteGroup
        Any finite group.
    dimension : int
        The dimension, at least 1.

    Returns
    -------
    Representation
        Identity matrices.
    """
    matrices = np.broadcast_to(np.eye(dimension), (group.order, dimension, dimension))
    return Representation(group, matrices, "trivial")


def permutation_representation(action: SetAction | FiniteGroup) -> Representation:
    """Return the permutation matrices of an action: ``rho(g)`` maps unit vector ``i`` to ``g·i``.

    Parameters
    ----------
    action : SetAction or FiniteGroup
        An action, or a group that stands for its natural action.

    Returns
    -------
    Representation
        Of dimension the number of points.

    Raises
    ------
    ValueError
        If a group is given that has no natural action.
    """
    if isinstance(action, FiniteGroup):
        action = action.natural_action()
    matrices = np.zeros((action.group.order, action.points, action.points))
    elements = np.arange(action.group.order)[:, None]
    matrices[elements, action.images, np.arange(action.points)] = 1.0
    return Representation(action.group, matrices, "permutation")


def regular_representation(group: FiniteGroup) -> Representation:
    """Return the regular representation: the group permutes its own elements, ``g·h = gh``.

    For C_n the matrix of ``r`` is the cyclic shift ``torch.roll(z, r)``.

    Parameters
    ----------
    group : FiniteGroup
        Any finite group.

    Returns
    -------
    Representation
        Of dimension ``group.order``.
    """
    matrices = permutation_representation(SetAction(group, group.table)).matrices
    return Representation(group, matrices, "regular")


def _same_group(representations: Sequence[Representation], what: str) -> FiniteGroup:
    if not representations:
        raise ValueError(f"A {what} needs at least one representation, but got none.")
    group = representations[0].group
    for other in representations[1:]:
        if other.group != group:
            raise ValueError(
                f"A {what} needs representations of one group, but these belong to {group.name} "
                f"and {other.group.name}."
            )
    return group


def direct_sum(*representations: Representation) -> Representation:
    """Return the block-diagonal sum of representations of one group.

    Parameters
    ----------
    *representations : Representation
        At least one.

    Returns
    -------
    Representation
        Its dimension is the sum of the dimensions.

    Raises
    ------
    ValueError
        If none is given or the groups differ.
    """
    group = _same_group(representations, "direct sum")
    total = sum(rho.dimension for rho in representations)
    matrices = np.zeros((group.order, total, total))
    start = 0
    for rho in representations:
        stop = start + rho.dimension
        matrices[:, start:stop, start:stop] = rho.matrices
        start = stop
    return Representation(group, matrices, " + ".join(rho.name for rho in representations))


def tensor_product(*representations: Representation) -> Representation:
    """Return the Kronecker product of representations of one group.

    On a tensor with ``m`` axes, flattened row by row, the element ``g`` acts on each axis with
    the corresponding matrix.

    Parameters
    ----------
    *representations : Representation
        At least one.

    Returns
    -------
    Representation
        Its dimension is the product of the dimensions.

    Raises
    ------
    ValueError
        If none is given or the groups differ.
    """
    group = _same_group(representations, "tensor product")
    matrices: np.ndarray = np.ones((group.order, 1, 1))
    for rho in representations:
        size = matrices.shape[-1] * rho.dimension
        product = np.einsum("gij,gkl->gikjl", matrices, rho.matrices)
        matrices = product.reshape(group.order, size, size)
    return Representation(group, matrices, " x ".join(rho.name for rho in representations))


def character(rho: Representation) -> np.ndarray:
    """Return the trace of every matrix.

    Parameters
    ----------
    rho : Representation
        A representation.

    Returns
    -------
    numpy.ndarray
        Shape ``(order,)``; constant on conjugacy classes.
    """
    return np.trace(rho.matrices, axis1=1, axis2=2)


def character_inner_product(first: Representation, second: Representation) -> float:
    r"""Return :math:`\frac{1}{|G|}\sum_g \chi_1(g)\,\chi_2(g)` of two real characters.

    Parameters
    ----------
    first, second : Representation
        Real representations of one group.

    Returns
    -------
    float
        The dimension of the space of equivariant maps between the two.

    Raises
    ------
    ValueError
        If the groups differ.
    """
    _same_group((first, second), "inner product")
    return float(np.mean(character(first) * character(second)))


def reynolds_operator(rho: Representation) -> np.ndarray:
    r"""Return the mean of all matrices, the projection onto the vectors that do not move.

    .. math::
       P_G = \frac{1}{|G|} \sum_{g \in G} \rho(g), \qquad P_G^2 = P_G, \qquad \rho(h) P_G = P_G

    Parameters
    ----------
    rho : Representation
        A representation.

    Returns
    -------
    numpy.ndarray
        Shape ``(d, d)``; its trace is the dimension of the fixed space.
    """
    return rho.matrices.mean(axis=0)


def irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    r"""Return the irreducible real representations of C_n, D_n or S_n, orthogonal and complete.

    For C_n these are the trivial one, the sign (even ``n``), and for each frequency
    :math:`0 < f < n/2` the rotation of the plane by :math:`2\pi f r/n`. For D_n the reflection
    joins them, as a second sign on lines and as the mirror of the first axis on planes. For S_n
    they are Young's orthogonal form, one for each partition of ``n``.

    Parameters
    ----------
    group : FiniteGroup
        A group from :func:`cyclic`, :func:`dihedral` or :func:`symmetric`.

    Returns
    -------
    tuple
        Representations, the trivial one first.

    Raises
    ------
    ValueError
        If the group belongs to none of the three families.
    """
    if group.family == "cyclic":
        return _cyclic_irreps(group)
    if group.family == "dihedral":
        return _dihedral_irreps(group)
    if group.family == "symmetric":
        return _symmetric_irreps(group)
    raise ValueError(
        f"The irreducible representations are listed for cyclic, dihedral and symmetric groups, "
        f"but {group.name} is none of them."
    )


def _rotations(angles: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def _cyclic_irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    n = group.degree
    steps = np.arange(n)
    found = [trivial_representation(group)]
    for f in range(1, (n + 1) // 2):
        matrices = _rotations(2 * np.pi * (f * steps % n) / n)
        found.append(Representation(group, matrices, f"rotation {f}"))
    if n % 2 == 0:
        found.append(Representation(group, ((-1.0) ** steps)[:, None, None], "sign"))
    return tuple(found)


def _dihedral_irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    n = group.degree
    turn = np.tile(np.arange(n), 2)
    flip = np.repeat([0, 1], n)
    lines: dict[str, np.ndarray] = {
        "trivial": np.ones(2 * n),
        "reflection sign": (-1.0) ** flip,
    }
    if n % 2 == 0:
        lines["rotation sign"] = (-1.0) ** turn
        lines["both signs"] = (-1.0) ** (turn + flip)
    found = [Representation(group, v[:, None, None], name) for name, v in lines.items()]
    mirror = np.stack([np.eye(2), np.diag([1.0, -1.0])])
    for f in range(1, (n + 1) // 2):
        matrices = _rotations(2 * np.pi * (f * turn % n) / n) @ mirror[flip]
        found.append(Representation(group, matrices, f"plane {f}"))
    return tuple(found)


def _partitions(n: int, largest: int | None = None) -> list[tuple[int, ...]]:
    if n == 0:
        return [()]
    largest = n if largest is None else min(n, largest)
    return [(k, *rest) for k in range(largest, 0, -1) for rest in _partitions(n - k, k)]


def _standard_tableaux(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """List the standard tableaux; entry ``i`` of a tableau is the row that holds number ``i``."""
    if sum(shape) == 0:
        return [()]
    found: list = []
    for row, length in enumerate(shape):
        below = shape[row + 1] if row + 1 < len(shape) else 0
        if length > below:
            smaller = (*shape[:row], length - 1, *shape[row + 1 :])
            found.extend((*rest, row) for rest in _standard_tableaux(smaller))
    return found


def _young_transposition(tableaux: list[tuple[int, ...]], i: int) -> np.ndarray:
    """Return the matrix of the transposition of ``i`` and ``i + 1`` in Young's orthogonal form."""
    index = {tableau: t for t, tableau in enumerate(tableaux)}
    matrix = np.zeros((len(tableaux), len(tableaux)))
    for t, rows in enumerate(tableaux):
        content = [rows[:j].count(rows[j]) - rows[j] for j in (i, i + 1)]
        distance = 1.0 / (content[1] - content[0])
        matrix[t, t] = distance
        swapped = (*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :])
        if swapped != rows and swapped in index:
            matrix[index[swapped], t] = math.sqrt(1.0 - distance**2)
    return matrix


def _symmetric_irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    n = group.degree
    assert group.natural_images is not None
    images = [tuple(int(i) for i in image) for image in group.natural_images]
    index = {image: g for g, image in enumerate(images)}
    found: list = []
    for shape in _partitions(n):
        tableaux = _standard_tableaux(shape)
        adjacent = [_young_transposition(tableaux, i) for i in range(n - 1)]
        matrices = np.zeros((group.order, len(tableaux), len(tableaux)))
        matrices[group.identity] = np.eye(len(tableaux))
        for g, image in enumerate(images):
            # A descent of the image of g comes off on the right: g = (g s) s, and g s is earlier
            # in the lexicographic order.
            descent = next((i for i in range(n - 1) if image[i] > image[i + 1]), None)
            if descent is not None:
                i = descent
                earlier = (*image[:i], image[i + 1], image[i], *image[i + 2 :])
                matrices[g] = matrices[index[earlier]] @ adjacent[i]
        name = "trivial" if shape == (n,) else f"partition {shape}"
        found.append(Representation(group, matrices, name))
    return tuple(found)


def decompose(rho: Representation) -> dict[str, int]:
    r"""Count how often each irreducible real representation occurs.

    The multiplicity of :math:`\rho_i` is
    :math:`\langle \chi, \chi_i \rangle / \langle \chi_i, \chi_i \rangle`. The denominator is 1
    except for the planes of C_n, whose rotations commute with more than the multiples of the
    identity; there it is 2.

    Parameters
    ----------
    rho : Representation
        A representation of C_n, D_n or S_n.

    Returns
    -------
    dict
        The multiplicity of every irreducible representation, by its name.

    Raises
    ------
    ValueError
        If the group belongs to none of the three families.
    """
    counts = {}
    for irrep in irreps(rho.group):
        inner = character_inner_product(rho, irrep) / character_inner_product(irrep, irrep)
        counts[irrep.name] = round(inner)
    return counts


def isotypic_projection(rho: Representation, irrep: Representation) -> np.ndarray:
    r"""Return the projection onto all copies of one irreducible representation.

    .. math::
       P_i = \frac{d_i}{\langle\chi_i, \chi_i\rangle\,|G|} \sum_{g} \chi_i(g^{-1})\, \rho(g)

    Parameters
    ----------
    rho : Representation
        The representation to be split.
    irrep : Representation
        An irreducible real representation of the same group.

    Returns
    -------
    numpy.ndarray
        Shape ``(d, d)``; over all irreducible representations these add up to the identity.

    Raises
    ------
    ValueError
        If the groups differ.
    """
    group = _same_group((rho, irrep), "projection")
    weights = character(irrep)[group.inverses]
    norm = character_inner_product(irrep, irrep)
    return irrep.dimension / norm * np.einsum("g,gij->ij", weights, rho.matrices) / group.order


def _check_vector(rho: Representation, x: np.ndarray) -> np.ndarray:
    vector = np.asarray(x, dtype=np.float64)
    if vector.shape != (rho.dimension,) or not np.isfinite(vector).all():
        raise ValueError(
            f"{rho.name} of {rho.group.name} acts on finite vectors of {rho.dimension} entries, "
            f"but the vector has shape {vector.shape}."
        )
    return vector


def orbit(rho: Representation, x: np.ndarray, *, tolerance: float = _TOLERANCE) -> np.ndarray:
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


def stabilizer(rho: Representation, x: np.ndarray, *, tolerance: float = _TOLERANCE) -> np.ndarray:
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


# --------------------------------------------------------------------------------------------
# Groups generated by mirrors
# --------------------------------------------------------------------------------------------

_LARGEST_REFLECTION_GROUP = 2000
"""The order up to which a reflection group is listed; it bounds a table of 2000 by 2000."""


def _check_normals(normals: np.ndarray) -> np.ndarray:
    array = np.asarray(normals, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"Mirrors are given by their normals, an array of shape (count, d) that is not empty, "
            f"but this one has shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            "The normals of mirrors must be finite, but some are NaN or infinite; leave those out."
        )
    lengths = np.linalg.norm(array, axis=1)
    if not lengths.all():
        raise ValueError(
            f"Normal {int(np.argmin(lengths))} is the zero vector, which has no mirror; leave it "
            f"out."
        )
    return array


def _householder(normals: np.ndarray) -> np.ndarray:
    """Return the reflection matrices, shape ``(count, d, d)``; whole numbers stay whole."""
    squares = np.einsum("id,id->i", normals, normals)[:, None, None]
    return np.eye(normals.shape[1]) - 2 * normals[:, :, None] * normals[:, None, :] / squares


def _nearest_line(lines: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for unit vectors the nearest of some lines, signed ``+-(1 + index)``, and how far."""
    products = vectors @ lines.T
    index = np.abs(products).argmax(axis=1)
    sign = np.where(products[np.arange(len(vectors)), index] < 0, -1, 1)
    distances = np.abs(vectors - sign[:, None] * lines[index]).max(axis=1)
    return sign * (index + 1), distances


def reflection_mirrors(normals: np.ndarray) -> np.ndarray:
    """Return the normals of all mirrors of the group that some mirrors generate.

    The image of a mirror in a mirror is a mirror. The given normals are reflected in one another
    until nothing new appears; two normals belong to one mirror if, at length 1 and up to sign,
    their entries differ by at most ``1e-9``. The normals should therefore be as precise as
    ``float64``: rounded ones generate an infinite group.

    Parameters
    ----------
    normals : numpy.ndarray
        Shape ``(count, d)``, one normal of any length and sign for each mirror.

    Returns
    -------
    numpy.ndarray
        Unit normals of shape ``(mirrors, d)``, the given mirrors first, each mirror once.

    Raises
    ------
    ValueError
        If the shape is wrong, a normal is zero or not finite, or the mirrors generate a group
        that is infinite or has more than 2000 elements.
    """
    array = _check_normals(normals)
    generators = _householder(array)
    lines = np.empty((0, array.shape[1]))
    fresh = array / np.linalg.norm(array, axis=1, keepdims=True)
    while len(fresh):
        known = len(lines)
        for vector in fresh:
            if not len(lines) or _nearest_line(lines, vector[None])[1][0] > _TOLERANCE:
                lines = np.vstack([lines, vector])
            # Half of the elements of a reflection group have determinant -1, mirrors among them.
            if 2 * len(lines) > _LARGEST_REFLECTION_GROUP:
                raise _too_large()
        images = np.einsum("gij,bj->gbi", generators, lines[known:]).reshape(-1, array.shape[1])
        fresh = images[_nearest_line(lines, images)[1] > _TOLERANCE] if len(images) else images
    return lines


def _too_large() -> ValueError:
    return ValueError(
        f"These mirrors generate more than {_LARGEST_REFLECTION_GROUP} elements, an infinite group "
        f"or one too large to list; if the group should be small, give its normals to the full "
        f"precision of float64."
    )


def reflection_group(normals: np.ndarray) -> Representation:
    r"""Return the group that reflections in some mirrors generate, as it acts on the space.

    An element is known by the way it permutes the normals of all mirrors, so that the
    multiplication table is exact. Elements are listed by the length of the shortest product of
    the given reflections :math:`s_1, s_2, \dots` that makes them, the identity first.

    Parameters
    ----------
    normals : numpy.ndarray
        Shape ``(count, d)``, one normal of any length and sign for each mirror.

    Returns
    -------
    Representation
        Orthogonal matrices, dimension ``d``; labels such as ``"s1s2"`` are products.

    Raises
    ------
    ValueError
        If the shape is wrong, a normal is zero or not finite, or the group is infinite or has
        more than 2000 elements.
    """
    array = _check_normals(normals)
    generators = _householder(array)
    lines = reflection_mirrors(array)
    images = np.einsum("gij,bj->gbi", generators, lines).reshape(-1, array.shape[1])
    moved = _nearest_line(lines, images)[0].reshape(len(array), len(lines))
    # An element that leaves the given normals in place is the identity, so these make its key.
    start = _nearest_line(lines, array / np.linalg.norm(array, axis=1, keepdims=True))[0]
    keys, found = [start], {start.tobytes(): 0}
    steps: list[tuple[int, int]] = [(-1, -1)]
    left: list[list[int]] = []
    for b in itertools.count():
        if b == len(keys):
            break
        left.append([])
        for s, permutation in enumerate(moved):
            key = np.sign(keys[b]) * permutation[np.abs(keys[b]) - 1]
            if found.setdefault(key.tobytes(), len(keys)) == len(keys):
                keys.append(key)
                steps.append((s, b))
            left[b].append(found[key.tobytes()])
        if len(keys) > _LARGEST_REFLECTION_GROUP:
            raise _too_large()
    order = len(keys)
    table = np.empty((order, order), dtype=np.int64)
    matrices = np.empty((order, array.shape[1], array.shape[1]))
    table[0], matrices[0], labels = np.arange(order), np.eye(array.shape[1]), ["e"]
    products = np.array(left)
    for b, (s, rest) in enumerate(steps[1:], start=1):
        table[b] = products[table[rest], s]
        matrices[b] = generators[s] @ matrices[rest]
        labels.append(f"s{s + 1}{labels[rest] if rest else ''}")
    group = FiniteGroup(f"W of {len(lines)} mirrors", table, tuple(labels))
    return Representation(group, matrices, "reflections")


def chamber_walls(normals: np.ndarray, inside: np.ndarray) -> np.ndarray:
    r"""Return the walls of the Weyl chamber that holds a point.

    All mirrors of the generated group cut the space into chambers. Turned towards the point, the
    normals are its positive roots, and the chamber is where no positive root has a negative
    product. The walls are the positive roots :math:`\alpha` whose reflection makes no positive
    root negative but :math:`\alpha` itself; they generate the group (Humphreys 1990, section 1.4).

    Parameters
    ----------
    normals : numpy.ndarray
        Shape ``(count, d)``: normals of any mirrors that generate the group.
    inside : numpy.ndarray
        Shape ``(d,)``: a point off all mirrors of the group.

    Returns
    -------
    numpy.ndarray
        Unit normals of shape ``(walls, d)`` that point into the chamber, linearly independent.

    Raises
    ------
    ValueError
        If the normals are refused by :func:`reflection_mirrors`, the point has the wrong shape or
        is not finite, or it lies on a mirror.
    """
    lines = reflection_mirrors(normals)
    point = np.asarray(inside, dtype=np.float64)
    if point.shape != lines.shape[1:] or not np.isfinite(point).all():
        raise ValueError(
            f"The point inside the chamber is one finite vector of {lines.shape[1]} entries, but "
            f"it has shape {point.shape}{'' if np.isfinite(point).all() else ' or holds NaN'}."
        )
    depths = lines @ point
    shallow = int(np.abs(depths).argmin())
    if abs(depths[shallow]) <= _TOLERANCE * np.linalg.norm(point):
        raise ValueError(
            f"The point inside the chamber lies on the mirror with normal "
            f"{(lines[shallow].round(4) + 0.0).tolist()}, so that the chamber is ambiguous; move "
            f"it off all mirrors."
        )
    positive = lines * np.sign(depths)[:, None]
    images = np.einsum("gij,bj->gbi", _householder(positive), positive)
    made_negative = (images @ point < 0).sum(axis=1)
    return positive[made_negative == 1]


# --------------------------------------------------------------------------------------------
# The two actions on latent codes
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CyclicShifts:
    """C_n acting on codes of shape ``(B, k, n)``: ``k`` copies of the regular representation.

    The element ``r`` shifts the last axis of all copies together,
    ``torch.roll(z, shifts=r, dims=-1)``. Any number of axes may stand between the batch and the
    last axis; they are all copies.

    Attributes
    ----------
    degree : int
        The ``n`` of C_n, at least 1.

    Raises
    ------
    TypeError
        If the degree is not an integer.
    ValueError
        If the degree is smaller than 1.
    """

    degree: int

    def __post_init__(self) -> None:
        _check_degree(self.degree, "CyclicShifts")

    @property
    def name(self) -> str:
        """The name of the group."""
        return f"C_{self.degree}"

    @property
    def order(self) -> int:
        """The number of group elements."""
        return self.degree

    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Shift every member of a batch.

        Parameters
        ----------
        elements : int or torch.Tensor
            One shift for the whole batch, or integers of shape ``(B,)``.
        x : torch.Tensor
            Shape ``(B, ..., n)``.

        Returns
        -------
        torch.Tensor
            The shifted batch.

        Raises
        ------
        ValueError
            If the last axis is not ``n``, or there is not one element for each member.
        """
        self.check_shape(x)
        index = _check_elements(elements, x.shape[0], self.order, x.device)
        if index.ndim == 0:
            return torch.roll(x, int(index), dims=-1)
        steps = torch.arange(self.degree, device=x.device)
        source = (steps - index[:, None]) % self.degree
        source = source.reshape(len(index), *[1] * (x.ndim - 2), self.degree)
        return torch.gather(x, -1, source.expand(x.shape))

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw shifts uniformly.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        torch.Tensor
            Integers of shape ``(count,)``.
        """
        return torch.randint(self.order, (count,), generator=generator)

    def representation(self) -> Representation:
        """Return the same action on one copy as matrices.

        Returns
        -------
        Representation
            The regular representation of C_n.
        """
        return regular_representation(cyclic(self.degree))

    def check_shape(self, x: torch.Tensor) -> None:
        """Refuse a tensor that the group cannot act on.

        Parameters
        ----------
        x : torch.Tensor
            The candidate.

        Raises
        ------
        ValueError
            If ``x`` has fewer than two axes or its last axis is not ``n``.
        """
        if x.ndim < 2 or x.shape[-1] != self.degree:
            raise ValueError(
                f"{self.name} shifts tensors of shape (B, ..., {self.degree}), but this one has "
                f"shape {tuple(x.shape)}."
            )


@dataclass(frozen=True)
class PointPermutations:
    r"""S_n permuting the points of sets: shape ``(B, n)`` or ``(B, n, d)``.

    An element is a permutation ``p`` of shape ``(n,)``, where ``p[i]`` is the place that point
    ``i`` goes to: :math:`(p\,x)_{p(i)} = x_i`. This is a left action, and on ``(B, n)`` it is
    the permutation representation. The elements are never listed, so ``n`` may be large.

    Attributes
    ----------
    degree : int
        The number ``n`` of points, at least 1.

    Raises
    ------
    TypeError
        If the degree is not an integer.
    ValueError
        If the degree is smaller than 1.
    """

    degree: int

    def __post_init__(self) -> None:
        _check_degree(self.degree, "PointPermutations")

    @property
    def name(self) -> str:
        """The name of the group."""
        return f"S_{self.degree}"

    @property
    def order(self) -> int:
        """The number of group elements, ``n!``."""
        return math.factorial(self.degree)

    def act(self, elements: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Permute the points of every member of a batch.

        Parameters
        ----------
        elements : torch.Tensor
            One permutation of shape ``(n,)`` for the whole batch, or one for each member, shape
            ``(B, n)``.
        x : torch.Tensor
            Shape ``(B, n)`` or ``(B, n, d)``.

        Returns
        -------
        torch.Tensor
            The permuted batch.

        Raises
        ------
        ValueError
            If the shapes do not fit or a row is not a permutation.
        """
        self.check_shape(x)
        index = torch.as_tensor(elements, device=x.device)
        if index.shape not in ((self.degree,), (x.shape[0], self.degree)):
            raise ValueError(
                f"An element of {self.name} is a permutation of {self.degree} points, shape "
                f"({self.degree},) or ({x.shape[0]}, {self.degree}), but the elements have shape "
                f"{tuple(index.shape)}."
            )
        ordered, source = index.expand(x.shape[0], self.degree).sort(dim=1)
        if not torch.equal(ordered, torch.arange(self.degree, device=x.device).expand_as(ordered)):
            raise ValueError(f"An element of {self.name} must hold each of 0 to n - 1 once.")
        if x.ndim == 3:
            source = source[:, :, None].expand(x.shape)
        return torch.gather(x, 1, source)

    def random_elements(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw permutations uniformly.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        torch.Tensor
            Integers of shape ``(count, n)``.
        """
        return torch.rand(count, self.degree, generator=generator, dtype=torch.float64).argsort(1)

    def representation(self) -> Representation:
        """Return the action on ``(B, n)`` as matrices, for ``n`` up to 6.

        Returns
        -------
        Representation
            The permutation representation of S_n.

        Raises
        ------
        ValueError
            If ``n`` is larger than 6.
        """
        return permutation_representation(symmetric(self.degree))

    def check_shape(self, x: torch.Tensor) -> None:
        """Refuse a tensor that the group cannot act on.

        Parameters
        ----------
        x : torch.Tensor
            The candidate.

        Raises
        ------
        ValueError
            If the shape is neither ``(B, n)`` nor ``(B, n, d)``.
        """
        if x.ndim not in (2, 3) or x.shape[1] != self.degree:
            raise ValueError(
                f"{self.name} permutes the points of tensors of shape (B, {self.degree}) or "
                f"(B, {self.degree}, d), but this one has shape {tuple(x.shape)}."
            )


GroupAction = Representation | CyclicShifts | PointPermutations
"""Any of the three ways in which a group acts on a batch of tensors."""

ElementMap = Callable[[torch.Tensor], torch.Tensor]
"""What one group element does to a batch."""
