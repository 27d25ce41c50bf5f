"""Print the book into one PDF, or one chapter with its companion pages.

``python -m book._tools.pdf`` reads the built site and writes one file into ``_build/pdf``: title
page, contents with page numbers, notation, glossary, the chapters with their companions, what to do
with a network of one's own, topology, what the papers claim, and bibliography, with links and
bookmarks. It takes a Chromium. Hints and solutions
are one line each, that they are on the page online, unless ``--solutions`` asks for them.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

from book._tools.browser import chromium
from book._tools.command import ROOT, CommandError, Option, command, title
from book._tools.edition import edition
from book._tools.pdf.pages import Page, pages_of, printed
from book._tools.pdf.printing import Cover, print_pages

SITE = Path("_build/html")
FOLDER = Path("_build/pdf")
NAME = "interpreting-equivariant-representations"


def target(pages: list[Page], only: str, solutions: bool) -> Path:
    """Return where the file goes.

    Examples
    --------
    >>> page = Page("chapters/05_isometric_cross_sections", "II")
    >>> target([page], "5", solutions=True).name
    '05-isometric-cross-sections-with-solutions.pdf'
    """
    name = pages[0].document.rsplit("/", 1)[-1].replace("_", "-") if only else NAME
    return FOLDER / f"{name}{'-with-solutions' if solutions else ''}.pdf"


def cover(root: Path, first: Path, whole: bool, solutions: bool) -> Cover:
    """Return what the title page says: from the configuration, the edition and the first page."""
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    page = BeautifulSoup(first.read_text(encoding="utf-8"), "html.parser")
    for mark in page.select("h1 .headerlink"):
        mark.decompose()
    heading = page.select_one("article h1")
    address = page.select_one("link[rel='canonical']")
    of_chapter = " ".join(heading.get_text().split()) if heading else first.stem
    licence = settings["sphinx"]["config"]["html_theme_options"]["extra_footer"]
    kept = "" if solutions else "Hints and solutions are on the pages online. "
    where = str(address["href"]).rsplit("/", 2)[0] + "/" if address else ""
    return Cover(
        book="An executable course" if whole else settings["title"],
        title=settings["title"] if whole else of_chapter,
        authors=settings["author"],
        version=str(edition(root)),
        licence=" ".join(re.sub(r"<[^>]*>", "", licence).split()),
        note=f"{kept}Figures that move are printed in their first state. {where}".strip(),
    )


@command(
    __doc__,
    Option("--only", default="", help="the number of a chapter, such as 05"),
    Option("--solutions", action="store_true", help="print hints and solutions, too"),
)
def main(options: Namespace) -> Iterable[object]:
    """Print what is asked for."""
    pages = printed(pages_of(ROOT / "_toc.yml"), options.only)
    first = ROOT / SITE / f"{pages[0].document}.html"
    if not first.exists():
        raise CommandError(f"{SITE} holds no {pages[0].document}.html: call `make html`.")
    said = cover(ROOT, first, not options.only, options.solutions)
    path = target(pages, options.only, options.solutions)
    with chromium() as browser:
        title(f"printing {len(pages)} pages of the site")
        report = print_pages(
            ROOT / SITE, pages, said, ROOT / path, browser, solutions=options.solutions
        )
    if report.shrunk:
        print(f"made smaller to fit the paper: {len(report.shrunk)} formulas and tables")
    if report.loose:
        print(f"links to places that no page has, now text: {' '.join(report.loose)}")
    print(f"{report.pages} pages: {ROOT / path}", flush=True)
    return []


if __name__ == "__main__":
    sys.exit(main())
