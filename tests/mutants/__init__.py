"""The broken implementations of the chapters, and the tests that catch them.

Most chapters show five broken implementations beside a correct one, a naive test, and in a
solution a test that catches all five. They stand in the cells of the chapter that carry the tags
``mutants`` and ``solution-test``, and only there; :func:`load` fetches them. What is asked of each
chapter stands in :mod:`tests.mutants.frame`, the chapters in :mod:`tests.mutants.chapters`.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"


def load(chapter: str, *, directory: Path = CHAPTERS) -> SimpleNamespace:
    """Run the tagged cells of a chapter, and nothing else of it.

    Parameters
    ----------
    chapter : str
        The number of the chapter, for example ``"02"``.
    directory : pathlib.Path
        The folder with the notebooks.

    Returns
    -------
    types.SimpleNamespace
        The names that the cells define: first those tagged ``mutants``, then those tagged
        ``solution-test``.
    """
    found = sorted(directory.glob(f"{chapter}_*.ipynb"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"There must be one notebook {chapter}_*.ipynb in {directory.name}/, but there are "
            f"{len(found)}."
        )
    notebook = nbformat.read(found[0], as_version=4)
    names: dict[str, Any] = {"__name__": f"mutants_{chapter}"}
    for tag in ("mutants", "solution-test"):
        cells = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
        if not cells:
            raise ValueError(f"{found[0].name} has no cell with the tag '{tag}'.")
        for number, cell in enumerate(cells):
            exec(compile(cell.source, f"{found[0].name}:{tag}:{number}", "exec"), names)
    return SimpleNamespace(**names)
