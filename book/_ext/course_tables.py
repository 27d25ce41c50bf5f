"""The tables of a course: all exercises, what the chapters take, and the syllabi.

``{exercise-index}`` lists every exercise; the script ``exercise_index.js`` lets a reader choose
among the rows, and the same table lies beside the page as ``exercises.csv``. ``{course-minutes}``
adds up reading, exercises and what running takes. ``{syllabus} NAME`` shows one of the syllabi of
``book/syllabi.yml``. All of it is read from the chapters, so that nothing can get out of step.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from exercise_facts import KINDS, LEVELS
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book.course.exercises import Exercise, chapters, read_chapter
from book.course.plan import Page, pages, read_syllabi, who_marks

CSV = "exercises.csv"
HEADINGS = ("exercise", "chapter", "kind", "level", "minutes", "points", "marked by")


class CourseTable(SphinxDirective):
    """What the tables share: they depend on all chapters, and link to their pages."""

    option_spec: ClassVar[dict[str, Any]] = {}

    @property
    def root(self) -> Path:
        """The repository, whose chapters this page then depends on."""
        root = Path(self.env.srcdir)
        for path in [*root.glob("chapters/*.ipynb"), root / "book/syllabi.yml"]:
            self.env.note_dependency(str(path))
        return root

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[Any]], widths: Sequence[int]
    ) -> nodes.table:
        """Return a table; a cell is a text, a number or a node."""
        table = nodes.table(classes=["course-table"])
        group = nodes.tgroup(cols=len(headings))
        table += group
        group += [nodes.colspec(colwidth=width) for width in widths]
        head, body = nodes.thead(), nodes.tbody()
        head += self.row(headings)
        body += [self.row(cells) for cells in rows]
        group += [head, body]
        return table

    def row(self, cells: Sequence[Any]) -> nodes.row:
        """Return a row."""
        row = nodes.row()
        for cell in cells:
            paragraph = nodes.paragraph()
            paragraph += cell if isinstance(cell, nodes.Node | list) else nodes.Text(str(cell))
            entry = nodes.entry()
            entry += paragraph
            row += entry
        return row

    def link(self, text: str, page: str, anchor: str = "") -> nodes.reference:
        """Return a reference to a page of the book, which gets its address later."""
        target = f"chapters/{page}"
        return nodes.reference("", text, internal=True, course_page=target, anchor=anchor)


class ExerciseIndex(CourseTable):
    """Every exercise of the book, one row each."""

    def run(self) -> list[nodes.Node]:
        """Return the table inside the box that the script looks for."""
        rows = [
            [
                self.link(one.title, one.page, one.label),
                one.chapter if one.core else one.page[:3],
                KINDS[one.kind],
                LEVELS[one.level],
                one.minutes,
                one.points,
                who_marks(one),
            ]
            for one in every_exercise(self.root)
        ]
        box = nodes.container(classes=["exercise-index"])
        box += self.table([*HEADINGS], rows, (30, 8, 14, 14, 8, 8, 12))
        link = nodes.paragraph()
        link += nodes.reference(
            "", "The same table as a file (CSV)", internal=True, course_csv=True
        )
        return [box, link]


class CourseMinutes(CourseTable):
    """What every chapter takes, and all of them together."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        root, rows = self.root, []
        totals = [0] * 5
        for number in chapters(root):
            mine = [page for page in pages(root) if page.name.startswith(number)]
            core = next(page for page in mine if page.core)
            asked = read_chapter(number, root).exercises
            numbers = [
                core.minutes,
                sum(page.minutes for page in mine if not page.core),
                sum(one.minutes for one in asked if one.core and one.level < 3),
                sum(one.minutes for one in asked if one.core and one.level == 3),
                sum(one.minutes for one in asked if not one.core),
            ]
            totals = [a + b for a, b in zip(totals, numbers, strict=True)]
            title = read_chapter(number, root).title
            rows.append([self.link(f"{number} {title}", core.name), *numbers, running(mine)])
        everything = ["All, in hours", *(f"{minutes / 60:.1f}" for minutes in totals), ""]
        return [
            self.table(
                (
                    "chapter",
                    "core page",
                    "companions",
                    "exercises, levels 1 and 2",
                    "level 3",
                    "on companions",
                    "running, seconds and GB",
                ),
                [*rows, everything],
                (34, 10, 10, 14, 8, 10, 14),
            )
        ]


class SyllabusTable(CourseTable):
    """One syllabus, week by week."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        root = self.root
        syllabus = read_syllabi(root)[self.arguments[0]]
        reading = {page.name[:2]: page.minutes for page in pages(root) if page.core}
        names = {page.name[:2]: page.name for page in pages(root) if page.core}
        rows = []
        for place, week in enumerate(syllabus.weeks, start=1):
            read = joined([self.link(f"{c.number} {c.title}", names[c.number]) for c in week.read])
            due = joined([self.link(one.title, one.page, one.label) for one in week.due])
            minutes = sum(reading[c.number] for c in week.read)
            work = sum(one.minutes for one in week.due)
            points = sum(one.points for one in week.due)
            rows.append([place, read, due, minutes, work, points])
        table = self.table(
            ("week", "read", "due at its end", "reading", "exercises", "points"),
            rows,
            (6, 30, 36, 9, 9, 8),
        )
        table += nodes.title("", syllabus.title)
        table.children.insert(0, table.children.pop())
        return [table]


def joined(links: Sequence[nodes.Node]) -> list[nodes.Node]:
    """Put semicolons between links."""
    found: list[nodes.Node] = []
    for link in links:
        found += [nodes.Text("; "), link] if found else [link]
    return found


def running(mine: Sequence[Page]) -> str:
    """Say what running the pages of a chapter takes."""
    seconds = sum(page.seconds for page in mine)
    return f"{seconds} s, {max(page.gigabytes for page in mine):.1f} GB"


def every_exercise(root: Path) -> list[Exercise]:
    """Return all exercises of the book in its order."""
    return [one for number in chapters(root) for one in read_chapter(number, root).exercises]


def resolve(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Give the links of the tables their addresses (``doctree-resolved``)."""
    for link in document.findall(nodes.reference):
        if "course_page" in link:
            page = app.builder.get_relative_uri(docname, link["course_page"])
            link["refuri"] = f"{page}#{link['anchor']}" if link["anchor"] else page
        elif "course_csv" in link:
            link["refuri"] = "../" * docname.count("/") + f"_static/{CSV}"


def write_csv(app: Sphinx, exception: Exception | None) -> None:
    """Write all exercises beside the other static files (``build-finished``)."""
    folder = Path(app.outdir) / "_static"
    if exception or not folder.is_dir():
        return
    with (folder / CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *HEADINGS])
        for one in every_exercise(Path(app.srcdir)):
            row = (one.title, one.page, one.kind, one.level, one.minutes, one.points)
            writer.writerow([one.label, *row, who_marks(one)])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("exercise-index", ExerciseIndex)
    app.add_directive("course-minutes", CourseMinutes)
    app.add_directive("syllabus", SyllabusTable)
    app.connect("doctree-resolved", resolve)
    app.connect("build-finished", write_csv)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
