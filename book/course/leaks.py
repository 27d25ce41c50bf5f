"""What a student's file must not hold, and where it does.

Everything that a student is shown on purpose (question, hint, given code, starter) may be
repeated anywhere. Of the rest, nothing may be found in a file for students: no line of a solution,
nothing of a hidden check, no value of an answer, no metadata but those by which answers are found.
Texts are compared without white space and with one kind of quotation mark, so that another
layout hides nothing.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from book.course.checking import setup
from book.course.exercises import Code, Text
from book.course.notebooks import Assignment, Item
from book.course.page_code import definitions
from book.course.task import Variant

__all__ = ["METADATA", "Secret", "answers", "leaks", "secrets_of", "telling_lines"]

SHORTEST_LINE = 12
"""A line of code with fewer characters tells nothing."""

SHORTEST_SENTENCE = 25
"""A line of prose with fewer characters may be anybody's."""

SHORTEST_VALUE = 5
"""A value that is written with fewer characters may stand there by chance."""

METADATA = {
    "cell": {"exercise", "given", "public", "jupyter", "nbgrader", "deletable", "editable"},
    "notebook": {"course", "kernelspec", "language_info"},
    "course": {"chapter", "student"},
}
"""The keys that the metadata of a student's notebook may have."""

_EMPTY = re.compile(r"(import|from) |(return|yield|raise|assert)[ (]*(True|False|None|\d+)?\)?$")


@dataclass(frozen=True)
class Secret:
    """Something that students must not find.

    Attributes
    ----------
    what : str
        What it is, in words.
    text : str
        How it is written.
    """

    what: str
    text: str


def _bare(text: str) -> str:
    """Return a text without white space and with one kind of quotation mark."""
    return re.sub(r"\s+", "", text).replace("'", '"')


def telling_lines(code: str, shortest: int = SHORTEST_LINE) -> Iterator[str]:
    r"""Yield the lines of code that say something: long enough, and no mere import or return.

    Examples
    --------
    >>> list(telling_lines("import torch\n\nx = z.abs().sort()\nreturn False"))
    ['x = z.abs().sort()']
    """
    for line in code.splitlines():
        line = line.strip()
        if len(line) >= shortest and not _EMPTY.match(line):
            yield line


def secrets_of(item: Item, values: Mapping[str, Any] | None = None) -> Iterator[Secret]:
    """Yield what an item keeps from students.

    Parameters
    ----------
    item : Item
        An exercise of an assignment.
    values : mapping of str to object, optional
        The values that our solution gives to the names that are asked for.
    """
    label = item.label
    if item.variant is None:
        for part in item.exercise.solution:
            short = SHORTEST_LINE if isinstance(part, Code) else SHORTEST_SENTENCE
            for line in telling_lines(part.source, short):
                yield Secret(f"a line of the solution of {label}", line)
        return
    for line in telling_lines(item.variant.solution):
        if not _repeats_the_question(line, item.variant):
            yield Secret(f"a line of the solution of {label}", line)
    for line in telling_lines(item.variant.remarks, SHORTEST_SENTENCE):
        yield Secret(f"a remark on the solution of {label}", line)
    task = type(item.variant.task)
    public = _bare(
        "\n".join(_code(getattr(task, c.name)) for c in item.variant.checks if not c.hidden)
    )
    for check in item.variant.checks:
        if check.hidden:
            yield Secret(f"the name of a hidden check of {label}", check.name)
            yield Secret(f"the sentence of a hidden check of {label}", check.says)
            for text in _inside(getattr(task, check.name)):
                if _bare(text) not in public:
                    yield Secret(f"a part of the hidden check {check.name} of {label}", text)
    for name, value in (values or {}).items():
        for text in _written(value):
            yield Secret(f"the value of {name} in {label}", text)


def _repeats_the_question(line: str, variant: Variant) -> bool:
    """Say whether a line gives a parameter of the question its value: ``order = [2, 0, 1]``.

    The question shows its parameters, if in other words; what is asked for is none of them.
    """
    name, _, value = (part.strip() for part in line.partition("="))
    if name in variant.task.names or name not in variant.parameters:
        return False
    return _bare(value) == _bare(repr(variant.parameters[name]))


