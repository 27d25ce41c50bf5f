"""A figure in which a reader renumbers a molecule and refines the colours of its atoms."""

from utils.plots.explorables.relabelling.figure import PaddedGraph, relabelling_figure

__all__ = ["PaddedGraph", "relabelling_figure"]
