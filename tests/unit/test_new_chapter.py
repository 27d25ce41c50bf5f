"""A new chapter, made in a copy of the book, passes every check that the others pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from book._ext.quiz_questions import read
from book._tools import new_chapter
from book._tools.command import CommandError
from book._tools.execute import execute
from book._tools.sync import out_of_step
from utils.claims import read_ledger

TITLE = "A test of the détour"
STEM = "97_a_test_of_the_detour"
COPIED = ("pyproject.toml", "requirements*.txt", "environment.yml", "CITATION.cff", "_toc.yml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the checks of a chapter read, with a new chapter, executed."""
    root, copy = new_chapter.ROOT, tmp_path_factory.mktemp("a book")
    for pattern in COPIED:
        for path in root.glob(pattern):
            shutil.copy(path, copy)
    no = shutil.ignore_patterns("__pycache__", "checkpoints", "_static")
    for folder in ("book", "chapters", "tests", "utils"):
        shutil.copytree(root / folder, copy / folder, ignore=no)
    path = new_chapter.begin("97", TITLE, copy)
    variables = pytest.MonkeyPatch()
    variables.setenv("PYTHONPATH", str(copy))
    notebook, _, _ = execute(path, machine_speed=lambda: 1.0)
    variables.undo()
    nbformat.write(notebook, path)
    return copy


def check(copy: Path, *arguments: str) -> str:
    """Call pytest in the copy; return what it said."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    done = subprocess.run(
        command,
        cwd=copy,
        env={**os.environ, **threads, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_it_passes_the_checks_of_files_form_and_claims(copy):
    # Of the tests with one case a chapter only those of the new one.
    names = [f"tests/unit/test_{name}.py" for name in ("files", "form", "claims", "first_cell")]
    said = check(copy, *names, "-k", f"{STEM} or every_chapter or every_claim")
    passed = int(re.search(r"(\d+) passed", said).group(1))
    assert passed >= 2 + 6 + 4 + 1 + 1
    assert "skipped" not in said


def test_it_runs_offline_within_its_budget_and_prints_what_is_stored(copy):
    said = check(
        copy,
        f"chapters/{STEM}.ipynb",
        *("-p", "tests.notebooks", "--nbval", "--nbval-sanitize-with", "tests/sanitize.cfg"),
    )
    assert f"used by {STEM}" in said


def test_its_page_asks_the_questions_that_were_written_with_it(copy):
    assert len(read(copy / "book" / "quizzes" / "97.yml")) == 5
    text = (copy / "chapters" / f"{STEM}.ipynb").read_text(encoding="utf-8")
    assert text.count("```{quiz} 97") == 1


def test_it_stands_in_the_contents_and_in_the_ledger(copy):
    assert out_of_step(copy) == []
    before = (new_chapter.ROOT / "_toc.yml").read_text(encoding="utf-8")
    after = (copy / "_toc.yml").read_text(encoding="utf-8")
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    parts = [part["chapters"] for part in yaml.safe_load(after)["parts"]]
    (part,) = [part for part in parts if {"file": f"chapters/{STEM}"} in part]
    assert len(part) > 1
    assert part[-1] == {"file": f"chapters/{STEM}"}
    claims = read_ledger(copy / "book" / "claims.yml")
    assert claims.keys() - read_ledger().keys() == {"a-test-of-the-detour-gain"}


def test_the_same_chapter_is_written_each_time():
    one, other = (nbformat.writes(new_chapter.notebook("97", TITLE)) for _ in range(2))
    assert one == other
    assert not re.search(r"@\w+@", one)


@pytest.mark.parametrize(
    ("number", "title", "message"),
    [
        ("97", "Another", "is there already"),
        ("02", "Another", "is there already"),
        ("x", "Another", "two digits"),
        ("98", "…", "a title"),
        ("98", TITLE, "another title"),
        ("00", "Another", "smaller number"),
    ],
)
def test_what_cannot_be_begun_is_refused_and_nothing_is_written(copy, number, title, message):
    files = [copy / "_toc.yml", copy / "book" / "claims.yml"]
    before = [path.read_bytes() for path in files], sorted((copy / "chapters").iterdir())
    with pytest.raises(CommandError, match=message):
        new_chapter.begin(number, title, copy)
    assert before == ([path.read_bytes() for path in files], sorted((copy / "chapters").iterdir()))


def test_companion_pages_stay_with_their_chapter():
    contents = "      - file: chapters/03_a\n        sections:\n          - file: chapters/03a_b\n"
    after = new_chapter.with_entry(contents + "      - file: book/claims\n", "04", "04_c")
    assert after.splitlines()[3] == "      - file: chapters/04_c"
