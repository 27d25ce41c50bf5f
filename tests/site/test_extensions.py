"""The book's own Sphinx extensions, alone and in a very small book."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import api_reference
import chapter_numbers
import claims_page
import executed_outputs
import logo
import offline_assets
import project_address
import pytest
import repository_address
import yaml
from site_checks import broken_links
from site_tools import ROOT, build
from sphinx.errors import ExtensionError

from book._tools.offline import files_of

CHAPTER = "07_small"


def notebook(text: str, value: str | None = None) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = [{"output_type": "stream", "name": "stdout", "text": text}]
    if value is not None:
        outputs.append(
            {
                "output_type": "display_data",
                "data": {"application/papermill.record/text/plain": value},
                "metadata": {
                    "scrapbook": {
                        "name": "small-claim",
                        "mime_prefix": "application/papermill.record/",
                    }
                },
            }
        )
    prose = (
        "(chapter-small)=\n# A small chapter\n\n## A part\n\n"
        "```{math}\n:label: eq-small\nx = 1\n```\n\n"
        "```{prf:theorem} Small\n:label: theorem-small\nTrue.\n```\n\nSee {eq}`eq-small`."
    )
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        },
        "cells": [
            {"id": "a", "cell_type": "markdown", "metadata": {}, "source": prose},
            {
                "id": "b",
                "cell_type": "code",
                "metadata": {},
                "source": "print()",
                "execution_count": 1,
                "outputs": outputs,
            },
        ],
    }


LEDGER = {
    "small-claim": {
        "statement": "A small number.",
        "chapter": CHAPTER,
        "low": 0.5,
        "high": 0.75,
        "source": "this book",
        "seeds": "0",
    }
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A book of two pages and one chapter with the configuration of this one."""
    book = tmp_path / "small"
    for name in ("book/_ext", "book/_static"):
        shutil.copytree(ROOT / name, book / name)
    for name in ("_config.yml", "pyproject.toml", "book/references.bib"):
        shutil.copy(ROOT / name, book / name)
    (book / "chapters").mkdir()
    (book / "chapters" / f"{CHAPTER}.ipynb").write_text(
        json.dumps(notebook("the committed output", "6.125e-01")), encoding="utf-8"
    )
    (book / "book" / "claims.yml").write_text(yaml.safe_dump(LEDGER), encoding="utf-8")
    (book / "book" / "welcome.md").write_text("# Welcome\n\n{{ repository }}\n", encoding="utf-8")
    (book / "book" / "claims.md").write_text(
        "# Claims\n\n```{claims-table}\n```\n", encoding="utf-8"
    )
    contents = {
        "format": "jb-book",
        "root": "book/welcome",
        "parts": [
            {"caption": "Part", "numbered": True, "chapters": [{"file": f"chapters/{CHAPTER}"}]},
            {"caption": "Reference", "chapters": [{"file": "book/claims"}]},
        ],
    }
    (book / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    return book


def page(book: Path, name: str) -> str:
    html = (book / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<article") :]))


def succeed(book: Path, **environment: str) -> None:
    result = build(book, **environment)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_small_book_shows_committed_then_executed_then_committed_outputs(small: Path) -> None:
    succeed(small)
    chapter = page(small, f"chapters/{CHAPTER}")
    assert "the committed output" in chapter
    assert "7.1" in chapter  # the section, numbered by the file name
    assert "Theorem 7.1" in chapter
    assert "(7.1)" in chapter
    claims = page(small, "book/claims")
    assert "0.5 to 0.75" in claims
    assert "0.6125" in claims
    assert "not reported" not in claims

    executed = small / "_build" / "executed"
    executed.mkdir()
    (executed / f"{CHAPTER}.ipynb").write_text(
        json.dumps(notebook("the executed output", "7.0e-01")), encoding="utf-8"
    )
    (small / "book.pdf").write_bytes(bytes(1_600_000))
    (small / "book.zip").write_bytes(bytes(2_400_000))
    succeed(small, BOOK_EXECUTED="_build/executed", BOOK_DOWNLOADS="book.pdf:book.zip")
    html = small / "_build" / "html"
    assert (html / "downloads" / "book.pdf").stat().st_size == 1_600_000
    for name, to in ((f"chapters/{CHAPTER}", "../"), ("search", "")):
        foot = (html / f"{name}.html").read_text(encoding="utf-8")
        assert f'<a href="{to}downloads/book.pdf">PDF (2 MB)</a> · ' in foot
        assert f'<a href="{to}downloads/book.zip">offline copy (zip, 2 MB)</a></p>' in foot
    assert broken_links(html) == []
    assert "downloads/" not in "".join(map(str, files_of(html).values()))
    chapter = page(small, f"chapters/{CHAPTER}")
    assert "the executed output" in chapter
    assert "the committed output" not in chapter
    assert "0.7 " in page(small, "book/claims")

    succeed(small)
    assert "the committed output" in page(small, f"chapters/{CHAPTER}")
    assert "0.6125" in page(small, "book/claims")
    assert not (html / "downloads").exists()
    assert "Take it along" not in (html / f"chapters/{CHAPTER}.html").read_text(encoding="utf-8")
    assert broken_links(html) == []


@pytest.mark.slow
def test_small_book_fails_without_the_executed_copy(small: Path) -> None:
    result = build(small, BOOK_EXECUTED="_build/executed")
    assert result.returncode != 0
    assert f"holds no executed copy of {CHAPTER}.ipynb" in result.stdout + result.stderr
    succeed(small, BOOK_EXECUTED="_build/executed", BOOK_PARTIAL="1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("book/welcome.md", "# Welcome\n\n{ref}`nowhere`\n", "nowhere"),
        ("book/welcome.md", "# Welcome\n\n{py:func}`utils.nothing`\n", "utils.nothing"),
        ("book/welcome.md", "# Welcome\n\n{cite:p}`nobody1900`\n", "nobody1900"),
        (f"chapters/{CHAPTER}.ipynb", json.dumps(notebook("no claim")), "no chapter reports"),
        ("book/claims.yml", "small-claim: {low: 1}", "lacks"),
    ],
)
def test_warnings_fail_the_build(small: Path, name: str, text: str, problem: str) -> None:
    (small / name).write_text(text, encoding="utf-8")
    result = build(small)
    assert result.returncode != 0
    assert problem in result.stdout + result.stderr


def test_chapter_number_is_the_number_of_the_file() -> None:
    assert chapter_numbers.chapter_number("chapters/07_small") == 7
    assert chapter_numbers.chapter_number("chapters/15_last") == 15
    assert chapter_numbers.chapter_number("book/welcome") is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://github.com/Some-One/book", "https://some-one.github.io/book/"),
        ("https://github.com/one/one.github.io", "https://one.github.io/"),
        ("https://host.example/some-one/book", ""),
    ],
)
def test_pages_address(given: str, expected: str) -> None:
    repository = repository_address.choose_repository({"BOOK_REPOSITORY": given})
    assert project_address.pages_url(repository) == expected
    assert project_address.pages_url(None) == ""


