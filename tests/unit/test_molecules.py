"""Molecules: there and back without loss, judged in batches, drawn for light and dark."""

from __future__ import annotations

import copy
import pickle
import re
from xml.etree import ElementTree

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator

from utils import graphs, molecules
from utils.data import qm9


@pytest.fixture(scope="module")
def relabelled() -> graphs.DenseGraphs:
    """All molecules, their slots permuted, so that empty ones lie in between."""
    return qm9.load_dense(relabel_seed=11)


@pytest.fixture(scope="module")
def sample(relabelled) -> graphs.DenseGraphs:
    chosen = np.random.default_rng(0).choice(len(relabelled), 300, replace=False)
    return relabelled[torch.cat([torch.arange(200), torch.from_numpy(chosen)])]


@st.composite
def dense_graphs(draw: st.DrawFn, slots: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Any dense graph, valid or not, connected or not, empty slots anywhere."""
    kinds = draw(st.lists(st.integers(0, graphs.NO_ATOM), min_size=slots, max_size=slots))
    density = draw(st.sampled_from([0.15, 0.3, 0.6]))
    choice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bonds = np.zeros((slots, slots), dtype=np.uint8)
    for i in range(slots):
        for j in range(i):
            if graphs.NO_ATOM not in (kinds[i], kinds[j]) and choice.random() < density:
                bonds[i, j] = bonds[j, i] = choice.choice([1, 1, 1, 2, 3])
    return torch.tensor(kinds, dtype=torch.uint8), torch.from_numpy(bonds)


# ------------------------------------------------------------------ round trips


@pytest.mark.slow
def test_every_molecule_makes_the_round_trip(relabelled):
    """Tensors to molecule to tensors, bit by bit, and the molecule has the right name."""
    number = 0
    for start in range(0, len(relabelled), 10_000):
        part = relabelled[start : start + 10_000]
        made = molecules.to_molecules(part.atoms, part.bonds)
        back = [molecules.from_molecule(molecule) for molecule in made]
        assert torch.equal(torch.stack([a for a, _ in back]), part.atoms)
        assert torch.equal(torch.stack([b for _, b in back]), part.bonds)
        assert tuple(map(molecules.canonical_smiles, made)) == part.smiles
        number += len(made)
    assert number == 130_165


def test_a_wrong_bond_is_noticed_by_the_round_trip():
    atoms, bonds = molecules.from_smiles("CC=O")
    changed = bonds.clone()
    changed[1, 2] = changed[2, 1] = 1
    molecule = molecules.to_molecule(atoms, changed)
    assert molecules.canonical_smiles(molecule) == "CCO"
    assert torch.equal(molecules.from_molecule(molecule)[1], changed)


def test_smiles_to_tensors_to_molecule_to_tensors(sample):
    for smiles in sample.smiles:
        atoms, bonds = molecules.from_smiles(smiles)
        molecule = molecules.to_molecule(atoms, bonds)
        assert molecules.canonical_smiles(molecule) == smiles
        again = molecules.from_molecule(molecule)
        assert torch.equal(again[0], atoms)
        assert torch.equal(again[1], bonds)


def test_the_name_does_not_depend_on_labels_or_kekule_form():
    atoms, bonds = molecules.from_smiles("Cc1ccccc1C")
    aromatic = bonds[1:7, 1:7]
    other = bonds.clone()
    other[1:7, 1:7] = torch.where(aromatic > 0, 3 - aromatic, aromatic)  # the other Kekulé form
    assert not torch.equal(other, bonds)
    names = {
        molecules.canonical_smiles(molecules.to_molecule(atoms, either))
        for either in (bonds, other)
    }
    assert names == {"Cc1ccccc1C"}


def test_empty_slots_and_slot_numbers():
    atoms = torch.tensor([4, 2, 4, 0, 4, 4, 4, 4, 1])
    bonds = torch.zeros(9, 9, dtype=torch.int64)
    bonds[1, 3] = bonds[3, 1] = 2
    bonds[3, 8] = bonds[8, 3] = 1
    molecule = molecules.to_molecule(atoms, bonds)
    assert [a.GetSymbol() for a in molecule.GetAtoms()] == ["O", "C", "N"]
    assert [a.GetIntProp("slot") for a in molecule.GetAtoms()] == [1, 3, 8]
    assert molecules.canonical_smiles(molecule) == "NC=O"
    back = molecules.from_molecule(molecule)
    assert back[0].tolist() == atoms.tolist()
    assert back[1].tolist() == bonds.tolist()


def test_molecules_from_elsewhere_fill_the_slots_in_order():
    atoms, bonds = molecules.from_molecule(Chem.AddHs(Chem.MolFromSmiles("c1cc[nH]c1")))
    assert atoms.tolist() == [0, 0, 0, 1, 0, 4, 4, 4, 4]
    assert bonds.sum(-1).tolist() == [3, 3, 3, 2, 3, 0, 0, 0, 0]


@settings(max_examples=200, deadline=None)
@given(graph=dense_graphs())
def test_any_graph_becomes_a_molecule_when_not_sanitised(graph):
    atoms, bonds = graph
    if not bool((atoms != graphs.NO_ATOM).any()):
        with pytest.raises(ValueError, match="no atoms"):
            molecules.to_molecule(atoms, bonds, sanitize=False)
        return
    molecule = molecules.to_molecule(atoms, bonds, sanitize=False)
    assert molecule.GetNumAtoms() == int((atoms != graphs.NO_ATOM).sum())
    rebuilt = torch.zeros_like(bonds)
    for bond in molecule.GetBonds():
        i, j = (a.GetIntProp("slot") for a in (bond.GetBeginAtom(), bond.GetEndAtom()))
        rebuilt[i, j] = rebuilt[j, i] = int(bond.GetBondTypeAsDouble())
    assert torch.equal(rebuilt, bonds)
    assert "<svg" in molecules.draw(molecule)


def test_a_molecule_that_was_never_sanitised_is_read_all_the_same():
    raw = Chem.MolFromSmiles("c1ccccc1", sanitize=False)
    assert molecules.from_molecule(raw)[1].sum(-1).tolist() == [3] * 6 + [0] * 3
    with pytest.raises(ValueError, match=r"no single and double bonds can stand for.*\.$"):
        molecules.from_molecule(Chem.MolFromSmiles("c1cccc1", sanitize=False))


def test_pentavalent_nitrogen_is_invalid_and_not_given_charges():
    atoms, bonds = molecules.from_smiles("CN(O)O")
    bonds[1, 2:4] = bonds[2:4, 1] = 2
    assert not bool(molecules.is_valid(atoms, bonds))
    molecule = molecules.to_molecule(atoms, bonds, sanitize=False)
    with pytest.raises(ValueError, match="no canonical SMILES"):
        molecules.canonical_smiles(molecule)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("not a molecule", "not a SMILES"),
        ("C1CC", "not a SMILES"),
        ("C(C)(C)(C)(C)C", "not a SMILES"),
        ("", "no atoms"),
        ("CCS", "contains S"),
        ("ClCBr", "contains Br, Cl"),
        ("[H][H]", "contains H"),
        ("CCCCCCCCCC", "10 heavy atoms"),
        ("CC.O", "not connected"),
        ("C[NH3+]", "formal charges"),
        ("[NH3+]CC(=O)[O-]", "formal charges"),
        ("C[CH2]", "radical"),
    ],
)
def test_smiles_that_cannot_be_encoded(smiles, words, capfd):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        molecules.from_smiles(smiles)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert capfd.readouterr().err == ""  # RDKit's own log stays quiet


@pytest.mark.parametrize("value", [None, 3, b"CC", ["CC"]])
def test_smiles_must_be_text(value):
    with pytest.raises(TypeError, match="must be a string"):
        molecules.from_smiles(value)


def test_smiles_to_graph_by_hand():
    atoms, bonds = molecules.from_smiles("N#CC(F)=O")
    assert atoms.tolist() == [1, 0, 0, 3, 2, 4, 4, 4, 4]
    expected = torch.zeros(9, 9, dtype=torch.uint8)
    for i, j, order in [(0, 1, 3), (1, 2, 1), (2, 3, 1), (2, 4, 2)]:
        expected[i, j] = expected[j, i] = order
    assert torch.equal(bonds, expected)


# What RDKit can write beside elements and bonds, and the same graph without it.
DROPPED = {
    "C[C@H](N)O": "CC(N)O",
    "C[C@@H](N)O": "CC(N)O",
    "F/C=C/F": "FC=CF",
    "F/C=C\\F": "FC=CF",
    "C[C@H](N)O |&1:1|": "CC(N)O",
    "CC(N)O |w:1.0|": "CC(N)O",
    "C[C@SP1H](N)O": "CC(N)O",
    "[H]C([H])([H])C([H])(N)O": "CC(N)O",
    "[H]/C=C/F": "C=CF",
    "[2H]/C(F)=C/[3H]": "C(F)=C",
    "[2H]C": "C",
    "[2H]O[3H]": "O",
    "[1H]C": "C",
    "[2H]c1ccccn1": "c1ccccn1",
    "[2H]n1cccc1": "[nH]1cccc1",
    "[H:1]C": "C",
    "[2H:7]C([H:8])O": "CO",
    "[13CH3]C(N)O": "CC(N)O",
    "[11CH4]": "C",
    "[15NH3]": "N",
    "[18OH2]": "O",
    "[18F]C": "FC",
    "[999CH4]": "C",
    "[CH3:1][OH:2]": "CO",
    "[cH:1]1[cH:2][cH:3][cH:4][cH:5][cH:6]1": "c1ccccc1",
    "[13CH3:12][C@@H:3]([2H])[OH:4]": "CCO",
    "CO a name": "CO",
    "CO |$first;second$|": "CO",
    "CO |(0,0,0;1,0,0)|": "CO",
    "CO |SgD:0:field:data::::|": "CO",
    "CO |atomProp:0.key.value|": "CO",
    "CO |atomProp:0.slot.x|": "CO",
}

# What has no dense form, and words of the refusal.
REFUSED = {
    "N->C": "DATIVE",
    "C<-N": "DATIVE",
    "CN |C:1.0|": "DATIVE",
    "[H]<-C": "DATIVE",
    "C~C": "UNSPECIFIED",
    "[H]~C": "UNSPECIFIED",
    "CC |Z:0.0|": "ZERO",
    "CC |H:0.0|": "HYDROGEN",
    "O[H] |H:0.0|": "HYDROGEN",
    "C$C": "QUADRUPLE",
    "C:C": "no single and double bonds",
    "*C": "contains *",
    "[1*]C": "contains *",
    "C[*:1]": "contains *",
    "CC* |$;;_R1$|": "contains *",
    "[He]": "contains He",
    "[Fe]<-N": "DATIVE",
    "C[Si]": "contains Si",
    "c1cc[se]c1": "contains Se",
    "[H]": "contains H",
    "[2H][2H]": "contains H",
    "[H].C": "contains H",
    "[H+]": "contains H",
    "[CH3-]": "formal charges",
    "C[O-]": "formal charges",
    "[NH4+]": "formal charges",
    "CN(=O)=O": "formal charges",
    "C[N+](=O)[O-]": "formal charges",
    "C=[N+]=[N-]": "formal charges",
    "[C-]#[O+]": "formal charges",
    "[O-][n+]1ccccc1": "formal charges",
    "[CH3]": "radical",
    "[CH2]": "radical",
    "[CH]": "radical",
    "[C]": "radical",
    "[NH]": "radical",
    "[O]": "radical",
    "[F]": "radical",
    "[OH:1]": "radical",
    "[O]N=O": "radical",
    "CO |^1:0|": "radical",
    "CO |^2:0|": "radical",
    "CO |^3:0|": "radical",
    "C-[#6]": "radical",
    "CCCC |Sg:n:1,2::ht|": "pattern",
    "CCC |LN:1:1.2.0.2|": "pattern",
    "C.O": "not connected",
    "[2H]C.O": "not connected",
}


@pytest.mark.parametrize("smiles", DROPPED)
def test_what_the_graph_is_the_same_without_is_dropped(smiles):
    plain = DROPPED[smiles]
    expected = molecules.from_smiles(plain)
    keep = Chem.SmilesParserParams()
    keep.removeHs = False
    read = [Chem.MolFromSmiles(smiles), Chem.MolFromSmiles(smiles, keep)]
    found = [molecules.from_smiles(smiles), *map(molecules.from_molecule, read)]
    bare = Chem.MolFromSmiles(plain)
    for molecule in read:
        assert molecules.canonical_smiles(molecule) == Chem.MolToSmiles(bare)
    one, two, three = molecules.morgan_fingerprints([*read, bare])
    assert torch.equal(one, three)
    assert torch.equal(two, three)
    for graph in found:
        same = molecules.to_molecule(*graph)
        assert molecules.canonical_smiles(same) == Chem.MolToSmiles(bare)
        assert torch.equal(graph[0], expected[0])
        assert torch.equal(graph[1] > 0, expected[1] > 0)


@pytest.mark.parametrize(("smiles", "words"), REFUSED.items())
def test_what_the_graph_cannot_hold_is_refused(smiles, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        molecules.from_smiles(smiles)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", Chem.BondType.values.values(), ids=str)
def test_every_kind_of_bond_is_held_exactly_or_refused(kind):
    for joined in (1, 6):  # to a hydrogen, to a carbon
        editable = Chem.RWMol()
        for number in (6, 6, joined):
            editable.AddAtom(Chem.Atom(number))
        editable.AddBond(0, 1, Chem.BondType.SINGLE)
        editable.AddBond(1, 2, kind)
        orders = {Chem.BondType.SINGLE: 1, Chem.BondType.DOUBLE: 2, Chem.BondType.TRIPLE: 3}
        for molecule in (editable, editable.GetMol(), Chem.Mol(editable.ToBinary())):
            if kind in orders and joined == 6:
                _, bonds = molecules.from_molecule(molecule)
                assert int(bonds[1, 2]) == int(bonds[2, 1]) == orders[kind]
                assert int(bonds.sum()) == 2 * (1 + orders[kind])
            elif kind == Chem.BondType.SINGLE:
                assert int(molecules.from_molecule(molecule)[1].sum()) == 2
            else:
                with pytest.raises(ValueError, match=rf"{kind.name}|aromatic|contains H"):
                    molecules.from_molecule(molecule)


@pytest.mark.parametrize("symbol", ["C", "N", "O", "F", "H"])
def test_every_charge_radical_isotope_and_map_number(symbol):
    """Of all that an atom may carry, isotopes and map numbers are dropped and the rest refused."""
    plain = Chem.AddHs(Chem.MolFromSmiles("FC(N)O"))
    (at, *_) = (a.GetIdx() for a in plain.GetAtoms() if a.GetSymbol() == symbol)
    expected = molecules.from_molecule(plain)

    def carrying(word: str, number: int) -> Chem.Mol:
        copy = Chem.Mol(plain)
        getattr(copy.GetAtomWithIdx(at), f"Set{word}")(number)
        return copy

    for word in ("Isotope", "AtomMapNum"):
        for number in (1, 2, 3, 13, 999):
            molecule = carrying(word, number)
            graph = molecules.from_molecule(molecule)
            assert torch.equal(graph[0], expected[0])
            assert torch.equal(graph[1], expected[1])
            assert molecules.canonical_smiles(molecule) == "NC(O)F"
    for charge in (-3, -2, -1, 1, 2, 3):
        with pytest.raises(ValueError, match="formal charges"):
            molecules.from_molecule(carrying("FormalCharge", charge))
    for electrons in (1, 2, 3, 4):
        with pytest.raises(ValueError, match="radical"):
            molecules.from_molecule(carrying("NumRadicalElectrons", electrons))


@pytest.mark.parametrize("kind", Chem.ChiralType.values.values(), ids=str)
def test_every_kind_of_chirality_is_dropped(kind):
    molecule = Chem.MolFromSmiles("FC(N)O")
    molecule.GetAtomWithIdx(1).SetChiralTag(kind)
    assert torch.equal(molecules.from_molecule(molecule)[1], molecules.from_smiles("FC(N)O")[1])
    assert molecules.canonical_smiles(molecule) == "NC(O)F"


def test_hydrogens_that_do_not_fill_the_valences_are_refused():
    """A molecule that nobody sanitised may lack hydrogens without having radical electrons."""
    for smiles in ("C[CH2]", "[C]", "[OH]", "[H][C]", "C[N]C"):
        raw = Chem.MolFromSmiles(smiles, sanitize=False)
        assert not any(a.GetNumRadicalElectrons() for a in raw.GetAtoms())
        with pytest.raises(ValueError, match="radical"):
            molecules.from_molecule(raw)
    for smiles in ("[CH5]", "C[OH2]", "[H]C([H])([H])([H])[H]", "[H]F[H]"):
        with pytest.raises(ValueError, match=r"hydrogens on an atom|contains H"):
            molecules.from_molecule(Chem.MolFromSmiles(smiles, sanitize=False))


def test_a_string_has_no_slots():
    atoms, _ = molecules.from_smiles("CO |atomProp:0.slot.5:1.slot.2|")
    assert atoms.tolist() == [0, 2, 4, 4, 4, 4, 4, 4, 4]


def test_patterns_are_refused():
    for pattern in ("CCO", "[C,N]C", "[#6]", "C!-C", "[CH3]-C"):
        with pytest.raises(ValueError, match=r"pattern|kind|contains"):
            molecules.from_molecule(Chem.MolFromSmarts(pattern))


# ------------------------------------------------------------------ slots


def with_holes() -> tuple[torch.Tensor, torch.Tensor, Chem.Mol]:
    atoms, bonds = molecules.from_smiles("CC(F)C=O")
    place = torch.tensor([8, 3, 5, 0, 1, 2, 4, 6, 7])
    atoms, bonds = atoms[place], bonds[place][:, place]
    return atoms, bonds, molecules.to_molecule(atoms, bonds)


@pytest.mark.parametrize(
    "travel",
    [
        lambda m: pickle.loads(pickle.dumps(m)),
        lambda m: pickle.loads(pickle.dumps(Chem.Mol(pickle.loads(pickle.dumps(m))))),
        lambda m: Chem.Mol(m.ToBinary()),
        copy.copy,
        copy.deepcopy,
        Chem.Mol,
        lambda m: Chem.RWMol(m).GetMol(),
        Chem.AddHs,
        lambda m: Chem.RemoveHs(pickle.loads(pickle.dumps(Chem.AddHs(m)))),
        lambda m: Chem.RenumberAtoms(m, [3, 1, 4, 0, 2]),
        lambda m: Chem.RenumberAtoms(pickle.loads(pickle.dumps(m)), [3, 1, 4, 0, 2]),
    ],
)
def test_slots_survive(travel):
    atoms, bonds, molecule = with_holes()
    again = molecules.from_molecule(travel(molecule))
    assert torch.equal(again[0], atoms)
    assert torch.equal(again[1], bonds)
    assert not torch.equal(molecules.from_smiles("CC(F)C=O")[0], atoms)


def test_slots_that_contradict_each_other_are_refused():
    _, _, molecule = with_holes()
    grown = Chem.RWMol(molecule)
    grown.AddBond(0, grown.AddAtom(Chem.Atom(6)), Chem.BondType.SINGLE)
    doubled, outside = Chem.Mol(molecule), Chem.Mol(molecule)
    doubled.GetAtomWithIdx(0).SetIntProp("slot", doubled.GetAtomWithIdx(1).GetIntProp("slot"))
    outside.GetAtomWithIdx(0).SetIntProp("slot", 9)
    wide = molecules.to_molecule(torch.tensor([4] * 11 + [0]), torch.zeros(12, 12).long())
    for changed in (grown, doubled, outside, wide):
        with pytest.raises(ValueError, match=r"remembers the slots .*\.$"):
            molecules.from_molecule(changed)
        name = molecules.canonical_smiles(changed)
        assert molecules.canonical_smiles(molecules.to_molecule(*molecules.from_smiles(name)))


def test_monomers_of_others_are_no_slots():
    peptide = Chem.MolFromSequence("G")
    assert peptide.GetAtomWithIdx(0).GetMonomerInfo() is not None
    atoms, _ = molecules.from_molecule(peptide)
    assert atoms.tolist() == [1, 0, 0, 2, 2, 4, 4, 4, 4]


def test_aromatic_rings_become_a_kekule_form():
    _, bonds = molecules.from_smiles("c1ccccc1")
    assert bonds.sum(-1).tolist() == [3] * 6 + [0] * 3
    assert sorted(bonds.triu()[bonds.triu() > 0].tolist()) == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("CCS", "contains S"),
        ("CCCCCCCCCC", "10 heavy atoms"),
        ("CC.O", "not connected"),
        ("C[NH3+]", "formal charges"),
        ("C[CH2]", "radical"),
        ("", "no atoms"),
    ],
)
def test_molecules_that_cannot_be_encoded(smiles, words):
    with pytest.raises(ValueError, match=words) as caught:
        molecules.from_molecule(Chem.MolFromSmiles(smiles))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_unreadable_smiles():
    with pytest.raises(ValueError, match=r"'C1CC' is not a SMILES string .*\.$"):
        molecules.from_smiles("C1CC")


@pytest.mark.parametrize(
    "call", [molecules.from_molecule, molecules.canonical_smiles, molecules.draw]
)
def test_what_is_no_molecule(call):
    with pytest.raises(TypeError, match=r"An RDKit molecule is expected, not str.*\.$"):
        call("CCO")


def test_exceeded_valence_is_named():
    atoms, bonds = molecules.from_smiles("CC=O")
    bonds[0, 2] = bonds[2, 0] = 1
    with pytest.raises(ValueError, match=r"slot 2 \(O\) .* total order 3, more than its valence 2"):
        molecules.to_molecule(atoms, bonds)
    invalid = molecules.to_molecule(atoms, bonds, sanitize=False)
    with pytest.raises(ValueError, match="no canonical SMILES"):
        molecules.canonical_smiles(invalid)


@pytest.mark.parametrize(
    "call",
    [
        molecules.to_molecule,
        molecules.to_molecules,
        molecules.is_valid,
        molecules.is_connected,
    ],
)
def test_wrong_tensors_everywhere(call):
    atoms, bonds = molecules.from_smiles("CC=O")
    with pytest.raises(ValueError, match="symmetric"):
        call(atoms, bonds.triu())
    with pytest.raises(ValueError, match="shape"):
        call(atoms, bonds[:8])
    with pytest.raises(ValueError, match=r"0\.\.4"):
        call(atoms + 1, bonds)
    with pytest.raises(TypeError, match="integers"):
        call(atoms, bonds.float())
    with pytest.raises(ValueError, match="empty slot"):
        call(atoms.roll(1), bonds)


def test_one_graph_and_a_batch_are_told_apart():
    atoms, bonds = molecules.from_smiles("CC=O")
    with pytest.raises(ValueError, match="to_molecules"):
        molecules.to_molecule(atoms[None], bonds[None])
    with pytest.raises(ValueError, match=r"\(N, n\)"):
        molecules.to_molecules(atoms, bonds)


# ------------------------------------------------------------------ validity


def rdkit_accepts(atoms: torch.Tensor, bonds: torch.Tensor) -> bool:
    """RDKit's own opinion, by a molecule built here and sanitised, clean-up left out."""
    editable = Chem.RWMol()
    slots = [i for i, kind in enumerate(atoms.tolist()) if kind != graphs.NO_ATOM]
    place = {i: editable.AddAtom(Chem.Atom(graphs.ATOM_SYMBOLS[atoms[i]])) for i in slots}
    kinds = [None, Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE]
    for i in slots:
        for j in slots:
            if i < j and bonds[i, j]:
                editable.AddBond(place[i], place[j], kinds[bonds[i, j]])
    steps = Chem.SanitizeFlags.SANITIZE_ALL ^ Chem.SanitizeFlags.SANITIZE_CLEANUP
    with rdBase.BlockLogs():
        problem = Chem.SanitizeMol(editable, steps, catchErrors=True)
    return bool(slots) and problem == Chem.SanitizeFlags.SANITIZE_NONE


@settings(max_examples=400, deadline=None)
@given(graph=dense_graphs())
def test_validity_is_that_of_rdkit(graph):
    assert bool(molecules.is_valid(*graph)) == rdkit_accepts(*graph)


@settings(max_examples=400, deadline=None)
@given(graph=dense_graphs())
def test_connectedness_is_that_of_networkx(graph):
    atoms, bonds = graph
    nodes = [i for i, kind in enumerate(atoms.tolist()) if kind != graphs.NO_ATOM]
    reference = networkx.Graph()
    reference.add_nodes_from(nodes)
    reference.add_edges_from((i, j) for i in nodes for j in nodes if bonds[i, j])
    expected = bool(nodes) and networkx.is_connected(reference)
    assert bool(molecules.is_connected(atoms, bonds)) == expected


def test_a_path_through_all_slots_is_connected():
    """The longest distance that occurs, and the same with one bond missing."""
    atoms = torch.zeros(9, dtype=torch.uint8)
    bonds = torch.zeros(9, 9, dtype=torch.uint8)
    for i in range(8):
        bonds[i, i + 1] = bonds[i + 1, i] = 1
    assert bool(molecules.is_connected(atoms, bonds))
    bonds[4, 5] = bonds[5, 4] = 0
    assert not bool(molecules.is_connected(atoms, bonds))
    assert bool(molecules.is_valid(atoms, bonds))


def test_judging_batches(relabelled):
    part = relabelled[:20_000]
    assert molecules.is_valid(part.atoms, part.bonds).shape == (20_000,)
    assert bool(molecules.is_valid(part.atoms, part.bonds).all())
    assert bool(molecules.is_connected(part.atoms, part.bonds).all())
    shuffled = part.bonds.roll(1, 0) * (part.exists[:, :, None] & part.exists[:, None, :])
    assert not bool(molecules.is_valid(part.atoms, shuffled).all())
    assert not bool(molecules.is_connected(part.atoms, shuffled).all())
    grid = molecules.is_valid(part.atoms.view(100, 200, 9), part.bonds.view(100, 200, 9, 9))
    assert grid.shape == (100, 200)


def test_bond_orders_do_not_overflow():
    """Eight triple bonds add up to 24; sums of bytes must not wrap at 256 either."""
    atoms = torch.zeros(100, dtype=torch.uint8)
    bonds = torch.full((100, 100), 3, dtype=torch.uint8).fill_diagonal_(0)
    assert int(bonds[0].sum(dtype=torch.uint8)) < int(bonds[0].long().sum())
    assert not bool(molecules.is_valid(atoms, bonds))


# ------------------------------------------------------------------ drawings

SVG = "{http://www.w3.org/2000/svg}"


def make(smiles: str) -> Chem.Mol:
    return molecules.to_molecule(*molecules.from_smiles(smiles))


def colours_of(svg: str) -> set[str]:
    return set(re.findall(r"#[0-9A-Fa-f]{6}", svg))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#FFFFFF", "#14181E", "#121212"])
def test_atom_colours_read_on_light_and_dark_pages(page):
    assert all(contrast(colour, page) >= 3 for colour in molecules.ATOM_COLOURS.values())
    assert contrast("#FFFF00", "#FFFFFF") < 3  # the measure can fail


def test_a_drawing_is_one_element_with_a_name_and_no_background():
    svg = molecules.draw(make("NC(=O)CF"), alt='An "amide" & more')
    tree = ElementTree.fromstring(svg)
    assert tree.tag == SVG + "svg"
    assert tree.get("role") == "img"
    assert tree.get("aria-label") == 'An "amide" & more'
    assert tree.get("viewBox") == "0 0 240 200"
    assert not list(tree.iter(SVG + "rect"))
    assert colours_of(svg) == set(molecules.ATOM_COLOURS.values())
    assert "currentColor" in svg


def test_a_drawing_without_heteroatoms_has_no_colour_of_its_own():
    svg = molecules.draw(make("CCC"), legend="propane", indices=True, notes={1: "middle"})
    assert colours_of(svg) == set()
    assert 'aria-label="propane"' in svg


def test_drawings_are_reproducible():
    assert molecules.draw(make("CC1CO1")) == molecules.draw(make("CC1CO1"))


def test_indices_notes_and_highlights_appear():
    molecule = make("CC(=O)N")
    plain = molecules.draw(molecule)
    assert "class='note'" not in plain
    indexed = molecules.draw(molecule, indices=True)
    assert indexed.count("class='note'") == 4
    noted = molecules.draw(molecule, notes={0: "x"})
    assert noted.count("class='note'") == 1
    assert molecules.HIGHLIGHT_COLOUR in molecules.draw(molecule, highlight=[1])
    assert "#E69F00" in molecules.draw(molecule, highlight={1: "#E69F00"})
    assert len({plain, indexed, noted}) == 3


def test_indices_are_slots_and_not_atom_numbers():
    atoms, bonds = molecules.from_smiles("CO")
    moved = molecules.to_molecule(atoms.roll(5), bonds.roll((5, 5), (0, 1)))
    here, there = molecules.draw(make("CO"), indices=True), molecules.draw(moved, indices=True)
    assert here != there
    assert molecules.draw(moved, notes={5: "5", 6: "6"}) == there


def test_two_labellings_in_the_same_layout(sample):
    """With like=, the drawings agree; without it, at least one of them does not."""
    seen_another = False
    for position in range(100, 140):
        one = sample[position]
        two = graphs.relabel(one, graphs.random_permutations(1, seed=position))
        first = molecules.to_molecule(one.atoms[0], one.bonds[0])
        second = molecules.to_molecule(two.atoms[0], two.bonds[0])
        assert strokes(molecules.draw(first)) == strokes(molecules.draw(second, like=first))
        seen_another |= strokes(molecules.draw(first)) != strokes(molecules.draw(second))
    assert seen_another


def strokes(svg: str) -> set[tuple[float, float]]:
    """End points of bonds, rounded and shifted to the middle."""
    paths = re.findall(r"d='M ([\d.]+),([\d.]+) L ([\d.]+),([\d.]+)'", svg)
    points = np.array([[float(v) for v in path] for path in paths]).reshape(-1, 2)
    return {(round(x / 8), round(y / 8)) for x, y in points}


def test_like_another_molecule_changes_nothing():
    assert molecules.draw(make("CCO"), like=make("CCCN")) == molecules.draw(make("CCO"))


def test_a_grid():
    made = [make(s) for s in ("CC", "CO", "CN", "CF", "C")]
    svg = molecules.draw_grid(made, legends=list("abcde"), columns=3, size=(100, 90))
    tree = ElementTree.fromstring(svg)
    assert tree.get("viewBox") == "0 0 300 180"
    assert tree.get("aria-label") == "Molecules: a; b; c; d; e"
    assert colours_of(svg) == set(molecules.ATOM_COLOURS.values())
    assert not list(tree.iter(SVG + "rect"))
    marked = molecules.draw_grid(made, highlight=[[0], None, {1: "#E69F00"}, None, None])
    assert molecules.HIGHLIGHT_COLOUR in marked
    assert "#E69F00" in marked


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: molecules.draw(m, notes={7: "x"}), r"notes names the slots \[7\]"),
        (lambda m: molecules.draw(m, highlight=[7]), r"highlight names the slots \[7\]"),
        (lambda m: molecules.draw(m, highlight={0: "red"}), "'#RRGGBB', not 'red'"),
        (lambda m: molecules.draw(m, size=(5, 5)), "at least 20"),
        (lambda m: molecules.draw(Chem.Mol()), "no atoms"),
        (lambda m: molecules.draw_grid([]), "at least one"),
        (lambda m: molecules.draw_grid([m], legends=["a", "b"]), "legends has 2 entries for 1"),
        (lambda m: molecules.draw_grid([m], columns=0), "columns is at least 1"),
    ],
)
def test_wrong_orders_to_the_drawer(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(make("CCO"))
    assert str(caught.value).endswith(".")


# --------------------------------------------------------------------- similarity


def test_fingerprints_do_not_depend_on_labels_and_do_depend_on_bonds(sample):
    some = sample[:40]
    fingerprints = molecules.morgan_fingerprints(molecules.to_molecules(some.atoms, some.bonds))
    assert fingerprints.shape == (40, 2048)
    moved = graphs.relabel(some, graphs.random_permutations(40, seed=3))
    again = molecules.morgan_fingerprints(molecules.to_molecules(moved.atoms, moved.bonds))
    assert torch.equal(fingerprints, again)
    ethane, ethene = (molecules.to_molecule(*molecules.from_smiles(s)) for s in ("CC", "C=C"))
    both = molecules.morgan_fingerprints([ethane, ethene], bits=512)
    assert both.shape == (2, 512)
    assert not torch.equal(both[0], both[1])


def test_tanimoto_is_that_of_rdkit(sample):
    """Molecules from graphs, in one Kekulé form, against RDKit's own reading of their names."""
    some = sample[200:300]
    fingerprints = molecules.morgan_fingerprints(molecules.to_molecules(some.atoms, some.bonds))
    found = molecules.tanimoto(fingerprints, fingerprints)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    read = [Chem.MolFromSmiles(name) for name in some.smiles]
    assert sum(any(a.GetIsAromatic() for a in m.GetAtoms()) for m in read) > 5
    theirs = [generator.GetFingerprint(m) for m in read]
    expected = [DataStructs.BulkTanimotoSimilarity(one, theirs) for one in theirs]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))
    assert torch.equal(found.diagonal(), torch.ones(100))
    assert found.min() < 0.1


