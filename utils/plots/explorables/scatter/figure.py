"""Networks as points, with any two measures on the axes: checks and markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.scatter import _drawing as drawing
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["scatter_figure"]

_LETTERS_IN_A_LINE = 44
_MOST_FAMILIES = len(drawing.MARKS)


def _measures(measures: Mapping[str, ArrayLike], cases: int, count: int) -> NDArray[np.float64]:
    """Return the values, shape (measures, cases, N), as they will be stored."""
    if len(measures) < 2:
        raise ValueError("A scatter figure got fewer than two measures: it has two axes.")
    arrays = []
    for name, values in measures.items():
        array = np.asarray(values, dtype=float)
        if array.shape != (cases, count):
            raise ValueError(
                f"The measure {name!r} has shape {array.shape}, but {cases} cases of {count} "
                f"networks need ({cases}, {count})."
            )
        if not np.isfinite(array).all() or array.min() <= 0:
            raise ValueError(
                f"The measure {name!r} must be positive and finite: the axes are logarithmic."
            )
        arrays.append(array)
    digits = [[float(f"{value:.6g}") for value in array.ravel()] for array in arrays]
    return np.reshape(digits, (len(arrays), cases, count))


def _filters(
    families: Sequence[str], filters: Mapping[str, ArrayLike], count: int
) -> dict[str, NDArray[np.intp]]:
    """Return which points each filter shows, those of single families at the end."""
    found = {"all": np.arange(count)}
    for name, values in filters.items():
        chosen = np.asarray(values)
        if chosen.dtype != bool or chosen.shape != (count,) or chosen.sum() < 2:
            raise ValueError(
                f"The filter {name!r} needs {count} truth values, two of them true at least."
            )
        found[name] = np.flatnonzero(chosen)
    for family in dict.fromkeys(families):
        found[family] = np.flatnonzero([own == family for own in families])
    return {name: rows for name, rows in found.items() if len(rows) > 1}


def _centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks less their mean; equal values share the mean of theirs."""
    below = (values[:, None] > values).sum(1)
    equal = (values[:, None] == values).sum(1)
    return below + (equal - 1) / 2 - (len(values) - 1) / 2


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Spearman's correlation; not a number where all values of one are equal."""
    x, y = _centred_ranks(first), _centred_ranks(second)
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size else float("nan")


def _first(values: NDArray[np.float64], names: Sequence[str], most: bool) -> str:
    """Name the point of the smallest or the largest value, and count its equals.

    Examples
    --------
    >>> _first(np.array([3.0, 1.0, 3.0]), ["a", "b", "c"], True)
    'a and 1 more'
    """
    best = values.max() if most else values.min()
    found = np.flatnonzero(values == best)
    return names[found[0]] + (f" and {len(found) - 1} more" if len(found) > 1 else "")


def _sentence(
    values: NDArray[np.float64],
    measures: Sequence[str],
    most: Sequence[bool],
    names: Sequence[str],
    case: str,
) -> str:
    """Say what two measures, shape (2, N), make of the N points that are shown."""
    agree = _rank_correlation(*values)
    order = "not to be compared" if np.isnan(agree) else f"{agree:.2f}".replace("-", "−")
    firsts = [
        f"{'largest' if own else 'smallest'} value of {measure}: {_first(one, names, own)}"
        for one, measure, own in zip(values, measures, most, strict=True)
    ]
    return (
        f"{len(names)} networks, {case}. {firsts[0][:1].upper()}{firsts[0][1:]}; {firsts[1]}. "
        f"Rank correlation of the two measures: {order}."
    )


def _options(names: Sequence[str], start: int) -> str:
    return "".join(
        f'<option value="{i}"{" selected" * (i == start)}>{html.escape(name)}</option>'
        for i, name in enumerate(names)
    )


