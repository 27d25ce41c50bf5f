"""Say in prose how long pages take to read, as the pages themselves say it.

``{minutes}`` names a chapter and gives the minutes of its core page, ``{hours}`` names one or
``all`` and gives hours, in halves: the core pages of all chapters together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from book.course.plan import pages


def minutes(root: Path, chapter: str) -> int:
    """Return the minutes that a chapter's core page says it takes, or all of them together.

    Parameters
    ----------
    root
        The repository.
    chapter
        The chapter's number, ``"05"``, or ``"all"``.

    Raises
    ------
    ValueError
        If there is no such chapter.
    """
    stated = {page.name[:2]: page.minutes for page in pages(root) if page.core}
    if chapter == "all":
        return sum(stated.values())
    if chapter not in stated:
        raise ValueError(f"There is no chapter {chapter!r} whose reading time could be told.")
    return stated[chapter]


class Minutes(SphinxRole):
    """The reading time of a chapter, in minutes or in hours."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number."""
        root = Path(self.env.srcdir)
        for path in root.glob("chapters/[0-9][0-9]_*.ipynb"):
            self.env.note_dependency(str(path))
        try:
            found = minutes(root, self.text)
        except ValueError as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        shown = f"{round(found / 30) / 2:g}" if self.name == "hours" else str(found)
        return [nodes.Text(shown)], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the roles."""
    app.add_role("minutes", Minutes())
    app.add_role("hours", Minutes())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
