"""The directive ``{papers-table}``: what the papers claim, and what this book found.

The file ``book/papers.yml`` has a claim of a paper in a sentence, the verdict and what was found. A
number there is written as ``{claim-id:.2f}`` and never typed: it is the value that a chapter
reported, linked to its row on the page of claims (:mod:`claims_page`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from claim_links import LEDGER, band, plain
from claims_page import claims_documents, page_name, reports
from docutils import nodes
from executed_outputs import notebooks
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

from utils.claims import read_ledger, read_yaml

PAPERS = Path("book/papers.yml")
BIBLIOGRAPHY = Path("book/references.bib")
VERDICTS = ("found", "found in part", "not found", "not tested here")
HEADINGS = ("What the paper claims", "Verdict", "What we found", "Page")
WIDTHS = (36, 12, 42, 10)

_FIELDS = ("claim", "verdict", "found", "measure", "chapter")
_OPTIONAL = ("place",)
_NUMBER = re.compile(r"\{([a-z][a-z0-9-]*)(?::([^{}`]+))?\}(?!`)")


@dataclass(frozen=True)
class PaperClaim:
    """A claim of a paper, and what became of it here.

    Attributes
    ----------
    claim
        What the paper claims, in one sentence of our own.
    verdict
        One of :data:`VERDICTS`.
    found
        What was found, in one sentence; ``{id:.2f}`` stands for the value of a claim of the ledger.
    measure
        By which measure or under which condition.
    chapter
        The stem of the page in ``chapters/`` that tells it.
    place
        Where the paper says it; empty if no page of the book names the place.
    """

    claim: str
    verdict: str
    found: str
    measure: str
    chapter: str
    place: str = ""


@dataclass(frozen=True)
class Paper:
    """A paper with its key in the bibliography, a title for its section, and its claims."""

    key: str
    title: str
    claims: tuple[PaperClaim, ...]


def numbers_in(text: str) -> list[str]:
    """Return the ids of the claims whose values a sentence writes.

    Parameters
    ----------
    text
        A sentence with places such as ``{id}`` or ``{id:.2f}``.

    Returns
    -------
    list of str
        The ids, in order; what is followed by a backtick is a role and no id.

    Examples
    --------
    >>> numbers_in("From {first:.0%} to {second}, see {ref}`here`.")
    ['first', 'second']
    """
    return [found[1] for found in _NUMBER.finditer(text)]


def as_roles(text: str) -> str:
    """Write the places of numbers as the role ``{claim-value}``, which MyST can read.

    Parameters
    ----------
    text
        A sentence with places such as ``{id:.2f}``.

    Returns
    -------
    str
        MyST.

    Examples
    --------
    >>> as_roles("It is {error:.2f}.")
    'It is {claim-value}`error:.2f`.'
    """

    def role(found: re.Match[str]) -> str:
        """Write one place as a role."""
        form = f":{found[2]}" if found[2] else ""
        return f"{{claim-value}}`{found[1]}{form}`"

    return _NUMBER.sub(role, text)


def read_papers(
    content: object, claims: Collection[str], keys: Collection[str], chapters: Collection[str]
) -> tuple[Paper, ...]:
    """Check what ``papers.yml`` holds.

    Parameters
    ----------
    content
        The file, as YAML reads it: papers by key, each with ``title`` and ``claims``.
    claims
        The ids of the ledger.
    keys
        The keys of the bibliography.
    chapters
        The stems of the book's chapters.

    Returns
    -------
    tuple of Paper
        The papers, in the order of the file.

    Raises
    ------
    ValueError
        If a paper is not in the bibliography, or a claim lacks a field, has an unknown one, an
        unknown verdict or chapter, or writes a number that the ledger does not have.

    Examples
    --------
    >>> row = dict(claim="A.", verdict="found", found="{a} is.", measure="none", chapter="01_x")
    >>> (paper,) = read_papers(
    ...     {"one2024": {"title": "One", "claims": [row]}}, ["a"], ["one2024"], ["01_x"]
    ... )
    >>> paper.claims[0].verdict
    'found'
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{PAPERS.name}: map the keys of papers to a title and claims.")
    papers = []
    for key, paper in content.items():
        if key not in keys:
            raise ValueError(f"{PAPERS.name}: {key!r} is no key of {BIBLIOGRAPHY.name}.")
        if not isinstance(paper, Mapping) or set(paper) != {"title", "claims"}:
            raise ValueError(f"{PAPERS.name}: {key} needs a title and claims, and nothing else.")
        rows = paper["claims"]
        if not isinstance(rows, list) or not rows:
            raise ValueError(f"{PAPERS.name}: {key} has no list of claims.")
        checked = tuple(_row(key, row, claims, chapters) for row in rows)
        papers.append(Paper(key, str(paper["title"]), checked))
    return tuple(papers)


def _row(key: str, row: object, claims: Collection[str], chapters: Collection[str]) -> PaperClaim:
    """Check one claim of the paper ``key``."""
    if not isinstance(row, Mapping):
        raise ValueError(f"{PAPERS.name}: {key} has a claim without fields: {row!r}.")
    missing = [field for field in _FIELDS if not str(row.get(field, "")).strip()]
    unknown = [field for field in row if field not in _FIELDS + _OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"{PAPERS.name}: a claim of {key} lacks {missing} and has unknown {unknown}; its "
            f"fields are {list(_FIELDS)}, and place if a page of the book names one."
        )
    text = {str(field): str(value).strip() for field, value in row.items()}
    if text["verdict"] not in VERDICTS:
        raise ValueError(
            f"{PAPERS.name}: a claim of {key} has the verdict {text['verdict']!r}; it is one of "
            f"{', '.join(VERDICTS)}."
        )
    if text["chapter"] not in chapters:
        raise ValueError(f"{PAPERS.name}: {key} names the page {text['chapter']!r}; no such page.")
    strangers = [name for name in numbers_in(text["found"]) if name not in claims]
    if strangers:
        raise ValueError(
            f"{PAPERS.name}: {key} writes the value of {strangers[0]!r}, which is no claim of "
            f"{LEDGER.name}."
        )
    return PaperClaim(**text)


