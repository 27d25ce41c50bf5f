"""Losses of re-rendering, for rows on a circle that turn and codes whose rows shift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from book.course.mutants.forms import chapter18 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Map = Callable[[Tensor], Tensor]


def inputs(seed: int) -> list[tuple[object, ...]]:
    """Draw encoders and decoders that mix places, pictures, turns and shifts.

    With each comes the loss, from NumPy's rolls, one picture after another.
    """
    draw = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    found: list[tuple[object, ...]] = []
    for batch, rows, n in [(4, 2, 6), (3, 3, 5), (6, 2, 8), (2, 4, 7), (5, 3, 6)]:
        E, D, x = some(rows, n, n) / 2, some(rows, n, n) / 2, some(batch, n)
        j, k = (torch.randint(0, 2 * n, (batch,), generator=draw) for _ in range(2))

        def encode(x: Tensor, E: Tensor = E) -> Tensor:
            return torch.tanh(torch.einsum("bi,cij->bcj", x, E))

        def decode(z: Tensor, D: Tensor = D) -> Tensor:
            return torch.einsum("bcj,cji->bi", z, D)

        found.append((encode, decode, x, j, k, _wanted(encode, decode, x, j, k)))
    return found


def _wanted(encode: Map, decode: Map, x: Tensor, j: Tensor, k: Tensor) -> Tensor:
    """Take one picture after another."""
    losses = []
    for row, turn, shift in zip(x.numpy(), j.tolist(), k.tolist(), strict=True):
        code = encode(torch.from_numpy(np.roll(row, turn))[None]).numpy()
        drawn = decode(torch.from_numpy(np.roll(code, shift, axis=2))).numpy()[0]
        losses.append(((drawn - np.roll(row, turn + shift)) ** 2).sum())
    return torch.tensor(np.mean(losses), dtype=torch.float64)


def error(
    loss: Implementation, encode: Map, decode: Map, x: Tensor, j: Tensor, k: Tensor, wanted: Tensor
) -> tuple[float, Tensor]:
    """Return how far a loss is from the right one."""
    found = loss(encode, decode, x.clone(), j.clone(), k.clone())
    return apart(found, wanted), found.reshape(1)


SUBJECT = Subject("18", forms, inputs, error, shipped=True)
