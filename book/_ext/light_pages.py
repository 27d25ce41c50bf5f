"""Let a page ask for no more than it uses.

The theme names two things in every page that the pages of this book do without:

* a script with two thousand icons. The pages have theirs as drawings (:mod:`icons`);
* the words of the whole book, for results that show up while one types. The search field of this
  book leads to the search page, which alone reads them, and ``search_early.js`` begins to fetch
  them when a reader turns to the search field.

What the theme's template no longer writes as expected ends the build.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ICONS = "scripts/fontawesome.js"
SEARCH = ("_static/searchtools.js", "_static/language_data.js", "searchindex.js")


def without_scripts(markup: str, *names: str) -> str:
    """Take scripts off a piece of a page.

    Parameters
    ----------
    markup
        A piece of a page.
    names
        How the addresses of the scripts end.

    Raises
    ------
    ExtensionError
        If one of them is not there exactly once.

    Examples
    --------
    >>> script = '<{0} src="../_static/a.js?digest=1"></{0}><p>'.format("script")
    >>> without_scripts(script, "_static/a.js")
    '<p>'
    """
    for name in names:
        address = rf'"(?:[^"]*/)?{re.escape(name)}(?:\?[^"]*)?"'
        markup, found = re.subn(rf"<[s]cript\b[^>]*\ssrc={address}[^>]*>\s*</script>", "", markup)
        if found != 1:
            raise ExtensionError(f"The theme's template names {name} {found} times, not once.")
    return markup


def add_filters(app: Sphinx) -> None:
    """Give the templates their filters (``builder-inited``)."""
    if app.builder.format == "html":
        filters = app.builder.templates.environment.filters
        filters["without_icon_script"] = lambda markup: without_scripts(markup, ICONS)
        filters["without_search_scripts"] = lambda markup: without_scripts(markup, *SEARCH)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the filters and the early fetch of the search."""
    app.connect("builder-inited", add_filters)
    app.add_js_file("search_early.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
