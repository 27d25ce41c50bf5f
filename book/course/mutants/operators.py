"""Operators that break an implementation: each makes one small change to its source.

An operator takes a node of the syntax tree and yields what may stand in its place, as source. The
first group makes the slips of any program, the second those of programs with groups, orbits and
batches. Many changes change nothing; :mod:`book.course.mutants.oracle` throws these away.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["OPERATORS", "Operator"]

Operator = Callable[[ast.AST], Iterator[str]]

AXES = ("dim", "dims", "axis", "axes")
REDUCTIONS = ("sum", "mean", "amax", "amin", "std", "norm", "softmax", "cumsum")
REARRANGED = ("sort", "argsort", "flip", "unsqueeze", "stack", "cat", "unbind")
TURNS = ("roll", "rot90", "turned", "moved")


def _name(node: ast.AST) -> str:
    """Return the name of the function or method that a call calls, or ``""``."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _whole(node: ast.AST | None) -> int | None:
    """Return the whole number that an expression writes, if it does."""
    try:
        value = ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None
    return value if type(value) is int else None


def _with(node: ast.AST, change: Callable[[Any], None]) -> str:
    """Return the source of a changed copy of a node."""
    changed = copy.deepcopy(node)
    change(changed)
    return ast.unparse(ast.fix_missing_locations(changed))


def _with_argument(node: ast.Call, position: int, source: str) -> str:
    """Return the source of a call with another argument."""

    def change(call: ast.Call) -> None:
        call.args[position] = _expression(source)

    return _with(node, change)


def _with_keyword(node: ast.Call, position: int, source: str | None) -> str:
    """Return the source of a call with another value of a keyword, or without the keyword."""

    def change(call: ast.Call) -> None:
        if source is None:
            call.keywords.pop(position)
        else:
            call.keywords[position].value = _expression(source)

    return _with(node, change)


def _renamed(node: ast.Call, name: str) -> str:
    """Return the source of a call of another function or method with the same arguments."""
    field = "attr" if isinstance(node.func, ast.Attribute) else "id"
    return _with(node, lambda call: setattr(call.func, field, name))


