"""Figures: alternative text, colours that follow the page, interaction without a kernel."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from utils.plots import (
    DIGIT_COLOURS,
    INK,
    PALETTE,
    PAPER,
    DrawingPanel,
    ImagePanel,
    PointPanel,
    Reading,
    choice_figure,
    interactive,
    show,
    show_svg,
    slider_figure,
    use_style,
)
from utils.plots.picture import with_drawings, with_pictures

ALT = "A line that rises from zero to one, with one marker at its end."


@pytest.fixture
def figure():
    with plt.rc_context():
        use_style()
        fig, axes = plt.subplots()
        axes.plot([0, 1], [0, 1], marker="o", color=PALETTE[0], markeredgecolor=PAPER)
        axes.set_title("A title")
        yield fig
        plt.close(fig)


def luminance(colour: str) -> float:
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#14181e"])
@pytest.mark.parametrize("colour", sorted({*PALETTE, *DIGIT_COLOURS}))
def test_colours_stand_out_on_light_and_dark_pages(colour, ground):
    assert contrast(colour, ground) >= 3


def test_the_contrast_check_can_fail():
    assert contrast("#f0e442", "#ffffff") < 3


def test_a_shown_figure_is_one_svg_with_its_alt_text(figure):
    markup = show(figure, alt=ALT).html
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", markup, re.S).group())
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == ALT


# ------------------------------------------------------------------ pictures


def test_a_notebook_is_given_a_picture_that_stands_alone(figure):
    shown = show(figure, alt=ALT)
    markup = shown._repr_mimebundle_()["text/html"]
    assert "<svg" not in markup
    (picture,) = re.findall(r"<img [^>]*>", markup)
    assert f'alt="{ALT}"' in picture
    stored = re.search(r'base64,([^"]*)"', picture)[1]
    alone = base64.b64decode(stored).decode()
    ElementTree.fromstring(alone)  # well formed
    assert f":root{{color:{INK};background:{PAPER};" in alone
    assert "prefers-color-scheme:dark" in alone
    assert with_drawings(markup) == shown.html


def test_windows_upon_a_figure_go_with_its_picture():
    fig, axes = plt.subplots(1, 2, figsize=(8, 3))
    for axis in axes:
        axis.plot([0, 1])
    shown = show(fig, alt=ALT)
    assert shown.html.count('class="book-slice"') == 2
    assert shown.html.count("<svg") == shown.html.count("</svg>") == 3
    markup = with_pictures(shown.html)
    assert markup.count("<img") == 1
    assert with_drawings(markup) == shown.html


def test_drawings_inside_drawings_and_beside_text_come_back():
    inner = '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>'
    grid = "".join(
        f"<div>{name}<svg role='img' aria-label='a {name}' viewBox='0 0 2 1'>{inner}</svg></div>"
        for name in ("square", "disc")
    )
    markup = with_pictures(grid)
    assert re.findall(r'alt="([^"]*)"', markup) == ["a square", "a disc"]
    assert with_drawings(markup) == grid
    with pytest.raises(ValueError, match="does not close"):
        with_pictures("<svg><svg></svg>")


def test_what_is_no_picture_of_a_figure_stays():
    other = '<img src="data:image/png;base64,AAAA"> <img class="book-still" src="x">'
    assert with_drawings(other) == with_pictures(other) == other


def test_ink_and_paper_become_the_colours_of_the_page(figure):
    markup = show(figure, alt=ALT).html
    assert INK not in markup
    assert PAPER not in markup
    assert "currentColor" in markup
    assert "var(--book-paper" in markup
    assert PALETTE[0] in markup


def test_the_same_figure_gives_the_same_text_and_two_figures_share_no_id(figure):
    first = show(figure, alt=ALT, close=False).html
    assert show(figure, alt=ALT, close=False).html == first
    figure.axes[0].plot([0, 1], [1, 0], marker="s")
    second = show(figure, alt=ALT).html
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) == own


def pixels(markup: str) -> np.ndarray:
    stored = base64.b64decode(re.search(r"base64,([^\"]+)", markup).group(1))
    return np.asarray(Image.open(io.BytesIO(stored)).convert("RGBA")).astype(float)


def test_few_colours_make_a_cloud_smaller_and_leave_it_as_it_looks(figure):
    points = np.random.default_rng(0).normal(size=(2, 2000))
    colours = np.resize(DIGIT_COLOURS, 2000)
    figure.axes[0].scatter(*points, c=colours, s=9, alpha=0.6, linewidths=0, rasterized=True)
    full = show(figure, alt=ALT, close=False).html
    few = show(figure, alt=ALT, few_colours=True).html
    assert len(few) < 0.6 * len(full)
    before, after = pixels(full), pixels(few)
    # What the eye gets: the colour times its opacity.
    seen = [p[..., :3] * p[..., 3:] / 255 for p in (before, after)]
    assert np.abs(seen[0] - seen[1]).mean() < 4
    assert np.abs(before[..., 3] - after[..., 3]).mean() < 4
    assert (
        len(np.unique(after.reshape(-1, 4), axis=0))
        <= 256
        < len(np.unique(before.reshape(-1, 4), axis=0))
    )


def test_few_colours_leave_a_figure_without_pixels_alone(figure):
    full = show(figure, alt=ALT, close=False).html
    assert show(figure, alt=ALT, few_colours=True).html == full


@pytest.mark.parametrize("alt", ["", "figure 1", None])
def test_a_figure_without_alt_text_is_refused(figure, alt):
    with pytest.raises(ValueError, match="sentence"):
        show(figure, alt=alt)
    with pytest.raises(ValueError, match="sentence"):
        show_svg('<svg viewBox="0 0 1 1"></svg>', alt=alt)


def test_svg_without_a_view_box_is_refused():
    with pytest.raises(ValueError, match="viewBox"):
        show_svg("<svg></svg>", alt=ALT)
    with pytest.raises(ValueError, match="no <svg>"):
        show_svg("<p></p>", alt=ALT)


class Data(HTMLParser):
    """Read the JSON that a figure carries."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.inside = False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = (tag, attrs) == ("script", [("type", "application/json")])

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts.append(data)


