"""Link each term of the glossary where a page uses it first.

The first time that a page uses a term in plain text, the word becomes a link to its entry, as if
the author had written ``{term}``; a page on which the author did so is left alone as to this term.
Headings, links, code, formulas, captions, tables, solutions, and what is quoted or emphasised are
passed over.
The plural of a term counts, and so do the words of :data:`ALSO`. What has an everyday sense beside
its entry, :data:`EVERYDAY`, no program can tell apart, and is linked by authors alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

EVERYDAY = frozenset(
    {
        *("action", "character", "claim", "collapse", "evidence", "flow", "generator", "group"),
        *("lift", "logarithm", "momentum", "oracle", "padding", "pose", "prior", "stride"),
    }
)
"""Terms that are also words of everyday English, or of another field."""

ALSO = {"equivariant": "equivariance", "invariant": "invariance", "isometries": "isometry"}
"""Other words that lead to a term."""

CONTENTS = re.compile(r"chapters/|book/")
PASSED_OVER = ("book/glossary", "book/bibliography", "book/claims", "book/exercises")
_BLOCKS = (nodes.title, nodes.table, nodes.caption, nodes.citation, nodes.footnote, nodes.rubric)
_CLASSES = {"solution", "solution_node", "api-facts", "exercise-facts", "lede"}


def plural(term: str) -> str:
    """Return the regular plural of a term.

    Examples
    --------
    >>> [plural(term) for term in ("orbit", "isometry", "conjugacy class", "circulant matrix")]
    ['orbits', 'isometries', 'conjugacy classes', 'circulant matrices']
    """
    for end, instead in (("matrix", "matrices"), ("spectrum", "spectra")):
        if term.endswith(end):
            return term.removesuffix(end) + instead
    if re.search(r"[^aeiou]y$", term):
        return f"{term[:-1]}ies"
    return term + ("es" if re.search(r"(s|x|ch|sh)$", term) else "s")


def word_forms(terms: Iterable[str]) -> dict[str, str]:
    """Return the words by which the terms of a glossary are known, each with its term.

    Parameters
    ----------
    terms
        The terms as the glossary writes them.

    Returns
    -------
    dict of str to str
        Words in lower case. ``kernel, steerable`` and what is in :data:`EVERYDAY` have none.
    """
    known = {term: term for term in terms if term not in EVERYDAY and "," not in term}
    forms = {plural(term).lower(): term for term in known}
    forms |= {word: term for word, term in ALSO.items() if term in known}
    return forms | {term.lower(): term for term in known}


def pattern(forms: Mapping[str, str]) -> re.Pattern[str]:
    """Return a pattern that finds any of the words, the longest first, also over a line's end."""
    words = sorted(forms, key=lambda word: (-len(word), word))
    either = "|".join(r"\s+".join(map(re.escape, word.split(" "))) for word in words)
    return re.compile(rf"(?<![\w–-])(?:{either})(?![\w–-])", re.IGNORECASE)


def _passed_over(node: nodes.Node) -> bool:
    """Say whether a paragraph lies in a block in which no term is linked."""
    while node is not None:
        if isinstance(node, _BLOCKS):
            return True
        if isinstance(node, nodes.Element) and _CLASSES & {*node.get("classes", ()), node.tagname}:
            return True
        node = node.parent
    return False


def _joined(paragraph: nodes.paragraph) -> list[nodes.Text]:
    """Make one piece of text of those that a line's end divides; return all of the paragraph's."""
    kept: list[nodes.Node] = []
    for child in paragraph.children:
        if kept and isinstance(child, nodes.Text) and isinstance(kept[-1], nodes.Text):
            kept[-1] = nodes.Text(kept[-1] + child)
        else:
            kept.append(child)
    paragraph.children = []
    paragraph.extend(kept)
    return [child for child in kept if isinstance(child, nodes.Text)]


def link_terms(document: nodes.Element, address: Mapping[str, str]) -> list[str]:
    """Link the first plain use of each term in a page; the page is changed in place.

    Parameters
    ----------
    document
        The page, its references resolved.
    address
        Where each term leads.

    Returns
    -------
    list of str
        The terms that were linked, in the order of the page.
    """
    linked = {str(node.get("refuri", "")) for node in document.findall(nodes.reference)}
    forms = word_forms(address)
    left = {term for term in set(forms.values()) if address[term] not in linked}
    seek, found = pattern(forms), []
    for paragraph in list(document.findall(nodes.paragraph)):
        if not left or _passed_over(paragraph):
            continue
        for text in _joined(paragraph):
            pieces: list[nodes.Node] = []
            at = 0
            for match in seek.finditer(text):
                term = forms[" ".join(match[0].lower().split())]
                quoted = text.rfind("“", 0, match.start()) > text.rfind("”", 0, match.start())
                if quoted or term not in left:
                    continue
                left.discard(term)
                found.append(term)
                pieces.append(nodes.Text(text[at : match.start()]))
                link = nodes.reference(
                    "", match[0], internal=True, refuri=address[term], classes=["glossary-term"]
                )
                pieces.append(link)
                at = match.end()
            if pieces:
                paragraph.replace(text, [*pieces, nodes.Text(text[at:])])
    return found


def _glossary(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Return the page and the anchor of each term of the book's glossary."""
    objects = env.domaindata["std"]["objects"]
    return {name: place for (kind, name), place in objects.items() if kind == "term"}


def changed_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name all pages where the terms of the glossary have changed (``env-updated``)."""
    state = zlib.crc32(repr(sorted(_glossary(env).items())).encode())
    before = getattr(env, "glossary_links_state", None)
    env.glossary_links_state = state  # type: ignore[attr-defined]
    return [] if state == before else list(env.found_docs)


def resolve(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Link the terms of a page (``doctree-resolved``)."""
    if app.builder.name != "html" or docname in PASSED_OVER or not CONTENTS.match(docname):
        return
    places = _glossary(app.env)
    if not places:
        return
    uri = app.builder.get_relative_uri
    link_terms(
        document,
        {term: f"{uri(docname, page)}#{anchor}" for term, (page, anchor) in places.items()},
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, behind the writer of the runner notebooks, which stay as they are."""
    state = zlib.crc32(Path(__file__).read_bytes())
    app.add_config_value("glossary_links_source", state, "html")
    app.connect("env-updated", changed_pages)
    app.connect("doctree-resolved", resolve, priority=1000)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
