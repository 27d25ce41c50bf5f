"""The scripts of figures that move, each alone in a browser with data of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from site_tools import Visit
from torch import nn

from utils.lie import infinitesimal_symmetries, symmetry_form
from utils.plots import (
    DrawingPanel,
    HTMLFigure,
    ImagePanel,
    Measure,
    PlaneFunction,
    Reading,
    arrow_field_figure,
    bars_figure,
    choice_figure,
    interactive,
    plane_points,
    slider_figure,
)

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
GREYS = """(canvas) => [...canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0)"""
PLACES = """(svg) => [...svg.querySelectorAll("g > *, .book-ring")].map((e) => {
  const m = new DOMMatrix(getComputedStyle(e).transform); return [m.e, m.f]; })"""
STAND_IN = """window.Plotly = {react: (root, data, layout) => {
  root.textContent = JSON.stringify([data[0].x, layout.font.color, layout.xaxis.color]); }}"""


def test_a_slider_shows_the_image_and_the_drawing_of_its_position(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    images = np.random.default_rng(0).uniform(size=(3, 4, 5))
    names = ("square", "square", "disc")
    drawings = [f'<svg role="img" viewBox="0 0 1 1" aria-label="{name}"></svg>' for name in names]
    panels = [ImagePanel("Image", images), DrawingPanel("Drawing", drawings)]
    tab = opened(slider_figure(panels, ["zero", "one", "two"], control="Step", alt=ALT))
    slider = tab.locator("input")
    slider.focus()
    for step, reading in enumerate(("zero", "one", "two")):
        assert (
            tab.locator("canvas").evaluate(GREYS) == np.round(images[step] * 255).ravel().tolist()
        )
        assert tab.locator(".book-drawing svg").get_attribute("aria-label") == names[step]
        assert tab.locator("output").inner_text() == reading
        assert slider.get_attribute("aria-valuetext") == reading
        slider.press("ArrowRight")
    assert visit.errors == []


def readings() -> list[Reading]:
    """Four items at the corners of a square, and the same turned by a quarter."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    near = np.array([[1, 2], [2, 3], [3, 0], [0, 1]])
    return [
        Reading("straight", corners, near, {"accuracy": "0.1"}),
        Reading("turned", np.roll(corners, 1, axis=0), near[:, ::-1], {"accuracy": "0.2"}),
    ]


