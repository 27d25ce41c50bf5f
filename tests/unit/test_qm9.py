"""QM9: what the graphs are, how they are stored, relabelled, split and coloured."""

from __future__ import annotations

import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader

from utils.data import cache, qm9
from utils.data.qm9 import loading, source
from utils.data.qm9.dataset import collate


@pytest.fixture(scope="module")
def dense() -> qm9.DenseGraphs:
    return qm9.load_dense()


@pytest.fixture(scope="module")
def sample(dense) -> qm9.DenseGraphs:
    """All molecules of at most five heavy atoms, and 400 others."""
    small = torch.nonzero(dense.num_heavy <= 5)[:, 0]
    others = torch.from_numpy(np.random.default_rng(0).choice(len(dense), 400, replace=False))
    return dense[torch.cat([small, others])]


def same(a: qm9.DenseGraphs, b: qm9.DenseGraphs) -> bool:
    return torch.equal(a.atoms, b.atoms) and torch.equal(a.bonds, b.bonds)


# ------------------------------------------------------------------ content


def test_number_of_graphs_and_sizes(dense):
    assert len(dense) == 130_165
    assert dense.atoms.shape == (130_165, 9)
    assert dense.bonds.shape == (130_165, 9, 9)
    assert dense.atoms.dtype == dense.bonds.dtype == torch.uint8
    assert dense.properties.shape == (130_165, len(qm9.PROPERTIES))
    assert dense.properties.dtype == torch.float32
    assert bool(torch.isfinite(dense.properties).all())
    sizes = torch.bincount(dense.num_heavy)
    assert sizes[:4].tolist() == [0, 3, 5, 9]  # methane, ammonia, water; and so on
    assert int(sizes.argmax()) == 9


def test_graphs_are_well_formed_and_padded_at_the_end(dense):
    qm9.check_dense(dense.atoms, dense.bonds)
    assert bool((dense.exists[:, :-1] >= dense.exists[:, 1:]).all())


def test_molecules_are_distinct_and_in_the_order_of_qm9(dense):
    assert len(set(dense.smiles)) == len(dense)
    assert bool((dense.index[1:] > dense.index[:-1]).all())
    assert dense.smiles[:8] == ("C", "N", "O", "C#C", "C#N", "C=O", "CC", "CO")


def test_graphs_agree_with_their_smiles(sample):
    for position, smiles in enumerate(sample.smiles):
        molecule = Chem.MolFromSmiles(smiles)
        symbols = collections.Counter(a.GetSymbol() for a in molecule.GetAtoms())
        kinds = [k for k in sample.atoms[position].tolist() if k != qm9.NO_ATOM]
        assert symbols == collections.Counter(qm9.ATOM_SYMBOLS[k] for k in kinds)
        Chem.Kekulize(molecule)
        orders = sorted(int(b.GetBondTypeAsDouble()) for b in molecule.GetBonds())
        upper = sample.bonds[position].triu()
        assert orders == sorted(upper[upper > 0].tolist())
        rings = len(Chem.GetSSSR(molecule))  # a basis of the cycles
        assert int(sample.property("rings")[position]) == rings
        assert int(sample.property("heavy_atoms")[position]) == molecule.GetNumAtoms()


def test_properties_of_ammonia_in_the_documented_units(dense):
    ammonia = dense[1]
    assert ammonia.smiles == ("N",)
    assert ammonia.index.tolist() == [2]
    expected = {
        "dipole": 1.6256,
        "polarisability": 9.46,
        "gap": 0.3399 * 27.211386,
        "homo": -0.257 * 27.211386,
        "zpve": 0.034358 * 27.211386,
        "internal_energy_0K": -56.525887 * 27.211386,
        "heat_capacity": 6.316,
        "rotational_c": 191.39397,
        "heavy_atoms": 1,
        "rings": 0,
    }
    for name, value in expected.items():
        assert ammonia.property(name).item() == pytest.approx(value, rel=1e-6), name


def test_properties_stay_with_their_molecule(dense):
    # gap = lumo - homo up to rounding in the source; a shuffled column would break it.
    residual = dense.property("gap") - (dense.property("lumo") - dense.property("homo"))
    assert residual.abs().max() < 0.01
    shuffled = dense.property("gap").roll(1) - (dense.property("lumo") - dense.property("homo"))
    assert shuffled.abs().max() > 1


def test_property_table_is_complete():
    names = [p.name for p in qm9.PROPERTIES]
    assert len(set(names)) == len(names)
    assert all(p.description for p in qm9.PROPERTIES)
    assert all(p.unit or not p.column for p in qm9.PROPERTIES)


