"""Two ways between molecules: what is refused, what is stored, and what the still says."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pytest
import torch

from utils import molecules
from utils.graphs import NO_ATOM
from utils.plots import DecodedWay, TwoWays, between_figure
from utils.plots.explorables.between import _drawing
from utils.plots.explorables.between._layout import clearance, layout, turned
from utils.plots.explorables.between._reading import Reader

ALT = "Two ways between molecules, of which one is short."
Graph = tuple[np.ndarray, np.ndarray]


def graph(smiles: str) -> Graph:
    atoms, bonds = molecules.from_smiles(smiles)
    return atoms.numpy(), bonds.numpy()


def moved(one: Graph, seed: int) -> Graph:
    """The same graph with its slots in another order."""
    order = np.random.default_rng(seed).permutation(len(one[0]))
    return one[0][order], one[1][np.ix_(order, order)]


def way(*graphs: Graph, length: float = 1.0) -> DecodedWay:
    return DecodedWay(np.stack([g[0] for g in graphs]), np.stack([g[1] for g in graphs]), length)


def crowded() -> Graph:
    """Ethanol, but its oxygen has a double bond."""
    atoms, bonds = graph("CCO")
    oxygen = int(np.flatnonzero(atoms == 2)[0])
    neighbour = int(np.flatnonzero(bonds[oxygen])[0])
    bonds = bonds.copy()
    bonds[oxygen, neighbour] = bonds[neighbour, oxygen] = 3
    return atoms, bonds


def pieces() -> Graph:
    """Ethanol without the bond of its carbons."""
    atoms, bonds = graph("CCO")
    apart = bonds.copy()
    carbons = np.flatnonzero(atoms == 0)
    apart[np.ix_(carbons, carbons)] = 0
    return atoms, apart


def empty() -> Graph:
    atoms, bonds = graph("CCO")
    return np.full_like(atoms, NO_ATOM), np.zeros_like(bonds)


def stored(figure: Any) -> dict[str, Any]:
    return json.loads(re.search(r'application/json">(.*?)</script>', figure.html, re.S)[1])


RAW = way(graph("CCO"), crowded(), pieces(), moved(graph("CCO"), 1), empty(), length=2.5)
SHORT = way(*[moved(graph("CCO"), k) for k in range(4)], graph("CC=O"), length=0.25)
FIGURE = between_figure([TwoWays("one", RAW, SHORT)], alt=ALT, start=1)


def test_graphs_that_are_equal_up_to_their_order_are_stored_once() -> None:
    data = stored(FIGURE)
    raw, short = data["pairs"][0]["ways"]
    assert raw == {"order": [0, 1, 2, 0, 3], "length": 2.5}
    assert short == {"order": [0, 0, 0, 0, 4], "length": 0.25}
    names = [one[4] for one in data["drawn"]]
    assert names == ["CCO", "", "C.CO", "", "CC=O"]
    assert [one[5] for one in data["drawn"]] == [0, 2, 1, 2, 0]
    assert [one[0] for one in data["drawn"]][3] == ""
    oxygen = data["drawn"][1][0].index("O")
    assert data["drawn"][1][3] == [oxygen]


def test_graphs_that_differ_are_not_stored_as_one() -> None:
    twisted = crowded()
    twisted[1][twisted[1] == 3] = 2  # a double bond to oxygen is no fault
    figure = between_figure([TwoWays("one", way(crowded(), twisted), RAW_TWO)], alt=ALT)
    assert stored(figure)["pairs"][0]["ways"][0]["order"] == [0, 1]


RAW_TWO = way(graph("CCO"), graph("OCC"))


def test_two_forms_of_an_aromatic_ring_are_one_molecule() -> None:
    atoms, bonds = graph("c1ccccc1")
    shifted = np.roll(np.arange(6), 1)
    other = bonds.copy()
    other[:6, :6] = bonds[:6, :6][np.ix_(shifted, shifted)]
    assert not np.array_equal(other, bonds)
    assert Reader().way(np.stack([atoms, atoms]), np.stack([bonds, other])) == [0, 0]


def test_the_still_says_what_the_library_counts() -> None:
    picture = re.search(r'class="book-still"[^>]*base64,([^"]*)"', FIGURE.html)[1]
    text = re.sub(r"<[^>]*>", " ", base64.b64decode(picture).decode())
    text = " ".join(text.split())
    assert "Step 1 of 4. Raw: impossible; sorted: CCO, whole." in text
    assert (
        "The raw way is 2.50 long and passes 1 molecule, the sorted one 0.25 and passes 2." in text
    )
    assert "raw: 2.50 long, 1 molecule; 40% of the steps whole, 60% valid" in text
    assert "sorted: 0.25 long, 2 molecules; 100% of the steps whole, 100% valid" in text
    for one, (whole, valid) in ((RAW, (2, 3)), (SHORT, (5, 5))):
        atoms, bonds = torch.as_tensor(one.atoms), torch.as_tensor(one.bonds)
        good = molecules.is_valid(atoms, bonds)
        assert int(good.sum()) == valid
        assert int((good & molecules.is_connected(atoms, bonds)).sum()) == whole


def test_atoms_lie_in_the_drawing_and_slots_move_little() -> None:
    for symbols, places, bonds, *_ in stored(FIGURE)["drawn"]:
        points = np.reshape(places, (-1, 2))
        assert len(points) == len(symbols)
        assert (points >= 0).all()
        assert (points <= (_drawing.WIDTH, _drawing.HEIGHT)).all()
        ends = np.reshape(bonds, (-1, 3))
        assert (ends[:, :2] < len(symbols)).all()
    chain = layout(molecules.to_molecule(*molecules.from_smiles("CCCO")))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    before = dict(enumerate(chain @ turn))
    np.testing.assert_allclose(turned(chain, range(4), before), chain @ turn, atol=1e-9)
    assert np.abs(turned(chain, range(4, 8), before) - chain @ turn).max() > 0.1


def test_of_two_layouts_the_clearer_one_is_taken() -> None:
    cage = molecules.to_molecule(*molecules.from_smiles("C1C2C3C1N3C2"))
    from rdkit.Chem import rdDepictor

    ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in cage.GetBonds()]
    own = layout(cage)
    rdDepictor.Compute2DCoords(cage)
    plain = cage.GetConformer().GetPositions()[:, :2]
    assert clearance(own, ends) >= clearance(plain, ends) - 0.01
    assert np.isinf(clearance(plain, []))


def test_what_is_written_twice_is_the_same() -> None:
    assert molecules.ATOM_COLOURS == _drawing.COLOURS


@pytest.mark.parametrize(
    ("pairs", "start", "said"),
    [
        ([], 0, "no pairs"),
        ([TwoWays("a", RAW, SHORT)] * 2, 0, "same name"),
        ([TwoWays("a", RAW, SHORT)], 5, "outside its 5 steps"),
        ([TwoWays("a", RAW, RAW_TWO)], 0, r"\[2, 5\] steps"),
        ([TwoWays("a", way(graph("C")), way(graph("C")))], 0, "at least two steps"),
        ([TwoWays("a", DecodedWay(RAW.atoms, RAW.bonds[1:], 1.0), SHORT)], 0, "of the pair 'a'"),
        ([TwoWays("a", DecodedWay(RAW.atoms, RAW.bonds, -1.0), SHORT)], 0, "length -1.0"),
        ([TwoWays("a", DecodedWay(RAW.atoms, RAW.bonds, np.nan), SHORT)], 0, "length nan"),
        ([TwoWays("a", DecodedWay(RAW.atoms + 7, RAW.bonds, 1.0), SHORT)], 0, "atom"),
    ],
)
def test_what_does_not_fit_is_refused(pairs: list[TwoWays], start: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        between_figure(pairs, alt=ALT, start=start)
