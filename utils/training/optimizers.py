"""The optimisers of the training loop: made from a recipe, saved as tensors, restored.

A recipe names one of two ways to optimise. ``adamw`` gives every parameter to AdamW
(Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019). ``muon`` gives the
matrices between hidden layers to Muon (Jordan et al., 2024), which replaces the averaged
gradient of a matrix by the nearest semi-orthogonal matrix, so that every direction of the
matrix moves at the same rate; all else (embeddings, first and last layers, biases, gains)
goes to AdamW. A network that is to be trained with Muon says which of its parameters are such
matrices in a method ``hidden_matrices``.

PyTorch's own Muon looks for that semi-orthogonal matrix in bfloat16, which many processors have
to emulate: there a step of Muon takes longer than the forward and the backward pass. The
:class:`Muon` here does the same in single precision, for all matrices of one shape at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from utils.training.recipe import Recipe

__all__ = [
    "Muon",
    "load_optimizers",
    "make_optimizers",
    "optimizer_settings",
    "optimizer_tensors",
    "orthogonalized",
]


def orthogonalized(
    matrices: Tensor,
    *,
    steps: int = 5,
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    eps: float = 1e-7,
) -> Tensor:
    """Return matrices with the same singular vectors and singular values near one.

    The iteration of Newton and Schulz: with X of Frobenius norm one, repeat
    ``X = a X + (b X Xᵀ + c (X Xᵀ)²) X``. With the default coefficients the singular values do
    not converge to one but come, within five steps, to between about 0.7 and 1.2, those that
    are tiny beside the norm excepted (Jordan et al., 2024). No decomposition is needed.

    Parameters
    ----------
    matrices : torch.Tensor
        Shape ``(N, a, b)``, floating point, as the result; the arithmetic is that of its type.
    steps : int
    coefficients : tuple of float
        ``a``, ``b`` and ``c``.
    eps : float
        Smallest norm that a matrix is divided by.

    Examples
    --------
    >>> import torch
    >>> X = orthogonalized(torch.diag(torch.tensor([5.0, 2.0, 1.0])).expand(1, 3, 3))
    >>> sizes = torch.linalg.svdvals(X)
    >>> bool((sizes > 0.6).all() and (sizes < 1.3).all())
    True
    """
    a, b, c = coefficients
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices  # the products of rows are fewer
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Muon):
    """Muon in the precision of the weights (Jordan et al., 2024).

    The update of a matrix of shape ``(a, b)`` is its averaged gradient, made semi-orthogonal by
    :func:`orthogonalized`, times the rate and ``sqrt(max(1, a / b))``. Averages, weight decay
    and what is remembered are those of ``torch.optim.Muon``; so a state of either can be loaded
    into the other.

    Parameters
    ----------
    matrices : iterable of torch.Tensor
        The parameters, each of two dimensions.
    lr, weight_decay : float
        The rate, and decoupled weight decay.
    """

    def __init__(self, matrices: Iterable[Tensor], *, lr: float, weight_decay: float) -> None:
        super().__init__(list(matrices), lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every matrix that has a gradient; return what ``closure``, if given, returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            of_shape: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    of_shape.setdefault(matrix.shape, []).append(matrix)
            for (rows, columns), matrices in of_shape.items():
                updates = orthogonalized(
                    torch.stack([self._averaged(matrix, group) for matrix in matrices]),
                    steps=group["ns_steps"],
                    coefficients=group["ns_coefficients"],
                    eps=group["eps"],
                )
                rate = group["lr"] * math.sqrt(max(1, rows / columns))
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=rate)
        return loss

    def _averaged(self, matrix: Tensor, group: Mapping[str, Any]) -> Tensor:
        """Take a gradient into the running average; return what Nesterov's rule makes of both."""
        assert matrix.grad is not None
        state, momentum = self.state[matrix], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix.grad)
        average: Tensor = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(average, momentum) if group["nesterov"] else average


def make_optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Make the optimisers that a recipe asks for.

    Returns
    -------
    list of torch.optim.Optimizer
        One, or with ``muon`` two: AdamW first, then Muon. Together they hold every trainable
        parameter once. With ``muon``, the network has to have a method ``hidden_matrices``.

    Examples
    --------
    >>> recipe = Recipe(epochs=1, batch_size=8, learning_rate=1e-3)
    >>> [type(optimizer).__name__ for optimizer in make_optimizers(nn.Linear(2, 2), recipe)]
    ['AdamW']
    """
    trainable = [p for p in model.parameters() if p.requires_grad]
    matrices: list[Tensor] = []
    if recipe.optimizer == "muon":
        own = getattr(model, "hidden_matrices", None)
        if not callable(own):
            raise ValueError(
                f"{type(model).__name__} cannot be trained with muon: it has no method "
                f"'hidden_matrices' that says which parameters are matrices between hidden "
                f"layers; add one or choose the optimizer adamw"
            )
        matrices = list(own())
    chosen = {id(p) for p in matrices}
    others = [p for p in trainable if id(p) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    ]
    if matrices:
        optimizers.append(
            Muon(matrices, lr=recipe.matrix_learning_rate, weight_decay=recipe.weight_decay)
        )
    return optimizers


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return what optimisers remember of each parameter, as copies on the CPU.

    A key names the optimiser, the number of the parameter and the quantity.
    """
    return {
        f"{_prefix(number)}{index}.{key}": torch.as_tensor(value)
        .detach()
        .cpu()
        .clone()
        .contiguous()
        for number, optimizer in enumerate(optimizers)
        for index, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
    }


def optimizer_settings(
    optimizers: Sequence[torch.optim.Optimizer],
) -> list[list[dict[str, Any]]]:
    """Return the parameter groups of each optimiser as something JSON can hold."""
    return [optimizer.state_dict()["param_groups"] for optimizer in optimizers]


def load_optimizers(
    optimizers: Sequence[torch.optim.Optimizer],
    tensors: Mapping[str, Tensor],
    settings: Sequence[list[dict[str, Any]]],
) -> None:
    """Put optimisers, made for the same model and recipe, into the state that was saved.

    Parameters
    ----------
    tensors : mapping of str to torch.Tensor
        What :func:`optimizer_tensors` returned; keys of anything else are passed over.
    settings : sequence of list of dict
        What :func:`optimizer_settings` returned.
    """
    for number, (optimizer, groups) in enumerate(zip(optimizers, settings, strict=True)):
        prefix = _prefix(number)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(prefix):
                index, key = name[len(prefix) :].split(".", 1)
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": [_tupled(g) for g in groups]})


def _prefix(number: int) -> str:
    return f"optimizer{number}."


def _tupled(group: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the lists of JSON back into tuples, which the optimisers expect."""
    return {
        key: tuple(value) if isinstance(value, list) and key != "params" else value
        for key, value in group.items()
    }
