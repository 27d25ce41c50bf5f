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
from utils.plots.explorables.between import DecodedWay, TwoWays, between_figure
from utils.plots.explorables.bodies import PointNetwork, SpringLaw, bodies_figure
from utils.plots.explorables.choice import Reading, choice_figure
from utils.plots.explorables.cone import cone_figure
from utils.plots.explorables.decoding import CodedGraph, decoding_figure
from utils.plots.explorables.feature_maps import FieldMaps, feature_maps_figure
from utils.plots.explorables.fold import fold_figure
from utils.plots.explorables.max_filters import max_filters_figure
from utils.plots.explorables.orbit import orbit_figure
from utils.plots.explorables.plotly_figure import interactive
from utils.plots.explorables.relabelling import PaddedGraph, relabelling_figure
from utils.plots.explorables.scatter import scatter_figure
from utils.plots.explorables.slider import (
    DrawingPanel,
    ImagePanel,
    PointPanel,
    slider_figure,
)
from utils.plots.explorables.slope import FlowPath, slope_figure
from utils.plots.explorables.turned_field import turned_field_figure
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
    "CodedGraph",
    "DecodedWay",
    "DrawingPanel",
    "FieldMaps",
    "FlowPath",
    "HTMLFigure",
    "ImagePanel",
    "Measure",
    "PaddedGraph",
    "PlaneFunction",
    "PointNetwork",
    "PointPanel",
    "Reading",
    "SpringLaw",
    "TwoWays",
    "arrow_field_figure",
    "bars_figure",
    "between_figure",
    "bodies_figure",
    "choice_figure",
    "cone_figure",
    "decoding_figure",
    "feature_maps_figure",
    "figure_svg",
    "fold_figure",
    "interactive",
    "max_filters_figure",
    "orbit_figure",
    "plane_points",
    "relabelling_figure",
    "scatter_figure",
    "show",
    "show_svg",
    "slider_figure",
    "slope_figure",
    "turned_field_figure",
    "turning_figure",
    "use_style",
]
