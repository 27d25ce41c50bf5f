"""Begin a chapter: a notebook that passes every check, its place, its claim, its questions.

``python -m book._tools.new_chapter 19 "Title"`` writes a small working chapter of the anatomy that
all have, from the text twin ``chapter.md``; ``make chapter-new N=19 TITLE="Title"`` also executes
it. The author replaces it piece by piece and sees every check pass on the way.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from argparse import Namespace
from pathlib import Path

import jupytext
import nbformat

from book._tools.command import ROOT, CommandError, Option, command, write
from book._tools.outputs import tidy
from book._tools.sync import with_colab_cell

TEMPLATE = Path(__file__).with_name("chapter.md")
QUIZ = Path(__file__).with_name("quiz.yml")
_CLAIM = """\
# {number}
{label}-gain:
  statement: Distance of two random rows over their distance up to a shift, median.
  chapter: {stem}
  low: 1.0
  high: 3.0
  source: this book
  seeds: generator 0
"""


def slug(title: str) -> str:
    """Write a title as a name: lower case, with hyphens.

    Examples
    --------
    >>> slug("Symmetry, relaxed: the détour")
    'symmetry-relaxed-the-detour'
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def notebook(number: str, title: str) -> nbformat.NotebookNode:
    """Make the notebook of a new chapter from the text twin, without outputs."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for token, value in {"number": number, "title": title, "label": slug(title)}.items():
        text = text.replace(f"@{token}@", value)
    made = with_colab_cell(jupytext.reads(text, fmt="md:myst"))
    for place, cell in enumerate(made.cells[1:]):
        cell.id = hashlib.sha256(f"{number}/{place}".encode()).hexdigest()[:8]
    made.nbformat, made.nbformat_minor = 4, 5
    return tidy(made)


def with_entry(contents: str, number: str, stem: str) -> str:
    r"""Put a chapter into the table of contents, behind the last with a smaller number.

    Examples
    --------
    >>> toc = "parts:\n  - chapters:\n      - file: chapters/03_a\n      - file: book/claims\n"
    >>> print(with_entry(toc, "04", "04_b"), end="")
    parts:
      - chapters:
          - file: chapters/03_a
          - file: chapters/04_b
          - file: book/claims
    """
    lines = contents.splitlines(keepends=True)
    found = [re.match(r"( *)- file: chapters/(\d\d)_", line) for line in lines]
    before = [i for i, match in enumerate(found) if match and match.group(2) < number]
    if not before:
        raise CommandError("_toc.yml holds no chapter with a smaller number.")
    place = before[-1]
    indent = found[place].group(1)  # type: ignore[union-attr]
    place += 1
    while place < len(lines) and lines[place].startswith(f"{indent} "):  # its companion pages
        place += 1
    return "".join([*lines[:place], f"{indent}- file: chapters/{stem}\n", *lines[place:]])


def begin(number: str, title: str, root: Path = ROOT) -> Path:
    """Write the notebook, its place in the contents, its claim and its questions.

    Parameters
    ----------
    number : str
        The chapter's number, which no chapter has.
    title : str
        Its title.
    root : pathlib.Path
        The repository.

    Returns
    -------
    pathlib.Path
        The notebook, which is to be executed.
    """
    number, label = number.zfill(2), slug(title)
    if not re.fullmatch(r"\d\d", number) or not label:
        raise CommandError('a chapter has a number of two digits and a title: N=19 TITLE="…".')
    taken = sorted((root / "chapters").glob(f"{number}*_*.ipynb"))
    if taken:
        raise CommandError(f"chapter {number} is there already: {taken[0].name}.")
    stem = f"{number}_{label.replace('-', '_')}"
    contents, ledger = root / "_toc.yml", root / "book" / "claims.yml"
    search = root / "book" / "search.yml"
    claims = ledger.read_text(encoding="utf-8")
    if f"\n{label}-gain:" in claims:
        raise CommandError(f"book/claims.yml has a claim {label}-gain: choose another title.")
    path = root / "chapters" / f"{stem}.ipynb"
    entry = with_entry(contents.read_text(encoding="utf-8"), number, stem)
    write(path, nbformat.writes(notebook(number, title)) + "\n")
    write(contents, entry)
    words = search.read_text(encoding="utf-8").rstrip("\n")
    write(
        search, f"{words}\n  chapters/{stem}: [{json.dumps(title.lower(), ensure_ascii=False)}]\n"
    )
    write(root / "book" / "quizzes" / f"{number}.yml", QUIZ.read_text(encoding="utf-8"))
    write(ledger, claims.rstrip("\n") + "\n" + _CLAIM.format(number=number, label=label, stem=stem))
    return path


@command(
    __doc__,
    Option("number", help="the number of the chapter, such as 19"),
    Option("title", help="its title"),
)
def main(options: Namespace) -> None:
    """Begin a chapter and name what was written."""
    path = begin(options.number, options.title)
    quiz = f"book/quizzes/{path.name[:2]}.yml"
    print(f"chapters/{path.name} and {quiz} written, with lines in _toc.yml, book/claims.yml and")
    print("book/search.yml")


if __name__ == "__main__":
    raise SystemExit(main())
