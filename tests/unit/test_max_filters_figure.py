"""The figure of max filters: its numbers beside the library's, its words, what it refuses."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import torch

from utils.groups import CyclicShifts
from utils.plots import max_filters_figure
from utils.plots.explorables.max_filters._drawing import chart, on_plane, scene
from utils.plots.explorables.max_filters._filters import (
    DIRECTIONS,
    LENGTHS,
    bracket,
    distance,
    level_line,
    pairs,
    turns,
    values,
)
from utils.plots.explorables.max_filters.figure import said
from utils.projections.random import DrawnCodes, _max_filter_bounds, _shifted, random_max_filter
from utils.quotient import quotient_distance

ALT = "Two orbits of the plane, a template, and what its filter says of them."
ORDERS = (3, 4, 5)


def polar(angle, length=1.0):
    return length * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])


THREE = np.array([polar(0), polar(35, 0.8), polar(62, 1.1)])


def rows(points, order):
    """Points of the plane as rows of length n of the first frequency: turns become shifts."""
    at = 2 * np.pi * np.arange(order) / order
    basis = np.sqrt(2 / order) * np.array([np.cos(at), np.sin(at)])
    return torch.tensor(np.atleast_2d(points) @ basis)[:, None]


def library_values(codes, templates, order):
    drawn = DrawnCodes(CyclicShifts(order), (1, order), rows(templates, order))
    return random_max_filter.__wrapped__(rows(codes, order), _shifted(drawn)).numpy()


def library_distance(x, y, order):
    return quotient_distance(rows(x, order), rows(y, order), CyclicShifts(order)).numpy()


@pytest.mark.parametrize("order", ORDERS)
def test_values_and_distances_are_the_library_s(order):
    x, y = np.random.default_rng(order).normal(size=(2, 50, 2))
    np.testing.assert_allclose(values(x, THREE, order), library_values(x, THREE, order), atol=1e-12)
    own = [distance(a, b, order) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(own, library_distance(x, y, order), atol=1e-12)
    other = library_values(x, THREE, order + 1)
    assert np.abs(values(x, THREE, order) - other).max() > 0.01


def sampled(order):
    """All pairs of the grid, as codes."""
    units = np.array([polar(360 * i / (order * DIRECTIONS)) for i in range(DIRECTIONS)])
    which = [(i, j, length) for length in LENGTHS for i in range(DIRECTIONS)
             for j in range(DIRECTIONS) if length < 1 or i < j]  # fmt: skip
    first, second, lengths = zip(*which, strict=True)
    return units[list(first)], np.array(lengths)[:, None] * units[list(second)]


@pytest.mark.parametrize("order", ORDERS)
def test_the_bracket_is_the_library_s_and_within_its_proven_bounds(order):
    x, y = sampled(order)
    assert len(x) == pairs()
    apart = library_distance(x, y, order)
    assert apart.min() > 1e-3, "different orbits"
    gaps = library_values(x, THREE, order) - library_values(y, THREE, order)
    for count in (1, 2, 3):
        ratios = np.linalg.norm(gaps[:, :count], axis=1) / apart
        least, most = bracket(THREE[:count], order)
        assert (least, most) == pytest.approx((ratios.min(), ratios.max()), abs=1e-7)
        drawn = DrawnCodes(CyclicShifts(order), (1, order), rows(THREE[:count], order))
        assert most <= _max_filter_bounds(drawn)[1] + 1e-12
        # Two filters never separate all orbits of the plane; three do.
        assert least < 0.03 if count < 3 else least > 0.1


def test_a_bracket_does_not_change_when_codes_are_scaled_or_turned():
    one = bracket(THREE, 4)
    turned = bracket(THREE @ turns(4)[1].T, 4)
    assert turned == pytest.approx(one, abs=1e-12)
    assert bracket(2 * THREE, 4) == pytest.approx(2 * np.array(one), abs=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_a_level_line_is_where_the_filter_has_the_value(order):
    corners = level_line(THREE[1], 0.7, order)
    assert corners.shape == (order, 2)
    for t in (0.0, 0.3, 0.5, 1.0):
        on_sides = (1 - t) * corners + t * np.roll(corners, -1, axis=0)
        np.testing.assert_allclose(values(on_sides, THREE[1:2], order), 0.7, atol=1e-12)
    assert np.abs(values(corners, THREE[:1], order) - 0.7).max() > 0.01


def test_words_are_those_of_the_state():
    assert said(0.0, 0.0, 0.2, 1.0).startswith("a and b lie in one orbit, so all values are the")
    blind = said(0.5, 0.0, 0.004, 1.0)
    assert blind.startswith("The orbits are 0.50 apart, the values the same: not told apart. ")
    assert blind.endswith(f"Measured over {pairs():,} pairs, the ratio goes from 0.00 to 1.00.")
    assert said(0.5, 0.0, 0.02, 1.0).endswith("from 0.02 to 1.00; this pair is below them all.")
    assert "0.50 apart, the values 0.25: ratio 0.50. Me" in said(0.5, 0.25, 0.3, 1.0)
    assert said(0.5, 0.25, 0.3, 1.0).endswith("to 1.00.")
    assert said(0.5, 0.25, 0.6, 1.0).endswith("this pair is below them all.")
    assert said(0.5, 0.6, 0.6, 1.0).endswith("this pair is above them all.")


def still(figure):
    picture = re.search(
        r'class="book-still"[^>]*base64,([^"]*)"', figure._repr_mimebundle_()["text/html"]
    )
    return base64.b64decode(picture[1]).decode()


def test_the_still_has_the_numbers_of_the_first_state():
    codes = np.array([polar(100, 1.15), polar(215, 1.2)])
    figure = max_filters_figure(THREE, codes, order=5, shown=2, alt=ALT)
    found = library_values(codes, THREE[:2], 5)
    apart = library_distance(codes[:1], codes[1:], 5)[0]
    gap = np.linalg.norm(found[0] - found[1])
    drawn = still(figure)
    for number in [*found.ravel(), *bracket(THREE[:2], 5)]:
        assert f">{number:.2f}</text>" in drawn
    assert f"this pair {gap / apart:.2f}" in drawn
    assert f"{apart:.2f} apart, the values {gap:.2f}" in drawn
    assert drawn.count("<circle") == 2 * 5 + 2 + 4, "two orbits, their signs, two values twice"
    assert "3</text>" not in scene(THREE[:2], codes, 5)
    x, y = on_plane(codes[1])
    assert f'cx="{x:.1f}" cy="{y:.1f}" r="8.5"' in scene(THREE[:2], codes, 5)
    assert "this pair" not in chart(found, (0.0, 1.0), None)


def test_what_is_stored_is_what_was_given():
    codes = np.array([polar(100, 1.15), polar(215, 1.2)])
    figure = max_filters_figure(THREE, codes, alt=ALT)
    data = json.loads(re.search(r'application/json">(.*?)</script>', figure.html, re.S)[1])
    assert data["templates"] == THREE.tolist()
    assert data["codes"] == codes.tolist()
    assert data["shown"] == 1
    assert data["pairs"] == f"{pairs():,}"
    assert '<option value="4" selected>90°, C₄</option>' in figure.html
    assert len(figure.html) < 60_000
    with_mirrors = max_filters_figure(THREE, codes, mirrors=(4, 3), alt=ALT)
    assert '<option value="4m">90° and mirrors, D₄</option>' in with_mirrors.html
    assert '<option value="3m">120° and mirrors, D₃</option>' in with_mirrors.html
    assert "mirrors, D" not in figure.html
    again = max_filters_figure(THREE, codes, alt=ALT)
    assert again.html == figure.html


GOOD = {"templates": THREE, "codes": [polar(100), polar(215)], "alt": ALT}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"templates": [[1.0, 0.0, 0.0]]}, r"templates must be finite points .* \(1, 3\)"),
        ({"templates": [1.0, 0.0]}, r"templates must be finite points .* \(2,\)"),
        ({"codes": [[np.nan, 0.0], [1.0, 0.0]]}, "codes must be finite points"),
        ({"templates": [[0.1, 0.0]]}, "templates need lengths from 0.3 to 1.1, but have 0.1"),
        ({"codes": [[1.0, 0.0], [0.0, 2.0]]}, "codes need lengths from 0.2 to 1.44, but have 1, 2"),
        ({"templates": np.zeros((0, 2))}, "from 1 to 3 templates and 2 codes, but got 0 and 2"),
        ({"templates": np.ones((4, 2)) / 2}, "but got 4 and 2"),
        ({"codes": [[1.0, 0.0]]}, "but got 3 and 1"),
        ({"shown": 4}, "At first 4 templates are shown, but there are 3"),
        ({"shown": 0}, "At first 0 templates"),
        ({"order": 6}, r"orders are \[3, 4, 5\], the first is 6"),
        ({"mirrors": (2, 4)}, r"those with mirrors are \[2, 4\]: give whole numbers from 3"),
        ({"order": 2, "orders": (2, 3)}, "whole numbers from 3 to 8"),
        ({"orders": ()}, r"orders are \[\]"),
        ({"alt": ""}, "lt"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(change, words):
    max_filters_figure(**GOOD)
    with pytest.raises(ValueError, match=words):
        max_filters_figure(**GOOD | change)
