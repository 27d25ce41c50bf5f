"""The figure of two codes on a cone: lines and pieces beside the library, words, refusals."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from utils.groups import Representation, cyclic
from utils.plots import cone_figure
from utils.plots.explorables.cone._drawing import on_cone, rolled
from utils.plots.explorables.cone._paths import Line, crossings, lines, pieces, said, seen
from utils.quotient import align, quotient_distance

ALT = "Two codes in the plane, their copies, and the cone."
ORDERS = (2, 3, 4, 6, 12)


def complex_of(code):
    return code[0] * np.exp(1j * np.deg2rad(code[1]))


def turns(n):
    angle = 2 * np.pi * np.arange(n) / n
    c, s = np.cos(angle), np.sin(angle)
    return Representation(cyclic(n), np.array([[c, -s], [s, c]]).transpose(2, 0, 1), "turns")


def states(n, count=100, tip=True):
    """Pairs of codes on the grid, ties and codes at the tip and on the cut among them."""
    draw = np.random.default_rng(n)
    distances = draw.integers(0 if tip else 1, 29, size=(count, 2)) * 0.05
    angles = 3 * draw.integers(-60, 61, size=(count, 2))
    angles[::7, 1] = angles[::7, 0] + 180 // n
    angles[::11, 0] = 180 // n
    return [
        ((float(r), int(a)), (float(s), int(b)))
        for (r, s), (a, b) in zip(distances, angles, strict=True)
    ]


def tensor(codes):
    points = np.array([complex_of(code) for code in codes])
    return torch.from_numpy(np.column_stack([points.real, points.imag]))


@pytest.mark.parametrize("n", ORDERS)
def test_lines_are_those_of_the_library(n):
    pairs = states(n)
    u, v = (tensor(codes) for codes in zip(*pairs, strict=True))
    quotient = quotient_distance(u, v, turns(n))
    moves = torch.tensor(turns(n).matrices)
    every = (u - torch.einsum("gij,bj->gbi", moves, v)).norm(dim=2)
    tied = 0
    for i, (first, second) in enumerate(pairs):
        straight, ways = lines(n, first, second)
        assert straight.length == pytest.approx(float((u[i] - v[i]).norm()), abs=1e-12)
        for way in ways:
            assert way.length == pytest.approx(float(quotient[i]), abs=1e-12)
            assert float(every[way.turn * n // 360, i]) == pytest.approx(way.length, abs=1e-12)
            assert complex_of(way.end) == pytest.approx(
                complex_of(second) * np.exp(1j * np.deg2rad(way.turn))
            )
        if first[0] and second[0]:
            nearest = (every[:, i] < quotient[i] + 1e-9).nonzero().flatten().tolist()
            assert [way.turn * n // 360 for way in ways] == nearest
            tied += len(ways) == 2
    assert tied > 10


def test_the_turn_is_the_one_that_aligns():
    pairs = states(3, tip=False)
    u, v = (tensor(codes) for codes in zip(*pairs, strict=True))
    found = align(v, u, turns(3)).elements.tolist()
    compared = 0
    for (first, second), element in zip(pairs, found, strict=True):
        ways = lines(3, first, second)[1]
        if len(ways) == 1:
            assert ways[0].turn == 120 * element
            compared += 1
    assert compared > 60
    backwards = [lines(3, second, first)[1][0].turn // 120 for first, second in pairs]
    assert backwards != found, "the other way round it is the inverse"


@pytest.mark.parametrize("n", ORDERS)
def test_pieces_are_the_line_folded_and_as_long(n):
    for first, second in states(n):
        straight, ways = lines(n, first, second)
        for line in (straight, *ways):
            parts = pieces(n, line)
            ends = [(complex_of(a), complex_of(b)) for a, b in parts]
            once = 1 if line.span else len(seen(n, line.begin[1]))
            if abs(line.span) != 180:
                total = sum(abs(a - b) for a, b in ends) / once
                assert total == pytest.approx(line.length, abs=1e-9)
                assert len(parts) == once + len(crossings(n, line))
            for (_, t), (_, w) in parts:
                assert max(abs(t), abs(w)) <= 180 // n
            begin, end = complex_of(line.begin), complex_of(line.end)
            assert ends[0][0] ** n == pytest.approx(begin**n)
            assert ends[-1][1] ** n == pytest.approx(end**n)
            if line.span and abs(line.span) != 180:
                for (_, a), (b, _) in pairwise(parts):
                    assert b[0] == pytest.approx(a[0])
                    assert b[1] == -a[1], "it comes back by the other edge"


@pytest.mark.parametrize("n", ORDERS)
def test_no_shortest_path_between_other_orbits_meets_the_tip(n):
    for first, second in states(n, tip=False):
        for way in lines(n, first, second)[1]:
            assert abs(way.span) <= 180 // n <= 90
            assert len(crossings(n, way)) <= 1
            t = np.linspace(0, 1, 101)
            walk = (1 - t) * complex_of(way.begin) + t * complex_of(way.end)
            low = min(first[0], second[0]) * np.cos(np.pi / (2 * n))
            assert abs(walk).min() > low - 1e-12


def test_a_line_that_runs_through_the_tip_is_two_pieces_along_rays():
    straight, _ = lines(3, (1.0, 39), (0.5, -141))
    assert straight.span == -180 or straight.span == 180
    assert pieces(3, straight) == [((1.0, 39), (0.0, 39)), ((0.0, -21), (0.5, -21))]


def test_members_of_an_orbit_are_one_place_of_the_cone_and_the_way_is_drawn_once():
    for n in ORDERS:
        (x, y), faces = rolled(n, 0.8, 17, 5)
        (x2, y2), faces2 = rolled(n, 0.8, 17 + 360 // n, 5)
        assert (x2, y2) == pytest.approx((x, y))
        assert faces == faces2
    ahead, behind = on_cone(2, Line((1.0, 0), (1.0, 90), 0), 0.0)
    assert len(re.findall("M", ahead)) == len(re.findall("M", behind)) == 1
    assert len(re.findall("L", ahead + behind)) == 60
    assert on_cone(2, Line((1.0, 0), (1.0, 30), 0), 0.0)[1] == ""


@pytest.mark.parametrize(
    ("n", "u", "v", "words"),
    [
        (3, (1.1, 39), (0.9, -162), "the nearest copy of v is v turned by 240°. The shortest path"),
        (3, (1.1, 12), (0.9, 30), "the nearest copy of v is v itself."),
        (3, (1.1, 39), (0.9, -21), "a tie of v itself and v turned by 120°. Shortest paths pass"),
        (2, (1.0, 0), (1.0, 90), "a tie of v itself and v turned by 180°. Shortest paths pass"),
        (3, (1.1, 39), (1.1, 159), "u is v turned by 240°: one orbit."),
        (3, (1.1, 39), (1.1, 39), "u and v are the same."),
        (3, (0.0, 39), (0.9, 0), "u is at the tip, which every turn leaves in place."),
        (3, (0.0, 39), (0.0, 0), "u and v are at the tip"),
        (3, (1.0, 60), (0.9, 75), "v itself. u lies on the cut, seen at both edges."),
        (3, (1.0, 60), (0.9, -60), "v turned by 120°. u and v lie on the cut, seen at both edges."),
    ],
)
def test_the_state_is_told_in_words(n, u, v, words):
    sentence = said(n, u, v)
    assert words in sentence
    far = abs(complex_of(u) - complex_of(v))
    near = float(quotient_distance(tensor([u]), tensor([v]), turns(n)))
    assert sentence.startswith(f"Straight (dashed) {far:.2f}, quotient (solid) {near:.2f}: ")
    assert ("crosses the cut" in sentence) is (words.endswith("The shortest path"))


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)


def test_the_figure_stores_its_first_state_and_its_still_shows_it():
    figure = cone_figure((1.1, 39), (0.9, -162), alt=ALT)
    again = cone_figure(np.array([1.1, 39.0]), (0.9, -162), alt=ALT)
    assert figure.html == again.html
    assert stored(figure)["codes"] == [[22, 39], [18, -162]]
    assert '<option value="3" selected>C₃: turns by 120°' in figure.html
    assert len(figure.html) < 60_000
    still = re.search(r'class="book-still"[^>]*base64,([^"]*)"', figure.html)[1]
    drawn = base64.b64decode(still).decode()
    assert "quotient (solid) 0.69" in drawn
    # nearest copies are filled: one disc of v, no square of u
    assert len(re.findall(r'<circle[^>]*fill="#d9730d"', drawn)) == 1
    assert not re.findall(r'<rect[^>]*fill="#3a7bd5"', drawn)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"u": (1.1, 40)}, "code u starts at distance 1.1 and angle 40"),
        ({"v": (0.93, 39)}, "multiple of 0.05"),
        ({"v": (1.45, 39)}, "up to 1.4"),
        ({"v": (-0.5, 39)}, "up to 1.4"),
        ({"v": (0.5, 183)}, "from -180 to 180"),
        ({"u": (1.0, np.nan)}, "a distance and an angle"),
        ({"u": (1.0, 3, 3)}, "a distance and an angle"),
        ({"orders": (1, 3)}, "different ones of"),
        ({"orders": (3, 3)}, "different ones of"),
        ({"orders": (7,), "order": 7}, "different ones of"),
        ({"orders": ()}, "different ones of"),
        ({"order": 5}, "starts at order 5"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        cone_figure(**({"u": (1.1, 39), "v": (0.9, -162), "alt": ALT} | changes))
