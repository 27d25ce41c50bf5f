"""A figure in which a reader drags the far end of a secant towards zero, onto the tangent."""

from utils.plots.explorables.slope.figure import FlowPath, slope_figure

__all__ = ["FlowPath", "slope_figure"]
