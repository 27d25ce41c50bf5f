"""Say at the top of each page where it stands: part, chapter, page.

The parts are the captions of ``_toc.yml``. Each step has a long form and, for a phone, a short
one; the template ``breadcrumbs.html`` makes a list of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from chapter_numbers import chapter_number
from sphinx.application import Sphinx
from sphinx_external_toc.api import SiteMap
from toc_entries import entries

DEEPER = "Going deeper"


@dataclass(frozen=True)
class Crumb:
    """One step of the way to a page.

    Attributes
    ----------
    text : str
        What is shown where there is room.
    short : str
        What is shown on a phone.
    page : str or None
        The document that the step leads to; a part has none.
    """

    text: str
    short: str
    page: str | None = None


def ancestors(site_map: SiteMap, docname: str) -> tuple[str | None, list[str]]:
    """Return the caption of the part that a page belongs to, and the pages above it.

    Parameters
    ----------
    site_map
        The table of contents.
    docname
        The page.

    Returns
    -------
    tuple of str or None, and list of str
        The caption, and the documents between the first page and this one, outermost first.
    """
    found = next((entry for entry in entries(site_map) if entry.document == docname), None)
    return (found.part, list(found.above)) if found else (None, [])


def step(docname: str, title: str) -> Crumb:
    """Return the step for a page: a chapter by its number, a companion by what all are called.

    Parameters
    ----------
    docname
        The page.
    title
        Its title, without a number.

    Examples
    --------
    >>> step("chapters/05_isometric_cross_sections", "Isometric cross sections").text
    '5 Isometric cross sections'
    >>> step("chapters/05a_folding_proved", "Going deeper: folding and mirrors, proved").short
    'Going deeper'
    """
    number = chapter_number(docname)
    if title.startswith(f"{DEEPER}:"):
        return Crumb(title, DEEPER, docname)
    if number is None:
        return Crumb(title, title, docname)
    return Crumb(f"{number} {title}", str(number), docname)


def crumbs(site_map: SiteMap, titles: dict[str, str], docname: str, title: str) -> list[Crumb]:
    """Return the steps that lead from the first page to a page, both included.

    Parameters
    ----------
    site_map
        The table of contents.
    titles
        The titles of all documents, without numbers.
    docname
        The page; it need not be a document.
    title
        Its title.
    """
    root = site_map.root.docname
    if docname == root:
        return []
    caption, above = ancestors(site_map, docname)
    found = [Crumb("Home", "Home", root)]
    if caption:
        found.append(Crumb(caption, caption.split(" · ")[0]))
    return [*found, *(step(page, titles[page]) for page in above), step(docname, title)]


def add(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Hand the steps to the page's template (``html-page-context``)."""
    titles = {name: node.astext() for name, node in app.env.titles.items()}
    plain = unescape(re.sub(r"<[^>]*>", "", str(context.get("title") or "")))
    title = titles.get(pagename, plain)
    context["breadcrumbs"] = crumbs(app.config.external_site_map, titles, pagename, title)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("html-page-context", add)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
