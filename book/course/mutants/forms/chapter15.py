"""The slope of an augmented training loss in its width, and the width that held-out data prefer."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jvp
from torch.linalg import matrix_exp

Map = Callable[[Tensor], Tensor]
Data = tuple[Tensor, Tensor]
Found = tuple[Tensor, Tensor]


def _squares(f: Map, A: Tensor, B: Tensor, data: Data, w: Tensor, u: Tensor) -> Tensor:
    x, y = data
    total = torch.zeros_like(w)
    for s in u:
        values = f(x @ matrix_exp(s * w * A).T)
        gap = values @ matrix_exp(-(s * w) * B).T - y
        total = total + (gap * gap).sum(dim=1).mean()
    return total / len(u)


def by_lie_derivative(
    f: Map, A: Tensor, B: Tensor, train: Data, held: Data, widths: Tensor, u: Tensor, reward: float
) -> Found:
    """Let every gap feel the Lie derivative at the moved points."""
    x, y = train
    slopes, errors = [], []
    for w in widths:
        slope = torch.zeros_like(w)
        for s in u:
            moved = x @ matrix_exp(s * w * A).T
            value, pushed = jvp(f, (moved,), (moved @ A.T,))[:2]
            lie = pushed - value @ B.T
            back = matrix_exp(-(s * w) * B).T
            slope = slope + 2 * s * ((value @ back - y) * (lie @ back)).sum(dim=1).mean()
        slopes.append(slope / len(u) - reward)
        errors.append(_squares(f, A, B, held, w, u))
    return torch.stack(slopes), widths[torch.stack(errors).argmin()]


def by_reverse_mode(
    f: Map, A: Tensor, B: Tensor, train: Data, held: Data, widths: Tensor, u: Tensor, reward: float
) -> Found:
    """Differentiate each objective backwards; keep the best width on the way."""
    slopes = []
    least, best = None, widths[0]
    for w in widths:
        v = w.clone().requires_grad_()
        objective = _squares(f, A, B, train, v, u) - reward * v
        slopes.append(torch.autograd.grad(objective, v)[0])
        error = _squares(f, A, B, held, w, u)
        if least is None or error < least:
            least, best = error, w
    return torch.stack(slopes), best


def by_forward_mode(
    f: Map, A: Tensor, B: Tensor, train: Data, held: Data, widths: Tensor, u: Tensor, reward: float
) -> Found:
    """Move the points by all angles at once, and push a tangent of the width through."""

    def spread(w: Tensor, data: Data) -> Tensor:
        x, y = data
        t = u[:, None, None] * w
        values = f((matrix_exp(t * A) @ x.T).mT)
        back = (matrix_exp(-t * B) @ values.mT).mT
        return (back - y).square().mean(dim=(0, 1)).sum()

    one = torch.ones_like(widths[0])
    slopes = [jvp(lambda v: spread(v, train), (w,), (one,))[1] - reward for w in widths]
    errors = torch.stack([spread(w, held) for w in widths])
    return torch.stack(slopes), widths[errors.argsort()[0]]
