"""The concept questions: their form, their words, their answers computed, their exports."""

from __future__ import annotations

import itertools
import json
import re
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional as F

from book._ext.quiz_questions import LETTERS, Question, QuizError, questions, read
from book._tools import quizzes
from book._tools.command import CommandError
from tests import form

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "book" / "quizzes"
CORE = {p.stem[:2]: p for p in sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))}
QUIZZES = {path.stem: read(path) for path in sorted(FOLDER.glob("*.yml"))}
EACH = pytest.mark.parametrize("chapter", QUIZZES)


def texts(question: Question) -> list[str]:
    answers = [text for a in question.answers for text in (a.text, a.reason)]
    return [question.text, *answers]


def markdown(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]


# ------------------------------------------------------------ the questions


def test_every_core_page_asks_its_own_five_questions_where_its_exercises_begin():
    assert set(QUIZZES) == set(CORE)
    for chapter, path in CORE.items():
        text = "\n\n".join(markdown(path))
        asked = re.findall(r"(?m)^`{3,}\{quiz\} *(.*)$", text)
        assert asked == [chapter]
        assert f"## Exercises\n\n```{{quiz}} {chapter}\n```" in text
        assert len(QUIZZES[chapter]) == 5


@EACH
def test_a_question_belongs_to_a_section_above_it(chapter):
    above = "\n\n".join(markdown(CORE[chapter])).split("## Exercises")[0]
    titles = set(re.findall(r"(?m)^#{2,3} (.+)$", above))
    assert {question.section for question in QUIZZES[chapter]} <= titles


@EACH
def test_reasons_teach_and_choices_do_not_give_themselves_away(chapter):
    for question in QUIZZES[chapter]:
        for text in texts(question):
            assert not form.misspellings(text), text
            assert text.endswith((".", "?", "`", "$")) or re.fullmatch(r"[\d,]+", text), text
        for answer in question.answers:
            words = form.word_count(answer.reason)
            assert 8 <= words <= 60, f"{question.name}: {words} words in {answer.reason!r}"
            # Platforms shuffle the choices.
            assert not re.search(r"\b([Aa]nswer|[Cc]hoice|[Oo]ption) [A-D]\b", answer.reason)
        wrong = [form.word_count(a.text) for a in question.answers if not a.right]
        right = next(form.word_count(a.text) for a in question.answers if a.right)
        assert right <= 2 * max(wrong) + 6, question.name


def test_the_right_answer_stands_in_every_place():
    rows = ["".join(q.letter for q in asked) for asked in QUIZZES.values()]
    assert len(set(rows)) == len(rows)
    counts = Counter("".join(rows))
    assert min(counts[letter] for letter in LETTERS) >= 0.2 * 5 * len(rows)
    longest = [
        max(q.answers, key=lambda a: form.word_count(a.text)).right
        for asked in QUIZZES.values()
        for q in asked
    ]
    assert sum(longest) < 0.5 * len(longest), "whoever picks the longest choice is often right"


@EACH
def test_the_words_of_a_quiz_are_no_words_of_its_page(chapter):
    path = CORE[chapter]
    cells = form.read(path).cells
    without = [re.sub(r"```\{quiz\} \d\d\n```", "", c.source) for c in cells]
    for cell, source in zip(cells, without, strict=True):
        assert form.word_count(cell.source) == form.word_count(source)


def test_a_new_chapter_begins_with_questions_of_its_own():
    asked = read(ROOT / "book" / "_tools" / "quiz.yml")
    page = (ROOT / "book" / "_tools" / "chapter.md").read_text(encoding="utf-8")
    assert "## Exercises\n\n```{quiz} @number@\n```" in page
    titles = set(re.findall(r"(?m)^#{2,3} (.+)$", page))
    assert {question.section for question in asked} <= titles


# ------------------------------------------------------------ mistakes of a file

GOOD = yaml.safe_load(
    """
- question: What is $1 + 1$?
  section: Sums
  answers:
    - wrong: Three.
      reason: One too many.
    - right: Two.
      why: Count them.
    - wrong: One.
      reason: One too few.
"""
)


def five(change=lambda content: None):
    content = [{**GOOD[0], "question": f"What is $1 + {n}$?"} for n in range(5)]
    content = json.loads(json.dumps(content))
    change(content)
    return content


