"""Measure the form of a page: what it asks of its reader, counted on the notebook.

The limits are those of the design: a core page is read, run and understood in one evening. A
companion page ("Going deeper: ...") has only its budget and its place to keep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

CORE = re.compile(r"\d\d_\w+")
COMPANION = re.compile(r"\d\d[a-z]_\w+")

MOST_WORDS = 3000
MOST_CODE_LINES = 220
MOST_NUMBERS = 30
MOST_PROOFS = 3
MOST_WORDS_BEFORE_A_FIGURE = 110
READING_MINUTES = (20, 60)

WORDS_A_MINUTE = 150
CODE_LINES_A_MINUTE = 10
MINUTES_A_PROOF = 3

FOLDED = {"hide-input", "hide-cell", "remove-cell", "remove-input"}
READING = re.compile(r"\*\*Reading\.\*\*\s+About (\d+) minutes\.")

SPELLINGS = {
    r"stabilis": "stabilizer",
    r"symmetris": "symmetrize",
    r"normalis": "normalize",
    r"canonicalis": "canonicalize",
    r"neighbor": "neighbour",
    r"color(?!bar|map)": "colour",
    r"data sets?\b": "dataset",
    r"\bauto-encoder": "autoencoder",
    r"\bnull-space\b": "null space",
}
"""Spellings that the book does not use in prose, and the glossary's."""


@dataclass(frozen=True)
class Form:
    """What was counted on one page."""

    words: int
    code_lines: int
    numbers: int
    proofs: int
    words_before_figure: int
    code_before_figure: int

    @property
    def minutes(self) -> float:
        """The time to read the page without its exercises, by the readers' own measure."""
        return (
            self.words / WORDS_A_MINUTE
            + self.code_lines / CODE_LINES_A_MINUTE
            + self.proofs * MINUTES_A_PROOF
        )


@dataclass(frozen=True)
class Exercise:
    """One exercise: its options, and what stands between it and its solution."""

    label: str
    options: dict[str, str]
    body: str
    code: str


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)


def prose(source: str) -> str:
    """Return the text of a markdown cell without labels, fences, options and addresses."""
    source = re.sub(r"(?m)^\(\S+\)=$", "", source)
    source = re.sub(r"(?m)^:\w[\w-]*:.*$", "", source)
    source = re.sub(r"(?m)^[`:]{3,}.*$", "", source)
    source = re.sub(r"(?s)\$\$.*?\$\$", " ", source)
    source = re.sub(r"(?s)\\begin\{(\w+\*?)\}.*?\\end\{\1\}", " ", source)
    source = re.sub(r"\$[^$]+\$", " x ", source)
    source = re.sub(r"\{glue:text\}`[^`]*`", " N ", source)
    source = re.sub(r"\{[\w:-]+\}`([^`<]*?)\s*(?:<[^`]*>)?`", r"\1", source)
    return re.sub(r"\]\([^)]*\)", "]", source)


def word_count(source: str) -> int:
    """Count the words of a markdown cell; a formula in a line is one word."""
    return len(re.findall(r"[^\W_][\w'’.,-]*", prose(source)))


