"""Imports lead to functions, functions to chapters and sources, and first uses to the glossary."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import api_uses
import front_title
import glossary_links
import pytest
from bs4 import BeautifulSoup, Tag
from docutils import nodes
from site_axe import judge
from site_tools import DESKTOP, PHONE, ROOT, Visit
from sphinx.errors import ExtensionError

CODE = """%matplotlib inline
from utils.groups import (
    CyclicShifts as Shifts,
    orbit,
)
from utils.quotient import align, nothing_of_this_name

align(z, w, Shifts(4))"""
PAGES = {
    "index.md": "# A book\n\n```{toctree}\nchapters/03_small\nchapters/03a_more\n"
    "book/api/small\nbook/glossary\nbook/plain\n```\n",
    "book/glossary.md": "# Glossary\n\n```{glossary}\norbit\n  All places.\n\n"
    "orbit map\n  A table.\n\nisometry\n  No distance changes.\n\nclaim\n  A number.\n\n"
    "action, carried\n  Of a code.\n\nt-SNE\n  A picture of an orbit.\n```\n",
    "book/plain.md": "# An orbit\n\n{term}`isometry`, **orbit**, `orbit`, $orbit$, "
    "an\norbit\nmap, sub-orbit, Orbits, orbit; isometries; a claim.\n\n"
    "| orbit |\n|---|\n| t-SNE |\n",
    "book/api/small.md": "# Small\n\n```{eval-rst}\n"
    ".. autofunction:: utils.quotient.alignment.align\n\n"
    ".. autoclass:: utils.groups.codes.CyclicShifts\n   :members: order\n\n"
    ".. autofunction:: utils.quotient.means.frechet_mean\n\n"
    ".. autodata:: utils.training.task.Batch\n```\n",
}
CONFIG = """import sys
sys.path[:0] = [{ext!r}, {root!r}]
project = "A book"
html_title = "A book"
extensions = ["myst_nb", "sphinx.ext.autodoc", "api_uses",
              "glossary_links", "front_title"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
nb_execution_mode = "off"
exclude_patterns = ["_build", "jupyter_execute"]
"""


def notebook(source: str) -> str:
    """Return a notebook with a title and one cell of code, as JSON."""
    title = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Small"}
    code = {"cell_type": "code", "id": "b", "source": source, "outputs": []}
    code |= {"metadata": {}, "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3"}
    language = {"name": "python", "pygments_lexer": "ipython3"}
    about = {"kernelspec": kernel, "language_info": language}
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": [title, code]}
    return json.dumps(made)


def built(book: Path, **environment: str) -> Callable[[str], Tag]:
    """Build a small book with Sphinx alone; returns a reader of its pages."""
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(book), str(book / "_build")]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BOOK_", "GITHUB_"))}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=inherited | environment
    )
    assert done.returncode == 0, done.stdout + done.stderr

    def read(name: str) -> Tag:
        """Return the soup of a page."""
        text = (book / "_build" / f"{name}.html").read_text(encoding="utf-8")
        return BeautifulSoup(text, "html.parser")

    return read


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of two chapters, three entries of a reference, a glossary and a page."""
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = CONFIG.format(ext=str(ROOT / "book" / "_ext"), root=str(ROOT))
    (tmp_path / "conf.py").write_text(config, encoding="utf-8")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "03_small.ipynb").write_text(notebook(CODE), encoding="utf-8")
    (tmp_path / "chapters" / "03a_more.ipynb").write_text(notebook("x = 1"), encoding="utf-8")
    return tmp_path


def facts(page: Tag) -> dict[str, str]:
    """Return the line of facts of each entry of a page of the reference."""
    found = {}
    for entry in page.select("dl.py"):
        line = entry.select_one(":scope > dd > p.api-facts")
        head = entry.select_one("dt")
        assert head is not None
        found[str(head["id"]).rpartition(".")[2]] = line.get_text() if line else ""
    return found


