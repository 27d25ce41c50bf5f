"""The same run is stored as the same bytes, whatever was drawn at random on the way."""

from __future__ import annotations

import nbformat
import pytest

from book._tools.execute import execute
from book._tools.outputs import last_states, tidy
from book._tools.sources import chapters

PLOTLY = '<div id="{0}"></div><script>Plotly.newPlot("{0}", []);</script>'
STYLER = '<style>#T_{0}_row0 {{}}</style><table id="T_{0}"><td id="T_{0}_row0" class="data">'
SVG = (
    '<svg><metadata><dc:date>{1}</dc:date></metadata><defs><path id="{0}a"/><clipPath id="{0}b"/>'
    '</defs><use xlink:href="#{0}a"/><g clip-path="url(#{0}b)"><text>{2}</text></g></svg>'
)


def output(**data: str) -> nbformat.NotebookNode:
    kinds = {"plain": "text/plain", "html": "text/html", "svg": "image/svg+xml"}
    kinds["widget"] = "application/vnd.jupyter.widget-view+json"
    bundle = {kinds[name]: value for name, value in data.items()}
    return nbformat.v4.new_output("display_data", data=bundle)


def stored(*outputs: nbformat.NotebookNode) -> str:
    """What is written of a notebook with these outputs, two cells of the same."""
    cells = [
        nbformat.v4.new_code_cell("pass", id=name, outputs=[one.copy() for one in outputs])
        for name in ("first", "second")
    ]
    cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00.000000Z"}
    return nbformat.writes(tidy(nbformat.from_dict(nbformat.v4.new_notebook(cells=cells))))


def uuid(digit: str) -> str:
    return "-".join(digit * count for count in (8, 4, 4, 4, 12))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (output(plain="<Net at 0x7f12ab34cd>"), output(plain="<Net at 0x55aa00bb11>")),
        (output(html=PLOTLY.format(uuid("a"))), output(html=PLOTLY.format(uuid("b")))),
        (output(html=STYLER.format("0a1b2")), output(html=STYLER.format("ffff0"))),
        (output(svg=SVG.format("m1", "today", "m1a")), output(svg=SVG.format("p2", "now", "m1a"))),
        (
            nbformat.v4.new_output("stream", text=" 3%| \r100%|\ndone 0x7f12ab34cd\n"),
            nbformat.v4.new_output("stream", text="100%|\ndone 0x55aa00bb11\n"),
        ),
        (
            nbformat.v4.new_output("error", ename="E", evalue="at 0x7f12ab34cd", traceback=[]),
            nbformat.v4.new_output("error", ename="E", evalue="at 0x55aa00bb11", traceback=[]),
        ),
        (output(widget='{"model_id": "1"}', plain="50%"), output(widget="{}", plain="50%")),
    ],
    ids=["address", "plotly", "styler", "svg", "progress", "error", "widget"],
)
def test_what_is_drawn_at_random_does_not_reach_the_file(one, other):
    assert one != other
    assert stored(one) == stored(other)


def test_what_a_reader_sees_is_kept():
    assert "m1a</text>" in stored(output(svg=SVG.format("m1", "today", "m1a")))
    assert stored(output(plain="0x1f")) != stored(output(plain="0x2f"))
    assert stored(output(html="<b>1</b>")) != stored(output(html="<b>2</b>"))
    deed = "deadbeef-1234"
    assert deed in stored(output(html=deed))
    assert stored(output(svg="<svg/>")) != stored(output(svg="<svg><g/></svg>"))


@pytest.mark.parametrize("kind", ["plotly", "svg"])
def test_identifiers_differ_on_one_page_and_are_referred_to_as_before(kind):
    text = PLOTLY.format(uuid("a")) if kind == "plotly" else SVG.format("m1", "today", "x")
    twice = output(**{"html" if kind == "plotly" else "svg": text})
    notebook = nbformat.reads(stored(twice, twice), as_version=4)
    bodies = [next(iter(out.data.values())) for cell in notebook.cells for out in cell.outputs]
    assert len(set(bodies)) == len(bodies) == 4
    for body in bodies:
        names = {part.split('"')[0] for part in body.split(' id="')[1:]}
        assert names
        assert all(body.count(name) >= 2 for name in names)


def test_a_progress_bar_leaves_its_last_state():
    assert last_states("a\r\nb\rc\n") == "a\nc\n"
    assert last_states("1%\r2%\r") == "2%"


def test_a_second_execution_changes_no_byte(tmp_path, monkeypatch):
    source = [
        "object()",
        "import sys\nfor i in range(9):\n    sys.stdout.write(f'\\r{i}')\nprint()",
        "import matplotlib.pyplot as plt\nfrom utils.plots import show, use_style\nuse_style()\n"
        "fig, axis = plt.subplots()\naxis.plot([0, 1])\naxis.set_title('title')\n"
        "show(fig, alt='A line that rises from nought to one.')",
        "from IPython.display import SVG\nimport io\nplt.rcParams['svg.hashsalt'] = None\n"
        "plt.plot([0, 1], clip_on=True)\nplt.gca().fill_between([0, 1], 1, hatch='/')\n"
        "text = io.StringIO()\nplt.savefig(text, format='svg')\nplt.close()\nSVG(text.getvalue())",
    ]
    cells = [nbformat.v4.new_code_cell(one, id=f"c{i}") for i, one in enumerate(source)]
    path = tmp_path / "01_a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    texts = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        notebook, _, _ = execute(path, machine_speed=lambda: 1.0)
        texts.append(nbformat.writes(notebook))
    assert texts[0] == texts[1]
    assert (texts[0].count("<svg"), texts[0].count("<img")) == (1, 1)
    assert '"8\\n"' in texts[0]


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_chapter_is_stored_so(path):
    text = path.read_text(encoding="utf-8")
    assert nbformat.writes(tidy(nbformat.reads(text, as_version=4))) + "\n" == text