def without_exercises(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return copies of the cells outside the section "Exercises"."""
    kept, inside = [], False
    for cell in cells:
        if cell.cell_type != "markdown":
            kept += [] if inside else [cell]
            continue
        text = ""
        for part in re.split(r"(?m)^(?=## )", cell.source):
            if part.startswith("## "):
                inside = part.startswith("## Exercises")
            text += "" if inside else part
        kept.append(nbformat.v4.new_markdown_cell(text))
    return kept


def unfolded_proofs(source: str) -> int:
    """Count the proofs that stand open."""
    blocks = re.findall(r"(?ms)^(`{3,}|:{3,}) *\{prf:proof\}[^\n]*\n(.*?)^\1", source)
    return sum(":class: dropdown" not in body for _, body in blocks)


def visible_lines(cell: nbformat.NotebookNode) -> int:
    """Count the lines of code that a cell shows."""
    if FOLDED & set(cell.metadata.get("tags", [])):
        return 0
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def is_figure(cell: nbformat.NotebookNode) -> bool:
    """Say whether a cell's output is a picture."""
    data = [out.get("data", {}) for out in cell.get("outputs", [])]
    return any(
        "image/png" in d
        or re.search(r"<(figure|div class=\"book|img)", "".join(d.get("text/html", "")))
        for d in data
    )


def measure(path: Path) -> Form:
    """Count one page."""
    cells = without_exercises(read(path).cells)
    markdown = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code = [cell for cell in cells if cell.cell_type == "code"]
    words = lines = 0
    for cell in cells:
        if cell.cell_type == "code" and is_figure(cell):
            break
        if cell.cell_type == "code":
            lines += visible_lines(cell)
        else:
            words += word_count(cell.source)
    return Form(
        words=sum(map(word_count, markdown)),
        code_lines=sum(map(visible_lines, code)),
        numbers=sum(source.count("{glue:text}") for source in markdown),
        proofs=sum(map(unfolded_proofs, markdown)),
        words_before_figure=words,
        code_before_figure=lines,
    )


def stated_minutes(path: Path) -> int | None:
    """Return the reading time that a page states."""
    found = READING.search("\n".join(c.source for c in read(path).cells))
    return int(found.group(1)) if found else None


def exercises(path: Path) -> list[Exercise]:
    """Return the exercises of a page, each with all that stands before its solution."""
    parts: list[str] = []
    for cell in read(path).cells:
        parts.append(cell.source if cell.cell_type == "markdown" else f"\n<code>{cell.source}\n")
    text = "\n".join(parts)
    found = []
    opening = re.compile(r"(?m)^[`:]{3,} *\{exercise(?:-start)?\}.*\n((?::.*\n)*)")
    marks = list(opening.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None][: len(marks)], strict=True):
        options = dict(re.findall(r":([\w-]+): *(.*)", mark.group(1)))
        body = text[mark.end() : following.start() if following else len(text)]
        body = re.split(r"(?m)^[`:]{3,} *\{solution(?:-start)?\}", body)[0]
        code = "\n".join(re.findall(r"(?s)<code>(.*?)(?=\n<code>|\Z)", body))
        found.append(Exercise(options.get("label", "?"), options, body, code))
    return found


def early_answers(path: Path) -> list[str]:
    """Return the questions "What do you expect" that the same cell goes on to answer."""
    found = []
    for cell in read(path).cells:
        if cell.cell_type != "markdown" or "hat do you expect" not in cell.source:
            continue
        paragraphs = [p for p in re.split(r"\n\s*\n", cell.source.strip()) if p.strip()]
        question = max(i for i, p in enumerate(paragraphs) if "hat do you expect" in p)
        after = paragraphs[question].split("hat do you expect")[-1].partition("?")[2]
        rest = [p for p in paragraphs[question + 1 :] if not p.startswith(("```", "("))]
        if word_count(after) > 25 or rest:
            found.append(paragraphs[question][:80])
    return found


def misspellings(text: str) -> list[str]:
    """Return the words of a text that the book spells otherwise."""
    plain = re.sub(r"`[^`]*`", " ", re.sub(r"(?s)\$[^$]*\$", " ", prose(text)))
    return [
        f"{match.group(0)} (write {wanted})"
        for pattern, wanted in SPELLINGS.items()
        for match in re.finditer(rf"(?i)\b\w*{pattern}\w*", plain)
    ]


def labels(path: Path) -> set[str]:
    """Return every label that a page defines."""
    text = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    return set(re.findall(r"(?m)^:label: *(\S+)", text)) | set(
        re.findall(r"(?m)^\(([\w-]+)\)=", text)
    )


def references(path: Path) -> set[str]:
    """Return every label that a page refers to."""
    text = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    found = re.findall(r"\{(?:prf:ref|ref|numref|eq|doc)\}`(?:[^`<]*<)?([^`>]+)>?`", text)
    return {name.strip() for name in found}
