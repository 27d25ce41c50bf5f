"""The built site, a server for it, and a browser that reaches nothing but this machine."""

from __future__ import annotations

import fcntl
import functools
import http.server
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runner_tools import Lab
from site_tools import CHROMIUM_FLAGS, DESKTOP, ROOT, QuietHandler, Visit, build, watched

from book._tools.browser import program
from utils.plots import HTMLFigure

sys.path.insert(0, str(ROOT / "book" / "_ext"))


@pytest.fixture(scope="session")
def site() -> Path:
    """The book built from the committed outputs, warnings as errors; what is fresh is kept.

    The first of the processes of pytest-xdist builds it for all, and a run of its own each time.
    """
    folder = ROOT / "_build"
    folder.mkdir(exist_ok=True)
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    with (folder / "site.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if run is None or lock.read() != run:
            lock.truncate(0)
            result = build(ROOT)
            if result.returncode:
                pytest.fail(f"the book does not build:\n{(result.stdout + result.stderr)[-6000:]}")
            lock.write(run or "")
    return folder / "html"


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve folders on this machine; returns the address of each."""
    servers = []

    def start(folder: Path) -> str:
        handler = functools.partial(QuietHandler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless. Missing: skip, or fail under REQUIRE_BROWSER=1."""
    found = program()
    if found is None:
        missing = "no Chromium on this machine (apt-get install chromium)"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """JupyterLab, started when it is first asked for."""
    started: list[Lab] = []

    def start() -> Lab:
        if not started:
            started.append(Lab(browser, tmp_path_factory.mktemp("lab")))
        return started[0]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """A fresh tab that records errors and refuses every request to the outside."""
    with watched(browser, DESKTOP) as result:
        yield result


PAGE = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>x</title></head>"
    "<body>{}</body></html>"
)


@pytest.fixture
def opened(
    tmp_path: Path, serve: Callable[[Path], str], visit: Visit
) -> Callable[[HTMLFigure], Any]:
    """Open a figure alone in a page; returns the tab."""

    def start(figure: HTMLFigure) -> Any:
        visit.tab.emulate_media(reduced_motion="reduce")  # places are reached at once
        (tmp_path / "index.html").write_text(PAGE.format(figure.html), encoding="utf-8")
        visit.open(serve(tmp_path))
        return visit.tab

    return start
