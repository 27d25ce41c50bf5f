"""Lay out the runner notebooks in ``notebooks/``, where readers open, run and change them.

The site's build writes them (``book/_ext/runner_notebooks.py``); this command copies them from
there. A copy in which a reader has worked is never written over: the new text goes beside it, to
``NN_name.new.ipynb``. The file ``.made.json`` of the folder tells one kind from the other.
``--fresh`` copies nothing and asks whether everything stands there as the sources would make it.
"""

from __future__ import annotations

import hashlib
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from book._tools.command import ROOT, CommandError, Option, command, title
from book._tools.made import Made

__all__ = ["FOLDER", "lay_out", "main", "sources_key"]

FOLDER = "notebooks"
BUILT = Path("_build/html") / FOLDER
_SOURCES = ("_toc.yml", "_config.yml", "chapters/*.ipynb", "book/**/*")
_TEXT = {".ipynb", ".md", ".py", ".yml", ".bib", ".html", ".css", ".js"}


def sources_key(root: Path = ROOT) -> str:
    """Return a digest of everything that the text of a runner notebook may depend on."""
    digest = hashlib.sha256()
    paths = {path for pattern in _SOURCES for path in root.glob(pattern)}
    for path in sorted(path for path in paths if path.is_file() and path.suffix in _TEXT):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_fresh(root: Path = ROOT) -> bool:
    """Say whether ``notebooks/`` holds what the sources would make, but for readers' changes."""
    names = [path.name for path in (root / "chapters").glob("[0-9]*.ipynb")]
    there = all((root / FOLDER / name).is_file() for name in names)
    return there and Made(root / FOLDER).sources == sources_key(root)


def lay_out(root: Path = ROOT) -> Iterator[str]:
    """Copy the built runner notebooks, and yield a sentence for each that a reader has changed.

    Parameters
    ----------
    root : pathlib.Path
        The repository.

    Raises
    ------
    CommandError
        If the site has not been built.
    """
    built = sorted((root / BUILT).glob("*.ipynb"))
    if not built:
        raise CommandError(f"{BUILT} holds no notebook: call `make notebooks`, which builds them.")
    with Made(root / FOLDER) as made:
        for path in built:
            made.put(path.name, path.read_text(encoding="utf-8"))
        made.sources = sources_key(root)
    yield from (f"{FOLDER}/{name} holds your work and stays as it is." for name in made.kept)


@command(__doc__, Option("--fresh", action="store_true", help="say whether nothing is to be done"))
def main(options: Namespace) -> Iterable[object]:
    """Copy the notebooks, or ask whether they are fresh."""
    if options.fresh:
        return [] if is_fresh() else [f"{FOLDER}/ is not what the sources would make"]
    title(f"laying out the notebooks in {FOLDER}/")
    for sentence in lay_out():
        print(sentence)
    return []


if __name__ == "__main__":
    sys.exit(main())
