"""Execute chapters, each only when something that it uses has changed.

``python -m book._tools.execute`` writes executed copies to ``_build/executed`` and leaves the
chapters themselves alone; ``--in-place`` also takes the outputs over into ``chapters/``, which
is how an author renews what the repository carries.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import resolve_name
from pathlib import Path

import nbformat
import psutil
import yaml
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
)
from book._tools.home import home_variables

ROOT = Path(__file__).resolve().parents[2]
STARTUP_TIMEOUT = 300
_KEPT_METADATA = ("kernelspec", "language_info")


class ChapterError(RuntimeError):
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


def chapters(root: Path = ROOT, *, only: str | None = None) -> list[Path]:
    """List the chapters.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    only : str, optional
        The number of one chapter, for example ``"07"``, which has its companion pages with it;
        or that of one companion page, ``"07a"``.

    Returns
    -------
    list[pathlib.Path]
        Paths in reading order.

    Raises
    ------
    FileNotFoundError
        If no chapter has that number, or there is none at all.
    """
    found = sorted((root / "chapters").glob("[0-9][0-9]*_*.ipynb"))
    if only is not None:
        number = only.zfill(3 if only[-1:].isalpha() else 2)
        found = [path for path in found if path.name.startswith(number)]
        if not found:
            raise FileNotFoundError(
                f"There is no chapter {number}: call with the number of a file in chapters/, "
                "for example N=07."
            )
    if not found:
        raise FileNotFoundError("The folder chapters/ holds no notebook NN_name.ipynb.")
    return found


def _imports(code: str, package: str) -> set[str]:
    """Names of modules that a piece of code imports, as far as they may lie in ``utils``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = resolve_name("." * node.level + base, package)
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in names if name == "utils" or name.startswith("utils.")}


def _python(source: str) -> str:
    """Drop the lines of a cell that are IPython's and not Python's."""
    return "\n".join(line for line in source.split("\n") if not re.match(r"\s*[%!]", line))


def used_modules(code: Iterable[str], root: Path = ROOT) -> list[Path]:
    """Find the files of ``utils`` that some code imports, directly or not.

    Parameters
    ----------
    code : Iterable[str]
        Pieces of Python, such as the cells of a chapter.
    root : pathlib.Path
        The repository.

    Returns
    -------
    list[pathlib.Path]
        Files, sorted.
    """
    waiting = set().union(*(_imports(_python(cell), "") for cell in code), set())
    seen: set[Path] = set()
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            stem = root.joinpath(*parts[:end])
            for path in (stem / "__init__.py", stem.with_suffix(".py")):
                if path.is_file() and path not in seen:
                    seen.add(path)
                    relative = path.relative_to(root).with_suffix("")
                    package = ".".join(relative.parts[:-1])
                    waiting |= _imports(path.read_text(encoding="utf-8"), package)
    return sorted(seen)


def page_files(modules: Iterable[Path]) -> list[Path]:
    """Find the scripts, styles and templates that lie beside modules.

    Parameters
    ----------
    modules : Iterable[pathlib.Path]
        Files of Python.

    Returns
    -------
    list[pathlib.Path]
        Files that a figure which moves takes into its output, sorted.
    """
    folders = {module.parent for module in modules}
    kinds = ("*.css", "*.html", "*.js")
    return sorted(file for folder in folders for kind in kinds for file in folder.glob(kind))


def chapter_key(path: Path, root: Path = ROOT) -> str:
    """Hash everything on which the outputs of a chapter depend.

    That is: its code, the modules of ``utils`` that the code reaches with the scripts and styles
    beside them, the checkpoints where it reaches the training room, its entries in the ledger of
    claims, and the locked requirements.

    Parameters
    ----------
    path : pathlib.Path
        The notebook.
    root : pathlib.Path
        The repository.

    Returns
    -------
    str
        A hexadecimal digest.
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    digest = hashlib.sha256(json.dumps([sys.version_info[:2], code]).encode())
    files = used_modules(code, root)
    files += page_files(files)
    if any("training" in file.parts for file in files):
        files += sorted((root / "utils" / "checkpoints").glob("*"))
    files.append(root / "requirements.txt")
    for file in files:
        if file.is_file():
            digest.update(file.relative_to(root).as_posix().encode() + b"\0")
            digest.update(file.read_bytes())
    ledger = root / "book" / "claims.yml"
    entries = (yaml.safe_load(ledger.read_text(encoding="utf-8")) or {}) if ledger.is_file() else {}
    own = {name: entry for name, entry in entries.items() if entry.get("chapter") == path.stem}
    digest.update(json.dumps(own, sort_keys=True, default=str).encode())
    return digest.hexdigest()


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
        """Read the peak that Linux itself keeps, which no sampling can miss."""
        status = Path(f"/proc/{self._process.pid}/status")
        if status.is_file():
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
            self.bytes = max(self.bytes, int(found.group(1)) * 1024 if found else 0)

    def stop(self) -> float:
        self._done.set()
        return self.bytes / 1e6


def _tidy(notebook: NotebookNode) -> NotebookNode:
    """Leave out what changes from run to run and tells a reader nothing."""
    notebook.metadata = NotebookNode(
        {key: value for key, value in notebook.metadata.items() if key in _KEPT_METADATA}
    )
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _merge_streams(cell.outputs)
    return notebook


def _merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream, which arrive cut at arbitrary places."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _pid(client: NotebookClient) -> int:
    """Process of a client's running kernel."""
    provisioner = getattr(client.km, "provisioner", None)
    return int(provisioner.process.pid)  # type: ignore[union-attr]


