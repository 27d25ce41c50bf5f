"""The course is written from the book's own exercises, and what people change in it stays."""

from __future__ import annotations

import builtins
import contextlib
import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from docutils import nodes

from book._ext.exercise_facts import with_facts
from book._tools import course
from book._tools.command import CommandError
from book._tools.made import Made
from book.course import exercises, gradescope, marking, nbgrader, uploaded
from book.course.checking import (
    NotPortableError,
    _function,
    public_checks,
    staying_checks,
)
from book.course.earned import earned
from book.course.exercises import Code, Exercise, Text, read_chapter
from book.course.notebooks import (
    Assignment,
    Student,
    assignment,
    dump,
    solution_notebook,
    student_notebook,
)
from book.course.page_code import definitions
from book.course.task import Task, require
from book.course.tasks import TASKS
from tests import form

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = exercises.chapters()
ADA = Student("ada", "Ada Lovelace")


def given(number: str, seed: int = 2027, student: Student = ADA) -> Assignment:
    return assignment(read_chapter(number), seed, student, companions=True)


def every() -> list[Exercise]:
    return [one for number in NUMBERS for one in read_chapter(number).exercises]


def prose(one: Exercise) -> str:
    texts = [part.source for part in one.question if isinstance(part, Text)]
    return "\n\n".join([*texts, one.hint, one.check])


def formulas(text: str) -> list[str]:
    found = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", text, re.S)
    return sorted(" ".join((a or b).split()) for a, b in found)


# ------------------------------------------------------------------ exercises


def test_every_exercise_of_the_book_is_read():
    wanted = {
        e.label: e.options for p in (ROOT / "chapters").glob("*.ipynb") for e in form.exercises(p)
    }
    found = {one.label: one for one in every()}
    assert found.keys() == wanted.keys()
    assert len(found) > 100
    for label, one in found.items():
        assert str(one.level) == wanted[label]["level"]
        assert str(one.minutes) == wanted[label]["minutes"]
        assert one.kind == wanted[label]["kind"]
        assert one.title
        assert one.question
        assert one.solution, f"{label} has no solution"
        assert one.hint
        assert one.check
    assert TASKS.keys() <= found.keys(), "a task varies an exercise that is not there"


def test_the_page_says_the_points_that_are_given():
    """Those of the task where there is one, and else a fifth of the minutes."""
    for path in (ROOT / "chapters").glob("*.ipynb"):
        for asked in form.exercises(path):
            rule = exercises.points_for(int(asked.options["minutes"]))
            wanted = TASKS[asked.label].points if asked.label in TASKS else rule
            assert asked.options.get("points") == str(wanted), f"{path.stem}, {asked.label}"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"level": 2, "minutes": 20, "points": 4, "kind": "code"},
         "★★ the core · 20 minutes · 4 points · in code"),
        ({"level": 1, "minutes": 5, "points": 1, "kind": "paper"},
         "★ to warm up · 5 minutes · 1 point · by hand"),
        ({"minutes": 5}, "5 minutes"),
    ],
)  # fmt: skip
def test_the_line_of_facts_shows_the_points_where_there_are_any(options, line):
    node = nodes.container("", nodes.title("", "One"), nodes.section())
    with_facts([node], options)
    assert node[1].astext() == line


@pytest.mark.parametrize("number", NUMBERS)
def test_formulas_survive_and_nothing_of_the_site_is_left(number):
    written = {one.label: one for one in read_chapter(number).exercises}
    for path in (ROOT / "chapters").glob(f"{number}*.ipynb"):
        for asked in form.exercises(path):
            one = written[asked.label]
            if not asked.code:
                assert set(formulas(asked.body)) <= set(formulas(prose(one))), asked.label
    for one in written.values():
        texts = [prose(one), one.title, *(p.source for p in one.solution if isinstance(p, Text))]
        bare = re.sub(r"(?s)\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", "", "\n".join(texts))
        assert not re.search(r"\{[\w:-]+\}|^[`:~]{3}|^:\w+:", bare, re.M), one.label
        assert "$" not in bare, one.label