def test_a_sound_file_is_read():
    made = questions(five(), "05")
    assert [q.name for q in made] == [f"quiz-05-{n}" for n in range(1, 6)]
    assert {q.letter for q in made} == {"B"}


def _answers(content):
    return content[1]["answers"]


MISTAKES = {
    "a mapping in place of a list": (lambda c: c.clear(), "has 0 questions; each chapter has 5"),
    "four questions": (lambda c: c.pop(), "Quiz 05 has 4 questions; each chapter has 5"),
    "no mapping": (lambda c: c.__setitem__(1, "x"), "Question 2 of quiz 05 is no mapping"),
    "an unknown key": (lambda c: c[1].update(hint="x"), "holds `hint`, which a question does not"),
    "no section": (lambda c: c[1].pop("section"), "Question 2 of quiz 05 has no text under"),
    "an empty text": (lambda c: c[1].update(question=" "), "has no text under `question`"),
    "two answers": (lambda c: _answers(c).pop(), "has 2 answers; it takes 3 to 4"),
    "no answers": (lambda c: c[1].update(answers=None), "has 0 answers; it takes 3 to 4"),
    "neither right nor wrong": (
        lambda c: _answers(c).__setitem__(2, {"text": "x"}),
        "Answer C to question 2 of quiz 05 is neither `wrong` nor `right`",
    ),
    "no reason": (
        lambda c: _answers(c)[0].pop("reason"),
        "Answer A to question 2 of quiz 05 is wrong and does not say under `reason` why",
    ),
    "no why": (
        lambda c: _answers(c)[1].pop("why"),
        "Answer B to question 2 of quiz 05 is right and does not say under `why` why",
    ),
    "an empty reason": (lambda c: _answers(c)[0].update(reason=""), "no text under `reason`"),
    "right and wrong": (lambda c: _answers(c)[1].update(wrong="x"), "holds `wrong`, which has no"),
    "two right": (
        lambda c: _answers(c).__setitem__(0, {"right": "x", "why": "y"}),
        "Question 2 of quiz 05 has 2 right answers; it takes exactly one",
    ),
    "none right": (
        lambda c: _answers(c).__setitem__(1, {"wrong": "x", "reason": "y"}),
        "has 0 right answers",
    ),
    "an answer twice": (lambda c: _answers(c)[0].update(wrong="One."), "the same answer twice"),
    "a question twice": (
        lambda c: c[1].update(question=c[0]["question"]),
        "Quiz 05 asks the same question twice",
    ),
    "an open formula": (lambda c: c[1].update(question="Is $x?"), "a formula without an end"),
    "a role": (lambda c: c[1].update(question="See {ref}`x`?"), "which not every platform reads"),
    "a display": (lambda c: c[1].update(question="$$x$$"), "which not every platform reads"),
    "markup": (lambda c: c[1].update(question="<b>x</b>"), "which not every platform reads"),
    "a link": (lambda c: c[1].update(question="[a](b)"), "which not every platform reads"),
    "a list": (lambda c: c[1].update(question="- a"), "which not every platform reads"),
    "two paragraphs": (lambda c: c[1].update(question="a\n\nb"), "a second paragraph"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_in_one_sentence(name):
    change, sentence = MISTAKES[name]
    with pytest.raises(QuizError, match=re.escape(sentence)) as caught:
        questions(five(change), "05")
    assert str(caught.value).count(". ") == 0
    assert str(caught.value).endswith(".")


def test_a_file_that_is_missing_no_list_or_no_yaml(tmp_path):
    with pytest.raises(QuizError, match=r"There is no quiz 05: 05\.yml is missing\."):
        read(tmp_path / "05.yml")
    (tmp_path / "05.yml").write_text("a: b\n")
    with pytest.raises(QuizError, match=r"Quiz 05 is no list of questions\."):
        read(tmp_path / "05.yml")
    (tmp_path / "05.yml").write_text("- question: a: b\n")
    with pytest.raises(QuizError, match=r"Quiz 05 is no YAML: see line 1 of 05\.yml\."):
        read(tmp_path / "05.yml")


# ------------------------------------------------------------ exports


@EACH
def test_moodle_reads_back_what_was_asked(chapter):
    text = quizzes.moodle(QUIZZES[chapter], quizzes.title_of(chapter))
    assert quizzes.from_moodle(text) == tuple(map(quizzes.shown, QUIZZES[chapter]))
    root = ET.fromstring(text)
    assert [q.get("type") for q in root] == ["category", *["multichoice"] * 5]
    assert root.findtext("question/category/text").startswith(f"$course$/top/{chapter} ")
    for made in root[1:]:
        assert [a.get("fraction") for a in made.findall("answer")].count("100") == 1
        assert {a.get("fraction") for a in made.findall("answer")} == {"0", "100"}
        assert made.findtext("single") == "true"
        assert all((a.findtext("feedback/text") or "").strip() for a in made.findall("answer"))
        whole = "".join(made.itertext())
        assert "$" not in whole
        assert whole.count(r"\(") == whole.count(r"\)")
        # What Moodle writes for a question of this kind, in its order.
        assert [e.tag for e in made if e.tag != "answer"] == [
            *("name", "questiontext", "generalfeedback", "defaultgrade", "penalty", "hidden"),
            *("idnumber", "single", "shuffleanswers", "answernumbering"),
            *("showstandardinstruction", "correctfeedback", "partiallycorrectfeedback"),
            "incorrectfeedback",
        ]


@EACH
def test_qti_reads_back_what_was_asked(chapter):
    files = quizzes.qti(QUIZZES[chapter], chapter, quizzes.title_of(chapter))
    assert quizzes.from_qti(files) == tuple(map(quizzes.shown, QUIZZES[chapter]))
    manifest = ET.fromstring(files["imsmanifest.xml"])
    cp = {"c": "http://www.imsglobal.org/xsd/imscp_v1p1"}
    listed = [f.get("href") for f in manifest.findall(".//c:resource/c:file", cp)]
    assert sorted(listed) == sorted(set(files) - {"imsmanifest.xml"})
    types = [r.get("type") for r in manifest.findall(".//c:resource", cp)]
    assert types == ["imsqti_test_xmlv2p1", *["imsqti_item_xmlv2p1"] * 5]
    known = {r.get("identifier") for r in manifest.findall(".//c:resource", cp)}
    for dependency in manifest.findall(".//c:dependency", cp):
        assert dependency.get("identifierref") in known
    q = {"q": "http://www.imsglobal.org/xsd/imsqti_v2p1"}
    for name in listed[1:]:
        item = ET.fromstring(files[name])
        choices = [c.get("identifier") for c in item.findall(".//q:simpleChoice", q)]
        said = [f.get("identifier") for f in item.findall("q:modalFeedback", q)]
        assert choices == said == list(LETTERS[: len(choices)])
        assert item.findtext(".//q:correctResponse/q:value", namespaces=q) in choices
        # The order that the specification asks of the children of an item.
        order = list(dict.fromkeys(re.sub(r"\{.*\}", "", child.tag) for child in item))
        assert order == [
            *("responseDeclaration", "outcomeDeclaration", "itemBody"),
            *("responseProcessing", "modalFeedback"),
        ]


def test_reading_back_sees_a_changed_answer_a_reason_and_a_formula():
    asked = QUIZZES["05"]
    wanted = tuple(map(quizzes.shown, asked))
    text = quizzes.moodle(asked, "05 x")
    for old, new in [
        ('fraction="100"', 'fraction="0"'),
        ("Every such map passes.", "No such map passes."),
        ("Isometric means equal.", "Isometric means short."),
        (r"\(s\)", r"\(t\)"),
    ]:
        assert old in text
        assert quizzes.from_moodle(text.replace(old, new, 1)) != wanted
    files = quizzes.qti(asked, "05", "05 x")
    first = files["quiz-05-1.xml"]
    for old, new in [("<value>C</value>", "<value>A</value>"), ("Isometric means", "It means")]:
        assert old in first
        changed = files | {"quiz-05-1.xml": first.replace(old, new, 1)}
        assert quizzes.from_qti(changed) != wanted


def test_markup_and_formulas_in_the_form_of_the_platforms():
    assert quizzes.as_html("*a* **b** `c<d` & $x < \\frac{1}{2}$") == (
        r"<em>a</em> <strong>b</strong> <code>c&lt;d</code> &amp; \(x &lt; \frac{1}{2}\)"
    )
    assert quizzes.as_html(r"costs \$5 and \$6") == "costs $5 and $6"


def test_the_exports_are_whole_and_the_same_twice():
    first, second = dict(quizzes.exports()), dict(quizzes.exports())
    assert first == second
    assert set(first) == {f"{n}.{kind}" for n in QUIZZES for kind in ("xml", "zip")}
    with zipfile.ZipFile(BytesIO(first["05.zip"])) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "imsmanifest.xml"
        assert len(archive.namelist()) == 7


def test_a_mistake_ends_the_command_with_its_sentence(tmp_path):
    folder = tmp_path / "book" / "quizzes"
    folder.mkdir(parents=True)
    (folder / "05.yml").write_text("[]\n")
    with pytest.raises(CommandError, match="Quiz 05 has 0 questions"):
        list(quizzes.exports(tmp_path))
    (folder / "05.yml").write_text(yaml.safe_dump(five()))
    with pytest.raises(CommandError, match="no such chapter"):
        list(quizzes.exports(tmp_path))


# ------------------------------------------------------------ answers computed


def right(name: str) -> str:
    """The right answer to a question."""
    _, chapter, number = name.split("-")
    question = QUIZZES[chapter][int(number) - 1]
    return next(answer.text for answer in question.answers if answer.right)


def shifts(row):
    return [np.roll(row, r) for r in range(len(row))]


def test_answers_computed_max_filter_and_orbits():
    matches = [int(np.dot((1, 2, 0, 0), z)) for z in shifts((3, 1, 0, 0))]
    assert matches == [5, 6, 0, 1]
    assert right("quiz-01-3").startswith(f"${max(matches)}$")
    assert 2 * 3 + 1 * 1 == 7  # the best of all permutations, a wrong choice
    assert max(np.dot((1, 2, 0, 0), z) for z in itertools.permutations((3, 1, 0, 0))) == 7

    patterns = set(itertools.product((0, 1), repeat=4))
    orbits = {frozenset(p[r:] + p[:r] for r in range(4)) for p in patterns}
    fixed = [sum(p[r:] + p[:r] == p for p in patterns) for r in range(4)]
    assert (len(orbits), fixed) == (6, [16, 2, 4, 2])
    assert right("quiz-02-3") == "Six."
    assert len({sum(p) for p in patterns}) == 5  # a wrong choice; question 1 of chapter 4
    assert sum(p[2:] + p[:2] == p for p in patterns) == 4

    from utils.groups import dihedral

    images = dihedral(6).natural_action().on_colourings(2).images
    sizes = {
        (len(set(images[:, x])), int((images[:, x] == x).sum())) for x in range(images.shape[1])
    }
    assert {s for size, s in sizes if size == 6} == {2}
    assert right("quiz-02-1") == "Two."


def test_answers_computed_averages_and_spectra():
    from utils.groups import cyclic, direct_sum, regular_representation, reynolds_operator

    code = direct_sum(*[regular_representation(cyclic(8))] * 16)
    assert round(np.trace(reynolds_operator(code))) == 16

    row = np.random.default_rng(0).normal(size=8)
    power = np.abs(np.fft.rfft(row))
    turned = np.fft.rfft(row)
    turned[1] *= np.exp(0.25j * np.pi)
    other = np.fft.irfft(turned, 8)
    assert np.allclose(np.abs(np.fft.rfft(other)), power)
    assert min(np.abs(other - z).max() for z in shifts(row)) > 0.1
    swapped = row[[1, 0, 2, 3, 4, 5, 6, 7]]
    for changed in (swapped, row + 1):  # wrong choices
        assert not np.allclose(np.abs(np.fft.rfft(changed)), power)
    assert "frequency 1" in right("quiz-02-5")


def test_answers_computed_equivariant_maps():
    from utils.equivariance import equivariant_basis
    from utils.groups import permutation_representation, symmetric, tensor_product

    one = permutation_representation(symmetric(4))
    two = tensor_product(one, one)
    assert 2 * 3 * len(equivariant_basis(two, two)) == 90
    assert right("quiz-03-2") == "90 for both."

    draw = torch.Generator().manual_seed(0)
    kernel = torch.randn(1, 1, 5, 5, generator=draw)
    x = torch.randn(1, 1, 29, 29, generator=draw)

    def lift(x, sense):
        turned = [torch.rot90(kernel, sense * r, (2, 3)) for r in range(4)]
        return F.conv2d(x, torch.cat(turned), padding=2, stride=2)

    def error(sense, r, x=x):
        moved = torch.rot90(lift(x, sense), r, (2, 3)).roll(r, dims=1)
        return (lift(torch.rot90(x, r, (2, 3)), sense) - moved).abs().max().item()

    assert error(1, 1) < 1e-4
    assert error(-1, 1) > 1  # a quarter turn sees the wrong sense ...
    assert error(-1, 2) < 1e-4  # ... and a half turn does not
    assert error(0, 1) > 1
    assert error(1, 1, x[..., :28, :28]) > 1
    assert "even side" in right("quiz-03-5")


def test_answers_computed_distances():
    x, y = np.array([3, 0]), np.array([2, 7])
    squared = min(((x - y[list(order)]) ** 2).sum() for order in ((0, 1), (1, 0)))
    assert squared == 20
    assert right("quiz-04-3").startswith("$20$")
    nearest_first = (3 - 2) ** 2 + (0 - 7) ** 2
    both_to_nearest = min((3 - y) ** 2) + min((0 - y) ** 2)
    assert (nearest_first, both_to_nearest, (x.sum() - y.sum()) ** 2) == (50, 5, 36)

    stretch = np.array([[0, 4], [0.25, 0]])
    assert np.allclose(stretch @ stretch, np.eye(2))
    z, w = np.array([0.0, 1]), np.array([5.0, 0])
    there = min(np.linalg.norm(z - g @ w) for g in (np.eye(2), stretch))
    back = min(np.linalg.norm(w - g @ z) for g in (np.eye(2), stretch))
    assert abs(there - back) > 0.1


def test_answers_computed_mirrors():
    from utils.groups import dihedral, permutation_representation

    matrices = permutation_representation(dihedral(4)).matrices
    fixed = [4 - np.linalg.matrix_rank(m - np.eye(4)) for m in matrices]
    involutions = [np.allclose(m @ m, np.eye(4)) for m in matrices]
    mirrors = [m for m, f, i in zip(matrices, fixed, involutions, strict=True) if i and f == 3]
    assert len(mirrors) == 2
    made = {
        (mirrors[0] @ mirrors[1]).tobytes(),
        np.eye(4).tobytes(),
        *(m.tobytes() for m in mirrors),
    }
    assert len(made) == 4 < len(matrices)
    assert sum(i and f == 2 for i, f in zip(involutions, fixed, strict=True)) >= 2

    rising, falling = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 0]])
    assert (np.sort(rising, axis=0) == np.sort(falling, axis=0)).all()
    assert sorted(rising.tolist()) != sorted(falling.tolist())


