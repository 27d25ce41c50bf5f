"""Two ways between molecules: what is drawn is read back and held against the library."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from site_tools import Visit

from utils import molecules
from utils.graphs import ATOM_SYMBOLS, NO_ATOM
from utils.groups import PointPermutations
from utils.plots import DecodedWay, HTMLFigure, TwoWays, between_figure
from utils.quotient import quotient_distance, quotient_geodesic
from utils.training import load_checkpoint

pytestmark = pytest.mark.browser

S9 = PointPermutations(9)
STEPS = 13
LEFT, RIGHT = 4, 196
PAIRS = {"rings": ("CC1C(O)C2N(C)C12C", "CCC(O)c1c[nH]cn1"), "acids": ("CCCCC(=O)O", "N#CCC(=O)CO")}
SHOWN = """(root) => {
  const each = (selector, read) => [...root.querySelectorAll(selector)].map(read);
  const get = (e, ...names) => names.map((name) => e.getAttribute(name));
  const parts = (e, selector, ...names) => [...e.querySelectorAll(selector)].map(
    (one) => [...get(one, ...names), one.textContent]);
  return {
    said: root.querySelector("output").textContent,
    reading: root.querySelector(".book-reading").textContent,
    spoken: root.querySelector("input[type=range]").getAttribute("aria-valuetext"),
    here: each(".book-here", (e) => e.textContent),
    facts: each(".book-facts", (e) => e.textContent),
    labels: each("svg", (e) => e.getAttribute("aria-label")),
    molecules: each(".book-molecule", (e) => ({
      bonds: e.querySelector("path").getAttribute("d"),
      letters: parts(e, "text", "x", "y"),
      rings: parts(e, "circle[stroke-dasharray]", "cx", "cy"),
    })),
    strips: each(".book-strip", (e) => ({
      bars: parts(e, "g rect", "x", "width", "fill"),
      crosses: parts(e, "g path", "d"),
      wedge: e.querySelector(".book-wedge").getAttribute("d"),
    })),
  };
}"""


def name_of(atoms: torch.Tensor, bonds: torch.Tensor) -> tuple[str, str]:
    """What a graph is, and its canonical name."""
    if not bool(molecules.is_valid(atoms, bonds)):
        if not (atoms != NO_ATOM).any():
            return "impossible", ""
        return "impossible", Chem.MolToSmiles(molecules.to_molecule(atoms, bonds, sanitize=False))
    word = "whole" if bool(molecules.is_connected(atoms, bonds)) else "in pieces"
    return word, molecules.canonical_smiles(molecules.to_molecule(atoms, bonds))


def read_back(shown: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Read a graph off its drawing: ends of lines are atoms, parallel lines are one bond."""
    lines = [
        np.array(part.replace("L", " ").split(), float).reshape(2, 2)
        for part in shown["bonds"].split("M")[1:]
    ]
    bonds = []
    while lines:
        apart = [float(np.linalg.norm((line - lines[0]).mean(0))) for line in lines[1:3]]
        order = 1
        if apart and abs(apart[0] - 4.4) < 0.15:
            order = 2
        elif len(apart) == 2 and np.allclose(apart, [3.8, 7.6], atol=0.15):
            order = 3
        bonds.append((np.mean(lines[:order], axis=0), order))
        lines = lines[order:]
    places: dict[tuple[int, ...], str] = {}
    for ends, _ in bonds:
        np.testing.assert_allclose(ends, np.rint(ends), atol=0.11)
        places |= {tuple(np.rint(end).astype(int).tolist()): "C" for end in ends}
    for x, y, symbol in shown["letters"]:
        places[int(x), int(y) - 5] = symbol
    at = list(places)
    table = np.zeros((len(at), len(at)), int)
    for ends, order in bonds:
        i, j = (at.index(tuple(np.rint(end).astype(int).tolist())) for end in ends)
        table[i, j] = table[j, i] = order
    rings = sorted(at.index((int(x), int(y))) for x, y, _ in shown["rings"])
    kinds = [ATOM_SYMBOLS.index(symbol) for symbol in places.values()]
    return torch.tensor(kinds), torch.tensor(table), rings


