"""What a notebook displays: a figure as markup, with a sentence for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from utils.plots.picture import with_pictures

__all__ = ["HTMLFigure", "checked_alt"]

_MINIMUM_ALT = 20


@dataclass(frozen=True)
class HTMLFigure:
    """A figure as HTML for the page and as one sentence of plain text elsewhere.

    Attributes
    ----------
    html, alt : str
        The markup, and the alternative text. A notebook is given pictures in place of its drawings
        (:mod:`utils.plots.picture`).
    extra : Mapping[str, Any]
        Further forms of the figure by MIME type, for front ends that prefer them.
    """

    html: str
    alt: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        shown = self.html if "data-interactive" in self.html else with_pictures(self.html)
        return {"text/html": shown, "text/plain": f"Figure: {self.alt}", **self.extra}


def checked_alt(alt: str) -> str:
    """Return an alternative text, each run of white space as one space, or refuse a short one.

    Examples
    --------
    >>> checked_alt("A line   that rises from zero to one. ")
    'A line that rises from zero to one.'
    """
    if not isinstance(alt, str) or len(alt.strip()) < _MINIMUM_ALT:
        raise ValueError(
            f"A figure got the alternative text {alt!r}, but needs a sentence of at least "
            f"{_MINIMUM_ALT} characters: say what a reader who cannot see it should learn."
        )
    return " ".join(alt.split())
