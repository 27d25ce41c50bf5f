"""Link every number in the prose to its row in the ledger, and every row to its cell.

``{glue:text}`id:.2f``` writes a number that a chapter computed. Where ``id`` is a claim of
``book/claims.yml``, the number becomes a link to the claim's row on the page of claims; statement
and band are the link's title. The code cell that reported the claim gets an anchor, to which the
row links back (:mod:`claims_page`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from executed_outputs import shown_notebook
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from utils.claims import Claim, read_ledger

LEDGER = Path("book/claims.yml")
PAGE = "book/claims"


def row_anchor(identifier: str) -> str:
    """Return the anchor of a claim's row on the page of claims."""
    return str(nodes.make_id(f"claim-{identifier}"))


def cell_anchor(identifier: str) -> str:
    """Return the anchor of the cell that reports a claim."""
    return str(nodes.make_id(f"cell-of-{identifier}"))


def plain(value: float) -> str:
    """Write a number with at most four significant digits, thousands grouped."""
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value):,}"
    return f"{value:.4g}"


def band(claim: Claim) -> str:
    """Write the band of a claim, with as many digits as its width needs."""
    low, high = claim.low, claim.high
    if low == high:
        return f"exactly {plain(low)}"
    ends = [plain(low), plain(high)]
    written = [float(end.replace(",", "")) for end in ends]
    # Where four digits would narrow the band, or leave nothing of it, all are written.
    if max(abs(written[0] - low), abs(written[1] - high)) > 0.05 * (high - low):
        ends = [f"{low:,.15g}", f"{high:,.15g}"]
    return " to ".join(ends)


def reported_claims(notebook: Path) -> dict[int, list[str]]:
    """Return the names glued by each cell of a notebook, by the cell's index."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    found: dict[int, list[str]] = {}
    for index, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            scrap = output.get("metadata", {}).get("scrapbook")
            if scrap:
                found.setdefault(index, []).append(scrap["name"])
    return found


class ClaimTextRole(PasteTextRole):
    """``{glue:text}``, whose text links to the ledger where it is a claim's value."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number, wrapped in a link whose target is filled in at the end."""
        written, messages = super().run()
        env = self.document.settings.env
        key = self.text.rsplit(":", 1)[0] if ":" in self.text else self.text
        env.note_dependency(str(Path(env.srcdir) / LEDGER))
        claim = read_ledger(Path(env.srcdir) / LEDGER).get(key.rpartition("::")[2])
        if claim is None or not written:
            return written, messages
        link = nodes.reference(
            "",
            "",
            *written,
            internal=True,
            classes=["claim-number"],
            reftitle=f"{claim.statement} Expected: {band(claim)} ({claim.kind}).",
            claim=claim.id,
        )
        return [link], messages


class CellAnchors(SphinxTransform):
    """Give every cell that reports claims their anchors."""

    default_priority = 100

    def apply(self, **kwargs: Any) -> None:
        """Add the anchors."""
        if not str(self.env.doc2path(self.env.docname)).endswith(".ipynb"):
            return
        reported = reported_claims(shown_notebook(self.app, self.env.docname))
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code":
                names = reported.get(cell.get("cell_index"), [])
                cell["ids"].extend(cell_anchor(name) for name in names)


def resolve(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Fill in where the numbers of a page link to (``doctree-resolved``)."""
    for link in list(document.findall(nodes.reference)):
        if "claim" in link:
            if PAGE not in app.env.found_docs:
                link.replace_self(link.children)
                continue
            page = app.builder.get_relative_uri(docname, PAGE)
            link["refuri"] = f"{page}#{row_anchor(link['claim'])}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.setup_extension("myst_nb")
    app.add_role_to_domain("glue", "text", ClaimTextRole(), override=True)
    app.add_transform(CellAnchors)
    app.connect("doctree-resolved", resolve)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
