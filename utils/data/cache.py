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

**When the user's cache folder cannot be written to** (a read-only home, or none at all), a
folder of the user's own in the system's folder for temporary files stands in for it; see
:func:`writable_or_stand_in`. A folder that ``EQUIVARIANCE_CACHE`` names has no stand-in.

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
import stat
import sys
import tempfile
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
    "explained",
    "load_or_build",
    "notice",
    "private_folder",
    "read_verified",
    "sha256_of",
    "stand_in",
    "writable_or_stand_in",
    "write_atomically",
    "write_verified",
]

CACHE_VARIABLE = "EQUIVARIANCE_CACHE"
"""Name of the environment variable that overrides the cache folder."""

_APPLICATION = "interpreting-equivariant-representations"
_STALE_SECONDS = 3600.0


class CacheError(OSError):
    """A file or folder could not be written; the message is one sentence for the reader."""


def cache_directory() -> Path:
    """Return the folder for derived data, without creating it.

    It is the folder named by the environment variable ``EQUIVARIANCE_CACHE`` if that is set
    and not empty, otherwise the user's cache folder for this project, as the operating system
    defines it. For a user without a home it is :func:`private_folder`, which is created.
    """
    override = os.environ.get(CACHE_VARIABLE, "").strip()
    if override:
        try:
            return Path(override).expanduser().absolute()
        except RuntimeError as error:
            raise CacheError(
                f"{CACHE_VARIABLE} is {override}, and there is no such home folder; give the "
                f"whole path."
            ) from error
    folder = _user_folder()
    return private_folder() if folder is None else folder


def _user_folder() -> Path | None:
    """Return the user's cache folder, or None for a user without a home."""
    folder = Path(platformdirs.user_cache_dir(_APPLICATION, appauthor=False))
    return folder if folder.is_absolute() else None  # without a home "~" stays as it is


def private_folder(*, make: bool = True) -> Path:
    """Return this user's own folder among the temporary files, or refuse it.

    Its name can be foreseen, so that later processes find it, and so that anyone on the
    machine could have made it first and filled it with files whose checksums agree. It is
    used only if it is a real folder, ours, and closed to everyone else; otherwise a
    :class:`CacheError` says so. On Windows the folder for temporary files belongs to the user
    already.

    Parameters
    ----------
    make : bool
        Whether to make it if it is not there.
    """
    elsewhere = f"set {CACHE_VARIABLE} to a folder that you may write to"
    try:
        parent = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise CacheError(f"There is no folder for temporary files; {elsewhere}.") from error
    user = str(os.getuid()) if hasattr(os, "getuid") else ""
    folder = parent / f"{_APPLICATION}-{user}".rstrip("-")
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise explained(error, folder / "…") from error
    ours = not user or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    if not (stat.S_ISDIR(found.st_mode) and ours):
        raise CacheError(
            f"{folder} is not used, because it is not a folder of yours that is closed to other "
            f"users; remove it, or {elsewhere}."
        )
    return folder


def stand_in(path: str | os.PathLike[str], *, make: bool = False) -> Path | None:
    """Return what stands in for a file or folder of the user's cache among temporary files.

    Parameters
    ----------
    path : path-like
        The cache folder, or something in it. It need not exist.
    make : bool
        Whether to make the folder for temporary files if it is not there, or say why not.

    Returns
    -------
    pathlib.Path or None
        The path in :func:`private_folder`. None if `path` is not in the user's cache folder, or if
        ``EQUIVARIANCE_CACHE`` is set: a folder that someone chose is not replaced by another.
        Unless `make` is true, also None if the folder is not there or is not safe.
    """
    folder = _user_folder()
    if os.environ.get(CACHE_VARIABLE, "").strip() or folder is None:
        return None
    try:
        inner = Path(path).relative_to(folder)
    except ValueError:
        return None
    try:
        return private_folder(make=make) / inner
    except CacheError:
        if make:
            raise
        return None


