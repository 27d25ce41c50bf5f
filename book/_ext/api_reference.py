"""The API reference, made from docstrings.

The directive ``{api-room} utils.data`` documents a module, or a package and all
of its public modules and packages, in the order of their names. The list is
read from the folder, so that a new module appears without an edit here. A name
that a package takes over from one of its modules is documented once, where it
is defined; a reference to the shorter name leads there.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective


def room_modules(root: Path, room: str) -> list[tuple[str, Path]]:
    """List the modules of a room.

    Parameters
    ----------
    root
        Folder that holds the package ``utils``.
    room
        Dotted name of a module or package, for example ``utils.data``.

    Returns
    -------
    list of (str, pathlib.Path)
        Dotted name and source file: the package itself, then its public
        modules and packages, each package before what it holds. Empty if the
        room does not exist.
    """
    base = root / Path(*room.split("."))
    if base.with_suffix(".py").is_file():
        return [(room, base.with_suffix(".py"))]
    if not (base / "__init__.py").is_file():
        return []
    found = [(room, base / "__init__.py")]
    for path in sorted(base.iterdir()):
        inner = path.suffix == ".py" or (path / "__init__.py").is_file()
        if inner and not path.stem.startswith("_"):
            found += room_modules(root, f"{room}.{path.stem}")
    return found


class ApiRoom(SphinxDirective):
    """Document the modules of one room of ``utils``."""

    required_arguments = 1
    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return a section for each module."""
        room = self.arguments[0]
        modules = room_modules(Path(self.env.srcdir), room)
        if not modules:
            raise self.error(f"There is no module {room}; name a module or package of utils.")
        result: list[nodes.Node] = []
        for name, path in modules:
            self.env.note_dependency(str(path))
            lines = ["```{eval-rst}", f".. automodule:: {name}"]
            if path.name != "__init__.py" or len(modules) == 1:
                lines.append("   :members:")
            lines.append("```")
            body = nodes.Element()
            self.state.nested_parse(StringList(lines, str(path)), self.content_offset, body)
            if name == room:
                result += body.children
                continue
            section = nodes.section(ids=[nodes.make_id(name)], names=[name])
            section += nodes.title(name, "", nodes.literal(name, name))
            section += body.children
            self.state.document.note_implicit_target(section, section)
            result.append(section)
        return result


def defining_name(target: str) -> str | None:
    """Return the full name under which an object of ``utils`` is documented.

    Parameters
    ----------
    target
        A dotted name, for example ``utils.data.rotate``.

    Returns
    -------
    str or None
        The name in the defining module, for example ``utils.data.mnist.rotate``;
        ``None`` if there is no such object or it is defined where it is named.
    """
    module_name, _, name = target.rpartition(".")
    if not module_name.startswith("utils"):
        return None
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError):
        return None
    module = getattr(found, "__module__", None)
    qualified = getattr(found, "__qualname__", name)
    full = f"{module}.{qualified}"
    return full if module and full != target else None


def resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.TextElement
) -> nodes.Node | None:
    """Lead a reference by a taken-over name to the definition (``missing-reference``)."""
    if node.get("refdomain") != "py":
        return None
    full = defining_name(node["reftarget"])
    if full is None:
        return None
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], full, node, contnode
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("api-room", ApiRoom)
    app.connect("missing-reference", resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
