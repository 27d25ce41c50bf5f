"""Mark what was handed in on Gradescope: find the notebook, say whose it is, call the grader.

Whose numbers count is decided by who has uploaded, not by what the notebook says of itself: a
notebook with another student's numbers is marked by one's own. Of a group, the member counts whom
the notebook names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from book._tools.command import CommandError, Option, command, write

__all__ = ["RefusedError", "addressed", "main", "owner"]


class RefusedError(ValueError):
    """What was handed in cannot be marked; the message is for the student."""


def owner(roster: Mapping[str, str], uploaders: Sequence[Mapping[str, Any]], claimed: str) -> str:
    """Return the id of the student whose numbers count.

    Parameters
    ----------
    roster : mapping of str to str
        Names by id; empty where all have the same numbers.
    uploaders : sequence of mapping
        What Gradescope knows of those who have uploaded: ``email``, ``sid``, ``id``, ``name``.
    claimed : str
        The id that the notebook holds.

    Raises
    ------
    RefusedError
        If none of them is in the roster.

    Examples
    --------
    >>> owner({"ada": "Ada Lovelace"}, [{"email": "Ada@uni.example"}], "emmy")
    'ada'
    """
    if not roster:
        return ""
    known = {student.casefold(): student for student in roster}
    found = []
    for one in uploaders:
        email = str(one.get("email") or "")
        names = [str(one.get("sid") or ""), email, email.partition("@")[0]]
        found += [known[name.casefold()] for name in names if name.casefold() in known][:1]
    if claimed in found:
        return claimed
    if not found:
        raise RefusedError(
            "The roster of this course has nobody with your address or student number; "
            "ask those who teach it to add you."
        )
    return found[0]


def addressed(notebook: str, course: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """Return a notebook with the chapter and the student for which it is marked.

    Parameters
    ----------
    notebook : str
        What was handed in.
    course : mapping
        What ``course.json`` holds, with one chapter.
    metadata : mapping
        What Gradescope says of the submission.

    Raises
    ------
    RefusedError
        If it is no notebook, belongs to another chapter, or its owner is unknown.
    """
    try:
        content = json.loads(notebook)
        said = content["metadata"].get("course", {})
        claimed, chapter = str(said.get("student", "")), said.get("chapter")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError("The file is not a Jupyter notebook: save it once more.") from error
    (number,) = course["chapters"]
    if chapter != number:
        raise RefusedError(
            f"This is not the notebook of chapter {int(number)} that was handed out: answer in "
            f"the file {number}.ipynb that you were given."
        )
    student = owner(course["students"], metadata.get("users", []), claimed)
    content["metadata"]["course"] = {"chapter": number, "student": student}
    return json.dumps(content, ensure_ascii=False)


def _only_notebook(folder: Path) -> Path:
    found = sorted(
        path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in str(path)
    )
    if len(found) != 1:
        raise RefusedError(f"Hand in one notebook; there are {len(found)}.")
    return found[0]


def _grade(notebook: str, course: Path, results: Path) -> None:
    """Call the grader in a process of its own; it has done its work when the results are there."""
    results.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        submission = Path(folder) / "submission.ipynb"
        submission.write_text(notebook, encoding="utf-8")
        words = ["--course", str(course), "--gradescope", str(results)]
        words += ["--out", str(Path(folder) / "results.csv")]
        subprocess.run([sys.executable, "-m", "book.grade", str(submission), *words], check=False)
    if not results.is_file():
        raise CommandError("the grader did not come to an end: this is not the student's fault.")


def _own_solution(base: Path, course: Path) -> list[str]:
    """Mark our own solution, and say what it does not earn."""
    notebook = (course / "solution.ipynb").read_text(encoding="utf-8")
    known = json.loads((course / "course.json").read_text(encoding="utf-8"))
    (chapter,) = known["chapters"].values()
    wanted = sum(e["points"] for e in chapter["exercises"] if e["marking"] == "auto")
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        _grade(notebook, course, results)
        found = json.loads(results.read_text(encoding="utf-8"))
    earned = found.get("score", sum(test.get("score", 0) for test in found.get("tests", [])))
    if earned != wanted:
        return [f"our own solution earns {earned} of {wanted} points in this environment."]
    print(f"Our own solution earns all of its {wanted} points here.")
    return []


@command(
    __doc__,
    Option("--base", type=Path, required=True, help="the folder of the autograder"),
    Option("--own-solution", action="store_true", help="mark our own solution instead"),
)
def main(options: Namespace) -> Iterable[object]:
    """Mark one submission."""
    base, course = options.base, options.base / "source" / "course"
    if options.own_solution:
        return _own_solution(base, course)
    results = base / "results" / "results.json"
    try:
        path = _only_notebook(base / "submission")
        known = json.loads((course / "course.json").read_text(encoding="utf-8"))
        said = base / "submission_metadata.json"
        metadata = json.loads(said.read_text(encoding="utf-8")) if said.is_file() else {}
        notebook = addressed(path.read_text(encoding="utf-8", errors="replace"), known, metadata)
    except RefusedError as error:
        write(results, json.dumps({"score": 0, "output": str(error)}, indent=1) + "\n")
        return []
    _grade(notebook, course, results)
    return []


if __name__ == "__main__":
    sys.exit(main())
