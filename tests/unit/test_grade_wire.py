"""Only plain data comes over the border between the grader and a student's process."""

from __future__ import annotations

import json
import math
import os
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from book.grade.wire import (
    HEAD,
    MOST_BYTES,
    MOST_TEXT,
    ClosedError,
    Mine,
    Pipe,
    Theirs,
    WireError,
    pack,
    unpack,
)

NUMBERS = some.booleans() | some.integers() | some.floats() | some.complex_numbers()
PLAIN = some.recursive(
    some.none() | NUMBERS | some.text(),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.lists(inner, max_size=4).map(tuple)
        | some.dictionaries(some.integers() | some.text(), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(PLAIN)
def test_plain_values_come_back(value):
    found = unpack(pack(value))
    assert repr(found) == repr(value)  # which tells 1 from True, 0.0 from -0.0, and nan from nan


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_arrays_and_tensors_come_back(dtype, shape):
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    found = unpack(pack((array, 5, array)))
    for one in (found[0], found[2]):
        assert type(one) is np.ndarray
        assert one.dtype == array.dtype
        assert one.shape == shape
        assert (one == array).all()
        one[...] = 0  # it is the reader's own
    if dtype != "uint64":
        tensor = torch.from_numpy(array).requires_grad_(dtype.startswith("f"))
        [back] = unpack(pack([tensor]))
        assert type(back) is torch.Tensor
        assert back.dtype == tensor.dtype
        assert not back.requires_grad
        assert torch.equal(back, tensor.detach())


def test_odd_forms_of_arrays_become_plain_ones():
    base = np.arange(12.0).reshape(3, 4)
    for odd in (
        base.T,
        base[::-1, ::2],
        base.astype(">f8"),
        np.ma.masked_less(base, 3),
        base[1, 1],
    ):
        assert np.array_equal(unpack(pack(odd)), np.asarray(odd))
    brain = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    assert torch.equal(unpack(pack(brain)), brain)
    z = torch.tensor([1 + 2j])
    assert torch.equal(unpack(pack(z.conj())), z.conj().resolve_conj())


class Yes(int):
    def __eq__(self, other):
        return True

    def __int__(self):
        raise RuntimeError

    __index__ = __repr__ = __int__
    __hash__ = int.__hash__


class Word(str):
    def __str__(self):
        return "right"

    __slots__ = ()


class Pair(tuple):
    def __iter__(self):
        return iter((9, 9))

    __slots__ = ()


class Lies(np.ndarray):
    def __eq__(self, other):
        return np.True_


def test_subclasses_leave_their_tricks_behind():
    number = unpack(pack(Yes(3)))
    assert type(number) is int
    assert number == 3
    assert number != 4
    assert unpack(pack(Word("wrong"))) == "wrong"
    assert unpack(pack(Pair((1, 2)))) == (1, 2)
    found = unpack(pack(np.arange(2).view(Lies)))
    assert type(found) is np.ndarray
    assert found.tolist() == [0, 1]
    for number, kind in ((np.int64(3), int), (np.float32(0.5), float), (np.bool_(True), bool)):
        assert type(unpack(pack(number))) is kind


def knot():
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "value",
    [
        *(object(), int, {1, 2}, b"bytes", np.array([object()]), np.array(["text"]), knot()),
        *(10**10000, "x" * (MOST_TEXT + 1), np.zeros(MOST_BYTES + 1, bool), print),
        *(torch.eye(2).to_sparse(), np.array([1], "datetime64[s]"), range(3), ...),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_go_over_is_refused(value):
    with pytest.raises(WireError):
        pack(value)


def message(said, body=b""):
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return HEAD.pack(len(text), len(body)) + text + body


@pytest.mark.parametrize(
    "forged",
    [
        *({}, {"value": 1}, {"tuple": 3}, {"tuple": [1], "dict": []}, {"dict": [[1, 2, 3]]}),
        *({"dict": [[[], 1]]}, {"complex": [1]}, {"complex": ["x", 1]}, {"mine": "x"}),
        *({"mine": True}, {"array": []}, {"array": ["object", [1], 8]}, {"array": [[], [1], 8]}),
        *({"array": ["int8", [9], 9]}, {"array": ["int8", [-1], 1]}, {"array": ["int8", [2], 1]}),
        *({"array": ["int8", [1.0], 1]}, {"array": ["int8", [10**9, 10**9, 0], 0]}),
        *({"array": ["bfloat16", [1], 2]}, {"array": ["int8", [1] * 40, 1]}),
        *({"tensor": ["bfloat16", [1], 4]}, {"array": ["int8", {}, 1]}),
        *(b"", b"nonsense", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000),
    ],
    ids=lambda forged: str(forged)[:40],
)
def test_forged_messages_are_refused(forged):
    with pytest.raises(WireError):
        unpack(message(forged, b"12345678"), lambda number: number)


@settings(max_examples=60, deadline=None)
@given(some.binary(max_size=60), some.binary(max_size=20))
def test_noise_is_refused_or_read_as_data(text, body):
    try:
        found = unpack(message(text, body))
    except WireError:
        return
    assert type(found) in (type(None), bool, int, float, str, list, tuple, dict, complex)


def test_messages_that_are_not_whole_are_refused():
    whole = message([1], b"12")
    for cut in (whole[:-1], whole + b"1", HEAD.pack(MOST_TEXT + 1, 0) + b"1" * (MOST_TEXT + 1)):
        with pytest.raises(WireError):
            unpack(cut)


def test_functions_are_numbers():
    sent = pack([print, len], lambda f: Mine(7) if f is print else Theirs(3))
    assert unpack(sent, lambda number: (type(number).__name__, int(number))) == [
        ("Mine", 7),
        ("Theirs", 3),
    ]


def test_a_pipe_waits_no_longer_than_it_is_told():
    reads, writes = os.pipe()
    pipe = Pipe(reads, writes)
    pipe.send(pack("whole"))
    assert unpack(pipe.receive(time.monotonic() + 5)) == "whole"
    with pytest.raises(TimeoutError):
        pipe.receive(time.monotonic() + 0.05)
    os.write(writes, message("cut")[:-1])
    with pytest.raises(TimeoutError):
        pipe.receive(time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):  # nobody reads
        pipe.send(pack("x" * 10**6), time.monotonic() + 0.05)
    pipe.close()
    with pytest.raises(ClosedError):
        pipe.receive(time.monotonic() + 5)


def test_a_pipe_refuses_what_is_too_long_before_it_is_there():
    reads, writes = os.pipe()
    os.write(writes, HEAD.pack(MOST_TEXT + 1, 0))
    pipe = Pipe(reads, writes)
    with pytest.raises(WireError, match="too long"):
        pipe.receive(time.monotonic() + 5)
    pipe.close()
