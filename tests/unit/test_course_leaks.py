"""What students are given tells no answer, and the test that says so can fail."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from book._tools.command import CommandError
from book._tools.course import build
from book.course import exercises
from book.course.exercises import Code, read_chapter
from book.course.leaks import Secret, answers, leaks, secrets_of, telling_lines
from book.course.nbgrader import release_notebook, source_notebook
from book.course.notebooks import (
    Assignment,
    Student,
    assignment,
    dump,
    solution_notebook,
    student_notebook,
)
from book.course.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = exercises.chapters()
SEEDS = {2027: "ada", 271828: "emmy", 5: ""}
"""Seeds of courses, and for each a student; ``""`` is the variant that all share."""


@cache
def given(number: str, seed: int) -> Assignment:
    student = Student(SEEDS[seed], SEEDS[seed].title())
    return assignment(read_chapter(number), seed, student, companions=True)


@cache
def secrets(number: str, seed: int) -> tuple[Secret, ...]:
    """All that is kept of a chapter, with the values of the answers."""
    return tuple(
        secret
        for item in given(number, seed).items
        for secret in secrets_of(item, answers(item) if item.variant else None)
    )


def written(asked: Assignment) -> dict[str, Any]:
    """The student's notebook as it is in its file."""
    notebook: dict[str, Any] = json.loads(dump(student_notebook(asked)))
    return notebook


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_students_notebook_tells_nothing(number, seed):
    asked = given(number, seed)
    assert leaks(written(asked), asked, secrets(number, seed), seed) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_what_nbgrader_releases_tells_nothing(number):
    asked = given(number, 5)
    release = json.loads(dump(release_notebook(asked)))
    assert leaks(release, asked, secrets(number, 5), 5) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_notebooks_with_solutions_would_be_caught(number):
    asked = given(number, 2027)
    for make in (solution_notebook, source_notebook):
        found = leaks(json.loads(dump(make(asked))), asked, secrets(number, 2027), 2027)
        for item in asked.items:
            assert any(item.label in sentence for sentence in found), item.label


@pytest.mark.skipif(
    importlib.util.find_spec("book.course.mutants") is None, reason="there are no mutants yet"
)
@pytest.mark.parametrize("number", NUMBERS)
def test_no_hidden_mutant_is_shown(number):
    """Not one line in which a mutant differs from what the book prints."""
    mutants = importlib.import_module("book.course.mutants")
    if number not in mutants.SUBJECTS:
        pytest.skip("no exercise of this chapter is marked by hidden mutants")
    asked = given(number, 2027)
    hidden = [
        Secret("a line of a hidden mutant", line)
        for mutant in mutants.chosen(number, 2027)
        for line in telling_lines(mutant.draft.source)
    ]
    assert hidden
    assert leaks(written(asked), asked, hidden, 2027) == []
    planted = written(asked)
    planted["cells"][-1]["source"].append("\n" + hidden_from(asked, hidden).text)
    assert leaks(planted, asked, hidden, 2027)


def hidden_from(asked: Assignment, hidden: list[Secret]) -> Secret:
    """Return a line of a mutant that the book does not print."""
    printed = " ".join(
        "".join(part.source.split())
        for item in asked.items
        for part in item.exercise.question
        if isinstance(part, Code)
    )
    return next(s for s in hidden if "".join(s.text.split()) not in printed)


# ------------------------------------------------------------------ planted leaks


CHECK = "hidden_chamber"
SENTENCE = "The folded point lies in the chamber and in the orbit of z."


def cell(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in notebook["cells"] if c["id"] == name)
    return found


