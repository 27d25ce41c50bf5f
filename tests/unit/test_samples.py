"""Measures of generated molecules: known answers, and the mistakes that tables make."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors

from utils import molecules
from utils.data import qm9
from utils.molecules.conversion import smiles_of_graphs

TRAINING = ("CC", "CO", "c1ccccc1")
# Ten draws: 8 valid, of these 7 whole, of these 5 different, of these 3 new (CN, CF, C#N).
DRAWN = ("CC", "OC", "CO", "CN", "NC", "CF", "C#N", "C.O", None, None)
EXPECTED = {
    "valid": (8, 10),
    "connected": (7, 8),
    "unique": (5, 7),
    "novel": (3, 5),
    "novel_draws": (4, 7),
    "product": (3, 10),
}


def read(smiles: tuple[str | None, ...]) -> list[Chem.Mol | None]:
    return [None if s is None else Chem.MolFromSmiles(s) for s in smiles]


def counts(shares: molecules.SampleShares) -> dict[str, tuple[int, int]]:
    return {name: (getattr(shares, name).number, getattr(shares, name).of) for name in EXPECTED}


def as_graphs(drawn: tuple[str | None, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The same draws as dense graphs; invalid are an oxygen with three bonds, and no atom."""
    made = []
    for name in drawn:
        if name is None:
            atoms, bonds = molecules.from_smiles("COC")
            bonds[0, 1] = bonds[1, 0] = 2
        else:
            atoms, bonds = molecules.from_smiles("COC" if "." in name else name)
        if name == "C.O":
            bonds[1:3] = 0
            bonds[:, 1:3] = 0
            bonds[0, 2] = bonds[2, 0] = 1
        made.append((atoms, bonds))
    made[-1] = torch.full_like(made[0][0], 4), torch.zeros_like(made[0][1])
    return torch.stack([a for a, _ in made]), torch.stack([b for _, b in made])


@pytest.mark.parametrize("form", [read, as_graphs])
def test_shares_by_hand(form):
    shares = molecules.sample_shares(form(DRAWN), TRAINING)
    assert counts(shares) == EXPECTED
    for name, (number, of) in EXPECTED.items():
        assert getattr(shares, name).value == number / of
    assert shares.product.value == pytest.approx(
        7 / 10 * shares.unique.value * shares.novel.value, rel=1e-12
    )


def mistaken(
    names: list[str | None], training: set[str], mistake: str
) -> dict[str, tuple[int, int]]:
    """The shares in plain loops, with one mistake of those that tables make."""
    valid = [n for n in names if n is not None]
    whole = [n for n in valid if "." not in n or mistake == "pieces are whole"]
    different = whole if mistake == "duplicates are unique" else sorted(set(whole))
    known = set() if mistake == "training molecules are new" else training
    new = [n for n in different if n not in known]
    return {
        "valid": (len(valid), len(names)),
        "connected": (len(whole), len(valid)),
        "unique": (len(different), len(whole)),
        "novel": (len(new), len(different)),
        "novel_draws": (sum(n not in known for n in whole), len(whole)),
        "product": (len(new), len(names)),
    }


@pytest.mark.parametrize(
    "mistake", ["duplicates are unique", "training molecules are new", "pieces are whole"]
)
def test_mistakes_are_seen(mistake):
    names = molecules.sample_names(read(DRAWN))
    found = counts(molecules.sample_shares(read(DRAWN), TRAINING))
    assert found == mistaken(names, set(TRAINING), "none")
    assert found != mistaken(names, set(TRAINING), mistake)


def test_pieces_count_where_they_are_asked_to():
    shares = molecules.sample_shares(read(DRAWN), TRAINING, pieces=True)
    names = molecules.sample_names(read(DRAWN))
    assert counts(shares) == mistaken(names, set(TRAINING), "pieces are whole")


def test_labels_kekule_forms_isotopes_and_stereo_make_no_new_molecule():
    same = ("c1ccccc1", "C1=CC=CC=C1", "[2H]c1ccccc1", "[cH:1]1ccccc1")
    shares = molecules.sample_shares(read(same), TRAINING)
    assert (shares.unique.number, shares.novel.number) == (1, 0)
    atoms, bonds = molecules.from_smiles("Cc1ccccc1C")
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    other = bonds.clone()
    ring = bonds[1:7, 1:7]
    other[1:7, 1:7] = torch.where(ring > 0, 3 - ring, ring)
    batch = (
        torch.stack([atoms, atoms[order], atoms]),
        torch.stack([bonds, bonds[order][:, order], other]),
    )
    assert molecules.sample_shares(batch, ["CC"]).unique.number == 1


