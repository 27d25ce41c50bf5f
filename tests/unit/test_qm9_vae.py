"""The autoencoder of molecules as a task, and what it needs of the training loop."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from tiny_task import TinyConfig, TinyNet, TinyTask
from torch import Tensor, nn

from utils.data.qm9 import load_dense, tied_molecules
from utils.models.graph_vae import GraphVAE, GraphVAEConfig, exact_match
from utils.training import Recipe, load_checkpoint, read_manifest, train
from utils.training import loop as loop_module
from utils.training.optimizers import Muon, make_optimizers, orthogonalized
from utils.training.presets import find_preset
from utils.training.tasks.qm9_vae import HELD_OUT, QM9VAE


def made(preset: str, **arguments: int) -> QM9VAE:
    options = {"seed": 0, "epochs": None, "latent_channels": 1, **arguments}
    task = find_preset("qm9-vae", preset).make(argparse.Namespace(**options))
    assert isinstance(task, QM9VAE)
    return task


# ---------------------------------------------------------------- the task


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("molecules") / "run"
    train(made("smoke"), folder, command="smoke", accelerator="cpu", progress=False)
    return folder


def test_it_learns_and_measures_what_it_saved(smoke: Path) -> None:
    model, manifest = load_checkpoint(smoke)
    assert isinstance(model, GraphVAE)
    history = manifest["history"]
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    atoms, bonds = made("smoke").load_data().evaluation("test")
    assert len(atoms) == HELD_OUT
    with torch.no_grad():
        logits = model.decode(model.encode(atoms, bonds)[0])
    found_atoms, found_bonds = logits.most_likely()
    metrics = manifest["metrics"]
    slots = float((found_atoms == atoms).double().mean())
    assert metrics["test_slots"] == pytest.approx(slots, abs=1e-4)
    bonded = bonds > 0
    hits = [
        float((found[there] == true[there]).double().mean()) if bool(there.any()) else 1.0
        for found, true, there in zip(found_bonds, bonds, bonded, strict=True)
    ]
    assert metrics["test_bonds"] == pytest.approx(sum(hits) / len(hits), abs=1e-4)
    exact = float(exact_match(logits, atoms, bonds).double().mean())
    assert metrics["test_exact"] == pytest.approx(exact, abs=1e-3)


def test_the_parts_are_those_of_the_book_and_share_no_molecule() -> None:
    data = made("book").load_data()
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [110_165, HELD_OUT, HELD_OUT]
    for part, name in zip(parts[1:], ("validation", "test"), strict=True):
        assert torch.equal(part.index, load_dense(name).index[:HELD_OUT])
    numbers = torch.cat([part.index for part in parts])
    assert len(numbers.unique()) == len(numbers)
    rows = torch.tensor([5, 3])
    atoms, bonds = data.training_batch(rows, epoch=0)
    assert torch.equal(atoms, data.train.atoms[rows])
    assert torch.equal(bonds, data.train.bonds[rows])


def test_ranks_of_tied_atoms_change_with_the_epoch_and_only_where_needed() -> None:
    task = dataclasses.replace(
        made("smoke"), network=dataclasses.replace(made("smoke").network, tie_ranks=True)
    )
    data = task.load_data()
    rows = torch.arange(1_000)
    atoms, bonds, first = data.training_batch(rows, epoch=0)
    assert torch.equal(first, data.training_batch(rows, epoch=0)[2])
    assert torch.equal(first[[7, 3]], data.training_batch(torch.tensor([7, 3]), epoch=0)[2])
    second = data.training_batch(rows, epoch=1)[2]
    ambiguous = tied_molecules(atoms, bonds).ambiguous
    assert 0 < int(ambiguous.sum()) < 200
    assert not bool(first[~ambiguous].any() or second[~ambiguous].any())
    assert bool((first[ambiguous] != second[ambiguous]).any())
    other = dataclasses.replace(task, seed=1).load_data()
    assert not torch.equal(first, other.training_batch(rows, epoch=0)[2])
    for split in ("validation", "test"):  # the same for every seed
        assert torch.equal(data.evaluation(split)[2], other.evaluation(split)[2])  # type: ignore[arg-type]
    loss = task.loss(task.build_model(), data.training_batch(rows[:50], 0), 0.0)
    assert bool(loss.isfinite())


def test_the_checksum_depends_on_every_part() -> None:
    data = made("smoke").load_data()
    first = data.facts["checksum"]
    for name in ("train", "validation", "test"):
        part = getattr(data, name)
        other = dataclasses.replace(data, **{name: part[torch.arange(len(part)).roll(1)]})
        assert other.facts["checksum"] != first


def test_more_channels_change_the_decoder_and_the_name() -> None:
    assert made("book", latent_channels=1) == made("book")
    four = made("book", latent_channels=4)
    assert four.preset == "book-d4"
    assert four.recipe.epochs == 12
    assert made("book", latent_channels=4, epochs=3).recipe.epochs == 3
    model = four.build_model()
    assert isinstance(model, GraphVAE)
    assert model.config.latent_channels == 4
    assert model.config.decoder == "attention"
    assert made("paper", latent_channels=2).network.decoder == "layers"
    with pytest.raises(ValueError, match=r"latent_channels .* at least 1"):
        made("book", latent_channels=0).build_model()


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="beta must be a number of at least 0, not -1"):
        dataclasses.replace(made("book"), beta=-1)


@pytest.mark.parametrize(
    ("preset", "channels"), [("book", 1), ("book", 2), ("book", 4), ("paper", 1)]
)
def test_a_checkpoint_of_this_size_can_be_shipped(preset: str, channels: int) -> None:
    task = made(preset, latent_channels=channels)
    numbers = sum(p.numel() for p in task.build_model().parameters())
    assert numbers * (2 if task.recipe.storage == "float16" else 4) < 2_000_000


# ---------------------------------------------------------------- Muon


class Muonic(TinyNet):
    """A hidden matrix for Muon, and all else for AdamW."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(
            nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)
        )

    def hidden_matrices(self) -> list[Tensor]:
        return [self.layers[2].weight]  # type: ignore[list-item]


