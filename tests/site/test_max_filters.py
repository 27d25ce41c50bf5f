"""Max filters whose templates and codes a reader drags: every state beside the library."""

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

from utils.groups import CyclicShifts, Representation, cyclic, reflection_group
from utils.plots import HTMLFigure, max_filters_figure
from utils.projections import chamber_fold
from utils.projections.random import DrawnCodes, _shifted, random_max_filter
from utils.quotient import quotient_distance

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
SCALE = 240 / 3.4
SHOWN = """(root) => {
  const seen = (e) => e.getAttribute("visibility") !== "hidden";
  const places = (list) => list.map((e) => [+e.getAttribute("cx"), +e.getAttribute("cy")]);
  const all = (selector) => [...root.querySelectorAll(selector)].filter(seen);
  return {
    said: root.querySelector("output").textContent,
    plane: root.querySelector(".book-plane").getAttribute("aria-label"),
    mirrors: root.querySelector(".book-mirrors").getAttribute("d"),
    chart: root.querySelector(".book-chart").getAttribute("aria-label"),
    lines: all(".book-level path").map((e) => e.getAttribute("d")),
    dots: places(all(".book-orbits circle")),
    handles: places([...root.querySelectorAll(".book-handle")]),
    strips: all(".book-moving circle").map((e) => +e.getAttribute("cx")),
    texts: all(".book-moving text").map((e) => e.textContent).filter((t) => t),
    bar: ["x", "width"].map((a) => +root.querySelector(".book-moving rect").getAttribute(a)),
    mark: all(".book-moving path:not([stroke])").map((e) => e.getAttribute("d")),
    dials: [...root.querySelectorAll(".book-dial span")].map((e) => e.textContent),
    spoken: [...root.querySelectorAll(".book-dial input")].map(
      (e) => e.getAttribute("aria-valuetext")),
  };
}"""


def polar(angle: float, length: float = 1.0) -> np.ndarray:
    return length * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])


@functools.cache
def action(order: int, mirrored: bool) -> Representation:
    """C_n, or D_n made of two mirrors by the library, as it moves the plane."""
    if mirrored:
        return reflection_group(np.array([polar(90), polar(90 + 180 / order)]))
    c, s = polar(360 / order * np.arange(order))
    return Representation(cyclic(order), np.array([[c, -s], [s, c]]).transpose(2, 0, 1))


def turned(z: np.ndarray, order: int, mirrored: bool = False) -> np.ndarray:
    """The orbit of a point of the plane."""
    return action(order, mirrored).matrices @ z


def rows(points: np.ndarray, order: int) -> torch.Tensor:
    """Points of the plane as rows of length n of the first frequency: turns become shifts."""
    at = 2 * np.pi * np.arange(order) / order
    basis = np.sqrt(2 / order) * np.array([np.cos(at), np.sin(at)])
    return torch.tensor(np.atleast_2d(points) @ basis)[:, None]


def filter_values(
    z: np.ndarray, templates: np.ndarray, order: int, mirrored: bool = False
) -> np.ndarray:
    if mirrored:  # by brute force
        moves = action(order, True).matrices
        return np.einsum("mi,gij,bj->bmg", templates, moves, np.atleast_2d(z)).max(axis=2)
    drawn = DrawnCodes(CyclicShifts(order), (1, order), rows(templates, order))
    return random_max_filter.__wrapped__(rows(z, order), _shifted(drawn)).numpy()


def orbit_distance(x: np.ndarray, y: np.ndarray, order: int, mirrored: bool = False) -> np.ndarray:
    if mirrored:
        pair = (torch.tensor(np.atleast_2d(one)) for one in (x, y))
        return quotient_distance(*pair, action(order, True)).numpy()
    return quotient_distance(rows(x, order), rows(y, order), CyclicShifts(order)).numpy()


