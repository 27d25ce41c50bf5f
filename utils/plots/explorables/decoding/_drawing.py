"""Molecules on fixed places, and numbers on a line with one stretch of it enlarged, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables.decoding._sweep import HOLDS, Sweep, names
from utils.plots.style import PALETTE

#: Height of the drawing of a molecule and of that of the numbers.
TALL, DEEP = 184, 182
CHOSEN, CHANGED = PALETTE[0], PALETTE[1]
LEFT, RIGHT = 10, SIDE - 10  # where both number lines begin and end
LABELS, DOTS = 11, 32  # of all numbers: the letters' ground line, and the line itself
TOP, BASE = 72, 132  # of the enlarged stretch
NEAR, ENDS = 155, 176  # below it: names of other atoms, and numbers
#: What the script needs of these.
FRAME = (LEFT, RIGHT, LABELS, DOTS, TOP, BASE, NEAR, ENDS)
MOST = 6  # so many differences, or more, are drawn as high as can be
DISC = 11.5
_ROOM = 15.0  # how far a bond keeps from atoms that are not its ends
_MARGIN = 17
_LARGEST = 44.0  # units of the drawing to one of the places
_LETTER_GAP = 17.5
_BENDS = tuple(sign * bend for bend in range(0, 121, 12) for sign in (1, -1))
APART = 4.6  # the lines of a double bond


def fitted(places: NDArray[np.floating]) -> NDArray[np.floating]:
    """Place atoms, shape (n, 2), on the drawing of a molecule, with one scale for both axes.

    Examples
    --------
    >>> fitted(np.array([[0.0, 0.0], [1.0, 0.0]])).tolist()
    [[98.0, 92.0], [142.0, 92.0]]
    """
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array([SIDE, TALL]) - 2 * _MARGIN
    scale = min(_LARGEST, *(room / np.maximum(high - low, 1e-9)))
    centred = (places - (low + high) / 2) * scale
    return np.column_stack([SIDE / 2 + centred[:, 0], TALL / 2 - centred[:, 1]])


def bends(points: NDArray[np.floating]) -> list[int]:
    """Return how far the bond of each pair is bent so that it passes no other atom.

    The bends are those of the control points of quadratic curves, in units of the drawing and to
    the left of the way from the first atom; the smallest that does is taken.
    """
    t = np.linspace(0, 1, 21)[1:-1, None]
    found = []
    for i, j in zip(*np.triu_indices(len(points), 1), strict=True):
        begin, end = points[i], points[j]
        others = np.delete(points, [i, j], axis=0)
        middle, normal = _axis(begin, end)
        best, most = 0, -np.inf
        for bend in _BENDS:
            curve = (1 - t) ** 2 * begin + t**2 * end + 2 * t * (1 - t) * (middle + bend * normal)
            gaps = np.linalg.norm(curve[:, None] - others[None], axis=-1)
            inside = np.minimum(curve, [SIDE, TALL] - curve).min()
            room = min(float(gaps.min(initial=np.inf)), inside + _ROOM - 4)
            if room > most + 1e-9:
                best, most = bend, room
            if most >= _ROOM:
                break
        found.append(best)
    return found


def _axis(
    begin: NDArray[np.floating], end: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the middle of two points and the unit normal of the way between them."""
    step = (end - begin) / max(float(np.linalg.norm(end - begin)), 1e-9)
    return (begin + end) / 2, np.array([-step[1], step[0]])


def bond_path(
    begin: NDArray[np.floating], end: NDArray[np.floating], bend: float, order: int
) -> str:
    """Return as many curves beside one another as a bond has lines."""
    middle, normal = _axis(begin, end)
    drawn = ""
    for line in range(order):
        aside = normal * (line - (order - 1) / 2) * APART
        a, c, b = begin + aside, middle + bend * normal + aside, end + aside
        drawn += f"M{a[0]:.1f} {a[1]:.1f}Q{c[0]:.1f} {c[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    return drawn


