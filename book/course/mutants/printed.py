"""What the book prints in its exercises "write a test": read from the notebooks, and run."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["CHAPTERS", "excerpt", "printed", "sources"]

CHAPTERS = Path(__file__).resolve().parents[3] / "chapters"

NAMES = (("CORRECT", "correct"), ("MUTANTS", "broken"))
"""How chapters call the correct implementation, and the broken ones."""


def sources(chapter: str, tag: str, *, directory: Path = CHAPTERS) -> list[str]:
    """Return the sources of the cells of a core page that carry a tag.

    Parameters
    ----------
    chapter : str
        The number of the chapter, ``"05"``.
    tag : str
        ``"mutants"`` or ``"solution-test"``.
    """
    (page,) = directory.glob(f"{chapter}_*.ipynb")
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    found = ["".join(c["source"]) for c in cells if tag in c["metadata"].get("tags", [])]
    if not found:
        raise ValueError(f"{page.name} has no cell with the tag '{tag}'.")
    return found


@cache
def printed(chapter: str) -> SimpleNamespace:
    """Return what the tagged cells define: ``correct``, ``broken``, ``naive`` and ``catches``.

    Older chapters write the first two in capitals, and call the second ``MUTANTS``.
    """
    names: dict[str, Any] = {"__name__": f"printed_{chapter}", "print": lambda *_, **__: None}
    for tag in ("mutants", "solution-test"):
        for source in sources(chapter, tag):
            exec(compile(source, f"<{chapter}:{tag}>", "exec"), names)
    for upper, lower in NAMES:
        names[lower] = names.get(upper, names.get(lower))
    return SimpleNamespace(**names)


def excerpt(chapter: str, entries: int, *, also: str = "") -> str:
    """Return the correct implementation, and the first broken ones, as the book prints them.

    Parameters
    ----------
    chapter : str
        The number of the chapter.
    entries : int
        How many of the broken implementations to keep.
    also : str
        Source whose names are kept as well, as far as the chapter's cells define them.

    Returns
    -------
    str
        Imports and definitions under the names of the book: ``correct`` or ``CORRECT``, a
        function, and ``broken`` or ``MUTANTS``, a dictionary.
    """
    text = "\n".join(sources(chapter, "mutants"))
    statements = ast.parse(text).body
    defined = {name: statement for statement in statements for name in _defines(statement)}
    right, wrong = (next(n for n in pair if n in defined) for pair in NAMES)
    table = defined.pop(wrong)
    assert isinstance(table, ast.Assign)
    assert isinstance(table.value, ast.Dict)
    keys, values = table.value.keys[:entries], table.value.values[:entries]
    roots = [ast.parse(right), ast.parse(also), *values]
    needed = {id(defined[name]) for name in _needed(defined, roots)}
    kept = [ast.get_source_segment(text, s) or "" for s in statements if id(s) in needed]
    lines = [
        f"    {ast.unparse(key)}: {ast.get_source_segment(text, value)},"
        for key, value in zip(keys, values, strict=True)
        if key is not None
    ]
    return "\n\n".join([*kept, "\n".join([f"{wrong} = {{", *lines, "}"])])


def _defines(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a cell defines."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _needed(defined: dict[str, ast.stmt], roots: list[ast.AST]) -> set[str]:
    """Return the defined names that some pieces of code use, directly or not."""
    needed: set[str] = set()
    while roots:
        for node in ast.walk(roots.pop()):
            if isinstance(node, ast.Name) and node.id in defined and node.id not in needed:
                needed.add(node.id)
                roots.append(defined[node.id])
    return needed
