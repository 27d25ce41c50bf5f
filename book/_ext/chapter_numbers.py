"""Number a chapter by its file name.

``chapters/07_qm9.ipynb`` is Chapter 7 and holds Figure 7.1 whether or not the
chapters before it are in the table of contents. Sphinx alone would count the
chapters it finds. ``chapters/07a_formats.ipynb`` is a companion of the same chapter.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles

CHAPTER = re.compile(r"chapters/(\d+)[a-z]?_")


def chapter_number(docname: str) -> int | None:
    """Return the number of a chapter, or ``None`` for any other document.

    Parameters
    ----------
    docname
        Name of the document, for example ``chapters/07_qm9``.

    Returns
    -------
    int or None
        The number that begins the file name.
    """
    match = CHAPTER.match(docname)
    return int(match.group(1)) if match else None


def renumber(env: BuildEnvironment, docname: str, number: int) -> None:
    """Give all sections of one document the chapter number ``number``."""

    def moved(secnumber: Any) -> Any:
        return (number, *secnumber[1:]) if secnumber else secnumber

    sections = env.toc_secnumbers.get(docname, {})
    for anchor, secnumber in sections.items():
        sections[anchor] = moved(secnumber)
    title = env.titles.get(docname)
    if title is not None and title.get("secnumber"):
        title["secnumber"] = moved(title["secnumber"])
    for reference in env.tocs[docname].findall(nodes.reference):
        if reference.get("secnumber"):
            reference["secnumber"] = moved(reference["secnumber"])


_assign = TocTreeCollectorWithStyles.assign_section_numbers


def assign_section_numbers(
    collector: TocTreeCollectorWithStyles, env: BuildEnvironment
) -> list[str]:
    """Assign all numbers, then correct the first component of each chapter's.

    Parameters
    ----------
    collector
        The collector that Sphinx calls after reading.
    env
        The build environment.

    Returns
    -------
    list of str
        The documents whose numbers are not those of the last build.
    """
    before = {name: dict(numbers) for name, numbers in env.toc_secnumbers.items()}
    _assign(collector, env)
    for docname in env.toc_secnumbers:
        number = chapter_number(docname)
        if number is not None:
            renumber(env, docname, number)
    after = env.toc_secnumbers
    return [name for name in after if before.get(name) != dict(after[name])]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.setup_extension("sphinx_external_toc")
    # The collector has no hook between numbering and its users, so the method
    # itself is replaced, as sphinx_multitoc_numbering does with its parent's.
    setattr(TocTreeCollectorWithStyles, _assign.__name__, assign_section_numbers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
