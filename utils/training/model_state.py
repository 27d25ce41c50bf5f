"""What a checkpoint keeps of a network: how to build it again, and what it has learned.

The first is a description, made of the class of the network and the dataclass it was built
from; the second is a dictionary of tensors. Both are read from the network by the functions
here, and put back by them.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard, cast

from torch import Tensor, nn

import utils

__all__ = ["build_model", "describe_model", "learned_state", "load_learned_state"]

_MODELS = "utils.models."


def learned_state(model: nn.Module) -> dict[str, Tensor]:
    """Return what a model has learned, as contiguous tensors on the CPU.

    Parameters
    ----------
    model : torch.nn.Module
        Any module. If it has a method ``checkpoint_state``, that method decides what counts
        as learned (the rotation network leaves out the filters e2cnn expands from the
        parameters); otherwise everything in its ``state_dict`` does.

    Returns
    -------
    dict of str to torch.Tensor
        Copies, which later training steps do not change.
    """
    own = getattr(model, "checkpoint_state", None)
    state = own() if callable(own) else model.state_dict()
    return {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in cast(Mapping[str, Tensor], state).items()
    }


def load_learned_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load what :func:`learned_state` returned; the mode of the model stays as it was.

    Parameters
    ----------
    model : torch.nn.Module
        A module of the same configuration.
    state : mapping of str to torch.Tensor
        Every tensor the model learns, and no other.

    Raises
    ------
    ValueError
        If a tensor is missing, unexpected, or of another shape.
    """
    own = getattr(model, "load_checkpoint_state", None)
    if callable(own):
        own(state)
        return
    try:
        model.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        detail = " ".join(str(error).split())
        raise ValueError(f"the weights do not fit this model: {detail}") from error


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Describe a model so that it can be built again: its class, its configuration, its size.

    Parameters
    ----------
    model : torch.nn.Module
        A module built from one frozen dataclass, which it keeps as ``model.config``.

    Returns
    -------
    dict
        ``class``, ``config_class``, ``config`` and ``parameters`` (the number of trainable
        numbers), all of which JSON can hold.

    Raises
    ------
    TypeError
        If the model has no dataclass ``config``.
    """
    config = getattr(model, "config", None)
    if config is None or isinstance(config, type) or not dataclasses.is_dataclass(config):
        raise TypeError(
            f"{type(model).__name__} cannot be saved as a checkpoint: it must keep the dataclass "
            f"it was built from as its attribute 'config'"
        )
    return {
        "class": _public_name(type(model)),
        "config_class": type(config).__name__,
        "config": json.loads(json.dumps(dataclasses.asdict(cast(Any, config)))),
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }


def build_model(
    manifest: Mapping[str, Any], where: Path, model_class: type[nn.Module] | None
) -> nn.Module:
    """Build the model a manifest describes, with weights from the global random state.

    Parameters
    ----------
    manifest : mapping
        The manifest of a checkpoint; its ``model`` is what :func:`describe_model` returned.
    where : pathlib.Path
        The file of the checkpoint, for the errors.
    model_class : type or None
        The class to build; None for the one that is named, which must live in
        ``utils.models``.

    Returns
    -------
    torch.nn.Module
        The network.

    Raises
    ------
    TypeError
        If ``model_class`` is not a class of networks.
    ValueError
        If the class or the configuration that is named cannot be used.
    """
    description = manifest["model"]
    if model_class is not None and not _is_model_class(model_class):
        raise TypeError(
            f"model_class must be a class of networks, a subclass of torch.nn.Module, not "
            f"{model_class!r}"
        )
    if model_class is None:
        module_name, _, class_name = str(description["class"]).rpartition(".")
        if not module_name.startswith(_MODELS):
            raise ValueError(
                f"{where} names the model class {description['class']}, which is not in "
                f"utils.models; pass model_class to say which class to build"
            )
        try:
            found = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"{where} needs the model class {description['class']}, which this version of "
                f"utils ({utils.__version__}) does not have; the checkpoint was made with "
                f"version {manifest['versions'].get('utils', 'unknown')}"
            ) from error
        if not _is_model_class(found):
            raise ValueError(f"{where} names {description['class']}, which is not a model class")
        model_class = found
    config_class = getattr(
        importlib.import_module(model_class.__module__), str(description["config_class"]), None
    )
    if not isinstance(config_class, type) or not dataclasses.is_dataclass(config_class):
        raise ValueError(
            f"{where} belongs to the configuration class {description['config_class']}, which is "
            f"not beside {model_class.__name__}; it is a checkpoint of another model"
        )
    try:
        config = config_class(**description["config"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} holds a configuration that cannot be used: {error}") from error
    try:
        return cast(Any, model_class)(config)
    except TypeError as error:
        raise ValueError(
            f"{where} is a checkpoint of {description['class']}, from which no "
            f"{model_class.__name__} can be built: {error}"
        ) from error


def _public_name(kind: type) -> str:
    """Name a class by the outermost package that offers it, wherever in it the class is written."""
    parts = kind.__module__.split(".")
    packages = (".".join(parts[:end]) for end in range(1, len(parts)))
    offering = (p for p in packages if getattr(sys.modules[p], kind.__name__, None) is kind)
    return f"{next(offering, kind.__module__)}.{kind.__qualname__}"


def _is_model_class(found: Any) -> TypeGuard[type[nn.Module]]:
    return isinstance(found, type) and issubclass(found, nn.Module)
