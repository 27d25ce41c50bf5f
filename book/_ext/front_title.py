"""Name the book once in the title of its first page, whose own title is that of the book."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def name_once(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out the title of the site where the page has the same (``html-page-context``)."""
    if context.get("title") == context.get("docstitle"):
        context["docstitle"] = ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the change."""
    app.connect("html-page-context", name_once)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
