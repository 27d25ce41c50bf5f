"""Write a resolved page as CommonMark with dollar math, and say where its code cells stand.

The page comes from Sphinx after every number, title, citation and reference has been resolved, so
that "Theorem 5.7" and "Hansen *et al.* [2024]" are those of the site. What is written uses nothing
that a plain Markdown reader does not know: blocks are headed quotations, what is folded on the
site is a ``<details>`` element, and every formula stands on one line, because JupyterLab takes
formulas out of the text before it looks for quotations.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from docutils import nodes
from sphinx import addnodes

__all__ = ["Cell", "Prose", "Writer"]

#: Sphinx's numbers of a page: kind of block, identifier, number.
Numbers = Mapping[str, Mapping[str, tuple[int, ...]]]

# What a reader of CommonMark would take for markup; the rest of a sentence stays as it is written.
_SPECIAL = re.compile(r"([\\`*_$]|<(?=[A-Za-z/!?])|\](?=[(\[:])|&(?=#?\w+;)|~(?=~))")
_FIRST = re.compile(r"([-+=>#])|(\d+)([.)])(?=\s|$)")
_QUOTED = frozenset(["exercise_enumerable_node", "exercise_node"])
_SKIPPED = (nodes.target, nodes.comment, nodes.colspec, addnodes.toctree, nodes.system_message)


@dataclass(frozen=True)
class Prose:
    """Text between two code cells, as CommonMark."""

    text: str


@dataclass(frozen=True)
class Cell:
    """A code cell: where it stands in the chapter, and whether it starts folded.

    Attributes
    ----------
    index : int
        Its place among the cells of the chapter.
    folded : bool
        Whether it belongs to a solution.
    """

    index: int
    folded: bool = False


class _Opening(str):
    """A block that opens a cell of its own: a heading, an exercise, a solution."""


@dataclass(frozen=True)
class Writer:
    """Writes one page.

    Attributes
    ----------
    numbers : mapping
        The numbers of figures, blocks and equations by kind and identifier.
    sections : mapping of str to str
        The numbers of sections by anchor (``"#a-section"``; the page itself is ``""``).
    link : callable
        Takes an internal address such as ``"../book/glossary.html#term-orbit"`` or ``"#thm-1"``,
        and returns the address to write, or an empty string for text without a link.
    """

    numbers: Numbers
    sections: Mapping[str, str]
    link: Callable[[str], str]
    targets: set[str] = field(default_factory=set)

    def pieces(self, page: nodes.document) -> Iterator[Prose | Cell]:
        """Yield the page as prose and code cells, in order.

        Every heading, exercise and solution begins a piece, so that a reader can work below it.
        """
        self.targets.update(
            str(address)[1:]
            for link in page.findall(nodes.reference)
            if (address := self._address(link)).startswith("#")
        )
        waiting: list[str] = []
        for part in self._flow(page, level=0, folded=False):
            if waiting and isinstance(part, (_Opening, Cell)):
                yield Prose("\n\n".join(waiting))
                waiting = []
            if isinstance(part, Cell):
                yield part
            else:
                waiting.append(part)
        if waiting:
            yield Prose("\n\n".join(waiting))

    # ------------------------------------------------------------ blocks

    def _flow(self, parent: nodes.Element, level: int, folded: bool) -> Iterator[str | Cell]:
        """Yield the blocks and code cells under an element that may hold code cells."""
        for child in parent.children:
            if not isinstance(child, nodes.Element) or isinstance(child, _SKIPPED):
                continue
            if child.get("nb_element") == "cell_code":
                yield Cell(int(child["cell_index"]), folded)
                yield from self._captions(child)
            elif isinstance(child, nodes.section) and _kind(child) == "section":
                yield from self._flow(child, level + 1, folded)
            elif isinstance(child, nodes.title):
                yield _Opening(self._heading(child, level))
            elif _holds_code(child):
                yield from self._broken(child, level, folded)
            else:
                opens = _kind(child) in _QUOTED or _kind(child) == "solution_node"
                yield from map(_Opening if opens else str, self.blocks(child))

    def _broken(self, block: nodes.Element, level: int, folded: bool) -> Iterator[str | Cell]:
        """Yield a block that code cells break: its prose, run by run, and its cells."""
        fold = _kind(block) == "solution_node" or "dropdown" in block["classes"]
        head = self._summary(block) if fold else self._title(block)
        first, run = True, list[str]()
        for part in [*self._flow(_body(block), level, folded or fold), None]:
            if isinstance(part, str):
                run.append(part)
                continue
            if run and fold:
                whole = _details(head if first else f"{head}, continued", run)
            elif run:
                title = [f"{self._anchors(block)}**{head}**"] if first and head else []
                whole = _quote([*title, *run])
            if run:
                yield _Opening(whole) if first else whole
                first, run = False, []
            if part is not None:
                yield part

    def blocks(self, node: nodes.Node) -> list[str]:
        """Return one element, without code cells, as blocks of CommonMark."""
        if not isinstance(node, nodes.Element) or isinstance(node, _SKIPPED):
            return []
        write = getattr(self, f"_write_{_kind(node)}", None)
        if write is not None:
            written: list[str] = write(node)
            return written
        if isinstance(node, nodes.Admonition) or _kind(node).endswith("_node"):
            return self._admonition(node)
        if isinstance(node, (nodes.section, nodes.container, nodes.compound)):
            return [block for child in node.children for block in self.blocks(child)]
        raise NotImplementedError(
            f"A page holds <{_kind(node)}>, which no runner notebook can show yet: "
            "teach book/_ext/commonmark.py to write it."
        )

    def _captions(self, cell: nodes.Element) -> Iterator[str]:
        """Yield the captions of the figures that a code cell shows."""
        for figure in cell.findall(nodes.figure):
            for caption in figure.findall(nodes.caption):
                label = self._number("figure", figure)
                yield f"{self._anchors(figure)}**Figure {label}** {self.inline(caption)}"

    def _heading(self, title: nodes.title, level: int) -> str:
        section = title.parent
        anchor = "" if level == 1 else f"#{section['ids'][0]}"
        number = self.sections.get(anchor, "")
        return f"{'#' * level} {self._anchors(section)}{number} {self.inline(title)}"

    def _write_paragraph(self, node: nodes.Element) -> list[str]:
        text = self.inline(node)
        if first := _FIRST.match(text):
            text = _escape_first(first) + text[first.end() :]
        return [self._anchors(node) + text]

    def _write_math_block(self, node: nodes.Element) -> list[str]:
        tex = " ".join(node.astext().split())
        number = self.numbers.get("displaymath", {}).get(node["ids"][0]) if node["ids"] else None
        tag = f" \\tag{{{'.'.join(map(str, number))}}}" if number else ""
        if re.search(r"\\\\|&", tex) and not re.search(r"\\begin\{", tex):
            tex = f"\\begin{{split}}{tex}\\end{{split}}"
        return [f"{self._anchors(node)}$${tex}{tag}$$"]

    def _write_literal_block(self, node: nodes.Element) -> list[str]:
        language = str(node.get("language", "")).replace("default", "").replace("none", "")
        return [f"```{language}\n{node.astext()}\n```"]

    def _write_enumerated_list(self, node: nodes.Element) -> list[str]:
        if node["enumtype"] != "arabic":
            raise NotImplementedError("CommonMark numbers lists in figures, not in letters.")
        start = int(node.get("start", 1))
        return [self._list(node, [f"{start + i}. " for i in range(len(node.children))])]

    def _write_bullet_list(self, node: nodes.Element) -> list[str]:
        return [self._list(node, ["- "] * len(node.children))]

    def _list(self, node: nodes.Element, marks: list[str]) -> str:
        items = []
        for item, mark in zip(node.children, marks, strict=True):
            text = "\n\n".join(block for child in item.children for block in self.blocks(child))
            indented = text.replace("\n", "\n" + " " * len(mark))
            items.append(mark + re.sub(r"\n +(?=\n)", "\n", indented))
        return "\n\n".join(items)

    def _write_table(self, node: nodes.Element) -> list[str]:
        rows = [
            [" ".join(self.inline(p) for p in entry.children) for entry in row.findall(nodes.entry)]
            for row in node.findall(nodes.row)
        ]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        lines.insert(1, "|" + " --- |" * len(rows[0]))
        return ["\n".join(lines)]

    def _write_proof_node(self, node: nodes.Element) -> list[str]:
        return [block for child in node.children for block in self.blocks(child)]

    def _write_raw(self, node: nodes.Element) -> list[str]:
        raise NotImplementedError("Markup of a page outside its outputs has no CommonMark.")

    def _write_quiz(self, node: nodes.Element) -> list[str]:
        return [block for child in node.children for block in self.blocks(child)]

    def _write_quiz_title(self, node: nodes.Element) -> list[str]:
        return [f"{self._anchors(node)}**{self.inline(node)}**"]

    def _write_quiz_question(self, node: nodes.Element) -> list[str]:
        text, *choices = (child for child in node.children if isinstance(child, nodes.Element))
        marked = [f"- {choice['letter']}. {self.inline(choice)}" for choice in choices]
        return [f"**Question {node['number']}.** {self.inline(text)}", "\n".join(marked)]

    def _write_quiz_answer(self, node: nodes.Element) -> list[str]:
        inside = [block for child in node.children for block in self.blocks(child)]
        return [_details(f"Answer to question {node['number']}", inside)]

    def _write_hint(self, node: nodes.Element) -> list[str]:
        return [_details("Hint", [b for child in node.children for b in self.blocks(child)])]

    def _admonition(self, node: nodes.Element) -> list[str]:
        """Write a block with a head: a quotation, or a fold where the site has one."""
        inside = [block for child in _body(node).children for block in self.blocks(child)]
        if "dropdown" in node["classes"]:
            return [_details(self._summary(node), inside)]
        title = self._title(node)
        if title:
            inside.insert(0, f"{self._anchors(node)}**{title}**")
        return [_quote(inside)]

    def _title(self, node: nodes.Element) -> str:
        """Return the head of a block: its kind, its number and its title."""
        title = _head(node)
        text = self.inline(title) if title is not None else ""
        if "countertype" in node:
            kind = str(node["realtype"]).title()
            return f"{kind} {self._number(node['countertype'], node)} {text}".strip()
        if _kind(node) in _QUOTED:
            return f"Exercise {self._number('exercise', node)} {text}".strip()
        if "proof" in node["classes"]:
            return text  # its first paragraph begins with the word
        return text or _kind(node).title()

    def _summary(self, node: nodes.Element) -> str:
        """Return the head of a fold, as HTML, since it stands inside an element."""
        title = _head(node)
        if title is None:
            return _kind(node).title()
        text = "".join(
            f"${_tex(leaf.astext(), bars=True)}$"
            if isinstance(leaf.parent, nodes.math)
            else html.escape(leaf.astext(), quote=False)
            for leaf in title.findall(nodes.Text)
        )
        return " ".join(text.replace("Solution to", "Solution to ").split())

    def _number(self, kind: str, node: nodes.Element) -> str:
        found = self.numbers.get(kind, {})
        return next((".".join(map(str, found[i])) for i in node["ids"] if i in found), "")

    def _anchors(self, node: nodes.Element) -> str:
        """Return the anchors of an element that something on the page links to."""
        return "".join(f'<a id="{i}"></a>' for i in node["ids"] if i in self.targets)

    # ------------------------------------------------------------ inline

    def inline(self, node: nodes.Node) -> str:
        """Return what is inside an element as one line of CommonMark."""
        return "".join(self._span(child) for child in node.children).strip()

    def _span(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            text = _SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", node.astext()))
            return text.replace("|", r"\|") if _within(node, nodes.entry) else text
        assert isinstance(node, nodes.Element)
        inside = "".join(self._span(child) for child in node.children)
        if isinstance(node, nodes.math):
            return f"${_tex(node.astext(), bars=not _within(node, nodes.entry))}$"
        if isinstance(node, nodes.literal):
            return _code(node.astext())
        if isinstance(node, nodes.emphasis):
            return _marked("*", inside)
        if isinstance(node, nodes.strong):
            return _marked("**", inside)
        if isinstance(node, (nodes.reference, addnodes.number_reference)):
            address = self._address(node)
            written = self.link(address) if address else ""
            return f"[{inside}]({written})" if written and inside.strip() else inside
        if isinstance(node, (nodes.inline, nodes.paragraph, nodes.generated, nodes.target)):
            return inside
        raise NotImplementedError(
            f"A sentence holds <{_kind(node)}>, which no runner notebook can show yet: "
            "teach book/_ext/commonmark.py to write it."
        )

    @staticmethod
    def _address(link: nodes.Element) -> str:
        if "refid" in link:
            return f"#{link['refid']}"
        return str(link.get("refuri", ""))


def _kind(node: nodes.Node) -> str:
    return type(node).__name__


def _within(node: nodes.Node, kind: type[nodes.Element]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kind):
            return True
        parent = parent.parent
    return False


def _holds_code(node: nodes.Element) -> bool:
    return any(c.get("nb_element") == "cell_code" for c in node.findall(nodes.container))


def _head(block: nodes.Element) -> nodes.title | None:
    return next((child for child in block.children if isinstance(child, nodes.title)), None)


def _body(block: nodes.Element) -> nodes.Element:
    """Return a block without its head."""
    body = nodes.container()
    body.children = [child for child in block.children if not isinstance(child, nodes.title)]
    return body


def _tex(text: str, *, bars: bool) -> str:
    tex = " ".join(text.split())
    return tex if bars else tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")


def _code(text: str) -> str:
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _marked(mark: str, inside: str) -> str:
    """Put marks of emphasis around a text, with the white space at its ends outside them."""
    core = inside.strip()
    if not core:
        return inside
    before, after = inside[: len(inside) - len(inside.lstrip())], inside[len(inside.rstrip()) :]
    return f"{before}{mark}{core}{mark}{after}"


def _escape_first(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}"


def _quote(blocks: list[str]) -> str:
    lines = "\n\n".join(blocks).split("\n")
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _details(summary: str, blocks: list[str]) -> str:
    inside = "\n\n".join(blocks)
    return f"<details>\n<summary><b>{summary}</b></summary>\n\n{inside}\n\n</details>"
