"""A figure in which a reader moves a code and sees what its decoder draws."""

from utils.plots.explorables.turning.figure import CodeAction, turning_figure

__all__ = ["CodeAction", "turning_figure"]
