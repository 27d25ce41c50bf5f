"""Lead from a function to the chapters that import it, and from the import to the function.

The import statements of the chapters are read, so that nobody keeps a list. On a page of the API
reference, each class and function says in which chapters it is used; where a repository on GitHub
is known, the line also leads to the file and line there. On a chapter's page, each name in ``from
utils.quotient import align`` leads to its entry, once the code is coloured: the chapter, its runner
notebook and what the copy button copies stay as they are.
"""

from __future__ import annotations

import ast
import html
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from api_reference import defining_name
from chapter_numbers import CHAPTER
from docutils import nodes
from executed_outputs import shown_notebook
from repository_address import find_repository
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer

PACKAGE = "utils"
PAGES = "book/api/"
_LABEL = re.compile(r"chapters/0*(\d+[a-z]?)_")
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
_GAP = r'(?:<span class="w">)?\s+(?:</span>)?'
_STATEMENT = re.compile(
    rf'(<span class="kn">from</span>{_GAP}<span class="nn">({PACKAGE}(?:\.\w+)*)</span>{_GAP}'
    rf'<span class="kn">import</span>)((?:\s*<span class="p">\(</span>.*?\)</span>)|[^\n]*)',
    re.DOTALL,
)
_NAME = re.compile(rf'(<span class="k">as</span>{_GAP})?(<span class="n\w?">(\w+)</span>)')


