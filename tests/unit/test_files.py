"""Files that repeat a fact are in step, and notebooks are fit to be read as they are."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from book._tools.calibration import Time
from book._tools.lock import canonical, pins
from book._tools.sync import (
    COLAB_TAGS,
    citation,
    colab_cell,
    out_of_step,
    readme,
    repository,
    sync,
    with_colab_cell,
)
from tests.notebooks import (
    ALLOWANCE,
    ALLOWANCE_TOGETHER,
    MOST_MINUTES,
    Budget,
    Used,
    check_budget,
    check_total,
    stated_budget,
)

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "chapters").glob("[0-9][0-9]_*.ipynb"))
ADDRESS = "https://host.example/owner/name"


def locked(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if "==" in line]
    return {canonical(name): version for name, version in (line.split("==") for line in lines)}


def test_every_file_is_in_step(root):
    assert out_of_step(root) == []


def test_environment_has_the_pins_of_the_lock(root):
    content = yaml.safe_load((root / "environment.yml").read_text())
    python, pip, nested = content["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    index, *lines, project = nested["pip"]
    assert index.startswith("--extra-index-url ")
    assert index.endswith("/whl/cpu")
    assert project == "-e ."
    found = {canonical(name): version for name, version in (line.split("==") for line in lines)}
    assert found == locked(root / "requirements.txt")
    assert found["torch"] == "2.13.0"


def test_a_changed_pin_is_noticed(root, tmp_path):
    for name in ("pyproject.toml", "requirements.txt", "environment.yml", "CITATION.cff"):
        (tmp_path / name).write_text((root / name).read_text())
    assert out_of_step(tmp_path) == []
    lock = tmp_path / "requirements.txt"
    lock.write_text(re.sub(r"numpy==\S+", "numpy==1.0.0", lock.read_text()))
    assert [str(path) for path in out_of_step(tmp_path)] == ["environment.yml"]
    assert [str(path) for path in sync(tmp_path)] == ["environment.yml"]
    assert "numpy==1.0.0" in (tmp_path / "environment.yml").read_text()


def test_the_lock_answers_what_pyproject_asks(root):
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    found = locked(root / "requirements.txt")
    for asked in project["dependencies"] + project["optional-dependencies"]["book"]:
        name, version = re.fullmatch(r"([\w.-]+)(?:==([\w.]+))?.*", asked).groups()
        assert canonical(name) in found, f"{name} is not locked"
        if version:
            assert found[canonical(name)] == version
    both = found | locked(root / "requirements-dev.txt")
    for asked in project["optional-dependencies"]["dev"]:
        assert canonical(re.match(r"[\w.-]+", asked).group()) in {*both, project["name"]}


def test_no_plain_requirements_name_an_index(root):
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert "://" not in (root / name).read_text()


def test_pins_drop_local_versions_and_the_project():
    install = [("Torch_Geometric", "2.8.1"), ("torch", "2.13.0+cpu"), ("the-book", "0.1")]
    report = {"install": [{"metadata": {"name": n, "version": v}} for n, v in install]}
    assert pins(report, without=["the-book"]) == {"torch": "2.13.0", "Torch_Geometric": "2.8.1"}


def test_the_address_stands_in_one_place(root):
    address = repository(root)
    tracked = subprocess.run(
        ["git", "grep", "-l", "--fixed-strings", address], cwd=root, capture_output=True, text=True
    ).stdout.split()
    made = {"pyproject.toml", "CITATION.cff", "README.md"}
    assert {name for name in tracked if not name.startswith("chapters/")} <= made


def test_a_bad_address_is_refused(tmp_path):
    text = '[project]\nname = "x"\n[project.urls]\nRepository = "github.com/x"\n'
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ValueError, match="https://host/owner/name"):
        repository(tmp_path)


def test_a_new_address_reaches_every_place(root, tmp_path):
    for name in ("pyproject.toml", "requirements.txt", "README.md"):
        (tmp_path / name).write_text((root / name).read_text())
    (tmp_path / "chapters").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")])
    nbformat.write(notebook, tmp_path / "chapters" / "01_one.ipynb")
    old, path = repository(root), tmp_path / "pyproject.toml"
    path.write_text(path.read_text().replace(old, ADDRESS))
    sync(tmp_path)
    assert f"repository-code: {ADDRESS}" in citation(tmp_path)
    assert ADDRESS in (tmp_path / "README.md").read_text()
    assert old not in (tmp_path / "README.md").read_text()
    first = nbformat.read(tmp_path / "chapters" / "01_one.ipynb", as_version=4).cells[0]
    assert f"git+{ADDRESS}" in first.source
    assert first.metadata["tags"] == COLAB_TAGS


def test_a_readme_without_its_comment_is_refused():
    with pytest.raises(ValueError, match="repository"):
        readme("# Title", ADDRESS)


def test_the_colab_cell_is_given_once_and_does_nothing_here():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")])
    for _ in range(2):
        with_colab_cell(notebook, ADDRESS)
    assert [cell.cell_type for cell in notebook.cells] == ["code", "markdown"]
    names: dict = {}
    exec(colab_cell(ADDRESS), names)
    assert "source" not in names


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_stored_executed_from_top_to_bottom(path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [out for cell in cells for out in cell.outputs]
    assert len(outputs) >= 10, "a chapter without stored outputs would pass every comparison"
    assert not [out for out in outputs if out.get("name") == "stderr"]
    for cell in cells:
        allowed = "raises-exception" in cell.metadata.get("tags", [])
        assert allowed or all(out.output_type != "error" for out in cell.outputs)
        prints = re.search(r"^(print|show|claim)\(", cell.source, re.M)
        assert cell.outputs or not prints, f"no stored output: {cell.source[:60]!r}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_the_shape_of_the_book(path):
    assert path.stat().st_size <= 1_000_000
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert isinstance(stated_budget(text, path.name), Budget)
    exercises = len(re.findall(r"\{exercise(?:-start)?\}", text))
    solutions = len(re.findall(r"\{solution(?:-start)?\}", text))
    assert exercises == solutions >= 4
    for cell in notebook.cells:
        if cell.cell_type == "code" and "colab" not in cell.metadata.get("tags", []):
            lines = cell.source.strip().splitlines()
            assert len(lines) <= 15, f"{len(lines)} lines in the cell {lines[0]!r}"
        for out in cell.get("outputs", []):
            data = out.get("data", {})
            assert "application/vnd.plotly.v1+json" not in data or "text/html" in data


def test_a_budget_is_read_and_held():
    text = "**Budget.** At most 90 reference seconds of one core\nand 1.5 GB of memory."
    budget = stated_budget(text, "x")
    assert budget == Budget(90, 1.5)
    check_budget(budget, Time(89, 89), 1.4, "x")
    over = 90 * ALLOWANCE + 1
    with pytest.raises(AssertionError, match=f"{over:.0f} reference seconds and states 90"):
        check_budget(budget, Time(over, over), 1.4, "x")
    with pytest.raises(AssertionError, match=r"1\.60 GB"):
        check_budget(budget, Time(89, 89), 1.6, "x")
    with pytest.raises(AssertionError, match="nothing was measured"):
        check_budget(budget, Time(0, 0), 0, "x")


def test_a_budget_holds_for_reference_seconds_whatever_the_machine():
    budget = Budget(90, 1.5)
    check_budget(budget, Time(cpu_seconds=290, reference_seconds=87), 1, "slow machine")
    with pytest.raises(AssertionError, match="45 s of one core here, speed 3"):
        check_budget(budget, Time(cpu_seconds=45, reference_seconds=135), 1, "fast machine")


def test_all_chapters_together_have_a_budget():
    chapters = [Used(f"{number}", 2000, MOST_MINUTES * 6, 1) for number in range(10)]
    assert check_total(chapters) is None
    more = [*chapters, Used("one more", 1, MOST_MINUTES * 60 * (ALLOWANCE_TOGETHER - 1) + 60, 1)]
    assert f"may use {MOST_MINUTES:g}" in check_total(more)


@pytest.mark.parametrize(
    "text",
    [
        "no budget",
        "**Budget.** At most 181 reference seconds of one core and 1 GB of memory",
        "**Budget.** At most 90 reference seconds of one core and 2.5 GB of memory",
    ],
)
def test_a_bad_budget_is_refused(text):
    with pytest.raises(ValueError, match="state"):
        stated_budget(text, "x")