def test_answers_computed_invariants_of_mirror_images():
    p, q = np.array([3.0, 1, 0, 0]), np.array([1.0, 3, 0, 0])
    assert not any(np.allclose(p, z) for z in shifts(q))
    assert any(np.allclose(p[::-1], z) for z in shifts(q))
    a, b = np.fft.fft(p), np.fft.fft(q)
    assert np.allclose(abs(a), abs(b))

    def bispectrum(c):
        return [c[i] * c[j] * c[-(i + j) % 4] for i in range(4) for j in range(4)]

    assert not np.allclose(bispectrum(a), bispectrum(b))
    assert np.allclose(bispectrum(a), bispectrum(np.fft.fft(np.roll(p, 1))))
    assert right("quiz-06-1") == "The bispectrum."
    d, d0 = 2 * 4, 2
    assert right("quiz-06-4").startswith(f"{2 * d - d0},")


def test_answers_computed_molecules():
    sigma, a = torch.tensor([2, 0, 1]), torch.tensor([0, 0, 2])
    moved = torch.zeros_like(a)
    moved[sigma] = a
    assert torch.equal(a[sigma.argsort()], moved)
    assert not torch.equal(a[sigma], moved)
    assert right("quiz-07-1") == "`a[sigma.argsort()]`"

    ring = np.zeros((6, 6), int)
    for i in range(6):
        ring[i, (i + 1) % 6] = ring[(i + 1) % 6, i] = 1 + i % 2
    symmetries = sum((ring[np.ix_(p, p)] == ring).all() for p in itertools.permutations(range(6)))
    assert symmetries == 6
    assert right("quiz-07-2") == str(symmetries * 6)

    triangle = (np.ones((3, 3)) - np.eye(3)) / 2
    hexagon = (np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)) / 2
    back = [np.linalg.matrix_power(w, 3)[0, 0] for w in (triangle, hexagon)]
    assert back == [0.25, 0.0]

    draw = np.random.default_rng(0)
    y = draw.normal(size=200_000)
    for k in (5, 50):
        guess = draw.choice(y, size=(20_000, k)).mean(axis=1)
        r2 = 1 - ((guess - y[:20_000]) ** 2).mean() / y.var()
        assert abs(r2 + 1 / k) < 0.03


