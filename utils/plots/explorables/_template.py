"""From the files of a figure that moves to what a notebook displays.

The folder of such a figure holds ``figure.html``, the markup with slots in the manner of
:class:`string.Template`; ``figure.js``, the script, which finds its figure by the identifier
``"ID"``; and ``figure.css``, if the figure has a style of its own. A script that calls
``bookFigure("ID")`` is given ``parts.js`` and ``parts.css``, what the figures share; markup with
an element of class ``book-by-key`` is given ``by_key.css``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.plots.figure import HTMLFigure


def compact(style: str) -> str:
    """Drop the comments of a style sheet, and the white space that it does not need."""
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.S)
    parts = re.split(r"""("[^"]*"|'[^']*')""", style)  # quoted text stays as it is
    for i in range(0, len(parts), 2):
        part = re.sub(r"\s+", " ", parts[i])
        part = re.sub(r" ?([{};,!]) ?", r"\1", part)
        parts[i] = part.replace(": ", ":").replace(";}", "}")
    return "".join(parts).strip()


def base64_text(array: NDArray[Any]) -> str:
    """Return the bytes of an array as text, row by row."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _read(file: Traversable) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def assembled(folder: Traversable, shared: Traversable) -> tuple[str, str]:
    """Return the script and the style sheet of a figure, with the shared parts if it uses them.

    Parameters
    ----------
    folder : Traversable
        The folder of the figure, with ``figure.js``, ``figure.html`` and perhaps ``figure.css``.
    shared : Traversable
        The folder with ``parts.js``, ``parts.css`` and ``by_key.css``.
    """
    script, style = _read(folder / "figure.js"), _read(folder / "figure.css")
    if "book-by-key" in _read(folder / "figure.html"):
        style = _read(shared / "by_key.css") + style
    if "bookFigure(" in script:
        script, style = _read(shared / "parts.js") + script, _read(shared / "parts.css") + style
    return script, style


def fill(
    package: str,
    *,
    prefix: str,
    data: Mapping[str, Any],
    alt: str,
    text: Mapping[str, str | int],
    markup: Mapping[str, str],
    still: str,
    extra: Mapping[str, Any] | None = None,
) -> HTMLFigure:
    """Fill the template of a figure; the same input gives the same text.

    The slots ``alt``, ``data``, ``name``, ``script``, ``still`` and ``style`` are filled for every
    figure; the others are its own. The part that moves is hidden, and the still is shown, until the
    script runs: a notebook that is not trusted, and a page without scripts, show the still.

    Parameters
    ----------
    package : str
        The package in whose folder the files lie: ``__package__`` of the caller.
    prefix : str
        How the figure's identifier begins; a hash of the data follows.
    data : Mapping[str, Any]
        What the script reads, as JSON.
    alt : str
        The alternative text, checked.
    text, markup : Mapping[str, str]
        What goes into slots: texts, which are escaped, and markup, which is taken as it is.
    still : str
        The picture of the first state.
    extra : Mapping[str, Any], optional
        Further forms of the figure by MIME type.
    """
    folder = files(package)
    # Nothing in the data may end the element that holds it.
    stored = json.dumps(data).replace("</", "<\\/")
    name = f"{prefix}-{hashlib.sha256(stored.encode()).hexdigest()[:10]}"
    script, style = assembled(folder, files("utils.plots.explorables"))
    # Lines and indentation are there for whoever reads the template.
    template = "".join(map(str.strip, _read(folder / "figure.html").splitlines()))
    slots = {
        "alt": html.escape(alt),
        "data": stored,
        "name": name,
        "script": "\n" + script.replace('"ID"', f'"{name}"'),
        "still": still,
        "style": compact(style),
    }
    slots |= {key: html.escape(str(value)) for key, value in text.items()} | dict(markup)
    return HTMLFigure(Template(template).substitute(slots), alt, extra or {})
