"""Runner notebooks are laid out, and what a reader did in them is never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from book._tools.command import CommandError
from book._tools.notebooks import is_fresh, lay_out

NAME = "05_sections.ipynb"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for folder in ("chapters", "book", "_build/html/notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "chapters" / NAME).write_text("{}")
    built(tmp_path, "first")
    return tmp_path


def built(root: Path, text: str) -> None:
    (root / "_build/html/notebooks" / NAME).write_text(text)


def laid(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "notebooks").glob("*.ipynb")}


def test_what_nobody_touched_is_renewed(repository):
    assert not is_fresh(repository)
    assert list(lay_out(repository)) == []
    assert is_fresh(repository)
    built(repository, "second")
    assert list(lay_out(repository)) == []
    assert laid(repository) == {NAME: "second"}


def test_a_readers_work_stays_and_the_new_text_goes_beside_it(repository):
    list(lay_out(repository))
    (repository / "notebooks" / NAME).write_text("mine")
    assert list(lay_out(repository)) == []
    assert laid(repository) == {NAME: "mine"}, "nothing new, nothing said"
    built(repository, "second")
    (said,) = lay_out(repository)
    assert "holds your work" in said
    assert laid(repository) == {NAME: "mine", "05_sections.new.ipynb": "second"}
    assert list(lay_out(repository)) == []
    built(repository, "third")
    assert len(list(lay_out(repository))) == 1
    assert laid(repository) == {NAME: "mine", "05_sections.new.ipynb": "third"}
    (repository / "notebooks" / "05_sections.new.ipynb").write_text("mine too")
    built(repository, "fourth")
    assert len(list(lay_out(repository))) == 2
    assert laid(repository) == {NAME: "mine", "05_sections.new.ipynb": "mine too"}


def test_a_file_that_was_there_before_any_record_is_the_readers(repository):
    (repository / "notebooks").mkdir()
    (repository / "notebooks" / NAME).write_text("mine")
    for record in ("", "[]", '{"05_sections.ipynb": 3}', "{"):
        (repository / "notebooks" / ".made.json").write_text(record)
        list(lay_out(repository))
        assert laid(repository)[NAME] == "mine"


def test_a_notebook_that_was_removed_comes_back(repository):
    list(lay_out(repository))
    (repository / "notebooks" / NAME).unlink()
    assert not is_fresh(repository)
    list(lay_out(repository))
    assert laid(repository) == {NAME: "first"}


@pytest.mark.parametrize("name", ["chapters/" + NAME, "book/glossary.md", "book/_ext/writer.py"])
def test_an_edited_source_is_noticed(repository, name):
    list(lay_out(repository))
    path = repository / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("edited")
    assert not is_fresh(repository)


def test_without_a_build_one_is_asked_for(tmp_path):
    with pytest.raises(CommandError, match="make notebooks"):
        list(lay_out(tmp_path))
