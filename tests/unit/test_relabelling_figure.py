"""The figure of relabelling: colours, symmetries and twins beside utils.graphs, what it refuses."""

from __future__ import annotations

import json
import re
from itertools import islice, permutations
from math import factorial

import numpy as np
import pytest
import torch

from utils.graphs import tied_molecules, weisfeiler_leman_colours
from utils.molecules import from_smiles
from utils.plots import PaddedGraph, relabelling_figure
from utils.plots.explorables.relabelling._drawing import atom_places, bond_lines, letter_places
from utils.plots.explorables.relabelling._refinement import refined, symmetries, told_apart

ALT = "A molecule with numbered atoms, and its tensors."
SMILES = {
    "acetone": "CC(C)=O",
    "<butane>": "CCCC",
    "chain": "CC(C#N)C(C#N)C=O",
    "cubane": "C12C3C4C1C5C2C3C45",
    "cuneane": "C12C3C4C5C3C1C2C45",
}
DENSE = {name: from_smiles(smiles) for name, smiles in SMILES.items()}
CIRCLE = np.exp(2j * np.pi * np.arange(9) / 9).view(float).reshape(9, 2)


def padded(name, **changes):
    atoms, bonds = (array.numpy() for array in DENSE[name])
    given = {"atoms": atoms, "bonds": bonds, "places": CIRCLE[: int((atoms < 4).sum())]}
    return PaddedGraph(name, **given | changes)


def heavy(name):
    atoms, bonds = DENSE[name]
    count = int((atoms < 4).sum())
    return atoms[:count].tolist(), bonds[:count, :count].numpy()


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)["graphs"]


@pytest.fixture(scope="module")
def graphs():
    return dict(
        zip(SMILES, stored(relabelling_figure([*map(padded, SMILES)], alt=ALT)), strict=True)
    )


def stabilizer(name):
    """Try all 9! orders."""
    atoms, bonds = DENSE[name]
    fixed, orders = 0, permutations(range(9))
    while block := list(islice(orders, 40_320)):
        source = torch.tensor(block)
        source = source[(atoms[source] == atoms).all(1)]
        fixed += int((bonds[source[:, :, None], source[:, None]] == bonds).all((1, 2)).sum())
    return fixed


@pytest.mark.parametrize("name", SMILES)
def test_colours_of_all_rounds_are_those_of_the_library(name, graphs):
    count = len(graphs[name]["symbols"])
    for t, colours in enumerate([*graphs[name]["colours"], graphs[name]["colours"][-1]]):
        assert colours == weisfeiler_leman_colours(*DENSE[name], rounds=t)[:count].tolist()
    assert colours == weisfeiler_leman_colours(*DENSE[name])[:count].tolist()
    # Had the last round been left out, this would be seen:
    before = graphs[name]["colours"][-2:-1]
    assert all(other != colours for other in before)


@pytest.mark.parametrize("name", ["acetone", "<butane>", "cubane", "cuneane"])
def test_orders_that_give_the_same_tensors_are_counted_by_trying_all(name, graphs):
    assert graphs[name]["orders"] == stabilizer(name)


def test_colours_of_many_drawn_graphs_are_those_of_the_library():
    draw = torch.Generator().manual_seed(0)
    for count in (4, 6, 9):
        atoms = torch.randint(0, 2, (40, count), generator=draw)
        bonds = torch.randint(0, 3, (40, count, count), generator=draw).triu(1)
        bonds = (bonds + bonds.mT) * (torch.rand(40, 1, 1, generator=draw) < 0.8)
        wanted = weisfeiler_leman_colours(atoms, bonds).tolist()
        found = [refined(a.tolist(), b.numpy())[-1] for a, b in zip(atoms, bonds, strict=True)]
        assert found == wanted
        assert [found[0], *found[:-1]] != wanted


def test_symmetries_of_no_edges_are_all_permutations():
    assert symmetries([0] * 5, np.zeros((5, 5), int)) == factorial(5)
    assert symmetries(*heavy("cubane")) == 48
    assert symmetries(*heavy("chain")) == 1


def test_refinement_does_not_tell_cubane_from_cuneane_and_others_it_does(graphs):
    assert told_apart(heavy("cubane"), heavy("cuneane")) is None
    assert told_apart(heavy("cubane"), heavy("<butane>")) == 0
    assert told_apart(heavy("<butane>"), ([0] * 4, 1 - np.eye(4, dtype=int))) == 1
    last = max(len(one["colours"]) for one in graphs.values()) - 1
    assert last == 4
    assert graphs["cubane"]["twins"] == [["cuneane"]] * (last + 1)
    assert graphs["acetone"]["twins"] == [[]] * (last + 1)


