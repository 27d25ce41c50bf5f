"""A figure in which a reader folds points into a wedge of mirrors, or turns them into it."""

from utils.plots.explorables.fold.figure import fold_figure

__all__ = ["fold_figure"]
