"""Show the outputs of freshly executed chapters instead of the committed ones.

Sphinx never executes a notebook here. ``make html`` shows the outputs stored in
``chapters/``. ``make book`` executes every chapter into a folder first and names
that folder in the environment variable ``BOOK_EXECUTED`` (relative to the source
root); this extension then reads the executed copy in place of the committed
notebook. A chapter is read again whenever the text that would be shown changed,
so both commands can share one build folder. With ``BOOK_PARTIAL=1``
(``make chapter``) a chapter that was not executed keeps its committed outputs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

VARIABLE = "BOOK_EXECUTED"
PARTIAL = "BOOK_PARTIAL"


def shown_notebook(app: Sphinx, docname: str) -> Path:
    """Return the notebook file whose outputs a chapter's page shows.

    Parameters
    ----------
    app
        The Sphinx application.
    docname
        Name of the document, for example ``chapters/01_name``.

    Returns
    -------
    pathlib.Path
        The committed notebook, or the executed copy if ``BOOK_EXECUTED`` is set.

    Raises
    ------
    ExtensionError
        If ``BOOK_EXECUTED`` is set, holds no copy of this chapter, and
        ``BOOK_PARTIAL`` is not 1.
    """
    committed = Path(app.env.doc2path(docname))
    folder = os.environ.get(VARIABLE, "")
    if not folder:
        return committed
    executed = Path(app.srcdir) / folder / committed.name
    if not executed.is_file():
        if os.environ.get(PARTIAL) == "1":
            return committed
        raise ExtensionError(
            f"{VARIABLE}={folder} holds no executed copy of {committed.name}; "
            "run `make book`, which executes the chapters first."
        )
    return executed


def notebooks(env: BuildEnvironment) -> list[str]:
    """Return the names of all documents that are notebooks, in order."""
    return sorted(name for name in env.found_docs if str(env.doc2path(name)).endswith(".ipynb"))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def substitute(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the executed copy in place of the text of a chapter (``source-read``)."""
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    shown = shown_notebook(app, docname)
    if shown != Path(app.env.doc2path(docname)):
        source[0] = shown.read_text(encoding="utf-8")
        app.env.note_dependency(str(shown))
    shown_digests(app.env)[docname] = digest(shown)


def shown_digests(env: BuildEnvironment) -> dict[str, str]:
    """Return the table of what each chapter's page was made from."""
    if not hasattr(env, "executed_outputs_digests"):
        env.executed_outputs_digests = {}  # type: ignore[attr-defined]
    table: dict[str, str] = env.executed_outputs_digests  # type: ignore[attr-defined]
    return table


def changed_chapters(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Name the chapters whose shown text is not what their page was made from."""
    known = shown_digests(env)
    return [n for n in notebooks(env) if known.get(n) != digest(shown_notebook(app, n))]


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop a document that is read again or gone (``env-purge-doc``)."""
    shown_digests(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Take over what a parallel reader recorded (``env-merge-info``)."""
    shown_digests(env).update(
        {name: value for name, value in shown_digests(other).items() if name in docnames}
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("source-read", substitute, priority=100)
    app.connect("env-get-outdated", changed_chapters)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
