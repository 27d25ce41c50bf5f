"""What of a page becomes a slide, what becomes a note, and what stays on the page."""

from __future__ import annotations

import pytest

from book._tools.command import CommandError
from book._tools.slides.__main__ import pages
from book._tools.slides.deck import without_media
from book._tools.slides.page import read_page

PAGE = """<article><section id="folds"><h1>5 Folds</h1><p>Can one choose?</p>{opening}
<section id="a"><h2>5.1 Mirrors<a class="headerlink" href="#a">#</a></h2><p>They reflect.</p>
{inner}<p>Then <a href="x.html">more</a>.</p></section>
<section id="exercises"><h2>5.2 Exercises</h2><p>Three levels.</p>
<div class="exercise admonition" id="e"><p class="admonition-title">Exercise 5.1 (Fold)</p>
<p class="exercise-facts">★ 10 minutes</p><section><p>Fold the paper twice.</p></section></div>
<div class="solution dropdown admonition"><p>It is four layers thick.</p></div>
<div class="cell"><div class="cell_output"><div class="output stream"><pre>1
2
3
4</pre></div></div></div></section>
<section id="summary"><h2>5.3 Summary</h2><p>All folds.</p></section></section></article>"""
PRINTED = """<div class="cell"><div class="cell_output"><div class="output stream"><pre>{}</pre>
</div></div></div>"""
QUESTION = "<p>Look. <strong>What do you expect to see?</strong></p>"


def deck(opening: str = "", inner: str = "") -> list[tuple[str, str, list[str]]]:
    slides = read_page(PAGE.format(opening=opening, inner=inner))
    return [(slide.kind, slide.heading + slide.body, slide.notes) for slide in slides]


def kinds(inner: str) -> list[str]:
    return [kind for kind, _, _ in deck(inner=inner)][3:-2]


def test_a_page_is_taken_in_its_order_and_its_exercises_last() -> None:
    (title, opening, section, summary, exercises) = deck()
    assert title == ("title", "5 Folds", [])
    assert opening == ("opening", "<p>Can one choose?</p>", [])
    assert section == ("section", "5.1 Mirrors", ["<p>They reflect.</p>", "<p>Then more.</p>"])
    assert summary == ("summary", "5.3 Summary<p>All folds.</p>", [])
    assert exercises[0] == "exercises"
    assert "<td>Exercise 5.1 (Fold)</td><td>★ 10 minutes</td>" in exercises[1]
    assert exercises[2] == ["<p>Three levels.</p>"]


def test_nothing_of_an_exercise_but_its_title_is_taken() -> None:
    text = str(deck())
    assert "paper" not in text
    assert "layers" not in text
    assert "<pre>" not in text


def test_a_short_output_is_shown_where_it_answers_a_question() -> None:
    short, long = PRINTED.format("no"), PRINTED.format("a\nb\nc\nd")
    assert kinds(short) == []
    assert kinds(long) == ["table"]
    assert kinds(QUESTION + short) == ["poll", "table"]
    assert kinds(QUESTION + "<p>Well.</p>" + short) == ["poll"]


def test_a_statement_is_shown_and_its_proof_is_not() -> None:
    title = '<p class="admonition-title">{}</p>'
    number = title.format('<span class="caption-number">Theorem 5.1</span>')
    theorem = f'<div class="proof theorem admonition" id="t">{number}<section>S</section></div>'
    proof = '<div class="proof admonition"><p>Proof. Clear.</p></div>'
    folded = f'<div class="dropdown admonition">{title.format("Proof")}<p>Clear.</p></div>'
    assert kinds(theorem + proof + folded) == ["statement"]
    text = str(deck(inner=theorem + proof + folded))
    assert "Clear" not in text
    assert "<section" not in text, "a section in a section would be a slide"


def test_a_numbered_formula_takes_the_paragraph_before_it_along() -> None:
    formula = '<div class="math">{}\\[x = y\\]</div>'
    assert kinds(formula.format("")) == []
    number = formula.format('<span class="eqno">(5.1)</span>')
    slides = deck(inner="<p>Hence</p>" + number)
    assert slides[2][2] == ["<p>They reflect.</p>"]
    assert slides[3][1].startswith("<p>Hence</p>")
    assert slides[3][2] == ["<p>Then more.</p>"]


def test_what_no_slide_can_show_is_named() -> None:
    with pytest.raises(CommandError, match="<video class='new'>"):
        deck(inner='<video class="new"></video>')
    with pytest.raises(CommandError, match="no page of the book"):
        read_page("<html></html>")


def test_a_page_that_is_not_there_is_named(tmp_path) -> None:
    folder = tmp_path / "_build/html/chapters"
    folder.mkdir(parents=True)
    for name in ("05_folds.html", "05a_more.html"):
        (folder / name).write_text("")
    assert [*pages("", tmp_path)] == [*pages("5", tmp_path)] == [*pages("05", tmp_path)] == ["05"]
    assert [*pages("5a", tmp_path)] == ["05a"]
    for wrong in ("06", "../x"):
        with pytest.raises(CommandError, match=wrong):
            pages(wrong, tmp_path)


def test_a_slide_has_one_size_so_the_rules_for_others_are_left_out() -> None:
    sheet = "a { top: 0; }\n@media (max-width: 9px) { a { top: 1px; } b:has(> c) { top: 2px; } }\n"
    assert without_media(sheet + "c { top: 3px; }") == "a { top: 0; }\n\nc { top: 3px; }"
