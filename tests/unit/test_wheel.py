"""The helpers outside of the book: what the wheel holds, and what a project does with it alone.

The wheel is built and installed once, into a folder that comes before all others, far from the
repository. The release that it fetches networks from is a server on this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from release_server import Release, serving
from safetensors.torch import save

from book._tools.wheel import LIST, file_list, origin
from utils.claims import STRICT
from utils.data import cache
from utils.data.cache import CACHE_VARIABLE, cache_directory
from utils.data.download import Wanted
from utils.training import (
    checkpoint,
    download,
    download_checkpoints,
    load_checkpoint,
    read_manifest,
    shipped_checkpoints,
)
from utils.training.__main__ import main
from utils.training.archive import members, write_members
from utils.training.checkpoint import shipped_directory
from utils.training.download import URL_VARIABLE, addresses_of
from utils.training.export import export
from utils.training.shipped import SHARED, Listing, Shipped, in_cache

ROOT = Path(__file__).resolve().parents[2]
BUILT = cache_directory()
LARGEST = 2_000_000
NET = "digit-zoo-mlp-upright-seed0"
FILE = "digit-zoo.safetensors"


def build(folder: Path, **environment: str) -> Path:
    """Build the wheel as pip would, without asking any index for what builds it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "BOOK_REPOSITORY": "https://github.com/owner/name", **environment},
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(folder), str(wheel)], check=True)
    return folder


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    with serving(shipped_directory()) as server:
        yield server