def test_kekule_forms_are_alike():
    """Benzene from a graph and RDKit's; both forms of o-xylene; and without perception, not."""
    benzene, theirs = make("c1ccccc1"), Chem.MolFromSmiles("c1ccccc1")
    forms = [Chem.MolFromSmiles(s, sanitize=False) for s in ("CC1=CC=CC=C1C", "CC1=C(C)C=CC=C1")]
    prints = molecules.morgan_fingerprints([benzene, theirs, *forms])
    likeness = molecules.tanimoto(prints, prints)
    assert likeness[0, 1] == likeness[2, 3] == 1
    assert likeness[0, 2] < 1
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    raw = [generator.GetFingerprint(m) for m in (benzene, theirs)]
    assert DataStructs.TanimotoSimilarity(*raw) < 0.3


def test_an_invalid_molecule_has_no_fingerprint():
    atoms, bonds = molecules.from_smiles("CC=O")
    bonds[0, 2] = bonds[2, 0] = 1
    invalid = molecules.to_molecule(atoms, bonds, sanitize=False)
    with pytest.raises(ValueError, match=r"no fingerprint.*is_valid first\.$"):
        molecules.morgan_fingerprints([invalid])


def test_tanimoto_by_hand():
    first = torch.tensor([[True, True, False, False], [False] * 4])
    second = torch.tensor([[True, False, True, False], [False] * 4])
    expected = torch.tensor([[1 / 3, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(molecules.tanimoto(first, second), expected)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: molecules.morgan_fingerprints([]), ValueError, "at least one"),
        (lambda m: molecules.morgan_fingerprints(["CC"]), TypeError, "RDKit"),
        (lambda m: molecules.morgan_fingerprints([m], radius=-1), ValueError, "radius"),
        (lambda m: molecules.tanimoto(torch.ones(2, 3), torch.ones(2, 3)), TypeError, "booleans"),
        (
            lambda m: molecules.tanimoto(torch.ones(2, 3).bool(), torch.ones(2, 4).bool()),
            ValueError,
            "shapes",
        ),
    ],
)
def test_wrong_orders_to_the_judge(call, error, words):
    with pytest.raises(error, match=words):
        call(molecules.to_molecule(*molecules.from_smiles("CC")))
