"""A figure in which a reader turns an image amid the feature maps that a network makes of it."""

from utils.plots.explorables.feature_maps.fields import FieldMaps
from utils.plots.explorables.feature_maps.figure import feature_maps_figure

__all__ = ["FieldMaps", "feature_maps_figure"]
