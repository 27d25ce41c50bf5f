"""Checkpoints: exact round trips, and refusals of everything that is not what it says."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import safetensors.torch
import torch
from tiny_task import TinyConfig, TinyNet
from torch import Tensor, nn

from utils.models.base import Network, NetworkConfig
from utils.models.baselines import PlainCNN
from utils.models.rotation_cnn import SO2CNN, RotationCNN, RotationCNNConfig
from utils.training import (
    load_checkpoint,
    read_manifest,
    save_checkpoint,
    untrained_model,
)
from utils.training.checkpoint import holds_checkpoint
from utils.training.model_state import describe_model

SMALL = RotationCNNConfig(group_order=4, widths=(2, 2, 3), copies=4, hidden=8)


def images(count: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def trained(config: RotationCNNConfig = SMALL) -> RotationCNN:
    """Take a few steps with evaluations between, so that filters and statistics change."""
    torch.manual_seed(3)
    model = RotationCNN(config)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        model.train()
        optimizer.zero_grad()
        labels = torch.arange(32) % 10
        nn.functional.cross_entropy(model(images(seed=step)), labels).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            model(images(4))
    return model


@pytest.fixture(scope="module")
def model() -> RotationCNN:
    return trained()


def forge(path: Path, manifest: object) -> None:
    """Put another manifest into a file, with the checksum that is right for it."""
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    metadata = {"manifest": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    path.write_bytes(safetensors.torch.save(safetensors.torch.load(path.read_bytes()), metadata))


@pytest.fixture
def saved(model: RotationCNN, tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, model, command="make net", task="rotated-mnist", preset="test")
    return path


# ---------------------------------------------------------------- exact round trips


@pytest.mark.parametrize("saved_in", ["train", "eval"])
@pytest.mark.parametrize("used_in", ["train", "eval"])
def test_the_round_trip_is_exact_in_both_modes(saved_in: str, used_in: str, tmp_path: Path) -> None:
    model = trained().train(saved_in == "train")
    save_checkpoint(tmp_path / "net", model)
    assert model.training == (saved_in == "train")
    loaded, _ = load_checkpoint(tmp_path / "net.safetensors")
    assert isinstance(loaded, RotationCNN)
    assert not loaded.training
    for one in (model, loaded):
        one.train(used_in == "train")
    with torch.no_grad():
        assert torch.equal(loaded(images()), model(images()))
        # Training mode has changed the running statistics, by the same amount in both.
        assert torch.equal(loaded.eval()(images()), model.eval()(images()))


def test_the_naive_way_of_loading_falls_into_the_trap(model: RotationCNN, tmp_path: Path) -> None:
    """Why ``checkpoint_state`` exists: e2cnn keeps stale filters, and the codes are wrong."""
    state = model.train().state_dict()
    naive = RotationCNN(SMALL).eval()
    result = naive.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    save_checkpoint(tmp_path / "net", model)
    careful, _ = load_checkpoint(tmp_path / "net.safetensors")
    with torch.no_grad():
        right = model.eval()(images())
        assert (naive(images()) - right).abs().max() > 0.01
        assert torch.equal(careful(images()), right)


def test_a_model_that_was_evaluated_before_loading_has_no_stale_filters(
    model: RotationCNN, saved: Path
) -> None:
    other = RotationCNN(SMALL).eval()
    other.load_checkpoint_state(safetensors.torch.load_file(saved))
    with torch.no_grad():
        assert torch.equal(other(images()), model.eval()(images()))


def test_a_network_from_elsewhere_makes_the_round_trip(tmp_path: Path) -> None:
    net = TinyNet(TinyConfig(width=5))
    net(torch.randn(16, 2))  # statistics of the batch norm
    save_checkpoint(tmp_path / "tiny", net.eval())
    loaded, manifest = load_checkpoint(tmp_path / "tiny.safetensors", model_class=TinyNet)
    points = torch.randn(7, 2)
    assert torch.equal(loaded(points), net(points))
    assert manifest["model"]["config"] == {"width": 5, "noisy": True}
    assert manifest["model"]["parameters"] == sum(p.numel() for p in net.parameters())


def test_the_manifest_says_where_the_weights_come_from(saved: Path) -> None:
    manifest = read_manifest(saved)
    assert manifest["command"] == "make net"
    assert manifest["name"] == "net"
    assert manifest["model"]["class"] == "utils.models.rotation_cnn.RotationCNN"
    assert manifest["model"]["config"]["widths"] == [2, 2, 3]
    # The weights are spoken of as a file without the manifest, which anyone can write.
    bare = safetensors.torch.save(safetensors.torch.load_file(saved))
    digest = hashlib.sha256(bare).hexdigest()
    assert manifest["weights"] == {"file": saved.name, "bytes": len(bare), "sha256": digest}
    assert set(manifest["versions"]) >= {"python", "torch", "e2cnn", "numpy", "utils"}


def test_a_class_is_named_by_the_package_that_offers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a manifest stays right when a class moves to another file of its room."""
    inner, outer = ModuleType("outer.inner"), ModuleType("outer")
    monkeypatch.setitem(sys.modules, "outer", outer)
    monkeypatch.setitem(sys.modules, "outer.inner", inner)
    kind = type("Net", (TinyNet,), {"__module__": "outer.inner"})
    assert describe_model(kind(TinyConfig()))["class"] == "outer.inner.Net"
    outer.Net = TinyNet  # type: ignore[attr-defined]
    assert describe_model(kind(TinyConfig()))["class"] == "outer.inner.Net"
    outer.Net = kind  # type: ignore[attr-defined]
    assert describe_model(kind(TinyConfig()))["class"] == "outer.Net"


