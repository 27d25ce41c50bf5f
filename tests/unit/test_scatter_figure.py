"""Networks as points: what is refused, what is stored, what the still shows."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from utils.plots import HTMLFigure, scatter_figure
from utils.plots.explorables.scatter import figure as module
from utils.plots.explorables.scatter._drawing import along, limits, ticks

ALT = "Networks as points with one measure on each axis."


def given(**changes: Any) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    measures = {name: np.exp(draw.normal(size=(2, 6))) for name in ("norm", "spread", "share")}
    return {
        "measures": measures,
        "cases": ["rotation", "scale"],
        "names": [f"network {i}" for i in range(6)],
        "families": list("aabbcc"),
        "solid": [True, False] * 3,
        "filters": {"upright": np.array([True, False] * 3)},
        "solid_means": ("upright", "turned"),
        "case": "along",
        "item": "Network",
        "alt": ALT,
    } | changes


def stored(figure: HTMLFigure) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)
    assert found
    return json.loads(found[1])


def test_what_is_stored_are_the_values_with_six_digits_and_who_is_shown() -> None:
    case = given()
    data = stored(scatter_figure(**case))
    np.testing.assert_allclose(data["values"], np.array(list(case["measures"].values())), rtol=5e-6)
    assert data["rows"] == [[0, 1, 2, 3, 4, 5], [0, 2, 4], [0, 1], [2, 3], [4, 5]]
    assert data["families"] == [0, 0, 1, 1, 2, 2]


def test_a_family_of_one_is_no_filter_and_arguments_stay_as_they_were() -> None:
    case = given(families=list("aaabbc"))
    before = {name: np.array(values) for name, values in case["measures"].items()}
    data = stored(scatter_figure(**case))
    assert data["rows"][2:] == [[0, 1, 2], [3, 4]]
    for name, values in case["measures"].items():
        np.testing.assert_array_equal(values, before[name])


@pytest.mark.parametrize("equal", [False, True])
def test_rank_correlation_is_that_of_scipy(equal: bool) -> None:
    draw = np.random.default_rng(1)
    x, y = draw.integers(1, 4 if equal else 1000, size=(2, 30)).astype(float)
    found = module._rank_correlation(x, y)
    assert found == pytest.approx(spearmanr(x, y).statistic)
    assert found != pytest.approx(np.corrcoef(x, y)[0, 1])
    assert np.isnan(module._rank_correlation(np.ones(3), np.arange(3.0)))


def test_axes_hold_all_values_and_have_few_round_ticks() -> None:
    for values in (np.array([0.03, 4.0]), np.array([1e-6, 1e3]), np.array([2.0, 2.0])):
        ends = limits(values)
        assert all(0 < along(value, ends) < 1 for value in values)
        marks = ticks(*ends)
        assert all(0 <= along(mark, ends) <= 1 for mark in marks)
        assert len(marks) <= 6 or values.max() / values.min() > 1e5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measures": {"norm": np.ones((2, 6))}}, "fewer than two measures"),
        ({"measures": {"norm": np.ones((2, 6)), "x": np.ones((1, 6))}}, r"'x' has shape \(1, 6\)"),
        ({"measures": {"norm": np.ones((2, 6)), "x": np.zeros((2, 6))}}, "'x' must be positive"),
        ({"filters": {"some": [True] + [False] * 5}}, "'some' needs 6 truth values"),
        ({"filters": {"some": [0, 1] * 3}}, "'some' needs 6 truth values"),
        ({"families": list("abc")}, "6 names, 3 families"),
        ({"names": ["one"]}, "1 names"),
        ({"across": 3}, "measure across 3, outside its 3"),
        ({"across": 1}, "Both axes start with 'spread': give them two measures"),
        ({"largest": ["accuracy"]}, r"largest names \['accuracy'\], but the measures are"),
        ({"start": 2}, "case 2, outside its 2"),
        ({"shown": 5}, "filter 5, outside its 5"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_bad_input_gets_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scatter_figure(**given(**changes))


def still_words(figure: HTMLFigure) -> str:
    still = re.search(r'class="book-still"[^>]*base64,([^"]*)"', figure.html)
    assert still is not None
    lines = re.findall(r"<text[^>]*>([^<]*)</text>", base64.b64decode(still[1]).decode())
    return " ".join(lines)


def test_the_words_say_whether_the_smallest_or_the_largest_value_is_named() -> None:
    case = given()
    case["measures"]["spread"][0, 2:4] = 100.0  # two are equally good
    figure = scatter_figure(**case, largest=["spread"])
    norm = case["names"][int(np.argmin(case["measures"]["norm"][0]))]
    words = still_words(figure)
    assert f"Smallest value of norm: {norm};" in words
    assert "largest value of spread: network 2 and 1 more." in words
    assert "largest" not in still_words(scatter_figure(**case))
    assert stored(figure)["largest"] == [False, True, False]


def test_eight_families_are_refused() -> None:
    case = given(
        measures={m: np.ones((1, 8)) for m in "xy"}, cases=["one"], names=list("abcdefgh"),
        families=list("abcdefgh"), solid=[True] * 8, filters={},
    )  # fmt: skip
    with pytest.raises(ValueError, match="at most 7"):
        scatter_figure(**case)


def test_the_still_holds_the_whole_drawing() -> None:
    still = re.search(r'class="book-still"[^>]*base64,([^"]*)"', scatter_figure(**given()).html)
    assert still is not None
    drawn = base64.b64decode(still[1]).decode()
    width = float(re.search(r'viewBox="-8 -8 ([\d.]+)', drawn)[1]) - 16
    scale = float(re.search(r"scale\(([\d.]+)\)", drawn)[1])
    right = max(
        float(left) + float(wide)
        for left, wide in re.findall(r'<rect x="([\d.]+)"[^>]* width="([\d.]+)"', drawn)
    )
    assert scale * right <= width < right
