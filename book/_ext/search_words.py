"""Let the search find a page by what students call it.

Sphinx finds words that stand on a page, in the spelling of the page, and puts words of a title
first. ``book/search.yml`` adds, for each page, the phrases that it should be found by before all
others. Three things are done with them:

* each phrase is an index entry of its page, in British and in American spelling, so that a part
  of it is enough;
* its words count as words of the page's title, in any order;
* the words of all pages, and what is typed, are brought to one spelling before they are stemmed,
  by the rules in ``search_spelling.js``; a word joined by a hyphen is also indexed as one word, and
  an abbreviation as what it stands for.

A phrase at two pages, or a page that does not exist, ends the build with a sentence.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.search.en import SearchEnglish

WORDS = Path(__file__).resolve().parents[1] / "search.yml"
SPELLING = Path(__file__).with_name("search_spelling.js")

_RULE = re.compile(r"^  \[/(?P<pattern>.+)/, \"(?P<to>.*)\"\],$", re.MULTILINE)
_HYPHENED = re.compile(r"\w+(?:-\w+)+")
_BRITISH = (
    (re.compile(r"iz(ation|e|es|ed|ing)\b"), r"is\1"),
    (re.compile(r"\b(col|neighb|behavi)or"), r"\1our"),
    (re.compile(r"\bcenter"), "centre"),
)


@lru_cache
def read_words(path: Path = WORDS) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """Read the phrases of each page, and what abbreviations stand for.

    Raises
    ------
    ExtensionError
        If a phrase stands at two pages or twice at one, or is not in lower case.
    """
    if not path.is_file():  # a small project of the tests
        return {}, {}
    file = yaml.safe_load(path.read_text(encoding="utf-8"))
    at: dict[str, str] = {}
    for page, phrases in file["pages"].items():
        for phrase in map(str, phrases):
            if phrase in at:
                raise ExtensionError(f"{path.name}: “{phrase}” stands at {at[phrase]} and {page}.")
            if phrase != phrase.lower():
                raise ExtensionError(f"{path.name}: “{phrase}” is not in lower case.")
            at[phrase] = page
    return file["pages"], file["also"]


@lru_cache
def spelling_rules(path: Path = SPELLING) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Read the rules of spelling from the script that applies them in the browser."""
    rules = _RULE.finditer(path.read_text(encoding="utf-8"))
    return tuple(
        (re.compile(rule["pattern"]), re.sub(r"\$(\d)", r"\\\1", rule["to"])) for rule in rules
    )


def one_spelling(word: str) -> str:
    """Return a word in the spelling of the index.

    Examples
    --------
    >>> [one_spelling(word) for word in ("canonicalisation", "colours", "centre", "norm")]
    ['canonicalization', 'colors', 'center', 'norm']
    """
    for pattern, to in spelling_rules():
        word = pattern.sub(to, word)
    return word


def spellings(phrase: str) -> list[str]:
    """Return a phrase in the ways in which it may be typed.

    In American and in British spelling, in the singular and in the plural, and with hyphens as
    spaces.

    Examples
    --------
    >>> spellings("nearest neighbor")
    ['nearest neighbor', 'nearest neighbors', 'nearest neighbour', 'nearest neighbours']
    """
    british = phrase
    for pattern, to in _BRITISH:
        british = pattern.sub(to, british)
    both = {phrase, british, phrase.replace("-", " ")}
    both |= {word.replace("autoencoder", "auto-encoder") for word in both}
    plural = {word + "s" for word in both if not word.endswith("s")}
    singular = {word[:-1] for word in both if re.search(r"[^s]s$", word)}
    return sorted(both | plural | singular)


class SearchOneSpelling(SearchEnglish):
    """English, with one spelling, hyphened words as one, and abbreviations written out."""

    js_stemmer_code = SearchEnglish.js_stemmer_code + SPELLING.read_text(encoding="utf-8")

    def split(self, input: str) -> list[str]:
        """Return the words of a text, and what else they should be found by."""
        words = list(super().split(input))
        words += [word.replace("-", "") for word in _HYPHENED.findall(input)]
        _, also = read_words()
        return words + [more for word in words for more in also.get(word.lower(), ())]

    def stem(self, word: str) -> str:
        """Return the stem of a word in the spelling of the index."""
        return str(super().stem(one_spelling(word.lower())))


def add_words(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Add the phrases to the search index, after all pages and before it is written."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is None:
        return []
    pages, _ = read_words()
    unknown = [page for page in pages if page not in app.env.found_docs]
    if unknown and _whole(app):
        raise ExtensionError(f"{WORDS.name} names pages that the book does not have: {unknown}.")
    for page in set(pages) - set(unknown):
        phrases = {spelt for phrase in pages[page] for spelt in spellings(str(phrase))}
        indexer._index_entries[page] = [(phrase, "", "main") for phrase in sorted(phrases)]
        for word in {word for phrase in phrases for word in indexer.lang.split(phrase)}:
            stem = indexer.lang.stem(word)
            if indexer.lang.word_filter(stem):
                indexer._title_mapping.setdefault(stem, set()).add(page)
    return []


def _whole(app: Sphinx) -> bool:
    """Say whether this is the book, and not a small project of the tests."""
    return Path(app.srcdir, "book", "search.yml").is_file()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the language of the search and the words of the pages."""
    # All pages are written again, and with them the index, when one of the files changes.
    files = [path for path in (WORDS, SPELLING, Path(__file__)) if path.is_file()]
    state = [path.read_text(encoding="utf-8") for path in files]
    app.add_config_value("search_words_state", zlib.crc32("".join(state).encode()), "html")
    app.add_search_language(SearchOneSpelling)
    app.connect("html-collect-pages", add_words)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