@pytest.mark.slow
def test_a_small_book_links_names_chapters_sources_and_terms(book: Path) -> None:
    read = built(book)
    chapter = read("chapters/03_small")
    links = {a.get_text(): str(a["href"]) for a in chapter.select("pre a.api-link")}
    assert links == {
        "CyclicShifts": "../book/api/small.html#utils.groups.codes.CyclicShifts",
        "align": "../book/api/small.html#utils.quotient.alignment.align",
    }
    pre = chapter.select_one("pre")
    assert pre is not None
    assert pre.get_text().strip() == CODE

    reference = read("book/api/small")
    assert facts(reference) == {
        "align": "Used in chapter 3.",
        "CyclicShifts": "Used in chapter 3.",
        "order": "",
        "frechet_mean": "",
        "Batch": "",
    }
    leads = reference.select_one("p.api-facts a")
    assert leads is not None
    assert leads["href"] == "../../chapters/03_small.html"
    plain = read("book/plain")
    terms = [(a.get_text(), a["href"]) for a in plain.select("a.glossary-term")]
    assert terms == [
        ("orbit\nmap", "glossary.html#term-orbit-map"),
        ("Orbits", "glossary.html#term-orbit"),
    ]
    assert not read("book/glossary").select("a.glossary-term")
    titles = [read(name).select("title")[0].get_text() for name in ("index", "book/plain")]
    assert titles == ["A book", "An orbit — A book"]

    # Another chapter takes a name, a term has gone: pages that did not change themselves follow.
    again = notebook("from utils import quotient\nquotient.frechet_mean(z)\nquotient.align(z)")
    (book / "chapters" / "03a_more.ipynb").write_text(again, encoding="utf-8")
    glossary = book / "book" / "glossary.md"
    glossary.write_text(glossary.read_text().replace("orbit map\n  A table.\n\n", ""))
    read = built(book, BOOK_REPOSITORY="https://github.com/a/b", BOOK_BRANCH="trunk")
    said = facts(read("book/api/small"))
    # The book holds no package of its own, so that there is no file to lead to.
    assert said["align"] == "Used in chapters 3, 3a."
    assert said["frechet_mean"] == "Used in chapter 3a."
    plain = read("book/plain")
    assert [a.get_text() for a in plain.select("a.glossary-term")] == ["orbit"]


def test_file_and_line_in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    app: Any = SimpleNamespace(srcdir=str(ROOT))
    module, full = "utils.quotient.alignment", "utils.quotient.alignment.align"
    monkeypatch.setenv("BOOK_REPOSITORY", "https://github.com/a/b")
    monkeypatch.setenv("BOOK_BRANCH", "trunk")
    place = api_uses._place(app, full, module)
    assert place is not None
    words, address = place
    file, line = words.split(", line ")
    assert address == f"https://github.com/a/b/blob/trunk/{file}#L{line}"
    written = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert any(row.startswith("def align(") for row in written[int(line) - 1 :][:3])
    assert api_uses._place(app, f"{module}.nothing", module) is None
    for elsewhere in ("none", "https://host.example/a/b"):
        monkeypatch.setenv("BOOK_REPOSITORY", elsewhere)
        assert api_uses._place(app, full, module) is None


def test_names_are_read_from_imports_alone(tmp_path: Path) -> None:
    source = "%time f()\n!ls\nimport utils.lie as l\nimport torch as t\nl.generator\nt.ones\n"
    assert api_uses.imported_names(source) == {"utils.lie.generator"}
    assert api_uses.imported_names("# from utils.lie import generator\nimport utilsx") == set()
    path = tmp_path / "07_x.ipynb"
    path.write_text(notebook("from utils import"), encoding="utf-8")
    with pytest.raises(ExtensionError, match=r"07_x\.ipynb: the code cells are no Python"):
        api_uses.chapter_names(path)


def paragraph(*children: nodes.Node) -> nodes.paragraph:
    """Return a paragraph."""
    return nodes.paragraph("", "", *children)


