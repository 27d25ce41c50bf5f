"""Read a built page and say what its slides are.

The page is taken as the site shows it, so that numbers, references and figures are resolved. What
stands apart on a page (figures, numbered statements, numbered formulas, tables, the question
before a figure) becomes a slide, and the text between becomes the notes of the slide before it.
Proofs, code, and all of an exercise but its title stay on the page.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag

from book._tools.command import CommandError

__all__ = ["Slide", "read_page"]

QUESTION = "What do you expect"
"""How the question before a figure begins, in bold."""

_PROSE = {"p", "ul", "ol", "dl", "blockquote"}
_TABLE_LINES = 4
"""A printed output of so many lines is a table; a shorter one is shown as an answer only."""

_PLOTLY_LETTERS, _PLOTLY_HEIGHT = 20, 500  # pixels


@dataclass
class Slide:
    """A slide, as markup.

    Attributes
    ----------
    kind : str
        ``title``, ``opening``, ``section``, ``poll``, ``figure``, ``statement``, ``formula``,
        ``table``, ``summary``, ``question`` or ``exercises``.
    where : str
        The section it belongs to.
    heading : str
        Its title; empty where what it shows carries one.
    body : str
        What it shows.
    notes : list of str
        What the page says after it, one element each.
    """

    kind: str
    where: str
    heading: str
    body: str
    notes: list[str] = field(default_factory=list)


def _classes(tag: Tag) -> set[str]:
    return {str(name) for name in tag.get_attribute_list("class")}


def _clean(tag: Tag) -> Tag:
    """Copy an element without its links, its marks for links, and its identifiers.

    A figure keeps its identifiers, by which its parts refer to each other.
    """
    tag = copy.copy(tag)
    for mark in tag.select("a.headerlink"):
        mark.decompose()
    for section in tag.find_all("section"):
        section.name = "div"  # a section in a section would be a slide
    for link in tag.select("a"):
        link.unwrap()
    for inner in [tag, *tag.find_all(id=True)]:
        if inner.find_parent("figure", class_="book-figure") is None and "id" in inner.attrs:
            del inner["id"]
    return tag


def _inside(tag: Tag) -> str:
    return _clean(tag).decode_contents().strip()


def _larger_letters(figure: Tag) -> None:
    """Let a plotly figure be drawn for a slide, its letters and height in the slide's pixels."""
    for data in figure.select(".book-plotly script[type='application/json']"):
        spec = json.loads(data.get_text())
        spec["layout"]["font"] = {**spec["layout"].get("font", {}), "size": _PLOTLY_LETTERS}
        spec["layout"]["height"] = _PLOTLY_HEIGHT
        data.string = json.dumps(spec).replace("</", "<\\/")


