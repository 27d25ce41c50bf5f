"""By how much outputs change when clouds move, in units of their spread over clouds."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from utils._checks import check_choice, check_float, check_whole

__all__ = [
    "MOTIONS",
    "invariance_error",
    "invariance_errors",
    "move",
    "pixel_grid",
    "random_clouds",
]

MOTIONS = ("translation", "rotation", "scaling", "motion")
"""What clouds can be moved by; a motion is a rotation followed by a translation."""


def random_clouds(
    number: int,
    size: int,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor]:
    """Draw clouds in the plane: normal points, and a normal value at each.

    Returns
    -------
    points : torch.Tensor
        Shape ``(number, size, 2)``.
    values : torch.Tensor
        Shape ``(number, size, 1)``.

    Examples
    --------
    >>> points, values = random_clouds(4, 24, generator=torch.Generator().manual_seed(0))
    >>> points.shape, values.shape
    (torch.Size([4, 24, 2]), torch.Size([4, 24, 1]))
    """
    check_whole(number, "The number of clouds")
    check_whole(size, "The number of points")
    drawn = torch.randn(number, size, 3, generator=generator, dtype=dtype)
    return drawn[..., :2].contiguous(), drawn[..., 2:].contiguous()


def pixel_grid(side: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return the centres of a square's pixels, ``(side * side, 2)``, the square's centre at 0.

    Opposite pixels lie in opposite directions. With an odd side one pixel lies at the origin.

    Examples
    --------
    >>> pixel_grid(2).tolist()
    [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    """
    steps = torch.arange(check_whole(side, "The side"), dtype=dtype) - (side - 1) / 2
    return torch.cartesian_prod(steps, steps)


def move(points: Tensor, motion: str, *, generator: torch.Generator | None = None) -> Tensor:
    """Move every cloud of the plane by a transformation of its own.

    Translations are normal, rotations about the origin uniform, and scales :math:`e^t` with t
    uniform in (-1, 1). Nothing is changed in the argument.

    Parameters
    ----------
    points : torch.Tensor
        Shape ``(B, n, 2)``.
    motion : str
        One of :data:`MOTIONS`.
    generator : torch.Generator, optional

    Examples
    --------
    >>> before = torch.zeros(2, 5, 2)
    >>> after = move(before, "translation", generator=torch.Generator().manual_seed(0))
    >>> bool((after[:, 0] == after[:, 4]).all()), bool((after == before).any())
    (True, False)
    """
    check_choice(motion, "The motion", MOTIONS)
    check_float(points, "The tensor of points")
    if points.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(f"Clouds of the plane have shape (B, n, 2), not {tuple(points.shape)}.")
    number, given = len(points), points
    if motion == "scaling":
        scale = 1 - 2 * torch.rand(number, 1, 1, generator=generator, dtype=torch.float64)
        return points * scale.exp().to(given)
    if motion in ("rotation", "motion"):
        angle = 2 * math.pi * torch.rand(number, generator=generator, dtype=torch.float64)
        cosine, sine = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)
        points = points @ turn.to(given).mT
    if motion in ("translation", "motion"):
        shift = torch.randn(number, 1, 2, generator=generator, dtype=torch.float64)
        points = points + shift.to(given)
    return points


def invariance_errors(before: Tensor, after: Tensor) -> Tensor:
    """Return by how much each output changed, in units of the spread of outputs over clouds.

    Parameters
    ----------
    before, after : torch.Tensor
        Shape ``(B, outputs)``, B at least 2: the outputs of clouds, and of the same moved.

    Returns
    -------
    torch.Tensor
        Shape ``(B, outputs)``: absolute changes over the standard deviation of ``before``.

    Examples
    --------
    >>> invariance_errors(torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [3.0]])).tolist()
    [[0.0], [1.0]]
    """
    for tensor, what in ((before, "The outputs before"), (after, "The outputs after")):
        check_float(tensor, what)
    if before.shape != after.shape or before.ndim != 2 or len(before) < 2:
        raise ValueError(
            f"Outputs of at least two clouds are compared, both of shape (B, outputs), not "
            f"{tuple(before.shape)} and {tuple(after.shape)}."
        )
    spread = before.std(0, correction=0)
    if (spread == 0).any():
        raise ValueError(
            "An output is the same for all clouds: a constant is invariant under everything."
        )
    return (after - before).abs() / spread


def invariance_error(
    outputs: Callable[[Tensor], Tensor],
    points: Tensor,
    motion: str,
    *,
    generator: torch.Generator | None = None,
) -> float:
    """Return by how much outputs change when clouds move, as a root mean square over clouds.

    Parameters
    ----------
    outputs : callable
        Takes points ``(B, n, 2)`` and returns ``(B, outputs)``.
    points : torch.Tensor
        Shape ``(B, n, 2)``.
    motion : str
        One of :data:`MOTIONS`.
    generator : torch.Generator, optional
        Where the motions come from.

    Returns
    -------
    float
        In units of the standard deviation of outputs over the clouds: 0 for an invariant map,
        about 1.4 for one that forgets the cloud when it moves.

    Examples
    --------
    >>> points = torch.randn(8, 5, 2, generator=torch.Generator().manual_seed(0))
    >>> widths = lambda p: p.std(1)
    >>> round(invariance_error(widths, points, "translation"), 5)
    0.0
    """
    moved = move(points, motion, generator=generator)
    with torch.no_grad():
        errors = invariance_errors(outputs(points), outputs(moved))
    return float(errors.square().mean().sqrt())