def transport_encryption() -> str:
    """Encrypt what kernels say where the system can: without, each kernel warns about it.

    Returns
    -------
    str
        A value for Jupyter's ``KernelManager.transport_encryption``.
    """
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

    Raises
    ------
    ChapterError
        If a cell raises, runs out of time, or the kernel dies.
    CalibrationError
        If the machine's speed cannot be measured.
    """
    notebook = nbformat.read(path, as_version=4)
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    client = NotebookClient(
        notebook,
        startup_timeout=STARTUP_TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}},
        config=_kernel_options(),
    )
    memory: _PeakMemory | None = None
    index = number = 0
    try:
        with client.setup_kernel(env={**os.environ, **threads}):
            pid = _pid(client)
            memory = _PeakMemory(pid)
            meter = Meter(lambda: cpu_seconds(pid), machine_speed)
            client.timeout = math.ceil(timeout or patience(meter.latest))
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                number += 1
                meter.between_cells()
                client.execute_cell(cell, index, execution_count=number)
            memory.note_peak()
            used = meter.stop()
    except (CellExecutionError, CellTimeoutError, DeadKernelError, psutil.NoSuchProcess) as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        reason = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1] if lines else type(error).__name__)
        source = notebook.cells[index].source.strip().splitlines()
        raise ChapterError(
            f"{path.name}, code cell {number} (notebook cell {index}), "
            f"which begins with {source[0] if source else ''!r}: {reason}"
        ) from error
    finally:
        megabytes = memory.stop() if memory else 0.0
    return _tidy(notebook), used, megabytes


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


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

    Raises
    ------
    ChapterError
        If the chapter does not run.
    CalibrationError
        If the machine's speed cannot be measured.
    """
    key = chapter_key(path, root)
    copy, record = folder / path.name, folder / f"{path.stem}.json"
    source = nbformat.read(path, as_version=4)
    if not force and copy.is_file() and record.is_file():
        stored = json.loads(record.read_text(encoding="utf-8"))
        if stored["key"] == key:
            outputs = iter(
                cell for cell in nbformat.read(copy, as_version=4).cells if cell.cell_type == "code"
            )
            for cell in source.cells:
                if cell.cell_type == "code":
                    done = next(outputs)
                    cell.outputs, cell.execution_count = done.outputs, done.execution_count
            text = nbformat.writes(_tidy(source)) + "\n"
            if text != copy.read_text(encoding="utf-8"):
                _write(copy, text)
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
    _write(copy, nbformat.writes(notebook) + "\n")
    _write(record, json.dumps(asdict(measured), indent=1) + "\n")
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

    Raises
    ------
    ChapterError
        If the copy is of other code than the chapter holds now.
    """
    source, done = (nbformat.read(file, as_version=4) for file in (path, copy))
    if [cell.source for cell in source.cells] != [cell.source for cell in done.cells]:
        raise ChapterError(f"{path.name} has changed since it was executed: execute it again.")
    text = copy.read_text(encoding="utf-8")
    if text == path.read_text(encoding="utf-8"):
        return False
    _write(path, text)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : Sequence[str], optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 1 if a chapter failed.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", metavar="NN", help="the number of one chapter")
    parser.add_argument("--force", action="store_true", help="execute even what has not changed")
    parser.add_argument("--in-place", action="store_true", help="take the outputs into chapters/")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args(arguments)
    folder = ROOT / "_build" / "executed"
    os.environ.update(home_variables())

    executed: list[Measured] = []

    def run(path: Path, calibrator: Calibrator) -> str | None:
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
        except ChapterError as error:
            return str(error)
        except CalibrationError as error:
            return f"{path.name}: {error}"
        return None

    try:
        paths = chapters(only=options.only)
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with Calibrator() as calibrator, ThreadPoolExecutor(max(1, options.jobs)) as pool:
        failures = [
            failure for failure in pool.map(lambda path: run(path, calibrator), paths) if failure
        ]
    if executed:
        print(summary(executed), flush=True)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
