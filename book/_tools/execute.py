"""Execute chapters, each only when something that it uses has changed.

``python -m book._tools.execute`` writes executed copies to ``_build/executed`` and leaves the
chapters themselves alone; ``--in-place`` also takes the outputs over into ``chapters/``, which
is how an author renews what the repository carries.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import threading
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil
import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from book._tools.calibration import (
    CalibrationError,
    Calibrator,
    Meter,
    Time,
    cpu_seconds,
    patience,
    peak_bytes,
)
from book._tools.command import ROOT, CommandError, Option, command, write
from book._tools.home import home_variables
from book._tools.outputs import tidy
from book._tools.sources import NotebookError, chapter_key, chapters, read_notebook
from utils.claims import STRICT

STARTUP_TIMEOUT = 300


class ChapterError(CommandError):
    """A chapter did not run to its end; the message names the chapter and the cell."""


@dataclass(frozen=True)
class Measured:
    """What one execution cost.

    Attributes
    ----------
    key : str
        Hash of everything that the chapter depends on.
    cpu_seconds : float
        CPU time of the kernel on this machine.
    reference_seconds : float
        The same on the reference machine (:mod:`book._tools.calibration`).
    speed : float
        Reference seconds in a CPU second.
    megabytes : float
        Largest resident memory of the kernel.
    """

    key: str
    cpu_seconds: float
    reference_seconds: float
    speed: float
    megabytes: float


class _PeakMemory(threading.Thread):
    """Follow the resident memory of a process until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self.bytes = self._process.memory_info().rss
        self.start()

    def run(self) -> None:
        try:
            while not self._done.wait(0.1):
                self.bytes = max(self.bytes, self._process.memory_info().rss)
        except psutil.Error:
            return

    def note_peak(self) -> None:
        """Take the peak that the system keeps, where it does."""
        self.bytes = max(self.bytes, peak_bytes(self._process.pid))

    def stop(self) -> float:
        self._done.set()
        return self.bytes / 1e6


def _pid(client: NotebookClient) -> int:
    """Process of a client's running kernel."""
    provisioner = getattr(client.km, "provisioner", None)
    return int(provisioner.process.pid)  # type: ignore[union-attr]


def transport_encryption() -> str:
    """Encrypt what kernels say where the system can: without, each kernel warns about it."""
    return "auto" if zmq.has("curve") else "disabled"


def _kernel_options() -> Config:
    return Config(KernelManager={"transport_encryption": transport_encryption()})


def execute(
    path: Path, *, machine_speed: Callable[[], float], timeout: float | None = None
) -> tuple[NotebookNode, Time, float]:
    """Run one chapter in a fresh kernel on one thread.

    Parameters
    ----------
    path : pathlib.Path
        The notebook; it is read and not written.
    machine_speed : Callable[[], float]
        Measures how many reference seconds a CPU second is worth just now.
    timeout : float, optional
        Seconds that one cell may take; by default as many as the machine's speed asks for.

    Returns
    -------
    tuple[NotebookNode, Time, float]
        The executed notebook, its computing time, and peak memory in megabytes.
    """
    notebook = read_notebook(path)
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    client = NotebookClient(
        notebook,
        startup_timeout=STARTUP_TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}},
        config=_kernel_options(),
    )
    memory: _PeakMemory | None = None
    meter: Meter | None = None
    index = number = 0
    try:
        with client.setup_kernel(env={**os.environ, **threads, **STRICT}):
            pid = _pid(client)
            memory = _PeakMemory(pid)
            meter = Meter(lambda: cpu_seconds(pid), machine_speed)
            client.timeout = math.ceil(timeout or patience(meter.latest))
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                number += 1
                client.execute_cell(cell, index, execution_count=number)
            memory.note_peak()
            used = meter.stop()
    except (CellExecutionError, CellTimeoutError, DeadKernelError, psutil.NoSuchProcess) as error:
        reason = _reason(error, client.timeout)
        source = notebook.cells[index].source.strip().splitlines()
        raise ChapterError(
            f"{path.name}, code cell {number} (notebook cell {index}), "
            f"which begins with {source[0] if source else ''!r}: {reason}"
        ) from error
    finally:
        megabytes = memory.stop() if memory else 0.0
        if meter:
            meter.leave()
    return tidy(notebook), used, megabytes


def _reason(error: Exception, timeout: float | None) -> str:
    """Say why a cell ended, in one line."""
    if isinstance(error, CellTimeoutError):
        return f"it took longer than the {timeout:.0f} s that a cell may take on this machine"
    if isinstance(error, DeadKernelError | psutil.NoSuchProcess):
        return "its kernel died, perhaps for want of memory"
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return re.sub(r"\x1b\[[0-9;]*m", "", lines[-1] if lines else type(error).__name__)


