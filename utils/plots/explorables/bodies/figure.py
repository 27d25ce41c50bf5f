"""A figure of bodies that a reader drags: what it needs, its checks and its markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.bodies._drawing import (
    BOX,
    POWERS,
    TALL,
    curve,
    frame,
    radius,
    scene,
    thinned,
)
from utils.plots.explorables.bodies._motion import Law, drifts, features, motion
from utils.plots.explorables.bodies.laws import FEATURES, PointNetwork, SpringLaw
from utils.plots.figure import HTMLFigure, checked_alt
from utils.plots.style import PALETTE

__all__ = ["bodies_figure"]

_GRID = 20  # places from the middle of the square to its edge
_EDGE = 18  # so far may a body be put
#: Under the first a quantity is kept to rounding, under the second up to the integrator.
_KEPT = (1e-12, 1e-6)
_LETTERS_IN_A_LINE = 70
_MOST_STEPS = 1000


def _law(given: SpringLaw | PointNetwork, count: int) -> Law:
    """Check what forces are given by."""

    def array(word: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return numbers as an array of a given shape, or say what has another."""
        found = np.asarray(value, dtype=float)
        if found.shape != shape or not np.isfinite(found).all():
            raise ValueError(
                f"The {word} of {given.name!r} must be finite and of shape {shape} for {count} "
                f"bodies, but have shape {found.shape}."
            )
        return found

    if isinstance(given, SpringLaw):
        stiffness = array("stiffness", given.stiffness, (count, count))
        anchors = np.zeros(count) if given.anchors is None else given.anchors
        return Law(given.name, "springs", (stiffness, array("anchors", anchors, (count,))))
    if given.inputs not in FEATURES:
        raise ValueError(
            f"The network {given.name!r} sees {given.inputs!r}: choose one of {list(FEATURES)}."
        )
    units = len(np.asarray(given.hidden))
    hidden = array("hidden weights", given.hidden, (units, features(given.inputs, count)))
    bias, out = (array(w, v, (units,)) for w, v in (("bias", given.bias), ("out", given.out)))
    return Law(given.name, given.inputs, (hidden, bias, out))


def written(value: float) -> str:
    """Write a drift as the script does.

    Examples
    --------
    >>> [written(x) for x in (0.0, 3.4e-16, 6.01e-8, 0.0123, 0.347, 1.26)]
    ['0', '3e-16', '6e-8', '0.012', '0.35', '1.3']
    """
    if value == 0:
        return "0"
    if value < 1e-3:
        digits, power = f"{value:.0e}".split("e")
        return f"{digits}e{int(power)}"
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}" if value < 0.995 else f"{value:.1f}"


def _fate(value: float) -> str:
    """Say whether something is kept."""
    rounding, integrator = _KEPT
    word = (
        "kept to rounding"
        if value < rounding
        else "kept up to the integrator"
        if value < integrator
        else "lost"
    )
    return f"{word} (drift {written(value)})"


def said(law: Law, momentum: float, angular: float) -> str:
    """Say what the forces keep."""
    return f"{law.name}: momentum {_fate(momentum)}, angular momentum {_fate(angular)}."


