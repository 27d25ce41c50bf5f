"""Two codes on a cone: every state that a reader makes, beside ``utils.quotient``."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils.groups import Representation, cyclic
from utils.plots import HTMLFigure, cone_figure
from utils.quotient import align, quotient_distance, quotient_geodesic

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
SHOWN = """(root) => {
  const d = (selector) => [...root.querySelectorAll(selector)].map((e) => e.getAttribute("d"));
  const at = (selector) => [...root.querySelectorAll(selector)].map((e) => e.localName === "circle"
    ? [+e.getAttribute("cx"), +e.getAttribute("cy")]
    : ["x", "y"].map((a, i) => +e.getAttribute(a) + e.getAttribute(i ? "height" : "width") / 2));
  return {
    said: root.querySelector("output").textContent,
    plane: root.querySelector(".book-plane").getAttribute("aria-label"),
    cone: root.querySelector(".book-quotient").getAttribute("aria-label"),
    title: root.querySelector(".book-named").textContent,
    straight: d(".book-plane .book-straight").concat(d(".book-quotient .book-straight")),
    ways: d(".book-plane .book-ways").concat(d(".book-quotient .book-ways")),
    crossings: d(".book-crossing"),
    rolled: d(".book-cone-way"),
    marks: at(".book-plane .book-mark"),
    folded: at(".book-quotient .book-mark"),
    dots: at(".book-dot"),
    outline: (({x, y, width, height}) => [x, x + width, y, y + height])(
      root.querySelector(".book-outline").getBBox()),
    seam: d(".book-seam"),
    copies: at(".book-copy"),
    filled: [...root.querySelectorAll(".book-copy")].map(
      (e) => !e.getAttribute("fill").startsWith("var")),
    handles: [...root.querySelectorAll(".book-handle")].filter(
      (e) => e.getAttribute("display") !== "none").length,
    dials: [...root.querySelectorAll(".book-dial span")].map((e) => e.textContent),
    spoken: [...root.querySelectorAll(".book-dial input")].map(
      (e) => e.getAttribute("aria-valuetext")),
    chosen: root.querySelectorAll("select")[1].value,
  };
}"""


def segments(path: str) -> list[np.ndarray]:
    """Read the lines of a path, each as the places that it goes through."""
    return [
        np.array([[float(x) for x in pair.split()] for pair in part.split("L")])
        for part in path.split("M")[1:]
    ]


def off(places: np.ndarray, lines: list[np.ndarray]) -> float:
    """Say how far the farthest of some places is from the nearest of some lines."""
    best = np.full(len(places), np.inf)
    for a, b in (pair for line in lines for pair in pairwise(line)):
        long = max(float((b - a) @ (b - a)), 1e-12)
        t = np.clip((places - a) @ (b - a) / long, 0, 1)
        best = np.minimum(best, np.linalg.norm(places - a - t[:, None] * (b - a), axis=1))
    return float(best.max())


class Cone:
    """The figure in a tab, beside what the library computes from the two codes."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        self.n, self.u, self.v = 3, (1.1, 39), (0.9, -162)
        self.tab = opened(cone_figure(self.u, self.v, alt=ALT))
        self.root = self.tab.locator("[data-interactive]")
        self.tested = 0

    def points(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both codes, each as a batch of one."""
        return tuple(
            torch.tensor([[r * np.cos(np.deg2rad(a)), r * np.sin(np.deg2rad(a))]])
            for r, a in (self.u, self.v)
        )  # type: ignore[return-value]

    def action(self) -> Representation:
        angle = 2 * np.pi * np.arange(self.n) / self.n
        c, s = np.cos(angle), np.sin(angle)
        return Representation(cyclic(self.n), np.array([[c, -s], [s, c]]).transpose(2, 0, 1))

    def in_wedge(self, z: np.ndarray) -> np.ndarray:
        """Where orbits of complex numbers are drawn in the wedge."""
        wedge = 2 * np.pi / self.n
        angle = (np.angle(z) + wedge / 2) % wedge - wedge / 2
        return np.column_stack(
            [10 + 76 * abs(z) * np.cos(angle), 120 - 76 * abs(z) * np.sin(angle)]
        )

    def on_cone(self, z: np.ndarray) -> np.ndarray:
        """Where orbits are drawn on the cone: it stands upright and is seen from 20° above."""
        around = self.n * (np.angle(z) - np.deg2rad(self.u[1]))
        space = np.stack([
            abs(z) / self.n * np.sin(around),
            abs(z) / self.n * np.cos(around),
            -abs(z) * np.sqrt(1 - 1 / self.n**2),
        ])  # fmt: skip
        up = np.deg2rad(20)
        return np.column_stack([
            182 + 76 * space[0], 72 - 76 * (space[2] * np.cos(up) - space[1] * np.sin(up))
        ])  # fmt: skip

    def check(self, *words: str) -> dict[str, Any]:
        """Compare everything that is shown."""
        shown = self.root.evaluate(SHOWN)
        u, v = self.points()
        action = self.action()
        far, near = float((u - v).norm()), float(quotient_distance(u, v, action))
        every = [float((u - action.act(k, v)).norm()) for k in range(self.n)]
        nearest = [k for k in range(self.n) if every[k] < near + 1e-9]
        wedge = 360 // self.n
        start = f"Straight (dashed) {far:.2f}, quotient (solid) {near:.2f}: "
        assert shown["said"].startswith(start)
        named = [f"v turned by {k * wedge}°" if k else "v itself" for k in nearest]
        if self.u[0] and self.v[0]:
            assert int(align(v, u, action).elements) in nearest
            assert (" and ".join(named) if near else f"u is {named[0]}") in shown["said"]
            assert ("a tie of" in shown["said"]) is (len(nearest) == 2)
        else:
            assert "at the tip" in shown["said"]
            nearest = [0]
        for word in words:
            assert word in shown["said"]

        place = lambda z: np.array([120 + 76 * z.real, 120 - 76 * z.imag])  # noqa: E731
        a, b = (complex(*code[0].tolist()) for code in (u, v))
        turn = np.exp(2j * np.pi / self.n)
        np.testing.assert_allclose(shown["marks"], [place(a), place(b)], atol=0.06)
        copies = [place(z * turn**k) for z in (a, b) for k in range(1, self.n)]
        np.testing.assert_allclose(shown["copies"], copies, atol=0.06)
        tip = not (self.u[0] and self.v[0])
        assert shown["filled"] == [False] * (self.n - 1) + [
            k in nearest and not tip for k in range(1, self.n)
        ]
        assert shown["handles"] == 2 * self.n

        (line,) = segments(shown["straight"][0])
        np.testing.assert_allclose(line, [place(a), place(b)], atol=0.06)
        lifted = segments(shown["ways"][0])
        assert len(lifted) == len(nearest)
        for drawn, k in zip(lifted, nearest, strict=True):
            np.testing.assert_allclose(drawn, [place(a), place(b * turn**k)], atol=0.06)
        times = torch.linspace(0, 1, 61, dtype=torch.float64)
        walk = quotient_geodesic(u, v, action, times)[:, 0].numpy() @ [1, 1j]
        inside = segments(shown["ways"][1])
        on_cut = [abs(z) > 0 and abs(np.angle(z**self.n)) > np.pi - 1e-9 for z in (a, b)]
        # An end on the cut is seen at both edges; the rest of a line is inside.
        assert off(self.in_wedge(walk[1:-1]), inside) < 0.12
        across = (1 - times.numpy()) * a + times.numpy() * b
        assert off(self.in_wedge(across[1:-1]), segments(shown["straight"][1])) < 0.12
        for path, length, count in (
            (inside, near, len(nearest)), (segments(shown["straight"][1]), far, 1)
        ):  # fmt: skip
            total = sum(np.linalg.norm(np.diff(part, axis=0), axis=1).sum() for part in path) / 76
            assert total == pytest.approx(count * length, abs=0.01)
        diamonds = np.array([segments(path.split("l")[0])[0][0] for path in shown["crossings"]])
        assert len(diamonds) in (0, 2)
        assert ("crosses the cut" in shown["said"]) is (len(diamonds) == 2 and len(nearest) == 1)
        if len(diamonds):
            middles = (diamonds - (10, 115)) / 76
            high, low = np.rad2deg(np.arctan2(-middles[:, 1], middles[:, 0]))
            assert high == pytest.approx(180 / self.n, abs=0.2)
            assert low == pytest.approx(-180 / self.n, abs=0.2)
            radii = np.linalg.norm(middles, axis=1)
            assert radii[0] == pytest.approx(radii[1], abs=0.003)
            stated = re.search(r"comes back at the other, ([\d.]+) from the tip", shown["cone"])
            assert stated
            assert float(stated[1]) == pytest.approx(radii[0], abs=0.007)
        assert len(shown["folded"]) == 2 + sum(on_cut)

        rolled = [part for path in shown["rolled"] for part in segments(path)]
        assert off(self.on_cone(walk), rolled) < 0.15
        ends = self.on_cone(np.array([b, a]))
        np.testing.assert_allclose(shown["dots"], ends, atol=0.06)
        # The drawn cone holds what is rolled on it: its rim, and the seam that ends there.
        u = np.deg2rad(self.u[1])
        rim = self.on_cone(1.4 * np.exp(1j * (u + np.arange(360) * 2 * np.pi / (360 * self.n))))
        low, high = rim.min(axis=0), rim.max(axis=0)
        np.testing.assert_allclose(shown["outline"], [low[0], high[0], 72, high[1]], atol=0.05)
        (seam,) = segments(shown["seam"][0])
        end = self.on_cone(np.array([1.4 * np.exp(1j * np.pi / self.n)]))
        np.testing.assert_allclose(seam, [[182, 72], *end], atol=0.06)
        assert shown["title"] == f"The quotient: {wedge}° rolled into a cone"
        assert shown["plane"].endswith(f"multiples of {wedge}°. {shown['said']}")
        r, angle = (self.u, self.v)[int(shown["chosen"])]
        dials = [f"{r:.2f}", f"{angle}°".replace("-", "\u2212")]
        assert shown["dials"] == shown["spoken"] == dials
        self.tested += 1
        return shown

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag what lies at one place of the plane to another; both as distance and angle."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale = box["width"] / 240
        for k, (r, a) in enumerate((begin, end)):
            x, y = 76 * r * np.cos(np.deg2rad(a)), -76 * r * np.sin(np.deg2rad(a))
            at = box["x"] + (120 + x) * scale, box["y"] + (120 + y) * scale
            self.tab.mouse.move(*at, steps=1 + 2 * k)
            if k == 0:
                self.tab.mouse.down()
        self.tab.mouse.up()


def test_every_state_is_what_the_library_says(
    opened: Callable[[HTMLFigure], Any], visit: Visit, browser: Any
) -> None:
    cone = Cone(opened)
    far, angle = (cone.tab.locator(".book-dial input").nth(k) for k in (0, 1))
    group, code = (cone.tab.locator("select").nth(k) for k in (0, 1))
    cone.check("v turned by 240°", "crosses the cut")
    cone.drag(cone.v, (1.2, 72))
    cone.v = (1.2, 72)
    cone.check("v itself", "crosses the cut")
    assert not angle.is_visible(), "what a drag does as well is folded"
    cone.tab.locator("summary").focus()
    cone.tab.keyboard.press("Enter")
    angle.focus()
    for _ in range(5):
        angle.press("ArrowRight")
    cone.v = (1.2, 87)
    cone.check()
    for _ in range(4):
        angle.press("ArrowRight")
    cone.v = (1.2, 99)
    cone.check("a tie of v itself and v turned by 240°")
    angle.press("ArrowRight")
    cone.v = (1.2, 102)
    cone.check("the nearest copy of v is v turned by 240°")
    group.focus()
    cone.tab.keyboard.press("ArrowDown")
    cone.n = 4
    cone.check("v turned by 270°")
    group.select_option("2")
    cone.n = 2
    cone.check("v itself")
    cone.drag((1.1, -141), (1.1, -168))  # a copy of u becomes u
    cone.u = (1.1, -168)
    shown = cone.check("a tie of v itself and v turned by 180°")
    assert shown["chosen"] == "0"
    cone.drag(cone.u, (2.5, -90))  # held at the rim
    cone.u = (1.4, -90)
    cone.check("u lies on the cut")
    group.select_option("6")
    cone.n = 6
    cone.check("v turned by 180°")
    angle.focus()
    for _ in range(4):
        angle.press("ArrowRight")
    cone.u = (1.4, -78)
    far.focus()
    far.press("ArrowLeft")
    far.press("ArrowLeft")
    far.press("ArrowLeft")
    far.press("ArrowLeft")
    cone.u = (1.2, -78)
    cone.check("u is v turned by 180°: one orbit")
    code.select_option("1")
    far.press("Home")
    cone.v = (0.0, 102)
    cone.check("v is at the tip")

    touched = browser.new_context(
        viewport={"width": 390, "height": 650}, has_touch=True, reduced_motion="reduce"
    )
    tab = touched.new_page()
    tab.goto(cone.tab.url)
    cone.tab, cone.root = tab, tab.locator("[data-interactive]")
    cone.n, cone.u, cone.v = 3, (1.1, 39), (0.9, -162)
    box = tab.locator(".book-plane").bounding_box()
    client = touched.new_cdp_session(tab)
    for kind, degrees in (("Start", -162), ("Move", -150), ("Move", -120), ("End", 0)):
        x, y = 68.4 * np.cos(np.deg2rad(degrees)), -68.4 * np.sin(np.deg2rad(degrees))
        point = {k: box[k] + (120 + d) * box["width"] / 240 for k, d in (("x", x), ("y", y))}
        sent = {"type": f"touch{kind}", "touchPoints": [] if kind == "End" else [point]}
        client.send("Input.dispatchTouchEvent", sent)
    cone.v = (0.9, -120)
    cone.check("v turned by 120°")
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    touched.close()
    assert cone.tested >= 13
    assert visit.errors == []


def test_the_comparison_notices_what_is_not_so(opened: Callable[[HTMLFigure], Any]) -> None:
    cone = Cone(opened)
    cone.check()
    cone.v = (0.9, -159)
    with pytest.raises(AssertionError):
        cone.check()
    cone.v = (0.9, -162)
    cone.n = 4
    with pytest.raises(AssertionError):
        cone.check()
    cone.n = 3
    cone.root.evaluate("""(root) => {
      const way = root.querySelector(".book-quotient .book-ways");
      way.setAttribute("d", way.getAttribute("d").split("M").slice(0, 2).join("M"));
    }""")
    with pytest.raises(AssertionError):
        cone.check()


def test_where_scripts_do_not_run_the_still_is_seen(tmp_path: Path, browser: Any) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    figure = cone_figure((1.1, 39), (0.9, -162), alt=ALT)
    page.set_content(f"<!doctype html><html lang='en'><body>{figure.html}</body></html>")
    assert page.locator(".book-still").is_visible()
    assert not page.locator("[data-interactive]").is_visible()
    page.context.close()
