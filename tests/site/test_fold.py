"""Points that a reader folds or turns into a wedge: every state beside the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils.groups import Representation, cyclic, reflection_group, reflection_mirrors
from utils.plots import HTMLFigure, fold_figure
from utils.projections import chamber_fold
from utils.quotient import quotient_distance

pytestmark = pytest.mark.browser

ALT = "Two points of the plane and a wedge, drawn to see whether the script does its work."
MIRRORS = (1, 2, 3, 4, 6)
SCALE = 102 / 3
SHOWN = """(root) => {
  const number = (e, name) => Number(e.getAttribute(name));
  const centre = (e) => e.tagName === "circle" ? [number(e, "cx"), number(e, "cy")]
    : [number(e, "x") + number(e, "width") / 2, number(e, "y") + number(e, "height") / 2];
  const within = (name, kind) => [...root.querySelectorAll(`${name} ${kind}`)];
  const marks = (name, kind) => within(name, kind).map(centre);
  const texts = (name) => within(name, "text").map((e) => e.textContent);
  return {
    said: root.querySelector("output").textContent,
    spoken: [...root.querySelectorAll("svg")].map((e) => e.getAttribute("aria-label")),
    circles: marks(".book-ways", "circle"), squares: marks(".book-ways", "rect"),
    numbers: texts(".book-ways"), bars: texts(".book-bars"),
    lengths: within(".book-bars", "rect").map((e) => number(e, "width")),
    between: root.querySelector(".book-between").getAttribute("d"),
    dots: marks(".book-graphs", "circle"), boxes: marks(".book-graphs", "rect"),
    ways: within(".book-ways", "path").map((e) => e.getAttribute("d")),
    grips: marks(".book-handles", "circle"),
    dials: within(".book-dial", "span").map((e) => e.textContent),
    values: within(".book-dial", "input").map((e) => e.getAttribute("aria-valuetext")),
  };
}"""


def plane(length: float, angle: float) -> torch.Tensor:
    turn = np.radians(angle)
    return length * torch.tensor([[np.cos(turn), np.sin(turn)]], dtype=torch.float64)


def on_square(points: torch.Tensor) -> list[float]:
    return [120 + SCALE * float(points[0, 0]), 120 - SCALE * float(points[0, 1])]


def degrees(points: torch.Tensor) -> float:
    return float(np.degrees(np.arctan2(*points[0].numpy()[::-1])) % 360)


class Fold:
    """The figure in a tab, beside what the library says of its state."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        self.tab = opened(fold_figure(alt=ALT, mirrors=MIRRORS))
        self.root = self.tab.locator("[data-interactive]")
        self.points = {"z": (2.4, 178), "w": (2.2, 184)}
        self.tested = 0

    def choose(self, mirrors: int, way: str) -> None:
        wedge, choice = self.tab.locator("select").all()
        wedge.select_option(index=MIRRORS.index(mirrors))
        choice.select_option(label=way)

    def library(self, mirrors: int, way: str) -> tuple[list[torch.Tensor], float, list[int]]:
        """Return the codes, the distance of the orbits and what the figure counts for each."""
        a = np.pi / mirrors
        normals = np.array([[0.0, 1.0], [np.sin(a), -np.cos(a)]])[: min(mirrors, 2)]
        inside = np.array([np.cos(a / 2), np.sin(a / 2)])
        z, w = (plane(*point) for point in self.points.values())
        if way == "folding in mirrors":
            fold = chamber_fold(normals, inside=inside)
            roots = reflection_mirrors(normals)
            roots = roots * np.sign(roots @ inside)[:, None]
            counts = [int((point.numpy() @ roots.T < -1e-9).sum()) for point in (z, w)]
            distance = quotient_distance(z, w, reflection_group(normals))
            return [fold(z), fold(w)], distance.item(), counts
        order = 2 * mirrors
        c, s = np.cos(a * np.arange(order)), np.sin(a * np.arange(order))
        turns = Representation(cyclic(order), np.stack([c, -s, s, c], -1).reshape(-1, 2, 2))
        codes, backs = [], []
        for point in (z, w):
            orbit = [turns.act(g, point) for g in range(order)]
            chosen = [
                k for k, p in enumerate(orbit) if (degrees(p) + 1e-9) % 360 < 180 / mirrors - 1e-7
            ]
            assert len(chosen) == 1
            codes.append(orbit[chosen[0]])
            backs.append((order - chosen[0]) % order * (180 // mirrors))
        return codes, quotient_distance(z, w, turns).item(), backs

    def check(self, mirrors: int, way: str) -> dict[str, Any]:
        """Compare everything that is shown."""
        shown = self.root.evaluate(SHOWN)
        codes, orbits, counts = self.library(mirrors, way)
        far = (codes[0] - codes[1]).norm().item()
        wide, folding = 180 // mirrors, way == "folding in mirrors"
        if folding:
            assert far == pytest.approx(orbits, abs=1e-9)
            expected = (
                f"Reflections into the wedge: {counts[0]} for z, {counts[1]} for w. The codes are "
                f"{far:.2f} apart, the orbits {orbits:.2f}: no tear."
            )
        else:
            word = "Torn" if far >= 2 * orbits else "Stretched"
            rest = f"{word}: the codes are {far:.2f} apart, the orbits only {orbits:.2f}."
            if f"{far:.2f}" == f"{orbits:.2f}":
                rest = f"Here the codes are {far:.2f} apart, as are the orbits; go across an edge."
            expected = f"Turned back: z by {counts[0]}°, w by {counts[1]}°. {rest}"
        assert shown["said"] == expected
        assert shown["spoken"][0].endswith(expected)
        assert shown["spoken"][0].startswith(f"A wedge of {wide}°; z at {self.points['z'][1]}°")
        # Each mark stands where the library's code and the point itself are.
        for name, marks, code in zip(
            "zw", (shown["circles"], shown["squares"]), codes, strict=True
        ):
            own = on_square(plane(*self.points[name]))
            np.testing.assert_allclose(marks, [on_square(code), own], atol=0.11)
        np.testing.assert_allclose(
            shown["grips"], [on_square(plane(*p)) for p in self.points.values()], atol=0.06
        )
        ends = [[float(x) for x in p.split()] for p in shown["between"][1:].split("L")]
        np.testing.assert_allclose(ends, [on_square(code) for code in codes], atol=0.06)
        # Every step has its number, and its chord or its arc.
        steps = [range(1, n + 1) for n in counts] if folding else [range(0)] * 2
        numbers = [text for name, own in zip("zw", steps, strict=True) for text in (name, *own)]
        assert shown["numbers"] == [str(text) for text in numbers]
        for i, count in enumerate(counts):
            drawn = shown["ways"][2 * i].count("M")
            assert drawn == (count if folding else int(count > 0))
        # Two bars, of one scale, and the graphs.
        assert shown["bars"] == ["codes apart", f"{far:.2f}", "orbits apart", f"{orbits:.2f}"]
        bar = 112 / (3 * max(1, 2 * np.sin(np.pi / mirrors / 2)))
        np.testing.assert_allclose(shown["lengths"], [bar * far, bar * orbits], atol=0.06)
        top = 22 if folding else 124
        for marks, code, (_, angle) in zip(
            (shown["dots"], shown["boxes"]), codes, self.points.values(), strict=True
        ):
            chosen = (degrees(code) + 1e-6) % 360
            x, y = marks[0 if folding else 1]
            assert x == pytest.approx(34 + 188 * angle / 360, abs=0.06)
            assert y == pytest.approx(top + 66 * (1 - chosen / wide), abs=0.06)
        told = [f"{angle}°" for _, angle in self.points.values()]
        told += [f"{length:.2f}" for length, _ in self.points.values()]
        assert shown["dials"] == shown["values"] == told
        self.tested += 1
        return shown

    def drag(self, name: str, length: float, angle: float) -> None:
        """Drag a point to a place of the plane."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale = box["width"] / 240
        moves = [on_square(plane(*self.points[name])), on_square(plane(length, angle))]
        self.tab.mouse.move(*(box[k] + v * scale for k, v in zip("xy", moves[0], strict=True)))
        self.tab.mouse.down()
        self.tab.mouse.move(
            *(box[k] + v * scale for k, v in zip("xy", moves[1], strict=True)), steps=3
        )
        self.tab.mouse.up()


FOLDED, TURNED = "folding in mirrors", "turning back"


def test_points_are_folded_and_turned_as_the_library_does(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    fold = Fold(opened)
    first = fold.check(3, FOLDED)
    fold.choose(3, TURNED)
    torn = fold.check(3, TURNED)["said"]
    assert "Torn" in torn
    assert first["ways"] != fold.root.evaluate(SHOWN)["ways"]
    for mirrors in (1, 2, 4, 6):
        for way in (FOLDED, TURNED):
            fold.choose(mirrors, way)
            fold.check(mirrors, way)
    # Their grips overlap: the nearer point is taken.
    fold.choose(4, FOLDED)
    fold.drag("z", 1.5, 300)
    fold.points["z"] = (1.5, 300)
    fold.check(4, FOLDED)
    fold.drag("w", 5.0, 90)  # out of the disc: held at its rim, on a mirror
    fold.points["w"] = (3.0, 90)
    fold.check(4, FOLDED)
    fold.choose(4, TURNED)
    fold.check(4, TURNED)
    # The keyboard, by the four dials.
    dials = fold.tab.locator(".book-dial input").all()
    assert not dials[0].is_visible(), "what a drag does as well is folded"
    fold.tab.locator("summary").focus()
    fold.tab.keyboard.press("Enter")
    for dial, key, times in zip(
        dials, ("ArrowLeft", "ArrowRight", "ArrowDown", "End"), (2, 3, 4, 1), strict=True
    ):
        dial.focus()
        for _ in range(times):
            fold.tab.keyboard.press(key)
    fold.points |= {"z": (1.3, 298), "w": (3.0, 93)}
    fold.check(4, TURNED)
    fold.tab.locator("select").nth(1).focus()
    fold.tab.keyboard.press("ArrowUp")
    fold.check(4, FOLDED)
    assert fold.tested >= 10
    assert visit.errors == []
    # The comparison notices another wedge, another way and a point that is a degree off.
    for mirrors, way in ((3, FOLDED), (4, TURNED)):
        with pytest.raises(AssertionError):
            fold.check(mirrors, way)
    fold.points["z"] = (1.3, 299)
    with pytest.raises(AssertionError):
        fold.check(4, FOLDED)


def test_a_point_is_dragged_by_touch_and_stays_in_sight(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    fold = Fold(opened)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce"
    )
    fold.tab = context.new_page()
    fold.tab.goto(serve(tmp_path))
    fold.root = fold.tab.locator("[data-interactive]")
    box = fold.tab.locator(".book-plane").bounding_box()
    scale = box["width"] / 240
    client = context.new_cdp_session(fold.tab)
    begin, end = (on_square(plane(*at)) for at in (fold.points["w"], (1.0, 250)))
    middle = [(p + q) / 2 for p, q in zip(begin, end, strict=True)]
    for kind, (x, y) in [("Start", begin), ("Move", middle), ("Move", end), ("End", (0, 0))]:
        points = [{"x": box["x"] + x * scale, "y": box["y"] + y * scale}]
        sent = {"type": f"touch{kind}", "touchPoints": [] if kind == "End" else points}
        client.send("Input.dispatchTouchEvent", sent)
    fold.points["w"] = (1.0, 250)
    fold.check(3, FOLDED)
    said = fold.tab.locator("output").bounding_box()
    assert said["y"] + said["height"] < box["y"] + 640
    assert fold.tab.evaluate("document.documentElement.scrollWidth") <= 390
    touched = "e => getComputedStyle(e).touchAction"
    assert fold.tab.locator(".book-handle").first.evaluate(touched) == "none"
    assert fold.tab.locator(".book-plane").evaluate(touched) == "auto"
    context.close()
