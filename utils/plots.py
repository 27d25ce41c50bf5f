"""Figures: one style for light and dark pages, alt text on all, interaction without a kernel."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "DIGIT_COLOURS",
    "INK",
    "PALETTE",
    "PAPER",
    "DrawingPanel",
    "HTMLFigure",
    "ImagePanel",
    "PointPanel",
    "Reading",
    "choice_figure",
    "figure_svg",
    "interactive",
    "show",
    "show_svg",
    "slider_figure",
    "use_style",
]

#: The colour of text and axes. In a shown figure it becomes the page's own text colour.
INK = "#1b2433"
#: The colour of the page. In a shown figure it becomes the page's own background.
PAPER = "#fdfdfb"
#: Series colours: told apart by readers with any colour vision, at least 3:1 against a
#: white and against a near-black page.
PALETTE: tuple[str, ...] = ("#3a7bd5", "#d9730d", "#15917b", "#c0508f", "#8a6fd1", "#7f7f7f")
#: One colour for each of ten classes. Ten hues cannot be safe for all eyes, so a figure that
#: uses them also writes the class beside its points.
DIGIT_COLOURS: tuple[str, ...] = (
    "#3a7bd5",
    "#d9730d",
    "#15917b",
    "#c0508f",
    "#8a6fd1",
    "#a07a1f",
    "#2f93b8",
    "#d0574f",
    "#5c8f2f",
    "#7f7f7f",
)

_MINIMUM_ALT = 20


@dataclass(frozen=True)
class HTMLFigure:
    """A figure as HTML for the page and as one sentence of plain text elsewhere.

    Attributes
    ----------
    html : str
        The markup.
    alt : str
        The alternative text.
    extra : Mapping[str, Any]
        Further forms of the figure by MIME type, for front ends that prefer them.
    """

    html: str
    alt: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"text/html": self.html, "text/plain": f"Figure: {self.alt}", **self.extra}


def use_style() -> None:
    """Set matplotlib's defaults to the book's style: quiet axes, no frame, transparent ground."""
    mpl.rcParams.update(
        {
            "figure.figsize": (6.8, 3.4),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "savefig.facecolor": "none",
            "axes.facecolor": "none",
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": 11,
            "axes.titleweight": "normal",
            "axes.labelsize": 10,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.axisbelow": True,
            "grid.color": INK,
            "grid.alpha": 0.15,
            "grid.linewidth": 0.6,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "font.size": 10,
            "lines.linewidth": 1.8,
            "lines.markersize": 5,
            "image.cmap": "cividis",
            "image.interpolation": "nearest",
            "svg.fonttype": "path",
            "svg.hashsalt": "interpreting-equivariant-representations",
        }
    )


def _checked_alt(alt: str) -> str:
    if not isinstance(alt, str) or len(alt.strip()) < _MINIMUM_ALT:
        raise ValueError(
            f"A figure got the alternative text {alt!r}, but needs a sentence of at least "
            f"{_MINIMUM_ALT} characters: say what a reader who cannot see it should learn."
        )
    return " ".join(alt.split())


def _inline(svg: str, alt: str) -> str:
    """Turn a stand-alone SVG into one that lives in a page and takes on its colours."""
    body = svg[svg.index("<svg") :]
    size = re.search(r"viewBox=[\"'][\d.+-]+ [\d.+-]+ ([\d.]+) ([\d.]+)[\"']", body)
    if size is None:
        raise ValueError("An SVG without a viewBox cannot be scaled: give it one.")
    head_end = body.index(">") + 1
    in_points = re.search(r"\bwidth=[\"'][\d.]+pt", body[:head_end]) is not None
    pixels = round(float(size.group(1)) * (4 / 3 if in_points else 1))
    body = body[head_end:]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.S)
    body = body.replace(INK, "currentColor").replace(PAPER, "var(--book-paper, #fff)")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", body))
    prefix = "f" + hashlib.sha256(body.encode()).hexdigest()[:8]

    def rename(match: re.Match[str]) -> str:
        """Give an identifier that is referred to the prefix of this figure, and drop the others."""
        return f' id="{prefix}-{match.group(1)}"' if match.group(1) in used else ""

    body = re.sub(r'\sid="([^"]*)"', rename, body)
    body = re.sub(r"(url\(#|href=\"#)([^)\"]+)", rf"\g<1>{prefix}-\g<2>", body)
    body = re.sub(r">\s+<", "><", body)
    body = re.sub(r"\s*\n\s*", " ", body)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{html.escape(alt, quote=True)}" viewBox="0 0 {size.group(1)} '
        f'{size.group(2)}" style="width:100%;max-width:{pixels}px;height:auto">'
    )
    return head + body


def _with_few_colours(svg: str) -> str:
    """Store the pixel images inside an SVG with 256 colours each, where that makes them smaller."""

    def smaller(match: re.Match[str]) -> str:
        """Return the picture with fewer colours."""
        stored = base64.b64decode(match.group(1))
        buffer = io.BytesIO()
        image = Image.open(io.BytesIO(stored)).convert("RGBA")
        method, dither = Image.Quantize.FASTOCTREE, Image.Dither.NONE
        image.quantize(256, method=method, dither=dither).save(buffer, "PNG", optimize=True)
        best = min(stored, buffer.getvalue(), key=len)
        return f"data:image/png;base64,{base64.b64encode(best).decode()}"

    return re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", smaller, svg)


def figure_svg(fig: Figure, alt: str, *, few_colours: bool = False) -> str:
    """Draw a figure as an SVG that follows the page from light to dark.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        A figure drawn in the book's style (:func:`use_style`).
    alt : str
        Alternative text of at least twenty characters.
    few_colours : bool, default False
        Store clouds of points drawn with ``rasterized=True`` with 256 colours each, in about a
        third of the bytes. Not for photographs and smooth fields.

    Returns
    -------
    str
        SVG markup. The same figure gives the same text.

    Raises
    ------
    ValueError
        If the alternative text is missing or too short.
    """
    alt = _checked_alt(alt)
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return _inline(_with_few_colours(svg) if few_colours else svg, alt)


def _framed(markup: str) -> str:
    return f'<figure class="book-figure">{markup}</figure>'


def show(fig: Figure, *, alt: str, close: bool = True, few_colours: bool = False) -> HTMLFigure:
    """Show a matplotlib figure with its alternative text; call it on the last line of a cell.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    alt : str
        Alternative text: what a reader who cannot see the figure should learn from it.
    close : bool, default True
        Close the figure afterwards, so that it is neither drawn twice nor kept in memory.
    few_colours : bool, default False
        Store clouds of points drawn with ``rasterized=True`` with 256 colours each, in about a
        third of the bytes.

    Returns
    -------
    HTMLFigure
        What the notebook displays.

    Raises
    ------
    ValueError
        If the alternative text is missing or too short.
    """
    svg = figure_svg(fig, alt, few_colours=few_colours)
    if close:
        plt.close(fig)
    return HTMLFigure(_framed(svg), _checked_alt(alt))


def show_svg(svg: str, *, alt: str) -> HTMLFigure:
    """Show an SVG drawing, such as a molecule, in the same way as :func:`show`.

    Parameters
    ----------
    svg : str
        SVG markup with a ``viewBox``.
    alt : str
        Alternative text.

    Returns
    -------
    HTMLFigure
        What the notebook displays.

    Raises
    ------
    ValueError
        If the markup has no ``viewBox``, or the alternative text is missing or too short.
    """
    alt = _checked_alt(alt)
    if "<svg" not in svg:
        raise ValueError("The markup holds no <svg> element: pass the text of an SVG drawing.")
    return HTMLFigure(_framed(_inline(svg, alt)), alt)


# Figures that move without a kernel


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
    """

    title: str
    path: NDArray[np.floating]
    cloud: NDArray[np.floating]
    colours: Sequence[str]


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


