"""The training loop: what it learns, and what it keeps when it is killed, stopped or misused."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny_task import TinyConfig, TinyNet, TinyTask
from torch import Tensor, nn

from utils.data import mnist
from utils.training import (
    Recipe,
    TrainingResult,
    load_checkpoint,
    presets,
    read_manifest,
    train,
)
from utils.training import loop as loop_module
from utils.training.__main__ import command_of, main, make_parser
from utils.training.presets import EXPERIMENTS, Experiment, Preset, find_preset
from utils.training.run import Run
from utils.training.seeding import epoch_generator
from utils.training.task import Batch
from utils.training.tasks import digits as digits_module
from utils.training.tasks.digit_vae import DigitVAE
from utils.training.tasks.digit_zoo import DigitZoo
from utils.training.tasks.rotated_mnist import RotatedMNIST

SCRIPT = Path(__file__).with_name("tiny_task.py")


def run(task: TinyTask, output: Path, **options: Any) -> TrainingResult:
    return train(task, output, command="tiny", accelerator="cpu", progress=False, **options)


def start(
    output: Path, *words: str, environment: Mapping[str, str] = os.environ
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(output), *words],
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return errors


def weights(folder: Path) -> dict[str, Tensor]:
    return safetensors.torch.load_file(folder / "tiny-points-seed0.safetensors")


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def without_times(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in entry.items() if "seconds" not in k} for entry in history]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    result = run(TinyTask(), folder)
    assert result.finished
    assert result.epoch == 4
    return folder


def test_it_learns_and_leaves_a_checkpoint(reference: Path) -> None:
    manifest = read_manifest(reference)
    assert manifest["metrics"]["test_accuracy"] > 0.8
    losses = [entry["train_loss"] for entry in manifest["history"]]
    assert losses[-1] < 0.7 * losses[0]
    assert len(losses) == 4
    assert manifest["seeds"] == {"training": 0}
    assert manifest["data"] == {"checksum": "tiny"}
    assert {"torch", "e2cnn", "numpy", "utils"} <= manifest["versions"].keys()
    assert sorted(path.name for path in reference.iterdir()) == [
        "run.json",
        "tiny-points-seed0.safetensors",
    ]


def test_the_test_accuracy_is_that_of_the_saved_network(reference: Path) -> None:
    model, manifest = load_checkpoint(reference, model_class=TinyNet)
    points, labels = TinyTask().load_data().evaluation("test")
    with torch.no_grad():
        right = (model(points).argmax(1) == labels).double().mean()
    assert manifest["metrics"]["test_accuracy"] == pytest.approx(float(right), abs=1e-12)


def test_the_schedule_rises_and_falls(tmp_path: Path) -> None:
    recipe = Recipe(epochs=10, batch_size=16, learning_rate=0.02)
    history = run(TinyTask(recipe=recipe), tmp_path / "run").history
    rates = [entry["learning_rate"] for entry in history]
    assert max(rates) == pytest.approx(0.02, rel=0.02)
    assert rates.index(max(rates)) == 2  # after 30 % of the steps
    assert rates[-1] < 1e-5


def test_the_seed_decides_everything(reference: Path, tmp_path: Path) -> None:
    torch.manual_seed(12345)  # the global state must not matter
    run(TinyTask(), tmp_path / "same")
    assert_same(weights(reference), weights(tmp_path / "same"))
    run(TinyTask(seed=1), tmp_path / "other")
    other = safetensors.torch.load_file(tmp_path / "other" / "tiny-points-seed1.safetensors")
    assert not torch.equal(other["layers.0.weight"], weights(reference)["layers.0.weight"])


def test_training_leaves_the_global_random_state_and_threads_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    run(TinyTask(), tmp_path / "run")
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


# ---------------------------------------------------------------- killed, stopped, continued


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_weights(reference: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, "--kill-in-epoch", "2")
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    record = json.loads((folder / "run.json").read_text())
    assert record["epoch"] == 2
    assert record["status"] == "unfinished"
    with pytest.raises(FileNotFoundError, match="0 finished checkpoints"):
        load_checkpoint(folder, model_class=TinyNet)
    errors = finish(start(folder))
    assert "after epoch 2 of 4" in errors
    assert_same(weights(reference), weights(folder))
    assert without_times(read_manifest(folder)["history"]) == without_times(
        read_manifest(reference)["history"]
    )


def test_continuing_without_the_optimiser_would_be_noticed(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison above can fail: it does when a part of the state is forgotten."""
    run(TinyTask(), tmp_path / "run", minutes=1e-6)
    monkeypatch.setattr(loop_module, "load_optimizers", lambda *_: None)
    run(TinyTask(), tmp_path / "run")
    first, second = weights(reference), weights(tmp_path / "run")
    assert not torch.equal(first["layers.0.weight"], second["layers.0.weight"])


