"""Which pages of the site a PDF holds, in the order of the table of contents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

from book._ext.toc_entries import entries
from book._tools.command import CommandError

__all__ = ["Page", "pages_of", "printed"]

_BESIDE = ("notation", "glossary", "own_network", "topology", "papers", "bibliography")
"""The pages that are printed with the chapters. The ledger of claims, the pages of functions and
those for instructors are longer than any chapter and are looked things up in, on the screen."""


@dataclass(frozen=True)
class Page:
    """A page of the site.

    Attributes
    ----------
    document : str
        Its path in the site without the suffix, such as ``chapters/05a_folding_proved``.
    part : str
        The part of the book that it belongs to; empty for one that precedes all parts.
    companion : bool
        Whether it belongs to the chapter before it.
    """

    document: str
    part: str
    companion: bool = False

    @property
    def name(self) -> str:
        """A short name, by which links find it: ``c05a`` for a chapter, else the file's name."""
        stem = self.document.rsplit("/", 1)[-1]
        return f"c{stem.split('_')[0]}" if stem[0].isdigit() else stem


def pages_of(toc: Path) -> list[Page]:
    """Return all pages of a table of contents.

    Parameters
    ----------
    toc : pathlib.Path
        The file ``_toc.yml``.

    Returns
    -------
    list of Page
        The welcome page first, then those of the parts.
    """
    site_map = parse_toc_yaml(toc)
    first = Page(site_map.root.docname, "")
    return [first, *(Page(e.document, e.part or "", bool(e.above)) for e in entries(site_map))]


def printed(pages: list[Page], only: str = "") -> list[Page]:
    """Return the pages that a PDF holds.

    Parameters
    ----------
    pages : list of Page
        All pages of the book.
    only : str
        The number of a chapter, such as ``05`` or ``5``; empty for the whole book.

    Returns
    -------
    list of Page
        A chapter with its companions, or all chapters with theirs and the pages beside them.

    Raises
    ------
    CommandError
        If no chapter has that number.

    Examples
    --------
    >>> pages = [Page("book/welcome", ""), Page("book/notation", "Before"),
    ...          Page("chapters/01_codes", "I"), Page("chapters/02_groups", "I"),
    ...          Page("chapters/02a_tables", "I", True), Page("book/claims", "Reference")]
    >>> [page.name for page in printed(pages)]
    ['notation', 'c01', 'c02', 'c02a']
    >>> [page.name for page in printed(pages, "2")]
    ['c02', 'c02a']
    """
    chapters = [page for page in pages if page.document.startswith("chapters/")]
    if not only:
        return [page for page in pages if page in chapters or page.name in _BESIDE]
    number = f"c{only.zfill(2)}"
    found = [page for page in chapters if page.name[:3] == number]
    if not found or len(number) != 3:
        raise CommandError(f"{only} is no number of a chapter: call make pdf N=05.")
    return found
