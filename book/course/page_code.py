"""What an exercise that a person marks takes from its page: the definitions that it names.

A question says "obtain them from `all_mirrors`", and `all_mirrors` was defined in a cell of the
page. The student's notebook brings such definitions along, with what they use, as far as that is
quick: functions, imports and plain values. What the page computes, a trained network say, is left
to the page.
"""

from __future__ import annotations

import ast
import builtins
import re
from functools import cache
from pathlib import Path

from book._tools.command import ROOT
from book.course.checking import bound_names, free_names
from book.course.exercises import Code, Exercise, Text, cells_before_exercises

__all__ = ["definitions"]

_QUICK = ("np", "torch", "math", "range")
"""What a plain value may call."""

HEAD = "# From the page of the chapter: what this exercise names."

_SPAN = re.compile(r"`([^`\n]+)`")


@cache
def definitions(exercise: Exercise, root: Path = ROOT) -> str:
    """Return the code of the page that an exercise names, or ``""`` if there is none.

    Parameters
    ----------
    exercise : Exercise
        The exercise.
    root : pathlib.Path
        The repository.
    """
    texts = [part.source for part in exercise.question if isinstance(part, Text)]
    spans = " ".join(_SPAN.findall("\n".join([*texts, exercise.hint])))
    words = set(re.findall(r"(?<![.\w])[A-Za-z_]\w+", spans))
    code = "\n".join(part.source for part in exercise.question if isinstance(part, Code))
    used = {name for name in free_names(ast.parse(code)) if not hasattr(builtins, name)}
    source = "\n".join(cells_before_exercises(exercise.page, root))
    statements = ast.parse(source).body
    where = {name: place for place, one in enumerate(statements) for name in bound_names(one)}
    taken: set[int] = set()
    left = used - where.keys()
    for name in sorted((words | used) & where.keys()):
        # A word of the question may also be a variable of the page, which it does not mean.
        if name in used or isinstance(statements[where[name]], ast.FunctionDef | ast.ClassDef):
            needed = _needed(name, statements, where)
            taken |= needed or set()
            left |= {name} & used if needed is None else set()
    lines = [ast.get_source_segment(source, statements[place]) or "" for place in sorted(taken)]
    if left:
        lines.insert(0, f"# Computed on the page, and not here: {', '.join(sorted(left))}.")
    text = "\n".join([HEAD, *(_spaced(line) for line in lines)]) if lines else ""
    return re.sub(r"\n{4,}", "\n\n\n", text).rstrip()


def _needed(
    name: str,
    statements: list[ast.stmt],
    where: dict[str, int],
    above: frozenset[str] = frozenset(),
) -> set[int] | None:
    """Return the statements that a name takes, or None if one of them computes something."""
    place = where[name]
    if not _is_quick(statements[place]):
        return None
    needed = {place}
    for used in free_names(statements[place]) - above - {name}:
        if used in where:
            below = _needed(used, statements, where, above | {name})
            if below is None:
                return None
            needed |= below
        elif not hasattr(builtins, used):
            return None
    return needed


def _is_quick(statement: ast.stmt) -> bool:
    """Say whether a statement defines a function or a plain value, or imports something."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    calls = [node.func for node in ast.walk(statement.value) if isinstance(node, ast.Call)]
    return all(
        ast.unparse(call).split(".")[0] in ("np", "torch", "math", "range") for call in calls
    )


def _spaced(line: str) -> str:
    """Set a function off by empty lines."""
    return f"\n\n{line}\n" if line.startswith(("def ", "class ", "@")) else line
