"""The book's colours, and one style of matplotlib figures for light and dark pages."""

from __future__ import annotations

import matplotlib as mpl
from cycler import cycler

__all__ = ["DIGIT_COLOURS", "INK", "PALETTE", "PAPER", "use_style"]

#: The colour of text and axes. In a shown figure it becomes the page's own text colour.
INK = "#1b2433"
#: The colour of the page. In a shown figure it becomes the page's own background.
PAPER = "#fdfdfb"
#: Series colours: told apart by readers with any colour vision, at least 3:1 against a
#: white and against a near-black page.
PALETTE: tuple[str, ...] = ("#3a7bd5", "#d9730d", "#15917b", "#c0508f", "#8a6fd1", "#7f7f7f")
#: One colour for each of ten classes. Ten hues cannot be safe for all eyes, so a figure that
#: uses them also writes the class beside its points.
DIGIT_COLOURS: tuple[str, ...] = (
    "#3a7bd5",
    "#d9730d",
    "#15917b",
    "#c0508f",
    "#8a6fd1",
    "#a07a1f",
    "#2f93b8",
    "#d0574f",
    "#5c8f2f",
    "#7f7f7f",
)


def use_style() -> None:
    """Set matplotlib's defaults to the book's style: quiet axes, no frame, transparent ground."""
    mpl.rcParams.update(
        {
            "figure.figsize": (6.8, 3.4),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "savefig.facecolor": "none",
            "axes.facecolor": "none",
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": 11,
            "axes.titleweight": "normal",
            "axes.labelsize": 10,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.axisbelow": True,
            "grid.color": INK,
            "grid.alpha": 0.15,
            "grid.linewidth": 0.6,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "font.size": 10,
            "lines.linewidth": 1.8,
            "lines.markersize": 5,
            "image.cmap": "cividis",
            "image.interpolation": "nearest",
            "svg.fonttype": "path",
            "svg.hashsalt": "interpreting-equivariant-representations",
        }
    )
