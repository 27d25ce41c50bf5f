"""What the site offers to take along is named by a variable and has to be there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from sphinx.errors import ConfigError

sys.path.append(str(Path(__file__).resolve().parents[2] / "book" / "_ext"))

from take_along import named_downloads, size_in_words


def test_files_are_named_with_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(bytes(1_600_000))
    (tmp_path / "b.zip").write_bytes(bytes(2_400))
    found = named_downloads(os.pathsep.join(["a.pdf", str(tmp_path / "b.zip")]), tmp_path)
    assert [one.text for one in found] == ["PDF (2 MB)", "offline copy (zip, 2 kB)"]
    assert all(one.path.is_file() for one in found)
    assert named_downloads("", tmp_path) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("gone.zip", "gone.zip, which is not there"),
        ("a.txt", "neither a PDF nor a zip"),
        (f"one/a.pdf{os.pathsep}two/a.pdf", r"a\.pdf twice"),
    ],
)
def test_what_cannot_be_offered_is_named(tmp_path: Path, value: str, said: str) -> None:
    for name in ("a.txt", "one/a.pdf", "two/a.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=said):
        named_downloads(value, tmp_path)


def test_no_size_is_nothing() -> None:
    assert size_in_words(0) == "1 kB"
    assert size_in_words(999_999) == "1000 kB"