def test_the_time_limit_stops_after_an_epoch(
    reference: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    results = [run(TinyTask(), folder, minutes=1e-6) for _ in range(3)]
    assert [result.epoch for result in results] == [1, 2, 3]
    assert not any(result.finished for result in results)
    assert results[0].checkpoint is None
    assert "The time is up after epoch 1 of 4" in capfd.readouterr().err
    assert run(TinyTask(), folder).finished
    assert_same(weights(reference), weights(folder))


@pytest.mark.parametrize("victim", ["record", "checkpoint", "finished"])
def test_a_kill_between_two_writes_loses_nothing(
    victim: str, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop after the state but before the record, before and after the checkpoint."""

    class KilledError(BaseException):
        pass

    from utils.training import checkpoint as checkpoint_module

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    write = Run.write

    def write_until(self: Any, record: Any) -> None:
        if victim == "record" and record.epoch == 2:
            raise KilledError
        if victim == "finished" and record.status == "finished":
            raise KilledError
        write(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", write_until)
        if victim == "checkpoint":
            patch.setattr(checkpoint_module, "write_new", killed)
        with pytest.raises(KilledError):
            run(TinyTask(), tmp_path / "run")
    assert run(TinyTask(), tmp_path / "run").finished
    assert_same(weights(reference), weights(tmp_path / "run"))
    load_checkpoint(tmp_path / "run", model_class=TinyNet)
    assert not list((tmp_path / "run").glob("epoch-*"))


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(TinyTask(), folder, minutes=1e-6)
    state = folder / "epoch-0001.safetensors"
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    with pytest.raises(ValueError, match="missing or damaged"):
        run(TinyTask(), folder)
    assert state.read_bytes() == content


# ---------------------------------------------------------------- several processes


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Without batch norm and dropout, averaged gradients are those of the whole batch."""
    run(TinyTask(network=TinyConfig(noisy=False)), tmp_path / "one")
    folder, rows = tmp_path / "two", tmp_path / "rows"
    words = ("--devices", "2", "--plain", "--log-rows", str(rows))
    finish(start(folder, *words, "--minutes", "1e-6"))
    assert json.loads((folder / "run.json").read_text())["epoch"] == 1
    finish(start(folder, *words))
    one, two = weights(tmp_path / "one"), weights(folder)
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-4)
    first, second = read_manifest(tmp_path / "one"), read_manifest(folder)
    for metric, value in first["metrics"].items():
        assert second["metrics"][metric] == pytest.approx(value, abs=1e-3), metric
    for there, here in zip(first["history"], second["history"], strict=True):
        assert here["train_loss"] == pytest.approx(there["train_loss"], abs=1e-3)
    assert [entry["devices"] for entry in second["processes"]] == [2, 2]
    for epoch in range(4):
        shares = [
            [
                set(json.loads(line))
                for line in Path(f"{rows}-{rank}-{epoch}").read_text().splitlines()
            ]
            for rank in (0, 1)
        ]
        for mine, yours in zip(*shares, strict=True):
            assert len(mine) == len(yours) == 8
            assert not mine & yours
        assert set().union(*shares[0], *shares[1]) == set(range(160))


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"batch of 16 cannot be shared equally by 3"):
        run(TinyTask(), tmp_path / "run", devices=3)
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (TinyTask(seed=1), "seed is 0 there and 1 here"),
        (TinyTask(network=TinyConfig(width=9)), "model.width is 8 there and 9 here"),
        (
            TinyTask(recipe=Recipe(epochs=4, batch_size=16, learning_rate=0.01)),
            "recipe.learning_rate is 0.02 there and 0.01 here",
        ),
    ],
)
def test_a_run_of_another_configuration_is_refused(
    other: TinyTask, sentence: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    run(TinyTask(), folder, minutes=1e-6)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="another configuration") as caught:
        run(other, folder)
    assert sentence in str(caught.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_other_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(TinyTask(), tmp_path / "run", minutes=1e-6)
    from tiny_task import TinyData

    monkeypatch.setattr(TinyData, "facts", {"checksum": "changed"})
    with pytest.raises(ValueError, match="data is tiny there and changed here"):
        run(TinyTask(), tmp_path / "run")


def test_a_finished_run_is_refused(reference: Path) -> None:
    before = {path: path.read_bytes() for path in reference.iterdir()}
    with pytest.raises(ValueError, match="finished; choose another --output"):
        run(TinyTask(), reference)
    assert {path: path.read_bytes() for path in reference.iterdir()} == before


def test_an_unfinished_run_is_refused_without_resume(tmp_path: Path) -> None:
    run(TinyTask(), tmp_path / "run", minutes=1e-6)
    with pytest.raises(ValueError, match="unfinished run"):
        run(TinyTask(), tmp_path / "run", resume=False)


def test_a_checkpoint_of_the_user_is_not_replaced(reference: Path, tmp_path: Path) -> None:
    shutil.copy(reference / "tiny-points-seed0.safetensors", tmp_path)
    with pytest.raises(ValueError, match="is not replaced"):
        run(TinyTask(), tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(ValueError, match="is a file"):
        run(TinyTask(), tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"cannot write to the folder .* choose another --output"):
        run(TinyTask(), tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("text", ["{", "[]", '{"status": 1}'])
def test_a_damaged_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match="damaged"):
        run(TinyTask(), tmp_path)
    assert (tmp_path / "run.json").read_text() == text


def test_two_runs_in_one_folder_at_the_same_time_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    folder = tmp_path / "run"
    process = start(folder, "--pause", "0.5")
    try:
        deadline = time.monotonic() + 120
        while not (folder / "run.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(ValueError, match="another process is training"):
            run(TinyTask(), folder)
    finally:
        process.kill()
        process.communicate()
    assert run(TinyTask(), folder).finished


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_epoch(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the loss is nan in epoch 2; lower the learning rate"):
        run(TinyTask(spoil_in_epoch=1), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["epoch"] == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind here")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match="choose another --output"):
            run(TinyTask(), tmp_path / "run")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"devices": 0}, "devices is at least 1"),
        ({"accelerator": "abacus"}, "accelerator is one of"),
        ({"threads": 0}, "threads is at least 1"),
        ({"minutes": float("nan")}, "minutes must be"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        train(TinyTask(), tmp_path / "run", command="tiny", progress=False, **options)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 1.5},
        {"learning_rate": 0.0},
        {"weight_decay": -1.0},
        {"warmup": 1.0},
        {"clip": 0.0},
        {"precision": "16"},
    ],
)
def test_bad_recipes_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(Recipe(epochs=1, batch_size=1, learning_rate=0.1), **change)


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=161, learning_rate=0.1)
    with pytest.raises(ValueError, match="160 examples, fewer than one batch of 161"):
        run(TinyTask(recipe=recipe), tmp_path / "run")


