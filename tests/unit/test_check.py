"""What changed leads to the tests that concern it, and those to a run of bounded length."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from book._tools import check as tool
from book._tools.check import chosen, distances
from book._tools.command import Option, command

FILES = {
    "utils/__init__.py": "",
    "utils/rooms/__init__.py": "from utils.rooms.one import here\n",
    "utils/rooms/one.py": "here = 1\n",
    "utils/far.py": "from utils import rooms\n",
    "utils/page/__init__.py": "",
    "utils/page/figure.js": "",
    "utils/alone.py": "",
    "tests/unit/test_rooms.py": "",
    "tests/unit/test_rooms_more.py": "",
    "tests/unit/test_direct.py": "from utils.rooms.one import here\n",
    "tests/unit/test_through.py": "import utils.far\n",
    "tests/unit/test_text.py": "patch = 'utils.rooms.one.here'\n",
    "tests/unit/test_page.py": "",
    "tests/unit/test_reads.py": "files = root / 'chapters'\n",
    "tests/unit/test_nothing.py": "import json\n",
    "chapters/01_a.ipynb": "{}",
    ".gitignore": "ignored.py\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("utils/rooms/one.py", {"rooms": 0, "rooms_more": 0, "direct": 1, "text": 1, "through": 3}),
        ("utils/page/figure.js", {"page": 0}),
        ("utils/alone.py", {}),
        ("tests/unit/test_nothing.py", {"nothing": 0}),
        ("chapters/01_a.ipynb", {"reads": 1}),
    ],
)
def test_the_tests_that_a_file_concerns_are_found(repository, name, expected):
    found = distances([repository / name], repository)
    assert {test.stem.removeprefix("test_"): far for test, far in found.items()} == expected


def test_in_the_book_a_room_leads_to_its_tests(root):
    near = {test.stem: far for test, far in distances([root / "utils" / "claims.py"]).items()}
    assert near["test_claims"] == 0
    assert "test_install" not in near


def git(repository: Path, *words: str) -> str:
    me = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
    me = (*me, "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *me, *words], cwd=repository, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_changed_is_what_differs_from_where_the_branch_began(repository):
    git(repository, "init", "--quiet")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "one")
    first = git(repository, "rev-parse", "HEAD")
    assert tool.base(repository) == first
    assert tool.changed(first, repository) == []
    git(repository, "switch", "--quiet", "-c", "mine")
    (repository / "utils" / "alone.py").unlink()
    git(repository, "commit", "--quiet", "-a", "-m", "two")
    (repository / "utils" / "far.py").write_text("edited = 1\n")
    (repository / "utils" / "ü new.py").write_text("")
    (repository / "ignored.py").write_text("")
    assert tool.base(repository) == first
    names = [path.relative_to(repository).as_posix() for path in tool.changed(first, repository)]
    assert names == ["utils/alone.py", "utils/far.py", "utils/ü new.py"]


def test_no_repository_of_git_is_an_error_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(tool, "changed", lambda since: tool._git(tmp_path, "status"))
    assert tool.main(["--since", "HEAD"]) == 1
    assert capsys.readouterr().err.startswith("error: git status did not work: ")


def test_the_nearest_run_first_and_one_always_does(monkeypatch):
    near = {Path(f"test_{name}.py"): far for name, far in {"a": 1, "b": 0, "c": 1}.items()}
    times = {"test_a.py": 90.0, "test_b.py": 500.0, "test_c.py": 1.0}
    some, others = chosen(near, times)
    assert [path.name for path in some] == ["test_b.py"]
    assert [path.name for path in others] == ["test_c.py", "test_a.py"]
    assert chosen({}, times) == ([], [])


def test_examples_of_changed_modules_run(root):
    names = tool.examples([root / "utils" / "claims.py", root / "utils" / "groups" / "__init__.py"])
    assert [name.split("[")[1] for name in names] == ["utils.claims]", "utils.groups]"]
    assert tool.examples([root / "tests" / "conftest.py", root / "utils" / "gone.py"]) == []


def test_a_command_ends_in_a_status_and_a_sentence(capsys):
    @command("Double a number.", Option("number", type=int))
    def main(options):
        print(2 * options.number)
        return ["it is large."] if options.number > 9 else None

    assert main(["4"]) == 0
    assert main(["10"]) == 1
    assert capsys.readouterr() == ("8\n20\n", "error: it is large.\n")
    with pytest.raises(SystemExit, match="2"):
        main(["x"])


def recipe(root: Path, target: str) -> list[str]:
    """The commands of a target of the Makefile that run a program of the environment."""
    text = (root / "Makefile").read_text(encoding="utf-8")
    block = text.split(f"\n{target}:")[1].split("\n\n")[0]
    lines = [line.strip().removeprefix("@") for line in block.splitlines()[1:]]
    return [line.replace("$(BIN)", ".venv/bin") for line in lines if line.startswith("$(BIN)")]


def test_the_checks_before_a_commit_are_those_of_lint(root):
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (source,) = config["repos"]
    assert source["repo"] == "local", "nothing is downloaded"
    entries = [hook["entry"] for hook in source["hooks"]]
    assert entries == recipe(root, "lint")
    assert len(entries) >= 6
    for hook in source["hooks"]:
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
