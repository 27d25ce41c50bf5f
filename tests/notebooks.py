"""A pytest plugin for the notebooks: no network, and a budget that is measured.

``make test`` loads it beside nbval. Every kernel that nbval starts finds the network
unreachable, and after the last cell of a chapter one more item compares what the kernel used
with the budget that the chapter states in its opening. Time is counted in reference seconds: the
kernel's CPU seconds times the machine's speed, which is sampled beside the cells
(``book/_tools/calibration.py``). At the end the chapters' times are summed, and too large a sum
fails the run.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

import pytest

from book._tools.calibration import Calibrator, Meter, Time, cpu_seconds, patience, peak_bytes
from book._tools.home import home_variables
from utils.claims import STRICT

if TYPE_CHECKING:
    from nbval.kernel import RunningKernel

HERE = Path(__file__).resolve().parent
MOST_SECONDS, MOST_GIGABYTES = 120.0, 1.5
MOST_MINUTES = 45.0  # reference minutes of all chapters together
# The calibration's own error, as factors of what a budget states. Repeated beside up to nineteen
# busy processes, chapters 02, 03 and 05 came to the same reference seconds within 7 %. What
# remains is that no chapter is the average mix. On a processor without wide vectors, emulated by
# the variables in tests/unit/test_calibration.py, chapter 13 read 0.98 of its reference seconds,
# the light chapters 02, 03 and 05 0.7 to 0.9, and a training step of the rotation network 1.36:
# 1.25 bears a chapter that spends four fifths of its time so. Over all chapters it averages out.
ALLOWANCE = 1.25
ALLOWANCE_TOGETHER = 1.1
STARTUP_SECONDS = 300  # on the clock, for a kernel on a slow and busy machine
LOOK_SECONDS = 5  # on the clock, after which a silent kernel is looked at
MESSAGE_SECONDS = 60  # on the clock, for an output after its cell has ended
CALIBRATOR = pytest.StashKey[Calibrator]()
METER = pytest.StashKey[Meter]()
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


def check_budget(budget: Budget, used: Time, gigabytes: float, name: str) -> None:
    """Compare what was used with what was stated."""
    assert used.cpu_seconds > 0, f"{name}: nothing was measured"
    assert gigabytes > 0, f"{name}: nothing was measured"
    assert used.reference_seconds <= ALLOWANCE * budget.seconds, (
        f"{name} used {used.reference_seconds:.0f} reference seconds and states "
        f"{budget.seconds:.0f}: {used.cpu_seconds:.0f} s of one core here, speed {used.speed:.2f}"
    )
    assert gigabytes <= budget.gigabytes, (
        f"{name} used {gigabytes:.2f} GB at its peak and states {budget.gigabytes:.2f} GB"
    )


@dataclass(frozen=True)
class Used:
    """What a chapter used, as a worker reports it: seconds, and gigabytes of resident memory."""

    name: str
    cpu_seconds: float
    reference_seconds: float
    gigabytes: float

    def __str__(self) -> str:
        speed = self.reference_seconds / self.cpu_seconds
        return (
            f"{self.name}: {self.reference_seconds:.0f} reference seconds "
            f"({self.cpu_seconds:.0f} s here, speed {speed:.2f}), {self.gigabytes:.2f} GB"
        )


def check_total(used: list[Used]) -> str | None:
    """Say what is wrong if all chapters together use too much, and nothing otherwise."""
    minutes = sum(one.reference_seconds for one in used) / 60
    if minutes <= ALLOWANCE_TOGETHER * MOST_MINUTES:
        return None
    return (
        f"the chapters used {minutes:.1f} reference minutes together and may use {MOST_MINUTES:.0f}"
    )


def kernel_pid(notebook: pytest.Collector) -> int:
    """Process of the kernel that runs a notebook's cells."""
    return notebook.kernel.km.provisioner.process.pid


