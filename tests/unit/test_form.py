"""The form of a chapter: one evening for a core page, and what every page promises."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
import yaml

from tests import form

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "chapters").glob("[0-9][0-9]*_*.ipynb"))
NOT_YET: set[str] = set()
"""Chapters that have not been brought into the form; the set may only shrink."""

CORE = [path for path in PAGES if form.CORE.fullmatch(path.stem)]
COMPANIONS = [path for path in PAGES if form.COMPANION.fullmatch(path.stem)]
IN_FORM = [path for path in CORE if path.stem[:2] not in NOT_YET]


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


@each(IN_FORM)
@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("words", form.MOST_WORDS),
        ("code_lines", form.MOST_CODE_LINES),
        ("numbers", form.MOST_NUMBERS),
        ("proofs", form.MOST_PROOFS),
        ("words_before_figure", form.MOST_WORDS_BEFORE_A_FIGURE),
        ("code_before_figure", 0),
    ],
)
def test_a_core_page_is_one_evening(path, what, limit):
    found = getattr(form.measure(path), what)
    assert found <= limit, (
        f"{path.stem}: {found} {what.replace('_', ' ')}, and the limit is {limit}"
    )


@each(IN_FORM)
def test_the_stated_reading_time_is_the_measured_one(path):
    stated, measured = form.stated_minutes(path), form.measure(path).minutes
    assert stated is not None, f"{path.stem}: no sentence **Reading.** About N minutes."
    low, high = form.READING_MINUTES
    assert low <= stated <= high, f"{path.stem}: {stated} minutes; a core page takes at most {high}"
    assert abs(stated - measured) <= 8, f"{path.stem} states {stated} and takes {measured:.0f}"


@each(IN_FORM)
def test_an_exercise_says_what_it_asks_and_helps(path):
    found = form.exercises(path)
    assert found
    for exercise in found:
        name = f"{path.stem}, {exercise.label}"
        missing = {"level", "minutes", "points", "kind"} - exercise.options.keys()
        assert not missing, f"{name} lacks {sorted(missing)}"
        hint = re.search(r"\{hint\}[^\n]*\n:class: dropdown", exercise.body)
        assert hint, f"{name} has no hint in a fold"
        assert "{check}" in exercise.body, f"{name} has nothing to check an answer against"
    assert {exercise.options["level"] for exercise in found} == {"1", "2", "3"}, path.stem


@each(IN_FORM)
def test_a_question_is_answered_only_after_the_figure(path):
    assert form.early_answers(path) == []


@each(IN_FORM)
def test_one_exercise_carries_on_the_readers_own_test(path):
    """The exercise that asks for a test starts from the one that the reader wrote in chapter 01."""
    tests = [e for e in form.exercises(path) if e.options.get("kind") == "test"]
    assert tests, f"{path.stem} has no exercise of kind test"
    if not path.stem.startswith("01"):
        assert any("<ex-mutants>" in e.body for e in tests), (
            f"{path.stem}: the exercise that asks for a test does not refer to that of chapter 1"
        )


@each([*IN_FORM, *COMPANIONS])
def test_one_thing_has_one_spelling(path):
    text = "\n".join(c.source for c in form.read(path).cells if c.cell_type == "markdown")
    assert form.misspellings(text) == []


@pytest.mark.parametrize("name", ["welcome", "how_to_run", "notation", "glossary", "instructors"])
def test_pages_that_are_not_chapters_spell_alike(name):
    assert form.misspellings((ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")) == []


@each(PAGES)
def test_what_is_folded_has_a_title_to_click(path):
    """A proof has none, and the script that folds then stops and leaves the whole page unfolded."""
    text = "\n".join(c.source for c in form.read(path).cells if c.cell_type == "markdown")
    folded = re.findall(r"\{prf:\w+\}[^\n]*\n(?::[^\n]*\n)*:class:[^\n]*dropdown", text)
    assert not folded, f"{path.stem}: write ```{{admonition}} Proof for a proof that is folded"


@each(COMPANIONS)
def test_a_companion_stands_under_its_chapter(path):
    first = next(c for c in form.read(path).cells if c.cell_type == "markdown")
    assert re.search(r"(?m)^# Going deeper: \S", first.source), f"{path.stem}: no such title"
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    entries = {entry["file"]: entry for part in parts for entry in part["chapters"]}
    (core,) = [page for page in CORE if page.stem[:2] == path.stem[:2]]
    sections = [section["file"] for section in entries[f"chapters/{core.stem}"]["sections"]]
    assert f"chapters/{path.stem}" in sections


@each(COMPANIONS)
def test_no_core_page_needs_a_companion(path):
    """Only the companion's own title may be referred to, and by its own chapter by name."""
    text = "\n".join(c.source for c in form.read(path).cells if c.cell_type == "markdown")
    title = re.search(r"(?m)^\(([\w-]+)\)=\n# ", text)
    assert title, f"{path.stem}: its title needs a label"
    private = form.labels(path) - {title.group(1)}
    for page in IN_FORM:
        assert not private & form.references(page), f"{page.stem} needs {path.stem}"
    (core,) = [page for page in CORE if page.stem[:2] == path.stem[:2]]
    assert title.group(1) in form.references(core), f"{core.stem} does not name {path.stem}"