def test_a_reference_becomes_the_words_of_what_it_points_to():
    found = {one.label: one for one in read_chapter("05").exercises}
    assert (
        "Proposition “Three faces of an isometric cross section” asks"
        in found["ex-05-mutants"].hint
    )
    assert "test of chapter 1, which" in prose(found["ex-05-mutants"])


def test_code_that_comes_with_a_question_is_kept_apart_from_the_solution():
    one = next(e for e in read_chapter("05").exercises if e.label == "ex-05-mutants")
    asked = [part for part in one.question if isinstance(part, Code)]
    assert [part.tags for part in asked] == [("mutants",)] * 3
    assert not any("def catches" in part.source for part in asked)
    assert any(isinstance(p, Code) and "def catches" in p.source for p in one.solution)


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ("{unheard}`of`", "ex-9: the role {unheard}"),
        ("{prf:ref}`thm-none`", "'thm-none' is missing or unknown"),
        ("~~~{table}\nx\n~~~", "the directive {table}"),
    ],
)
def test_what_cannot_be_written_plainly_is_refused_by_name(tmp_path, inside, says):
    source = (
        "# Nine\n\n````{exercise} One\n:label: ex-9\n:level: 1\n:minutes: 9\n:kind: paper\n\n"
        f"{inside}\n````"
    )
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    (tmp_path / "chapters").mkdir()
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "references.bib").write_text("")
    nbformat.write(page, tmp_path / "chapters" / "09_nine.ipynb")
    with pytest.raises(ValueError, match=re.escape(says)):
        read_chapter("09", tmp_path)


def test_a_chapter_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no chapter '77'; there are 01, 02"):
        read_chapter("77")


def by_label(label: str) -> Exercise:
    return next(one for one in every() if one.label == label)


def test_an_exercise_brings_what_it_names_of_its_page():
    """Functions with what they use; what the page computes is named and left there."""
    source = definitions(by_label("ex-05-wide"))
    names: dict[str, Any] = {}
    exec(source, names)
    assert {"all_mirrors", "all_products", "reflections", "np", "torch"} <= names.keys()
    assert "fold" not in names, "the question does not name it"
    assert "# Computed on the page, and not here: room." in definitions(by_label("ex-13-defect"))
    assert definitions(by_label("ex-05-convex")) == ""
    asked = [one for one in every() if one.label not in TASKS and definitions(one)]
    assert asked, "a person marks some exercise that names code of its page"
    for one in asked:
        cells = student_notebook(given(one.chapter))["cells"]
        code = [cell["source"] for cell in cells if cell["metadata"].get("given")]
        assert definitions(one) in code, one.label


def test_what_is_given_never_stands_in_a_solution():
    for one in every():
        for part in one.solution:
            if isinstance(part, Code):
                assert part.source not in definitions(one), one.label


# ------------------------------------------------------------------ public checks


@contextlib.contextmanager
def without_the_course() -> Iterator[None]:
    """Refuse the packages that a student's machine has not."""
    real = builtins.__import__

    def look(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] in ("book", "tests"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **options)

    builtins.__import__ = look
    try:
        yield
    finally:
        builtins.__import__ = real