def bibliography_keys(text: str) -> set[str]:
    r"""Return the keys of a BibTeX file.

    Examples
    --------
    >>> bibliography_keys("@misc{one2024,\n  title = {One},\n}")
    {'one2024'}
    """
    return set(re.findall(r"^@\w+\{\s*([^,\s]+)\s*,", text, re.MULTILINE))


def tally(papers: Collection[Paper]) -> str:
    """Say how many claims of the papers were found.

    Examples
    --------
    >>> row = PaperClaim("A.", "found", "B.", "none", "01_x")
    >>> tally([Paper("one2024", "One", (row, row))])
    '2 claims of 1 paper: 2 found, 0 found in part, 0 not found, 0 not tested here.'
    """
    counts = Counter(row.verdict for paper in papers for row in paper.claims)
    parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    total, many = sum(counts.values()), len(papers)
    return (
        f"{total} claim{'' if total == 1 else 's'} of {many} paper{'' if many == 1 else 's'}: "
        f"{parts}."
    )


class ClaimValue(SphinxRole):
    """The value of a claim, linked to its row on the page of claims."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number as a link, whose target :mod:`claim_links` fills in."""
        name, _, form = self.text.partition(":")
        claim = read_ledger(Path(self.env.srcdir) / LEDGER)[name]
        reported = reports(self.env).get(name)
        if reported is None:
            raise ExtensionError(f"{PAPERS.name}: no chapter reports the claim {name!r}.")
        number = float(reported[1])
        try:
            written = format(number, form) if form else plain(number)
        except ValueError as error:
            raise ExtensionError(f"{PAPERS.name}: {name} has the form {form!r}: {error}") from error
        link = nodes.reference("", written, internal=True, classes=["claim-number"], claim=name)
        link["reftitle"] = f"{claim.statement} Expected: {band(claim)} ({claim.kind})."
        return [link], []


class PapersTable(SphinxDirective):
    """A section with a table for each paper."""

    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return how many claims were found, and the sections."""
        root = Path(self.env.srcdir)
        for path in (PAPERS, LEDGER, BIBLIOGRAPHY):
            self.env.note_dependency(str(root / path))
        claims_documents(self.env).add(self.env.docname)
        stems = [docname.rpartition("/")[2] for docname in notebooks(self.env)]
        try:
            papers = read_papers(
                read_yaml(root / PAPERS),
                read_ledger(root / LEDGER),
                bibliography_keys((root / BIBLIOGRAPHY).read_text(encoding="utf-8")),
                stems,
            )
        except (FileNotFoundError, ValueError) as error:
            raise ExtensionError(str(error)) from error
        return [nodes.paragraph("", tally(papers)), *map(self.section, papers)]

    def section(self, paper: Paper) -> nodes.section:
        """Return the section of one paper."""
        anchor = nodes.make_id(f"papers-{paper.key}")
        section = nodes.section(ids=[anchor], names=[anchor], classes=["paper"])
        section += nodes.title("", paper.title)
        self.state.document.note_explicit_target(section)
        cited = nodes.paragraph()
        cited += self.inline(f"{{cite:t}}`{paper.key}`")
        section += cited
        table = nodes.table(classes=["papers-table"])
        group = nodes.tgroup(cols=len(HEADINGS))
        table += group
        group += [nodes.colspec(colwidth=width) for width in WIDTHS]
        head, body = nodes.thead(), nodes.tbody()
        head += self.row([[nodes.Text(text)] for text in HEADINGS])
        body += [self.claim(row) for row in paper.claims]
        group += [head, body]
        section += table
        return section

    def claim(self, row: PaperClaim) -> nodes.row:
        """Return the row of one claim."""
        claimed = self.inline(row.claim)
        if row.place:
            claimed += [nodes.Text(" "), self.small(row.place)]
        found = [*self.inline(as_roles(row.found)), nodes.Text(" "), self.small(row.measure)]
        name = page_name(row.chapter)
        link = self.inline(f"{{doc}}`{name} </chapters/{row.chapter}>`")
        return self.row([claimed, [nodes.Text(row.verdict)], found, link])

    def small(self, text: str) -> nodes.inline:
        """Return text in small print: a place or a measure."""
        small = nodes.inline(classes=["paper-place"])
        small += self.inline(text)
        return small

    def row(self, cells: list[list[nodes.Node]]) -> nodes.row:
        """Return a table row."""
        row = nodes.row()
        for content in cells:
            paragraph = nodes.paragraph()
            paragraph += content
            entry = nodes.entry()
            entry += paragraph
            row += entry
        return row

    def inline(self, text: str) -> list[nodes.Node]:
        """Parse inline MyST."""
        parsed, messages = self.state.inline_text(text, self.lineno)
        return [*parsed, *messages]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_role("claim-value", ClaimValue())
    app.add_directive("papers-table", PapersTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
