r"""Write the concept questions for a learning platform: Moodle XML and QTI 2.1.

``make quizzes`` writes, for each chapter that has questions in ``book/quizzes``, ``NN.xml``, which
Moodle imports into its question bank, and ``NN.zip``, a content package of QTI 2.1 with a test and
its items. Formulas stand between ``\(`` and ``\)``; the reason of each choice is its feedback.

Sources: Moodle's own writer of its XML format (question/format/xml/format.php) for its elements;
IMS Question and Test Interoperability, version 2.1 (2012), and Content Packaging, version 1.1.
"""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from book._ext.quiz_questions import LETTERS, Answer, Question, QuizError, read
from book._tools.command import ROOT, CommandError, command, write_bytes

FOLDER = Path("_build") / "course" / "quizzes"
_QTI = "http://www.imsglobal.org/xsd/imsqti_v2p1"
_PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
_MANIFEST, _TEST = "imsmanifest.xml", "test.xml"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that equal questions make equal files

_reader = MarkdownIt("commonmark").use(dollarmath_plugin)
_reader.add_render_rule(
    "math_inline",
    lambda _self, tokens, i, _options, _env: rf"\({html.escape(tokens[i].content, quote=False)}\)",
)


def as_html(text: str) -> str:
    r"""Write a paragraph of CommonMark as HTML, its formulas as the platforms read them.

    Examples
    --------
    >>> print(as_html("*Never* if $n < 2$, says `a[0]`."))
    <em>Never</em> if \(n &lt; 2\), says <code>a[0]</code>.
    """
    return str(_reader.renderInline(text)).replace("&quot;", '"')


def shown(question: Question) -> Question:
    """Return a question with its texts as HTML, which is what an export holds."""
    answers = (Answer(as_html(a.text), as_html(a.reason), a.right) for a in question.answers)
    return Question(question.name, as_html(question.text), question.section, tuple(answers))


# ------------------------------------------------------------ Moodle


def moodle(questions: Sequence[Question], title: str) -> str:
    """Write questions as Moodle XML.

    Parameters
    ----------
    questions : Sequence[Question]
        The questions of a chapter.
    title : str
        The chapter's title, which becomes their category in the question bank.

    Returns
    -------
    str
        The file.
    """
    root = ET.Element("quiz")
    category = ET.SubElement(root, "question", type="category")
    _text(category, "category", f"$course$/top/{title.replace('/', '//')}", format=None)
    for question in map(shown, questions):
        made = ET.SubElement(root, "question", type="multichoice")
        _text(made, "name", f"{question.name}: {question.section}", format=None)
        _text(made, "questiontext", question.text)
        _text(made, "generalfeedback", "")
        settings = {
            "defaultgrade": "1",
            "penalty": "0.3333333",
            "hidden": "0",
            "idnumber": question.name,
            "single": "true",
            "shuffleanswers": "true",
            "answernumbering": "ABCD",
            "showstandardinstruction": "0",
        }
        for name, value in settings.items():
            ET.SubElement(made, name).text = value
        for name in ("correctfeedback", "partiallycorrectfeedback", "incorrectfeedback"):
            _text(made, name, "")
        for answer in question.answers:
            fraction = "100" if answer.right else "0"
            choice = ET.SubElement(made, "answer", fraction=fraction, format="html")
            ET.SubElement(choice, "text").text = answer.text
            _text(choice, "feedback", answer.reason)
    return _written(root)


def _text(parent: ET.Element, name: str, text: str, *, format: str | None = "html") -> None:
    element = ET.SubElement(parent, name, {"format": format} if format else {})
    ET.SubElement(element, "text").text = text


def from_moodle(text: str) -> tuple[Question, ...]:
    """Read questions back from Moodle XML, as :func:`shown` makes them."""
    found = []
    for made in ET.fromstring(text).findall("question[@type='multichoice']"):
        name, _, section = (made.findtext("name/text") or "").partition(": ")
        answers = tuple(
            Answer(
                choice.findtext("text") or "",
                choice.findtext("feedback/text") or "",
                choice.get("fraction") == "100",
            )
            for choice in made.findall("answer")
        )
        found.append(Question(name, made.findtext("questiontext/text") or "", section, answers))
    return tuple(found)