def _expression(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def _exchanged(pairs: Mapping[str, tuple[str, ...]]) -> Operator:
    """Return the operator that calls another function in place of a named one."""

    def operator(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Call):
            for name in pairs.get(_name(node), ()):
                yield _renamed(node, name)

    return operator


# -- slips of any program


def wrong_axis(node: ast.AST) -> Iterator[str]:
    """Work along another axis."""
    if not isinstance(node, ast.Call):
        return
    for position, keyword in enumerate(node.keywords):
        if keyword.arg not in AXES:
            continue
        if isinstance(keyword.value, ast.Tuple):
            parts = [ast.unparse(part) for part in keyword.value.elts]
            others = [f"({part},)" for part in parts] + [f"({', '.join(parts[::-1])},)"]
        else:
            others = [str(axis) for axis in (0, 1, 2, -1, -2)]
        for other in others:
            if other != ast.unparse(keyword.value):
                yield _with_keyword(node, position, other)
    if isinstance(node.func, ast.Attribute) and _name(node) in REDUCTIONS + REARRANGED:
        now = _whole(node.args[0]) if node.args else None
        for axis in (0, 1, 2, -1, -2):
            if now is not None and axis != now:
                yield _with_argument(node, 0, str(axis))


def off_by_one(node: ast.AST) -> Iterator[str]:
    """Begin one later, end one earlier or later."""
    if _name(node) == "range" and isinstance(node, ast.Call):
        first, last = ("0", ast.unparse(node.args[0]))
        if len(node.args) > 1:
            first, last = ast.unparse(node.args[0]), ast.unparse(node.args[1])
        yield f"range({first} + 1, {last})"
        yield f"range({first}, {last} - 1)"
        yield f"range({first}, {last} + 1)"
    if isinstance(node, ast.Slice):
        lower = ast.unparse(node.lower) if node.lower else "0"
        yield f"slice({lower} + 1, {ast.unparse(node.upper) if node.upper else None})"
        if node.upper:
            yield f"slice({lower}, {ast.unparse(node.upper)} - 1)"


def sign(node: ast.AST) -> Iterator[str]:
    """Forget a minus, or write one."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield ast.unparse(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
        yield f"-({ast.unparse(node)})"
    if isinstance(node, ast.Call) and _name(node) not in ("range", "slice", "zip", "enumerate"):
        yield f"-({ast.unparse(node)})"


def other_operation(node: ast.AST) -> Iterator[str]:
    """Add in place of subtracting, multiply in place of dividing, take another power."""
    if not isinstance(node, ast.BinOp):
        return
    left, right = ast.unparse(node.left), ast.unparse(node.right)
    signs = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}
    if type(node.op) in signs:
        yield f"({left}) {signs[type(node.op)]} ({right})"
    if isinstance(node.op, ast.Pow):
        yield f"({left}) ** (({right}) + 1)"
        yield f"({left})"


def wrong_term(node: ast.AST) -> Iterator[str]:
    """Drop a term or a factor, or take one twice."""
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield left
        if not isinstance(node.op, ast.Pow):
            yield right
        if isinstance(node.op, ast.Add | ast.Sub):
            symbol = "+" if isinstance(node.op, ast.Add) else "-"
            yield f"({left}) {symbol} 2 * ({right})"
    if isinstance(node, ast.AugAssign):
        yield "pass"
        yield f"{ast.unparse(node.target)} = {ast.unparse(node.value)}"


def wrong_constant(node: ast.AST) -> Iterator[str]:
    """Change a number a little."""
    number = _whole(node) if isinstance(node, ast.Constant) else None
    if number is not None:
        yield str(number + 1)
        if number > 1:
            yield str(number // 2)
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        yield repr(node.value * 2)
        yield repr(node.value / 2)


def negated_condition(node: ast.AST) -> Iterator[str]:
    """Ask for the opposite."""
    opposite = {
        ast.Lt: ">=",
        ast.Gt: "<=",
        ast.LtE: ">",
        ast.GtE: "<",
        ast.Eq: "!=",
        ast.NotEq: "==",
    }
    if isinstance(node, ast.Compare) and type(node.ops[0]) in opposite:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield f"({left}) {opposite[type(node.ops[0])]} ({right})"
    if isinstance(node, ast.IfExp):
        yield ast.unparse(node.body)
        yield ast.unparse(node.orelse)


def dropped_step(node: ast.AST) -> Iterator[str]:
    """Leave out a method, a function of one argument or an option."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
            yield ast.unparse(node.func.value)
        if len(node.args) == 1 and _name(node) not in ("range", "len"):
            yield ast.unparse(node.args[0])
        for position in range(len(node.keywords)):
            yield _with_keyword(node, position, None)
    if isinstance(node, ast.Attribute) and node.attr == "values" and _name(node.value) == "sort":
        assert isinstance(node.value, ast.Call)
        assert isinstance(node.value.func, ast.Attribute)
        yield ast.unparse(node.value.func.value)


def _is_module(node: ast.AST) -> bool:
    return ast.unparse(node).partition(".")[0] in ("torch", "np", "F")


def transposed(node: ast.AST) -> Iterator[str]:
    """Transpose a matrix, forget to, or exchange the factors of a product."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield ast.unparse(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield f"({right}) @ ({left})"
        yield f"({left}).T @ ({right})"
        yield f"({left}) @ ({right}).T"


def exchanged_arguments(node: ast.AST) -> Iterator[str]:
    """Exchange two neighbouring arguments."""
    if not isinstance(node, ast.Call):
        return
    for first in range(len(node.args) - 1):

        def change(call: ast.Call, first: int = first) -> None:
            call.args[first : first + 2] = call.args[first : first + 2][::-1]

        yield _with(node, change)


def wrong_direction(node: ast.AST) -> Iterator[str]:
    """Sort the other way round."""
    if isinstance(node, ast.Call) and _name(node) in ("sort", "argsort", "topk"):
        option = "largest" if _name(node) == "topk" else "descending"
        now = {k.arg: ast.unparse(k.value) for k in node.keywords}
        opposite = "False" if now.pop(option, str(option == "largest")) == "True" else "True"

        def change(call: ast.Call) -> None:
            call.keywords = [k for k in call.keywords if k.arg != option]
            call.keywords.append(ast.keyword(option, _expression(opposite)))

        yield _with(node, change)


# -- slips of programs with groups, orbits and batches


def _turned_by(node: ast.AST) -> int | None:
    """Return which argument of a call says by how much it shifts or turns."""
    if not isinstance(node, ast.Call) or _name(node) not in TURNS:
        return None
    of_object = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
    position = 0 if of_object else 1
    return position if len(node.args) > position else None


def inverse(node: ast.AST) -> Iterator[str]:
    """Act by the inverse of a group element."""
    if not isinstance(node, ast.Call):
        return
    position = _turned_by(node)
    if position is not None:
        yield _with_argument(node, position, f"-({ast.unparse(node.args[position])})")
    if _name(node) == "argsort":
        yield f"({ast.unparse(node)}).argsort(-1)"
    if _name(node) == "exp" and node.args:
        yield _with_argument(node, 0, f"-({ast.unparse(node.args[0])})")


def other_element(node: ast.AST) -> Iterator[str]:
    """Act by the next element, by the square, by one of two, or not at all."""
    position = _turned_by(node)
    if isinstance(node, ast.Call) and position is not None:
        by = ast.unparse(node.args[position])
        for other in (f"({by}) + 1", f"2 * ({by})", f"({by}) % 2", "0"):
            yield _with_argument(node, position, other)


def _over(node: ast.AST, pattern: str) -> Iterator[str]:
    """Yield loops that run over something else."""
    places = len(node.generators) if isinstance(node, ast.ListComp | ast.GeneratorExp) else 0
    for place in range(places) if places else [0] if isinstance(node, ast.For) else []:

        def change(loop: Any, place: int = place) -> None:
            part = loop.generators[place] if places else loop
            part.iter = _expression(pattern.format(ast.unparse(part.iter)))

        yield _with(node, change)


def forgets_an_element(node: ast.AST) -> Iterator[str]:
    """Leave out the first or the last of what a loop or a mean runs over."""
    yield from _over(node, "list({})[1:]")
    yield from _over(node, "list({})[:-1]")
    if _reduces_first(node):
        yield _object(node, "({})[1:]")
        yield _object(node, "({})[:-1]")


def subgroup(node: ast.AST) -> Iterator[str]:
    """Keep to every other element, or to the first half."""
    yield from _over(node, "list({})[::2]")
    yield from _over(node, "(lambda all: all[:(len(all) + 1) // 2])(list({}))")
    yield from _over(node, "list({})[:2]")
    if _reduces_first(node):
        yield _object(node, "({})[::2]")
        yield _object(node, "(lambda all: all[:(len(all) + 1) // 2])({})")


def twice(node: ast.AST) -> Iterator[str]:
    """Count the first element twice."""
    yield from _over(node, "(lambda all: all + all[:1])(list({}))")


def _reduces_first(node: ast.AST) -> bool:
    """Whether a method reduces the first axis."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    options = {k.arg: _whole(k.value) for k in node.keywords}
    axis = options.get("dim", options.get("axis", _whole(node.args[0]) if node.args else None))
    return _name(node) in REDUCTIONS and axis == 0 and not _is_module(node.func.value)


def _object(node: ast.AST, pattern: str) -> str:
    """Return the source of a method's call on a changed object."""

    def change(call: ast.Call) -> None:
        assert isinstance(call.func, ast.Attribute)
        call.func.value = _expression(pattern.format(ast.unparse(call.func.value)))

    return _with(node, change)


def _parameters(node: ast.AST) -> list[str]:
    """Return the names of a function's arguments that have no default."""
    if not isinstance(node, ast.FunctionDef):
        return []
    names = [argument.arg for argument in node.args.args]
    return names[: len(names) - len(node.args.defaults)]


def _before(node: ast.AST, *patterns: str) -> Iterator[str]:
    """Yield a function that begins with a change of one of its arguments."""
    for name in _parameters(node):
        for pattern in patterns:
            line = f"{name} = {pattern.format(name)}"

            def change(function: ast.FunctionDef, line: str = line) -> None:
                function.body[:0] = ast.parse(line).body

            yield _with(node, change)


def _after(node: ast.AST, *patterns: str) -> Iterator[str]:
    """Yield returns of changed values; of several, each is changed by itself."""
    if not isinstance(node, ast.Return) or node.value is None:
        return
    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    values = [ast.unparse(part) for part in parts]
    for position, value in enumerate(values):
        for pattern in patterns:
            changed = [*values[:position], pattern.format(value), *values[position + 1 :]]
            yield "return " + ", ".join(changed)


def leaks_over_the_batch(node: ast.AST) -> Iterator[str]:
    """Subtract or divide by a statistic of the batch."""
    centred = "(lambda v: v - v.mean(axis=0, keepdims=True))({})"
    yield from _before(node, centred)
    yield from _after(
        node, centred, "(lambda v: v / (1 + v.std(axis=0, keepdims=True) if len(v) > 1 else v))({})"
    )


def mixes_the_batch(node: ast.AST) -> Iterator[str]:
    """Give one member of a batch what belongs to another."""
    first, shifted = "({0})[:1].expand_as({0})", "({0}).roll(1, 0)"
    last = "(lambda v: torch.cat([v[:-1], v[:1]]))({})"
    yield from _before(node, first, shifted)
    yield from _after(node, shifted, last)


def acts_elsewhere(node: ast.AST) -> Iterator[str]:
    """Move what goes in or what comes out along an axis that does not ask for it."""
    yield from _before(node, "({}).flip(-1)", "({}).roll(1, -1)", "({}).mT")
    yield from _after(node, "({}).flip(-1)", "({}).roll(1, -1)", "({}).mT")


def forgets_signs(node: ast.AST) -> Iterator[str]:
    """Look at sizes only, or at what is positive only, or cut off what is large."""
    yield from _before(node, "abs({})", "({}).clip(0)", "({}).clip(-1, 1)")
    yield from _after(node, "abs({})", "({}).clip(0)", "({}).clip(-1, 1)")


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "another axis": wrong_axis,
        "off by one": off_by_one,
        "sign": sign,
        "another operation": other_operation,
        "term": wrong_term,
        "constant": wrong_constant,
        "negated condition": negated_condition,
        "dropped step": dropped_step,
        "transposed": transposed,
        "exchanged arguments": exchanged_arguments,
        "direction": wrong_direction,
        "extremum": _exchanged(
            {
                "amax": ("amin",),
                "amin": ("amax",),
                "max": ("min",),
                "min": ("max",),
                "maximum": ("minimum",),
                "minimum": ("maximum",),
                "argmax": ("argmin",),
                "argmin": ("argmax",),
            }
        ),
        "reduction": _exchanged(
            {
                "sum": ("mean", "amax"),
                "mean": ("sum", "amax"),
                "amax": ("mean", "sum"),
                "amin": ("mean", "sum"),
                "norm": ("sum", "amax"),
                "std": ("mean",),
                "square": ("abs",),
                "abs": ("square",),
                "softmax": ("log_softmax",),
            }
        ),
        "inverse": inverse,
        "another element": other_element,
        "forgets an element": forgets_an_element,
        "subgroup": subgroup,
        "an element twice": twice,
        "leaks over the batch": leaks_over_the_batch,
        "mixes the batch": mixes_the_batch,
        "acts elsewhere": acts_elsewhere,
        "forgets signs": forgets_signs,
    }
)
"""The operators by name."""
