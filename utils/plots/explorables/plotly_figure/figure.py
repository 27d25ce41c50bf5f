"""A plotly figure that reads its library from the site: its layout and its markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from utils.plots.explorables._template import fill
from utils.plots.explorables.plotly_figure._still import scatter_still
from utils.plots.figure import HTMLFigure, checked_alt

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["interactive"]


def interactive(fig: go.Figure, *, alt: str, height: int = 420) -> HTMLFigure:
    """Show a plotly figure that reads its library from the site, and from nowhere else.

    The output also carries plotly's own description of the figure, which Jupyter and Colab
    draw with the library that they bring. Until a script has drawn it, a still picture stands
    there, for which every trace must be a scatter of markers or lines. The library is asked for
    when the figure is within a window's height of what is seen. ``height`` is in pixels.
    """
    alt = checked_alt(alt)
    spec: Mapping[str, Any] = json.loads(fig.to_json())
    layout = dict(spec.get("layout", {}))
    layout.pop("template", None)
    layout |= {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": height,
        "margin": {"l": 60, "r": 16, "t": 32, "b": 48} | dict(layout.get("margin", {})),
    }
    layout.setdefault("xaxis", {})
    layout.setdefault("yaxis", {})
    return fill(
        __package__,
        prefix="plot",
        data={"data": spec["data"], "layout": layout},
        alt=alt,
        text={"height": height},
        markup={},
        still=scatter_still(spec, alt=alt, height=height),
        extra={"application/vnd.plotly.v1+json": spec},
    )
