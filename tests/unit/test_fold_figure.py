"""The figure of folding and turning: its mathematics beside the library's, words and checks."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from utils.groups import Representation, cyclic, reflection_group, reflection_mirrors
from utils.plots import fold_figure
from utils.plots.explorables.fold._drawing import graph, label, longest, on_graph, route
from utils.plots.explorables.fold._folding import (
    Polar,
    apart,
    code,
    folded,
    orbits_apart,
    place,
    said,
    turned,
    width,
)
from utils.projections import chamber_fold
from utils.quotient import quotient_distance

ALT = "Two points of the plane, the wedge of three mirrors, and two graphs."
WEDGES = (1, 2, 3, 4, 5, 6, 12)


def walls(mirrors):
    """Return the normals of the walls of the wedge from 0 to 180/n degrees, and a point inside."""
    a = np.pi / mirrors
    normals = np.array([[0.0, 1.0], [np.sin(a), -np.cos(a)]])
    inside = np.array([np.cos(a / 2), np.sin(a / 2)])
    return (normals[:1] if mirrors == 1 else normals), inside


def turns(count):
    angle = 2 * np.pi * np.arange(count) / count
    c, s = np.cos(angle), np.sin(angle)
    return Representation(cyclic(count), np.stack([c, -s, s, c], -1).reshape(-1, 2, 2), "turns")


def draws(count=60, seed=0):
    chance = np.random.default_rng(seed)
    pairs = chance.integers([4, 0], [61, 360], (count, 2, 2)).tolist()
    edges = [[[40, a], [30, b]] for a in range(0, 360, 30) for b in (0, 60, 135, 180)]
    return [[Polar(*point) for point in pair] for pair in pairs + edges]


def tensor(points):
    return torch.tensor([place(point) for point in points], dtype=torch.float64)


@pytest.mark.parametrize("mirrors", WEDGES)
def test_folding_is_the_librarys_and_counts_the_mirrors_between(mirrors):
    normals, inside = walls(mirrors)
    fold = chamber_fold(normals, inside=inside)
    roots = reflection_mirrors(normals)
    roots = roots * np.sign(roots @ inside)[:, None]
    assert len(roots) == mirrors
    z, w = zip(*draws(), strict=True)
    codes = [[code(point, mirrors, False) for point in points] for points in (z, w)]
    torch.testing.assert_close(tensor(codes[0]), fold(tensor(z)), rtol=0, atol=1e-12)
    negative = (tensor(z).numpy() @ roots.T < -1e-9).sum(axis=1)
    counts = [len(folded(point.angle, mirrors)) - 1 for point in z]
    np.testing.assert_array_equal(counts, negative)
    assert max(counts) == mirrors
    exact = quotient_distance(tensor(z), tensor(w), reflection_group(normals)).numpy()
    far = [apart(*pair) for pair in zip(*codes, strict=True)]
    np.testing.assert_allclose(far, exact, atol=1e-12)
    near = [orbits_apart(*pair, mirrors, False) for pair in zip(z, w, strict=True)]
    np.testing.assert_allclose(near, exact, atol=1e-12)


@pytest.mark.parametrize("mirrors", WEDGES)
def test_turning_stays_in_the_orbit_and_tears(mirrors):
    action = turns(2 * mirrors)
    z, w = zip(*draws(), strict=True)
    codes = [tensor([code(point, mirrors, True) for point in points]) for points in (z, w)]
    own = quotient_distance(codes[0], tensor(z), action)
    assert own.max() < 1e-12
    assert all(0 <= turned(point.angle, mirrors) < width(mirrors) for point in z)
    exact = quotient_distance(tensor(z), tensor(w), action).numpy()
    near = [orbits_apart(*pair, mirrors, True) for pair in zip(z, w, strict=True)]
    np.testing.assert_allclose(near, exact, atol=1e-12)
    far = (codes[0] - codes[1]).norm(dim=1).numpy()
    assert (far > exact - 1e-12).all()
    assert (far > 1.5 * exact).any(), "the control: turning is not isometric"


def test_a_point_on_a_mirror_is_not_reflected_and_one_on_an_edge_is_turned():
    assert folded(60, 3) == [60]
    assert folded(61, 3) == [61, 59]
    assert [turned(angle, 3) for angle in (59, 60, 61)] == [59, 0, 1]


def test_the_graph_is_a_zigzag_without_a_jump_or_a_sawtooth_with_one_at_each_edge():
    ends = {way: [on_graph(Polar(20, a), 4, way)[1] for a in range(360)] for way in (False, True)}
    rises = {way: np.abs(np.diff(ys)) for way, ys in ends.items()}
    assert rises[False].max() == pytest.approx(66 / 45)
    assert (rises[True] > 60).sum() == 7  # the eighth is from 359 to 0 degrees
    assert graph(4, False).count("L") == 8
    assert graph(4, True).count("M") == 8


def test_ways_are_chords_or_one_arc_and_names_make_room():
    shafts, heads = route(50.0, folded(184, 3), False)
    assert shafts.count("M") == heads.count("M") == 3
    arc, _ = route(50.0, [184, 4], True)
    assert arc.count("A") == 1
    assert label(50.0, [184, 176], 0, 1, False)[1] > 120 + 14  # below, for the reflection is above
    assert label(50.0, [100, 20], 0, 1, False) == pytest.approx(label(50.0, [100], 0, 1, True))


def test_no_two_points_of_a_wedge_are_farther_apart_than_the_longest_bar():
    for mirrors in WEDGES:
        inside = [Polar(r, a) for r in (4, 60) for a in np.linspace(0, width(mirrors), 7)]
        most = max(apart(p, q) for p in inside for q in inside)
        assert 0.9 * longest(mirrors, 3.0) < most <= longest(mirrors, 3.0) + 1e-12


def test_words_tell_torn_from_stretched_and_from_neither():
    z = Polar(40, 10)
    assert "are 0.35 apart, as are the orbits" in said(z, Polar(40, 20), 3, True)
    assert "Stretched: the codes are 1.20" in said(z, Polar(40, 45), 3, True)
    assert "Torn: the codes are 1.53" in said(z, Polar(40, 55), 3, True)
    assert said(z, Polar(40, 55), 3, False) == (
        "Reflections into the wedge: 0 for z, 0 for w. The codes are 1.53 apart, the orbits 1.53: "
        "no tear."
    )


def stored(figure):
    return json.loads(
        re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    )


def test_the_same_input_gives_the_same_small_figure():
    figures = [fold_figure(alt=ALT).html for _ in range(2)]
    assert figures[0] == figures[1]
    assert len(figures[0]) < 40_000
    data = stored(fold_figure(alt=ALT, z=(2.0, 5), w=(0.25, 359), reach=2.0, by_turning=True))
    assert data["points"] == [[40, 5], [5, 359]]
    assert not re.search(r"https?://(?!www\.w3\.org)", figures[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mirrors": ()}, "no numbers of mirrors"),
        ({"mirrors": (7,)}, "cannot be 7 mirrors"),
        ({"mirrors": (3, 18)}, "cannot be 18 mirrors"),
        ({"mirrors": (0,)}, "cannot be 0 mirrors"),
        ({"start": 5}, "outside its 5 wedges"),
        ({"z": (3.05, 10)}, "length of z is 3.05"),
        ({"z": (float("nan"), 10)}, "length of z is nan"),
        ({"w": (1.01, 10)}, "length of w is 1.01"),
        ({"w": (0.1, 10)}, "from 0.2 to 3.0"),
        ({"z": (1.0, 360)}, "angle of z is 360"),
        ({"w": (1.0, 0.5)}, "angle of w is 0.5"),
        ({"reach": 0.5}, "reach is 0.5"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        fold_figure(**{"alt": ALT} | changes)
