"""Concept questions on a page: a small form that needs no kernel and sends nothing.

``{quiz}`` with a chapter's number shows the questions of ``book/quizzes/NN.yml``::

    ```{quiz} 05
    ```

Each question is a set of radio buttons with a fold below it that holds every reason. With
JavaScript (``book/_static/quiz.js``) the fold gives way to a button, and the reason of the chosen
answer is read out. Without it the fold stays. On paper all folds are open and stand at the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from executed_outputs import digest
from quiz_questions import LETTERS, Question, QuizError, read
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

TITLE = "Five questions"
LEAD = "What have you understood? Every answer comes with its reason."


class quiz(nodes.Element):  # noqa: N801
    """The questions of a chapter."""


class quiz_title(nodes.TextElement):  # noqa: N801
    """Their heading."""


class quiz_question(nodes.Element):  # noqa: N801
    """One question: its text and its choices."""


class quiz_text(nodes.TextElement):  # noqa: N801
    """What is asked."""


class quiz_choice(nodes.TextElement):  # noqa: N801
    """One choice, under its letter."""


class quiz_answer(nodes.Element):  # noqa: N801
    """The fold that says why each choice is right or not."""


class Quiz(SphinxDirective):
    """The concept questions of a chapter."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the questions."""
        chapter = self.arguments[0]
        path = Path(self.env.srcdir) / "book" / "quizzes" / f"{chapter}.yml"
        self.env.note_dependency(str(path))
        try:
            asked = read(path)
            block = quiz("", quiz_title("", TITLE, ids=[f"quiz-{chapter}"]), chapter=chapter)
            block += nodes.paragraph("", LEAD, classes=["quiz-lead"])
            for number, question in enumerate(asked, start=1):
                block += self._question(question, number)
                block += self._answer(question, number)
        except QuizError as error:
            raise self.error(str(error)) from error
        return [block]

    def _inline(self, text: str) -> list[nodes.Node]:
        """Parse a text of one paragraph."""
        holder = nodes.container()
        self.state.nested_parse(StringList([text], source=""), self.content_offset, holder)
        if len(holder.children) != 1 or not isinstance(holder.children[0], nodes.paragraph):
            raise QuizError(f"A text of quiz {self.arguments[0]} is no paragraph: {text[:60]!r}.")
        return list(holder.children[0].children)

    def _question(self, question: Question, number: int) -> quiz_question:
        made = quiz_question("", ids=[question.name], number=number)
        made += quiz_text("", "", *self._inline(question.text), number=number)
        for letter, answer in zip(LETTERS, question.answers, strict=False):
            made += quiz_choice("", "", *self._inline(answer.text), letter=letter)
        return made

    def _answer(self, question: Question, number: int) -> quiz_answer:
        made = quiz_answer("", number=number, name=question.name)
        right = [x for x in zip(LETTERS, question.answers, strict=False) if x[1].right]
        wrong = [x for x in zip(LETTERS, question.answers, strict=False) if not x[1].right]
        for letter, answer in right + wrong:
            verdict = f"{letter} is right." if answer.right else f"{letter} is wrong."
            made += nodes.paragraph(
                "",
                "",
                nodes.strong("", verdict),
                nodes.Text(" "),
                *self._inline(answer.reason),
                classes=["quiz-right" if answer.right else "quiz-wrong", f"quiz-{letter.lower()}"],
            )
        made += nodes.paragraph("", "Read again: ", self._section(question), classes=["quiz-again"])
        return made

    def _section(self, question: Question) -> nodes.reference:
        """Refer to the section that a question belongs to."""
        for section in self.state.document.findall(nodes.section):
            title = section.children[0]
            if isinstance(section.parent, nodes.document):
                continue  # the page itself, whose title a section may repeat
            if isinstance(title, nodes.title) and title.astext() == question.section:
                shown = [child.deepcopy() for child in title.children]
                return nodes.reference("", "", *shown, refid=section["ids"][0], internal=True)
        raise QuizError(
            f"Question {question.name[-1]} of quiz {self.arguments[0]} belongs to the section "
            f"{question.section!r}, which the page does not have above it."
        )


def _open_quiz(self: HTML5Translator, node: quiz) -> None:
    name = f"quiz-{node['chapter']}"
    self.body.append(f'<section class="quiz" aria-labelledby="{name}">\n')


def _close_quiz(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</section>\n")


def _open_title(self: HTML5Translator, node: quiz_title) -> None:
    self.body.append(f'<h3 id="{node["ids"][0]}">')


def _close_title(self: HTML5Translator, node: quiz_title) -> None:
    self.body.append("</h3>\n")


def _open_question(self: HTML5Translator, node: quiz_question) -> None:
    self.body.append(f'<form class="quiz-question" id="{node["ids"][0]}">\n<fieldset>\n')


def _close_question(self: HTML5Translator, node: quiz_question) -> None:
    label = f"Check question {node['number']}"
    self.body.append(
        f'<button type="submit" class="quiz-check" aria-label="{label}" hidden>Check</button>\n'
        '<div class="quiz-said" role="status"></div>\n</fieldset>\n</form>\n'
    )


def _open_text(self: HTML5Translator, node: quiz_text) -> None:
    self.body.append(f"<legend><strong>Question {node['number']}.</strong> ")


def _close_text(self: HTML5Translator, node: quiz_text) -> None:
    self.body.append("</legend>\n")


def _open_choice(self: HTML5Translator, node: quiz_choice) -> None:
    name, letter = node.parent["ids"][0], node["letter"]
    self.body.append(
        f'<label class="quiz-choice"><input type="radio" name="{name}" value="{letter.lower()}"/> '
        f'<span><span class="quiz-letter">{letter}.</span> '
    )


def _close_choice(self: HTML5Translator, node: quiz_choice) -> None:
    self.body.append("</span></label>\n")


def _open_answer(self: HTML5Translator, node: quiz_answer) -> None:
    self.body.append(
        f'<details class="quiz-answer" data-question="{node["name"]}">'
        f"<summary>Answer to question {node['number']}</summary>\n"
    )


def _close_answer(self: HTML5Translator, node: quiz_answer) -> None:
    self.body.append("</details>\n")


def _files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Bring script and style sheet to the pages that ask (``html-page-context``)."""
    if doctree is not None and next(iter(doctree.findall(quiz)), None) is not None:
        app.add_js_file("quiz.js", loading_method="defer")
        app.add_css_file("quiz.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and how its parts are written."""
    here = Path(__file__)
    sources = "".join(digest(here.with_name(name)) for name in (here.name, "quiz_questions.py"))
    app.add_config_value("quiz_sources", sources, "env", str)
    app.add_node(quiz, html=(_open_quiz, _close_quiz))
    app.add_node(quiz_title, html=(_open_title, _close_title))
    app.add_node(quiz_question, html=(_open_question, _close_question))
    app.add_node(quiz_text, html=(_open_text, _close_text))
    app.add_node(quiz_choice, html=(_open_choice, _close_choice))
    app.add_node(quiz_answer, html=(_open_answer, _close_answer))
    app.add_directive("quiz", Quiz)
    app.connect("html-page-context", _files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