def test_answers_computed_added_shifts_and_variance():
    x, names = np.array([[5.0, 1], [2, 3]]), np.array(["A", "B"])
    query = np.array([[1.0, 4]])
    assert names[np.linalg.norm(x - query, axis=1).argmin()] == "B"
    more, twice = np.concatenate([x, x[:, ::-1]]), np.tile(names, 2)
    assert twice[np.linalg.norm(more - query, axis=1).argmin()] == "A"
    centred, signs = more - more.mean(0), np.where(twice == "A", 1.0, -1.0)
    weights = np.linalg.solve(centred.T @ centred + 0.1 * np.eye(2), centred.T @ signs)
    assert np.isclose(*weights)
    assert ((query - more.mean(0)) @ weights)[0] < 0  # a B
    assert right("quiz-11-3") == "The neighbour says A, the linear readout B."

    codes = np.array([[0.0, 2], [6, 8]])
    within = ((codes - codes.mean(1, keepdims=True)) ** 2).mean()
    assert within / codes.var() == 0.1
    assert right("quiz-12-2") == "$1/10$."

    half = {0, 45, 90, 135}
    same = [t for t in range(0, 360, 45) if {(a + t) % 360 for a in half} == half]
    assert same == [0]


def test_answers_computed_derivatives_and_measures():
    from utils.generators import generator

    row = torch.tensor([1.0, 4, 9])[None, None, None].expand(1, 1, 3, 3).contiguous()
    change = generator("translation_x")(row.double())[0, 0, 1, 1].item()
    assert change == -4
    assert right("quiz-13-1") == "By $-4$."

    logits, moved = torch.tensor([2.0, 0]), torch.tensor([1.0, 0])

    def of_probabilities(f, df):
        p = f.softmax(0)
        return (p * (df - (p * df).sum())).abs().max().item()

    assert of_probabilities(3 * logits, 3 * moved) < 0.1 * of_probabilities(logits, moved)
    relative = [
        (df.norm() / f.norm()).item() for f, df in ((logits, moved), (3 * logits, 3 * moved))
    ]
    assert relative[0] == pytest.approx(relative[1])

    f = torch.randn(50, 10, generator=torch.Generator().manual_seed(0)).double()

    def sizes(f):
        norm = f.square().mean().sqrt()
        return norm.item(), (f - f.mean(0)).square().mean().sqrt().item()

    (norm, spread), (norm_more, spread_more) = sizes(f), sizes(f + 100)
    assert norm_more > 50 * norm
    assert spread_more == pytest.approx(spread)
    assert torch.allclose(f.softmax(1), (f + 100).softmax(1))
    assert right("quiz-14-2") == "Only the norm: it falls."


