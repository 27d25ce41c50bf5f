"""Tell chapters from companions in the sidebar.

A chapter's number stands apart from its title. Its companions, "Going deeper: ...", stand below
one line that says that they may be left out, and under their own titles.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from sphinx.application import Sphinx

_CHAPTER = re.compile(r"\s*(\d+)\s+(?=\D)")
_COMPANION = re.compile(r"\s*(?:[\d.]+\s+)?Going deeper: (.)", re.DOTALL)
OPTIONAL = "Going deeper, optional"


def _first_text(link: Any) -> NavigableString | None:
    found = link.find(string=True) if link else None
    return found if isinstance(found, NavigableString) else None


def _mark(tag: Tag, name: str) -> None:
    classes = [one for one in tag.get_attribute_list("class") if one]
    tag["class"] = " ".join([*classes, name])


def levelled(markup: str) -> str:
    """Return the contents of the sidebar with chapters and companions told apart.

    Parameters
    ----------
    markup
        The contents, as nested lists of links.

    Examples
    --------
    >>> levelled('<li class="toctree-l1"><a>2 Groups</a></li>')
    '<li class="toctree-l1 chapter"><a><span class="chapter-number">2 </span>Groups</a></li>'
    """
    soup = BeautifulSoup(markup, "html.parser")
    for item in soup.select("li.toctree-l1"):
        link = item.find("a", recursive=False)
        text = _first_text(link)
        found = _CHAPTER.match(text) if text else None
        if link and text and found:
            number = soup.new_tag("span", attrs={"class": "chapter-number"})
            number.string = f"{found[1]} "
            text.replace_with(text[found.end() :])
            link.insert(0, number)
            _mark(item, "chapter")
    for group in soup.select("li.toctree-l1 ul"):
        companions = 0
        for link in group.select("li.toctree-l2 > a"):
            text = _first_text(link)
            found = _COMPANION.match(text) if text else None
            if text and found:
                text.replace_with(found[1].upper() + text[found.end() :])
                companions += 1
        if companions:
            _mark(group, "companions")
            word = soup.new_tag("p", attrs={"class": "companions-word"})
            word.string = OPTIONAL
            group.insert_before(word)
    return str(soup)


def wrap(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Let the theme's maker of contents pass through :func:`levelled` (``html-page-context``)."""
    made: Callable[..., Any] | None = context.get("generate_toctree_html")
    if made is None:
        return

    def generate(*args: Any, **kwargs: Any) -> str:
        """Return what the theme makes, with chapters and companions told apart."""
        return levelled(str(made(*args, **kwargs)))

    context["generate_toctree_html"] = generate


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, after the theme has put its makers into the context."""
    app.connect("html-page-context", wrap, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
