"""The directive ``{claims-table}``: every claim of the book with its value.

The ledger is ``book/claims.yml``; the values are what the chapters' notebooks
reported when they ran (outputs glued under the claim's name). Headlines come
first, then guards, each under headings for the chapters; ``claims_filter.js``
lets a reader choose among the rows. The page is made again when the ledger or a
shown notebook changes. A claim that no chapter reports is marked on the page
and warned about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from chapter_numbers import chapter_number
from claim_links import LEDGER, band, cell_anchor, plain, row_anchor
from docutils import nodes
from executed_outputs import changed_chapters, notebooks, shown_notebook
from seed_words import seeds_in_words
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from utils.claims import Claim, read_ledger

logger = logging.getLogger(__name__)

HEADINGS = ("Claim", "Found", "Expected", "Behind it")
OWN = "this book"
WIDTHS = (54, 13, 15, 18)
KINDS = {"headline": "Headlines", "guard": "Guards"}
EXPLAINED = {
    "headline": "The band was reasoned before the run, from what would make the sentence false.",
    "guard": "The band was drawn around a value that was found: it notices a change, and proves "
    "nothing.",
}


def reported_values(notebook: Path) -> dict[str, str]:
    """Return the text glued under each name in a notebook's outputs.

    Parameters
    ----------
    notebook
        Path of an ``.ipynb`` file.

    Returns
    -------
    dict of str to str
        Plain text by glue name.
    """
    values: dict[str, str] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            scrap = output.get("metadata", {}).get("scrapbook")
            if scrap:
                prefix = scrap.get("mime_prefix", "")
                text = output["data"].get(prefix + "text/plain", "")
                values[scrap["name"]] = text if isinstance(text, str) else "".join(text)
    return values


def chapter_docname(claim: Claim, chapters: list[str]) -> str | None:
    """Return the document that a claim's ``chapter`` field names, if it is in the book."""
    wanted = claim.chapter.removesuffix(".ipynb").removeprefix("chapters/")
    for docname in chapters:
        number = chapter_number(docname)
        if docname == f"chapters/{wanted}":
            return docname
        if wanted.isdigit() and number == int(wanted):
            return docname
    return None


def page_name(docname: str) -> str:
    """Return the short name of a chapter's page.

    Examples
    --------
    >>> page_name("chapters/07a_splits")
    '7a'
    """
    stem = docname.rpartition("/")[2].partition("_")[0]
    return stem.lstrip("0") or stem


def first_heading(notebook: Mapping[str, Any]) -> str | None:
    r"""Return the first heading of the first level in the prose of a notebook.

    Examples
    --------
    >>> code = {"cell_type": "code", "source": "# A comment"}
    >>> prose = {"cell_type": "markdown", "source": "(label)=\n# A title"}
    >>> first_heading({"cells": [code, prose]})
    'A title'
    """
    for cell in notebook["cells"]:
        found = re.search(r"^# (.+)$", "".join(cell["source"]), re.MULTILINE)
        if cell["cell_type"] == "markdown" and found:
            return found[1].strip()
    return None


def chapter_titles(env: BuildEnvironment) -> dict[int, str]:
    """Return the first heading of each chapter's core page, by number.

    A heading is read from the notebook, since the titles of other pages are known only when all
    of them have been read.
    """
    titles: dict[int, str] = {}
    for docname in sorted(notebooks(env)):
        number = chapter_number(docname)
        if number is not None and number not in titles:
            notebook = json.loads(shown_notebook(env.app, docname).read_text(encoding="utf-8"))
            titles[number] = first_heading(notebook) or docname
    return titles


