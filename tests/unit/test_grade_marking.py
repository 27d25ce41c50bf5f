"""A whole assignment, with a task of each kind, handed in well, badly and unfairly."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from book.course.task import Answer, Task, require
from book.grade.fence import Limits
from book.grade.judge import Mark, judge
from book.grade.submission import read
from tests import grade_frame as frame
from tests.grade_frame import DRY, HAND, SEED, answer, solution

PATIENT = Limits(cell=120, check=60, score=120, whole=600)
SHORT = Limits(cell=2, check=2, score=20, whole=120, memory=1500, disk=20, output=5000)

HANDED = {label: answer(solution(label), label) for label in DRY}
BOOK = "first_mirror = (3, 2)\nfolded = (2, 3)\npoints_of_z = 8\npoints_of_w = 4"
ALL = list(HANDED.values())


def replaced(**sources):
    """Return the right cells with some exchanged, by the last word of the label."""
    words = {label.rpartition("-")[2]: label for label in DRY}
    exchanged = {words[word]: source for word, source in sources.items()}
    return [answer(exchanged[k], k) if k in exchanged else cell for k, cell in HANDED.items()]


def marked(cells, tmp_path, *, labels=tuple(DRY), limits=SHORT, student="ada", **options):
    """Mark a notebook; return the marks by label and the remarks of no exercise."""
    path = frame.write(tmp_path / f"{student}_05.ipynb", cells, student)
    submission = read(path, [student])
    assert not submission.problem
    marks, remarks, printed = judge(
        submission.cells,
        {label: DRY[label] for label in labels},
        SEED,
        student,
        frame.POINTS,
        limits=limits,
        hidden=[tmp_path],
        **options,
    )
    return {mark.label: mark for mark in marks}, remarks, printed


def hand(cells, tmp_path, **options) -> Mark:
    """Mark a notebook that answers the exercise on paper."""
    return marked(cells, tmp_path, labels=[HAND], **options)[0][HAND]


def failed(mark: Mark) -> str:
    return " ".join(o.words for o in mark.outcomes if not o.passed)


RESULTS = {
    # what is handed in: points of (by hand, turn, circulant, mutants), of 2, 3, 2, 4
    "right": (
        replaced(circulant=f"import torch\n{solution('ex-circulant')}\nW = torch.from_numpy(W)"),
        (2, 3, 2, 4),
    ),
    "partly right": (
        replaced(
            hand=solution(HAND).replace("points_of_w = 4", "points_of_w = 8"),
            turn=solution("ex-turn").replace("/ 4", "/ 5"),
            mutants="def check_sort(sort):\n    assert sort([2, 1]) == [1, 2]",
        ),
        (0, 1.5, 2, 2),
    ),
    "wrong": (
        replaced(
            hand=BOOK,
            turn="def turn(p): return p\ndef mean(f, p): return f(p)",
            circulant="W = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]",
            mutants="def check_sort(sort):\n    assert sort([1]) == [2]",
        ),
        (0, 0, 0, 0),
    ),
    "empty": ([answer(DRY[k].variant(SEED, "ada").starter, k) for k in DRY], (0, 0, 0, 0)),
    "no cells": ([], (0, 0, 0, 0)),
    "another student's": ([answer(solution(k, "bob"), k) for k in DRY], (0, 1.5, 0, 4)),
    "says that it is right": (
        [answer("print('5/5 passed')\nscore = points = 5", k) for k in DRY],
        (0, 0, 0, 0),
    ),
    "equal to everything": (
        [
            """