def bodies_figure(
    laws: Sequence[SpringLaw | PointNetwork],
    positions: ArrayLike,
    momenta: ArrayLike,
    masses: ArrayLike,
    *,
    reach: float,
    alt: str,
    time: float = 10.0,
    step: float = 0.02,
    start: int = 0,
) -> HTMLFigure:
    """Build a figure in which a reader drags bodies and sees whether P and L are kept.

    The reader chooses what the forces come from, drags the bodies to where they start, and moves
    the time. The page itself computes their way with the method of Runge and Kutta of order four,
    in double precision, and draws how far total momentum and angular momentum get away from their
    first values, in units of sum ``|p_i|`` and of sum ``|q_i| |p_i|`` at the start.

    Parameters
    ----------
    laws : Sequence[SpringLaw | PointNetwork]
        What the reader chooses from.
    positions, momenta : array_like
        Shape (n, 2): where the bodies start, and with which momenta.
    masses : array_like
        Shape (n,), positive.
    reach : float
        The square goes from ``-reach`` to ``reach`` both ways.
    alt : str
        Alternative text for the whole figure.
    time, step : float, default 10 and 0.02
        How long the bodies move, and the step of the integrator.
    start : int, default 0
        The law shown first.

    Raises
    ------
    ValueError
        If numbers, shapes or the first state do not fit.

    Notes
    -----
    If a potential does not change when all bodies are moved alike, its forces add up to zero and
    P stays as it is; if it does not change when all are turned about the origin, their torques do,
    and L stays (Noether). Momentum is linear, so the integrator keeps it to rounding; angular
    momentum is a product, which it keeps only up to its error.
    """
    alt = checked_alt(alt)
    q, p = np.asarray(positions, dtype=float), np.asarray(momenta, dtype=float)
    m = np.asarray(masses, dtype=float)
    count = len(q) if q.ndim else 0
    if q.shape != (count, 2) or p.shape != q.shape or m.shape != (count,) or count < 2:
        raise ValueError(
            f"Positions, momenta and masses have shapes {q.shape}, {p.shape} and {m.shape}: give "
            "(n, 2), (n, 2) and (n,) for two bodies or more."
        )
    if not (np.isfinite(q).all() and np.isfinite(p).all() and np.isfinite(m).all() and m.min() > 0):
        raise ValueError("Positions and momenta must be finite, and masses positive.")
    if not (np.isfinite(reach) and np.abs(q).max() <= _EDGE / _GRID * reach):
        raise ValueError(
            f"With reach {reach} bodies start within {_EDGE / _GRID * reach:g} of the middle, but "
            f"one is at {np.abs(q).max():g}."
        )
    steps = round(time / step) if step > 0 else 0
    if not 1 <= steps <= _MOST_STEPS or abs(steps * step - time) > 1e-9 * time:
        raise ValueError(
            f"A time of {time} in steps of {step}: give from 1 to {_MOST_STEPS} whole steps."
        )
    if not laws:
        raise ValueError("A figure of bodies got no laws: give it at least one.")
    if not 0 <= start < len(laws):
        raise ValueError(f"The figure starts at {start}, outside its {len(laws)} laws.")
    checked = [_law(law, count) for law in laws]

    places, pushes = motion(checked[start], q, p, m, step, steps)
    momentum, angular = drifts(places, pushes)
    sentence = said(checked[start], float(momentum.max()), float(angular.max()))
    scale = SIDE / (2 * reach)
    on_square = SIDE / 2 + places * (scale, -scale)
    until = f"{time:g}"
    lines = "".join(
        f'<path d="{curve(drift)}" fill="none" stroke="{colour}" stroke-width="2" '
        f'stroke-dasharray="{dash}"/>'
        for drift, colour, dash in ((momentum, PALETTE[0], ""), (angular, PALETTE[1], "5 3"))
    )
    seen = f'<svg viewBox="0 0 {SIDE} {SIDE}">{scene(on_square, m, thinned(steps))}</svg>'
    cells = [
        Cell("ways of the bodies", seen.replace(">", f' width="{SIDE}" height="{SIDE}">', 1), SIDE),
        Cell("drift", frame(until) + lines, TALL),
    ]
    return fill(
        __package__,
        prefix="bodies",
        still=still_of(cells, textwrap.wrap(sentence, _LETTERS_IN_A_LINE), alt),
        data={
            "reach": reach,
            "side": SIDE,
            "grid": _GRID,
            "step": step,
            "steps": steps,
            "kept": _KEPT,
            "box": BOX,
            "powers": POWERS,
            "drawn": thinned(steps).tolist(),
            "colours": [PALETTE[i % len(PALETTE)] for i in range(count)],
            "radii": [round(radius(mass, m), 1) for mass in m],
            "masses": m.tolist(),
            "positions": q.tolist(),
            "momenta": p.tolist(),
            "laws": [_stored(law) for law in checked],
        },
        alt=alt,
        text={"side": SIDE, "tall": TALL, "steps": steps, "edge": _EDGE},
        markup={
            "frame": frame(until),
            "options": "".join(
                f'<option value="{i}"{" selected" * (i == start)}>{html.escape(law.name)}</option>'
                for i, law in enumerate(checked)
            ),
            "bodies": "".join(
                f'<option value="{i}">{i + 1}, mass {mass:g}</option>' for i, mass in enumerate(m)
            ),
        },
    )


def _stored(law: Law) -> dict[str, Any]:
    """Return what the script needs of a law."""
    words = ("stiffness", "anchors") if law.kind == "springs" else ("hidden", "bias", "out")
    numbers = {word: array.tolist() for word, array in zip(words, law.numbers, strict=True)}
    return {"name": law.name, "kind": law.kind} | numbers
