"""The assignment in nbgrader's layout: ``source/`` with solutions, ``release/`` without.

nbgrader runs checks in the process of the student's own notebook, where a notebook that wants to
can deceive them; ``python -m book.grade`` does not. The hidden part of a test cell imports
:mod:`book.course.earned`, so nbgrader has to be called where the repository is on ``PYTHONPATH``.
All students have the same numbers.
"""

from __future__ import annotations

import hashlib
from typing import Any

from book.course.notebooks import Assignment, Cell, solution_notebook, student_notebook
from book.course.task import Variant

__all__ = ["CONFIG", "release_notebook", "source_notebook"]

CONFIG = """\
# The course in nbgrader's layout: `PYTHONPATH=../../.. nbgrader generate_assignment 05`.
c = get_config()
c.CourseDirectory.course_id = "interpreting-equivariant-representations"
c.ClearSolutions.code_stub = {"python": "# Your answer"}
c.ClearSolutions.text_stub = "*Your answer:*"
"""
"""The file ``nbgrader_config.py`` of the folder."""


def source_notebook(given: Assignment) -> dict[str, Any]:
    """Return the notebook that ``nbgrader generate_assignment`` reads."""
    return _notebook(given, release=False)


def release_notebook(given: Assignment) -> dict[str, Any]:
    """Return the notebook that it would make of it for the students."""
    return _notebook(given, release=True)


def _notebook(given: Assignment, *, release: bool) -> dict[str, Any]:
    student, solved = student_notebook(given), solution_notebook(given)
    items = {item.label: item for item in given.items}
    ours: dict[str, list[Cell]] = {label: [] for label in items}
    for cell in solved["cells"]:
        if _answers(cell):
            ours[cell["metadata"]["exercise"]].append(cell)
    cells: list[Cell] = []
    for cell in student["cells"]:
        if not _answers(cell):
            cells.append(_graded(cell, locked=True))
            continue
        label, kind = cell["metadata"]["exercise"], cell["cell_type"]
        item = items[label]
        answer = [one["source"] for one in ours[label] if one["cell_type"] == kind]
        cells.append(
            _graded(
                {**cell, "source": _answer(cell["source"], answer, kind, item.variant, release)},
                solution=True,
                points=item.points if kind == "markdown" else None,
            )
        )
        if item.variant:
            cells.append(_graded(_test_cell(label, item.variant, release), points=item.points))
    for cell in cells:
        if release:
            meta = cell["metadata"]["nbgrader"]
            cell["metadata"]["deletable"] = False
            if not meta["solution"]:
                cell["metadata"]["editable"] = False
            meta |= {"checksum": _checksum(cell), "cell_type": cell["cell_type"]}
    return {**student, "cells": cells}


def _answers(cell: Cell) -> bool:
    """Say whether a cell holds an answer."""
    meta = cell["metadata"]
    return "exercise" in meta and not meta.get("given") and not meta.get("public")


def _answer(blank: str, ours: list[str], kind: str, variant: Variant | None, release: bool) -> str:
    """Return what an answer cell holds: below what is given, our answer between marks."""
    if kind == "markdown":
        return blank if release else "\n\n".join(ours)
    head = [blank] if variant else []
    if release:
        return "\n".join([*head, "# Your answer"])
    return "\n".join([*head, "### BEGIN SOLUTION", *ours, "### END SOLUTION"])


def _test_cell(label: str, variant: Variant, release: bool) -> Cell:
    hidden = [
        "### BEGIN HIDDEN TESTS",
        "from book.course.earned import earned",
        f"earned({label!r}, {dict(variant.parameters)!r}, globals())",
        "### END HIDDEN TESTS",
    ]
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"test-{label}",
        "metadata": {},
        "outputs": [],
        "source": "\n".join(
            ["# What is checked here runs when your answer is marked.", *hidden][
                : 1 if release else None
            ]
        ),
    }


def _graded(
    cell: Cell, *, locked: bool = False, solution: bool = False, points: int | None = None
) -> Cell:
    """Return a cell with nbgrader's metadata, version 3."""
    meta: dict[str, Any] = {
        "schema_version": 3,
        "grade_id": cell["id"],
        "grade": points is not None,
        "locked": locked or (points is not None and not solution),
        "solution": solution,
        "task": False,
    }
    if points is not None:
        meta["points"] = points
    return {**cell, "metadata": {**cell["metadata"], "nbgrader": meta}}


def _checksum(cell: Cell) -> str:
    """Return the checksum by which nbgrader sees that a cell was changed (its own definition)."""
    meta = cell["metadata"]["nbgrader"]
    parts = [cell["source"], cell["cell_type"]]
    parts += [str(meta["grade"]), str(meta["solution"]), str(meta["locked"]), meta["grade_id"]]
    if meta["grade"]:
        parts.append(str(float(meta["points"])))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()
