"""Building the book, serving it and looking at it: what the tests of the site share."""

from __future__ import annotations

import contextlib
import http.server
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The theme marks what scrolls, for the keyboard, some time after the window has changed: longer
# on a busy machine. This waits for it, ten seconds at most; what is missing then is a finding.
SETTLED = """
async () => {
  const marked = () => [...document.querySelectorAll("pre")].every(
    e => e.tabIndex === 0 || (e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight));
  const end = performance.now() + 10000;
  while (!marked() && performance.now() < end) await new Promise(go => setTimeout(go, 50));
}
"""
# Colours fade in: this waits until no transition is under way, for two seconds at most, since
# a transition that is cut short may never say that it is finished.
FADED = """
async () => {
  const late = new Promise(go => setTimeout(go, 2000));
  const drawn = new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)));
  await Promise.race([drawn, late]);
  const under = document.getAnimations().filter(a => a.effect.getComputedTiming().endTime < 10000);
  await Promise.race([Promise.allSettled(under.map(a => a.finished)), late]);
}
"""
BUILD_FLAGS = ["-W", "-n", "--keep-going", "-q"]


def toc_documents(toc: Path) -> list[str]:
    """Return the documents of a table of contents, in its order."""

    def walk(entry: dict[str, Any]) -> Iterator[str]:
        if "file" in entry:
            yield entry["file"]
        for key in ("parts", "chapters", "sections"):
            for child in entry.get(key, []):
                yield from walk(child)

    content = yaml.safe_load(toc.read_text(encoding="utf-8"))
    return [content["root"], *walk(content)]


DOCUMENTS = toc_documents(ROOT / "_toc.yml")


def build(source: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the book in a folder as the Makefile does."""
    own = ("BOOK_EXECUTED", "BOOK_PARTIAL", "BOOK_DOWNLOADS")
    inherited = {k: v for k, v in os.environ.items() if k not in own}
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "jupyter-book"),
            "build",
            str(source),
            *BUILD_FLAGS,
        ],
        cwd=source,
        env={**inherited, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that writes no log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@dataclass
class Visit:
    """A browser tab and what went wrong in it."""

    tab: Any
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Load a page and wait until its formulas are set."""
        self.tab.goto(address, wait_until="load")
        self.tab.evaluate(
            "async () => { if (window.MathJax && MathJax.startup) await MathJax.startup.promise;"
            " await document.fonts.ready; }"
        )

    def look(self, size: dict[str, int], scheme: str) -> None:
        """Set the width of the window and the reader's preference for light or dark."""
        self.tab.set_viewport_size(size)
        self.tab.emulate_media(color_scheme=scheme)
        self.tab.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        self.tab.evaluate(FADED)
        self.tab.evaluate(SETTLED)


@contextlib.contextmanager
def watched(browser: Any, size: dict[str, int], own: Path | None = None) -> Iterator[Visit]:
    """Open a tab that records errors and refuses every request to the outside.

    Files of the folder ``own``, if one is given, are not outside.
    """
    inside = ("http://127.0.0.1:", "data:", "blob:", *([own.as_uri()] if own else []))
    context = browser.new_context(viewport=size, color_scheme="light")
    tab = context.new_page()
    result = Visit(tab)

    def gate(route: Any) -> None:
        if route.request.url.startswith(inside):
            route.continue_()
        else:
            result.outside.append(route.request.url)
            route.abort()

    context.route("**/*", gate)
    tab.on("pageerror", lambda error: result.errors.append(str(error)))
    tab.on("console", lambda m: result.errors.append(m.text) if m.type == "error" else None)
    tab.on(
        "response",
        lambda r: result.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None,
    )
    yield result
    context.close()
