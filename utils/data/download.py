"""One file, fetched from the first of some addresses that has it, and only ever used whole.

What has arrived lies in ``NAME.part`` beside the place of the file, and stays there when a
connection breaks off: the next try asks for the rest alone. The file takes its name in one step,
when its SHA-256 is the one that was announced. While one process fetches a file, another that
wants it waits and then finds it.

Nothing in the project calls this unasked; :func:`utils.training.download_checkpoints` does when a
reader calls it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import PARTIAL_CONTENT
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filelock import FileLock, Timeout

from utils.data.cache import ensure_writable, explained, notice, sha256_of

__all__ = ["Wanted", "fetch"]

_BLOCK = 2**16
_TIMEOUT_SECONDS = 30
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Wanted:
    """A file as it must arrive.

    Parameters
    ----------
    name : str
        The name of the file, which its address ends with.
    bytes : int
        Its size.
    sha256 : str
        Its SHA-256, 64 hexadecimal digits.

    Examples
    --------
    >>> import hashlib
    >>> Wanted("hello.txt", 5, hashlib.sha256(b"hello").hexdigest()).bytes
    5
    """

    name: str
    bytes: int
    sha256: str

    def is_at(self, path: str | os.PathLike[str]) -> bool:
        """Say whether this file, and no other and no part of it, lies at a path."""
        path = Path(path)
        try:
            return path.stat().st_size == self.bytes and sha256_of(path) == self.sha256
        except OSError:
            return False


def fetch(
    wanted: Wanted,
    addresses: Sequence[str],
    path: str | os.PathLike[str],
    *,
    advance: Callable[[int], object] = lambda count: None,
) -> None:
    """Bring a file to its place, unless it is there.

    Parameters
    ----------
    wanted : Wanted
        The file.
    addresses : sequence of str
        Addresses of the file, ``https:``, ``http:`` or ``file:``, tried in this order.
    path : path-like
        Its place. A file there that is not the one that is wanted is replaced.
    advance : callable
        Told how many bytes have come, again and again, so that a progress bar can follow; less
        than nothing where some have to come a second time.

    Raises
    ------
    OSError
        If no address delivers the file, or it cannot be written. What has arrived is kept, and the
        next call goes on there.

    Examples
    --------
    >>> import hashlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source, place = Path(folder, "hello.txt"), Path(folder, "here", "hello.txt")
    ...     count = source.write_bytes(b"hello")
    ...     wanted = Wanted("hello.txt", count, hashlib.sha256(b"hello").hexdigest())
    ...     fetch(wanted, [source.as_uri()], place)
    ...     place.read_bytes()
    b'hello'
    """
    if isinstance(addresses, str) or not addresses:
        raise ValueError("addresses must be a sequence of at least one address")
    path = Path(path)
    ensure_writable(path.parent)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        notice(f"Another process fetches {path.name}; waiting for it.")
        lock.acquire()
    try:
        if wanted.is_at(path):
            advance(wanted.bytes)
            return
        arriving = path.with_name(f"{path.name}.part")
        with open(arriving, "ab") as stream:
            _complete(_Part(stream, wanted.bytes, advance), wanted, arriving, addresses)
        os.replace(arriving, path)
    except OSError as error:
        if error.errno is None:  # not from this machine's disk: it says what to do
            raise
        raise explained(error, path) from error
    finally:
        lock.release()


class _Part:
    """What has arrived of a file: it grows, or begins anew, and tells of both."""

    def __init__(self, stream: BinaryIO, most: int, advance: Callable[[int], object]) -> None:
        self._stream, self.most, self._advance = stream, most, advance
        if self.size > most:
            self._cut()
        advance(self.size)

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self._stream.tell()

    def write(self, block: bytes) -> None:
        """Append a block, but nothing beyond the size of the file."""
        fits = block[: self.most - self.size]
        self._stream.write(fits)
        self._advance(len(fits))
        if len(fits) < len(block):
            raise OSError(f"it goes on after {self.most} bytes")

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._stream.flush()

    def restart(self) -> None:
        """Forget what is there."""
        self._advance(-self.size)
        self._cut()

    def _cut(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()


def _complete(part: _Part, wanted: Wanted, arriving: Path, addresses: Sequence[str]) -> None:
    """Make a part the file, from the first address that can."""
    failures = []
    for address in addresses:
        try:
            continued = part.size > 0
            _fill(part, address)
            if continued and not wanted.is_at(arriving):  # begun by something else: once more
                part.restart()
                _fill(part, address)
            if wanted.is_at(arriving):
                return
            part.restart()
            failures.append(f"{address}: other bytes than those of this version")
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in _NO_SPACE:  # no other address would help
                raise
            failures.append(f"{address}: {error}")
    raise OSError(
        f"{wanted.name} could not be fetched; check the connection and try again, which goes on "
        f"where this try stopped ({' | '.join(failures)})"
    )


def _fill(part: _Part, address: str) -> None:
    """Add what is missing, as often as a connection breaks off but has brought something."""
    while part.size < part.most:
        before = part.size
        try:
            _stream(part, address)
            broken = OSError(f"it ends after {part.size} of {part.most} bytes")
        except OSError as error:
            broken = error
        if part.size <= before:
            raise broken
    part.flush()


def _stream(part: _Part, address: str) -> None:
    """Ask for what is missing, and add it as it comes."""
    if urlsplit(address).scheme == "file":
        with open(url2pathname(urlsplit(address).path), "rb") as source:
            source.seek(part.size)
            while block := source.read(_BLOCK):
                part.write(block)
        return
    import pooch  # here, for nothing else that a training needs asks for it

    def begin(response: Any, *_: Any, **__: Any) -> None:
        """Begin anew where a server sends the file from its first byte all the same."""
        if response.ok and not response.is_redirect and response.status_code != PARTIAL_CONTENT:
            part.restart()

    headers = {"Accept-Encoding": "identity"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
    download = pooch.HTTPDownloader(
        chunk_size=_BLOCK, timeout=_TIMEOUT_SECONDS, headers=headers, hooks={"response": begin}
    )
    download(address, part, None)
