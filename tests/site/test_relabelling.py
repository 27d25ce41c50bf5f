"""A molecule that a reader renumbers: every state beside utils.graphs, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import permutations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils.graphs import DenseGraphs, relabel, weisfeiler_leman_colours
from utils.molecules import from_smiles
from utils.plots import HTMLFigure, PaddedGraph, relabelling_figure

pytestmark = pytest.mark.browser

SMILES = {
    "acetone": "CC(C)=O",
    "butane": "CCCC",
    "chain": "CC(C#N)C(C#N)C=O",
    "cubane": "C12C3C4C1C5C2C3C45",
    "cuneane": "C12C3C4C5C3C1C2C45",
}
# Entries are read off where they stand: nothing but places and letters on the drawing.
SHOWN = """(root) => {
  const all = selector => [...root.querySelectorAll(selector)];
  const at = (e) => { const m = new DOMMatrix(getComputedStyle(e).transform); return [m.e, m.f]; };
  const read = (selector) => all(selector).map((e) => [e.textContent, ...at(e)]);
  const shape = (e) => ["cx", "cy"].map((key) => +e.getAttribute(key));
  return {
    said: root.querySelector("output").textContent,
    plane: root.querySelector(".book-plane").getAttribute("aria-label"),
    table: root.querySelector(".book-tensors").getAttribute("aria-label"),
    numbers: read(".book-number"), kinds: read(".book-kind"), bonds: read(".book-bond"),
    badges: read(".book-badge"),
    shades: all(".book-shade").map((e) => e.textContent),
    discs: all(".book-plane circle[stroke-width='2.2']").map((e) => e.getAttribute("fill")),
    badged: all(".book-badge circle").map((e) => e.getAttribute("fill")),
    handles: all(".book-handle").map(shape),
    frames: all(".book-frame").map((e) => ["x", "y"].map((key) => +e.getAttribute(key))),
    lists: all(".book-one, .book-two").map((e) => [...e.options].map((o) => o.textContent)),
    spoken: root.querySelector(".book-rounds").getAttribute("aria-valuetext"),
  };
}"""
SYMBOLS = "CNOF\u2013"


@cache
def stabilizer(name: str) -> int:
    """Try all orders of a molecule's own slots, and multiply by those of its empty ones."""
    atoms, bonds = from_smiles(SMILES[name])
    real = int((atoms < 4).sum())
    source = torch.tensor(np.fromiter(permutations(range(real)), np.dtype((np.int64, real))))
    source = source[(atoms[source] == atoms[:real]).all(1)]
    moved = bonds[source[:, :, None], source[:, None]]
    return int((moved == bonds[:real, :real]).all((1, 2)).sum()) * factorial(9 - real)


