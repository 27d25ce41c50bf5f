"""What a network makes of an image that turns: some feature maps, and some numbers of its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

__all__ = ["FieldMaps"]


@dataclass(frozen=True, eq=False)
class FieldMaps:
    """The maps of one field, for an image at T angles: 0°, 360°/T, and so on.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example ``"C8, first layer"``.
    maps : array_like
        Shape (T, n, m, m), from four to eight maps: for a regular field of ``C_n`` the channels
        in their order, so that map h belongs to the turn by ``360° h / n``. Negative values are
        shown as zero.
    code : array_like
        Shape (T, n): one copy of the code, or n of its numbers.
    labels : Sequence[str]
        The names of the n maps and numbers, for example ``"45°"``.
    filters : array_like, optional
        Shape (n, s, s): for each map the filter that made it, or of several the one to be seen.
    """

    name: str
    maps: ArrayLike
    code: ArrayLike
    labels: Sequence[str]
    filters: ArrayLike | None = None
