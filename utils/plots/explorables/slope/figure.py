"""A network's output along a flow, with a secant that swings to the tangent: checks and markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, image_cell, still_of
from utils.plots.explorables._template import base64_text, fill
from utils.plots.explorables.slope import _drawing as drawing
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["FlowPath", "slope_figure"]

_GREYS = 15  # above black
_LETTERS_IN_A_LINE = 66
_DIGITS = 9  # after the point, of stored outputs and slopes


@dataclass(frozen=True, eq=False)
class FlowPath:
    """A picture on its way along a flow, and what networks say of it.

    Attributes
    ----------
    name, unit : str
        What the reader chooses by, and one unit of time, for example ``"pixel"``.
    times : array_like
        Shape (T,): increasing, from below zero to above zero, with zero among them; each has at
        most six digits.
    pictures : array_like
        Shape (T, H, W): the picture at these times, grey values; shown from 0 to 1.
    outputs : Mapping[str, array_like]
        By the name of a network, its output at these times, shape (T,).
    slopes : Mapping[str, float]
        By the same names, the derivative of the output at time zero, per unit of time.

    Examples
    --------
    >>> times = np.array([-1.0, 0.0, 1.0])
    >>> path = FlowPath("shift", "pixel", times, np.zeros((3, 5, 5)), {"f": times**2}, {"f": 0.0})
    >>> path.slopes["f"]
    0.0
    """

    name: str
    unit: str
    times: ArrayLike
    pictures: ArrayLike
    outputs: Mapping[str, ArrayLike]
    slopes: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Stored:
    """A path as it is stored: outputs have shape (networks, T), pictures are bytes."""

    times: NDArray[np.float64]
    pictures: NDArray[np.uint8]
    outputs: NDArray[np.float64]
    slopes: NDArray[np.float64]


def _checked(path: FlowPath, networks: Sequence[str]) -> _Stored:
    """Return the arrays of a path as they will be stored, or refuse it."""
    times = np.asarray(path.times, dtype=float)
    if times.ndim != 1 or not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise ValueError(f"The times of {path.name!r} must be finite and increase.")
    if 0 not in times or times.min() >= 0 or times.max() <= 0:
        raise ValueError(
            f"The times of {path.name!r} need zero among them, and times before and after it."
        )
    if any(float(f"{t:.6g}") != t for t in times):
        raise ValueError(
            f"The times of {path.name!r} have more than six digits: round them, since a reader "
            "is told them in full."
        )
    pictures = np.asarray(path.pictures, dtype=float)
    if pictures.ndim != 3 or len(pictures) != len(times) or not np.isfinite(pictures).all():
        raise ValueError(
            f"The pictures of {path.name!r} have shape {pictures.shape}, but {len(times)} times "
            f"need finite grey values of shape ({len(times)}, H, W)."
        )
    if list(path.outputs) != list(networks) or set(path.slopes) != set(networks):
        raise ValueError(
            f"The outputs and slopes of {path.name!r} are of {list(path.outputs)} and "
            f"{list(path.slopes)}, but the networks are {list(networks)}."
        )
    outputs = [np.asarray(path.outputs[name], dtype=float) for name in networks]
    slopes = np.array([float(path.slopes[name]) for name in networks])
    for name, values in zip(networks, outputs, strict=True):
        if values.shape != times.shape or not np.isfinite(values).all():
            raise ValueError(
                f"The outputs of {name!r} on {path.name!r} have shape {values.shape}, but "
                f"{len(times)} times need as many finite numbers."
            )
    if not np.isfinite(slopes).all():
        raise ValueError(f"A slope of {path.name!r} is not finite.")
    grey = np.clip(np.round(pictures * _GREYS), 0, _GREYS) * (255 // _GREYS)
    return _Stored(
        times,
        grey.astype(np.uint8),
        np.round(np.stack(outputs), _DIGITS),
        np.round(slopes, _DIGITS),
    )


def _signed(value: float) -> str:
    """Write a slope with three places, a true minus, and no minus before zero."""
    text = f"{value:.3f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _sentence(name: str, network: str, unit: str, time: float, secant: float, slope: float) -> str:
    """Say where the secant ends, and how far its slope is from the derivative."""
    plural = "" if abs(time) == 1 else "s"
    return (
        f"{name}, {network}: h = {drawing.number(time)} {unit}{plural}. Slope of the secant "
        f"{_signed(secant)} per {unit}; Lie derivative {_signed(slope)}; they differ by "
        f"{abs(secant - slope):.3f}."
    )


def _distinct(pictures: NDArray[np.uint8]) -> dict[str, str | list[int]]:
    """Return each picture once, and which of them is seen at each time."""
    found: dict[bytes, int] = {}
    seen = [found.setdefault(picture.tobytes(), len(found)) for picture in pictures]
    kept = np.frombuffer(b"".join(found), np.uint8)
    return {"pictures": base64_text(kept), "seen": seen}


def _near(times: NDArray[np.float64], zoom: int) -> bool:
    """Say whether a time besides zero is seen when zero is so many times nearer."""
    size = np.abs(times[times != 0])
    return bool(size.min() <= np.abs(times).max() / zoom)


def _zoom(zoom: int) -> str:
    return "the whole way" if zoom == 1 else f"{zoom} times nearer"


def _options(names: Sequence[str], start: int) -> str:
    return "".join(
        f'<option value="{i}"{" selected" * (i == start)}>{html.escape(name)}</option>'
        for i, name in enumerate(names)
    )


def slope_figure(
    paths: Sequence[FlowPath],
    *,
    output: str,
    alt: str,
    path: int = 0,
    network: int = 0,
    time: float | None = None,
) -> HTMLFigure:
    """Build a figure in which a reader drags the end of a secant towards the tangent at zero.

    The reader chooses a flow and a network, and drags a point along the curve of the network's
    output over the time ``h`` of the flow; beside it stands the picture that the network sees. The
    line from the point at zero is a secant, and a dashed line has the slope that was handed over.
    The figure says both slopes and by how much they differ. A list brings the surroundings of zero
    10, 100 and 1000 times nearer, as far as all paths have times there. The point snaps to the
    times of the path, and passes over zero, where a secant has no slope.

    Nothing is interpolated: the curve joins the outputs at the times by straight lines. The slopes
    of secants are computed by the page in double precision from outputs stored with nine places;
    pictures have sixteen levels of grey.

    Parameters
    ----------
    paths : Sequence[FlowPath]
        What the reader chooses from, all with the same networks.
    output : str
        What the curve shows, in at most eleven letters, for example ``"logit of 5"``.
    alt : str
        Alternative text for the whole figure.
    path, network : int, default 0
        What is chosen at first.
    time : float, optional
        Where the secant ends at first, one of the times of the path; by default the last one.

    Raises
    ------
    ValueError
        If shapes, names or the first state do not fit.

    Examples
    --------
    >>> times = np.array([-1.0, 0.0, 1.0])
    >>> path = FlowPath("shift", "pixel", times, np.zeros((3, 5, 5)), {"f": times**2}, {"f": 0.0})
    >>> figure = slope_figure([path], output="output", alt="A parabola and a secant of it.")
    >>> figure.alt
    'A parabola and a secant of it.'
    """
    alt = checked_alt(alt)
    if not paths:
        raise ValueError("A figure of slopes got no paths: give it at least one.")
    names = list(paths[0].outputs)
    if not names:
        raise ValueError("The paths have no networks: give the outputs of at least one.")
    stored = [_checked(one, names) for one in paths]
    if len({one.pictures.shape[1:] for one in stored}) > 1:
        raise ValueError("The pictures of all paths must have the same height and width.")
    if not (0 <= path < len(paths) and 0 <= network < len(names)):
        raise ValueError(
            f"The first state is path {path} and network {network}, but there are {len(paths)} "
            f"paths and {len(names)} networks."
        )
    own, unit = stored[path], paths[path].unit
    begin = float(own.times[-1] if time is None else time)
    if begin == 0 or begin not in own.times:
        raise ValueError(f"The secant ends at first at {begin}, not at a time other than zero.")
    at = int(np.flatnonzero(own.times == begin)[0])
    zero = int(np.flatnonzero(own.times == 0)[0])
    values, slope = own.outputs[network], float(own.slopes[network])
    secant = float(values[at] - values[zero]) / begin
    sentence = _sentence(paths[path].name, names[network], unit, begin, secant, slope)
    fixed = drawing.frame(output)
    moved = drawing.chart(own.times, values, slope, at, unit)
    zooms = [z for z in drawing.ZOOMS if all(_near(one.times, z) for one in stored)]
    cells = [
        image_cell("what the network sees", own.pictures[at]),
        Cell("its output along the flow", fixed + moved, drawing.TALL),
    ]
    height, width = own.pictures.shape[1:]
    left, right, top, bottom = drawing.BOX
    return fill(
        __package__,
        prefix="slope",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "box": [left, right, top, bottom],
            "strokes": drawing.STROKES,
            "zooms": zooms,
            "networks": names,
            "output": output,
            "start": at,
            "paths": [
                {
                    "name": one.name,
                    "unit": one.unit,
                    "times": kept.times.tolist(),
                    **_distinct(kept.pictures),
                    "outputs": kept.outputs.tolist(),
                    "slopes": kept.slopes.tolist(),
                }
                for one, kept in zip(paths, stored, strict=True)
            ],
        },
        alt=alt,
        text={"width": width, "height": height, "side": SIDE, "tall": drawing.TALL},
        markup={
            "frame": fixed,
            "paths": _options([one.name for one in paths], path),
            "networks": _options(names, network),
            "zooms": "".join(f'<option value="{z}">{_zoom(z)}</option>' for z in zooms),
        },
    )
