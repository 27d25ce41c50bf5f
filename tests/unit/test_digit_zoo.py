"""Milestones of a training, and the task of the zoo: its digits, its metrics, its presets."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from test_training import assert_same, run, weights, without_times
from tiny_task import TinyNet, TinyTask
from torch import Tensor

from utils.data.mnist import rotated
from utils.training import Recipe, load_checkpoint, read_manifest
from utils.training.checkpoint import stored_state
from utils.training.presets import EXPERIMENTS, ZOO, find_preset
from utils.training.run import Run
from utils.training.tasks.digit_zoo import DigitZoo, ZooData, shifted

# ---------------------------------------------------------------- milestones


def task(*milestones: int, **changes: Any) -> TinyTask:
    recipe = Recipe(epochs=4, batch_size=16, learning_rate=0.02, milestones=milestones)
    return TinyTask(recipe=dataclasses.replace(recipe, **changes))


@pytest.fixture(scope="module", params=["float32", "float16"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same training twice: with milestones, and without."""
    folder = tmp_path_factory.mktemp(request.param)
    result = run(task(1, 3, 9, storage=request.param), folder / "with")
    run(task(storage=request.param), folder / "without")
    return folder, result


def test_milestones_are_left_and_change_nothing(runs: Any) -> None:
    folder, result = runs
    names = [f"tiny-points-seed0-epoch{epoch}" for epoch in (1, 3)]
    assert [path.stem for path in result.milestones] == names
    found = {path.name for path in (folder / "with" / "milestones").iterdir()}
    assert found == {f"{name}.safetensors" for name in names}
    assert not (folder / "without" / "milestones").exists()
    assert_same(weights(folder / "with"), weights(folder / "without"))
    with_, without = (read_manifest(folder / name) for name in ("with", "without"))
    assert with_["metrics"] == without["metrics"]
    assert with_["recipe"]["milestones"] == [1, 3, 9]


def test_a_milestone_is_a_whole_checkpoint(runs: Any) -> None:
    folder, result = runs
    last = read_manifest(folder / "with")
    assert last["epoch"] == 4
    for path, epoch in zip(result.milestones, (1, 3), strict=True):
        model, manifest = load_checkpoint(path, model_class=TinyNet)
        assert manifest["epoch"] == epoch
        assert without_times(manifest["history"]) == without_times(last["history"][:epoch])
        assert manifest["command"] == last["command"]
        points, labels = TinyTask().load_data().evaluation("test")
        with torch.no_grad():
            right = (model(points).argmax(1) == labels).double().mean()
        assert manifest["metrics"]["test_accuracy"] == pytest.approx(float(right), abs=1e-12)
    first = read_manifest(result.milestones[0])["metrics"]
    assert first["test_loss"] > last["metrics"]["test_loss"]


def test_a_milestone_holds_the_weights_of_its_epoch(runs: Any, tmp_path: Path) -> None:
    """Compare with the state of a training that was stopped there."""
    _, result = runs
    stopped = tmp_path / "run"
    run(task(1, 3, 9), stopped, minutes=1e-6)
    state = safetensors.torch.load_file(stopped / "epoch-0001.safetensors")
    kept = safetensors.torch.load_file(result.milestones[0])
    for name, tensor in kept.items():
        assert torch.equal(state[f"model.{name}"].to(tensor.dtype), tensor), name


@pytest.mark.parametrize("victim", ["before the milestone", "after the milestone"])
def test_a_kill_at_a_milestone_loses_nothing(
    victim: str, runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = runs
    storage = read_manifest(folder / "with")["recipe"]["storage"]

    class KilledError(BaseException):
        pass

    from utils.training import checkpoint as checkpoint_module

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        if victim == "before the milestone":
            patch.setattr(checkpoint_module, "write_new", killed)
        else:
            patch.setattr(Run, "save_state", killed)
        with pytest.raises(KilledError):
            run(task(1, 3, storage=storage), tmp_path / "run")
    milestone = tmp_path / "run" / "milestones" / "tiny-points-seed0-epoch1.safetensors"
    assert milestone.exists() == (victim == "after the milestone")
    result = run(task(1, 3, storage=storage), tmp_path / "run")
    assert_same(weights(tmp_path / "run"), weights(folder / "with"))
    for path in result.milestones:
        there = safetensors.torch.load_file(folder / "with" / "milestones" / path.name)
        assert_same(safetensors.torch.load_file(path), there)
        load_checkpoint(path, model_class=TinyNet)


def test_milestones_of_the_user_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "milestones").mkdir()
    mine = tmp_path / "milestones" / "tiny-points-seed0-epoch3.safetensors"
    mine.write_text("mine")
    with pytest.raises(ValueError, match=r"epoch3\.safetensors exists and is not replaced"):
        run(task(1, 3), tmp_path)
    assert mine.read_text() == "mine"