@pytest.fixture
def environment(
    tmp_path: Path, installed: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder far from the repository, where processes take the installed helpers.

    Its cache, in ``cache``, is empty.
    """
    release.asked.clear()
    (tmp_path / "cache").mkdir()
    monkeypatch.chdir(tmp_path)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    places = {"PYTHONPATH": str(installed), CACHE_VARIABLE: str(tmp_path / "cache")}
    for name, value in {**STRICT, **threads, **places}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(URL_VARIABLE, release.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


@pytest.fixture
def without_networks(environment: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process in the place of the installed helpers; the folder of the cache."""
    folder = installed / "utils" / "checkpoints"
    for module in (checkpoint, download):
        monkeypatch.setattr(module, "shipped_directory", lambda: folder)
    return environment / "cache"


# ---------------------------------------------------------------- what is in it


def test_the_wheel_is_small_and_lists_what_it_leaves_out(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        listed = json.loads(archive.read(LIST))
        known = json.loads(archive.read("utils/checkpoints/manifests.json"))
    assert not [name for name in names if name.endswith(".safetensors")]
    assert {"utils/_claims.yml", "utils/checkpoints/manifests.json"} <= names
    sources = {
        path.relative_to(ROOT)
        for path in (ROOT / "utils").rglob("*")
        if path.is_file() and path.suffix != ".safetensors"
    }
    mine = {
        path.as_posix()
        for path in sources
        if not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    }
    missing = mine - names
    assert not missing  # scripts, styles and templates of figures among them
    assert listed["repository"] == "https://github.com/owner/name"
    content = {path.name: path.read_bytes() for path in shipped_directory().glob("*.safetensors")}
    assert listed["files"] == {
        name: {"bytes": len(held), "sha256": hashlib.sha256(held).hexdigest()}
        for name, held in content.items()
    }
    # Each network that the wheel knows is in the file that it would be looked for in.
    lies = {
        name: path.name
        for path in shipped_directory().glob("*.safetensors")
        for name in (members(path) if path.stem in SHARED else [path.stem])
    }
    shipped = Shipped(shipped_directory())
    assert {name: shipped.file_of(name) for name in known} == lies


def test_on_colab_the_wheel_brings_the_networks(tmp_path: Path) -> None:
    """The first cell asks for this one; whoever asks for something else is told."""
    with zipfile.ZipFile(build(tmp_path / "whole", BOOK_CHECKPOINTS="all")) as archive:
        files = {path.name for path in shipped_directory().iterdir()}
        assert {f"utils/checkpoints/{name}" for name in files} <= set(archive.namelist())
        assert LIST not in archive.namelist()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        build(tmp_path / "wrong", BOOK_CHECKPOINTS="some")
    assert b"BOOK_CHECKPOINTS is some; it is all, or not set." in caught.value.stderr


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_where_the_wheel_was_built_is_where_the_networks_are_fetched_from(tmp_path: Path) -> None:
    nowhere = {"repository": "", "commit": "", "tag": ""}
    assert origin(tmp_path, "0.1.0", {}) == nowhere
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://user:secret@github.com/owner/name.git")
    commit = git(tmp_path, "rev-parse", "HEAD")
    found = {"repository": "https://github.com/owner/name", "commit": commit, "tag": ""}
    # A workflow of another project that builds this one says nothing of ours.
    assert origin(tmp_path, "0.1.0", {"GITHUB_REPOSITORY": "other/work"}) == found
    git(tmp_path, "tag", "v0.1.0")
    assert origin(tmp_path, "0.1.0", {})["tag"] == "v0.1.0"
    assert origin(tmp_path, "0.2.0", {})["tag"] == ""
    fork = {"BOOK_REPOSITORY": "https://github.com/forker/name"}
    assert origin(tmp_path, "0.1.0", fork)["repository"] == fork["BOOK_REPOSITORY"]
    assert "secret" not in json.dumps(found)
    assert origin(tmp_path, "0.1.0", {"BOOK_REPOSITORY": "none"})["repository"] == ""
    with pytest.raises(ValueError, match=r"^BOOK_REPOSITORY is not the address of a repository"):
        origin(tmp_path, "0.1.0", {"BOOK_REPOSITORY": "https://github.com/owner"})


def test_a_part_of_a_checkout_makes_no_wheel(tmp_path: Path) -> None:
    folder = tmp_path / "utils" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "manifests.json").write_text(json.dumps({"a": {}, "zoo-b": {}, "a-c": {}}))
    many, one = folder / "zoo.safetensors", {"t": torch.zeros(2)}
    many.write_bytes(b"version https://git-lfs.example/spec/v1")
    with pytest.raises(ValueError, match=r"zoo\.safetensors is damaged: its header cannot be read"):
        file_list(tmp_path, "0.1.0", {})
    (folder / "a.safetensors").write_bytes(save(one))
    # A file that a name begins with is not the one that holds it: it may be of one, or of others.
    for held, lacking in (({"zoo-d": b""}, "zoo-b"), ({"zoo-b": b""}, "a-c")):
        write_members(many, held)
        with pytest.raises(ValueError, match=f"lacks the file of {lacking}: build from a whole"):
            file_list(tmp_path, "0.1.0", {})
    (folder / "a-c.safetensors").write_bytes(save(one))
    listed = json.loads(file_list(tmp_path, "0.1.0", {}))["files"]
    assert listed.keys() == {"a.safetensors", "a-c.safetensors", "zoo.safetensors"}
    assert listed["a-c.safetensors"]["bytes"] == len(save(one))


# ---------------------------------------------------------------- what a project does with it


@pytest.mark.usefixtures("environment")
def test_everything_but_weights_is_known_before_anything_is_fetched(
    release: Release, installed: Path
) -> None:
    code = f"""
import json, torch, utils
from utils.claims import ledger_path
from utils.training import load_checkpoint, read_manifest, shipped_checkpoints, untrained_model
try:
    load_checkpoint({NET!r})
except FileNotFoundError as error:
    said = str(error)
manifest = read_manifest({NET!r})
manifest["metrics"].clear()
shape = untrained_model({NET!r})(torch.zeros(2, 1, 28, 28)).shape
print(json.dumps([utils.__file__, str(ledger_path()), said, shipped_checkpoints(),
                  read_manifest({NET!r}), shape]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file, ledger, said, names, manifest, shape = json.loads(done.stdout)
    assert Path(file) == installed / "utils" / "__init__.py"
    assert Path(ledger) == installed / "utils" / "_claims.yml"
    assert f"python -m utils.training --download {NET} " in said
    assert "\n" not in said
    assert tuple(names) == shipped_checkpoints()
    stored = json.loads((shipped_directory() / "manifests.json").read_text(encoding="utf-8"))
    assert manifest == stored[NET]
    assert shape == [2, 10]
    assert release.asked == []


def test_networks_are_fetched_by_name_once(
    without_networks: Path, release: Release, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--list"]) == 0
    listed = capfd.readouterr().out
    assert "  springs: " in listed
    files = len(list(shipped_directory().glob("*.safetensors")))
    assert listed.count("fetched by --download") == files
    for _ in range(2):
        assert main(["--download", NET, "springs-trivial-*"]) == 0
        paths = [Path(line) for line in capfd.readouterr().out.splitlines()]
        assert [path.name for path in paths] == [FILE, "springs.safetensors"]
        for path in paths:
            assert path.is_relative_to(without_networks)
            assert path.read_bytes() == (shipped_directory() / path.name).read_bytes()
    assert [file for file, _ in release.asked] == [f"/{FILE}", "/springs.safetensors"]
    assert main(["--list"]) == 0
    assert capfd.readouterr().out.count("MB, here") == 2
    network, manifest = load_checkpoint(NET)
    assert manifest == read_manifest(NET)
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_network_that_was_spoilt_is_told_and_fetched_again(without_networks: Path) -> None:
    (path,) = download_checkpoints("digit-zoo", progress=False)
    load_checkpoint(NET)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\0")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # where clocks are coarse
    with pytest.raises(ValueError, match=r"is damaged: .* --download digit-zoo$"):
        load_checkpoint(NET)
    assert download_checkpoints("digit-zoo", progress=False) == (path,)
    assert path.read_bytes() == content
    load_checkpoint(NET)


@pytest.mark.usefixtures("without_networks")
def test_a_network_of_ones_own_is_never_taken_for_one_of_the_book(environment: Path) -> None:
    """One here that has the name of a network of the book is named as a path, or not loaded."""
    name = "rotated-mnist-c8-seed0"
    file = environment / f"{name}.safetensors"
    for make in (lambda: file.write_bytes(save({"t": torch.zeros(2)})), Path(name).mkdir):
        make()
        with pytest.raises(FileNotFoundError, match=f"are not on this .* --download {name} "):
            load_checkpoint(name)
    with pytest.raises(ValueError, match="has no manifest in its header"):
        load_checkpoint(f"./{name}.safetensors")  # this one is meant


def test_a_good_copy_comes_before_a_damaged_one_that_nobody_can_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's cache has become read-only, and the file was fetched to what stands in for it."""
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(cache, "_user_folder", lambda: tmp_path / "home")
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "temporary"))
    wanted = Wanted("net", 3, hashlib.sha256(b"abc").hexdigest())
    first = in_cache(wanted)
    assert first.is_relative_to(tmp_path / "home")
    second = cache.stand_in(first, make=True)
    assert second is not None
    for place, content in ((first, b"abX"), (second, b"abX")):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    assert in_cache(wanted) == first  # no better
    second.write_bytes(b"abc")
    assert in_cache(wanted) == second
    first.write_bytes(b"abc")
    os.utime(first, ns=(0, first.stat().st_mtime_ns + 1))  # where clocks are coarse
    assert in_cache(wanted) == first


