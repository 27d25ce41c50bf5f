"""The figure of a field that a reader turns: its numbers, its words, what it refuses."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import torch

from utils.equivariance import relative_error
from utils.plots import turned_field_figure
from utils.plots.explorables.turned_field._drawing import arrow, level_lines, marks, rows
from utils.plots.explorables.turned_field._kernels import (
    KERNELS,
    error,
    filtered,
    jets,
    turn,
    two_ways,
)

ALT = "A round map with a field and what a kernel makes of it."
WIDTH, REACH = 0.3, 2.4
POINTS = rows(REACH)
#: Middle, spread along x and y, height, and the wind that each bump carries.
BUMPS = (
    ((0.0, 0.1), (1.0, 0.5), 1.0, (1.0, -0.4)),
    ((1.0, 0.8), (0.5, 0.7), 0.8, (-0.3, 0.9)),
    ((-0.8, -0.5), (0.6, 0.6), -0.5, (0.5, 0.8)),
)


def field(kind, degrees=0.0, blur=0.0):
    """Bumps, turned and blurred by the formula for Gaussians: torch, from (N, 2) to (N, d)."""
    g = torch.as_tensor(turn(degrees))

    def values(p):
        total = torch.zeros(len(p), 1 if kind == "height" else 2, dtype=torch.float64)
        for middle, spread, size, along in BUMPS:
            spreads = torch.tensor(spread, dtype=torch.float64) ** 2
            here = (p - g @ torch.tensor(middle, dtype=torch.float64)) @ g
            shape = torch.exp(-(here**2 / (spreads + blur**2)).sum(1, keepdim=True) / 2)
            shape = shape * (spreads.prod() / (spreads + blur**2).prod()) ** 0.5
            vector = g @ torch.tensor(along, dtype=torch.float64)
            total = total + shape * (size if kind == "height" else vector)
        return total

    return values


def numpy_field(kind, degrees=0.0):
    return lambda p: field(kind, degrees)(torch.as_tensor(p)).numpy()


def slopes_of(values, points):
    """The values (N, d) and their derivatives (N, d, 2), by automatic differentiation."""
    at = torch.as_tensor(points)
    each = torch.func.vmap(torch.func.jacrev(lambda x: values(x[None])[0]))(at)
    return values(at), each


def library_map(key, values, points):
    """What the kernel is by its definition, of a field that is blurred already."""
    v, d = slopes_of(values, points)
    return {
        "blur": lambda: v,
        "slope": lambda: d[:, :, 0],
        "gradient": lambda: d[:, 0],
        "divergence": lambda: d[:, 0, :1] + d[:, 1, 1:],
        "wind": lambda: v,
        "rightward": lambda: v * torch.tensor([1.0, 0.0], dtype=torch.float64),
    }[key]()


@pytest.mark.parametrize("kind", ["height", "wind"])
def test_a_blur_and_its_slopes_are_those_of_the_formula(kind):
    found = jets(numpy_field(kind), POINTS, WIDTH)
    value, slopes = slopes_of(field(kind, blur=WIDTH), POINTS)
    np.testing.assert_allclose(found[..., 0], value, atol=1e-7)
    np.testing.assert_allclose(found[..., 1:], slopes, atol=1e-6)
    other, _ = slopes_of(field(kind, blur=1.02 * WIDTH), POINTS)
    assert np.abs(found[..., 0] - other.numpy()).max() > 1e-4


@pytest.mark.parametrize("degrees", [0, 35, 90, 180, 305])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.key)
def test_both_ways_and_their_error_are_those_of_the_library(kernel, degrees):
    jet = jets(numpy_field(kernel.input), POINTS, WIDTH)
    g = turn(degrees)
    first = library_map(
        kernel.key, field(kernel.input, degrees, blur=WIDTH), POINTS @ g.T
    )  # turn, then filter
    last = library_map(kernel.key, field(kernel.input, blur=WIDTH), POINTS)
    for arrow_like in (False, True)[: len(kernel.parts)]:
        expected = last @ torch.as_tensor(g).T if arrow_like else last
        found = two_ways(jet, kernel.parts, degrees, arrow_like)
        np.testing.assert_allclose(found[0], first, atol=2e-6)
        np.testing.assert_allclose(found[1], expected, atol=2e-6)
        library = float(relative_error(first.reshape(1, -1), expected.reshape(1, -1)))
        assert error(*found) == pytest.approx(library, abs=1e-5)
        wrong = two_ways(jet, kernel.parts, degrees + 5, arrow_like)
        commutes_as_a_number = kernel.key in ("blur", "divergence")
        assert commutes_as_a_number or np.abs(wrong[0] - first.numpy()).max() > 1e-3


def test_which_kernels_commute_depends_on_how_their_output_moves():
    commute = set()
    for kernel in KERNELS:
        jet = jets(numpy_field(kernel.input), POINTS, WIDTH)
        for arrow_like in (False, True)[: len(kernel.parts)]:
            worst = max(error(*two_ways(jet, kernel.parts, d, arrow_like)) for d in range(360))
            assert worst < 1e-12 or worst > 0.5
            if worst < 1e-12:
                commute.add((kernel.key, arrow_like))
    assert commute == {("blur", False), ("gradient", True), ("divergence", False), ("wind", True)}


def figure(**changes):
    given = {
        "height": numpy_field("height"), "wind": numpy_field("wind"),
        "reach": REACH, "alt": ALT, "width": WIDTH,
    }  # fmt: skip
    return turned_field_figure(**given | changes)


def test_what_is_stored_are_the_points_and_the_blurred_fields():
    markup = figure().html
    data = json.loads(re.search(r'"application/json">(.*?)</script>', markup, re.S)[1])
    assert data["points"] == POINTS.round(9).tolist()
    for kind, count in (("height", 1), ("wind", 2)):
        stored = np.frombuffer(base64.b64decode(data["jets"][kind]), np.float32)
        np.testing.assert_allclose(
            stored.reshape(-1, count, 3), jets(numpy_field(kind), POINTS, WIDTH), atol=1e-6
        )
    assert [one["name"] for one in data["kernels"]] == [one.name for one in KERNELS]
    assert figure().html == markup
    assert figure(angle=65).html != markup


def test_the_still_shows_both_ways_and_says_what_it_shows():
    def still(**changes):
        stored = re.search(
            r"base64,([^\"]*)\">", figure(**changes)._repr_mimebundle_()["text/html"]
        )
        text = base64.b64decode(stored[1]).decode()
        return text, " ".join(re.sub(r"<[^>]*>", " ", text).split())

    drawn, text = still()
    assert "The pair is moved, not turned, and at 60° the two ways differ" in text
    assert "relative error 1.00, at most 2.00 over all turns" in text
    assert drawn.count('stroke-width="1.1"') > 50
    drawn, text = still(arrow=True)
    assert "the two ways agree, at 60° as at every turn" in text
    assert 'stroke-width="1.1"' not in drawn
    assert "The number is moved. At 0° nothing is turned yet" in still(kernel="slope", angle=0)[1]
    assert "happen to agree" in still(kernel="rightward", arrow=True, angle=180)[1]
    assert "circle" in still(kernel="divergence")[0]


def test_marks_tell_sign_and_difference_by_shape():
    at, plus, minus = np.zeros((1, 2)), np.array([[1.0]]), np.array([[-1.0]])
    assert 'fill="none"' in marks(at, minus, minus, 1.0)
    assert 'fill="none"' not in marks(at, plus, plus, 1.0)
    assert "dasharray" in marks(at, plus, minus, 1.0)
    assert "dasharray" not in marks(at, plus, plus, 1.0)
    pair = np.array([[1.0, 0.0]])
    assert marks(at, pair, pair, 1.0).count("<path") == 1
    assert marks(at, pair, -pair, 1.0).count("<path") == 2


def test_arrows_end_where_they_point_and_level_lines_stay_on_the_map():
    assert arrow(10, 20, 8, 0).startswith("M10.0 20.0L18.0 20.0M")
    assert arrow(10, 20, 1, 0) == "M10.0 20.0h.01"
    across, up = np.meshgrid(*2 * [np.linspace(-1, 1, 41)])
    lines = level_lines(across + 0.2 * up)
    at = np.array([float(x) for x in re.findall(r"[\d.]+", lines)]).reshape(-1, 2)
    assert lines.count("M") == 7
    assert np.hypot(*(at - 120).T).max() < 98.1


REFUSED = [
    ({"reach": 0.0}, "radius"),
    ({"width": 3.0}, "width of the blur"),
    ({"kernel": "sharpen"}, "'sharpen'"),
    ({"angle": 7}, "multiple of 5"),
    ({"angle": 360}, "multiple of 5"),
    ({"kernel": "blur", "arrow": True}, "no arrow"),
    ({"height": lambda p: p}, "The height must give"),
    ({"wind": lambda p: p * np.nan}, "The wind must give"),
    ({"height": lambda p: 0 * p[:, :1] + 1}, "'slope' makes nothing"),
    ({"wind": lambda p: p[:, ::-1] * (1, -1) * np.exp(-(p**2).sum(1))[:, None]}, "'divergence'"),
    ({"alt": "short"}, "alternative text"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_what_cannot_be_shown_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        figure(**changes)


def test_an_empty_row_of_a_kernel_is_zero():
    assert filtered(np.ones((2, 2, 3)), [[(0, 0)], []]).tolist() == [[1.0, 0.0]] * 2
