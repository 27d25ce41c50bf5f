"""A scatter of networks in a browser: every state beside NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from site_tools import Visit

from utils.plots import HTMLFigure, scatter_figure

pytestmark = pytest.mark.browser

MEASURES = ("norm", "spread", "share")
CASES = ("rotation", "scale")
NAMES = [f"network {i}" for i in range(9)]
FAMILIES = list("aaabbbccc")
UPRIGHT = np.array([True, True, False] * 3)
SHOWN = """(root) => ({
  said: root.querySelector("output").textContent,
  told: root.querySelector(".book-chosen").textContent,
  spoken: root.querySelector("input").getAttribute("aria-valuetext"),
  plane: root.querySelector(".book-plane").getAttribute("aria-label"),
  marks: [...root.querySelectorAll(".book-marks path")].map((e) =>
    [e.getAttribute("transform"), e.getAttribute("visibility"), e.getAttribute("fill")]),
  ring: ["cx", "cy"].map((k) => Number(root.querySelector("circle").getAttribute(k))),
  ticks: [...root.querySelectorAll(".book-ticks text")].map((e) => e.textContent),
})"""


class Networks:
    """The figure in a tab, beside what NumPy and SciPy make of the same values."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        draw = np.random.default_rng(2)
        self.values = np.round(np.exp(2 * draw.normal(size=(3, 2, 9))), 3) + 0.001
        self.values[1, 0, 3:6] = 0.5  # equal ones share a rank,
        self.values[1, 0, 6:8] = self.values[1, 0].min() / 2  # and two are the smallest
        figure = scatter_figure(
            dict(zip(MEASURES, self.values, strict=True)), CASES, NAMES, FAMILIES,
            list(UPRIGHT), {"upright": UPRIGHT}, solid_means=("upright", "turned"),
            case="along", item="Network", largest=["share"],
            alt="Nine networks, of which each has three measures.",
        )  # fmt: skip
        self.tab = opened(figure)
        self.root = self.tab.locator("[data-interactive]")
        self.filters = {"all": np.arange(9), "upright": np.flatnonzero(UPRIGHT)}
        self.filters |= {f: np.flatnonzero(np.array(FAMILIES) == f) for f in "abc"}
        self.tested = 0

    def choose(self, **choices: str) -> None:
        selects = self.tab.locator("select")
        for word, number in (("across", 0), ("up", 1), ("case", 2), ("shown", 3)):
            if word in choices:
                selects.nth(number).select_option(label=choices[word])

    def check(self, across: str, up: str, case: str, shown: str, chosen: int) -> None:
        """Compare everything that is shown."""
        found = self.root.evaluate(SHOWN)
        rows = self.filters[shown]
        x, y = (self.values[MEASURES.index(m), CASES.index(case)] for m in (across, up))
        agree = spearmanr(x[rows], y[rows]).statistic
        firsts = []
        for measure, own in ((across, x[rows]), (up, y[rows])):
            best, word = (own.max(), "largest") if measure == "share" else (own.min(), "smallest")
            same = rows[own == best]
            more = f" and {len(same) - 1} more" if len(same) > 1 else ""
            firsts.append(f"{word} value of {measure}: {NAMES[same[0]]}{more}")
        order = f"{agree:.2f}".replace("-", "\u2212")
        assert found["said"] == (
            f"{len(rows)} networks, {case}. {firsts[0][0].upper()}{firsts[0][1:]}; {firsts[1]}. "
            f"Rank correlation of the two measures: {order}."
        )
        assert found["plane"] == f"{up} against {across}. {found['said']}"
        name, numbers = found["told"].rstrip(".").split(": ", 1)
        assert name == NAMES[chosen]
        for text, word, value in zip(numbers.split(", "), (across, up), (x, y), strict=True):
            assert text.startswith(f"{word} ")
            assert float(text.removeprefix(f"{word} ")) == pytest.approx(value[chosen], rel=5e-3)
        assert found["spoken"] == found["told"]
        place = []
        for v, (low, high) in ((x, (46, 252)), (y, (222, 8))):
            logs = np.log10(v)
            pad = 0.06 * np.ptp(logs)
            place.append(low + (high - low) * (logs - logs.min() + pad) / (np.ptp(logs) + 2 * pad))
        for i, (transform, visible, fill) in enumerate(found["marks"]):
            at = np.array(transform.removeprefix("translate(").rstrip(")").split(), dtype=float)
            np.testing.assert_allclose(at, [place[0][i], place[1][i]], atol=0.06)
            assert (visible == "visible") is (i in rows)
            assert (fill != "none") is bool(UPRIGHT[i])
        np.testing.assert_allclose(found["ring"], [p[chosen] for p in place], atol=0.06)
        assert found["ticks"][-2:] == [across, up]
        marked = [float(text) for text in found["ticks"][:-2]]
        assert 2 <= len(marked) <= 14
        self.tested += 1


def test_networks_stand_where_numpy_puts_them(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    networks = Networks(opened)
    first = int(np.argmin(networks.values[1, 0]))
    networks.check("norm", "spread", "rotation", "all", first)
    for up in ("share", "spread"):
        for case in CASES:
            networks.choose(up=up, case=case)
            networks.check("norm", up, case, "all", first)
    networks.choose(across="share", case="rotation")
    networks.check("share", "spread", "rotation", "all", first)
    # A measure against itself says nothing: the axes change places instead.
    networks.choose(up="share")
    networks.check("spread", "share", "rotation", "all", first)
    across = networks.tab.locator("select").first
    across.focus()
    across.press("ArrowDown")
    networks.check("share", "spread", "rotation", "all", first)
    slider = networks.tab.locator("input")
    slider.focus()
    slider.press("Home")
    networks.check("share", "spread", "rotation", "all", 0)
    slider.press("ArrowRight")
    networks.check("share", "spread", "rotation", "all", 1)
    networks.choose(shown="upright")
    slider.press("ArrowRight")  # network 2 is hidden and passed over
    networks.check("share", "spread", "rotation", "upright", 3)
    slider.press("ArrowLeft")
    networks.check("share", "spread", "rotation", "upright", 1)
    networks.choose(shown="c")
    networks.check("share", "spread", "rotation", "c", 6)
    networks.choose(shown="all")
    x, y = networks.root.evaluate(SHOWN)["marks"][4][0].removeprefix("translate(")[:-1].split()
    box = networks.tab.locator(".book-plane").bounding_box()
    scale = box["width"] / 260
    networks.tab.mouse.click(box["x"] + float(x) * scale, box["y"] + float(y) * scale)
    networks.check("share", "spread", "rotation", "all", 4)
    assert networks.tested >= 10
    assert visit.errors == []


def test_the_comparison_notices_another_measure(opened: Callable[[HTMLFigure], Any]) -> None:
    networks = Networks(opened)
    first = int(np.argmin(networks.values[1, 0]))
    networks.check("norm", "spread", "rotation", "all", first)
    networks.values[0, 0, 7] *= 1.2
    with pytest.raises(AssertionError):
        networks.check("norm", "spread", "rotation", "all", first)
    networks.values[0, 0, 7] /= 1.2
    with pytest.raises(AssertionError):
        networks.check("norm", "spread", "rotation", "upright", first)
