"""A figure in which a reader moves one atom's number and sees what is decoded from all of them."""

from utils.plots.explorables.decoding.figure import CodedGraph, decoding_figure

__all__ = ["CodedGraph", "decoding_figure"]
