"""Figures that move without a kernel.

Each has a folder: a Python file that checks the data, and the files that it fills,
``figure.html``, ``figure.js`` and ``figure.css``. :mod:`~utils.plots.explorables.slider` moves
panels by one slider, :mod:`~utils.plots.explorables.choice` lets a reader choose a reading and an
item, and :mod:`~utils.plots.explorables.plotly_figure` shows a figure of plotly.
"""
