"""Each wall of the fence holds by itself, and where the kernel helps with none."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from book.grade.fence import Limits, Walls
from book.grade.process import GoneError, Process, StartError, sweep

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="walls of Linux")
OUTSIDE = Path(tempfile.gettempdir()) / "of-a-student"
BARE = Walls(landlock=False, seccomp=False, user=False)


@pytest.fixture(params=[Walls(), BARE], ids=["all walls", "hook"])
def process(request, tmp_path):
    found = Process(Limits(memory=1500), [tmp_path], request.param)
    found.until = time.monotonic() + 60
    yield found
    found.end()


def run(process: Process, source: str) -> str:
    """Run a cell; return the kind of error, or nothing."""
    answer = process.ask("run", source, "cell 1")
    return answer["error"][0] if "error" in answer else ""


def refused(process: Process, source: str) -> bool:
    return run(process, source) in ("PermissionError", "BlockingIOError", "gaierror")


def test_what_the_fence_is_made_of_is_said(process, request):
    walls = dict(process.walls)
    assert walls.pop("user").isdigit()
    assert set(walls) == {"network", "processes", "reading", "writing"}
    assert set(walls.values()) <= {"kernel", "hook"}
    if "hook" in request.node.name:
        assert set(walls.values()) == {"hook"}


def test_files(process, tmp_path, root):
    secret = tmp_path / "course.json"
    secret.write_text("{}")
    tasks = root / "book" / "course" / "tasks" / "chapter05.py"
    for path in (secret, tasks):
        assert refused(process, f"open({str(path)!r}).read()")
        assert refused(process, f"import os; os.open({str(path)!r}, os.O_RDONLY)")
        link = f"os.symlink({str(path)!r}, {path.name!r})"
        assert refused(process, f"import os; {link}; open({path.name!r}).read()")
        assert refused(process, f"import os; os.listdir({str(path.parent)!r})")
        assert refused(process, f"open({str(path)!r}, 'a')")
        assert refused(process, f"import os; os.remove({str(path)!r})")
        assert refused(process, f"import os; os.rename({str(path)!r}, 'mine')")
        assert refused(process, f"import os; os.chmod({str(path)!r}, 0o777)")
    assert refused(process, f"open({str(OUTSIDE)!r}, 'w')")
    assert refused(process, f"open('/proc/{os.getpid()}/environ', 'rb').read()")
    assert run(process, "open('mine.txt', 'w').write('x'); open('mine.txt').read()") == ""
    assert run(process, "import tempfile; tempfile.TemporaryFile().write(b'x')") == ""
    assert secret.exists()


def test_the_tasks_cannot_be_imported(process, root):
    assert run(process, "import book.course") == "ModuleNotFoundError"
    assert run(process, "import book.grade.judge") == "ModuleNotFoundError"
    source = f"""
    import sys, importlib
    sys.path.insert(0, {str(root)!r})
    for name in [n for n in sys.modules if n.split('.')[0] == 'book']: del sys.modules[name]
    importlib.invalidate_caches()
    import book.course.tasks
    """
    assert run(process, "if True:" + source) in ("ModuleNotFoundError", "PermissionError")


def test_network(process):
    for source in (
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import socket; socket.socket().bind(('127.0.0.1', 0))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    ):
        assert refused(process, source), source
    assert run(process, "import urllib.request as u; u.urlopen('http://127.0.0.1:9')") in (
        "PermissionError",
        "URLError",
    )


def test_processes(process):
    for source in (
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.kill(os.getppid(), 0)",
        "import multiprocessing as m; m.get_context('fork').Process(target=print).start()",
    ):
        assert refused(process, source), source
    assert run(process, "import os; assert os.system('true')") in ("", "PermissionError")


def test_what_notebooks_need_is_there(process):
    for source in (
        "import numpy as np; assert np.linalg.eigvalsh(np.eye(3)).sum() == 3",
        "import threading; t = threading.Thread(target=print); t.start(); t.join()",
        "import asyncio; asyncio.run(asyncio.sleep(0))",
        "import utils.claims",
        "import random, math, json, re, time, pathlib; pathlib.Path('a').mkdir()",
        "display(1)",
    ):
        assert run(process, source) == "", source


def test_memory_and_time(process):
    assert run(process, "x = bytearray(3_000_000_000)") in ("MemoryError", "")
    if sys.platform == "linux":
        assert run(process, "x = bytearray(3_000_000_000)") == "MemoryError"
    process.until = time.monotonic() + 0.3
    with pytest.raises(GoneError, match="did not come back"):
        process.ask("run", "while True: pass", "cell 1")
    assert process.ended
    assert not process.folder.exists()


@LINUX
def test_walls_of_the_kernel_hold_what_goes_round_python():
    """On a kernel of today; where one is missing, `walls` says so, and that is what is compared."""
    process = Process(Limits())
    process.until = time.monotonic() + 60
    source = """
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
found = {}
found["network"] = c.socket(2, 1, 0)
found["writing"] = max(c.open(%r, 0o101), c.mknod(b"disk", 0o60600, 0x800))
found["processes"] = c.fork() or os._exit(0)
found["reading"] = c.open(%r, 0)
""" % (str(OUTSIDE).encode(), __file__.encode())  # noqa: UP031
    assert run(process, source) == ""
    found = process.value("get", "found")
    process.end()
    OUTSIDE.unlink(missing_ok=True)
    assert set(process.walls) == {*found, "user"}
    for what, number in found.items():
        assert (number == -1) == (process.walls[what] == "kernel"), what


@LINUX
def test_processes_that_go_round_the_hook_are_counted_and_killed():
    process = Process(Limits(), walls=BARE)
    process.until = time.monotonic() + 60
    bomb = """
