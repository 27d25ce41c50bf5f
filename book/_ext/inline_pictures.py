"""Let the drawings of figures stand in the page itself, in its colours and to its width.

A notebook stores each drawing as a picture, which shows in any front end
(:mod:`utils.plots.picture`). Before a chapter is read, and before its outputs are judged
(:mod:`own_scripts`), this extension puts the drawings back. Their places have six decimals of a
point, of which a screen shows two: the page gets those, and is lighter.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sphinx.application import Sphinx

from utils.plots.picture import with_drawings

_PLACE = re.compile(r'(?<=\s)(d|x|y|x1|y1|x2|y2|cx|cy|r|width|height|points|transform)="([^"]*)"')
_TRANSLATE = re.compile(r"translate\([^)]*\)")
_LONG = re.compile(r"(?<![\d.])-?\d+\.\d{3,}")
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):z.2f}".rstrip("0").rstrip(".")  # z: no minus before a zero


def with_short_numbers(markup: str) -> str:
    """Round the places in the drawings of a piece of markup to a hundredth of a point.

    Parameters
    ----------
    markup
        HTML with drawings, in which nothing is made larger than it is written. What scales or
        turns, such as ``scale(0.015625)``, stays as it is.

    Returns
    -------
    str
        The same markup with shorter numbers.
    """

    def place(attribute: re.Match[str]) -> str:
        """Round what an attribute says."""
        name, value = attribute.groups()
        if name == "transform":
            return f'{name}="{_TRANSLATE.sub(lambda move: _LONG.sub(_rounded, move[0]), value)}"'
        return f'{name}="{_LONG.sub(_rounded, value)}"'

    return _DRAWING.sub(lambda drawing: _PLACE.sub(place, drawing[0]), markup)


def draw(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put drawings in place of the pictures in the outputs of a notebook (``source-read``)."""
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                stored = "".join(data["text/html"])
                shown = with_drawings(stored)
                data["text/html"] = shown if shown == stored else with_short_numbers(shown)
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it between the executed outputs and their judge."""
    app.connect("source-read", draw, priority=500)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
