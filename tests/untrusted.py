"""What is left of an output in a notebook that is not trusted, by JupyterLab's rule.

JupyterLab hands the HTML of an output to the package sanitize-html with the lists below, those of
its release 4.6 as far as a figure of the book can meet them. Elements that are not on the list are
dropped and their text stays, but for four whose text goes as well. An attribute without a value is
dropped too: ``hidden`` alone hides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

# fmt: off
ELEMENTS = frozenset([
    "a", "abbr", "article", "aside", "b", "big", "blockquote", "br", "button", "canvas",
    "caption", "center", "cite", "code", "col", "colgroup", "data", "dd", "del", "details",
    "dfn", "div", "dl", "dt", "em", "fieldset", "figcaption", "figure", "font", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "input", "ins",
    "kbd", "label", "legend", "li", "mark", "menu", "meter", "nav", "ol", "option", "output",
    "p", "pre", "progress", "q", "s", "samp", "section", "select", "small", "source", "span",
    "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "textarea", "tfoot",
    "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
])
# fmt: on
"""No svg, script or style."""

ATTRIBUTES = frozenset(["class", "dir", "hidden", "id", "lang", "style", "title"])
IMAGE_ATTRIBUTES = ATTRIBUTES | {"align", "alt", "border", "height", "src", "width"}
WITHOUT_TEXT = frozenset(["script", "style", "textarea", "option"])
CONTROLS = frozenset(
    ["button", "input", "label", "meter", "output", "progress", "select", "textarea"]
)
EMPTY = frozenset(["br", "col", "hr", "img", "input", "source", "wbr"])
SHOWN = re.compile(r"data:image/(png|jpeg|svg\+xml);base64,[A-Za-z0-9+/=]{50,}")


@dataclass
class Untrusted(HTMLParser):
    """What a reader sees of an output: pictures with a text, words, and controls without use."""

    pictures: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    dropped: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in WITHOUT_TEXT:
            self.dropped = tag
        if tag not in ELEMENTS:
            return
        kept = {
            name: value or ""
            for name, value in attrs
            if name in (IMAGE_ATTRIBUTES if tag == "img" else ATTRIBUTES)
            and (value or name == "alt")
        }
        if self.hidden or "hidden" in kept:
            self.hidden += [tag] * (tag not in EMPTY)
        elif tag in CONTROLS:
            self.controls.append(tag)
        elif tag == "img" and SHOWN.fullmatch(kept.get("src", "")) and len(kept.get("alt", "")) > 7:
            self.pictures.append(kept["alt"])

    def handle_endtag(self, tag: str) -> None:
        if tag == self.dropped:
            self.dropped = ""
        elif self.hidden and self.hidden[-1] == tag:
            self.hidden.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.hidden and not self.dropped:
            self.words.append(data.strip())


def seen(markup: str) -> Untrusted:
    """Read an output as a notebook shows it that is not trusted."""
    result = Untrusted()
    result.feed(markup)
    result.close()
    return result
