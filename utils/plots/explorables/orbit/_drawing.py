"""Mirrors, orbits, beads and bars, as SVG: the first state, as the script draws it."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from utils.groups import FiniteGroup
from utils.plots.explorables._square import SIDE
from utils.plots.explorables.orbit._beads import Beads, colouring_of
from utils.plots.explorables.orbit._moves import MIRROR, classes, images, keepers, moves
from utils.plots.style import PALETTE

#: The plane: its height; how far from its centre distance 1, the rim and the mirrors' names are.
HIGH, UNIT, RIM, NAMES = 220, 82, 95, 109
#: The second drawing: how high it is, where the beads' centre is, and how far from it they are.
TALL, HUB, RING = 266, 62, 42
#: Small copies: first column and row, steps between them, distance and size of their beads.
SMALL = {"x": 144, "y": 30, "right": 27.5, "down": 32, "ring": 8, "size": 2.8}
#: Bars: left and right end, top, step from one to the next, least height of a class.
BARS = {"left": 114, "right": 204, "top": 150, "step": 6, "class": 14.5}
#: The colour of each of the beads' colours; the first is no more than an outline.
COLOURS = ("currentColor", PALETTE[1], PALETTE[0], PALETTE[2])
SHAPES = ("circle", "circle", "square", "diamond")


def spot(degrees: float, length: float, x: float, y: float) -> tuple[float, float]:
    """Return the place at some distance from a centre, in a direction; y grows downwards."""
    angle = math.radians(degrees)
    return x + length * math.cos(angle), y - length * math.sin(angle)


def line(degrees: float, length: float, centre: float, kept: bool) -> str:
    """Draw a mirror through a centre: dashed, or solid if it leaves the thing in place."""
    (x, y), (u, v) = (spot(degrees + turn, length, centre, centre) for turn in (0, 180))
    look = (
        f'stroke="{PALETTE[1]}" stroke-width="2.4"'
        if kept
        else 'stroke="currentColor" stroke-opacity="0.55" stroke-dasharray="4 4"'
    )
    return f'<path d="M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" fill="none" {look}/>'


def mark(colour: int, x: float, y: float, r: float, hollow: bool) -> str:
    """Draw a bead: each colour has a shape of its own; hollow beads show paper."""
    stroke = f'stroke="{COLOURS[colour]}" stroke-width="{2.6 if hollow and colour else 1.2}"'
    fill = f'fill="{"var(--book-paper, #fff)" if hollow or not colour else COLOURS[colour]}"'
    if SHAPES[colour] == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" {fill} {stroke}/>'
    half = r * (0.9 if SHAPES[colour] == "square" else 1.25)
    way = (
        f"M{x - half:.1f} {y - half:.1f}h{2 * half:.1f}v{2 * half:.1f}h{-2 * half:.1f}z"
        if SHAPES[colour] == "square"
        else f"M{x:.1f} {y - half:.1f}l{half:.1f} {half:.1f}l{-half:.1f} {half:.1f}"
        f"l{-half:.1f} {-half:.1f}z"
    )
    return f'<path d="{way}" {fill} {stroke}/>'


def text(x: float, y: float, words: str | int, anchor: str = "middle") -> str:
    """Write words into a drawing."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}">'
        f"{html.escape(str(words))}</text>"
    )


def plane(group: FiniteGroup, degrees: int, distance: int) -> str:
    """Draw the mirrors of a group, a point and its orbit; the distance is in hundredths."""
    elements, centre = moves(group), SIDE / 2
    kept = keepers(elements, degrees, distance)
    drawn = (
        f'<circle cx="{centre:g}" cy="{centre:g}" r="{RIM}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.35"/>'
    )
    for g, move in enumerate(elements):
        if move.kind == MIRROR:
            drawn += line(move.degrees, RIM, centre, g in kept)
            x, y = spot(move.degrees, NAMES, centre, centre)
            drawn += text(x, y + 4, f"{move.degrees}°")
    drawn += f'<circle cx="{centre:g}" cy="{centre:g}" r="2.5"/>'
    found = images(elements, degrees, distance)
    for image, count in reversed(found.items()):
        x, y = spot(image, distance * UNIT / 100, centre, centre)
        own = image == degrees
        drawn += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{11 if own else 8.5}" '
            f'fill="var(--book-paper, #fff)" stroke="{PALETTE[1 if own else 0]}" '
            f'stroke-width="{3 if own else 2}"/>{text(x, y + 4, count)}'
        )
    return drawn


