"""A digit that a reader turns amid its feature maps: every state beside the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit
from torch.nn import functional as F

from utils.data.mnist import rotate
from utils.equivariance import relative_error
from utils.plots import FieldMaps, HTMLFigure, feature_maps_figure

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
STEPS = 8
SEEN = """(root) => {
  const greys = (canvas) => [...canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0);
  const turn = (canvas) => {
    const m = new DOMMatrix(getComputedStyle(canvas).transform);
    return Math.round(Math.atan2(m.b, m.a) * 180 / Math.PI);
  };
  const found = [...root.querySelectorAll(".book-ring canvas")].slice(1);
  const [maps, filters] = [found.slice(0, found.length / 2), found.slice(found.length / 2)];
  const box = root.querySelector(".book-ring").getBoundingClientRect();
  const middle = (e) => { const b = e.getBoundingClientRect();
    return [(b.x + b.width / 2 - box.x) * 304 / box.width,
      (b.y + b.height / 2 - box.y) * 304 / box.width]; };
  const number = (e, name) => Number(e.getAttribute(name));
  const rims = [...root.querySelectorAll(".book-plane circle")];
  const [mark, knob] = rims.slice(-3);
  const bars = [...root.querySelectorAll(".book-code rect")].slice(0, maps.length);
  return {
    digit: greys(root.querySelector(".book-digit")), maps: maps.map(greys),
    turns: maps.map(turn), middles: maps.map(middle), filters: filters.map(greys),
    visible: filters.map((e) => getComputedStyle(e).visibility === "visible"),
    mark: [number(mark, "cx"), number(mark, "cy")],
    knob: [number(knob, "cx"), number(knob, "cy")],
    bars: bars.map((e) => number(e, "height") * (number(e, "y") < 37.99 ? 1 : -1)),
    said: root.querySelector("output").textContent,
    spoken: root.querySelector(".book-ring").getAttribute("aria-label"),
    code: root.querySelector(".book-code").getAttribute("aria-label"),
    range: root.querySelector("input[type=range]").getAttribute("aria-valuetext"),
  };
}"""


def percent(error: float) -> str:
    if error < 1e-4:
        return "by rounding"
    return f"by {100 * error:.1f} %" if error < 0.0995 else f"by {100 * error:.0f} %"


def greys(pictures: np.ndarray) -> np.ndarray:
    """Pictures of numbers from 0 to 1 with 32 grey values, as a screen shows them."""
    return np.floor(255 * np.round(31 * pictures.clip(0, 1)) / 31 + 0.5)


class Turned:
    """The figure in a tab, beside what the library makes of the same maps."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        draw = torch.Generator().manual_seed(2)
        x = torch.linspace(-1, 1, 15, dtype=torch.float64)
        slant = x[:, None] + 0.4 * x
        image = torch.exp(-12 * slant**2 - 2 * (x - 0.2) ** 2)
        image += 0.8 * torch.exp(-9 * ((x[:, None] + 0.4) ** 2 + (x + 0.3) ** 2))
        self.angles = [45.0 * t for t in range(STEPS)]
        self.digits = rotate(image.expand(STEPS, 1, -1, -1), self.angles)
        # One smooth function, sampled in eight directions; turned pixels would not do at 45°.
        across, up = torch.linspace(-1.6, 1.6, 5), torch.linspace(1.6, -1.6, 5)[:, None]
        turn = torch.tensor(self.angles).deg2rad()[:, None, None]
        u = across * turn.cos() + up * turn.sin()
        bank = ((u + 0.5 * u**2 - 0.25) * torch.exp(-(across**2) - up**2))[:, None].double()
        lifted = F.relu(F.conv2d(self.digits, bank, padding=1))
        other = torch.randn(STEPS, 4, 6, 6, generator=draw, dtype=torch.float64)
        codes = torch.randn(2, STEPS, 8, generator=draw, dtype=torch.float64)
        degrees, numbers = [f"{45 * h}°" for h in range(8)], ["1", "2", "3", "4"]
        self.fields = {
            "C8": (lifted, lifted.sum(dim=(2, 3)), degrees, bank[:, 0]),
            "ordinary": (other, codes[1, :, :4], numbers, None),
        }
        fields = [FieldMaps(name, *given) for name, given in self.fields.items()]
        self.tab = opened(feature_maps_figure(fields, self.digits[:, 0], alt=ALT))
        self.attend()
        self.tested = 0

    def attend(self) -> None:
        self.root = self.tab.locator("[data-interactive]")
        self.range = self.tab.locator("input[type=range]")
        self.undo = self.tab.locator("input[type=checkbox]")

    def undone(self, values: torch.Tensor, t: int) -> tuple[int, float]:
        """The best roll back at a position, and the difference that it leaves."""
        side = values.shape[-1]
        first, own = values[:1], values[t : t + 1]
        if values.ndim == 4:
            axis = torch.linspace(-1, 1, side)
            inside = axis[:, None] ** 2 + axis**2 <= 1
            first, own = first * inside, rotate(own, -self.angles[t]) * inside
        errors = [relative_error(own.roll(-k, 1), first).item() for k in range(values.shape[1])]
        return int(np.argmin(errors)), min(errors)

    def check(self, name: str, t: int, undone: bool = False) -> dict[str, Any]:
        shown = self.root.evaluate(SEEN)
        assert shown["range"] == f"{self.angles[t]:g}°"
        maps, code, labels, bank = self.fields[name]
        count, angle = len(labels), self.angles[t]
        roll, error = self.undone(maps, t)
        code_roll, code_error = self.undone(code, t)
        if name == "C8":
            assert roll == code_roll == t, "a lifted field rolls by a place for each 45 degrees"
        places = (np.arange(count) + (roll if undone else 0)) % count
        images = self.digits[t, 0].numpy()
        np.testing.assert_array_equal(shown["digit"], greys(images).ravel())
        own = greys(maps[t].numpy() / float(maps.max()))
        np.testing.assert_array_equal(shown["maps"], own[places].reshape(count, -1))
        assert shown["turns"] == [int((angle if undone else 0) + 180) % 360 - 180] * count or (
            angle == 180 and undone and set(map(abs, shown["turns"])) == {180}
        )
        around = 2 * np.pi * np.arange(count) / count
        spots = np.array([152, 138]) - 89 * np.column_stack([np.sin(around), np.cos(around)])
        np.testing.assert_allclose(shown["middles"], spots, atol=0.7)
        inside = np.linspace(-1, 1, maps.shape[-1])
        sums = (maps[t].clamp(min=0).numpy() * (inside[:, None] ** 2 + inside**2 <= 1)).sum((1, 2))
        strong = int(sums.argmax() - (roll if undone else 0)) % count
        np.testing.assert_allclose(shown["mark"], spots[strong], atol=1e-6)
        knob = np.deg2rad(angle)
        np.testing.assert_allclose(
            shown["knob"], [152 - 32 * np.sin(knob), 138 - 32 * np.cos(knob)], atol=1e-6
        )
        assert shown["visible"] == [bank is not None and not undone] * count
        if bank is not None:
            weights = bank.numpy() / bank.abs().max().item()
            np.testing.assert_array_equal(
                shown["filters"], greys(0.5 + 0.5 * weights).reshape(count, -1)
            )
        numbers = (code[t] / code.abs().max()).roll(-code_roll if undone else 0).numpy()
        np.testing.assert_allclose(np.abs(shown["bars"]), 34 * np.abs(numbers), atol=0.01)
        large = np.abs(numbers) > 0.01
        np.testing.assert_array_equal(np.sign(shown["bars"])[large], np.sign(numbers)[large])
        assert f"{labels[1]} {numbers[1]:.2f}".replace("-", "\u2212") in shown["code"]
        label = f"{angle:g}°"
        own = "" if code_roll == roll else f", rolled back by {code_roll},"
        left = f"differ from the first {percent(error)}, the code{own} {percent(code_error)}."
        back = f"rolled back by {roll} (the best of {count} rolls), the maps"
        state = f"{name}, digit turned by {label}"
        strongest = f"the map {labels[strong]} is strongest."
        assert shown["said"] == (
            f"{state}: {strongest} There is nothing to undo yet."
            if t == 0
            else f"{state}, undone: turned back, and {back} {left}"
            if undone
            else f"{state}: {strongest} Turned back, and {back} would {left}"
        )
        assert shown["spoken"].endswith(f"{state}{', undone' * (undone and t > 0)}: {strongest}")
        self.tested += 1
        return shown

    def point(self, angle: float) -> tuple[float, float]:
        """Where on the screen the rim of the digit is, at an angle from the top."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale, at = box["width"] / 304, np.deg2rad(angle)
        return (
            box["x"] + scale * (152 - 28 * np.sin(at)),
            box["y"] + scale * (138 - 28 * np.cos(at)),
        )


def test_maps_turn_and_roll_and_are_undone_as_the_library_says(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    turned = Turned(opened)
    turned.check("C8", 0)
    turned.range.focus()
    for t in (1, 2):
        turned.range.press("ArrowRight")
        shown = turned.check("C8", t)
    assert "by rounding, the code by rounding" in shown["said"]
    turned.undo.focus()
    turned.tab.keyboard.press("Space")
    turned.check("C8", 2, undone=True)
    mouse = turned.tab.mouse
    mouse.move(*turned.point(90))
    mouse.down()
    for angle in (130, 170, 215, 228):
        mouse.move(*turned.point(angle))
    mouse.up()
    turned.check("C8", 5, undone=True)
    select = turned.tab.locator("select")
    select.focus()
    turned.tab.keyboard.press("ArrowDown")
    turned.check("ordinary", 5, undone=True)
    turned.undo.uncheck()
    turned.check("ordinary", 5)
    mouse.move(*turned.point(-20))
    mouse.down()
    mouse.move(*turned.point(20))  # past the top and back again
    for angle in (-60, -110, -155):
        mouse.move(*turned.point(angle))
    mouse.up()
    turned.check("ordinary", 2)
    turned.range.fill("7")
    shown = turned.check("ordinary", 7)
    select.select_option(label="C8")
    turned.check("C8", 7)
    turned.undo.check()
    turned.range.fill("0")
    turned.check("C8", 0, undone=True)
    assert turned.tested >= 10
    assert "by rounding" not in shown["said"]
    assert visit.errors == []
    with pytest.raises(AssertionError):
        turned.check("C8", 1, undone=True)
    turned.range.fill("3")
    with pytest.raises(AssertionError):
        turned.check("C8", 3)
    turned.check("C8", 3, undone=True)
    turned.fields["C8"][0][3] *= 1.2
    with pytest.raises(AssertionError):
        turned.check("C8", 3, undone=True)


def test_the_digit_is_turned_by_touch_and_the_page_stays(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    turned = Turned(opened)
    context = browser.new_context(viewport={"width": 390, "height": 700}, has_touch=True)
    turned.tab = context.new_page()
    turned.tab.goto(serve(tmp_path))
    turned.attend()
    client = context.new_cdp_session(turned.tab)
    for kind, angle in (("Start", 0), ("Move", 30), ("Move", 70), ("Move", 92), ("End", 0)):
        x, y = turned.point(angle)
        points = [] if kind == "End" else [{"x": x, "y": y}]
        sent = {"type": f"touch{kind}", "touchPoints": points}
        client.send("Input.dispatchTouchEvent", sent)
    turned.check("C8", 2)
    wide = turned.tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    context.close()