def reports(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Return, for every glued name, the page that reports it and the text.

    The page that is being read then depends on the notebooks, which are read once for it.
    """
    found: dict[str, tuple[str, str]] = env.temp_data.setdefault("claims-reports", {})
    if found:
        return found
    for docname in notebooks(env):
        shown = shown_notebook(env.app, docname)
        env.note_dependency(str(shown))
        for name, text in reported_values(shown).items():
            found[name] = (docname, text)
    return found


class ClaimsTable(SphinxDirective):
    """Two sections, headlines and guards, with a table for each chapter."""

    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        ledger = Path(self.env.srcdir) / LEDGER
        self.env.note_dependency(str(ledger))
        claims_documents(self.env).add(self.env.docname)
        found = reports(self.env)
        try:
            claims = list(read_ledger(ledger).values())
        except (FileNotFoundError, ValueError) as error:
            raise ExtensionError(str(error)) from error
        if not claims:
            return [nodes.paragraph("", "The ledger holds no claim yet.")]
        kinds = [kind for kind in KINDS if any(claim.kind == kind for claim in claims)]
        box = nodes.container(classes=["claims-filter"])
        mine = {kind: [claim for claim in claims if claim.kind == kind] for kind in kinds}
        return [box, *(self.kind(kind, mine[kind], found) for kind in kinds)]

    def kind(
        self, kind: str, claims: list[Claim], found: dict[str, tuple[str, str]]
    ) -> nodes.section:
        """Return the section of all headlines or of all guards."""
        chapters, titles = notebooks(self.env), chapter_titles(self.env)
        by_chapter: dict[tuple[int, str], list[Claim]] = {}
        for claim in claims:
            docname = chapter_docname(claim, chapters)
            number = chapter_number(docname) if docname else None
            title = f"{number} · {titles[number]}" if number is not None else claim.chapter
            by_chapter.setdefault((number or 0, title), []).append(claim)
        section = self.section(KINDS[kind], KINDS[kind].lower(), "claims-kind")
        section += nodes.paragraph("", EXPLAINED[kind])
        for number, title in sorted(by_chapter):
            part = self.section(title, f"{KINDS[kind].lower()}-{number:02d}", "claims-part")
            part += self.table(by_chapter[number, title], found)
            section += part
        return section

    def section(self, title: str, anchor: str, role: str) -> nodes.section:
        """Return a section with its title."""
        section = nodes.section(ids=[anchor], names=[anchor], classes=[role])
        section += nodes.title("", title)
        self.state.document.note_explicit_target(section)
        return section

    def table(self, claims: list[Claim], found: dict[str, tuple[str, str]]) -> nodes.table:
        """Return the table of one chapter's claims of one kind."""
        table = nodes.table(classes=["claims-table"])
        group = nodes.tgroup(cols=len(HEADINGS))
        table += group
        group += [nodes.colspec(colwidth=width) for width in WIDTHS]
        head, body = nodes.thead(), nodes.tbody()
        head += self.row([[nodes.Text(text)] for text in HEADINGS])
        body += [self.claim_row(claim, found.get(claim.id)) for claim in claims]
        group += [head, body]
        return table

    def claim_row(self, claim: Claim, report: tuple[str, str] | None) -> nodes.row:
        """Return the row of one claim, which is also the target of its anchor."""
        target = nodes.inline(ids=[row_anchor(claim.id)], classes=["claim-id"])
        target += nodes.literal(claim.id, claim.id)
        first: list[nodes.Node] = [*self.inline(claim.statement), nodes.Text(" "), target]
        kind = nodes.inline(classes=[f"claim-{claim.kind}"])
        if claim.kind == "headline":
            kind += [nodes.strong("", "Reason."), nodes.Text(" "), *self.inline(claim.reason)]
        else:
            kind += nodes.Text(claim.kind)
        first += [nodes.Text(" "), kind]
        if claim.source != OWN:
            source = nodes.inline(classes=["claim-source"])
            source += [nodes.Text("Source: "), *self.inline(cited(claim.source))]
            first += [nodes.Text(" "), source]
        if report is None:
            logger.warning(
                "%s: no chapter reports the claim %s", LEDGER, claim.id,
                location=(self.env.docname, self.lineno),
            )  # fmt: skip
            value: list[nodes.Node] = [nodes.strong("", "not reported")]
        else:
            docname, text = report
            link = nodes.reference("", written(text), internal=True, cell=claim.id, page=docname)
            link["reftitle"] = "To the cell that reports it"
            where = nodes.inline("", f"chapter {page_name(docname)}", classes=["claim-page"])
            value = [link, nodes.Text(" "), where]
        behind = seeds_in_words(claim.seeds)
        if behind != claim.seeds and re.search(r"\d", claim.seeds):
            # In the wide column, where the seeds lengthen few rows.
            seeds = nodes.inline("", f"Seeds: {claim.seeds}", classes=["claim-seeds"])
            first += [nodes.Text(" "), seeds]
        return self.row([first, value, [nodes.Text(band(claim))], [nodes.Text(behind)]])

    def row(self, cells: list[list[nodes.Node]]) -> nodes.row:
        """Return a table row."""
        row = nodes.row()
        for content in cells:
            entry = nodes.entry()
            paragraph = nodes.paragraph()
            paragraph += content
            entry += paragraph
            row += entry
        return row

    def inline(self, text: str) -> list[nodes.Node]:
        """Parse inline MyST."""
        parsed, messages = self.state.inline_text(text, self.lineno)
        return [*parsed, *messages]


def written(text: str) -> str:
    """Write a reported value for the table; anything but a number stays as it is."""
    try:
        return plain(float(text))
    except ValueError:
        return text.strip("'\"")


def cited(source: str) -> str:
    """Write a source that is a key of the bibliography as a citation.

    Examples
    --------
    >>> cited("xu2019")
    '{cite:t}`xu2019`'
    >>> cited("this book")
    'this book'
    """
    return f"{{cite:t}}`{source}`" if re.fullmatch(r"[a-z]+\d{4}[a-z]*", source) else source


def resolve(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Link every found value to the cell that reported it (``doctree-resolved``)."""
    for link in document.findall(nodes.reference):
        if "cell" in link:
            page = app.builder.get_relative_uri(docname, link["page"])
            link["refuri"] = f"{page}#{cell_anchor(link['cell'])}"


def claims_documents(env: BuildEnvironment) -> set[str]:
    """Return the documents that hold a table of claims."""
    if not hasattr(env, "claims_documents"):
        env.claims_documents = set()  # type: ignore[attr-defined]
    documents: set[str] = env.claims_documents  # type: ignore[attr-defined]
    return documents


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> set[str]:
    """Rebuild the tables whenever a chapter is added, changed or removed."""
    names = [*added, *changed, *removed, *changed_chapters(app, env, added, changed, removed)]
    touched = [name for name in names if chapter_number(name) is not None]
    return claims_documents(env) & env.found_docs if touched else set()


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Take over what a parallel reader recorded (``env-merge-info``)."""
    claims_documents(env).update(claims_documents(other) & docnames)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("claims-table", ClaimsTable)
    app.connect("env-get-outdated", outdated, priority=900)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", resolve)
    return {
        "version": "1",
        "env_version": 3,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