def imported_names(source: str) -> set[str]:
    r"""Return what a piece of code takes from the package ``utils``, under the names it asks for.

    Parameters
    ----------
    source
        Python code; lines with commands of IPython are passed over.

    Returns
    -------
    set of str
        Dotted names. Of a module, also what the code takes from it by a dot.

    Raises
    ------
    SyntaxError
        If it is no Python code.

    Examples
    --------
    >>> sorted(imported_names("from utils.groups import cyclic as c, orbit"))
    ['utils.groups.cyclic', 'utils.groups.orbit']
    >>> sorted(imported_names("from utils import probes\nprobes.nmi(a, b)"))
    ['utils.probes', 'utils.probes.nmi']
    """
    tree = ast.parse(_MAGIC.sub("", source))
    names: set[str] = set()
    short: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            for alias in node.names:
                names.add(f"{node.module}.{alias.name}")
                short[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            short |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = short.get(node.value.id, "")
            if module.split(".")[0] == PACKAGE:
                names.add(f"{module}.{node.attr}")
    return names


def chapter_names(notebook: Path) -> set[str]:
    """Return what the code cells of a notebook take from ``utils``.

    Raises
    ------
    ExtensionError
        If a cell is no Python code.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    try:
        return imported_names(source)
    except SyntaxError as error:
        raise ExtensionError(f"{notebook.name}: the code cells are no Python: {error}") from error


def find_entry(
    objects: Mapping[str, ObjectEntry], name: str
) -> tuple[str, ObjectEntry] | tuple[None, None]:
    """Find where a name is documented: as it is, where it is defined, or inside its package.

    Parameters
    ----------
    objects
        What Sphinx knows of the Python domain.
    name
        A dotted name, for example ``utils.quotient.align``.

    Returns
    -------
    tuple of str and ObjectEntry
        The full name, ``utils.quotient.alignment.align``, and its entry; two ``None`` where
        there is none.
    """
    package, _, last = name.rpartition(".")
    for full in (name, defining_name(name)):
        if full in objects:
            return full, objects[full]
    # A constant does not know its module.
    inside = [n for n in objects if n.startswith(f"{package}.") and n.rpartition(".")[2] == last]
    return (inside[0], objects[inside[0]]) if len(inside) == 1 else (None, None)


def _objects(env: BuildEnvironment) -> dict[str, ObjectEntry]:
    """Return the documented objects of the book's own package."""
    known: dict[str, ObjectEntry] = env.domaindata["py"]["objects"]
    return {n: e for n, e in known.items() if e.docname.startswith(PAGES) and not e.aliased}


def uses(app: Sphinx) -> dict[str, list[str]]:
    """Return the chapters, in order, that take each documented name."""
    objects = _objects(app.env)
    found: dict[str, dict[str, None]] = {}
    for docname in sorted(n for n in app.env.found_docs if CHAPTER.match(n)):
        if str(app.env.doc2path(docname)).endswith(".ipynb"):
            for name in chapter_names(shown_notebook(app, docname)):
                full, _ = find_entry(objects, name)
                if full is not None:
                    found.setdefault(full, {})[docname] = None
    return {full: list(chapters) for full, chapters in found.items()}


def changed_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the pages to write anew since imports or entries have changed (``env-updated``)."""
    made = uses(app)
    app._api_uses = made  # type: ignore[attr-defined]
    places = sorted((n, e.docname, e.node_id) for n, e in _objects(env).items())
    state = (zlib.crc32(repr(sorted(made.items())).encode()), zlib.crc32(repr(places).encode()))
    before = getattr(env, "api_uses_state", (None, None))
    env.api_uses_state = state  # type: ignore[attr-defined]
    chapters = [n for n in env.found_docs if CHAPTER.match(n) and state[1] != before[1]]
    pages = [n for n in env.found_docs if n.startswith(PAGES) and state != before]
    return chapters + pages


def _place(app: Sphinx, full: str, module: str) -> tuple[str, str] | None:
    """Return the words and the address of an object's file and line in the repository."""
    repository = find_repository(Path(app.srcdir), os.environ)
    if repository is None or not repository.on_github:
        return None
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.find_tags()
    tag = analyzer.tags.get(full.removeprefix(f"{module}."))
    path, root = Path(analyzer.srcname).resolve(), Path(app.srcdir).resolve()
    if tag is None or not path.is_relative_to(root):
        return None
    file = path.relative_to(root).as_posix()
    branch = quote(repository.branch, safe="/")
    return f"{file}, line {tag[1]}", f"{repository.url}/blob/{branch}/{file}#L{tag[1]}"


def _chapter_links(app: Sphinx, docname: str, chapters: Iterable[str]) -> Iterator[nodes.Node]:
    """Write “Used in chapters 2, 4b”, each a link with the title of the chapter."""
    listed = list(chapters)
    yield nodes.Text("Used in chapter " if len(listed) == 1 else "Used in chapters ")
    for index, chapter in enumerate(listed):
        if index:
            yield nodes.Text(", ")
        label = _LABEL.match(chapter)
        assert label is not None
        yield nodes.reference(
            "",
            label[1],
            internal=True,
            refuri=app.builder.get_relative_uri(docname, chapter),
            reftitle=app.env.titles[chapter].astext(),
        )


def add_facts(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Say below each entry of the reference where it is used (``doctree-resolved``)."""
    if not docname.startswith(PAGES) or app.builder.format != "html":
        return
    known: dict[str, list[str]] = getattr(app, "_api_uses", {})
    for entry in document.findall(addnodes.desc):
        signature = entry[0]
        content = entry[-1]
        if entry.get("domain") != "py" or not isinstance(signature, addnodes.desc_signature):
            continue
        if not signature.get("module"):  # an attribute that a docstring lists
            continue
        assert isinstance(content, addnodes.desc_content)
        full = f"{signature['module']}.{signature['fullname']}"
        line = nodes.paragraph(classes=["api-facts"])
        if full in known:
            line += list(_chapter_links(app, docname, known[full]))
        if place := _place(app, full, signature["module"]):
            line += nodes.Text(". In the repository: " if full in known else "In the repository: ")
            line += nodes.reference("", place[0], internal=False, refuri=place[1])
        if len(line):
            line += nodes.Text(".")
            kinds = (addnodes.index, addnodes.desc)  # the methods of a class come after it
            inner = (i for i, node in enumerate(content.children) if isinstance(node, kinds))
            content.insert(next(inner, len(content)), line)


def linked_imports(body: str, address: Mapping[str, str]) -> str:
    """Wrap the names of ``from utils… import …`` in coloured code in links.

    Parameters
    ----------
    body
        The HTML of a page, its code coloured by Pygments.
    address
        Where each dotted name leads; a name that is missing stays as it is.

    Returns
    -------
    str
        The HTML. Its text is unchanged.
    """

    def statement(match: re.Match[str]) -> str:
        """Link the names of one statement."""

        def name(token: re.Match[str]) -> str:
            """Link one name, unless it stands behind ``as``."""
            full = f"{match[2]}.{token[3]}"
            if token[1] or full not in address:
                return token[0]
            leads = html.escape(address[full])
            return f'<a class="api-link" href="{leads}" title="{full}">{token[2]}</a>'

        return match[1] + _NAME.sub(name, match[3])

    return _STATEMENT.sub(statement, body)


def link_imports(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Link the imports of a chapter's page (``html-page-context``)."""
    if not CHAPTER.match(pagename) or "body" not in context or app.builder.format != "html":
        return
    if not str(app.env.doc2path(pagename)).endswith(".ipynb"):
        return
    objects, address = _objects(app.env), {}
    for name in chapter_names(shown_notebook(app, pagename)):
        _, entry = find_entry(objects, name)
        if entry is not None:
            page = app.builder.get_relative_uri(pagename, entry.docname)
            address[name] = f"{page}#{entry.node_id}"
    context["body"] = linked_imports(context["body"], address)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    state = zlib.crc32(Path(__file__).read_bytes())
    app.add_config_value("api_uses_source", state, "html")  # where it changes, pages are rewritten
    app.connect("env-updated", changed_pages)
    app.connect("doctree-resolved", add_facts)
    app.connect("html-page-context", link_imports)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
