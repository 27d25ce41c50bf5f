"""A figure with one slider that moves every panel: its panels, its checks and its markup."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE, on_square
from utils.plots.explorables._still import Cell, drawing_cell, image_cell, still_of
from utils.plots.explorables._template import base64_text, fill
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["DrawingPanel", "ImagePanel", "PointPanel", "slider_figure"]


_Drawn = tuple[str, dict[str, Any]]  # markup for the start, and data for the script
_SQUARE = 4  # so many panels stand in two rows of two
_LETTERS = 14  # the height of letters, in units of the square: 9 pixels and more on a phone


@dataclass(frozen=True, eq=False)
class ImagePanel:
    """A panel that shows one image for each position of the slider.

    Attributes
    ----------
    title : str
        The heading of the panel.
    images : numpy.ndarray
        Shape (T, H, W), grey values in [0, 1]; T is the number of slider positions.
    """

    title: str
    images: NDArray[np.floating]

    def _pixels(self) -> NDArray[np.uint8]:
        return np.clip(np.round(np.asarray(self.images) * 255), 0, 255).astype(np.uint8)

    def _still(self, step: int) -> Cell:
        return image_cell(self.title, self._pixels()[step])

    def _draw(self) -> _Drawn:
        pixels = self._pixels()
        _, height, width = pixels.shape
        canvas = (
            f'<canvas width="{width}" height="{height}" role="img" aria-label="'
            f'{html.escape(self.title, quote=True)}"></canvas>'
        )
        data = {"kind": "image", "width": width, "height": height, "data": base64_text(pixels)}
        return canvas, data


@dataclass(frozen=True, eq=False)
class PointPanel:
    """A panel in which a point travels over a still cloud.

    Attributes
    ----------
    title : str
        The heading of the panel.
    path : numpy.ndarray
        Shape (T, 2): where the point is for each position of the slider.
    cloud : numpy.ndarray
        Shape (N, 2): the still points.
    colours : Sequence[str]
        N colours for the cloud.
    axes : tuple of str, optional
        What the two axes are. With names the panel has axes, and larger dots.
    key : tuple, optional
        What the colours mean: the words at the low end, the colours from low to high, the words at
        the high end.
    """

    title: str
    path: NDArray[np.floating]
    cloud: NDArray[np.floating]
    colours: Sequence[str]
    axes: tuple[str, str] | None = None
    key: tuple[str, Sequence[str], str] | None = None

    def _still(self, step: int) -> Cell:
        return drawing_cell(self.title, self._draw(step)[0])

    def _draw(self, step: int = 0) -> _Drawn:
        everything = np.concatenate([self.path, self.cloud])
        cloud = on_square(self.cloud, everything).round(1)
        # Opaque: a fainter dot of the book's colours has less than 3:1 against the page.
        radius = 2.2 if self.axes is None else 2.6
        dots = "".join(
            f'<circle cx="{x:g}" cy="{y:g}" r="{radius}" fill="{colour}"/>'
            for (x, y), colour in zip(cloud, self.colours, strict=True)
        )
        frame, height = self._frame()
        path = on_square(self.path, everything).round(1)
        trail = " ".join(f"{x:g},{y:g}" for x, y in path)
        markup = (
            f'<svg role="img" aria-label="{html.escape(self.title, quote=True)}" '
            f'viewBox="0 0 {SIDE} {height}">{frame}<g>{dots}</g>'
            f'<polyline points="{trail}" fill="none" stroke="currentColor" stroke-opacity="0.55"/>'
            f'<circle class="book-marker" cx="{path[step, 0]:g}" cy="{path[step, 1]:g}" r="6" '
            f'fill="currentColor" stroke="var(--book-paper, #fff)" stroke-width="1.5"/></svg>'
        )
        return markup, {"kind": "point", "path": path.tolist()}

    def _frame(self) -> tuple[str, int]:
        """Return the axes and the key of the colours, and the height with them."""
        frame, height = "", SIDE
        text = f'font-size="{_LETTERS}" fill="currentColor" text-anchor'
        if self.axes is not None:
            across, up = map(html.escape, self.axes)
            frame += (
                f'<path d="M2 2V{SIDE - 2}H{SIDE - 2}" fill="none" stroke="currentColor"/>'
                f'<text x="{SIDE - 2}" y="{height + _LETTERS}" {text}="end">{across}</text>'
                f'<text x="8" y="{_LETTERS}" {text}="start">{up}</text>'
            )
            height += _LETTERS + 4
        if self.key is not None:
            low, shades, high = self.key
            width = 80 / len(shades)
            cells = "".join(
                f'<rect x="{80 + i * width:g}" y="{height + 6}" width="{width:g}" height="10" '
                f'fill="{shade}"/>'
                for i, shade in enumerate(shades)
            )
            frame += (
                f'{cells}<text x="74" y="{height + 16}" {text}="end">{html.escape(low)}</text>'
                f'<text x="166" y="{height + 16}" {text}="start">{html.escape(high)}</text>'
            )
            height += 22
        return frame, height


@dataclass(frozen=True, eq=False)
class DrawingPanel:
    """A panel that shows one drawing for each position of the slider.

    Equal drawings are stored once, so that a drawing that stays for a while costs nothing.

    Attributes
    ----------
    title : str
        The heading of the panel.
    drawings : Sequence[str]
        T pieces of SVG markup, such as molecules, each with its own ``aria-label``.
    """

    title: str
    drawings: Sequence[str]

    def _still(self, step: int) -> Cell:
        return drawing_cell(self.title, self.drawings[step])

    def _draw(self) -> _Drawn:
        kinds = list(dict.fromkeys(self.drawings))
        order = [kinds.index(drawing) for drawing in self.drawings]
        spec = {"kind": "drawing", "drawings": kinds, "order": order}
        return f'<div class="book-drawing">{self.drawings[0]}</div>', spec


def _check_panel(panel: ImagePanel | PointPanel | DrawingPanel, steps: int) -> None:
    if isinstance(panel, DrawingPanel):
        if not all(isinstance(d, str) and d.lstrip().startswith("<svg") for d in panel.drawings):
            raise ValueError(f"Panel {panel.title!r} has drawings that are no SVG elements.")
        shape, dimensions = np.shape(panel.drawings), 1
    elif isinstance(panel, ImagePanel):
        shape, dimensions = np.shape(panel.images), 3
    else:
        shape, dimensions = np.shape(panel.path), 2
    if len(shape) != dimensions or shape[0] != steps:
        raise ValueError(
            f"Panel {panel.title!r} has data of shape {shape} for {steps} slider positions: give "
            "one image, point or drawing for each."
        )


def slider_figure(
    panels: Sequence[ImagePanel | PointPanel | DrawingPanel],
    labels: Sequence[str],
    *,
    control: str,
    alt: str,
    start: int = 0,
) -> HTMLFigure:
    """Build a figure with one slider that moves every panel, with no kernel behind it.

    The output carries its data and forty lines of plain script, so it works on the built site,
    in Jupyter and in Colab alike, with the mouse, by touch and from the keyboard.

    Parameters
    ----------
    panels : Sequence[ImagePanel | PointPanel | DrawingPanel]
        The panels, from left to right; all have the same number T of positions.
    labels : Sequence[str]
        T readings of the slider, for example ``"45°"``.
    control, alt : str
        What the slider changes, its visible label; and what the whole figure shows.
    start : int, default 0
        The first position.
    """
    alt = checked_alt(alt)
    steps = len(labels)
    if not panels:
        raise ValueError("A slider figure got no panels: give it at least one.")
    if not 0 <= start < steps:
        raise ValueError(f"The slider starts at {start}, outside its {steps} positions.")
    cells, specs = [], []
    for panel in panels:
        _check_panel(panel, steps)
        markup, spec = panel._draw()
        cells.append(
            f'<div class="book-panel"><div class="book-panel-title">{html.escape(panel.title)}'
            f"</div>{markup}</div>"
        )
        specs.append(spec)
    first = [panel._still(start) for panel in panels]
    return fill(
        __package__,
        prefix="slider",
        still=still_of(first, [f"{control}: {labels[start]}"], alt),
        data={"panels": specs, "labels": list(labels)},
        alt=alt,
        text={"control": control, "last": steps - 1, "start": start, "reading": labels[start]},
        markup={
            "square": " book-square" if len(panels) == _SQUARE else "",
            "panels": "".join(cells),
        },
    )