class BudgetItem(pytest.Item):
    """Stands after the last cell of a chapter, on the same kernel."""

    def runtest(self) -> None:
        markdown = "\n".join(
            cell.source for cell in self.parent.nb.cells if cell.cell_type == "markdown"
        )
        name = self.parent.path.name
        budget = stated_budget(markdown, name)
        if METER not in self.parent.stash or not self.parent.kernel.is_alive():
            pytest.fail(f"{name}: nothing was measured, for its kernel has ended", pytrace=False)
        gigabytes = peak_bytes(kernel_pid(self.parent)) / 1e9
        used = self.parent.stash[METER].stop()
        report = Used(name, used.cpu_seconds, used.reference_seconds, gigabytes)
        self.user_properties.append(("used", asdict(report)))
        check_budget(budget, used, gigabytes, name)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"budget of {self.path.name}"


class Account:
    """Sums up what the chapters used; under xdist the reports of all workers come together here."""

    def __init__(self) -> None:
        self.used: list[Used] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            found = (value for key, value in report.user_properties if key == "used")
            self.used += [Used(**value) for value in found]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        passed = session.exitstatus == pytest.ExitCode.OK
        if passed and check_total(self.used):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.used:
            return
        for one in sorted(self.used, key=lambda one: one.name):
            terminalreporter.write_line(f"used by {one}")
        reference = sum(one.reference_seconds for one in self.used)
        here = sum(one.cpu_seconds for one in self.used)
        terminalreporter.write_line(
            f"used together: {reference / 60:.1f} reference minutes of {MOST_MINUTES:g} "
            f"({here / 60:.1f} minutes here, speed {reference / here:.2f})"
        )
        if wrong := check_total(self.used):
            terminalreporter.write_line(f"FAILED {wrong}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Let every kernel start with the guard against the network."""
    folder = Path(tempfile.mkdtemp(prefix="book-ipython-"))
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(HERE / "no_network.py", startup / "00-no-network.py")
    os.environ.update({**home_variables(), **STRICT, "IPYTHONDIR": str(folder)})
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.stash[CALIBRATOR] = Calibrator()  # one for each worker, started by the first chapter
    config.add_cleanup(config.stash[CALIBRATOR].close)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Account())
    config.option.nbval_kernel_startup_timeout = STARTUP_SECONDS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a budget item behind the cells of each notebook, and leave timing out to nbval."""
    from nbval.plugin import IPyNbCell

    with_budget: list[pytest.Item] = []
    for here, following in zip(items, [*items[1:], None], strict=True):
        with_budget.append(here)
        last = following is None or following.parent is not here.parent
        if isinstance(here, IPyNbCell):
            # pytest-timeout knows no speed; nbval's limit does (`pytest_runtest_setup`).
            here.add_marker(pytest.mark.timeout(0))
            here.output_timeout = MESSAGE_SECONDS
            if last:
                with_budget.append(BudgetItem.from_parent(here.parent, name="budget"))
    items[:] = with_budget


def notice_death(kernel: RunningKernel) -> None:
    """Let nbval, which waits for a reply as long as a cell may take, see that a kernel has died."""
    await_reply = kernel.await_reply

    def watching(msg_id: str, timeout: float) -> None:
        end = time.monotonic() + timeout
        while True:
            try:
                return await_reply(msg_id, timeout=min(LOOK_SECONDS, timeout))
            except Empty:
                if not kernel.is_alive():
                    raise RuntimeError("The kernel died, perhaps for want of memory.") from None
                if time.monotonic() >= end:
                    raise

    kernel.await_reply = watching


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin to sample the machine's speed before the first cell."""
    from nbval.plugin import IPyNbCell

    if not isinstance(item, IPyNbCell):
        return
    notebook = item.parent
    if METER in notebook.stash:
        return
    notice_death(notebook.kernel)
    pid = kernel_pid(notebook)
    meter = Meter(lambda: cpu_seconds(pid), item.config.stash[CALIBRATOR].speed)
    notebook.stash[METER] = meter
    item.config.add_cleanup(meter.leave)
    item.config.option.nbval_cell_timeout = patience(meter.latest)
