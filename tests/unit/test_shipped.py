"""The checkpoints that come with the book: what they promise, and the folder that holds them."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from tiny_task import TinyConfig, TinyNet, TinyTask

from utils.data.mnist import Digits, load_small, rotated
from utils.data.qm9 import load_dense, random_tie_ranks, tied_molecules
from utils.models.baselines import negative_elbo
from utils.models.graph_vae import GraphVAE, exact_match
from utils.models.rotation_cnn import RotationCNN, RotationCNNConfig
from utils.training import (
    Recipe,
    load_checkpoint,
    mean_metric,
    read_manifest,
    save_checkpoint,
    shipped_checkpoints,
    train,
    untrained_model,
)
from utils.training import checkpoint as checkpoint_module
from utils.training.archive import FORMAT, pack, weights_checksum
from utils.training.checkpoint import SHARED, shipped_directory, stored_state
from utils.training.export import MANIFESTS, export, main, manifests_text
from utils.training.model_state import describe_model
from utils.training.presets import EXPERIMENTS, ZOO, find_preset
from utils.training.sweeps import SWEEPS
from utils.training.tasks.qm9_vae import HELD_OUT

SEEDS = (0, 1, 2)
SHIPPED = [f"rotated-mnist-c8-seed{seed}" for seed in SEEDS]
EVERYTHING = shipped_checkpoints()
LEAST_OF_THE_ZOO = 0.45
IMAGES = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))


# ---------------------------------------------------------------- what comes with the book


def parts_of(name: str) -> tuple[str, str, int, int | None]:
    """Return what the name of a checkpoint speaks of: task, preset, seed, and the milestone."""
    stem, _, numbers = name.rpartition("-seed")
    seed, _, epoch = numbers.partition("-epoch")
    task = next(task for task in EXPERIMENTS if stem.startswith(f"{task}-"))
    return task, stem.removeprefix(f"{task}-"), int(seed), int(epoch) if epoch else None


def options_of(task: str, preset: str) -> tuple[str, dict[str, int]]:
    """Split the name of a preset with codes of several numbers, such as ``book-d4``."""
    plain, _, channels = preset.rpartition("-d")
    if task == "qm9-vae" and channels.isdigit():
        return plain, {"latent_channels": int(channels)}
    return preset, {"latent_channels": 1} if task == "qm9-vae" else {}


def test_the_seeds_are_there_and_no_two_are_the_same() -> None:
    assert set(SHIPPED) <= set(EVERYTHING)
    digests = {read_manifest(name)["weights"]["sha256"] for name in EVERYTHING}
    assert len(digests) == len(EVERYTHING)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_network_of_the_book_is_right_for_99_of_100_test_digits(name: str) -> None:
    assert read_manifest(name)["metrics"]["test_accuracy"] >= 0.99


@pytest.mark.parametrize(
    ("preset", "digits", "least", "seconds"),
    [("c8-norm", 10_000, 0.991, 300), ("classic", 50_000, 0.990, 1000)],
)
def test_the_promises_of_the_presets_hold_as_a_mean_over_seeds(
    preset: str, digits: int, least: float, seconds: float
) -> None:
    names = [f"rotated-mnist-{preset}-seed{seed}" for seed in SEEDS]
    assert mean_metric(names, "test_accuracy")[0] >= least
    for name in names:
        manifest = read_manifest(name)
        assert manifest["data"]["test_digits"] == digits
        assert manifest["cpu_seconds"] <= seconds


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_shipped_checkpoint_is_what_it_says(name: str) -> None:
    task, preset, seed, milestone = parts_of(name)
    model, manifest = load_checkpoint(name, task=task, preset=preset)
    assert manifest["seeds"]["training"] == seed
    assert manifest["weights"]["bytes"] <= (2_000_000 if task == "qm9-vae" else 1_000_000)
    assert manifest["name"] == name
    epochs = milestone or manifest["recipe"]["epochs"]
    assert len(manifest["history"]) == epochs
    assert manifest.get("epoch", epochs) == epochs
    given, options = options_of(task, preset)
    command = f"python -m utils.training {task} --preset {given} --seed {seed}"
    if options.get("latent_channels", 1) > 1:
        command += f" --latent-channels {options['latent_channels']}"
    # On a machine without a GPU this word changes nothing; it says that there was none.
    assert manifest["command"].removesuffix(" --accelerator cpu") == command
    made = find_preset(task, given).make(argparse.Namespace(seed=seed, epochs=None, **options))
    recipe = Recipe(**manifest["recipe"])
    if made.recipe.precision == "native":  # a wish that is newer than these networks
        assert recipe.precision == "bf16-mixed"
        recipe = dataclasses.replace(recipe, precision="native")
    assert recipe == made.recipe
    built = describe_model(made.build_model())
    assert built == describe_model(model)
    # Fields that came later are not in the manifest; the others are as they were.
    assert manifest["model"]["config"].items() <= built.pop("config").items()
    assert built.items() <= manifest["model"].items()
    # Saved again it would be the same bytes.
    state = stored_state(model, getattr(torch, made.recipe.storage))
    assert weights_checksum(state) == manifest["weights"]["sha256"]
    text = json.dumps(manifest)
    assert not re.search(r'"[^"]*(?<![\w.])(/[a-z]+/|[A-Za-z]:\\)', text), "a machine path"


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name.startswith("rotated-mnist")])
def test_a_shipped_network_reads_digits_it_has_never_seen(name: str) -> None:
    """Turned digits, or upright ones where the network was trained on those."""
    digits = load_small()
    few = digits.take(torch.arange(0, len(digits), 5))
    if "upright" not in name:
        turned = rotated(few, seed=11)
        few = Digits(turned.images, turned.labels)
    model, _ = load_checkpoint(name)
    control = untrained_model(name, seed=1)
    with torch.no_grad():
        accuracy = [
            float((net(few.images).argmax(1) == few.labels).double().mean())
            for net in (model, control)
        ]
    assert accuracy[0] > (0.95 if "plain" in name else 0.975)
    assert accuracy[1] < 0.4


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name.startswith("digit-vae")])
def test_a_shipped_auto_encoder_describes_digits_it_has_never_seen(name: str) -> None:
    digits = load_small()
    images = rotated(digits.take(torch.arange(0, len(digits), 10)), seed=11).images
    found = []
    for net in (load_checkpoint(name)[0], untrained_model(name, seed=1)):
        with torch.no_grad():
            seen = net(images, torch.Generator().manual_seed(0))
            nats = negative_elbo(images, seen.logits, seen.mean, seen.log_variance)
        found.append(float(nats.mean()))
    assert found[0] < 130
    assert found[1] > 300


@pytest.mark.parametrize(
    ("preset", "seeds", "least"),
    [("book", SEEDS, 0.60), ("book-d2", [0], 0.97), ("book-d4", [0], 0.97)],
)
def test_every_long_run_rebuilds_the_molecules_that_it_promises(
    preset: str, seeds: Sequence[int], least: float
) -> None:
    """On 4,000 test molecules, by the manifest, and on 600 others in a new numbering."""
    others = load_dense("test", relabel_seed=5, progress=False)[HELD_OUT:][:600]
    ranks = random_tie_ranks(
        others.atoms,
        tied_molecules(others.atoms, others.bonds),
        generator=torch.Generator().manual_seed(0),
    )
    for seed in seeds:
        model, manifest = load_checkpoint(f"qm9-vae-{preset}-seed{seed}", task="qm9-vae")
        assert isinstance(model, GraphVAE)
        assert manifest["metrics"]["test_exact"] >= least
        assert manifest["metrics"]["test_slots"] >= 0.999
        with torch.no_grad():
            codes, _ = model.encode(
                others.atoms, others.bonds, ranks if model.config.tie_ranks else None
            )
            found = model.decode(codes)
        exact = float(exact_match(found, others.atoms, others.bonds).double().mean())
        assert exact == pytest.approx(manifest["metrics"]["test_exact"], abs=0.07)


ZOO_NAMES = [name for name in EVERYTHING if name.startswith("digit-zoo")]


def recipe_of(preset: str) -> Recipe:
    made = find_preset("digit-zoo", preset).make(argparse.Namespace(seed=0, epochs=None))
    return made.recipe


def test_the_zoo_is_complete_and_small() -> None:
    expected = set()
    for preset, seeds in ZOO.items():
        for seed in range(seeds):
            name = f"digit-zoo-{preset}-seed{seed}"
            marks = recipe_of(preset).milestones
            expected |= {name, *(f"{name}-epoch{epoch}" for epoch in marks)}
    assert set(ZOO_NAMES) == expected
    assert len(ZOO_NAMES) >= 120
    assert (shipped_directory() / "digit-zoo.safetensors").stat().st_size <= 8_000_000
    assert all(read_manifest(name)["weights"]["bytes"] <= 150_000 for name in ZOO_NAMES)


@pytest.mark.parametrize("name", [name for name in ZOO_NAMES if "-epoch" not in name])
def test_a_network_of_the_zoo_has_learned_its_digits(name: str) -> None:
    """On digits it has never seen, of the kind it was trained on, and far above chance there."""
    manifest = read_manifest(name)
    turned = manifest["options"]["training_angles"] != "none"
    found = manifest["metrics"]["test_accuracy_turned" if turned else "test_accuracy_upright"]
    assert found > LEAST_OF_THE_ZOO
    digits = load_small()
    few = digits.take(torch.arange(0, len(digits), 10))
    views = rotated(few, seed=11).images if turned else few.images
    model, _ = load_checkpoint(name)
    control = untrained_model(name, seed=1)
    with torch.no_grad():
        right = [
            float((net(views).argmax(1) == few.labels).double().mean()) for net in (model, control)
        ]
    # The small digits are a little easier, which shows most in networks that err often.
    assert abs(right[0] - found) < 0.04 + 0.3 * min(1 - found, 0.2)
    assert right[1] < 0.4


def test_milestones_of_the_zoo_are_on_the_way_to_the_last_epoch() -> None:
    for name in ZOO_NAMES:
        whole, _, epoch = name.partition("-epoch")
        if epoch:
            there, here = read_manifest(whole), read_manifest(name)
            assert here["history"] == there["history"][: int(epoch)]
            assert here["data"] == there["data"]
            assert here["metrics"] != there["metrics"]


def test_the_untrained_counterpart_is_the_network_before_training() -> None:
    first, again, other = (untrained_model(SHIPPED[0], seed=seed) for seed in (5, 5, 6))
    torch.manual_seed(5)
    fresh = RotationCNN(RotationCNNConfig()).eval()
    with torch.no_grad():
        codes = [net.encode(IMAGES) for net in (first, again, fresh, other)]  # type: ignore[operator]
    assert torch.equal(codes[0], codes[1])
    assert torch.equal(codes[0], codes[2])
    assert not torch.allclose(codes[0], codes[3])


def test_building_a_model_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    untrained_model(SHIPPED[0], seed=3)
    load_checkpoint(SHIPPED[0])
    assert torch.equal(before, torch.get_rng_state())


def test_the_mean_of_a_metric_over_seeds() -> None:
    values = torch.tensor([read_manifest(name)["metrics"]["test_accuracy"] for name in SHIPPED])
    mean, spread = mean_metric(SHIPPED, "test_accuracy")
    assert mean == pytest.approx(float(values.mean()), abs=1e-6)
    assert spread == pytest.approx(float(values.std()), abs=1e-6)
    with pytest.raises(ValueError, match="no metric 'beauty'"):
        mean_metric(SHIPPED, "beauty")
    with pytest.raises(ValueError, match="at least two"):
        mean_metric(SHIPPED[:1], "test_accuracy")


def test_a_copy_of_a_shipped_checkpoint_loads_by_its_path(tmp_path: Path) -> None:
    copy = Path(shutil.copy(shipped_directory() / f"{SHIPPED[0]}.safetensors", tmp_path))
    first, _ = load_checkpoint(SHIPPED[0])
    second, _ = load_checkpoint(copy)
    with torch.no_grad():
        assert torch.equal(first(IMAGES), second(IMAGES))
    mine = copy.rename(tmp_path / "mine.safetensors")
    with pytest.raises(ValueError, match="under the name of mine; rename the file"):
        load_checkpoint(mine)


# ---------------------------------------------------------------- the folder of the book


ZOO_FILE = "digit-zoo.safetensors"
TWO = ("digit-zoo-mlp-upright-seed0", "digit-zoo-c8-upright-seed0-epoch1")


def test_the_folder_holds_few_small_files_and_nothing_else() -> None:
    files = {path.name: path.stat().st_size for path in shipped_directory().iterdir()}
    shared = tuple(f"{task}-" for task in SHARED)
    own = {f"{name}.safetensors" for name in EVERYTHING if not name.startswith(shared)}
    files_of_many = {f"{task}.safetensors" for task in SHARED}
    assert files.keys() == {*own, *files_of_many, MANIFESTS, SWEEPS}
    assert len(files) <= 60
    assert all(size <= 2_000_000 for name, size in files.items() if name != ZOO_FILE)


def test_the_list_of_manifests_is_in_step() -> None:
    text = (shipped_directory() / MANIFESTS).read_text(encoding="utf-8")
    assert text == manifests_text(shipped_directory()), "run python -m utils.training.export"
    assert tuple(json.loads(text)) == EVERYTHING


def test_a_network_of_the_zoo_can_be_read_with_safetensors_alone() -> None:
    with safe_open(shipped_directory() / ZOO_FILE, "pt") as zoo:
        content = zlib.decompress(zoo.get_tensor(TWO[0]).numpy().tobytes())
    state = safetensors.torch.load(content)
    for name, tensor in load_checkpoint(TWO[0])[0].checkpoint_state().items():
        assert torch.equal(state[name].to(tensor.dtype), tensor)


def test_the_file_of_the_zoo_is_no_checkpoint_itself() -> None:
    for path in (shipped_directory() / ZOO_FILE, shipped_directory() / "digit-zoo"):
        with pytest.raises(ValueError, match=r"holds \d+ networks; load one of them by its name"):
            load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no checkpoint named 'digit-zoo'"):
        load_checkpoint("digit-zoo")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of the book, small, which names are looked up in."""
    found = tmp_path / "checkpoints"
    found.mkdir()
    for name in SHIPPED[:2]:
        shutil.copy(shipped_directory() / f"{name}.safetensors", found)
    with safe_open(shipped_directory() / ZOO_FILE, "pt") as zoo:
        for name in TWO:
            content = zlib.decompress(zoo.get_tensor(name).numpy().tobytes())
            (tmp_path / f"{name}.safetensors").write_bytes(content)
    export([tmp_path / f"{name}.safetensors" for name in TWO], found)
    monkeypatch.setattr(checkpoint_module, "shipped_directory", lambda: found)
    return found