def test_ambiguous_are_those_with_tied_atoms_whose_exchange_changes_the_bonds(graphs):
    found = {}
    for name, one in graphs.items():
        ends, (_, bonds) = one["colours"][-1], heavy(name)
        found[name] = False
        for i in range(len(ends)):
            for j in range(i):
                order = np.arange(len(ends))
                order[[i, j]] = j, i
                found[name] |= ends[i] == ends[j] and (bonds[order][:, order] != bonds).any()
    ties = tied_molecules(*map(torch.stack, zip(*DENSE.values(), strict=True)))
    assert list(found.values()) == ties.ambiguous.tolist() != ties.tied.tolist()


def test_the_drawing_keeps_its_room_and_lines_and_letters_their_places():
    kinds, bonds = heavy("acetone")
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [1.0, 2.5]])
    places, least = atom_places(points, bonds)
    assert places.min() >= 30
    assert places[:, 0].max() <= 210
    assert places[:, 1].max() <= 156
    assert least == pytest.approx(np.linalg.norm(places[0] - places[1]))
    assert least <= 62 + 1e-9
    assert places[3, 1] < places[1, 1] < places[0, 1], "upwards in the plane is upwards on paper"
    assert bond_lines(places, bonds).count("M") == 4, "two single bonds and a double one"
    letters = letter_places(places, bonds)
    assert letters[3, 1] == pytest.approx(places[3, 1] - 22)
    apart = np.linalg.norm(letters[:, None] - places, axis=2)
    np.testing.assert_allclose(apart[range(4), range(4)], 22)
    assert apart.min() == pytest.approx(22)
    assert len(kinds) == 4


def test_the_same_input_gives_the_same_figure_and_is_left_alone():
    graph = padded("<butane>")
    held = [np.copy(array) for array in (graph.atoms, graph.bonds, graph.places)]
    figures = [relabelling_figure([graph], alt=ALT, rounds=t) for t in (0, 1, 1)]
    assert figures[1].html == figures[2].html != figures[0].html
    assert "&lt;butane&gt;" in figures[0].html
    assert 'max="1" value="0"' in figures[0].html
    assert not re.search(r"https?://(?!www\.w3\.org)", figures[0].html)
    for array, before in zip((graph.atoms, graph.bonds, graph.places), held, strict=True):
        np.testing.assert_array_equal(array, before)


def test_a_page_can_carry_it():
    import gzip

    figure = relabelling_figure([*map(padded, SMILES)], alt=ALT)
    assert len(gzip.compress(figure.html.encode())) < 30_000


ONE = np.zeros((9, 9), int)
ONE[0, 1] = ONE[1, 0] = 1
ODD = np.where(np.arange(81).reshape(9, 9) == 1, 1, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"atoms": [0, 0]}, "shape \\(9,\\)"),
        ({"atoms": np.full(9, 0.5)}, "whole numbers"),
        ({"atoms": [0, 5, *[4] * 7]}, "between 0 and 4"),
        ({"atoms": [4, 0, 0, *[4] * 6]}, "before"),
        ({"atoms": [0, *[4] * 8]}, "at least 2"),
        ({"bonds": ODD}, "symmetric"),
        ({"bonds": 4 * ONE}, "between 0 and 3"),
        ({"bonds": np.eye(9, dtype=int)}, "no atom to itself"),
        ({"atoms": [0, 0, 0, *[4] * 6]}, "needs a bond"),
        ({"places": [[0, 0], [1, np.nan]]}, "finite"),
        ({"places": [[0, 0]]}, "shape \\(2, 2\\)"),
        ({"atoms": [0, 0, *[4] * 7], "places": [[0, 0], [0, 0]]}, "touch"),
    ],
)
def test_what_is_no_padded_graph_is_refused(changes, message):
    given = {"atoms": [0, 0, *[4] * 7], "bonds": ONE, "places": [[0, 0], [1, 0]]} | changes
    with pytest.raises(ValueError, match=message):
        relabelling_figure([PaddedGraph("x", **given)], alt=ALT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"graphs": []}, "at least one"),
        ({"graphs": ["acetone", "acetone"]}, "one name"),
        ({"start": 5}, "outside its 1 molecules"),
        ({"rounds": 2}, "0 to 1"),
        ({"rounds": -1}, "0 to 1"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_a_first_state_that_is_none_is_refused(changes, message):
    given = {"graphs": ["acetone"], "alt": ALT} | changes
    graphs = list(map(padded, given.pop("graphs")))
    with pytest.raises(ValueError, match=message):
        relabelling_figure(graphs, **given)
