"""Kernels of a user whose home folder is read-only or missing stay quiet, and JupyterLab starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from book._tools import home
from utils.data import cache


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr(home.Path, "home", lambda: tmp_path / "nowhere")
    return tmp_path


def test_a_writable_home_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.Path, "home", lambda: tmp_path)
    assert home.home_variables({}) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_missing_home_gets_folders_that_stay(homeless: Path) -> None:
    added = home.home_variables({})
    assert added.keys() == home.VARIABLES.keys() >= {"MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR"}
    for folder in map(Path, added.values()):
        assert folder.is_dir()
        assert folder.is_relative_to(homeless / "tmp")
    assert home.home_variables({}) == added


def test_what_the_reader_set_stays(homeless: Path) -> None:
    assert home.home_variables(dict.fromkeys(home.VARIABLES, "mine")) == {}
    others = home.VARIABLES.keys() - {"IPYTHONDIR"}
    assert home.home_variables({"IPYTHONDIR": "mine"}).keys() == others


def test_a_user_without_a_home(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(home.Path, "home", unknown)
    assert home.home_variables({}).keys() == home.VARIABLES.keys()


@pytest.mark.parametrize("named", [True, False])
def test_matplotlib_says_nothing_then(named: bool, homeless: Path) -> None:
    """And does otherwise, which is why the folder is named."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MPLC"))}
    (homeless / "nowhere").write_bytes(b"")  # so that not even the root user can make it
    ended = subprocess.run(
        [sys.executable, "-c", "import matplotlib; print(matplotlib.get_cachedir())"],
        env={**environment, **(home.home_variables({}) if named else {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ("temporary cache directory" in ended.stderr) is not named
    assert (ended.stderr == "") is named