def _polygon(places: Sequence[tuple[float, float]], width: float) -> str:
    """Join the places of beads."""
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f'<path d="M{way}z" fill="none" stroke="currentColor" stroke-width="{width}"/>'


def _ring(group: FiniteGroup, beads: Beads) -> str:
    """Draw the beads with their colours as numbers, and the mirrors that fix them."""
    n = group.degree
    places = [spot(360 * i / n, RING, HUB, HUB) for i in range(n)]
    drawn = _polygon(places, 1.2)
    drawn += "".join(
        line(move.degrees, HUB - 2, HUB, g in beads.keepers)
        for g, move in enumerate(moves(group))
        if move.kind == MIRROR
    )
    for colour, (x, y) in zip(beads.colouring, places, strict=True):
        drawn += mark(colour, x, y, 11, True) + text(x, y + 4, colour)
    return drawn


def _orbit(beads: Beads) -> str:
    """Draw all images of the colouring; a circle is around the colouring itself."""
    n, drawn = len(beads.colouring), text(SMALL["x"] - 14, 11, "its orbit", "start")
    for k, number in enumerate(beads.orbit):
        x, y = SMALL["x"] + SMALL["right"] * (k % 4), SMALL["y"] + SMALL["down"] * (k // 4)
        colouring = colouring_of(number, n, beads.colours)
        if colouring == beads.colouring:
            drawn += (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="none" stroke="{PALETTE[1]}" '
                'stroke-width="1.6"/>'
            )
        places = [spot(360 * i / n, SMALL["ring"], x, y) for i in range(n)]
        drawn += _polygon(places, 0.6)
        for colour, (u, v) in zip(colouring, places, strict=True):
            drawn += mark(colour, u, v, SMALL["size"], False)
    return drawn


def _bars(group: FiniteGroup, beads: Beads) -> str:
    """Draw for each element how many colourings it fixes; a dot if this is one of them."""
    left, right, most = BARS["left"], BARS["right"], beads.colours ** len(beads.colouring)
    drawn = text(0, BARS["top"] - 9, "Colourings that each element fixes", "start")
    top = BARS["top"]
    for name, members in classes(group):
        height = max(BARS["class"], BARS["step"] * len(members) + 2.5)
        middle, count = top + height / 2, beads.fixed[members[0]]
        for k, g in enumerate(members):
            y = middle + BARS["step"] * (k - (len(members) - 1) / 2)
            kept = g in beads.keepers
            drawn += (
                f'<rect x="{left}" y="{y - 2:.1f}" '
                f'width="{max(1, (right - left) * count / most):.1f}" height="4" '
                f'fill="{PALETTE[1 if kept else 0]}"/>'
            )
            if kept:
                drawn += f'<circle cx="{left - 5}" cy="{y:.1f}" r="2.2" fill="{PALETTE[1]}"/>'
        drawn += text(0, middle + 4, name, "start") + text(right + 5, middle + 4, count, "start")
        top += height
    mean = sum(beads.fixed) / len(beads.fixed)
    x = left + (right - left) * mean / most
    return (
        f'{drawn}<path d="M{x:.1f} {BARS["top"] - 4}V{top + 3:.1f}" fill="none" '
        f'stroke="currentColor" stroke-dasharray="3 2"/>{text(x, top + 14, f"mean {mean:g}")}'
    )


def necklace(group: FiniteGroup, beads: Beads) -> str:
    """Draw beads, the orbit of their colouring, and what each element fixes."""
    return _ring(group, beads) + _orbit(beads) + _bars(group, beads)