# ---------------------------------------------------------------- recipe options


def test_mixed_precision_and_clipping_change_the_result_and_still_learn(
    reference: Path, tmp_path: Path
) -> None:
    for change in ({"precision": "bf16-mixed"}, {"clip": 0.1}):
        recipe = dataclasses.replace(TinyTask().recipe, **change)
        folder = tmp_path / next(iter(change))
        result = run(TinyTask(recipe=recipe), folder)
        assert result.metrics["test_accuracy"] > 0.8
        changed = weights(folder)["layers.0.weight"]
        assert changed.dtype == torch.float32
        assert not torch.equal(changed, weights(reference)["layers.0.weight"])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_model_trains_to_the_same_accuracy(tmp_path: Path) -> None:
    task = TinyTask(network=TinyConfig(noisy=False))
    plain = run(task, tmp_path / "plain")
    recipe = dataclasses.replace(task.recipe, compile=True)
    compiled = run(dataclasses.replace(task, recipe=recipe), tmp_path / "compiled")
    assert compiled.metrics["test_loss"] == pytest.approx(plain.metrics["test_loss"], abs=1e-3)
    assert weights(tmp_path / "compiled").keys() == weights(tmp_path / "plain").keys()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_what_another_set_of_instructions_compiled_is_not_used(tmp_path: Path) -> None:
    """Of PyTorch's own: code for narrow vectors, found by wide ones, corrupted the memory."""
    losses = []
    for capability in ("avx2", None):
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "stored")}
        environment.pop("ATEN_CPU_CAPABILITY", None)
        if capability:
            environment["ATEN_CPU_CAPABILITY"] = capability
        output = tmp_path / str(capability)
        ended = start(output, "--plain", "--compile", environment=environment)
        _, error = ended.communicate(timeout=300)
        assert ended.returncode == 0, error
        losses.append(read_manifest(output)["metrics"]["test_loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


# ---------------------------------------------------------------- what the machine does well


def native(**changes: Any) -> TinyTask:
    recipe = dataclasses.replace(TinyTask().recipe, precision="native", **changes)
    return TinyTask(recipe=recipe)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A machine whose abilities a test can set; they are in force when a training starts."""
    able = {"bfloat16": True, "compiler": True}
    monkeypatch.setattr(loop_module, "bfloat16_is_fast", lambda _: able["bfloat16"])
    monkeypatch.setattr(loop_module, "can_compile", lambda _: able["compiler"])
    return able


@pytest.mark.parametrize(("fast", "used"), [(True, "bf16-mixed"), (False, "32-true")])
def test_native_arithmetic_is_the_explicit_one_of_the_machine(
    fast: bool,
    used: str,
    machine: dict[str, bool],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    machine["bfloat16"] = fast
    run(native(), tmp_path / "native")
    said = capfd.readouterr().err
    assert said.count("bfloat16 is not fast on this machine") == (0 if fast else 1)
    recipe = dataclasses.replace(TinyTask().recipe, precision=used)
    run(TinyTask(recipe=recipe), tmp_path / "explicit")
    assert_same(weights(tmp_path / "native"), weights(tmp_path / "explicit"))
    manifest = read_manifest(tmp_path / "native")
    entry = {"from_epoch": 0, "devices": 1, "arithmetic": used, "compiled": False}
    assert manifest["processes"] == [entry]
    assert manifest["recipe"]["precision"] == "native"


def test_a_run_in_single_precision_goes_on_in_it(
    reference: Path, machine: dict[str, bool], tmp_path: Path
) -> None:
    """It ends where it would have ended, even where bfloat16 is fast."""
    machine["bfloat16"] = False
    run(native(), tmp_path / "run", minutes=1e-6)
    machine["bfloat16"] = True
    run(native(), tmp_path / "run")
    assert_same(weights(reference), weights(tmp_path / "run"))
    used = [entry["arithmetic"] for entry in read_manifest(tmp_path / "run")["processes"]]
    assert used == ["32-true", "32-true"]


def test_a_run_in_bfloat16_leaves_it_where_it_is_slow(
    machine: dict[str, bool], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(native(), tmp_path / "run", minutes=1e-6)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["processes"][-1]["arithmetic"] == "bf16-mixed"
    machine["bfloat16"] = False
    capfd.readouterr()
    run(native(), tmp_path / "run")
    said = capfd.readouterr().err
    assert "the run began in it and goes on in single precision" in said
    used = [
        (entry["from_epoch"], entry["arithmetic"])
        for entry in read_manifest(tmp_path / "run")["processes"]
    ]
    assert used == [(0, "bf16-mixed"), (1, "32-true")]


def test_the_same_machine_continues_in_bfloat16_to_the_same_weights(
    machine: dict[str, bool], tmp_path: Path
) -> None:
    assert machine["bfloat16"]
    run(native(), tmp_path / "whole")
    run(native(), tmp_path / "parts", minutes=1e-6)
    run(native(), tmp_path / "parts")
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_another_wish_for_arithmetic_is_another_configuration(tmp_path: Path) -> None:
    """As a run from before there was "native", which --precision continues."""
    recipe = dataclasses.replace(TinyTask().recipe, precision="bf16-mixed")
    run(TinyTask(recipe=recipe), tmp_path / "run", minutes=1e-6)
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    record["processes"] = [{"from_epoch": 0, "devices": 1}]  # as they were written then
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="precision is bf16-mixed there and native here"):
        run(native(), tmp_path / "run")
    run(TinyTask(recipe=recipe), tmp_path / "run")
    run(TinyTask(recipe=recipe), tmp_path / "whole")
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_machine_without_a_compiler_trains_without(
    reference: Path,
    machine: dict[str, bool],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    machine["compiler"] = False
    task = TinyTask(recipe=dataclasses.replace(TinyTask().recipe, compile=True))
    run(task, tmp_path / "run")
    assert capfd.readouterr().err.count("torch.compile does not work here") == 1
    assert_same(weights(reference), weights(tmp_path / "run"))
    manifest = read_manifest(tmp_path / "run")
    assert manifest["recipe"]["compile"] is True
    assert manifest["processes"][0]["compiled"] is False


@pytest.mark.slow
@pytest.mark.parametrize("speed", ["fast", "slow"])
def test_processes_share_one_arithmetic_and_only_one_speaks(
    speed: str, machine: dict[str, bool], tmp_path: Path
) -> None:
    fast = machine["bfloat16"] = speed == "fast"
    for devices in ("1", "2"):
        words = ("--plain", "--no-resume", "--native", speed, "--devices", devices)
        errors = finish(start(tmp_path / devices, *words))
        assert errors.count("bfloat16 is not fast") == (0 if fast else 1)
        (entry,) = read_manifest(tmp_path / devices)["processes"]
        assert entry["devices"] == int(devices)
        assert entry["arithmetic"] == ("bf16-mixed" if fast else "32-true")
    one, two = weights(tmp_path / "1"), weights(tmp_path / "2")
    # Sums in another order differ by rounding, which bfloat16 does after eight binary digits.
    rounding = torch.finfo(torch.bfloat16).eps if fast else 1e-5
    assert distance(one, two) < rounding

    recipe = dataclasses.replace(TinyTask().recipe, precision="native")
    network = dataclasses.replace(TinyTask().network, noisy=False)
    run(HalfTask(recipe=recipe, network=network), tmp_path / "half")
    assert distance(one, weights(tmp_path / "half")) > 4 * torch.finfo(torch.bfloat16).eps


def distance(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """The largest difference of two sets of weights, in units of the largest weight."""
    assert first.keys() == second.keys()
    differences = [(first[name] - second[name]).abs().max() for name in first]
    return float(max(differences) / max(weight.abs().max() for weight in first.values()))


class HalfTask(TinyTask):
    """What one of two processes would learn if they did not share their gradients."""

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        points, labels = batch
        return super().loss(model, (points[:8], labels[:8]), progress)


def test_generators_depend_on_every_argument() -> None:
    def draw(*arguments: int) -> float:
        return float(torch.rand((), generator=epoch_generator(*arguments)))

    assert draw(0, 1, 2) == draw(0, 1, 2)
    assert len({draw(*key) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]}) == 4


# ---------------------------------------------------------------- the command line


@pytest.fixture
def no_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("EQUIVARIANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("no_mnist")
def test_the_smoke_preset_from_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["rotated-mnist", "--preset", "smoke", "--seed", "3"]) == 0
    errors = capfd.readouterr().err
    assert "epoch 2/2" in errors
    assert "40/40" in errors  # the progress bar
    folder = tmp_path / "runs" / "rotated-mnist-smoke-seed3"
    model, manifest = load_checkpoint(folder, task="rotated-mnist", preset="smoke")
    assert manifest["command"] == ("python -m utils.training rotated-mnist --preset smoke --seed 3")
    assert str(tmp_path) not in json.dumps(manifest)
    assert manifest["metrics"]["test_accuracy"] > 0.3  # chance is 0.1
    task = find_preset("rotated-mnist", "smoke").make(_arguments(seed=3))
    images, labels = task.load_data().evaluation("test")
    with torch.no_grad():
        accuracy = float((model(images).argmax(1) == labels).double().mean())
    assert accuracy == pytest.approx(manifest["metrics"]["test_accuracy"], abs=1e-9)

    assert main(["rotated-mnist", "--preset", "smoke", "--seed", "3"]) == 2
    assert "finished; choose another --output" in capfd.readouterr().err
    words = ["--output", str(folder), "--epochs", "1", "--seed", "3"]
    assert main(["rotated-mnist", "--preset", "smoke", *words]) == 2
    assert "recipe.epochs is 2 there and 1 here" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("no_mnist")
def test_the_same_command_runs_on_two_processes(tmp_path: Path) -> None:
    """The steerable network, its batch norms and all, through the real command line."""
    command = [sys.executable, "-m", "utils.training", "rotated-mnist", "--preset", "smoke"]
    accuracy = []
    for devices in ("1", "2"):
        words = ["--devices", devices, "--accelerator", "cpu", "--output", f"run-{devices}"]
        done = subprocess.run(
            [*command, *words, "--epochs", "4", "--quiet"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("epoch 4/4") == 1  # one process speaks
        assert "batch/s" not in done.stderr
        manifest = read_manifest(tmp_path / f"run-{devices}")
        used = {"arithmetic": "32-true", "compiled": False}
        assert manifest["processes"] == [{"from_epoch": 0, "devices": int(devices), **used}]
        accuracy.append(manifest["metrics"]["test_accuracy"])
    assert accuracy[0] > 0.7
    # 500 digits: a standard error of 0.02 each, and batch norm sees half batches.
    assert accuracy[1] == pytest.approx(accuracy[0], abs=0.08)
    refused = subprocess.run(
        [*command, "--devices", "3", "--accelerator", "cpu"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "a batch of 50 cannot be shared equally by 3 processes" in refused.stderr


@pytest.mark.usefixtures("no_mnist")
def test_an_interrupt_from_the_keyboard_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop_module, "train", interrupted)
    assert main(["rotated-mnist", "--preset", "smoke"]) == 130
    assert "the same command continues" in capfd.readouterr().err


@pytest.mark.parametrize("wish", [None, "native", "bf16-mixed", "32-true"])
def test_the_command_line_chooses_the_arithmetic(wish: str | None) -> None:
    parser, options = make_parser("qm9-vae")
    words = ["qm9-vae", "--preset", "book", *([] if wish is None else ["--precision", wish])]
    arguments = parser.parse_args(words)
    task = find_preset("qm9-vae", "book").make(arguments)
    assert task.recipe.precision == (wish or "native")
    command = command_of(arguments, parser, options)
    expected = "python -m utils.training qm9-vae --preset book --seed 0"
    assert command == expected + ("" if wish is None else f" --precision {wish}")


def _arguments(**values: Any) -> Any:
    import argparse

    return argparse.Namespace(**{"epochs": None, "seed": 0, **values})


@pytest.mark.usefixtures("no_mnist")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "no task is named; choose one of: rotated-mnist"),
        (["rotated-mnits", "--preset", "small"], "unknown task 'rotated-mnits'"),
        (["rotated-mnist"], "no preset is named"),
        (["rotated-mnist", "--preset", "tiny"], "unknown preset 'tiny'"),
        (["rotated-mnist", "--preset", "small"], "MNIST_DIR"),
    ],
)
def test_wrong_names_get_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    errors = capfd.readouterr().err
    assert sentence in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--epochs", "0"], "the least is 1"),
        (["--seed", "-1"], "the least is 0"),
        (["--devices", "two"], "'two' is not a number"),
        (["--minutes", "0"], "too small"),
        (["--colour", "red"], "unrecognized arguments"),
        (["--download", "springs"], "--download takes names of networks and trains nothing"),
    ],
)
def test_wrong_options_get_one_sentence(
    words: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rotated-mnist", "--preset", "smoke", *words])
    assert caught.value.code == 2
    errors = capfd.readouterr().err
    assert sentence in errors
    assert errors.count("\n") == 1


def test_list_and_help_name_every_preset(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capfd.readouterr().out
    for name, experiment in EXPERIMENTS.items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        helped = capfd.readouterr().out
        assert ("--latent-channels" in helped) == (name == "qm9-vae")
        for preset in experiment.presets:
            assert f"{name} --preset {preset}" in listed
            assert preset in helped


def test_a_new_experiment_is_one_file_and_its_presets(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny task, which inherits nothing, trained from the command line: one entry is enough."""
    tiny = Experiment("points in the plane", {"points": Preset("a second", TinyTask)})
    monkeypatch.setattr(presets, "EXPERIMENTS", {**EXPERIMENTS, "tiny": tiny})
    words = ["tiny", "--preset", "points", "--accelerator", "cpu", "--quiet"]
    assert main([*words, "--output", str(tmp_path / "run")]) == 0
    assert_same(weights(reference), weights(tmp_path / "run"))
    manifest = read_manifest(tmp_path / "run")
    command = "python -m utils.training tiny --preset points --seed 0 --accelerator cpu"
    assert (manifest["task"], manifest["command"]) == ("tiny", command)
    assert main([*words, "--output", str(tmp_path / "other"), "--epochs", "1"]) == 0
    assert len(read_manifest(tmp_path / "other")["history"]) == 1


# ---------------------------------------------------------------- the digits of the presets


@pytest.mark.usefixtures("no_mnist")
def test_smoke_digits_do_not_overlap_and_do_not_depend_on_the_seed() -> None:
    preset = find_preset("rotated-mnist", "smoke")
    data = [preset.make(_arguments(seed=seed)).load_data() for seed in (0, 1)]
    parts = [data[0].train.images, data[0].validation.images, data[0].test.images]
    rows = [{image.numpy().tobytes() for image in part} for part in parts]
    assert [len(part) for part in parts] == [1000, 200, 500]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert data[0].facts["checksum"] == data[1].facts["checksum"]
    first, second = (one.evaluation("test")[0] for one in data)
    assert torch.equal(first, second)


@pytest.mark.usefixtures("no_mnist")
def test_fresh_rotations_change_with_the_epoch_and_nothing_else() -> None:
    fixed = find_preset("rotated-mnist", "smoke").make(_arguments()).load_data()
    fresh = dataclasses.replace(fixed, angles="fresh", _turned={})
    rows = torch.tensor([5, 900, 17])
    images, labels = fresh.training_batch(rows, 0)
    assert torch.equal(images, fresh.training_batch(rows, 0)[0])
    assert torch.equal(images[1:], fresh.training_batch(rows[1:], 0)[0])
    assert not torch.equal(images, fresh.training_batch(rows, 1)[0])
    assert torch.equal(labels, fresh.train.labels[rows])
    assert torch.equal(fixed.training_batch(rows, 0)[0], fixed.training_batch(rows, 1)[0])


@pytest.mark.usefixtures("no_mnist")
def test_upright_digits_are_not_turned_and_the_facts_say_so() -> None:
    turned = find_preset("rotated-mnist", "smoke").make(_arguments()).load_data()
    upright = dataclasses.replace(turned, angles="none", _turned={})
    rows = torch.tensor([5, 900, 17])
    assert torch.equal(upright.training_batch(rows, 3)[0], upright.train.images[rows])
    assert not torch.equal(turned.training_batch(rows, 3)[0], turned.train.images[rows])
    assert torch.equal(upright.evaluation("test")[0], upright.test.images)
    assert upright.facts["test_angles"] == upright.facts["training_angles"] == "none"
    assert turned.facts["test_angles"] != "none"


def test_protocol_parts_share_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.arange(60_000) % 10
    blank = torch.zeros(1, 1, 1, 1)

    def part(index: torch.Tensor) -> mnist.RotatedDigits:
        images = blank.expand(len(index), 1, 28, 28)
        return mnist.RotatedDigits(images, index % 10, torch.zeros(len(index)), index)

    def protocol(seed: int) -> tuple[mnist.RotatedDigits, mnist.RotatedDigits]:
        indices = mnist.protocol_indices(labels, 10_000, np.random.default_rng(seed))
        return part(indices[0]), part(indices[1])

    everything = mnist.Digits(blank.expand(60_000, 1, 28, 28), labels)
    monkeypatch.setattr(digits_module, "rotated_mnist_protocol", protocol)
    monkeypatch.setattr(digits_module, "load_full", lambda split: everything)
    data = find_preset("rotated-mnist", "classic").make(_arguments()).load_data()
    parts = [set(p.index.tolist()) for p in (data.train, data.validation, data.test)]
    assert [len(p) for p in parts] == [12_000, 3_000, 50_000]
    small = set(range(60_000)) - set(mnist.indices_without_small(labels).tolist())
    assert len(small) == 5_000
    assert not (parts[0] & parts[1])
    assert not (parts[0] & parts[2])
    assert not parts[1] & parts[2]
    assert not any(p & small for p in parts)
    assert data.training_size == 12_000
    assert data.facts["validation_digits"] == 3_000


@pytest.mark.usefixtures("no_mnist")
def test_protocol_digits_are_turned_once_more_only_when_fresh() -> None:
    smoke = find_preset("rotated-mnist", "smoke").make(_arguments()).load_data()
    turned = mnist.rotated(smoke.train, seed=5)
    data = digits_module.ProtocolData(turned, turned, turned, 0, "fixed")
    rows = torch.tensor([3, 800])
    assert torch.equal(data.training_batch(rows, 0)[0], turned.images[rows])
    assert torch.equal(data.evaluation("test")[0], turned.images)
    fresh = dataclasses.replace(data, angles="fresh")
    images, labels = fresh.training_batch(rows, 0)
    assert not torch.equal(images, turned.images[rows])
    assert not torch.equal(images, fresh.training_batch(rows, 1)[0])
    assert torch.equal(images, fresh.training_batch(rows, 0)[0])
    assert torch.equal(labels, turned.labels[rows])


@pytest.mark.parametrize("name", ["training_size", "facts", "training_batch", "evaluation"])
def test_what_both_ways_to_hold_digits_do_is_written_once(name: str) -> None:
    both = (digits_module.RotatedDigitsData, digits_module.ProtocolData)
    assert all(issubclass(kind, digits_module.TurnedDigits) for kind in both)
    assert not any(name in vars(kind) for kind in both)
    assert "shape" in str(digits_module.TurnedDigits.evaluation.__doc__)


SMALL_DIGITS = {
    "source": "small",
    "training_size": 60,
    "validation_size": 20,
    "test_size": 30,
    "angles": "fixed",
    "seed": 4,
}


def test_tasks_on_digits_share_their_settings() -> None:
    """The same words, the same lines in the manifest, the same digits."""
    recipe = Recipe(epochs=1, batch_size=20, learning_rate=1e-2)
    tasks = [kind("x", recipe, **SMALL_DIGITS) for kind in (RotatedMNIST, DigitVAE, DigitZoo)]
    lines = {
        "source": "small",
        "training_size": 60,
        "validation_size": 20,
        "test_size": 30,
        "training_angles": "fixed",
    }
    rows = torch.tensor([3, 50])
    expected = tasks[0].load_data()
    for task in tasks:
        assert isinstance(task, digits_module.DigitTask)
        assert list(task.configuration().items())[:5] == list(lines.items())
        found = task.load_data()
        assert found.facts["checksum"] == expected.facts["checksum"]
        assert torch.equal(found.training_batch(rows, 0)[0], expected.training_batch(rows, 0)[0])
    assert tasks[1].load_data().facts == expected.facts
    other = dataclasses.replace(tasks[1], training_size=61).load_data()
    assert other.facts != expected.facts


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "mnits"}, "source is one of 'mnist', 'small', 'protocol'.*'mnits'"),
        ({"angles": "free"}, "angles is one of 'fresh', 'fixed', 'none'.*'free'"),
        ({"source": "protocol", "angles": "none"}, "turned already"),
    ],
)
def test_settings_that_name_no_digits_are_refused(change: dict[str, Any], sentence: str) -> None:
    recipe = Recipe(epochs=1, batch_size=20, learning_rate=1e-2)
    for kind in (RotatedMNIST, DigitVAE, DigitZoo):
        with pytest.raises(ValueError, match=sentence):
            kind("x", recipe, **{**SMALL_DIGITS, **change})