def read_strip(shown: dict[str, Any]) -> list[tuple[int, int, str]]:
    """Read off a strip where each stay at one graph begins and ends, and what the graph is."""
    cell = (RIGHT - LEFT) / STEPS
    found = []
    for x, width, fill, _ in shown["bars"]:
        found.append((float(x), float(width), "in pieces" if fill == "none" else "whole"))
    for path, _ in shown["crosses"]:
        x, width = re.match(r"M(\S+) 11h(\S+?)M", path).groups()
        assert path.count("l5 5m0 -5l-5 5") == round((float(width) + 3.4) / cell)
        found.append((float(x), float(width), "impossible"))
    edges = [
        ((x - 1.7 - LEFT) / cell, (x - 1.7 - LEFT + width + 3.4) / cell, word)
        for x, width, word in sorted(found)
    ]
    return [(round(a), round(b), word) for a, b, word in edges]


class Walks:
    """The figure in a tab, beside what the library says of the same codes."""

    def __init__(self, opened: Callable[[HTMLFigure], Any]) -> None:
        torch.set_num_threads(1)
        network = load_checkpoint("qm9-vae-book-seed0")[0]
        times = torch.linspace(0, 1, STEPS)
        self.ways: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        self.lengths: dict[str, list[float]] = {}
        ends: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for name, both in PAIRS.items():
            atoms, bonds = (torch.stack(one) for one in zip(*map(self.padded, both), strict=True))
            with torch.inference_mode():
                codes = network.encode(atoms, bonds)[0].squeeze(2).clone()
            order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
            ends[name] = codes[:1], codes[1:, order]
        x, y = ends["rings"]
        ends["renumbered"] = x, quotient_geodesic(x, y, S9, [1.0])[0]
        for name, (x, y) in ends.items():
            raw = torch.lerp(x[None], y[None], times[:, None, None])
            paths = raw[:, 0], quotient_geodesic(x, y, S9, times)[:, 0]
            with torch.inference_mode():
                self.ways[name] = [network.decode(path[..., None]).most_likely() for path in paths]
            self.lengths[name] = [float((x - y).norm()), float(quotient_distance(x, y, S9))]
        pairs = [
            TwoWays(
                name,
                *(
                    DecodedWay(*graphs, length)
                    for graphs, length in zip(ways, self.lengths[name], strict=True)
                ),
            )
            for name, ways in self.ways.items()
        ]
        figure = between_figure(pairs, alt="Two ways, drawn only to see what is drawn.", start=5)
        self.tab = opened(figure)
        self.root = self.tab.locator("[data-interactive]")
        self.tested = 0
        self.seen: set[str] = set()

    @staticmethod
    def padded(smiles: str) -> tuple[torch.Tensor, torch.Tensor]:
        """A molecule in nine slots."""
        own, table = molecules.from_smiles(smiles)
        atoms = torch.full((9,), NO_ATOM, dtype=own.dtype)
        bonds = torch.zeros(9, 9, dtype=table.dtype)
        atoms[: len(own)], bonds[: len(own), : len(own)] = own, table
        return atoms, bonds

    def check(self, name: str, step: int) -> dict[str, Any]:
        """Compare all that is shown."""
        shown = self.root.evaluate(SHOWN)
        assert shown["reading"] == f"{step} of {STEPS - 1}"
        assert shown["spoken"] == f"step {step} of {STEPS - 1}"
        words, met = [], []
        for w, ((atoms, bonds), length) in enumerate(
            zip(self.ways[name], self.lengths[name], strict=True)
        ):
            kind = ("raw", "sorted")[w]
            named = [name_of(a, b) for a, b in zip(atoms, bonds, strict=True)]
            *graph, rings = read_back(shown["molecules"][w])
            assert name_of(*graph) == named[step]
            limits = torch.tensor(molecules.ATOM_VALENCES)
            crowded = graph[1].sum(1) > limits[graph[0]]
            assert rings == torch.nonzero(crowded)[:, 0].tolist()
            word, smiles = named[step]
            words.append(word if word == "impossible" else f"{smiles}, {word}")
            self.seen.add(word)
            assert shown["here"][w] == words[-1]
            cuts = [k for k in range(1, STEPS) if named[k] != named[k - 1]]
            runs = itertools.pairwise([0, *cuts, STEPS])
            assert read_strip(shown["strips"][w]) == [(a, b, named[a][0]) for a, b in runs]
            wedge = float(shown["strips"][w]["wedge"][1:].split()[0])
            assert wedge == pytest.approx(LEFT + (step + 0.5) * (RIGHT - LEFT) / STEPS, abs=0.006)
            whole = [one for word, one in named if word == "whole"]
            valid = molecules.is_valid(atoms, bonds).float().mean().item()
            met.append(len(set(whole)))
            assert shown["facts"][w] == (
                f"{length:.2f} long, {met[w]} molecule{'s' * (met[w] != 1)}; "
                f"{len(whole) / STEPS:.0%} of the steps whole, {valid:.0%} valid"
            )
            drawn, strip = shown["labels"][2 * w : 2 * w + 2]
            assert drawn == f"Between {kind} codes, step {step}: {words[w]}"
            assert strip == f"The {kind} way, at step {step} of {STEPS - 1}: {shown['facts'][w]}"
        raw, by_order = self.lengths[name]
        assert shown["said"] == (
            f"Step {step} of {STEPS - 1}. Raw: {words[0]}; sorted: {words[1]}. The raw way is "
            f"{raw:.2f} long and passes {met[0]} molecule{'s' * (met[0] != 1)}, the sorted one "
            f"{by_order:.2f} and passes {met[1]}."
        )
        self.tested += 1
        return shown

    def at(self, strip: int, step: int) -> tuple[float, float]:
        """Where on the screen a step of a strip is."""
        box = self.tab.locator(".book-strip").nth(strip).bounding_box()
        x = LEFT + (step + 0.5) * (RIGHT - LEFT) / STEPS
        return box["x"] + x * box["width"] / 200, box["y"] + box["height"] / 3