def test_answers_computed_found_symmetries():
    x = np.random.default_rng(0).normal(size=(200, 2))
    gradient = np.stack([2 * x[:, 0], -8 * x[:, 1]], axis=1)
    flows = {
        "(-x_2, x_1)": (-x[:, 1], x[:, 0]),
        "(x_2, x_1)": (x[:, 1], x[:, 0]),
        "(4 x_2, x_1)": (4 * x[:, 1], x[:, 0]),
        "(x_2, 4 x_1)": (x[:, 1], 4 * x[:, 0]),
    }
    rates = {name: (gradient * np.stack(v, axis=1)).sum(1) for name, v in flows.items()}
    kept = [name for name, rate in rates.items() if abs(rate).max() < 1e-12]
    assert [f"$v = {name}$." for name in kept] == [right("quiz-15-1")]
    assert np.allclose(rates["(x_2, x_1)"], -6 * x[:, 0] * x[:, 1])  # a reason

    def forces(x):
        gaps = x[:, None, :, :] - x[:, :, None, :]  # from body i to body j
        return (gaps / (gaps.square().sum(-1, keepdim=True) + 0.25) ** 1.5).sum(2)

    places = torch.randn(40, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    zeros = []
    for moves_along in (1, 0):
        rows = []
        for number in range(9):
            A = torch.zeros(9, dtype=torch.float64)
            A[number] = 1
            A = A.reshape(3, 3)
            pushed = torch.func.jvp(forces, (places,), (places @ A.T,))[1]
            rows.append((pushed - moves_along * forces(places) @ A.T).flatten())
        singular = torch.linalg.svdvals(torch.stack(rows))
        zeros.append(int((singular < 1e-9 * singular[0]).sum()))
    assert zeros == [3, 0]
    assert right("quiz-15-2") == "None."


def test_answers_computed_what_training_prefers():
    rows = [[0]]
    for _ in range(4):
        rows = [[*row, j] for row in rows for j in range(max(row) + 2)]
    assert len(rows) == 52
    y = np.random.default_rng(1).normal(size=(200, 5, 4)) + np.array([0, 0, 1, 2, 3])[:, None]
    errors = []
    for row in rows:
        shared = np.stack([y[:, np.equal(row, k)].mean((1, 2)) for k in row], axis=1)
        errors.append(((y - shared[:, :, None]) ** 2).sum((1, 2)))
    chosen = np.argmin(errors, axis=0)
    assert {tuple(rows[k]) for k in chosen} == {(0, 1, 2, 3, 4)}
    assert right("quiz-15-3").startswith("No tie at all")

    angles = np.linspace(-np.pi, np.pi, 3600, endpoint=False)

    def best_cross_entropy(w):
        boxes = [abs(angles) <= h for h in (np.pi / 6, w)]
        spectra = [np.fft.rfft(np.roll(box, 1800) / box.sum()) for box in boxes]
        up = np.fft.irfft(spectra[0] * spectra[1], 3600).clip(1e-15)
        share = up / (up + np.roll(up, 1800))
        entropy = -share * np.log(share) - (1 - share) * np.log1p(-share)
        return float(((up + np.roll(up, 1800)) / 2 * entropy).sum())

    widths = np.radians(np.arange(1, 181))
    losses = np.array([best_cross_entropy(w) for w in widths])
    assert 60 <= 1 + np.argmin(losses - 0.03 * widths) < 64
    assert losses[49] < 1e-6  # turned by 50 degrees more than the data
    assert losses[-1] > 0.69 > 0.03 * np.pi
    assert "$60°$" in right("quiz-15-4")


def test_answers_computed_relaxed_symmetries():
    from scipy.spatial.transform import Rotation

    turns = Rotation.random(20_000, random_state=0).as_matrix()
    c = np.array([0.0, 0, 2])
    back = c @ turns  # the inverse of each rotation, applied to the constant
    assert abs(back.mean(0)).max() < 0.05
    floor = c @ c
    assert right("quiz-16-1") == f"It is {floor:.0f}."
    assert ((c - c @ turns.transpose(0, 2, 1)) ** 2).sum(1).mean() == pytest.approx(8, rel=0.02)

    # maps of the line and its reflection: an even part is what is broken
    x = np.linspace(-1, 1, 201)
    truth, beta = np.sin(x) + np.cos(2 * x), 1.0
    flip = np.eye(201)[::-1]
    fits = []
    for labels in (True, False):
        # |f - F|^2 + beta E |f_R - F|^2 or beta E |f_R - f|^2, over R in {1, -1}, f_R = -f(-x)
        A = np.concatenate([np.eye(201), *([np.sqrt(beta / 2) * m for m in (np.eye(201), -flip)])])
        b = np.concatenate([truth, *([np.sqrt(beta / 2) * truth] * 2)])
        if not labels:
            A[201:] -= np.sqrt(beta / 2) * np.concatenate([np.eye(201)] * 2)
            b[201:] = 0
        fits.append(np.linalg.lstsq(A, b, rcond=None)[0])
    even = (truth + truth[::-1]) / 2
    shares = [((f + f[::-1]) / 2 @ even) / (even @ even) for f in fits]
    assert shares == pytest.approx([1 / 2, 1 / 3])
    assert right("quiz-16-3") == "One half."

    force = np.array([1.0, 1, 0])
    generators = [np.cross(np.eye(3)[k], np.eye(3)).T for k in range(3)]
    derivatives = [-A @ force for A in generators]
    assert min(np.linalg.norm(d) for d in derivatives) > 0.9
    assert np.allclose(derivatives[0] + derivatives[1], 0)
    assert "another axis" in right("quiz-16-4")

    assert (12 / 0.5, 0.8 / 0.5) == (24, 1.6)
    assert "1.6" in right("quiz-16-5")
