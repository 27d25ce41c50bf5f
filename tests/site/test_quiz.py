"""The concept questions of a page, as a reader meets them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from quiz_questions import LETTERS, read
from runner_text import render
from site_checks import violations
from site_tools import DESKTOP, DOCUMENTS, PHONE, ROOT, Visit

CORE = [name for name in DOCUMENTS if re.match(r"chapters/\d\d_", name)]
PAGE = next(name for name in CORE if name.startswith("chapters/05_"))
QUESTION = read(ROOT / "book" / "quizzes" / "05.yml")[0]
WRONG = next(x for x, a in zip(LETTERS, QUESTION.answers, strict=False) if not a.right)
AXE = {"resultTypes": ["violations"], "preload": False}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def plain(text: str) -> list[str]:
    """The words of a text, without its formulas, code and emphasis."""
    return re.findall(r"\w+", re.sub(r"\$[^$]*\$|`[^`]*`|[*]|\\.", " ", text))


def shown(node: Any) -> list[str]:
    for part in node.select(".math, math, code"):
        part.replace_with(" ")
    return re.findall(r"\w+", node.get_text())


# ------------------------------------------------------------ as files


@pytest.mark.parametrize("name", CORE)
def test_a_page_asks_what_its_file_says(site: Path, name: str) -> None:
    soup = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    asked = read(ROOT / "book" / "quizzes" / f"{name[9:11]}.yml")
    forms = soup.select("section.quiz form.quiz-question")
    assert [form["id"] for form in forms] == [question.name for question in asked]
    for form, question in zip(forms, asked, strict=True):
        fold = soup.select_one(f'details[data-question="{question.name}"]')
        assert fold is not None
        choices = form.select("label.quiz-choice")
        assert len(choices) == len(question.answers)
        for letter, choice, answer in zip(LETTERS, choices, question.answers, strict=False):
            assert shown(choice) == [letter, *plain(answer.text)]
            reason = fold.select_one(f"p.quiz-{letter.lower()}")
            assert reason is not None
            verdict = "right" if answer.right else "wrong"
            assert f"quiz-{verdict}" in reason["class"]
            assert shown(reason) == [letter, "is", verdict, *plain(answer.reason)]
        again = fold.select_one(".quiz-again a")
        assert again is not None
        target = soup.find(id=str(again["href"])[1:])
        assert target is not None
        section = target if target.name == "section" else target.find_parent("section")
        assert section is not None
        heading = section.find(re.compile("h[23]"))
        assert heading is not None
        assert question.section in heading.get_text()


@pytest.mark.parametrize("name", CORE)
def test_a_runner_notebook_asks_it_in_plain_text(site: Path, name: str) -> None:
    path = site / "notebooks" / f"{Path(name).name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    (text,) = [t for t in texts if "**Question 1.**" in t]
    soup = BeautifulSoup(render(text), "html.parser")
    folds = soup.select("details")
    assert [f.select_one("summary").get_text() for f in folds[:5]] == [  # type: ignore[union-attr]
        f"Answer to question {n}" for n in range(1, 6)
    ]
    asked = read(ROOT / "book" / "quizzes" / f"{name[9:11]}.yml")
    assert [len(ul.select("li")) for ul in soup.select("ul")[:5]] == [len(q.answers) for q in asked]
    for fold, question in zip(folds, asked, strict=False):
        assert fold.select_one("strong").get_text() == f"{question.letter} is right."  # type: ignore[union-attr]


def test_a_page_without_questions_has_no_script_for_them(site: Path) -> None:
    welcome = (site / "book" / "welcome.html").read_text(encoding="utf-8")
    assert "quiz.js" not in welcome
    assert "quiz.js" in (site / f"{PAGE}.html").read_text(encoding="utf-8")


# ------------------------------------------------------------ in a browser


@pytest.fixture
def quiz(site: Path, serve: Callable[[Path], str], visit: Visit) -> Any:
    visit.open(f"{serve(site)}{PAGE}.html")
    return visit


@pytest.mark.browser
def test_a_wrong_choice_gets_its_reason_and_a_right_one_its_why(quiz: Visit) -> None:
    form = quiz.tab.locator("form.quiz-question").first
    said, button = form.get_by_role("status"), form.get_by_role("button", name="Check question 1")
    assert said.inner_text() == ""
    button.click()
    assert said.inner_text() == "Choose an answer to question 1 first."

    form.locator(f"input[value={WRONG.lower()}]").check()
    button.click()
    assert said.inner_text().startswith(f"{WRONG} is wrong.")
    assert "Isometric means equal." in said.inner_text()
    assert said.get_by_role("link").inner_text() == QUESTION.section

    form.locator(f"input[value={QUESTION.letter.lower()}]").check()
    assert said.inner_text() == "", "the reason of another choice still stands there"
    button.click()
    assert said.inner_text().startswith(f"{QUESTION.letter} is right.")
    assert said.get_by_role("link").count() == 0
    assert said.locator("mjx-container").count() > 0
    others = quiz.tab.locator(".quiz-said:not(:empty)")
    assert others.count() == 1
    assert quiz.tab.url.endswith(".html"), "the form was sent"
    assert quiz.errors == quiz.outside == []


@pytest.mark.browser
def test_with_the_keyboard_alone(quiz: Visit) -> None:
    tab = quiz.tab
    first = tab.locator("form.quiz-question").first
    tab.evaluate("document.querySelector('form.quiz-question input').focus()")
    tab.keyboard.press("ArrowDown")
    assert first.locator("input[value=b]").is_checked()
    tab.keyboard.press("Enter")
    assert first.get_by_role("status").inner_text().startswith("B is ")
    tab.keyboard.press("ArrowUp")
    assert first.locator("input[value=a]").is_checked()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Check"
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.evaluate(ring) == "solid"
    tab.keyboard.press("Space")
    assert first.get_by_role("status").inner_text().startswith("A is ")


def unnamed(quiz: Visit) -> list[str]:
    response = Axe().run(quiz.tab, context="section.quiz", options=AXE).response
    return violations(response)


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reasons_are_legible_and_named(quiz: Visit, size: dict[str, int], scheme: str) -> None:
    quiz.look(size, scheme)
    for form in quiz.tab.locator("form.quiz-question").all():
        form.locator("input").nth(1).check()
        form.get_by_role("button").click()
    assert quiz.tab.locator(".quiz-said:not(:empty)").count() == 5
    assert unnamed(quiz) == []
    assert quiz.tab.evaluate(OVERFLOW) <= 0
    for target in quiz.tab.locator(".quiz-choice, .quiz-check").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 24
    quiz.tab.evaluate(
        "document.querySelectorAll('.quiz-choice').forEach(l => l.replaceWith(l.firstElementChild))"
    )
    assert unnamed(quiz), "choices without a name go unseen"


@pytest.mark.browser
def test_on_paper_the_answers_follow_the_last_question(quiz: Visit) -> None:
    tab = quiz.tab
    tab.emulate_media(media="print")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    folds = tab.locator("details.quiz-answer").all()
    last = tab.locator("form.quiz-question").last.bounding_box()
    for fold in folds:
        box = fold.bounding_box()
        assert box["y"] >= last["y"] + last["height"]
        assert fold.locator("p.quiz-right").is_visible()
    assert not tab.locator(".quiz-check").first.is_visible()
    where = "getComputedStyle(document.querySelector('.quiz-lead'), '::after').content"
    assert "follow the last question" in tab.evaluate(where)
    tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    tab.emulate_media(media="screen")
    assert not folds[0].is_visible()


@pytest.mark.browser
def test_without_javascript_each_answer_is_in_a_fold(
    site: Path, serve: Callable[[Path], str], browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=DESKTOP)
    try:
        tab = context.new_page()
        tab.goto(f"{serve(site)}{PAGE}.html")
        assert not tab.locator(".quiz-check").first.is_visible()
        folds = tab.locator("details.quiz-answer")
        assert folds.count() == 5
        reason = folds.first.locator("p.quiz-right")
        assert not reason.is_visible()
        folds.first.locator("summary").click()
        assert reason.is_visible()
    finally:
        context.close()