class Yes(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
    def __len__(self): return 2
    def __iter__(self): return iter((Yes(1), Yes(1)))
class Pair(tuple):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = tuple.__hash__
""",
            *replaced(
                hand="first_mirror = folded = Pair((1, 1))\npoints_of_z = points_of_w = Yes(1)",
                turn="turn = mean = lambda *a: Yes(1)",
                circulant="W = Yes(1)",
                mutants="check_sort = Yes(1)",
            ),
        ],
        (0, 0, 0, 0),
    ),
    "patches the checker": (
        [
            """
import builtins, sys, types, unittest, numpy as np
fake = types.ModuleType("book.course.task")
fake.require = lambda *a: None
fake.AnswerError = fake.Task = object
sys.modules["book.course"] = sys.modules["book.course.task"] = fake
sys.modules["book.grade.judge"] = fake
np.allclose = np.array_equal = lambda *a, **k: True
for module in list(sys.modules.values()):
    for name in ("require", "check", "run", "judge"):
        if hasattr(module, name) and module.__name__.startswith("book"):
            setattr(module, name, lambda *a, **k: True)
builtins.all = lambda *a: True
""",
            *replaced(
                hand=BOOK,
                turn="def turn(p): return p\ndef mean(f, p): return 7",
                circulant="W = np.eye(3)",
                mutants="def check_sort(sort): raise AssertionError",
            ),
        ],
        (0, 0, 0, 0),
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_dry_run(name, tmp_path):
    cells, expected = RESULTS[name]
    marks, _, _ = marked(cells, tmp_path, limits=PATIENT)
    assert tuple(marks[label].points for label in DRY) == expected


def test_the_solution_of_another_variant_is_wrong(tmp_path):
    """What the dry run calls another student's differs where the variants do."""
    k = {s: DRY["ex-turn"].variant(SEED, s).parameters["k"] for s in ("ada", "bob")}
    assert k["ada"] != k["bob"]
    assert hand([answer(solution(HAND, "bob"))], tmp_path, student="bob").points == 2


ENDS = {
    # what a cell does that ends its process: what is said of it
    "while True: pass": "did not come back within 2 seconds",
    "import time; time.sleep(1000)": "did not come back within 2 seconds",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass": (
        "did not come back within 2 seconds"
    ),
    "import os; os._exit(0)": "ended the process (exit status 0)",
    "import ctypes; ctypes.string_at(0)": "ended the process (signal 11)",
    "import os; os.closerange(0, 200)": "ended the process",
    "for i in range(90): open(f'f{i}', 'wb').write(bytes(1_000_000))\nwhile True: pass": (
        "wrote more than 20 MB"
    ),
    "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)": "did not come back",
}
STOPS = {
    # what a cell does that stops the cell alone: what is said of it
    "def f(): f()\nf()": "RecursionError",
    "raise SystemExit(0)": "SystemExit",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "x = b'1' * 4_000_000_000": "MemoryError",
    "import os\nwhile True: os.fork()": "Error",
    "import subprocess; subprocess.run(['true'])": "Error",
    "import os; os.kill(os.getppid(), 9)": "PermissionError",
    "import socket; socket.create_connection(('127.0.0.1', 9))": "PermissionError",
    "open('f', 'wb').write(bytes(50_000_000))": "OSError: [Errno 27] File too large",
    "x = = 1": "SyntaxError",
    "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other": "SyntaxError",
    "class E(Exception):\n    def __str__(self): raise self\nraise E": "stopped with E (line 3",
    "from book.course.tasks import TASKS": "ModuleNotFoundError",
    "import book.grade.judge": "ModuleNotFoundError",
}


@pytest.mark.parametrize("cases", [ENDS, STOPS], ids=["ends", "stops"])
def test_what_cells_do_is_contained_and_costs_no_other_exercise(cases, tmp_path):
    cells = [answer("turn = 1", "ex-turn")]
    cells += [answer(source, "ex-turn") for source in cases]
    marks, _, _ = marked([*cells, HANDED[HAND]], tmp_path, labels=["ex-turn", HAND])
    assert marks["ex-turn"].points == 0
    said = {remark.partition(" ")[2] for remark in marks["ex-turn"].remarks}
    for i, says in enumerate(cases.values(), 2):
        assert any(s.startswith(f"{i} ") and says in s for s in said), (i, says, said)
    assert marks[HAND].points == 2
    assert marks[HAND].remarks == ()


FUNCTIONS = {
    "while True: pass": "Your code did not come back within 2 seconds.",
    "import os; os._exit(3)": "Your code ended the process (exit status 3).",
    "return 1 / 0": "ZeroDivisionError: division by zero (line 2 of the cell)",
    "raise SystemExit": "Your code stopped with SystemExit",
    "return int": "cannot be handed over",
    "x = []; x.append(x); return x": "nested too deeply",
    "import numpy; return numpy.zeros(10**8)": "too large",
    "return 10 ** 10000": "too long",
    "import numpy; return numpy.array([object()])": "object",
    "return turn(p)": "RecursionError",
}


