"""What goes over the border between the grader and a student's process: data, and nothing else.

A message is two lengths, a JSON text and the raw bytes of its arrays. Reading one builds plain
values of Python, NumPy arrays and torch tensors; it runs no code that the message names. A
subclass of ``int`` with an ``__eq__`` of its own leaves its process as an ``int``. Functions do
not travel: a number stands for them, and the side that owns the function keeps the table.

The standard library suffices as long as no array or tensor is sent.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["ClosedError", "Mine", "Pipe", "Theirs", "WireError", "pack", "unpack"]

HEAD = struct.Struct(">II")
MOST_TEXT = 8_000_000
"""Bytes that the JSON text of one message may have."""
MOST_BYTES = 64_000_000
"""Bytes that the arrays of one message may have together."""
MOST_DEPTH = 60
"""How deep values may be nested."""

ARRAYS = frozenset(
    [
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    ]
)
"""Kinds of numbers that arrays may hold, by NumPy's names; tensors may hold bfloat16 too."""


class WireError(ValueError):
    """A value cannot be sent, or a message cannot be read; the message says why in words."""


class ClosedError(WireError):
    """The other side is gone."""


class Theirs(int):
    """The number of a function that lives on the side that receives it."""


class Mine(int):
    """The number of a function that lives on the side that sends it."""


Name = Callable[[Callable[..., Any]], "Mine | Theirs"]


def _no_functions(function: Callable[..., Any]) -> Mine | Theirs:
    raise WireError("a function cannot be sent here")


def pack(value: Any, name: Name = _no_functions) -> bytes:
    """Turn a value into a message.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, lists, tuples and dictionaries of these, NumPy
        arrays and numbers, torch tensors, functions.
    name : callable
        Gives the number that stands for a function.

    Raises
    ------
    WireError
        If there is something else in it, or if it is too large.

    Examples
    --------
    >>> unpack(pack({"pair": (1, 2.5), "z": 1j}))
    {'pair': (1, 2.5), 'z': 1j}
    >>> pack(object())
    Traceback (most recent call last):
    book.grade.wire.WireError: a value of the kind object cannot be handed over
    """
    parts: list[bytes] = []
    try:
        text = json.dumps(_plain(value, parts, name, MOST_DEPTH)).encode()
    except (RecursionError, ValueError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError("a value is too long to be handed over") from error
    body = b"".join(parts)
    if len(text) > MOST_TEXT or len(body) > MOST_BYTES:
        raise WireError("a value is too large to be handed over")
    return HEAD.pack(len(text), len(body)) + text + body


def _plain(value: Any, parts: list[bytes], name: Name, depth: int) -> Any:
    """Write a value with what JSON has: everything but null, truth, text and numbers is tagged."""
    if depth == 0:
        raise WireError("a value is nested too deeply to be handed over")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind in (Mine, Theirs):
        return {"mine" if kind is Mine else "theirs": int(value)}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, complex):
        z = complex.__pos__(value)
        return {"complex": [z.real, z.imag]}
    if isinstance(value, list | tuple):
        base = list if isinstance(value, list) else tuple
        inner = [_plain(v, parts, name, depth - 1) for v in base.__iter__(value)]  # type: ignore[arg-type]
        return inner if base is list else {"tuple": inner}
    if isinstance(value, dict):
        return {
            "dict": [
                [_plain(k, parts, name, depth - 1), _plain(v, parts, name, depth - 1)]
                for k, v in dict.items(value)
            ]
        }
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _tensor(value, parts, torch)
    if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
        if isinstance(value, numpy.generic) and value.dtype.kind in "biufc":
            return _plain(value.item(), parts, name, depth - 1)
        return _array(numpy.asarray(value), parts, "array")
    if callable(value) and not isinstance(value, type):
        return _plain(name(value), parts, name, depth - 1)
    raise WireError(f"a value of the kind {kind.__name__[:60]} cannot be handed over")


def _array(array: Any, parts: list[bytes], tag: str, dtype: str | None = None) -> dict[str, Any]:
    if array.dtype.name not in ARRAYS:
        raise WireError(f"an array of {array.dtype.name[:60]} cannot be handed over")
    if array.nbytes > MOST_BYTES:
        raise WireError("an array is too large to be handed over")
    parts.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return {tag: [dtype or array.dtype.name, list(array.shape), len(parts[-1])]}


def _tensor(tensor: Any, parts: list[bytes], torch: Any) -> dict[str, Any]:
    name = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout != torch.strided or name not in ARRAYS | {"bfloat16"}:
        raise WireError(f"a tensor of the kind {name}, {tensor.layout} cannot be handed over")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    plain = plain.view(torch.int16) if name == "bfloat16" else plain
    return _array(plain.numpy(), parts, "tensor", name)


