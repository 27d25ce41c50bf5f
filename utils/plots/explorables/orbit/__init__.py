"""A figure in which a reader drags a point, colours beads and sees their orbits."""

from utils.plots.explorables.orbit.figure import orbit_figure

__all__ = ["orbit_figure"]