def test_arguments_stay_as_they_were():
    atoms, bonds = as_graphs(DRAWN)
    before = atoms.clone(), bonds.clone()
    drawn = read(DRAWN)
    names = [m and Chem.MolToSmiles(m) for m in drawn]
    molecules.sample_shares((atoms, bonds), TRAINING)
    molecules.sample_shares(drawn, TRAINING)
    molecules.property_values([m for m in drawn if m])
    assert torch.equal(atoms, before[0])
    assert torch.equal(bonds, before[1])
    assert [m and Chem.MolToSmiles(m) for m in drawn] == names


# ------------------------------------------------------------------ standard errors


def jackknife(drawn: list[Chem.Mol | None], name: str) -> float:
    """Leave out one draw after the other, and count anew."""
    without = [
        getattr(molecules.sample_shares(drawn[:i] + drawn[i + 1 :], TRAINING), name).value
        for i in range(len(drawn))
    ]
    return math.sqrt((len(drawn) - 1) * np.var(without))


@pytest.mark.parametrize("name", EXPECTED)
def test_standard_errors_are_those_of_the_jackknife(name):
    drawn = read(DRAWN)
    share = getattr(molecules.sample_shares(drawn, TRAINING), name)
    assert share.error == pytest.approx(jackknife(drawn, name), rel=1e-9)
    if name == "valid":
        assert share.error == pytest.approx(math.sqrt(0.8 * 0.2 / 9))


def test_standard_errors_cover_the_spread_of_repeated_samples():
    """Sixty samples of 200 from a made-up source with unequal chances: known means and spreads."""
    dense = qm9.load_dense(progress=False)[:400]
    pool = list(dense.smiles)
    training = set(pool[::2])
    chances = np.arange(1, 401) ** -0.7
    random = np.random.default_rng(0)
    found: dict[str, list[molecules.Share]] = {name: [] for name in EXPECTED}
    read_pool = read(tuple(s + ".C" * (i % 7 == 2) if i % 5 else None for i, s in enumerate(pool)))
    for _ in range(60):
        drawn = random.choice(400, 200, p=chances / chances.sum())
        shares = molecules.sample_shares([read_pool[i] for i in drawn], training)
        for name in EXPECTED:
            found[name].append(getattr(shares, name))
    for name, each in found.items():
        spread = np.std([share.value for share in each], ddof=1)
        error = np.mean([share.error for share in each])
        assert error > 0.75 * spread, name
        assert error < 2 * spread, name


def test_shares_of_nothing_are_not_numbers():
    shares = molecules.sample_shares([None, None], TRAINING)
    assert (shares.valid.value, shares.product.value) == (0, 0)
    for name in ("connected", "unique", "novel", "novel_draws"):
        assert math.isnan(getattr(shares, name).value)
    assert math.isnan(molecules.sample_shares(read(("C",)), TRAINING).valid.error)


# ------------------------------------------------------------------ properties


def test_properties_are_those_of_rdkit():
    names = ("CCO", "c1ccccc1O", "C1CC1N", "O=CN", "C12C3C4C1C5C2C3C45", "C1=CC=CC=C1", "F")
    found = molecules.property_values(read(names))
    assert list(found) == ["logP", "QED", "TPSA", "rings", "small rings", "Fsp3"]
    for i, molecule in enumerate(read(names)):
        assert found["logP"][i] == pytest.approx(Crippen.MolLogP(molecule))
        assert found["QED"][i] == pytest.approx(QED.qed(molecule))
        assert found["TPSA"][i] == pytest.approx(Descriptors.TPSA(molecule))
        assert found["Fsp3"][i] == Descriptors.FractionCSP3(molecule)
    assert found["small rings"].tolist() == [0, 0, 1, 0, 5, 0, 0]
    assert found["rings"].tolist() == [0, 1, 1, 0, 5, 1, 0]
    dense = qm9.load_dense(progress=False)[::2000]
    made = molecules.property_values(molecules.to_molecules(dense.atoms, dense.bonds))
    assert made["rings"].tolist() == dense.property("rings").tolist()


def test_properties_see_aromatic_rings_in_graphs():
    """Without perception, the benzene of a graph would be a chain of alkenes in a ring."""
    graph = molecules.to_molecule(*molecules.from_smiles("c1ccccc1"))
    for column in molecules.property_values([graph, Chem.MolFromSmiles("c1ccccc1")]).values():
        assert column[0] == column[1]
    flat = Chem.MolFromSmiles("C1=CC=CC=C1", sanitize=False)
    Chem.GetSymmSSSR(flat)
    flat.UpdatePropertyCache()
    assert Crippen.MolLogP(flat) != Crippen.MolLogP(Chem.MolFromSmiles("c1ccccc1"))


