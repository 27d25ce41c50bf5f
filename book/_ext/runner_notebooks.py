"""Write for every chapter the notebook that a reader opens: as readable as the page, and it runs.

A chapter's own notebook holds MyST, which JupyterLab, Colab and VS Code show raw. While Sphinx
writes the site, this extension writes beside each page a *runner notebook*,
``notebooks/NN_name.ipynb``: the text of the page in plain CommonMark (:mod:`commonmark`), with its
numbers, titles and references, and the chapter's own code cells with their stored outputs.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin

from chapter_numbers import CHAPTER
from commonmark import Prose, Writer
from docutils import nodes
from executed_outputs import digest, notebooks, shown_notebook
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

FOLDER = "notebooks"
_GLUED = "application/papermill.record/"


def _link(base: str, docname: str, anchors: set[str], address: str) -> str:
    """Return where an address of the page leads from the notebook.

    To an anchor of the page itself; to the published page, where it is known that there is one; to
    the runner notebook of another chapter; else nowhere.
    """
    if re.match(r"[a-z]+:", address):
        return address
    page, _, anchor = address.partition("#")
    if not page:
        return f"#{anchor}" if anchor in anchors else ""
    if base:
        return urljoin(f"{base}{docname}.html", address)
    name = PurePosixPath(page).stem
    return f"{name}.ipynb" if CHAPTER.match(f"chapters/{name}") else ""


def code_cell(cell: dict[str, Any], *, folded: bool) -> dict[str, Any]:
    """Return a cell of the chapter as the reader gets it: folded as on the site, nothing glued."""
    made = copy.deepcopy(cell)
    tags = made["metadata"].get("tags", [])
    made["outputs"] = [
        output
        for output in made["outputs"]
        if not any(kind.startswith(_GLUED) for kind in output.get("data", {}))
    ]
    hidden = {
        "source_hidden": folded or bool({"hide-input", "hide-cell", "colab"} & set(tags)),
        "outputs_hidden": folded or bool({"hide-output", "hide-cell"} & set(tags)),
    }
    kept = {"tags": tags} if tags else {}
    if hidden["source_hidden"]:
        kept["cellView"] = "form"  # how Colab folds a cell
    if any(hidden.values()):
        kept["jupyter"] = {key: True for key, value in hidden.items() if value}
    made["metadata"] = kept
    return made


def runner(app: Sphinx, page: nodes.document, docname: str) -> dict[str, Any]:
    """Make the runner notebook of a resolved page.

    Parameters
    ----------
    app
        The Sphinx application.
    page
        The page, resolved.
    docname
        Its name, for example ``chapters/05_isometric_cross_sections``.

    Returns
    -------
    dict
        The notebook, as JSON.
    """
    shown = shown_notebook(app, docname)
    chapter = json.loads(shown.read_text(encoding="utf-8"))
    anchors = {str(i) for node in page.findall(nodes.Element) for i in node["ids"]}
    base = str(app.config.html_baseurl or "")
    sections = app.env.toc_secnumbers.get(docname, {})
    writer = Writer(
        numbers=app.env.toc_fignumbers.get(docname, {}),
        sections={anchor: ".".join(map(str, number)) for anchor, number in sections.items()},
        link=lambda address: _link(base, docname, anchors, address),
    )
    cells: list[dict[str, Any]] = []

    def markdown(text: str) -> None:
        name = f"text-{sum(c['cell_type'] == 'markdown' for c in cells)}"
        cells.append({"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(text)})

    first = [i for i, c in enumerate(chapter["cells"]) if "colab" in c["metadata"].get("tags", [])]
    used = set(first)
    for piece in writer.pieces(page):
        if isinstance(piece, Prose):
            markdown(piece.text)
        else:
            used.add(piece.index)
            cells.append(code_cell(chapter["cells"][piece.index], folded=piece.folded))
        if first and len(cells) == 1:
            moving = "book-still" in json.dumps(chapter["cells"])
            note = _note(digest(shown), f"{base}{docname}.html" if base else "", moving=moving)
            title, _, rest = "".join(cells[0]["source"]).partition("\n\n")
            cells[0]["source"] = _lines("\n\n".join(part for part in (title, note, rest) if part))
            cells.append(code_cell(chapter["cells"][first.pop()], folded=True))
    lost = [i for i, c in enumerate(chapter["cells"]) if c["cell_type"] == "code" and i not in used]
    if lost:
        raise ExtensionError(f"The runner notebook of {docname} would lose its cells {lost}.")
    return {**chapter, "cells": cells}


def _note(run: str, page: str, *, moving: bool) -> str:
    """Say what the reader of a notebook should know before anything else."""
    name = f"[the page of the book]({page})" if page else "the page of the book"
    still = "A figure that moves stands still until its cell has run. " * moving
    return (
        f"*This notebook is {name}, to run and to change. Numbers in the text, and the outputs "
        f"until you run a cell, are those of the stored run {run[:12]}. {still}The cell below "
        "looks for the book's package; on Colab, and nowhere else, it installs it, which takes a "
        "few minutes.*"
    )


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def write(app: Sphinx, page: nodes.document, docname: str) -> None:
    """Write the runner notebook of a chapter's page (``doctree-resolved``)."""
    if app.builder.name != "html" or not CHAPTER.match(docname):
        return
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        notebook = runner(app, page, docname)
    except NotImplementedError as error:
        raise ExtensionError(f"The runner notebook of {docname}: {error}") from error
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    (folder / _file(docname)).write_text(text, encoding="utf-8")


def missing(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the chapters that have no runner notebook yet, so that they are written."""
    folder = Path(app.outdir) / FOLDER
    return [n for n in notebooks(env) if CHAPTER.match(n) and not (folder / _file(n)).is_file()]


def _file(docname: str) -> str:
    return f"{PurePosixPath(docname).name}.ipynb"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the builder, behind everything else that changes a resolved page."""
    here = Path(__file__)
    sources = "".join(digest(here.with_name(name)) for name in (here.name, "commonmark.py"))
    # Where these files change, every page is written anew.
    app.add_config_value("runner_notebooks_sources", sources, "html", str)
    app.connect("env-updated", missing)
    app.connect("doctree-resolved", write, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
