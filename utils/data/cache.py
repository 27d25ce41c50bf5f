"""Where derived data are kept, and how they are kept honest.

A cache file is *derived*: it can always be built again from an installed package or
from files that the user named. That makes one rule possible, and this module keeps it:
**a cache file is used only if its SHA-256 matches, and is built again otherwise.**

Three small pieces are enough:

* :func:`write_atomically` writes to a temporary file in the same folder, flushes it to
  the disk and renames it. A reader sees the old file or the new one, never half of it.
* :func:`write_verified` then writes the checksum beside it, as ``NAME.sha256``. The
  checksum comes last: a process killed between the two writes leaves a file without a
  checksum, or with the checksum of its predecessor, and neither verifies.
* :func:`read_verified` returns the bytes that were checked, so that what is parsed is
  what was verified.

:func:`load_or_build` puts them together. Two processes that build the same file at the
same time do the work twice and write the same bytes, because builds are deterministic;
whoever reads in between finds a file that verifies or builds it a third time.

Notices ("building the cache", "the cache is damaged") go to standard error through
:func:`notice`, which keeps a progress bar intact. They are not warnings: nothing is
wrong with the reader's code. They are not log records either: a notebook without a
logging configuration would hide them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs
from tqdm import tqdm

__all__ = [
    "CACHE_VARIABLE",
    "CacheError",
    "cache_directory",
    "ensure_writable",
    "load_or_build",
    "notice",
    "read_verified",
    "sha256_of",
    "write_atomically",
    "write_verified",
]

CACHE_VARIABLE = "EQUIVARIANCE_CACHE"
"""Name of the environment variable that overrides the cache folder."""

_APPLICATION = "interpreting-equivariant-representations"
_STALE_SECONDS = 3600.0
_BLOCK = 1 << 20


class CacheError(OSError):
    """A file or folder could not be written; the message is one sentence for the reader."""


def cache_directory() -> Path:
    """Return the folder for derived data, without creating it.

    Returns
    -------
    pathlib.Path
        The folder named by the environment variable ``EQUIVARIANCE_CACHE`` if it is set
        and not empty, otherwise the user's cache folder for this project, as the
        operating system defines it.
    """
    override = os.environ.get(CACHE_VARIABLE, "").strip()
    if override:
        return Path(override).expanduser().absolute()
    return Path(platformdirs.user_cache_dir(_APPLICATION, appauthor=False))


def notice(message: str) -> None:
    """Tell the reader something on standard error, without breaking a progress bar.

    Parameters
    ----------
    message : str
        One line of text.
    """
    tqdm.write(message, file=sys.stderr)
    sys.stderr.flush()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in blocks.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
        The checksum in lower case.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _explain(error: OSError, path: Path) -> CacheError:
    """Turn an operating system error into one sentence that says what to do."""
    folder = path.parent
    elsewhere = f"set {CACHE_VARIABLE} to a folder with space that you may write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = f"Cannot write {path}: the disk is full; free some space or {elsewhere}."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        text = f"Cannot write {path}: the folder {folder} is read-only; {elsewhere}."
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        text = f"Cannot write {path}: {folder} is not a folder, or not in one; {elsewhere}."
    elif error.errno == errno.EISDIR:
        text = f"Cannot write {path}: a folder of that name is in the way; move it or {elsewhere}."
    else:
        text = f"Cannot write {path}: {error.strerror or error}; {elsewhere}."
    explained = CacheError(text)
    explained.errno = error.errno
    return explained


def _temporary_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def _flush_folder(folder: Path) -> None:
    """Make a rename durable where the system can flush folders (elsewhere do nothing)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(path: Path) -> None:
    """Delete temporary files of `path` that a killed process left over an hour ago."""
    limit = time.time() - _STALE_SECONDS
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime < limit:
                leftover.unlink()


