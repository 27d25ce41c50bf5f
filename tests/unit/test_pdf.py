"""Which pages a PDF holds, and on which sheet its links end."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, Error

from book._tools.browser import chromium
from book._tools.command import ROOT, CommandError
from book._tools.edition import edition
from book._tools.pdf.__main__ import cover, main, target
from book._tools.pdf.pages import Page, pages_of, printed
from book._tools.pdf.places import number_of_pages, places
from book._tools.pdf.printing import sheets_of

# Pages in a tree of two levels, whose objects are not in the order of the pages; packed data with
# words of a PDF in it; an escaped name; a destination on no page.
PDF = b"""%PDF-1.4
1 0 obj
<</Type /Page
/Annots [9 0 R]>>
endobj
2 0 obj
<</Length 22>> stream
\x00 4 0 obj /Kids [1 0 R]\xff
endstream
endobj
3 0 obj
<</Type /Page>>
endobj
4 0 obj
<</Type /Page>>
endobj
5 0 obj
<</Type /Pages
/Count 2
/Kids [3 0 R 1 0 R]>>
endobj
6 0 obj
<</Type /Pages
/Count 3
/Kids [5 0 R 4 0 R]>>
endobj
7 0 obj
<</c05 [1 0 R /XYZ 6 826 0]
/c05--caf#C3#A9 [4 0 R /XYZ 6 826 0]
/first [3 0 R /XYZ 6 826 0]
/lost [2 0 R /XYZ 6 826 0]>>
endobj
8 0 obj
<</Type /Catalog
/Pages 6 0 R
/Dests 7 0 R>>
endobj
"""


def test_a_destination_lies_on_the_page_that_the_tree_says() -> None:
    assert number_of_pages(PDF) == 3
    assert places(PDF) == {"first": 1, "c05": 2, "c05--café": 3}


@pytest.mark.parametrize("missing", [b"/Type /Catalog", b"/Pages 6 0 R", b"/Dests 7 0 R"])
def test_a_pdf_of_another_make_is_refused(missing: bytes) -> None:
    with pytest.raises(CommandError, match="otherwise than known"):
        places(PDF.replace(missing, b""))


def test_the_book_is_printed_with_all_chapters_and_their_companions() -> None:
    pages = printed(pages_of(ROOT / "_toc.yml"))
    notebooks = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))
    assert [p.document[9:] for p in pages if p.document.startswith("chapters/")] == notebooks
    names = [page.name for page in pages]
    assert len(set(names)) == len(names)
    assert names[0] == "notation"
    assert names[-1] == "bibliography"
    assert "claims" not in names
    for page in pages:
        assert page.companion == page.name[-1].isalpha() if page.name[1:3].isdigit() else True


def test_a_chapter_is_printed_with_its_companions() -> None:
    pages = pages_of(ROOT / "_toc.yml")
    assert [page.name for page in printed(pages, "5")] == ["c05", "c05a", "c05b"]
    assert printed(pages, "05") == printed(pages, "5")
    assert target(printed(pages, "5"), "5", False).name == "05-isometric-cross-sections.pdf"


@pytest.mark.parametrize("number", ["99", "5a", "five", "0"])
def test_a_number_of_no_chapter_is_refused_in_one_sentence(number: str) -> None:
    with pytest.raises(CommandError, match=f"{number} is no number of a chapter"):
        printed(pages_of(ROOT / "_toc.yml"), number)


def test_without_a_chromium_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def launch(_: object, **given: object) -> None:
        """There is no Chrome among the applications, whatever this machine has there."""
        asked.append((given["executable_path"], given["channel"]))
        raise Error("Chromium distribution 'chrome' is not found")

    monkeypatch.setattr(BrowserType, "launch", launch)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CommandError, match="no Chromium or Chrome on this machine"), chromium():
        pass
    assert asked == [(None, "chrome")]


def test_a_chromium_that_does_not_start_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On some systems the name is that of a script which says how to install it."""
    stub = tmp_path / "chromium"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(stub))
    said = f"^{re.escape(str(stub))} does not start; call it"
    with pytest.raises(CommandError, match=said), chromium():
        pass


def test_a_site_that_is_not_built_is_named_before_a_browser_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("book._tools.pdf.__main__.SITE", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main(["--only", "05"]) == 1
    assert "call `make html`" in capsys.readouterr().err


def test_names_are_of_pages() -> None:
    assert Page("chapters/05a_folding_proved", "II", True).name == "c05a"
    assert Page("book/notation", "").name == "notation"


def test_the_title_page_names_the_edition(tmp_path: Path) -> None:
    page = tmp_path / "welcome.html"
    page.write_text("<article><h1>A page<a class='headerlink'>#</a></h1></article>", "utf-8")
    whole, chapter = (cover(ROOT, page, whole=way, solutions=False) for way in (True, False))
    assert whole.version == chapter.version == str(edition(ROOT))
    assert chapter.title == "A page" != whole.title


def test_every_page_brings_its_style_sheets_and_that_for_paper_is_the_last(tmp_path: Path) -> None:
    pages = []
    for name, sheets in {"one": ("book", "print"), "two": ("book", "quiz", "print")}.items():
        links = "".join(f'<link rel="stylesheet" href="_static/{s}.css?v=1" />' for s in sheets)
        pages.append(tmp_path / f"{name}.html")
        pages[-1].write_text(links, encoding="utf-8")
    assert [sheet.name for sheet in sheets_of(pages)] == ["book.css", "quiz.css", "print.css"]
