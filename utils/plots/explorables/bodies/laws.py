"""Laws by which bodies of the figure move: springs, or a network with given weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from numpy.typing import ArrayLike

__all__ = ["FEATURES", "PointNetwork", "SpringLaw"]

#: What a network of the figure may see of n bodies, with the number of features for each n.
FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "positions": "the coordinates, body by body",
        "centred": "the coordinates less their mean",
        "products": "the inner products q_i . q_j for i <= j",
        "distances": "the squared distances |q_i - q_j|^2 for i < j",
    }
)


@dataclass(frozen=True, eq=False)
class SpringLaw:
    """Springs between bodies, and from the origin to them.

    The force on body i is ``sum_j k_ij (q_j - q_i) - a_i q_i``. If k is symmetric it is that of the
    potential ``sum_{i<j} k_ij |q_i - q_j|^2 / 2 + sum_i a_i |q_i|^2 / 2``; otherwise it has none.

    Attributes
    ----------
    name : str
        What the reader chooses by.
    stiffness : array_like
        Shape (n, n): k.
    anchors : array_like, optional
        Shape (n,): a, by default zero.
    """

    name: str
    stiffness: ArrayLike
    anchors: ArrayLike | None = None


@dataclass(frozen=True, eq=False)
class PointNetwork:
    """A potential given by a network of one hidden layer, ``sum_h c_h tanh(W_h . f(q) + b_h)``.

    Attributes
    ----------
    name : str
        What the reader chooses by.
    inputs : str
        What f is: ``"positions"``, ``"centred"``, ``"products"`` or ``"distances"``, as
        ``FEATURES`` explains. The first has no symmetry; the potential of the second is
        invariant under translations, of the third under rotations about the origin, and of the
        fourth under both.
    hidden : array_like
        Shape (H, F): W, for F features.
    bias, out : array_like
        Shape (H,): b and c.
    """

    name: str
    inputs: str
    hidden: ArrayLike
    bias: ArrayLike
    out: ArrayLike