def outside_links(book: Path) -> set[str]:
    """Addresses on the web that pages link to or give as their own, and those of the sitemap."""
    html = book / "_build" / "html"
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    assert len(pages) >= 4
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    links = set(re.findall(r'(?:href|content)="((?:https?:)?//[^"]+)"', text))
    sitemap = html / "sitemap.xml"
    if sitemap.is_file():
        links |= set(re.findall(r"<loc>([^<]+)</loc>", sitemap.read_text(encoding="utf-8")))
    return links


def leads(links: set[str]) -> set[str]:
    """The same, with one link to a new issue and one to an edit in place of one for each page."""
    return {re.sub(r"(/issues/new|/edit/[^/]+)[/?].*", r"\1", link) for link in links}


def expected_links(owner: str, branch: str, notebooks: str = "") -> set[str]:
    """Every address that the very small book of a repository on GitHub leads to."""
    repository, site = f"https://github.com/{owner}/book", f"https://{owner}.github.io/book"
    chapter = f"chapters/{CHAPTER}"
    opened = notebooks or branch
    folder = "notebooks" if notebooks else "chapters"
    binder = f"https://mybinder.org/v2/gh/{owner}/book/{opened}?urlpath=lab/tree/notebooks"
    colab = f"https://colab.research.google.com/github/{owner}/book/blob/{opened}/"
    return {
        repository,
        f"{repository}/issues",
        f"{repository}/issues/new",
        f"{repository}/edit/{branch}",
        binder,
        f"{binder}/{CHAPTER}.ipynb",
        f"{colab}{folder}/{CHAPTER}.ipynb",
        *(f"{site}/{name}.html" for name in (chapter, "book/welcome", "book/claims", "search")),
    }


