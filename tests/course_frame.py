"""What holds for every task of the course: questions that a task must answer.

A file of tests asks each question of each of its tasks::

    @pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.__name__)
    @pytest.mark.parametrize("label", LABELS)
    def test_task(label, question):
        question(TASKS[label])

and asks ``refuses_the_book(task, printed)`` with the solution that the book prints, written as a
student would copy it into the names of the task. Answers are served as the grader serves them:
plain values and functions, copied on the way, and nothing else.
"""

from __future__ import annotations

import ast
import copy
import functools
import json
import random
import re
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from book.course.task import AnswerError, Task, Variant, require
from tests.form import misspellings

SEEDS = 20
PAIRS = 10
DRAWS = 200
SECONDS = 5.0
FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    functools.partial,
    np.ufunc,
    torch.nn.Module,
)
GARBAGE: tuple[Any, ...] = (
    None,
    float("nan"),
    float("inf"),
    -987654,
    "no answer",
    [],
    {},
    [[float("nan")]],
    np.full((2, 2), np.nan),
    torch.full((3,), float("nan")),
    lambda *_: None,
    lambda *_: float("nan"),
)


class Served:
    """An answer as a check sees it: the names of a task, plain values and functions only."""

    def __init__(self, namespace: dict[str, Any], names: Iterator[str] | Any) -> None:
        self._namespace = namespace
        self._names = tuple(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._names:
            raise AttributeError(f"a check may ask for {self._names} and not for {name}")
        require(name in self._namespace, f"{name} is not defined.")
        return crossing(self._namespace[name], name)


def crossing(value: Any, name: str) -> Any:
    """Return what the grader makes of a value on its way to a check."""
    require(value is not Ellipsis, f"{name} is still to be filled in.")
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return value.copy()
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return type(value)(crossing(v, name) for v in value)
    if isinstance(value, dict):
        return {crossing(k, name): crossing(v, name) for k, v in value.items()}
    if isinstance(value, FUNCTIONS):

        def served(*args: Any, **named: Any) -> Any:
            sent, also = _sent(args), _sent(named)
            try:
                returned = value(*sent, **also)
            except Exception as error:
                raise AnswerError(f"{name} fails: {type(error).__name__}.") from error
            return crossing(returned, name)

        return served
    raise AnswerError(f"{name} may hold values and functions, and not {type(value).__name__}.")


def _sent(value: Any) -> Any:
    """Return a copy of what a check hands to a student's function; only values may be sent."""
    if isinstance(value, FUNCTIONS):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_sent(v) for v in value)
    if isinstance(value, dict):
        return {k: _sent(v) for k, v in value.items()}
    plain = (bool, int, float, complex, str, np.generic, np.ndarray, torch.Tensor)
    assert value is None or isinstance(value, plain), f"{type(value)} cannot be sent"
    return copy.deepcopy(value)


@functools.lru_cache(maxsize=4096)
def variant(task: Task, seed: int) -> Variant:
    """Return the variant of a student; one for each seed."""
    return task.variant(seed=1000 + seed, student=f"student {seed % 7}")


@functools.lru_cache(maxsize=4096)
def solved(task: Task, seed: int) -> dict[str, Any]:
    """Return what the solution of a variant defines."""
    return run(variant(task, seed), variant(task, seed).solution)


def run(one: Variant, code: str) -> dict[str, Any]:
    """Run the given cell of a variant, then a student's cell; return all that they define."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for source in (one.given, code):
        exec(compile(source, f"<{one.task.label}>", "exec"), namespace)
    return namespace


def failures(one: Variant, namespace: dict[str, Any]) -> dict[str, Exception]:
    """Return what each check of a variant raises on an answer, by the name of the check."""
    found: dict[str, Exception] = {}
    answer = Served(namespace, one.task.names)
    for check in one.checks:
        try:
            with np.errstate(all="ignore"):
                check.run(answer)
        except Exception as error:
            found[check.name] = error
    return found


def score(one: Variant, namespace: dict[str, Any]) -> float:
    """Return the share of the points that an answer earns."""
    failed = failures(one, namespace)
    if one.task.all_or_nothing:
        return float(not failed)
    hidden = [c.name for c in one.checks if c.hidden]
    return sum(n not in failed for n in hidden) / len(hidden)


def varies(task: Task) -> bool:
    """Say whether students get different numbers."""
    drawn = [json.dumps(dict(variant(task, seed).parameters)) for seed in range(SEEDS)]
    return len(set(drawn)) > 1


# The questions ----------------------------------------------------------------------------------


def is_described(task: Task) -> None:
    """Label, points, names and checks are of the agreed form."""
    assert re.fullmatch(r"(ch[0-9]+-)?ex-[a-z0-9-]+", task.label), task.label
    assert isinstance(task.points, int), "points are whole"
    assert 1 <= task.points <= 6, "points are 1 to 6"
    assert task.names, "no names"
    for name, says in task.names.items():
        assert re.fullmatch(r"[A-Za-z]\w*", name), name
        assert len(says) > 3, f"{name} is not described"
    checks = variant(task, 0).checks
    assert any(c.hidden for c in checks), "no hidden check"
    assert any(not c.hidden for c in checks), "no public check"
    assert all(re.search(r"\w.*\.$", c.says) for c in checks), "a check has no sentence"


def draws_plain_values(task: Task) -> None:
    """Parameters are what JSON holds, follow from the seed, and use no other chance."""
    state = random.getstate()
    for seed in range(SEEDS):
        drawn = task.draw(random.Random(seed))
        assert json.loads(json.dumps(drawn)) == drawn, f"JSON cannot hold {drawn}"
        assert task.draw(random.Random(seed)) == drawn, "the draw does not follow from the seed"
    assert random.getstate() == state, "the draw uses chance of its own"


def reads_well(task: Task) -> None:
    """Prompt, remarks and starter are CommonMark and code, for every variant."""
    for seed in range(SEEDS):
        one = variant(task, seed)
        assert len(one.prompt) > 40, "no prompt"
        for text in (one.prompt, one.remarks):
            assert text.count("$") % 2 == 0, f"an odd number of dollars: {text}"
            assert not re.search(r"(?m)^#", text), "a heading"
            assert not re.search(r"\{[a-z:]+\}`|^[`:~]{3,}\{", text), "a role or a directive"
            left = [p for p in one.parameters if f"{{{p}}}" in re.sub(r"\$[^$]*\$", "", text)]
            assert not left, f"{left} not filled in"
            assert not misspellings(text), misspellings(text)
        ast.parse(one.given)
        starter = ast.parse(one.starter)
        assert set(task.names) <= _defined(starter), "the starter lacks a name"
        assert set(task.names) <= _defined(ast.parse(one.solution)), "the solution lacks a name"
        assert not set(task.names) & _defined(ast.parse(one.given)), "the answer is given"


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that a cell defines."""
    found = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    stored = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
    return found | {n.id for n in stored if isinstance(n.ctx, ast.Store)}


