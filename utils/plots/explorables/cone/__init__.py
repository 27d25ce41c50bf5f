"""A figure in which a reader moves two codes of the plane and sees their distance on a cone."""

from utils.plots.explorables.cone.figure import cone_figure

__all__ = ["cone_figure"]
