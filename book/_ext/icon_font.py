"""Keep of the theme's fonts of icons the signs that its style sheets show.

A style sheet puts some signs beside titles and links: in front of a note, or after a link that
leads away. The theme takes them from fonts with two thousand signs. The fonts made here, from those
of the installed theme, hold the signs that its style sheets name, and its own style sheet loses the
rules for all others: icons that a template names are drawn into the pages (see ``icons.py``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from offline_assets import package_folder, write_if_changed
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SHEET = "styles/pydata-sphinx-theme.css"
BOOK_SHEET = "styles/sphinx-book-theme.css"

_RULE = re.compile(r'(?:\.fa-[\w-]+:before,?)+\{content:"[^"]*"\}')
_FACE = re.compile(r"@font-face\{[^{}]*font-family:Font Awesome[^{}]*\}")
_SOURCE = re.compile(r"src:.*?url\(([^()]*/(?P<name>fa-(?P<style>\w+)-\d+)\.ttf)\)[^;}]*")
_SIGN = re.compile(r'"(?:\\(?P<code>[ef][0-9a-f]{3}) ?|(?P<sign>[\ue000-\uf8ff]))"')  # private use
_UNUSED_STYLE = "regular"  # no rule of the theme sets a sign in it


def signs(*sheets: str) -> set[int]:
    r"""Return the code points of the signs that style sheets name.

    Examples
    --------
    >>> sorted(map(hex, signs('a{--x:"\uf05a"}b:after{content:"\\f107"}', 'i{content:"-"}')))
    ['0xf05a', '0xf107']
    """
    found = (sign for sheet in sheets for sign in _SIGN.finditer(sheet))
    return {int(sign["code"], 16) if sign["code"] else ord(sign["sign"]) for sign in found}


def light_sheet(sheet: str) -> str:
    r"""Let the theme's style sheet name the small fonts, and no sign that a template names.

    Raises
    ------
    ExtensionError
        If it is not built as expected.

    Examples
    --------
    >>> face = "@font-face{font-family:Font Awesome\\ 6 Free;src:url(../v/fa-solid-900.ttf)}"
    >>> light_sheet(face + '.fa-a:before,.fa-b:before{content:"\\f107"}p{}')
    '@font-face{font-family:Font Awesome\\ 6 Free;src:url(fa-solid-900.woff) format("woff")}p{}'
    """

    def small(face: re.Match[str]) -> str:
        """Return the rule of a font, with the address of the small one."""
        source = _SOURCE.search(face[0])
        if source is None:
            raise ExtensionError(f"The theme's {SHEET} names a font of icons without a ttf file.")
        if source["style"] == _UNUSED_STYLE:
            return ""
        to = f'src:url({source["name"]}.woff) format("woff")'
        return face[0][: source.start()] + to + face[0][source.end() :]

    sheet, faces = _FACE.subn(small, sheet)
    sheet, rules = _RULE.subn("", sheet)
    if not faces or not rules:
        raise ExtensionError(f"The theme's {SHEET} holds no font of icons, or no rules for it.")
    return sheet


@lru_cache
def small_font(font: Path, points: frozenset[int]) -> bytes:
    """Return a font with some signs of another.

    Parameters
    ----------
    font
        A TrueType font.
    points
        The code points of the signs; those that the font lacks are left out.

    Returns
    -------
    bytes
        The font as a ``.woff`` file; the same signs give the same bytes.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    with TTFont(font, recalcTimestamp=False) as whole:
        subsetter = Subsetter(Options(hinting=False, layout_features=[]))
        subsetter.populate(unicodes=points)
        subsetter.subset(whole)
        whole.flavor = "woff"
        result = BytesIO()
        whole.save(result, reorderTables=None)
    return result.getvalue()


def points_of(font: Path) -> set[int]:
    """Return the code points of a font's signs."""
    from fontTools.ttLib import TTFont

    with TTFont(font, lazy=True) as whole:
        return set(whole.getBestCmap())


def write_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Write the small fonts and the style sheet that names them (``build-finished``).

    Raises
    ------
    ExtensionError
        If none of the fonts holds a sign that a style sheet names.
    """
    if exception is not None or app.builder.format != "html":
        return
    themes = {
        name: package_folder(name, name.replace("_", "-")) / "theme" / name / "static"
        for name in ("pydata_sphinx_theme", "sphinx_book_theme")
    }
    static = Path(app.outdir) / "_static"
    sheet = light_sheet((themes["pydata_sphinx_theme"] / SHEET).read_text(encoding="utf-8"))
    wanted = signs(sheet, (themes["sphinx_book_theme"] / BOOK_SHEET).read_text(encoding="utf-8"))
    held: set[int] = set()
    folder = themes["pydata_sphinx_theme"] / "vendor" / "fontawesome" / "webfonts"
    for name in re.findall(r"url\(([\w-]+)\.woff\)", sheet):
        font = folder / f"{name}.ttf"
        own = wanted & points_of(font)
        held |= own
        write_if_changed(static / "styles" / f"{name}.woff", small_font(font, frozenset(own)))
    if missing := sorted(f"{point:x}" for point in wanted - held):
        raise ExtensionError(f"The theme's fonts of icons lack the signs {', '.join(missing)}.")
    write_if_changed(static / SHEET, sheet.encode())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("build-finished", write_fonts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
