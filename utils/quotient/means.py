"""Means in the quotient: the orbit that is nearest to some orbits in the sense of least squares."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from utils._checks import check_whole
from utils.groups import Action
from utils.quotient._checks import check_pair
from utils.quotient.alignment import Alignment, align

__all__ = ["FrechetMean", "frechet_mean"]


@dataclass(frozen=True)
class FrechetMean:
    """A mean of orbits, and how it was reached.

    ``mean``, shape ``(1, ...)``, stands for its orbit. ``values`` are the means of the squared
    distances to the orbits at the start and after each step, which never grow. ``alignment`` holds
    the codes aligned with the mean.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> codes = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    >>> frechet_mean(codes, CyclicShifts(3)).alignment.elements.tolist()
    [0, 1]
    """

    mean: torch.Tensor
    values: tuple[float, ...]
    alignment: Alignment


def frechet_mean(
    x: torch.Tensor, action: Action, *, start: torch.Tensor | None = None, max_steps: int = 100
) -> FrechetMean:
    r"""Look for the orbit with the least mean squared distance to the orbits of ``x``.

    .. math:: F(m) = \frac{1}{B} \sum_b d_{Z/G}(m, x_b)^2

    Align all codes with the mean, average the aligned codes, and repeat until no code moves
    (Jain and Obermayer 2009; align all and compute of Calissano, Feragen and Vantini 2023). The
    average of the aligned codes is at least as near to them as the old mean, and to align again
    brings them nearer still: :math:`F` never grows. What is reached depends on the start and need
    not be the global minimum.

    Codes have the shape ``(B, ...)``. The ``start``, shape ``(1, ...)``, is the first of them
    unless it is given.

    Examples
    --------
    >>> from utils.groups import PointPermutations
    >>> numbers = torch.tensor([[1.0, 5.0], [7.0, 3.0]])
    >>> found = frechet_mean(numbers, PointPermutations(2))
    >>> found.mean.tolist(), found.values
    ([[2.0, 6.0]], (4.0, 2.0))
    """
    steps = check_whole(max_steps, "max_steps")
    mean = x[:1] if start is None else start
    check_pair(x, mean, action, "x start")
    if len(mean) != 1:
        raise ValueError(f"The mean starts from one code, but there are {len(mean)}.")
    x, mean = x.detach(), mean.detach()
    alignment = align(x, mean, action)
    values = [_value(alignment, mean)]
    for _ in range(steps):
        average = alignment.aligned.mean(dim=0, keepdim=True)
        found = align(x, average, action)
        value = _value(found, average)
        if not value < values[-1]:
            break
        mean, alignment = average, found
        values.append(value)
    return FrechetMean(mean, tuple(values), alignment)


def _value(alignment: Alignment, mean: torch.Tensor) -> float:
    """Return the mean of the squared distances, from the differences."""
    difference = alignment.aligned.double() - mean.double()
    return float(difference.square().flatten(1).sum(dim=1).mean())
