"""No output of a chapter brings code into a reader's browser but that of the book's figures."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml

from book._tools.sources import chapters
from utils.plots import ImagePanel, slider_figure

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "book" / "_ext"))

from own_scripts import foreign, own_scripts, problems  # noqa: E402

OWN = own_scripts(ROOT)


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_the_outputs_of_chapters_are_the_books_own(path):
    assert not list(problems(nbformat.read(path, as_version=4), OWN))


def moving() -> str:
    panel = ImagePanel("a", np.zeros((2, 4, 4)))
    return slider_figure([panel], ["0", "1"], control="step", alt="An image stays black.").html


def test_the_books_figures_pass():
    assert len(OWN) == len(list((ROOT / "utils/plots/explorables").glob("*/figure.js"))) >= 3
    shown = moving()
    assert "<script>" in shown
    assert foreign(shown, OWN) == []


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "<SCRIPT>alert(1)</SCRIPT>",
        "<script src='https://example.org/a.js'></script>",
        "<script type='module'>import('a')</script>",
        "<script type='application/json' src='a.js'>{}</script>",
        "<script>unfinished",
        "<p onclick='f()'>a</p>",
        "<img src=x onerror=f()>",
        "<svg onload='f()'><script>f()</script></svg>",
        "<svg><a href=' JavaScript:f()'>a</a></svg>",
        "<iframe src='a.html'></iframe>",
        "<a href='data:text/html,<b>'>a</a>",
        "<base href='//example.org'>",
        "<object data='a.swf'></object>",
        "<img/src=x/onerror=f()>",
        "<img src=x onerror=f() ",
        "<svg><style><img src=x onerror=f()></style></svg>",
        "<style>@import '//example.org/a.css'</style>",
        "<a href='java&#9;script:f()'>a</a>",
        "<a href='data:image/svg+xml,<svg onload=f()>'>a</a>",
        "<!--><script>f()</script>-->",
        "<!-- --!><script>f()</script> -->",
        "<![CDATA[><script>f()</script>]]>",
        "<script type='text/javascript' type='application/json'>f()</script>",
        "<noscript><p title='</noscript><img src=x onerror=f()>'></noscript>",
        "<svg><set attributeName=onmouseover to='f()'/></svg>",
        "<svg><use href='data:image/svg+xml,<svg/>'/></svg>",
        "<link rel=stylesheet href='//example.org/a.css'>",
        "<img srcset='//example.org/a.png'>",
    ],
)
def test_what_others_put_there_is_found(markup):
    assert foreign(f"<p>before</p>{markup}", OWN)


def test_a_script_that_is_nearly_ours_is_found():
    shown = moving()
    changed = shown.replace("(() => {", "(() => { fetch('//example.org');", 1)
    assert changed != shown
    assert foreign(changed, OWN)
    assert foreign(shown.replace("</script></div>", "f()</script></div>"), OWN)


def test_an_output_for_the_kernel_s_page_is_found():
    output = nbformat.v4.new_output("display_data", {"application/javascript": "f()"})
    html = nbformat.v4.new_output("display_data", {"text/html": "<script>f()</script>"})
    cells = [nbformat.v4.new_code_cell("1", id=name, outputs=[one])
             for name, one in (("first", output), ("second", html))]  # fmt: skip
    found = list(problems(nbformat.v4.new_notebook(cells=cells), OWN))
    assert [text.split(":")[0] for text in found] == ["cell 0 (first)", "cell 1 (second)"]


@pytest.mark.parametrize(
    "kind", ["text/latex", "text/markdown", "TEXT/HTML", "text/javascript", "application/xhtml+xml"]
)
def test_a_kind_of_output_that_no_figure_has_is_found(kind):
    output = nbformat.v4.new_output("display_data", {kind: "<script>f()</script>"})
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    assert list(problems(nbformat.v4.new_notebook(cells=[cell]), OWN))


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=f()>",
        "<script>f()</script>",
        "<a href='javascript:f()'>a</a>",
        "<b onclick='f()'>a</b>",
        "<span style='background:url(//example.org)'>a</span>",
        "<svg/onload=f()>",
        "a <img src=x onerror=f() ",
        "java\tscript:f()",
        "&#106;avascript:f()",
        "<<b>script>f()<</b>/script>",
    ],
)
@pytest.mark.parametrize("place", ["text", "hovertemplate", "title", "key"])
def test_markup_in_a_plotly_figure_is_found(text, place):
    """Its strings become markup in the reader's browser."""

    def figure(said: str) -> dict:
        trace = {"type": "scatter", "x": [1, 2.5, None], "text": ["a", "b"]}
        layout: dict = {"title": {"text": "a"}}
        if place == "title":
            layout["title"]["text"] = said
        elif place == "key":
            layout[said] = True
        else:
            trace[place] = ["a", said]
        return {"data": [trace], "layout": layout}

    def found(said: str) -> list[str]:
        data = {"application/vnd.plotly.v1+json": figure(said)}
        cell = nbformat.v4.new_code_cell(
            "1", outputs=[nbformat.v4.new_output("display_data", data)]
        )
        return list(problems(nbformat.v4.new_notebook(cells=[cell]), OWN))

    assert found(text)
    assert not found(
        'x < 3, <b>%{y:.2f}</b><br>C<sub>8</sub> <span style="color: #a00">a</span><extra></extra>'
    )


