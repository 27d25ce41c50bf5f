"""Tables of codes: an encoder (B, H, H) to (B, d) and images to (B, d, 4)."""

from collections.abc import Callable

import torch
from torch import Tensor

Encoder = Callable[[Tensor], Tensor]


def turn_after_turn(f: Encoder, x: Tensor) -> Tensor:
    """Turn on from turn to turn."""
    columns = []
    for r in range(4):
        columns.append(f(torch.rot90(x, -r, (1, 2))))
    return torch.stack(columns, dim=-1)


def in_one_batch(f: Encoder, x: Tensor) -> Tensor:
    """Encode all turned images at once."""
    turned = torch.cat([torch.rot90(x, 4 - r, (1, 2)) for r in range(4)])
    codes = f(turned)
    return codes.unflatten(0, (4, len(x))).permute(1, 2, 0)


def written_in(f: Encoder, x: Tensor) -> Tensor:
    """Write the columns into a table, turning by transpositions."""
    code = f(x)
    table = torch.zeros(len(x), code.shape[1], 4, dtype=code.dtype)
    table[:, :, 0] = code
    for r in range(1, 4):
        x = x.mT.flip(2)
        table[:, :, r] = f(x)
    return table


def by_reflections(f: Encoder, x: Tensor) -> Tensor:
    """Make the four turns from transpositions and reflections."""
    quarter, half, three = x.mT.flip(-1), x.flip(1).flip(2), x.mT.flip(-2)
    return torch.stack([f(x), f(quarter), f(half), f(three)], dim=2)
