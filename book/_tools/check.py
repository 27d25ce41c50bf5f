"""Run the unit tests of what changed, the nearest first, as many as fit into two minutes.

``python -m book._tools.check`` compares the working tree with the place where it left the main
branch (or with ``--since``) and finds the test files that are named after a changed file, import
it, directly or not, or mention it. Where they would take too long, the farthest are left out and
named: ``make unit`` runs them all.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path

from book._tools.command import ROOT, CommandError, Option, command
from book._tools.sources import files_of, imported, package_of

WITHIN = ("utils", "book", "tests")
SECONDS = 75.0  # on the clock for the tests: lint takes the rest of two minutes
WORKERS = 2
GUESS = 8.0  # seconds of a file of tests that was never timed
EXAMPLES = ROOT / "tests" / "unit" / "test_docstrings.py"
TIMES = Path("_build") / "test_times.json"  # written by tests/conftest.py


def _git(root: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"git {words[0]} did not work: {done.stderr.strip()}")
    return done.stdout.split("\n")[:-1]


def base(root: Path = ROOT) -> str:
    """Name the commit where the branch left the main one; the last commit where there is none."""
    for main in ("origin/main", "main"):
        try:
            return _git(root, "merge-base", "HEAD", main)[0]
        except CommandError:
            continue
    return "HEAD"


def changed(since: str, root: Path = ROOT) -> list[Path]:
    """List the files that differ from a commit, deleted and untracked ones among them."""
    differ = _git(root, "-c", "core.quotePath=off", "diff", "--name-only", "--no-renames", since)
    differ += _git(root, "-c", "core.quotePath=off", "ls-files", "--others", "--exclude-standard")
    return sorted({root / name for name in differ})


def _reached(path: Path, root: Path) -> set[Path]:
    """Files that a file imports itself, or whose module it names in a text."""
    text = path.read_text(encoding="utf-8")
    try:
        names = imported(text, package_of(path, root), WITHIN)
    except SyntaxError:  # lint has said so
        names = set()
    named = set(re.findall(rf"\b(?:{'|'.join(WITHIN)})(?:\.\w+)+", text))
    return {file for name in names | named for file in files_of(name, root)} - {path}


def _named_after(test: Path, file: Path, root: Path) -> bool:
    """Whether a test bears the name of a file or of a folder that holds it, its room."""
    subject = test.stem.removeprefix("test_")
    parts = file.relative_to(root).with_suffix("").parts[1:]
    return any(subject == part or subject.startswith(f"{part}_") for part in parts)


def _mentions(path: Path, file: Path) -> bool:
    """Whether a test names a file that is no module, or the folder where it lies, in a string."""
    words = {file.name, file.parent.name} - set(WITHIN)
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    strings = (node.value for node in tree if isinstance(node, ast.Constant))
    return any(isinstance(text, str) and words & set(text.split("/")) for text in strings)


def distances(files: Iterable[Path], root: Path = ROOT) -> dict[Path, int]:
    """Find the tests that files concern, and how far away they are.

    Parameters
    ----------
    files : iterable of pathlib.Path
        What changed.
    root : pathlib.Path
        The repository.

    Returns
    -------
    dict of pathlib.Path to int
        By test file: 0 where it changed itself or is named after what changed, 1 where it imports
        or mentions it, and one more for each import between.
    """
    wanted = set(files)
    graph: dict[Path, set[Path]] = {}
    found: dict[Path, int] = {}
    for test in sorted((root / "tests" / "unit").glob("test_*.py")):
        if any(test == file or _named_after(test, file, root) for file in wanted):
            found[test] = 0
            continue
        others = {file for file in wanted if file.suffix != ".py"}
        if any(_mentions(test, file) for file in others):
            found[test] = 1
            continue
        seen, border, distance = {test}, {test}, 0
        while border:
            distance += 1
            for path in border:
                graph.setdefault(path, _reached(path, root))
            border = {file for path in border for file in graph[path]} - seen
            seen |= border
            if border & wanted:
                found[test] = distance
                break
    return found


def chosen(near: Mapping[Path, int], seconds: Mapping[str, float]) -> tuple[list[Path], list[Path]]:
    """Take the nearest tests that fit into the time, at least one; return the others too.

    Examples
    --------
    >>> near = {Path("test_a.py"): 2, Path("test_b.py"): 0, Path("test_c.py"): 1}
    >>> some, others = chosen(near, {"test_a.py": 100, "test_b.py": 70, "test_c.py": 30})
    >>> [path.name for path in some], [path.name for path in others]
    (['test_b.py', 'test_c.py'], ['test_a.py'])
    """
    order = sorted(near, key=lambda test: (near[test], seconds.get(test.name, GUESS), test.name))
    left = SECONDS * WORKERS
    some: list[Path] = []
    others: list[Path] = []
    for test in order:
        cost = seconds.get(test.name, GUESS)
        if some and cost > left:
            others.append(test)
        else:
            some.append(test)
            left -= cost
    return some, others


def examples(files: Iterable[Path], root: Path = ROOT) -> list[str]:
    """Name the tests that run the examples in the docstrings of changed modules."""
    there = [file for file in files if file.suffix == ".py" and file.is_file()]
    names = [file.relative_to(root).with_suffix("").as_posix() for file in there]
    modules = [name for name in names if name.startswith(("utils/", "book/_tools/"))]
    dotted = [
        name.replace("/", ".").removesuffix(".__init__")
        for name in modules
        if not name.endswith("/__main__")  # importing it runs it
    ]
    return [f"{EXAMPLES}::test_the_examples_run[{name}]" for name in dotted]


@command(
    __doc__,
    Option("--since", metavar="COMMIT", help="compare with this commit"),
)
def main(options: Namespace) -> list[str]:
    """Find and run the tests of what changed."""
    since = options.since or base()
    files = changed(since)
    if not files:
        print("Nothing has changed.")
        return []
    near = distances(files)
    times = ROOT / TIMES
    seconds = json.loads(times.read_text(encoding="utf-8")) if times.is_file() else {}
    some, others = chosen({test: near[test] for test in near if test != EXAMPLES}, seconds)
    print(f"{len(files)} files changed; {len(some)} of {len(near)} files of tests")
    if others:
        print(f"left to make unit: {', '.join(test.stem for test in others)}")
    wanted = [*map(str, some), *examples(files)]
    if not wanted:
        return []
    pytest = [sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), "--dist", "loadfile"]
    done = subprocess.run([*pytest, *wanted], cwd=ROOT, check=False)
    return ["a test failed: see above."] if done.returncode else []


if __name__ == "__main__":
    raise SystemExit(main())
