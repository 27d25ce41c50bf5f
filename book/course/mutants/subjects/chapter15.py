"""Learned widths: the slope of the training objective, and what held-out data prefer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import expm
from torch import Tensor

from book.course.mutants.forms import chapter15 as forms
from book.course.mutants.generator import Implementation
from book.course.mutants.oracle import Subject, apart

Map = Callable[[Tensor], Tensor]
Data = tuple[Tensor, Tensor]


def inputs(seed: int) -> list[tuple[object, ...]]:
    """Draw maps, generators, data and widths, in double precision.

    Held-out data prefer another width than training data do, by some way. With each come the
    slopes as difference quotients, and the width that is best.
    """
    draw = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    def wave(W: Tensor) -> Map:
        return lambda x: torch.sin(x @ W.T)

    def linear(W: Tensor) -> Map:
        return lambda x: x @ W.T

    found: list[tuple[object, ...]] = []
    for kind, d, e in [(wave, 2, 3), (linear, 3, 2), (wave, 2, 2), (wave, 3, 1)]:
        while True:
            f, A, B = kind(some(e, d)), some(d, d), some(e, e)
            u = 2 * torch.rand(3, generator=draw, dtype=torch.float64) - 1
            widths = 0.2 + torch.rand(3, generator=draw, dtype=torch.float64)
            x, z = some(4, d), some(3, d)
            train, held = (x, f(x) + 0.3 * some(4, e)), (z, some(3, e))
            inside, outside = (
                [_error(f, A, B, data, float(w), u) for w in widths] for data in (train, held)
            )
            order = np.sort(outside)
            clear = order[1] > 1.01 * order[0] and max(inside) < 20
            if clear and np.argmin(inside) != np.argmin(outside):
                break
        reward, h = float(torch.rand(1, generator=draw)), 1e-4
        slopes = [
            (_error(f, A, B, train, w + h, u) - _error(f, A, B, train, w - h, u)) / (2 * h) - reward
            for w in widths.tolist()
        ]
        best = float(widths[int(np.argmin(outside))])
        found.append((f, A, B, train, held, widths, u, reward, slopes, best))
    return found


def _error(f: Map, A: Tensor, B: Tensor, data: Data, w: float, u: Tensor) -> float:
    """Return the error of a width from the definition, one point and one angle after another."""
    gaps = [
        expm(-w * s * B.numpy()) @ f(torch.tensor(expm(w * s * A.numpy())) @ a).numpy() - b.numpy()
        for s in u.tolist()
        for a, b in zip(*data, strict=True)
    ]
    return float(np.mean([gap @ gap for gap in gaps]))


def error(
    L: Implementation,
    f: Map,
    A: Tensor,
    B: Tensor,
    train: Data,
    held: Data,
    widths: Tensor,
    u: Tensor,
    reward: float,
    slopes: list[float],
    best: float,
) -> tuple[float, tuple[Tensor, Tensor]]:
    """Return how far the slopes are from the right ones, and 1 at least for another width."""
    copies = ((x.clone(), y.clone()) for x, y in (train, held))
    found, width = L(f, A.clone(), B.clone(), *copies, widths.clone(), u.clone(), reward)
    gap = apart(found.detach(), slopes)
    return gap + (abs(float(width) - best) > 1e-6), (found, width.reshape(1))


SUBJECT = Subject("15", forms, inputs, error, shipped=True)
