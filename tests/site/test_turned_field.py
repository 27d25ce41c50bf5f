"""A field that a reader turns before and after a kernel: every state beside the library."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils.equivariance import equivariance_report, relative_error
from utils.plots import HTMLFigure, turned_field_figure
from utils.plots.style import PALETTE

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
REACH, WIDTH, SCALE = 2.0, 0.25, 49.0  # the map has a radius of 98 units
GRID = 0.4 * np.array(
    [(x, y) for y in range(-4, 5) for x in range(-4, 5) if x * x + y * y <= 20], dtype=float
)
NAMES = {
    "height → number: blur": "blur",
    "height → number: slope to the right": "slope",
    "height → pair: slopes right and up": "gradient",
    "wind → number: divergence": "divergence",
    "wind → pair: blur": "wind",
    "wind → pair: blur, rightward part": "rightward",
}
COMMUTE = {("blur", False), ("gradient", True), ("divergence", False), ("wind", True)}
SHOWN = """(root) => ({
  said: root.querySelector("output").textContent,
  key: root.querySelector(".book-key").textContent,
  sign: root.querySelector(".book-sign").textContent,
  turn: root.querySelector(".book-dial span").textContent,
  spoken: root.querySelector(".book-dial input").getAttribute("aria-valuetext"),
  fixed: root.querySelectorAll("select")[1].disabled,
  output: root.querySelectorAll("select")[1].value,
  planes: [...root.querySelectorAll(".book-plane")].map((plane) => ({
    label: plane.getAttribute("aria-label"),
    under: plane.querySelector(".book-under").getAttribute("transform"),
    north: ["cx", "cy"].map((key) => +plane.querySelector(".book-handle").getAttribute(key)),
    marks: [...plane.querySelector(".book-marks").children].map(
      (e) => Object.fromEntries([...e.attributes].map((a) => [a.name, a.value]))),
  })),
})"""
# Each bump: its middle, a square root of its covariance, its height and the wind that it carries.
BUMPS = torch.tensor(
    [
        [0.1, 0.2, 0.8, 0.1, 0.0, 0.4, 1.0, 1.0, -0.4],
        [0.8, 0.6, 0.4, 0.0, 0.2, 0.6, 0.8, -0.3, 0.9],
        [-0.7, -0.4, 0.5, 0.0, 0.0, 0.5, -0.5, 0.5, 0.8],
    ],
    dtype=torch.float64,
)


def rotation(degrees: float) -> torch.Tensor:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def turned(bumps: torch.Tensor, degrees: float) -> torch.Tensor:
    """The field gf of bumps (..., 9): middles, shapes and wind turn, heights do not."""
    g = rotation(degrees)
    root = g @ bumps[..., 2:6].unflatten(-1, (2, 2))
    return torch.cat(
        [bumps[..., :2] @ g.T, root.flatten(-2), bumps[..., 6:7], bumps[..., 7:] @ g.T], dim=-1
    )


def blurred(bumps: torch.Tensor, kind: str, width: float = WIDTH) -> Callable[..., torch.Tensor]:
    """The field at one point, blurred by the formula for Gaussians; torch differentiates it."""
    root = bumps[:, 2:6].unflatten(-1, (2, 2))
    covariance = root @ root.mT
    wide = covariance + width**2 * torch.eye(2)
    sizes = (torch.linalg.det(covariance) / torch.linalg.det(wide)).sqrt()
    carried = bumps[:, 6:7] if kind == "height" else bumps[:, 7:]

    def value(x: torch.Tensor) -> torch.Tensor:
        away = x - bumps[:, :2]
        form = torch.einsum("ka,kab,kb->k", away, torch.linalg.inv(wide), away)
        return (sizes * torch.exp(-form / 2)) @ carried

    return value


def library(bumps: torch.Tensor, key: str, points: torch.Tensor) -> torch.Tensor:
    """What a kernel makes of a field, at points: shape (N, numbers)."""
    value = blurred(bumps, "height" if key in ("blur", "slope", "gradient") else "wind")
    values = torch.func.vmap(value)(points)
    if key in ("blur", "wind"):
        return values
    if key == "rightward":
        return values * torch.tensor([1.0, 0.0])
    slopes = torch.func.vmap(torch.func.jacrev(value))(points)
    if key == "divergence":
        return slopes.diagonal(dim1=1, dim2=2).sum(1, keepdim=True)
    return slopes[:, 0] if key == "gradient" else slopes[:, 0, :1]


@functools.cache
def plain(key: str, degrees: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a kernel makes of the turned bumps at the turned points, and of the bumps."""
    points = torch.as_tensor(GRID)
    first = library(turned(BUMPS, degrees), key, points @ rotation(degrees).T)
    return first, library(BUMPS, key, points) if degrees == 0 else plain(key, 0)[1]


