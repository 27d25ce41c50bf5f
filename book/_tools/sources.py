"""What stands on what: the chapters, the modules that they reach, and a key over all of it."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from importlib.util import resolve_name
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from book._tools.command import ROOT, CommandError
from utils.claims import read_yaml

PAGE_FILES = ("*.css", "*.html", "*.js")
_PARSING = threading.Lock()


class NoChapterError(CommandError, FileNotFoundError):
    """A chapter was asked for that is not there."""


def chapters(root: Path = ROOT, *, only: str | None = None) -> list[Path]:
    """List the chapters and their companion pages in reading order.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    only : str, optional
        The number of one chapter, for example ``"07"``, which has its companion pages with it;
        or that of one companion page, ``"07a"``.

    Returns
    -------
    list of pathlib.Path
        Notebooks.
    """
    found = sorted((root / "chapters").glob("[0-9][0-9]*_*.ipynb"))
    if only is not None:
        number = only.zfill(3 if only[-1:].isalpha() else 2)
        found = [path for path in found if path.name.startswith(number)]
        if not found:
            raise NoChapterError(
                f"There is no chapter {number}: call with the number of a file in chapters/, "
                "for example N=07."
            )
    if not found:
        raise NoChapterError("The folder chapters/ holds no notebook NN_name.ipynb.")
    return found


def parsed(code: str) -> ast.Module:
    """Parse Python, one piece at a time.

    Chapters are looked at in several threads, and CPython 3.11 loses count of its depth where two
    of them build a tree at once ("AST constructor recursion depth mismatch").

    Examples
    --------
    >>> len(parsed("a = 1; b = 2").body)
    2
    """
    with _PARSING:
        return ast.parse(code)


def imported(code: str, package: str = "", within: Sequence[str] = ("utils",)) -> set[str]:
    r"""Name the modules that a piece of code may import.

    Parameters
    ----------
    code : str
        Python.
    package : str
        Where relative imports begin.
    within : sequence of str
        The packages that are of interest.

    Returns
    -------
    set of str
        Dotted names. What is imported from a module counts as a module too, since it may be one.

    Examples
    --------
    >>> sorted(imported("import os, utils.claims\nfrom . import a", "utils.room"))
    ['utils.claims', 'utils.room', 'utils.room.a']
    """
    names: set[str] = set()
    for node in ast.walk(parsed(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = resolve_name("." * node.level + base, package)
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in within}


class NotebookError(CommandError):
    """A chapter cannot be read; the message names it and says where."""


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook, or say in a sentence why that is none."""
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, AttributeError, KeyError, nbformat.ValidationError) as error:
        text = path.read_text(encoding="utf-8", errors="replace")
        marks = re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE)
        why = "it holds the marks of an unfinished merge" if marks else "it is no whole notebook"
        raise NotebookError(f"{path.name} cannot be read: {why}; mend the file.") from error


def code_of(path: Path) -> list[str]:
    """Return the code of a chapter, cell by cell, with the magics of IPython written as Python.

    A cell that is no Python is refused by its number, unless it is there to show an error.
    """
    code: list[str] = []
    for cell in read_notebook(path).cells:
        if cell.cell_type == "code":
            number, source = len(code) + 1, TransformerManager().transform_cell(cell.source)
            try:
                parsed(source)
            except SyntaxError as error:
                if "raises-exception" not in cell.metadata.get("tags", ()):
                    raise NotebookError(
                        f"{path.name}, code cell {number}, line {error.lineno}, is no Python: "
                        f"{error.msg}."
                    ) from error
                source = ""
            code.append(source)
    return code


def files_of(name: str, root: Path = ROOT) -> list[Path]:
    """Find the files that are read when a module is imported: its own and its packages'."""
    parts = name.split(".")
    stems = (root.joinpath(*parts[:end]) for end in range(1, len(parts) + 1))
    places = (path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py")))
    return [path for path in places if path.is_file()]


def package_of(path: Path, root: Path = ROOT) -> str:
    """Name the package in which a file's relative imports begin."""
    return ".".join(path.relative_to(root).parent.parts)


def used_modules(
    code: Iterable[str], root: Path = ROOT, within: Sequence[str] = ("utils",)
) -> list[Path]:
    """Find the files that some code imports, directly or not.

    Parameters
    ----------
    code : iterable of str
        Pieces of Python, such as the cells of a chapter.
    root : pathlib.Path
        The repository.
    within : sequence of str
        The packages that are followed.

    Returns
    -------
    list of pathlib.Path
        Files, sorted.
    """
    cells = (TransformerManager().transform_cell(piece) for piece in code)
    waiting = {name for cell in cells for name in imported(cell, within=within)}
    seen: set[Path] = set()
    while waiting:
        for path in set(files_of(waiting.pop(), root)) - seen:
            seen.add(path)
            text = path.read_text(encoding="utf-8")
            waiting |= imported(text, package_of(path, root), within)
    return sorted(seen)


def page_files(modules: Iterable[Path]) -> list[Path]:
    """Find the scripts, styles and templates beside modules, which a figure that moves takes in."""
    folders = {module.parent for module in modules}
    return sorted(file for folder in folders for kind in PAGE_FILES for file in folder.glob(kind))


def chapter_key(path: Path, root: Path = ROOT) -> str:
    """Hash everything on which the outputs of a chapter depend.

    That is: its code, the modules of ``utils`` that the code reaches with the scripts and styles
    beside them, the checkpoints where it reaches the training room, its entries in the ledger of
    claims, and the locked requirements.
    """
    code = code_of(path)
    digest = hashlib.sha256(json.dumps([sys.version_info[:2], code]).encode())
    files = used_modules(code, root)
    files += page_files(files)
    if any("training" in file.parts for file in files):
        files += sorted((root / "utils" / "checkpoints").rglob("*"))
    files.append(root / "requirements.txt")
    for file in files:
        if file.is_file():
            digest.update(file.relative_to(root).as_posix().encode() + b"\0")
            digest.update(file.read_bytes())
    ledger = root / "book" / "claims.yml"
    entries = (read_yaml(ledger) or {}) if ledger.is_file() else {}
    own = {name: entry for name, entry in entries.items() if entry.get("chapter") == path.stem}
    digest.update(json.dumps(own, sort_keys=True, default=str).encode())
    return digest.hexdigest()
