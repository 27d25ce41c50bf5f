"""The tables of a course on the built site: they are whole, and rows can be chosen."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from site_tools import Visit

from book.course.exercises import chapters, read_chapter

PAGE = "book/exercises.html"


@pytest.fixture(scope="module")
def rows(site: Path) -> list[dict[str, str]]:
    """The rows of the file that lies beside the page."""
    with (site / "_static" / "exercises.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_exercise_has_a_row(rows: list[dict[str, str]]) -> None:
    expected = [one.label for number in chapters() for one in read_chapter(number).exercises]
    assert [row["label"] for row in rows] == expected
    assert {row["marked by"] for row in rows} == {"a program", "a person"}


def test_rows_can_be_chosen(
    site: Path, serve: Callable[[Path], str], visit: Visit, rows: list[dict[str, str]]
) -> None:
    visit.open(f"{serve(site)}/{PAGE}")
    page = visit.tab
    form = page.get_by_role("form", name="Choose exercises")
    body = page.locator(".exercise-index tbody tr:visible")
    assert body.count() == len(rows)
    form.get_by_label("chapter").select_option("05")
    form.get_by_label("kind").select_option("write the test")
    (mine,) = [r for r in rows if r["chapter"].startswith("05_") and r["kind"] == "test"]
    assert body.count() == 1
    assert mine["exercise"] in body.first.inner_text()
    said = f"1 of {len(rows)} exercises, {mine['minutes']} minutes, {mine['points']} points"
    assert form.get_by_text(said).is_visible()
    form.get_by_label("kind").select_option("")
    form.get_by_label("title holds").fill("no such title")
    assert body.count() == 0
