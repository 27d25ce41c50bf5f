"""Networks as points, with any two measures on the axes."""

from utils.plots.explorables.scatter.figure import scatter_figure

__all__ = ["scatter_figure"]
