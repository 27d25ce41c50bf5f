"""Pages written as CommonMark: what a resolved page can hold, and what it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

sys.path.append(str(Path(__file__).resolve().parents[2] / "book" / "_ext"))

from commonmark import Cell, Prose, Writer
from runner_notebooks import _link, code_cell


def page(*children: nodes.Node) -> nodes.document:
    document = new_document("page")
    document += list(children)
    return document


def code(index: int) -> nodes.container:
    return nodes.container("", nb_element="cell_code", cell_index=index)


def written(*children: nodes.Node, **numbers: dict[str, tuple[int, ...]]) -> list[Prose | Cell]:
    writer = Writer(numbers=numbers, sections={}, link=lambda address: address)
    return list(writer.pieces(page(*children)))


def paragraph(*parts: str | nodes.Node) -> nodes.paragraph:
    made = nodes.paragraph()
    made += [nodes.Text(part) if isinstance(part, str) else part for part in parts]
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a * b and a_b", r"a \* b and a\_b"),
        ("costs $5", r"costs \$5"),
        ("1. not a list", r"1\. not a list"),
        ("- nor this", r"\- nor this"),
        ("# nor a heading", r"\# nor a heading"),
        ("a<b and c < d", r"a\<b and c < d"),
        ("[2024] stays", "[2024] stays"),
        ("[a](b)", r"[a\](b)"),
        ("&lt; as written", r"\&lt; as written"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_means_itself(text: str, expected: str) -> None:
    assert written(paragraph(text)) == [Prose(expected)]


def test_a_formula_stands_on_one_line_and_carries_its_number() -> None:
    block = nodes.math_block("", "a \\\\\nb & c", ids=["equation-x"])
    assert written(block, displaymath={"equation-x": (5, 3)}) == [
        Prose(r"$$\begin{split}a \\ b & c\end{split} \tag{5.3}$$")
    ]


def test_a_bar_does_not_end_the_cell_of_a_table() -> None:
    entries = [
        nodes.entry("", paragraph(nodes.math("", r"|z| = \|w\|"))),
        nodes.entry("", paragraph("a|b", nodes.literal("", "c"))),
    ]
    head = [nodes.entry("", paragraph("one")), nodes.entry("", paragraph("two"))]
    group = nodes.tgroup(
        "", nodes.thead("", nodes.row("", *head)), nodes.tbody("", nodes.row("", *entries))
    )
    (table,) = written(nodes.table("", group))
    assert isinstance(table, Prose)
    last = table.text.splitlines()[-1]
    assert last == r"| $\vert z\vert  = \Vert w\Vert $ | a\|b`c` |"


def test_a_fold_that_code_breaks_is_folded_piece_by_piece() -> None:
    title = nodes.title("", "Solution ", nodes.math("", "n < 2"))
    fold = nodes.admonition(
        "", title, paragraph("a"), code(4), paragraph("b"), classes=["dropdown"]
    )
    first, cell, last = written(fold)
    assert cell == Cell(4, folded=True)
    assert isinstance(first, Prose)
    assert isinstance(last, Prose)
    assert first.text.startswith("<details>\n<summary><b>Solution $n < 2$</b></summary>\n\na\n\n")
    assert "<b>Solution $n < 2$, continued</b>" in last.text
    assert first.text.endswith("</details>")


def test_a_quotation_that_code_breaks_keeps_its_head_once() -> None:
    note = nodes.note("", paragraph("a"), paragraph("b"), code(1), paragraph("c"))
    assert written(note) == [Prose("> **Note**\n>\n> a\n>\n> b"), Cell(1), Prose("> c")]


def test_an_anchor_is_written_where_something_leads_to_it() -> None:
    link = nodes.reference("", "there", refid="there")
    target = nodes.note("", paragraph("x"), ids=["there", "nobody-asks"])
    (text,) = written(paragraph(link), target)
    assert isinstance(text, Prose)
    assert text.text == '[there](#there)\n\n> <a id="there"></a>**Note**\n>\n> x'


@pytest.mark.parametrize(
    "stranger",
    [
        nodes.doctest_block("", "x"),
        nodes.raw("", "<hr>", format="html"),
        nodes.paragraph("", "", nodes.image(uri="a.png")),
        nodes.enumerated_list("", nodes.list_item(), enumtype="loweralpha"),
    ],
)
def test_what_it_cannot_write_is_refused(stranger: nodes.Element) -> None:
    with pytest.raises(NotImplementedError):
        written(stranger)


SITE = "https://owner.github.io/book/"


@pytest.mark.parametrize(
    ("base", "address", "expected"),
    [
        ("", "#thm", "#thm"),
        ("", "#lost", ""),
        ("", "04_quotients.html#thm-04", "04_quotients.ipynb"),
        ("", "../book/glossary.html#term-orbit", ""),
        (SITE, "#thm", "#thm"),
        (SITE, "04_quotients.html#thm-04", f"{SITE}chapters/04_quotients.html#thm-04"),
        (SITE, "../book/glossary.html#term-orbit", f"{SITE}book/glossary.html#term-orbit"),
        (SITE, "https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
        ("", "https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
    ],
)
def test_where_an_address_leads(base: str, address: str, expected: str) -> None:
    assert _link(base, "chapters/05_sections", {"thm"}, address) == expected


def test_a_cell_loses_what_was_glued_and_nothing_else() -> None:
    glued = {
        "output_type": "display_data",
        "data": {"application/papermill.record/text/plain": "1"},
    }
    printed = {"output_type": "stream", "name": "stdout", "text": "1"}
    cell = {
        "cell_type": "code", "id": "a", "source": "1", "execution_count": 3,
        "metadata": {"tags": ["hide-input"], "mystnb": {"figure": {}}}, "outputs": [glued, printed],
    }  # fmt: skip
    made = code_cell(cell, folded=False)
    assert made["outputs"] == [printed]
    assert made["metadata"] == {
        "tags": ["hide-input"], "cellView": "form", "jupyter": {"source_hidden": True},
    }  # fmt: skip
    assert code_cell(cell, folded=True)["metadata"]["jupyter"] == {
        "source_hidden": True, "outputs_hidden": True,
    }  # fmt: skip
    assert cell["outputs"] == [glued, printed]
