"""The words of a page and of its runner notebook, in order, so that the two can be compared.

Both are read as what is shown: the page from its HTML, the notebook by an independent reader of
CommonMark (markdown-it-py) after its formulas were taken out, in the way of JupyterLab.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdown_it import MarkdownIt

_MATH = re.compile(r"(?<!\\)(\$\$.+?\$\$|\$[^$\n]+?(?<!\\)\$)", re.DOTALL)
_PLACE = "\ue000{}\ue001"
_TEX = re.compile(r"\\begin\{split\}|\\end\{split\}|\s+|\{\}")
_FURNITURE = (
    "a.headerlink, .cell_input, .cell_output > *:not(figure), .cell_output .output, "
    "details.above-input > summary, .toctree-wrapper, button, script, style, svg, img"
)


def render(text: str) -> str:
    """Return a Markdown cell as HTML, its formulas as ``<math>`` elements that hold their TeX."""
    formulas: list[str] = []

    def take(match: re.Match[str]) -> str:
        formulas.append(match[0])
        return _PLACE.format(len(formulas) - 1)

    parts = re.split(r"(```.*?```|(?<!`)`[^`\n]+`(?!`))", text, flags=re.DOTALL)
    held = "".join(p if i % 2 else _MATH.sub(take, p) for i, p in enumerate(parts))
    shown: str = MarkdownIt("commonmark", {"html": True}).enable("table").render(held)
    return re.sub(
        "\ue000(\\d+)\ue001",
        lambda m: f"<math>{html.escape(formulas[int(m[1])].strip('$'))}</math>",
        shown,
    )


def _formula(tex: str) -> str:
    tex = re.sub(r"\\Vert ?", r"\\|", tex) if r"\vert" in tex else tex
    return "⟦" + _TEX.sub("", tex).replace(r"\vert", "|") + "⟧"


def words(soup: BeautifulSoup | Tag) -> list[str]:
    """Return the words and formulas of a piece of HTML."""
    for formula in soup.select("math, .math"):
        number = formula.select_one(".eqno")
        label = number.extract().get_text() if number is not None else ""
        tex = re.sub(r"^\s*\\[\[(]|\\[\])]\s*$", "", formula.get_text().strip())
        tag = re.search(r"\\tag\{([\d.]+)\}", tex)
        label = f"({tag[1]})" if tag else label
        tex = re.sub(r"\\tag\{[\d.]+\}", "", tex)
        formula.replace_with(f" {label} {_formula(tex)} ")
    for block in soup.select("p, li, td, th, h1, h2, h3, h4, summary, div, figcaption, pre"):
        block.insert_before(" ")
        block.insert_after(" ")
    text = soup.get_text().replace("\u2002", " ").replace("\xa0", " ")
    return re.findall(r"⟦.*?⟧|[^\s⟦⟧]+", text)


def page_words(markup: str) -> list[str]:
    """Return the words of a built page, without its code, outputs and furniture."""
    article = BeautifulSoup(markup, "html.parser").select_one("article")
    assert article is not None
    for node in article.select(_FURNITURE):
        node.decompose()
    for number in article.select("span.section-number, span.caption-number"):
        number.insert_after(" ")
    for hint in article.select("div.hint > p.admonition-title"):
        hint.insert_after(" ")
    return words(article)


def notebook_words(notebook: Mapping[str, Any]) -> list[str]:
    """Return the words of the Markdown cells of a runner notebook, without the note at its top."""
    found: list[str] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            shown = BeautifulSoup(render("".join(cell["source"])), "html.parser")
            for head in shown.select("summary"):
                if head.get_text().endswith(", continued"):
                    head.decompose()
            if not found and (note := shown.select_one("h1 + p > em:only-child")) is not None:
                note.decompose()
            found += words(shown)
    return found
