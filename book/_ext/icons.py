"""Put the icons of the theme into the pages as drawings.

The theme marks an icon by an empty element, ``<i class="fa-solid fa-list"></i>``, and sends with
every page a script of 1.5 MB that holds two thousand icons and puts a drawing in the place of each
element. A page of this book has some fifteen. They are drawn here, when a page is written, from the
outlines in that script, and the pages do without it. A page shows its icons also where no script
runs. An icon that the theme does not hold ends the build.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from offline_assets import package_folder
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SHEET = "icons.css"

_THEME = Path("theme") / "pydata_sphinx_theme" / "static"
_SCRIPT = _THEME / "scripts" / "fontawesome.js"
_STYLES = {
    "fa": "fas",
    "fas": "fas",
    "fa-solid": "fas",
    "far": "far",
    "fa-regular": "far",
    "fab": "fab",
    "fa-brands": "fab",
}
"""The classes that say from which set an icon is, and the names of the sets in the script."""

_MODIFIER = re.compile(r"fa-(?:2xs|xs|sm|lg|xl|2xl|\d+x|fw|spin|pulse|inverse|border)")
_MARK = re.compile(r"<(?P<tag>i|span)(?P<attributes>(?:\s[^<>]*)?)>\s*</(?P=tag)>")
_CLASS = re.compile(r'\sclass="([^"]*)"')
_OUTLINE = re.compile(
    r'[{,]"?(?P<name>[\w-]+)"?:'
    r'\[(?P<width>\d+),(?P<height>\d+),\[(?P<aliases>[^\]]*)\],"\w+","(?P<path>[^"]+)"\]'
)
_PACK = re.compile(r'\("(?P<style>fa[a-z])",(?P<variable>\w+)\),\w+\("fa-\w+",(?P=variable)\)')


@dataclass(frozen=True)
class Icon:
    """An icon's name, the size of its box, and its outline."""

    name: str
    width: int
    height: int
    path: str

    def drawing(self, classes: str, attributes: str) -> str:
        """Return the icon as an element of a page, in the colour and height of the text."""
        return (
            f'<svg class="{classes}" aria-hidden="true" focusable="false"{attributes} '
            f'viewBox="0 0 {self.width} {self.height}">'
            f'<path fill="currentColor" d="{self.path}"/></svg>'
        )


def read_icons(script: str) -> dict[str, dict[str, Icon]]:
    """Read the icons of each set, by all their names, from the theme's script.

    Raises
    ------
    ExtensionError
        If the script is not built as expected.

    Examples
    --------
    >>> read_icons('p={bars:[4,5,["navicon"],"f0c9","M0z"]};(d("fas",p),d("fa-solid",p))')["fas"]
    {'bars': Icon(name='bars', width=4, height=5, path='M0z'), \
'navicon': Icon(name='bars', width=4, height=5, path='M0z')}
    """
    sets: dict[str, dict[str, Icon]] = {}
    begin = 0
    for pack in _PACK.finditer(script):  # each set stands before the call that hands it over
        found: dict[str, Icon] = {}
        for outline in _OUTLINE.finditer(script, begin, pack.start()):
            name = outline["name"]
            icon = Icon(name, int(outline["width"]), int(outline["height"]), outline["path"])
            for alias in [name, *re.findall(r'"([\w-]+)"', outline["aliases"])]:
                found[alias] = icon
        sets[pack["style"]] = found
        begin = pack.end()
    if not sets.get("fas"):
        raise ExtensionError("The theme's fontawesome.js is not built as book/_ext/icons.py reads.")
    return sets


@lru_cache
def theme_icons() -> Mapping[str, Mapping[str, Icon]]:
    """Return the icons that the installed theme holds."""
    path = package_folder("pydata_sphinx_theme", "pydata-sphinx-theme") / _SCRIPT
    if not path.is_file():
        raise ExtensionError(f"The theme has no {_SCRIPT.name}, from which icons are drawn.")
    return read_icons(path.read_text(encoding="utf-8"))


def with_icons(markup: str, icons: Mapping[str, Mapping[str, Icon]] | None = None) -> str:
    """Put a drawing in the place of each mark of an icon.

    Parameters
    ----------
    markup
        A piece of a page.
    icons
        The icons of each set; without it, those of the theme.

    Raises
    ------
    ExtensionError
        If a mark names no icon, or one that is not there.

    Examples
    --------
    >>> bars = {"fas": {"bars": Icon("bars", 4, 5, "M0z")}}
    >>> with_icons('<i class="fas fa-bars fa-lg"></i>', bars)
    '<svg class="svg-inline--fa fa-bars fa-lg" aria-hidden="true" focusable="false" \
viewBox="0 0 4 5"><path fill="currentColor" d="M0z"/></svg>'
    """

    def drawn(mark: re.Match[str]) -> str:
        """Return the drawing of one mark, or what is no mark as it is."""
        named = _CLASS.search(mark["attributes"])
        classes = named[1].split() if named else []
        style = next((_STYLES[name] for name in classes if name in _STYLES), None)
        if named is None or style is None:
            return mark[0]
        rest = [name for name in classes if name not in _STYLES]
        names = [n for n in rest if n.startswith("fa-") and not _MODIFIER.fullmatch(n)]
        held = (theme_icons() if icons is None else icons).get(style, {})
        icon = held.get(names[0].removeprefix("fa-")) if len(names) == 1 else None
        if icon is None:
            raise ExtensionError(f"The theme holds no icon for {mark[0]}.")
        attributes = _CLASS.sub("", mark["attributes"], count=1)
        attributes = re.sub(r'\saria-hidden="[^"]*"', "", attributes).rstrip()
        return icon.drawing(" ".join(["svg-inline--fa", *rest]), attributes)

    return _MARK.sub(drawn, markup)


def add_filter(app: Sphinx) -> None:
    """Give the templates the filter ``with_icons`` (``builder-inited``)."""
    if app.builder.format == "html":
        app.builder.templates.environment.filters["with_icons"] = with_icons


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the filter and the style of the icons."""
    app.connect("builder-inited", add_filter)
    app.add_css_file(SHEET, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
