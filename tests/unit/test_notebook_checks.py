"""The checks on notebooks catch what they are there for: each is run on a broken chapter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

BUDGET = "**Budget.** At most {seconds} reference seconds of one core and 0.5 GB of memory."


def run(root: Path, folder: Path, *cells, seconds: int = 60) -> subprocess.CompletedProcess[str]:
    """Store outputs for some cells, as a chapter has them, and run the notebook checks."""
    text = nbformat.v4.new_markdown_cell(BUDGET.format(seconds=seconds))
    notebook = nbformat.v4.new_notebook(cells=[text, *cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path = folder / "01_a_chapter.ipynb"
    nbformat.write(notebook, path)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", path.name, "-p", "tests.notebooks", "--nbval"]
    command += ["--nbval-sanitize-with", str(root / "tests" / "sanitize.cfg"), "-q"]
    command += ["-p", "no:cacheprovider", "-c", "pytest.ini"]
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)


def cell(source: str, stdout: str = "", tags: tuple[str, ...] = ()):
    made = nbformat.v4.new_code_cell(source, execution_count=1, metadata={"tags": list(tags)})
    if stdout:
        made.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stdout)]
    return made


def test_a_sound_chapter_passes_and_its_cost_is_printed(root, tmp_path):
    done = run(root, tmp_path, cell("print(6 * 7)", "42\n"))
    assert done.returncode == 0, done.stdout
    assert "used by 01_a_chapter.ipynb" in done.stdout


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (cell("print(6 * 8)", "42\n"), "Cell outputs differ"),
        (cell("1 / 0"), "ZeroDivisionError"),
        (
            cell("import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"),
            "The network is unreachable: 192.0.2.1",
        ),
        (
            cell("import urllib.request as r\nr.urlopen('http://book.invalid')"),
            "The network is unreachable: book.invalid",
        ),
    ],
    ids=["output", "error", "address", "name"],
)
def test_a_broken_chapter_is_named_with_its_cell(root, tmp_path, broken, message):
    done = run(root, tmp_path, cell("print(1)", "1\n"), broken)
    assert done.returncode == 1
    assert "01_a_chapter.ipynb::Cell 1" in done.stdout
    assert message in done.stdout


BUSY = "import time\nend = time.process_time() + 4\nwhile time.process_time() < end: pass"
LARGE = "filled = bytearray(b'x') * 600_000_000"


@pytest.mark.parametrize(
    ("source", "seconds", "message"),
    [(BUSY, 3, "s of one core and states 3 s"), (LARGE, 60, "GB at its peak and states 0.50 GB")],
    ids=["time", "memory"],
)
def test_a_chapter_over_its_budget_fails(root, tmp_path, source, seconds, message):
    done = run(root, tmp_path, cell(source), seconds=seconds)
    assert done.returncode == 1
    assert "01_a_chapter.ipynb::budget" in done.stdout
    assert message in done.stdout


def test_a_cell_that_says_so_may_print_what_it_likes(root, tmp_path):
    free = cell("print(6 * 8)", "42\n", tags=("nbval-ignore-output",))
    assert run(root, tmp_path, free).returncode == 0
