"""The ledger of claims."""

from __future__ import annotations

import math
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from utils.claims import STRICT, ClaimError, claim, ledger_path, read_ledger, read_yaml

LEDGER = """
share-of-ties:
  statement: The share of molecules with ties.
  chapter: 07_qm9
  low: 0.2
  high: 0.3
  source: this book
  seeds: none
"""


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop outside a band, as builds and tests do."""
    for name, value in STRICT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "claims.yml"
    path.write_text(LEDGER)
    return path


@pytest.mark.parametrize("value", [0.2, 0.25, np.float32(0.25), torch.tensor(0.3 - 1e-6)])
def test_a_value_in_the_band_passes_in_silence(ledger, capsys, value):
    claim("share-of-ties", value, ledger=ledger)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [0.1999, 0.3001, -0.25, math.nan, math.inf])
def test_a_value_outside_the_band_fails(ledger, capsys, value):
    with pytest.raises(ClaimError, match=r"share-of-ties.*Expected 0.2 to 0.3"):
        claim("share-of-ties", value, ledger=ledger)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("setting", [None, "", "lenient"])
def test_for_a_reader_a_value_outside_the_band_is_marked_and_used(
    ledger, capsys, monkeypatch, setting
):
    monkeypatch.delenv("BOOK_CLAIMS")
    if setting is not None:
        monkeypatch.setenv("BOOK_CLAIMS", setting)
    claim("share-of-ties", 0.4, ledger=ledger)
    (line,) = capsys.readouterr().out.splitlines()
    assert "share-of-ties is 0.4" in line
    assert "0.2 to 0.3" in line
    claim("share-of-ties", 0.25, ledger=ledger)
    assert capsys.readouterr().out == ""
    with pytest.raises(ClaimError):
        claim("share-of-ties", math.nan, ledger=ledger)
    with pytest.raises(KeyError):
        claim("no-such-claim", 0.4, ledger=ledger)
    with pytest.raises(TypeError):
        claim("share-of-ties", "0.4", ledger=ledger)


def test_an_unknown_claim_says_where_to_add_it(ledger):
    with pytest.raises(KeyError, match=r"book/claims\.yml"):
        claim("no-such-claim", 0.25, ledger=ledger)


@pytest.mark.parametrize("value", ["0.25", True, None, np.array([0.25, 0.26]), [0.25]])
def test_what_is_not_one_number_is_refused(ledger, value):
    with pytest.raises(TypeError, match="one real number"):
        claim("share-of-ties", value, ledger=ledger)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("low: 0.2", "low: 0.4"), "band"),
        (("  source: this book\n", ""), "lacks"),
        (("seeds: none", "seeds: none\n  width: 1"), "unknown"),
        (("low: 0.2", "low: .nan"), "band"),
        (("seeds: none", "seeds: none\n  kind: hope"), "headline"),
        (("seeds: none", "seeds: none\n  kind: headline"), "reason"),
        (("seeds: none", "seeds: none\n  reason: because"), "guard"),
    ],
)
def test_a_bad_entry_is_refused(ledger, edit, message):
    ledger.write_text(LEDGER.replace(*edit))
    with pytest.raises(ValueError, match=message):
        read_ledger(ledger)


def test_a_headline_has_a_reason_and_a_guard_is_the_rule(ledger):
    assert read_ledger(ledger)["share-of-ties"].kind == "guard"
    ledger.write_text(LEDGER + "  kind: headline\n  reason: Below a fifth they would be rare.\n")
    entry = read_ledger(ledger)["share-of-ties"]
    assert (entry.kind, entry.reason) == ("headline", "Below a fifth they would be rare.")


def test_the_book_stands_on_few_headlines():
    """A headline is what a reader should remember: nine or ten for each of eighteen chapters."""
    assert sum(entry.kind == "headline" for entry in read_ledger().values()) <= 175


def test_an_edited_ledger_is_read_again(ledger):
    claim("share-of-ties", 0.25, ledger=ledger)
    ledger.write_text(LEDGER.replace("0.3", "0.21"))
    with pytest.raises(ClaimError):
        claim("share-of-ties", 0.25, ledger=ledger)


def test_a_missing_ledger_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.yml"):
        read_ledger(tmp_path / "absent.yml")


def test_every_claim_of_the_book_is_well_formed_and_reported_by_its_chapter(root):
    claims = read_ledger()
    assert ledger_path() == root / "book" / "claims.yml"
    for entry in claims.values():
        path = root / "chapters" / f"{entry.chapter}.ipynb"
        assert path.is_file(), f"{entry.id} names the chapter {entry.chapter}, which is not there"
        assert entry.id in recorded(path), f"{entry.id} is not computed in {entry.chapter}"


def recorded(path: Path) -> set[str]:
    """The claims that the stored outputs of a chapter record."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    names = [out.get("metadata", {}).get("scrapbook", {}).get("name") for out in outputs]
    return {name for name in names if name}


