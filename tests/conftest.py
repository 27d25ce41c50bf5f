"""What all tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from book._tools.command import write

pytest.register_assert_rewrite("tests.mutants.frame")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums come out the same, and times compare algorithms, not cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_runtest_setup() -> None:
    """Begin every test with the same random numbers, whichever tests ran before it."""
    torch.manual_seed(0)


class Times:
    """Keeps how long each file of unit tests took, for ``make check`` to choose by."""

    def __init__(self, path: Path, parts: set[str]) -> None:
        self.path = path
        self.parts = parts
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.split("::")[0].rsplit("/", 1)[-1]
        if report.nodeid.startswith("tests/unit/") and name not in self.parts:
            self.seconds[name] = self.seconds.get(name, 0) + report.duration

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus != pytest.ExitCode.OK or not self.seconds:
            return
        known = json.loads(self.path.read_text()) if self.path.is_file() else {}
        known |= {name: round(seconds, 1) for name, seconds in self.seconds.items()}
        write(self.path, json.dumps(known, indent=1, sort_keys=True) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Time whole files, in the process that hears of all tests."""
    chosen = config.option.keyword or config.option.markexpr
    if not chosen and not hasattr(config, "workerinput"):
        parts = {Path(one.split("::")[0]).name for one in config.args if "::" in one}
        path = config.rootpath / "_build" / "test_times.json"
        config.pluginmanager.register(Times(path, parts))