@dataclasses.dataclass(frozen=True)
class MuonTask(TinyTask):
    recipe: Recipe = dataclasses.field(
        default_factory=lambda: Recipe(
            epochs=4, batch_size=16, learning_rate=0.02, optimizer="muon", matrix_learning_rate=0.05
        )
    )

    def build_model(self) -> nn.Module:
        return Muonic(self.network)


def weights(folder: Path) -> dict[str, Tensor]:
    return safetensors.torch.load_file(folder / "tiny-points-seed0.safetensors")


def run(task: TinyTask, folder: Path, **options: float) -> None:
    train(task, folder, command="tiny", accelerator="cpu", progress=False, **options)  # type: ignore[arg-type]


def test_every_parameter_has_one_optimiser() -> None:
    for recipe in (MuonTask().recipe, TinyTask().recipe):
        model = Muonic(TinyConfig())
        held = [
            parameter
            for optimizer in make_optimizers(model, recipe)
            for group in optimizer.param_groups
            for parameter in group["params"]
        ]
        assert len(held) == len({id(p) for p in held})
        assert {id(p) for p in held} == {id(p) for p in model.parameters()}
    adamw, muon = make_optimizers(model, MuonTask().recipe)
    assert isinstance(muon, torch.optim.Muon)
    assert [id(p) for p in muon.param_groups[0]["params"]] == [id(model.layers[2].weight)]
    assert muon.param_groups[0]["lr"] == 0.05
    assert adamw.param_groups[0]["lr"] == 0.02


def test_a_run_with_muon_continues_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(MuonTask(), tmp_path / "whole")
    whole = weights(tmp_path / "whole")
    for _ in range(4):
        run(MuonTask(), tmp_path / "pieces", minutes=1e-6)
    pieces = weights(tmp_path / "pieces")
    for name, tensor in whole.items():
        assert torch.equal(tensor, pieces[name]), name
    # Negative control: without the state of the optimisers the weights are others.
    run(MuonTask(), tmp_path / "forgetful", minutes=1e-6)
    monkeypatch.setattr(loop_module, "load_optimizers", lambda *_: None)
    run(MuonTask(), tmp_path / "forgetful")
    assert not torch.equal(
        whole["layers.2.weight"], weights(tmp_path / "forgetful")["layers.2.weight"]
    )


def test_muon_moves_a_matrix_along_a_semi_orthogonal_one() -> None:
    """The first step is close to a rotation times the rate, whatever the size of the gradient."""
    model = Muonic(TinyConfig())
    recipe = dataclasses.replace(MuonTask().recipe, weight_decay=0.0)
    _, muon = make_optimizers(model, recipe)
    matrix = model.hidden_matrices()[0]
    before = matrix.detach().clone()
    matrix.grad = 1e-3 * torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    muon.step()
    sizes = torch.linalg.svdvals((matrix.detach() - before) / 0.05)
    assert bool((sizes > 0.5).all())
    assert bool((sizes < 1.5).all())