class Molecule:
    """The figure in a tab, beside the graph that the library relabels."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        circle = np.exp(2j * np.pi * np.arange(9) / 9).view(float).reshape(9, 2)
        self.first = {name: from_smiles(smiles) for name, smiles in SMILES.items()}
        graphs = [
            PaddedGraph(name, a.numpy(), A.numpy(), circle[: int((a < 4).sum())])
            for name, (a, A) in self.first.items()
        ]
        self.tab = opened(relabelling_figure(graphs, alt="A molecule and its tensors, drawn."))
        self.root = self.tab.locator("[data-interactive]")
        self.name, self.rounds, self.tested = "acetone", 1, 0
        self.slots = torch.arange(9)  # where what stood in slot i stands now

    def now(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The library's graph in the order that is shown."""
        atoms, bonds = self.first[self.name]
        row = torch.tensor([0])
        dense = DenseGraphs(atoms[None], bonds[None], torch.zeros(1, 0), row, ("",), (), ())
        moved = relabel(dense, self.slots)
        return moved.atoms[0], moved.bonds[0]

    def exchange(self, p: int, q: int) -> None:
        """Exchange what stands in two slots, in the library's graph."""
        swap = torch.arange(9)
        swap[[p, q]] = torch.tensor([q, p])
        self.slots = swap[self.slots]

    def check(self, news: str) -> dict[str, Any]:
        """Compare everything that is shown."""
        shown = self.root.evaluate(SHOWN)
        atoms, bonds = self.now()
        kinds, table, letters = [""] * 9, np.zeros((9, 9), int), [""] * 9
        row = lambda y: round((y - 20) / 19 - 0.5)  # noqa: E731
        for text, _, y in shown["kinds"]:
            kinds[row(y)] = text
        assert "".join(kinds) == "".join(SYMBOLS[k] for k in atoms)
        for text, x, y in shown["bonds"]:
            i, j = (y - 20) / 19, (x - 43) / 19
            assert i == round(i)
            assert j == round(j)
            table[round(i), round(j)] = int(text)
        np.testing.assert_array_equal(table, bonds.numpy())
        colours = weisfeiler_leman_colours(atoms, bonds, rounds=self.rounds)
        stable = weisfeiler_leman_colours(atoms, bonds)
        real = atoms < 4
        for text, _, y in shown["badges"]:
            letters[row(y)] = text
        wanted = ["abcdefghi"[c] if k else "" for c, k in zip(colours, real, strict=True)]
        assert letters == wanted
        # On the drawing: the number of a slot stands on its atom, whose letter is its colour's.
        for text, x, y in shown["numbers"]:
            gaps = np.hypot(*(np.array(shown["handles"]).T - [[x], [y]]))
            content = int(np.argmin(gaps))
            assert gaps[content] < 8
            assert self.slots[content] == int(text)
        count = int(real.sum())
        assert shown["shades"] == [wanted[slot] for slot in self.slots[:count].tolist()]
        for one in ("discs", "badged"):
            groups = {
                (hue, letter) for hue, letter in zip(shown[one], shown["shades"], strict=True)
            }
            assert len(groups) == len({hue for hue, _ in groups}) == len(set(shown["shades"]))
        for options in shown["lists"]:
            assert options == [f"{slot} {kinds[slot]}" for slot in range(9)]
        said = shown["said"]
        assert said.startswith(news), (said, news)
        number = int(
            re.search(r"; ([\d,]+) of the 9! = 362,880 orders gives? these", said)[1].replace(
                ",", ""
            )
        )
        assert number == stabilizer(self.name)
        classes = sorted({tuple((colours == c).nonzero()[:, 0].tolist()) for c in colours[real]})
        assert re.search(r"there (?:is|are) (\d+) colours?:", said)[1] == str(len(classes))
        told = re.search(
            r"equal codes to ([\d, and]+?(?:to [\d, and]+?)*)(?:, and cannot|\.)", said
        )
        groups = [] if told is None else [
            tuple(map(int, re.findall(r"\d", part))) for part in told[1].split("and to")
        ]  # fmt: skip
        assert sorted(groups) == [group for group in classes if len(group) > 1]
        assert ("tell all atoms apart" in said) is (len(classes) == count)
        assert ("however deep" in said) is bool((colours[real] == stable[real]).all())
        twin = {"cubane": "cuneane", "cuneane": "cubane"}.get(self.name)
        assert ("cannot tell" in said) is (twin is not None)
        assert twin is None or said.endswith(f"cannot tell {self.name} from {twin}.")
        assert shown["table"].endswith(said)
        assert f"Kinds by slot: {' '.join(kinds)}. Bonds: " in shown["table"]
        words = ["", "single", "double", "triple"]
        spoken = [f"{i} to {j} {words[bonds[i, j]]}" for i, j in bonds.triu().nonzero().tolist()]
        assert f"Bonds: {', '.join(spoken)}. {news}" in shown["table"]
        assert shown["spoken"].endswith(f"{len(classes)} colour{'s' * (len(classes) > 1)}")
        self.tested += 1
        return shown

    def choose(self, name: str) -> None:
        self.tab.locator(".book-graph").select_option(label=name)
        self.name, self.slots = name, torch.arange(9)

    def changes(self, before: tuple[torch.Tensor, torch.Tensor]) -> int:
        """How many entries of kinds and bonds differ from before."""
        return sum(int((x != y).sum()) for x, y in zip(before, self.now(), strict=True))

    def drag(self, content: int, other: int, mouse: Any) -> None:
        """Drag one atom onto another."""
        box = self.tab.locator(".book-plane").bounding_box()
        scale = box["width"] / 240
        ends = [self.root.evaluate(SHOWN)["handles"][k] for k in (content, other)]
        (x, y), (u, v) = [(box["x"] + a * scale, box["y"] + b * scale) for a, b in ends]
        mouse.move(x, y)
        mouse.down()
        mouse.move((x + u) / 2, (y + v) / 2, steps=2)
        mouse.move(u + 6, v - 5, steps=2)
        mouse.up()


def read_slots(molecule: Molecule) -> torch.Tensor:
    """Read off the drawing in which slot each atom stands."""
    shown = molecule.root.evaluate(SHOWN)
    slots = torch.zeros(9, dtype=torch.long)
    for text, x, y in shown["numbers"]:
        gaps = np.hypot(*(np.array(shown["handles"]).T - [[x], [y]]))
        slots[int(np.argmin(gaps))] = int(text)
    return slots