def run_cells(notebook: Mapping[str, Any], label: str) -> str:
    """Run the set-up and the cells of one exercise as a student would; return what is printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    said = io.StringIO()
    with without_the_course(), contextlib.redirect_stdout(said):
        for cell in notebook["cells"]:
            wanted = cell["id"] == "setup" or cell["metadata"].get("exercise") == label
            if cell["cell_type"] == "code" and wanted:
                exec(compile(cell["source"], cell["id"], "exec"), names)
    return said.getvalue()


@pytest.mark.parametrize("label", sorted(TASKS))
def test_public_checks_run_on_a_students_machine(label):
    number = next(one.chapter for one in every() if one.label == label)
    asked = given(number)
    variant = TASKS[label].variant(2027, "ada")
    staying = staying_checks(variant)
    public = [c for c in variant.checks if not c.hidden and c.says not in staying]
    right = run_cells(solution_notebook(asked), label)
    assert right.count("passed:") == len(public), right
    assert "not yet:" not in right
    untouched = run_cells(student_notebook(asked), label)
    assert untouched.count("not yet:") + untouched.count("passed:") == len(public)
    if public:
        assert "not yet:" in untouched


LIMIT = 3


def near(value: float, wanted: float) -> bool:
    """How near is near."""
    return math.isclose(value, wanted, rel_tol=10.0**-LIMIT)


class Planted(Task):
    """A task for these tests."""

    label = "ex-planted"
    points = 1
    names: Any = {"x": "a number"}  # noqa: RUF012

    def draw(self, chance: Any) -> dict[str, Any]:
        return {"shown": 2.5, "unused": 7}

    def prompt(self, shown: float, unused: int) -> str:
        return f"What is {shown}?"

    def solution(self, shown: float, unused: int) -> str:
        return f"x = {shown}"

    def public_near(self, answer: Any, shown: float, unused: int) -> None:
        """It is near."""
        require(near(answer.x, shown), "Look again.")


class Whole(Planted):
    def public_near(self, answer: Any, **parameters: Any) -> None:
        """It is near."""
        require(answer.x == parameters["shown"], "Look again.")


class Method(Planted):
    def value(self) -> float:
        return 2.5

    def public_near(self, answer: Any, shown: float, unused: int) -> None:
        """It is near."""
        require(answer.x == self.value(), "Look again.")


class Named(Planted):
    def public_near(self, answer: Any, shown: float, unused: int) -> None:
        """It is near."""
        for name in self.names:
            require(getattr(answer, name), "Look again.")


def test_a_public_check_travels_with_what_it_uses_and_no_more():
    source = public_checks(Planted().variant(1))
    assert "import math" in source
    assert "LIMIT = 3" in source
    assert source.index("def public_near(answer, shown)") < source.index("def near(value, wanted)")
    assert "How near" not in source, "words that are not for students"
    assert "in {'x': 'a number'}:" in public_checks(Named().variant(1))
    assert "shown=2.5" in source
    assert "unused" not in source
    assert "\nLIMIT" not in source, "no name of ours stands beside the student's"


@pytest.mark.parametrize("kind", [Whole, Method])
def test_a_check_that_cannot_travel_is_told_of(kind):
    variant = kind().variant(1)
    assert public_checks(variant) == ""
    assert staying_checks(variant) == ["It is near."]
    with pytest.raises(NotPortableError, match="ex-planted: public_near may use"):
        _function(variant.task, "public_near")


class Told(Method):
    def public_code(self, shown: float, unused: int) -> str:
        return f'''
        def public_near(answer):
            """It is near."""
            require(abs(answer.x - {shown}) < 1, "Look again.")
        '''


def test_a_task_may_write_its_public_checks_for_the_notebook():
    variant = Told().variant(1)
    assert "require(abs(answer.x - 2.5) < 1, 'Look again.')" in public_checks(variant)
    assert staying_checks(variant) == []


# ------------------------------------------------------------------ notebooks


@pytest.mark.parametrize("number", NUMBERS)
def test_the_notebooks_are_notebooks_and_ask_everything(number):
    asked = given(number)
    for make in (student_notebook, solution_notebook):
        notebook = nbformat.reads(dump(make(asked)), as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.course == {"chapter": number, "student": "ada"}
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        heads = [c.source for c in notebook.cells if c.source.startswith("## Exercise ")]
        assert len(heads) == len(asked.items)
    for item in asked.items:
        cells = {c["id"]: c for c in student_notebook(asked)["cells"]}
        assert cells[f"answer-{item.label}"]["metadata"] == {"exercise": item.label}
        assert f"{item.points} point" in cells[f"question-{item.label}"]["source"]
        hint = cells[f"question-{item.label}"]["source"]
        assert "<summary><b>Hint</b></summary>" in hint


def test_an_exercise_with_a_task_earns_the_tasks_points_and_the_rest_by_its_minutes():
    asked = {item.label: item for item in given("05").items}
    assert (asked["ex-05-by-hand"].points, asked["ex-05-by-hand"].marking) == (2, "auto")
    proof = asked["ex-05-convex"]
    assert (proof.points, proof.marking) == (exercises.points_for(proof.exercise.minutes), "manual")


def test_the_core_page_is_assigned_unless_more_is_asked_for():
    chapter = read_chapter("05")
    core = assignment(chapter, 1, ADA).items
    assert all(item.exercise.core for item in core)
    assert len(core) < len(assignment(chapter, 1, ADA, companions=True).items)


def test_every_student_has_numbers_of_their_own():
    texts = {
        next(c for c in student_notebook(given("05", 2027, Student(one, one)))["cells"]
             if c["id"] == "question-ex-05-by-hand")["source"]
        for one in ("ada", "emmy", "sophie", "maryam")
    }  # fmt: skip
    assert len(texts) >= 3


# ------------------------------------------------------------------ the command


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    assert course.build(folder, 2027, [ADA, Student("emmy", "Emmy Noether")]) == []
    return folder


def test_the_course_says_what_the_grader_must_know(built):
    said = json.loads((built / "course.json").read_text(encoding="utf-8"))
    assert said["format"] == 1
    assert said["seed"] == 2027
    assert said["students"] == {"ada": "Ada Lovelace", "emmy": "Emmy Noether"}
    assert sorted(said["chapters"]) == NUMBERS
    one = next(e for e in said["chapters"]["05"]["exercises"] if e["label"] == "ex-05-by-hand")
    assert one == {
        "label": "ex-05-by-hand", "title": "Folding by hand", "points": 2, "marking": "auto",
    }  # fmt: skip


def test_only_notebooks_are_given_to_students(built):
    found = [p for p in (built / "student").rglob("*") if p.is_file()]
    assert {p.suffix for p in found} == {".ipynb"}
    assert len(found) == 2 * len(NUMBERS)
    assert {p.parent.name for p in found} == {"ada", "emmy"}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")
            if p.is_file()}  # fmt: skip


def test_the_same_seed_gives_the_same_files(built, tmp_path):
    course.build(tmp_path, 2027, [ADA, Student("emmy", "Emmy Noether")])
    assert contents(tmp_path) == contents(built)


def test_what_somebody_changed_stays(tmp_path):
    course.build(tmp_path, 1, only="05")
    first = (tmp_path / "student/05.ipynb").read_bytes()
    (tmp_path / "marking/05.md").write_text("mine")
    assert course.build(tmp_path, 1, only="05") == [], "nothing is new, nothing is said"
    (said,) = course.build(tmp_path, 2, only="05") or [""]
    assert said == "" or "marking/05.md" in said
    assert (tmp_path / "marking/05.md").read_text() == "mine"
    (tmp_path / "student/05.ipynb").write_text("mine")
    said_now = course.build(tmp_path, 3, only="05")
    assert any("student/05.ipynb holds your changes" in s for s in said_now)
    assert (tmp_path / "student/05.ipynb").read_text() == "mine"
    assert (tmp_path / "student/05.new.ipynb").read_bytes() != first


def test_files_that_are_no_longer_made_go_unless_somebody_changed_them(tmp_path):
    with Made(tmp_path) as made:
        made.put("a/one.txt", "1")
        made.put("a/two.txt", "2")
        made.put("b.txt", "3")
    (tmp_path / "a/two.txt").write_text("mine")
    with Made(tmp_path) as made:
        made.put("b.txt", "3")
        made.remove_others("a/")
    assert sorted(p.name for p in tmp_path.rglob("*.txt")) == ["b.txt", "two.txt"]


def test_what_was_written_before_a_failure_is_known_afterwards(tmp_path):
    def interrupted() -> None:
        with Made(tmp_path) as made:
            made.put("one.txt", "1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    with Made(tmp_path) as made:
        made.put("one.txt", "2")
    assert (tmp_path / "one.txt").read_text() == "2"
    assert made.kept == []


def test_seed_and_roster_in_use_are_kept(tmp_path):
    assert course.in_use(tmp_path) is None
    course.build(tmp_path, 41, [ADA], only="05")
    assert course.in_use(tmp_path) == (41, [ADA])
    for text in ("", "[]", '{"students": {}}', '{"seed": "x", "students": {}}'):
        (tmp_path / "course.json").write_text(text)
        with pytest.raises(CommandError, match="is damaged"):
            course.in_use(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs a first line `id,name`"),
        ("student\nada\n", "needs a first line `id,name`"),
        ("id,name\n../up,Up\n", "line 2: the id '../up'"),
        ("id,name\n,Nobody\n", "line 2: the id ''"),
        ("id,name\nada,A\nAda,B\n", "has the id 'ada' more than once"),
    ],
)
def test_a_roster_that_cannot_be_used_is_refused(tmp_path, text, says):
    path = tmp_path / "students.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=re.escape(says)):
        course.read_roster(path)


def test_a_roster_is_read_as_spreadsheets_write_it(tmp_path):
    path = tmp_path / "students.csv"
    path.write_text("\ufeffid,name,group\r\nada,Ada Lovelace,1\r\n", encoding="utf-8")
    assert course.read_roster(path) == [ADA]
    with pytest.raises(CommandError, match="there is no roster"):
        course.read_roster(tmp_path / "none.csv")


def test_a_chapter_that_is_not_there_stops_the_command(tmp_path):
    with pytest.raises(CommandError, match="there is no chapter 77"):
        course.build(tmp_path, 1, only="77")


# ------------------------------------------------------------------ marking sheets


@pytest.mark.parametrize("kind", sorted(marking.CRITERIA))
def test_the_points_of_an_exercise_are_shared_out_whole(kind):
    for points in range(1, 13):
        rows = marking.criteria(kind, points)
        assert sum(row.points for row in rows) == points
        assert all(row.points > 0 and row.not_yet and row.sound and row.excellent for row in rows)


def test_a_marking_sheet_has_a_row_for_each_student_exercise_and_criterion(built):
    rows = [*csv.DictReader(io.StringIO((built / "marking/05.csv").read_text(encoding="utf-8")))]
    assert tuple(rows[0]) == marking.COLUMNS
    by_hand = [i for i in assignment(read_chapter("05"), 1, ADA).items if i.marking == "manual"]
    assert by_hand
    for student in ("ada", "emmy"):
        own = [row for row in rows if row["student"] == student]
        for item in by_hand:
            points = [int(row["points"]) for row in own if row["exercise"] == item.label]
            assert sum(points) == item.points
    assert not [row for row in rows if row["exercise"] in TASKS]


def test_a_marking_sheet_shows_question_solution_and_scale(built):
    text = (built / "marking/05.md").read_text(encoding="utf-8")
    assert "Prove that its image is a closed convex cone" in text
    assert "Equality must hold in both" in text
    assert "finds the hypothesis that the statement needs" in text


# ------------------------------------------------------------------ Gradescope


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("autograder")
    with zipfile.ZipFile(built / "autograder/05.zip") as archive:
        archive.extractall(base / "source")
        for entry in archive.infolist():
            (base / "source" / entry.filename).chmod(entry.external_attr >> 16)
    (base / "venv").symlink_to(sys.prefix)
    return base


def test_the_bundle_brings_what_it_needs_and_no_more(unpacked):
    source = unpacked / "source"
    for name in ("setup.sh", "run_autograder"):
        assert (source / name).stat().st_mode & 0o111
        subprocess.run(["bash", "-n", source / name], check=True)
    for name in gradescope._FILES:
        assert (source / name).read_bytes() == (ROOT / name).read_bytes()
    said = json.loads((source / "course/course.json").read_text(encoding="utf-8"))
    assert [*said["chapters"]] == ["05"]
    assert said["seed"] == 2027
    assert not [*source.rglob("*.pyc")]
    assert not [*source.rglob("*.safetensors")], "no task of chapter 5 loads a network"
    assert not (source / "tests").exists()


def test_the_autograder_names_the_python_of_the_locked_environment():
    assert f"python={gradescope.PYTHON}" in (ROOT / "environment.yml").read_text()
    assert f"python install {gradescope.PYTHON}" in gradescope.SETUP
    assert "--require-hashes" in gradescope.SETUP
    assert "book._tools.install" in gradescope.SETUP


def test_a_family_of_networks_comes_along_if_a_task_names_it(tmp_path):
    (tmp_path / "book/course/tasks").mkdir(parents=True)
    (tmp_path / "utils/checkpoints").mkdir(parents=True)
    for name in ("rotated-mnist-c8-seed0", "digit-zoo-mlp-seed0"):
        (tmp_path / f"utils/checkpoints/{name}.safetensors").write_text("")
    (tmp_path / "book/course/tasks/chapter10.py").write_text('NAME = "rotated-mnist-c8-seed0"')
    assert gradescope.checkpoints_of("10", tmp_path) == {"rotated-mnist-c8-seed0.safetensors"}
    assert gradescope.checkpoints_of("11", tmp_path) == set()
    (tmp_path / "book/course/tasks/shared.py").write_text('f"digit-zoo-{kind}-seed0"')
    assert gradescope.checkpoints_of("11", tmp_path) == {"digit-zoo-mlp-seed0.safetensors"}


ROSTER = {"ada": "Ada Lovelace", "emmy": "Emmy Noether"}


@pytest.mark.parametrize(
    ("uploaders", "claimed", "whose"),
    [
        ([{"email": "ADA@uni.example"}], "ada", "ada"),
        ([{"email": "ada@uni.example"}], "emmy", "ada"),
        ([{"email": "x@y", "sid": "emmy"}], "ada", "emmy"),
        ([{"email": "ada@uni.example"}, {"email": "emmy@uni.example"}], "emmy", "emmy"),
    ],
)
def test_who_uploads_decides_whose_numbers_count(uploaders, claimed, whose):
    assert uploaded.owner(ROSTER, uploaders, claimed) == whose
    assert uploaded.owner({}, uploaders, claimed) == ""


def test_somebody_who_is_not_in_the_roster_is_refused():
    for uploaders in ([], [{"email": "eve@uni.example"}], [{"email": None}]):
        with pytest.raises(uploaded.RefusedError, match="roster"):
            uploaded.owner(ROSTER, uploaders, "ada")


@pytest.mark.parametrize(
    ("notebook", "says"),
    [
        ("", "not a Jupyter notebook"),
        ("[]", "not a Jupyter notebook"),
        ('{"metadata": {"course": 3}}', "not a Jupyter notebook"),
        ('{"metadata": {}}', "not the notebook of chapter 5"),
        ('{"metadata": {"course": {"chapter": "04", "student": "ada"}}}', "chapter 5"),
    ],
)
def test_what_is_no_notebook_of_the_chapter_is_refused(notebook, says):
    known = {"students": ROSTER, "chapters": {"05": {}}}
    with pytest.raises(uploaded.RefusedError, match=says):
        uploaded.addressed(notebook, known, {"users": [{"email": "ada@x"}]})


def hand_in(base: Path, text: str | None, email: str = "ada@uni.example") -> dict[str, Any]:
    """Hand a file in, run the autograder's own script, and return what it reports."""
    for folder in ("submission", "results"):
        shutil.rmtree(base / folder, ignore_errors=True)
        (base / folder).mkdir()
    if text is not None:
        (base / "submission/05.ipynb").write_text(text, encoding="utf-8")
    (base / "submission_metadata.json").write_text(json.dumps({"users": [{"email": email}]}))
    subprocess.run(
        [base / "source/run_autograder"], check=True, capture_output=True,
        env={"AUTOGRADER": str(base), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    report: dict[str, Any] = json.loads((base / "results/results.json").read_text())
    return report


def test_the_autograder_refuses_in_words(unpacked):
    for text, email, says in (
        (None, "ada@uni.example", "there are 0"),
        ("{", "ada@uni.example", "not a Jupyter notebook"),
        (dump(student_notebook(given("05"))), "eve@uni.example", "roster"),
    ):
        report = hand_in(unpacked, text, email)
        assert report["score"] == 0
        assert says in report["output"]


@pytest.mark.skipif(
    not (ROOT / "book/grade/__main__.py").is_file(), reason="there is no grader yet"
)
def test_the_autograder_marks(unpacked):
    def total(text: str, email: str = "ada@uni.example") -> float:
        return sum(test.get("score", 0) for test in hand_in(unpacked, text, email)["tests"])

    right = dump(solution_notebook(assignment(read_chapter("05"), 2027, ADA)))
    whole = sum(i.points for i in assignment(read_chapter("05"), 2027, ADA).items
                if i.marking == "auto")  # fmt: skip
    assert total(right) == whole
    assert total(dump(student_notebook(assignment(read_chapter("05"), 2027, ADA)))) == 0
    assert total(right, "emmy@uni.example") < whole, "a copied notebook earns all points"


# ------------------------------------------------------------------ nbgrader


@pytest.mark.parametrize("number", NUMBERS)
def test_nbgraders_metadata_are_of_its_third_version(number):
    asked = assignment(read_chapter(number), 2027, Student("", ""))
    source, release = nbgrader.source_notebook(asked), nbgrader.release_notebook(asked)
    for notebook in (source, release):
        nbformat.validate(nbformat.reads(dump(notebook), as_version=4))
        meta = [cell["metadata"]["nbgrader"] for cell in notebook["cells"]]
        assert {m["schema_version"] for m in meta} == {3}
        ids = [m["grade_id"] for m in meta]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[\w-]+", one) for one in ids)
        assert all(("points" in m) == m["grade"] for m in meta)
        assert sum(m.get("points", 0) for m in meta) == sum(item.points for item in asked.items)
    text = dump(release)
    assert "HIDDEN TESTS" not in text
    assert "BEGIN SOLUTION" not in text
    assert all("checksum" in cell["metadata"]["nbgrader"] for cell in release["cells"])


def test_checksums_are_those_of_nbgrader():
    """The two values were computed by nbgrader 0.9.6."""
    test = {"grade": True, "locked": True, "solution": False, "grade_id": "test-x", "points": 2}
    cell = {"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": test}}
    assert nbgrader._checksum(cell) == "3ccfdc82b74bc69df709ccab6605fe79"
    own = {"grade": False, "locked": False, "solution": True, "grade_id": "answer-x"}
    cell = {"cell_type": "markdown", "source": "*Your answer:*", "metadata": {"nbgrader": own}}
    assert nbgrader._checksum(cell) == "c57d0205a5706b38ca1eb7240bafc46e"


def test_nbgraders_hidden_tests_give_points(capsys):
    variant = TASKS["ex-05-by-hand"].variant(2027)
    names: dict[str, Any] = {}
    exec(variant.solution, names)
    assert earned("ex-05-by-hand", variant.parameters, names) == 2
    assert earned("ex-05-by-hand", variant.parameters, {**names, "points_of_w": 5}) == 0
    assert "Which element leaves w alone?" in capsys.readouterr().out
    assert earned("ex-05-by-hand", variant.parameters, {}) == 0
