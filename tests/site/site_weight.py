"""What a browser fetches for a page of the built site, and how many bytes that is.

A text counts as it is sent, compressed; a font or a picture as it lies there.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

TEXT = {".html", ".css", ".js", ".svg", ".json", ".txt", ".csv"}
FONTS = {".woff", ".woff2"}
FETCHED = {"stylesheet", "icon", "preload"}
ADDRESS = re.compile(r"(?:url\(\s*[\"']?|@import\s+[\"'])([^\"')]+)")
FORMULA = re.compile(r'class="(?:[\w-]+ )*math\b|class="amsmath')


class _References(HTMLParser):
    """Collects the files that a page names and a browser fetches with it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of a style sheet, a script or a picture."""
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and FETCHED & set(given.get("rel", "").split()):
            self.found.append(given.get("href", ""))
        if tag in ("script", "img", "source", "iframe", "video", "audio", "embed"):
            self.found.append(given.get("src", ""))
            self.found += given.get("data-fetch", "").split()  # which a script fetches ahead


def _inside(addresses: Iterable[str], base: Path) -> set[Path]:
    """Return the files on this machine that some addresses in a file lead to."""
    parts = [urlsplit(address) for address in addresses if address]
    return {
        (base.parent / unquote(part.path)).resolve()
        for part in parts
        if part.path and not part.scheme and not part.netloc
    }


@cache
def named(path: Path) -> frozenset[Path]:
    """Return the files that a page or a style sheet names and a browser may fetch with it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        return frozenset(file for file in _inside(ADDRESS.findall(text), path) if file.is_file())
    parser = _References()
    parser.feed(text)
    return frozenset(_inside(parser.found, path))


def formula_fonts(site: Path) -> set[Path]:
    """Return the fonts that formulas may ask for."""
    return {font.resolve() for font in (site / "_static" / "mathjax").rglob("*.woff")}


def fetched(site: Path, name: str) -> set[Path]:
    """Return the files that a browser fetches for a page, with all fonts that it may ask for.

    The pictures of the style sheets and the fonts of formulas count as fetched, although a browser
    asks only for those that a page shows: the sum is never less than what is sent.
    """
    page = (site / f"{name}.html").resolve()
    files = {page, *named(page)}
    new = files
    while sheets := {file for file in new if file.suffix == ".css"}:  # one may import another
        new = {file for sheet in sheets for file in named(sheet)} - files
        files |= new
    if FORMULA.search(page.read_text(encoding="utf-8")):
        files |= formula_fonts(site)
    return files


@cache
def sent(path: Path) -> int:
    """Return how many bytes a file is when it is sent, a text with ``gzip -9``."""
    content = path.read_bytes()
    return len(gzip.compress(content, 9)) if path.suffix in TEXT else len(content)


def weight(files: Iterable[Path]) -> int:
    """Return how many bytes some files are when they are sent."""
    return sum(map(sent, files))


def heaviest(files: Iterable[Path], count: int = 6) -> str:
    """Name the heaviest of some files, for whoever has to make a page lighter."""
    order = sorted(files, key=sent, reverse=True)[:count]
    return ", ".join(f"{path.name} {sent(path) / 1000:.0f} kB" for path in order)
