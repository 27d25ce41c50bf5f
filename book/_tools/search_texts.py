"""Give the search page of the offline copy the texts of the pages, to quote from.

Sphinx's search fetches each page that it has found and shows a piece of it. A browser refuses this
to a page that was opened from a file. The copy therefore has ``searchtexts.js``, the main text of
every page and where the parts begin and end that the search leads to, and ``offline_search.js``,
which hands these texts to Sphinx. The search page alone loads the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from book._tools.command import CommandError

__all__ = ["main_text", "with_texts"]

PAGE = "search.html"
INDEX = "searchindex.js"
TEXTS = "searchtexts.js"
SCRIPT = "_static/offline_search.js"
_HERE = Path(__file__).parent
_SOURCE = _HERE / "offline_search.js"
_LOADING = _HERE / "offline_search.html"

_ARTICLE = re.compile(r"<article\b.*</article>", re.DOTALL)
_CALL = re.compile(r"Search\.setIndex\((.*)\)\s*", re.DOTALL)
_HEAD = "</head>"
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"]
)
_UNREAD = frozenset(["script", "style"])


def _length(text: str) -> int:
    """Return the length of a text as a browser counts, where some characters are two.

    Examples
    --------
    >>> _length("G"), _length("𝒢")
    (1, 2)
    """
    return len(text.encode("utf-16-le")) // 2


class _Reader(HTMLParser):
    """Collect the text of an article, and where the wanted parts of it are."""

    def __init__(self, wanted: Collection[str]) -> None:
        super().__init__()
        self.wanted = wanted
        self.pieces = list[str]()
        self.parts = dict[str, tuple[int, int]]()
        self.place = 0
        self.gap = False
        # Each open element: its name, whether its text is left out, its identifier, its beginning.
        self.open = list[tuple[str, bool, str, int]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        given = dict(attrs)
        unread = tag in _UNREAD or "headerlink" in (given.get("class") or "").split()
        within = bool(self.open) and self.open[-1][1]
        start = self.place + (self.gap and self.place > 0)  # after the space that comes first
        self.open.append((tag, unread or within, given.get("id") or "", start))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that ends at once, as in a drawing, for one that is empty."""

    def handle_endtag(self, tag: str) -> None:
        if tag not in (name for name, *_ in self.open):
            return
        while self.open:
            name, _, identifier, start = self.open.pop()
            if identifier in self.wanted and self.place > start:
                self.parts.setdefault(identifier, (start, self.place))
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if not data or (self.open and self.open[-1][1]):
            return
        words = " ".join(data.split())
        if (self.gap or data[0].isspace()) and self.place and words:
            words = f" {words}"
        self.gap = data[-1].isspace() or (self.gap and not words)
        self.pieces.append(words)
        self.place += _length(words)


def main_text(markup: str, wanted: Collection[str] = ()) -> tuple[str, dict[str, tuple[int, int]]]:
    """Return the main text of a page, and where parts of it are.

    Parameters
    ----------
    markup : str
        The page. Its text is that of its article, without scripts, style sheets and the signs that
        lead to a heading, each run of white space as one space.
    wanted : collection of str
        The identifiers of the elements whose places are wanted.

    Returns
    -------
    text : str
        The text; empty for a page without an article.
    parts : dict of str to tuple of int
        For each of those elements that holds text, where it begins and ends, in UTF-16 units.

    Examples
    --------
    >>> main_text('<nav>x</nav><article><p>If</p> <p id="a">a &lt; <b>b</b>.</p></article>', {"a"})
    ('If a < b.', {'a': (3, 9)})
    """
    article = _ARTICLE.search(markup)
    if article is None:
        return "", {}
    reader = _Reader(wanted)
    reader.feed(article[0])
    reader.close()
    return "".join(reader.pieces), reader.parts


def _index(content: bytes) -> Mapping[str, Any]:
    call = _CALL.fullmatch(content.decode("utf-8"))
    try:
        index: Mapping[str, Any] = json.loads(call[1] if call else "")
    except ValueError:
        raise CommandError(f"{INDEX} of the site is not laid out as Sphinx does.") from None
    return index


def _texts(files: Mapping[str, bytes]) -> bytes:
    """Return the script that holds the texts of all pages that the search can find."""
    index = _index(files[INDEX])
    wanted: dict[int, set[str]] = {}
    for kind in ("alltitles", "indexentries"):
        for places in index[kind].values():
            for number, identifier, *_ in places:
                wanted.setdefault(number, set()).add(identifier or "")
    texts = {}
    for number, name in enumerate(index["docnames"]):
        page = files.get(f"{name}.html", b"").decode("utf-8")
        text, parts = main_text(page, wanted.get(number, set()) - {""})
        if text:
            texts[name] = {"text": text, "parts": parts}
    packed = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    return f"Search.pageTexts = {packed};\n".encode()


def with_texts(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Add the texts and their script to the files of the copy, and let the search page load them.

    Parameters
    ----------
    files : mapping of str to bytes
        The files of the copy by path.

    Returns
    -------
    dict of str to bytes
        The files; those given, if there is no search page among them.

    Raises
    ------
    CommandError
        If the search page or its index is not laid out as Sphinx does.
    """
    if PAGE not in files:
        return dict(files)
    page = files[PAGE].decode("utf-8")
    if page.count(_HEAD) != 1:
        raise CommandError(f"{PAGE} of the site has {page.count(_HEAD)} heads, not one.")
    page = page.replace(_HEAD, _LOADING.read_text(encoding="utf-8") + _HEAD)
    added = {PAGE: page.encode(), TEXTS: _texts(files), SCRIPT: _SOURCE.read_bytes()}
    return dict(sorted({**files, **added}.items()))