class _Reader:
    """Walks down a page and collects its slides."""

    def __init__(self) -> None:
        self.slides: list[Slide] = []
        self.where = ""
        self.answering = False  # between a question and the text after what answers it
        self.listed: Slide | None = None  # the list of exercises, within their section

    def add(self, kind: str, body: str, heading: str = "") -> None:
        self.slides.append(Slide(kind, self.where, heading, body))

    def note(self, element: Tag) -> None:
        self.slides[-1].notes.append(str(_clean(element)))

    def section(self, section: Tag) -> None:
        for child in section.find_all(recursive=False):
            self.element(child)

    def element(self, element: Tag) -> None:
        classes = _classes(element)
        if "quiz" in classes:
            self.quiz(element)
        elif element.name == "section":
            self.section(element)
        elif element.name in ("h1", "h2", "h3"):
            self.heading(element)
        elif element.name in _PROSE:
            self.prose(element)
        elif "exercise" in classes:
            self.exercise(element)
        elif classes & {"solution", "dropdown", "toctree-wrapper"} or element.name == "span":
            return
        elif "proof" in classes:
            if element.select_one(":scope > .admonition-title .caption-number"):  # else a proof
                self.add("statement", str(_clean(element)))
        elif "budget" in classes:
            for child in element.select(":scope > :not(.admonition-title)"):
                self.note(child)
        elif "admonition" in classes:
            self.add("statement", str(_clean(element)))
        elif "math" in classes:
            self.formula(element)
        elif "cell" in classes:
            if self.listed is not None:  # what it prints may answer one
                return
            for output in element.select(".cell_output > *"):
                self.output(output)
        elif element.name == "table" or element.find("table"):
            self.add("table", str(_clean(element)))
        else:
            name = f"<{element.name} class='{' '.join(sorted(classes))}'>"
            raise CommandError(f"a page holds {name}, which no slide can show yet: {__file__}")

    def heading(self, heading: Tag) -> None:
        title = _inside(heading)
        if heading.name == "h1":
            self.add("title", "", title)
            return
        self.where = title
        name = heading.parent.get("id") if heading.parent else None
        self.add(name if name in ("exercises", "summary") else "section", "", title)
        self.listed = self.slides[-1] if name == "exercises" else None

    def prose(self, element: Tag) -> None:
        bold = element.find_all("strong") if element.name == "p" else []
        if any(strong.get_text().startswith(QUESTION) for strong in bold):
            self.add("poll", str(_clean(element)))
            self.answering = True
            return
        self.answering = False
        last = self.slides[-1]
        if last.kind in ("title", "opening") and not last.notes:
            if last.kind == "title":
                self.add("opening", "")
            self.slides[-1].body += str(_clean(element))
        elif last.kind == "summary":
            last.body += str(_clean(element))
        else:
            self.note(element)

    def formula(self, element: Tag) -> None:
        """Show a numbered formula with the paragraph that leads to it; note any other."""
        if not element.select_one(".eqno"):
            self.note(element)
            return
        notes = self.slides[-1].notes
        lead = notes.pop() if notes and notes[-1].startswith("<p") else ""
        self.add("formula", lead + str(_clean(element)))

    def exercise(self, element: Tag) -> None:
        title = element.select_one(":scope > .admonition-title")
        facts = element.select_one(":scope > .exercise-facts")
        if title is None or facts is None:
            raise CommandError("an exercise has no title, or does not say how long it takes.")
        if self.listed is None:
            raise CommandError("an exercise stands outside the section of exercises.")
        self.listed.body += f"<tr><td>{_inside(title)}</td><td>{_inside(facts)}</td></tr>"

    def quiz(self, element: Tag) -> None:
        """Ask each concept question on a slide; what is right, and why, goes to the notes."""
        for form in element.select("form.quiz-question"):
            asked = form.find("legend")
            choices = form.select(".quiz-choice > span")
            if asked is None or not choices:
                raise CommandError("a concept question has no text, or no choices.")
            listed = "".join(f"<li>{_inside(choice)}</li>" for choice in choices)
            body = f'<p>{_inside(asked)}</p><ul class="choices">{listed}</ul>'
            self.add("question", body)
            for reason in element.select(f"[data-question='{form['id']}'] > p"):
                if "quiz-again" not in _classes(reason):
                    self.note(reason)

    def output(self, output: Tag) -> None:
        """Show what a cell has drawn or printed."""
        figure = output.select_one("figure.book-figure")
        caption = output.select_one(":scope > figcaption, :scope caption")
        under = f'<div class="caption">{_inside(caption)}</div>' if caption else ""
        if figure is not None:
            figure = _clean(figure)
            _larger_letters(figure)
            self.add("figure", f'<div class="picture">{figure}</div>{under}')
        elif output.find("table"):
            self.add("table", str(_clean(output)))
        elif "stream" in _classes(output) or "text_plain" in _classes(output):
            lines = output.get_text().strip("\n").split("\n")
            if self.answering or len(lines) >= _TABLE_LINES:
                self.add("table", f"<pre>{_inside(output.find('pre') or output)}</pre>")
        else:
            raise CommandError(f"no slide can show an output {sorted(_classes(output))} yet.")


def read_page(text: str) -> list[Slide]:
    """Return the slides of a built page.

    Parameters
    ----------
    text : str
        The page, as the site has it.

    Returns
    -------
    list of Slide
        From the title to the list of exercises, where the page has any.

    Raises
    ------
    CommandError
        If the page has no article, or something that no slide can show.

    Examples
    --------
    >>> page = "<article><section><h1>Folds</h1><p>Why?</p><section id='a'><h2>Mirrors</h2>"
    >>> page += "<p>They reflect.</p></section></section></article>"
    >>> slides = read_page(page)
    >>> [(slide.kind, slide.heading or slide.body) for slide in slides]
    [('title', 'Folds'), ('opening', '<p>Why?</p>'), ('section', 'Mirrors')]
    >>> slides[-1].notes
    ['<p>They reflect.</p>']
    """
    article = BeautifulSoup(text, "html.parser").find("article")
    top = article.find("section") if article else None
    if top is None:
        raise CommandError("this is no page of the book: it holds no article.")
    reader = _Reader()
    reader.section(top)
    for slide in reader.slides:
        if slide.kind == "exercises":
            slide.body = f"<table><tbody>{slide.body}</tbody></table>"
    return sorted(reader.slides, key=lambda slide: slide.kind == "exercises")
