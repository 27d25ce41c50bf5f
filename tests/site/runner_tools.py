"""JupyterLab with a folder of its own, in which no notebook is trusted, seen through a browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SETTINGS = {
    # All cells at once, so that all can be looked at.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
_RENDERED = """() => {
  const cells = [...document.querySelectorAll('.jp-Notebook .jp-MarkdownCell')];
  const pending = cells.filter(c => !c.querySelector('.jp-RenderedMarkdown')?.childElementCount);
  const images = [...document.querySelectorAll('.jp-OutputArea img')];
  const plots = [...document.querySelectorAll('.jp-RenderedPlotly')];
  return cells.length && !pending.length && images.every(i => i.complete) &&
    plots.every(p => p.querySelector('svg.main-svg')) &&
    document.querySelectorAll('.jp-Notebook .jp-Cell').length === WANTED &&
    document.querySelectorAll('.jp-RenderedMarkdown mjx-container').length >= FORMULAS;
}"""
_SEEN = """() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const text = all('.jp-RenderedMarkdown').map(element => {
    const copy = element.cloneNode(true);
    all('mjx-container, code, .jp-InternalAnchorLink', copy).forEach(e => e.remove());
    return copy.textContent;
  }).join('\\n');
  return {
    cells: all('.jp-Notebook .jp-Cell').length,
    headings: all('.jp-RenderedMarkdown').map(e => e.querySelector('h1, h2, h3, h4')).filter(h => h)
      .map(h => { const copy = h.cloneNode(true);
        all('.jp-InternalAnchorLink, mjx-container', copy).forEach(e => e.remove());
        return copy.textContent.trim().replace(/\\s+/g, ' '); }),
    formulas: all('.jp-RenderedMarkdown mjx-container').length,
    broken_formulas: all('mjx-merror, [data-mjx-error]').length,
    controls: all('.jp-OutputArea-output')
      .flatMap(e => all('input, select, label, output, canvas', e))
      .filter(e => e.checkVisibility()).length,
    pictures: all('.jp-OutputArea-output img')
      .filter(i => i.offsetParent !== null && !i.closest('.js-plotly-plot'))
      .map(i => ({alt: i.alt, width: Math.min(i.naturalWidth, i.clientWidth)})),
    drawn_by_plotly: all('.js-plotly-plot').filter(e => e.clientWidth > 200)
      .length,
    text,
  };
}"""


@dataclass(frozen=True)
class Seen:
    """What a reader of a notebook sees before running anything."""

    cells: int
    headings: list[str]
    formulas: int
    broken_formulas: int
    pictures: list[dict[str, Any]]
    drawn_by_plotly: int
    controls: int
    text: str
    trusted: bool
    errors: list[str]


class Lab:
    """A JupyterLab on this machine; close it when done."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.work = browser, folder / "work"
        self.work.mkdir(parents=True)
        settings = folder / "settings"
        for name, value in _SETTINGS.items():
            file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value), encoding="utf-8")
        places = ("DATA", "CONFIG", "RUNTIME")
        environment = {f"JUPYTER_{place}_DIR": str(folder / place.lower()) for place in places}
        environment |= {
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "HOME": str(folder),
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = (folder / "lab.log").open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"),
                *(f"--port={self.port}", "--IdentityProvider.token=", "--ServerApp.password="),
                f"--ServerApp.root_dir={self.work}",
            ],
            env=os.environ | environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status", timeout=5)
                return
            except OSError:
                time.sleep(0.5)
        raise TimeoutError(f"JupyterLab did not start: {Path(self.log.name).read_text()[-2000:]}")

    def open(self, notebook: Path) -> Seen:
        """Open a copy of a notebook, and say what is seen once everything is there."""
        shutil.copy(notebook, self.work)
        content = json.loads(notebook.read_text(encoding="utf-8"))
        context = self.browser.new_context(viewport={"width": 1280, "height": 1000})
        tab, errors = context.new_page(), list[str]()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        try:
            tab.goto(f"http://127.0.0.1:{self.port}/lab/tree/{notebook.name}?reset")
            ready = _RENDERED.replace("WANTED", str(len(content["cells"])))
            math = any(
                "$" in "".join(c["source"])
                for c in content["cells"]
                if c["cell_type"] == "markdown"
            )
            tab.wait_for_function(ready.replace("FORMULAS", str(int(math))), timeout=120_000)
            count = -1
            while count != (count := tab.locator("mjx-container").count()):
                tab.wait_for_timeout(700)  # formulas are set cell by cell
            found = tab.evaluate(_SEEN)
            trusted = tab.locator(
                ".jp-StatusItem-trust [title*='Trusted'], [title^='Notebook trusted']"
            )
            return Seen(**found, trusted=trusted.count() > 0, errors=errors)
        finally:
            context.close()

    def close(self) -> None:
        """Stop JupyterLab."""
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