def test_the_measures_count_what_they_say(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("(a)=\n# One two\n\nThree $x + y$ four. **What do you "
                                      "expect to see?** Nothing.\n\nAn answer of several words."),
        nbformat.v4.new_code_cell("a = 1\n\nb = 2"),
        nbformat.v4.new_code_cell("c = 3", metadata={"tags": ["hide-input"]}),
        nbformat.v4.new_markdown_cell("```{prf:proof}\nFive.\n```\n\n```{prf:proof}\n"
                                      ":class: dropdown\nSix.\n```\n{glue:text}`n:.2f`"),
        nbformat.v4.new_markdown_cell(
            "## Exercises\n\n```{exercise} Seven\n:label: ex-7\n:level: 1\nStabilise data sets.\n"
            "```\n\n```{solution} ex-7\nEight.\n```"
        ),
        nbformat.v4.new_markdown_cell("Ten.\n\n## Summary\n\nNine"),
    ]  # fmt: skip
    path = tmp_path / "01_page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    found = form.measure(path)
    assert (found.code_lines, found.numbers, found.proofs) == (2, 1, 1)
    assert found.words == 22
    assert form.early_answers(path)
    (exercise,) = form.exercises(path)
    assert exercise.options == {"label": "ex-7", "level": "1"}
    assert "Stabilise" in exercise.body
    assert "Eight" not in exercise.body
    assert len(form.misspellings(exercise.body)) == 2


@pytest.mark.parametrize("joined", [True, False])
def test_only_the_exercises_are_left_out(joined):
    """What stands before or behind them counts, also in one cell with them."""
    parts = ["## One\n\nTwo.", "## Exercises\n\nThree four five.", "## Summary\n\nSix."]
    sources = ["\n\n".join(parts)] if joined else parts
    cells = [nbformat.v4.new_markdown_cell(source) for source in sources]
    cells.insert(len(cells) - 1, nbformat.v4.new_code_cell("seven = 8"))
    kept = form.without_exercises(cells)
    assert "\n".join(c.source for c in kept if c.cell_type == "markdown").split() == [
        *("##", "One", "Two.", "##", "Summary", "Six.")
    ]
    assert any(c.cell_type == "code" for c in kept) == joined


@pytest.mark.parametrize("fence", ["```", "````", ":::", "::::"])
def test_every_fence_counts(tmp_path, fence):
    text = (
        f"{fence}{{prf:proof}}\nOne.\n{fence}\n\n{fence}{{exercise}} Two\n:label: ex-2\n:level: 1\n"
        f"\nThree.\n{fence}\n\n{fence}{{solution}} ex-2\nFour.\n{fence}"
    )
    path = tmp_path / "01_page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)]), path)
    assert form.measure(path).proofs == 1
    (exercise,) = form.exercises(path)
    assert exercise.options == {"label": "ex-2", "level": "1"}
    assert "Three" in exercise.body
    assert "Four" not in exercise.body
