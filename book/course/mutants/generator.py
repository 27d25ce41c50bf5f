"""All changed versions of a correct implementation, each one change away from it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from book.course.mutants.operators import OPERATORS

__all__ = ["NAME", "Draft", "drafts", "source_of"]

NAME = "implementation"
"""What every implementation is called, so that its name tells nothing."""


@dataclass(frozen=True)
class Draft:
    """A changed implementation of which nobody has asked yet whether it is wrong.

    Parameters
    ----------
    operator : str
        What was changed, a name in :data:`~book.course.mutants.operators.OPERATORS`.
    form : str
        The correct implementation that was changed.
    source : str
        A module that defines ``implementation``.
    """

    operator: str
    form: str
    source: str


class _Bare(ast.NodeTransformer):
    """Takes away what is not run: annotations and docstrings."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        for argument in node.args.args + node.args.kwonlyargs:
            argument.annotation = None
        if ast.get_docstring(node):
            node.body = node.body[1:]
        return node


class _Rename(ast.NodeTransformer):
    """Renames a function, in its definition and where it calls itself."""

    def __init__(self, old: str) -> None:
        self.old = old

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.name = NAME if node.name == self.old else node.name
        return node


def source_of(module: ModuleType, form: str) -> str:
    """Return the source of one implementation in a module, called ``implementation``.

    Parameters
    ----------
    module : module
        A module of functions: implementations, and helpers whose names begin with an underscore.
    form : str
        The name of the implementation.

    Returns
    -------
    str
        Imports, the helpers that it needs and itself, without annotations and docstrings.
    """
    tree = ast.parse(inspect.getsource(module))
    helpers = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    needed, open_ = {form}, [form]
    while open_:
        for node in ast.walk(helpers[open_.pop()]):
            if isinstance(node, ast.Name) and node.id in helpers and node.id not in needed:
                needed.add(node.id)
                open_.append(node.id)
    body: list[ast.stmt] = [
        n
        for n in tree.body
        if (isinstance(n, ast.Import | ast.ImportFrom) and "__future__" not in ast.unparse(n))
        or (isinstance(n, ast.Assign) and "__all__" not in ast.unparse(n))
        or (isinstance(n, ast.FunctionDef) and n.name in needed)
    ]
    kept = ast.Module(body, type_ignores=[])
    return ast.unparse(_Rename(form).visit(_Bare().visit(kept)))


def drafts(source: str, form: str = "") -> list[Draft]:
    r"""Return every version of a source that one application of one operator gives.

    Parameters
    ----------
    source : str
        A module that defines ``implementation``.
    form : str, default=""
        What it is called among the correct ones.

    Returns
    -------
    list of Draft
        Without repetition, in the order of the source.

    Examples
    --------
    >>> [d.source for d in drafts("def implementation(x):\n    return x[1:] / 2")
    ...  if d.operator == "another operation"]
    ['def implementation(x):\n    return ((x[1:]) * (2))']
    """
    lines = source.splitlines(keepends=True)
    found: dict[str, Draft] = {}
    for node in _nodes(ast.parse(source)):
        for name, operator in OPERATORS.items():
            for text in operator(node):
                changed = _replaced(lines, node, text)
                found.setdefault(changed, Draft(name, form, changed))
    return list(found.values())


Placed = ast.expr | ast.stmt


def _nodes(node: ast.AST) -> Iterator[Placed]:
    """Yield the expressions and statements of functions; signatures and constants stay."""
    for child in ast.iter_child_nodes(node):
        constant = isinstance(node, ast.Module) and not isinstance(child, ast.FunctionDef)
        if not (constant or isinstance(child, ast.arguments)):
            if isinstance(child, Placed):
                yield child
            yield from _nodes(child)


def _replaced(lines: list[str], node: Placed, text: str) -> str:
    """Return the source with other text in the place of a node."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    if isinstance(node, ast.stmt):
        text = text.replace("\n", "\n" + " " * node.col_offset)
    elif not isinstance(node, ast.Slice):
        text = f"({text})"
    first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
    before = [*lines[: node.lineno - 1], first[: node.col_offset]]
    after = [last[node.end_col_offset :], *lines[node.end_lineno :]]
    return "".join([*before, text, *after])


Implementation = Callable[..., Any]