# ------------------------------------------------------------ QTI


def qti(questions: Sequence[Question], chapter: str, title: str) -> dict[str, str]:
    """Write questions as the files of a QTI 2.1 package.

    Parameters
    ----------
    questions : Sequence[Question]
        The questions of a chapter.
    chapter : str
        Its number, as in ``"05"``.
    title : str
        Its title.

    Returns
    -------
    dict
        Content by name: the manifest, the test and an item for each question.
    """
    items = {f"{q.name}.xml": _written(_item(shown(q))) for q in questions}
    test = _written(_test(questions, chapter, title))
    manifest = _written(_manifest(list(items), chapter))
    return {_MANIFEST: manifest, _TEST: test, **items}


def _item(question: Question) -> ET.Element:
    """Make an ``assessmentItem`` with one feedback for each choice."""
    root = ET.Element(
        "assessmentItem",
        xmlns=_QTI,
        identifier=question.name,
        title=question.section,
        adaptive="false",
        timeDependent="false",
    )
    response = ET.SubElement(root, "responseDeclaration", _variable("RESPONSE", "identifier"))
    correct = ET.SubElement(response, "correctResponse")
    ET.SubElement(correct, "value").text = question.letter
    score = ET.SubElement(root, "outcomeDeclaration", _variable("SCORE", "float"))
    ET.SubElement(ET.SubElement(score, "defaultValue"), "value").text = "0"
    ET.SubElement(root, "outcomeDeclaration", _variable("FEEDBACK", "identifier"))
    body = ET.SubElement(root, "itemBody")
    asked = ET.SubElement(
        body, "choiceInteraction", responseIdentifier="RESPONSE", shuffle="true", maxChoices="1"
    )
    _markup(asked, "prompt", question.text)
    for letter, answer in zip(LETTERS, question.answers, strict=False):
        _markup(asked, "simpleChoice", answer.text, identifier=letter)
    processing = ET.SubElement(root, "responseProcessing")
    condition = ET.SubElement(ET.SubElement(processing, "responseCondition"), "responseIf")
    match = ET.SubElement(condition, "match")
    ET.SubElement(match, "variable", identifier="RESPONSE")
    ET.SubElement(match, "correct", identifier="RESPONSE")
    given = ET.SubElement(condition, "setOutcomeValue", identifier="SCORE")
    ET.SubElement(given, "baseValue", baseType="float").text = "1"
    said = ET.SubElement(processing, "setOutcomeValue", identifier="FEEDBACK")
    ET.SubElement(said, "variable", identifier="RESPONSE")
    for letter, answer in zip(LETTERS, question.answers, strict=False):
        shows = {"outcomeIdentifier": "FEEDBACK", "identifier": letter, "showHide": "show"}
        _markup(root, "modalFeedback", answer.reason, **shows)
    return root


def _variable(identifier: str, kind: str) -> dict[str, str]:
    return {"identifier": identifier, "cardinality": "single", "baseType": kind}


def _markup(parent: ET.Element, name: str, markup: str, **attributes: str) -> None:
    """Add an element whose content is HTML."""
    element = ET.fromstring(f"<{name}>{markup}</{name}>")
    element.attrib.update(attributes)
    parent.append(element)


def _test(questions: Sequence[Question], chapter: str, title: str) -> ET.Element:
    """Make the ``assessmentTest`` that asks all questions."""
    root = ET.Element("assessmentTest", xmlns=_QTI, identifier=f"quiz-{chapter}", title=title)
    part = ET.SubElement(
        root,
        "testPart",
        identifier="part",
        navigationMode="nonlinear",
        submissionMode="individual",
    )
    section = ET.SubElement(
        part, "assessmentSection", identifier="section", title=title, visible="true"
    )
    for question in questions:
        href = f"{question.name}.xml"
        ET.SubElement(section, "assessmentItemRef", identifier=question.name, href=href)
    return root