# ---------------------------------------------------------------- who may write pages


def jobs() -> dict[str, dict]:
    found = {}
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path.name
        for name, job in workflow["jobs"].items():
            found[f"{path.stem}.{name}"] = job
    return found


RIGHTS = {
    "publish.deploy": {"pages", "id-token"},
    "publish.notebooks": {"contents"},
    "publish.release": {"contents"},
}


def test_the_job_that_runs_notebooks_can_write_nothing():
    for name, job in jobs().items():
        writes = {right for right, kind in job.get("permissions", {}).items() if kind == "write"}
        assert writes == RIGHTS.get(name, set()), name
        if not writes:
            continue
        # A job that may write runs git, gh and tar, and nothing that lies in the repository.
        lines = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
        assert {line.split()[0] for line in lines} <= {"git", "gh", "tar"}, name


def test_the_workflow_pushes_where_the_buttons_lead():
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())["jobs"]
    (branch,) = [
        step["env"]["BOOK_NOTEBOOKS_BRANCH"]
        for step in workflow["build"]["steps"]
        if "make book" in step.get("run", "")
    ]
    assert f"HEAD:refs/heads/{branch}" in str(workflow["notebooks"])


def test_the_pages_and_the_branch_are_those_of_a_branch_and_a_release_that_of_a_tag():
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())
    assert workflow[True]["push"]["tags"] == ["v*"]  # YAML reads the key "on" so
    jobs = workflow["jobs"]
    assert "if" not in jobs["build"]
    kinds = {name: job["if"] for name, job in jobs.items() if name != "build"}
    assert kinds == {
        "deploy": "github.ref_type == 'branch'",
        "notebooks": "github.ref_type == 'branch'",
        "release": "github.ref_type == 'tag'",
    }
    (steps,) = [step["run"] for step in jobs["release"]["steps"] if "run" in step]
    assert "downloads/* utils/checkpoints/* " in steps
    checkpoints = list((ROOT / "utils" / "checkpoints").iterdir())
    assert all(path.is_file() for path in checkpoints), "an asset is a file"
    assert ROOT / "utils" / "checkpoints" / "manifests.json" in checkpoints
    # What is uploaded is what the site offers, made of the chapters that were executed for it.
    runs = {step["run"]: step.get("env", {}) for step in jobs["build"]["steps"] if "run" in step}
    assert runs["make downloads"] == runs["make book"] | {"BOOK_EXECUTED": "_build/executed"}


def test_actions_are_pinned_by_commit():
    used = [step["uses"] for job in jobs().values() for step in job["steps"] if "uses" in step]
    assert used
    for action in used:
        version = action.rpartition("@")[2]
        assert re.fullmatch("[0-9a-f]{40}", version), action
