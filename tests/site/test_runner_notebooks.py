"""Runner notebooks: the words of the page, the code of the chapter, and nothing that shows raw."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bleach
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from runner_text import notebook_words, page_words, render
from runner_tools import Lab
from site_tools import DOCUMENTS, ROOT

from utils.claims import STRICT

CHAPTERS = [name for name in DOCUMENTS if name.startswith("chapters/")]
EXECUTED = ("02_groups_and_actions", "04b_traps_and_kinds", "06b_shadows")
_RAW = re.compile(r"\{[a-z][\w:+-]*\}`|```\{|~~~\{|:::|\{\{|^\([\w-]+\)=$|^:[a-z]+: ", re.MULTILINE)
_LEAST_SIZE, _LARGEST = 5_000, 1_500_000
# What GitHub's viewer lets through, as far as a runner notebook may use it.
_ON_GITHUB = {
    *("a", "b", "blockquote", "br", "code", "details", "em", "h1", "h2", "h3", "h4", "hr", "li"),
    *("ol", "p", "pre", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    "math",
}


def _runner(site: Path, name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        (site / "notebooks" / f"{Path(name).name}.ipynb").read_text(encoding="utf-8")
    )
    return made


def _chapter(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))
    return read


def _texts(notebook: dict[str, Any]) -> list[str]:
    cells = (c for c in notebook["cells"] if c["cell_type"] == "markdown")
    return ["".join(cell["source"]) for cell in cells]


def _heading(text: str) -> str:
    """Return the heading of a Markdown cell as a browser shows it, without its formulas."""
    heading = BeautifulSoup(render(text), "html.parser").select_one("h1, h2, h3, h4")
    assert heading is not None
    for formula in heading.select("math"):
        formula.decompose()
    return " ".join(heading.get_text().split())


def differences(page: list[str], notebook: list[str]) -> str:
    """Say where the words of a page and of its notebook part, with those around; else nothing."""
    for at, (a, b) in enumerate(zip(page, notebook, strict=False)):
        if a != b:
            around = slice(max(0, at - 6), at + 6)
            return f"page: {' '.join(page[around])}\nnotebook: {' '.join(notebook[around])}"
    if len(page) != len(notebook):
        shorter = min(len(page), len(notebook))
        return f"one goes on: {' '.join((page + notebook)[shorter : shorter + 8])}"
    return ""


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_word_number_title_and_formula_is_that_of_the_page(site: Path, name: str) -> None:
    page = page_words((site / f"{name}.html").read_text(encoding="utf-8"))
    assert len(page) > 300
    assert not differences(page, notebook_words(_runner(site, name)))


def test_the_comparison_sees_a_number_a_title_and_a_formula(site: Path) -> None:
    name = "chapters/05_isometric_cross_sections"
    page = page_words((site / f"{name}.html").read_text(encoding="utf-8"))
    good = _runner(site, name)
    for old, new in [
        ("Theorem 5.4 (R", "Theorem 5.5 (R"),
        ("**Figure 5.1**", "**Figure 5.2**"),
        ("Rearrangement inequality", "Rearrangement"),
        (r"$Z = \mathbb R^d$", r"$Z = \mathbb R^n$"),
        ("## 5.2 ", "## 5.3 "),
        ("[2024", "[2023"),
        ("**isometric**", "\\*\\*isometric**"),
    ]:
        broken = copy.deepcopy(good)
        for cell in broken["cells"]:
            if cell["cell_type"] == "markdown" and old in (text := "".join(cell["source"])):
                cell["source"] = text.replace(old, new, 1)
                break
        else:
            pytest.fail(f"{old!r} is nowhere: choose another place to break")
        assert differences(page, notebook_words(broken)), f"{old} -> {new} went unseen"


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_and_outputs_are_those_of_the_chapter(site: Path, name: str) -> None:
    runner, chapter = _runner(site, name), _chapter(name)
    nbformat.validate(nbformat.from_dict(runner))
    ours = [c for c in runner["cells"] if c["cell_type"] == "code"]
    theirs = [c for c in chapter["cells"] if c["cell_type"] == "code"]
    for own in ("id", "source"):
        assert [c[own] for c in ours] == [c[own] for c in theirs]
    for a, b in zip(ours, theirs, strict=True):
        glued = [o for o in b["outputs"] if o.get("metadata", {}).get("scrapbook")]
        assert a["outputs"] == [o for o in b["outputs"] if o not in glued]
        tags = b["metadata"].get("tags", [])
        assert a["metadata"].get("tags", []) == tags
        if "hide-input" in tags or "colab" in tags:
            assert a["metadata"]["jupyter"]["source_hidden"]
            assert a["metadata"]["cellView"] == "form"


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_is_raw_and_every_fold_closes(site: Path, name: str) -> None:
    runner = _runner(site, name)
    assert runner["cells"][0]["cell_type"] == "markdown"
    first = _texts(runner)[0]
    assert first.startswith("# ")
    assert re.search(r"stored run [0-9a-f]{12}", first)
    assert runner["cells"][1]["metadata"]["tags"][-1] == "colab"
    for text in _texts(runner):
        assert not _RAW.search(text), _RAW.search(text)
        assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
        shown = render(text)
        cleaned = bleach.clean(shown, tags=_ON_GITHUB, attributes={"a": ["href", "id"]})
        assert (
            BeautifulSoup(cleaned, "html.parser").get_text()
            == BeautifulSoup(shown, "html.parser").get_text()
        ), "GitHub's viewer would show markup as text"
        # KaTeX, in VS Code and on GitHub, takes no formula with space at its ends.
        for formula in re.findall(r"(?<![\\$])\$(?!\$)([^$\n]+?)(?<!\\)\$(?!\$)(.?)", text):
            assert formula[0] == formula[0].strip()
            assert not formula[1].isdigit(), formula
        assert not re.search(r"^\s*(?:> *)*\$\$[^$]*$", text, re.MULTILINE), "a formula over lines"


@pytest.mark.parametrize("name", CHAPTERS)
def test_links_lead_somewhere(site: Path, name: str) -> None:
    runner = _runner(site, name)
    soup = BeautifulSoup("".join(map(render, _texts(runner))), "html.parser")
    anchors = {a["id"] for a in soup.select("a[id]")}
    for link in soup.select("a[href]"):
        address = str(link["href"])
        assert link.get_text().strip(), f"a link to {address} that nobody can see"
        if address.startswith("#"):
            assert address[1:] in anchors, address
        elif not re.match(r"https?://", address):
            assert (site / "notebooks" / address).is_file(), address


@pytest.mark.parametrize("name", CHAPTERS)
def test_size(site: Path, name: str) -> None:
    size = (site / "notebooks" / f"{Path(name).name}.ipynb").stat().st_size
    assert _LEAST_SIZE < size <= _LARGEST


def _printed(cell: Any) -> str:
    return "".join("".join(out["text"]) for out in cell.outputs if out.output_type == "stream")


@pytest.mark.parametrize("name", EXECUTED)
def test_a_runner_notebook_runs_and_prints_what_is_stored(site: Path, name: str) -> None:
    stored = nbformat.read(site / "notebooks" / f"{name}.ipynb", as_version=4)
    again = copy.deepcopy(stored)
    environment = {**os.environ, **STRICT, "PYTHONPATH": str(ROOT)}
    client = NotebookClient(again, timeout=300, startup_timeout=300)
    with client.setup_kernel(env=environment):
        for index, cell in enumerate(again.cells):
            client.execute_cell(cell, index)
    printed = 0
    for old, new in zip(stored.cells, again.cells, strict=True):
        if old.cell_type == "code" and "nbval-ignore-output" not in old.metadata.get("tags", []):
            assert _printed(new) == _printed(old)
            printed += bool(_printed(old))
    assert printed >= 2


@pytest.mark.browser
@pytest.mark.parametrize("name", CHAPTERS)
def test_in_jupyterlab_untrusted(site: Path, name: str, lab: Callable[[], Lab]) -> None:
    runner = _runner(site, name)
    seen = lab().open(site / "notebooks" / f"{Path(name).name}.ipynb")
    assert not seen.errors
    assert not seen.trusted
    texts = _texts(runner)
    assert seen.cells == len(runner["cells"])
    assert seen.headings == [_heading(text) for text in texts if text.startswith("#")]
    formulas = sum(render(t).count("<math>") for t in texts)
    assert (seen.formulas, seen.broken_formulas) == (formulas, 0)
    assert not _RAW.search(seen.text)
    assert "$" not in seen.text.replace("\\$", "")
    figures = sum(
        "text/html" in output.get("data", {})
        for cell in runner["cells"]
        if not cell["metadata"].get("jupyter", {}).get("outputs_hidden")
        for output in cell.get("outputs", [])
    )
    # JupyterLab draws plotly's figures itself, where its extension is installed.
    assert len(seen.pictures) + seen.drawn_by_plotly >= figures
    assert seen.controls == 0, "a part that moves is visible, and cannot move"
    for picture in seen.pictures:
        assert picture["width"] > 50, picture
        assert len(picture["alt"]) >= 20, picture
