"""Rows about auto-encoders with cyclic codes, with what projections read from them, for the sweeps.

.. code-block:: console

   $ python -m utils.training latent-actions --preset shift --seed 0
   $ python -m utils.probes.latent_sweep runs/latent-actions-shift-seed0
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from utils.models.base import Network
from utils.models.latent_actions import encode_orbits
from utils.probes.readings import read_orbits
from utils.projections import cyclic_projections
from utils.training.checkpoint import shipped_directory
from utils.training.sweeps import SWEEPS, gather
from utils.training.tasks.latent_actions import judged_orbits

__all__ = ["main"]


def _row(network: Network, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Read the codes of an auto-encoder with a cyclic code by every projection for C_n."""
    net: Any = network
    fit, test = judged_orbits(manifest["options"]["acts"])
    projections = cyclic_projections(net.config.copies, net.config.order)
    with torch.no_grad():
        fit_codes = net.encode(fit.images[:, 0])
    test_codes = encode_orbits(net.encode, test.images)
    found = read_orbits(projections, fit_codes, fit.labels, test_codes, test.labels)
    readings = {
        name: {"few": each.few.mean, "many": each.many, "share": each.share, "nmi": each.nmi}
        for name, each in found.items()
    }
    return {"readings": readings}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if something was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.probes.latent_sweep",
        description="Put what is measured on runs, readings included, into the table of sweeps.",
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