def scatter_figure(
    measures: Mapping[str, ArrayLike],
    cases: Sequence[str],
    names: Sequence[str],
    families: Sequence[str],
    solid: Sequence[bool],
    filters: Mapping[str, ArrayLike],
    *,
    solid_means: tuple[str, str],
    case: str,
    item: str,
    alt: str,
    across: int = 0,
    up: int = 1,
    start: int = 0,
    shown: int = 0,
    largest: Collection[str] = (),
) -> HTMLFigure:
    """Build a figure in which a reader holds two measures of the same networks side by side.

    The reader chooses a measure for each axis, in which case they were taken, and which networks
    are shown; a slider, or a click, names one. Whoever chooses for one axis the measure of the
    other exchanges the two: a measure against itself says nothing. The page says which network has
    the smallest value of each measure, or the largest where that is the better one, and computes
    the rank correlation of the two over what is shown (Spearman's, equal values with their mean
    rank). The axes are logarithmic and keep their ends when networks are hidden. Values are stored
    with six digits.

    Parameters
    ----------
    measures : Mapping[str, array_like]
        For each measure its values, shape (C, N), positive: C cases, N networks.
    cases : Sequence[str]
        C texts: where, or along what, the measures were taken.
    names, families : Sequence[str]
        N texts each: what a network is called, and what it is one of; at most seven families.
    solid : Sequence[bool]
        N truth values: whose marks are filled.
    filters : Mapping[str, array_like]
        What can be shown besides all networks and single families: N truth values each.
    solid_means : tuple[str, str]
        What a filled mark and a hollow one stand for.
    case, item : str
        The visible labels of what chooses the case and a network.
    alt : str
        Alternative text for the whole figure.
    across, up, start, shown : int, default 0, 1, 0 and 0
        The two measures, the case and the filter (0 is all) at first.
    largest : Collection[str], default ()
        The measures of which the largest value is the best one, for example an accuracy.

    Raises
    ------
    ValueError
        If shapes, names or the first state do not fit, or a value is not positive.

    Examples
    --------
    >>> figure = scatter_figure(
    ...     {"norm": [[0.1, 0.2]], "spread": [[0.4, 0.3]]}, ["rotation"], ["a", "b"], ["x", "x"],
    ...     [True, False], {}, solid_means=("upright", "turned"), case="along", item="Network",
    ...     alt="Two networks, of which each is the better one by one measure.",
    ... )
    >>> '<option value="1" selected>spread</option>' in figure.html
    True
    """
    alt = checked_alt(alt)
    count = len(names)
    kinds = list(dict.fromkeys(families))
    if count < 2 or not len(families) == len(solid) == count:
        raise ValueError(
            f"There are {count} names, {len(families)} families and {len(solid)} marks: give two "
            "networks or more, one of each for all."
        )
    if len(kinds) > _MOST_FAMILIES:
        raise ValueError(f"{len(kinds)} families: at most {_MOST_FAMILIES} have a mark.")
    values = _measures(measures, len(cases), count)
    rows = _filters(families, filters, count)
    words = list(measures)
    for word, number, most in (
        ("measure across", across, len(words)), ("measure upwards", up, len(words)),
        ("case", start, len(cases)), ("filter", shown, len(rows)),
    ):  # fmt: skip
        if not 0 <= number < most:
            raise ValueError(f"The figure starts at {word} {number}, outside its {most}.")

    if across == up:
        raise ValueError(f"Both axes start with {words[up]!r}: give them two measures.")
    if not set(largest) <= set(words):
        raise ValueError(
            f"largest names {sorted(set(largest) - set(words))}, but the measures are {words}."
        )

    which = [kinds.index(family) for family in families]
    first = values[[across, up], start]
    ends = [drawing.limits(one) for one in first]
    seen = list(rows.values())[shown]
    pair = [words[across], words[up]]
    sentence = _sentence(
        first[:, seen],
        pair,
        [word in largest for word in pair],
        [names[i] for i in seen],
        cases[start],
    )
    places = [drawing.place(x, y, *ends) for x, y in first.T]
    marks = "".join(
        drawing.mark(which[i], bool(solid[i]), drawing.STILL_COLOURS, places[i]) for i in seen
    )
    box = (
        f'<rect x="{drawing.LEFT}" y="{drawing.TOP}" width="{drawing.RIGHT - drawing.LEFT}" '
        f'height="{drawing.BOTTOM - drawing.TOP}" fill="none" stroke="currentColor"/>'
    )
    labels = [html.escape(word) for word in pair]
    inside = box + drawing.axes(ends[0], ends[1], labels) + marks
    cell = Cell("", f'<g transform="scale({SIDE / drawing.SIDE:.4f})">{inside}</g>', SIDE)
    lines = textwrap.wrap(sentence, _LETTERS_IN_A_LINE)
    legend = [(kind, drawing.mark(i, True, drawing.COLOURS)) for i, kind in enumerate(kinds)]
    for word, filled in zip(solid_means, (True, False), strict=True):  # a mark of no family
        legend.append((word, drawing.mark(0, filled, ("currentColor",))))
    return fill(
        __package__,
        prefix="scatter",
        still=still_of([cell], lines, alt),
        data={
            "measures": words,
            "largest": [word in largest for word in words],
            "cases": list(cases),
            "names": list(names),
            "values": values.tolist(),
            "families": which,
            "solid": [bool(own) for own in solid],
            "rows": [own.tolist() for own in rows.values()],
            "marks": drawing.MARKS,
            "colours": drawing.COLOURS,
            "box": [drawing.LEFT, drawing.RIGHT, drawing.TOP, drawing.BOTTOM],
            "side": drawing.SIDE,
        },
        alt=alt,
        text={
            "case": case,
            "item": item,
            "side": drawing.SIDE,
            "left": drawing.LEFT,
            "top": drawing.TOP,
            "wide": drawing.RIGHT - drawing.LEFT,
            "tall": drawing.BOTTOM - drawing.TOP,
            "last": count - 1,
            "start": int(seen[int(np.argmin(first[1, seen]))]),
        },
        markup={
            "across": _options(words, across),
            "up": _options(words, up),
            "cases": _options(list(cases), start),
            "filters": _options(list(rows), shown),
            "legend": "".join(
                f'<span><svg viewBox="-8 -8 16 16" aria-hidden="true">{drawn}</svg>'
                f"{html.escape(word)}</span>"
                for word, drawn in legend
            ),
        },
    )
