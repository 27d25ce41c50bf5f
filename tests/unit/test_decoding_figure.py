"""The figure of a number that moves and what is decoded: the grid, storage, words, refusals."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import Any

import numpy as np
import pytest
import torch

from utils import molecules
from utils.models.graph_vae import GraphVAE
from utils.plots import CodedGraph, decoding_figure
from utils.plots.explorables.decoding import _drawing
from utils.plots.explorables.decoding._sweep import grid, said, signed, surprising, sweeps
from utils.training import load_checkpoint

ALT = "A molecule and the numbers of its atoms, of which one is moved."
CODE = np.array([0.0, 0.06, 0.5, 0.02], np.float32)
PLACES = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.0, 1.0]]
FIRST, SECOND = np.triu_indices(4, 1)


def decode(codes):
    """Bonds by distance, an oxygen where a number exceeds 0.3; hydrogens do not matter."""
    gaps = np.abs(codes[:, :, None] - codes[:, None])
    bonds = ((gaps < 0.1).astype(int) + (gaps < 0.03)) * (1 - np.eye(codes.shape[1], dtype=int))
    return 2 * (codes > 0.3), bonds, bonds.sum((1, 2)) < 12, codes.max(axis=1) < 0.55


def example(**changes: Any) -> dict[str, Any]:
    arguments = {
        "graphs": [CodedGraph("<chain>", CODE, [0.01] * 4, PLACES)],
        "decode": decode,
        "alt": ALT,
        "reach": 0.1,
        "step": 0.02,
    }
    return arguments | changes


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)


def shown(graph, atom, t):
    """What the page looks up: atoms, bonds, and two verdicts."""
    n, size = 4, 4 + 6 + 2
    at = graph["lines"][atom]["at"][t]
    digits = [int(x) for x in graph["graphs"][at * size : (at + 1) * size]]
    return digits[:n], digits[n:-2], digits[-2:]


def test_the_grid_has_equal_steps_and_the_numbers_of_other_atoms():
    line = grid(CODE, 0, 5, 0.02)
    np.testing.assert_allclose(line, [*np.arange(-5, 6) * 0.02], atol=1e-7)
    assert (np.diff(line) > 0).all()
    for other in (1, 3):  # 0.02 is a step already, and 0.06 too: neither is there twice
        assert np.abs(line - CODE[other]).min() == 0
    moved = grid(CODE + np.float32([0, 0.005, 0, 0]), 0, 5, 0.02)
    assert len(moved) == 12
    assert CODE[1] + np.float32(0.005) in moved


def test_every_stored_state_is_the_decoding_of_its_value():
    data = stored(decoding_figure(**example()))
    (graph,) = data["graphs"]
    for atom, line in enumerate(graph["lines"]):
        assert line["values"][line["own"]] == pytest.approx(CODE[atom], abs=1e-7)
        for t, value in enumerate(line["values"]):
            code = CODE.copy()
            code[atom] = value
            # What lies on an edge of the rule may fall to either side when its digits are cut.
            atoms, bonds, valid, whole = (one[0] for one in decode(code[None]))
            found = shown(graph, atom, t)
            assert found[0] == atoms.tolist()
            near = np.abs(np.abs(code[FIRST] - code[SECOND]) - [[0.1], [0.03]]).min(0) < 1e-6
            assert (near | (found[1] == bonds[FIRST, SECOND])).all()
            if not near.any():
                assert found[2] == [valid, whole]
    wrong = shown(graph, 0, 0)[1]
    assert wrong != decode(CODE[None])[1][0][FIRST, SECOND].tolist(), "states differ at all"


def test_equal_graphs_are_stored_once():
    (graph,) = stored(decoding_figure(**example()))["graphs"]
    kept = re.findall(".{12}", graph["graphs"])
    assert len(kept) == len(set(kept)) == 1 + max(max(line["at"]) for line in graph["lines"])
    assert len(kept) < sum(len(line["at"]) for line in graph["lines"])


def test_where_numbers_meet_an_equivariant_decoder_tells_the_slots_not_apart():
    (line, *_) = sweeps(decode, CODE, 5, 0.02)
    assert [(j, alike) for _, j, alike in line.meets] == [(1, True), (3, True)]

    def unfair(codes):
        atoms, *rest = decode(codes)
        return atoms + (np.arange(4) == 0), *rest  # slot 0 is never the carbon that 1 and 3 are

    (line, *_) = sweeps(unfair, CODE, 5, 0.02)
    assert [(j, alike) for _, j, alike in line.meets] == [(1, False), (3, False)]
    assert " It equals C2’s number." in said(line, 0, line.meets[0][0], 0.01)


def test_the_first_state_is_the_smallest_move_that_changes_a_bond_elsewhere():
    atom, t = surprising(sweeps(decode, CODE, 5, 0.02))
    assert (atom, t) == (0, 5), "with bonds by distance no bond changes elsewhere"

    def elsewhere(codes):
        atoms, bonds, *rest = decode(codes)
        far = np.abs(codes[:, 2] - 0.5) > 0.05
        bonds[far, 0, 1] = bonds[far, 1, 0] = 3
        return atoms, bonds, *rest

    atom, t = surprising(sweeps(elsewhere, CODE, 5, 0.02))
    assert (atom, t) == (2, 2)
    figure = decoding_figure(**example(decode=elsewhere))
    assert stored(figure)["start"] == [2, 2]
    picture = re.search(r'class="book-still"[^>]*base64,([^"]*)"', figure.html)[1]
    drawn = base64.b64decode(picture).decode()
    text = " ".join(html.unescape(re.sub("<[^>]*>", " ", drawn)).split())
    assert "O3’s number 0.440, moved by −0.060 (6.0 η): C1–\u2060C2 single → triple;" in text
    assert drawn.count('stroke-dasharray="6 3"') == 1  # three lines, one bond

    for verdict in (0, 1):  # what exceeds a valence, or falls to pieces, is passed over

        def unsound(codes, verdict=verdict):
            graphs = elsewhere(codes)
            verdicts = [np.ones(len(codes), bool), np.ones(len(codes), bool)]
            verdicts[verdict] = np.abs(codes[:, 2] - 0.44) > 0.01
            return *graphs[:2], *verdicts

        found = sweeps(unsound, CODE, 5, 0.02)
        assert surprising(found) == (2, 8)
        assert "O3’s number 0.560" in said(found[2], 2, 8, 0.01)

    assert "&lt;chain&gt;" in figure.html
    assert "<chain>" not in re.sub("<script.*", "", figure.html)


def test_words():
    line = sweeps(decode, CODE, 5, 0.02)[1]
    assert said(line, 1, line.own, 0.01) == (
        "C2’s number 0.060, as it came: the molecule; valences respected, in one piece."
    )
    text = said(line, 1, len(line.values) - 1, 0.01)  # at 0.16 it is alone
    assert text == (
        "C2’s number 0.160, moved by +0.100 (10.0 η): C1–\u2060C2 single → none, C2–\u2060C4 "
        "single → none; 2 bonds and 0 atoms differ; valences respected, in one piece."
    )
    line = sweeps(decode, CODE, 60, 0.02)[0]
    far = said(line, 0, int(np.argmin(np.abs(line.values - 0.58))), 0.01)
    assert "C1 → O" in far
    assert "and 1 more; " in far
    assert far.endswith("in pieces.")
    assert signed(-0.0004) == "0.000"
    assert signed(0.0, plus=True) == "+0.000"


def test_bonds_pass_no_other_atom_and_names_do_not_overlap():
    points = _drawing.fitted(np.array([[0.0, 0], [1, 0], [2, 0], [3, 0]]))
    bends = dict(zip(zip(FIRST, SECOND, strict=True), _drawing.bends(points), strict=True))
    assert bends[0, 1] == bends[1, 2] == 0
    assert abs(bends[0, 2]) >= 24
    path = _drawing.bond_path(points[0], points[2], bends[0, 2], 2)
    assert path.count("M") == 2
    letters = _drawing.spread(np.array([100.0, 101, 102, 10]), 10, 230)
    assert np.diff(np.sort(letters)).min() >= 17.5 - 1e-9
    assert letters[3] == 10
    np.testing.assert_allclose(letters[:3].mean(), 101)


def test_the_books_network_is_shown_as_it_decodes():
    model, _ = load_checkpoint("qm9-vae-book-seed0")
    assert isinstance(model, GraphVAE)
    atoms, bonds = (one[None] for one in molecules.from_smiles("CC12COC1C2C(N)=O"))
    with torch.no_grad():
        mean, _ = model.encode(atoms, bonds)

    @torch.no_grad()
    def by_network(codes):
        graphs = model.decode(torch.from_numpy(codes)[..., None]).most_likely()
        return *graphs, molecules.is_valid(*graphs), molecules.is_connected(*graphs)

    lines = sweeps(by_network, mean[0, :, 0].numpy(), 10, 0.005)
    assert all(alike for line in lines for *_, alike in line.meets)
    assert sum(len(line.meets) for line in lines) >= 2
    for line in lines:
        np.testing.assert_array_equal(line.found.atoms[line.own], atoms[0])
        np.testing.assert_array_equal(
            line.found.bonds[line.own], bonds[0][tuple(np.triu_indices(9, 1))]
        )


def test_arrays_stay_as_they_are():
    arguments = example()
    code = CODE.copy()
    decoding_figure(**arguments)
    np.testing.assert_array_equal(CODE, code)
    assert decoding_figure(**arguments).html == decoding_figure(**arguments).html


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"graphs": []}, "no graphs"),
        ({"alt": "short"}, "alternative text"),
        ({"step": 0.0}, "reach and step"),
        ({"reach": np.inf}, "reach and step"),
        ({"step": 0.0005}, "100 steps"),
        ({"graphs": [CodedGraph("a", CODE, [0.01] * 3, PLACES)]}, r"shapes \(4,\), \(3,\)"),
        ({"graphs": [CodedGraph("a", CODE * np.nan, [0.01] * 4, PLACES)]}, "finite"),
        ({"graphs": [CodedGraph("a", CODE, [0.0] * 4, PLACES)]}, "above zero"),
        ({"graphs": [CodedGraph("a", CODE, [0.01] * 4, [[0, 0]] * 4)]}, "one place"),
        ({"decode": lambda codes: (codes, codes, codes, codes)}, "decode must make"),
        (
            {"decode": lambda codes: (decode(codes)[0] + 4, *decode(codes)[1:])},
            "bonds from 0 to 3, but made some up to",
        ),
        (
            {"decode": lambda codes: (decode(codes)[0], np.triu(decode(codes)[1]),
                                      *decode(codes)[2:])},
            "both ends",
        ),
        (
            {"decode": lambda codes: (4 * (codes > 0.3), *decode(codes)[1:])},
            "empty slot",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        decoding_figure(**example(**changes))
