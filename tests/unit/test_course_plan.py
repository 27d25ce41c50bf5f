"""The plan of a course: syllabi keep the order of the chapters, and their minutes add up."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from book._tools.command import ROOT
from book.course.exercises import chapters
from book.course.plan import needs, pages, planned, read_syllabi

WEEK = 180  # minutes of reading and exercises


def test_what_chapters_need_is_read_from_their_pages() -> None:
    assert needs("01") == set()
    assert needs("02") == {"01"}
    assert needs("05") == {"02", "04"}
    assert needs("09") == {"04", "05", "07", "08"}
    assert all(max(needs(number), default="00") < number for number in chapters())


def test_pages_say_what_they_take() -> None:
    found = {page.name: page for page in pages()}
    assert len(found) == len(list((ROOT / "chapters").glob("*.ipynb")))
    assert found["05_isometric_cross_sections"].core
    assert not found["05a_folding_proved"].core
    assert all(page.minutes >= 5 and page.gigabytes <= 1.5 for page in found.values())


def test_syllabi_cover_what_they_promise() -> None:
    syllabi = read_syllabi()
    assert [len(syllabus.weeks) for syllabus in syllabi.values()] == [12, 6, 6]
    read = [c.number for week in syllabi["twelve"].weeks for c in week.read]
    assert read == chapters()
    minutes = {page.name[:2]: page.minutes for page in pages() if page.core}
    for syllabus in syllabi.values():
        for week in syllabus.weeks:
            reading = sum(minutes[chapter.number] for chapter in week.read)
            work = sum(one.minutes for one in week.due)
            assert 90 <= reading + work <= WEEK, (syllabus.name, reading, work)
            assert any(one.kind == "test" for one in week.due), "every week asks for a test"


@pytest.mark.parametrize(
    ("weeks", "sentence"),
    [
        ('[{read: ["99"], due: []}]', "week 1 of short reads '99', which is no chapter"),
        ('[{read: ["02"], due: []}]', "week 1 of short reads 02, which needs 01 first"),
        ('[{read: ["01"], due: [ex-no]}]', "asks for 'ex-no', which is no exercise"),
        (
            '[{read: ["01"], due: [ex-logits]}, {read: [], due: [ex-logits]}]',
            "week 2 of short asks for ex-logits again",
        ),
        (
            '[{read: ["01"], due: [ex-02-circle]}, {read: ["02"], due: []}]',
            "asks for ex-02-circle before its chapter is read",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused(weeks: str, sentence: str) -> None:
    stored = {"short": {"title": "Short", "weeks": yaml.safe_load(weeks)}}
    with pytest.raises(ValueError, match=sentence):
        planned(stored)


def test_a_page_without_its_minutes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    path = next((ROOT / "chapters").glob("05_*.ipynb"))
    text = path.read_text(encoding="utf-8").replace("**Reading.**", "Reading.")
    (tmp_path / "chapters" / path.name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{path.name} does not state its minutes"):
        pages(tmp_path)