def notice(message: str) -> None:
    """Tell the reader one line on standard error, without breaking a progress bar."""
    tqdm.write(message, file=sys.stderr)
    sys.stderr.flush()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def explained(error: OSError, path: Path, elsewhere: str | None = None) -> CacheError:
    """Turn what the system says of a file that cannot be written into a sentence on what to do.

    Parameters
    ----------
    error : OSError
        What the system says.
    path : pathlib.Path
        The file.
    elsewhere : str, optional
        What to advise about the folder; by default, to choose another cache.

    Examples
    --------
    >>> str(explained(OSError(errno.ENOSPC, ""), Path("a.bin"), "choose another folder"))
    'Cannot write a.bin: the disk is full; free some space or choose another folder.'
    """
    folder = path.parent
    elsewhere = elsewhere or f"set {CACHE_VARIABLE} to a folder with space that you may write to"
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
    result = CacheError(text)
    result.errno = error.errno
    return result


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
    """Create a folder, with its parents, if needed, and check that a file can be written there.

    Call it before a long computation whose result is to be stored: the reader then
    learns about a read-only folder in a moment and not at the end.
    """
    probe = _temporary_beside(Path(directory) / "probe")
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        with open(probe, "xb") as stream:
            stream.write(b"\0")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise explained(error, Path(directory) / "…") from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def writable_or_stand_in(directory: str | os.PathLike[str]) -> Path:
    """Return a folder if a file can be written there, and otherwise what stands in for it.

    The folder, or :func:`stand_in` of it, is created if needed. A full disk is an error all the
    same: that passes, and a cache for good is worth some space.
    """
    directory = Path(directory)
    try:
        ensure_writable(directory)
    except CacheError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        other = stand_in(directory, make=True)
        if other is None:
            raise
        ensure_writable(other)
        return other
    return directory


def write_atomically(
    path: str | os.PathLike[str],
    write: Callable[[BinaryIO], object],
    *,
    overwrite: bool = True,
    elsewhere: str | None = None,
) -> str:
    """Write a file so that readers see all of it or nothing, and return its SHA-256.

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
        Whether a file that is already there may be replaced; if not, it is an error, also where
        another process writes it at the same time.
    elsewhere : str, optional
        What errors advise to do about a folder that cannot be written to; by default, to choose
        another cache.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    taken = not overwrite and path.exists()
    try:
        if not taken:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path)
            with open(temporary, "x+b") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            digest = sha256_of(temporary)
            if overwrite:
                os.replace(temporary, path)
            else:
                taken = not _put_where_nothing_is(temporary, path)
    except OSError as error:
        raise explained(error, path, elsewhere) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    if taken:
        raise FileExistsError(
            f"{path} exists and is not replaced; choose another name or move it away."
        )
    _flush_folder(path.parent)
    return digest


def _put_where_nothing_is(temporary: Path, path: Path) -> bool:
    """Give a file its name unless that is taken; return whether it has it now."""
    try:
        os.link(temporary, path)  # which, unlike a rename, replaces nothing
    except FileExistsError:
        return False
    except OSError:  # a disk without hard links
        if path.exists():
            return False
        os.replace(temporary, path)
    return True


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def write_verified(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> str:
    """Write a file atomically, then its checksum as ``NAME.sha256`` beside it; return the checksum.

    The order matters. A kill before the second write leaves the new file with no
    checksum or with the old one; both fail in :func:`read_verified`.
    """
    path = Path(path)
    digest = write_atomically(path, write)
    line = f"{digest}  {path.name}\n".encode()
    write_atomically(_sidecar(path), lambda stream: stream.write(line))
    return digest


def read_verified(path: str | os.PathLike[str]) -> bytes | None:
    """Return the bytes of a file that :func:`write_verified` wrote, as they were verified.

    None if the file or its checksum is missing, cannot be read, or does not match.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        stored = _sidecar(path).read_bytes()[:64]
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == stored else None


def load_or_build(
    path: str | os.PathLike[str], build: Callable[[], Callable[[BinaryIO], object]], *, what: str
) -> bytes:
    """Return the verified content of a cache file, and build the file first if need be.

    The folder is tried before the computation starts. A file of the user's cache folder that is
    not there and cannot be written is read from, or built in, the folder that stands in for it
    (:func:`writable_or_stand_in`).

    Parameters
    ----------
    path : path-like
        The cache file. Put a version of the format into its name.
    build : callable
        Called with nothing if there is no file that verifies. It computes the content,
        deterministically, and returns the function that writes it to a binary stream.
    what : str
        What the file holds, for the notices, as in ``"QM9 graphs"``.
    """
    asked = path = Path(path)
    content = read_verified(path)
    if content is not None:
        return content
    path = writable_or_stand_in(path.parent) / path.name
    if path != asked and (content := read_verified(path)) is not None:
        return content
    if path.exists():
        notice(f"The cache of {what} at {path} is damaged or incomplete; building it again.")
    elif path != asked:
        notice(
            f"{asked.parent} cannot be written to; building the cache of {what} at {path} instead "
            f"({CACHE_VARIABLE} moves it)."
        )
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
