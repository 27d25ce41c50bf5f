"""What was measured on many networks of which few come with the book.

A sweep trains each preset of an experiment with several seeds. Its networks are small and many,
and what a chapter needs of most of them is a row of numbers. ``utils/checkpoints/sweeps.json``
holds these rows; each comes from a checkpoint that the command of its preset and seed makes.

.. code-block:: console

   $ python -m utils.training bodies --preset residual-field-1 --seed 0
   $ python -m utils.training.sweeps runs/bodies-residual-field-1-seed0
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from utils.data.qm9 import load_clouds
from utils.data.springs import sample_springs
from utils.models.base import Network
from utils.models.bodies import GroupAverage, measure_bodies
from utils.models.clouds import measure_clouds
from utils.models.potentials import drifts, follow, measure_forces
from utils.training.archive import write_bytes
from utils.training.checkpoint import load_checkpoint, shipped_directory
from utils.training.recipe import Recipe
from utils.training.tasks.bodies import Bodies
from utils.training.tasks.clouds import TARGETS, standardised
from utils.training.tasks.latent_actions import measured_row
from utils.training.tasks.springs import SPRING_SEEDS

__all__ = ["SWEEPS", "gather", "main", "put_rows", "sweep_results"]

SWEEPS = "sweeps.json"

Row = dict[str, Any]
Measure = Callable[[Network, Mapping[str, Any]], Row]


def sweep_results(task: str) -> list[Row]:
    """Return what was measured on the networks of a sweep, a row for each preset and seed.

    Rows of ``bodies`` hold ``preset``, ``seed`` and the settings ``method``, ``field``,
    ``anisotropy`` and ``beta`` (with GradNorm, the ratio of the weights that it ended with); of
    2,000 test systems ``error``, ``equivariance``, ``lie_x``, ``lie_y`` and ``lie_z`` as
    :class:`utils.models.bodies.BodyMeasures` defines them; ``train_error``, the first of these on
    the training systems; for the perceptron ``average_error``, the error of its average over
    the rotations of a cube; ``parameters``, and ``cpu_seconds`` of the training, on a busy machine.

    Rows of ``springs`` hold ``preset``, ``seed``, ``method``, ``group`` (of pairs), ``centre``,
    ``shift`` and, of 100 systems, what :class:`utils.models.potentials.SpringMeasures` names;
    ``untrained_momentum`` and ``untrained_angular_momentum``, the medians of the drifts before the
    training; ``parameters`` and ``cpu_seconds``.

    Rows of ``qm9-clouds`` hold ``sight``, ``bumps``, ``augment`` and ``training_size``; for each of
    :data:`utils.training.tasks.clouds.TARGETS` the mean absolute error on 4,000 test molecules in
    standard deviations, under its name, with ``_turned`` after a random turn and with ``_shifted``
    after a shift by (1, 1, 1) ångström; and ``change``, how far a turn moves predictions on average
    (see :class:`utils.models.clouds.CloudMeasures`).

    Rows of ``latent-actions`` hold ``preset``, ``seed`` and the settings of
    :class:`utils.training.tasks.latent_actions.LatentActions`; ``render``, ``encoder_error``,
    ``share`` and ``pose_lost`` as :class:`utils.models.latent_actions.ActionMeasures` defines them,
    for the law of the preset, and for a plain auto-encoder as if the shift were its action;
    ``generator_render`` and ``maps_render`` for the powers of one fitted matrix and for a fitted
    matrix for each element, with their ``_group_defect`` and ``_group_defect_on_codes``;
    ``generator_defect``, the Frobenius norm of :math:`A^n - I` over that of I, and
    ``generator_return``, the root mean square of :math:`A^n z - z` over that of codes about their
    mean; ``small_`` and
    ``large_`` errors on digits 0 to 4 and 5 to 9 alone; for some of them ``readings``, as
    :func:`utils.probes.read_orbits` makes them with 100 labels and with 2,500.

    Rows of ``digit-split``, ``digit-context`` and ``molecule-split`` hold settings, the
    configuration of the network behind ``network_``, and ``test_`` metrics of the manifest; and
    what :class:`utils.probes.SplitMeasures`, :class:`utils.probes.ContextMeasures` and
    :class:`utils.probes.OrderMeasures` define, with ``few``, ``many`` and ``linear`` of
    :class:`utils.probes.Readings`. Rows of ``digit-split`` also hold ``jumps``, the share of digits
    whose pose jumps by more than 30° while they are turned in steps of 3°, and
    ``largest_jump``; rows of ``digit-context`` the readings of the code, of 256 max filters of the
    orbit that the auxiliary network predicts, and of those of the true orbit, behind
    ``raw_``, ``predicted_`` and ``lifted_``. Rows of ``latent-table`` hold what
    :class:`utils.probes.CarrierMeasures` defines, for the five codes of
    :mod:`utils.probes.carriers` as ``preset``.

    Examples
    --------
    >>> rows = sweep_results("bodies")
    >>> sorted({row["seed"] for row in rows if row["preset"] == "exact-field-0"})
    [0, 1, 2]
    """
    tables = _read(shipped_directory() / SWEEPS)
    if task not in tables:
        raise ValueError(f"there is no sweep of {task!r}; there are: {', '.join(tables) or 'none'}")
    return tables[task]


def gather(folders: Iterable[Path], path: Path, more: Measure | None = None) -> int:
    """Put rows about finished runs into a table, and return how many.

    A row replaces the one of its preset and seed.

    Parameters
    ----------
    folders : iterable of pathlib.Path
        Folders of finished runs, or checkpoints.
    path : pathlib.Path
        The file of the table; it need not exist yet.
    more : callable, optional
        Measures what belongs into a row beside what is measured here, from a network and its
        manifest.
    """
    tables = {
        task: {(row["preset"], row["seed"]): row for row in rows}
        for task, rows in _read(path).items()
    }
    number = 0
    for folder in folders:
        network, manifest = load_checkpoint(folder)
        task = str(manifest["task"])
        if task not in _MEASURED:
            known = ", ".join(_MEASURED)
            raise ValueError(f"{folder} is a run of {task}; there are sweeps of: {known}")
        key = (manifest["preset"], manifest["seeds"]["training"])
        row = {"preset": key[0], "seed": key[1], **_MEASURED[task](network, manifest)}
        if more is not None:
            row |= _rounded(more(network, manifest))
        tables.setdefault(task, {})[key] = row
        number += 1
    write_bytes(path, _text(tables).encode())
    return number


def put_rows(path: Path, table: str, rows: Iterable[Row]) -> None:
    """Put rows into one table of a file; a row replaces the one of its preset and seed.

    Parameters
    ----------
    path : pathlib.Path
        The file; it need not exist yet.
    table : str
        Name of the table.
    rows : iterable of dict
        Each with a ``preset`` and a ``seed``. Numbers are kept to five digits.
    """
    tables = {
        task: {(row["preset"], row["seed"]): row for row in kept}
        for task, kept in _read(path).items()
    }
    for row in rows:
        tables.setdefault(table, {})[row["preset"], row["seed"]] = _rounded(row)
    write_bytes(path, _text(tables).encode())


def _read(path: Path) -> dict[str, list[Row]]:
    """Return the tables of a file, none if there is no file."""
    found: dict[str, list[Row]] = json.loads(path.read_bytes()) if path.exists() else {}
    return found


def _text(tables: Mapping[str, Mapping[tuple[str, int], Row]]) -> str:
    """Return tables as JSON, a row a line and in order, so that git sees which one changed."""
    blocks = [
        f"{json.dumps(task)}: [\n"
        + ",\n".join(f" {json.dumps(rows[key], allow_nan=False)}" for key in sorted(rows))
        + "\n]"
        for task, rows in sorted(tables.items())
    ]
    return "{\n" + ",\n".join(blocks) + "\n}\n"


# ---------------------------------------------------------------- three bodies


def _bodies_row(network: Network, manifest: Mapping[str, Any]) -> Row:
    """Measure a network for three bodies on the systems it was trained and tested on."""
    options = dict(manifest["options"])
    config = manifest["model"]["config"]
    recipe = Recipe(**{**manifest["recipe"], "milestones": ()})
    task = Bodies(manifest["preset"], recipe, network=config, **options)
    data = task.load_data()
    beta = options["beta"] if options["method"] in ("remul", "consistency") else None
    if options["asymmetry"] is not None:
        first, second = torch.softmax(network.state_dict()["balance"], 0).tolist()
        beta = second / first
    found = measure_bodies(network, data.test)
    row = {
        **{name: options[name] for name in ("method", "field", "anisotropy")},
        "beta": beta,
        "error": found.error,
        "train_error": measure_bodies(network, data.train).error,
        "equivariance": found.equivariance,
        **{f"lie_{axis}": value for axis, value in zip("xyz", found.lie, strict=True)},
    }
    if options["method"] == "plain":
        row["average_error"] = measure_bodies(GroupAverage(network).eval(), data.test).error
    row |= {
        "parameters": manifest["model"]["parameters"],
        "cpu_seconds": manifest["cpu_seconds"],
    }
    return {name: _rounded(value) for name, value in row.items()}


def _latent_row(network: Network, manifest: Mapping[str, Any]) -> Row:
    """Measure an auto-encoder with a cyclic code."""
    row = measured_row(network, manifest)
    row |= {
        "parameters": manifest["model"]["parameters"],
        "cpu_seconds": manifest["cpu_seconds"],
    }
    found: Row = _rounded(row)
    return found


# ---------------------------------------------------------------- springs

_SPRING_SYSTEMS = 100


def _springs_row(network: Network, manifest: Mapping[str, Any]) -> Row:
    """Measure forces between bodies, before and after the training, in double precision."""
    options, config = manifest["options"], manifest["model"]["config"]
    systems = sample_springs(_SPRING_SYSTEMS, seed=SPRING_SEEDS["test"])
    found = measure_forces(network.double(), systems)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(manifest["seeds"]["training"])
        before = type(network)(network.config).double().eval()
    first = drifts(follow(before, systems))
    row = {
        "method": options["method"],
        "group": config.get("group"),
        "centre": config["centre"],
        "shift": options["shift"],
        **dataclasses.asdict(found),
        "untrained_momentum": float(first.momentum.median()),
        "untrained_angular_momentum": float(first.angular_momentum.median()),
        "parameters": manifest["model"]["parameters"],
        "cpu_seconds": manifest["cpu_seconds"],
    }
    return {name: None if value != value else _rounded(value) for name, value in row.items()}


# ---------------------------------------------------------------- clouds of atoms


def _clouds_row(network: Network, manifest: Mapping[str, Any]) -> Row:
    """Measure a network for clouds on the molecules it was tested on."""
    clouds = load_clouds("test")
    found = measure_clouds(network, clouds.heavy(), standardised(clouds)[0])
    config, options = manifest["model"]["config"], manifest["options"]
    row = {
        **{name: config[name] for name in ("sight", "bumps")},
        **{name: options[name] for name in ("augment", "training_size")},
        **dict(zip(TARGETS, found.error.tolist(), strict=True)),
        **{f"{n}_turned": e for n, e in zip(TARGETS, found.turned.tolist(), strict=True)},
        **{f"{n}_shifted": e for n, e in zip(TARGETS, found.shifted.tolist(), strict=True)},
        "change": found.change,
        "parameters": manifest["model"]["parameters"],
        "cpu_seconds": manifest["cpu_seconds"],
    }
    return {name: _rounded(value) for name, value in row.items()}


def _rounded(value: Any) -> Any:
    """Keep five digits: what lies beyond them differs between processors."""
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


# ---------------------------------------------------------------- splits, learned actions


def _settings_row(network: Network, manifest: Mapping[str, Any]) -> Row:
    """Say what a network is; what is read off its code is measured elsewhere."""
    config = {f"network_{name}": value for name, value in manifest["model"]["config"].items()}
    row: Row = {**manifest["options"], **config}
    row |= {name: value for name, value in manifest["metrics"].items() if name.startswith("test_")}
    row |= {
        "parameters": manifest["model"]["parameters"],
        "cpu_seconds": manifest["cpu_seconds"],
    }
    found: Row = _rounded(row)
    return found


# ---------------------------------------------------------------- all of them


_MEASURED: Mapping[str, Measure] = {
    "bodies": _bodies_row,
    "latent-actions": _latent_row,
    "digit-split": _settings_row,
    "digit-context": _settings_row,
    "molecule-split": _settings_row,
    "springs": _springs_row,
    "qm9-clouds": _clouds_row,
}
"""Tasks that have sweeps, and what makes a row of one of their networks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if something was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.training.sweeps",
        description="Put what is measured on the networks of runs into the table of sweeps.",
    )
    parser.add_argument("run", nargs="+", type=Path, help="folder of a run, or a .safetensors file")
    parser.add_argument("--into", type=Path, default=shipped_directory() / SWEEPS, help="a table")
    arguments = parser.parse_args(argv)
    try:
        number = gather(arguments.run, arguments.into)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    print(f"{number} rows are in {arguments.into.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
