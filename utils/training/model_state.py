"""What a checkpoint says of a network, so that the same one can be built again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any, TypeGuard, cast, get_type_hints

from torch import nn

import utils
from utils._precision import single_by_default
from utils.models.base import Network, NetworkConfig

__all__ = ["as_network", "build_model", "describe_model"]

_MODELS = "utils.models."


def as_network(model: nn.Module) -> Network:
    """Return a model that can be kept as a checkpoint, or say what it lacks."""
    config = getattr(model, "config", None)
    if not isinstance(model, Network) or not isinstance(config, NetworkConfig):
        raise TypeError(
            f"{type(model).__name__} cannot be saved as a checkpoint: it must be a "
            f"utils.models.base.Network that keeps the NetworkConfig it was built from as its "
            f"attribute 'config'"
        )
    return model


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Describe a network so that it can be built again: its class, its configuration, its size.

    The values of ``class``, ``config_class``, ``config`` and ``parameters`` (the number of
    trainable numbers) are such that JSON can hold them.

    Examples
    --------
    >>> from utils.models.baselines import PlainCNN
    >>> description = describe_model(PlainCNN())
    >>> description["class"], description["config"]["latent"]
    ('utils.models.baselines.PlainCNN', 24)
    """
    network = as_network(model)
    return {
        "class": _public_name(type(network)),
        "config_class": type(network.config).__name__,
        "config": network.config.to_dict(),
        "parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }


def build_model(
    manifest: Mapping[str, Any], where: object, model_class: type[nn.Module] | None
) -> Network:
    """Build the network a manifest describes, with weights from the global random state.

    Its class is `model_class`, or else the one that is named, which must live in
    ``utils.models``. What is wrong is said of `where`.
    """
    description = manifest["model"]
    if model_class is None:
        model_class = _named_class(str(description["class"]), manifest, where)
    elif not _is_model_class(model_class):
        raise TypeError(
            f"model_class must be a class of networks, a subclass of "
            f"utils.models.base.Network, not {model_class!r}"
        )
    config_class = _config_class(model_class, str(description["config_class"]))
    if config_class.__name__ != description["config_class"]:
        raise ValueError(
            f"{where} is a checkpoint of {description['class']}, from whose "
            f"{description['config_class']} no {model_class.__name__} can be built, which takes a "
            f"{config_class.__name__}"
        )
    try:
        config = config_class.from_dict(description["config"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} holds a configuration that cannot be used: {error}") from error
    with single_by_default():
        return cast(Any, model_class)(config)


def _config_class(model_class: type[Network], name: str) -> type[NetworkConfig]:
    """Return what a network is made from: what it is annotated with, or stands beside it.

    A subclass need not annotate ``config`` again. What stands beside it under the name must then
    be a special case of what its base is made from.
    """
    try:
        annotated = get_type_hints(model_class)["config"]
    except NameError:  # written in a function, whose names are gone
        annotated = NetworkConfig
    beside = getattr(sys.modules[model_class.__module__], name, None)
    special = isinstance(beside, type) and issubclass(beside, annotated)
    return cast("type[NetworkConfig]", beside if special else annotated)


def _named_class(full_name: str, manifest: Mapping[str, Any], where: object) -> type[Network]:
    """Return a class of ``utils.models`` by its name."""
    module_name, _, class_name = full_name.rpartition(".")
    if not module_name.startswith(_MODELS):
        raise ValueError(
            f"{where} names the model class {full_name}, which is not in utils.models; pass "
            f"model_class to say which class to build"
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{where} needs the model class {full_name}, which this version of utils "
            f"({utils.__version__}) does not have; the checkpoint was made with version "
            f"{manifest['versions'].get('utils', 'unknown')}"
        ) from error
    if not _is_model_class(found):
        raise ValueError(f"{where} names {full_name}, which is not a model class")
    return found


def _public_name(kind: type) -> str:
    """Name a class by the outermost package that offers it, wherever in it the class is written."""
    parts = kind.__module__.split(".")
    packages = (".".join(parts[:end]) for end in range(1, len(parts)))
    offering = (p for p in packages if getattr(sys.modules[p], kind.__name__, None) is kind)
    return f"{next(offering, kind.__module__)}.{kind.__qualname__}"


def _is_model_class(found: Any) -> TypeGuard[type[Network]]:
    return isinstance(found, type) and issubclass(found, Network)