class _Reader:
    """Reads one message; ``find`` gives what stands for a function's number."""

    def __init__(self, body: memoryview, find: Callable[[Mine | Theirs], Any]) -> None:
        self.body, self.find = body, find

    def value(self, said: Any) -> Any:
        """Build a value from what JSON had."""
        if said is None or isinstance(said, bool | int | float | str):
            return said
        if isinstance(said, list):
            return [self.value(v) for v in said]
        if not isinstance(said, dict) or len(said) != 1:
            raise WireError("a message holds a value without a kind")
        [(tag, inner)] = said.items()
        if tag == "tuple" and isinstance(inner, list):
            return tuple(self.value(v) for v in inner)
        if tag == "dict" and isinstance(inner, list):
            return {self.value(k): self.value(v) for k, v in inner}
        if tag == "complex":
            real, imaginary = inner
            return complex(float(real), float(imaginary))
        if tag in ("array", "tensor"):
            return self.numbers(tag, *inner)
        if tag in ("mine", "theirs") and type(inner) is int:  # what is mine to them is theirs to us
            return self.find(Theirs(inner) if tag == "theirs" else Mine(inner))
        raise WireError("a message holds a value of no known kind")

    def numbers(self, tag: str, dtype: str, shape: list[int], size: int) -> Any:
        """Build an array or a tensor from the next bytes."""
        import numpy as np

        if dtype not in ARRAYS | ({"bfloat16"} if tag == "tensor" else set()):
            raise WireError("a message holds an array of no known kind")
        stored = np.dtype("int16" if dtype == "bfloat16" else dtype).newbyteorder("<")
        whole = all(type(n) is int and 0 <= n <= MOST_BYTES for n in shape) and len(shape) <= 32
        if not whole or size != stored.itemsize * math.prod(shape) or size > len(self.body):
            raise WireError("a message holds an array whose shape does not fit its bytes")
        found = np.frombuffer(self.body[:size], stored).astype(stored.newbyteorder("="))
        self.body = self.body[size:]
        if tag == "array":
            return found.reshape(shape)
        import torch

        tensor = torch.from_numpy(found.copy()).reshape(shape)
        return tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor


def unpack(message: bytes, find: Callable[[Mine | Theirs], Any] = lambda number: number) -> Any:
    """Build the value of a message.

    Parameters
    ----------
    message : bytes
        What :func:`pack` gave, or what an unfriendly process sent in its place.
    find : callable
        Gives the value that stands for a function: it takes ``Theirs`` for a function of the
        reader's own and ``Mine`` for one of the sender's.

    Raises
    ------
    WireError
        If it is no such message.

    Examples
    --------
    >>> unpack(b"12345678nonsense")
    Traceback (most recent call last):
    book.grade.wire.WireError: a message is not whole
    """
    length, size = HEAD.unpack_from(message)
    if len(message) != HEAD.size + length + size or length > MOST_TEXT or size > MOST_BYTES:
        raise WireError("a message is not whole")
    text = message[HEAD.size : HEAD.size + length]
    try:
        reader = _Reader(memoryview(message)[HEAD.size + length :], find)
        return reader.value(json.loads(text))
    except WireError:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise WireError(f"a message cannot be read ({type(error).__name__})") from error


class Pipe:
    """Sends and receives messages over two file descriptors, each within a time."""

    def __init__(self, reads: int, writes: int) -> None:
        self.reads, self.writes = reads, writes
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)

    def send(self, message: bytes, until: float = math.inf) -> None:
        """Send a message whole, or raise TimeoutError or :class:`ClosedError`."""
        left = memoryview(message)
        while left:
            self._wait([], [self.writes], until)
            try:
                left = left[os.write(self.writes, left[:65536]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise ClosedError("the process is gone") from error

    def receive(self, until: float = math.inf) -> bytes:
        """Return the next message, or raise TimeoutError, :class:`ClosedError`, WireError."""
        head = self._read(HEAD.size, until)
        length, size = HEAD.unpack(head)
        if length > MOST_TEXT or size > MOST_BYTES:
            raise WireError("a message is too long")
        return head + self._read(length + size, until)

    def _read(self, count: int, until: float) -> bytes:
        found = bytearray()
        while len(found) < count:
            self._wait([self.reads], [], until)
            try:
                more = os.read(self.reads, min(count - len(found), 1 << 20))
            except BlockingIOError:
                continue
            except OSError as error:
                raise ClosedError("the process is gone") from error
            if not more:
                raise ClosedError("the process is gone")
            found += more
        return bytes(found)

    def _wait(self, reads: list[int], writes: list[int], until: float) -> None:
        left = until - time.monotonic()
        try:
            ready = left > 0 and any(
                select.select(reads, writes, [], None if left == math.inf else left)
            )
        except (OSError, ValueError) as error:
            raise ClosedError("the process is gone") from error
        if not ready:
            raise TimeoutError

    def close(self) -> None:
        """Close both ends."""
        for end in (self.reads, self.writes):
            with contextlib.suppress(OSError):
                os.close(end)
