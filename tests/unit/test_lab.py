"""JupyterLab starts on the chapters, for a user without a home too, and its kernels are quiet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from book._tools.execute import transport_encryption
from book._tools.sources import chapters

TOKEN = "for-the-tests"
PATIENCE = 120  # seconds on the clock, on a busy machine


class Ask:
    """Calls to the server at an address."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, path: str, method: str = "GET") -> Any:
        headers = {"Authorization": f"token {TOKEN}"}
        call = urllib.request.Request(f"{self.address}api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(call, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "null")


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Try again until there is a result."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {PATIENCE} seconds")


def run(address: str, kernel: str, code: str) -> str:
    """Let a kernel run a piece of code, as a notebook does; return what it prints."""
    place = f"{address.replace('http', 'ws', 1)}api/kernels/{kernel}/channels?token={TOKEN}"
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "reader"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    channel = websocket.create_connection(place, timeout=PATIENCE)
    printed = ""
    try:
        channel.send(json.dumps({**message, "channel": "shell"}))
        while True:
            answer = json.loads(channel.recv())
            if answer["parent_header"].get("msg_id") != "1":
                continue
            if answer["msg_type"] in ("stream", "error"):
                printed += str(answer["content"].get("text", answer["content"]))
            elif answer["content"].get("execution_state") == "idle":
                return printed
    finally:
        channel.close()


@pytest.fixture(params=["a home", "no home"])
def lab(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Iterator[tuple[Ask, Path]]:
    """Start it as ``make lab`` does; give what asks it for something, and its log."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    temporary.mkdir()
    if request.param == "a home":
        home.mkdir()
    else:
        home.write_bytes(b"")  # so that not even the root user can make a folder of it
    own = ("JUPYTER", "IPYTHON", "MPLCONFIG", "XDG_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    environment = {**inherited, "HOME": str(home), "TMPDIR": str(temporary), "TERM": "dumb"}
    command = [sys.executable, "-m", "book._tools.lab", "--no-browser", "--allow-root"]
    options = ["--ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}"]
    log = tmp_path / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [*command, *options], cwd=root, env=environment, stdout=stream, stderr=stream
        )

    def address() -> str | None:
        assert server.poll() is None, log.read_text()
        for file in tmp_path.rglob("jpserver-*.json"):
            return json.loads(file.read_text() or "{}").get("url")
        return None

    try:
        yield Ask(wait_for(address, "the server")), log
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE)


def test_it_shows_the_chapters_and_runs_a_quiet_kernel(lab: tuple[Ask, Path], root: Path) -> None:
    ask, log = lab
    shown = {entry["name"] for entry in ask("contents")["content"]}
    assert {path.name for path in chapters(root)} <= shown
    kernel = ask("kernels", "POST")["id"]
    assert run(ask.address, kernel, "import utils; print(40 + 2)") == "42\n"
    ask(f"kernels/{kernel}", "DELETE")
    said = log.read_text()
    assert "Traceback" not in said
    assert ("without encryption" in said) is (transport_encryption() == "disabled")