def accepts_its_solution(task: Task) -> None:
    """The solution passes every check, soon."""
    for seed in range(SEEDS):
        begun = time.process_time()
        failed = failures(variant(task, seed), solved(task, seed))
        assert not failed, f"{dict(variant(task, seed).parameters)}: {failed}"
        assert time.process_time() - begun < SECONDS, "too slow"


def refuses_the_starter(task: Task) -> None:
    """The cell as it is handed out earns nothing, and a public check says so in a sentence."""
    for seed in range(SEEDS):
        one = variant(task, seed)
        namespace = run(one, one.starter)
        assert score(one, namespace) == 0, "the starter earns points"
        public = [n for n in failures(one, namespace) if n.startswith("public_")]
        assert public, "no public check refuses the starter"


def needs_every_name(task: Task) -> None:
    """Nothing can stand in the place of one name and pass."""
    for seed in range(2):
        right = solved(task, seed)
        for name in task.names:
            for wrong in (*GARBAGE, _opposite(right[name])):
                failed = failures(variant(task, seed), {**right, name: wrong})
                assert failed, f"{name} may be {wrong!r}"


def _opposite(value: Any) -> Any:
    """Return another value of the same type, if that is easy to say."""
    if isinstance(value, (bool, np.bool_)):
        return not value
    if isinstance(value, (int, float)):
        return 2 * value + 1
    return None


def refuses_copies(task: Task) -> None:
    """The solution of one student fails for another, and says so in sentences."""
    if not varies(task):
        return
    passed = []
    for mine in range(PAIRS):
        one = variant(task, mine)
        for other in range(PAIRS):
            if other == mine:
                continue
            failed = failures(one, solved(task, other))
            hidden = [c.name for c in one.checks if c.hidden]
            for name, error in failed.items():
                assert isinstance(error, AnswerError), f"{name} raises {error!r}"
                says_enough(one, str(error), solved(task, mine))
            through = [n for n in hidden if n not in failed]
            if task.all_or_nothing and failed:
                continue
            if through:
                passed.append((mine, other))
                same = one.parameters == variant(task, other).parameters
                same = same or _same_answers(task, solved(task, mine), solved(task, other))
                assert same or not task.all_or_nothing, f"{other} copied by {mine} passes"
    assert len(passed) <= PAIRS * (PAIRS - 1) / 10, f"copies pass: {passed}"


def _same_answers(task: Task, mine: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether two solutions define the same values, and functions of the same text."""
    for name in task.names:
        pair = [mine[name], other[name]]
        if all(isinstance(value, types.FunctionType) for value in pair):
            pair = [(f.__code__.co_code, f.__code__.co_consts, f.__code__.co_names) for f in pair]
        if repr(pair[0]) != repr(pair[1]):
            return False
    return True


def says_enough(one: Variant, says: str, right: dict[str, Any]) -> None:
    """Demand that what a failed check says is a sentence and does not hold the answer."""
    assert re.fullmatch(r"(?s)\S.{10,}[.?]", says), f"not a sentence: {says!r}"
    known = set(re.findall(r"\d+(?:\.\d+)?", one.prompt + one.starter + one.given))
    told = set(re.findall(r"\d+(?:\.\d+)?", says)) - known
    answers = [right[name] for name in one.task.names]
    numbers = {str(abs(a)) for a in answers if isinstance(a, (int, float)) and a is not True}
    assert not told & numbers, f"the answer is given away: {says!r}"


def is_equally_hard(task: Task) -> None:
    """What makes a variant hard stays within its band."""
    if not varies(task):
        return
    for seed in range(DRAWS):
        one = task.variant(seed, "someone")
        measures = task.difficulty(**one.parameters)
        assert measures, "nothing measures the difficulty"
        for name, (value, low, high) in measures.items():
            assert np.isfinite([value, low, high]).all(), f"{name}: no band"
            assert low <= value <= high, f"{name}: {value} outside [{low}, {high}] for {seed}"


def refuses_the_book(task: Task, printed: str) -> None:
    """What the book prints earns nothing, whatever the variant."""
    for seed in range(2 * SEEDS):
        one = variant(task, seed)
        earned = score(one, run(one, printed))
        assert earned == 0, f"the book earns {earned} for {dict(one.parameters)}"


QUESTIONS: tuple[Callable[[Task], None], ...] = (
    is_described,
    draws_plain_values,
    reads_well,
    accepts_its_solution,
    refuses_the_starter,
    needs_every_name,
    refuses_copies,
    is_equally_hard,
)
