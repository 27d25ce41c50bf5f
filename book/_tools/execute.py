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
import os
import re
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path

import nbformat
import psutil
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from book._tools.home import home_variables

ROOT = Path(__file__).resolve().parents[2]
CELL_TIMEOUT = 600
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
    seconds : float
        Wall time from the start of the kernel to the last cell.
    megabytes : float
        Largest resident memory of the kernel.
    """

    key: str
    seconds: float
    megabytes: float


def chapters(root: Path = ROOT, *, only: str | None = None) -> list[Path]:
    """List the chapters.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    only : str, optional
        The number of one chapter, for example ``"07"``.

    Returns
    -------
    list[pathlib.Path]
        Paths in reading order.

    Raises
    ------
    FileNotFoundError
        If no chapter has that number, or there is none at all.
    """
    found = sorted((root / "chapters").glob("[0-9][0-9]_*.ipynb"))
    if only is not None:
        number = only.zfill(2)
        found = [path for path in found if path.name.startswith(f"{number}_")]
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


def chapter_key(path: Path, root: Path = ROOT) -> str:
    """Hash everything on which the outputs of a chapter depend.

    That is: its code, the modules of ``utils`` that the code reaches, the checkpoints where it
    reaches the training room, its entries in the ledger of claims, and the locked requirements.

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


def execute(path: Path, *, timeout: int = CELL_TIMEOUT) -> tuple[NotebookNode, float, float]:
    """Run one chapter in a fresh kernel on one thread.

    Parameters
    ----------
    path : pathlib.Path
        The notebook; it is read and not written.
    timeout : int
        Seconds that one cell may take.

    Returns
    -------
    tuple[NotebookNode, float, float]
        The executed notebook, seconds, and peak memory in megabytes.

    Raises
    ------
    ChapterError
        If a cell raises, runs out of time, or the kernel dies.
    """
    notebook = nbformat.read(path, as_version=4)
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    client = NotebookClient(
        notebook, timeout=timeout, resources={"metadata": {"path": str(path.parent)}}
    )
    memory: _PeakMemory | None = None
    number = 0
    started = time.perf_counter()
    try:
        with client.setup_kernel(env={**os.environ, **threads}):
            memory = _PeakMemory(_pid(client))
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                number += 1
                client.execute_cell(cell, index, execution_count=number)
            memory.note_peak()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        reason = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1] if lines else type(error).__name__)
        source = notebook.cells[index].source.strip().splitlines()
        raise ChapterError(
            f"{path.name}, code cell {number} (notebook cell {index}), "
            f"which begins with {source[0] if source else ''!r}: {reason}"
        ) from error
    finally:
        megabytes = memory.stop() if memory else 0.0
    return _tidy(notebook), time.perf_counter() - started, megabytes


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def refresh(path: Path, folder: Path, *, force: bool = False, root: Path = ROOT) -> Measured | None:
    """Bring the executed copy of a chapter up to date.

    Parameters
    ----------
    path : pathlib.Path
        The chapter.
    folder : pathlib.Path
        Where executed copies live.
    force : bool
        Execute even if nothing has changed.
    root : pathlib.Path
        The repository.

    Returns
    -------
    Measured or None
        What the execution cost, or None if the copy was still good. A copy whose code was good
        while its text has changed is made anew from the stored outputs without execution.

    Raises
    ------
    ChapterError
        If the chapter does not run.
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
    notebook, seconds, megabytes = execute(path)
    measured = Measured(key, round(seconds, 1), round(megabytes))
    _write(copy, nbformat.writes(notebook) + "\n")
    _write(record, json.dumps(measured.__dict__, indent=1) + "\n")
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

    def run(path: Path) -> str | None:
        try:
            measured = refresh(path, folder, force=options.force)
            if measured is None:
                print(f"{path.name}: unchanged, kept", flush=True)
            else:
                cost = f"{measured.seconds:.0f} s, {measured.megabytes:.0f} MB"
                print(f"{path.name}: executed in {cost}", flush=True)
            if options.in_place and take_over(path, folder / path.name):
                print(f"{path.name}: outputs written to chapters/", flush=True)
        except ChapterError as error:
            return str(error)
        return None

    try:
        paths = chapters(only=options.only)
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        failures = [failure for failure in pool.map(run, paths) if failure]
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
