"""Molecules as clouds: their data, networks that see more or less of them, their alignment."""

from __future__ import annotations

import ast
import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rdkit import Chem
from torch_geometric.nn import MessagePassing, global_add_pool

from utils.data import qm9
from utils.data.qm9 import clouds as clouds_module
from utils.data.qm9 import load_clouds
from utils.data.qm9.source import read_tables
from utils.groups import random_rotations
from utils.models.clouds import (
    SIGHTS,
    CloudConfig,
    CloudNetwork,
    composition,
    measure_clouds,
    pair_features,
    predict,
)
from utils.probes import detect_alignment, orientation_features, ridge_errors
from utils.training import Recipe, load_checkpoint, read_manifest, shipped_checkpoints
from utils.training.presets import EXPERIMENTS
from utils.training.presets_clouds import CLOUDS
from utils.training.sweeps import sweep_results
from utils.training.tasks.clouds import TARGETS, Clouds, standardised

TEST = load_clouds("test", number=60)
HEAVY = TEST.heavy().double()
SHIFTS = torch.tensor([3.0, -1.0, 2.0])


def turns(number: int, seed: int = 0) -> torch.Tensor:
    return random_rotations(number, generator=torch.Generator().manual_seed(seed))


def network(sight: Any, bumps: int = 0, seed: int = 0) -> CloudNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CloudNetwork(CloudConfig(sight=sight, bumps=bumps)).double().eval()


# ---------------------------------------------------------------- data


def test_the_sample_is_what_the_tables_say() -> None:
    """A second reading: by RDKit's count of atoms and the rotational constants of the tables."""
    table = read_tables(("Elements", "XYZ_Ang", "N_atoms")).set_index("Index").loc[TEST.index]
    assert (TEST.exists.sum(1).numpy() == table["N_atoms"].to_numpy()).all()
    for row, smiles in enumerate(table["SMILES"]):
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        numbers = sorted(atom.GetAtomicNum() for atom in molecule.GetAtoms())
        assert sorted(TEST.elements[row][TEST.exists[row]].tolist()) == numbers
    # Moments of inertia give the rotational constants that QM9 lists: B = h / (8 pi^2 I).
    masses = torch.zeros(10, dtype=torch.float64)
    masses[[1, 6, 7, 8, 9]] = torch.tensor([1.00783, 12.0, 14.00307, 15.99491, 18.9984]).double()
    weights = masses[TEST.elements.long()][..., None]
    points = TEST.positions.double()
    points = points - (weights * points).sum(1, keepdim=True) / weights.sum(1, keepdim=True)
    second = (weights * points).mT @ points
    inertia = torch.diag_embed(second.diagonal(dim1=1, dim2=2).sum(1, keepdim=True).expand(-1, 3))
    found = 505.379 / torch.linalg.eigvalsh(inertia - second)  # GHz, of dalton and square angstrom
    listed = torch.stack([TEST.property(f"rotational_{axis}") for axis in "abc"], dim=1).double()
    assert torch.allclose(found, listed, rtol=2e-3)


def test_positions_that_were_moved_about_would_be_noticed() -> None:
    """The control of the test before: the constants know where the atoms are."""
    wrong = dataclasses.replace(TEST, positions=TEST.positions.roll(1, dims=1))
    assert not torch.allclose(
        wrong.centred().positions.square().sum(1),
        TEST.centred().positions.square().sum(1),
        rtol=2e-3,
    )


def test_the_sample_is_drawn_once_and_its_parts_share_nothing() -> None:
    everything = load_clouds()
    assert len(everything) == 10_000 == len(set(everything.index.tolist()))
    parts = [load_clouds(part).index for part in qm9.SPLITS]
    assert torch.equal(torch.cat(parts), everything.index)
    assert [len(part) for part in parts] == [5_000, 1_000, 4_000]
    # QM9 is ordered by size: a sample of neighbours in its list would be of one size.
    assert everything.exists.sum(1).float().std() > 2.5
    assert bool((everything.index.diff() < 0).float().mean() > 0.4)


