"""Let the buttons of a chapter's page lead to its runner notebook.

The theme's buttons lead to the file that the page was made from. This extension changes some of
them. The download gives the runner notebook. Binder opens it in ``notebooks/``, which lies on the
branch that the workflow pushes, and which else ``postBuild`` lays out while Binder makes its image.
Colab, which runs nothing before it opens a file, opens it on that branch, and the chapter itself
where no build promises the branch (:func:`repository_address.notebooks_branch`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chapter_numbers import CHAPTER
from repository_address import find_repository, notebooks_branch
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def launched(url: str, branch: str, notebooks: str) -> str:
    """Return where a launch button leads, given where the theme's own leads.

    Parameters
    ----------
    url
        The theme's address, into ``chapters/`` on the book's branch.
    branch, notebooks
        The book's branch, and that of the runner notebooks, or an empty string.

    Examples
    --------
    >>> launched("https://colab.org/github/a/b/blob/main/chapters/05_x.ipynb", "main", "shelf")
    'https://colab.org/github/a/b/blob/shelf/notebooks/05_x.ipynb'
    >>> launched("https://hub.org/gh/a/b/main?urlpath=lab/tree/chapters/05_x.ipynb", "main", "")
    'https://hub.org/gh/a/b/main?urlpath=lab/tree/notebooks/05_x.ipynb'
    """
    to = quote(notebooks or branch, safe="")
    binder, colab = f"/{branch}?urlpath=lab/tree/chapters/", f"/blob/{branch}/chapters/"
    if binder in url:
        return url.replace(binder, f"/{to}?urlpath=lab/tree/notebooks/")
    if colab in url:
        return url.replace(colab, f"/blob/{to}/notebooks/") if notebooks else url
    raise ExtensionError(f"The theme's launch button leads to {url}, not into chapters/.")


def change(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Change the buttons of a chapter's page (``html-page-context``)."""
    if not CHAPTER.match(pagename):
        return
    repository = find_repository(Path(app.srcdir), os.environ)
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("label") == "download-source-button":
                button["url"] = f"{context['pathto']('notebooks', 1)}/{Path(pagename).name}.ipynb"
                button["tooltip"] = "Download as a notebook, to run and to change"
            elif group.get("label") == "launch-buttons" and repository is not None:
                notebooks = notebooks_branch(repository, os.environ)
                button["url"] = launched(button["url"], repository.branch, notebooks)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the change, behind the theme's own functions."""
    app.connect("html-page-context", change, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
