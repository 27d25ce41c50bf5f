"""Read the exercises of a chapter from its notebooks, as plain CommonMark.

A chapter's exercises stand on its core page and on its companion pages, in the directives
``{exercise}`` and ``{exercise-start}``. What is read here needs no built site: a reference becomes
the title of what it points to, since numbers are known to the site alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from book._tools.command import ROOT

__all__ = [
    "Chapter",
    "Code",
    "Exercise",
    "Part",
    "Text",
    "cells_before_exercises",
    "chapters",
    "points_for",
    "read_chapter",
]

_FENCE = re.compile(r"^([`~:]{3,})[ ]*\{([\w:-]+)\}[ ]*(.*)$")
_ROLE = re.compile(r"\{([\w:-]+)\}(`+)(.+?)\2", re.S)
_OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)$")
_BLOCKS = {"hint", "check"}


@dataclass(frozen=True)
class Text:
    """A piece of prose, in CommonMark with formulas between dollars."""

    source: str


@dataclass(frozen=True)
class Code:
    """A code cell and its tags."""

    source: str
    tags: tuple[str, ...] = ()


Part = Text | Code


@dataclass(frozen=True)
class Exercise:
    """One exercise of the book.

    Attributes
    ----------
    label : str
        Its label, ``"ex-05-by-hand"``.
    chapter : str
        The number of its chapter, ``"05"``.
    page : str
        The name of its page, ``"05_isometric_cross_sections"``.
    core : bool
        Whether it stands on the core page.
    title : str
        Its title.
    level, minutes : int
        How hard it is (1 to 3) and how long it takes.
    kind : str
        The kind of work: paper, proof, code, test or experiment.
    points : int
        What it earns.
    question : tuple of Part
        The question and the code that comes with it, in order.
    hint, check : str
        The hint, and what the reader holds an answer against.
    solution : tuple of Part
        The solution, in order.
    """

    label: str
    chapter: str
    page: str
    core: bool
    title: str
    level: int
    minutes: int
    kind: str
    points: int
    question: tuple[Part, ...]
    hint: str
    check: str
    solution: tuple[Part, ...]


@dataclass(frozen=True)
class Chapter:
    """A chapter: its number, its title without markup of the site, and its exercises."""

    number: str
    title: str
    exercises: tuple[Exercise, ...]


def points_for(minutes: int) -> int:
    """Return what an exercise earns that states no points: a fifth of its minutes, at least 1.

    Examples
    --------
    >>> points_for(2), points_for(10), points_for(25)
    (1, 2, 5)
    """
    return max(1, round(minutes / 5))


def chapters(root: Path = ROOT) -> list[str]:
    """Return the numbers of the chapters, in order."""
    return sorted({path.name[:2] for path in _pages(root) if _is_core(path)})


def read_chapter(number: str, root: Path = ROOT) -> Chapter:
    """Read the exercises of a chapter: those of its core page first.

    Parameters
    ----------
    number : str
        The number of the chapter, two digits.
    root : pathlib.Path
        The repository.

    Raises
    ------
    ValueError
        If there is no such chapter, or if a page holds what cannot be written as CommonMark.
    """
    pages = [path for path in _pages(root) if path.name.startswith(number)]
    if not pages:
        raise ValueError(f"There is no chapter {number!r}; there are {', '.join(chapters(root))}.")
    pages.sort(key=lambda path: (not _is_core(path), path.name))
    title = re.search(r"(?m)^# (.*)$", _prose(_cells(pages[0])))
    return Chapter(
        number=number,
        title=title[1] if title else "",
        exercises=tuple(one for page in pages for one in _exercises(page, root)),
    )


def cells_before_exercises(page: str, root: Path = ROOT) -> list[str]:
    """Return the code cells of a page that stand before its first exercise."""
    found: list[str] = []
    for cell in _cells(root / "chapters" / f"{page}.ipynb"):
        if cell.code:
            found.append(cell.source)
        elif re.search(r"(?m)^[`~:]{3,} *\{exercise", cell.source):
            break
    return found


def _pages(root: Path) -> list[Path]:
    return sorted((root / "chapters").glob("[0-9][0-9]*_*.ipynb"))


def _is_core(path: Path) -> bool:
    return bool(re.match(r"\d\d_", path.name))


class _Cell(NamedTuple):
    """What is read of a cell."""

    code: bool
    source: str
    metadata: Mapping[str, Any]
    outputs: Sequence[Mapping[str, Any]]


def _cells(path: Path) -> tuple[_Cell, ...]:
    return _cells_of(path, path.stat().st_mtime_ns)


@cache
def _cells_of(path: Path, changed: int) -> tuple[_Cell, ...]:
    """Read a notebook, again only if it has changed."""
    return tuple(
        _Cell(c["cell_type"] == "code", "".join(c["source"]), c["metadata"], c.get("outputs", ()))
        for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )


def _prose(cells: Iterable[_Cell]) -> str:
    return "\n\n".join(cell.source for cell in cells if not cell.code)


# ------------------------------------------------------------------ directives


@dataclass
class _Block:
    """A directive: its name, its argument, its options and what is inside."""

    name: str
    argument: str
    options: dict[str, str]
    lines: list[str]


def _pieces(lines: Sequence[str]) -> Iterator[str | _Block]:
    """Yield the lines of a text, and its outermost directives as blocks."""
    rest = iter(lines)
    for line in rest:
        opening = _FENCE.match(line)
        if not opening:
            yield line
            continue
        inside: list[str] = []
        for inner in rest:
            if re.fullmatch(rf"{re.escape(opening[1])}+", inner.rstrip()):
                break
            inside.append(inner)
        else:
            raise ValueError(f"The directive {line!r} does not end.")
        options: dict[str, str] = {}
        while inside and (option := _OPTION.match(inside[0])):
            options[option[1]] = option[2].strip()
            del inside[0]
        yield _Block(opening[2], opening[3].strip(), options, inside)


def _exercises(path: Path, root: Path) -> Iterator[Exercise]:
    """Yield the exercises of a page."""
    cells = _cells(path)
    found: dict[str, _Block] = {}
    question: dict[str, list[str | _Block | Code]] = {}
    solution: dict[str, list[str | _Block | Code]] = {}
    into: list[str | _Block | Code] | None = None
    for cell in cells:
        if cell.code:
            if into is not None:
                into.append(Code(cell.source.rstrip(), tuple(cell.metadata.get("tags", ()))))
            continue
        for piece in _pieces(cell.source.split("\n")):
            name = piece.name if isinstance(piece, _Block) else ""
            if isinstance(piece, _Block) and name in ("exercise", "exercise-start"):
                label = piece.options.get("label", "")
                found[label] = piece
                question[label] = list(_pieces(piece.lines))
                into = question[label] if name == "exercise-start" else None
            elif isinstance(piece, _Block) and name in ("solution", "solution-start"):
                solution[piece.argument] = list(_pieces(piece.lines))
                into = solution[piece.argument] if name == "solution-start" else None
            elif name in ("exercise-end", "solution-end"):
                into = None
            elif into is not None:
                into.append(piece)
        if into is not None:
            into.append("\n")
    for label, block in found.items():
        yield _exercise(block, question[label], solution.get(label, []), path, root, cells)


def _exercise(
    block: _Block,
    question: Sequence[str | _Block | Code],
    solution: Sequence[str | _Block | Code],
    path: Path,
    root: Path,
    cells: Iterable[_Cell],
) -> Exercise:
    label, options, number = block.options.get("label", ""), block.options, path.name[:2]
    plain = _Plain(number, _targets(root), _glued(cells))
    try:
        minutes = int(options["minutes"])
        inside: dict[str, list[str]] = {name: [] for name in _BLOCKS}
        kept: list[str | _Block | Code] = []
        for piece in question:
            if isinstance(piece, _Block) and piece.name in inside:
                inside[piece.name] += piece.lines
            else:
                kept.append(piece)
        return Exercise(
            label=label,
            chapter=number,
            page=path.stem,
            core=_is_core(path),
            title=plain(block.argument),
            level=int(options["level"]),
            minutes=minutes,
            kind=options["kind"],
            points=int(options.get("points", points_for(minutes))),
            question=tuple(plain.parts(kept)),
            hint=plain("\n".join(inside["hint"])),
            check=plain("\n".join(inside["check"])),
            solution=tuple(plain.parts(solution)),
        )
    except KeyError as error:
        raise ValueError(f"{path.name}, {label}: {error} is missing or unknown.") from error
    except ValueError as error:
        raise ValueError(f"{path.name}, {label}: {error}") from error


# ------------------------------------------------------------------ plain text


@dataclass(frozen=True)
class _Target:
    """What a label points to: its words, and the chapter in which it stands, if in one."""

    words: str
    chapter: str


@cache
def _targets(root: Path) -> Mapping[str, _Target]:
    """Return what the labels of all pages point to, and the sources of the bibliography."""
    found: dict[str, _Target] = {}
    for path in _pages(root):
        text, number = _prose(_cells(path)), path.name[:2]
        for label, title in re.findall(r"(?m)^\(([\w-]+)\)=\n+#+ (.*)$", text):
            found[label] = _Target(f"“{title}”", number)
        directive = r"(?m)^[`~:]{3,} *\{(?:prf:)?([\w]+)(?:-start)?\}(.*)\n((?::.*\n)*)"
        for kind, title, options in re.findall(directive, text):
            if label := re.search(r":(?:label|name): *(\S+)", options):
                words = f"“{title.strip()}”" if title.strip() else "of this page"
                found[label[1]] = _Target(f"{kind.capitalize()} {words}", number)
        dollars = re.findall(r"(?s)\$\$([^$]+)\$\$ *\(([\w-]+)\)", text)
        fenced = re.findall(r"(?s)```\{math\}\n:label: (\S+)\n(.*?)```", text)
        for formula, label in [*dollars, *((math, name) for name, math in fenced)]:
            words = " ".join(formula.split()).rstrip(" .,;")
            found[label] = _Target(f"the equation ${words}$", number)
        for cell in _cells(path):
            for label in re.findall(r"(?m)^# ?\| ?label: *(\S+)|:name: (fig-\S+)", cell.source):
                found["".join(label)] = _Target("the figure of this page", number)
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            if figure.get("name"):
                words = str(figure.get("caption", "")).partition(". ")[0].strip().rstrip(".")
                found[figure["name"]] = _Target(f"the figure “{words}”", number)
    bib = (root / "book" / "references.bib").read_text(encoding="utf-8")
    for key, entry in re.findall(r"(?ms)^@\w+\{([^,]+),(.*?)^\}", bib):
        names = re.search(r"author\s*=\s*\{(.*?)\},?\s*$", entry, re.M)
        year = re.search(r"year\s*=\s*\{(\d+)\}", entry)
        authors = [name.split(",")[0] for name in (names[1] if names else "").split(" and ")]
        who = {1: "{0}", 2: "{0} and {1}"}.get(len(authors), "{0} et al.").format(*authors)
        found[key] = _Target(f"{who} ({year[1] if year else 'undated'})", "")
    return found


def _glued(cells: Iterable[_Cell]) -> Mapping[str, float]:
    """Return the numbers that the cells of a page hand to its prose."""
    found = {}
    for cell in cells:
        for output in cell.outputs:
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            for kind, value in output.get("data", {}).items():
                if name and kind.startswith("application/papermill.record/"):
                    found[name] = float(str(value))
    return found


@dataclass(frozen=True)
class _Plain:
    """Writes the text of a page without what only the site understands.

    Attributes
    ----------
    chapter : str
        The chapter for which it is written: others are named.
    targets : mapping
        What labels point to.
    glued : mapping of str to float
        The numbers that the prose takes from cells.
    """

    chapter: str
    targets: Mapping[str, _Target]
    glued: Mapping[str, float]

    def __call__(self, text: str) -> str:
        """Return a text in CommonMark."""
        return _ROLE.sub(self._role, text).strip()

    def _role(self, match: re.Match[str]) -> str:
        role, content = match[1], " ".join(match[3].split())
        if role == "math":
            return f"${content}$"
        if role == "glue:text":
            name, _, spec = content.partition(":")
            return format(self.glued[name], spec)
        words = re.fullmatch(r"(.*?)\s*<([^>]+)>", content)
        if words:
            return words[1]
        if role == "term":
            return content
        if role in ("cite:t", "cite:p"):
            who = self.targets[content].words
            return who if role == "cite:t" else f"[{who.replace(' (', ', ').rstrip(')')}]"
        if role in ("ref", "prf:ref", "numref", "eq"):
            target = self.targets[content]
            far = target.chapter != self.chapter
            return f"{target.words} of chapter {int(target.chapter)}" if far else target.words
        raise ValueError(f"the role {{{role}}} has no form in CommonMark here.")

    def parts(self, pieces: Sequence[str | _Block | Code]) -> Iterator[Part]:
        """Yield prose and code in order."""
        lines: list[str] = []
        for piece in [*pieces, None]:
            if isinstance(piece, str):
                lines.append(piece)
                continue
            if isinstance(piece, _Block):
                lines += self._block(piece)
                continue
            if text := self("\n".join(lines)):
                yield Text(re.sub(r"\n{3,}", "\n\n", text))
            lines = []
            if piece is not None:
                yield piece

    @staticmethod
    def _block(block: _Block) -> list[str]:
        if block.name == "math":
            return [f"$${' '.join(' '.join(block.lines).split())}$$"]
        raise ValueError(f"the directive {{{block.name}}} has no form in CommonMark here.")
