"""Make a deck of slides of each core chapter, from the page that the site shows.

``python -m book._tools.slides`` reads the built site and writes ``_build/slides/NN``: the deck
``index.html``, the notes to print, and all that they ask for. Open the deck in a browser, from the
file or from a server; the key S opens the notes in a window of their own, D changes between light
and dark. ``--pdf`` also prints the deck into a PDF, which takes a Chromium.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from book._tools.browser import chromium
from book._tools.command import ROOT, CommandError, Option, command, title
from book._tools.slides.deck import write_deck

PAGES = Path("_build/html/chapters")
DECKS = Path("_build/slides")
_PATIENCE = 120_000  # milliseconds that a deck may take to lay itself out


def pages(only: str = "", root: Path = ROOT) -> dict[str, Path]:
    """Return the built pages by number: all core chapters, or the page that is asked for.

    Raises
    ------
    CommandError
        If there is none.
    """
    if only and not only[0].isdigit():
        raise CommandError(f"{only} is no number of a chapter: call make slides N=05.")
    number = only.rjust(2 + (not only[-1:].isdigit()), "0") if only else "[0-9][0-9]"
    found = sorted((root / PAGES).glob(f"{number}_*.html"))
    if not found:
        raise CommandError(f"{PAGES} holds no page {only or 'of a chapter'}: call `make html`.")
    return {page.name.split("_")[0]: page for page in found}


def print_deck(folder: Path, browser: Any) -> Path:
    """Print a deck into a PDF, a page for each slide, through reveal.js's view for printing."""
    target = folder / "slides.pdf"
    tab = browser.new_page(color_scheme="light")
    tab.goto(f"{(folder / 'index.html').as_uri()}?print-pdf")
    tab.wait_for_selector("html[data-ready]", state="attached", timeout=_PATIENCE)
    tab.pdf(path=target, prefer_css_page_size=True, print_background=True)
    tab.close()
    return target


def make(options: Namespace) -> Iterator[str]:
    """Write the decks, and yield what to open."""
    folders = {ROOT / DECKS / number: page for number, page in pages(options.only).items()}
    for folder, page in folders.items():
        yield f"{write_deck(page, folder)} slides: {folder / 'index.html'}"
    if options.pdf:
        with chromium() as browser:
            for folder in folders:
                yield f"printed: {print_deck(folder, browser)}"


@command(
    __doc__,
    Option("--only", default="", help="the number of a chapter, such as 05"),
    Option("--pdf", action="store_true", help="print each deck into a PDF, too"),
)
def main(options: Namespace) -> Iterable[object]:
    """Write the decks that are asked for."""
    title(f"making slides in {DECKS}/")
    for sentence in make(options):
        print(sentence, flush=True)
    return []


if __name__ == "__main__":
    sys.exit(main())
