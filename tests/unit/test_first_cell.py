"""The hidden first cell of every chapter, run as Jupyter runs it: the notebook's folder first.

The interpreter starts without its site packages, so that ``utils`` is there only where a test
puts it; a Colab kernel is one in which the module ``google.colab`` is loaded.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest

from book._tools.sync import FIRST_CELL

CELL = FIRST_CELL.read_text(encoding="utf-8")
COLAB = """
import subprocess, sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
subprocess.run = lambda command, check, env: print(
    "RAN", *command[1:], check, env["BOOK_CHECKPOINTS"], env["PATH"] == os.environ["PATH"]
)
"""
ELSEWHERE = """
import subprocess
subprocess.run = None  # whoever calls it here fails
"""
OPENED = "https://github.com/forker/the.book/blob/{}/chapters/02_groups_and_actions.ipynb"


def run(folder: Path, before: str = ELSEWHERE, **environment: str) -> tuple[int, str, str]:
    """Run the cell in a folder: exit status, what it printed, the last line of its error."""
    names = ("PYTHONPATH", "BOOK_REPOSITORY", "COLAB_JUPYTER_IP", "KMP_TARGET_PORT")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-S", "-c", before + CELL],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, (done.stderr.strip().splitlines() or [""])[-1]


@pytest.fixture
def session() -> Iterator[Callable[[object], dict[str, str]]]:
    """A stand-in for the server beside a Colab kernel; returns the variables that name it."""
    servers = []

    def start(answer: object) -> dict[str, str]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/api/sessions" else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        port = str(server.server_port)
        return {"COLAB_JUPYTER_IP": "127.0.0.1", "KMP_TARGET_PORT": port, "no_proxy": "127.0.0.1"}

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def opened_from(address: str) -> list[dict]:
    """What the sessions say of a notebook that Colab opened from an address."""
    return [{"id": "1", "path": f"fileId={quote(address, safe='')}", "name": "02_groups.ipynb"}]


@pytest.mark.parametrize("before", [ELSEWHERE, COLAB], ids=["elsewhere", "Colab"])
def test_beside_the_books_package_it_does_nothing(root, tmp_path, before):
    assert run(tmp_path, before, PYTHONPATH=str(root)) == (0, "", "")


@pytest.mark.parametrize("before", [ELSEWHERE, COLAB], ids=["elsewhere", "Colab"])
@pytest.mark.parametrize("name", ["utils.py", "utils/__init__.py"])
def test_a_strangers_utils_is_named_and_never_run(root, tmp_path, name, before):
    stranger = tmp_path / name
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_bytes(b"print('ran')  # caf\xe9\n")
    status, printed, error = run(tmp_path, before, PYTHONPATH=str(root))
    assert (status, printed) == (1, "")
    assert error.startswith(f"ImportError: `import utils` finds {stranger} ")
    assert "`make lab`" in error
    assert "rename" in error


def test_a_folder_without_code_hides_nothing(root, tmp_path):
    (tmp_path / "utils").mkdir()
    assert run(tmp_path, PYTHONPATH=str(root)) == (0, "", "")


def test_off_colab_nothing_is_installed(tmp_path):
    status, printed, error = run(tmp_path, BOOK_REPOSITORY="https://github.com/owner/name")
    assert (status, printed) == (1, "")
    assert error.startswith("ImportError: `import utils` finds nothing ")
    assert "`make lab`" in error


@pytest.mark.parametrize("folder", ["chapters", "notebooks"])
@pytest.mark.parametrize("branch", ["main", "a/b", "notebooks", "chapters/notebooks"])
def test_colab_installs_the_fork_that_the_notebook_was_opened_from(
    tmp_path, session, branch, folder
):
    others = opened_from("https://github.com/other/work/blob/main/a.ipynb")
    opened = OPENED.replace("/chapters/", f"/{folder}/").format(branch)
    variables = session(others + opened_from(opened))
    status, printed, error = run(tmp_path, COLAB, **variables)
    address = f"https://github.com/forker/the.book@{branch}"
    assert (status, error) == (0, "")
    first, second = printed.splitlines()
    assert first == f"Installing the book from {address}; this takes a few minutes."
    assert second == f"RAN -m pip install -q git+{address} True all True"


def test_on_colab_the_environment_comes_first(tmp_path, session):
    variables = session(opened_from(OPENED.format("main")))
    address = "https://github.com/owner/name"
    status, printed, _ = run(tmp_path, COLAB, BOOK_REPOSITORY=address, **variables)
    assert status == 0
    assert printed.splitlines()[1] == f"RAN -m pip install -q git+{address} True all True"


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [{"path": "fileId=1aBcD", "name": "Copy of 02_groups.ipynb"}],
        opened_from("https://github.com/other/work/blob/main/a.ipynb"),
        {"message": "Forbidden"},
        None,
    ],
)
def test_where_colab_does_not_say_the_reader_is_asked(tmp_path, session, answer):
    variables = {} if answer is None else session(answer)
    status, printed, error = run(tmp_path, COLAB, **variables)
    assert (status, printed) == (1, "")
    assert error.startswith("RuntimeError: Colab does not say ")
    assert "%env BOOK_REPOSITORY=https://github.com/OWNER/NAME" in error


def test_a_server_that_is_gone_ends_in_the_same_sentence(tmp_path):
    gone = {"COLAB_JUPYTER_IP": "127.0.0.1", "KMP_TARGET_PORT": "1"}
    assert "RuntimeError: Colab does not say " in run(tmp_path, COLAB, **gone)[2]


def test_every_chapter_begins_with_it(root):
    chapters = sorted((root / "chapters").glob("[0-9][0-9]*_*.ipynb"))
    assert chapters
    for path in chapters:
        first = nbformat.read(path, as_version=4).cells[0]
        assert first.source == CELL.strip(), path.name
        assert first.metadata["tags"] == ["remove-cell", "colab"]
        assert first.outputs == []
    assert not re.search(r"github\.com/(?!OWNER/NAME)", CELL), "the cell holds an address"
