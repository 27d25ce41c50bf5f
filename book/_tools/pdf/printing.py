"""Put built pages into one document and print it: Chromium does both."""

from __future__ import annotations

import contextlib
import html
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from book._tools.command import CommandError, write_bytes
from book._tools.formulas import mathjax_settings
from book._tools.pdf.pages import Page
from book._tools.pdf.places import number_of_pages, places

__all__ = ["Cover", "Report", "print_pages", "sheets_of"]

HERE = Path(__file__).parent
_OWN = ("document.css", "document.js")
_LINK = re.compile(r"<link\b[^>]*\brel=\"stylesheet\"[^>]*>")
_SHEET = re.compile(r'\bhref="([^":]*_static/[^"?]*)')
_WIDTH = {"width": 658, "height": 900}  # pixels: the text of a page of A4 within its margins
_TRIES = 3  # the contents are as long with true numbers as without, so that two do


@dataclass(frozen=True)
class Cover:
    """What the title page says; each is a line, and empty ones are left out."""

    book: str
    title: str
    authors: str
    version: str
    licence: str
    note: str


@dataclass(frozen=True)
class Report:
    """What was printed.

    Attributes
    ----------
    pages : int
        How many sheets.
    begins : Mapping[str, int]
        On which each page of the site begins, by its short name.
    contents : tuple of (str, str)
        The lines of the contents: a title, and the number beside it.
    loose : tuple of str
        Links to anchors that no page has, which were made text.
    shrunk : tuple of str
        Formulas and tables that are wider than the paper, with how much they were made smaller.
    """

    pages: int
    begins: Mapping[str, int]
    contents: tuple[tuple[str, str], ...]
    loose: tuple[str, ...]
    shrunk: tuple[str, ...]


def sheets_of(files: Iterable[Path]) -> list[Path]:
    """Return the style sheets of some pages, each once and that for paper at the end."""
    sheets: dict[Path, None] = {}
    for file in files:
        named = (_SHEET.search(link) for link in _LINK.findall(file.read_text(encoding="utf-8")))
        sheets.update(dict.fromkeys((file.parent / found[1]).resolve() for found in named if found))
    return sorted(sheets, key=lambda sheet: sheet.name == "print.css")


def _shell(files: Sequence[Path], static: Path, cover: Cover) -> str:
    """Return the document without its pages, in their styles and with their formulas' settings."""
    mathjax = mathjax_settings(file.read_text(encoding="utf-8") for file in files)
    mathjax["options"] = {
        **mathjax.get("options", {}),
        "enableAssistiveMml": False,  # for screens; it doubles what is to be laid out
    }
    mathjax["startup"] = {"typeset": False}
    links = [f'<link rel="stylesheet" href="{sheet.as_uri()}">' for sheet in sheets_of(files)]
    return Template((HERE / "document.html").read_text(encoding="utf-8")).substitute(
        styles="\n".join(links),
        static=static.as_uri(),
        mathjax=json.dumps(mathjax),
        **{name: html.escape(value) for name, value in vars(cover).items()},
    )


def _print(tab: Any, *, last: bool) -> bytes:
    """Print; bookmarks and tags, which take longer than all else, only if it may be the last."""
    return bytes(
        tab.pdf(prefer_css_page_size=True, print_background=True, outline=last, tagged=last)
    )


def print_pages(
    site: Path,
    pages: Sequence[Page],
    cover: Cover,
    target: Path,
    browser: Any,
    *,
    solutions: bool = False,
) -> Report:
    """Print pages of the site into one PDF, with a title page and contents.

    Parameters
    ----------
    site : pathlib.Path
        The folder of the built site.
    pages : Sequence of Page
        What to print, in this order.
    cover : Cover
        What the title page says.
    target : pathlib.Path
        The file; it is replaced when the new one is whole.
    browser : playwright.sync_api.Browser
        A Chromium.
    solutions : bool
        Whether hints and solutions are printed, or one line in place of each.

    Returns
    -------
    Report
        What was printed.

    Raises
    ------
    CommandError
        If a page has not been built, or the numbers of the contents do not settle.
    """
    files = {page: site / f"{page.document}.html" for page in pages}
    missing = [page.document for page, file in files.items() if not file.exists()]
    if missing:
        raise CommandError(f"{site} does not hold {missing[0]}.html: call `make html`.")
    names = {file.resolve().as_uri(): page.name for page, file in files.items()}
    single = len([page for page in pages if not page.companion]) == 1
    opened = browser.new_page(color_scheme="light", viewport=_WIDTH)
    with contextlib.closing(opened) as tab, tempfile.TemporaryDirectory() as scratch:
        tab.set_default_timeout(0)
        folder = Path(scratch)
        for name in _OWN:
            shutil.copyfile(HERE / name, folder / name)
        shell = _shell(list(files.values()), (site / "_static").resolve(), cover)
        (folder / "index.html").write_text(shell, encoding="utf-8")
        tab.goto((folder / "index.html").as_uri(), wait_until="load")
        tab.emulate_media(media="print")
        part = None
        for page, file in files.items():
            given = {
                "name": page.name,
                "address": file.resolve().as_uri(),
                "html": file.read_text(encoding="utf-8"),
                "part": "" if single or page.part == part else page.part,
                "companion": page.companion,
                "solutions": solutions,
                "sections": single,
            }
            part = page.part
            if not tab.evaluate("([page, names]) => bookDocument.add(page, names)", [given, names]):
                raise CommandError(f"{file.name} is no page of the book: it holds no article.")
        loose = tab.evaluate("bookDocument.loose()")
        shrunk = tab.evaluate("bookDocument.typeset()")
        found: dict[str, int] = {}
        for time in range(_TRIES):
            content = _print(tab, last=time > 0)
            before, found = found, places(content)
            if found == before:
                break
            tab.evaluate("places => bookDocument.number(places)", found)
        else:
            raise CommandError("the numbers of the contents do not settle.")
        contents = tuple(map(tuple, tab.evaluate("bookDocument.lines()")))
    write_bytes(target, content)
    begins = {page.name: found[page.name] for page in pages}
    return Report(number_of_pages(content), begins, contents, tuple(loose), tuple(shrunk))
