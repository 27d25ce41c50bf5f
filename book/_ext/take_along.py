"""Put what a reader can take along on the site, and lead to it from the foot of each page.

The environment variable ``BOOK_DOWNLOADS`` names the files, separated as in ``PATH``: the book as a
PDF (``make pdf``) and as an offline copy (``make offline``). They are copied into ``downloads/``.
A site that is built without the variable has neither the files nor the links.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_assets import write_if_changed
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

VARIABLE = "BOOK_DOWNLOADS"
FOLDER = "downloads"
WORDS = {".pdf": "PDF ({size})", ".zip": "offline copy (zip, {size})"}


@dataclass(frozen=True)
class Download:
    """A file that the site offers.

    Attributes
    ----------
    path
        Where it was made.
    text
        What a link to it says.
    """

    path: Path
    text: str


def size_in_words(size: int) -> str:
    """Write a number of bytes as a reader wants it before a download.

    Examples
    --------
    >>> size_in_words(13_900_000), size_in_words(310_000), size_in_words(12)
    ('14 MB', '310 kB', '1 kB')
    """
    if size >= 1_000_000:
        return f"{round(size / 1e6)} MB"
    return f"{max(1, round(size / 1e3))} kB"


def named_downloads(value: str, root: Path) -> list[Download]:
    """Return the files that ``BOOK_DOWNLOADS`` names.

    Parameters
    ----------
    value
        The value of the variable; empty for none.
    root
        The folder from which relative paths count.

    Returns
    -------
    list of Download
        The files, in the order in which they are named.

    Raises
    ------
    ConfigError
        If a file is not there, has the name of another, or is of a kind that the foot of a page
        has no words for.
    """
    found: list[Download] = []
    for piece in filter(None, value.split(os.pathsep)):
        path = root / piece
        if path.suffix not in WORDS:
            raise ConfigError(f"{VARIABLE} names {piece}, which is neither a PDF nor a zip.")
        if not path.is_file():
            raise ConfigError(f"{VARIABLE} names {piece}, which is not there: make downloads.")
        if path.name in (one.path.name for one in found):
            raise ConfigError(f"{VARIABLE} names {path.name} twice, and the site has one folder.")
        size = size_in_words(path.stat().st_size)
        found.append(Download(path, WORDS[path.suffix].format(size=size)))
    return found


def find(app: Sphinx, config: Config) -> None:
    """Note what the site offers; pages are written again when that changes (``config-inited``)."""
    found = named_downloads(os.environ.get(VARIABLE, ""), Path(app.srcdir))
    config.take_along = [(str(one.path), one.text) for one in found]


def lead_to(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Hand the links to the template ``take-along.html`` (``html-page-context``)."""
    context["take_along"] = [
        {"url": context["pathto"](f"{FOLDER}/{Path(path).name}", 1), "text": text}
        for path, text in app.config.take_along
    ]


def copy(app: Sphinx, exception: Exception | None) -> None:
    """Copy the files onto the site, and remove what it no longer offers (``build-finished``)."""
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir) / FOLDER
    wanted = {Path(path).name: Path(path) for path, _ in app.config.take_along}
    if folder.is_dir():
        for old in folder.iterdir():
            if old.name not in wanted:
                old.unlink()
        if not wanted:
            folder.rmdir()
    for name, source in wanted.items():
        write_if_changed(folder / name, source.read_bytes())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_config_value("take_along", [], "html", list)
    app.connect("config-inited", find)
    app.connect("html-page-context", lead_to)
    app.connect("build-finished", copy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