def molecule(
    points: NDArray[np.floating], bent: Sequence[int], sweep: Sweep, atom: int, t: int
) -> str:
    """Draw what is decoded, with marks where it is not the molecule."""
    kinds, orders = sweep.found.atoms[t], sweep.found.bonds[t]
    base = sweep.found.bonds[sweep.own]
    new, _ = (one[t] for one in sweep.differing())
    drawn = ""
    for k, (i, j) in enumerate(zip(*np.triu_indices(len(points), 1), strict=True)):
        order = orders[k] or base[k]
        if not order:
            continue
        if orders[k] == base[k]:
            stroke = 'stroke="currentColor" stroke-width="1.8"'
        elif orders[k]:
            stroke = f'stroke="{CHANGED}" stroke-width="2.6" stroke-dasharray="6 3"'
        else:
            stroke = f'stroke="{CHANGED}" stroke-width="2" stroke-dasharray="1.5 4.5"'
        path = bond_path(points[i], points[j], bent[k], int(order))
        drawn += f'<path d="{path}" fill="none" {stroke}/>'
    for slot, (x, y) in enumerate(points):
        at = f'cx="{x:.1f}" cy="{y:.1f}"'
        ring = f'stroke="{CHOSEN}" stroke-width="2.4"' if slot == atom else ""
        drawn += f'<circle {at} r="{DISC}" fill="var(--book-paper,#fff)" {ring}/>'
        if new[slot]:
            drawn += (
                f'<circle {at} r="{DISC + 3}" fill="none" stroke="{CHANGED}" '
                f'stroke-width="2.4" stroke-dasharray="4 2.5"/>'
            )
        drawn += (
            f'<text x="{x:.1f}" y="{y + 4.3:.1f}" font-size="12.5" text-anchor="middle">'
            f"{symbol(int(kinds[slot]))}{slot + 1}</text>"
        )
    return drawn


def symbol(kind: int) -> str:
    """Return the letter of what a slot holds; an empty one has a stroke."""
    return HOLDS[kind] if kind < len(HOLDS) - 1 else "–"


def spread(
    wanted: NDArray[np.floating], low: float, high: float, gap: float = _LETTER_GAP
) -> NDArray[np.floating]:
    """Move places apart as little as it takes, in squares, until no two are nearer than the gap.

    Examples
    --------
    >>> spread(np.array([5.0, 2.0, 30.0]), 0.0, 40.0, gap=10.0).tolist()
    [10.0, 0.0, 30.0]
    """
    order = np.argsort(wanted, kind="stable")
    level = wanted[order] - gap * np.arange(len(wanted))
    # Less the gaps, the places have to ascend: neighbours that do not are put at their mean.
    blocks: list[list[float]] = []
    for value in level:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks.pop(-2), blocks.pop()
            blocks.append([(a * m + b * n) / (m + n), m + n])
    flat = np.concatenate([np.full(int(size), mean) for mean, size in blocks])
    flat = np.clip(flat, low, max(low, high - gap * (len(wanted) - 1)))
    moved = np.empty(len(wanted))
    moved[order] = flat + gap * np.arange(len(wanted))
    return moved