def test_molecules_that_are_no_json_are_read() -> None:
    table = read_tables(("Elements", "XYZ_Ang"))
    odd = table[table["XYZ_Ang"].str.contains(r"\.[,\]]")]
    assert len(odd) == 5
    for elements, positions in zip(odd["Elements"], odd["XYZ_Ang"], strict=True):
        with pytest.raises(json.JSONDecodeError):
            json.loads(positions)
        numbers, points = clouds_module.parse_cloud(elements, positions)
        assert np.array_equal(points, np.array(ast.literal_eval(positions), dtype=np.float32))
        assert len(numbers) == len(ast.literal_eval(elements))


@pytest.mark.parametrize(
    ("elements", "positions"),
    [("['C','H']", "[[0.,0.,0.]]"), ("['C']", "[[0.,nan,0.]]"), ("['Si']", "[[0.,0.,0.]]")],
)
def test_cells_that_are_no_molecule_are_refused(elements: str, positions: str) -> None:
    with pytest.raises(ValueError, match=r"coordinates|none of the elements"):
        clouds_module.parse_cloud(elements, positions)


def test_a_damaged_cache_is_built_again(tmp_path, monkeypatch, capsys) -> None:
    table = read_tables(("Elements", "XYZ_Ang")).iloc[::1000]
    monkeypatch.setattr(clouds_module, "read_tables", lambda others: pd.DataFrame(table))
    first = load_clouds("train", number=5, root=tmp_path)
    path = clouds_module.clouds_cache_path(tmp_path)
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    again = load_clouds("train", number=5, root=tmp_path)
    assert "damaged" in capsys.readouterr().err
    assert torch.equal(first.positions, again.positions)


def test_hydrogens_are_left_out_and_nothing_else() -> None:
    heavy = TEST.heavy()
    assert heavy.positions.shape == (60, 9, 3)
    for row in range(len(TEST)):
        shown = TEST.elements[row] > 1
        kept = heavy.exists[row]
        assert torch.equal(TEST.elements[row][shown], heavy.elements[row][kept])
        assert torch.equal(TEST.positions[row][shown], heavy.positions[row][kept])
        assert int((TEST.elements[row] == 1).sum()) == int(heavy.hydrogens[row])
    assert bool((heavy.positions[~heavy.exists] == 0).all())
    assert torch.equal(composition(TEST), composition(heavy))


def test_moving_molecules_leaves_them_and_empty_slots_as_they_were() -> None:
    before = HEAVY.positions.clone()
    moved = HEAVY.moved(turns(60), SHIFTS)
    assert torch.equal(before, HEAVY.positions)
    assert bool((moved.positions[~moved.exists] == 0).all())
    row = 7
    by_hand = np.array([turns(60)[row].numpy() @ x + SHIFTS.numpy() for x in before[row].numpy()])
    kept = HEAVY.exists[row].numpy()
    assert np.allclose(moved.positions[row].numpy()[kept], by_hand[kept])
    in_place = HEAVY.turned_in_place(turns(60))
    means = [c.positions.sum(1) / c.exists.sum(1, keepdim=True) for c in (HEAVY, in_place)]
    assert torch.allclose(*means)
    assert torch.allclose(in_place.centred().positions, HEAVY.centred().moved(turns(60)).positions)
    with pytest.raises(ValueError, match="rotations must have shape"):
        HEAVY.moved(turns(59))
    with pytest.raises(ValueError, match="shifts must have shape"):
        HEAVY.moved(shifts=torch.zeros(2))


def test_neighbourhoods_in_torch_geometric() -> None:
    near = HEAVY.graphs(1.7)
    everything = HEAVY.graphs()
    assert near.num_graphs == 60
    assert everything.edge_index.shape[1] == int(HEAVY.exists.sum(1).square().sum())
    source, target = near.edge_index
    lengths = (near.pos[source] - near.pos[target]).norm(dim=1)
    assert float(lengths.max()) <= 1.7
    assert bool((near.batch[source] == near.batch[target]).all())
    # Two heavy atoms closer than 1.7 angstroms are bonded in most cases: compare with the graphs.
    bonds = Chem.MolFromSmiles(read_tables().set_index("Index").loc[int(TEST.index[0])]["SMILES"])
    first = near.batch[source] == 0
    assert int((first & (source != target)).sum()) == 2 * bonds.GetNumBonds()
    with pytest.raises(ValueError, match="radius"):
        HEAVY.graphs(0.0)


