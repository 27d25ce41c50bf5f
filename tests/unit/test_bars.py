"""The figure of bars with a dot for each seed: its heights, its sentences, what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from utils.plots import Measure, bars_figure
from utils.plots.explorables.bars._chart import at, rounded_up

ALT = "Two charts of bars, which a slider moves."


def runs(**changes):
    lie = {"plain": np.full((2, 3, 3), 0.6), "<exact>": np.zeros((2, 3, 3))}
    lie["plain"][1] = [[0.9, 0.92, 0.94], [0.9, 0.9, 0.9], [0.01, 0.02, np.nan]]
    error = {"plain": [[[0.35, 0.37, 0.36]], [[0.13, 0.13, 0.14]]],
             "<exact>": [[[0.0153, np.nan, np.nan]], [[np.nan] * 3]]}  # fmt: skip
    arguments = {
        "measures": [
            Measure("Lie derivative", ("x", "y", "z"), lie, line=0.1, below="Left:"),
            Measure("test error", ("",), error),
        ],
        "labels": ["0", "1"],
        "control": "field",
        "choice": "method",
        "alt": ALT,
    }
    return arguments | changes


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)


def test_states_have_means_seeds_colours_and_a_sentence():
    data = stored(bars_figure(**runs()))
    plain, broken, exact, _ = data["states"]
    assert [bar[1] for bar in broken["bars"]] == ["0.92", "0.90", "0.015", "0.13"]
    assert broken["bars"][0][0] == pytest.approx(0.92)
    assert [len(bar[3]) for bar in broken["bars"]] == [3, 3, 2, 3]
    blue, orange, grey = "#3a7bd5", "#d9730d", "#7f7f7f"
    assert [bar[2] for bar in broken["bars"]] == [orange, orange, blue, grey]
    assert (
        plain["said"]
        == "plain: Lie derivative x 0.60, y 0.60, z 0.60; test error 0.36. Left: none."
    )
    assert broken["said"].endswith("test error 0.13. Left: z.")
    assert exact["said"].endswith("test error 0.015. Left: x, y, z.")
    assert data["tops"] == [1.0, 1.0, 1.0, 0.4]


def test_what_was_not_run_is_said():
    data = stored(bars_figure(**runs()))
    assert data["states"][3]["said"].endswith("test error –. Left: x, y, z.")
    none = Measure("slope", ("a",), {"other": [[[np.nan]]], "one": [[[1.0]]]}, line=2, below="Low:")
    told = [s["said"] for s in stored(bars_figure(**runs(measures=[none], labels=["0"])))["states"]]
    assert told == ["other: not run.", "one: slope a 1.00. Low: a."]


def test_a_figure_of_bars_says_what_can_be_operated_and_starts_as_told():
    markup = bars_figure(**runs(chosen=("<exact>", "plain"), start=1)).html
    labels = dict(re.findall(r'<label for="[^"]*-(\w+)">([^<]*)</label>', markup))
    assert labels == {"left": "method", "right": "beside it", "range": "field"}
    assert re.findall(r"<option[^>]* selected>([^<]*)", markup) == ["&lt;exact&gt;", "plain"]
    assert 'max="1" value="1"' in markup
    assert markup == bars_figure(**runs(chosen=("<exact>", "plain"), start=1)).html
    heights = [float(h) for h in re.findall(r'class="book-bar"[^>]* height="([\d.]+)"', markup)]
    assert heights[:4] == [0.0] * 4
    assert heights[4] == pytest.approx(160 - at(0.92, 1.0), abs=0.06)
    assert len(re.findall(r'class="book-seed"[^>]*"visible"', markup)) == 9 + 0 + 3 + 3 + 2 + 3
    assert not re.search(r"https?://(?!www\.w3\.org)", markup)


def test_tops_of_axes_hold_what_is_under_them():
    for value in np.geomspace(1e-4, 1e4, 200):
        assert value <= rounded_up(value) * (1 + 1e-9) < 2.01 * value


def test_the_values_are_left_alone():
    arguments = runs()
    held = {name: np.copy(one) for name, one in arguments["measures"][0].values.items()}
    bars_figure(**arguments)
    for name, one in arguments["measures"][0].values.items():
        np.testing.assert_array_equal(one, held[name])


GOOD = {"a": [[[1.0]]]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measures": []}, "no measures"),
        ({"measures": [Measure("m", ("x",), {})]}, "no values to choose from"),
        ({"measures": [Measure("m", (), GOOD)]}, "no bars"),
        ({"measures": [Measure("m", ("x", "y"), GOOD)]}, "give shape"),
        ({"measures": [Measure("m", ("x",), {"a": [[[-1.0]]]})]}, "negative"),
        ({"measures": [Measure("m", ("x",), {"a": [[[np.inf]]]})]}, "infinite"),
        ({"measures": [Measure("m", ("x",), GOOD, line=0.0)]}, "not above zero"),
        ({"measures": [Measure("m", ("x",), GOOD, below="kept")]}, "has no line"),
        ({"measures": [Measure("m", ("x",), GOOD), Measure("n", ("x",), {"b": [[[1.0]]]})]},
         "the same for all"),
        ({"measures": [Measure("m", ("x",), GOOD)], "chosen": ("a", "b")}, "give two of"),
        ({"measures": [Measure("m", ("x",), GOOD)], "start": 1}, "outside its 1 positions"),
        ({"alt": "short"}, "alternative text"),
    ],
)  # fmt: skip
def test_bars_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        bars_figure(**runs(**({"labels": ["0"]} | changes)))