def ensure_writable(directory: str | os.PathLike[str]) -> None:
    """Create a folder if needed and check that a file can be written there.

    Call it before a long computation whose result is to be stored: the reader then
    learns about a read-only folder in a moment and not at the end.

    Parameters
    ----------
    directory : path-like
        The folder. Its parents are created as well.

    Raises
    ------
    CacheError
        If the folder cannot be made or written to, or the disk is full.
    """
    probe = _temporary_beside(Path(directory) / "probe")
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        with open(probe, "xb") as stream:
            stream.write(b"\0")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise _explain(error, Path(directory) / "…") from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def write_atomically(
    path: str | os.PathLike[str], write: Callable[[BinaryIO], None], *, overwrite: bool = True
) -> str:
    """Write a file so that readers see all of it or nothing.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and
    take the name `path` in one step. Whatever goes wrong, the temporary file is removed
    and a file that stood at `path` before stays as it was.

    Parameters
    ----------
    path : path-like
        The file to write. Its folder is created if needed.
    write : callable
        Called once with a binary stream, open for writing and reading, that can seek.
    overwrite : bool
        Whether a file that is already there may be replaced.

    Returns
    -------
    str
        The SHA-256 of the file that was written.

    Raises
    ------
    CacheError
        If the folder is read-only, the disk is full, or a folder stands at `path`.
    FileExistsError
        If `overwrite` is false and `path` exists; raised before anything is written.
    """
    path = Path(path)
    if not overwrite and path.exists():
        raise FileExistsError(
            f"{path} exists and is not replaced; choose another name or move it away."
        )
    temporary = _temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        with open(temporary, "x+b") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        digest = sha256_of(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _flush_folder(path.parent)
    return digest


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def write_verified(path: str | os.PathLike[str], write: Callable[[BinaryIO], None]) -> str:
    """Write a file atomically, and then its checksum as ``NAME.sha256`` beside it.

    Parameters
    ----------
    path : path-like
        The file to write.
    write : callable
        Called once with a binary stream, as in :func:`write_atomically`.

    Returns
    -------
    str
        The SHA-256 of the file.

    Raises
    ------
    CacheError
        As in :func:`write_atomically`.

    Notes
    -----
    The order matters. A kill before the second write leaves the new file with no
    checksum or with the old one; both fail in :func:`read_verified`.
    """
    path = Path(path)
    digest = write_atomically(path, write)
    line = f"{digest}  {path.name}\n".encode()

    def write_line(stream: BinaryIO) -> None:
        """Write the line of the sidecar."""
        stream.write(line)

    write_atomically(_sidecar(path), write_line)
    return digest


def read_verified(path: str | os.PathLike[str]) -> bytes | None:
    """Return the bytes of a file if they match the checksum stored beside it.

    Parameters
    ----------
    path : path-like
        A file that :func:`write_verified` wrote.

    Returns
    -------
    bytes or None
        The content that was verified, or None if the file or its checksum is missing,
        cannot be read, or does not match.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        stored = _sidecar(path).read_bytes()[:64]
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == stored else None


def load_or_build(
    path: str | os.PathLike[str], build: Callable[[], Callable[[BinaryIO], None]], *, what: str
) -> bytes:
    """Return the verified content of a cache file, and build the file first if need be.

    Parameters
    ----------
    path : path-like
        The cache file. Put a version of the format into its name.
    build : callable
        Called with nothing if there is no file that verifies. It computes the content,
        deterministically, and returns the function that writes it to a binary stream.
    what : str
        What the file holds, for the notices, as in ``"QM9 graphs"``.

    Returns
    -------
    bytes
        The content of the file, its checksum verified in this call.

    Raises
    ------
    CacheError
        If the file has to be built and cannot be written. The folder is tried before
        the computation starts.
    """
    path = Path(path)
    content = read_verified(path)
    if content is not None:
        return content
    ensure_writable(path.parent)
    if path.exists():
        notice(f"The cache of {what} at {path} is damaged or incomplete; building it again.")
    else:
        notice(f"Building the cache of {what}, once, at {path} ({CACHE_VARIABLE} moves it).")
    write_verified(path, build())
    content = read_verified(path)
    if content is None:
        raise CacheError(
            f"{path} does not read back as it was written; check the disk, or set "
            f"{CACHE_VARIABLE} to a folder on another one."
        )
    return content
