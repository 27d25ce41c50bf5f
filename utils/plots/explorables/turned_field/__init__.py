"""A figure in which a reader turns a field before and after a kernel, and sees which commute."""

from utils.plots.explorables.turned_field.figure import turned_field_figure

__all__ = ["turned_field_figure"]
