"""The directive ``{claims-table}``: every claim of the book with its value.

The ledger is ``book/claims.yml``; the values are what the chapters' notebooks
reported when they ran (outputs glued under the claim's name). The page is made
again when the ledger or a shown notebook changes. A claim that no chapter
reports is marked on the page and warned about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from chapter_numbers import chapter_number
from claim_links import LEDGER, band, cell_anchor, plain, row_anchor
from docutils import nodes
from executed_outputs import changed_chapters, notebooks, shown_notebook
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from utils.claims import Claim, read_ledger

logger = logging.getLogger(__name__)

HEADINGS = ("Claim", "Expected", "Found", "Seeds", "Source")


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


class ClaimsTable(SphinxDirective):
    """One table of claims for each chapter."""

    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the tables."""
        ledger = Path(self.env.srcdir) / LEDGER
        self.env.note_dependency(str(ledger))
        claims_documents(self.env).add(self.env.docname)
        chapters = notebooks(self.env)
        found: dict[str, tuple[str, str]] = {}
        for docname in chapters:
            shown = shown_notebook(self.env.app, docname)
            self.env.note_dependency(str(shown))
            for name, text in reported_values(shown).items():
                found[name] = (docname, text)
        by_chapter: dict[str, list[Claim]] = {}
        try:
            claims = read_ledger(ledger).values()
        except (FileNotFoundError, ValueError) as error:
            raise ExtensionError(str(error)) from error
        for claim in claims:
            by_chapter.setdefault(chapter_docname(claim, chapters) or claim.chapter, []).append(
                claim
            )
        if not by_chapter:
            return [nodes.paragraph("", "The ledger holds no claim yet.")]
        result: list[nodes.Node] = []
        for chapter in sorted(by_chapter):
            result += self.chapter(chapter, by_chapter[chapter], found)
        return result

    def chapter(
        self, chapter: str, claims: list[Claim], found: dict[str, tuple[str, str]]
    ) -> list[nodes.Node]:
        """Return a heading line and a table for one chapter."""
        heading = nodes.paragraph(classes=["claims-chapter"])
        heading += nodes.Text("Reported in ")
        heading += self.link(chapter) if chapter in self.env.found_docs else nodes.Text(chapter)
        heading += nodes.Text(":")
        table = nodes.table(classes=["claims-table"])
        group = nodes.tgroup(cols=len(HEADINGS))
        table += group
        for width in (46, 16, 12, 12, 14):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += self.row([[nodes.Text(text)] for text in HEADINGS])
        group += head
        body = nodes.tbody()
        for claim in claims:
            body += self.claim_row(claim, found.get(claim.id))
        group += body
        return [heading, table]

    def claim_row(self, claim: Claim, report: tuple[str, str] | None) -> nodes.row:
        """Return the row of one claim, which is also the target of its anchor."""
        target = nodes.inline(ids=[row_anchor(claim.id)], classes=["claim-id"])
        target += nodes.literal(claim.id, claim.id)
        first: list[nodes.Node] = [*self.inline(claim.statement), nodes.Text(" "), target]
        if claim.kind == "headline":
            reason = nodes.inline(classes=["claim-reason"])
            reason += [nodes.strong("", "Headline."), nodes.Text(" "), *self.inline(claim.reason)]
            first += [nodes.Text(" "), reason]
        if report is None:
            logger.warning(
                "%s: no chapter reports the claim %s", LEDGER, claim.id,
                location=(self.env.docname, self.lineno),
            )  # fmt: skip
            value: nodes.Node = nodes.strong("", "not reported")
        else:
            docname, text = report
            value = nodes.reference("", written(text), internal=True, cell=claim.id, page=docname)
        return self.row(
            [
                first,
                [nodes.Text(band(claim))],
                [value],
                [nodes.Text(claim.seeds)],
                self.inline(claim.source),
            ]
        )

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

    def link(self, docname: str) -> nodes.Node:
        """Return a reference to a document, shown with its title."""
        reference = addnodes.pending_xref(
            "",
            refdomain="std",
            reftype="doc",
            reftarget=f"/{docname}",
            refexplicit=False,
            refwarn=True,
            refdoc=self.env.docname,
        )
        reference += nodes.inline(docname, docname, classes=["xref", "std", "std-doc"])
        return reference


def written(text: str) -> str:
    """Write a reported value for the table; anything but a number stays as it is."""
    try:
        return plain(float(text))
    except ValueError:
        return text.strip("'\"")


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
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
