"""Questions for an examination on paper, with answers that the site does not show.

``exam/NN.yml`` holds the questions of chapter NN. Whoever can read the repository can read their
answers; no page of the site and no package holds them. What a question gives and what its answer
claims stand in fields of their own, ``given`` and ``values``, and the texts name them in double
braces; so a test can compute the one from the other, and a text cannot say anything else.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

__all__ = [
    "Criterion",
    "ExamError",
    "Question",
    "choose_paper",
    "exam_texts",
    "read_exam",
    "write_exam",
]

EXAM = Path(__file__).with_suffix("")
"""The folder of the questions."""

KINDS = ("compute", "prove", "judge", "find the error")
PARTS = MappingProxyType(
    {
        "Symmetry": ("01", "02", "03"),
        "Quotients": ("04", "05", "06"),
        "Molecules": ("07", "08", "09"),
        "Images": ("10", "11", "12"),
        "Measured and found symmetry": ("13", "14", "15"),
        "Relaxed symmetry": ("16", "17", "18"),
    }
)
_CHAPTERS = tuple(chapter for part in PARTS.values() for chapter in part)
PAPER_POINTS = 50
PAPER_MINUTES = (100, 112)
"""What the questions of a paper of two hours may take; the rest is for reading."""
PART_POINTS = (6, 14)

_FIELDS: Mapping[str, type] = MappingProxyType(
    {
        **dict.fromkeys(("id", "title", "kind", "question", "answer", "misconception"), str),
        **dict.fromkeys(("minutes", "points"), int),
        "criteria": list,
        **dict.fromkeys(("given", "values"), dict),
    }
)
_CALLED = {str: "a text", int: "a whole number", list: "a list", dict: "a list of fields"}
_OPTIONAL = {"given", "values"}
_NAMED = re.compile(r"\{\{(\w+)\}\}")
_SPHINX = re.compile(r"\{[a-z:-]+\}`|^(?:```|~~~|:::)\{|\$\$ \(eq-", re.MULTILINE)


class ExamError(ValueError):
    """A mistake in the questions; its message is one sentence that says where."""


@dataclass(frozen=True)
class Criterion:
    """What earns some of the points of a question."""

    points: int
    earns: str


@dataclass(frozen=True)
class Question:
    """A question of an examination, with its answer.

    Attributes
    ----------
    id : str
        ``exam-05-by-norm``: the chapter, and a name.
    chapter : str
        Two digits.
    kind : str
        One of ``compute``, ``prove``, ``judge``, ``find the error``.
    minutes, points : int
        What it takes, 8 to 25 minutes, and what it earns.
    question, answer, misconception : str
        Texts in CommonMark with formulas between dollars; the last says which wrong idea the
        question tells apart from the right one.
    criteria : tuple of Criterion
        Two to four, whose points add up.
    given, values : mapping of str to int, float, bool, str or a list of these
        The numbers of the question, and those of the answer.
    """

    id: str
    chapter: str
    title: str
    kind: str
    minutes: int
    points: int
    question: str
    answer: str
    criteria: tuple[Criterion, ...]
    misconception: str
    given: Mapping[str, Any]
    values: Mapping[str, Any]


def _require(condition: object, says: str) -> None:
    if not condition:
        raise ExamError(says)


class _Loader(yaml.SafeLoader):
    """YAML in which a name that comes twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [self.construct_object(name, deep=True) for name, _ in node.value]
        twice = [str(name) for name, count in Counter(map(str, names)).items() if count > 1]
        _require(not twice, f"The field {', '.join(twice)} stands twice in one place.")
        return super().construct_mapping(node, deep)