def quarter_turns(key: str, arrow: bool, degrees: int) -> float:
    """The error of the map from bumps to numbers on the grid, as a check of equivariance has it."""
    grid, g = torch.as_tensor(GRID), rotation(degrees)
    came = torch.cdist(grid @ g, grid).argmin(1)  # g⁻¹p is a point of the grid again

    def move(z: torch.Tensor) -> torch.Tensor:
        return z[:, came] @ g.T if arrow else z[:, came]

    report = equivariance_report(
        lambda batch: torch.stack([library(one, key, grid) for one in batch]),
        BUMPS[None],
        {"g": lambda batch: turned(batch, degrees)},
        {"g": move},
    )
    return report.largest


class Map:
    """The figure in a tab, beside what torch makes of the same bumps."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        def field(kind: str) -> Callable[[np.ndarray], np.ndarray]:
            value = torch.func.vmap(blurred(BUMPS, kind, width=0.0))
            return lambda p: value(torch.as_tensor(p)).numpy()

        self.tab = opened(
            turned_field_figure(
                field("height"), field("wind"), reach=REACH, width=WIDTH, alt=ALT, angle=60
            )
        )
        self.key, self.arrow, self.degrees, self.tested = "gradient", False, 60, 0

    @property
    def root(self) -> Any:
        return self.tab.locator("[data-interactive]")

    def choose(self, key: str) -> None:
        (name,) = (name for name, own in NAMES.items() if own == key)
        self.tab.locator("select").first.select_option(label=name)
        self.key = key

    def both(self, degrees: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn, then filter; and filter, then turn."""
        first, last = plain(self.key, degrees)
        return first, last @ rotation(degrees).T if self.arrow and last.shape[1] > 1 else last

    def error(self, degrees: int) -> float:
        first, last = self.both(degrees)
        return float(relative_error(first.reshape(1, -1), last.reshape(1, -1)))

    def check(self) -> dict[str, Any]:
        """Compare everything that is shown."""
        shown = self.root.evaluate(SHOWN)
        first, last = self.both(self.degrees)
        pair = first.shape[1] == 2
        arrow = self.arrow and pair
        now, most = self.error(self.degrees), max(map(self.error, range(0, 360, 5)))
        who = ("The pair is moved, not turned", "The arrow is moved and turned")[arrow]
        assert shown["said"].startswith(who if pair else "The number is moved")
        stated = [float(x) for x in re.findall(r"\d\.\d\d", shown["said"])]
        always = (self.key, arrow) in COMMUTE
        assert (most < 1e-9) is always
        if always:
            assert f"agree, at {self.degrees}° as at every turn: the kernel" in shown["said"]
        elif now < 1e-9:
            told = "nothing is turned yet" if self.degrees == 0 else "happen to agree"
            assert told in shown["said"]
        else:
            assert f"at {self.degrees}° the two ways differ" in shown["said"]
        expected = [] if always else [now, most] if now > 1e-9 else [most]
        np.testing.assert_allclose(stated, expected, atol=0.0051)
        if self.degrees % 90 == 0 and self.degrees:
            assert quarter_turns(self.key, arrow, self.degrees) == pytest.approx(now, abs=1e-9)
        assert shown["sign"] == ("=" if now < 1e-9 else "≠")
        assert ("Orange" in shown["key"]) is (now > 1e-9)
        assert shown["turn"] == shown["spoken"] == f"{self.degrees}°"
        assert shown["fixed"] is not pair
        assert shown["output"] == str(int(arrow))
        largest = float(last.norm(dim=1).max())
        g = rotation(self.degrees).numpy()
        at = 120 + SCALE * (GRID @ g.T) * (1, -1)
        differs = (first - last).norm(dim=1).numpy() > 0.01 * largest
        north = 120 + 107 * (g @ (0, 1)) * (1, -1)
        for plane, values, odd in zip(
            shown["planes"], (first, last), (0 * differs, differs), strict=True
        ):
            assert plane["label"].endswith(shown["said"])
            assert plane["under"] == f"rotate({-self.degrees or 0} 120 120)"
            np.testing.assert_allclose(plane["north"], north, atol=0.06)
            thin = [m for m in plane["marks"] if m.get("stroke-width") == "1.1"]
            marks = [m for m in plane["marks"] if m not in thin]
            assert len(thin) == (odd.sum() if pair else 0)
            assert [m["stroke"] == PALETTE[1] for m in marks] == odd.astype(bool).tolist()
            draw = self.arrows if pair else self.discs
            draw(marks, at, values.numpy() / largest)
        self.tested += 1
        return shown

    @staticmethod
    def arrows(marks: list[dict[str, str]], at: np.ndarray, values: np.ndarray) -> None:
        for mark, place, value in zip(marks, at, values, strict=True):
            step = 18 * value * (1, -1)
            numbers = [float(x) for x in re.findall(r"-?[\d.]+", mark["d"])]
            np.testing.assert_allclose(numbers[:2], place, atol=0.06)
            if np.hypot(*step) > 1.6:
                np.testing.assert_allclose(numbers[2:4], place + step, atol=0.06)

    @staticmethod
    def discs(marks: list[dict[str, str]], at: np.ndarray, values: np.ndarray) -> None:
        shown = np.array([[float(m[k]) for k in ("cx", "cy", "r")] for m in marks])
        np.testing.assert_allclose(shown[:, :2], at, atol=0.06)
        np.testing.assert_allclose(shown[:, 2], 7.5 * np.abs(values[:, 0]) ** 0.5, atol=0.06)
        clear = np.abs(values[:, 0]) > 1e-5
        open_discs = np.array([m["fill"] == "none" for m in marks])
        np.testing.assert_array_equal(open_discs[clear], values[clear, 0] < 0)

    def grip(self, way: int, degrees: float) -> tuple[float, float]:
        """Where on the screen the N of a map stands at a turn."""
        box = self.tab.locator(".book-plane").nth(way).bounding_box()
        x, y = 107 * (rotation(degrees).numpy() @ (0, 1))
        unit = box["width"] / 240
        return box["x"] + (120 + x) * unit, box["y"] + (120 - y) * unit