def test_a_choice_shows_the_map_the_pictures_and_the_numbers_of_what_is_chosen(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    side, labels = 3, ["a", "b", "c", "d"]
    images = np.random.default_rng(1).uniform(size=(4, side, side))
    levels = np.round(images * 15) * 17
    colours = ["#3a7bd5", "#d9730d", "#15917b", "#c0508f"]
    figure = choice_figure(
        readings(), images, labels, colours, control="Reading", item="Item", alt=ALT, query=1
    )
    tab = opened(figure)
    corners = np.array([[12, 228], [228, 228], [228, 12], [12, 12]])

    def check(chosen: int, item: int) -> None:
        places = np.roll(corners, chosen, axis=0)
        near = readings()[chosen].neighbours[item]
        found = tab.locator("svg").evaluate(PLACES)
        np.testing.assert_allclose(found, places[[*range(4), item, *near]])
        height, width = 2 * side + 2, 3 * side + 6
        greys = np.reshape(tab.locator("canvas").evaluate(GREYS), (height, width))
        large = levels[item].repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(greys[: 2 * side, : 2 * side], large)
        np.testing.assert_array_equal(greys[:side, 2 * side + 6 :], levels[near[0]])
        np.testing.assert_array_equal(greys[side + 2 :, 2 * side + 6 :], levels[near[1]])
        text = f"nearest: {', '.join(labels[i] for i in near)}"
        assert tab.locator(".book-found").inner_text() == text
        assert tab.locator(".book-reading").inner_text() == labels[item]
        assert tab.locator("dd").inner_text() == readings()[chosen].numbers["accuracy"]

    check(0, 1)
    tab.locator("select").select_option("1")
    check(1, 1)
    tab.locator("input").focus()
    tab.locator("input").press("ArrowRight")
    check(1, 2)
    box = tab.locator("svg").bounding_box()
    tab.mouse.click(box["x"] + 0.1 * box["width"], box["y"] + 0.9 * box["height"])
    check(1, 1)  # the second of the turned corners is the first of the straight ones
    assert visit.errors == []


def test_a_plotly_figure_is_drawn_in_the_colour_of_the_page(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    figure = interactive(go.Figure(go.Scatter(x=[3, 4], y=[1, 0])), alt=ALT)
    visit.tab.add_init_script(STAND_IN)
    tab = opened(figure)
    plot = tab.locator(".book-plot")
    ink = "rgb(0, 0, 0)"
    assert json.loads(plot.inner_text()) == [[3, 4], ink, ink]
    tab.evaluate("document.body.style.color = 'rgb(1, 2, 3)'")
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    tab.wait_for_function("document.querySelector('.book-plot').textContent.includes('1, 2, 3')")
    assert visit.errors == []


def test_a_plotly_figure_without_its_library_stands_still(
    opened: Callable[[HTMLFigure], Any],
) -> None:
    tab = opened(interactive(go.Figure(go.Scatter(x=[0, 1], y=[1, 0])), alt=ALT))
    tab.wait_for_function("document.querySelector('script[src$=\"plotly.min.js\"]')")
    tab.wait_for_timeout(500)
    assert tab.locator(".book-still").get_attribute("alt") == ALT
    assert tab.locator(".book-still").is_visible()
    assert not tab.locator(".book-plotly").is_visible()


# ------------------------------------------------- arrows that a reader aims at level lines

MIX = torch.tensor(
    [[[0, -1], [1, 0]], [[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 0], [0, -1]]], dtype=torch.float64
)  # rotation, scaling, boost, squeeze
SHOWN = """(root) => ({
  value: root.querySelector(".book-value").textContent,
  said: root.querySelector("output").textContent,
  plane: root.querySelector(".book-plane").getAttribute("aria-label"),
  scale: root.querySelector(".book-scale").getAttribute("aria-label"),
  weights: [...root.querySelectorAll(".book-dial span")].map((e) => e.textContent),
  spoken: [...root.querySelectorAll(".book-dial input")].map((e) => e.ariaValueText
    ?? e.getAttribute("aria-valuetext")),
  matrix: [...root.querySelectorAll(".book-matrix span")].map((e) => e.textContent),
  marker: Number(root.querySelector(".book-marker")?.getAttribute("cx")),
  roots: root.querySelectorAll(".book-root").length,
  arrows: [...root.querySelectorAll(".book-field path")].map((e) => e.getAttribute("d")),
  colours: [...root.querySelectorAll(".book-field path")].map((e) => e.getAttribute("stroke")),
  rings: [...root.querySelectorAll(".book-handle")].map((e) => [+e.getAttribute("cx"),
    +e.getAttribute("cy")]),
})"""


def plane_functions() -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """An ellipse, a hyperbola, one without a symmetry, and a network that was not trained."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return {
        "ellipse": lambda x: x[:, 0] ** 2 + 3 * x[:, 1] ** 2,
        "hyperbola": lambda x: torch.sin(x[:, 0] ** 2 - x[:, 1] ** 2),
        "none": lambda x: torch.sin(2 * x[:, 0]) + x[:, 0] * x[:, 1] ** 2 + x[:, 1],
        "network": lambda x: network(x)[:, 0],
    }


class Field:
    """The figure of arrows in a tab, beside what the library computes of the same state."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        points = torch.rand(300, 2, generator=torch.Generator().manual_seed(1)).double() * 4 - 2
        functions = plane_functions()
        self.forms = {
            name: symmetry_form(f, points, MIX, output="invariant") for name, f in functions.items()
        }
        self.found = {name: infinitesimal_symmetries(form) for name, form in self.forms.items()}
        # The figure is given forms in another basis than the one that it is compared with.
        units = {
            name: symmetry_form(f, points, output="invariant") for name, f in functions.items()
        }
        grid = torch.as_tensor(plane_points(2.0))
        with torch.no_grad():
            shown = [
                PlaneFunction(name, f(grid), units[name].form, units[name].norm)
                for name, f in functions.items()
            ]
        self.tab = opened(arrow_field_figure(shown, reach=2.0, alt=ALT))
        self.root = self.tab.locator("[data-interactive]")
        self.tested = 0

    def check(self, name: str, weights: Any, *, solved: bool = False) -> dict[str, Any]:
        """Compare everything that is shown with the library."""
        w = torch.as_tensor(weights, dtype=torch.float64)
        form, found = self.forms[name], self.found[name]
        value = float((form.change @ w).norm() / (form.motion @ w).norm())
        most = float(found.roots[-1])
        shown = self.root.evaluate(SHOWN)
        assert shown["value"] == f"{value:.3f}"
        word = "run along" if value < 0.05 * most else "cross"
        sentence = (
            f"The arrows {word} the level lines: along them f changes by {value:.3f} per unit of "
            f"length, {100 * value / most:.0f} % of the most possible."
        )
        assert shown["said"].startswith(sentence)
        assert shown["plane"].startswith(f"Level lines of {name}, and the arrows of A = ")
        assert shown["plane"].endswith(shown["said"])
        assert shown["scale"].endswith(f"{value:.3f} on a scale from 0 to {most:.3f}")
        assert shown["marker"] == pytest.approx(10 + 220 * value / most, abs=0.06)
        numbers = [float(text.replace("\u2212", "-")) for text in shown["weights"]]
        assert shown["spoken"] == shown["weights"]
        np.testing.assert_allclose(numbers, w, atol=0.0051)
        matrix = torch.einsum("k,kij->ij", w, MIX)
        entries = [float(text.replace("\u2212", "-")) for text in shown["matrix"]]
        np.testing.assert_allclose(entries, matrix.flatten(), atol=0.0051)
        assert shown["roots"] == 4 * solved
        assert ("The four roots" in shown["said"]) is solved
        if solved:
            roots = ", ".join(f"{root:.3f}" for root in found.roots.tolist())
            assert f"The four roots: {roots}." in shown["said"]
        # Arrows: the first stands at (-1.5, -1.5), the last at (1.5, 1.5); 60 units are one, and
        # an arrow is a fifth of A x.
        for at, x in ((0, (-1.5, -1.5)), (24, (0.0, 0.0)), (48, (1.5, 1.5))):
            step = 12 * matrix @ torch.tensor(x, dtype=torch.float64)
            begin, _, rest = shown["arrows"][at][1:].partition("l")
            ends = [float(text) for text in rest.partition("M")[0].split()]
            np.testing.assert_allclose(
                [float(text) for text in begin.split()], [120 + 60 * x[0], 120 - 60 * x[1]]
            )
            np.testing.assert_allclose(ends, [step[0], -step[1]], atol=0.051)
        columns = 18 * matrix
        np.testing.assert_allclose(
            shown["rings"],
            [[210 + columns[0, 0], 120 - columns[1, 0]], [120 + columns[0, 1], 30 - columns[1, 1]]],
            atol=0.051,
        )
        self.tested += 1
        return shown

    def put(self, *weights: float) -> None:
        """Set the four sliders."""
        for dial, weight in zip(self.tab.locator(".book-dial input").all(), weights, strict=True):
            dial.fill(str(round(20 * weight)))

    def drag(self, ring: int, x: float, y: float) -> None:
        """Drag a ring to a place of the square."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale = box["width"] / 268  # with a margin of 14 on each side
        left, top = box["x"] + 14 * scale, box["y"] + 14 * scale
        begin = self.root.evaluate(SHOWN)["rings"][ring]
        self.tab.mouse.move(left + begin[0] * scale, top + begin[1] * scale)
        self.tab.mouse.down()
        self.tab.mouse.move(left + x * scale, top + y * scale, steps=3)
        self.tab.mouse.up()


def test_arrows_show_in_every_state_what_the_library_computes(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    field = Field(opened)
    field.check("ellipse", (0.5, 0.5, 0, 0))
    rotation = field.tab.locator(".book-dial input").first
    rotation.focus()
    for _ in range(3):
        rotation.press("ArrowRight")
    field.check("ellipse", (0.65, 0.5, 0, 0))
    field.tab.keyboard.press("Tab")
    field.tab.keyboard.press("Home")
    field.check("ellipse", (0.65, -1, 0, 0))
    field.put(1, 0, -0.5, 0)
    exact = field.check("ellipse", (1, 0, -0.5, 0))
    assert exact["value"] == "0.000"
    assert set(exact["colours"]) == {"rgb(58,123,213)"}
    assert "No other arrows change it less." in exact["said"]
    field.put(1, 0, 0.5, 0)
    other = field.check("ellipse", (1, 0, 0.5, 0))
    assert "No other" not in other["said"]
    # At (1.5, 1.5) the vector is (-0.75, 2.25) and the gradient (3, 9).
    across = (9 * 2.25 - 3 * 0.75) / np.hypot(0.75, 2.25) / np.hypot(3, 9)
    colour = [int(text) for text in re.findall(r"\d+", other["colours"][48])]
    blue, orange = np.array([58, 123, 213]), np.array([217, 115, 13])
    np.testing.assert_allclose(colour, (1 - across) * blue + across * orange, atol=1)
    field.drag(0, 210 + 18 * 0.5, 120 - 18 * 1.0)  # the first column is (0.5, 1)
    field.check("ellipse", (0.75, 0.25, 0.25, 0.25))
    field.drag(1, 120 + 18 * 0.5, 30 + 18 * 1.0)  # and the second (0.5, -1)
    field.check("ellipse", (0.25, -0.25, 0.75, 0.75))
    field.put(0, 1, 0, 1)  # the longest first column
    field.drag(0, 210 + 18 * 1, 120)
    field.check("ellipse", (0, 0.5, 0, 0.5))
    field.put(0.25, -0.25, 0.75, 0.75)
    for name in ("hyperbola", "none", "network"):
        field.tab.locator("select").select_option(label=name)
        field.check(name, (0.25, -0.25, 0.75, 0.75))
        field.tab.locator(".book-solve").focus()
        field.tab.keyboard.press("Enter")
        best = field.found[name].combinations[0]
        best = best / best[best.abs().argmax()]
        best = best * torch.sign(best @ torch.tensor([0.25, -0.25, 0.75, 0.75]).double())
        shown = field.check(name, best, solved=True)
        assert "No other arrows change it less." in shown["said"]
        assert ("run along" in shown["said"]) is (name == "hyperbola")
        field.put(0.25, -0.25, 0.75, 0.75)
        field.check(name, (0.25, -0.25, 0.75, 0.75), solved=True)
    field.put(0, 0, 0, 0)
    assert field.tab.locator("output").inner_text().startswith("There are no arrows")
    assert field.tested >= 10
    assert visit.errors == []


def test_the_comparison_notices_a_figure_that_shows_something_else(
    opened: Callable[[HTMLFigure], Any],
) -> None:
    field = Field(opened)
    with pytest.raises(AssertionError):
        field.check("ellipse", (0.5, 0.4, 0, 0))
    with pytest.raises(AssertionError):
        field.check("hyperbola", (0.5, 0.5, 0, 0))
    with pytest.raises(AssertionError):
        field.check("ellipse", (0.5, 0.5, 0, 0), solved=True)


def test_arrows_move_to_the_solution_unless_motion_is_unwelcome(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    field = Field(opened)
    visit.tab.emulate_media(reduced_motion="no-preference")
    field.tab.locator(".book-solve").click()
    values = [field.tab.locator(".book-value").text_content() for _ in range(3)]
    assert values[0] != "0.000", "the arrows are on their way"
    field.tab.wait_for_function("document.querySelectorAll('.book-root').length === 4")
    field.check("ellipse", (1, 0, -0.5, 0), solved=True)
    field.put(0.5, 0.5, 0, 0)
    field.tab.locator(".book-solve").click()
    field.tab.locator(".book-dial input").nth(1).fill("-10")  # whoever takes over is obeyed
    said = field.root.evaluate(SHOWN)
    field.tab.wait_for_timeout(1200)
    assert field.root.evaluate(SHOWN) == said
    assert said["weights"][1] == "\u22120.50"
    assert visit.errors == []


def test_arrows_are_dragged_by_touch_and_the_page_still_scrolls_beside_the_rings(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    field = Field(opened)
    context = browser.new_context(
        viewport={"width": 390, "height": 650}, has_touch=True, reduced_motion="reduce"
    )
    field.tab = context.new_page()
    field.tab.goto(serve(tmp_path))
    field.root = field.tab.locator("[data-interactive]")
    box = field.tab.locator(".book-plane").bounding_box()
    x, y = field.root.evaluate(SHOWN)["rings"][0]
    scale = box["width"] / 268
    left, top = box["x"] + 14 * scale, box["y"] + 14 * scale
    client = context.new_cdp_session(field.tab)
    moves = [("Start", 0, 0), ("Move", 0, 5), ("Move", -18, 18), ("Move", 9, -9), ("End", 0, 0)]
    for kind, dx, dy in moves:
        points = [{"x": left + (x + dx) * scale, "y": top + (y + dy) * scale}]
        sent = {"type": f"touch{kind}", "touchPoints": [] if kind == "End" else points}
        client.send("Input.dispatchTouchEvent", sent)
    field.check("ellipse", (0.75, 0.75, 0.25, 0.25))  # the first column is (1, 1)
    actions = "e => getComputedStyle(e).touchAction"
    assert field.tab.locator(".book-handle").first.evaluate(actions) == "none"
    assert field.tab.locator(".book-plane").evaluate(actions) == "auto"
    context.close()


# ------------------------------------------------------------ bars with a dot for each seed

BARS = """(root) => [...root.querySelectorAll(".book-panel")].map((panel) => ({
  label: panel.querySelector("svg").getAttribute("aria-label"),
  heights: [...panel.querySelectorAll(".book-bar")].map((e) => e.getBBox().height),
  feet: [...panel.querySelectorAll(".book-bar")].map((e) => e.getBBox().y + e.getBBox().height),
  fills: [...panel.querySelectorAll(".book-bar")].map((e) => e.getAttribute("fill")),
  seeds: [...panel.querySelectorAll(".book-seed")].filter(
    (e) => getComputedStyle(e).visibility === "visible").map((e) => +e.getAttribute("cy")),
  shown: [...panel.querySelectorAll(".book-value")].map((e) => e.textContent),
}))"""


def test_bars_show_in_every_state_the_means_and_the_seeds_of_the_runs(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    names, fields = ["plain", "exact", "residual", "oracle"], ["0", "0.25", "1"]
    drawn = np.random.default_rng(0).uniform(0.001, 0.95, (4, 3, 4, 3))
    drawn[1, 1, :, 2] = np.nan  # one seed is missing,
    drawn[3, 0] = np.nan  # and here all are
    runs = dict(zip(names, drawn, strict=True))
    lie = Measure(
        "Lie derivative",
        ("x", "y", "z"),
        {name: run[:, :3] for name, run in runs.items()},
        line=0.5,
        below="Left:",
    )
    error = Measure("error", ("",), {name: 3 * run[:, 3:] for name, run in runs.items()})
    figure = bars_figure(
        [lie, error],
        fields,
        control="Field",
        choice="Method",
        alt=ALT,
        chosen=("residual", "plain"),
    )
    tab = opened(figure)
    tested = 0

    def check(left: str, right: str, step: int) -> None:
        nonlocal tested
        shown = tab.locator("[data-interactive]").evaluate(BARS)
        said = [span.inner_text() for span in tab.locator("output span").all()]
        for panel, line, name in zip(shown, said, (left, right), strict=True):
            values = runs[name][step] * [[1], [1], [1], [3]]
            tops = np.array([1, 1, 1, 3])
            seeds = np.concatenate([row[np.isfinite(row)] for row in values])
            own = np.repeat(tops, np.isfinite(values).sum(1))
            np.testing.assert_allclose(panel["seeds"], 160 - 104 * seeds / own, atol=0.1)
            np.testing.assert_allclose(panel["feet"], 160, atol=0.1)
            assert panel["label"] == line
            if not len(seeds):
                assert line == f"{name}: not run."
                assert panel["shown"] == ["–"] * 4
                assert panel["heights"] == [0] * 4
                continue
            means = np.nanmean(values, axis=1)
            np.testing.assert_allclose(panel["heights"], 104 * means / tops, atol=0.1)
            numbers = [f"{m:.3f}" if m < 0.0995 else f"{m:.2f}" for m in means]
            assert panel["shown"] == numbers
            under = [axis for axis, mean in zip("xyz", means, strict=False) if mean < 0.5]
            x, y, z, last = numbers
            assert line == (
                f"{name}: Lie derivative x {x}, y {y}, z {z}; error {last}. "
                f"Left: {', '.join(under) or 'none'}."
            )
            blue = [fill == "#3a7bd5" for fill in panel["fills"]]
            assert blue == [*(means[:3] < 0.5), False]
        assert tab.locator(".book-reading").inner_text() == fields[step]
        assert tab.locator("input").get_attribute("aria-valuetext") == fields[step]
        tested += 1

    check("residual", "plain", 0)
    tab.locator("input").focus()
    for step in (1, 2):
        tab.keyboard.press("ArrowRight")
        check("residual", "plain", step)
    tab.locator("select").first.focus()
    tab.keyboard.press("ArrowDown")
    check("oracle", "plain", 2)
    for name in ("exact", "oracle", "residual"):
        tab.locator("select").nth(1).select_option(label=name)
        check("oracle", name, 2)
    tab.locator("input").focus()
    for step in (1, 0):
        tab.keyboard.press("ArrowLeft")
        check("oracle", "residual", step)
    tab.locator("select").first.select_option(label="exact")
    tab.locator("input").fill("1")
    check("exact", "residual", 1)
    with pytest.raises(AssertionError):
        check("exact", "residual", 2)
    assert tested >= 10
    assert visit.errors == []
