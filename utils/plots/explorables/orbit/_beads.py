"""Colourings of beads: their numbers, their orbits and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.groups import FiniteGroup, burnside_count
from utils.plots.explorables.orbit._moves import product


def number_of(colouring: Sequence[int], colours: int) -> int:
    """Return the number of a colouring: its colours are the digits, bead 0 first.

    Examples
    --------
    >>> number_of([1, 0, 1], 2)
    5
    """
    number = 0
    for colour in colouring:
        number = number * colours + colour
    return number


def colouring_of(number: int, beads: int, colours: int) -> tuple[int, ...]:
    """Return the colouring of a number.

    Examples
    --------
    >>> colouring_of(5, 3, 2)
    (1, 0, 1)
    """
    return tuple(number // colours**i % colours for i in reversed(range(beads)))


@dataclass(frozen=True)
class Beads:
    """A colouring among all others.

    Attributes
    ----------
    colouring : tuple of int
        The colour of each bead.
    orbit : tuple of int
        The numbers of its images, sorted.
    keepers : tuple of int
        The elements that fix it.
    fixed : tuple of int
        How many colourings each element fixes.
    orbits : int
        Into how many orbits all colourings fall.
    colours : int
        How many colours there are.
    """

    colouring: tuple[int, ...]
    orbit: tuple[int, ...]
    keepers: tuple[int, ...]
    fixed: tuple[int, ...]
    orbits: int
    colours: int

    @property
    def said(self) -> str:
        """What is said of the colouring, and of all."""
        size, kept, order = len(self.orbit), len(self.keepers), len(self.fixed)
        total, every = sum(self.fixed), self.colours ** len(self.colouring)
        mean = f"{total} / {order} = {burnside_count(np.array(self.fixed))}"
        mean = mean.replace(" ", "\N{NO-BREAK SPACE}")
        if kept == 1:
            words = "only the identity fixes this one"
        elif kept == order:
            words = f"all {order} elements fix it"
        else:
            words = f"{kept} elements fix this one"
        return (
            f"{size} {'colouring' if size == 1 else 'colourings'} in the orbit; {words}: "
            f"{product(size, kept)}. On average an element fixes {mean} colourings; all {every} "
            f"fall into {self.orbits} orbits."
        )


def beads_of(group: FiniteGroup, colouring: Sequence[int], colours: int) -> Beads:
    """Find the orbit of a colouring of a group's corners, and count all orbits by listing them.

    Examples
    --------
    >>> from utils.groups import dihedral
    >>> found = beads_of(dihedral(6), (1, 0, 1, 0, 1, 0), 2)
    >>> len(found.orbit), len(found.keepers), found.orbits
    (2, 6, 13)
    """
    action = group.natural_action().on_colourings(colours)
    number = number_of(colouring, colours)
    return Beads(
        tuple(colouring),
        tuple(action.orbit(number).tolist()),
        tuple(action.stabilizer(number).tolist()),
        tuple(action.fixed_points().tolist()),
        len(action.orbits()),
        colours,
    )
