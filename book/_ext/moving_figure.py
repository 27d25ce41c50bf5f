"""Show a figure that moves of a chapter on another page, too.

``{moving-figure}`` names the chapter and the figure, as the chapter's cell names it::

    ```{moving-figure} chapters/01_latent_codes_that_mislead fig-slider
    Its caption on this page.
    ```

What is shown is the output that the chapter's own page shows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from executed_outputs import shown_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def moving_figure(notebook: Path, name: str) -> str:
    """Return the markup of a figure that moves.

    Parameters
    ----------
    notebook
        The chapter, executed.
    name
        The figure's name, ``mystnb.figure.name`` in the metadata of its cell.

    Raises
    ------
    ValueError
        If no cell has that name, or its output does not move.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if figure.get("name") == name:
            for output in cell["outputs"]:
                markup = "".join(output.get("data", {}).get("text/html", ""))
                if "data-interactive" in markup:
                    return markup
            raise ValueError(f"The figure {name} of {notebook.name} does not move.")
    raise ValueError(f"{notebook.name} has no figure {name}.")


class MovingFigure(SphinxDirective):
    """A chapter's figure that moves, with a caption of its own."""

    required_arguments = 2
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the figure and its caption."""
        chapter, name = self.arguments
        if chapter not in self.env.found_docs:
            raise self.error(f"There is no page {chapter}.")
        notebook = shown_notebook(self.env.app, chapter)
        self.env.note_dependency(str(notebook))
        try:
            markup = moving_figure(notebook, name)
        except ValueError as error:
            raise self.error(str(error)) from error
        caption = nodes.container(classes=["book-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        return [nodes.raw("", markup, format="html"), caption]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("moving-figure", MovingFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