@pytest.mark.slow
def test_buttons_and_links_lead_to_the_fork_or_are_left_out(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One folder, built with an address from the environment, from git, with none, and elsewhere.

    The pages of one build must not show what an earlier one left behind.
    """
    for name in ("BOOK_REPOSITORY", "BOOK_BRANCH", "GITHUB_REPOSITORY", "GITHUB_REF"):
        monkeypatch.delenv(name, raising=False)
    welcome = "# Welcome\n\n{{ repository }}, {{ issues }}, {{ binder }}\n\n{{ clone_commands }}\n"
    welcome += "\n{{ install_command }}\n"
    (small / "book" / "welcome.md").write_text(welcome, encoding="utf-8")

    def built(**environment: str) -> tuple[set[str], str, str]:
        result = build(small, **environment)
        assert result.returncode == 0, result.stdout + result.stderr
        found = outside_links(small)
        return leads(found), page(small, "book/welcome"), result.stdout

    links, text, said = built(BOOK_REPOSITORY="https://github.com/forker/book")
    assert links == expected_links("forker", "main")
    assert "git clone https://github.com/forker/book" in text
    assert "pip install git+https://github.com/forker/book" in text
    assert said.count("Links lead to https://github.com/forker/book (from BOOK_REPOSITORY") == 1

    links, _, _ = built(
        BOOK_REPOSITORY="https://github.com/forker/book", BOOK_NOTEBOOKS_BRANCH="shelf"
    )
    assert links == expected_links("forker", "main", "shelf")
    html = small / "_build" / "html"
    markup = (html / "chapters" / f"{CHAPTER}.html").read_text(encoding="utf-8")
    relative = re.findall(r'href="(\.\.?/[^"]*\.ipynb)"', markup)
    assert relative == [f"../notebooks/{CHAPTER}.ipynb"]
    assert (html / "notebooks" / f"{CHAPTER}.ipynb").is_file()

    remote = ("remote", "add", "origin", "git@github.com:cloner/book.git")
    head = ("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    for command in (("init", "-q"), remote, head):
        subprocess.run(["git", "-C", str(small), *command], check=True)
    links, text, said = built()
    assert links == expected_links("cloner", "trunk")
    assert "from git's remote origin" in said

    shutil.rmtree(small / ".git")
    links, text, said = built()
    assert links == set()
    assert "the repository, the people from whom you have it, Binder" in text
    assert "git clone" not in text
    assert "pip install path/to/your/copy" in text
    assert "make book" in text
    assert said.count("No repository address is known") == 1
    assert "set BOOK_REPOSITORY=https://" in said
    assert not (small / "_build" / "html" / "sitemap.xml").exists()
    chapter = (small / "_build" / "html" / "chapters" / f"{CHAPTER}.html").read_text()
    assert "fa-rocket" not in chapter
    assert "fa-github" not in chapter
    assert "download-source-button" in chapter

    links, text, said = built(BOOK_REPOSITORY="https://host.example/group/owner/book.git")
    assert links == {"https://host.example/group/owner/book"}
    assert "git clone https://host.example/group/owner/book" in text
    assert "not on GitHub" in said


@pytest.mark.slow
def test_a_bad_address_stops_the_build_with_one_sentence(small: Path) -> None:
    result = build(small, BOOK_REPOSITORY="owner/book")
    assert result.returncode != 0
    assert "BOOK_REPOSITORY is not the address of a repository" in result.stdout + result.stderr


def app_for(folder: Path) -> Any:
    env = SimpleNamespace(doc2path=lambda name: str(folder / f"{name}.ipynb"))
    return SimpleNamespace(env=env, srcdir=str(folder))


def test_shown_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_for(tmp_path)
    monkeypatch.delenv("BOOK_EXECUTED", raising=False)
    monkeypatch.delenv("BOOK_PARTIAL", raising=False)
    committed = tmp_path / "chapters" / "01_a.ipynb"
    assert executed_outputs.shown_notebook(app, "chapters/01_a") == committed
    monkeypatch.setenv("BOOK_EXECUTED", "run")
    with pytest.raises(ExtensionError, match="make book"):
        executed_outputs.shown_notebook(app, "chapters/01_a")
    monkeypatch.setenv("BOOK_PARTIAL", "1")
    assert executed_outputs.shown_notebook(app, "chapters/01_a") == committed
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "01_a.ipynb").write_text("{}")
    assert executed_outputs.shown_notebook(app, "chapters/01_a") == tmp_path / "run" / "01_a.ipynb"


def test_reported_values_and_their_writing(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook("x", "6.1250000000e-01")), encoding="utf-8")
    assert claims_page.reported_values(path) == {"small-claim": "6.1250000000e-01"}
    written: Callable[[str], str] = claims_page.written
    assert [written(t) for t in ("6.1250000000e-01", "130831.0", "5e-7", "'word'")] == [
        "0.6125",
        "130,831",
        "5e-07",
        "word",
    ]


def test_rooms_are_listed_from_the_folder(tmp_path: Path) -> None:
    package = tmp_path / "utils" / "data"
    package.mkdir(parents=True)
    for name in ("__init__", "b", "a", "_hidden", "__main__"):
        (package / f"{name}.py").write_text("")
    names = [name for name, _ in api_reference.room_modules(tmp_path, "utils.data")]
    assert names == ["utils.data", "utils.data.a", "utils.data.b"]
    for folder in ("a_package", "_hidden_package", "no_package"):
        (package / folder).mkdir()
        (package / folder / "inside.py").write_text("")
        if folder != "no_package":
            (package / folder / "__init__.py").write_text("")
    names = [name for name, _ in api_reference.room_modules(tmp_path, "utils.data")]
    inner = ["utils.data.a_package", "utils.data.a_package.inside"]
    assert names == ["utils.data", "utils.data.a", *inner, "utils.data.b"]
    assert api_reference.room_modules(tmp_path, "utils.missing") == []


def test_every_room_of_utils_has_a_page() -> None:
    rooms = {
        path.stem
        for path in (ROOT / "utils").iterdir()
        if not path.stem.startswith("_")
        and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    pages = {path.stem for path in (ROOT / "book" / "api").glob("*.md")}
    assert rooms == pages


def test_taken_over_name_leads_to_its_definition() -> None:
    assert api_reference.defining_name("json.JSONDecoder") is None
    assert api_reference.defining_name("utils.nothing.here") is None
    assert api_reference.defining_name("utils.claims.claim") is None
    assert api_reference.defining_name("utils.claims.Path") != "utils.claims.Path"


def test_missing_package_names_what_to_install() -> None:
    with pytest.raises(ExtensionError, match="some-package is not installed"):
        offline_assets.package_folder("no_such_package_here", "some-package")


def test_committed_logo_is_what_the_code_draws(tmp_path: Path) -> None:
    for drawn in logo.write(tmp_path):
        committed = ROOT / "book" / "_static" / drawn.name
        assert committed.read_bytes() == drawn.read_bytes(), drawn.name