def test_a_name_may_hold_dots(model: RotationCNN, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net-0.5", model)
    assert (tmp_path / "net-0.5.safetensors").exists()
    load_checkpoint(tmp_path / "net-0.5")


# ---------------------------------------------------------------- refusals


def test_nothing_is_overwritten(model: RotationCNN, saved: Path) -> None:
    before = saved.read_bytes()
    other = saved.with_name("other.safetensors")
    other.write_bytes(b"mine")
    for path in (saved, other):
        with pytest.raises(FileExistsError, match="is not replaced"):
            save_checkpoint(path, model)
    assert (saved.read_bytes(), other.read_bytes()) == (before, b"mine")
    assert sorted(saved.parent.iterdir()) == [saved, other]


def test_nothing_is_overwritten_on_a_disk_without_hard_links(
    model: RotationCNN, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match="is not replaced"):
        save_checkpoint(saved, model)
    save_checkpoint(saved.with_name("other"), model)
    load_checkpoint(saved.with_name("other"))
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 2


def test_a_file_that_cannot_be_written_is_named(saved: Path) -> None:
    with pytest.raises(OSError, match=re.escape(f"Cannot write {saved / 'net.safetensors'}: ")):
        save_checkpoint(saved / "net", TinyNet(TinyConfig()))


def test_of_several_that_write_at_once_one_succeeds_and_the_others_are_told(
    tmp_path: Path,
) -> None:
    """In threads, which share nothing here but the disk."""
    nets = [TinyNet(TinyConfig(width=width)) for width in (3, 4, 5, 6)]
    gate = threading.Barrier(len(nets))

    def save(net: TinyNet) -> object:
        gate.wait(60)
        try:
            return save_checkpoint(tmp_path / "net", net)["model"]["config"]["width"]
        except FileExistsError as error:
            return str(error)

    with ThreadPoolExecutor(len(nets)) as pool:
        found = list(pool.map(save, nets))
    (width,) = (answer for answer in found if isinstance(answer, int))
    assert sum("is not replaced" in str(answer) for answer in found) == 3
    _, manifest = load_checkpoint(tmp_path / "net", model_class=TinyNet)
    assert manifest["model"]["config"]["width"] == width
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_kill_while_writing_leaves_no_checkpoint(
    model: RotationCNN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("os.link", killed)
        with pytest.raises(KilledError):
            save_checkpoint(tmp_path / "net", model)
    assert not holds_checkpoint(tmp_path / "net", model)
    save_checkpoint(tmp_path / "net", model)
    assert holds_checkpoint(tmp_path / "net", model)


def test_a_changed_bit_in_any_byte_of_the_header_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net", TinyNet(TinyConfig()))
    path = tmp_path / "net.safetensors"
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    for position in (*range(end), *range(end, len(content), 7), len(content) - 1):
        spoiled = bytearray(content)
        spoiled[position] ^= 1 << position % 7
        path.write_bytes(spoiled)
        with pytest.raises(ValueError, match=r"is damaged|has no manifest") as caught:
            load_checkpoint(path, model_class=TinyNet)
        assert "\n" not in str(caught.value)
        assert not holds_checkpoint(path, TinyNet(TinyConfig()))
        if position >= end:
            read_manifest(path)  # which is whole


def test_changed_weights_name_the_command_that_makes_them(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged: its SHA-256 is .* train it with: make net"):
        load_checkpoint(saved)


@pytest.mark.parametrize("kept", [0, 5, 8, 300, -4000, -100, -1])
def test_a_truncated_file_is_refused(kept: int, saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(saved)


def test_bytes_behind_the_end_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(saved)


@pytest.mark.parametrize("exchanged", [False, True])
def test_weights_of_another_network_are_refused(exchanged: bool, saved: Path) -> None:
    """The checksum of the manifest matches; the weights or their shapes do not."""
    manifest = read_manifest(saved)
    if exchanged:
        save_checkpoint(saved.with_name("other"), trained(dataclasses.replace(SMALL, copies=5)))
        saved.write_bytes(saved.with_name("other.safetensors").read_bytes())
    else:
        manifest["model"]["config"]["copies"] = 5
    forge(saved, manifest)
    sentence = "its SHA-256 is" if exchanged else "does not fit the model its manifest names"
    with pytest.raises(ValueError, match=sentence):
        load_checkpoint(saved)


def test_a_checkpoint_of_the_older_form_is_refused(saved: Path) -> None:
    """Weights without metadata, and a manifest in a file beside them."""
    saved.with_suffix(".json").write_text(json.dumps(read_manifest(saved)))
    load_checkpoint(saved)  # a file that lies about changes nothing
    safetensors.torch.save_file(safetensors.torch.load_file(saved), saved)
    for read in (load_checkpoint, read_manifest, untrained_model):
        with pytest.raises(ValueError, match=r"has no manifest .* older form.* trained again"):
            read(saved)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04K\x01.", b"\xff" * 64, b"\0" * 64])
def test_what_is_no_safetensors_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(tmp_path / "net")


@pytest.mark.parametrize("text", ["[1]", '{"format": 1}', "3"])
def test_what_is_no_manifest_is_refused(text: str, saved: Path) -> None:
    forge(saved, text)
    with pytest.raises(ValueError, match="does not hold the manifest of a checkpoint"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 2}, "format 2"),
        ({"model": {"class": "os.system"}}, "not in utils.models"),
        ({"model": {"class": "utils.models.rotation_cnn.Rotor"}}, "does not have"),
        ({"model": {"class": "utils.models.rotation_cnn.plain_convolutions"}}, "not a model class"),
        ({"model": {"config_class": "Other"}}, "Other no RotationCNN can be built"),
        ({"model": {"config": {"colour": 1}}}, "cannot be used"),
        ({"model": {"config": {"group_order": 5}}}, "cannot be used: group_order"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    change: dict[str, object], sentence: str, saved: Path
) -> None:
    manifest = read_manifest(saved)
    for key, value in change.items():
        manifest[key] = {**manifest[key], **value} if isinstance(value, dict) else value
    forge(saved, manifest)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load_checkpoint(saved)


def test_a_checkpoint_of_another_preset_or_configuration_is_refused(saved: Path) -> None:
    load_checkpoint(saved, task="rotated-mnist", preset="test", config=SMALL)
    with pytest.raises(ValueError, match="of the preset 'test', but 'c8' was asked for"):
        load_checkpoint(saved, preset="c8")
    with pytest.raises(ValueError, match="of the task 'rotated-mnist', but 'qm9-vae'"):
        load_checkpoint(saved, task="qm9-vae")
    with pytest.raises(ValueError, match="copies is 4 there and 16 was asked for"):
        load_checkpoint(saved, config=RotationCNNConfig())


def test_a_checkpoint_of_another_class_is_refused(saved: Path) -> None:
    """Another class beside the configuration, one elsewhere, and what is no class of networks."""
    load_checkpoint(saved, model_class=RotationCNN)
    for load in (load_checkpoint, untrained_model):
        with pytest.raises(ValueError, match=r"a checkpoint of .*RotationCNN, .* no SO2CNN can be"):
            load(saved, model_class=SO2CNN)
        with pytest.raises(ValueError, match="RotationCNNConfig no PlainCNN can be built"):
            load(saved, model_class=PlainCNN)
        for wrong in (SMALL, RotationCNNConfig, "RotationCNN", nn.Linear(1, 1)):
            with pytest.raises(TypeError, match="model_class must be a class of networks"):
                load(saved, model_class=wrong)
    for wrong in ("c8", RotationCNNConfig, {"copies": 4}):
        with pytest.raises(TypeError, match="config must be the configuration of a network"):
            load_checkpoint(saved, config=wrong)


@dataclass(frozen=True)
class OwnConfig(NetworkConfig):
    """A configuration of a reader's."""

    width: int = 3


class OwnNet(Network):
    """A reader's network, which does not say again that its ``config`` is an OwnConfig."""

    def __init__(self, config: OwnConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(OwnConfig, config)
        self.scale = nn.Parameter(torch.ones(self.config.width))


def test_a_network_of_a_reader_comes_back(tmp_path: Path) -> None:
    """Its configuration stands beside it; in a function, where it is not found, that is said."""
    save_checkpoint(tmp_path / "own", OwnNet(OwnConfig(width=5)))
    loaded, _ = load_checkpoint(tmp_path / "own", model_class=OwnNet)
    assert loaded.config == OwnConfig(width=5)

    @dataclass(frozen=True)
    class InnerConfig(NetworkConfig):
        pass

    class InnerNet(Network):
        config: InnerConfig

    inner = InnerNet()
    inner.config = InnerConfig()
    save_checkpoint(tmp_path / "inner", inner)
    with pytest.raises(ValueError, match="from whose InnerConfig no InnerNet can be built"):
        load_checkpoint(tmp_path / "inner", model_class=InnerNet)


def test_missing_checkpoints_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint named 'nothing'.*c8-seed0"):
        load_checkpoint("nothing")
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="0 finished checkpoints"):
        load_checkpoint(tmp_path)


def test_a_model_without_configuration_is_refused(tmp_path: Path) -> None:
    bare = TinyNet(TinyConfig())
    del bare.config
    for wrong in (nn.Linear(1, 1), bare):
        with pytest.raises(TypeError, match=f"{type(wrong).__name__} cannot be saved"):
            save_checkpoint(tmp_path / "net", wrong)
    assert not list(tmp_path.iterdir())


def test_facts_that_are_not_json_are_refused_before_anything_is_written(
    model: RotationCNN, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="hold NaN or infinity"):
        save_checkpoint(tmp_path / "net", model, metrics={"accuracy": float("nan")})
    assert not list(tmp_path.iterdir())