_SIDE = 240
_SQUARE = 4  # so many panels stand in two rows of two


def _drawing_markup(panel: DrawingPanel) -> tuple[str, dict[str, Any]]:
    kinds = list(dict.fromkeys(panel.drawings))
    order = [kinds.index(drawing) for drawing in panel.drawings]
    spec = {"kind": "drawing", "drawings": kinds, "order": order}
    return f'<div class="book-drawing">{panel.drawings[0]}</div>', spec


def _image_markup(panel: ImagePanel) -> tuple[str, dict[str, Any]]:
    images = np.asarray(panel.images)
    _, height, width = images.shape
    pixels = np.clip(np.round(images * 255), 0, 255).astype(np.uint8)
    data = base64.b64encode(pixels.tobytes()).decode()
    canvas = (
        f'<canvas width="{width}" height="{height}" role="img" aria-label="'
        f'{html.escape(panel.title, quote=True)}"></canvas>'
    )
    return canvas, {"kind": "image", "width": width, "height": height, "data": data}


def _point_markup(panel: PointPanel) -> tuple[str, dict[str, Any]]:
    everything = np.concatenate([panel.path, panel.cloud])
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = (_SIDE - 24) / float(np.max(high - low) or 1.0)
    middle = (low + high) / 2

    def place(points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the places of points in the square of the figure."""
        centred = (points - middle) * scale
        return np.column_stack([_SIDE / 2 + centred[:, 0], _SIDE / 2 - centred[:, 1]]).round(1)

    dots = "".join(
        f'<circle cx="{x:g}" cy="{y:g}" r="1.7" fill="{colour}"/>'
        for (x, y), colour in zip(place(panel.cloud), panel.colours, strict=True)
    )
    path = place(panel.path)
    trail = " ".join(f"{x:g},{y:g}" for x, y in path)
    markup = (
        f'<svg role="img" aria-label="{html.escape(panel.title, quote=True)}" '
        f'viewBox="0 0 {_SIDE} {_SIDE}"><g opacity="0.45">{dots}</g>'
        f'<polyline points="{trail}" fill="none" stroke="currentColor" stroke-opacity="0.55"/>'
        f'<circle class="book-marker" cx="{path[0, 0]:g}" cy="{path[0, 1]:g}" r="6" '
        f'fill="currentColor" stroke="var(--book-paper, #fff)" stroke-width="1.5"/></svg>'
    )
    return markup, {"kind": "point", "path": path.tolist()}


_SLIDER_SCRIPT = """
(() => {
  const root = document.getElementById("ID");
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const range = root.querySelector("input");
  const readout = root.querySelector("output");
  const cells = root.querySelectorAll(".book-panel");
  const pixels = spec.panels.map(p => p.kind === "image"
    ? Uint8Array.from(atob(p.data), c => c.charCodeAt(0)) : null);
  const draw = () => {
    const t = Number(range.value);
    readout.textContent = spec.labels[t];
    range.setAttribute("aria-valuetext", spec.labels[t]);
    spec.panels.forEach((panel, i) => {
      if (panel.kind === "image") {
        const canvas = cells[i].querySelector("canvas");
        const context = canvas.getContext("2d");
        const image = context.createImageData(panel.width, panel.height);
        const size = panel.width * panel.height;
        for (let j = 0; j < size; j += 1) {
          const grey = pixels[i][t * size + j];
          image.data.set([grey, grey, grey, 255], 4 * j);
        }
        context.putImageData(image, 0, 0);
      } else if (panel.kind === "drawing") {
        cells[i].querySelector(".book-drawing").innerHTML = panel.drawings[panel.order[t]];
      } else {
        const marker = cells[i].querySelector(".book-marker");
        marker.setAttribute("cx", panel.path[t][0]);
        marker.setAttribute("cy", panel.path[t][1]);
      }
    });
  };
  range.addEventListener("input", draw);
  draw();
})();
"""

_SLIDER_STYLE = (
    ".book-slider .book-panels{display:flex;flex-wrap:wrap;gap:1rem;justify-content:center}"
    ".book-slider .book-square{max-width:30rem;margin:0 auto}"
    ".book-slider .book-panel{flex:1 1 10rem;max-width:16rem;margin:0;text-align:center}"
    ".book-slider canvas,.book-slider svg{width:100%;height:auto;image-rendering:pixelated}"
    ".book-slider .book-control{display:flex;gap:.75rem;align-items:center;"
    "justify-content:center;margin-top:.75rem}"
    ".book-slider input{flex:1 1 12rem;max-width:24rem}"
    ".book-slider output{min-width:4rem;font-variant-numeric:tabular-nums}"
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
    control : str
        What the slider changes: its visible label.
    alt : str
        Alternative text for the whole figure.
    start : int, default 0
        The first position.

    Returns
    -------
    HTMLFigure
        What the notebook displays.

    Raises
    ------
    ValueError
        If there is no panel, a panel has another number of positions than there are labels, or
        the alternative text is too short; or if a drawing is no SVG.
    """
    alt = _checked_alt(alt)
    steps = len(labels)
    if not panels:
        raise ValueError("A slider figure got no panels: give it at least one.")
    if not 0 <= start < steps:
        raise ValueError(f"The slider starts at {start}, outside its {steps} positions.")
    cells, specs = [], []
    for panel in panels:
        if isinstance(panel, DrawingPanel):
            if not all(
                isinstance(d, str) and d.lstrip().startswith("<svg") for d in panel.drawings
            ):
                raise ValueError(f"Panel {panel.title!r} has drawings that are no SVG elements.")
            given, dimensions = np.asarray(panel.drawings), 1
        elif isinstance(panel, ImagePanel):
            given, dimensions = np.asarray(panel.images), 3
        else:
            given, dimensions = np.asarray(panel.path), 2
        if given.ndim != dimensions or len(given) != steps:
            raise ValueError(
                f"Panel {panel.title!r} has data of shape {given.shape} for {steps} slider "
                "positions: give one image, point or drawing for each."
            )
        if isinstance(panel, DrawingPanel):
            draw = _drawing_markup(panel)
        else:
            draw = _image_markup(panel) if isinstance(panel, ImagePanel) else _point_markup(panel)
        cells.append(
            f'<div class="book-panel"><div class="book-panel-title">{html.escape(panel.title)}'
            f"</div>{draw[0]}</div>"
        )
        specs.append(draw[1])
    data = json.dumps({"panels": specs, "labels": list(labels)}).replace("</", "<\\/")
    square = " book-square" if len(panels) == _SQUARE else ""
    name = "slider-" + hashlib.sha256(data.encode()).hexdigest()[:10]
    markup = (
        f'<div class="book-slider" data-interactive id="{name}"><style>{_SLIDER_STYLE}</style>'
        f'<div class="book-panels{square}">{"".join(cells)}</div>'
        f'<div class="book-control"><label for="{name}-range">{html.escape(control)}</label>'
        f'<input type="range" id="{name}-range" min="0" max="{steps - 1}" value="{start}">'
        f'<output for="{name}-range">{html.escape(labels[start])}</output></div>'
        f'<script type="application/json">{data}</script>'
        f"<script>{_SLIDER_SCRIPT.replace('ID', name)}</script></div>"
    )
    figure = (
        f'<figure class="book-figure" role="group" aria-label="{html.escape(alt, quote=True)}">'
        f"{markup}</figure>"
    )
    return HTMLFigure(figure, alt)


# Figures in which a reader chooses


@dataclass(frozen=True, eq=False)
class Reading:
    """One of the things that a :func:`choice_figure` lets its reader choose.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example the name of a projection.
    points : numpy.ndarray
        Shape (N, 2): where the items lie on the map.
    neighbours : numpy.ndarray
        Shape (N, k), integers: for each item, its k nearest others, nearest first.
    numbers : Mapping[str, str]
        What was measured, ready to be read: the same names for all readings.
    """

    name: str
    points: NDArray[np.floating]
    neighbours: NDArray[np.integer]
    numbers: Mapping[str, str]


_GREYS = 15
_LARGEST_CHOICE = 2**16
_SHORT_LABEL = 2


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _packed_images(images: NDArray[np.floating]) -> str:
    """Store images with four bits a pixel, two pixels a byte."""
    levels = np.clip(np.round(images * _GREYS), 0, _GREYS).astype(np.uint8).ravel()
    levels = np.append(levels, np.zeros(len(levels) % 2, dtype=np.uint8))
    return _base64(levels[::2] * 16 + levels[1::2])


def _on_map(points: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Place points on a square map of side 240, in tenths of its units."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (_SIDE - 24) / float(np.max(high - low) or 1.0)
    centred = (points - (low + high) / 2) * scale
    placed = np.column_stack([_SIDE / 2 + centred[:, 0], _SIDE / 2 - centred[:, 1]])
    return np.round(placed * 10).astype("<u2")


_CHOICE_SCRIPT = """
(() => {
  const root = document.getElementById("ID");
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const words = text => new Uint16Array(bytes(text).buffer);
  const packed = bytes(spec.images);
  const places = spec.readings.map(r => words(r.points));
  const near = spec.readings.map(r => words(r.neighbours));
  const choice = root.querySelector("select");
  const range = root.querySelector("input");
  const reading = root.querySelector(".book-reading");
  const found = root.querySelector(".book-found");
  const map = root.querySelector("svg");
  const dots = [...map.querySelector("g").children];
  const [ring, ...rings] = map.querySelectorAll("circle.book-ring");
  const canvas = root.querySelector("canvas");
  const context = canvas.getContext("2d");
  const values = [...root.querySelectorAll("dd")];
  const s = spec.side, n = spec.labels.length, k = spec.count, columns = Math.ceil(k / 2);
  const paint = (item, left, top, zoom) => {
    const image = context.createImageData(s * zoom, s * zoom);
    for (let y = 0; y < s * zoom; y += 1) for (let x = 0; x < s * zoom; x += 1) {
      const i = (item * s + Math.floor(y / zoom)) * s + Math.floor(x / zoom);
      const level = i % 2 ? packed[i >> 1] & 15 : packed[i >> 1] >> 4;
      image.data.set([level * 17, level * 17, level * 17, 255], 4 * (y * s * zoom + x));
    }
    context.putImageData(image, left, top);
  };
  const put = (element, c, i) => {
    element.style.transform =
      `translate(${places[c][2 * i] / 10}px,${places[c][2 * i + 1] / 10}px)`;
  };
  const draw = () => {
    const c = Number(choice.value), q = Number(range.value);
    const own = [...near[c].subarray(q * k, q * k + k)];
    dots.forEach((dot, i) => put(dot, c, i));
    put(ring, c, q);
    rings.forEach((element, j) => put(element, c, own[j]));
    context.clearRect(0, 0, canvas.width, canvas.height);
    paint(q, 0, 0, 2);
    own.forEach((item, j) => paint(item,
      2 * s + 6 + (j % columns) * (s + 2), Math.floor(j / columns) * (s + 2), 1));
    const text = `nearest: ${own.map(i => spec.labels[i]).join(", ")}`;
    reading.textContent = spec.labels[q];
    range.setAttribute("aria-valuetext", `${spec.labels[q]}, number ${q + 1} of ${n}`);
    found.textContent = text;
    canvas.setAttribute("aria-label", `the chosen item, ${spec.labels[q]}; ${text}`);
    Object.values(spec.readings[c].numbers).forEach((v, i) => { values[i].textContent = v; });
  };
  map.addEventListener("click", event => {
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(map.getScreenCTM().inverse());
    const place = places[Number(choice.value)];
    let best = 0, least = Infinity;
    for (let i = 0; i < n; i += 1) {
      const d = Math.hypot(place[2 * i] / 10 - at.x, place[2 * i + 1] / 10 - at.y);
      if (d < least) { least = d; best = i; }
    }
    range.value = best;
    draw();
  });
  choice.addEventListener("input", draw);
  range.addEventListener("input", draw);
  draw();
})();
"""

_CHOICE_STYLE = (
    ".book-choice .book-panels{display:flex;flex-wrap:wrap;gap:1rem 2rem;justify-content:center}"
    ".book-choice .book-panel{flex:1 1 15rem;max-width:20rem;margin:0}"
    ".book-choice .book-panel-title{text-align:center}"
    ".book-choice svg{width:100%;height:auto;cursor:crosshair;overflow:visible}"
    ".book-choice canvas{width:100%;height:auto;image-rendering:pixelated}"
    ".book-choice svg text{font-size:9px;font-weight:bold;text-anchor:middle;"
    "dominant-baseline:central;user-select:none}"
    ".book-choice svg circle,.book-choice svg text{transition:transform .5s}"
    ".book-choice .book-control{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center;"
    "justify-content:center;margin:.5rem 0}"
    ".book-choice select{font:inherit;color:inherit;background:var(--book-paper,#fff);"
    "border:1px solid currentColor;border-radius:.25rem;padding:.2rem .4rem;max-width:100%}"
    ".book-choice option{color:inherit;background:var(--book-paper,#fff)}"
    ".book-choice input{flex:1 1 12rem;max-width:24rem}"
    ".book-choice output{font-variant-numeric:tabular-nums}"
    ".book-choice dl{display:grid;grid-template-columns:1fr auto;gap:.1rem 1rem;margin:.75rem 0 0}"
    ".book-choice dt{font-weight:normal;margin:0;text-align:left}"
    ".book-choice dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}"
    "@media (prefers-reduced-motion:reduce){.book-choice svg *{transition:none!important}}"
)


def _check_choice(
    readings: Sequence[Reading], images: NDArray[Any], labels: Sequence[str], colours: Sequence[str]
) -> None:
    count = len(labels)
    if not readings:
        raise ValueError("A choice figure got no readings: give it at least one to choose.")
    if images.ndim != 3 or len(images) != count or images.shape[1] != images.shape[2]:
        raise ValueError(
            f"The images have shape {images.shape}, but {count} items need square images of shape "
            f"({count}, side, side), one for each."
        )
    if len(colours) != count:
        raise ValueError(f"There are {len(colours)} colours for {count} items: give one for each.")
    if not 2 <= count <= _LARGEST_CHOICE:
        raise ValueError(
            f"A choice figure shows from 2 to {_LARGEST_CHOICE} items, but it got {count}."
        )
    width = np.shape(readings[0].neighbours)[-1:]
    for reading in readings:
        near = np.asarray(reading.neighbours)
        if np.shape(reading.points) != (count, 2) or near.shape != (count, *width):
            raise ValueError(
                f"Reading {reading.name!r} has points of shape {np.shape(reading.points)} and "
                f"neighbours of shape {near.shape} for {count} items: give each item a place on "
                f"the plane and as many neighbours as in the other readings."
            )
        if near.dtype.kind not in "iu" or near.size == 0 or near.min() < 0 or near.max() >= count:
            raise ValueError(
                f"The neighbours in reading {reading.name!r} must be positions of items, integers "
                f"from 0 to {count - 1}, at least one for each item."
            )
        if not np.isfinite(reading.points).all():
            raise ValueError(f"Reading {reading.name!r} has points that are not finite.")
        if list(reading.numbers) != list(readings[0].numbers):
            raise ValueError(
                f"Reading {reading.name!r} reports {list(reading.numbers)}, the first one "
                f"{list(readings[0].numbers)}: give the same numbers for all."
            )


def choice_figure(
    readings: Sequence[Reading],
    images: NDArray[np.floating],
    labels: Sequence[str],
    colours: Sequence[str],
    *,
    control: str,
    item: str,
    alt: str,
    start: int = 0,
    query: int = 0,
) -> HTMLFigure:
    """Build a figure that shows one of several readings of the same items, with no kernel.

    A list chooses the reading; a slider, or a click on the map, chooses an item. The map, the
    pictures of the nearest neighbours and the numbers follow. Everything works from the
    keyboard, by touch and without a network. The images are stored once, with 16 grey values.

    Parameters
    ----------
    readings : Sequence[Reading]
        What can be chosen.
    images : numpy.ndarray
        Shape (N, S, S), grey values in [0, 1]: the picture of each item.
    labels : Sequence[str]
        N texts, for example the classes. Those of at most two characters stand on the map
        themselves, so that it can be read without its colours; longer ones become dots.
    colours : Sequence[str]
        N colours of the points on the map.
    control : str
        What the list chooses: its visible label.
    item : str
        What the slider chooses: its visible label.
    alt : str
        Alternative text for the whole figure.
    start : int, default 0
        The reading shown first.
    query : int, default 0
        The item chosen first.

    Returns
    -------
    HTMLFigure
        What the notebook displays.

    Raises
    ------
    ValueError
        If there is no reading, shapes do not fit, a neighbour is no item, the readings report
        different numbers, a start lies outside, or the alternative text is too short.
    """
    alt = _checked_alt(alt)
    pictures = np.asarray(images)
    _check_choice(readings, pictures, labels, colours)
    if not (0 <= start < len(readings) and 0 <= query < len(labels)):
        raise ValueError(
            f"The figure starts at reading {start} and item {query}, outside its {len(readings)} "
            f"readings or {len(labels)} items."
        )
    count, side = np.shape(readings[0].neighbours)[1], pictures.shape[1]
    data = json.dumps(
        {
            "images": _packed_images(pictures),
            "side": side,
            "count": count,
            "labels": list(labels),
            "readings": [
                {
                    "name": reading.name,
                    "points": _base64(_on_map(np.asarray(reading.points))),
                    "neighbours": _base64(np.asarray(reading.neighbours).astype("<u2")),
                    "numbers": dict(reading.numbers),
                }
                for reading in readings
            ],
        }
    ).replace("</", "<\\/")
    name = "choice-" + hashlib.sha256(data.encode()).hexdigest()[:10]
    options = "".join(
        f'<option value="{i}"{" selected" * (i == start)}>{html.escape(reading.name)}</option>'
        for i, reading in enumerate(readings)
    )
    dots = "".join(
        f'<text fill="{colour}">{html.escape(label)}</text>'
        if len(label) <= _SHORT_LABEL
        else f'<circle r="2.6" fill="{colour}"/>'
        for label, colour in zip(labels, colours, strict=True)
    )
    ring = '<circle class="book-ring" fill="none" stroke="currentColor" '
    rings = f'{ring}r="8.5" stroke-width="2.5"/>' + f'{ring}r="6.5" stroke-width="1.2"/>' * count
    numbers = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>"
        for key, value in readings[start].numbers.items()
    )
    across = 2 * side + 6 + -(-count // 2) * (side + 2) - 2
    markup = (
        f'<div class="book-choice" data-interactive id="{name}"><style>{_CHOICE_STYLE}</style>'
        f'<div class="book-control"><label for="{name}-choice">{html.escape(control)}</label>'
        f'<select id="{name}-choice">{options}</select></div>'
        f'<div class="book-panels"><div class="book-panel"><svg role="img" '
        f'aria-label="Map of the items" viewBox="0 0 {_SIDE} {_SIDE}">'
        f'<g opacity="0.85">{dots}</g>{rings}</svg></div>'
        f'<div class="book-panel"><canvas width="{across}" height="{2 * side + 2}" role="img" '
        f'aria-label="The chosen item and its neighbours"></canvas>'
        f'<output for="{name}-choice {name}-item" class="book-found"></output>'
        f"<dl>{numbers}</dl></div></div>"
        f'<div class="book-control"><label for="{name}-item">{html.escape(item)}</label>'
        f'<input type="range" id="{name}-item" min="0" max="{len(labels) - 1}" value="{query}">'
        f'<output for="{name}-item" class="book-reading">{html.escape(labels[query])}</output>'
        f"</div>"
        f'<script type="application/json">{data}</script>'
        f"<script>{_CHOICE_SCRIPT.replace('ID', name)}</script></div>"
    )
    figure = (
        f'<figure class="book-figure" role="group" aria-label="{html.escape(alt, quote=True)}">'
        f"{markup}</figure>"
    )
    return HTMLFigure(figure, alt)


_PLOTLY_SCRIPT = """
(() => {
  const root = document.getElementById("ID");
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const ink = () => getComputedStyle(root).color;
  const draw = () => {
    const axes = {};
    Object.keys(spec.layout).filter(k => /^[xy]axis/.test(k)).forEach(k => {
      axes[k] = {...spec.layout[k], color: ink(), gridcolor: "rgba(128,128,128,.25)"};
    });
    const layout = {...spec.layout, ...axes, font: {...spec.layout.font, color: ink()}};
    window.Plotly.react(root.querySelector(".book-plot"), spec.data, layout,
      {responsive: true, displaylogo: false});
  };
  const load = (urls) => {
    if (window.Plotly) { draw(); return; }
    if (!urls.length) {
      root.querySelector(".book-plot").textContent =
        "This figure needs plotly.min.js: read it on the built site.";
      return;
    }
    const script = document.createElement("script");
    script.src = urls[0];
    script.onload = draw;
    script.onerror = () => load(urls.slice(1));
    document.head.append(script);
  };
  load(["../_static/plotly.min.js"]);
  new MutationObserver(() => window.Plotly && draw()).observe(
    document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
})();
"""


def interactive(fig: go.Figure, *, alt: str, height: int = 420) -> HTMLFigure:
    """Show a plotly figure that reads its library from the site, and from nowhere else.

    The output also carries plotly's own description of the figure, which Jupyter and Colab
    draw with the library that they bring.

    Parameters
    ----------
    fig : plotly.graph_objects.Figure
        The figure.
    alt : str
        Alternative text.
    height : int, default 420
        Height in pixels.

    Returns
    -------
    HTMLFigure
        What the notebook displays.

    Raises
    ------
    ValueError
        If the alternative text is missing or too short.
    """
    alt = _checked_alt(alt)
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
    data = json.dumps({"data": spec["data"], "layout": layout}).replace("</", "<\\/")
    name = "plot-" + hashlib.sha256(data.encode()).hexdigest()[:10]
    markup = (
        f'<figure class="book-figure" role="group" aria-label="{html.escape(alt, quote=True)}">'
        f'<div id="{name}" class="book-plotly">'
        f'<div class="book-plot" style="min-height:{height}px"></div>'
        f'<script type="application/json">{data}</script>'
        f"<script>{_PLOTLY_SCRIPT.replace('ID', name)}</script></div></figure>"
    )
    return HTMLFigure(markup, alt, {"application/vnd.plotly.v1+json": spec})
