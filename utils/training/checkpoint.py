"""Checkpoints: what a network has learned, and in the same file where it comes from.

``NAME.safetensors`` holds the weights and nothing that could run. The manifest in its header
holds the command that made it, the configuration of the network, the checksum of the data, the
seeds, the versions of the libraries, the learning curve, the metrics, the time it took, and the
SHA-256 of the weights. :func:`load_checkpoint` refuses weights that do not match their manifest.

The checkpoints that come with the book lie in ``utils/checkpoints`` and are found by name; the
many small networks of the zoo share one file there. ``manifests.json`` beside them repeats all
manifests as a text, for readers, for differences between versions, and for an installation
without the files, which knows each network by it (:mod:`utils.training.shipped`) and fetches its
weights when asked (:mod:`utils.training.download`). :mod:`utils.training.archive` is the form of
the files, :mod:`utils.training.export` puts new ones there.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import utils
from utils.models.base import Network, NetworkConfig
from utils.training.archive import FORMAT, Place, pack, weights_checksum, write_new
from utils.training.model_state import as_network, build_model, describe_model
from utils.training.shipped import SHARED, Shipped

__all__ = [
    "SHARED",
    "holds_checkpoint",
    "library_versions",
    "load_checkpoint",
    "mean_metric",
    "read_manifest",
    "save_checkpoint",
    "shipped_checkpoints",
    "shipped_directory",
    "stored_state",
    "untrained_model",
]

_LIBRARIES = ("torch", "e2cnn", "numpy", "scipy", "lightning-fabric", "safetensors")


def shipped_directory() -> Path:
    """Return the folder of the checkpoints that come with the package."""
    return Path(utils.__file__).parent / "checkpoints"


def shipped_checkpoints() -> tuple[str, ...]:
    """Return the names of the checkpoints that come with the book, in alphabetical order.

    Those whose weights are not on this machine are among them: their manifests are, and
    :func:`~utils.training.download_checkpoints` fetches the rest.

    Examples
    --------
    >>> names = shipped_checkpoints()
    >>> len(names) > 200, names[-1]
    (True, 'springs-trivial-seed2')
    """
    return Shipped(shipped_directory()).names()


def library_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that shape a run."""
    versions = {"python": platform.python_version(), "utils": utils.__version__}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return versions


# ---------------------------------------------------------------- writing