def test_distances_by_hand():
    reference = {"a": np.array([0.0, 1.0, 2.0, 3.0]), "b": np.array([0.0, 4.0])}
    sample = {"a": np.array([3.0, 1.0, 0.0, 2.0]) + 5, "b": np.array([0.0, 0.0, 4.0, 4.0])}
    found = molecules.property_distance(sample, reference)
    assert found["a"] == pytest.approx(5 / math.sqrt(1.25))
    assert found["b"] == pytest.approx(0, abs=1e-12)
    stretched = {"a": np.array([0.0, 2.0, 4.0, 6.0]), "b": np.array([2.0])}
    found = molecules.property_distance(stretched, reference)
    assert found["a"] == pytest.approx(1.5 / math.sqrt(1.25))  # by sorting: |0|, |1|, |2|, |3|
    assert found["b"] == pytest.approx(1)
    mean_alone = abs(np.mean([2.0]) - np.mean([0.0, 4.0])) / 2
    assert mean_alone == 0  # a difference of means would see nothing here


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: molecules.sample_shares([], TRAINING), ValueError, "no samples"),
        (lambda: molecules.sample_shares(read(DRAWN), []), ValueError, "no training"),
        (lambda: molecules.sample_shares(read(DRAWN), "CC"), TypeError, "set or list"),
        (lambda: molecules.sample_shares(read(DRAWN), iter(["CC"])), TypeError, "set or list"),
        (lambda: molecules.sample_shares(read(DRAWN), [3]), TypeError, "not 3"),
        (lambda: molecules.sample_shares(read(DRAWN), ["OC"]), ValueError, "'CO'"),
        (lambda: molecules.sample_shares(read(DRAWN), ["C1=CC=CC=C1"]), ValueError, "c1ccccc1"),
        (lambda: molecules.sample_shares(read(DRAWN), ["N[C@H](O)F"]), ValueError, "canonical"),
        (lambda: molecules.sample_shares(read(DRAWN), ["nonsense"]), ValueError, "canonical"),
        (lambda: molecules.sample_shares(["CC"], TRAINING), TypeError, "RDKit molecule"),
        (lambda: molecules.sample_shares(molecules.from_smiles("C"), ["C"]), ValueError, "batch"),
        (lambda: molecules.property_values(["CC"]), TypeError, "RDKit molecule"),
        (lambda: molecules.property_distance({"a": [1.0]}, {"b": [1.0]}), ValueError, "same"),
        (lambda: distance([], [1.0, 2.0]), ValueError, "at least one"),
        (lambda: distance([np.nan], [1.0, 2.0]), ValueError, "NaN"),
        (lambda: distance([1.0], [np.inf, 2.0]), ValueError, "reference"),
        (lambda: distance([1.0], [2.0, 2.0]), ValueError, "no spread"),
        (lambda: distance([[1.0]], [2.0, 3.0]), ValueError, "shape"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(
    call: Callable[[], object], error: type[Exception], words: str
):
    with pytest.raises(error, match=words) as caught:
        call()
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def distance(values: list, reference: list) -> dict[str, float]:
    return molecules.property_distance({"a": np.array(values)}, {"a": np.array(reference)})


def test_names_of_graphs_are_those_of_copies():
    """Molecules, and graphs with bonds drawn at random, many of them in pieces or invalid."""
    held_out = qm9.load_dense("test", progress=False)[:300]
    draw = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, 5, (2000, 9), generator=draw)
    pairs = (torch.rand(2000, 9, 9, generator=draw) < 0.15).triu(1).long()
    pairs *= torch.randint(1, 4, pairs.shape, generator=draw)
    exists = drawn < 4
    pairs *= exists[:, :, None] & exists[:, None]
    graphs = (drawn, pairs + pairs.transpose(1, 2))
    for atoms, bonds in ((held_out.atoms, held_out.bonds), graphs):
        valid = molecules.is_valid(atoms, bonds)
        made = molecules.to_molecules(atoms[valid], bonds[valid], sanitize=False)
        named = [name for name in molecules.sample_names((atoms, bonds)) if name is not None]
        assert named == [molecules.canonical_smiles(molecule) for molecule in made]
        assert len(named) > 200
    assert not valid.all()
    assert any("." in name for name in named)
    with pytest.raises(ValueError, match="An invalid molecule has no canonical SMILES"):
        smiles_of_graphs(*(part[:1] for part in as_graphs((None, "CC"))))
