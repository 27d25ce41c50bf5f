"""A pytest plugin for the notebooks: no network, and a budget that is measured.

``make test`` loads it beside nbval. Every kernel that nbval starts finds the network
unreachable, and after the last cell of a chapter one more item compares what the kernel used
with the budget that the chapter states in its opening.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from book._tools.home import home_variables

HERE = Path(__file__).resolve().parent
MOST_SECONDS, MOST_GIGABYTES = 180.0, 2.0
_BUDGET = re.compile(
    r"\*\*Budget\.\*\*\s+At most (\d+) reference seconds of one core "
    r"and (\d+(?:\.\d+)?) GB of memory"
)


@dataclass(frozen=True)
class Budget:
    """What a chapter may use: seconds of one core, and gigabytes of resident memory."""

    seconds: float
    gigabytes: float


def stated_budget(markdown: str, name: str) -> Budget:
    """Read the budget that a chapter states in its own words."""
    found = _BUDGET.findall(" ".join(markdown.split()))
    if len(found) != 1:
        raise ValueError(
            f"{name} states {len(found)} budgets; write exactly one sentence '**Budget.** At most "
            "N reference seconds of one core and M GB of memory'."
        )
    budget = Budget(float(found[0][0]), float(found[0][1]))
    if budget.seconds > MOST_SECONDS or budget.gigabytes > MOST_GIGABYTES:
        raise ValueError(
            f"{name} states {budget.seconds:g} s and {budget.gigabytes:g} GB; a chapter may use "
            f"at most {MOST_SECONDS:g} s and {MOST_GIGABYTES:g} GB."
        )
    return budget


def check_budget(budget: Budget, seconds: float, gigabytes: float, name: str) -> None:
    """Compare what was used with what was stated."""
    assert seconds > 0, f"{name}: nothing was measured"
    assert gigabytes > 0, f"{name}: nothing was measured"
    assert seconds <= budget.seconds, (
        f"{name} used {seconds:.0f} s of one core and states {budget.seconds:.0f} s"
    )
    assert gigabytes <= budget.gigabytes, (
        f"{name} used {gigabytes:.2f} GB at its peak and states {budget.gigabytes:.2f} GB"
    )


def peak_gigabytes(pid: int) -> float:
    """Largest resident memory that a living process has had."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found.group(1)) * 1024 / 1e9
    return psutil.Process(pid).memory_info().rss / 1e9


def cpu_seconds(pid: int) -> float:
    """Processor time that a living process and its ended children have used."""
    times = psutil.Process(pid).cpu_times()
    children = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return times.user + times.system + children


class BudgetItem(pytest.Item):
    """Stands after the last cell of a chapter, on the same kernel."""

    def runtest(self) -> None:
        markdown = "\n".join(
            cell.source for cell in self.parent.nb.cells if cell.cell_type == "markdown"
        )
        name = self.parent.path.name
        budget = stated_budget(markdown, name)
        pid = self.parent.kernel.km.provisioner.process.pid
        used = cpu_seconds(pid), peak_gigabytes(pid)
        self.user_properties.append(("used", f"{name}: {used[0]:.0f} s, {used[1]:.2f} GB"))
        check_budget(budget, *used, name)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"budget of {self.path.name}"


def pytest_configure(config: pytest.Config) -> None:
    """Let every kernel start with the guard against the network."""
    folder = Path(tempfile.mkdtemp(prefix="book-ipython-"))
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(HERE / "no_network.py", startup / "00-no-network.py")
    os.environ.update({**home_variables(), "IPYTHONDIR": str(folder)})
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a budget item behind the cells of each notebook."""
    from nbval.plugin import IPyNbCell

    with_budget: list[pytest.Item] = []
    for here, following in zip(items, [*items[1:], None], strict=True):
        with_budget.append(here)
        last = following is None or following.parent is not here.parent
        if isinstance(here, IPyNbCell) and last:
            with_budget.append(BudgetItem.from_parent(here.parent, name="budget"))
    items[:] = with_budget


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what each chapter used."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for key, text in getattr(report, "user_properties", []):
                if key == "used" and getattr(report, "when", "") == "call":
                    terminalreporter.write_line(f"used by {text}")
