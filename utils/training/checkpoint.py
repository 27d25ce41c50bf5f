"""Checkpoints: weights as safetensors, and beside them a manifest that says where they come from.

A checkpoint is two files with one name. ``NAME.safetensors`` holds what was learned and
nothing that could run. ``NAME.json``, the manifest, holds the command that made it, the
configuration of the model, the checksum of the data, the seeds, the versions of the
libraries, the learning curve, the metrics, the time it took, and the SHA-256 of the weights.
:func:`load_checkpoint` refuses weights that do not match their manifest.

The checkpoints that come with the book lie in ``utils/checkpoints`` and are found by name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import utils
from utils.data.cache import write_atomically
from utils.training.model_state import (
    build_model,
    describe_model,
    learned_state,
    load_learned_state,
)

__all__ = [
    "holds_checkpoint",
    "library_versions",
    "load_checkpoint",
    "mean_metric",
    "read_manifest",
    "save_checkpoint",
    "shipped_checkpoints",
    "shipped_directory",
    "untrained_model",
]

FORMAT = 1
_LIBRARIES = ("torch", "e2cnn", "numpy", "scipy", "lightning-fabric", "safetensors")


def shipped_directory() -> Path:
    """Return the folder of the checkpoints that come with the package.

    Returns
    -------
    pathlib.Path
        The folder ``utils/checkpoints`` of the installed package.
    """
    return Path(utils.__file__).parent / "checkpoints"


def shipped_checkpoints() -> tuple[str, ...]:
    """Return the names of the checkpoints that come with the package.

    Returns
    -------
    tuple of str
        Names that :func:`load_checkpoint` accepts, in alphabetical order.
    """
    return tuple(sorted(path.stem for path in shipped_directory().glob("*.safetensors")))


def library_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that shape a run.

    Returns
    -------
    dict of str to str
        Name to version, for the manifest.
    """
    versions = {"python": platform.python_version(), "utils": utils.__version__}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return versions


# ---------------------------------------------------------------- writing


def _write_text(path: Path, text: str) -> None:
    def write(stream: BinaryIO) -> None:
        """Write the text as UTF-8."""
        stream.write(text.encode())

    write_atomically(path, write)


def _write_bytes(path: Path, content: bytes) -> str:
    def write(stream: BinaryIO) -> None:
        """Write the bytes as they are."""
        stream.write(content)

    return write_atomically(path, write)