def _manifest(items: Sequence[str], chapter: str) -> ET.Element:
    """Make the manifest of the package."""
    root = ET.Element("manifest", xmlns=_PACKAGE, identifier=f"quiz-{chapter}-package")
    metadata = ET.SubElement(root, "metadata")
    ET.SubElement(metadata, "schema").text = "QTIv2.1 Package"
    ET.SubElement(metadata, "schemaversion").text = "1.0.0"
    ET.SubElement(root, "organizations")
    resources = ET.SubElement(root, "resources")
    for name in (_TEST, *items):
        kind = "test" if name == _TEST else "item"
        resource = ET.SubElement(
            resources,
            "resource",
            identifier=f"resource-{Path(name).stem}",
            type=f"imsqti_{kind}_xmlv2p1",
            href=name,
        )
        ET.SubElement(resource, "file", href=name)
        for item in items if name == _TEST else ():
            ET.SubElement(resource, "dependency", identifierref=f"resource-{Path(item).stem}")
    return root


def from_qti(files: Mapping[str, str]) -> tuple[Question, ...]:
    """Read questions back from a QTI package, in the order of its test."""
    in_qti = {"q": _QTI}
    test = ET.fromstring(files[_TEST])
    found = []
    for reference in test.findall(".//q:assessmentItemRef", in_qti):
        root = ET.fromstring(files[reference.attrib["href"]])
        right = root.findtext("q:responseDeclaration/q:correctResponse/q:value", "", in_qti)
        reasons = {f.attrib["identifier"]: f for f in root.findall("q:modalFeedback", in_qti)}
        answers = tuple(
            Answer(_inside(choice), _inside(reasons[letter]), letter == right)
            for choice in root.findall(".//q:simpleChoice", in_qti)
            for letter in [choice.attrib["identifier"]]
        )
        asked = root.find(".//q:prompt", in_qti)
        assert asked is not None
        names = root.attrib["identifier"], _inside(asked), root.attrib["title"]
        found.append(Question(*names, answers))
    return tuple(found)


def _inside(element: ET.Element) -> str:
    """Return what is inside an element as HTML."""
    whole = ET.tostring(element, encoding="unicode")
    inner = re.sub(r"^<[^>]*>|</[^>]*>\s*$", "", whole)
    return re.sub(r"(</?)\w+:", r"\1", inner)


# ------------------------------------------------------------ files


def _written(root: ET.Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def package(files: Mapping[str, str]) -> bytes:
    """Put files into a zip archive, the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), text.encode("utf-8"))
    return stream.getvalue()


def title_of(chapter: str, root: Path = ROOT) -> str:
    """Return number and title of a chapter, as in ``"05 Isometric cross sections"``."""
    for path in (root / "chapters").glob(f"{chapter}_*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            found = re.search(r"(?m)^# (.+)$", "".join(cell["source"]))
            if cell["cell_type"] == "markdown" and found:
                return f"{chapter} {found[1]}"
    raise CommandError(f"There are questions for chapter {chapter}, and no such chapter.")


def exports(root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of every export.

    Parameters
    ----------
    root : pathlib.Path
        The repository.

    Yields
    ------
    tuple of str and bytes
        ``NN.xml`` for Moodle and ``NN.zip`` for QTI, chapter by chapter.
    """
    for path in sorted((root / "book" / "quizzes").glob("*.yml")):
        try:
            questions = read(path)
        except QuizError as error:
            raise CommandError(str(error)) from error
        title = title_of(path.stem, root)
        yield f"{path.stem}.xml", moodle(questions, title).encode("utf-8")
        yield f"{path.stem}.zip", package(qti(questions, path.stem, title))


@command(__doc__)
def main(options: Namespace) -> Any:
    """Write all exports and say where they are."""
    folder = ROOT / FOLDER
    made = list(exports())
    for name, content in made:
        write_bytes(folder / name, content)
    print(f"{len(made)} files in {FOLDER}: .xml for Moodle's question bank, .zip for QTI 2.1")


if __name__ == "__main__":
    raise SystemExit(main())