def after_steps(make: Any, steps: int = 4) -> list[Tensor]:
    """Return how far four matrices, two of one shape, move under the same gradients."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(8, 8), (8, 24), (24, 8), (8, 8)]
    starts = [torch.randn(shape, generator=draw) for shape in shapes]
    matrices = [nn.Parameter(start.clone()) for start in starts]
    muon = make(matrices, lr=0.05, weight_decay=0.1)
    for _ in range(steps):
        for matrix in matrices:
            matrix.grad = 1e-3 * torch.randn(matrix.shape, generator=draw)
        muon.step()
    return [m.detach() - start for m, start in zip(matrices, starts, strict=True)]


def test_muon_in_single_precision_does_what_that_of_pytorch_does() -> None:
    """They differ by the rounding of bfloat16, three digits; with plain momentum they do not."""
    theirs = after_steps(torch.optim.Muon)
    without_nesterov = after_steps(functools.partial(torch.optim.Muon, nesterov=False))
    for ours, same, other in zip(after_steps(Muon), theirs, without_nesterov, strict=True):
        assert (ours - same).norm() < 0.03 * same.norm()
        assert (ours - other).norm() > 0.06 * other.norm()


def test_muon_computes_in_the_precision_of_the_weights() -> None:
    """One step is the rate times an update that double precision confirms to six digits."""
    start = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    gradient = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    for make, single in ((Muon, True), (torch.optim.Muon, False)):
        matrix = nn.Parameter(start.clone())
        matrix.grad = gradient
        make([matrix], lr=0.05, weight_decay=0.0).step()
        update = orthogonalized(gradient.double()[None])[0] * 0.05 * (6 / 4) ** 0.5
        error = (start - matrix.detach() - update).norm() / update.norm()
        assert bool(error < 1e-5) is single


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 8, 24), (2, 24, 8)])
def test_orthogonalized_keeps_singular_vectors(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    found = orthogonalized(matrices)
    assert found.shape == matrices.shape
    for matrix, result in zip(matrices, found, strict=True):
        left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
        there = left.T @ result @ right.T  # diagonal if the vectors are kept
        assert (there - there.diagonal().diag()).abs().max() < 1e-4
        large = there.diagonal()[sizes > 0.05 * sizes.max()]
        assert bool(((large > 0.6) & (large < 1.3)).all())


def test_muon_needs_to_know_the_hidden_matrices(tmp_path: Path) -> None:
    task = dataclasses.replace(TinyTask(), recipe=MuonTask().recipe)
    with pytest.raises(ValueError, match="TinyNet cannot be trained with muon"):
        run(task, tmp_path / "run")


# ---------------------------------------------------------------- half precision


def test_weights_in_half_precision_are_the_measured_ones(tmp_path: Path) -> None:
    recipe = Recipe(epochs=4, batch_size=16, learning_rate=0.02)
    tasks = {
        storage: TinyTask(recipe=dataclasses.replace(recipe, storage=storage))
        for storage in ("float32", "float16")
    }
    for storage, task in tasks.items():
        run(task, tmp_path / storage)
    whole, half = weights(tmp_path / "float32"), weights(tmp_path / "float16")
    for name, tensor in whole.items():
        if tensor.is_floating_point():
            assert half[name].dtype == torch.float16
            assert torch.equal(half[name], tensor.to(torch.float16)), name
    model, manifest = load_checkpoint(tmp_path / "float16", model_class=TinyNet)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    points, labels = TinyTask().load_data().evaluation("test")
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(points), labels)
    assert manifest["metrics"]["test_loss"] == pytest.approx(float(loss), rel=1e-6)
    bytes_of = [read_manifest(tmp_path / s)["weights"]["bytes"] for s in ("float32", "float16")]
    assert bytes_of[1] < bytes_of[0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"optimizer": "sgd"}, "optimizer is one of 'adamw', 'muon'.*'sgd'"),
        ({"storage": "int8"}, "storage is one of 'float32', 'float16'.*'int8'"),
        ({"matrix_learning_rate": 0.0}, "matrix_learning_rate must be positive"),
    ],
)
def test_recipes_out_of_range_are_refused(change: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Recipe(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1, **change})


def test_the_default_shape_is_that_of_the_book() -> None:
    model = made("book").build_model()
    assert isinstance(model, GraphVAE)
    assert model.config == GraphVAEConfig()
