"""Figures: one style for light and dark pages, alt text on all, interaction without a kernel.

:mod:`utils.plots.style` has the colours and the style, :mod:`utils.plots.static` shows figures
that stand still, :mod:`utils.plots.explorables` those that move, and :mod:`utils.plots.figure` is
what both return. All names can be imported from here::

    from utils.plots import show, use_style

    use_style()
    fig, axes = plt.subplots()
    show(fig, alt="What a reader who cannot see the figure should learn from it.")
"""

from utils.plots.explorables.arrow_field import (
    PlaneFunction,
    arrow_field_figure,
    plane_points,
)
from utils.plots.explorables.bars import Measure, bars_figure
from utils.plots.explorables.bodies import PointNetwork, SpringLaw, bodies_figure
from utils.plots.explorables.choice import Reading, choice_figure
from utils.plots.explorables.plotly_figure import interactive
from utils.plots.explorables.slider import (
    DrawingPanel,
    ImagePanel,
    PointPanel,
    slider_figure,
)
from utils.plots.explorables.turning import CodeAction, turning_figure
from utils.plots.figure import HTMLFigure
from utils.plots.static import figure_svg, show, show_svg
from utils.plots.style import DIGIT_COLOURS, INK, PALETTE, PAPER, use_style

__all__ = [
    "DIGIT_COLOURS",
    "INK",
    "PALETTE",
    "PAPER",
    "CodeAction",
    "DrawingPanel",
    "HTMLFigure",
    "ImagePanel",
    "Measure",
    "PlaneFunction",
    "PointNetwork",
    "PointPanel",
    "Reading",
    "SpringLaw",
    "arrow_field_figure",
    "bars_figure",
    "bodies_figure",
    "choice_figure",
    "figure_svg",
    "interactive",
    "plane_points",
    "show",
    "show_svg",
    "slider_figure",
    "turning_figure",
    "use_style",
]
