"""Let no script reach the site in an output, but those of the book's own figures.

A stored output is long and rarely read, and what is in it would run in every reader's browser. An
output may hold data (an element of the type ``application/json``, or a plotly figure whose texts
have no markup but plotly's own) and a script that is, but for the identifier of its figure, the
``figure.js`` of a folder in ``utils/plots/explorables``, after the parts that such figures share.
Anything else that is not on a list, a kind of output, an element, an address, ends the build, which
names chapter and cell.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from utils.plots.explorables._template import assembled
from utils.plots.picture import with_drawings

_FIGURES = "utils/plots/explorables"
_MARKUP = ("text/html", "image/svg+xml")
_ELEMENTS = frozenset(
    [
        "b",
        "br",
        "canvas",
        "circle",
        "clippath",
        "code",
        "dd",
        "defs",
        "details",
        "div",
        "dl",
        "dt",
        "ellipse",
        "em",
        "figcaption",
        "figure",
        "g",
        "i",
        "image",
        "img",
        "input",
        "label",
        "lineargradient",
        "line",
        "li",
        "ol",
        "option",
        "output",
        "p",
        "path",
        "polygon",
        "polyline",
        "pre",
        "rect",
        "script",
        "select",
        "small",
        "span",
        "stop",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "svg",
        "symbol",
        "table",
        "tbody",
        "td",
        "text",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tspan",
        "u",
        "ul",
        "use",
    ]
)
"""What an output may be made of. Where browsers read some other element, its end or a comment
otherwise than Python does, one of the two would see a script and the other would not."""

_ADDRESSES = {"href", "src", "xlink:href"}
_ADDRESS = re.compile(r"#[\w.-]+|data:image/(png|jpeg|gif|webp);base64,[\w+/=\s]+")
_IMAGE = re.compile(
    r"data:image/svg\+xml;base64,[\w+/=]+"
)  # in an <img>, where no script of it runs
_SHEET = re.compile(r"[<\\]|@import|url\(\s*[^#\s]", re.IGNORECASE)
_CODE = {"srcset", "srcdoc", "action", "formaction", "ping", "background", "poster"}
_JUDGED = "application/papermill.record/"
_PLOTLY = "application/vnd.plotly.v1+json"
_TEXT_TAG = re.compile(r"</?(b|i|br|sub|sup|em|span|extra)(\s+style=([\"'])[\w\s:;#.%-]*\3)?\s*/?>")
_CODE_ADDRESS = re.compile(r"(javascript|vbscript):|data:text", re.IGNORECASE)
_KINDS = {"text/plain", "text/html", "image/png", "image/jpeg", "image/svg+xml",
          _PLOTLY}  # fmt: skip


def own_scripts(root: Path) -> frozenset[str]:
    """Return the scripts of the book's figures, with ``"ID"`` where a figure has its identifier."""
    figures = root / _FIGURES
    folders = sorted(path.parent for path in figures.glob("*/figure.js"))
    return frozenset(assembled(folder, figures)[0].strip() for folder in folders)


