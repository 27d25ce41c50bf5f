"""A notebook that is handed in: whose it is, of which chapter, and its cells.

Whose it is: a file is called ``ada_05.ipynb`` or lies as ``05.ipynb`` (or ``05_anything.ipynb``)
in a folder ``ada``, and the notebook's metadata say the same. Either suffices where the other says
nothing; where they disagree, the notebook is not marked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Cell", "Submission", "UnreadableError", "find", "is_named", "read"]

MOST_BYTES = 20_000_000
MOST_CELLS = 2000
_BY_NAME = re.compile(r"(?P<student>.+)_(?P<chapter>\d\d)")
_BY_FOLDER = re.compile(r"(?P<chapter>\d\d)(_.*)?")
_MARKERS = re.compile(r"^(<<<<<<<|>>>>>>>)( |$)", re.M)


class UnreadableError(ValueError):
    """A submission cannot be marked; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A code cell: the exercise that it answers, if it says so, and whether it was given."""

    source: str
    exercise: str | None = None
    given: bool = False


@dataclass(frozen=True)
class Submission:
    """What a file says.

    Attributes
    ----------
    student, chapter : str or None
        Whose it is and of which chapter, as far as name and metadata say it.
    cells : tuple of Cell
        The code cells, in order.
    problem : str
        Why it cannot be marked; empty if it can.
    checksum : str
        SHA-256 of the file.
    """

    path: Path
    student: str | None
    chapter: str | None
    cells: tuple[Cell, ...]
    problem: str
    checksum: str


def find(folder: Path) -> Iterator[Path]:
    """Yield the notebooks in a folder and the folders in it, in the order of their names."""
    for path in sorted(folder.rglob("*.ipynb")):
        parts = path.relative_to(folder).parts
        if not any(part.startswith((".", "__MACOSX")) for part in parts):
            yield path


def read(path: Path, students: Collection[str], student: str | None = None) -> Submission:
    """Read a submission; whatever is wrong with it is in what is returned.

    Parameters
    ----------
    path : pathlib.Path
        The notebook.
    students : collection of str
        The students of the course; without any, a name may say anything.
    student : str, optional
        Who hands it in, if that is known; by default its name says so.
    """
    owner, chapter = _said_by_name(path, students)
    owner = student or owner
    try:
        content = _content(path)
    except UnreadableError as error:
        return Submission(path, owner, chapter, (), str(error), "")
    checksum = hashlib.sha256(content).hexdigest()
    try:
        notebook = _notebook(content)
        cells = _cells(notebook)
    except UnreadableError as error:
        return Submission(path, owner, chapter, (), str(error), checksum)
    said = _mapping(_mapping(notebook.get("metadata")).get("course"))
    problem = ""
    for kind, named in (("student", owner), ("chapter", chapter)):
        if named and said.get(kind) and str(said[kind]) != named:
            problem = f"The notebook says that its {kind} is {str(said[kind])[:60]}, not {named}."
    owner, chapter = (
        named or (str(said[kind]) if said.get(kind) else None)
        for kind, named in (("student", owner), ("chapter", chapter))
    )
    return Submission(path, owner, chapter, cells, problem, checksum)


def is_named(path: Path, students: Collection[str]) -> bool:
    """Whether the name of a file or of its folder says whose it is."""
    return _said_by_name(path, students)[0] is not None


def _said_by_name(path: Path, students: Collection[str]) -> tuple[str | None, str | None]:
    """Return the student and the chapter that a file's name says."""
    match = _BY_NAME.fullmatch(path.stem)
    if match and (match["student"] in students or not students):
        return match["student"], match["chapter"]
    match = _BY_FOLDER.fullmatch(path.stem)
    owner = path.absolute().parent.name
    return (owner if owner in students else None), (match["chapter"] if match else None)


def _content(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise UnreadableError("The file is a link or a folder, not a notebook.")
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"The file cannot be read: {error.strerror}.") from error
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    if not content.strip():
        raise UnreadableError("The file is empty.")
    return content


def _notebook(content: bytes) -> Mapping[str, Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("The file is not a notebook: it is no text.") from error
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        if _MARKERS.search(text):
            raise UnreadableError("The file holds the markers of a merge.") from error
        raise UnreadableError("The file is not a notebook: it is not JSON.") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise UnreadableError("The file is not a notebook of format 4: it has no cells.")
    return notebook


def _cells(notebook: Mapping[str, Any]) -> tuple[Cell, ...]:
    found = []
    for cell in map(_mapping, notebook["cells"]):
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if cell.get("cell_type") != "code" or not isinstance(source, str):
            continue
        metadata = _mapping(cell.get("metadata"))
        label = metadata.get("exercise")
        ours = bool(metadata.get("public"))  # a cell of public checks answers nothing
        found.append(
            Cell(
                source,
                label if isinstance(label, str) and not ours else None,
                bool(metadata.get("given")),
            )
        )
    if len(found) > MOST_CELLS:
        raise UnreadableError(f"The notebook has more than {MOST_CELLS} code cells.")
    return tuple(found)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
