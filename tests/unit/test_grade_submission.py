"""Whose a notebook is and what is in it, however it was damaged on its way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from book._tools.command import CommandError
from book.grade.batch import gathered
from book.grade.course import read_course
from book.grade.submission import MOST_BYTES, MOST_CELLS, find, read
from tests import grade_frame as frame
from tests.grade_frame import HAND, answer

PERHAPS = {"label": "ex-a", "title": "A", "points": 1, "marking": "perhaps"}
STUDENTS = ["ada", "bob", "eve_1"]


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "course.json").write_text(json.dumps(frame.COURSE))
    return read_course(folder)


@pytest.mark.parametrize(
    ("name", "student", "chapter"),
    [
        ("ada_05.ipynb", "ada", "05"),
        ("eve_1_05.ipynb", "eve_1", "05"),
        ("ada/05.ipynb", "ada", "05"),
        ("ada/05_isometric_cross_sections.ipynb", "ada", "05"),
        ("ada/work.ipynb", "ada", None),
        ("05.ipynb", None, "05"),
        ("submission.ipynb", None, None),
        ("zoe_05.ipynb", None, None),
    ],
)
def test_a_name_says_whose_it_is(name, student, chapter, tmp_path):
    said = {"cells": [], "metadata": {}}
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said))
    one = read(path, STUDENTS)
    assert (one.student, one.chapter, one.problem) == (student, chapter, "")
    said["metadata"] = {"course": {"student": student or "bob", "chapter": chapter or "05"}}
    path.write_text(json.dumps(said))
    one = read(path, STUDENTS)
    assert (one.student, one.chapter, one.problem) == (student or "bob", chapter or "05", "")


@pytest.mark.parametrize(
    ("student", "chapter", "says"),
    [
        ("bob", "05", "says that its student is bob, not ada"),
        ("ada", "04", "says that its chapter is 04, not 05"),
    ],
)
def test_a_name_and_metadata_that_disagree(student, chapter, says, tmp_path):
    one = read(frame.write(tmp_path / "ada_05.ipynb", [], student, chapter), STUDENTS)
    assert says in one.problem
    assert (one.student, one.chapter) == ("ada", "05")


def test_who_hands_it_in_is_known(tmp_path):
    path = frame.write(tmp_path / "any.ipynb", [], "bob")
    assert read(path, STUDENTS, "bob").problem == ""
    assert "its student is bob, not ada" in read(path, STUDENTS, "ada").problem


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{\n<<<<<<< HEAD\n "cells": []\n=======\n>>>>>>> b\n}', "markers of a merge"),
        (b"\xff\xfe\x00", "no text"),
        (b"PK\x03\x04", "not JSON"),
        (b"[]", "no cells"),
        (b'{"cells": 5}', "no cells"),
        (b'{"worksheets": [{"cells": []}]}', "no cells"),
        (b" " * (MOST_BYTES + 1), "larger than 20 MB"),
        (json.dumps({"cells": [{"cell_type": "code"}] * (MOST_CELLS + 1)}).encode(), "more than"),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_notebook(content, says, tmp_path):
    path = tmp_path / "ada_05.ipynb"
    path.write_bytes(content)
    one = read(path, STUDENTS)
    assert says in one.problem
    assert (one.student, one.chapter) == ("ada", "05")


def test_links_and_folders_are_not_read(tmp_path):
    frame.write(tmp_path / "secret", [])
    (tmp_path / "ada_05.ipynb").symlink_to(tmp_path / "secret")
    (tmp_path / "bob_05.ipynb").mkdir()
    for name in ("ada", "bob"):
        assert "a link or a folder" in read(tmp_path / f"{name}_05.ipynb", STUDENTS).problem


def test_cells_of_every_form(tmp_path):
    cells = [
        {"cell_type": "code", "source": ["x = 1\n", "y = 2"], "metadata": {"exercise": HAND}},
        {"cell_type": "code", "source": "z", "metadata": {"exercise": HAND, "given": True}},
        {"cell_type": "code", "source": "c", "metadata": {"exercise": HAND, "public": True}},
        {"cell_type": "markdown", "source": "text"},
        *({"cell_type": "code"}, {"cell_type": "code", "source": 5}, 7, None),
        {"cell_type": "code", "source": "q", "metadata": ["exercise"]},
    ]
    path = tmp_path / "ada_05.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": None}))
    found = [(c.source, c.exercise, c.given) for c in read(path, STUDENTS).cells]
    assert found == [
        *(("x = 1\ny = 2", HAND, False), ("z", HAND, True), ("c", None, False)),
        *(("", None, False), ("q", None, False)),
    ]


def test_what_systems_leave_in_folders_is_no_submission(tmp_path):
    for name in ("ada_05.ipynb", ".ipynb_checkpoints/ada_05.ipynb", "__MACOSX/._ada_05.ipynb"):
        frame.write(tmp_path / name, [])
    assert [path.name for path in find(tmp_path)] == ["ada_05.ipynb"]


def test_of_two_notebooks_for_the_same_none_is_marked(tmp_path, course):
    first = frame.write(tmp_path / "s" / "ada_05.ipynb", [answer("x = 1")])
    second = frame.write(tmp_path / "s" / "ada" / "05.ipynb", [answer("x = 1")])
    [one] = gathered([first, second], course)
    assert one.problem == ""  # the same bytes
    frame.write(second, [answer("x = 2")])
    [one] = gathered([first, second], course)
    assert one.problem == (
        "There are two notebooks, s/ada_05.ipynb and ada/05.ipynb, and none was marked."
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_who_claims_to_be_another_costs_the_other_nothing(tmp_path, course, backwards):
    bob = frame.write(tmp_path / "bob_05.ipynb", [answer("x = 1")], "bob")
    eve = frame.write(tmp_path / "a.ipynb", [answer("x = 2")], "bob")
    found = gathered([bob, eve][:: -1 if backwards else 1], course)
    assert {one.path: (one.student, one.problem) for one in found} == {
        bob: ("bob", ""),
        eve: (None, f"It says that it is bob's, and {tmp_path.name}/bob_05.ipynb is named so."),
    }


@pytest.mark.parametrize(
    ("name", "student", "chapter", "says"),
    [
        ("x.ipynb", "zoe", "05", "There is no student zoe"),
        ("ada_05.ipynb", "ada", "05", ""),
        ("ada_07.ipynb", "ada", "07", "There is no chapter 07"),
    ],
)
def test_who_is_not_in_the_course_is_not_marked(name, student, chapter, says, tmp_path, course):
    [one] = gathered([frame.write(tmp_path / name, [], student, chapter)], course)
    assert one.problem.startswith(says) if says else not one.problem


def test_without_a_roster_a_name_may_say_anything(tmp_path, course):
    all_alike = replace(course, students={})
    names = ("a.ipynb", "b.ipynb", "zoe_05.ipynb")
    paths = [frame.write(tmp_path / name, [], "") for name in names]
    found = gathered(paths, all_alike)
    assert [(one.student, one.problem) for one in found] == [("", ""), ("", ""), ("zoe", "")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "its format is not 1"),
        ({"students": 5}, "not understood"),
        ({"chapters": {"05": {}}}, "not understood"),
        ({"chapters": {"05": {"exercises": [PERHAPS]}}}, "marking is auto or"),
    ],
    ids=range(4),
)
def test_a_course_that_is_not_understood(change, says, tmp_path):
    (tmp_path / "course.json").write_text(json.dumps(frame.COURSE | change))
    with pytest.raises(CommandError, match=says):
        read_course(tmp_path)


def test_no_course(tmp_path):
    with pytest.raises(CommandError, match="There is no course"):
        read_course(tmp_path)