def _stored_state(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return what is written: single precision becomes `dtype`, all else stays."""
    return {
        name: tensor.to(dtype) if tensor.dtype == torch.float32 else tensor
        for name, tensor in learned_state(model).items()
    }


def save_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    dtype: torch.dtype = torch.float32,
    **facts: Any,
) -> dict[str, Any]:
    """Write the weights of a model and the manifest that goes with them.

    Both files are written atomically, the weights first: a checkpoint without a manifest is
    an unfinished one and is never loaded.

    Parameters
    ----------
    path : path-like
        Where to write, with or without ``.safetensors``; the manifest goes to the same name
        with ``.json``.
    model : torch.nn.Module
        The model, in either mode. It must keep its configuration as ``model.config``.
    dtype : torch.dtype
        What tensors in single precision are written as. Half precision makes a file half as
        large; the model that is loaded from it computes in single precision with rounded
        weights.
    **facts
        What the manifest says beside what this function adds: ``command``, ``task``,
        ``preset``, ``seeds``, ``data``, ``recipe``, ``metrics``, ``history``,
        ``wall_seconds`` and so on. Everything must be something JSON can hold.

    Returns
    -------
    dict
        The manifest as written. To the facts it adds ``format``, ``name``, ``created``,
        ``model``, ``versions`` and ``weights`` (file name, size in bytes, SHA-256).

    Raises
    ------
    FileExistsError
        If there is a checkpoint of that name already. Nothing is overwritten.
    TypeError, ValueError
        If the model has no configuration, or a fact cannot be written as JSON.
    OSError
        If the folder cannot be written to.
    """
    weights_path = _weights_path(Path(path))
    manifest_path = weights_path.with_suffix(".json")
    content = safetensors.torch.save(_stored_state(model, dtype))
    digest = hashlib.sha256(content).hexdigest()
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": weights_path.stem,
        **facts,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": describe_model(model),
        "versions": library_versions(),
        "weights": {"file": weights_path.name, "bytes": len(content), "sha256": digest},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if manifest_path.exists():
        raise FileExistsError(
            f"{manifest_path} exists and is not replaced; choose another name or move it away"
        )
    if weights_path.exists():
        # The same bytes without a manifest are what a kill between the two writes leaves.
        if weights_path.read_bytes() != content:
            raise FileExistsError(
                f"{weights_path} exists and is not replaced; choose another name or move it away"
            )
    else:
        _write_bytes(weights_path, content)
    _write_text(manifest_path, text)
    return manifest


def holds_checkpoint(
    path: str | os.PathLike[str], model: nn.Module, *, dtype: torch.dtype = torch.float32
) -> bool:
    """Say whether a complete checkpoint with exactly the weights of this model is there.

    Parameters
    ----------
    path : path-like
        As in :func:`save_checkpoint`.
    model : torch.nn.Module
        The model.
    dtype : torch.dtype
        As in :func:`save_checkpoint`.

    Returns
    -------
    bool
        True if the weights and a readable manifest exist and both have the SHA-256 of the
        weights of `model`.
    """
    weights_path = _weights_path(Path(path))
    try:
        stored = _read_manifest_beside(weights_path)["weights"].get("sha256")
        content = weights_path.read_bytes()
    except (OSError, ValueError):
        return False
    own = hashlib.sha256(safetensors.torch.save(_stored_state(model, dtype))).hexdigest()
    return bool(stored == own == hashlib.sha256(content).hexdigest())


# ---------------------------------------------------------------- reading


def _weights_path(path: Path) -> Path:
    """Append ``.safetensors`` unless the name has it (a name may hold other dots)."""
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def _resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the path of the weights that a name or a path stands for."""
    text = os.fspath(name_or_path)
    path = Path(text)
    if isinstance(name_or_path, str) and path.name == text and path.suffix != ".safetensors":
        shipped = shipped_directory() / f"{text}.safetensors"
        if shipped.exists():
            return shipped
        if not path.is_dir() and not _weights_path(path).exists():
            known = ", ".join(shipped_checkpoints()) or "none"
            raise FileNotFoundError(
                f"there is no checkpoint named {text!r}; the checkpoints that come with the book "
                f"are: {known}; pass the path of a .safetensors file for one of your own"
            )
    if path.is_dir():
        finished = [
            p for p in sorted(path.glob("*.safetensors")) if p.with_suffix(".json").exists()
        ]
        if len(finished) != 1:
            raise FileNotFoundError(
                f"the folder {path} holds {len(finished)} finished checkpoints, expected one; "
                f"finish the training run, or pass the path of the .safetensors file"
            )
        return finished[0]
    path = _weights_path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no checkpoint at {path}; check the path")
    return path


def _read_manifest_beside(weights_path: Path) -> dict[str, Any]:
    manifest_path = weights_path.with_suffix(".json")
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{weights_path} has no manifest {manifest_path.name} beside it, so it cannot be "
            f"verified; copy both files of the checkpoint together"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{manifest_path} is damaged: it is not JSON; get the checkpoint again"
        ) from error
    needed = ("format", "name", "model", "versions", "weights")
    if not isinstance(manifest, dict) or any(key not in manifest for key in needed):
        raise ValueError(f"{manifest_path} is not the manifest of a checkpoint; check the path")
    if manifest["format"] != FORMAT:
        raise ValueError(
            f"{manifest_path} has format {manifest['format']}, but this version of utils reads "
            f"format {FORMAT}; install the version of the book the checkpoint was made with"
        )
    return manifest


