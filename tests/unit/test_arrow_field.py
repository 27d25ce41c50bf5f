"""The figure of arrows aimed at level lines: its forms, its drawing, what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from utils.plots import PlaneFunction, arrow_field_figure, plane_points
from utils.plots.explorables.arrow_field import GENERATORS_OF_THE_PLANE
from utils.plots.explorables.arrow_field._drawing import arrow, field, level_lines, nodes

ALT = "Level lines of a function and the arrows of a linear field."
UNITS = np.eye(4).reshape(4, 2, 2)


def moments(gradient, basis=UNITS, count=400):
    """M and N of a function of the plane with the given gradient, at points drawn once."""
    x = np.random.default_rng(0).uniform(-2, 2, (count, 2))
    tangents = np.einsum("gij,bj->gbi", np.asarray(basis), x)
    slopes = (tangents * gradient(x)).sum(-1)
    return slopes @ slopes.T / count, np.einsum("gbi,hbi->gh", tangents, tangents) / count


def ellipse(basis=UNITS, **more):
    points = plane_points(2.0)
    forms = moments(lambda x: x * (2, 6), basis)
    return PlaneFunction(**{"name": "<ellipse>", "values": points**2 @ (1, 3),
                            "form": forms[0], "norm": forms[1]} | more)  # fmt: skip


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)


def test_the_first_eigenvector_is_the_rotation_of_the_ellipse():
    (function,) = stored(arrow_field_figure([ellipse()], reach=2.0, alt=ALT))["functions"]
    # x² + 3y² keeps (x, y) -> (-3y, x): rotation 2, boost -1.
    np.testing.assert_allclose(function["best"], [1, 0, -0.5, 0], atol=1e-6)
    assert function["roots"][0] < 1e-6 < 0.5 < function["roots"][1]


def test_the_forms_do_not_depend_on_the_basis_that_they_come_in():
    mixed = np.random.default_rng(1).normal(size=(4, 2, 2))
    first, second = (
        stored(arrow_field_figure([ellipse(basis)], reach=2.0, alt=ALT, basis=basis))["functions"]
        for basis in (UNITS, mixed)
    )
    np.testing.assert_allclose(first[0]["form"], second[0]["form"], atol=1e-9)
    np.testing.assert_allclose(first[0]["norm"], second[0]["norm"], atol=1e-9)
    direct = moments(lambda x: x * (2, 6), list(GENERATORS_OF_THE_PLANE.values()))
    np.testing.assert_allclose(first[0]["form"], direct[0], atol=1e-9)
    taken_wrong = stored(arrow_field_figure([ellipse(mixed)], reach=2.0, alt=ALT))["functions"]
    assert not np.allclose(taken_wrong[0]["form"], direct[0], atol=1e-3)


def test_the_same_input_gives_the_same_figure_and_is_left_alone():
    function = ellipse()
    before = [np.copy(part) for part in (function.values, function.form, function.norm)]
    figures = [arrow_field_figure([function], reach=2.0, alt=ALT).html for _ in range(2)]
    assert figures[0] == figures[1]
    assert "&lt;ellipse&gt;" in figures[0]
    assert not re.search(r"https?://(?!www\.w3\.org)", figures[0])
    for part, held in zip((function.values, function.form, function.norm), before, strict=True):
        np.testing.assert_array_equal(part, held)


def test_level_lines_lie_where_the_function_has_one_value():
    side = 81
    values = (plane_points(1.0, side) ** 2).sum(1).reshape(side, side)
    path = level_lines(values)
    rings = [
        np.array([pair.split() for pair in line.split("L")], dtype=float)
        for line in path.split("M")[1:]
    ]
    radii = [np.hypot(*(ring / 120 - 1).T) for ring in rings]
    assert max(np.ptp(one) for one in radii) < 0.01
    assert len({round(float(one.mean()), 2) for one in radii}) == 9


def test_level_lines_are_upright_for_a_function_of_the_height():
    heights = plane_points(1.0, 15)[:, 1].reshape(15, 15)
    places = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", level_lines(heights**3)), dtype=float)
    assert set(np.round(places[[0, -1], 0])) <= {0.0, 240.0}
    assert np.ptp(places[:2, 1]) == 0.0
    lowest = level_lines(np.exp(heights))  # its lines are close to one another at the top
    ups = np.unique(np.array(re.findall(r"[ML][\d.]+ ([\d.]+)", lowest), dtype=float))
    assert np.diff(ups)[0] < np.diff(ups)[-1]


def test_arrows_take_the_colour_of_what_they_do():
    starts = np.array([[1.0, 0.0], [0.0, 1.0]])
    turn, grow = (np.array(GENERATORS_OF_THE_PLANE[name]) for name in ("rotation", "scaling"))
    along, across = (field(starts, 2 * starts, matrix, 2.0) for matrix in (turn, grow))
    assert (
        re.findall(r'stroke="([^"]*)" stroke-width="([^"]*)"', along)
        == [("rgb(58,123,213)", "1.40")] * 2
    )
    assert (
        re.findall(r'stroke="([^"]*)" stroke-width="([^"]*)"', across)
        == [("rgb(217,115,13)", "2.60")] * 2
    )
    assert arrow(np.array([10.0, 20.0]), np.array([10.0, 0.0])).startswith("M10.0 20.0l10.0 0.0M")
    assert arrow(np.array([10.0, 20.0]), np.zeros(2)) == "M10.0 20.0l0.0 0.0"


def test_arrows_begin_on_points_of_the_grid_that_mirror_each_other():
    for side in range(15, 121, 2):  # grids with a point in the middle
        assert (nodes(side) + nodes(side)[::-1] == side - 1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros(80 * 81)}, "one for each of the plane_points"),
        ({"values": np.zeros(81 * 81)}, "constant"),
        ({"values": np.full(81 * 81, np.nan)}, "not all finite"),
        ({"form": np.eye(3)}, "form of '<ellipse>' must be a finite matrix"),
        ({"norm": np.triu(np.ones((4, 4)))}, "norm of '<ellipse>' is not symmetric"),
        ({"norm": np.diag([1.0, 1, 1, 0])}, "not positive definite"),
        ({"form": np.diag([1.0, 1, 1, -1])}, "mean of squares"),
        ({"form": np.zeros((4, 4))}, "mean of squares"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        arrow_field_figure([ellipse(**changes)], reach=2.0, alt=ALT)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"functions": []}, "no functions"),
        ({"start": 1}, "outside its 1 functions"),
        ({"reach": 0.0}, "positive reach"),
        ({"basis": UNITS[[0, 1, 2, 2]]}, "four independent"),
        ({"weights": (0, 0, 0, 0)}, "not all zero"),
        ({"weights": (2, 0, 0, 0)}, "from -1 to 1"),
        ({"flat": 1.0}, "between 0 and 1"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_a_figure_of_arrows_that_does_not_fit_is_refused(arguments, message):
    good = {"functions": [ellipse()], "reach": 2.0, "alt": ALT}
    with pytest.raises(ValueError, match=message):
        arrow_field_figure(**(good | arguments))


def test_functions_on_different_grids_are_refused():
    small = ellipse(values=plane_points(2.0, 15) ** 2 @ (1, 3))
    with pytest.raises(ValueError, match="different sizes"):
        arrow_field_figure([ellipse(), small], reach=2.0, alt=ALT)