@functools.cache
def grid(order: int, mirrored: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs over which the figure says that it measures, and how far their orbits are apart."""
    last = 180 / order if mirrored else 47 / 48 * 360 / order
    units = polar(np.linspace(0, last, 48)).T
    i, j, k = np.indices((48, 48, 13)).reshape(3, -1)
    once = (k < 12) | (i < j)
    x, y = units[i[once]], units[j[once]] * (k[once, None] + 4) / 16
    return x, y, orbit_distance(x, y, order, mirrored)


class Filters:
    """The figure in a tab, beside what the library computes."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        self.templates = np.array([polar(0), polar(35), polar(62)])
        length = 1.15 * np.cos(np.deg2rad(10)) / np.cos(np.deg2rad(35))
        self.codes = np.array([polar(100, 1.15), polar(215, length)])  # on one square
        self.order, self.mirrored, self.shown, self.tested = 4, False, 1, 0
        figure = max_filters_figure(self.templates, self.codes, mirrors=(4, 3), alt=ALT)
        self.tab = opened(figure)
        self.root = self.tab.locator("[data-interactive]")

    @property
    def group(self) -> tuple[int, bool]:
        return self.order, self.mirrored

    def check(self) -> dict[str, Any]:
        """Compare everything that is shown."""
        shown = self.root.evaluate(SHOWN)
        own = self.templates[: self.shown]
        found = filter_values(self.codes, own, *self.group)
        apart = orbit_distance(self.codes[:1], self.codes[1:], *self.group)[0]
        gap = np.linalg.norm(found[0] - found[1])
        x, y, between = grid(*self.group)
        gaps = filter_values(x, own, *self.group) - filter_values(y, own, *self.group)
        ratios = np.linalg.norm(gaps, axis=1) / between
        least, most = ratios.min(), ratios.max()

        ratio = None if apart < 1e-7 else gap / apart
        pair, outside = "a and b lie in one orbit, so all values are the same.", ""
        if ratio is not None:
            pair = (
                f"The orbits are {apart:.2f} apart, the values the same: not told apart."
                if gap < 1e-7
                else f"The orbits are {apart:.2f} apart, the values {gap:.2f}: ratio {ratio:.2f}."
            )
            outside = "below" if ratio < least - 0.005 else "above" if ratio > most + 0.005 else ""
        outside = outside and f"; this pair is {outside} them all"
        assert shown["said"] == (
            f"{pair} Measured over {len(x):,} pairs, the ratio goes from {least:.2f} to "
            f"{most:.2f}{outside}."
        )
        numbers = []
        for k in range(self.shown):
            numbers += [str(k + 1), f"{found[0, k]:.2f}", f"{found[1, k]:.2f}"]
            words = f"Template {k + 1}: {found[0, k]:.2f} at a, {found[1, k]:.2f} at b"
            assert words in shown["chart"]
        assert shown["chart"].endswith(shown["said"])
        numbers += [f"{least:.2f}", f"{most:.2f}"]
        numbers += [] if ratio is None else [f"this pair {ratio:.2f}"]
        assert shown["texts"] == numbers
        strips = 44 + 104 * found.T.ravel() / 1.7
        np.testing.assert_allclose(shown["strips"], strips, atol=0.06)
        bar = np.array([36 + 83 * least, 83 * (most - least)])
        np.testing.assert_allclose(shown["bar"], bar, atol=0.06)
        at = [float(re.match(r"M([\d.]+) ", d)[1]) for d in shown["mark"]]
        np.testing.assert_allclose(at, [] if ratio is None else [36 + 83 * ratio], atol=0.06)

        for k, line in enumerate(shown["lines"]):
            corners = np.array([[float(v) for v in p.split()] for p in line[1:-1].split("L")])
            plane = (corners - 120) / SCALE * (1, -1)
            assert len(corners) == (1 + self.mirrored) * self.order
            middles = (plane + np.roll(plane, -1, axis=0)) / 2
            there = filter_values(np.concatenate([plane, middles]), own[k : k + 1], *self.group)
            np.testing.assert_allclose(there, found[0, k], atol=0.003)
        assert len(shown["lines"]) == self.shown
        orbits = np.concatenate([turned(z, *self.group)[::-1] for z in self.codes])
        dots, places = np.sort(shown["dots"], axis=0), 120 + SCALE * orbits * (1, -1)
        np.testing.assert_allclose(dots, np.sort(places, axis=0), atol=0.06)
        words = [f"a at {self.words(0)}", f"b at {self.words(1)}"]
        words += [f"template {k + 1} at {self.words(k + 2)}" for k in range(self.shown)]
        mirrors = f" and {self.order} mirrors" * self.mirrored
        assert shown["plane"] == (
            f"The plane with the turns by {360 / self.order:g}°{mirrors}. {'; '.join(words)}."
        )
        ends = np.array(re.findall(r"([-\d.]+) ([-\d.]+)", shown["mirrors"]), dtype=float)
        assert len(ends) == 2 * self.order * self.mirrored
        if self.mirrored:  # each of them leaves both its ends in place
            sides = ((ends - 120) * (1, -1)).reshape(-1, 2, 2)
            kept = action(*self.group).matrices[:, None, None] @ sides[None, ..., None]
            still = np.abs(kept[..., 0] - sides).max(axis=(2, 3)) < 0.2
            np.testing.assert_array_equal(still.sum(axis=0), 2)  # the identity, and one more
        assert shown["dials"] == shown["spoken"]
        chosen = int(self.tab.locator("select").nth(1).input_value())
        assert ", length ".join(shown["dials"]) == self.words(chosen)
        self.tested += 1
        return shown

    def words(self, i: int) -> str:
        """Where a, b or a template is."""
        x, y = np.concatenate([self.codes, self.templates])[i]
        return f"{np.rad2deg(np.arctan2(y, x)) % 360:.0f}°, length {np.hypot(x, y):.2f}"

    def place(self, i: int, z: np.ndarray) -> None:
        """Say where a, b or a template is now."""
        if i < 2:
            self.codes[i] = z
        else:
            self.templates[i - 2] = z

    def on_screen(self, z: np.ndarray) -> tuple[float, float]:
        box = self.tab.locator(".book-plane").bounding_box()
        x, y = (120 + SCALE * np.asarray(z) * (1, -1)) * box["width"] / 240
        return box["x"] + x, box["y"] + y

    def drag(self, i: int, z: np.ndarray, lies: np.ndarray | None = None) -> None:
        """Drag a, b or a template to a point, and say where it lies then."""
        self.tab.mouse.move(*self.on_screen(np.concatenate([self.codes, self.templates])[i]))
        self.tab.mouse.down()
        self.tab.mouse.move(*self.on_screen(z), steps=3)
        self.tab.mouse.up()
        self.place(i, z if lies is None else lies)

    def more(self, by: int = 1) -> None:
        self.tab.locator(".book-more" if by > 0 else ".book-fewer").click()
        self.shown += by

    def twin(self) -> np.ndarray:
        """The other orbit on which the first two filters have the values of a."""
        wanted = filter_values(self.codes[:1], self.templates[:2], self.order)[0]
        for v in turned(self.templates[0], self.order):
            for w in turned(self.templates[1], self.order):
                z = np.linalg.solve([v, w], wanted)
                same = np.allclose(filter_values(z, self.templates[:2], self.order), wanted)
                if same and orbit_distance(z, self.codes[0], self.order)[0] > 0.1:
                    return z
        raise AssertionError("two filters have no other orbit")


def test_filters_say_what_the_library_says(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    filters = Filters(opened)
    assert "not told apart" in filters.check()["said"]
    filters.more()
    assert "ratio 0.57" in filters.check()["said"]
    twin = filters.twin()
    filters.drag(1, twin + np.array([0.02, -0.02]), lies=twin)  # caught where the lines cross
    assert "not told apart" in filters.check()["said"]
    filters.more()
    shown = filters.check()
    assert "not told apart" not in shown["said"]
    assert filters.tab.locator(".book-more").is_disabled()
    filters.drag(4, polar(84, 0.8))
    filters.check()
    filters.drag(0, polar(130, 0.9))
    filters.check()
    filters.drag(1, polar(310.5, 0.91), lies=polar(310, 0.9))  # caught by the orbit of a
    assert filters.check()["said"].startswith("a and b lie in one orbit")
    filters.drag(1, polar(250, 3.0), lies=polar(250, 1.44))  # held within the square
    filters.check()
    order = filters.tab.locator("select").first
    for filters.order in (3, 5):
        order.select_option(str(filters.order))
        filters.check()
    for filters.order in (4, 3):
        filters.mirrored = True
        order.select_option(f"{filters.order}m")
        filters.check()
    filters.mirrored, filters.order = False, 5
    order.select_option("5")
    filters.tab.locator("summary").focus()
    filters.tab.keyboard.press("Enter")  # the dials are folded, and opened by keyboard too
    turn, length = (filters.tab.locator(".book-dial input").nth(k) for k in (0, 1))
    turn.focus()
    for _ in range(3):
        turn.press("ArrowLeft")
    length.focus()
    length.press("Home")
    filters.codes[1] = polar(247, 0.2)
    filters.check()
    filters.tab.locator("select").nth(1).select_option(label="template 2")
    length.focus()
    length.press("ArrowDown")
    filters.templates[1] = polar(35, 0.98)
    filters.check()
    filters.more(-1)
    filters.check()
    filters.more(-1)  # the template that was moved is gone
    assert filters.tab.locator("select").nth(1).input_value() == "1"
    filters.check()
    assert filters.tested >= 10
    assert visit.errors == []


def test_with_mirrors_two_filters_tell_all_orbits_apart(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    filters = Filters(opened)
    filters.more()
    twin = filters.twin()  # turns alone leave the values of the two orbits equal
    filters.drag(1, twin + np.array([0.02, -0.02]), lies=twin)
    assert "not told apart" in filters.check()["said"]
    filters.tab.locator("select").first.select_option("4m")
    filters.mirrored = True
    said = filters.check()["said"]
    assert "not told apart" not in said
    assert "lie in one orbit" not in said  # or nothing is to be told apart
    # Folded, templates and codes have the filters as scalar products: a matrix, whose singular
    # values are the best constants. The measured bracket comes near both from within.
    fold = chamber_fold(np.array([polar(90), polar(135)]), inside=polar(67.5))
    folded = fold(torch.tensor(filters.templates[:2])).numpy()
    found = filter_values(filters.codes, filters.templates[:2], 4, True)
    codes = fold(torch.tensor(filters.codes)).numpy()
    np.testing.assert_allclose(found, codes @ folded.T, atol=1e-9)
    low, wide = filters.root.evaluate(SHOWN)["bar"]
    most, least = np.linalg.svd(folded, compute_uv=False)
    assert least - 0.002 <= (low - 36) / 83 <= least + 0.02
    assert most - 0.02 <= (low + wide - 36) / 83 <= most + 0.002
    # A template may lie on a mirror, and a code may: two copies of each meet.
    filters.drag(2, polar(45))
    filters.drag(0, polar(135, 0.8))
    filters.check()
    # A mirror image is caught by the orbit.
    z = filters.codes[0] * (1, -1)
    filters.drag(1, z + np.array([0.02, 0.02]), lies=z)
    assert filters.check()["said"].startswith("a and b lie in one orbit")
    assert visit.errors == []


def test_the_comparison_notices_other_filters(opened: Callable[[HTMLFigure], Any]) -> None:
    filters = Filters(opened)
    filters.check()
    for change in ("codes", "templates"):
        before = getattr(filters, change).copy()
        getattr(filters, change)[0] = polar(99, 1.13)
        with pytest.raises(AssertionError):
            filters.check()
        setattr(filters, change, before)
    filters.order = 5
    with pytest.raises(AssertionError):
        filters.check()


def test_codes_are_dragged_by_touch(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    filters = Filters(opened)
    context = browser.new_context(
        viewport={"width": 390, "height": 650}, has_touch=True, reduced_motion="reduce"
    )
    filters.tab = context.new_page()
    filters.tab.goto(serve(tmp_path))
    filters.root = filters.tab.locator("[data-interactive]")
    client = context.new_cdp_session(filters.tab)
    way = [filters.codes[0], polar(90, 0.9), polar(70, 0.7), polar(60, 0.7)]
    for kind, z in [*zip(["Start", "Move", "Move", "Move"], way, strict=True), ("End", None)]:
        places = [] if z is None else [dict(zip("xy", filters.on_screen(z), strict=True))]
        client.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": places})
    filters.place(0, polar(60, 0.7))
    filters.check()
    wide = filters.tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    context.close()