def test_a_molecule_is_renumbered_and_coloured_as_utils_says(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    one = Molecule(opened)
    one.check("Nothing has been exchanged; 240 of")
    button = one.tab.locator(".book-exchange")
    button.focus()
    one.tab.keyboard.press("Enter")  # the tied carbons of acetone stand in the lists
    one.exchange(0, 2)
    shown = one.check("Exchanging slots 0 and 2 changed nothing: the two atoms are tied; 240")
    assert shown["frames"] == []
    before = one.now()
    one.drag(3, 6, one.tab.mouse)  # oxygen into an empty slot
    one.exchange(3, 6)
    shown = one.check(f"Exchanging slots 3 and 6 changed {one.changes(before)} entries; 240")
    assert len(shown["frames"]) == one.changes(before) == 6
    one.tab.locator(".book-rounds").focus()
    one.tab.keyboard.press("ArrowLeft")
    one.rounds = 0
    one.check("Exchanging slots 3 and 6")
    one.choose("butane")
    one.check("Nothing has been exchanged; 240 of")
    one.tab.locator(".book-rounds").fill("1")
    one.rounds = 1
    before = one.now()
    button.click()
    one.exchange(0, 3)
    news = f"Exchanging slots 0 and 3 changed {one.changes(before)} entries, though the two"
    shown = one.check(news)
    assert len(shown["frames"]) == one.changes(before) == 8
    one.tab.locator(".book-one").select_option("7")
    one.tab.locator(".book-two").select_option("8")
    button.click()
    one.exchange(7, 8)
    one.check("Exchanging the empty slots 7 and 8 changed nothing; 240")
    one.choose("chain")
    for t in range(5):
        one.tab.locator(".book-rounds").fill(str(t))
        one.rounds = t
        one.check("Nothing has been exchanged; 1 of")
    before = one.now()
    one.tab.locator(".book-shuffle").click()
    one.slots = read_slots(one)
    count = one.changes(before)
    assert count > 0
    shown = one.check(f"The shuffle changed {count} entries")
    assert len(shown["frames"]) == count
    one.rounds = 2
    one.tab.locator(".book-rounds").fill("2")
    one.check("The shuffle changed")
    one.tab.locator(".book-back").click()
    one.slots = torch.arange(9)
    one.check(f"Going back to the first order changed {count} entries")
    for name in ("cubane", "cuneane"):
        one.choose(name)
        before = one.now()
        one.drag(0, 1, one.tab.mouse)
        one.exchange(0, 1)
        assert one.changes(before) > 0
        one.check(f"Exchanging slots 0 and 1 changed {one.changes(before)} entries, though")
    assert one.tested >= 10
    with pytest.raises(AssertionError):  # the negative controls
        one.check("Nothing has been exchanged")
    one.name = "cubane"
    with pytest.raises(AssertionError):
        one.check("Exchanging slots 0 and 1")
    one.name = "cuneane"
    one.exchange(2, 3)
    with pytest.raises(AssertionError):
        one.check("Exchanging slots 0 and 1")
    assert visit.errors == []


def test_atoms_are_exchanged_by_tapping_two_and_dragged_by_touch(
    tmp_path: Path, serve: Callable[[Path], str], browser: Any, opened: Any
) -> None:
    one = Molecule(opened)
    context = browser.new_context(
        viewport={"width": 390, "height": 700}, has_touch=True, reduced_motion="reduce"
    )
    one.tab = context.new_page()
    one.tab.goto(serve(tmp_path))
    one.root = one.tab.locator("[data-interactive]")
    box = one.tab.locator(".book-plane").bounding_box()
    scale = box["width"] / 240
    places = [
        {"x": box["x"] + x * scale, "y": box["y"] + y * scale}
        for x, y in one.root.evaluate(SHOWN)["handles"]
    ]
    for content in (0, 1):
        one.tab.touchscreen.tap(**places[content])
    one.exchange(0, 1)
    one.check("Exchanging slots 0 and 1 changed 8 entries; 240")
    client = context.new_cdp_session(one.tab)
    middle = {key: (places[1][key] + places[2][key]) / 2 for key in "xy"}
    for kind, points in [
        ("Start", [places[1]]), ("Move", [middle]), ("Move", [places[2]]), ("End", []),
    ]:  # fmt: skip
        client.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    one.exchange(0, 2)
    one.check("Exchanging slots 0 and 2 changed 8 entries; 240")
    assert one.tab.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
