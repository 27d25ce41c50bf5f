"""The autograder of a chapter for Gradescope: one zip file that brings its own environment.

Gradescope unpacks the file into ``/autograder/source``, runs ``setup.sh`` once and
``run_autograder`` for each submission. ``setup.sh`` makes an environment from the project's lock,
with hashes, on the Python that is named here, and then marks our own solution: if that does not
earn all points, the image is not built. What must not be read by students' code, which runs as
another user, can be read by the administrator alone.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from book._tools.command import ROOT
from book.course.exercises import Chapter

__all__ = ["PYTHON", "RUN", "SETUP", "bundle", "checkpoints_of", "secret"]

PYTHON = "3.11"
"""The Python of the autograder: the one of ``environment.yml``."""

SETUP = f"""\
#!/usr/bin/env bash
# Runs once, when the image of the autograder is built.
set -euo pipefail
base=${{AUTOGRADER:-/autograder}}
cd "$base/source"
# A Python of its own, where the student's process, which is another user, can read it.
fits='import sys, ensurepip, venv; sys.exit(not (3, 11, 5) <= sys.version_info < (3, 12))'
python=$(command -v python{PYTHON} || true)
if [ -z "$python" ] || ! "$python" -c "$fits" 2>/dev/null; then
    command -v pip3 >/dev/null || {{ apt-get update -q; apt-get install -qy python3-pip; }}
    pip3 install --quiet --target "$base/uv" --require-hashes -r requirements-uv.txt
    export UV_PYTHON_INSTALL_DIR="$base/python"
    "$base/uv/bin/uv" python install {PYTHON}
    python=$("$base/uv/bin/uv" python find --managed-python {PYTHON})
fi
"$python" -m book._tools.install --venv "$base/venv"
chmod -R a+rX "$base/source" "$base/venv"
chmod -R go-rwx course chapters book/course
"$base/venv/bin/python" -m book.course.uploaded --base "$base" --own-solution
"""
"""The script ``setup.sh``."""

RUN = """\
#!/usr/bin/env bash
# Runs for each submission.
set -euo pipefail
base=${AUTOGRADER:-/autograder}
cd "$base/source"
exec "$base/venv/bin/python" -m book.course.uploaded --base "$base"
"""
"""The script ``run_autograder``."""

_FILES = (
    *("pyproject.toml", "README.md", "LICENSE", "LICENSE-content", "book/claims.yml"),
    *("requirements.txt", "requirements-torch.txt", "requirements-uv.txt"),
)
_ROOMS = ("book/_tools", "book/course", "book/grade", "utils")
_FAMILY = re.compile(r"[a-z0-9]+-[a-z0-9]+")


def secret(name: str) -> bool:
    """Say whether a file of the bundle is one that students' code must not read."""
    return name.startswith(("course/", "chapters/", "book/course/"))


def checkpoints_of(chapter: str, root: Path = ROOT) -> set[str]:
    """Return the files of trained networks that the tasks of a chapter may load.

    A network belongs to a family, ``rotated-mnist-c8-seed0`` to ``rotated-mnist``; a family is
    taken whole if the chapter's tasks, or what tasks of several chapters share, name it.

    Parameters
    ----------
    chapter : str
        The number of the chapter.
    root : pathlib.Path
        The repository.
    """
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (root / "book" / "course").rglob("*.py")
        if path.parent != root / "book" / "course"
        and (path.stem.startswith(f"chapter{chapter}") or not path.stem.startswith("chapter"))
    )
    found = set()
    for path in (root / "utils" / "checkpoints").glob("*.safetensors"):
        family = _FAMILY.match(path.stem)
        if family and re.search(rf"\b{family[0]}\b", code):
            found.add(path.name)
    return found


def bundle(chapter: Chapter, course: str, solution: str, root: Path = ROOT) -> bytes:
    """Return the zip file of a chapter.

    Parameters
    ----------
    chapter : Chapter
        The chapter.
    course : str
        What ``course.json`` holds; of its chapters this one is kept.
    solution : str
        A notebook with solutions, by which the environment is tried.
    root : pathlib.Path
        The repository.

    Returns
    -------
    bytes
        The same for the same sources.
    """
    whole = json.loads(course)
    whole["chapters"] = {chapter.number: whole["chapters"][chapter.number]}
    own = {
        "setup.sh": SETUP.encode(),
        "run_autograder": RUN.encode(),
        "course/course.json": (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode(),
        "course/solution.ipynb": solution.encode(),
    }
    wanted = checkpoints_of(chapter.number, root)
    for name, content in _files(root):
        path = Path(name)
        if path.suffix != ".safetensors" or path.name in wanted:
            own[name] = content
    for page in dict.fromkeys(one.page for one in chapter.exercises):
        own[f"chapters/{page}.ipynb"] = _without_outputs(root / "chapters" / f"{page}.ipynb")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(own):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            runs = name in ("setup.sh", "run_autograder")
            entry.external_attr = (0o755 if runs else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, own[name])
    return stream.getvalue()


@cache
def _files(root: Path) -> tuple[tuple[str, bytes], ...]:
    """Return what every bundle holds, and all checkpoints."""
    return tuple(_read(root))


def _read(root: Path) -> Iterator[tuple[str, bytes]]:
    for name in _FILES:
        yield name, (root / name).read_bytes()
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path.relative_to(root).as_posix(), path.read_bytes()


def _without_outputs(path: Path) -> bytes:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
