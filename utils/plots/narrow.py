"""What a figure becomes on a narrow page: its columns below one another, its labels legible.

A page on a phone is about 360 pixels wide, half as wide as a figure of two panels. Scaled down,
its labels would be 5 pixels high. So the page shows the columns of such a figure one after
another, each at its natural size, and lets what is still too wide scroll.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from matplotlib.figure import Figure
from matplotlib.text import Text

__all__ = ["columns", "slices", "smallest_label"]

_LEAST_LABEL = 9.0
"""The height in pixels of the smallest letters that a page shows."""

_NARROW = 420.0
"""Figures up to this width, in pixels, stay whole."""

_GAP = 2.0
"""Columns are cut where nothing is drawn over this many points."""

_PIXELS = 4 / 3
"""CSS pixels in a point."""


def _drawn(fig: Figure) -> Iterator[tuple[float, float]]:
    """Yield the horizontal extent, in points, of everything that a figure draws."""
    renderer = fig.canvas.get_renderer()  # type: ignore[attr-defined]
    artists = [*fig.axes, *fig.legends, *fig.texts, *fig.lines, *fig.patches, *fig.images]
    for artist in artists:
        box = artist.get_tightbbox(renderer) if artist.get_visible() else None
        if box is not None and box.width > 0:
            yield box.x0 * 72 / fig.dpi, box.x1 * 72 / fig.dpi


def columns(fig: Figure) -> list[tuple[float, float]]:
    """Return where the columns of a figure begin and end, in points from its left edge.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, _ = plt.subplots(2, 3, layout="constrained")
    >>> len(columns(fig))
    3
    >>> plt.close(fig)
    """
    fig.draw_without_rendering()
    spans: list[tuple[float, float]] = []
    for begin, end in sorted(_drawn(fig)):
        if spans and begin < spans[-1][1] + _GAP:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((begin, end))
    cuts = [(left[1] + right[0]) / 2 for left, right in pairwise(spans)]
    edges = [0.0, *cuts, fig.get_figwidth() * 72]
    return list(pairwise(edges))


def smallest_label(fig: Figure) -> float:
    """Return the size in points of the smallest text of a figure; infinite if it has none."""
    texts = (t for t in fig.findobj(Text) if isinstance(t, Text))
    sizes = (float(t.get_fontsize()) for t in texts if t.get_visible() and t.get_text().strip())
    return min(sizes, default=float("inf"))


def least_width(fig: Figure, width: float) -> int:
    """Return the width in pixels down to which a part ``width`` points wide stays legible."""
    return round(width * _PIXELS * min(1.0, _LEAST_LABEL / (smallest_label(fig) * _PIXELS)))


def slices(fig: Figure, drawing: str) -> str:
    """Return the columns of a figure as windows upon the element with the id ``drawing``.

    They are not displayed unless a style sheet says so. A figure that is narrow, or has one
    column only, has none.
    """
    height = fig.get_figheight() * 72
    found = columns(fig)
    if len(found) == 1 or fig.get_figwidth() * 72 * _PIXELS <= _NARROW:
        return ""
    windows = (
        f'<svg class="book-slice" aria-hidden="true" viewBox="{x0:.1f} 0 {x1 - x0:.1f} '
        f'{height:.1f}" style="display:none;width:{(x1 - x0) * _PIXELS:.0f}px;'
        f'--least:{least_width(fig, x1 - x0)}px"><use href="#{drawing}"/></svg>'
        for x0, x1 in found
    )
    return "".join(windows)
