"""The student's process: it runs cells, and serves names and calls to the grader over a pipe.

Nothing here is trusted once the first cell has run. The process holds no task, no parameter and
no expected value, and it gives no verdict; all it can say is what a name holds and what a function
returns.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType, ModuleType
from typing import Any

from book.grade.fence import Fence, Limits, Walls, raise_fence
from book.grade.wire import Mine, Pipe, Theirs, WireError, pack, unpack

__all__ = ["main"]


class _Server:
    """Runs what the grader asks for, in one namespace as a notebook has it."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.space = _space("__main__")
        self.functions: list[Callable[..., Any]] = []
        self.request = 0

    def serve(self) -> None:
        """Answer requests until the pipe closes."""
        while True:
            self.answer(unpack(self.pipe.receive(), self.find))

    def answer(self, asked: Mapping[str, Any]) -> None:
        """Answer one request."""
        outer, self.request = self.request, asked["id"]
        try:
            answer = getattr(self, f"do_{asked['do']}")(*asked["with"])
        except BaseException as error:
            answer = {"error": _described(error)}
        self.say(answer)
        self.request = outer

    def say(self, answer: Mapping[str, Any]) -> None:
        """Send an answer, or why it cannot be sent."""
        try:
            message = pack({"id": self.request, **answer}, self.name)
        except Exception as error:
            says = str(error) if isinstance(error, WireError) else "a value cannot be handed over"
            message = pack({"id": self.request, "refused": says})
        self.pipe.send(message)

    def do_run(self, source: str, title: str) -> dict[str, Any]:
        """Run a cell."""
        _execute(source, f"<{title}>", self.space)
        return {"value": None}

    def do_get(self, name: str) -> dict[str, Any]:
        """Return what a name holds."""
        if name not in self.space:
            return {"missing": True}
        value = self.space[name]
        return {"missing": True} if value is ... else {"value": value}

    def do_call(
        self, function: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call a function."""
        return {"value": function(*given, **named)}

    def do_define(self, source: str, name: str) -> dict[str, Any]:
        """Define a function of the grader's in a namespace of its own."""
        space = _space("answer")
        _execute(source, "<a given function>", space)
        return {"value": space[name]}

    def name(self, function: Callable[..., Any]) -> Mine | Theirs:
        """Give the number by which the grader may call a function."""
        if isinstance(function, _Stub):
            return Theirs(function.number)
        self.functions.append(function)
        return Mine(len(self.functions) - 1)

    def find(self, number: Mine | Theirs) -> Callable[..., Any]:
        """Return what a number of the grader's stands for."""
        if isinstance(number, Theirs):
            return self.functions[number]
        return _Stub(self, int(number))

    def call_back(self, number: int, given: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Call a function of the grader's."""
        asked = {"id": self.request, "callback": number, "with": [list(given), dict(named)]}
        self.pipe.send(pack(asked, self.name))
        while "do" in (answer := unpack(self.pipe.receive(), self.find)):
            self.answer(answer)  # the grader's function calls one of ours
        if "error" in answer:
            kind, says = answer["error"]
            raised = getattr(builtins, kind, RuntimeError)
            raise raised(says)
        return answer["value"]


class _Stub:
    """A function of the grader's, in the student's process."""

    def __init__(self, server: _Server, number: int) -> None:
        self._server, self.number = server, number
        self.__name__ = self.__qualname__ = "given_function"

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._server.call_back(self.number, given, named)


def _space(name: str) -> dict[str, Any]:
    """Return an empty namespace, with what a notebook has of its own."""
    module = ModuleType(name)
    sys.modules[name] = module
    vars(module).update(display=print, get_ipython=lambda: None, __builtins__=builtins)
    return vars(module)


def _execute(source: str, title: str, space: dict[str, Any]) -> None:
    """Run source text; lines for the notebook program (``%``, ``!``) are left out."""
    linecache.cache[title] = (len(source), None, source.splitlines(keepends=True), title)
    try:
        tree = ast.parse(source, title)
    except SyntaxError:
        lines = source.splitlines()
        if not any(line.startswith(("%", "!")) for line in lines):
            raise
        kept = ("pass" if line.startswith(("%", "!")) else line for line in lines)
        tree = ast.parse("\n".join(kept), title)
    exec(compile(tree, title, "exec"), space)


def _described(error: BaseException) -> list[Any]:
    """Say what an error is: its kind, the built-in kind that it is, its words, its line."""
    kinds = [k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins"]
    try:
        says = str(error.msg if isinstance(error, SyntaxError) else error)[:300]
    except BaseException:
        says = ""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else _line(error)
    return [type(error).__name__[:60], kinds[0], says, line if isinstance(line, int) else None]


def _line(error: BaseException) -> int | None:
    """Return the line of the student's cell in which an error arose."""
    found, trace = None, error.__traceback__
    while trace is not None:
        frame: FrameType = trace.tb_frame
        if frame.f_code.co_filename.startswith("<cell"):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def main(reads: int, writes: int) -> None:
    """Raise the fence, say what it is made of, and serve."""
    pipe = Pipe(reads, writes)
    plan = unpack(pipe.receive())
    limits, walls = Limits(**plan.pop("limits")), Walls(**plan.pop("walls"))
    os.chdir(plan["folder"])
    with suppress(ImportError):  # what site packages do at start: distutils for Python 3.12
        import_module("_distutils_hack").add_shim()
    pipe.send(pack(raise_fence(Fence(**plan, limits=limits, walls=walls))))
    try:
        _Server(pipe).serve()
    except WireError:
        os._exit(1)
