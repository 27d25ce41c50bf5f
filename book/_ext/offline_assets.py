"""Make a built page ask for nothing from outside.

MathJax comes from the installed package ``sphinx-mathjax-offline`` (see
``mathjax_parts.py``), plotly from the installed ``plotly`` (nothing of either is
committed). The scripts of ``sphinx_thebe``, which Jupyter Book always loads and
which point to a content network, are dropped. The book's own static files are
refreshed even when no page changed.
"""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError


def package_folder(name: str, advice: str) -> Path:
    """Return the folder of an installed package without importing it.

    Parameters
    ----------
    name
        Import name of the package.
    advice
        Name to give to pip if it is missing.

    Returns
    -------
    pathlib.Path
        The package's folder.

    Raises
    ------
    ExtensionError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ExtensionError(f"The package {advice} is not installed; `make` installs it.")
    return Path(spec.origin).parent


def mathjax_folder() -> Path:
    """Return the folder that holds MathJax 3."""
    return package_folder("sphinx-mathjax-offline", "sphinx-mathjax-offline") / "static" / "mathjax"


def wanted_assets(app: Sphinx) -> Iterator[tuple[Path, str]]:
    """Yield each file to copy and its path below ``_static``."""
    yield package_folder("plotly", "plotly") / "package_data" / "plotly.min.js", "plotly.min.js"
    for folder in app.config.html_static_path:
        root = Path(app.confdir) / folder
        if root.is_dir() and root.is_relative_to(app.srcdir):
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    yield path, path.relative_to(root).as_posix()


def write_if_changed(target: Path, content: bytes) -> None:
    """Write a file of the built site, unless it holds this already.

    Parameters
    ----------
    target
        The file; its folder is made.
    content
        What it shall hold.
    """
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own, since two builders may write the same file.
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        part.write_bytes(content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def copy_assets(app: Sphinx, exception: Exception | None) -> None:
    """Copy what is missing or changed into the built site (``build-finished``)."""
    if exception is not None or app.builder.format != "html":
        return
    for source, name in wanted_assets(app):
        write_if_changed(Path(app.outdir) / "_static" / name, source.read_bytes())


def silence_thebe(app: Sphinx, config: Config) -> None:
    """Disconnect every handler of ``sphinx_thebe`` (``config-inited``)."""
    for listeners in app.events.listeners.values():
        listeners[:] = [
            listener
            for listener in listeners
            if getattr(listener.handler, "__module__", "") != "sphinx_thebe"
        ]


def drop_thebe_files(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Take the style sheet of ``sphinx_thebe`` off the page (``html-page-context``)."""
    for kind in ("css_files", "script_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in str(getattr(file, "filename", None) or file)
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", silence_thebe, priority=950)
    app.connect("html-page-context", drop_thebe_files, priority=900)
    app.connect("build-finished", copy_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