def test_both_ways_are_those_of_the_library_in_every_state(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    figure = Map(opened)
    figure.check()
    output = figure.tab.locator("select").nth(1)
    output.focus()
    output.press("ArrowDown")
    figure.arrow = True
    figure.check()
    dial = figure.tab.locator("input")
    dial.focus()
    for _ in range(3):
        dial.press("ArrowRight")
    figure.degrees = 75
    figure.check()
    for key in ("slope", "blur", "divergence"):
        figure.choose(key)
        figure.check()
    dial.fill("90")
    figure.degrees = 90
    for key in ("slope", "rightward", "wind"):
        figure.choose(key)
        figure.check()
    output.select_option("0")
    figure.arrow = False
    for key in ("gradient", "wind"):
        figure.choose(key)
        figure.check()
    figure.tab.mouse.move(*figure.grip(1, 90))
    figure.tab.mouse.down()
    figure.tab.mouse.move(*figure.grip(1, 178), steps=4)
    figure.tab.mouse.up()
    figure.degrees = 180
    figure.check()
    output.select_option("1")
    figure.arrow = True
    figure.choose("rightward")
    figure.check()  # agrees by chance
    figure.tab.mouse.move(*figure.grip(0, 180))
    figure.tab.mouse.down()
    figure.tab.mouse.move(*figure.grip(0, 359), steps=4)
    figure.tab.mouse.up()
    figure.degrees = 0
    figure.check()
    assert figure.tested >= 10
    assert visit.errors == []
    # The comparison notices another turn, another output and another kernel.
    for name, value in (("degrees", 5), ("arrow", False), ("key", "wind")):
        before = getattr(figure, name)
        setattr(figure, name, value)
        with pytest.raises(AssertionError):
            figure.check()
        setattr(figure, name, before)


def test_a_map_is_turned_by_touch(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    figure = Map(opened)
    context = browser.new_context(
        viewport={"width": 390, "height": 650}, has_touch=True, reduced_motion="reduce"
    )
    figure.tab = context.new_page()
    figure.tab.goto(serve(tmp_path))
    client = context.new_cdp_session(figure.tab)
    for kind, degrees in (("Start", 60), ("Move", 100), ("Move", 150), ("Move", 166), ("End", 0)):
        x, y = figure.grip(0, degrees)
        sent = {"type": f"touch{kind}", "touchPoints": [] if kind == "End" else [{"x": x, "y": y}]}
        client.send("Input.dispatchTouchEvent", sent)
    figure.degrees = 165
    figure.check()
    boxes = [figure.tab.locator(".book-plane").nth(k).bounding_box() for k in (0, 1)]
    assert min(box["width"] for box in boxes) > 250, "arrows are large enough to be told apart"
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"], "one way stands above the other"
    assert boxes[1]["y"] + boxes[1]["height"] - boxes[0]["y"] < 650, "both are in sight together"
    assert figure.tab.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