def _kept(copy: Path, record: Path, key: str) -> NotebookNode | None:
    """Return the executed copy if it is whole and its record is of this key."""
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        text = copy.read_text(encoding="utf-8")
        if (stored["key"], stored["copy"]) == (key, _digest(text)):
            return nbformat.reads(text, as_version=4)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError):
        pass  # absent or damaged, to be made again
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def refresh(
    path: Path,
    folder: Path,
    *,
    machine_speed: Callable[[], float],
    force: bool = False,
    root: Path = ROOT,
    on_start: Callable[[], object] = lambda: None,
) -> Measured | None:
    """Bring the executed copy of a chapter up to date.

    Parameters
    ----------
    path : pathlib.Path
        The chapter.
    folder : pathlib.Path
        Where executed copies live.
    machine_speed : Callable[[], float]
        Measures how many reference seconds a CPU second is worth just now.
    force : bool
        Execute even if nothing has changed.
    root : pathlib.Path
        The repository.
    on_start : Callable[[], object]
        Called when the chapter is not kept but executed, before its first cell.

    Returns
    -------
    Measured or None
        What the execution cost, or None if the copy was still good. A copy whose code was good
        while its text has changed is made anew from the stored outputs without execution.
    """
    key = chapter_key(path, root)
    copy, record = folder / path.name, folder / f"{path.stem}.json"
    kept = None if force else _kept(copy, record, key)
    if kept is not None:
        source = read_notebook(path)
        outputs = iter(cell for cell in kept.cells if cell.cell_type == "code")
        for cell in source.cells:
            if cell.cell_type == "code":
                done = next(outputs)
                cell.outputs, cell.execution_count = done.outputs, done.execution_count
        text = nbformat.writes(tidy(source)) + "\n"
        stored = json.loads(record.read_text(encoding="utf-8"))
        if stored["copy"] != _digest(text):
            write(copy, text)
            write(record, json.dumps({**stored, "copy": _digest(text)}, indent=1) + "\n")
        return None
    record.unlink(missing_ok=True)
    on_start()
    notebook, used, megabytes = execute(path, machine_speed=machine_speed)
    measured = Measured(
        key,
        cpu_seconds=round(used.cpu_seconds, 3),
        reference_seconds=round(used.reference_seconds, 3),
        speed=round(used.speed, 3),
        megabytes=round(megabytes),
    )
    text = nbformat.writes(notebook) + "\n"
    write(copy, text)
    write(record, json.dumps({**asdict(measured), "copy": _digest(text)}, indent=1) + "\n")
    return measured


def take_over(path: Path, copy: Path) -> bool:
    """Write the executed copy of a chapter over the chapter itself.

    Parameters
    ----------
    path, copy : pathlib.Path
        The chapter and its executed copy.

    Returns
    -------
    bool
        Whether the chapter changed.
    """
    source, done = (read_notebook(file) for file in (path, copy))
    if [cell.source for cell in source.cells] != [cell.source for cell in done.cells]:
        raise ChapterError(f"{path.name} has changed since it was executed: execute it again.")
    text = copy.read_text(encoding="utf-8")
    if text == path.read_text(encoding="utf-8"):
        return False
    write(path, text)
    return True


def summary(executed: Sequence[Measured]) -> str:
    """Say what the executed chapters cost together and how fast the machine was.

    Parameters
    ----------
    executed : Sequence[Measured]
        At least one chapter's cost.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> summary([Measured("a", 90, 60, 0.67, 800), Measured("b", 150, 120, 0.8, 900)])
    '2 chapters executed in 3.0 reference minutes (4.0 here): speed 0.75, reference machine 1'
    """
    reference = sum(one.reference_seconds for one in executed)
    here = sum(one.cpu_seconds for one in executed)
    chapters = "1 chapter" if len(executed) == 1 else f"{len(executed)} chapters"
    return (
        f"{chapters} executed in {reference / 60:.1f} reference minutes ({here / 60:.1f} here): "
        f"speed {reference / here:.2f}, reference machine 1"
    )


@command(
    __doc__,
    Option("--only", metavar="NN", help="the number of one chapter"),
    Option("--force", action="store_true", help="execute even what has not changed"),
    Option("--in-place", action="store_true", help="take the outputs into chapters/"),
    Option("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many at a time"),
)
def main(options: Namespace) -> list[str]:
    """Execute what has changed, two chapters at a time, and say what each cost."""
    folder = ROOT / "_build" / "executed"
    os.environ.update(home_variables())
    executed: list[Measured] = []

    def run(path: Path) -> str | None:
        def say(text: str) -> None:
            print(f"{path.name}: {text}", flush=True)

        try:
            measured = refresh(
                path,
                folder,
                machine_speed=calibrator.speed,
                force=options.force,
                on_start=lambda: say("begins"),
            )
            if measured is None:
                say("unchanged, kept")
            else:
                executed.append(measured)
                say(
                    f"executed in {measured.reference_seconds:.0f} reference seconds "
                    f"({measured.cpu_seconds:.0f} s here), {measured.megabytes:.0f} MB"
                )
            if options.in_place and take_over(path, folder / path.name):
                say("outputs written to chapters/")
        except (ChapterError, NotebookError) as error:
            return str(error)
        except CalibrationError as error:
            return f"{path.name}: {error}"
        return None

    paths = chapters(only=options.only)
    with Calibrator() as calibrator, ThreadPoolExecutor(max(1, options.jobs)) as pool:
        failures = [failure for failure in pool.map(run, paths) if failure]
    if executed:
        print(summary(executed), flush=True)
    return failures


if __name__ == "__main__":
    raise SystemExit(main())