import ctypes, time
c = ctypes.CDLL(None)
for _ in range(25):
    if c.fork() == 0:
        c.setsid()
        time.sleep(60)
        c._exit(0)
    time.sleep(0.02)
time.sleep(60)
"""
    with pytest.raises(GoneError, match="more than 15 processes"):
        process.ask("run", bomb, "cell 1")
    until = time.monotonic() + 20
    while (left := working(process.folder)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def working(folder: Path) -> list[int]:
    found = []
    for one in psutil.process_iter():
        try:
            if one.status() != psutil.STATUS_ZOMBIE and one.cwd().startswith(str(folder)):
                found.append(one.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only an administrator can become somebody else")
def test_an_administrator_becomes_nobody_where_python_can_be_read_by_all():
    process = Process(Limits())
    process.end()
    folders = [*Path(sys.base_prefix).parents, *Path(sys.prefix).parents]
    private = not all(folder.stat().st_mode & 0o001 for folder in folders)
    assert (process.walls["user"] == "0") == private


SYSTEM = Path(
    shutil.which(f"python3.{sys.version_info.minor}", path=os.defpath) or "none"
).resolve()


@LINUX
@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEM.exists(), reason="asks for both")
@pytest.mark.parametrize("walls", [Walls(), replace(BARE, user=True)])
def test_another_user_reads_nothing_that_is_closed_to_others(walls, tmp_path, monkeypatch):
    closed = tmp_path / "course.json"
    closed.write_text("{}")
    closed.chmod(0o600)
    monkeypatch.setattr("book.grade.process._python", lambda: [str(SYSTEM.parents[1])])
    monkeypatch.setattr("book.grade.process._book", list)  # a clone may be closed to others
    monkeypatch.setattr("sys.executable", str(SYSTEM))
    monkeypatch.setattr("sys.path", [p for p in sys.path if "site-packages" not in p])
    process = Process(Limits(), walls=walls)
    process.until = time.monotonic() + 60
    assert int(process.walls["user"]) >= 60_000
    assert run(process, "open('mine.txt', 'w').write('x')") == ""
    assert refused(process, "import os; os.setuid(0)")
    assert run(process, f"import ctypes; c = ctypes.CDLL(None)\nn = c.open(b'{closed}', 0)") == ""
    assert process.value("get", "n") == -1
    assert run(process, f"n = c.kill({os.getpid()}, 0)") == ""
    assert process.value("get", "n") == -1
    process.end()


def test_a_process_that_does_not_start_is_the_graders_fault(monkeypatch):
    monkeypatch.setattr("book.grade.process._START", "raise SystemExit('no luck')")
    with pytest.raises(StartError, match="no luck"):
        Process(Limits())


def test_folders_of_killed_graders_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone, own = tmp_path / "book-grade-999999999-x", tmp_path / f"book-grade-{os.getpid()}-x"
    for folder in (gone, own):
        folder.mkdir()
    sweep()
    assert not gone.exists()
    assert own.exists()
