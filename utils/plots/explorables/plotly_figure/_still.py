"""A plotly figure of scattered points as a still picture, drawn by matplotlib."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from utils.plots.picture import still
from utils.plots.static import figure_svg

_SYMBOLS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "triangle-down": "v",
    "cross": "P", "x": "X", "star": "*",
}  # fmt: skip
_DOTS = 100 / 72 / 2.2  # plotly sizes are pixels across; a still is drawn a little smaller


def _numbers(values: Any) -> NDArray[np.floating]:
    """Return the coordinates of a trace, which plotly may have packed into bytes."""
    if isinstance(values, Mapping):
        packed = np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"]))
        return packed.astype(float)
    return np.asarray(values, dtype=float)


def scatter_still(spec: Mapping[str, Any], *, alt: str, height: int) -> str:
    """Draw what plotly would: the points or lines of each trace, axes, and a legend.

    Parameters
    ----------
    spec : Mapping[str, Any]
        Plotly's own description of the figure.
    alt : str
        The alternative text.
    height : int
        In pixels.

    Raises
    ------
    ValueError
        If a trace is no scatter of markers or lines.
    """
    figure = Figure(figsize=(6.4, height / 100), layout="constrained")
    axis = figure.subplots()
    for trace in spec["data"]:
        mode = trace.get("mode", "markers")
        if trace.get("type", "scatter") not in ("scatter", "scattergl") or "text" in mode:
            raise ValueError(
                f"The figure has a trace of type {trace.get('type')!r} and mode {mode!r}, of which "
                "no still picture can be drawn: use scatter traces of markers or lines."
            )
        marker, line = trace.get("marker", {}), trace.get("line", {})
        colour = marker.get("color") or line.get("color")
        axis.plot(
            _numbers(trace["x"]),
            _numbers(trace["y"]),
            linestyle="-" if "lines" in mode else "none",
            marker=_SYMBOLS.get(str(marker.get("symbol", "circle")), "o")
            if "markers" in mode
            else "",
            markersize=float(marker.get("size", 6)) * _DOTS,
            color=colour if isinstance(colour, str) else None,
            label=trace.get("name"),
        )
    layout = spec.get("layout", {})
    for way in ("x", "y"):
        title = layout.get(f"{way}axis", {}).get("title", {})
        axis.set(**{f"{way}label": title.get("text", "") if isinstance(title, Mapping) else title})
    if any(trace.get("name") for trace in spec["data"]):
        figure.legend(loc="outside upper left", ncols=4)
    return still(figure_svg(figure, alt))
