"""Write a deck: its page, its notes to print, and all that these two ask for.

reveal.js comes from the installed package ``sphinx-revealjs``; MathJax, plotly, the fonts and the
colours are those of the built site. A deck's folder is whole: it can be carried away.
"""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from string import Template

from bs4 import BeautifulSoup

from book._tools.command import CommandError, write
from book._tools.formulas import mathjax_settings
from book._tools.slides.page import Slide, read_page

__all__ = ["write_deck"]

HERE = Path(__file__).parent
ASSETS = "assets"
_REVEAL = {"dist/reveal.css": "reveal.css", "dist/reveal.js": "reveal.js",
           "plugin/notes/notes.js": "notes.js"}  # fmt: skip
_OWN = ("slides.css", "slides.js")
_BOOK = re.compile(r'<meta property="og:site_name" content="([^"]*)"')


def reveal_folder() -> Path:
    """Return the folder of reveal.js in the package that brings it, without importing that."""
    spec = importlib.util.find_spec("sphinx_revealjs")
    if spec is None or spec.origin is None:
        raise CommandError("The package sphinx-revealjs is not installed; `make env` installs it.")
    return Path(spec.origin).parent / "_static" / "revealjs"


def without_media(sheet: str) -> str:
    """Return a style sheet without its ``@media`` blocks: a slide has one size.

    Examples
    --------
    >>> without_media("a { top: 0; } @media print { a { top: 1px; } } b { top: 0; }")
    'a { top: 0; }  b { top: 0; }'
    """
    return re.sub(r"@media[^{}]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", sheet)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def copy_assets(static: Path, folder: Path, plotly: bool) -> None:
    """Put into a deck's folder what its pages ask for.

    Parameters
    ----------
    static : pathlib.Path
        The folder ``_static`` of the built site.
    folder : pathlib.Path
        Where to put it.
    plotly : bool
        Whether the deck has a plotly figure.
    """
    reveal = reveal_folder()
    for name, target in _REVEAL.items():
        _copy(reveal / name, folder / target)
    for name in _OWN:
        _copy(HERE / name, folder / name)
    for name in ("mathjax", "fonts", *(["plotly.min.js"] if plotly else [])):
        _copy(static / name, folder / name)
    write(folder / "book.css", without_media((static / "book.css").read_text(encoding="utf-8")))


def _sections(slides: list[Slide], chapter: str, book: str) -> Iterator[str]:
    for number, slide in enumerate(slides):
        where = book if slide.kind == "title" else chapter
        if slide.where and slide.kind != "section":
            where += f" · {slide.where}"
        level = "h1" if slide.kind == "title" else "h2"
        heading = f"<{level}>{slide.heading}</{level}>" if slide.heading else ""
        kicker = '<p class="kicker">Before you look</p>' if slide.kind == "poll" else ""
        notes = f'<aside class="notes">{"".join(slide.notes)}</aside>'
        sheet = f'<p class="where">{where}</p>{heading}<div class="body">{kicker}{slide.body}</div>'
        yield (
            f'<section class="{slide.kind}" id="{slide.kind}-{number}">'
            f'<div class="sheet">{sheet}</div>{notes}</section>'
        )


def _sheets_of_notes(slides: list[Slide]) -> Iterator[str]:
    for number, slide in enumerate(slides, start=1):
        text = BeautifulSoup(slide.heading or slide.body, "html.parser")
        name = text.select_one(".admonition-title, .caption-number")
        title = slide.heading or (name.decode_contents() if name else slide.kind.capitalize())
        if slide.notes:
            yield f"<section><h2>{number}. {title}</h2>{''.join(slide.notes)}</section>"


def write_deck(page: Path, folder: Path) -> int:
    """Write the deck of a built page.

    Parameters
    ----------
    page : pathlib.Path
        A page in the built site.
    folder : pathlib.Path
        Where the deck goes: ``index.html``, ``notes.html`` and ``assets``.

    Returns
    -------
    int
        The number of slides, before those with much on them are continued on a further one.

    Raises
    ------
    CommandError
        If the page cannot be made into slides.
    """
    text = page.read_text(encoding="utf-8")
    slides = read_page(text)
    chapter = slides[0].heading
    title = html.escape(" ".join(BeautifulSoup(chapter, "html.parser").get_text().split()))
    mathjax = mathjax_settings([text])
    slow = {**mathjax, "startup": {"typeset": False}}
    plotly = "book-plotly" in text

    def fill(name: str, **parts: str) -> str:
        lines = (HERE / name).read_text(encoding="utf-8").splitlines(keepends=True)
        wanted = "".join(line for line in lines if plotly or "plotly" not in line)
        return Template(wanted).substitute(title=title, **parts)

    copy_assets(page.parents[1] / "_static", folder / ASSETS, plotly)
    book = _BOOK.search(text)
    deck = "\n".join(_sections(slides, chapter, book[1] if book else ""))
    notes = "\n".join(_sheets_of_notes(slides))
    write(
        folder / "index.html",
        fill("deck.html", mathjax=json.dumps(slow), slides=deck),
    )
    write(folder / "notes.html", fill("notes.html", mathjax=json.dumps(mathjax), notes=notes))
    return len(slides)
