"""Finite groups and the finite sets that they permute.

A :class:`FiniteGroup` builds the action on the points that it is named after, and a
:class:`SetAction` belongs to a group; so the two share one file. The groups of the book are in
:mod:`utils.groups.families`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from utils.groups._checks import read_only
from utils.groups.action import Group
from utils.groups.axioms import (
    AxiomReport,
    check_axioms,
    check_table_form,
    closure,
    find_identity,
)

__all__ = [
    "FiniteGroup",
    "SetAction",
]


@dataclass(frozen=True, eq=False)
class FiniteGroup(Group):
    """A finite group, given by its multiplication table.

    The elements are the integers ``0`` to ``order - 1``; ``labels`` says what they are called.
    A table that is not that of a group is refused. Two groups are equal if their tables are.

    Attributes
    ----------
    name : str
        For example ``"C_8"``.
    order : int
        The number of elements.
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
    order: int = field(init=False)
    table: np.ndarray = field(repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)
    family: str = field(default="other", repr=False)
    degree: int = field(default=0, repr=False)
    natural_images: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        table = check_table_form(self.table).astype(np.int64)
        n = len(table)
        everyone = np.arange(n)
        identity = find_identity(table)
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
        object.__setattr__(self, "order", n)
        object.__setattr__(self, "table", read_only(table))
        object.__setattr__(self, "labels", labels)
        if self.natural_images is not None:
            images = read_only(np.asarray(self.natural_images, dtype=np.int64))
            object.__setattr__(self, "natural_images", images)

    @staticmethod
    def _passes_light(table: np.ndarray, identity: int) -> bool:
        """Light's test: the middle factor of ``(xa)y = x(ay)`` need only run over generators."""
        generators: list[int] = []
        reached = np.array([identity])
        while len(reached) < len(table):
            missing = np.setdiff1d(np.arange(len(table)), reached)
            generators.append(int(missing[0]))
            reached = closure(table, generators, identity)
        return all(np.array_equal(table[table[:, a]], table[:, table[a]]) for a in generators)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FiniteGroup) and np.array_equal(self.table, other.table)

    def __hash__(self) -> int:
        return hash((self.order, self.table.tobytes()))

    def __len__(self) -> int:
        return self.order

    @property
    def elements(self) -> range:
        """The elements, as integers."""
        return range(self.order)

    @cached_property
    def identity(self) -> int:
        """The neutral element."""
        found = find_identity(self.table)
        assert found is not None
        return found

    @cached_property
    def inverses(self) -> np.ndarray:
        """Read-only integers of shape ``(order,)``: the inverse of each element."""
        return read_only(np.argmax(self.table == self.identity, axis=1))

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
                reached = set(closure(self.table, chosen, self.identity).tolist())
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
        return tuple(int(a) for a in closure(self.table, checked, self.identity))

    def check_axioms(self) -> AxiomReport:
        """Check the axioms over all triples; see :func:`~utils.groups.check_axioms`.

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
        object.__setattr__(self, "images", read_only(images))

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
            If there would be more than ten million images to store;
            :func:`~utils.groups.count_colourings` counts orbits without listing them.
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


def cycles(image: Sequence[int] | np.ndarray) -> list[list[int]]:
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