def data_of(markup: str) -> dict:
    (text,) = Data(markup).texts
    return json.loads(text)


def panels(steps: int) -> list:
    turn = np.linspace(0, 2 * np.pi, steps)
    path = np.column_stack([np.cos(turn), np.sin(turn)])
    images = np.linspace(0, 1, steps)[:, None, None] * np.ones((steps, 4, 4))
    return [
        ImagePanel("The image", images),
        PointPanel("The code", path, path[:2] * 2, ["#3a7bd5", "#d9730d"]),
    ]


def test_a_slider_carries_its_data_and_a_label():
    labels = [f"{step}°" for step in range(5)]
    markup = slider_figure(panels(5), labels, control="Angle", alt=ALT).html
    data = data_of(markup)
    assert data["labels"] == labels
    assert [panel["kind"] for panel in data["panels"]] == ["image", "point"]
    assert len(data["panels"][1]["path"]) == 5
    name = re.search(r'<input type="range"[^>]* id="([^"]+)"', markup).group(1)
    assert f'<label for="{name}">Angle</label>' in markup
    assert not re.search(r"https?://(?!www\.w3\.org)", markup)


def test_a_plane_says_what_its_axes_and_colours_are():
    path = np.linspace(0, 1, 10).reshape(5, 2)
    plain, named = (
        slider_figure(
            [PointPanel("Plane", path, path, ["#3a7bd5"] * 5, **more)],
            list("abcde"),
            control="Way",
            alt=ALT,
        ).html
        for more in ({}, {"axes": ("first <1>", "second"), "key": ("2 eV", ["#000004"], "9 eV")})
    )
    assert re.findall(r"<text[^>]*>([^<]*)", named) == ["first &lt;1&gt;", "second", "2 eV", "9 eV"]
    assert 'fill="#000004"' in named
    assert "<text" not in plain
    heights = [float(re.search(r'viewBox="0 0 240 (\d+)"', m).group(1)) for m in (plain, named)]
    assert heights[0] == 240 < heights[1]


