"""Figures that move without a kernel.

Each has a folder: a Python file that checks the data, and the files that it fills,
``figure.html``, ``figure.js`` and ``figure.css``; ``parts.js`` and ``parts.css`` are what they
share. Three show what Python has stored: :mod:`~utils.plots.explorables.slider` moves panels by one
slider, :mod:`~utils.plots.explorables.choice` lets a reader choose a reading and an item, and
:mod:`~utils.plots.explorables.bars` shows measured means with one dot for each seed.
:mod:`~utils.plots.explorables.plotly_figure` shows a figure of plotly. The others are each made for
one idea, in the order of the chapters: :mod:`~utils.plots.explorables.orbit` (orbits and
stabilizers), :mod:`~utils.plots.explorables.turned_field` (turned before or after a kernel),
:mod:`~utils.plots.explorables.cone` (two codes up to turns), :mod:`~utils.plots.explorables.fold`
(folding in mirrors), :mod:`~utils.plots.explorables.max_filters` (templates and what they tell
apart), :mod:`~utils.plots.explorables.relabelling` (a molecule renumbered),
:mod:`~utils.plots.explorables.decoding` (one of nine numbers moved),
:mod:`~utils.plots.explorables.between` (two ways from one molecule to another),
:mod:`~utils.plots.explorables.feature_maps` (what turns and what rolls),
:mod:`~utils.plots.explorables.slope` (the derivative as a limit),
:mod:`~utils.plots.explorables.scatter` (networks by any two measures),
:mod:`~utils.plots.explorables.arrow_field` (arrows aimed at level lines),
:mod:`~utils.plots.explorables.bodies` (what a motion keeps) and
:mod:`~utils.plots.explorables.turning` (codes moved, and what is drawn from them).
"""
