"""Tables of codes: column r is the code of the image turned back by r quarter turns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from book.course.mutants.forms import chapter12 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Encoder = Callable[[Tensor], Tensor]


def inputs(seed: int) -> list[tuple[Encoder, Tensor, Tensor]]:
    """Draw encoders with several outputs, and batches of images (B, H, H).

    With each comes the table of codes of images that NumPy turned, one at a time.
    """
    draw = torch.Generator().manual_seed(seed)
    found: list[tuple[Encoder, Tensor, Tensor]] = []
    for batch, side, d in [(5, 6, 3), (1, 5, 2), (4, 4, 5), (3, 7, 2), (2, 5, 4), (6, 6, 6)]:
        A = torch.randn(side * side, d, generator=draw) / side

        def encoder(x: Tensor, A: Tensor = A) -> Tensor:
            return torch.tanh(x.reshape(len(x), -1) @ A)

        x = torch.randn(batch, side, side, generator=draw)
        columns = []
        for r in range(4):
            turned = [torch.from_numpy(np.rot90(image, -r).copy()) for image in x.numpy()]
            columns.append(torch.cat([encoder(one[None]) for one in turned]))
        found.append((encoder, x, torch.stack(columns, dim=2)))
    return found


def error(F: Implementation, f: Encoder, x: Tensor, wanted: Tensor) -> tuple[float, Tensor]:
    """Return how far a table is from the right one."""
    found = F(f, x.clone())
    return apart(found, wanted), found


SUBJECT = Subject("12", forms, inputs, error, hard=1, shipped=True)
