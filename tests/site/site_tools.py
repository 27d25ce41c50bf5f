"""Building the book, serving it and looking at it: what the tests of the site share."""

from __future__ import annotations

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
    inherited = {k: v for k, v in os.environ.items() if k not in ("BOOK_EXECUTED", "BOOK_PARTIAL")}
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
        self.tab.wait_for_timeout(350)  # colours fade in
        self.tab.evaluate(SETTLED)
