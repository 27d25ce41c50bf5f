"""What is compared of a stored figure: its alternative text, and not how its numbers round."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from utils.plots import show

RULES = Path(__file__).resolve().parents[1] / "sanitize.cfg"


def sanitized(text: str) -> str:
    """Apply the rules in their order, as nbval does."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(RULES)
    for name in rules.sections():
        text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
    return text


def stored(height: float, alt: str, panels: int = 1) -> str:
    """What a notebook stores of a figure."""
    figure, axes = plt.subplots(1, panels, squeeze=False)
    for axis in axes[0]:
        axis.bar([0], [height])
    markup = show(figure, alt=alt)._repr_mimebundle_()["text/html"]
    plt.close(figure)
    return markup


@pytest.mark.parametrize("panels", [1, 2])
def test_figures_are_compared_by_their_alternative_text(panels: int) -> None:
    alt = "One bar that is as tall as a measured number."
    first = stored(0.125, alt, panels)
    rounded = stored(0.125 * (1 + 1e-3), alt, panels)
    assert first != rounded
    assert sanitized(first) == sanitized(rounded)
    assert sanitized(first) != sanitized(stored(0.125, alt + " And another.", panels))
    assert alt in sanitized(first)
