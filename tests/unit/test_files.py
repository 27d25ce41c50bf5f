"""Files that repeat a fact are in step, and notebooks are fit to be read as they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from book._tools.calibration import Time
from book._tools.lock import canonical
from book._tools.sync import (
    COLAB_TAGS,
    FIRST_CELL,
    citation,
    locked,
    out_of_step,
    pins,
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

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "chapters").glob("[0-9][0-9]*_*.ipynb"))


LOCKS = ("requirements.txt", "requirements-torch.txt", "requirements-dev.txt")


def versions(*paths: Path) -> dict[str, str]:
    """Read the versions off locks, by canonical name."""
    found = [locked(path) for path in paths]
    return {canonical(name): version for lock in found for name, version in lock.items()}


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
    torch = versions(root / "requirements-torch.txt")["torch"]
    assert lines == [f"torch=={torch}", *pins(root / "requirements.txt")]
    assert len(lines) > 150


def test_the_locked_notebook_asks_for_the_locked_jupyterlab(root):
    """Binder's own image holds an older one, which asks for an older JupyterLab."""
    locks = versions(root / "requirements.txt")
    (_, lab), (_, notebook) = (locks[n].split(".")[:2] for n in ("jupyterlab", "notebook"))
    assert locks["notebook"].startswith("7.")
    assert locks["jupyterlab"].startswith("4.")
    assert lab == notebook


def test_a_changed_pin_is_noticed(root, tmp_path):
    for name in ("pyproject.toml", *LOCKS, "environment.yml", "CITATION.cff"):
        (tmp_path / name).write_text((root / name).read_text())
    assert out_of_step(tmp_path) == []
    lock = tmp_path / "requirements.txt"
    lock.write_text(re.sub(r"(?m)^numpy==\S+", "numpy==1.0.0", lock.read_text()))
    assert [str(path) for path in out_of_step(tmp_path)] == ["environment.yml"]
    assert [str(path) for path in sync(tmp_path)] == ["environment.yml"]
    assert "numpy==1.0.0" in (tmp_path / "environment.yml").read_text()


def test_the_lock_answers_what_pyproject_asks(root):
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    readers, torch, developers = (versions(root / name) for name in LOCKS)
    assert "torch" not in readers, "PyTorch is locked by itself"
    assert not {*readers} & {*torch} | {*readers} & {*developers}, "locked twice"
    found = readers | torch
    for asked in project["dependencies"] + project["optional-dependencies"]["book"]:
        wanted = Requirement(asked)
        assert canonical(wanted.name) in found, f"{asked} is not locked"
        assert found[canonical(wanted.name)] in wanted.specifier
    both = found | developers
    for asked in project["optional-dependencies"]["dev"]:
        assert canonical(Requirement(asked).name) in {*both, project["name"]}


@pytest.mark.parametrize("name", [*LOCKS, "requirements-uv.txt"])
def test_every_pin_has_hashes_and_no_lock_names_an_index(root, name):
    text = (root / name).read_text()
    assert "://" not in text
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    assert len(blocks) == len(pins(root / name)) > 0
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]


def test_no_build_for_cuda_comes_with_the_readers_lock(root):
    assert not [name for name in locked(root / LOCKS[0]) if name.startswith(("nvidia", "triton"))]
    assert [name for name in locked(root / LOCKS[1]) if name.startswith("nvidia")]


def test_a_lock_is_read_with_its_conditions(tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text(
        "# head\na-b==1.0 ; os_name == 'nt' \\\n    --hash=sha256:00\n    # via c\nc==2\n"
    )
    assert pins(path) == ["a-b==1.0 ; os_name == 'nt'", "c==2"]
    assert locked(path) == {"a-b": "1.0", "c": "2"}
    assert locked(tmp_path / "none.txt") == {}


def test_the_citation_follows_pyproject_and_names_no_repository(root, tmp_path):
    text = (root / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(
        re.sub(r"(?m)^version = .*", 'version = "9.8.7"', text)
    )
    content = yaml.safe_load(citation(tmp_path))
    assert content["version"] == "9.8.7"
    assert "repository-code" not in content


def test_the_first_cell_is_given_once_and_renewed_alone():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")])
    for _ in range(2):
        with_colab_cell(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["code", "markdown"]
    first = notebook.cells[0]
    source = FIRST_CELL.read_text().strip()
    assert (first.source, first.metadata["tags"], first.id) == (source, COLAB_TAGS, "colab-cell")
    first.source, first.execution_count = "pass", 1
    with_colab_cell(notebook)
    assert (first.source, first.execution_count) == (source, 1)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_stored_executed_from_top_to_bottom(path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [out for cell in cells for out in cell.outputs]
    core = re.match(r"\d\d_", path.stem)
    assert len(outputs) >= (10 if core else 1), (
        "a chapter without stored outputs would pass every comparison"
    )
    assert not [out for out in outputs if out.get("name") == "stderr"]
    for cell in cells:
        allowed = "raises-exception" in cell.metadata.get("tags", [])
        assert allowed or all(out.output_type != "error" for out in cell.outputs)
        prints = re.search(r"^(print|show|claim)\(", cell.source, re.M)
        assert cell.outputs or not prints, f"no stored output: {cell.source[:60]!r}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_the_shape_of_the_book(path):
    assert path.stat().st_size <= 1_300_000  # of which pictures, in base64, a third for that
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert isinstance(stated_budget(text, path.name), Budget)
    exercises = len(re.findall(r"\{exercise(?:-start)?\}", text))
    solutions = len(re.findall(r"\{solution(?:-start)?\}", text))
    assert exercises == solutions >= (4 if re.match(r"\d\d_", path.stem) else 0)
    for cell in notebook.cells:
        if cell.cell_type == "code":
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
        "**Budget.** At most 121 reference seconds of one core and 1 GB of memory",
        "**Budget.** At most 90 reference seconds of one core and 1.6 GB of memory",
    ],
)
def test_a_bad_budget_is_refused(text):
    with pytest.raises(ValueError, match="state"):
        stated_budget(text, "x")
