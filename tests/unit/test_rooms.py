"""Every room of ``utils`` works without the packages that it does not need.

The table says which packages each room may ask for besides PyTorch and NumPy. Rooms with the same
needs share a fresh process in which all other packages of the list cannot be imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import utils

OPTIONAL = {
    *("rdkit", "torch_geometric", "e2cnn", "sklearn", "scipy", "pandas", "lightning_fabric"),
    *("mlxtend", "qm9pack", "efficientnet_lite_pytorch", "pooch", "yaml"),
    *("matplotlib", "PIL", "plotly", "IPython", "ipywidgets"),
    *("sphinx", "docutils", "jupyter_book", "myst_nb", "nbclient"),
}
"""What some rooms, the site or the tests need, and no room may need without saying so here."""

NEEDS: dict[str, str] = {
    "utils._checks": "",
    "utils._precision": "",
    "utils.groups": "",
    "utils.equivariance": "",
    "utils.quotient": "scipy",
    "utils.projections": "",
    "utils.generators": "",
    "utils.lie": "",
    "utils.graphs": "",
    "utils.molecules": "rdkit",
    "utils.data": "",
    "utils.data.cache": "",
    "utils.data.checksum": "",
    "utils.data.mnist": "pooch scipy",
    "utils.data.qm9": "rdkit",
    "utils.data.qm9.clouds": "rdkit",
    "utils.data.qm9.dataset": "rdkit torch_geometric",
    "utils.data.splits": "",
    "utils.models": "",
    "utils.models.baselines": "",
    "utils.models.clouds": "",
    "utils.models.graph_vae": "",
    "utils.models.lie_conv": "torch_geometric",
    "utils.models.permutation": "",
    "utils.models.rotation_cnn": "e2cnn scipy",
    "utils.models.zoo": "",
    "utils.training": "",
    "utils.training.presets": "pooch rdkit scipy",
    "utils.probes": "pooch scipy sklearn",
    "utils.discovery": "pooch scipy",
    "utils.claims": "yaml",
    "utils.plots": "PIL matplotlib",
}

SCRIPT = """
import importlib, json, sys

blocked, rooms = json.loads(sys.argv[1])

class Without:
    # What finds modules, except that some packages are nowhere to be found.
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        missing = name.partition(".")[0] in blocked
        return None if missing else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path if hasattr(finder, "find_spec")]
errors = {}
for room in rooms:
    try:
        importlib.import_module(room)
    except ImportError as error:
        errors[room] = str(error)
print(json.dumps([errors, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def import_without(blocked: Iterable[str], rooms: Iterable[str]) -> tuple[dict[str, str], set[str]]:
    """Import rooms in a fresh process; return what failed, and the packages that were loaded."""
    order: Any = json.dumps([sorted(blocked), list(rooms)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, order], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    errors, loaded = json.loads(done.stdout.splitlines()[-1])
    return errors, set(loaded)


@pytest.mark.parametrize("needs", sorted(set(NEEDS.values())))
def test_rooms_work_without_what_they_do_not_need(needs):
    allowed = set(needs.split())
    rooms = [room for room in NEEDS if NEEDS[room] == needs]
    errors, loaded = import_without(OPTIONAL - allowed, rooms)
    assert errors == {}
    assert allowed <= loaded  # the table allows nothing that is not used


def test_every_room_has_a_line():
    folder = Path(utils.__file__).parent
    rooms = {
        path.stem
        for path in folder.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert {name.split(".")[1] for name in NEEDS} == rooms - {"__init__"}


def test_a_blocked_package_is_missed():
    errors, _ = import_without({"rdkit"}, ["utils.molecules", "utils.graphs"])
    assert list(errors) == ["utils.molecules"]
    assert "rdkit" in errors["utils.molecules"]
