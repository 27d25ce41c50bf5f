"""Figures that stand still: matplotlib figures and other drawings, as SVG in the page's colours."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from utils.plots.figure import HTMLFigure, checked_alt
from utils.plots.narrow import least_width, slices
from utils.plots.style import INK, PAPER

__all__ = ["figure_svg", "show", "show_svg"]


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
        A figure drawn in the book's style (:func:`~utils.plots.use_style`).
    alt : str
        Alternative text of at least twenty characters: what a reader who cannot see the
        figure should learn from it.
    few_colours : bool, default False
        Store clouds of points drawn with ``rasterized=True`` with 256 colours each, in about a
        third of the bytes. Not for photographs and smooth fields.

    Returns
    -------
    str
        SVG markup. The same figure gives the same text.
    """
    alt = checked_alt(alt)
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return _inline(_with_few_colours(svg) if few_colours else svg, alt)


def _framed(markup: str, *, sliced: bool = False) -> str:
    return f'<figure class="book-figure{" book-sliced" * sliced}">{markup}</figure>'


def show(fig: Figure, *, alt: str, close: bool = True, few_colours: bool = False) -> HTMLFigure:
    """Show a matplotlib figure with its alternative text; call it on the last line of a cell.

    The figure is closed afterwards, unless ``close`` is false, so that it is neither drawn twice
    nor kept in memory. ``alt`` and ``few_colours`` are those of :func:`figure_svg`.
    """
    svg = figure_svg(fig, alt, few_colours=few_colours)
    drawing = "d" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    windows = slices(fig, drawing)
    head, body = svg.split(">", 1)
    head = head.replace('style="', f'style="--least:{least_width(fig, fig.get_figwidth() * 72)}px;')
    if windows:
        body = f'<g id="{drawing}">{body.rstrip().removesuffix("</svg>")}</g></svg>'
    if close:
        plt.close(fig)
    return HTMLFigure(_framed(f"{head}>{body}{windows}", sliced=bool(windows)), checked_alt(alt))


def show_svg(svg: str, *, alt: str) -> HTMLFigure:
    """Show an SVG drawing with a ``viewBox``, such as a molecule, in the way of :func:`show`.

    Examples
    --------
    >>> figure = show_svg('<svg viewBox="0 0 1 1"></svg>', alt="A square with nothing in it.")
    >>> figure.html.startswith('<figure class="book-figure"><svg')
    True
    """
    alt = checked_alt(alt)
    if "<svg" not in svg:
        raise ValueError("The markup holds no <svg> element: pass the text of an SVG drawing.")
    return HTMLFigure(_framed(_inline(svg, alt)), alt)