class _Finder(HTMLParser):
    """Collect what would run code, as browsers read the markup."""

    def __init__(self, own: frozenset[str]) -> None:
        super().__init__()
        self.own, self.found = own, list[str]()
        self.script: str | None = None
        self.sheet = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and given != {"type": "application/json"}:
            self.script = ""
            if given:
                self.found.append(f"a script with {' '.join(given)}")
        if tag not in _ELEMENTS:
            self.found.append(f"<{tag[:30]}>")
        if len(given) < len(attrs):
            self.found.append(f"<{tag}> with an attribute twice")
        self.sheet = tag == "style"
        for name, value in given.items():
            if name.startswith("on") or not re.fullmatch(r"[a-z][\w:.-]*", name):
                self.found.append(f"{name}=…")
            elif (tag, name) == ("img", "src") and _IMAGE.fullmatch(value):
                continue
            elif (name in _ADDRESSES and value and not _ADDRESS.fullmatch(value.strip())) or (
                name in _CODE or (name == "style" and _SHEET.search(value))
            ):
                self.found.append(f"{name}={value.strip()[:30]}…")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self.script is not None:
            self.script += data
        elif self.sheet and _SHEET.search(data):
            self.found.append(f"<style> {' '.join(data.split())[:30]}…")

    def handle_comment(self, data: str) -> None:
        if re.search("[<>]", data):
            self.found.append("a comment with markup")

    def unknown_decl(self, data: str) -> None:
        self.found.append(f"<![{data[:30]}")

    def handle_pi(self, data: str) -> None:
        if not re.fullmatch(r"xml [^<>]*\?", data):
            self.found.append(f"<?{data[:30]}")

    def handle_endtag(self, tag: str) -> None:
        self.sheet = False
        if tag == "script" and self.script is not None:
            self._judge()

    def close(self) -> None:
        if self.rawdata.strip() and self.script is None:
            self.found.append("markup without an end")
        super().close()
        if self.script is not None:
            self._judge()

    def _judge(self) -> None:
        """Compare a script with the book's, whose only difference is the identifier."""
        text, self.script = (self.script or "").strip(), None
        general = re.sub(r'\("[a-z]+-[0-9a-f]{10}"\)', '("ID")', text, count=1)
        if general not in self.own:
            self.found.append(f"a script, {' '.join(text.split())[:40]}…")


def foreign(markup: str, own: frozenset[str]) -> list[str]:
    """Name what would run code in a piece of HTML and is not the book's.

    Examples
    --------
    >>> foreign('<p onclick="x()">a</p>', frozenset())
    ['onclick=…']
    """
    finder = _Finder(own)
    finder.feed(markup)
    finder.close()
    return finder.found


def foreign_in_figure(value: Any) -> list[str]:
    """Name what in the strings of a plotly figure is more than plotly's marks of plain text.

    Examples
    --------
    >>> foreign_in_figure({"layout": {"title": "<b>a</b> < b", "meta": "<img src=x onerror=f()>"}})
    ['<img src=x onerror=f()>']
    """
    if isinstance(value, Mapping):
        return [found for pair in value.items() for one in pair for found in foreign_in_figure(one)]
    if isinstance(value, list | tuple):
        return [found for one in value for found in foreign_in_figure(one)]
    if not isinstance(value, str):
        return []
    found = [tag[:30] for tag in re.findall(r"<[a-zA-Z/!?][^>]*>?", _TEXT_TAG.sub("", value))]
    address = _CODE_ADDRESS.search(re.sub(r"[\s\x00-\x1f]", "", html.unescape(value)))
    return found + ([f"{address[0]}…"] if address else [])


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def problems(notebook: Mapping[str, Any], own: frozenset[str]) -> Iterator[str]:
    """Say for each output that would run foreign code which it is."""
    for number, cell in enumerate(notebook.get("cells", [])):
        outputs: Iterable[Mapping[str, Any]] = cell.get("outputs", [])
        for output in outputs:
            data = output.get("data") or {}
            found = [kind for kind in data if kind not in _KINDS and not kind.startswith(_JUDGED)]
            for kind in _MARKUP:
                found += foreign(with_drawings(_text(data.get(kind, ""))), own)
            found += foreign_in_figure(data.get(_PLOTLY))
            if found:
                yield f"cell {number} ({cell.get('id', 'without a name')}): {', '.join(found)}"


def refuse(app: Sphinx, docname: str, source: list[str]) -> None:
    """Stop at an output whose code is not the book's (``source-read``)."""
    if str(app.env.doc2path(docname)).endswith(".ipynb"):
        found = list(problems(json.loads(source[0]), own_scripts(Path(app.srcdir))))
        if found:
            raise ExtensionError(
                f"{docname} holds outputs that would run code in the reader's browser which no "
                f"figure of the book made: {'; '.join(found)}. Execute the chapter again, or show "
                f"the figure with utils.plots."
            )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the check, after the executed outputs have been put in place."""
    app.connect("source-read", refuse, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