def test_other_milestones_are_another_configuration(tmp_path: Path) -> None:
    run(task(1, 3), tmp_path / "run", minutes=1e-6)
    with pytest.raises(ValueError, match=r"recipe\.milestones is \[1, 3\] there and \[1\] here"):
        run(task(1), tmp_path / "run")


def test_runs_from_before_there_were_milestones_continue(tmp_path: Path) -> None:
    """A record of format 2, which lacks milestones and metrics, is brought up to date."""
    run(task(), tmp_path / "whole")
    run(task(), tmp_path / "run", minutes=1e-6)
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    assert record["format"] == 4
    record["format"] = 2
    del record["configuration"]["recipe"]["milestones"], record["metrics"]
    path.write_text(json.dumps(record))
    assert run(task(), tmp_path / "run").finished
    assert_same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
    path.write_text(json.dumps({**record, "format": 5}))
    with pytest.raises(ValueError, match="another version of the book"):
        run(task(), tmp_path / "run")


@pytest.mark.parametrize("milestones", [(0, 1), (2, 1), (1, 1), (1.0,), (True,), "12", 3])
def test_wrong_milestones_are_refused(milestones: Any) -> None:
    with pytest.raises(ValueError, match="milestones must be increasing whole numbers"):
        Recipe(epochs=4, batch_size=16, learning_rate=0.02, milestones=milestones)


def test_milestones_survive_json() -> None:
    recipe = task(1, 3).recipe
    assert Recipe(**json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


# ---------------------------------------------------------------- shifts


def test_shifted_is_a_roll_with_zeros_from_outside() -> None:
    images = torch.rand(5, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    shifts = torch.tensor([[0, 0], [1, 0], [0, -2], [-2, 2], [2, 1]])
    found = shifted(images, shifts)
    assert torch.equal(found[0], images[0])
    for image, result, (down, right) in zip(images, found, shifts.tolist(), strict=True):
        expected = torch.roll(image, (down, right), dims=(1, 2))
        if down:
            expected[:, slice(down) if down > 0 else slice(down, None)] = 0
        if right:
            expected[:, :, slice(right) if right > 0 else slice(right, None)] = 0
        assert torch.equal(result, expected)
    assert not torch.equal(found[1], shifted(images, -shifts)[1])  # the direction matters
    assert torch.equal(shifted(images, 0 * shifts), images)


@pytest.mark.parametrize(
    ("images", "shifts"),
    [
        (torch.zeros(3, 28, 28), torch.zeros(3, 2, dtype=torch.int64)),
        (torch.zeros(3, 1, 28, 28), torch.zeros(2, 2, dtype=torch.int64)),
        (torch.zeros(3, 1, 28, 28), torch.zeros(3, dtype=torch.int64)),
    ],
)
def test_wrong_shifts_are_refused(images: Tensor, shifts: Tensor) -> None:
    with pytest.raises(ValueError, match=r"images must have shape \(B, C, H, W\)"):
        shifted(images, shifts)


# ---------------------------------------------------------------- digits and metrics

SMALL: dict[str, Any] = {
    "source": "small",
    "training_size": 60,
    "validation_size": 20,
    "test_size": 30,
    "angles": "none",
    "seed": 4,
}
ONE = Recipe(epochs=1, batch_size=20, learning_rate=1e-2)


def zoo_task(**changes: Any) -> DigitZoo:
    return DigitZoo("x", ONE, **{**SMALL, **changes})


def test_digits_are_held_out_upright_and_turned() -> None:
    for angles in ("none", "fixed", "fresh"):
        data = zoo_task(angles=angles).load_data()
        assert isinstance(data, ZooData)
        upright, turned, labels = data.evaluation("test")
        assert torch.equal(upright, data.test.images)
        assert torch.equal(labels, data.test.labels)
        assert torch.equal(turned, rotated(data.test, seed=20240127).images)
        assert len(data.evaluation("validation")[1]) == 20
        assert data.facts["test_angles"] == "none, and once more fixed, seed 20240127"


def test_training_digits_are_augmented_as_the_task_says() -> None:
    rows = torch.tensor([3, 50, 7])
    none, fixed, fresh, both, moved = (
        zoo_task(**change).load_data()
        for change in (
            {},
            {"angles": "fixed"},
            {"angles": "fresh"},
            {"angles": "fresh", "shift": 2},
            {"shift": 2},
        )
    )

    def batches(data: ZooData) -> list[Tensor]:
        assert torch.equal(data.training_batch(rows, 0)[1], data.train.labels[rows])
        return [data.training_batch(rows, epoch)[0] for epoch in (0, 0, 1)]

    upright = none.train.images[rows]
    assert all(torch.equal(batch, upright) for batch in batches(none))
    once, again, later = batches(fixed)
    assert torch.equal(once, later)
    assert not torch.equal(once, upright)
    for data in (fresh, both, moved):
        once, again, later = batches(data)
        assert torch.equal(once, again)
        assert not torch.equal(once, later)
        # An example does not depend on its batch, and it does on the seed of the run.
        assert torch.equal(once[1:], data.training_batch(rows[1:], 0)[0])
        other = dataclasses.replace(data, seed=5)
        assert not torch.equal(once, other.training_batch(rows, 0)[0])
    assert not torch.equal(batches(fresh)[0], batches(both)[0])


def test_every_shift_up_to_the_largest_occurs() -> None:
    data = zoo_task(training_size=300, shift=2).load_data()
    rows = torch.arange(300)
    moved = data.training_batch(rows, 0)[0]
    found = set()
    for down in range(-3, 4):
        for right in range(-3, 4):
            candidates = shifted(data.train.images, torch.tensor([[down, right]]).expand(300, 2))
            if (candidates == moved).flatten(1).all(dim=1).any():
                found.add((down, right))
    assert found == {(a, b) for a in range(-2, 3) for b in range(-2, 3)}
    assert data.facts["training_shifts"] == "up to 2 pixels, new in every epoch"
    assert zoo_task().load_data().facts["training_shifts"] == "none"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"species": "cat"}, "species is one of 'cnn', 'mlp', 'mixer', 'vit', 'c8'"),
        ({"shift": -1}, "shift is from 0 to 13, but it is -1"),
        ({"shift": 2.0}, "shift is an integer"),
        ({"shift": 14}, "from 0 to 13, but it is 14"),
        ({"source": "protocol", "angles": "fixed"}, "cannot be measured upright"),
        ({"angles": "free"}, "angles is one of"),
    ],
)
def test_wrong_tasks_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        zoo_task(**change)
    with pytest.raises(ValueError, match="unknown field 'colour'"):
        zoo_task(network={"colour": 3}).build_model()