# ---------------------------------------------------------------- the network


class Convolution(MessagePassing):
    """The convolution again, as messages along edges of torch-geometric."""

    def __init__(self, layer: Any, network: CloudNetwork) -> None:
        super().__init__(aggr="add", flow="source_to_target")
        self.layer, self.network = layer, network

    def forward(self, features: Any, data: Any) -> Any:
        gathered = self.propagate(data.edge_index, x=features, pos=data.pos, mean=data.mean)
        return features + torch.nn.functional.silu(self.layer.mix(gathered / 4))

    def message(self, x_j: Any, pos_i: Any, pos_j: Any, mean_i: Any, index: Any) -> Any:
        sight, bumps = self.network.config.sight, self.network.config.bumps
        apart = (pos_j - pos_i).norm(dim=1, keepdim=True)
        seen = {
            "positions": torch.cat([pos_i, pos_j], 1),
            "centred": torch.cat([pos_i - mean_i, pos_j - mean_i], 1),
            "differences": pos_j - pos_i,
            "distances": apart,
            "nothing": pos_i[:, :0],
        }[sight]
        parts = [seen]
        if bumps:
            centres = [1 + 5 * k / (bumps - 1) for k in range(bumps)]
            if sight != "distances":
                parts.append(apart)
            parts += [
                torch.exp(-((apart - c) ** 2) / (2 * (5 / (bumps - 1)) ** 2)) for c in centres
            ]
        return self.layer.kernel(torch.cat([*parts, (apart == 0).to(apart)], 1)) * x_j


@pytest.mark.parametrize("bumps", [0, 5])
@pytest.mark.parametrize("sight", SIGHTS)
def test_messages_along_edges_say_the_same(sight: Any, bumps: int) -> None:
    if sight == "nothing" and bumps:
        return
    net = network(sight, bumps)
    data = HEAVY.graphs()
    sums = global_add_pool(data.pos, data.batch) / global_add_pool(
        torch.ones_like(data.pos), data.batch
    )
    data.mean = sums[data.batch]
    with torch.no_grad():
        features = net.types(data.z) + net.hydrogens(data.hydrogens[data.batch, None].double() / 10)
        for layer in net.layers:
            features = Convolution(layer, net)(features, data)
        atoms = torch.nn.functional.silu(net.atom(features))
        found = net.head(global_add_pool(atoms, data.batch) / 7)
    assert torch.allclose(found, predict(net, HEAVY), atol=1e-12)
    other = predict(network(sight, bumps, seed=1), HEAVY)  # the control: other weights
    assert not torch.allclose(found, other, atol=1e-3)


def moved_by(net: CloudNetwork, moved: Any) -> float:
    found = predict(net, HEAVY)
    spread = float((found - found.mean(0)).square().mean().sqrt())
    return float((predict(net, moved) - found).abs().max()) / spread


@pytest.mark.parametrize("bumps", [0, 7])
@pytest.mark.parametrize(
    ("sight", "shift", "turn"),
    [
        ("positions", False, False),
        ("centred", True, False),
        ("differences", True, False),
        ("distances", True, True),
    ],
)
def test_what_is_not_seen_does_not_matter(sight: Any, bumps: int, shift: bool, turn: bool) -> None:
    net = network(sight, bumps)
    errors = (
        moved_by(net, HEAVY.moved(shifts=SHIFTS)),
        moved_by(net, HEAVY.turned_in_place(turns(60))),
    )
    for exact, error in zip((shift, turn), errors, strict=True):
        assert error < 1e-10 if exact else error > 1e-2


