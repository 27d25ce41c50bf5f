"""The offline copy's search quotes the main text of a page, and each part from where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from book._tools.command import CommandError
from book._tools.search_texts import INDEX, PAGE, SCRIPT, TEXTS, main_text, with_texts

SEARCH = '<head><script src="searchindex.js"></script>\n</head>'
ENTRIES = {
    "docnames": ["book/a", "book/b", "book/gone"],
    "alltitles": {"A": [[0, None]], "Part": [[0, "part"]], "B": [[1, "part"]]},
    "indexentries": {"word": [[0, "term", "main"]], "page": [[1, "", "main"]]},
}


def page(body: str) -> bytes:
    return f"<nav>menu</nav><article>{body}</article><footer>foot</footer>".encode()


def copy(**others: bytes) -> dict[str, bytes]:
    """The files of a small copy."""
    files = {
        PAGE: SEARCH.encode(),
        INDEX: f"Search.setIndex({json.dumps(ENTRIES)})".encode(),
        "book/a.html": page('<h1>𝒢</h1> <p id="part">one <b id="term">&lt;b&gt;</b></p> <p>end'),
        "book/b.html": page('<p id="unasked">b</p>'),
    }
    return files | others


def texts(files: dict[str, bytes]) -> dict[str, Any]:
    """What the browser would find in the file of texts."""
    script = files[TEXTS].decode()
    found: dict[str, Any] = json.loads(
        script.removeprefix("Search.pageTexts = ").removesuffix(";\n")
    )
    return found


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a\n <b>b</b>c  <i> d</i> ", "a bc d"),
        ("a &lt;script&gt; &amp;lt; &#233;", "a <script> &lt; é"),
        ("a<script>if (x < y) { '</p>' }</script><style>b { }</style>c", "ac"),
        ('<h2>a<a class="headerlink" href="#a">#<b>b</b></a></h2>c', "ac"),
        ("<p>a<p>b<br>c<img src='x'>d<hr/>e", "abcde"),
        ('a<svg><path d="M0"/><text>b</text></svg>c<!-- d -->', "abc"),
        ("a&#1;b", "ab"),
        ("a</b></i>b", "ab"),
    ],
)
def test_the_text_is_what_a_reader_sees(markup: str, text: str) -> None:
    assert main_text(page(markup).decode())[0] == text


def test_a_page_without_an_article_has_no_text() -> None:
    assert main_text("<main>a</main>") == ("", {})


def test_a_part_is_found_where_a_browser_counts_it() -> None:
    """A letter beyond the first plane is one character here, and two in a browser."""
    found = texts(with_texts(copy()))["book/a"]
    units = found["text"].encode("utf-16-le")
    parts = {
        name: units[2 * start : 2 * end].decode("utf-16-le")
        for name, (start, end) in found["parts"].items()
    }
    assert found["text"] == "𝒢 one <b> end"
    assert parts == {"part": "one <b>", "term": "<b>"}
    start, end = found["parts"]["term"]
    assert found["text"][start:end] == "b> ", "the control counts as Python does"


def test_a_part_whose_end_is_missing_ends_with_what_holds_it() -> None:
    text, parts = main_text(page('<div><p id="a">b</div>c').decode(), {"a"})
    start, end = parts["a"]
    assert (text, text[start:end]) == ("bc", "b")


def test_an_empty_part_is_not_listed() -> None:
    assert main_text(page('a<span id="a"></span><i id="b"/>').decode(), {"a", "b"}) == ("a", {})


def test_only_what_the_search_leads_to_is_listed_and_only_its_page_changes() -> None:
    given = copy()
    found = with_texts(given)
    assert texts(found).keys() == {"book/a", "book/b"}
    assert texts(found)["book/b"] == {"text": "b", "parts": {}}
    changed = {name for name in found if found[name] != given.get(name)}
    assert changed == {PAGE, TEXTS, SCRIPT}
    assert found.keys() - given.keys() == {TEXTS, SCRIPT}
    assert list(found) == sorted(found)
    search = found[PAGE].decode()
    assert (
        search.index(INDEX) < search.index(TEXTS) < search.index(SCRIPT) < search.index("</head>")
    )


def test_a_site_without_a_search_page_stays_as_it_is() -> None:
    given = copy()
    del given[PAGE]
    assert with_texts(given) == given


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (PAGE, "<p>no head</p>", "search.html of the site has 0 heads, not one."),
        (PAGE, SEARCH * 2, "search.html of the site has 2 heads, not one."),
        (INDEX, "", "searchindex.js of the site is not laid out as Sphinx does."),
        (INDEX, "Search.setIndex({)", "searchindex.js of the site is not laid out as Sphinx does."),
    ],
)
def test_what_sphinx_no_longer_writes_as_expected_is_said(
    name: str, content: str, said: str
) -> None:
    with pytest.raises(CommandError) as error:
        with_texts(copy(**{name: content.encode()}))
    assert str(error.value) == said
