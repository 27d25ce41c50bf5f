"""Many submissions: marked once, in parallel, and none lost when the command is killed."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from book.course.tasks import TASKS
from book.grade.__main__ import main
from book.grade.batch import Job, mark_all
from book.grade.course import read_course
from book.grade.fence import Limits
from book.grade.judge import Mark, Outcome
from book.grade.report import COLUMNS, Result, gradescope, load, save, table, totals
from book.grade.submission import read
from tests import grade_frame as frame
from tests.grade_frame import HAND, SEED, answer

PUBLIC = Outcome("public_a", "The points are pairs.", False, False, "a has no value yet.")
SECRET = Outcome("hidden_b", "The chamber is right.", True, False, "called with (17, 4)")


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "course.json").write_text(json.dumps(frame.COURSE))
    return folder


@pytest.fixture
def submissions(tmp_path):
    folder = tmp_path / "in"
    for student in ("ada", "bob"):
        cells = [answer(TASKS[HAND].variant(SEED, student).solution)]
        frame.write(folder / f"{student}_05.ipynb", cells, student)
    (folder / "eve_05.ipynb").write_text("<<<<<<< HEAD")
    return folder


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_a_folder_is_marked_once(course, submissions, tmp_path, capsys):
    out = tmp_path / "marks.csv"
    arguments = [str(submissions), "--course", str(course), "--out", str(out), "--jobs", "2"]
    assert main(arguments) == 1  # one could not be marked
    assert "3 marked" in capsys.readouterr().out
    first = out.read_text()
    points = {(r["student"], r["exercise"]): (r["points"], r["of"]) for r in rows(out)}
    assert points == {
        **{(s, HAND): ("2", "2") for s in ("ada", "bob")},
        ("eve", HAND): ("0", "2"),
        **{(s, "ex-05-proof"): ("", "3") for s in ("ada", "bob", "eve")},
    }
    assert "The file holds the markers of a merge." in first
    main(arguments)
    assert "0 marked in 0 s, 3 before" in capsys.readouterr().out
    assert out.read_text() == first
    frame.write(submissions / "bob_05.ipynb", [answer("folded = 1")], "bob")
    frame.write(submissions / "eve_05.ipynb", [], "ada")
    main(arguments)
    captured = capsys.readouterr()
    assert "2 marked" in captured.out
    assert "The notebook says that its student is ada, not eve." in captured.err
    changed = {(r["student"], r["exercise"]): r for r in rows(out)}
    assert changed["ada", HAND]["points"] == "2"
    assert changed["bob", HAND]["points"] == changed["eve", HAND]["points"] == "0"
    assert changed["bob", HAND]["first failing check"] == (
        "The points are pairs and the counts are whole numbers. `first_mirror` has no value yet."
    )


def test_what_changes_a_result_changes_its_key(course, submissions, tmp_path):
    one = read(submissions / "ada_05.ipynb", ["ada"])
    job = Job(one, read_course(course), Limits(), (), tmp_path)
    (course / "course.json").write_text(json.dumps(frame.COURSE | {"seed": 1}))
    others = [
        replace(job, course=read_course(course)),
        replace(job, limits=Limits(check=1)),
        replace(job, submission=replace(one, checksum="0")),
        replace(job, submission=replace(one, student="bob")),
    ]
    assert len({job.key, *(other.key for other in others)}) == 5


def test_a_damaged_result_is_made_again(tmp_path):
    result = Result("a.ipynb", "ada", "05", marks=(Mark(HAND, 1.5, (PUBLIC, SECRET), ("x",)),))
    path = tmp_path / "r.json"
    save(result, "key", path)
    assert load("key", path) == result
    assert load("other", path) is None
    for text in (path.read_text()[:-20], "", "[]", "{}", '{"key": "key"}'):
        path.write_text(text)
        assert load("key", path) is None


def start(course, submissions, out):
    arguments = [str(submissions), "--course", str(course), "--out", str(out), "--jobs", "2"]
    command = [sys.executable, "-m", "book.grade", *arguments, "--cell-seconds", "12"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def family(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        return []


def marking(process):
    try:
        return "spawn_main" in " ".join(process.cmdline()) and process.children()
    except psutil.Error:
        return False


def waited(found, seconds=300):
    until = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return result


def test_nothing_is_lost_when_the_command_is_killed(course, tmp_path):
    """The command dies, and then one of its processes, while a submission sleeps."""
    submissions, out = tmp_path / "in", tmp_path / "marks.csv"
    right = [answer(TASKS[HAND].variant(SEED, "ada").solution)]
    frame.write(submissions / "ada_05.ipynb", right)
    sleepy = ["import time; time.sleep(60)", answer("folded = 0")]
    frame.write(submissions / "bob_05.ipynb", sleepy, "bob")
    command = start(course, submissions, out)
    [first] = waited(lambda: list((tmp_path / "marks").glob("ada*.json")))
    asleep = waited(lambda: family(command))
    command.send_signal(signal.SIGKILL)
    command.wait()
    waited(lambda: not [p for p in asleep if p.is_running() and p.status() != "zombie"])
    before = first.stat().st_mtime_ns
    assert not out.exists()
    json.loads(first.read_text())

    frame.write(submissions / "eve_05.ipynb", [answer("folded = 0")], "eve")
    command = start(course, submissions, out)
    [grader, *_] = waited(lambda: [p for p in family(command) if marking(p)])
    grader.kill()
    printed = command.communicate(timeout=200)[0]
    assert "1 before" in printed
    assert first.stat().st_mtime_ns == before
    points = {r["student"]: r["points"] for r in rows(out) if r["exercise"] == HAND}
    assert points == {"ada": "2", "bob": "0", "eve": "0"}


def test_a_grader_that_no_signal_reaches_is_ended_and_costs_one_submission(course, tmp_path):
    """Here the watch barks after a second, while the notebook sleeps."""
    sleepy = ["import time; time.sleep(60)", answer("folded = 0")]
    one = read(frame.write(tmp_path / "ada_05.ipynb", sleepy), ["ada"])
    limits = Limits(whole=100)
    job = Job(one, read_course(course), limits, (), tmp_path, spare=1 - 2 * limits.whole)
    jobs = [job, replace(job, submission=replace(one, student="bob"))]
    results = [result for result, _ in mark_all(jobs, 2)]
    assert {r.problem for r in results} == {
        "The grader's own process ended while it marked this notebook."
    }
    assert [old for _, old in mark_all(jobs, 2)] == [True, True]


def test_the_table_is_safe_to_open(course, tmp_path):
    mark = Mark(
        HAND, 0, (replace(PUBLIC, says="=HYPERLINK(1)", words="a\x00b\nc\u202e\ud800"),), ()
    )
    text = table(read_course(course), [Result("a.ipynb", "ada", "05", marks=(mark,))])
    [line, manual] = csv.DictReader(io.StringIO(text))
    assert tuple(line) == COLUMNS
    assert line["first failing check"] == "'=HYPERLINK(1) a b c ?"
    assert manual["points"] == ""
    text.encode()


def test_the_totals_name_who_handed_in_nothing(course):
    known = read_course(course)
    assert len(known.students) == 3
    marks = (Mark(HAND, 2, (), ("cell 1 took long",)),)
    results = [
        Result("a.ipynb", "ada", "05", marks=marks),
        Result("b.ipynb", "bob", "05", "Empty."),
    ]
    ada, bob, eve = csv.DictReader(io.StringIO(totals(known, results)))
    assert ada == {
        **{"student": "ada", "name": known.students["ada"], "chapter": "05", "points": "2"},
        **{"of": "2", "a person marks": "3", "remarks": HAND},
    }
    assert (bob["points"], bob["remarks"]) == ("0", "Empty.")
    assert (eve["points"], eve["remarks"]) == ("", "Nothing was handed in.")
    stranger = Result("c.ipynb", None, None, "Whose is it?")
    assert len(totals(known, [stranger]).splitlines()) == 1


def test_what_no_terminal_can_show_stops_nothing(course, submissions, tmp_path, capsys):
    frame.write(submissions / "eve_05.ipynb", [], "\ud800\x1b[2J")
    out = tmp_path / "marks.csv"
    assert main([str(submissions), "--course", str(course), "--out", str(out)]) == 1
    assert "\x1b" not in capsys.readouterr().out
    assert {r["student"] for r in rows(out)} == {"ada", "bob", "eve"}


def test_gradescope_sees_of_hidden_checks_their_sentence_alone(course):
    mark = Mark(HAND, 0, (PUBLIC, SECRET), ("cell 1 stopped with ValueError: (17, 4)",))
    result = Result("a.ipynb", "ada", "05", marks=(mark,), printed="(17, 4)")
    said = gradescope(read_course(course), result)
    [test] = said["tests"]
    assert (test["score"], test["max_score"], test["visibility"]) == (0, 2, "visible")
    assert "17" not in json.dumps(said)
    assert test["output"] == (
        "failed: The points are pairs. a has no value yet.\nfailed: The chamber is right."
    )
    said = gradescope(read_course(course), Result("a.ipynb", "ada", "05", "The file is empty."))
    assert (said["score"], said["output"]) == (0, "The file is empty.")


def test_gradescope_from_the_command_line(course, submissions, tmp_path, capsys):
    results = tmp_path / "results.json"
    arguments = [str(submissions / "ada_05.ipynb"), "--course", str(course)]
    arguments += ["--out", str(tmp_path / "m.csv"), "--gradescope", str(results)]
    assert main([*arguments, "--student", "ada"]) == 0
    [test] = json.loads(results.read_text())["tests"]
    assert (test["score"], test["max_score"], test["status"]) == (2, 2, "passed")
    assert main([*arguments, "--student", "bob"]) == 1
    assert json.loads(results.read_text())["score"] == 0


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--jobs", "0"], "Jobs and seconds are positive"),
        (["--student", "zoe"], "There is no student zoe"),
        (["--gradescope", "r.json"], "Give one notebook, not 3"),
    ],
)
def test_options_that_make_no_sense(extra, says, course, submissions, capsys):
    assert main([str(submissions), "--course", str(course), *extra]) == 1
    assert says in capsys.readouterr().err


def test_a_course_with_an_exercise_that_has_no_task(course, submissions, capsys):
    said = json.loads(json.dumps(frame.COURSE))
    said["chapters"]["05"]["exercises"][1]["marking"] = "auto"
    (course / "course.json").write_text(json.dumps(said))
    assert main([str(submissions), "--course", str(course)]) == 1
    assert "has no task: ['ex-05-proof']" in capsys.readouterr().err
