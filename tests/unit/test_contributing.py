"""The map of CONTRIBUTING.md is true: its files exist, and what is added by it passes checks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.unit.test_docstrings import load

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    row[0]: row[1:]
    for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
    for row in [[cell.strip() for cell in line.strip("|").split("|")]]
    if row[0] != "I want to add"
}
# Where each row puts a new file of Python.
ADDED = {
    "a group": "utils/groups",
    "a projection": "utils/projections",
    "a dataset": "utils/data",
    "a network": "utils/models",
    "a figure that moves": "utils/plots/explorables",
}
TEMPLATE = '''"""Something new."""

from __future__ import annotations

__all__ = ["something_new"]


def something_new() -> int:
    """Return a number.

    Examples
    --------
    >>> something_new()
    42
    """
    return 42
'''


def paths(cell: str) -> list[str]:
    """The files and folders that a cell of the map names."""
    return [name for name in re.findall(r"`([^`]+)`", cell) if "/" in name or name[0] == "_"]


@pytest.mark.parametrize("row", ROWS)
def test_every_file_that_the_map_names_is_there(row):
    touched, seen = ROWS[row]
    for name in [*paths(touched), *paths(seen)]:
        assert (ROOT / name).exists(), name
    assert paths(seen), "nothing sees that the row is true"
    assert all(name.startswith("tests/unit/test_") for name in paths(seen))


def test_the_map_says_where_each_addition_goes():
    assert len(ROWS) == 11
    for row, folder in ADDED.items():
        assert f"{folder}/" in paths(ROWS[row][0])


def with_place(pyproject: str, room: str) -> str:
    """Give a new module its place in the contract of its room, if there is one: the top layer."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if contract.get("containers") == [room.replace("/", ".")] and contract.get("exhaustive"):
            top = contract["layers"][0]
            head, found, tail = pyproject.partition(f'containers = ["{room.replace("/", ".")}"]')
            assert found
            return head + found + tail.replace(f'"{top}"', f'"{top} | something_new"', 1)
    return pyproject


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the book in which every row of the map has been followed."""
    copy = tmp_path_factory.mktemp("a book")
    no = shutil.ignore_patterns("__pycache__", "checkpoints", "_static")
    for folder in ("book", "tests", "utils"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=no)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for folder in ADDED.values():
        (copy / folder / "something_new.py").write_text(TEMPLATE)
        pyproject = with_place(pyproject, folder)
    (copy / "pyproject.toml").write_text(pyproject)
    for room in ("groups", "projections"):
        door = copy / "utils" / room / "__init__.py"
        line = f"from utils.{room}.something_new import something_new\n"
        door.write_text(door.read_text() + line + '__all__ += ["something_new"]\n')
    return copy


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_what_is_added_keeps_the_order_of_rooms(copy):
    linter = Path(sys.executable).with_name("lint-imports")
    done = run(copy, str(linter), "--no-cache")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    broken = copy / "utils" / "groups" / "something_new.py"
    broken.write_text(TEMPLATE.replace("__all__", "import utils.probes\n\n__all__", 1))
    done = run(copy, str(linter), "--no-cache")
    broken.write_text(TEMPLATE)
    assert done.returncode != 0, "an import of a room above passes"


def test_what_is_added_is_on_the_pages_of_the_api(copy):
    listed = load("book/_ext/api_reference").room_modules
    for folder in ADDED.values():
        room = ".".join(folder.split("/")[:2])
        names = [name for name, _ in listed(copy, room)]
        assert f"{folder.replace('/', '.')}.something_new" in names


def test_the_example_of_what_is_added_runs_and_is_asked_for(copy):
    without = copy / "utils" / "groups" / "something_new.py"
    without.write_text(TEMPLATE.replace(">>> something_new()\n    42\n", "None.\n"))
    wrong = copy / "utils" / "data" / "something_new.py"
    wrong.write_text(TEMPLATE.replace('    42\n    "', '    43\n    "'))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-k", "something_new or what_is_public"]
    done = run(copy, *command, "tests/unit/test_docstrings.py")
    without.write_text(TEMPLATE)
    wrong.write_text(TEMPLATE)
    assert f"2 failed, {len(ADDED) - 1} passed" in done.stdout, done.stdout[-2000:]
    asked = re.search(r"AssertionError: give these a short example.*: (\[.*\])", done.stdout)
    assert asked.group(1) == "['groups.something_new']"
    assert "test_the_examples_run[utils.data.something_new]" in done.stdout
