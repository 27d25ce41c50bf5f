r"""The rows of one table for five codes of turned digits, for the sweeps.

Networks that come with the book are named, runs are given by their folders:

.. code-block:: console

   $ python -m utils.probes.carrier_sweep rotated-mnist-c8-seed0 digit-vae-rotated-seed0 \
         runs/latent-actions-shift-seed0 runs/digit-context-decoding-seed0 \
         runs/digit-split-right-seed0
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from utils.probes.carriers import (
    Carrier,
    imposed_carrier,
    learned_carrier,
    lifted_carrier,
    measure_carrier,
    split_carrier,
    table_carrier,
    turned_digits,
)
from utils.training.checkpoint import load_checkpoint, shipped_directory
from utils.training.sweeps import SWEEPS, put_rows

__all__ = ["TABLE", "carrier_of", "main"]

TABLE = "latent-table"
"""Name of the table in the file of sweeps."""


def _built_in(network: Any) -> Carrier:
    config = network.config

    def encode(images: Tensor) -> Tensor:
        """Return the codes of images."""
        codes: Tensor = network.encode(images)
        return codes.reshape(len(images), config.copies, config.group_order)

    return table_carrier(encode, config.copies, config.group_order)


_CARRIERS: Mapping[str, tuple[str, int, Callable[[Any], Carrier]]] = {
    "rotated-mnist": ("built in", 28, _built_in),
    "digit-vae": (
        "lifted",
        28,
        lambda network: lifted_carrier(lambda x: network.encode(x)[0], network.config.latent),
    ),
    "latent-actions": ("imposed", 14, imposed_carrier),
    "digit-context": ("learned", 14, learned_carrier),
    "digit-split": ("split", 14, split_carrier),
}


def carrier_of(network: Any, task: str) -> tuple[str, int, Carrier]:
    """Return where the action of a network comes from, the side of its pictures, and its carrier.

    Parameters
    ----------
    network : torch.nn.Module
        What :func:`utils.training.load_checkpoint` returns.
    task : str
        The ``task`` of its manifest.

    Examples
    --------
    >>> network, manifest = load_checkpoint("digit-split-right-seed0")
    >>> origin, side, carrier = carrier_of(network, manifest["task"])
    >>> origin, side, carrier.order
    ('split', 14, 8)
    """
    if task not in _CARRIERS:
        known = ", ".join(_CARRIERS)
        raise ValueError(f"no action is known on the codes of {task}; there are: {known}")
    origin, side, make = _CARRIERS[task]
    return origin, side, make(network)


def main(argv: Sequence[str] | None = None) -> int:
    """Put rows about codes of turned digits and their actions into the table of sweeps."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.probes.carrier_sweep", description=main.__doc__
    )
    parser.add_argument("network", nargs="+", help="name of a checkpoint, or folder of a run")
    parser.add_argument("--into", type=Path, default=shipped_directory() / SWEEPS, help="a table")
    arguments = parser.parse_args(argv)
    try:
        digits, rows = turned_digits(), []
        for name in arguments.network:
            network, manifest = load_checkpoint(name)
            origin, side, carrier = carrier_of(network, manifest["task"])
            measures = dataclasses.asdict(measure_carrier(carrier, *digits[side]))
            rows.append({"preset": origin, "seed": manifest["seeds"]["training"], **measures})
        put_rows(arguments.into, TABLE, rows)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    print(f"{len(rows)} rows are in {arguments.into.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
