"""The checks on notebooks catch what they are there for: each is run on a broken chapter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

BUDGET = "**Budget.** At most {seconds} reference seconds of one core and 0.5 GB of memory."


# A machine of a given speed, as a plugin that is loaded beside the checks.
MACHINE = """
from book._tools.calibration import Calibrator
Calibrator.speed = lambda self: {speed}
"""


def run(
    root: Path,
    folder: Path,
    *cells,
    seconds: int = 60,
    speed: float = 1.0,
    settings: str = "",
    options: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Store outputs for some cells, as a chapter has them, and run the notebook checks."""
    (folder / "machine.py").write_text(MACHINE.format(speed=speed) + settings)
    text = nbformat.v4.new_markdown_cell(BUDGET.format(seconds=seconds))
    notebook = nbformat.v4.new_notebook(cells=[text, *cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path = folder / "01_a_chapter.ipynb"
    nbformat.write(notebook, path)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", path.name, "-p", "tests.notebooks", "--nbval"]
    command += ["--nbval-sanitize-with", str(root / "tests" / "sanitize.cfg"), "-q"]
    command += ["-p", "no:cacheprovider", "-c", "pytest.ini", "-p", "machine", *options]
    found = os.pathsep.join([str(folder), str(root)])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": found},
        capture_output=True,
        text=True,
        timeout=240,
    )


def cell(source: str, stdout: str = "", tags: tuple[str, ...] = ()):
    made = nbformat.v4.new_code_cell(source, execution_count=1, metadata={"tags": list(tags)})
    if stdout:
        made.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stdout)]
    return made


def test_a_sound_chapter_passes_and_its_cost_is_printed(root, tmp_path):
    done = run(root, tmp_path, cell("print(6 * 7)", "42\n"))
    assert done.returncode == 0, done.stdout
    assert re.search(
        r"used by 01_a_chapter\.ipynb: \d+ reference seconds \(\d+ s here, speed 1\.00\), "
        r"0\.\d\d GB",
        done.stdout,
    )
    assert "used together: 0.0 reference minutes of 45" in done.stdout


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
    [(BUSY, 3, "reference seconds and states 3"), (LARGE, 60, "GB at its peak and states 0.50 GB")],
    ids=["time", "memory"],
)
def test_a_chapter_over_its_budget_fails(root, tmp_path, source, seconds, message):
    done = run(root, tmp_path, cell(source), seconds=seconds)
    assert done.returncode == 1
    assert "01_a_chapter.ipynb::budget" in done.stdout
    assert message in done.stdout


def test_a_slow_machine_does_not_fail_an_honest_chapter(root, tmp_path):
    done = run(root, tmp_path, cell(BUSY), seconds=3, speed=0.3)
    assert done.returncode == 0, done.stdout
    assert "speed 0.30" in done.stdout


def test_a_fast_machine_does_not_hide_a_chapter_that_needs_more(root, tmp_path):
    done = run(root, tmp_path, cell(BUSY), seconds=8, speed=3)
    assert done.returncode == 1
    assert re.search(r"used \d\d reference seconds and states 8: \d+ s of one core", done.stdout)


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadfile")], ids=["one", "workers"])
def test_all_chapters_together_may_not_use_too_much(root, tmp_path, workers):
    less = "import tests.notebooks\ntests.notebooks.MOST_MINUTES = 1 / 60\n"
    done = run(root, tmp_path, cell(BUSY), settings=less, options=workers)
    assert done.returncode == 1
    assert "2 passed" in done.stdout
    assert "FAILED the chapters used 0.1 reference minutes together" in done.stdout


def test_a_slow_machine_has_patience_with_a_cell(root, tmp_path):
    less = "import book._tools.calibration as c\nc.CELL_SECONDS = 0.5\n"
    asleep = cell("import time\ntime.sleep(4)")
    done = run(root, tmp_path, asleep, speed=1, settings=less, options=("--timeout", "3"))
    assert done.returncode == 1
    assert "Timeout of 2 seconds exceeded" in done.stdout
    done = run(root, tmp_path, asleep, speed=0.05, settings=less, options=("--timeout", "3"))
    assert done.returncode == 0, done.stdout


def test_a_kernel_that_dies_is_noticed_at_once(root, tmp_path):
    done = run(root, tmp_path, cell("import os\nos._exit(1)"), cell("print(1)", "1\n"))
    assert done.returncode == 1
    assert "The kernel died" in done.stdout
    assert "nothing was measured, for its kernel has ended" in done.stdout
    assert "3 failed" in done.stdout


def test_a_cell_that_says_so_may_print_what_it_likes(root, tmp_path):
    free = cell("print(6 * 8)", "42\n", tags=("nbval-ignore-output",))
    assert run(root, tmp_path, free).returncode == 0