def test_qm9pack_is_never_imported():
    code = (
        "import sys; from utils.data.qm9 import source; t = source.read_tables(); "
        "assert 'qm9pack' not in sys.modules; print(len(t))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "130831", done.stderr


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("call", [qm9.load_dense, lambda s: qm9.QM9(split=s)])
def test_unknown_split(call, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match=r"^The split is one of .*'valid'\.$") as caught:
        call("valid")
    assert all(name in str(caught.value) for name in qm9.SPLITS)
    assert os.listdir(tmp_path) == []  # raised before any work


@pytest.mark.parametrize("names", ["weight", ["gap", "weight"], "g"])
def test_unknown_property(names, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match=r"^The property is one of .*'(weight|g)'\.$") as caught:
        qm9.QM9(properties=names)
    assert all(p.name in str(caught.value) for p in qm9.PROPERTIES)
    assert os.listdir(tmp_path) == []


def test_unknown_property_of_the_dense_view(dense):
    with pytest.raises(ValueError, match=r"The property is one of .*'weight'"):
        dense.property("weight")


def test_relabelling_all_molecules_depends_on_the_seed_alone(dense):
    all_moved = qm9.load_dense(relabel_seed=3)
    test = qm9.split_indices()["test"]
    part = qm9.load_dense("test", relabel_seed=3)
    assert same(part, all_moved[test])
    assert not same(part, dense[test])
    # The padded slots are spread over all places afterwards.
    assert all_moved.exists.float().mean(0).std() < 0.005
    assert dense.exists.float().mean(0).std() > 0.05


# ------------------------------------------------------------------ splits


def test_split_is_a_stratified_partition(dense):
    parts = qm9.split_indices()
    assert tuple(parts) == qm9.SPLITS
    assert [len(parts[s]) for s in qm9.SPLITS] == [110_165, 10_000, 10_000]
    together = torch.cat(list(parts.values())).sort().values
    assert torch.equal(together, torch.arange(len(dense)))
    overall = torch.bincount(dense.num_heavy).double() / len(dense)
    for part in parts.values():
        mix = torch.bincount(dense.num_heavy[part], minlength=10).double()
        assert (mix - overall * len(part)).abs().max() <= 2
    # A consecutive split, the usual slip, is far from that.
    consecutive = torch.bincount(dense.num_heavy[-10_000:], minlength=10).double()
    assert (consecutive - overall * 10_000).abs().max() > 1000


def test_split_is_reproducible_and_every_stretch_is_random(dense):
    parts, again, other = qm9.split_indices(), qm9.split_indices(0), qm9.split_indices(1)
    assert all(torch.equal(parts[s], again[s]) for s in qm9.SPLITS)
    assert not torch.equal(parts["test"], other["test"])
    for part in parts.values():
        beginning = dense.num_heavy[part[:2000]].double().mean()
        assert abs(beginning - dense.num_heavy.double().mean()) < 0.06
        assert (part[1:] < part[:-1]).any()


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    fraction=st.floats(0.02, 0.48),
    seed=st.integers(0, 5),
)
def test_stratified_split_of_any_mix(counts, fraction, seed):
    labels = torch.cat([torch.full((c,), k) for k, c in enumerate(counts)])
    held_out = int(fraction * len(labels))
    if held_out < 1 or 2 * held_out >= len(labels):
        with pytest.raises(ValueError, match="Cannot hold out"):
            qm9.stratified_split(labels, seed=seed, held_out=held_out)
        return
    parts = qm9.stratified_split(labels, seed=seed, held_out=held_out)
    assert len(parts["test"]) == len(parts["validation"]) == held_out
    together = torch.cat(list(parts.values())).sort().values
    assert torch.equal(together, torch.arange(len(labels)))
    for name in ("validation", "test"):
        mix = torch.bincount(labels[parts[name]], minlength=len(counts))
        share = torch.tensor(counts) * held_out / len(labels)
        assert (mix - share).abs().max() <= 2


# ------------------------------------------------------------------ torch-geometric


