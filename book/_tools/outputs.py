"""Outputs as they are stored: the same run gives the same bytes, so that notebooks diff well.

Figures shown with :func:`utils.plots.show` and those that move carry identifiers made from what
they draw. What other outputs hold that changes from run to run and tells a reader nothing is made
stable or left out here: times of execution, identifiers drawn at random, addresses in memory,
dates inside drawings, the states of a progress bar before its last.
"""

from __future__ import annotations

import hashlib
import re

from nbformat import NotebookNode

_KEPT_METADATA = ("kernelspec", "language_info")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_PLOTLY = re.compile(r"\b(?P<name>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_PANDAS = re.compile(r"\b(?P<name>T_[0-9a-f]{5})(?=[_\" ])")
_SVG = re.compile(r"(?:(?<![\w-])id=\"|href=\"#|url\(#)(?P<name>[^\")]+)")
_SVG_DATE = re.compile(r"\s*<dc:date>.*?</dc:date>", re.S)
_WIDGETS = "application/vnd.jupyter.widget"


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Make an executed notebook what is stored of it.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook; it is changed in place.

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    notebook.metadata = NotebookNode(
        {key: value for key, value in notebook.metadata.items() if key in _KEPT_METADATA}
    )
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _merge_streams(cell.outputs)
            for number, output in enumerate(cell.outputs):
                _make_stable(output, place=f"{cell.get('id')}/{number}")
    return notebook


def _merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream, which arrive cut at arbitrary places."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _make_stable(output: NotebookNode, place: str) -> None:
    """Change one output in place; ``place`` is another for every output of a notebook."""
    if output.output_type == "stream":
        output.text = _without_addresses(last_states(output.text))
    elif output.output_type == "error":
        output.evalue = _without_addresses(output.evalue)
        output.traceback = [_without_addresses(line) for line in output.traceback]
    data = output.get("data", {})
    for kind in list(data):
        if kind.startswith(_WIDGETS):  # refers to a kernel that has ended; text stands beside it
            del data[kind]
        elif kind == "text/plain":
            data[kind] = _without_addresses(data[kind])
        elif kind == "text/html":
            for drawn in (_PLOTLY, _PANDAS):
                data[kind] = _with_names(data[kind], drawn, place)
        elif kind == "image/svg+xml":
            data[kind] = _with_names(_SVG_DATE.sub("", data[kind]), _SVG, place)


def _without_addresses(text: str) -> str:
    """Write every address in memory as the comparison of notebooks does."""
    return _ADDRESS.sub("0xADDRESS", text)


def last_states(text: str) -> str:
    r"""Show a text as a terminal leaves it after the carriage returns of a progress bar.

    Examples
    --------
    >>> last_states("start\n 10%\r 55%\r100%\nend\r\n")
    'start\n100%\nend\n'
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def _with_names(text: str, drawn: re.Pattern[str], place: str) -> str:
    """Make identifiers, drawn at random, of the text around them and its place in the notebook."""
    numbers: dict[str, str] = {}
    for match in drawn.finditer(text):
        numbers.setdefault(match["name"], str(len(numbers)))

    def named(prefix: str) -> str:
        return drawn.sub(
            lambda match: match.group().replace(match["name"], prefix + numbers[match["name"]]),
            text,
        )

    digest = hashlib.sha256(f"{place}\0{named('')}".encode()).hexdigest()[:8]
    return named(f"i{digest}-")
