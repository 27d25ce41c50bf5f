"""What a student's notebook needs to run its public checks: their source, and nothing of ours.

The course is no package that a student installs, so a public check travels as text. With it goes
what it uses of the project's own code outside ``utils``, and no more: the parameters of the
variant that it names, the helpers that it calls, the imports of those.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

from book.course.task import Task, Variant

__all__ = [
    "SETUP",
    "NotPortableError",
    "bound_names",
    "free_names",
    "public_checks",
    "setup",
    "staying_checks",
]


class NotPortableError(ValueError):
    """A public check cannot be written into a notebook; the message says why."""


SETUP = '''\
# Run this cell first. It defines what the cells of public checks call.
class AnswerError(AssertionError):
    """An answer that a check does not accept."""


def require(condition, says):
    """Raise an error with a sentence unless the condition holds."""
    if not condition:
        raise AnswerError(says)


class Answers:
    """What your cells have defined so far, by name."""

    def __getattr__(self, name):
        value = globals().get(name, ...)
        require(value is not ..., f"`{name}` has no value yet.")
        return value


def run_public(*checks, **numbers):
    """Run public checks, and say of each what came out."""
    for check in checks:
        code = check.__code__
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        try:
            check(Answers(), **{name: numbers[name] for name in names if name in numbers})
        except Exception as error:
            kind = "" if isinstance(error, AnswerError) else f"{type(error).__name__}: "
            print(f"not yet: {check.__doc__}\\n         {kind}{error}")
        else:
            print(f"passed:  {check.__doc__}")
'''
"""The cell that every student's notebook begins with."""


def setup() -> str:
    """Return the cell that defines what the cells of public checks call."""
    return SETUP.rstrip()


