"""The optimisers of the training loop: made from a recipe, saved as tensors, restored.

A recipe names one of two ways to optimise. ``adamw`` gives every parameter to AdamW
(Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019). ``muon`` gives the
matrices between hidden layers to Muon (Jordan et al., 2024), which replaces the averaged
gradient of a matrix by the nearest semi-orthogonal matrix, so that every direction of the
matrix moves at the same rate; all else (embeddings, first and last layers, biases, gains)
goes to AdamW. A network that is to be trained with Muon says which of its parameters are such
matrices in a method ``hidden_matrices``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from utils.training.loop import Recipe

__all__ = ["load_optimizers", "make_optimizers", "optimizer_settings", "optimizer_tensors"]


def make_optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Make the optimisers that a recipe asks for.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    recipe : utils.training.loop.Recipe
        How it is optimised.

    Returns
    -------
    list of torch.optim.Optimizer
        One, or with ``muon`` two: AdamW first, then Muon. Together they hold every trainable
        parameter once.

    Raises
    ------
    ValueError
        If the recipe asks for Muon and the network does not say which of its parameters are
        hidden matrices.
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
            torch.optim.Muon(
                matrices, lr=recipe.matrix_learning_rate, weight_decay=recipe.weight_decay
            )
        )
    return optimizers


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return what optimisers remember of each parameter.

    Parameters
    ----------
    optimizers : sequence of torch.optim.Optimizer
        The optimisers, in the order of :func:`make_optimizers`.

    Returns
    -------
    dict of str to torch.Tensor
        Copies on the CPU. A key names the optimiser, the number of the parameter and the
        quantity.
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
    """Return the settings of optimisers as something JSON can hold.

    Parameters
    ----------
    optimizers : sequence of torch.optim.Optimizer
        The optimisers.

    Returns
    -------
    list of list of dict
        The parameter groups of each.
    """
    return [optimizer.state_dict()["param_groups"] for optimizer in optimizers]


def load_optimizers(
    optimizers: Sequence[torch.optim.Optimizer],
    tensors: Mapping[str, Tensor],
    settings: Sequence[list[dict[str, Any]]],
) -> None:
    """Put optimisers into the state that was saved.

    Parameters
    ----------
    optimizers : sequence of torch.optim.Optimizer
        Optimisers as :func:`make_optimizers` makes them for the same model and recipe.
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