def test_the_network_does_not_know_the_order_of_atoms_or_empty_slots() -> None:
    net = network("differences", 5)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    mixed = dataclasses.replace(
        HEAVY, elements=HEAVY.elements[:, order], positions=HEAVY.positions[:, order]
    )
    assert torch.allclose(predict(net, mixed), predict(net, HEAVY), atol=1e-12)
    small = HEAVY[HEAVY.exists.sum(1) < 9]
    full = net(small.elements, small.positions, small.hydrogens)
    cut = net(small.elements[:, :8], small.positions[:, :8], small.hydrogens)
    assert torch.allclose(full, cut, atol=1e-12)
    wrong = dataclasses.replace(HEAVY, positions=HEAVY.positions[:, order])  # types stay behind
    assert not torch.allclose(predict(net, wrong), predict(net, HEAVY), atol=1e-3)


def test_nothing_seen_is_composition() -> None:
    net = network("nothing")
    scrambled = dataclasses.replace(HEAVY, positions=torch.randn(60, 9, 3, dtype=torch.float64))
    assert torch.equal(predict(net, scrambled), predict(net, HEAVY))


def test_derivatives_of_distances_exist_where_atoms_meet() -> None:
    points = torch.zeros(1, 2, 3, dtype=torch.float64, requires_grad=True)
    seen = pair_features(points, torch.ones(1, 2, dtype=torch.bool), "distances")
    seen.sum().backward()
    assert points.grad is not None
    assert bool((points.grad == 0).all())


def test_gradients_of_the_network_are_right() -> None:
    net = network("distances", 4)
    part = HEAVY[:2]
    points = part.positions.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: net(part.elements, x, part.hydrogens), points)


def test_bad_configurations_are_refused() -> None:
    for wrong in (
        {"bumps": 1},
        {"bumps": 3, "sight": "nothing"},
        {"sight": "angles"},
        {"width": 0},
    ):
        with pytest.raises(ValueError, match=r"bumps|sight|width"):
            CloudConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        network("distances")(HEAVY.elements, HEAVY.positions[0], HEAVY.hydrogens)


# ---------------------------------------------------------------- alignment


def test_qm9_is_aligned_and_its_turned_copy_is_not() -> None:
    clouds = load_clouds("test", number=3_000)
    found, chance = (detect_alignment(clouds, control=control) for control in (False, True))
    assert found.accuracy > 0.65
    assert abs(chance.accuracy - 0.5) < 5 * chance.error
    # A data set turned beforehand: another way to the control.
    turned = clouds.turned_in_place(turns(len(clouds), 5))
    assert abs(detect_alignment(turned, "moments").accuracy - 0.5) < 5 * chance.error


def test_a_shift_tells_the_detector_nothing() -> None:
    """Where molecules lie is not how they are turned; raw positions would give it away."""
    clouds = load_clouds("test", number=400).double()
    moved = clouds.moved(shifts=SHIFTS)
    for features in ("moments", "elements"):
        a, b = (orientation_features(c, features) for c in (clouds, moved))
        assert torch.allclose(a, b, atol=1e-9)
    assert orientation_features(clouds).shape == (400, 45)


def test_orientation_features_are_moments() -> None:
    found = orientation_features(TEST, "elements")
    row = 3
    kept = TEST.exists[row]
    points = TEST.positions[row][kept].double().numpy()
    points = points - points.mean(0)
    carbons = points[(TEST.elements[row][kept] == 6).numpy()]
    expected = [*carbons.mean(0), *(carbons.T @ carbons / len(carbons))[np.triu_indices(3)]]
    assert np.allclose(found[row, 9:18], expected)


def test_few_molecules_are_refused() -> None:
    with pytest.raises(ValueError, match="number of molecules"):
        detect_alignment(TEST)


# ---------------------------------------------------------------- training and what it left


def test_targets_are_in_standard_deviations_of_the_training_molecules() -> None:
    train = load_clouds("train")
    targets, means, scales = standardised(train)
    assert torch.allclose(targets.mean(0), torch.zeros(4), atol=1e-4)
    assert torch.allclose(targets.std(0), torch.ones(4), atol=1e-4)
    test = standardised(TEST)[0].double()
    for k, name in enumerate(TARGETS):
        assert torch.allclose(
            test[:, k] * scales[k] + means[k], TEST.property(name).double(), atol=1e-3
        )


