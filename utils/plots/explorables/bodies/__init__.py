"""A figure in which a reader drags bodies, chooses their forces and sees what motion keeps."""

from utils.plots.explorables.bodies.figure import bodies_figure
from utils.plots.explorables.bodies.laws import FEATURES, PointNetwork, SpringLaw

__all__ = ["FEATURES", "PointNetwork", "SpringLaw", "bodies_figure"]
