"""Which changed implementations are wrong: an oracle that knows a subject and no implementation.

An implementation is *wrong* if on a sizeable share of the inputs that the exercise promises its
error is far above rounding. One that is right up to rounding is *equivalent*; one that is between
is neither, and is not used. Nor is one that stops with an error or does not end: that is too easy.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import torch

from book.course.mutants.generator import NAME, Implementation

__all__ = [
    "STEPS",
    "Endless",
    "Finding",
    "Subject",
    "apart",
    "define",
    "examine",
    "limited",
    "same",
]

STEPS = 20_000
"""How many lines of an implementation may run on one input: a count, which machines share."""

SHARE = 0.25
"""The share of the promised inputs on which a wrong implementation is wrong, at least."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What an exercise "write a test" is about.

    Parameters
    ----------
    chapter : str
        The number of the chapter.
    forms : module
        Correct implementations, different ones; functions whose names begin with an underscore
        are helpers.
    inputs : callable
        Takes a seed and returns promised inputs, and what is known about each.
    error : callable
        Takes an implementation and one of these; returns how wrong it is there, and what it
        returned. Neither knows ``forms``.
    margin : float
        An error above is wrong.
    rounding : float
        An error below is rounding.
    hard : int
        How many of the hidden mutants the book's own test misses, at most.
    shipped : bool
        Whether an implementation is sent as source, since it has to run beside the student's code.
    """

    chapter: str
    forms: ModuleType
    inputs: Callable[[int], Sequence[tuple[Any, ...]]]
    error: Callable[..., tuple[float, Any]]
    margin: float = 1e-3
    rounding: float = 2e-5
    hard: int = 0
    shipped: bool = False


@dataclass(frozen=True)
class Finding:
    """What the oracle found.

    Parameters
    ----------
    verdict : str
        ``"wrong"``, ``"equivalent"``, ``"hardly wrong"``, ``"crashes"``, ``"hangs"`` or
        ``"not finite"``.
    share : float
        The share of the inputs with an error above the margin.
    values : numpy.ndarray
        What it returned on all inputs.
    """

    verdict: str
    share: float
    values: np.ndarray


class Endless(BaseException):
    """An implementation has run too many lines."""


FILE = "<implementation>"


def define(source: str) -> Implementation:
    r"""Return the function that a source defines.

    Examples
    --------
    >>> define("def implementation(x):\n    return x + 1")(1)
    2
    """
    names: dict[str, Any] = {"__name__": NAME}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(compile(source, FILE, "exec"), names)
    function: Implementation = names[NAME]
    return function


@contextmanager
def limited(steps: int = STEPS) -> Iterator[None]:
    """Stop an implementation that runs more lines than it may, and silence its warnings."""
    left = steps

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Endless
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename == FILE else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.settrace(before)


def _flat(values: Any) -> np.ndarray:
    """Return all numbers of nested tuples of arrays in one row; complex ones become pairs."""
    if isinstance(values, tuple | list):
        return np.concatenate([_flat(v) for v in values])
    array = np.asarray(values.detach() if isinstance(values, torch.Tensor) else values)
    if np.iscomplexobj(array):
        array = np.stack([array.real, array.imag])
    return array.astype(float).ravel()


def apart(found: Any, wanted: Any) -> float:
    """Return the largest difference of two arrays, in parts of the largest entry if above one.

    Raises
    ------
    ValueError
        If their shapes differ.
    """
    mine, theirs = np.asarray(found), np.asarray(wanted)
    if mine.shape != theirs.shape:
        raise ValueError(f"the shape is {mine.shape} in place of {theirs.shape}")
    return float(np.abs(mine - theirs).max() / max(1.0, np.abs(theirs).max()))


@cache
def _inputs(subject: Subject, seed: int) -> Sequence[tuple[Any, ...]]:
    return subject.inputs(seed)


def examine(subject: Subject, implementation: Implementation, *, seed: int = 0) -> Finding:
    """Say whether an implementation is wrong.

    Parameters
    ----------
    subject : Subject
        What it should be.
    implementation : callable
        What it is.
    seed : int, default=0
        Draws the inputs.
    """
    errors, values = [], []
    nothing = np.zeros(0)
    for arguments in _inputs(subject, seed):
        try:
            with limited():
                error, value = subject.error(implementation, *arguments)
                value = _flat(value)
        except Endless:
            return Finding("hangs", 0.0, nothing)
        except Exception:
            return Finding("crashes", 0.0, nothing)
        if not (np.isfinite(error) and np.isfinite(value).all()):
            return Finding("not finite", 0.0, nothing)
        errors.append(float(error))
        values.append(value)
    share = float(np.mean(np.array(errors) > subject.margin))
    if share >= SHARE:
        verdict = "wrong"
    else:
        verdict = "equivalent" if max(errors) <= subject.rounding else "hardly wrong"
    return Finding(verdict, share, np.concatenate(values))


def same(one: Finding, other: Finding, margin: float) -> bool:
    """Whether two implementations gave the same, up to a tenth of a margin."""
    return one.values.shape == other.values.shape and bool(
        np.allclose(one.values, other.values, rtol=margin / 10, atol=margin / 10)
    )