def _shown(value: object) -> str:
    """Return a value as the texts show it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _plain(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, bool | int | float | str) for item in items)


def _filled(text: str, values: Mapping[str, Any], where: str) -> str:
    """Put values where a text names them."""
    named = set(_NAMED.findall(text))
    unknown = sorted(named - set(values))
    _require(not unknown, f"{where} names {', '.join(unknown)}, of which there is no value.")
    return _NAMED.sub(lambda found: _shown(values[found[1]]), text).strip()


def _check_text(text: str, where: str) -> None:
    _require(text.strip(), f"{where} is empty.")
    _require(text.count("$") % 2 == 0, f"{where} has a formula that does not end.")
    _require(not _SPHINX.search(text), f"{where} uses Sphinx, which CommonMark does not know.")


def _criteria(entries: Sequence[object], points: int, where: str) -> tuple[Criterion, ...]:
    _require(2 <= len(entries) <= 4, f"{where} needs two to four criteria, not {len(entries)}.")
    found = []
    for entry in entries:
        whole = isinstance(entry, dict) and set(entry) == {"points", "earns"}
        _require(whole, f"{where}: a criterion has the fields points and earns, and no others.")
        assert isinstance(entry, dict)
        number, earns = entry["points"], entry["earns"]
        counts = isinstance(number, int) and not isinstance(number, bool) and number > 0
        _require(counts, f"{where}: the points of a criterion are a whole number above 0.")
        _require(isinstance(earns, str), f"{where}: what a criterion earns is said in words.")
        _check_text(earns, f"{where}: a criterion")
        found.append(Criterion(number, earns.strip()))
    total = sum(criterion.points for criterion in found)
    _require(total == points, f"{where}: the criteria add up to {total} points, not {points}.")
    return tuple(found)


def _question(entry: object, chapter: str, where: str) -> Question:
    """Return the question that an entry of a file holds."""
    _require(isinstance(entry, dict), f"{where} holds a question that is no list of fields.")
    assert isinstance(entry, dict)
    name = entry.get("id")
    where = f"{where}, {name if isinstance(name, str) else 'a question without an id'}"
    missing = [field for field in _FIELDS if field not in entry and field not in _OPTIONAL]
    _require(not missing, f"{where} lacks {', '.join(missing)}.")
    unknown = [str(field) for field in entry if field not in _FIELDS]
    _require(not unknown, f"{where} has {', '.join(unknown)}, which no question has.")
    entry = {"given": {}, "values": {}, **entry}
    for field, kind in _FIELDS.items():
        fits = isinstance(entry[field], kind) and not isinstance(entry[field], bool)
        _require(fits, f"{where}: {field} is {_CALLED[kind]}.")
    form = rf"exam-{chapter}-[a-z]+(?:-[a-z]+)*"
    _require(re.fullmatch(form, entry["id"]), f"{where}: an id here reads exam-{chapter}-name.")
    _require(entry["kind"] in KINDS, f"{where}: the kind is one of {', '.join(KINDS)}.")
    _require(8 <= entry["minutes"] <= 25, f"{where} takes 8 to 25 minutes.")
    _require(entry["points"] > 0, f"{where} earns at least one point.")
    given, values = entry["given"], entry["values"]
    for field, value in [*given.items(), *values.items()]:
        _require(isinstance(field, str) and _plain(value), f"{where}: {field} is no plain value.")
    both = sorted(set(given) & set(values))
    _require(not both, f"{where} gives {', '.join(both)} and asks for it.")
    for text, needed in (("question", given), ("answer", values)):
        unused = sorted(set(needed) - set(_NAMED.findall(entry[text])))
        _require(not unused, f"{where}: the {text} does not name {', '.join(unused)}.")
    question = _filled(entry["question"], given, f"{where}: the question")
    answer = _filled(entry["answer"], {**given, **values}, f"{where}: the answer")
    for text, says in (("question", question), ("answer", answer), ("title", entry["title"])):
        _check_text(says, f"{where}: the {text}")
    _check_text(entry["misconception"], f"{where}: the misconception")
    return Question(
        entry["id"],
        chapter,
        entry["title"].strip(),
        entry["kind"],
        entry["minutes"],
        entry["points"],
        question,
        answer,
        _criteria(entry["criteria"], entry["points"], where),
        entry["misconception"].strip(),
        MappingProxyType(given),
        MappingProxyType(values),
    )


def _read_file(path: Path) -> list[Question]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except ExamError as error:
        raise ExamError(f"{path.name}: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise ExamError(f"{path.name} cannot be read as YAML{line}.") from None
    whole = isinstance(content, dict) and set(content) == {"chapter", "questions"}
    _require(whole, f"{path.name} has the fields chapter and questions, and no others.")
    chapter, entries = content["chapter"], content["questions"]
    _require(chapter == path.stem, f'{path.name} says chapter "{path.stem}", in quotes.')
    _require(isinstance(entries, list), f"{path.name}: questions is a list.")
    _require(2 <= len(entries) <= 3, f"{path.name} has two or three questions.")
    return [_question(entry, chapter, path.name) for entry in entries]


def read_exam(root: Path = EXAM) -> tuple[Question, ...]:
    """Read all questions, chapter by chapter.

    Parameters
    ----------
    root : Path
        The folder with ``01.yml``, ``02.yml`` and so on.

    Raises
    ------
    ExamError
        At the first mistake, in one sentence that names the file and the question.

    Examples
    --------
    >>> questions = read_exam()
    >>> questions[0].chapter
    '01'
    """
    paths = sorted(root.glob("*.yml"))
    missing = sorted(set(_CHAPTERS) - {path.stem for path in paths})
    _require(not missing, f"There are no questions for chapter {', '.join(missing)}.")
    strange = sorted({path.stem for path in paths} - set(_CHAPTERS))
    _require(not strange, f"There is no chapter {', '.join(strange)} to ask questions about.")
    found = [question for path in paths for question in _read_file(path)]
    for field in ("id", "title"):
        counts = Counter(getattr(question, field) for question in found)
        twice = [name for name, count in counts.items() if count > 1]
        _require(not twice, f"Two questions have the {field} {', '.join(twice)}.")
    return tuple(found)


def _balanced(paper: Sequence[Question]) -> bool:
    """Say whether questions make a paper of two hours."""
    by_part = [sum(q.points for q in paper if q.chapter in part) for part in PARTS.values()]
    return (
        sum(by_part) == PAPER_POINTS
        and PAPER_MINUTES[0] <= sum(q.minutes for q in paper) <= PAPER_MINUTES[1]
        and all(PART_POINTS[0] <= points <= PART_POINTS[1] for points in by_part)
        and {question.kind for question in paper} == set(KINDS)
    )


def choose_paper(questions: Sequence[Question], seed: int) -> tuple[Question, ...]:
    """Choose a paper of two hours.

    It has one or two chapters of every part of the book and one question of each of these, all
    four kinds, 50 points in all and 6 to 14 in every part.

    Parameters
    ----------
    questions : sequence of Question
        What to choose from.
    seed : int
        Equal seeds choose equal papers.

    Raises
    ------
    ExamError
        If no such paper has been found.
    """
    chance = random.Random(seed)
    asked = {chapter: [q for q in questions if q.chapter == chapter] for chapter in _CHAPTERS}
    for _ in range(20_000 if all(asked.values()) else 0):
        paper = []
        for part in PARTS.values():
            for chapter in chance.sample(part, min(len(part), chance.choice((1, 2)))):
                paper.append(chance.choice(asked[chapter]))
        if _balanced(paper):
            return tuple(sorted(paper, key=lambda question: question.chapter))
    raise ExamError("No paper of two hours can be made of these questions.")


def _asked(number: int, question: Question) -> str:
    spent = f"{question.points} points, about {question.minutes} minutes"
    return f"## {number}. {question.title} ({spent})\n\n{question.question}"


def _answered(number: int, question: Question) -> str:
    earned = "\n".join(f"- {c.points} of {question.points}: {c.earns}" for c in question.criteria)
    return (
        f"## {number}. {question.title}\n\n"
        f"`{question.id}`, {question.kind}, {question.points} points\n\n{question.answer}\n\n"
        f"**What earns the points.**\n\n{earned}\n\n"
        f"**What it tells apart.** {question.misconception}"
    )


def _document(heading: str, remark: str, parts: Sequence[str]) -> str:
    return "\n\n".join([f"# {heading}", remark, *parts]) + "\n"


def exam_texts(seed: int, root: Path = EXAM) -> dict[str, str]:
    """Return all questions, all answers, and one paper of two hours with its answers.

    Parameters
    ----------
    seed : int
        Chooses the paper.
    root : Path
        The folder of the questions.

    Returns
    -------
    dict of str to str
        ``questions.md``, ``answers.md``, ``paper.md`` and ``paper-answers.md``, by their names.

    Raises
    ------
    ExamError
        As :func:`read_exam` and :func:`choose_paper`.
    """
    questions = read_exam(root)
    paper = choose_paper(questions, seed)
    rules = (
        f"Two hours, {PAPER_POINTS} points, paper and pencil. Begin with ten minutes of reading; "
        "the questions may be answered in any order. A table of results that names no source is "
        "invented. Say what you use; a correct idea that is not finished earns points."
    )
    marking = "For those who mark. Another way that proves as much earns as much."
    listed = list(enumerate(questions, 1))
    chosen = list(enumerate(paper, 1))
    return {
        "questions.md": _document(
            "Questions",
            f"{len(questions)} questions on chapters 1 to {int(questions[-1].chapter)}.",
            [f"{_asked(n, q)}\n\n*Chapter {int(q.chapter)}, {q.kind}.*" for n, q in listed],
        ),
        "answers.md": _document("Answers", marking, [_answered(n, q) for n, q in listed]),
        "paper.md": _document("Examination", rules, [_asked(n, q) for n, q in chosen]),
        "paper-answers.md": _document(
            f"Answers to the paper of seed {seed}", marking, [_answered(n, q) for n, q in chosen]
        ),
    }


def write_exam(folder: Path, seed: int, root: Path = EXAM) -> tuple[Path, ...]:
    """Write what :func:`exam_texts` returns into a folder, and return the files."""
    texts = exam_texts(seed, root)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return tuple(folder / name for name in texts)
