"""The best copy of a code seen from a reference, and the shortest path that leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from utils._precision import full_precision
from utils.groups import Action
from utils.quotient._checks import broadcast, check_pair
from utils.quotient.matching import nearest

__all__ = ["Alignment", "align", "quotient_geodesic"]


@dataclass(frozen=True)
class Alignment:
    """The best copies of a batch of codes, seen from a reference.

    ``aligned`` holds ``g x`` for the best ``g`` of each member, ``elements`` these ``g`` as
    ``action.act`` takes them, integers ``(B,)`` or permutations ``(B, n)``; among equally good
    elements of a listed group the smallest. ``distance`` is the quotient distance, ``(B,)``.

    Examples
    --------
    >>> from utils.groups import PointPermutations
    >>> found = align(torch.tensor([[5.0, 1.0]]), torch.tensor([[1.0, 4.0]]), PointPermutations(2))
    >>> found.aligned.tolist(), found.elements.tolist(), found.distance.tolist()
    ([[1.0, 5.0]], [[1, 0]], [1.0])
    """

    aligned: torch.Tensor
    elements: torch.Tensor
    distance: torch.Tensor


@full_precision
def align(x: torch.Tensor, reference: torch.Tensor, action: Action) -> Alignment:
    r"""Move every code as close to its reference as the group allows.

    There is one reference for each of the codes, shape ``(B, ...)``, or a batch of one for all.
    Found are the moved codes :math:`g_b x_b`, the elements :math:`g_b` and the distances.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> code = torch.tensor([[3.0, 1.0, 0.0, 0.0]])
    >>> align(code.roll(1, -1), code, CyclicShifts(4)).aligned
    tensor([[3., 1., 0., 0.]])
    """
    check_pair(x, reference, action, "x reference")
    if len(reference) not in (1, len(x)):
        raise ValueError(
            f"There is one reference, or one for each of the {len(x)} codes, but there are "
            f"{len(reference)}."
        )
    distance, elements = nearest(action, reference.expand_as(x), x)
    return Alignment(action.act(elements, x.clone()), elements, distance.to(x.dtype))


@full_precision
def quotient_geodesic(
    x: torch.Tensor,
    y: torch.Tensor,
    action: Action,
    times: torch.Tensor | Sequence[float],
) -> torch.Tensor:
    r"""Walk along a shortest path from the orbit of ``x`` to the orbit of ``y``.

    The path is the image of the straight line from ``x`` to the nearest copy of ``y``. It has
    constant speed: :math:`d_{Z/G}(\gamma(s), \gamma(t)) = |s - t|\, d_{Z/G}(x, y)`.

    The ``T`` times lie between 0 (at ``x``) and 1 (at the orbit of ``y``). For codes of one shape
    ``(B, ...)`` the result, ``(T, B, ...)``, holds points of Z that stand for their orbits.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> start, end = torch.tensor([[4.0, 0.0]]), torch.tensor([[1.0, 2.0]])
    >>> quotient_geodesic(start, end, CyclicShifts(2), [0.5])  # by way of the copy (2, 1)
    tensor([[[3.0000, 0.5000]]])
    """
    check_pair(x, y, action, "x y")
    t = torch.as_tensor(times, dtype=x.dtype, device=x.device)
    if t.ndim != 1 or t.numel() == 0 or not ((t >= 0) & (t <= 1)).all():
        raise ValueError(
            "The times must be a list of at least one number between 0 and 1; beyond the ends the "
            "straight line need not be a shortest path."
        )
    x, y = broadcast(x, y)
    end = align(y, x, action).aligned
    return torch.lerp(x[None], end[None], t.reshape(-1, *[1] * x.ndim))
