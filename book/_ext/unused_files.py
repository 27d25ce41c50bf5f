"""Remove from the built site what Sphinx and the theme copy there and no page asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

UNUSED = (
    "_sources/chapters",  # the button gives the runner notebook, see notebook_buttons.py
    "_static/**/*.map",  # of a script, for whoever looks for a fault in it
    "_static/*_t",  # a template of Sphinx's, copied beside what was made of it
    "_static/copybutton_funcs.js",  # of the copy button, for its own tests
    "_static/copy-button.svg",  # which draws its signs itself
    "_static/check-solid.svg",
    "_static/*webpack-macros.html",  # templates of the themes
    "_static/locales",  # texts of the theme in sixty languages, which are written into the pages
    "_static/scripts/fontawesome.js*",  # icons are drawings in the pages, see icons.py
    "_static/vendor/fontawesome",  # whose signs that are used are in a small font, see icon_font.py
    "_static/mathjax/input",  # parts of MathJax that an earlier version of the book copied
    "_static/mathjax/ui",
)
"""Patterns of files and folders in the built site."""


def unused(site: Path) -> Iterator[Path]:
    """Yield the files and folders that no page asks for."""
    for pattern in UNUSED:
        yield from sorted(site.glob(pattern))


def remove_unused(app: Sphinx, exception: Exception | None) -> None:
    """Remove them (``build-finished``, after all that copies files)."""
    if exception is not None or app.builder.format != "html":
        return
    for path in unused(Path(app.outdir)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the removal."""
    app.connect("build-finished", remove_unused, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
