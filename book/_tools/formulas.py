"""The settings with which the pages of the built site set their formulas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from book._tools.command import CommandError

__all__ = ["mathjax_settings"]

_SCRIPT = "mathjax/tex-chtml.js"
_SETTINGS = re.compile(r">window\.MathJax = (\{.*?\})</")


def mathjax_settings(pages: Iterable[str]) -> dict[str, Any]:
    """Return the settings of MathJax on the first of some pages that has any: all have the same.

    Parameters
    ----------
    pages : iterable of str
        The texts of pages of the built site. A page without a formula has no settings.

    Returns
    -------
    dict
        The settings; empty if no page has a formula.

    Raises
    ------
    CommandError
        If a page sets formulas, and its settings are not where Sphinx writes them.

    Examples
    --------
    >>> page = '<b>window.MathJax = {"tex": {"packages": ["ams"]}}</b>'
    >>> mathjax_settings(["<p>No formula</p>", page])
    {'tex': {'packages': ['ams']}}
    """
    for page in pages:
        if found := _SETTINGS.search(page):
            return dict(json.loads(found[1]))
        if _SCRIPT in page:
            raise CommandError(f"a page has {_SCRIPT} alone: Sphinx writes otherwise than known.")
    return {}
