"""What the commands of this folder share: options, titles, errors in one sentence, whole files.

It needs nothing but the standard library, and no newer Python than 3.8: the doctor and the
installer stand on it before any package is there, and the doctor says which Pythons are too old.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]


class CommandError(RuntimeError):
    """Ends a command; its message is the sentence that is printed."""


class Option:
    """An option of a command: what ``ArgumentParser.add_argument`` takes."""

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names, self.settings = names, settings


class Body(Protocol):
    """What a command does: it takes the options and returns what went wrong."""

    def __call__(self, options: argparse.Namespace) -> Iterable[object] | None: ...


class Command(Protocol):
    """A command: it takes arguments, by default the process's, and returns the exit status."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int: ...


def command(doc: str | None, *options: Option) -> Callable[[Body], Command]:
    """Make a command of a function that takes the options and returns what went wrong.

    Parameters
    ----------
    doc : str
        The docstring of the module; its first line describes the command.
    *options : Option
        The options.

    Returns
    -------
    Callable
        A decorator that turns a :class:`Body` into a :class:`Command`. The exit status is 1 if
        anything went wrong, after a line ``error: …`` for each failure. A :class:`CommandError` is
        a failure too.

    Examples
    --------
    >>> @command("Halve a number.", Option("number", type=int))
    ... def main(options):
    ...     if options.number % 2:
    ...         return [f"{options.number} is odd."]
    ...     print(options.number // 2)
    >>> main(["8"]), main(["9"])
    4
    (0, 1)
    """

    def decorate(body: Body) -> Command:
        @functools.wraps(body)
        def run(arguments: Sequence[str] | None = None) -> int:
            parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
            for option in options:
                parser.add_argument(*option.names, **option.settings)
            given = parser.parse_args(arguments)
            try:
                failures = list(body(given) or ())
            except CommandError as error:
                failures = [error]
            for failure in failures:
                print(f"error: {failure}", file=sys.stderr)
            return 1 if failures else 0

        return run

    return decorate


def title(text: str) -> None:
    """Say what begins now."""
    print(f"== {text}", flush=True)


def write(path: Path, text: str) -> None:
    """Write a text whole, as :func:`write_bytes` does, in UTF-8 and with the given line ends."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: a reader finds the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own, since two builders may write the same file.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(str(temporary), str(path))
    finally:
        if temporary.exists():
            temporary.unlink()
