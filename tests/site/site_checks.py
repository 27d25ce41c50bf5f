"""What a built page must satisfy, as functions that return a list of problems.

Each returns an empty list for a sound page. ``test_checks.py`` hands every one of them a page
that is broken on purpose, so that none of them can pass by default.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

OUTSIDE = re.compile(r"^(?:https?:)?//")
FILE_NAME = re.compile(r"\.(?:png|jpe?g|svg|gif|webp)$", re.IGNORECASE)
GLUE_PREFIX = "application/papermill.record/"


@dataclass
class Document(HTMLParser):
    """The targets and references of one HTML file."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "name" in given:
            self.ids.add(given["name"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") not in ("canonical", "alternate"):
            self.files.append(given.get("href", ""))
        if tag in ("script", "img", "source", "iframe", "audio", "video") and given.get("src"):
            self.files.append(given["src"])


def parse(path: Path) -> Document:
    """Read one HTML file."""
    document = Document()
    document.feed(path.read_text(encoding="utf-8"))
    return document


def broken_links(site: Path) -> list[str]:
    """Find links and files that lead nowhere inside the site, and files from outside it."""
    pages = (p for p in sorted(site.rglob("*.html")) if p.relative_to(site).parts[0] != "_static")
    documents = {path.resolve(): parse(path) for path in pages}
    problems = []
    for path, document in documents.items():
        page = path.relative_to(site.resolve()).as_posix()
        for reference in document.files:
            if OUTSIDE.match(reference):
                problems.append(f"{page}: asks for the outside file {reference}")
        for reference in [*document.links, *document.files]:
            parts = urlsplit(reference)
            if parts.scheme or OUTSIDE.match(reference):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file():
                problems.append(f"{page}: {reference} does not exist")
            elif (
                parts.fragment
                and target in documents
                and unquote(parts.fragment) not in documents[target].ids
            ):
                problems.append(f"{page}: {reference} has no such anchor")
    return problems


IMAGES = """() => {
  // A plot of plotly's is many drawings under the one text of the figure around them.
  const inside = (e) => e.closest("button, mjx-container") !== null
    || e.closest("figure[aria-label] .book-plot, #js-plotly-tester") !== null;
  const pictures = [...document.querySelectorAll("img, svg, canvas, [role=img]")];
  return pictures.filter((e) => !inside(e) && !e.parentElement.closest("svg")).map((e) => ({
    tag: e.tagName.toLowerCase(),
    text: e.tagName === "IMG" ? e.getAttribute("alt") : (e.getAttribute("aria-label")
      || (e.querySelector(":scope > title") || {}).textContent || null),
    role: e.getAttribute("role"),
    hidden: e.getAttribute("aria-hidden") === "true",
    source: e.getAttribute("src") || "",
    linked: Boolean(e.closest("a") && e.closest("a").textContent.trim()),
  }));
}"""


def bad_images(images: list[dict[str, Any]]) -> list[str]:
    """Find pictures without a text of their own among what ``IMAGES`` returned."""
    problems = []
    texts: Counter[str] = Counter()
    for image in images:
        name = f"<{image['tag']}> {image['source']}".strip()
        text = image["text"]
        if image["hidden"] or (text == "" and image["linked"]):
            continue  # decoration beside a text that says it
        if text is None or not text.strip():
            problems.append(f"{name} has no alternative text")
            continue
        text = " ".join(text.split())
        if FILE_NAME.search(text) or text in image["source"]:
            problems.append(f"{name} has its file name for an alternative text: {text}")
        elif len(text) < 8:
            problems.append(f"{name} has too short an alternative text: {text}")
        if image["tag"] == "svg" and image["role"] != "img":
            problems.append(f"{name} lacks role=img: {text}")
        texts[text] += 1
    problems += [f"{n} pictures share the text {text!r}" for text, n in texts.items() if n > 1]
    return problems


FORMULAS = """() => ({
  written: document.querySelectorAll("span.math, div.math, .amsmath").length,
  set: document.querySelectorAll("mjx-container").length,
  errors: [...document.querySelectorAll("mjx-merror")].map(
    (e) => e.getAttribute("data-mjx-error") || e.textContent),
})"""


def bad_formulas(formulas: dict[str, Any]) -> list[str]:
    """Find formulas that are not typeset among what ``FORMULAS`` returned."""
    problems = [f"formula with an error: {error}" for error in formulas["errors"]]
    if formulas["set"] < formulas["written"]:
        problems.append(f"{formulas['set']} of {formulas['written']} formulas are typeset")
    return problems


CLIPPED = """() => [...document.querySelectorAll("span.math mjx-container")].filter((set) => {
  if (!set.checkVisibility()) return false;
  const [inner, outer] = [set.getBoundingClientRect(), set.parentElement.getBoundingClientRect()];
  const scrolls = ["auto", "scroll"].includes(getComputedStyle(set.parentElement).overflowX);
  const column = set.parentElement.parentElement.closest("p, li, dd, td, div");
  const edge = column.getBoundingClientRect().right;
  return !scrolls && (inner.right > edge + 1 || inner.width > outer.width + 1);
}).map((set) => set.textContent.slice(0, 60))"""
"""Returns the formulas in a line whose end cannot be seen, nor reached by scrolling."""


SMALL = """() => [...document.querySelectorAll("figure.book-figure > svg")].filter((svg) => {
  const box = svg.getBoundingClientRect();
  return svg.checkVisibility() && box.width > 1
    && box.width < parseFloat(getComputedStyle(svg).getPropertyValue("--least") || "0") - 1;
}).length"""
"""Returns how many figures, or columns of them, are shown with letters under nine pixels."""


WIDE = """() => {
  const folds = [...document.querySelectorAll("details:not(.hide):not([open])")];
  const boxes = [...document.querySelectorAll(".toggle-hidden")];
  folds.forEach((fold) => { fold.open = true; });
  boxes.forEach((box) => box.classList.remove("toggle-hidden"));
  const wide = [...document.querySelectorAll("pre")].filter(
    (pre) => !pre.closest("details.hide") && pre.scrollWidth > pre.clientWidth);
  const found = wide.map((pre) => ({
    output: pre.closest(".cell_output") !== null,
    over: pre.scrollWidth - pre.clientWidth,
    text: pre.textContent.trim().split("\\n")[0].slice(0, 60),
  }));
  boxes.forEach((box) => box.classList.add("toggle-hidden"));
  folds.forEach((fold) => { fold.open = false; });
  return found;
}"""
"""Returns the blocks that scroll sideways, in solutions too, but not in the fold of the set-up."""


def bad_widths(wide: list[dict[str, Any]], tables: int = 0) -> list[str]:
    """Find blocks that scroll among what ``WIDE`` returned, but for so many printed tables."""
    printed = [one for one in wide if one["output"]]
    code = [one for one in wide if not one["output"]]
    return [
        f"a block scrolls by {one['over']} pixels: {one['text']}"
        for one in [*code, *(printed if len(printed) > tables else [])]
    ]


def shown_outputs(notebook: Path) -> int:
    """Count the code cells of a notebook whose outputs a page should show."""
    count = 0
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        tags = set(cell.get("metadata", {}).get("tags", []))
        if cell["cell_type"] != "code" or tags & {"remove-cell", "remove-output"}:
            continue
        count += any(
            not all(kind.startswith(GLUE_PREFIX) for kind in output.get("data", {"stream": 0}))
            for output in cell.get("outputs", [])
        )
    return count


def bad_outputs(shown: int, tracebacks: int, expected: int) -> list[str]:
    """Compare the outputs on a page with those of its notebook."""
    problems = []
    if expected == 0:
        problems.append("the notebook has no stored output")
    if shown != expected:
        problems.append(f"the page shows the outputs of {shown} cells, the notebook has {expected}")
    if tracebacks:
        problems.append(f"the page shows {tracebacks} tracebacks")
    return problems


def violations(axe: dict[str, Any]) -> list[str]:
    """Write axe's violations as one line each."""
    return [
        f"{found['id']}: {found['help']} — {node['html'][:160]}"
        for found in axe["violations"]
        for node in found["nodes"]
    ]
