"""A number that a reader drags: every molecule that is shown, beside what the network decodes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from site_tools import Visit

from utils import molecules
from utils.models.graph_vae import GraphVAE
from utils.plots import CodedGraph, HTMLFigure, decoding_figure
from utils.training import load_checkpoint

pytestmark = pytest.mark.browser

ALT = "A figure that is drawn only to see whether its script does its work."
SMILES = {"rings": "CC12COC1C2C(N)=O", "cage": "CN1CC2C3C1C(=O)N23"}
REACH, STEP = 0.1, 0.005
# So far apart that a pair of ends tells the pair of atoms: on a circle.
CIRCLE = np.array([[np.cos(a), np.sin(a)] for a in np.arange(9) * 2 * np.pi / 9])
FIRST, SECOND = np.triu_indices(9, 1)
ORDERS = ("none", "single", "double", "triple")
SHOWN = """(root) => ({
  said: root.querySelector("output").textContent,
  count: root.querySelector(".book-count").textContent,
  drawn: root.querySelector(".book-molecule").getAttribute("aria-label"),
  line: root.querySelector(".book-numbers").getAttribute("aria-label"),
  bonds: [...root.querySelectorAll(".book-molecule path")].map((e) => [
    e.getAttribute("class"), e.getAttribute("d"), e.getAttribute("stroke-dasharray")]),
  discs: [...root.querySelectorAll(".book-disc")].map(
    (e) => [+e.getAttribute("cx"), +e.getAttribute("cy"), e.hasAttribute("stroke")]),
  rings: [...root.querySelectorAll(".book-ring")].map(
    (e) => [+e.getAttribute("cx"), +e.getAttribute("cy")]),
  letters: [...root.querySelectorAll(".book-molecule text")].map((e) => e.textContent),
  spot: +root.querySelector(".book-spot").getAttribute("cx"),
  knob: +root.querySelector(".book-knob").getAttribute("cx"),
  bars: [...root.querySelectorAll(".book-bar, .book-same")].map((e) => [
    +e.getAttribute("x"), +e.getAttribute("width"), e.getAttribute("class"),
    e.getAttribute("fill"), +e.getAttribute("height")]),
  value: root.querySelector(".book-dial input").getAttribute("aria-valuetext"),
  reading: root.querySelector(".book-dial span").textContent,
})"""


class Decoding:
    """The figure in a tab, beside the book's network."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        model, _ = load_checkpoint("qm9-vae-book-seed0")
        assert isinstance(model, GraphVAE)
        self.model = model
        self.codes: dict[str, torch.Tensor] = {}
        self.width: dict[str, torch.Tensor] = {}
        for name, smiles in SMILES.items():
            graph = [one[None] for one in molecules.from_smiles(smiles)]
            with torch.no_grad():
                mean, log_variance = model.encode(*graph)
            self.codes[name] = mean[0, :, 0]
            self.width[name] = (log_variance[0, :, 0] / 2).exp()
        figure = decoding_figure(
            [CodedGraph(name, self.codes[name], self.width[name], CIRCLE) for name in SMILES],
            self.by_network,
            alt=ALT,
            reach=REACH,
            step=STEP,
        )
        self.tab = opened(figure)
        self.root = self.tab.locator("[data-interactive]")
        self.tested = 0

    @torch.no_grad()
    def by_network(self, codes: np.ndarray) -> tuple[torch.Tensor, ...]:
        graphs = self.model.decode(torch.as_tensor(codes)[..., None]).most_likely()
        return *graphs, molecules.is_valid(*graphs), molecules.is_connected(*graphs)

    def decode(self, name: str, atom: int, values: np.ndarray) -> list[np.ndarray]:
        """Decode a code afresh with one number set: atoms, bonds by pairs, two verdicts."""
        codes = np.repeat(self.codes[name].numpy()[None], len(values), axis=0)
        codes[:, atom] = values
        atoms, bonds, *verdicts = (one.numpy() for one in self.by_network(codes))
        return [atoms, bonds[:, FIRST, SECOND], *verdicts]

    def values(self, name: str, atom: int) -> np.ndarray:
        code = self.codes[name].numpy()
        line = code[atom] + np.float32(STEP) * np.arange(-20, 21, dtype=np.float32)
        others = [x for j, x in enumerate(code) if j != atom and line[0] < x < line[-1]]
        return np.unique(np.concatenate([line, np.array(others, np.float32)]))

    def check(self, name: str, atom: int, value: float) -> dict[str, Any]:
        """Compare all that is shown with what the network makes of a number now."""
        shown = self.root.evaluate(SHOWN)
        own = float(self.codes[name][atom])
        atoms, bonds, valid, whole = (x[0] for x in self.decode(name, atom, np.array([value])))
        base_atoms, base, *_ = (x[0] for x in self.decode(name, atom, np.array([own])))
        said = f"{value:.3f}".replace("-", "−")
        assert shown["reading"] == shown["value"] == said
        # The drawing: each pair that is bonded, or was, and its number of lines.
        places = np.array([disc[:2] for disc in shown["discs"]])
        found = np.zeros(36, int)
        gone = np.zeros(36, int)
        for kind, path, dash in shown["bonds"]:
            ends = np.array(re.findall(r"M(\S+) (\S+)Q\S+ \S+ (\S+) (\S+?)(?=M|$)", path), float)
            i, j = (
                int(np.linalg.norm(places - ends[:, k : k + 2].mean(0), axis=1).argmin())
                for k in (0, 2)
            )
            (pair,) = np.flatnonzero((min(i, j) == FIRST) & (max(i, j) == SECOND))
            (gone if kind == "book-gone" else found)[pair] = len(ends)
            changed = bonds[pair] != base[pair]
            assert kind == (("book-changed" if bonds[pair] else "book-gone") if changed
                            else "book-kept")  # fmt: skip
            assert (dash is None) != changed
        np.testing.assert_array_equal(found, bonds)
        np.testing.assert_array_equal(gone, np.where(bonds == 0, base, 0))
        letters = [f"{'CNOF–'[kind]}{i + 1}" for i, kind in enumerate(atoms)]
        assert shown["letters"] == letters
        assert [disc[2] for disc in shown["discs"]] == [i == atom for i in range(9)]
        ringed = [int(np.linalg.norm(places - r, axis=1).argmin()) for r in shown["rings"]]
        assert ringed == np.flatnonzero(atoms != base_atoms).tolist()
        # The words.
        names = [f"{'CNOF'[kind]}{i + 1}" for i, kind in enumerate(base_atoms)]
        text = shown["said"]
        assert text.startswith(f"{names[atom]}’s number {said}, ")
        moved = value - own
        if abs(moved) < STEP / 100:
            assert "as it came: the molecule" in text
        else:
            sign = f"{moved:+.3f}".replace("-", "−")
            times = abs(moved) / float(self.width[name][atom])
            assert f"moved by {sign} ({times:.1f} η)" in text
            count, kinds = int((bonds != base).sum()), int((atoms != base_atoms).sum())
            if count + kinds:
                assert (f"; {count} bond{'s' * (count != 1)} and {kinds} "
                        f"atom{'s' * (kinds != 1)} differ; ") in text  # fmt: skip
            else:
                assert "still the molecule" in text
            every = [
                f"{names[i]}–\u2060{names[j]} {ORDERS[base[k]]} → {ORDERS[bonds[k]]}"
                for k, (i, j) in enumerate(zip(FIRST, SECOND, strict=True))
                if bonds[k] != base[k]
            ]
            assert sum(change in text for change in every) == min(count, 3 - min(kinds, 3))
        assert ("valences respected" if valid else "a valence exceeded") in text
        assert ("in one piece." if whole else "in pieces.") in text
        met = [names[j] for j in range(9) if j != atom and float(self.codes[name][j]) == value]
        assert re.findall(r"It equals (\w+)’s number", text) == met
        assert shown["drawn"] == f"Decoded from {name}: {text}"
        assert text in shown["line"]
        # The strip: the bar under the knob, and what is counted along it.
        line = self.values(name, atom)
        all_atoms, all_bonds, all_valid, _ = self.decode(name, atom, line)
        same = ((all_bonds == base).all(1) & (all_atoms == base_atoms).all(1)).sum()
        assert shown["count"] == (
            f"{names[atom]}’s number is decoded at {len(line)} values, {STEP} apart and where it "
            f"equals another’s: the molecule at {same}, valences respected at "
            f"{all_valid.sum()}."
        )
        np.testing.assert_allclose(shown["knob"], 120 + 110 * moved / REACH, atol=0.06)
        over = [b for b in shown["bars"] if b[0] - 0.6 <= shown["knob"] <= b[0] + b[1] + 0.6]
        differ = int((bonds != base).sum() + (atoms != base_atoms).sum())
        wanted = ("book-bar", 60 * min(differ, 6) / 6) if differ else ("book-same", 5)
        assert any(
            (b[2], b[4]) == wanted and (not differ or (b[3] == "none") != valid) for b in over
        )
        self.tested += 1
        return shown

    def value(self, name: str, atom: int, steps: int) -> float:
        """The number so many places of its grid from where it came."""
        line = self.values(name, atom)
        own = int(np.flatnonzero(line == self.codes[name].numpy()[atom])[0])
        return float(line[own + steps])