@cache
def _inside(check: Callable[..., None]) -> tuple[str, ...]:
    """Return the telling lines and the sentences of a hidden check."""
    return tuple(_parts(ast.parse(_code(check)).body[0]))


@cache
def _code(check: Callable[..., None]) -> str:
    """Return the source of a check, laid out by one rule."""
    return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(check))))


def _parts(function: ast.stmt) -> Iterator[str]:
    assert isinstance(function, ast.FunctionDef)
    body = function.body[1:] if ast.get_docstring(function) else function.body
    for statement in body:
        yield from telling_lines(ast.unparse(statement), SHORTEST_SENTENCE)
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from telling_lines(node.value, SHORTEST_SENTENCE)


def _written(value: Any) -> Iterator[str]:
    """Yield the ways in which a value may be written, where they are long enough to tell."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        forms = {repr(value), f"{value:.6g}"}
    elif isinstance(value, int | str | complex | list | tuple | dict):
        forms = {repr(value), json.dumps(value)} if _plain(value) else {repr(value)}
    else:
        forms = set()
    yield from (form for form in forms if len(_bare(form)) >= SHORTEST_VALUE)


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return not isinstance(value, str)


def answers(item: Item) -> dict[str, Any]:
    """Run our solution, and return the values of the names that are asked for.

    Parameters
    ----------
    item : Item
        An exercise that a program marks.
    """
    assert item.variant is not None
    names: dict[str, Any] = {"__name__": "answers"}
    for source in (item.variant.given, item.variant.solution):
        exec(compile(source, f"<{item.label}>", "exec"), names)
    return {name: names[name] for name in item.variant.task.names if name in names}


def _shown(given: Assignment) -> str:
    """Return all that a student is shown on purpose."""
    parts = [setup(), given.chapter.title, given.student.name]
    for item in given.items:
        parts += [item.exercise.title, item.hint]
        if item.variant:
            parts += [item.variant.prompt, item.variant.given, item.variant.starter]
            parts += [*item.variant.task.names, *item.variant.task.names.values()]
        else:
            parts += [p.source for p in item.exercise.question if isinstance(p, Text | Code)]
            parts.append(definitions(item.exercise))
    return "\n".join(parts)


def leaks(
    notebook: Mapping[str, Any], given: Assignment, secrets: Iterable[Secret], seed: int
) -> list[str]:
    """Return a sentence for everything in a student's notebook that should not be there.

    Parameters
    ----------
    notebook : mapping
        The notebook, as JSON.
    given : Assignment
        What the student is asked.
    secrets : iterable of Secret
        What must not be found, of this assignment or of others.
    seed : int
        The seed of the course.
    """
    shown = _bare(_shown(given))
    found = [*_metadata(notebook)]
    strings = list(_strings(notebook))
    whole = _bare("\n".join(strings))
    for secret in secrets:
        text = _bare(secret.text)
        if text and text not in shown and text in whole:
            found.append(f"{secret.what} can be read: {secret.text[:60]!r}")
    for text in strings:
        for line in text.splitlines():
            names = re.search(r"seed", line, re.I)
            number = len(str(seed)) >= 4 and re.search(rf"(?<!\d){seed}(?!\d)", line)
            if (names or number) and _bare(line) not in shown:
                found.append(f"a seed is spoken of: {line.strip()[:60]!r}")
    return found


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in a notebook, keys included; the lines of a cell together."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        if value and all(isinstance(line, str) for line in value):
            yield "".join(value)
        else:
            for one in value:
                yield from _strings(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _strings(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield repr(value)


def _metadata(notebook: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the metadata and the outputs hold that they should not."""
    metadata = notebook["metadata"]
    for key in metadata.keys() - METADATA["notebook"]:
        yield f"the notebook's metadata have {key!r}"
    for key in metadata["course"].keys() - METADATA["course"]:
        yield f"the notebook's metadata have course.{key}"
    for cell in notebook["cells"]:
        for key in cell["metadata"].keys() - METADATA["cell"]:
            yield f"the metadata of cell {cell['id']} have {key!r}"
        if cell.get("outputs") or cell.get("execution_count"):
            yield f"cell {cell['id']} has an output"
        if cell.get("attachments"):
            yield f"cell {cell['id']} has an attachment"