def test_the_smoke_preset_leaves_what_its_manifests_say(tmp_path: Path) -> None:
    smoke = find_preset("digit-zoo", "smoke").make(argparse.Namespace(seed=1, epochs=None))
    assert isinstance(smoke, DigitZoo)
    smoke = dataclasses.replace(smoke, training_size=100)
    result = run(smoke, tmp_path / "run")  # type: ignore[arg-type]
    assert [path.stem for path in result.milestones] == [
        f"digit-zoo-smoke-seed1-epoch{epoch}" for epoch in (1, 2)
    ]
    *views, labels = smoke.load_data().evaluation("test")
    for path in (*result.milestones, tmp_path / "run"):
        model, manifest = load_checkpoint(path, task="digit-zoo", preset="smoke")
        for name, images in zip(("upright", "turned"), views, strict=True):
            with torch.no_grad():
                right = (model(images).argmax(1) == labels).double().mean()
            assert manifest["metrics"][f"test_accuracy_{name}"] == pytest.approx(float(right))
    assert manifest["options"]["species"] == "cnn"
    assert manifest["options"]["training_shift"] == 2


# ---------------------------------------------------------------- presets


def made(name: str, seed: int = 0) -> DigitZoo:
    task = find_preset("digit-zoo", name).make(argparse.Namespace(seed=seed, epochs=None))
    assert isinstance(task, DigitZoo)
    return task


def test_the_table_of_the_zoo_is_what_can_be_trained() -> None:
    assert set(EXPERIMENTS["digit-zoo"].presets) == {"smoke", *ZOO}
    for name, seeds in ZOO.items():
        task = made(name, seed=7)
        assert (task.preset, task.seed) == (name, 7)
        assert 0 <= seeds <= 3
        # As many steps for each, or many more; and never a digit of the small set.
        steps = task.recipe.epochs * task.training_size
        assert steps >= 10 * 54_000 if name.endswith("-54000") else steps == 4 * 6_000
        assert task.source == "mnist"
        assert task.recipe.storage == "float16"
    assert made("maximum-upright-1500").training_size == 1_500
    assert made("maximum-both").angles == "fresh"
    assert made("maximum-both").shift == 2
    assert made("maximum-kernel7-rotation").network.kernel == 7
    assert made("vit-mean-upright").network.readout == "mean"


@pytest.mark.parametrize(
    "name", [name for name in ZOO if name.endswith("-upright") and not name.startswith("c8")]
)
def test_a_network_of_the_zoo_is_small(name: str) -> None:
    stored = stored_state(made(name).build_model(), torch.float16)
    assert sum(t.numel() * t.element_size() for t in stored.values()) <= 150_000


def test_networks_that_are_compared_differ_in_one_thing() -> None:
    base = made("maximum-upright")
    for name in ("maximum-wide-upright", "maximum-kernel5-upright", "blur-upright"):
        other = made(name)
        assert other.recipe == dataclasses.replace(base.recipe, milestones=())
        assert other.configuration() == base.configuration()
        assert other.network != base.network
    assert made("maximum-rotation").network == base.network
