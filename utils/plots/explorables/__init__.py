"""Figures that move without a kernel.

Each has a folder: a Python file that checks the data, and the files that it fills,
``figure.html``, ``figure.js`` and ``figure.css``. :mod:`~utils.plots.explorables.slider` moves
panels by one slider, :mod:`~utils.plots.explorables.choice` lets a reader choose a reading and an
item, :mod:`~utils.plots.explorables.arrow_field` lets a reader aim the arrows of a linear field at
level lines, :mod:`~utils.plots.explorables.bars` shows measured means with one dot for each seed,
:mod:`~utils.plots.explorables.bodies` moves bodies under forces that a reader chooses,
:mod:`~utils.plots.explorables.turning` moves codes and shows what is drawn from them, and
:mod:`~utils.plots.explorables.plotly_figure` shows a figure of plotly.
"""
