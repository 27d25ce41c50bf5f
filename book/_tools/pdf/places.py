"""On which page of a PDF a link ends: reads what Chromium writes, and no other PDF.

Chromium leaves the objects of a document uncompressed, only their streams are packed, so that the
tree of pages and the table of named destinations can be read as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from book._tools.command import CommandError

__all__ = ["number_of_pages", "places"]

_OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\n(<<.*?>>)\s*(?:endobj|stream)", re.DOTALL)
_KIDS = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_REFERENCE = re.compile(rb"(\d+) 0 R")
_DESTINATION = re.compile(rb"/([^\s/\[\]<>()]+)\s*\[(\d+) 0 R")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


def _objects(pdf: bytes) -> dict[int, bytes]:
    return {int(found[1]): found[2] for found in _OBJECT.finditer(pdf)}


def _following(objects: dict[int, bytes], catalogue: bytes, entry: bytes) -> int:
    found = re.search(rb"/" + entry + rb"\s+(\d+) 0 R", catalogue)
    if not found or int(found[1]) not in objects:
        raise CommandError(
            f"the PDF has no {entry.decode()}: Chromium writes otherwise than known."
        )
    return int(found[1])


def _catalogue(objects: dict[int, bytes]) -> bytes:
    for body in objects.values():
        if b"/Type /Catalog" in body:
            return body
    raise CommandError("the PDF has no catalogue: Chromium writes otherwise than known.")


def _leaves(objects: dict[int, bytes], number: int) -> Iterator[int]:
    """Yield the pages under a node of the tree, in their order."""
    kids = _KIDS.search(objects[number])
    if kids is None:
        yield number
        return
    for kid in _REFERENCE.findall(kids[1]):
        yield from _leaves(objects, int(kid))


def _order(objects: dict[int, bytes]) -> dict[int, int]:
    top = _following(objects, _catalogue(objects), b"Pages")
    return {number: i for i, number in enumerate(_leaves(objects, top), start=1)}


def number_of_pages(pdf: bytes) -> int:
    """Return how many pages a PDF has.

    Raises
    ------
    CommandError
        If it is not laid out as Chromium does.
    """
    return len(_order(_objects(pdf)))


def places(pdf: bytes) -> dict[str, int]:
    """Return the pages on which the named destinations of a PDF lie.

    Parameters
    ----------
    pdf : bytes
        A PDF that Chromium has printed from a page with links to its own anchors.

    Returns
    -------
    dict of str to int
        For each anchor that a link leads to, the number of its page; the first page is 1.

    Raises
    ------
    CommandError
        If it is not laid out as Chromium does.

    Examples
    --------
    >>> pdf = b'''1 0 obj
    ... <</Type /Catalog /Pages 2 0 R /Dests 5 0 R>>
    ... endobj
    ... 2 0 obj
    ... <</Type /Pages /Kids [3 0 R 4 0 R]>>
    ... endobj
    ... 3 0 obj
    ... <</Type /Page>>
    ... endobj
    ... 4 0 obj
    ... <</Type /Page>>
    ... endobj
    ... 5 0 obj
    ... <</proof [4 0 R /XYZ 6 826 0]>>
    ... endobj'''
    >>> places(pdf)
    {'proof': 2}
    """
    objects = _objects(pdf)
    order = _order(objects)
    table = objects[_following(objects, _catalogue(objects), b"Dests")]

    def plain(name: bytes) -> str:
        """Undo the escapes of a name in a PDF."""
        return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), name).decode()

    return {
        plain(name): order[int(page)]
        for name, page in _DESTINATION.findall(table)
        if int(page) in order
    }