def stored_state(model: nn.Module, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return what is written of a network: single precision as `dtype`, all else as it is."""
    return {
        name: tensor.to(dtype) if tensor.dtype == torch.float32 else tensor
        for name, tensor in as_network(model).checkpoint_state().items()
    }


def save_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    dtype: torch.dtype = torch.float32,
    **facts: Any,
) -> dict[str, Any]:
    """Write the weights of a network and the manifest that goes with them.

    The file is written in one step, and nothing is overwritten: if it exists, or another
    process writes it at the same time, there is a FileExistsError.

    Parameters
    ----------
    path : path-like
        Where to write, with or without ``.safetensors``.
    model : utils.models.base.Network
        The network, in either mode.
    dtype : torch.dtype
        What tensors in single precision are written as. Half precision makes a file half as
        large; the network that is loaded from it computes in single precision with rounded
        weights.
    **facts
        What the manifest says beside what this function adds: ``command``, ``task``,
        ``preset``, ``seeds``, ``data``, ``recipe``, ``metrics``, ``history``,
        ``wall_seconds`` and so on. Everything must be something JSON can hold.

    Returns
    -------
    dict
        The manifest as written. To the facts it adds ``format``, ``name``, ``created``,
        ``model``, ``versions`` and ``weights`` (file name; size in bytes and SHA-256 of the
        file without its metadata).
    """
    path = _weights_path(Path(path))
    state = stored_state(model, dtype)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(
                f"{name} holds NaN or infinity as {tensor.dtype}, so {path.name} is not written; "
                f"train with a smaller learning rate, or store more digits"
            )
    facts = {
        "format": FORMAT,
        "name": path.stem,
        **facts,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": describe_model(model),
        "versions": library_versions(),
    }
    write_new(path, pack(state, facts, path.name))
    return Place(path).read_manifest()


def holds_checkpoint(
    path: str | os.PathLike[str], model: nn.Module, *, dtype: torch.dtype = torch.float32
) -> bool:
    """Say whether there is a whole checkpoint with exactly the weights of this network.

    The parameters are those of :func:`save_checkpoint`.
    """
    try:
        manifest, _ = Place(_weights_path(Path(path))).read()
    except (OSError, ValueError):
        return False
    return bool(manifest["weights"]["sha256"] == weights_checksum(stored_state(model, dtype)))


# ---------------------------------------------------------------- reading


def _weights_path(path: Path) -> Path:
    """Append ``.safetensors`` unless the name has it (a name may hold other dots)."""
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def _is_name(name_or_path: str | os.PathLike[str]) -> bool:
    """Say whether this may be the name of a checkpoint, and not only a path."""
    path = Path(name_or_path)
    return (
        isinstance(name_or_path, str)
        and path.name == name_or_path
        and path.suffix != ".safetensors"
    )


def _manifest_of(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a manifest, also of a checkpoint of the book whose weights are not here."""
    if isinstance(name_or_path, str) and _is_name(name_or_path):
        known = Shipped(shipped_directory()).manifest_of(name_or_path)
        if known is not None:
            return known
    return _resolve(name_or_path).read_manifest()


def _resolve(name_or_path: str | os.PathLike[str]) -> Place:
    """Return the place that a name or a path stands for."""
    text = os.fspath(name_or_path)
    path = Path(text)
    if _is_name(name_or_path):
        shipped = Shipped(shipped_directory())
        place = shipped.place_of(text)
        if place is not None:
            return place
        # Whatever lies here under a name of the book is another network: it is named as a path.
        if shipped.manifest_of(text) is not None:
            raise FileNotFoundError(
                f"the weights of {text!r} are not on this machine, for the package was "
                f"installed without them; fetch them once with: python -m utils.training "
                f"--download {text} (or utils.training.download_checkpoints({text!r}) here)"
            )
        if not path.is_dir() and not _weights_path(path).exists():
            known = ", ".join(shipped_checkpoints()) or "none"
            raise FileNotFoundError(
                f"there is no checkpoint named {text!r}; the checkpoints that come with the book "
                f"are: {known}; pass the path of a .safetensors file for one of your own"
            )
    if path.is_dir():
        # The states of an unfinished run lie in its folder too, as epoch-NNNN.
        found = [p for p in path.glob("*.safetensors") if not re.fullmatch(r"epoch-\d{4}", p.stem)]
        if len(found) != 1:
            raise FileNotFoundError(
                f"the folder {path} holds {len(found)} finished checkpoints, expected one; "
                f"finish the training run, or pass the path of the .safetensors file"
            )
        return Place(found[0])
    path = _weights_path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no checkpoint at {path}; check the path")
    return Place(path)


def read_manifest(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the manifest of a checkpoint: command, configuration, seeds, metrics and more.

    The weights are not verified, and need not be here. The parameter is that of
    :func:`load_checkpoint`.

    Examples
    --------
    >>> manifest = read_manifest("rotated-mnist-c8-seed0")
    >>> manifest["command"]
    'python -m utils.training rotated-mnist --preset c8 --seed 0'
    >>> manifest["model"]["config"]["group_order"]
    8
    """
    return _manifest_of(name_or_path)


def load_checkpoint(
    name_or_path: str | os.PathLike[str],
    *,
    task: str | None = None,
    preset: str | None = None,
    config: NetworkConfig | None = None,
    model_class: type[nn.Module] | None = None,
) -> tuple[Network, dict[str, Any]]:
    """Load a checkpoint after verifying it.

    Parameters
    ----------
    name_or_path : str or path-like
        The name of a checkpoint that comes with the book, such as
        ``"rotated-mnist-c8-seed0"``; or the path of a ``.safetensors`` file; or the folder of
        a finished training run. Where the package was installed without the files,
        :func:`~utils.training.download_checkpoints` fetches those of the book first.
    task, preset : str, optional
        If given, the checkpoint must be of this task or preset.
    config : utils.models.base.NetworkConfig, optional
        If given, the network of the checkpoint must have this configuration.
    model_class : type, optional
        The class to build, for networks that do not live in ``utils.models``.

    Returns
    -------
    model : utils.models.base.Network
        The network in evaluation mode, on the CPU, with exactly the saved weights.
    manifest : dict
        What is known of it; see :func:`save_checkpoint`.

    Examples
    --------
    >>> network, manifest = load_checkpoint("digit-zoo-mlp-upright-seed0", task="digit-zoo")
    >>> network(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    place = _resolve(name_or_path)
    manifest, state = place.read()
    for key, wanted in (("task", task), ("preset", preset)):
        if wanted not in (None, manifest.get(key)):
            raise ValueError(
                f"{place} is a checkpoint of the {key} {manifest.get(key)!r}, but {wanted!r} was "
                f"asked for; load a checkpoint of that {key} or train one"
            )
    if config is not None:
        _require_configuration(place, manifest["model"]["config"], config)
    network = _with_seed(0, lambda: build_model(manifest, place, model_class))
    try:
        network.load_checkpoint_state(state)
    except ValueError as error:
        raise ValueError(f"{place} does not fit the model its manifest names: {error}") from error
    return network.eval(), manifest


def _require_configuration(place: Place, stored: Mapping[str, Any], config: Any) -> None:
    if not isinstance(config, NetworkConfig):
        raise TypeError(
            f"config must be the configuration of a network, a dataclass such as "
            f"RotationCNNConfig(), not {config!r}"
        )
    wanted = config.to_dict()
    for key in sorted(set(stored) | set(wanted)):
        if stored.get(key) != wanted.get(key):
            raise ValueError(
                f"{place} is a checkpoint of another configuration: {key} is {stored.get(key)!r} "
                f"there and {wanted.get(key)!r} was asked for"
            )


def untrained_model(
    name_or_path: str | os.PathLike[str],
    *,
    seed: int = 0,
    model_class: type[nn.Module] | None = None,
) -> Network:
    """Build the untrained counterpart of a checkpoint: the same network, random weights.

    Whatever an analysis finds in the codes of a trained network should be compared with the
    codes of this one, which has the same architecture and has learned nothing.

    Parameters
    ----------
    name_or_path, model_class
        As in :func:`load_checkpoint`. Only the manifest is used.
    seed : int
        Seed of the random weights; the global random state is left as it was.

    Returns
    -------
    utils.models.base.Network
        The network in evaluation mode, as it is before the first training step.
    """
    manifest = _manifest_of(name_or_path)
    return _with_seed(seed, lambda: build_model(manifest, name_or_path, model_class)).eval()


def _with_seed(seed: int, build: Callable[[], Network]) -> Network:
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

    Examples
    --------
    >>> seeds = [f"rotated-mnist-c8-seed{seed}" for seed in range(3)]
    >>> mean, spread = mean_metric(seeds, "test_accuracy")
    >>> print(f"{mean:.3f}, give or take {spread:.4f}")
    0.991, give or take 0.0004
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