def test_augmentation_turns_in_place_and_the_loss_knows() -> None:
    task = Clouds("t", Recipe(1, 1, 0.1), network={"sight": "differences"}, augment=True)
    plain = dataclasses.replace(task, augment=False)
    exact = {"network": {"sight": "distances"}}
    data = Clouds("t", Recipe(1, 1, 0.1), training_size=50).load_data()
    batch = data.training_batch(torch.arange(50), 0)
    torch.manual_seed(0)
    net, blind = task.build_model(), Clouds("t", Recipe(1, 1, 0.1), **exact).build_model()  # type: ignore[arg-type]
    with torch.no_grad():
        assert abs(float(task.loss(net, batch, 0) - plain.loss(net, batch, 0))) > 1e-7
        assert abs(float(task.loss(blind, batch, 0) - plain.loss(blind, batch, 0))) < 1e-5


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in (
        {"training_size": 6_000},
        {"passes": 0},
        {"augment": 1},
        {"network": {"returned": 3}},
    ):
        with pytest.raises(ValueError, match=r"training_size|passes|augment|return"):
            Clouds("t", Recipe(1, 1, 0.1), **wrong)  # type: ignore[arg-type]


def test_presets_differ_in_what_they_say() -> None:
    presets = EXPERIMENTS["qm9-clouds"].presets
    assert set(presets) == set(CLOUDS)
    made = {name: preset.task() for name, preset in presets.items()}
    described = [str((t.configuration(), t.network)) for t in made.values()]  # type: ignore[attr-defined]
    assert len(set(described)) == len(described)


SHIPPED = [name for name in shipped_checkpoints() if name.startswith("qm9-clouds-")]
SEEDS = (0, 1, 2)


def test_three_seeds_of_each_preset_come_with_the_book() -> None:
    presets = set(CLOUDS) - {"smoke"}
    assert set(SHIPPED) == {f"qm9-clouds-{preset}-seed{s}" for preset in presets for s in SEEDS}
    rows = sweep_results("qm9-clouds")
    assert {(row["preset"], row["seed"]) for row in rows} == {
        (p, s) for p in presets for s in SEEDS
    }


@pytest.mark.parametrize("preset", ["se3-bumps", "t3", "none"])
def test_the_table_is_what_the_checkpoints_say(preset: str) -> None:
    net, manifest = load_checkpoint(f"qm9-clouds-{preset}-seed0")
    clouds = load_clouds("test").heavy()
    found = measure_clouds(net.eval(), clouds, standardised(clouds)[0])
    row = next(r for r in sweep_results("qm9-clouds") if (r["preset"], r["seed"]) == (preset, 0))
    for k, name in enumerate(TARGETS):
        assert float(found.error[k]) == pytest.approx(row[name], rel=1e-3)
        assert float(found.error[k]) == pytest.approx(manifest["metrics"][f"test_{name}"], rel=1e-3)
        assert float(found.shifted[k]) == pytest.approx(row[f"{name}_shifted"], rel=1e-3)
    assert found.change == pytest.approx(row["change"], rel=1e-2, abs=1e-5)
    assert read_manifest(f"qm9-clouds-{preset}-seed0")["model"]["parameters"] < 8_000


def test_networks_that_see_positions_beat_counts_and_others_do_not() -> None:
    rows = {(r["preset"], r["seed"]): r for r in sweep_results("qm9-clouds")}
    train, test = load_clouds("train"), load_clouds("test")
    ridge = ridge_errors(
        composition(train), standardised(train)[0], composition(test), standardised(test)[0]
    )
    for seed in SEEDS:
        extent = {name: rows[name, seed]["spatial_extent"] for name in ("se3", "t3", "blind")}
        assert max(extent["se3"], extent["t3"]) < 0.2 * ridge[3]
        assert extent["blind"] > 0.7 * ridge[3]
        assert rows["se3", seed]["change"] < 1e-4 < 0.03 < rows["t3", seed]["change"]