class Call(Task):
    """Call a function once."""

    label, points = "ex-call", 1
    names: ClassVar = {"turn": "a function"}
    draw, prompt, solution = frame.Mutants.draw, frame.Mutants.prompt, frame.Mutants.solution

    def hidden_call(self, answer: Answer) -> None:
        """The function returns 1."""
        require(answer.turn(0) == 1, "Not 1.")


def test_what_functions_do_is_contained(tmp_path):
    tasks = {f"ex-call-{i}": Call() for i in range(len(FUNCTIONS) + 1)}
    sources = [f"def turn(p):\n    {source}" for source in [*FUNCTIONS, "return 1"]]
    cells = [answer(source, label) for label, source in zip(tasks, sources, strict=True)]
    path = frame.write(tmp_path / "ada_05.ipynb", cells)
    cells = read(path, ["ada"]).cells
    marks, _, _ = judge(cells, tasks, SEED, "ada", dict.fromkeys(tasks, 1), limits=SHORT)
    for mark, says in zip(marks[:-1], FUNCTIONS.values(), strict=True):
        assert mark.points == 0
        assert says in failed(mark)
    assert marks[-1].points == 1


FORGERIES = """
import json, os, struct, threading, time
def frame(value):
    text = json.dumps(value).encode()
    return struct.pack(">II", len(text), 0) + text
def forge():
    for fd in range(3, 30):
        for number in range(1, 9):
            for value in ({"tuple": [1, 1]}, True, "passed", {"dict": [["passed", True]]}):
                said = {"dict": [["id", number], ["value", value], ["points", 2]]}
                try: os.write(fd, frame(said))
                except OSError: break
"""


@pytest.mark.parametrize("when", ["forge()", "threading.Thread(target=forge).start()"])
def test_forged_messages_are_data_at_most(when, tmp_path):
    mark = hand([FORGERIES + when, answer("first_mirror = folded = 1")], tmp_path)
    assert mark.points == 0
    assert hand([FORGERIES, HANDED[HAND]], tmp_path).points == 2


@pytest.mark.parametrize("noise", ["os.urandom(100)", "b'\\xff' * 100", "b'{}'", "b'\\0' * 8"])
def test_noise_on_the_pipe_costs_the_cell_that_makes_it(noise, tmp_path):
    cell = "import os\nfor fd in range(3, 30):\n    "
    cell += f"try: os.write(fd, {noise})\n    except OSError: pass"
    mark = hand([cell, HANDED[HAND]], tmp_path)
    assert mark.points == 2


def test_course_and_tasks_cannot_be_read(tmp_path, root):
    """Where the kernel helps; elsewhere the hook refuses it, as another test shows."""
    (tmp_path / "course.json").write_text("{}")
    places = [tmp_path / "course.json", root / "book" / "course" / "tasks" / "chapter05.py"]
    places += [Path(f"/proc/{os.getpid()}/environ"), Path(f"/proc/{os.getpid()}/mem")]
    cells = [f"open({str(place)!r}, 'rb').read(1)" for place in places]
    _, remarks, _ = marked([*cells, HANDED[HAND]], tmp_path, labels=[HAND])
    assert len(remarks) == len(places)
    assert all("stopped with PermissionError" in remark for remark in remarks)


PILES = {
    # what a cell piles up: what is said of it
    "for _ in range(1300): os.mkdir('d'); os.chdir('d')": "wrote more than 5 MB",
    "for i in range(1300): open(f'f{i}', 'w').close()": "wrote more than 5 MB",
    "for i in range(3):\n"
    "    kept.append(open('f', 'wb', 0)); os.remove('f'); kept[i].write(bytes(2_000_000))": (
        "wrote more than 5 MB"
    ),
    "threading.stack_size(32768)\n"
    "for _ in range(300): threading.Thread(target=time.sleep, args=(99,)).start()": (
        "started more than 200 threads"
    ),
}


def test_what_cells_pile_up_is_counted_and_thrown_away(tmp_path):
    limits = Limits(cell=60, check=20, whole=400, disk=5)
    head, tail = "import os, threading, time\nkept = []\n", "\ntime.sleep(99)"
    cells = [answer(f"{head}{pile}{tail}", "ex-turn") for pile in PILES]
    labels = ["ex-turn", HAND]
    marks, _, _ = marked([*cells, HANDED[HAND]], tmp_path, labels=labels, limits=limits)
    assert (marks["ex-turn"].points, marks[HAND].points) == (0, 2)
    left_out = [f"cell {i} {says}; it was left out" for i, says in enumerate(PILES.values(), 1)]
    assert list(marks["ex-turn"].remarks)[1:] == left_out
    assert not list(Path("/tmp").glob(f"book-grade-{os.getpid()}-*"))


