"""Orbits and stabilisers of a batch under any action, and how many orbits a finite set has.

The orbits of the points of a finite set are methods of :class:`~utils.groups.SetAction`.
"""

from __future__ import annotations

import numpy as np
import torch

from utils._checks import check_whole
from utils.groups._checks import TOLERANCE
from utils.groups.action import Action, check_action, check_batch
from utils.groups.finite import SetAction, cycles

__all__ = ["burnside_count", "count_colourings", "orbit", "stabilizer"]


def orbit(x: torch.Tensor, action: Action) -> torch.Tensor:
    """Move every member of ``x``, shape ``(B, ...)``, by every group element: ``(B, |G|, ...)``.

    The elements have the order of ``action.elements()``. Repetitions are kept.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> orbit(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), CyclicShifts(4))[0, :2].tolist()
    [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    """
    check_action(action)
    check_batch(x, action, "x")
    return torch.stack([action.act(g, x.clone()) for g in action.elements()], dim=1)


def stabilizer(x: torch.Tensor, action: Action, *, tolerance: float = TOLERANCE) -> torch.Tensor:
    """Say which elements leave which members of ``x`` where they are: truth values ``(B, |G|)``.

    The elements of a row form a subgroup; its order times the number of different members of the
    orbit is the order of the group. Entries may differ by ``tolerance`` times the largest entry of
    the orbit; ``float32`` needs a larger one.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> stabilizer(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), CyclicShifts(4)).tolist()
    [[True, False, True, False]]
    """
    moved = orbit(x, action).flatten(2)
    limit = tolerance * moved.abs().amax(dim=(1, 2)).clamp(min=torch.finfo(x.dtype).tiny)
    return (moved - x.flatten(1)[:, None]).abs().amax(dim=2) <= limit[:, None]


def burnside_count(fixed_points: np.ndarray) -> int:
    r"""Count orbits by Burnside's lemma: the mean number of fixed points.

    .. math:: |X/G| = \frac{1}{|G|} \sum_{g \in G} |X^g|

    ``fixed_points`` holds for each group element the number of points that it fixes, integers of
    any size; see :meth:`~utils.groups.finite.SetAction.fixed_points`. A mean that is not whole is
    refused: no action can produce it.

    Examples
    --------
    >>> burnside_count(np.array([3, 1]))  # swap two of three points
    2
    """
    counts = [int(count) for count in fixed_points]
    if not counts:
        raise ValueError("Burnside's lemma needs one count for each group element, but got none.")
    quotient, rest = divmod(sum(counts), len(counts))
    if rest:
        raise ValueError(
            f"The fixed points add up to {sum(counts)}, which {len(counts)} does not divide."
        )
    return quotient


def count_colourings(action: SetAction, colours: int) -> int:
    r"""Count the colourings of the points that no group element carries into each other.

    An element with :math:`c(g)` cycles fixes :math:`q^{c(g)}` colourings with :math:`q` colours,
    and Burnside's lemma takes the mean.

    Examples
    --------
    >>> from utils.groups import dihedral
    >>> count_colourings(dihedral(6).natural_action(), 2)  # bracelets of six beads
    13
    """
    q = check_whole(colours, "The number of colours")
    fixed = [q ** len(cycles(image)) for image in action.images]
    return burnside_count(np.array(fixed, dtype=object))
