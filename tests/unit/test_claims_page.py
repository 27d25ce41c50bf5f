"""What the page of claims and the page of the papers say, before they are built."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from utils.claims import Claim, read_ledger, read_yaml

sys.path.append(str(Path(__file__).resolve().parents[2] / "book" / "_ext"))

from claim_links import band
from papers_page import (
    BIBLIOGRAPHY,
    PAPERS,
    as_roles,
    bibliography_keys,
    numbers_in,
    read_papers,
    tally,
)
from seed_words import how_many, seeds_in_words

ROOT = Path(__file__).resolve().parents[2]

BEGINNINGS = re.compile(
    r"(the same|the (former|latter|other|others)|its|their|this|that|these|those|it|they|them|"
    r"such|(the )?(largest|smallest|lowest|highest) such|and|also|likewise|ditto|again|same|as|"
    r"along|lower end|upper end|lowest end|difference of the two)\b",
    re.IGNORECASE,
)
"""How a sentence begins that cannot be read without the one before it."""

WITHIN = re.compile(
    r"\b(likewise|ditto|the (former|latter|last two|two above)|such(?! as)|of these|among them|"
    r"this (difference|regression|number)|over the same)\b",
    re.IGNORECASE,
)
"""What points to another row from within a sentence."""


def leans(statement: str) -> bool:
    """Say whether a statement leans on another one."""
    return bool(BEGINNINGS.match(statement) or WITHIN.search(statement))


def test_every_statement_can_be_read_alone() -> None:
    leaning = {one.id: one.statement for one in read_ledger().values() if leans(one.statement)}
    assert leaning == {}


@pytest.mark.parametrize(
    "statement",
    [
        "The same by the largest entries.",
        "Its standard deviation.",
        "Lower end of its range.",
        "The former minus the latter.",
        "Largest such quotient.",
        "Share of right bonds among them.",
        "Mean absolute error of this regression for the gap.",
        "Share of the rectifiers, mean over the same.",
    ],
)
def test_a_statement_that_leans_on_another_is_noticed(statement: str) -> None:
    assert leans(statement)


def test_no_two_claims_say_the_same() -> None:
    statements = [one.statement for one in read_ledger().values()]
    assert len(set(statements)) == len(statements)


def test_no_sentence_ends_within_a_statement() -> None:
    broken = re.compile(r"[.,;:] ?[,;:]|\.\.")
    assert [one.id for one in read_ledger().values() if broken.search(one.statement)] == []
    assert broken.search("Share that is found again., for one network.")


def claim_between(low: float, high: float) -> Claim:
    """A claim of which only the band matters."""
    return Claim("x", "X.", "01", low, high, "this book", "none")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.5, 0.75, "0.5 to 0.75"),
        (133885, 133885, "exactly 133,885"),
        (0, 0, "exactly 0"),
        (0.999999, 1.000001, "0.999999 to 1.000001"),
        (0.9999, 1.0001, "0.9999 to 1.0001"),
        (1e-5, 1_000_000, "1e-05 to 1,000,000"),
        (0.123456, 0.5, "0.1235 to 0.5"),
    ],
)
def test_a_band_in_words(low: float, high: float, words: str) -> None:
    assert band(claim_between(low, high)) == words


def test_no_band_of_the_book_is_written_narrower_than_it_is() -> None:
    for one in read_ledger().values():
        if one.low < one.high:
            low, high = (float(end.replace(",", "")) for end in band(one).split(" to "))
            tolerance = 0.05 * (one.high - one.low)
            assert abs(low - one.low) <= tolerance, one.id
            assert abs(high - one.high) <= tolerance, one.id


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ("none", "nothing is random"),
        ("network 0; angles 1, 2", "one network; two draws of angles"),
        ("networks 0 to 2; order 0", "three networks; one order of the data"),
        ("networks 0; molecules 0", "networks of one seed; one draw of molecules"),
        (
            "relabelling 0, 600 pairs drawn with seed 0",
            "one draw of relabellings, 600 pairs drawn once",
        ),
        ("network d4 of seed 0", "one network with four numbers a slot"),
        ("generators 40, 80, 160", "three generators of random numbers"),
        ("templates 0 to 2; starts 100 to 202", "three draws of templates; 103 draws of starts"),
        ("molecules of a fixed draw", "molecules of a fixed draw"),
        ("molecule of the smallest gap among 600", "molecule of the smallest gap among 600"),
    ],
)
def test_seeds_in_words(seeds: str, words: str) -> None:
    assert seeds_in_words(seeds) == words


def test_lists_and_ranges_of_seeds_are_counted() -> None:
    assert [how_many(text) for text in ("7", "0, 1, 5", "1 and 2", "0 to 4")] == [1, 3, 2, 5]


def test_no_seed_of_the_ledger_is_left_as_a_number() -> None:
    seed = re.compile(r"\b(networks?|order|angles|labels|templates|relabelling|seeds?|draws) \d")
    words = {one.seeds: seeds_in_words(one.seeds) for one in read_ledger().values()}
    assert [text for text in words.values() if seed.search(text)] == []
    assert seed.search("network 0; angles 1, 2")


ROW = {
    "claim": "Codes turn.",
    "verdict": "found",
    "found": "They do, by {turn:.2f}.",
    "measure": "distance",
    "chapter": "01_small",
}


def read(key: str = "one2024", **changes: Any) -> Any:
    """Read one paper with one claim, some fields of which are changed; None leaves one out."""
    row = {field: value for field, value in {**ROW, **changes}.items() if value is not None}
    content = {key: {"title": "One", "claims": [row]}}
    return read_papers(content, ["turn"], ["one2024"], ["01_small"])


def test_a_paper_is_read() -> None:
    (paper,) = read(place="Figure 1")
    (row,) = paper.claims
    assert (paper.key, row.verdict, row.place) == ("one2024", "found", "Figure 1")
    assert tally([paper]).startswith("1 claim of 1 paper: 1 found,")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"key": "two2024"}, "'two2024' is no key of references.bib"),
        ({"verdict": "proved"}, "verdict 'proved'; it is one of found, found in part"),
        ({"found": "By {other:.1%}."}, "'other', which is no claim of claims.yml"),
        ({"chapter": "99_none"}, "'99_none'; no such page"),
        ({"measure": None}, r"lacks \['measure'\]"),
        ({"claim": " "}, r"lacks \['claim'\]"),
        ({"seed": "1"}, r"unknown \['seed'\]"),
    ],
)
def test_what_is_wrong_with_a_paper_is_said(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(**changes)


@pytest.mark.parametrize("content", [None, [], {"one2024": []}, {"one2024": {"title": "One"}}])
def test_a_file_without_papers_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match=r"papers\.yml"):
        read_papers(content, ["turn"], ["one2024"], ["01_small"])


def test_numbers_become_links_and_roles_stay() -> None:
    text = "From {turn:.0%} to {turn}; see {ref}`there`, in $C_8$."
    assert numbers_in(text) == ["turn", "turn"]
    assert as_roles(text) == (
        "From {claim-value}`turn:.0%` to {claim-value}`turn`; see {ref}`there`, in $C_8$."
    )


def test_the_papers_of_the_book_are_all_there() -> None:
    keys = bibliography_keys((ROOT / BIBLIOGRAPHY).read_text(encoding="utf-8"))
    chapters = [path.stem for path in (ROOT / "chapters").glob("*.ipynb")]
    papers = read_papers(read_yaml(ROOT / PAPERS), read_ledger(), keys, chapters)
    wanted = "hansen gruver moskalev benton yeh vanderwilk immer elhag finzi puny kaba dym jiao"
    for name in [*wanted.split(), "kuzminykh", "winter"]:
        assert any(paper.key.startswith(name) for paper in papers), name
    rows = [row for paper in papers for row in paper.claims]
    assert {row.verdict for row in rows} == {
        "found", "found in part", "not found", "not tested here",
    }  # fmt: skip
    typed = [
        row.found for row in rows if re.search(r"\d[.]\d|\d ?%", re.sub(r"{[^}]*}", "", row.found))
    ]
    assert [text for text in typed if "reward of 0.2" not in text] == []
