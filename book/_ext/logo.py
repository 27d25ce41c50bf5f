"""Draw the book's logo, light and dark, and its favicon as SVG.

A point, its orbit under the six rotations of a hexagon, and one fundamental
wedge: every orbit meets the wedge once, so the wedge stands for the quotient.
Run ``python book/_ext/logo.py`` to write the files into ``book/_static``.
"""

from __future__ import annotations

import math
from pathlib import Path

ORDER = 6
ACCENT = "#c2571a"
INK_LIGHT = "#33507a"
INK_DARK = "#a9c1e8"


def point(radius: float, angle: float) -> tuple[float, float]:
    """Return a point of the plane from its polar coordinates (degrees, y downwards)."""
    radians = math.radians(angle)
    return radius * math.cos(radians), -radius * math.sin(radians)


def hexagon(radius: float) -> str:
    """Return the corners of a regular hexagon as an SVG point list."""
    corners = (point(radius, 360 / ORDER * k) for k in range(ORDER))
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)


def wedge(radius: float) -> str:
    """Return the path of one fundamental wedge of the hexagon."""
    (x0, y0), (x1, y1) = point(radius, 0), point(radius, 360 / ORDER)
    return f"M0 0L{x0:.2f} {y0:.2f}L{x1:.2f} {y1:.2f}Z"


def draw(*, title: str, dot: float, line: float, spokes: bool, ink: str, dark: str) -> str:
    """Return the drawing as SVG text, 100 units wide.

    Parameters
    ----------
    title
        Name of the picture for screen readers.
    dot
        Radius of an orbit's point.
    line
        Width of the hexagon's outline.
    spokes
        Whether the borders of the other five wedges are drawn.
    ink
        Colour of the lines and of the other five points.
    dark
        The same colour for readers whose system is set to dark.

    Returns
    -------
    str
        A complete SVG document.
    """
    radius, orbit, angle = 46.0, 29.0, 21.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-50 -50 100 100" role="img">'
        f"<title>{title}</title>",
        "<style>"
        f".i{{fill:{ink}}}.l{{stroke:{ink};fill:none}}"
        f"@media (prefers-color-scheme:dark){{.i{{fill:{dark}}}.l{{stroke:{dark}}}}}"
        "</style>",
        f'<path d="{wedge(radius)}" fill="{ACCENT}" fill-opacity=".22"/>',
        f'<polygon class="l" points="{hexagon(radius)}" stroke-width="{line}" '
        'stroke-linejoin="round"/>',
    ]
    if spokes:
        ends = (point(radius, 360 / ORDER * k) for k in range(ORDER))
        path = "".join(f"M0 0L{x:.2f} {y:.2f}" for x, y in ends)
        parts.append(f'<path class="l" d="{path}" stroke-width="{line / 3:.2f}" opacity=".45"/>')
    for k in range(ORDER):
        x, y = point(orbit, angle + 360 / ORDER * k)
        look = f'fill="{ACCENT}"' if k == 0 else 'class="i"'
        size = dot * (1.3 if k == 0 else 1.0)
        parts.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{size:.2f}" {look}/>')
    return "".join([*parts, "</svg>\n"])


def write(folder: Path) -> list[Path]:
    """Write ``logo.svg``, ``logo-dark.svg`` and ``favicon.svg`` into a folder.

    Parameters
    ----------
    folder
        The folder, which must exist.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    title = "A point, its orbit of six, and one wedge of the hexagon"
    light, dark = INK_LIGHT, INK_DARK
    large, small = (4.2, 2.4, True), (7.5, 6.0, False)
    drawings = {}
    for name, (dot, line, spokes), ink, at_night in (
        ("logo.svg", large, light, light),
        ("logo-dark.svg", large, dark, dark),
        ("favicon.svg", small, light, dark),
    ):
        drawings[name] = draw(
            title=title, dot=dot, line=line, spokes=spokes, ink=ink, dark=at_night
        )
    for name, text in drawings.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in drawings]


if __name__ == "__main__":
    for path in write(Path(__file__).resolve().parent.parent / "_static"):
        print(path.name)
