"""A figure of bars that a slider and two lists move: what it needs, its checks and its markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.bars._chart import (
    COLOURS,
    FLOOR,
    HEIGHT,
    TALL,
    Axis,
    Bar,
    chart,
    rounded_up,
)
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["Measure", "bars_figure"]

_LETTERS_IN_A_LINE = 70
_SMALL = 0.0995  # from here down a number has three decimals


@dataclass(frozen=True, eq=False)
class Measure:
    """A group of bars with an axis of their own.

    Attributes
    ----------
    title : str
        What was measured, for example ``"relative Lie derivative"``.
    bars : Sequence[str]
        The names of its bars, for example ``("x", "y", "z")``; one bar may have the name ``""``.
    values : Mapping[str, array_like]
        For each thing that a reader chooses, shape (T, bars, seeds): T positions of the slider. NaN
        stands for a run that was not made.
    line : float, optional
        A line across the bars. Bars with a mean under it have another colour.
    below : str, optional
        What is said of the bars under the line, before their names; for example ``"kept about"``.
    """

    title: str
    bars: Sequence[str]
    values: Mapping[str, ArrayLike]
    line: float | None = None
    below: str = ""


def _shown(value: float) -> str:
    """Write a number as it stands over its bar.

    Examples
    --------
    >>> _shown(0.0153), _shown(0.784)
    ('0.015', '0.78')
    """
    return f"{value:.3f}" if abs(value) < _SMALL else f"{value:.2f}"


def _checked(
    measures: Sequence[Measure], steps: int
) -> tuple[list[str], list[dict[str, NDArray[np.floating]]]]:
    """Return what can be chosen, and the values of each measure."""
    if not measures:
        raise ValueError("A figure of bars got no measures: give it at least one.")
    names = list(measures[0].values)
    if not names:
        raise ValueError(f"The measure {measures[0].title!r} has no values to choose from.")
    found = []
    for measure in measures:
        if list(measure.values) != names:
            raise ValueError(
                f"The measure {measure.title!r} has values of {list(measure.values)}, the first "
                f"one of {names}: give the same for all."
            )
        if not measure.bars:
            raise ValueError(f"The measure {measure.title!r} has no bars.")
        arrays = {name: np.asarray(value, dtype=float) for name, value in measure.values.items()}
        for name, array in arrays.items():
            if array.ndim != 3 or array.shape[:2] != (steps, len(measure.bars)):
                raise ValueError(
                    f"The measure {measure.title!r} of {name!r} has shape {array.shape}, but there "
                    f"are {steps} positions and {len(measure.bars)} bars: give shape "
                    f"({steps}, {len(measure.bars)}, seeds)."
                )
            if np.isinf(array).any() or (array < 0).any():
                raise ValueError(
                    f"The measure {measure.title!r} of {name!r} has values that are negative or "
                    "infinite: bars begin at zero. Give NaN where there is no run."
                )
        if measure.line is not None and not measure.line > 0:
            raise ValueError(f"The line of {measure.title!r} is at {measure.line}, not above zero.")
        if measure.below and measure.line is None:
            raise ValueError(f"The measure {measure.title!r} says what is below, but has no line.")
        found.append(arrays)
    return names, found


def _bars(measure: Measure, values: NDArray[np.floating]) -> list[Bar]:
    """Return the bars of one state, from values of shape (bars, seeds)."""
    found = []
    for row in values:
        seeds = tuple(float(value) for value in row[np.isfinite(row)])
        mean = float(np.mean(seeds)) if seeds else None
        colour = COLOURS[2]
        if measure.line is not None and mean is not None:
            colour = COLOURS[int(mean >= measure.line)]
        found.append(Bar(mean, "–" if mean is None else _shown(mean), seeds, colour))
    return found


def _sentence(name: str, measures: Sequence[Measure], groups: Sequence[Sequence[Bar]]) -> str:
    """Say what the chart of one thing shows in one state."""
    if all(bar.mean is None for group in groups for bar in group):
        return f"{name}: not run."
    told, verdicts = [], ""
    for measure, group in zip(measures, groups, strict=True):
        numbers = ", ".join(
            f"{bar} {drawn.shown}".strip() for bar, drawn in zip(measure.bars, group, strict=True)
        )
        told.append(f"{measure.title} {numbers}")
        if measure.below and measure.line is not None:
            under = [
                bar
                for bar, drawn in zip(measure.bars, group, strict=True)
                if drawn.mean is not None and drawn.mean < measure.line
            ]
            known = any(drawn.mean is not None for drawn in group)
            verdicts += f" {measure.below} {', '.join(under) or 'none'}." if known else ""
    return f"{name}: {'; '.join(told)}.{verdicts}"


def bars_figure(
    measures: Sequence[Measure],
    labels: Sequence[str],
    *,
    control: str,
    choice: str,
    alt: str,
    chosen: tuple[str, str] | None = None,
    start: int = 0,
) -> HTMLFigure:
    """Build a figure of two charts side by side: bars of means, and one dot for each seed.

    A slider moves both; over each, a list chooses what is shown. All states share their axes, so
    that heights can be compared.

    Parameters
    ----------
    measures : Sequence[Measure]
        The groups of bars, from left to right.
    labels : Sequence[str]
        T readings of the slider, for example ``"0.25"``.
    control, choice : str
        What the slider and the lists change: their visible labels.
    alt : str
        Alternative text for the whole figure.
    chosen : tuple of str, optional
        What the two charts show first; by default the first two that the measures name.
    start : int, default 0
        The first position of the slider.

    Raises
    ------
    ValueError
        If the values do not fit the bars, the positions and one another.
    """
    alt = checked_alt(alt)
    steps = len(labels)
    if not 0 <= start < steps:
        raise ValueError(f"The slider starts at {start}, outside its {steps} positions.")
    names, values = _checked(measures, steps)
    first = (names[0], names[min(1, len(names) - 1)]) if chosen is None else tuple(chosen)
    if len(first) != 2 or not set(first) <= set(names):
        raise ValueError(f"The two charts start with {first}: give two of {names}.")
    axes, seeds = [], 1
    for measure, arrays in zip(measures, values, strict=True):
        everything = np.concatenate([array.ravel() for array in arrays.values()])
        known = everything[np.isfinite(everything)]
        top = max([measure.line or 0.0, *known])
        axes.append(Axis(measure.title, tuple(measure.bars), rounded_up(top), measure.line))
        seeds = max(seeds, *(array.shape[2] for array in arrays.values()))
    states = []
    for name in names:
        for step in range(steps):
            groups = [
                _bars(measure, arrays[name][step])
                for measure, arrays in zip(measures, values, strict=True)
            ]
            drawn = [bar for group in groups for bar in group]
            states.append((drawn, _sentence(name, measures, groups)))

    def state(name: str) -> tuple[list[Bar], str]:
        """Return the bars of a method at the first place of the slider, and their words."""
        return states[names.index(name) * steps + start]

    head = f'font-size="14" fill="currentColor" stroke="none" viewBox="0 0 {SIDE} {HEIGHT}"'
    charts = [f"<g>{chart(axes, state(name)[0], seeds)}</g>" for name in first]
    style = 'fill="var(--book-paper, #fff)" stroke="currentColor" stroke-width="1.2"'
    still = [
        Cell(name, drawing.replace('class="book-seed"', style), HEIGHT)
        for name, drawing in zip(first, charts, strict=True)
    ]
    told = [line for name in first for line in textwrap.wrap(state(name)[1], _LETTERS_IN_A_LINE)]
    return fill(
        __package__,
        prefix="bars",
        still=still_of(still, [f"{control}: {labels[start]}", *told], alt),
        data={
            "labels": list(labels),
            "floor": FLOOR,
            "tall": TALL,
            "tops": [axis.top for axis in axes for _ in axis.names],
            "states": [
                {
                    "said": said,
                    "bars": [
                        [bar.mean, bar.shown, bar.colour, [float(f"{s:.4g}") for s in bar.seeds]]
                        for bar in drawn
                    ],
                }
                for drawn, said in states
            ],
        },
        alt=alt,
        text={
            "control": control,
            "choice": choice,
            "last": steps - 1,
            "start": start,
            "reading": labels[start],
        },
        markup={
            "head": head,
            "left": charts[0],
            "right": charts[1],
            "lefts": _options(names, first[0]),
            "rights": _options(names, first[1]),
        },
    )


def _options(names: Sequence[str], chosen: str) -> str:
    return "".join(
        f'<option value="{i}"{" selected" * (name == chosen)}>{html.escape(name)}</option>'
        for i, name in enumerate(names)
    )