def naive_data(dense: qm9.DenseGraphs, columns: list[int]) -> list[Data]:
    """The torch-geometric graphs, one atom and one bond at a time."""
    graphs = []
    for n in range(len(dense)):
        kinds, orders = dense.atoms[n].tolist(), dense.bonds[n].tolist()
        slots = [i for i in range(9) if kinds[i] != qm9.NO_ATOM]
        number = {slot: k for k, slot in enumerate(slots)}
        edges = [(i, j) for i in slots for j in slots if orders[i][j]]
        graphs.append(
            Data(
                x=torch.tensor([[float(kinds[i] == k) for k in range(4)] for i in slots]),
                edge_index=torch.tensor(
                    [[number[i] for i, _ in edges], [number[j] for _, j in edges]],
                    dtype=torch.long,
                ).view(2, -1),
                edge_attr=torch.tensor(
                    [[float(orders[i][j] == k) for k in (1, 2, 3)] for i, j in edges]
                ).view(-1, 3),
                y=dense.properties[n : n + 1, columns],
                idx=dense.index[n : n + 1],
                num_heavy=torch.tensor([len(slots)]),
                smiles=dense.smiles[n],
            )
        )
    return graphs


@pytest.mark.parametrize("relabelled", [False, True])
def test_storage_equals_torch_geometrics_own_collate(sample, relabelled):
    if relabelled:
        sample = qm9.relabel(sample, qm9.random_permutations(len(sample), seed=5))
    columns = qm9.property_indices(["gap", "dipole"])
    data, slices = collate(sample, columns)
    expected, expected_slices = InMemoryDataset.collate(naive_data(sample, columns))
    assert set(data.keys()) == set(expected.keys())
    for key in expected.keys():  # noqa: SIM118
        if isinstance(expected[key], torch.Tensor):
            assert data[key].dtype == expected[key].dtype, key
            assert torch.equal(data[key], expected[key]), key
        else:
            assert data[key] == expected[key], key
    assert expected_slices is not None
    assert set(slices) == set(expected_slices)
    for key in expected_slices:
        assert torch.equal(slices[key], torch.as_tensor(expected_slices[key])), key


def test_dataset_as_torch_geometric_users_know_it(dense):
    dataset = qm9.QM9(properties=["gap", "zpve"])
    assert len(dataset) == len(dense)
    assert dataset.num_node_features == 4
    assert dataset.num_edge_features == 3
    assert dataset.property_names == ("gap", "zpve")
    formaldehyde = dataset[5]
    assert formaldehyde.smiles == "C=O"
    assert formaldehyde.x.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert formaldehyde.edge_index.tolist() == [[0, 1], [1, 0]]
    assert formaldehyde.edge_attr.tolist() == [[0, 1, 0], [0, 1, 0]]
    assert formaldehyde.y.shape == (1, 2)
    assert formaldehyde.is_undirected()
    formaldehyde.validate()
    methane = dataset[0]
    assert methane.edge_index.shape == (2, 0)
    assert methane.num_nodes == 1
    batch = next(iter(DataLoader(dataset[[5, 0, 6]], batch_size=3)))
    assert batch.edge_index.tolist() == [[0, 1, 3, 4], [1, 0, 4, 3]]
    assert batch.num_heavy.tolist() == [2, 1, 2]
    assert batch.smiles == ["C=O", "C", "CC"]
    assert dataset.copy([5, 0])[0].smiles == "C=O"
    assert repr(dataset) == "QM9(130,165 graphs, split=None)"


def test_dataset_is_the_dense_view_of_the_same_arguments():
    dense = qm9.load_dense("validation", relabel_seed=7)
    dataset = qm9.QM9(split="validation", relabel_seed=7, properties="gap")
    assert len(dataset) == len(dense)
    for position in (0, 17, 9_999):
        expected = naive_data(dense[position], qm9.property_indices("gap"))[0]
        for key in ("x", "edge_index", "edge_attr", "y", "idx"):
            assert torch.equal(dataset[position][key], expected[key])


def test_transform_is_applied():
    dataset = qm9.QM9(split="test", transform=lambda data: data.num_heavy)
    assert dataset[0] == dataset.get(0).num_heavy


def test_no_pickle_and_no_folder_of_torch_geometric(tmp_path):
    good = qm9.cache_path()
    for name in (good.name, good.name + ".sha256"):
        shutil.copy(good.with_name(name), tmp_path / name)
    assert len(qm9.QM9(tmp_path, split="test")) == 10_000
    assert sorted(os.listdir(tmp_path)) == [good.name, good.name + ".sha256"]


# ------------------------------------------------------------------ the cache


def test_a_second_load_builds_nothing(dense, monkeypatch):
    def read() -> None:
        raise AssertionError("the tables were read again")

    monkeypatch.setattr(source, "read_tables", read)
    assert same(qm9.load_dense(), dense)
    assert len(qm9.QM9()) == len(dense)


