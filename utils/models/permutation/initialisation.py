r"""Initial weights that keep the size of features, whatever the number of nodes and of layers.

The features of nodes and of pairs split into irreducible representations of :math:`S_n`: the
nodes into constants ("trivial") and vectors of sum zero ("standard"), the pairs into copies of
these two and one or two more kinds. An equivariant map mixes parts of one kind only (Schur). The
weights mix them with independent normal numbers whose variance is one over the number of channels
that arrive, so that the mean square of each part is kept, whatever the input, and no part grows
with depth. This rule is the book's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from utils.models.permutation.features import unordered_pairs
from utils.models.permutation.operations import FUNCTIONS, PARTS, Orders, symmetric_operations

__all__ = ["initial_weights"]

_FOUR = 4  # so many nodes show every pattern of up to four indices


class _Copy(NamedTuple):
    """A copy of an irreducible representation in a space of features.

    An equivariant map is known from its entries among the first four nodes, where every pattern
    of equal indices occurs, so everything here is restricted to these. ``a.rows @ b.rows.T``
    carries copy ``b`` isometrically to copy ``a`` of the same kind. A kind that occurs once has
    its orthogonal projection, ``projection``, instead.
    """

    kind: str
    part: str
    dimension: int
    rows: np.ndarray
    projection: np.ndarray | None = None


def _copies(order: int, n: int, *, symmetric: bool) -> list[_Copy]:
    """Split features of ``n >= 4`` nodes into irreducible representations of S_n."""
    one, centred = np.ones((n, 1)), np.eye(n) - 1 / n
    if order == 1:
        return [
            _Copy("trivial", "nodes", 1, one[:_FOUR] / n**0.5),
            _Copy("standard", "nodes", n - 1, centred[:_FOUR]),
        ]
    if symmetric:
        row, column = (np.append(np.arange(_FOUR), end) for end in np.triu_indices(_FOUR, 1))
    else:
        row, column = np.indices((_FOUR, _FOUR)).reshape(2, -1)
    off = (row != column)[:, None].astype(float)
    first, second = np.eye(n)[row], np.eye(n)[column]
    loops, both, apart = first * (1 - off), (first + second) * off, (first - second) * off
    sides = 1 if symmetric else 2  # an unordered pair is listed once, an ordered one twice
    found = [
        _Copy("trivial", "nodes", 1, loops @ one / n**0.5),
        _Copy("standard", "nodes", n - 1, loops @ centred),
        _Copy("trivial", "pairs", 1, off / (sides * n * (n - 1) / 2) ** 0.5),
        _Copy("standard", "pairs", n - 1, both @ centred / (sides * (n - 2)) ** 0.5),
    ]
    # What is left of the pairs: an even part and, with directions, an odd one.
    left = np.diag(off[:, 0])
    known = sum(copy.rows @ copy.rows.T for copy in found[2:])
    even = ("even", "pairs", n * (n - 3) // 2, np.empty(0))
    if symmetric:
        return [*found, _Copy(*even, left - known)]
    swap = np.eye(_FOUR**2)[column * _FOUR + row]
    turned = apart @ centred / (2 * n) ** 0.5
    odd = left @ (np.eye(_FOUR**2) - swap) / 2 - turned @ turned.T
    return [
        *found,
        _Copy("standard", "pairs", n - 1, turned),
        _Copy(*even, left @ (np.eye(_FOUR**2) + swap) / 2 - known),
        _Copy("odd", "pairs", (n - 1) * (n - 2) // 2, np.empty(0), odd),
    ]


def _operation_entries(orders: Orders, n: int, *, symmetric: bool) -> np.ndarray:
    """Return the entries of the operations among four of ``n`` nodes.

    Shape ``(operations, outputs, inputs)``; the rows and columns are those of :class:`_Copy`.
    """
    eye = torch.eye(n, dtype=torch.float64, device="cpu")
    x = eye[:_FOUR, :, None]
    if not symmetric:
        if orders[0] == 2:
            x = torch.einsum("ikc,jlc->ijklc", x, x).flatten(0, 1)
        found = FUNCTIONS[orders](x)
        kept = found[:, :_FOUR] if orders[1] == 1 else found[:, :_FOUR, :_FOUR].flatten(1, 2)
        return kept[:, :, 0].permute(2, 1, 0).numpy()
    among = (unordered_pairs(n).cpu() < _FOUR).all(0).nonzero()[:, 0]
    rows = {"nodes": torch.arange(_FOUR, device="cpu"), "pairs": among}
    pairs = None
    if orders[0] == 2:
        chosen = torch.cat([rows["nodes"], n + among])
        units = nn.functional.one_hot(chosen, n * (n + 1) // 2).double()[:, :, None]
        x, pairs = units[:, :n], units[:, n:]
    entries = []
    for target in PARTS[: orders[1]]:
        for operation in chain(*symmetric_operations(x, pairs, target).values()):
            parts = {part: operation.new_zeros(len(x), len(rows[part])) for part in PARTS}
            parts[target] = operation[:, rows[target], 0]
            entries.append(torch.cat([parts[part] for part in PARTS[: orders[1]]], dim=1).T)
    return torch.stack(entries).numpy()


class _Unit(NamedTuple):
    """An equivariant map that carries one irreducible part of the input to one of the output."""

    source: str
    target: str
    spread: float
    kind: str
    coefficients: tuple[float, ...]


@lru_cache(maxsize=32)
def _units(orders: Orders, n: int, symmetric: bool) -> tuple[_Unit, ...]:
    """Return the maps between irreducible parts, as combinations of the operations."""
    copies_in, copies_out = (_copies(order, n, symmetric=symmetric) for order in orders)
    entries = _operation_entries(orders, n, symmetric=symmetric)
    design = entries.reshape(len(entries), -1).T
    kinds = {copy.kind for copy in copies_in}
    found = []
    for b in copies_out:
        part = [copy for copy in copies_out if copy.part == b.part]
        reached = sum(copy.dimension for copy in part if copy.kind in kinds)
        spread = (sum(copy.dimension for copy in part) / reached) ** 0.5
        for a in copies_in:
            if a.kind == b.kind:
                unit = b.rows @ a.rows.T if b.projection is None else b.projection
                solved = np.linalg.lstsq(design, unit.ravel(), rcond=None)[0]
                found.append(_Unit(a.part, b.part, spread, a.kind, tuple(solved)))
    return tuple(found)


def initial_weights(
    orders: Orders,
    n: int,
    channels_in: Mapping[str, int],
    channels_out: Mapping[str, int],
    *,
    symmetric: bool,
) -> dict[tuple[str, str], Tensor]:
    """Draw weights from PyTorch's global generator, for "nodes" and "pairs" of so many channels.

    Returns
    -------
    dict
        Source and target to weights of *all* operations, shape ``(operations, C_in, C_out)``. An
        operation of the compact form needs only those of its own source and target; an operation
        of matrices acts on nodes and pairs at once, and takes the sum.
    """
    fan: dict[str, int] = {}
    for copy in _copies(orders[0], n, symmetric=symmetric):
        fan[copy.kind] = fan.get(copy.kind, 0) + channels_in[copy.part]
    weights: dict[tuple[str, str], Tensor] = {}
    for unit in _units(orders, n, symmetric):
        drawn = torch.randn(channels_in[unit.source], channels_out[unit.target])
        coefficients = torch.tensor(unit.coefficients, dtype=drawn.dtype)
        scaled = unit.spread / fan[unit.kind] ** 0.5 * coefficients[:, None, None] * drawn
        block = unit.source, unit.target
        weights[block] = weights[block] + scaled if block in weights else scaled
    return weights