def dots_of(markup: str) -> list[tuple[str, float, float]]:
    """Return the colour, the opacity and the radius of each still dot of the first panel."""
    svg = re.search(r"<svg role.*?</svg>", markup, re.S).group()
    group = next(g for g in ElementTree.fromstring(svg).iter("g"))
    opacity = float(group.get("opacity", 1))
    return [(dot.get("fill"), opacity, float(dot.get("r"))) for dot in group]


def seen(colour: str, opacity: float, ground: str) -> str:
    """Return the colour of what lies over a ground and lets some of it through."""
    over, under = np.array(to_rgb(colour)), np.array(to_rgb(ground))
    return to_hex(opacity * over + (1 - opacity) * under)


@pytest.mark.parametrize("ground", [PAPER, "#14181f"])
@pytest.mark.parametrize("axes", [None, ("first", "second")])
def test_the_dots_of_a_plane_stand_out_on_a_phone(ground, axes):
    cloud = np.arange(20.0).reshape(10, 2)
    panel = PointPanel("Plane", cloud[:1], cloud, DIGIT_COLOURS, axes)
    dots = dots_of(slider_figure([panel], ["a"], control="Way", alt=ALT).html)
    assert [colour for colour, *_ in dots] == list(DIGIT_COLOURS)
    for colour, opacity, radius in dots:
        assert contrast(seen(colour, opacity, ground), ground) >= 3
        assert 2 * radius * 108 / 240 >= 1.9  # pixels, where three panels share 390
    assert contrast(seen(colour, 0.45, ground), ground) < 2  # the measure can fail


def test_a_slider_with_panels_of_other_lengths_is_refused():
    with pytest.raises(ValueError, match="one image, point or drawing for each"):
        slider_figure(panels(5), ["a", "b"], control="Angle", alt=ALT)
    with pytest.raises(ValueError, match="no panels"):
        slider_figure([], ["a"], control="Angle", alt=ALT)
    with pytest.raises(ValueError, match="outside"):
        slider_figure(panels(2), ["a", "b"], control="Angle", alt=ALT, start=2)


def test_a_panel_of_drawings_stores_each_once_and_shows_the_first():
    square, disc = (f'<svg role="img" aria-label="{name}"></svg>' for name in ("square", "disc"))
    panel = DrawingPanel("The <molecule>", [square, square, disc, square])
    markup = slider_figure([panel], list("abcd"), control="Step", alt=ALT).html
    data = data_of(markup)
    assert data["panels"] == [
        {"kind": "drawing", "drawings": [square, disc], "order": [0, 0, 1, 0]}
    ]
    assert f'<div class="book-drawing">{square}</div>' in markup
    assert "The &lt;molecule&gt;" in markup
    assert "panel.drawings[panel.order[t]]" in markup


def test_four_panels_stand_in_a_square():
    squares = [slider_figure(panels(3) * k, list("abc"), control="x", alt=ALT).html for k in (1, 2)]
    assert ['class="book-panels book-square"' in markup for markup in squares] == [False, True]


def test_a_panel_of_drawings_with_something_else_is_refused():
    with pytest.raises(ValueError, match="no SVG"):
        slider_figure([DrawingPanel("x", ["<svg></svg>", "<p>"])], ["a", "b"], control="x", alt=ALT)
    with pytest.raises(ValueError, match="drawing for each"):
        slider_figure([DrawingPanel("x", ["<svg></svg>"])], ["a", "b"], control="x", alt=ALT)


def choice(**changes):
    """Two readings of four items with pictures of 3 x 3 pixels."""
    generator = np.random.default_rng(0)
    readings = [
        Reading(name, generator.normal(size=(4, 2)), near, {"accuracy": number, "clusters": "–"})
        for name, near, number in (
            ("first", np.array([[1, 2], [0, 2], [3, 0], [2, 1]]), "0.500"),
            ("a <second>", np.array([[3, 1], [2, 3], [1, 0], [0, 2]]), "0.750"),
        )
    ]
    arguments = {
        "readings": readings,
        "images": np.linspace(0, 1, 36).reshape(4, 3, 3),
        "labels": ["a", "b", "c", "</script>"],
        "colours": ["#3a7bd5", "#d9730d", "#15917b", "#c0508f"],
        "control": "Projection",
        "item": "Letter",
        "alt": ALT,
    }
    return arguments | changes


