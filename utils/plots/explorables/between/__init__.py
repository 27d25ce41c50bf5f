"""A figure in which a reader walks between two molecules, by raw codes and by sorted ones."""

from utils.plots.explorables.between.figure import DecodedWay, TwoWays, between_figure

__all__ = ["DecodedWay", "TwoWays", "between_figure"]
