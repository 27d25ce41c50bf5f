"""A figure of bars that a slider and two lists move, with one dot for each seed."""

from utils.plots.explorables.bars.figure import Measure, bars_figure

__all__ = ["Measure", "bars_figure"]
