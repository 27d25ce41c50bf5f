"""Every figure that a chapter stores is seen before the notebook is trusted."""

from __future__ import annotations

import re

import nbformat
import pytest
import untrusted

from book._tools.sources import chapters
from utils.plots import HTMLFigure, show_svg

DOT = '<svg aria-label="A dot in a corner" viewBox="0 0 1 1"><text>a</text></svg>'
ALT = "A figure that is made for a test and shows nothing."
SHOWN = show_svg(DOT, alt=ALT)._repr_mimebundle_()["text/html"]


def blank(markup: str) -> list[str]:
    """Name what is wrong with a figure in a notebook that is not trusted."""
    found = untrusted.seen(markup)
    outside = re.sub(r'<div[^>]* hidden="hidden">.*?(?=</figure>)', "", markup, flags=re.S)
    return [
        *["no picture"] * (not found.pictures),
        *[f"<{tag}> without use" for tag in found.controls],
        *["a drawing that is dropped"] * ("<svg" in outside),
    ]


def figures(path):
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "image/svg+xml" not in data, cell.id
            markup = data.get("text/html", "")
            if re.search(r"<(figure|svg|canvas|img)\b", markup):
                yield cell.id, markup


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_no_stored_figure_is_blank(path):
    problems = {name: found for name, markup in figures(path) if (found := blank(markup))}
    assert problems == {}


def test_chapters_store_figures():
    assert sum(len(list(figures(path))) for path in chapters()) > 100


@pytest.mark.parametrize(
    ("markup", "problem"),
    [
        (f'<figure class="book-figure">{DOT}</figure>', "no picture"),
        (SHOWN.replace("<img", "<img hidden='hidden'"), "no picture"),
        (SHOWN.replace(ALT, ""), "no picture"),
        (SHOWN.replace("data:", "https:"), "no picture"),
        (f"<div hidden='hidden'>{SHOWN}</div>", "no picture"),
        (SHOWN + "<input type='range'>", "<input> without use"),
        (SHOWN + "<div hidden><input></div>", "<input> without use"),
        (SHOWN + DOT, "a drawing that is dropped"),
    ],
)
def test_a_blank_figure_is_found(markup, problem):
    assert problem in blank(markup)


def test_what_is_seen_is_read_as_jupyterlab_reads_it():
    whole = HTMLFigure(f"<figure><p>{DOT} word</p></figure>", ALT)
    assert blank(whole._repr_mimebundle_()["text/html"]) == []
    found = untrusted.seen(
        "<svg><text>kept</text></svg><style>a{}</style><script>b</script><b>bold</b>"
        "<div hidden='hidden'><p>not</p><br>seen</div><select><option>no</option></select> end"
    )
    assert found.words == ["kept", "bold", "end"]
    assert found.controls == ["select"]