def test_a_choice_figure_carries_its_data():
    arguments = choice()
    data = data_of(choice_figure(**arguments).html)
    assert data["labels"] == arguments["labels"]
    packed = np.frombuffer(base64.b64decode(data["images"]), dtype=np.uint8)
    greys = np.stack([packed >> 4, packed & 15], axis=1).ravel()[:36] / 15
    np.testing.assert_allclose(greys, arguments["images"].ravel(), atol=0.5 / 15 + 1e-9)
    for stored, reading in zip(data["readings"], arguments["readings"], strict=True):
        near = np.frombuffer(base64.b64decode(stored["neighbours"]), dtype="<u2")
        np.testing.assert_array_equal(near.reshape(4, 2), reading.neighbours)
        places = np.frombuffer(base64.b64decode(stored["points"]), dtype="<u2").reshape(4, 2) / 10
        assert places.min() >= 0
        assert places.max() <= 240
        # A map keeps shapes: one factor for both axes, and up is up.
        wide = (reading.points - reading.points[0]) * [1, -1]
        factor = np.ptp(places[:, 0]) / np.ptp(wide[:, 0])
        np.testing.assert_allclose(places - places[0], factor * wide, atol=0.11)
        assert stored["numbers"] == reading.numbers


def test_a_choice_figure_has_labels_for_what_can_be_operated():
    markup = choice_figure(**choice(start=1)).html
    for kind, text in (("select", "Projection"), ('input type="range"', "Letter")):
        name = re.search(rf'<{kind}[^>]* id="([^"]+)"', markup).group(1)
        assert f'<label for="{name}">{text}</label>' in markup
    assert '<option value="1" selected>a &lt;second&gt;</option>' in markup
    assert "<dt>accuracy</dt><dd>0.750</dd>" in markup
    assert markup.count("</script>") == 2
    assert '<text fill="#3a7bd5">a</text>' in markup
    assert '<circle r="2.6" fill="#c0508f"/>' in markup  # its label is too long for the map
    assert not re.search(r"https?://(?!www\.w3\.org)", markup)
    assert choice_figure(**choice(start=1)).html == markup


def with_second(**changes):
    first, second = choice()["readings"]
    return {"readings": [first, dataclasses.replace(second, **changes)]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"readings": []}, "no readings"),
        ({"images": np.zeros((3, 3, 3))}, "square images"),
        ({"images": np.zeros((4, 3, 2))}, "square images"),
        ({"colours": ["#3a7bd5"]}, "one for each"),
        (with_second(points=np.zeros((3, 2))), "place on the plane"),
        (with_second(points=np.full((4, 2), np.nan)), "not finite"),
        (with_second(neighbours=np.zeros((4, 3), dtype=int)), "as many neighbours"),
        (with_second(neighbours=np.full((4, 2), 4)), "from 0 to 3"),
        (with_second(neighbours=np.zeros((4, 2))), "integers"),
        (with_second(numbers={"accuracy": "1"}), "same numbers"),
        ({"start": 2}, "outside"),
        ({"query": 4}, "outside"),
        ({"alt": "short"}, "sentence"),
    ],
)
def test_a_choice_figure_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        choice_figure(**choice(**changes))


def test_plotly_is_read_from_the_site_and_nowhere_else():
    figure = interactive(go.Figure(go.Scatter(x=[0, 1], y=[1, 0])), alt=ALT)
    bundle = figure._repr_mimebundle_()
    assert "../_static/plotly.min.js" in bundle["text/html"]
    assert not re.search(r"https?://(?!www\.w3\.org)", bundle["text/html"])
    assert bundle["application/vnd.plotly.v1+json"]["data"][0]["type"] == "scatter"