def test_a_number_that_moves_shows_what_the_network_decodes(
    opened: Callable[[HTMLFigure], Any], visit: Visit
) -> None:
    figure = Decoding(opened)
    tab, dial = figure.tab, figure.tab.locator(".book-dial input")
    chosen = tab.locator(".book-atom")
    # The first state is a move to a sound molecule that changes one bond, of two other atoms.
    atom = int(chosen.input_value())
    line = figure.values("rings", atom)
    first = float(line[int(dial.input_value())])
    shown = figure.check("rings", atom, first)
    assert "1 bond and 0 atoms differ; valences respected, in one piece." in shown["said"]
    assert shown["letters"][atom] not in shown["said"].split("): ")[1].split(";")[0]

    # By keyboard.
    chosen.focus()
    chosen.select_option(index=1)
    figure.check("rings", 1, figure.value("rings", 1, 0))
    dial.focus()
    for pressed, steps in ((6, 6), (4, 10), (1, 11)):
        for _ in range(pressed):
            dial.press("ArrowRight")
        figure.check("rings", 1, figure.value("rings", 1, steps))
    dial.press("Home")
    figure.check("rings", 1, float(figure.values("rings", 1)[0]))

    # By mouse: an atom of the drawing, then its knob, beyond the end too.
    tab.locator(".book-molecule .book-pick").nth(3).click()
    assert chosen.input_value() == "3"
    figure.check("rings", 3, figure.value("rings", 3, 0))
    knob, area = tab.locator(".book-knob"), tab.locator(".book-numbers")
    box, wide = knob.bounding_box(), area.bounding_box()["width"]
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.move(*middle)
    tab.mouse.down()
    place = 120 + 110 * 0.062 / REACH  # between two values: the nearer is shown
    tab.mouse.move(middle[0] + (place - 120) * wide / 240, middle[1], steps=4)
    code = figure.values("rings", 3)
    near = float(code[np.abs(code - (figure.codes["rings"].numpy()[3] + 0.062)).argmin()])
    figure.check("rings", 3, near)
    tab.mouse.move(middle[0] + wide, middle[1] + 90, steps=2)
    tab.mouse.up()
    figure.check("rings", 3, float(code[-1]))

    # The cage: a click on the strip, and one on the line of all numbers.
    tab.locator(".book-graph").select_option(index=1)
    figure.check("cage", 0, figure.value("cage", 0, 0))
    meeting = figure.codes["cage"].double().numpy()
    x, y = area.bounding_box()["x"], area.bounding_box()["y"]
    met = float(meeting[5])  # near enough to be in the stretch of atom 0
    place = 120 + 110 * (met - meeting[0]) / REACH
    tab.mouse.click(x + float(place) * wide / 240, y + 100 * wide / 240)
    figure.check("cage", 0, met)
    box = tab.locator(".book-numbers circle").nth(7).bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert chosen.input_value() == "7"
    shown = figure.check("cage", 7, figure.value("cage", 7, 0))
    assert figure.tested >= 12

    # The comparison notices another number, atom or molecule.
    for wrong in (
        ("cage", 7, figure.value("cage", 7, 8)),
        ("cage", 6, figure.value("cage", 6, 0)),
        ("rings", 7, figure.value("rings", 7, 0)),
    ):
        with pytest.raises(AssertionError):
            figure.check(*wrong)
    figure.root.locator(".book-kept").first.evaluate("e => e.remove()")
    with pytest.raises(AssertionError):
        figure.check("cage", 7, figure.value("cage", 7, 0))

    # By touch.
    tab.locator(".book-molecule .book-pick").nth(0).click()
    box = knob.bounding_box()
    start = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    finger = tab.context.new_cdp_session(tab)
    for kind, aside in (("touchStart", 0), ("touchMove", 20), ("touchMove", 40), ("touchEnd", 0)):
        points = [] if kind == "touchEnd" else [{"x": start["x"] + aside, "y": start["y"]}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    code = figure.values("cage", 0)
    to = figure.codes["cage"].numpy()[0] + REACH * 40 * 240 / wide / 110
    figure.check("cage", 0, float(code[np.abs(code - to).argmin()]))
    assert visit.errors == []
