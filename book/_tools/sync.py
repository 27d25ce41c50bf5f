"""Files that repeat a fact of pyproject.toml or of the lock, made from it in one place.

environment.yml repeats the lock, the citation file repeats what pyproject.toml says of the project,
and every chapter begins with the same hidden cell (``first_cell.py``). ``make sync`` writes them,
and a test compares. None of them holds the repository's address, which a fork would have to edit:
see ``book/_ext/repository_address.py``.
"""

from __future__ import annotations

import re
import tomllib
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml

from book._tools.command import ROOT, Option, command, write

PROJECT = "interpreting-equivariant-representations"
COLAB_TAGS = ["remove-cell", "colab"]
FIRST_CELL = Path(__file__).with_name("first_cell.py")
_TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def project(root: Path = ROOT) -> dict:
    """Read the ``[project]`` table.

    Returns
    -------
    dict
        The table of pyproject.toml.
    """
    with (root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def pins(path: Path) -> list[str]:
    """Read the packages off a lock, without their hashes.

    Parameters
    ----------
    path : pathlib.Path
        A file that ``make lock`` wrote.

    Returns
    -------
    list of str
        Lines ``name==version``, with the condition under which it applies, if there is one, as in
        ``pywinpty==3.1.2 ; os_name == 'nt'``.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removesuffix("\\").strip() for line in lines if re.match(r"[A-Za-z0-9]", line)]


def locked(path: Path) -> dict[str, str]:
    """Read the versions off a lock.

    Parameters
    ----------
    path : pathlib.Path
        A file that ``make lock`` wrote, or one that is not there.

    Returns
    -------
    dict
        Version by name, as the file writes them.
    """
    if not path.is_file():
        return {}
    return dict(re.fullmatch(r"([\w.-]+)==(\S+).*", pin).groups() for pin in pins(path))  # type: ignore[union-attr, misc]


def environment(root: Path = ROOT) -> str:
    """Write environment.yml from the readers' lock.

    Returns
    -------
    str
        The file: Python, pip, and under pip the CPU build of torch, the same pins as the lock,
        and the project itself. It has no hashes, because pip then refuses the project itself.
    """
    torch = f"torch=={locked(root / 'requirements-torch.txt')['torch']}"
    wanted = [f"--extra-index-url {_TORCH_CPU_INDEX}", torch, *pins(root / "requirements.txt")]
    content = {
        "name": PROJECT,
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", "pip", {"pip": [*wanted, "-e ."]}],
    }
    head = "# For Binder and conda, made by `make sync` from the locks: do not edit by hand.\n"
    return head + yaml.safe_dump(content, sort_keys=False, width=1000)


def citation(root: Path = ROOT) -> str:
    """Write CITATION.cff.

    Returns
    -------
    str
        The file.
    """
    about = project(root)
    content = {
        "cff-version": "1.2.0",
        "message": "If you use this book, please cite it, and the papers that it teaches.",
        "title": "Interpreting Equivariant Representations: an executable course",
        "type": "software",
        "authors": [{"name": author["name"]} for author in about["authors"]],
        "version": about["version"],
        "license": ["MIT", "CC-BY-4.0"],
        "abstract": about["description"],
        "references": [
            {
                "type": "conference-paper",
                "title": "Interpreting Equivariant Representations",
                "authors": [
                    {"family-names": "Hansen", "given-names": "Andreas Abildtrup"},
                    {"family-names": "Calissano", "given-names": "Anna"},
                    {"family-names": "Feragen", "given-names": "Aasa"},
                ],
                "collection-title": "International Conference on Machine Learning",
                "year": 2024,
                "identifiers": [{"type": "other", "value": "arXiv:2401.12588"}],
            }
        ],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def with_colab_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give a chapter its hidden first cell, or renew it.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The chapter; it is changed in place.

    Returns
    -------
    nbformat.NotebookNode
        The same chapter.
    """
    source = FIRST_CELL.read_text(encoding="utf-8").strip()
    first = notebook.cells[0] if notebook.cells else None
    if first is None or "colab" not in first.metadata.get("tags", []):
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": COLAB_TAGS}, id="colab-cell")
        notebook.cells.insert(0, cell)
    elif first.source != source:
        first.source = source
    return notebook


def _wanted(root: Path) -> Iterator[tuple[Path, str]]:
    yield root / "environment.yml", environment(root)
    yield root / "CITATION.cff", citation(root)
    for path in sorted((root / "chapters").glob("[0-9][0-9]*_*.ipynb")):
        text = path.read_text(encoding="utf-8")
        before = nbformat.reads(text, as_version=4)
        source = [cell.source for cell in before.cells]
        after = with_colab_cell(before)
        changed = [cell.source for cell in after.cells] != source
        yield path, nbformat.writes(after) + "\n" if changed else text


def out_of_step(root: Path = ROOT) -> list[Path]:
    """List the files that differ from what their source says.

    Returns
    -------
    list[pathlib.Path]
        Paths relative to the repository.
    """
    return [
        path.relative_to(root)
        for path, text in _wanted(root)
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def sync(root: Path = ROOT) -> list[Path]:
    """Write every file that is out of step.

    Returns
    -------
    list[pathlib.Path]
        What was written, relative to the repository.
    """
    late = set(out_of_step(root))
    for path, text in _wanted(root):
        if path.relative_to(root) in late:
            write(path, text)
    return sorted(late)


@command(
    __doc__,
    Option("--check", action="store_true", help="write nothing, report"),
)
def main(options: Namespace) -> list[str] | None:
    """Write what is out of step, or report it."""
    if options.check:
        return [f"{path} is out of step: run `make sync`." for path in out_of_step()]
    for path in sync():
        print(f"{path} brought in step")
    return None


if __name__ == "__main__":
    raise SystemExit(main())