@pytest.mark.parametrize("damage", ["truncate", "flip", "checksum lost"])
def test_a_damaged_cache_is_built_again_with_a_notice(tmp_path, monkeypatch, capsys, damage, dense):
    good = qm9.cache_path()
    path = tmp_path / good.name
    content = bytearray(good.read_bytes())
    if damage == "truncate":
        content = content[: len(content) // 2]
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if damage != "checksum lost":
        shutil.copy(good.with_name(good.name + ".sha256"), tmp_path)
    built: list[bool] = []

    def build(*, progress):
        built.append(progress)
        return lambda stream: stream.write(good.read_bytes())

    monkeypatch.setattr(loading, "build", build)
    assert same(qm9.load_dense(root=tmp_path), dense)
    assert built == [True]
    notice = capsys.readouterr().err
    assert "damaged" in notice
    assert str(path) in notice
    assert same(qm9.load_dense(root=tmp_path), dense)
    assert built == [True]


def test_the_build_is_deterministic_and_filters_what_it_should(tmp_path, monkeypatch, capsys):
    columns = {p.column: [1.0] * 6 for p in qm9.PROPERTIES if p.column}
    smiles = ["CCO", "C[NH3+]", "C[C@H](N)O", "OCC", "C[C@@H](N)O", "c1ccccc1"]
    table = pd.DataFrame({"Index": [3, 4, 5, 7, 8, 9], "SMILES": smiles, **columns})
    monkeypatch.setattr(source, "read_tables", lambda: table)
    first = qm9.load_dense(root=tmp_path / "a", progress=False)
    assert first.smiles == ("CCO", "CC(N)O", "c1ccccc1")  # neutral; the first of its graph
    assert first.index.tolist() == [3, 5, 9]
    assert first.property("rings").tolist() == [0, 0, 1]
    assert "%|" not in capsys.readouterr().err  # no bar when none is wanted
    qm9.load_dense(root=tmp_path / "b")
    output = capsys.readouterr()
    assert output.out == ""
    assert "QM9 graphs" in output.err
    assert "100%" in output.err
    names = [os.listdir(tmp_path / folder) for folder in "ab"]
    assert sorted(names[0]) == sorted(names[1])
    for name in names[0]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_unwritable_folder_is_one_sentence_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "taken"))
    monkeypatch.setattr(loading, "build", lambda **_: pytest.fail("built before the folder"))
    with pytest.raises(cache.CacheError, match=r"not a folder.*EQUIVARIANCE_CACHE.*\.$"):
        qm9.QM9()


def test_an_incomplete_source_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "SOURCE_MOLECULES", 130_832)
    with pytest.raises(ValueError, match=r"130,832 complete molecules.*reinstall.*\.$"):
        qm9.load_dense(root=tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_missing_source_package_is_named(monkeypatch):
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install qm9pack"):
        source.read_tables()

    def missing(name):
        raise source.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(source.importlib.metadata, "version", missing)
    with pytest.raises(FileNotFoundError, match=r"pip install qm9pack"):
        qm9.load_dense()


LOAD = """
from utils.data import qm9
print(len(qm9.load_dense()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_first_use_killed_then_built_then_loaded(tmp_path):
    folder = tmp_path / "cache"
    environment = {**os.environ, cache.CACHE_VARIABLE: str(folder), "OMP_NUM_THREADS": "1"}
    log = tmp_path / "log"
    with open(log, "wb") as stream:
        victim = subprocess.Popen(
            [sys.executable, "-c", LOAD], env=environment, stderr=stream, stdout=stream
        )
        deadline = time.monotonic() + 120
        while not re.search(rb"[1-9]\d*/130831", log.read_bytes()):
            assert victim.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        victim.kill()
        assert victim.wait() == -signal.SIGKILL
    assert not list(folder.glob("*.npz"))  # nothing there that a later run could take for data

    def messages() -> str:
        done = subprocess.run(
            [sys.executable, "-c", LOAD],
            env=environment, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        assert done.stdout.split() == ["130165"]
        return done.stderr

    first = messages()
    assert str(folder) in first  # says where the cache is
    assert "100%" in first
    assert messages() == ""  # and nothing is built again
    fresh = qm9.load_dense(root=folder)
    assert same(fresh, qm9.load_dense())


# ------------------------------------------------------------------ ties


def test_how_many_molecules_are_tied(dense):
    found = qm9.tied_molecules(dense.atoms, dense.bonds)
    assert not bool((found.ambiguous & ~found.tied).any())
    assert float(found.tied.double().mean()) == pytest.approx(0.256, abs=5e-4)
    assert float(found.ambiguous.double().mean()) == pytest.approx(0.079, abs=5e-4)
