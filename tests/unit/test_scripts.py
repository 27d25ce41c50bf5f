"""The scripts for the browser are looked over, and a machine that cannot says so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from book._tools import scripts as tool

SOUND = '(() => {\n  document.title = "x";\n})();\n'


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "figure.js"
    path.write_text(SOUND)
    return path


def test_the_scripts_of_the_figures_and_of_the_site_are_found(root: Path) -> None:
    names = {path.relative_to(root).as_posix() for path in tool.scripts(root)}
    folder = "utils/plots/explorables"
    assert names >= {f"{folder}/slider/figure.js", f"{folder}/choice/figure.js"}
    assert "book/_static/book.js" in names


def test_no_script_for_the_browser_stands_inside_python(root: Path) -> None:
    script = re.compile(r"<[s]cript|=> *\{|addEventListener|getElementById")
    assert script.search(SOUND)
    for folder in ("utils", "book"):
        for path in (root / folder).rglob("*.py"):
            assert not script.search(path.read_text(encoding="utf-8")), path


def test_without_node_one_line_says_that_nothing_was_linted(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    sound, said = tool.look([script])
    assert sound
    assert "not linted" in said
    assert len(said.splitlines()) == 1


def test_without_the_linter_the_syntax_is_still_checked(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(command: list[str], timeout: float | None = None) -> tuple[bool, str]:
        asked.append(command)
        return "--check" in command, "no network"

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(tool, "_run", run)
    sound, said = tool.look([script])
    assert sound
    assert "parse, but were not linted" in said
    assert asked[0] == ["node", "--check", str(script)]


def test_what_the_linter_finds_is_an_error(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], timeout: float | None = None) -> tuple[bool, str]:
        return "--config" not in command, "a finding"

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(tool, "_run", run)
    assert tool.look([script]) == (False, "a finding")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on this machine")
def test_a_script_that_does_not_parse_is_an_error(script: Path) -> None:
    script.write_text(SOUND.replace("}", "", 1))
    sound, said = tool.look([script])
    assert not sound
    assert "SyntaxError" in said
