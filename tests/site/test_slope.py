"""A secant that a reader drags to the tangent: every state beside the library."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils.lie import flowed, generator, lie_derivative
from utils.plots import FlowPath, HTMLFigure, slope_figure

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
SHOWN = """(root) => ({
  said: root.querySelector("output").textContent,
  plane: root.querySelector(".book-plane").getAttribute("aria-label"),
  canvas: root.querySelector("canvas").getAttribute("aria-label"),
  grey: [...root.querySelector("canvas").getContext("2d")
    .getImageData(0, 0, 7, 6).data].filter((_, i) => i % 4 === 0),
  lines: [...root.querySelectorAll(".book-lines path")].map((e) => e.getAttribute("d")),
  ends: [...root.querySelectorAll(".book-ends circle")].map(
    (e) => [+e.getAttribute("cx"), +e.getAttribute("cy")]),
  dial: root.querySelector(".book-dial span").textContent,
  spoken: root.querySelector(".book-dial input").getAttribute("aria-valuetext"),
  zoom: Number(root.querySelectorAll("select")[2].value),
})"""
LEFT, RIGHT, TOP, BOTTOM = 34, 226, 26, 166
#: By what the reader sees: the generator, the size of a unit, the name of the unit, and the reach.
FLOWS = {
    "turn": ("rotation", np.pi / 180, "degree", 90),
    "shift": ("translation_x", 1.0, "pixel", 3),
}


def points_of(path: str) -> np.ndarray:
    return np.array([[float(x) for x in pair.split()] for pair in path[1:].split("L")])


def spelled(value: float, form: str) -> str:
    text = f"{value:{form}}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\u2212")


class Slopes:
    """The figure in a tab, beside tiny networks that are evaluated afresh for every state."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        draw = torch.Generator().manual_seed(1)
        normal = lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)  # noqa: E731
        self.image = normal(1, 1, 6, 7).sigmoid()
        first, second, third = normal(42, 5), normal(5), normal(42)
        self.networks = {
            "tanh": lambda x: 3 * torch.tanh(x.flatten(1) @ first) @ second[:, None],
            "linear": lambda x: x.flatten(1) @ third[:, None],
        }
        near = np.linspace(-1, 1, 9)
        shares = np.concatenate([np.linspace(-1, 1, 13), near / 10, near / 100])
        self.times = {
            name: np.unique(np.round(reach * shares, 6) + 0.0)
            for name, (*_, reach) in FLOWS.items()
        }
        figure = slope_figure(
            [self.path(name) for name in FLOWS], output="logit", alt=ALT, network=0
        )
        self.tab = opened(figure)
        self.root = self.tab.locator("[data-interactive]")
        self.tested = 0

    def moved(self, name: str, time: float) -> torch.Tensor:
        flow, size, *_ = FLOWS[name]
        return flowed(self.image, generator(flow), time * size)

    def path(self, name: str) -> FlowPath:
        flow, size, unit, _ = FLOWS[name]
        moved = torch.cat([self.moved(name, t) for t in self.times[name]])
        return FlowPath(
            name, unit, self.times[name], moved[:, 0],
            {n: f(moved)[:, 0] for n, f in self.networks.items()},
            {n: size * lie_derivative(f, self.image, generator(flow))[1].item()
             for n, f in self.networks.items()},
        )  # fmt: skip

    def check(self, name: str, network: str, time: float, zoom: int = 1) -> dict[str, Any]:
        """Compare everything that is shown."""
        shown = self.root.evaluate(SHOWN)
        flow, size, unit, reach = FLOWS[name]
        f = self.networks[network]
        output = lambda t: f(self.moved(name, t)).item()  # noqa: E731
        assert shown["zoom"] == zoom
        start, slope = output(0.0), lie_derivative(f, self.image, generator(flow))[1].item() * size
        secant = (output(time) - start) / time
        grey = self.moved(name, time)[0, 0].numpy().clip(0, 1)
        assert shown["grey"] == (17 * np.round(15 * grey)).ravel().tolist()
        word = f"{spelled(time, '.6g')} {unit}{'' if abs(time) == 1 else 's'}"
        stated = re.fullmatch(
            rf"{name}, {network}: h = (.*)\. Slope of the secant (.*) per {unit}; "
            r"Lie derivative (.*); they differ by (.*)\.",
            shown["said"],
        )
        assert stated, shown["said"]
        assert stated.groups() == (
            word, spelled(secant, ".3f"), spelled(slope, ".3f"),
            spelled(abs(secant - slope), ".3f"),
        )  # fmt: skip
        assert shown["dial"] == shown["spoken"] == word
        assert shown["canvas"] == f"The picture, moved: {name}, {word}"
        assert shown["plane"].endswith(shown["said"])
        reach /= zoom
        times = self.times[name][np.abs(self.times[name]) <= reach * (1 + 1e-9)]
        values = np.array([output(t) for t in times])
        air = 0.12 * np.ptp(values)
        low, high = values.min() - air, values.max() + air
        place = lambda t, y: np.stack([  # noqa: E731
            LEFT + (RIGHT - LEFT) * (t + reach) / (2 * reach),
            BOTTOM - (BOTTOM - TOP) * (y - low) / (high - low)], -1)  # fmt: skip
        curve, *lines = map(points_of, shown["lines"])
        np.testing.assert_allclose(curve, place(times, values), atol=0.06)
        for line, s in zip(lines, (secant, slope), strict=True):
            ends = np.sort((np.array([low, high]) - start) / s).clip(-reach, reach)
            np.testing.assert_allclose(line, place(ends, start + s * ends), atol=0.06)
        both = np.array([0.0, time, time])
        heights = np.array([start, output(time), output(time)])
        np.testing.assert_allclose(shown["ends"], place(both, heights), atol=0.06)
        self.tested += 1
        return shown

    def select(self, number: int, label: str) -> None:
        self.tab.locator("select").nth(number).select_option(label=label)

    def drag(self, x: float, y: float) -> None:
        """Drag the end of the secant to a place of the drawing."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale = box["width"] / 240
        begin = self.root.evaluate(SHOWN)["ends"][2]
        self.tab.mouse.move(box["x"] + begin[0] * scale, box["y"] + begin[1] * scale)
        self.tab.mouse.down()
        self.tab.mouse.move(box["x"] + x * scale, box["y"] + y * scale, steps=3)
        self.tab.mouse.up()


def test_secants_swing_to_the_lie_derivative(
    tmp_path: Path,
    serve: Callable[[Path], str],
    browser: Any,
    opened: Callable[[HTMLFigure], Any],
    visit: Visit,
) -> None:
    slopes = Slopes(opened)
    slopes.check("turn", "tanh", 90)
    slopes.drag(178, 20)  # half way, and above the box
    slopes.check("turn", "tanh", 45)
    slopes.drag(-40, 100)  # beyond the edge: held there
    slopes.check("turn", "tanh", -90)
    slopes.drag(130.2, 100)  # at zero, nearly: passed over
    slopes.check("turn", "tanh", 0.225)
    slopes.select(2, "100 times nearer")
    slopes.check("turn", "tanh", 0.225, zoom=100)
    dial = slopes.tab.locator(".book-dial input")
    dial.focus()
    dial.press("ArrowLeft")
    slopes.check("turn", "tanh", -0.225, zoom=100)
    slopes.select(1, "linear")
    slopes.check("turn", "linear", -0.225, zoom=100)
    dial.press("Home")
    slopes.check("turn", "linear", -90)
    slopes.select(0, "shift")
    slopes.check("shift", "linear", -3)
    dial.press("End")
    slopes.select(2, "10 times nearer")
    shown = slopes.check("shift", "linear", 0.3, zoom=10)
    with pytest.raises(AssertionError):
        slopes.check("shift", "linear", 0.225, zoom=10)
    with pytest.raises(AssertionError):
        slopes.check("shift", "tanh", 0.3, zoom=10)
    slopes.image = slopes.image + 0.02 * slopes.image.flip(3)
    with pytest.raises(AssertionError):
        slopes.check("shift", "linear", 0.3, zoom=10)
    assert shown == slopes.root.evaluate(SHOWN)
    assert slopes.tested >= 10
    assert visit.errors == []
    touched(tmp_path, serve, browser)


def touched(tmp_path: Path, serve: Callable[[Path], str], browser: Any) -> None:
    """Drag by a finger, on a phone."""
    context = browser.new_context(
        viewport={"width": 390, "height": 650}, has_touch=True, reduced_motion="reduce"
    )
    tab = context.new_page()
    tab.goto(serve(tmp_path))
    box = tab.locator(".book-plane").bounding_box()
    scale = box["width"] / 240
    root = tab.locator("[data-interactive]")
    begin = root.evaluate(SHOWN)["ends"][2]
    client = context.new_cdp_session(tab)
    for kind, (x, y) in [("Start", begin), ("Move", (200, 90)), ("Move", (82, 90)), ("End", begin)]:
        points = [{"x": box["x"] + x * scale, "y": box["y"] + y * scale}]
        sent = {"type": f"touch{kind}", "touchPoints": [] if kind == "End" else points}
        client.send("Input.dispatchTouchEvent", sent)
    assert root.evaluate(SHOWN)["dial"] == "\u221245 degrees"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
