"""The scripts of figures that move, each alone in a browser with data of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from site_tools import Visit

from utils.plots import (
    DrawingPanel,
    HTMLFigure,
    ImagePanel,
    Reading,
    choice_figure,
    interactive,
    slider_figure,
)

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
PAGE = "<!doctype html><html lang='en'><head><title>x</title></head><body>{}</body></html>"
GREYS = """(canvas) => [...canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0)"""
PLACES = """(svg) => [...svg.querySelectorAll("g > *, .book-ring")].map((e) => {
  const m = new DOMMatrix(getComputedStyle(e).transform); return [m.e, m.f]; })"""
STAND_IN = """window.Plotly = {react: (root, data, layout) => {
  root.textContent = JSON.stringify([data[0].x, layout.font.color, layout.xaxis.color]); }}"""


@pytest.fixture
def opened(
    tmp_path: Path, serve: Callable[[Path], str], visit: Visit
) -> Callable[[HTMLFigure], Any]:
    """Open a figure alone in a page; returns the tab."""

    def start(figure: HTMLFigure) -> Any:
        visit.tab.emulate_media(reduced_motion="reduce")  # places are reached at once
        (tmp_path / "index.html").write_text(PAGE.format(figure.html), encoding="utf-8")
        visit.open(serve(tmp_path))
        return visit.tab

    return start


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
