"""A plotly figure that reads its library from the site."""

from utils.plots.explorables.plotly_figure.figure import interactive

__all__ = ["interactive"]