@dataclass
class _Closure:
    """Top-level code that functions use, gathered from the project's modules.

    Attributes
    ----------
    imports, statements : list of str
        What is written before the functions.
    seen : set of (str, str)
        Module and name of what has been gathered.
    """

    imports: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def gather(self, node: ast.AST, module: ModuleType) -> None:
        """Gather what a piece of code of a module uses."""
        for name in sorted(free_names(node)):
            if not hasattr(builtins, name) or name in vars(module):
                self._name(name, module)

    def _name(self, name: str, module: ModuleType) -> None:
        if (module.__name__, name) in self.seen or name in ("require", "AnswerError"):
            return
        self.seen.add((module.__name__, name))
        for statement in _top_level(module):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for alias in statement.names:
                    if (alias.asname or alias.name.partition(".")[0]) == name:
                        self._imported(statement, alias)
                        return
            elif name in bound_names(statement):
                self.gather(statement, module)
                self.statements.append(_without_annotations(statement, words=False))
                return
        raise NotPortableError(f"{name} is not defined at the top of {module.__name__}")

    def _imported(self, statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> None:
        """Import again what comes from elsewhere, and gather what comes from the course."""
        source = alias.name if isinstance(statement, ast.Import) else str(statement.module)
        if source.split(".")[0] != "book":
            one = copy.copy(statement)
            one.names = [alias]
            line = ast.unparse(one)
            if line not in self.imports:
                self.imports.append(line)
            return
        if isinstance(statement, ast.Import) or f"{source}.{alias.name}" in sys.modules:
            raise NotPortableError(f"import names of {source}, not the module")
        self._name(alias.name, sys.modules[source])
        if alias.asname and alias.name != alias.asname:
            self.statements.append(f"{alias.asname} = {alias.name}")


@cache
def _top_level(module: ModuleType) -> list[ast.stmt]:
    return ast.parse(inspect.getsource(module)).body


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    targets = (
        statement.targets
        if isinstance(statement, ast.Assign)
        else [statement.target]
        if isinstance(statement, ast.AnnAssign)
        else []
    )
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def free_names(node: ast.AST) -> set[str]:
    """Return the names that code uses and does not define itself; annotations do not count."""
    used: set[str] = set()
    own: set[str] = set()
    for inner in ast.walk(_bare(node)):
        if isinstance(inner, ast.Name):
            (used if isinstance(inner.ctx, ast.Load) else own).add(inner.id)
        elif isinstance(inner, ast.arg):
            own.add(inner.arg)
        elif isinstance(inner, ast.FunctionDef | ast.ClassDef):
            own.add(inner.name)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            own |= {alias.asname or alias.name.partition(".")[0] for alias in inner.names}
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            own.add(inner.name)
    return used - own


def _bare(node: ast.AST, *, words: bool = True) -> ast.AST:
    """Return a copy of code without annotations, and without docstrings if no words are wanted."""
    bare = ast.parse(ast.unparse(node))
    for inner in ast.walk(bare):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and not words:
            documented = ast.get_docstring(inner) is not None
            inner.body = (inner.body[1:] if documented else inner.body) or [ast.Pass()]
        if isinstance(inner, ast.FunctionDef):
            inner.returns = None
        elif isinstance(inner, ast.arg):
            inner.annotation = None
        elif isinstance(inner, ast.AnnAssign) and inner.value is None:
            inner.annotation = ast.Constant(value=None)
    return bare


def _without_annotations(node: ast.AST, *, words: bool = True) -> str:
    return ast.unparse(_bare(node, words=words))


class _OwnAttributes(ast.NodeTransformer):
    """Writes the value of a task's attribute in place of ``self.attribute``."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return node
        value = getattr(self.task, node.attr)
        value = dict(value) if isinstance(value, Mapping) else value
        try:
            if ast.literal_eval(repr(value)) != value:
                return node
        except (ValueError, SyntaxError):
            return node
        return ast.parse(repr(value), mode="eval").body


def _function(task: Task, name: str) -> tuple[ast.FunctionDef, set[str]]:
    """Return a public check as a function of the answer and of the parameters that it names.

    Raises
    ------
    NotPortableError
        If it calls a method of its task or takes its parameters as a whole.
    """
    function = _parsed(textwrap.dedent(inspect.getsource(getattr(type(task), name))))
    function.body = [_OwnAttributes(task).visit(statement) for statement in function.body]
    inside = {n.id for part in function.body for n in ast.walk(part) if isinstance(n, ast.Name)}
    arguments = function.args
    if "self" in inside or (arguments.kwarg and arguments.kwarg.arg in inside):
        raise NotPortableError(
            f"{task.label}: {name} may use the answer, its parameters by name, plain attributes "
            "of the task and what stands at the top of its module, but no method of the task and "
            "not **parameters as a whole"
        )
    every = [a.arg for a in [*arguments.args[2:], *arguments.kwonlyargs]]
    used = {one for one in every if one in inside}
    function.args = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arguments.args[1].arg), *(ast.arg(one) for one in every if one in used)],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    function.decorator_list = []
    return function, used


def _parsed(text: str) -> ast.FunctionDef:
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    return function


def _of_its_own(variant: Variant) -> dict[str, str]:
    """Return the checks that a task has written for the student's notebook, by name.

    A task whose public checks cannot travel may have a method ``public_code`` that takes the
    parameters and returns functions of the same names, which take the answer alone and may use
    what the given cell defines.
    """
    code = getattr(variant.task, "public_code", None)
    if code is None:
        return {}
    body = ast.parse(inspect.cleandoc(code(**variant.parameters))).body
    return {one.name: ast.unparse(one) for one in body if isinstance(one, ast.FunctionDef)}


@dataclass(frozen=True)
class _Travelling:
    """What the public checks of a task are in a notebook, whatever the numbers."""

    imports: tuple[str, ...]
    functions: Mapping[str, str]
    statements: tuple[str, ...]
    numbers: frozenset[str]


@cache
def _travelling(task: Task, names: tuple[str, ...]) -> _Travelling:
    """Return those of some checks that can travel, with what they use."""
    closure, functions, numbers = _Closure(), dict[str, str](), set[str]()
    for name in names:
        try:
            function, used = _function(task, name)
        except NotPortableError:
            continue
        numbers |= used
        closure.gather(function, sys.modules[type(task).__module__])
        functions[name] = _without_annotations(function)
    imports, statements = tuple(closure.imports), tuple(closure.statements)
    return _Travelling(imports, functions, statements, frozenset(numbers))


def _public(variant: Variant) -> tuple[_Travelling, dict[str, str]]:
    """Return the checks of a variant that travel by themselves, and all that can be run."""
    own = _of_its_own(variant)
    public = [check.name for check in variant.checks if not check.hidden]
    found = _travelling(variant.task, tuple(name for name in public if name not in own))
    every = {**found.functions, **own}
    return found, {name: every[name] for name in public if name in every}


def staying_checks(variant: Variant) -> list[str]:
    """Return the sentences of public checks that cannot be run in the student's own notebook.

    One cannot that calls a method of its task or takes its parameters as a whole.
    """
    _, functions = _public(variant)
    return [c.says for c in variant.checks if not c.hidden and c.name not in functions]


def public_checks(variant: Variant) -> str:
    """Return the cell that runs the public checks of a variant in a student's own notebook.

    Parameters
    ----------
    variant : Variant
        The task with the numbers of one student.

    Returns
    -------
    str
        The source of the checks with what they use, and the call that runs them; ``""`` if the
        task has no public check that can travel.
    """
    found, functions = _public(variant)
    if not functions:
        return ""
    given = [f"{name}={variant.parameters[name]!r}" for name in sorted(found.numbers)]
    call = f"run_public({', '.join([*functions, *given])})"
    # Inside a function, so that no helper takes the name of something the student has written.
    blocks = ["\n".join(found.imports)] if found.imports else []
    blocks += functions.values()
    if found.statements:
        blocks += ["\n\n".join(["# What these checks use:", *found.statements])]
    body = textwrap.indent("\n\n".join([*blocks, call]), "    ")
    head = "# Public checks: run this cell after yours.\ndef public_checks():"
    return f"{head}\n{body}\n\n\npublic_checks()"