def line_places(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    """Return where numbers lie on a line from ``low`` to ``high``."""
    return LEFT + (RIGHT - LEFT) * (np.asarray(values, dtype=float) - low) / (high - low)


def near(code: NDArray[np.floating], atom: int, reach: float) -> list[list[float]]:
    """Return which other numbers lie in the enlarged stretch, where, and where their names go."""
    others = [j for j in range(len(code)) if j != atom and abs(code[j] - code[atom]) < reach]
    if not others:
        return []
    own = float(code[atom])
    at = line_places(code[others], own - reach, own + reach)
    letters = spread(at, LEFT, RIGHT)
    return [
        [j, round(x, 1), round(z, 1)]
        for j, x, z in zip(others, at.tolist(), letters.tolist(), strict=True)
    ]


def numbers(
    code: NDArray[np.floating],
    letters: NDArray[np.floating],
    span: tuple[float, float],
    sweep: Sweep,
    atom: int,
    t: int,
    width: float,
    reach: float,
) -> str:
    """Draw all numbers of a code, and below them the stretch of one of them, enlarged."""
    called = names(sweep.found.atoms[sweep.own])
    ink = 'stroke="currentColor" fill="none"'
    at = line_places(code, *span)
    own = float(code[atom])
    drawn = f'<path d="M{LEFT} {DOTS}H{RIGHT}" {ink} stroke-opacity="0.5"/>'
    for i, (x, z) in enumerate(zip(at, letters, strict=True)):
        mark = 'font-weight="bold" text-decoration="underline"' if i == atom else ""
        drawn += (
            f'<path d="M{x:.1f} {DOTS}L{z:.1f} {LABELS + 3}" {ink} stroke-opacity="0.4"/>'
            f'<circle cx="{x:.1f}" cy="{DOTS}" r="3.2" fill="var(--book-paper,#fff)" '
            f'stroke="currentColor" stroke-width="1.4"/>'
            f'<text x="{z:.1f}" y="{LABELS}" font-size="11.5" text-anchor="middle" {mark}>'
            f"{called[i]}</text>"
        )
    low, high = line_places(np.array([own - reach, own + reach]), *span)
    drawn += (
        f'<path d="M{LEFT} {TOP - 16}L{low:.1f} {DOTS + 6}H{high:.1f}L{RIGHT} {TOP - 16}" {ink} '
        f'stroke-opacity="0.4"/>'
    )
    (shown,) = line_places(sweep.values[[t]], *span)
    drawn += f'<circle cx="{shown:.1f}" cy="{DOTS}" r="4.2" fill="{CHOSEN}"/>'

    x = line_places(sweep.values, own - reach, own + reach)
    one = (RIGHT - LEFT) * width / (2 * reach)
    centre = float(x[sweep.own])
    drawn += (
        f'<rect x="{centre - one:.1f}" y="{TOP}" width="{2 * one:.1f}" '
        f'height="{BASE - TOP}" fill="{CHOSEN}" fill-opacity="0.22"/>'
    )
    drawn += runs(sweep, x)
    drawn += f'<path d="M{LEFT} {BASE}H{RIGHT}" {ink} stroke-opacity="0.6"/>'
    for j, place, letter in near(code, atom, reach):
        drawn += (
            f'<path d="M{place:.1f} {BASE}v6L{letter:.1f} {NEAR - 11}" {ink} stroke-opacity="0.6"/>'
            f'<text x="{letter:.1f}" y="{NEAR}" font-size="11.5" text-anchor="middle">'
            f"{called[int(j)]}</text>"
        )
    for value, where, anchor in ((own - reach, 2, "start"), (own, centre, "middle"),
                                 (own + reach, SIDE - 2, "end")):  # fmt: skip
        text = f"{value:.2f}".replace("-", "−")
        drawn += f'<text x="{where:.1f}" y="{ENDS}" font-size="11.5" text-anchor="{anchor}">'
        drawn += f"{text}</text>"
    return drawn + (
        f'<path d="M{x[t]:.1f} {TOP - 6}V{BASE}" stroke="{CHOSEN}" stroke-width="1.6"/>'
        f'<circle cx="{x[t]:.1f}" cy="{TOP - 8}" r="7" fill="{CHOSEN}" '
        f'stroke="var(--book-paper,#fff)" stroke-width="1.5"/>'
    )


def runs(sweep: Sweep, x: NDArray[np.floating]) -> str:
    """Draw equal graphs in a row as one bar, as high as they differ from the molecule.

    A bar reaches half of the way to the next value on either side. One of the molecule itself is a
    stroke at the bottom, and one of a graph that is not valid is hollow.
    """
    graphs = [sweep.found.written(i) for i in range(len(x))]
    atoms, bonds = sweep.differing()
    differ = atoms.sum(axis=1) + bonds.sum(axis=1)
    edges = [x[0], *(x[1:] + x[:-1]) / 2, x[-1]]
    cuts = [i for i in range(len(x)) if not i or graphs[i] != graphs[i - 1]]
    drawn = ""
    for begin, end in zip(cuts, [*cuts[1:], len(x)], strict=True):
        left, wide = edges[begin], edges[end] - edges[begin]
        if not differ[begin]:
            drawn += (
                f'<rect x="{left:.1f}" y="{BASE - 5}" width="{wide:.1f}" height="5" '
                f'fill="{CHOSEN}"/>'
            )
            continue
        high = (BASE - TOP) * min(int(differ[begin]), MOST) / MOST
        look = 'fill-opacity="0.4"' if sweep.found.valid[begin] else 'fill="none"'
        drawn += (
            f'<rect x="{left + 0.4:.1f}" y="{BASE - high:.1f}" width="{max(wide - 0.8, 0.6):.1f}" '
            f'height="{high:.1f}" {look} stroke="currentColor" stroke-width="0.6"/>'
        )
    return drawn
