"""A point that a reader drags and beads that a reader colours: every state beside the library."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils.groups import (
    FiniteGroup,
    Representation,
    burnside_count,
    count_colourings,
    cyclic,
    dihedral,
    orbit,
    reflection_group,
    stabilizer,
)
from utils.plots import HTMLFigure, orbit_figure

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
SHOWN = """(root) => {
  const of = (name) => [...root.querySelectorAll(name)];
  const at = (e) => ["cx", "cy", "r"].map((name) => Number(e.getAttribute(name)));
  return {
    said: of("output").map((e) => e.textContent),
    labels: of("svg").map((e) => e.getAttribute("aria-label")),
    dots: of(".book-images circle").map(at),
    counts: of(".book-images text").map((e) => e.textContent),
    handle: at(root.querySelector(".book-handle")),
    mirrors: of(".book-mirrors path").map((e) => e.getAttribute("stroke-dasharray") === null),
    named: of(".book-mirrors text").map((e) => e.textContent),
    axes: of(".book-drawn path").map((e) => [e.getAttribute("stroke-width"),
      e.getAttribute("d").split("L").length]),
    texts: of(".book-drawn text").map((e) => e.textContent),
    bars: of(".book-drawn rect").map((e) => Number(e.getAttribute("width"))),
    dotted: of(".book-drawn circle").filter((e) => e.getAttribute("r") === "2.2").length,
    rings: of(".book-drawn path").filter(
      (e) => e.getAttribute("stroke-width") === "0.6").length,
    dials: of(".book-dial span").map((e) => e.textContent),
    spoken: of(".book-dial input").map((e) => e.getAttribute("aria-valuetext")),
  };
}"""
FAMILIES = {"D₆": dihedral(6), "D₃": dihedral(3), "D₂": dihedral(2), "C₅": cyclic(5)}


def matrices_of(group: FiniteGroup) -> Representation:
    """The group in the plane: made from two mirrors by the library, or from turns."""
    n = group.degree
    if group.family == "dihedral":
        return reflection_group(
            np.array([[0.0, 1.0], [-math.sin(math.pi / n), math.cos(math.pi / n)]])
        )
    angle = 2 * np.pi * np.arange(n) / n
    c, s = np.cos(angle), np.sin(angle)
    return Representation(group, np.stack([c, -s, s, c], axis=1).reshape(n, 2, 2))


def name_of(matrix: np.ndarray) -> tuple[int, int, str]:
    """What the figure calls a turn or a mirror, behind what sorts it."""
    angle = round(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))) % 360
    if np.linalg.det(matrix) < 0:
        return 1, angle // 2, f"the mirror at {angle // 2}°"
    return 0, angle, f"the turn by {angle}°" if angle else "the identity"


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


class Orbits:
    """The figure in a tab, and what the library makes of its state."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        self.tab = opened(orbit_figure(FAMILIES, alt=ALT))
        self.root = self.tab.locator("[data-interactive]")
        self.group, self.tested = "D₆", 0
        self.colours, self.beads = 2, [1, 0, 1, 0, 0, 0]

    def check(self, degrees: int, distance: int) -> dict[str, Any]:
        """Compare everything that is shown with the library."""
        shown = self.root.evaluate(SHOWN)
        self.check_point(shown, degrees, distance)
        self.check_beads(shown)
        self.tested += 1
        return shown

    def check_point(self, shown: dict[str, Any], degrees: int, distance: int) -> None:
        rho = matrices_of(FAMILIES[self.group])
        angle = math.radians(degrees)
        x = distance * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
        places = np.unique(orbit(x, rho)[0].numpy().round(6) + 0.0, axis=0)
        kept = np.flatnonzero(stabilizer(x, rho)[0].numpy())
        size, order = len(places), rho.group.order
        dots = np.array(shown["dots"])
        ours = np.column_stack([dots[:, 0] - 120, 120 - dots[:, 1]]) / 82 * 100
        distances = np.linalg.norm(ours[:, None] - places[None], axis=2)
        assert len(dots) == size
        assert (distances.min(axis=0) < 0.1).all()  # a tenth of a unit of the drawing
        assert (distances.min(axis=1) < 0.1).all()
        np.testing.assert_allclose(ours[-1], x[0], atol=0.1)  # the point itself lies on top
        assert shown["handle"][:2] == shown["dots"][-1][:2]
        assert dots[:, 2].tolist() == [8.5] * (size - 1) + [11]
        assert shown["counts"] == [str(len(kept))] * size
        named = sorted(name_of(rho.matrices[g]) for g in kept)
        every = sorted(name_of(matrix) for matrix in rho.matrices)
        mirrors = [one for one in every if one[0] == 1]
        assert shown["mirrors"] == [one in named for one in mirrors]
        assert shown["named"] == [f"{one[1]}°" for one in mirrors]
        words = [one[2] for one in named]
        if len(words) == 1:
            phrase = "only the identity leaves the point where it is"
        elif len(words) == order:
            phrase = f"all {order} elements leave the point where it is"
        else:
            phrase = (
                f"{len(words)} elements leave the point where it is, "
                f"{', '.join(words[:-1])} and {words[-1]}"
            )
        said = shown["said"][0].replace("\N{NO-BREAK SPACE}", " ")
        assert said == (
            f"{plural(size, 'point')} in the orbit; {phrase}: {size} × {len(words)} = {order}."
        )
        assert shown["dials"][:2] == [f"{degrees}°", f"{distance / 100:.2f}"]
        assert shown["labels"][0] == (
            f"The point at {degrees}°, distance {distance / 100:.2f}, and its orbit under "
            f"{self.group}: {plural(size, 'point')}, each reached by "
            f"{plural(len(words), 'element')}"
        )

    def check_beads(self, shown: dict[str, Any]) -> None:
        group = FAMILIES[self.group]
        own = self.beads[: group.degree]
        action = group.natural_action().on_colourings(self.colours)
        number = int("".join(map(str, own)), self.colours)
        size, kept = len(action.orbit(number)), action.stabilizer(number)
        fixed, every = action.fixed_points(), action.points
        mean = burnside_count(fixed)
        assert mean == count_colourings(group.natural_action(), self.colours)
        by_class = [g for members in group.conjugacy_classes for g in members]
        np.testing.assert_allclose(
            shown["bars"], np.maximum(1, 90 * fixed[by_class] / every), atol=0.051
        )
        assert shown["dotted"] == len(kept)
        assert shown["rings"] == size
        assert shown["texts"][: group.degree] == [str(colour) for colour in own]
        counts = [str(fixed[members[0]]) for members in group.conjugacy_classes]
        assert shown["texts"][group.degree + 2 :][1:-1:2] == counts
        assert shown["texts"][-1] == f"mean {mean}"
        order, count = group.order, len(kept)
        phrase = (
            "only the identity fixes this one"
            if count == 1
            else f"all {order} elements fix it"
            if count == order
            else f"{count} elements fix this one"
        )
        said = shown["said"][1].replace("\N{NO-BREAK SPACE}", " ")
        assert said == (
            f"{plural(size, 'colouring')} in the orbit; {phrase}: {size} × {count} = {order}. On "
            f"average an element fixes {fixed.sum()} / {order} = {mean} colourings; all {every} "
            f"fall into {len(action.orbits())} orbits."
        )
        assert shown["dials"][2:] == [" ".join(map(str, own)), str(self.colours)]
        assert shown["spoken"] == shown["dials"]
        assert (
            f"Beads {' '.join(map(str, own))} and the orbit under {self.group}"
            in (shown["labels"][1])
        )

    def drag(self, x: float, y: float) -> None:
        """Drag the point to a place of the drawing."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale = box["width"] / 240
        for step, (u, v) in enumerate([self.root.evaluate(SHOWN)["handle"][:2], (x, y)]):
            self.tab.mouse.move(box["x"] + u * scale, box["y"] + v * scale, steps=1 + 2 * step)
            if step == 0:
                self.tab.mouse.down()
        self.tab.mouse.up()

    def dial(self, name: str, *keys: str) -> None:
        """Turn a dial by keyboard."""
        self.tab.locator(f"[id$=-{name}]").focus()
        for key in keys:
            self.tab.keyboard.press(key)

    def choose(self, name: str) -> None:
        self.tab.locator("select").select_option(label=name)
        self.group = name

    def tap(self, bead: int) -> None:
        self.tab.locator(".book-taps circle").nth(bead).click()
        self.beads[bead] = (self.beads[bead] + 1) % self.colours


def test_orbits_stabilizers_and_counts_are_the_librarys_in_every_state(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    figure = Orbits(opened)
    figure.check(21, 80)
    figure.drag(120 + 60, 120 - 20)  # 18.4 degrees
    figure.check(18, 77)
    figure.drag(120 + 60, 120 - 37)  # near the mirror at 30 degrees, and put on it
    figure.check(30, 86)
    figure.drag(120 - 4, 120 + 6)  # near the centre
    figure.check(30, 0)
    figure.drag(120 - 110, 120 + 2)  # out of the disc, near a mirror
    figure.check(180, 100)
    assert not figure.tab.locator("[id$=-degrees]").is_visible(), "what a drag does is folded"
    figure.tab.locator("summary").focus()
    figure.tab.keyboard.press("Enter")
    figure.dial("degrees", "ArrowLeft", "ArrowLeft")
    figure.dial("distance", "PageDown", "ArrowLeft")
    shown = figure.check(174, 85)
    with pytest.raises(AssertionError):
        figure.check_point(shown, 180, 85)
    with pytest.raises(AssertionError):
        figure.check_point(shown, 174, 90)
    figure.tap(4)
    figure.check(174, 85)  # every other bead: six elements fix it
    figure.tap(0)
    shown = figure.check(174, 85)
    figure.beads[1] = 1
    with pytest.raises(AssertionError):
        figure.check_beads(shown)
    figure.beads[1] = 0
    figure.choose("D₃")
    figure.check(174, 85)
    figure.dial("degrees", "ArrowRight", "ArrowRight")
    figure.check(180, 85)
    figure.dial("colours", "ArrowRight")
    figure.colours = 3
    figure.check(180, 85)
    figure.tap(2)
    figure.check(180, 85)
    figure.dial("colouring", "Home", "ArrowRight")
    figure.beads[:3] = 0, 0, 1
    figure.check(180, 85)
    figure.choose("D₂")
    figure.check(180, 85)
    figure.dial("colours", "Home")
    figure.colours, figure.beads = 2, [min(colour, 1) for colour in figure.beads]
    figure.dial("colouring", "End")
    figure.beads[:2] = 1, 1
    figure.check(180, 85)  # all elements fix it
    figure.choose("C₅")
    figure.check(180, 85)
    figure.dial("distance", "Home")
    figure.check(180, 0)
    assert figure.tested >= 16
    assert visit.errors == []


def test_the_point_is_dragged_by_touch(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    figure = Orbits(opened)
    context = browser.new_context(viewport={"width": 390, "height": 650}, has_touch=True)
    figure.tab = context.new_page()
    figure.tab.goto(serve(tmp_path))
    figure.root = figure.tab.locator("[data-interactive]")
    figure.tab.locator("select").scroll_into_view_if_needed()
    box = figure.tab.locator(".book-plane").bounding_box()
    scale = box["width"] / 240
    begin = figure.root.evaluate(SHOWN)["handle"][:2]
    client = context.new_cdp_session(figure.tab)
    for kind, (x, y) in [
        ("Start", begin), ("Move", (150, 70)), ("Move", (122, 60)), ("End", (0, 0))
    ]:  # fmt: skip
        points = [{"x": box["x"] + x * scale, "y": box["y"] + y * scale}]
        sent = {"type": f"touch{kind}", "touchPoints": [] if kind == "End" else points}
        client.send("Input.dispatchTouchEvent", sent)
    figure.check(90, 73)
    figure.tab.locator(".book-taps circle").nth(1).tap()
    figure.beads[1] = 1
    figure.check(90, 73)
    actions = "e => getComputedStyle(e).touchAction"
    assert figure.tab.locator(".book-handle").evaluate(actions) == "none"
    assert figure.tab.locator(".book-plane").evaluate(actions) == "auto"
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert figure.tab.evaluate(wide) <= 0
    context.close()
