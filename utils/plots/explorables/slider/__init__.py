"""A figure with one slider that moves every panel."""

from utils.plots.explorables.slider.figure import (
    DrawingPanel,
    ImagePanel,
    PointPanel,
    slider_figure,
)

__all__ = ["DrawingPanel", "ImagePanel", "PointPanel", "slider_figure"]
