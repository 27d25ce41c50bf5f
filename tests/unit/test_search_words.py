"""The words by which the search finds a page."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from sphinx.errors import ExtensionError

from book._ext.search_words import (
    SPELLING,
    WORDS,
    SearchOneSpelling,
    one_spelling,
    read_words,
    spelling_rules,
    spellings,
)

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_of_the_contents_that_teaches_has_words() -> None:
    pages, _ = read_words()
    chapters = {f"chapters/{path.stem}" for path in (ROOT / "chapters").glob("*.ipynb")}
    assert chapters <= set(pages)
    assert all((ROOT / f"{page}.md").is_file() for page in set(pages) - chapters)


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ({"a": ["orbit"], "b": ["orbit"]}, "stands at a and b"),
        ({"a": ["orbit", "orbit"]}, "stands at a and a"),
        ({"a": ["VAE"]}, "lower case"),
    ],
)
def test_a_phrase_has_one_place_and_one_case(
    tmp_path: Path, pages: dict[str, list[str]], words: str
) -> None:
    path = tmp_path / "search.yml"
    path.write_text(yaml.safe_dump({"pages": pages, "also": {}}))
    with pytest.raises(ExtensionError, match=words):
        read_words(path)


def test_the_rules_are_those_of_the_script() -> None:
    lines = SPELLING.read_text().split("const SPELLINGS = [")[1].split("];")[0].strip()
    assert len(spelling_rules()) == len(lines.splitlines())
    assert one_spelling("canonicalisations") == "canonicalization"


def test_words_are_joined_and_written_out() -> None:
    split = SearchOneSpelling({}).split("An auto-encoder is no VAE")
    assert {"auto", "encoder", "autoencoder", "variational", "VAE"} <= set(split)
    assert "anauto" not in split


def test_ways_of_typing() -> None:
    assert {"colour refinement", "color refinement"} <= set(spellings("color refinement"))
    assert {"g cnn", "g-cnn", "g-cnns"} <= set(spellings("g-cnn"))
    assert "graph auto-encoder" in spellings("graph autoencoder")
    assert "los" not in spellings("loss")


def test_the_file_is_read_as_it_lies() -> None:
    pages, also = read_words(WORDS)
    assert "vae" in pages["chapters/08_graph_vae"]
    assert also["vae"] == ["variational", "autoencoder"]
