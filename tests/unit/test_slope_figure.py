"""The figure of secants that swing to a tangent: its checks, and the numbers of its still."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from utils.lie import flowed, generator, lie_derivative
from utils.plots import FlowPath, slope_figure
from utils.plots.explorables.slope._drawing import BOX, chart, straight, ticks

TIMES = np.array([-2.0, -1.0, -0.5, 0.0, 0.125, 2.0])
ALT = "A cubic curve with a secant and a tangent."
CUBE = TIMES**3 - 0.25 * TIMES
PATH = FlowPath(
    "shift",
    "pixel",
    TIMES,
    np.full((6, 4, 5), 0.5),
    {"f": CUBE, "g": 0 * TIMES},
    {"f": -0.25, "g": 0},
)


def said(figure: Any) -> str:
    picture = re.search(r"base64,([^\"]*)", figure.html)
    text = base64.b64decode(picture[1]).decode()
    return " ".join(" ".join(re.findall(r">([^<]+)<", text)).split())


def stored(figure: Any) -> dict[str, Any]:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', figure.html)[1])


def test_the_still_says_the_slopes_of_secant_and_tangent() -> None:
    figure = slope_figure([PATH], output="logit", alt=ALT, time=0.125)
    secant = (0.125**3 - 0.25 * 0.125) / 0.125
    words = said(figure)
    assert "shift, f: h = 0.125 pixels." in words
    assert f"secant {secant:.3f} per pixel; Lie derivative -0.250".replace("-", "−") in words
    assert f"differ by {secant + 0.25:.3f}." in words
    ends = said(slope_figure([PATH], output="logit", alt=ALT, network=1, time=-1.0))
    assert "h = −1 pixel. Slope of the secant 0.000 per pixel; Lie derivative 0.000" in ends
    assert "h = 2 pixels" in said(slope_figure([PATH], output="logit", alt=ALT))


def test_a_number_of_a_network_is_stored_so_that_near_secants_have_their_digits() -> None:
    image = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    network = lambda x: torch.tanh(x).square().sum((2, 3))  # noqa: E731
    flow = generator("translation_x")
    times = np.array([-1.0, -0.0001, 0.0, 0.0001, 1.0])
    moved = torch.cat([flowed(image, flow, t) for t in times])
    slope = lie_derivative(network, image, flow)[1].item()
    path = FlowPath("shift", "pixel", times, moved[:, 0], {"f": network(moved)[:, 0]}, {"f": slope})
    data = stored(slope_figure([path], output="logit", alt=ALT))["paths"][0]
    (y,) = data["outputs"]
    secants = [(y[k] - y[2]) / data["times"][k] for k in (1, 3)]
    assert secants == pytest.approx([slope, slope], abs=5e-4)
    assert (y[4] - y[2]) / 1.0 != pytest.approx(slope, abs=5e-4)


def test_equal_pictures_are_stored_once_and_the_list_brings_zero_only_as_near_as_times_are() -> (
    None
):
    pictures = np.arange(6)[:, None, None] // 3 * np.ones((6, 4, 5))
    figure = slope_figure([replace(PATH, pictures=pictures)], output="logit", alt=ALT)
    data = stored(figure)
    assert data["paths"][0]["seen"] == [0, 0, 0, 1, 1, 1]
    assert len(base64.b64decode(data["paths"][0]["pictures"])) == 2 * 4 * 5
    assert data["zooms"] == [1, 10]
    assert "100 times nearer" not in figure.html


def test_lines_are_cut_at_the_box_and_ticks_are_round() -> None:
    assert straight(2.0, 0.0, 3.0, -1.0, 4.0) == [-0.5, 2.0]
    assert straight(0.0, 0.0, 3.0, -1.0, 4.0) == [-3.0, 3.0]
    found, places = ticks(0.011, 0.0342)
    assert places == 2
    assert found == pytest.approx([0.02, 0.03])
    drawn = chart(TIMES, CUBE, -0.25, 5, "pixel")
    numbers = np.array(re.findall(r"[ML]([\d.-]+) ([\d.-]+)", drawn), float)
    left, right, top, bottom = BOX
    assert (numbers >= (left - 0.06, top - 0.06)).all()
    assert (numbers <= (right + 0.06, bottom + 0.06)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": TIMES[::-1]}, "must be finite and increase"),
        ({"times": TIMES + 0.25}, "need zero"),
        ({"times": np.where(TIMES > 1, 1 / 3, TIMES)}, "six digits"),
        ({"pictures": np.zeros((5, 4, 5))}, r"shape \(6, H, W\)"),
        ({"pictures": np.full((6, 4, 5), np.nan)}, "finite grey values"),
        ({"slopes": {"f": 1.0}}, "the networks are"),
        ({"slopes": {"f": 1.0, "g": np.inf}}, "is not finite"),
        ({"outputs": {"f": CUBE, "g": CUBE[:3]}}, "'g' on 'shift' have shape"),
        ({"outputs": {}}, "no networks"),
    ],
)
def test_a_path_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        slope_figure([replace(PATH, **change)], output="logit", alt=ALT)


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        ([], {}, "no paths"),
        ([PATH], {"time": 0.0}, "other than zero"),
        ([PATH], {"time": 0.3}, "other than zero"),
        ([PATH], {"network": 2}, "1 paths and 2 networks"),
        ([PATH, replace(PATH, pictures=np.zeros((6, 5, 5)))], {}, "same height"),
        ([PATH, replace(PATH, outputs={"f": CUBE}, slopes={"f": 0})], {}, r"\['f'\]"),
    ],
)
def test_a_first_state_that_does_not_fit_is_refused(
    paths: list[FlowPath], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        slope_figure(paths, output="logit", alt=ALT, **options)