def test_in_a_notebook_the_value_is_recorded_for_the_prose(ledger):
    code = f"from pathlib import Path\nfrom utils.claims import claim\n\
claim('share-of-ties', 0.25, ledger=Path({str(ledger)!r}))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60).execute()
    assert not [out for out in notebook.cells[0].outputs if out.output_type == "stream"]
    records = [out for out in notebook.cells[0].outputs if out.output_type == "display_data"]
    assert [record.metadata["scrapbook"]["name"] for record in records] == ["share-of-ties"]
    (text,) = records[0].data.values()
    assert float(text) == 0.25


# ------------------------------------------------------------------ keys given twice


def test_a_claim_given_twice_is_refused(ledger):
    """The second band is wider: it would win, and nobody would see it."""
    ledger.write_text(LEDGER + LEDGER.replace("high: 0.3", "high: 0.9"))
    with pytest.raises(ValueError, match=r"claims.yml: line 10 gives the key 'share-of-ties' a"):
        claim("share-of-ties", 0.5, ledger=ledger)


def test_a_field_given_twice_is_refused(ledger):
    ledger.write_text(LEDGER + "  high: 0.9\n")
    with pytest.raises(ValueError, match=r"line 9 gives the key 'high' a second time.*one\.$"):
        claim("share-of-ties", 0.5, ledger=ledger)


@pytest.mark.parametrize(
    "text", ["a: 1\n'a': 2\n", "a: {b: 1, b: 1}\n", "- {x: 1}\n- {y: [{z: 1, z: 2}]}\n"]
)
def test_keys_given_twice_anywhere_are_refused(tmp_path, text):
    path = tmp_path / "file.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"file.yml: line \d gives the key"):
        read_yaml(path)


def test_what_is_no_yaml_is_one_sentence(tmp_path):
    path = tmp_path / "file.yml"
    path.write_text("a: [1\nb: 2\n")
    with pytest.raises(ValueError, match=r"^file.yml: [^\n]*$"):
        read_yaml(path)


def test_merged_mappings_and_equal_keys_of_neighbours_are_read(tmp_path):
    path = tmp_path / "file.yml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n'1': 4\n1: 5\n")
    assert read_yaml(path) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "1": 4, 1: 5}
    path.write_text("")
    assert read_yaml(path) is None


@pytest.mark.parametrize(
    "text",
    [
        "true: 1\nyes: 2\n",
        "1: a\n1.0: b\n",
        "on: 1\nTrue: 2\n",
        "0x10: 1\n16: 2\n",
        "~: 1\nnull: 2\n",
    ],
)
def test_keys_of_one_meaning_are_one_key(tmp_path, text):
    path = tmp_path / "keys.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match="a second time, after"):
        read_yaml(path)


def test_keys_that_only_look_alike_are_read(tmp_path):
    path = tmp_path / "keys.yml"
    path.write_text("base: &b {x: 1, y: 2}\nmore: {<<: *b, x: 3}\n'1': a\n1: b\n'yes': c\n")
    assert read_yaml(path) == {
        "base": {"x": 1, "y": 2}, "more": {"x": 3, "y": 2}, "1": "a", 1: "b", "yes": "c",
    }  # fmt: skip


def test_no_file_of_the_project_gives_a_key_twice(root):
    """Also those that other programs read, such as the table of contents."""
    files = [*root.glob("*.y*ml"), *root.glob(".*.y*ml"), *root.glob(".github/**/*.yml")]
    files += [*root.glob("book/*.yml"), root / "CITATION.cff"]
    names = {file.name for file in files}
    assert {"_toc.yml", "_config.yml", "claims.yml", "environment.yml", "test.yml"} <= names
    for file in files:
        assert read_yaml(file)