@pytest.mark.usefixtures("without_networks")
@pytest.mark.parametrize(
    ("name", "address", "sentence"),
    [
        ("digit-zo", None, "no trained network is named 'digit-zo'"),
        (NET, "ftp://somewhere", "BOOK_CHECKPOINTS_URL is ftp://somewhere, which is not"),
        (NET, "file:///nowhere/at/all", "digit-zoo.safetensors could not be fetched; check"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_one_sentence(
    name: str,
    address: str | None,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if address is not None:
        monkeypatch.setenv(URL_VARIABLE, address)
    assert main(["--quiet", "--download", name]) == 2
    errors = capfd.readouterr().err
    assert errors.startswith(f"python -m utils.training: error: {sentence}")
    assert errors.count("\n") == 1


@pytest.mark.usefixtures("without_networks")
@pytest.mark.parametrize("option", ["--list", "--download"])
def test_a_cache_that_cannot_be_is_told_in_one_sentence(
    option: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody-at-all/cache")
    assert main([option]) == 2
    errors = capfd.readouterr().err
    assert errors.startswith(f"python -m utils.training: error: {CACHE_VARIABLE} is ~nobody-at-all")
    assert errors.count("\n") == 1


def installed_from(folder: Path, said: str | None) -> None:
    """Write what an installer leaves of a package, with what it says of its source."""
    about = folder / "interpreting_equivariant_representations-0.1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    name = "Name: interpreting-equivariant-representations"
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\n{name}\nVersion: 0.1.0\n")
    if said is not None:
        (about / "direct_url.json").write_text(said)


def test_addresses_follow_from_where_the_wheel_was_built(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The release of its own commit first; one of another commit holds other files."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    installed_from(tmp_path, None)
    home = "https://github.com/owner/name"
    release = f"{home}/releases/download/v0.1.0/{FILE}"
    raw = f"https://raw.githubusercontent.com/owner/name/0a1b/utils/checkpoints/{FILE}"
    assert addresses_of(Listing({}, "0.1.0", home, "0a1b", "v0.1.0"), FILE) == [release, raw]
    assert addresses_of(Listing({}, "0.1.0", home, "0a1b"), FILE) == [raw]
    for unknown in (Listing({}, "0.1.0"), Listing({}, "0.1.0", "https://host.org/a/b", "0a1b")):
        with pytest.raises(ValueError, match="does not know where the book is published; set BOOK"):
            addresses_of(unknown, FILE)
    monkeypatch.setenv(URL_VARIABLE, "https://class.org/networks/")
    assert addresses_of(Listing({}), FILE) == [f"https://class.org/networks/{FILE}"]


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/owner/the.name.git",
        "https://github.com/owner/the.name",
        "https://${TOKEN}@github.com/owner/the.name.git/",
        "ssh://git@github.com/owner/the.name.git",
    ],
)
def test_what_the_wheel_does_not_know_the_installer_says(
    remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel that uv built from a copy in its own cache knows the commit at most."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    vcs = {"vcs": "git", "commit_id": "0a1b"}
    installed_from(tmp_path, json.dumps({"url": remote, "vcs_info": vcs}))
    raw = "https://raw.githubusercontent.com/owner/the.name/{}/utils/checkpoints/" + FILE
    assert addresses_of(Listing({}, "0.1.0"), FILE) == [raw.format("0a1b")]
    assert addresses_of(Listing({}, "0.1.0", "", "2c3d"), FILE) == [raw.format("2c3d")]
    other = Listing({}, "0.1.0", "https://github.com/forker/name", "2c3d")
    assert "forker" in addresses_of(other, FILE)[0]


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[]",
        '{"url": "file:///somewhere", "dir_info": {}}',
        '{"url": "https://github.com/owner/name/archive/main.zip", "archive_info": {}}',
        '{"url": "https://host.org/owner/name", "vcs_info": {"commit_id": "0a1b"}}',
        '{"url": "https://evil.org/github.com/owner/name", "vcs_info": {"commit_id": "0a1b"}}',
        '{"url": null, "vcs_info": {"commit_id": "0a1b"}}',
    ],
)
def test_an_installer_that_names_no_repository_on_github_is_not_believed(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    installed_from(tmp_path, said)
    with pytest.raises(ValueError, match="does not know where the book is published; set BOOK"):
        addresses_of(Listing({}, "0.1.0", "", "2c3d"), FILE)


def test_a_checkout_has_everything_and_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1")
    paths = download_checkpoints()
    assert set(paths) == set(shipped_directory().glob("*.safetensors"))


def test_an_installation_without_networks_keeps_its_list(installed: Path) -> None:
    folder = installed / "utils" / "checkpoints"
    before = (folder / "manifests.json").read_bytes()
    with pytest.raises(ValueError, match="belongs to an installation without the networks"):
        export([], folder)
    assert (folder / "manifests.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("chapter", "networks"),
    [
        ("01_latent_codes_that_mislead", "rotated-mnist-c8-seed?"),
        ("08_graph_vae", "qm9-vae-book-seed?"),
    ],
)
def test_a_chapter_runs_outside_of_the_repository(
    chapter: str, networks: str, environment: Path, installed: Path
) -> None:
    """Its claims hold by the ledger of the wheel, with networks that were fetched."""
    for path in BUILT.glob("*.npz*"):  # the molecules are not to be prepared again
        (environment / "cache" / path.name).symlink_to(path)
    notebook = nbformat.read(ROOT / "chapters" / f"{chapter}.ipynb", as_version=4)
    first = f"import utils.training; utils.training.download_checkpoints({networks!r})"
    last = "import utils, utils.claims; print(utils.__file__, utils.claims.ledger_path(), sep='|')"
    cells = [nbformat.v4.new_code_cell(code) for code in (first, last)]
    notebook.cells = [cells[0], *notebook.cells, cells[1]]
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": "."}}
    )
    client.execute()
    said = cells[1].outputs[0]["text"].strip().split("|")
    assert [Path(one) for one in said] == [
        installed / "utils" / "__init__.py",
        installed / "utils" / "_claims.yml",
    ]
    assert len(list((environment / "cache" / "checkpoints").glob("*/*.safetensors"))) == 3