def test_what_is_drawn_on_both_ways_is_what_the_library_decodes(
    opened: Callable[[HTMLFigure], Any], visit: Visit, browser: Any, serve: Any, tmp_path: Path
) -> None:
    walks = Walks(opened)
    walks.check("rings", 5)
    slider, choice = walks.tab.locator("input[type=range]"), walks.tab.locator("select")
    slider.focus()
    for step in (6, 7, 8):
        slider.press("ArrowRight")
        walks.check("rings", step)
    choice.select_option(label="renumbered")
    shown = walks.check("renumbered", 8)
    assert shown["facts"][0] == shown["facts"][1]
    assert shown["molecules"][0] == shown["molecules"][1]
    choice.focus()
    walks.tab.keyboard.press("ArrowUp")
    walks.check("acids", 8)
    walks.tab.mouse.click(*walks.at(0, 2))
    walks.check("acids", 2)
    walks.tab.mouse.down()
    walks.tab.mouse.move(*walks.at(0, 4))
    walks.check("acids", 4)
    walks.tab.mouse.move(walks.at(0, 0)[0] - 90, walks.at(0, 0)[1])  # beyond its end
    walks.tab.mouse.up()
    walks.check("acids", 0)
    for step in (1, 3, 6, 9, 10, 11, 12):
        slider.fill(str(step))
        walks.check("acids", step)
    assert walks.tested >= 10
    assert walks.seen == {"whole", "in pieces", "impossible"}
    with pytest.raises(AssertionError):
        walks.check("acids", 11)
    with pytest.raises(AssertionError):
        walks.check("rings", 12)
    walks.lengths["acids"][1] += 0.02
    with pytest.raises(AssertionError):
        walks.check("acids", 12)
    assert visit.errors == []

    context = browser.new_context(viewport={"width": 390, "height": 700}, has_touch=True)
    walks.tab = context.new_page()
    walks.tab.goto(serve(tmp_path))
    walks.root = walks.tab.locator("[data-interactive]")
    walks.tab.touchscreen.tap(*walks.at(1, 10))
    walks.check("rings", 10)
    box = walks.root.bounding_box()
    assert walks.tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert walks.at(1, 0)[1] - box["y"] < 500, "slider and strips are in sight together"
    context.close()
