"""Rows about splits and learned actions, with what is read off their codes, for the sweeps.

.. code-block:: console

   $ python -m utils.training digit-split --preset right --seed 0
   $ python -m utils.probes.split_sweep runs/digit-split-right-seed0
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from utils.data.mnist import DigitOrbits, turn_orbits
from utils.data.qm9 import load_dense
from utils.graphs import random_permutations, relabel
from utils.models.base import Network
from utils.probes.orders import measure_order
from utils.probes.splits import (
    measure_context,
    measure_split,
    pose_jumps,
    predicted_orbits,
    read_codes,
)
from utils.projections import random_max_filter
from utils.training.checkpoint import shipped_directory
from utils.training.sweeps import SWEEPS, gather
from utils.training.tasks.latent_actions import judged_orbits

__all__ = ["main"]

_JUMP = 30.0  # degrees
_WALKED = 300  # digits that are turned in small steps
_MOLECULES, _NUMBERING_SEED = 4_000, 20261213

_digits = functools.cache(judged_orbits)


def _readings(prefix: str, make: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """Read what a function makes of the given pictures."""
    fit, test = _digits()
    codes = [make(part.images[:, 0]) for part in (fit, test)]
    found = read_codes(codes[0], fit.labels, codes[1], test.labels)
    return {f"{prefix}{name}": value for name, value in dataclasses.asdict(found).items()}


def _split_row(network: Any) -> dict[str, Any]:
    """Measure an explicit split of digits."""
    test: DigitOrbits = _digits()[1]
    jumps, _ = pose_jumps(network, test.images[:_WALKED, 0])
    found = dataclasses.asdict(measure_split(network, test.images))
    return {
        **{name: list(value) if name == "render" else value for name, value in found.items()},
        **_readings("", lambda images: network.encode(images).invariant),
        "jumps": float((jumps > _JUMP).double().mean()),
        "largest_jump": float(jumps.max()),
    }


def _context_row(network: Any) -> dict[str, Any]:
    """Measure a learned action; read its code, its predicted orbit and its true orbit."""
    test: DigitOrbits = _digits()[1]
    filters = random_max_filter(network.config.latent, 8, 256, seed=0)

    def mean(images: Tensor) -> Tensor:
        """Return the means of the posteriors."""
        found: Tensor = network.encode(images).mean
        return found

    def lifted(images: Tensor) -> Tensor:
        """Return the codes of the true orbits."""
        back = turn_orbits(images, 8)[:, -torch.arange(8) % 8]
        codes = mean(back.flatten(0, 1)).unflatten(0, (len(images), 8))
        return filters(codes.transpose(1, 2).contiguous())

    found = dataclasses.asdict(measure_context(network, test.images))
    return {
        **{name: list(value) if name == "render" else value for name, value in found.items()},
        **_readings("raw_", mean),
        **_readings("predicted_", lambda images: filters(predicted_orbits(network, mean(images)))),
        **_readings("lifted_", lifted),
    }


def _order_row(network: Any) -> dict[str, Any]:
    """Measure an order of atoms on molecules that were not trained on."""
    graphs = load_dense("test", progress=False)[-_MOLECULES:]
    graphs = relabel(graphs, random_permutations(len(graphs), seed=_NUMBERING_SEED))
    return {
        **dataclasses.asdict(measure_order(network, graphs)),
        "softness": network.log_softness.exp().item(),
    }


_MORE: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "digit-split": _split_row,
    "digit-context": _context_row,
    "molecule-split": _order_row,
}


@torch.no_grad()
def _row(network: Network, manifest: Mapping[str, Any]) -> dict[str, Any]:
    return _MORE[manifest["task"]](network)


def main(argv: Sequence[str] | None = None) -> int:
    """Put rows about splits and learned actions, with readings, into the table of sweeps."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.probes.split_sweep", description=main.__doc__
    )
    parser.add_argument("run", nargs="+", type=Path, help="folder of a run, or a .safetensors file")
    parser.add_argument("--into", type=Path, default=shipped_directory() / SWEEPS, help="a table")
    arguments = parser.parse_args(argv)
    try:
        number = gather(arguments.run, arguments.into, _row)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    print(f"{number} rows are in {arguments.into.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
