"""Figures on a narrow page: cut between columns and nowhere else, labels large enough."""

import re
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest

from utils.plots import show, use_style
from utils.plots.narrow import columns, least_width, smallest_label

ALT = "A figure that is made for a test and shows nothing."


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        use_style()
        yield
    plt.close("all")


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (1, 2), (2, 3), (1, 4)])
def test_a_figure_has_as_many_slices_as_columns(rows, count):
    fig, _ = plt.subplots(rows, count, figsize=(7.2, 3))
    found = columns(fig)
    assert len(found) == count
    assert found[0][0] == 0
    assert found[-1][1] == pytest.approx(7.2 * 72)
    assert all(left[1] == right[0] for left, right in pairwise(found))


def test_no_cut_runs_through_anything_drawn():
    fig, axes = plt.subplots(1, 3, figsize=(7.2, 3), sharey=True)
    image = axes[0].imshow([[0, 1]])
    fig.colorbar(image, ax=axes[0])
    axes[1].set_title("a title that reaches over into the next panel's place")
    fig.draw_without_rendering()
    cuts = [right for _, right in columns(fig)[:-1]]
    for artist in [*fig.axes, axes[1].title]:
        box = artist.get_tightbbox(fig.canvas.get_renderer())
        assert not any(box.x0 * 72 / fig.dpi < cut < box.x1 * 72 / fig.dpi for cut in cuts)


def test_a_title_over_all_panels_keeps_them_together():
    fig, _ = plt.subplots(1, 2, figsize=(7.2, 3))
    fig.suptitle("one title over both of the panels, long enough to reach over the gap")
    assert len(columns(fig)) == 1


def test_what_is_shown_holds_each_column_and_the_least_width_of_each():
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3))
    for axis in axes:
        axis.set_xlabel("label", fontsize=9)
    html = show(fig, alt=ALT).html
    assert html.count('class="book-slice"') == 2
    (drawing,) = set(re.findall(r'<use href="#(\w+)"', html))
    assert f'<g id="{drawing}">' in html
    assert html.count("--least:") == 3
    assert html == show(again(), alt=ALT).html


def again():
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3))
    for axis in axes:
        axis.set_xlabel("label", fontsize=9)
    return fig


def test_a_narrow_figure_stays_whole():
    fig, _ = plt.subplots(1, 2, figsize=(4, 3))
    assert "book-slice" not in show(fig, alt=ALT).html


def test_small_letters_ask_for_more_room():
    fig, axis = plt.subplots(figsize=(7.2, 3))
    axis.set(xticks=[], yticks=[])
    assert smallest_label(fig) == float("inf")
    axis.set_title("9 points are 12 pixels", fontsize=9)
    assert smallest_label(fig) == 9
    assert least_width(fig, 540) == 720 * 9 / 12
    axis.text(0, 0, "6 points are 8 pixels", fontsize=6)
    assert least_width(fig, 540) == 720