def test_terms_are_linked_once_and_in_plain_text_alone() -> None:
    address = {"orbit": "g#orbit", "lift": "g#lift", "max filter": "g#max", "invariance": "g#inv"}
    solution = nodes.admonition("", paragraph(nodes.Text("a max filter")), classes=["solution"])
    first = paragraph(
        nodes.Text("A lift, “No orbit, no”, an invariant; "), nodes.strong("", "orbit")
    )
    second = paragraph(nodes.Text("Orbits of an orbit."))
    page = nodes.section("", nodes.title("", "An orbit"), solution, first, second)
    before = page.astext()
    assert glossary_links.link_terms(page, address) == ["invariance", "orbit"]
    assert page.astext() == before
    assert [r.astext() for r in page.findall(nodes.reference)] == ["invariant", "Orbits"]
    assert glossary_links.link_terms(page, address) == []
    for term in glossary_links.EVERYDAY | set(glossary_links.ALSO.values()):
        assert re.search(rf"^{term}$", (ROOT / "book/glossary.md").read_text(), re.MULTILINE), term


def test_the_name_of_the_book_stands_once_in_a_title() -> None:
    app: Any = None
    for title, left in (("A book", ""), ("A page", "A book")):
        context = {"title": title, "docstitle": "A book"}
        front_title.name_once(app, "x", "page.html", context, None)
        assert context["docstitle"] == left


BESIDE = """() => [...document.querySelectorAll(".admonition.toggle")].filter((box) => {
  const [title, button] = [box.querySelector(".admonition-title"), box.querySelector("button")];
  if (!title.checkVisibility()) return false;
  const at = button.getBoundingClientRect();
  const words = document.createTreeWalker(title, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(words.currentNode);
    if (!words.currentNode.parentElement.closest("button")
      && [...range.getClientRects()].some((r) => r.width && r.right > at.left && r.top < at.bottom
        && r.bottom > at.top && r.left < at.right)) return true;
  }
  return false;
}).map((box) => box.querySelector(".admonition-title").textContent.trim())"""
ON_ONE_LINE = ".toggle > .admonition-title { padding-right: 0 !important; white-space: nowrap; }"
LENGTHEN = """() => document.querySelectorAll(".toggle > .admonition-title").forEach(
  (title) => title.prepend("A title that is longer than its line, and longer still. "))"""
HIDDEN = """(anchor) => {
  const box = document.getElementById(anchor).getBoundingClientRect();
  const head = document.querySelector(".bd-header-article").getBoundingClientRect();
  return box.top < head.bottom;
}"""


@pytest.mark.browser
def test_links_folds_and_anchors_in_a_browser(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    address, tab = serve(site), visit.tab
    visit.open(f"{address}chapters/11_reading_the_rotation_latent_space.html")
    assert tab.locator("pre a.api-link").count() > 5
    assert tab.locator("a.glossary-term").count() > 3
    tab.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    for size, scheme in ((DESKTOP, "dark"), (PHONE, "light")):
        visit.look(size, scheme)
        assert tab.evaluate(BESIDE) == []
        assert judge(tab) == []
    tab.add_style_tag(content=ON_ONE_LINE)
    tab.evaluate(LENGTHEN)
    assert len(tab.evaluate(BESIDE)) > 3, "a title under its button went unseen"

    link = tab.locator("pre a.api-link").first
    target = str(link.get_attribute("href")).partition("#")[2]
    link.evaluate("a => a.click()")
    tab.wait_for_url("**/book/api/**")
    tab.wait_for_load_state("load")
    for size in (PHONE, DESKTOP):
        tab.set_viewport_size(size)
        tab.evaluate("(a) => { location.hash = ''; location.hash = a; }", target)
        assert not tab.evaluate(HIDDEN, target)
    tab.evaluate("scrollBy(0, 150)")
    assert tab.evaluate(HIDDEN, target), "an anchor under the header went unseen"
    assert visit.outside == []
    assert visit.errors == []
