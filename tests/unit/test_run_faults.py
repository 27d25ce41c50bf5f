"""What a run does with files that are not its own, and with a record that is not true."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from tiny_task import TinyNet, TinyTask

from utils.data.cache import CACHE_VARIABLE
from utils.training import (
    TrainingResult,
    load_checkpoint,
    read_manifest,
    save_checkpoint,
    train,
)
from utils.training.archive import pack


def run(folder: Path, **options: Any) -> TrainingResult:
    return train(TinyTask(), folder, command="tiny", accelerator="cpu", progress=False, **options)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after its second epoch."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    for _ in range(2):
        run(folder, minutes=1e-6)
    assert json.loads((folder / "run.json").read_text())["epoch"] == 2
    return folder


def copied(stopped: Path, tmp_path: Path) -> Path:
    return shutil.copytree(stopped, tmp_path / "run")


# ---------------------------------------------------------------- files of others


@pytest.mark.parametrize("name", ["epoch-0001.safetensors", "epoch-12345.safetensors"])
def test_a_folder_with_states_and_no_record_is_refused(name, tmp_path):
    theirs = tmp_path / name
    theirs.write_bytes(b"mine")
    with pytest.raises(ValueError, match="exists and is not replaced"):
        run(tmp_path)
    assert theirs.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [theirs]


def test_only_recorded_states_are_deleted(stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    names = ("epoch-0009.safetensors", "epoch-0001.safetensors", "epoch-best.safetensors", "a.txt")
    for name in names:
        (folder / name).write_bytes(b"mine")
    assert run(folder).finished
    assert {path.name for path in folder.iterdir()} == {
        *names, "run.json", "tiny-points-seed0.safetensors"
    }  # fmt: skip
    assert all((folder / name).read_bytes() == b"mine" for name in names)


def test_what_a_kill_left_is_deleted_by_the_next_call(stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    record = json.loads((folder / "run.json").read_text())
    record["superseded"] = ["epoch-0001.safetensors"]
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "epoch-0001.safetensors").write_bytes(b"left over")
    run(folder, minutes=1e-6)
    assert [path.name for path in folder.glob("epoch-*")] == ["epoch-0003.safetensors"]


# ---------------------------------------------------------------- a record that is not true


def forget(*keys: str) -> Callable[[dict], None]:
    def change(record: dict) -> None:
        for key in keys:
            del record[key]

    return change


def say(**values: Any) -> Callable[[dict], None]:
    return lambda record: record.update(values)


FALSE: dict[str, tuple[Callable[[dict], None], str]] = {
    "no state": (say(state=None), "its epoch is 2, and its state is None"),
    "an earlier epoch": (say(epoch=1), "its epoch is 1, but its history has 2 entries"),
    "a later epoch": (say(epoch=3), "its epoch is 3, but its history has 2 entries"),
    "an epoch beyond the last": (say(epoch=99), "its epoch is 99 of 4"),
    "an epoch that is no number": (say(epoch="2"), "its epoch is '2' of 4"),
    "a shorter history": (lambda r: r["history"].pop(), "its history has 1 entries"),
    "another history": (lambda r: r["history"].reverse(), "its history has 2 entries"),
    "epoch and history": (
        lambda r: (r["history"].pop(), r.update(epoch=1)), "its state is epoch-0002.safetensors"
    ),
    "another state": (
        lambda r: r["state"].update(file="epoch-0001.safetensors"),
        "its epoch is 2, but its state is epoch-0001.safetensors",
    ),
    "a path": (lambda r: r["state"].update(file="../epoch-0002.safetensors"), "its state is"),
    "finished": (say(status="finished"), "it is finished after 2 of 4 epochs"),
    "another status": (say(status="done"), "its status is 'done'"),
    "what is deleted": (say(superseded=["../thesis.tex"]), "it would delete ../thesis.tex"),
    "no history": (forget("history"), "it lacks 'history'"),
    "no status": (forget("status"), "it lacks 'status'"),
    "no recipe": (lambda r: r["configuration"].pop("recipe"), "it lacks 'recipe'"),
    "no schedules": (say(schedulers=[]), "shorter"),
    "a schedule elsewhere": (
        lambda r: r["schedulers"][0].update(last_epoch=1), "a schedule is not where the epoch is"
    ),
    "no optimizers": (say(optimizers=[]), "damaged"),
    "a list": (lambda r: r.clear(), "it lacks 'format'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
def test_a_record_that_is_not_true_is_refused(name, stopped, tmp_path):
    change, why = FALSE[name]
    folder = copied(stopped, tmp_path)
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=r"run\.json is damaged.*cannot be continued") as caught:
        run(folder)
    assert why in str(caught.value)
    states = {path.name: path.read_bytes() for path in folder.glob("epoch-*")}
    assert states == {name: content for name, content in before.items() if "epoch" in name}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "<<<<<<< HEAD"])
def test_a_record_that_is_no_json_is_refused(text, stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    (folder / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        run(folder)


def test_a_record_of_the_format_before_is_continued(stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    record = json.loads((folder / "run.json").read_text())
    record["format"] = 3
    del record["superseded"]
    (folder / "run.json").write_text(json.dumps(record))
    assert run(folder).finished


# ---------------------------------------------------------------- checkpoints under their names


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(folder)
    return folder / "tiny-points-seed0.safetensors"


def test_a_checkpoint_under_the_name_of_another_seed_is_refused(checkpoint, tmp_path):
    load_checkpoint(checkpoint, model_class=TinyNet)
    renamed = shutil.copy(checkpoint, tmp_path / "tiny-points-seed1.safetensors")
    for read in (lambda: load_checkpoint(renamed, model_class=TinyNet),
                 lambda: load_checkpoint(tmp_path, model_class=TinyNet),
                 lambda: read_manifest(renamed)):  # fmt: skip
        with pytest.raises(
            ValueError, match="holds tiny-points-seed0 under the name of tiny-points-seed1"
        ):
            read()


def packed(path: Path, state: dict[str, torch.Tensor], facts: dict) -> Path:
    path.write_bytes(pack(state, facts, path.name))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.update(model="RotationCNN"),
        lambda facts: facts["model"].pop("config"),
        lambda facts: facts["model"].update(config=[8]),
        lambda facts: facts["model"].update({"class": 3}),
        lambda facts: facts.pop("versions"),
        lambda facts: facts.update(name=7),
    ],
)
def test_a_malformed_manifest_gets_a_sentence(change, checkpoint, tmp_path):
    manifest = read_manifest(checkpoint)
    state = safetensors.torch.load_file(checkpoint)
    facts = {key: value for key, value in manifest.items() if key != "weights"}
    good = packed(tmp_path / checkpoint.name, state, facts)
    load_checkpoint(good, model_class=TinyNet)
    change(facts)
    (tmp_path / "bad").mkdir()
    bad = packed(tmp_path / "bad" / checkpoint.name, state, facts)
    with pytest.raises(ValueError, match="does not hold the manifest of a checkpoint"):
        load_checkpoint(bad, model_class=TinyNet)


def test_weights_of_another_configuration_are_refused(checkpoint, tmp_path):
    manifest = read_manifest(checkpoint)
    facts = {key: value for key, value in manifest.items() if key != "weights"}
    facts["model"]["config"]["width"] = 16
    other = packed(tmp_path / checkpoint.name, safetensors.torch.load_file(checkpoint), facts)
    with pytest.raises(ValueError, match="does not fit the model its manifest names"):
        load_checkpoint(other, model_class=TinyNet)


# ---------------------------------------------------------------- one sentence for each


def test_a_full_disk_advises_another_output(tmp_path, monkeypatch):
    def full(content: dict) -> bytes:
        monkeypatch.setattr(os, "fsync", no_space)
        return save(content)

    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save = safetensors.torch.save  # of the state after the first epoch
    monkeypatch.setattr(safetensors.torch, "save", full)
    with pytest.raises(OSError, match="the disk is full") as caught:
        run(tmp_path / "run")
    assert "another --output" in str(caught.value)
    assert CACHE_VARIABLE not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_written(value, checkpoint, tmp_path):
    network, _ = load_checkpoint(checkpoint, model_class=TinyNet)
    with torch.no_grad():
        next(network.parameters())[0] = value
    with pytest.raises(ValueError, match=r"layers\.0\.weight holds NaN or infinity as torch"):
        save_checkpoint(tmp_path / "broken", network)
    assert not list(tmp_path.iterdir())


def test_weights_too_large_for_half_precision_are_not_written(checkpoint, tmp_path):
    network, _ = load_checkpoint(checkpoint, model_class=TinyNet)
    with torch.no_grad():
        next(network.parameters())[0] = 1e6
    with pytest.raises(ValueError, match=r"as torch\.float16"):
        save_checkpoint(tmp_path / "broken", network, dtype=torch.float16)
    save_checkpoint(tmp_path / "whole", network)


def test_facts_that_json_cannot_hold_get_a_sentence(checkpoint, tmp_path):
    network, _ = load_checkpoint(checkpoint, model_class=TinyNet)
    with pytest.raises(ValueError, match=r"the facts about a\.safetensors hold NaN or infinity"):
        save_checkpoint(tmp_path / "a", network, metrics={"accuracy": float("nan")})


def test_a_metric_that_is_not_finite_ends_the_run(tmp_path, monkeypatch):
    def metrics(self: TinyTask, model: TinyNet, batch: tuple) -> dict[str, torch.Tensor]:
        return {"loss": torch.full((len(batch[0]),), float("nan"))}

    monkeypatch.setattr(TinyTask, "metrics", metrics)
    with pytest.raises(ValueError, match="the validation loss is nan after epoch 1"):
        run(tmp_path / "run")


@pytest.mark.parametrize("seed", [2**63, 10**30, -1])
def test_a_seed_that_no_generator_takes_is_refused(seed, tmp_path):
    task = dataclasses.replace(TinyTask(), seed=seed)
    with pytest.raises(ValueError, match="the seed is from 0 to 9223372036854775807"):
        train(task, tmp_path / "run", command="tiny", accelerator="cpu", progress=False)
    assert not list(tmp_path.iterdir())
