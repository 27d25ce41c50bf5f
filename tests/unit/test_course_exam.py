"""The exam: answers are right, files whole and papers balanced, and no page holds any of it."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from book.course.exam import (
    EXAM,
    KINDS,
    PARTS,
    ExamError,
    Question,
    choose_paper,
    read_exam,
    write_exam,
)
from tests.exam import ANSWERS

QUESTIONS = {question.id: question for question in read_exam()}
NAMES = sorted(QUESTIONS)


def agrees(said: object, found: Any) -> bool:
    """Whether an answer says what was computed; decimals are compared as far as they are given."""
    if isinstance(said, list):
        items = list(found) if isinstance(found, list | tuple | np.ndarray) else [found]
        return len(items) == len(said) and all(map(agrees, said, items))
    if isinstance(said, bool | str) or isinstance(found, bool | str):
        return type(said) is type(found) and said == found
    if isinstance(said, int):
        return math.isclose(said, found, rel_tol=0, abs_tol=1e-9)
    assert isinstance(said, float)
    decimals = len(repr(said).partition(".")[2])
    return abs(said - found) <= 0.5 * 10**-decimals + 1e-9


def others(value: Any) -> list[Any]:
    """Values that are wrong in one place, by as little as can be written."""
    if isinstance(value, list):
        wrong = [
            [*value[:i], other, *value[i + 1 :]]
            for i, item in enumerate(value)
            for other in others(item)
        ]
        return [*wrong, [*value, value[0]], value[:-1]]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        return [value + "0", "5" + value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    decimals = len(repr(value).partition(".")[2])
    near = [round(value + k * 10**-decimals, decimals) for k in (2, -2, 3, -3)]
    return [other for other in near if len(repr(other).partition(".")[2]) == decimals][:2]


@pytest.fixture(scope="module")
def computed() -> dict[str, dict[str, Any]]:
    return {name: ANSWERS[name](**QUESTIONS[name].given) for name in ANSWERS}


def test_every_question_is_checked():
    assert sorted(ANSWERS) == NAMES
    assert all(question.values for question in QUESTIONS.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_what_is_computed(computed, name):
    said, found = QUESTIONS[name].values, computed[name]
    assert set(said) == set(found)
    wrong = {
        key: (value, found[key]) for key, value in said.items() if not agrees(value, found[key])
    }
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_answer_is_found(computed, name):
    for key, value in QUESTIONS[name].values.items():
        assert not [other for other in others(value) if agrees(other, computed[name][key])], key


FREE = {
    "exam-03-cubes": {"most"},
    "exam-06-sampled": {"few", "some"},
    "exam-08-three-generators": {"draws"},
    "exam-10-fair": {"small", "large"},
    "exam-12-lucky-three": {"random"},
}
"""What a question may give a little otherwise without another number in its answer."""


@pytest.mark.parametrize("name", [name for name in NAMES if QUESTIONS[name].given])
def test_another_question_has_another_answer(name):
    question = QUESTIONS[name]

    def differs(key: str, other: Any) -> bool:
        try:
            found = ANSWERS[name](**{**question.given, key: other})
        except (AssertionError, ArithmeticError, LookupError, ValueError):
            return True  # what the answer claims does not hold there, or makes no sense
        return any(not agrees(said, found[k]) for k, said in question.values.items())

    for key in set(question.given) - FREE.get(name, set()):
        assert any(differs(key, other) for other in reversed(others(question.given[key]))), key


# -- as a set


def test_there_are_forty():
    assert len(QUESTIONS) == 40
    by_chapter = Counter(question.chapter for question in QUESTIONS.values())
    assert sorted(by_chapter) == sorted(c for part in PARTS.values() for c in part)
    assert set(by_chapter.values()) == {2, 3}
    kinds = Counter(question.kind for question in QUESTIONS.values())
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 5


def test_a_point_costs_about_the_same_time():
    for question in QUESTIONS.values():
        assert 1.8 <= question.minutes / question.points <= 2.2, question.id


def plain(text: str) -> list[str]:
    """The text between formulas, as CommonMark has it."""
    parser = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True)
    return [
        child.content
        for token in parser.parse(text)
        for child in token.children or []
        if child.type == "text"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_whole(name):
    question = QUESTIONS[name]
    criteria = [criterion.earns for criterion in question.criteria]
    for text in (question.question, question.answer, question.misconception, *criteria):
        found = " ".join(plain(text))
        assert not re.search(r"[$\\_]|\{|\}", found), found
        assert "|" not in found
        for formula in re.findall(r"\$+([^$]*)\$+", text):
            assert formula.count("{") == formula.count("}"), formula
    parts = set(re.findall(r"^\((\w)\)", question.question, re.MULTILINE))
    assert parts == set("abcde"[: len(parts)])
    answered = set(re.findall(r"\((\w)\)", question.answer + " ".join(criteria)))
    assert parts <= answered
    assert len(question.question) < 2600


def words(text: str, run: int = 9) -> list[tuple[str, ...]]:
    """All runs of so many words."""
    found = re.findall(r"\w+", text.lower())
    return [tuple(found[i : i + run]) for i in range(len(found) - run + 1)]


def test_no_exercise_is_repeated(root):
    seen: dict[tuple[str, ...], str] = {}
    exercise = re.compile(r"^`{3,}\{exercise.*?^(?:```|~~~)\{hint", re.MULTILINE | re.DOTALL)
    for path in sorted((root / "chapters").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        page = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        for text in exercise.findall(page):
            seen |= dict.fromkeys(words(text), path.name)
    assert len(seen) > 2000
    for question in QUESTIONS.values():
        shared = [" ".join(run) for run in words(question.question) if run in seen]
        assert not shared, question.id


# -- the paper


def test_papers_are_balanced():
    questions = tuple(QUESTIONS.values())
    papers = [choose_paper(questions, seed) for seed in range(50)]
    for paper in papers:
        assert sum(q.points for q in paper) == 50
        assert 100 <= sum(q.minutes for q in paper) <= 112
        chapters = [q.chapter for q in paper]
        assert chapters == sorted(set(chapters))
        for part in PARTS.values():
            assert 6 <= sum(q.points for q in paper if q.chapter in part) <= 14
        assert {q.kind for q in paper} == set(KINDS)
    assert len({tuple(q.id for q in paper) for paper in papers}) > 40
    assert {q.id for paper in papers for q in paper} == set(NAMES)
    assert choose_paper(questions, 7) == papers[7]


def test_a_paper_that_cannot_be_balanced_is_refused():
    proofs = [dataclasses.replace(q, kind="prove") for q in QUESTIONS.values()]
    for few in (proofs, [q for q in QUESTIONS.values() if q.chapter != "11"], []):
        with pytest.raises(ExamError, match="No paper of two hours"):
            choose_paper(few, 0)


def test_what_students_get_holds_no_answer(tmp_path):
    paths = {path.name: path for path in write_exam(tmp_path / "new" / "exam", 2027)}
    assert set(paths) == {"questions.md", "answers.md", "paper.md", "paper-answers.md"}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    paper = choose_paper(tuple(QUESTIONS.values()), 2027)
    for question in QUESTIONS.values():
        hidden = [question.answer, question.misconception, *(c.earns for c in question.criteria)]
        for text in hidden:
            assert text in texts["answers.md"]
            assert (text in texts["paper-answers.md"]) == (question in paper)
            assert text not in texts["questions.md"] + texts["paper.md"]
        assert question.question in texts["questions.md"]
        assert (question.question in texts["paper.md"]) == (question in paper)
        assert question.id not in texts["questions.md"] + texts["paper.md"]
    again = write_exam(tmp_path / "again", 2027)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths.values()]


def test_the_site_and_the_package_hold_no_exam(root):
    assert "book/course/" not in (root / "_toc.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    assert settings["only_build_toc_files"] is True
    copied = settings["sphinx"]["config"].get("html_extra_path", [])
    assert not any("course" in str(path) for path in copied)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["utils"]
    assert not any("course" in path for path in wheel["force-include"])
    signs = [question.answer[:60] for question in QUESTIONS.values()] + NAMES
    public = [root / "book" / "_static", root / "utils", root / "chapters", *root.glob("book/*.md")]
    files = [p for place in public for p in ([place] if place.is_file() else place.rglob("*.*"))]
    for path in files:
        if path.suffix in {".md", ".py", ".js", ".html", ".ipynb", ".yml", ".json"}:
            text = path.read_text(encoding="utf-8")
            assert not [sign for sign in signs if sign in text], path


# -- mistakes in a file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(EXAM, tmp_path / "exam")
    return tmp_path / "exam"


def spoil(folder: Path, **changes: Any) -> None:
    """Change fields of the first question of chapter 5; None takes a field away."""
    path = folder / "05.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    entry = {**content["questions"][0], **changes}
    content["questions"][0] = {k: v for k, v in entry.items() if v is not None}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


HALF = {"points": 4, "earns": "one"}
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"answer": None}, "lacks answer"),
    "unknown": ({"answers": "x"}, "has answers, which no question has"),
    "type": ({"minutes": "ten"}, "minutes is a whole number"),
    "bool": ({"points": True}, "points is a whole number"),
    "id": ({"id": "exam-06-five"}, "an id here reads exam-05-name"),
    "kind": ({"kind": "essay"}, "the kind is one of compute, prove, judge, find the error"),
    "short": ({"minutes": 7}, "takes 8 to 25 minutes"),
    "long": ({"minutes": 26}, "takes 8 to 25 minutes"),
    "points": ({"points": 0}, "earns at least one point"),
    "sum": ({"points": 9}, "the criteria add up to 8 points, not 9"),
    "one": ({"criteria": [{"points": 8, "earns": "all"}]}, "two to four criteria, not 1"),
    "form": ({"criteria": [HALF, {"points": 4}]}, "a criterion has the fields points and earns"),
    "worth": ({"criteria": [HALF, {"points": 0, "earns": "x"}]}, "a whole number above 0"),
    "words": ({"criteria": [HALF, {"points": 4, "earns": 3}]}, "is said in words"),
    "value": ({"values": {"x": None}}, "x is no plain value"),
    "unused": ({"values": {"x": 1}}, "the answer does not name x"),
    "unsaid": ({"given": {"x": 1}}, "the question does not name x"),
    "both": ({"given": {"qualify": 1}}, "gives qualify and asks for it"),
    "nothing": ({"question": "How many {{things}}?"}, "names things, of which there is no value"),
    "told": ({"question": "Is it {{order_a}}?"}, "names order_a, of which there is no value"),
    "formula": ({"question": "What is $x?"}, "has a formula that does not end"),
    "role": ({"question": "See {ref}`x`."}, "uses Sphinx"),
    "directive": ({"question": "Look:\n```{note}\n```"}, "uses Sphinx"),
    "empty": ({"misconception": " "}, "the misconception is empty"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_sentence(folder, mistake):
    changes, says = MISTAKES[mistake]
    spoil(folder, **changes)
    with pytest.raises(ExamError) as error:
        read_exam(folder)
    told = str(error.value)
    assert says in told
    assert told.startswith("05.yml, exam-0")
    assert told.endswith(".")
    assert "\n" not in told


FILES: dict[str, tuple[str, str]] = {
    "no yaml": ("questions: [", "05.yml cannot be read as YAML near line 1."),
    "a list": ("- 1", "05.yml has the fields chapter and questions, and no others."),
    "number": ("chapter: 5\nquestions: []", '05.yml says chapter "05", in quotes.'),
    "no list": ("chapter: '05'\nquestions: 1", "05.yml: questions is a list."),
    "none": ("chapter: '05'\nquestions: []", "05.yml has two or three questions."),
    "words": (
        "chapter: '05'\nquestions: [a, b]",
        "05.yml holds a question that is no list of fields.",
    ),
    "twice": (
        "chapter: '05'\nchapter: '05'\nquestions: []",
        "05.yml: The field chapter stands twice in one place.",
    ),
}


@pytest.mark.parametrize("mistake", FILES)
def test_a_file_that_is_not_one(folder, mistake):
    text, says = FILES[mistake]
    (folder / "05.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ExamError) as error:
        read_exam(folder)
    assert str(error.value) == says


def test_chapters_and_names(folder, tmp_path):
    shutil.copy(folder / "05.yml", folder / "99.yml")
    with pytest.raises(ExamError, match=r"no chapter 99 to ask questions about"):
        read_exam(folder)
    (folder / "99.yml").unlink()
    spoil(folder, id="exam-05-by-norm")
    with pytest.raises(ExamError, match="Two questions have the id exam-05-by-norm"):
        read_exam(folder)
    spoil(folder, id="exam-05-five-actions", title="Half a step")
    with pytest.raises(ExamError, match="Two questions have the title Half a step"):
        read_exam(folder)
    (folder / "05.yml").unlink()
    with pytest.raises(ExamError, match="no questions for chapter 05"):
        write_exam(tmp_path / "out", 1, folder)
    assert not (tmp_path / "out").exists()


def test_a_question_cannot_be_changed():
    question: Question = QUESTIONS[NAMES[0]]
    with pytest.raises(dataclasses.FrozenInstanceError):
        question.points = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        question.values["x"] = 1  # type: ignore[index]