def test_export_gathers_what_it_is_given(folder: Path, tmp_path: Path) -> None:
    assert shipped_checkpoints() == tuple(sorted((*TWO, *SHIPPED[:2])))
    listed = json.loads((folder / MANIFESTS).read_text(encoding="utf-8"))
    assert list(listed) == list(shipped_checkpoints())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # A new one in a file of its own; one of the zoo again.
    shutil.move(folder / f"{SHIPPED[0]}.safetensors", tmp_path)
    again = [tmp_path / f"{name}.safetensors" for name in (SHIPPED[0], TWO[1])]
    assert export(again, folder) == (SHIPPED[0], TWO[1])
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_export_takes_a_finished_run_with_its_milestones(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe(epochs=2, batch_size=16, learning_rate=0.02, milestones=(1,))
    options: dict[str, object] = {"command": "tiny", "accelerator": "cpu", "progress": False}
    run = tmp_path / "run"
    train(TinyTask(recipe=recipe), run, minutes=1e-6, **options)  # type: ignore[arg-type]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for wrong in (run, folder, tmp_path / "nothing"):
        assert main([str(wrong), "--into", str(folder)]) == 2
    assert "unfinished run" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    train(TinyTask(recipe=recipe), run, **options)  # type: ignore[arg-type]
    assert main([str(run), "--into", str(folder)]) == 0
    names = ["tiny-points-seed0", "tiny-points-seed0-epoch1"]
    assert capsys.readouterr().out.splitlines()[:2] == names
    assert [load_checkpoint(name, model_class=TinyNet)[1]["epoch"] for name in names] == [2, 1]
    assert set(names) < json.loads((folder / MANIFESTS).read_text(encoding="utf-8")).keys()


def test_export_writes_nothing_if_one_of_its_sources_is_damaged(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, other = (tmp_path / f"{name}.safetensors" for name in ("net", "other"))
    save_checkpoint(saved, TinyNet(TinyConfig()))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save_checkpoint(other, TinyNet(TinyConfig()))
    other.write_bytes(other.read_bytes()[:-1])
    assert main([str(saved), str(other), "--into", str(folder)]) == 2
    assert "other.safetensors is damaged" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_export_writes_nowhere_else_than_into_its_folder(folder: Path, tmp_path: Path) -> None:
    """Neither a name that a manifest claims nor that of the file of the zoo chooses the place."""
    state = TinyNet(TinyConfig()).checkpoint_state()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    for claimed, stem, sentence in (
        ("../outside", "net", "holds ../outside under the name of net"),
        ("digit-zoo", "digit-zoo", "name of a file that networks share"),
    ):
        source = tmp_path / "new" / f"{stem}.safetensors"
        source.parent.mkdir(exist_ok=True)
        facts = {"format": FORMAT, "name": claimed, "versions": {}}
        facts["model"] = {"class": "A", "config_class": "B", "config": {}}
        source.write_bytes(pack(state, facts, source.name))
        with pytest.raises(ValueError, match=sentence):
            export([source], folder)
        source.unlink()
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}


def exchange(folder: Path) -> None:
    """Give two networks each other's name."""
    first, second = (folder / f"{name}.safetensors" for name in SHIPPED[:2])
    content = first.read_bytes()
    shutil.copy(second, first)
    second.write_bytes(content)


def exchange_in_the_zoo(folder: Path) -> None:
    """Give two networks each other's name, in the file that they share."""
    tensors = safetensors.torch.load((folder / ZOO_FILE).read_bytes())
    names = dict(zip(TWO, reversed(TWO), strict=True))
    moved = {names[name]: tensor for name, tensor in tensors.items()}
    safetensors.torch.save_file(moved, folder / ZOO_FILE, {"networks": "2"})


def cut(folder: Path) -> None:
    """Lose half of the file of the zoo, of which the header stays."""
    content = (folder / ZOO_FILE).read_bytes()
    (folder / ZOO_FILE).write_bytes(content[: len(content) // 9])


def change(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    """Spoil the bytes of every network of the zoo."""
    tensors = safetensors.torch.load((folder / ZOO_FILE).read_bytes())
    spoilt = {name: spoil(tensor.numpy().tobytes()) for name, tensor in tensors.items()}
    moved = {n: torch.frombuffer(bytearray(b), dtype=torch.uint8) for n, b in spoilt.items()}
    safetensors.torch.save_file(moved, folder / ZOO_FILE, {"networks": "2"})


def flip(folder: Path) -> None:
    """Change one bit of the weights of every network of the zoo."""

    def last_bit(packed: bytes) -> bytes:
        content = bytearray(zlib.decompress(packed))
        content[-1] ^= 1
        return zlib.compress(content)

    change(folder, last_bit)


def flip_packed(folder: Path) -> None:
    """Change one bit of every network of the zoo as it is packed."""
    change(folder, lambda packed: packed[:-1] + bytes([packed[-1] ^ 1]))


def lengthen(folder: Path) -> None:
    """Put a byte after every network of the zoo."""
    change(folder, lambda packed: packed + b"0")


def swell(folder: Path) -> None:
    """Put more zeros in place of every network of the zoo than one network can have."""
    change(folder, lambda packed: zlib.compress(bytes(2**26 + 1)))


def spoil_the_header(folder: Path) -> None:
    """Change one bit of the header of the file of the zoo."""
    content = bytearray((folder / ZOO_FILE).read_bytes())
    content[8] ^= 1
    (folder / ZOO_FILE).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "names", "sentence"),
    [
        (exchange, SHIPPED[:2], "holds .* under the name of"),
        (exchange_in_the_zoo, TWO, "holds .* under the name of"),
        (cut, TWO, "is damaged"),
        (flip, TWO, "is damaged: its SHA-256 is .* train it with: python -m"),
        (flip_packed, TWO, "is damaged: Error"),
        (lengthen, TWO, "is damaged: it does not end"),
        (swell, TWO, "is damaged: it does not end"),
        (spoil_the_header, TWO, "is damaged: its header cannot be read"),
    ],
)
def test_a_damaged_folder_of_the_book_is_refused(
    damage: Callable[[Path], None], names: Sequence[str], sentence: str, folder: Path
) -> None:
    for name in names:
        load_checkpoint(name)
    damage(folder)
    for name in names:
        with pytest.raises(ValueError, match=sentence):
            load_checkpoint(name)


def test_a_network_that_is_missing_in_the_zoo_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint named 'digit-zoo-vit.*mlp-upright"):
        load_checkpoint("digit-zoo-vit-upright-seed0")
    (folder / ZOO_FILE).unlink()
    with pytest.raises(FileNotFoundError, match=f"no checkpoint named '{TWO[0]}'"):
        load_checkpoint(TWO[0])


def test_offsets_of_the_zoo_that_cannot_be_are_refused(folder: Path) -> None:
    content = (folder / ZOO_FILE).read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    for wrong in ([-8, 4], [5, 2], [0.5, 2], [1], None, {}):
        text = json.dumps({**header, TWO[0]: {"dtype": "U8", "data_offsets": wrong}}).encode()
        start = len(text).to_bytes(8, "little")
        (folder / ZOO_FILE).write_bytes(start + text + content[end:])
        with pytest.raises(ValueError, match=f"its entry {TWO[0]} cannot be read"):
            load_checkpoint(TWO[1])