def read_manifest(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the manifest of a checkpoint without loading its weights.

    Parameters
    ----------
    name_or_path : str or path-like
        As in :func:`load_checkpoint`.

    Returns
    -------
    dict
        The manifest: command, configuration, seeds, metrics, learning curve and more.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    ValueError
        If the manifest is damaged or of another format.
    """
    return _read_manifest_beside(_resolve(name_or_path))


def load_checkpoint(
    name_or_path: str | os.PathLike[str],
    *,
    task: str | None = None,
    preset: str | None = None,
    config: Any = None,
    model_class: type[nn.Module] | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """Load a checkpoint after verifying it.

    Parameters
    ----------
    name_or_path : str or path-like
        The name of a checkpoint that comes with the book, such as
        ``"rotated-mnist-c8-seed0"``; or the path of a ``.safetensors`` file with its
        manifest beside it; or the folder of a finished training run.
    task, preset : str, optional
        If given, the checkpoint must be of this task or preset.
    config : dataclass, optional
        If given, the model of the checkpoint must have this configuration.
    model_class : type, optional
        The class to build, for models that do not live in ``utils.models``.

    Returns
    -------
    model : torch.nn.Module
        The model in evaluation mode, on the CPU, with exactly the saved weights.
    manifest : dict
        What is known of it; see :func:`save_checkpoint`.

    Raises
    ------
    FileNotFoundError
        If the checkpoint or its manifest is missing.
    TypeError
        If ``model_class`` is not a class of networks, or ``config`` is not a dataclass.
    ValueError
        If the weights do not have the SHA-256 of the manifest, or the manifest is damaged,
        or the checkpoint is of another task, preset, configuration or class of networks than
        asked for.
    """
    path = _resolve(name_or_path)
    manifest = _read_manifest_beside(path)
    _require(path, manifest, "task", task)
    _require(path, manifest, "preset", preset)
    if config is not None:
        _require_configuration(path, manifest["model"]["config"], config)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    expected = manifest["weights"].get("sha256")
    if found != expected:
        raise ValueError(
            f"{path} is damaged: its SHA-256 is {found[:12]}…, but its manifest says "
            f"{str(expected)[:12]}…; get the checkpoint again or train it with: "
            f"{manifest.get('command', 'the command of its manifest')}"
        )
    try:
        state = safetensors.torch.load(content)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    model = _with_seed(0, lambda: build_model(manifest, path, model_class))
    try:
        load_learned_state(model, state)
    except ValueError as error:
        raise ValueError(f"{path} does not fit the model its manifest names: {error}") from error
    return model.eval(), manifest


def _require(path: Path, manifest: Mapping[str, Any], key: str, wanted: str | None) -> None:
    if wanted is not None and manifest.get(key) != wanted:
        raise ValueError(
            f"{path} is a checkpoint of the {key} {manifest.get(key)!r}, but {wanted!r} was asked "
            f"for; load a checkpoint of that {key} or train one"
        )


def _require_configuration(path: Path, stored: Mapping[str, Any], config: Any) -> None:
    if isinstance(config, type) or not dataclasses.is_dataclass(config):
        raise TypeError(
            f"config must be the configuration of a network, a dataclass such as "
            f"RotationCNNConfig(), not {config!r}"
        )
    wanted = json.loads(json.dumps(dataclasses.asdict(cast(Any, config))))
    for key in sorted(set(stored) | set(wanted)):
        if stored.get(key) != wanted.get(key):
            raise ValueError(
                f"{path} is a checkpoint of another configuration: {key} is {stored.get(key)!r} "
                f"there and {wanted.get(key)!r} was asked for"
            )


def untrained_model(
    name_or_path: str | os.PathLike[str],
    *,
    seed: int = 0,
    model_class: type[nn.Module] | None = None,
) -> nn.Module:
    """Build the untrained counterpart of a checkpoint: the same network, random weights.

    Whatever an analysis finds in the codes of a trained network should be compared with the
    codes of this one, which has the same architecture and has learned nothing.

    Parameters
    ----------
    name_or_path : str or path-like
        The checkpoint, as in :func:`load_checkpoint`. Only its manifest is read.
    seed : int
        Seed of the random weights; the global random state is left as it was.
    model_class : type, optional
        As in :func:`load_checkpoint`.

    Returns
    -------
    torch.nn.Module
        The network in evaluation mode, as it is before the first training step.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    TypeError
        If ``model_class`` is not a class of networks.
    ValueError
        If its manifest cannot be used, or describes a network of another class.
    """
    path = _resolve(name_or_path)
    manifest = _read_manifest_beside(path)
    return _with_seed(seed, lambda: build_model(manifest, path, model_class)).eval()


def _with_seed(seed: int, build: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def mean_metric(names: Iterable[str | os.PathLike[str]], metric: str) -> tuple[float, float]:
    """Return mean and sample standard deviation of one metric over several checkpoints.

    Parameters
    ----------
    names : iterable of str or path-like
        At least two checkpoints, usually one for each seed.
    metric : str
        A key of the ``metrics`` of their manifests.

    Returns
    -------
    mean, spread : float
        In the unit of the metric.

    Raises
    ------
    ValueError
        If there are fewer than two checkpoints, or one lacks the metric.
    """
    values = []
    for name in names:
        metrics = read_manifest(name).get("metrics", {})
        if metric not in metrics:
            raise ValueError(
                f"the checkpoint {name} has no metric {metric!r}; it has: "
                f"{', '.join(sorted(metrics)) or 'none'}"
            )
        values.append(float(metrics[metric]))
    if len(values) < 2:
        raise ValueError(f"a spread needs at least two checkpoints, not {len(values)}")
    spread, mean = torch.std_mean(torch.tensor(values, dtype=torch.float64))
    return float(mean), float(spread)
