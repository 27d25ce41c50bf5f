"""Read the concept questions of a chapter, and say in one sentence what is wrong with them.

``book/quizzes/NN.yml`` holds five questions. Each is a mapping::

    - question: What does sorting do to the distance of two codes?
      section: Sorting is one
      answers:
        - wrong: It halves it.
          reason: Sorting moves a code within its orbit, and scales nothing.
        - right: It replaces it by the distance of their orbits.
          why: The sorted codes are aligned, by the rearrangement inequality.
        - wrong: Nothing.
          reason: The distance of a code and its reversal becomes zero.

Texts are one paragraph of CommonMark with formulas between dollars, and nothing else, so that they
mean the same on the page, in the notebook and on a learning platform.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["LETTERS", "QUESTIONS", "Answer", "Question", "QuizError", "questions", "read"]

QUESTIONS = 5
LETTERS = "ABCD"
_FEWEST = 3
_KEYS = {"question", "section", "answers"}
_OTHER = re.compile(
    r"\{[\w:+-]+\}`|\{\{|^\s*(?:```|~~~|:::|#|[-*>] |\d+\. )|\$\$|<[a-zA-Z/!]|\]\(|!\[", re.M
)


class QuizError(ValueError):
    """A file of questions has a mistake; the message is one sentence that says where and which."""


@dataclass(frozen=True)
class Answer:
    """One choice of a question.

    Attributes
    ----------
    text : str
        What is chosen.
    reason : str
        Why it is right, or what the one who chooses it should know.
    right : bool
        Whether it is the right one.
    """

    text: str
    reason: str
    right: bool


@dataclass(frozen=True)
class Question:
    """A question with three or four answers, of which one is right.

    Attributes
    ----------
    name : str
        Its name in the whole book, for example ``quiz-05-1``.
    text : str
        The question.
    section : str
        The title of the section of the chapter's page that it belongs to.
    answers : tuple of Answer
        In the order in which they are shown.
    """

    name: str
    text: str
    section: str
    answers: tuple[Answer, ...]

    @property
    def letter(self) -> str:
        """The letter of the right answer."""
        return next(x for x, answer in zip(LETTERS, self.answers, strict=False) if answer.right)


def _text(given: Mapping[str, Any], key: str, where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise QuizError(f"{where} has no text under `{key}`.")
    paragraphs, found = value.strip().split("\n\n"), _OTHER.search(value.strip())
    if len(paragraphs) > 1 or found:
        what = repr(found[0].strip()) if found else "a second paragraph"
        raise QuizError(
            f"{where} has {what} under `{key}`, which not every platform reads: "
            "write one paragraph of CommonMark with formulas between dollars."
        )
    text = " ".join(value.split())
    if len(re.findall(r"(?<!\\)\$", text)) % 2:
        raise QuizError(f"{where} has a formula without an end under `{key}`.")
    return text


def _answer(given: Any, where: str) -> Answer:
    if not isinstance(given, Mapping) or not ({"wrong", "right"} & set(given)):
        raise QuizError(f"{where} is neither `wrong` nor `right`.")
    text, reason = ("right", "why") if "right" in given else ("wrong", "reason")
    if reason not in given:
        raise QuizError(f"{where} is {text} and does not say under `{reason}` why.")
    if unknown := sorted(set(given) - {text, reason}):
        raise QuizError(f"{where} holds `{unknown[0]}`, which has no place beside `{text}`.")
    return Answer(_text(given, text, where), _text(given, reason, where), text == "right")


def questions(content: Any, chapter: str) -> tuple[Question, ...]:
    """Make the questions of a chapter from the content of its file.

    Parameters
    ----------
    content
        What the YAML file holds.
    chapter : str
        The chapter's number, as in ``"05"``.

    Returns
    -------
    tuple of Question
        Five of them.

    Raises
    ------
    QuizError
        If something is missing, unknown, twice there or not to be read on every platform.

    Examples
    --------
    >>> questions([], "05")
    Traceback (most recent call last):
    ...
    quiz_questions.QuizError: Quiz 05 has 0 questions; each chapter has 5.
    """
    if not isinstance(content, list):
        raise QuizError(f"Quiz {chapter} is no list of questions.")
    if len(content) != QUESTIONS:
        count = len(content)
        raise QuizError(f"Quiz {chapter} has {count} questions; each chapter has {QUESTIONS}.")
    made = []
    for number, given in enumerate(content, start=1):
        where = f"Question {number} of quiz {chapter}"
        if not isinstance(given, Mapping):
            raise QuizError(f"{where} is no mapping with `question`, `section` and `answers`.")
        if unknown := sorted(set(given) - _KEYS):
            raise QuizError(f"{where} holds `{unknown[0]}`, which a question does not have.")
        text, section = (_text(given, key, where) for key in ("question", "section"))
        answers = given.get("answers")
        if not isinstance(answers, list) or not _FEWEST <= len(answers) <= len(LETTERS):
            count = len(answers) if isinstance(answers, list) else 0
            raise QuizError(f"{where} has {count} answers; it takes {_FEWEST} to {len(LETTERS)}.")
        read = tuple(
            _answer(answer, f"Answer {letter} to question {number} of quiz {chapter}")
            for letter, answer in zip(LETTERS, answers, strict=False)
        )
        if (right := sum(answer.right for answer in read)) != 1:
            raise QuizError(f"{where} has {right} right answers; it takes exactly one.")
        if len({answer.text for answer in read}) < len(read):
            raise QuizError(f"{where} has the same answer twice.")
        made.append(Question(f"quiz-{chapter}-{number}", text, section, read))
    if len({question.text for question in made}) < len(made):
        raise QuizError(f"Quiz {chapter} asks the same question twice.")
    return tuple(made)


def read(path: Path) -> tuple[Question, ...]:
    """Read the questions of a chapter.

    Parameters
    ----------
    path : pathlib.Path
        ``NN.yml``.

    Returns
    -------
    tuple of Question
        Five of them.

    Raises
    ------
    QuizError
        If there is no such file, or if it has a mistake.
    """
    if not path.is_file():
        raise QuizError(f"There is no quiz {path.stem}: {path.name} is missing.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise QuizError(f"Quiz {path.stem} is no YAML: see line {line} of {path.name}.") from error
    return questions(content, path.stem)