def plant_solution(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """A line of our solution, laid out otherwise."""
    x, y = values["folded"]
    cell(notebook, "answer-ex-05-by-hand")["source"].append(f"\nfolded=( {x},{y} )")


def plant_proof(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """A sentence of a solution that a person marks."""
    item = next(i for i in given("05", 2027).items if i.label == "ex-05-convex")
    sentence = item.exercise.solution[0].source
    cell(notebook, "question-ex-05-convex")["source"].append(f"<!-- {sentence} -->")


def plant_name(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """The name of a hidden check."""
    cell(notebook, "checks-ex-05-by-hand")["source"].append(f"\n# {CHECK}")


def plant_sentence(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """The sentence of a hidden check, in the metadata."""
    cell(notebook, "checks-ex-05-by-hand")["metadata"]["jupyter"]["says"] = SENTENCE


def plant_hidden_code(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """What a hidden check computes."""
    line = "twins = {(s * b, t * b) for s in (1, -1) for t in (1, -1)}"
    cell(notebook, "checks-ex-05-by-hand")["source"].append(f"\n{line}")


def plant_value(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """The value of an answer among the numbers that a check is given."""
    text = f"\nrun_public(public_shapes, goal={list(values['folded'])})"
    cell(notebook, "checks-ex-05-by-hand")["source"].append(text)


def plant_seed_key(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """The seed in the metadata."""
    notebook["metadata"]["course"]["seed"] = 1


def plant_seed_number(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """The number of the seed, without the word."""
    cell(notebook, "setup")["source"].append("\nversion = 2027")


def plant_metadata(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """A key of metadata that says something."""
    cell(notebook, "answer-ex-05-by-hand")["metadata"]["checks"] = 4


def plant_output(notebook: dict[str, Any], values: dict[str, Any]) -> None:
    """An output of a run with the solution."""
    cell(notebook, "checks-ex-05-by-hand")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["passed"]}
    ]


PLANTED = {
    plant_solution: "a line of the solution of ex-05-by-hand",
    plant_proof: "a line of the solution of ex-05-convex",
    plant_name: "the name of a hidden check of ex-05-by-hand",
    plant_sentence: "the sentence of a hidden check of ex-05-by-hand",
    plant_hidden_code: "a part of the hidden check hidden_orbits",
    plant_value: "the value of folded in ex-05-by-hand",
    plant_seed_key: "have course.seed",
    plant_seed_number: "a seed is spoken of: 'version = 2027'",
    plant_metadata: "the metadata of cell answer-ex-05-by-hand have 'checks'",
    plant_output: "cell checks-ex-05-by-hand has an output",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_leak_is_found(plant):
    asked = given("05", 2027)
    item = next(i for i in asked.items if i.label == "ex-05-by-hand")
    notebook = copy.deepcopy(written(asked))
    plant(notebook, answers(item))
    found = leaks(notebook, asked, secrets("05", 2027), 2027)
    assert any(PLANTED[plant] in sentence for sentence in found), found


def test_the_command_writes_no_notebook_that_tells(tmp_path, monkeypatch):
    def telling(asked: Assignment) -> dict[str, Any]:
        return solution_notebook(asked)

    monkeypatch.setattr("book._tools.course.student_notebook", telling)
    with pytest.raises(CommandError, match=r"student/05\.ipynb would tell"):
        build(tmp_path, 2027, only="05")
    assert not (tmp_path / "student").exists()


def test_what_every_student_sees_may_be_repeated():
    """A solution that repeats the starter, or gives a parameter of the question its value."""
    asked = given("05", 2027)
    item = next(i for i in asked.items if i.label == "ex-05-by-hand")
    assert item.variant is not None
    starter = item.variant.starter.splitlines()[0]
    assert leaks(written(asked), asked, [Secret("the starter", starter)], 2027) == []
    texts = [secret.text for secret in secrets_of(item)]
    assert not any(text.startswith("a = ") for text in texts)


# ------------------------------------------------------------------ site and package


def sources_of_the_site() -> Iterator[Path]:
    """The pages of the site, and what it copies."""
    yield from (ROOT / "chapters").glob("*.ipynb")
    yield from (ROOT / "book").glob("*.md")
    yield from (p for p in (ROOT / "book/_static").rglob("*") if p.suffix in {".js", ".css", ".md"})


def test_no_hidden_check_stands_on_the_site():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources_of_the_site())
    flat = re.sub(r"\s+", "", texts)
    for label, task in TASKS.items():
        for check in task.variant(1).checks:
            if check.hidden:
                assert re.sub(r"\s+", "", check.says) not in flat, f"{label}: {check.says}"
                assert not re.search(rf"\b{check.name}\b", texts), f"{label}: {check.name}"


def test_the_site_is_made_of_the_pages_of_its_contents_alone():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["only_build_toc_files"] is True
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert "book/course" not in contents
    assert "book/grade" not in contents
    copied = config["sphinx"]["config"]
    for key in ("html_static_path", "html_extra_path"):
        for name in copied.get(key, []):
            assert not (ROOT / "book/course").is_relative_to(ROOT / name), (
                f"{key} copies the course"
            )


def test_the_package_holds_the_helpers_alone():
    with (ROOT / "pyproject.toml").open("rb") as stream:
        wheel = tomllib.load(stream)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["utils"]
    assert wheel["force-include"] == {"book/claims.yml": "utils/_claims.yml"}
    for path in (ROOT / "utils").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "book.course" not in text, path.name
        assert "book.grade" not in text, path.name


def test_nothing_that_is_built_can_be_committed():
    assert "_build/" in (ROOT / ".gitignore").read_text().splitlines()
