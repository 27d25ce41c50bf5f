"""The four IDX files of the full MNIST: found, verified, and fetched when asked for."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pooch

from utils.data.cache import (
    cache_directory,
    ensure_writable,
    notice,
    stand_in,
    writable_or_stand_in,
    write_atomically,
)

__all__ = ["MIRRORS", "MNIST_VARIABLE", "SHA256", "download", "find_folder", "read_idx"]

MNIST_VARIABLE = "MNIST_DIR"
"""Name of the environment variable that points to a folder with the full MNIST."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
"""Public copies of the MNIST files, tried in this order by :func:`download`."""

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the four files as published, after decompression.

Compressed copies differ from mirror to mirror; the bytes inside do not.
"""

_MAGIC = {3: 0x00000803, 1: 0x00000801}
_TIMEOUT_SECONDS = 30


def _downloaded() -> Path:
    """Return the folder of the download: in the cache, or in what stands in for it."""
    folder = cache_directory() / "mnist"
    other = None if folder.is_dir() else stand_in(folder)
    return other if other is not None and other.is_dir() else folder


def find_folder(directory: str | os.PathLike[str] | None) -> Path:
    """Find the folder of the full MNIST: the argument, ``MNIST_DIR``, or the download."""
    variable = os.environ.get(MNIST_VARIABLE, "").strip()
    if directory is None and not variable:
        folder = _downloaded()
        if not folder.is_dir():
            raise FileNotFoundError(
                f"the full MNIST is needed and is not here; set {MNIST_VARIABLE} to a folder "
                f"that holds its four IDX files, or call utils.data.mnist.download() once"
            )
        return folder
    named = MNIST_VARIABLE if directory is None else "directory"
    folder = Path(variable if directory is None else directory).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{named} names {folder}, which is not a folder; it must hold the four IDX files of "
            f"MNIST (or call utils.data.mnist.download())"
        )
    return folder


def read_idx(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    """Return the array in the MNIST file `name` of a folder, plain or compressed, verified."""
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        return _verify(plain.read_bytes(), name, str(plain))
    if packed.is_file():
        return _verify(_decompress(packed.read_bytes(), str(packed)), name, str(packed))
    raise FileNotFoundError(
        f"{folder} holds neither {name} nor {name}.gz; put the four IDX files of MNIST there, or "
        f"call utils.data.mnist.download()"
    )


def _decompress(content: bytes, where: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{where} is truncated or is not a gzip file; replace it by a fresh copy"
        ) from error


def _verify(content: bytes, name: str, where: str) -> npt.NDArray[np.uint8]:
    """Parse an uncompressed IDX file and check that it is the MNIST file `name`."""
    dimensions = 3 if "images" in name else 1
    header = 4 + 4 * dimensions
    expected = _MAGIC[dimensions]
    if len(content) < header or int.from_bytes(content[:4], "big") != expected:
        raise ValueError(
            f"{where} is not an IDX file of {'images' if dimensions == 3 else 'labels'}: it begins "
            f"with 0x{content[:4].hex() or '(nothing)'} instead of 0x{expected:08x}; replace it by "
            f"the MNIST file {name}"
        )
    shape = tuple(np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist())
    announced = header + int(np.prod(shape, dtype=object))
    if len(content) != announced:
        raise ValueError(
            f"{where} is truncated or too long: its header announces {announced} bytes and it has "
            f"{len(content)}; replace it by a fresh copy of the MNIST file {name}"
        )
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise ValueError(
            f"{where} is a sound IDX file but not MNIST's {name}: its SHA-256 differs (another "
            f"data set with the same file names?); replace it by the MNIST file"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def download(
    directory: str | os.PathLike[str] | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    progress: bool = True,
) -> Path:
    """Fetch the four MNIST files, check them, and return their folder.

    Nothing else in the project calls this. The mirrors are tried in order. What arrives is
    decompressed in memory and compared with the SHA-256 of the original, and only then is the
    file put in place, in one step. A file that is already there and verifies is not fetched again.

    Parameters
    ----------
    directory : path-like, optional
        Where to put the files (11 MB, compressed). By default a folder ``mnist`` in the cache
        folder of the project, or in what stands in for a read-only one, where
        :func:`~utils.data.mnist.load_full` finds them. In a folder that the caller chose, a wrong
        file with the name of an MNIST file is not replaced; it is an error.
    mirrors : sequence of str
        Addresses of folders that hold the four files with the ending ``.gz``.
    progress : bool
        Whether to show a progress bar for each file.
    """
    if isinstance(mirrors, str) or not mirrors:
        raise ValueError("mirrors must be a sequence of at least one address, such as MIRRORS")
    folder = _downloaded() if directory is None else Path(directory).expanduser()
    needed = []
    for name in SHA256:
        try:
            read_idx(folder, name)
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
        _store(folder / f"{name}.gz", _fetch(name, mirrors, progress))
        if directory is None:  # our own folder: a plain copy here can only be a damaged one
            (folder / name).unlink(missing_ok=True)
    return folder


def _store(path: Path, content: bytes) -> None:
    write_atomically(path, lambda stream: stream.write(content))


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
            _verify(_decompress(content, url), name, url)
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {error}")
            continue
        return content
    raise OSError(
        f"no mirror delivered {name} as MNIST published it; check the connection, or put the files "
        f"into a folder by hand and set {MNIST_VARIABLE} ({' | '.join(failures)})"
    )
