"""Let the drawings of figures stand in the page itself, in its colours and to its width.

A notebook stores each drawing as a picture, which shows in any front end
(:mod:`utils.plots.picture`). Before a chapter is read, and before its outputs are judged
(:mod:`own_scripts`), this extension puts the drawings back.
"""

from __future__ import annotations

import json
from typing import Any

from sphinx.application import Sphinx

from utils.plots.picture import with_drawings


def draw(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put drawings in place of the pictures in the outputs of a notebook (``source-read``)."""
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = with_drawings("".join(data["text/html"]))
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it between the executed outputs and their judge."""
    app.connect("source-read", draw, priority=500)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
