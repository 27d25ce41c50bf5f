"""Where the repository is published: from the environment, from git, or not known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from book._ext.repository_address import (
    Repository,
    choose_repository,
    find_repository,
    git_remote,
    notebooks_branch,
    web_address,
)

BOOK = "https://github.com/owner/name"
WORKFLOW = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "forker/name"}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/owner/name", BOOK),
        ("https://github.com/owner/name.git", BOOK),
        ("https://github.com/owner/name/", BOOK),
        ("https://github.com/owner/name.git/\n", BOOK),
        ("http://github.com/owner/name", BOOK),
        ("https://GitHub.com:443/owner/name", BOOK),
        ("https://www.github.com/owner/name", BOOK),
        ("https://user@github.com/owner/name.git", BOOK),
        ("https://user:secret@github.com/owner/name.git", BOOK),
        ("https://x-access-token:secret@github.com/owner/name", BOOK),
        ("git@github.com:owner/name.git", BOOK),
        ("git@github.com:owner/name", BOOK),
        ("git@github.com:/owner/name.git", BOOK),
        ("github.com:owner/name", BOOK),
        ("ssh://git@github.com/owner/name.git", BOOK),
        ("ssh://git@github.com:22/owner/name", BOOK),
        ("ssh://git@ssh.github.com:443/owner/name.git", BOOK),
        ("git://github.com/owner/name.git", BOOK),
        ("git@github.com:Owner/my.book-1_2.git", "https://github.com/Owner/my.book-1_2"),
        ("https://github.com/owner/owner.github.io", "https://github.com/owner/owner.github.io"),
        (
            "git@gitlab.org.example:group/part/name.git",
            "https://gitlab.org.example/group/part/name",
        ),
        ("ssh://git@forge.example:2222/owner/name", "https://forge.example/owner/name"),
        ("http://user:secret@forge.example:8080/o/n.git", "http://forge.example:8080/o/n"),
        ("https://git.forge.example/~owner/name", "https://git.forge.example/~owner/name"),
    ],
)
def test_every_form_that_git_accepts_leads_to_the_web_page(remote, address):
    assert web_address(remote) == address


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "name",
        "/home/me/name",
        "../name",
        "./host.example:owner/name",
        "file:///home/me/name",
        "C:/Users/me/name",
        "C:\\Users\\me\\name",
        "work:owner/name",  # the short name of a host in somebody's ssh configuration
        "https://localhost/owner/name",
        "https://github.com/owner",
        "https://github.com/owner/name/tree/main",
        "https://github.com/owner/..",
        "https://github.com/owner/name?tab=readme",
        "https://github.com:port/owner/name",
        "https://github.com/an owner/name",
        "ftp://host.example/owner/name",
        "github.com/owner/name",
    ],
)
def test_what_a_reader_could_not_open_is_no_address(remote):
    assert web_address(remote) is None


def test_the_environment_comes_before_the_workflow_and_that_before_git():
    remote = "git@github.com:cloner/name.git"
    asked = {"BOOK_REPOSITORY": f"{BOOK}.git", **WORKFLOW}
    assert choose_repository(asked, remote) == Repository(BOOK, "main", "BOOK_REPOSITORY")
    found = choose_repository(WORKFLOW, remote)
    assert found is not None
    assert found.url == "https://github.com/forker/name"
    found = choose_repository({"BOOK_REPOSITORY": ""}, remote)
    assert found is not None
    assert found.url == "https://github.com/cloner/name"
    assert choose_repository({}, "/home/me/name") is None
    assert choose_repository({"BOOK_REPOSITORY": "none", **WORKFLOW}, remote) is None


def test_a_bad_address_is_refused_without_repeating_it():
    with pytest.raises(ValueError, match="set BOOK_REPOSITORY=https://") as refused:
        choose_repository({"BOOK_REPOSITORY": "https://me:secret@github.com/name"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({"GITHUB_REF": "refs/heads/trunk", "GITHUB_REF_NAME": "trunk"}, "trunk"),
        ({"GITHUB_REF": "refs/heads/a/b"}, "a/b"),
        ({"GITHUB_REF": "refs/tags/v1", "GITHUB_REF_NAME": "v1"}, "main"),
        ({"GITHUB_REF": "refs/pull/3/merge", "GITHUB_REF_NAME": "3/merge"}, "main"),
        ({"GITHUB_REF": "refs/pull/3/merge", "GITHUB_BASE_REF": "trunk"}, "trunk"),
        ({"GITHUB_REF": "refs/heads/trunk", "BOOK_BRANCH": "stable"}, "stable"),
        ({"GITHUB_REF": "refs/heads/trunk", "BOOK_REPOSITORY": BOOK}, "main"),
        ({}, "main"),
    ],
)
def test_the_branch_is_the_one_that_the_workflow_builds(environ, branch):
    found = choose_repository({**WORKFLOW, **environ})
    assert found is not None
    assert found.branch == branch


def test_a_repository_knows_its_parts():
    found = choose_repository({"BOOK_REPOSITORY": "https://host.example/group/part/name"})
    assert found is not None
    assert (found.host, found.owner, found.name) == ("host.example", "group/part", "name")
    assert not found.on_github
    found = choose_repository({"BOOK_REPOSITORY": BOOK})
    assert found is not None
    assert (found.owner, found.name, found.on_github) == ("owner", "name", True)


def test_git_is_asked_for_the_books_own_folder_alone(tmp_path, monkeypatch):
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "git@github.com:student/thesis.git")
    book = tmp_path / "unpacked"
    book.mkdir()
    assert git_remote(book) == ("", "")
    assert find_repository(book, {}) is None
    git(book, "init", "-q")
    assert git_remote(book) == ("", "")
    git(book, "remote", "add", "origin", "git@github.com:owner/name.git")
    assert git_remote(book) == ("git@github.com:owner/name.git", "")
    git(book, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    expected = Repository(BOOK, "trunk", "git's remote origin")
    assert find_repository(book, {}) == expected
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))  # as inside a hook of another repository
    assert find_repository(book, {}) == expected
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_repository(book, {}) is None


def test_the_branch_of_the_notebooks_is_promised_or_there_is_none():
    book = Repository(BOOK, "main", "a test")
    assert notebooks_branch(book, {}) == ""
    assert notebooks_branch(book, {"BOOK_NOTEBOOKS_BRANCH": " "}) == ""
    assert notebooks_branch(book, {"BOOK_NOTEBOOKS_BRANCH": "shelf"}) == "shelf"
    with pytest.raises(ValueError, match="the branch of the book itself"):
        notebooks_branch(book, {"BOOK_NOTEBOOKS_BRANCH": "main"})


def test_a_clone_of_a_folder_has_no_address(tmp_path):
    source, clone = tmp_path / "source", tmp_path / "clone"
    source.mkdir()
    git(source, "init", "-q")
    git(tmp_path, "clone", "-q", str(source), str(clone))
    assert git_remote(clone)[0] == str(source)
    assert find_repository(clone, {}) is None


def test_no_file_of_the_book_holds_an_address_of_its_own(root):
    """An owner's name in a committed file would be wrong in every fork."""
    patterns = ["YOUR-ORG", "interpreting-equivariant-representations/", "repository-code:"]
    flags = [part for pattern in patterns for part in ("-e", pattern)]
    here = f":!{Path(__file__).relative_to(root).as_posix()}"
    found = subprocess.run(
        ["git", "grep", "--no-index", "--exclude-standard", "-In", "-F", *flags, "--", ".", here],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 1, found.stdout + found.stderr  # 1: searched, nothing found
