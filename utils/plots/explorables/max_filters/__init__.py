"""A figure in which a reader drags templates and two codes, and sees what max filters keep."""

from utils.plots.explorables.max_filters.figure import max_filters_figure

__all__ = ["max_filters_figure"]
