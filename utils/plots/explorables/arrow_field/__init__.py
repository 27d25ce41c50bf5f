"""A figure in which a reader aims the arrows of a linear field at level lines."""

from utils.plots.explorables.arrow_field.figure import (
    GENERATORS_OF_THE_PLANE,
    PlaneFunction,
    arrow_field_figure,
    plane_points,
)

__all__ = ["GENERATORS_OF_THE_PLANE", "PlaneFunction", "arrow_field_figure", "plane_points"]
