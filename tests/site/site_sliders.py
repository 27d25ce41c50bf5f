"""What a reader sees when moving the slider of an interactive figure, or choosing in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MARKERS = """(root) => [...root.querySelectorAll(".book-panel")].map((panel) => {
  const marker = panel.querySelector(".book-marker");
  const box = panel.querySelector("svg, canvas").getBoundingClientRect();
  if (!marker) return null;
  const at = marker.getBoundingClientRect();
  return [(at.x + at.width / 2 - box.x) / box.width, (at.y + at.height / 2 - box.y) / box.height];
})"""


@dataclass(frozen=True)
class Move:
    """What one push of the slider did.

    Attributes
    ----------
    changed : list of bool
        For each panel, whether its bitmap changed.
    travelled : list of (float or None)
        For each panel, how far its marker went, in panel widths; None without a marker.
    readout : (str, str)
        The reading before and after.
    """

    changed: list[bool]
    travelled: list[float | None]
    readout: tuple[str, str]


def push(figure: Any, steps: int) -> Move:
    """Push the slider of a figure by keyboard and compare the panels."""
    figure.scroll_into_view_if_needed()
    slider = figure.locator("input[type=range]")
    panels = figure.locator(".book-panel").all()
    pictures = [panel.locator("svg, canvas").first for panel in panels]
    before = [picture.screenshot() for picture in pictures]
    start, text = figure.evaluate(MARKERS), figure.locator("output").inner_text()
    slider.focus()
    for _ in range(steps):
        slider.press("ArrowRight")
    after = [picture.screenshot() for picture in pictures]
    end, new_text = figure.evaluate(MARKERS), figure.locator("output").inner_text()
    travelled = [
        None if a is None or b is None else ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
        for a, b in zip(start, end, strict=True)
    ]
    return Move([x != y for x, y in zip(before, after, strict=True)], travelled, (text, new_text))


STATE = """(root) => {
  const canvas = root.querySelector("canvas");
  return {
    map: [...root.querySelectorAll("svg circle, svg text")].map((c) => c.style.transform).join(),
    pictures: canvas.toDataURL(),
    neighbours: root.querySelector(".book-found").textContent,
    item: root.querySelector("input").getAttribute("aria-valuetext"),
    numbers: [...root.querySelectorAll("dd")].map((d) => d.textContent).join(),
  };
}"""


def choose(figure: Any) -> dict[str, set[str]]:
    """Operate a figure with a choice; return what each action has changed.

    The item is moved until its list of neighbours differs, so that the answer does not hang on
    two items that happen to have neighbours of the same classes.
    """
    figure.scroll_into_view_if_needed()
    state = figure.evaluate(STATE)

    def changed() -> set[str]:
        nonlocal state
        before, state = state, figure.evaluate(STATE)
        return {key for key in state if state[key] != before[key]}

    select, item = figure.locator("select"), figure.locator("input[type=range]")
    found = {"nothing": changed()}
    select.focus()
    select.press("ArrowDown")
    found["another reading"] = changed()
    item.focus()
    for _ in range(24):
        item.press("PageUp")
    found["another item"] = changed()
    box = figure.locator("svg").bounding_box()
    figure.locator("svg").click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    found["a click on the map"] = changed()
    return found