class Pairs(Task):
    """Hand over a function that returns far more than it is given."""

    label, points = "ex-pairs", 1
    names: ClassVar = {"use": "a function of a function"}
    draw, prompt, solution = frame.Mutants.draw, frame.Mutants.prompt, frame.Mutants.solution

    def hidden_use(self, answer: Answer) -> None:
        """The function is used."""
        kept = []
        answer.use(lambda n: kept.append(bytes(n)))
        require(sum(map(len, kept)) < 10, "Few bytes are enough.")


@pytest.mark.skipif(sys.platform != "linux", reason="the system counts no memory")
def test_the_grader_takes_no_more_memory_than_a_notebook_may(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    source = "def use(f):\n    try: f(%s)\n    except RuntimeError: found.append(1)\nfound = []"
    for size, says in (("4 * 10**9", ""), ("100", "Few bytes are enough.")):
        path = frame.write(tmp_path / "ada_05.ipynb", [answer(source % size, "ex-pairs")])
        cells = read(path, ["ada"]).cells
        marks, _, _ = judge(
            cells, {"ex-pairs": Pairs()}, SEED, "ada", {"ex-pairs": 1}, limits=SHORT
        )
        assert failed(marks[0]) == says
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_nothing_is_left_behind(tmp_path):
    outside = tmp_path / "outside.txt"
    cells = ["open('inside.txt', 'w').write('x')", f"open({str(outside)!r}, 'w').write('x')"]
    _, remarks, _ = marked([*cells, HANDED[HAND]], tmp_path, labels=[HAND])
    assert len(remarks) == 1
    assert remarks[0].startswith("cell 2 stopped with PermissionError")
    assert not outside.exists()
    assert not list(Path("/tmp").glob(f"book-grade-{os.getpid()}-*"))


def test_megabytes_are_cut(tmp_path):
    cells = ["for i in range(300): print('x' * 100_000)", HANDED[HAND]]
    marks, _, printed = marked(cells, tmp_path, labels=[HAND])
    assert marks[HAND].points == 2
    assert len(printed) < SHORT.output + 100
    assert "bytes in all" in printed


def test_memory_that_is_shared_counts(tmp_path):
    source = "import mmap, time\nm = mmap.mmap(-1, 10**9)\n"
    source += "for i in range(0, 10**9, 4096): m[i] = 1\ntime.sleep(60)"
    limits = Limits(memory=400)
    marks, remarks, _ = marked([source, HANDED[HAND]], tmp_path, labels=[HAND], limits=limits)
    assert marks[HAND].points == 2
    assert remarks == ["cell 1 used more than 400 MB of memory; it was left out"]


CELLS = {
    "deleted": ([], 0),
    "unmarked": ([solution(HAND)], 2),
    "marked as another": ([(solution(HAND), {"exercise": "ex-99"})], 2),
    "mark of no kind": ([(solution(HAND), {"exercise": ["x"]})], 2),
    "called given": ([(solution(HAND), {"exercise": HAND, "given": True})], 0),
    "split in two": ([answer(part) for part in solution(HAND).split("\n", 1)], 2),
    "twice, the second wrong": ([HANDED[HAND], answer(BOOK)], 0),
    "twice, the second empty": ([HANDED[HAND], answer("")], 2),
    "written in the cell below": ([answer("first_mirror = ..."), solution(HAND)], 2),
    "undone by a later exercise": (
        [HANDED[HAND], answer("folded = 0", "ex-turn"), "folded = 1"],
        2,
    ),
    "magics": (["%matplotlib inline\n!pip install x\nimport math"], 0),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_are_moved_and_marked_anew(name, tmp_path):
    cells, points = CELLS[name]
    marks, remarks, _ = marked(cells, tmp_path, labels=[HAND, "ex-turn"])
    assert marks[HAND].points == points
    assert not remarks


def test_given_code_is_our_own(tmp_path):
    label = "ex-turn"
    theirs = "def quarter(point): return 0, 0\nraise SystemExit"
    given = (theirs, {"exercise": label, "given": True})
    for cells in ([given, HANDED[label]], [HANDED[label]]):
        marks, _, _ = marked(cells, tmp_path, labels=[label])
        assert marks[label].points == 3


def test_hidden_checks_tell_the_public_ones_nothing(tmp_path):
    """What a function saw in a hidden check cannot come out in the words of a public one."""
    tell = "seen = []\ndef turn(p):\n    seen.append(p)\n    raise ValueError(str(seen))\n"
    tell += "def mean(f, p):\n    seen.append(p)\n    return 0"
    marks, _, _ = marked([answer(tell, "ex-turn")], tmp_path, labels=["ex-turn"])
    public = [o.words for o in marks["ex-turn"].outcomes if not o.hidden]
    assert public == ["Your code stopped with ValueError: [(1, 2)] (line 4 of the cell)."]


def test_a_score_of_every_task_changes_nothing_where_checks_decide(tmp_path, monkeypatch):
    """A task may inherit a way to score; only one of its own counts."""
    monkeypatch.setattr(Task, "score", lambda *a, **k: (1.0, []), raising=False)
    assert hand([answer(BOOK)], tmp_path).points == 0


def test_shipped_functions_run_beside_the_students(tmp_path, monkeypatch):
    """A task that ships sends the text of a function; one that does not is called back."""

    @dataclass(frozen=True)
    class Shipped:
        source: str
        name: str

        def __call__(self, x):
            return "here"

    monkeypatch.setattr("book.course.task.Shipped", Shipped, raising=False)
    where = Shipped("def f(x):\n    return 'there'", "f")

    class Ships(Call):
        shipped = True

        def hidden_call(self, answer):
            """It runs there."""
            assert [answer.turn(where), answer.turn(where)] == ["there"] * 2

    class Stays(Call):
        def hidden_call(self, answer):
            """It runs here."""
            assert answer.turn(where) == "here"

    tasks = {"ex-a": Ships(), "ex-b": Stays()}
    cells = [answer("def turn(f): return f(1)", label) for label in tasks]
    cells = read(frame.write(tmp_path / "ada_05.ipynb", cells), ["ada"]).cells
    marks, _, _ = judge(cells, tasks, SEED, "ada", dict.fromkeys(tasks, 1), limits=SHORT)
    assert [mark.points for mark in marks] == [1, 1]


def test_a_task_at_fault_costs_the_student_nothing(tmp_path):
    class Greedy(type(DRY[HAND])):
        def hidden_more(self, answer, a, b):
            """Ask for what is not there."""
            answer.unheard_of  # noqa: B018

    class Defines(type(DRY[HAND])):
        def hidden_more(self, answer, a, b):
            """Define without leave."""
            answer.define("def f(): pass", "f")

    cells = read(frame.write(tmp_path / "ada_05.ipynb", [HANDED[HAND]]), ["ada"]).cells
    for task in (Greedy(), Defines()):
        [mark], _, _ = judge(cells, {HAND: task}, SEED, "ada", {HAND: 2}, limits=SHORT)
        assert mark.points is None
        assert "at fault" in mark.remarks[0]


def test_a_check_that_computes_for_ever_is_stopped(tmp_path):
    class Slow(type(DRY[HAND])):
        def hidden_slow(self, answer, a, b):
            """Count down."""
            while answer is not None:
                time.sleep(0.01)

    cells = read(frame.write(tmp_path / "ada_05.ipynb", [HANDED[HAND]]), ["ada"]).cells
    limits = Limits(check=1)
    [mark], _, _ = judge(cells, {HAND: Slow()}, SEED, "ada", {HAND: 2}, limits=limits)
    assert mark.points == 0
    assert "did not come back within 1 seconds" in failed(mark)


def test_a_call_of_a_test_has_a_limit_of_its_own(tmp_path):
    cells = [answer("def check_sort(sort):\n    while True: pass", "ex-mutants")]
    limits = Limits(check=1, score=1000)
    marks, _, _ = marked(cells, tmp_path, labels=["ex-mutants"], limits=limits)
    assert marks["ex-mutants"].points == 0
    assert failed(marks["ex-mutants"]) == "Your code did not come back within 1 seconds."


def test_the_whole_notebook_has_a_limit(tmp_path):
    begun = time.monotonic()
    loops = ["while True: pass"] * 30
    mark = hand([*loops, HANDED[HAND]], tmp_path, limits=Limits(cell=1, whole=3))
    assert mark.points == 0
    assert "took too long" in failed(mark)
    assert time.monotonic() - begun < 30
