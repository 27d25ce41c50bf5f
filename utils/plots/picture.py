"""A drawing as a picture that every notebook shows, and back again.

A notebook that its reader has not trusted, as every fresh clone and every Binder is, loses each
``<svg>`` of its outputs and keeps each ``<img>``. So what a notebook displays, and stores, are
pictures: the same drawings, whole, in the address of an ``<img>``. On the book's own pages the
drawings stand in the page again, where they follow its colours and its width.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator

from utils.plots.style import INK, PAPER

__all__ = ["still", "with_drawings", "with_pictures"]

_DARK_INK, _DARK_PAPER = "#e6e9ef", "#161b24"
# A picture has a ground of its own, since it cannot know the page on which it lies.
_STYLE = (
    f"<style>:root{{color:{INK};background:{PAPER};--book-paper:{PAPER}}}"
    f"@media (prefers-color-scheme:dark){{:root{{color:{_DARK_INK};background:{_DARK_PAPER};"
    f"--book-paper:{_DARK_PAPER}}}}}</style>"
)
_ADDRESS = "data:image/svg+xml;base64,"
_TAG = re.compile(r"<svg\b[^>]*>|</svg>")
_PICTURE = re.compile(
    rf'<img class="book-picture"[^>]*?(?: data-slices="([^"]*)")? src="{re.escape(_ADDRESS)}'
    r'([A-Za-z0-9+/=]*)">'
)


def _drawings(markup: str) -> Iterator[tuple[int, int]]:
    """Yield where the outermost ``<svg>`` elements of a piece of markup begin and end."""
    depth = begin = 0
    for tag in _TAG.finditer(markup):
        if tag[0] == "</svg>":
            depth -= 1
            if depth == 0:
                yield begin, tag.end()
        elif not tag[0].endswith("/>"):
            begin = begin if depth else tag.start()
            depth += 1
    if depth:
        raise ValueError("The markup of a figure opens an <svg> that it does not close.")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"\s{name}=(\"([^\"]*)\"|'([^']*)')", tag)
    return (found[2] or found[3] or "") if found else ""


def _picture(drawing: str, slices: str = "", kind: str = "book-picture") -> str:
    head, body = drawing.split(">", 1)
    style = _attribute(head, "style")
    width = re.search(r"max-width:(\d+)px", style)
    named = {
        "class": kind,
        "alt": _attribute(head, "aria-label"),
        "width": width[1] if width else re.sub("px$", "", _attribute(head, "width")),
        "style": style,
        "data-slices": html.escape(slices),
        "src": _ADDRESS + base64.b64encode(f"{head}>{_STYLE}{body}".encode()).decode(),
    }
    return "<img " + " ".join(f'{name}="{value}"' for name, value in named.items() if value) + ">"


def still(drawing: str) -> str:
    """Return a drawing as the picture that stands for a moving figure until its script runs."""
    return _picture(drawing, kind="book-still")


def with_pictures(markup: str) -> str:
    """Put a picture in place of every drawing of a figure.

    Parameters
    ----------
    markup : str
        HTML with ``<svg>`` elements that name themselves in an ``aria-label``. Those of the class
        ``book-slice`` are windows upon the drawing before them and go with it.

    Returns
    -------
    str
        HTML whose ``<img>`` elements have that text as alternative text.

    Examples
    --------
    >>> figure = '<p><svg aria-label="A dot" viewBox="0 0 1 1"><circle r="1"/></svg></p>'
    >>> with_pictures(figure)[:44]
    '<p><img class="book-picture" alt="A dot" src'
    >>> with_drawings(with_pictures(figure)) == figure
    True
    """
    parts: list[tuple[str, str]] = []  # drawings with their windows
    between, end = [""], 0
    for begin, stop in _drawings(markup):
        drawing = markup[begin:stop]
        window = 'class="book-slice"' in drawing[: drawing.index(">")]
        if window and parts and begin == end:
            parts[-1] = (parts[-1][0], parts[-1][1] + drawing)
        else:
            between[-1] = markup[end:begin]
            parts.append((drawing, ""))
            between.append("")
        end = stop
    between[-1] = markup[end:]
    pictures = [_picture(drawing, windows) for drawing, windows in parts]
    return "".join(text + picture for text, picture in zip(between, [*pictures, ""], strict=True))


def with_drawings(markup: str) -> str:
    """Put the drawings back in place of their pictures: undo :func:`with_pictures`."""

    def draw(picture: re.Match[str]) -> str:
        """Return the drawing that a picture holds, with its windows."""
        drawing = base64.b64decode(picture[2], validate=True).decode()
        return drawing.replace(_STYLE, "", 1) + html.unescape(picture[1] or "")

    return _PICTURE.sub(draw, markup)
