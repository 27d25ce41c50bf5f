"""A figure that shows one of several readings of the same items."""

from utils.plots.explorables.choice.figure import Reading, choice_figure

__all__ = ["Reading", "choice_figure"]
