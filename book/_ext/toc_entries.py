"""The pages of the table of contents, each with its part and the pages above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sphinx_external_toc.api import SiteMap


@dataclass(frozen=True)
class Entry:
    """A page of the table of contents, other than the first.

    Attributes
    ----------
    document : str
        Its path without the suffix, such as ``chapters/05a_folding_proved``.
    part : str or None
        The caption of the part that it belongs to.
    above : tuple of str
        The pages between the first page and this one, outermost first.
    """

    document: str
    part: str | None
    above: tuple[str, ...] = ()


def entries(site_map: SiteMap) -> Iterator[Entry]:
    """Yield the pages in the order in which a reader meets them.

    Parameters
    ----------
    site_map
        The table of contents.

    Examples
    --------
    >>> from sphinx_external_toc.parsing import parse_toc_data
    >>> below = {"file": "b", "entries": [{"file": "c"}]}
    >>> part = {"caption": "I", "entries": [below]}
    >>> list(entries(parse_toc_data({"root": "a", "subtrees": [part]})))
    [Entry(document='b', part='I', above=()), Entry(document='c', part='I', above=('b',))]
    """

    def walk(document: str, part: str | None, above: tuple[str, ...]) -> Iterator[Entry]:
        """Yield the pages below one."""
        for tree in site_map[document].subtrees:
            own = tree.caption if document == site_map.root.docname else part
            for page in tree.files():
                yield Entry(page, own, above)
                yield from walk(page, own, (*above, page))

    yield from walk(site_map.root.docname, None, ())
