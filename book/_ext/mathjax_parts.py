"""Put together the parts of MathJax that the pages use.

The ready-made file of MathJax holds a menu, which opens on a formula by the mouse's right button
and makes up two fifths of it, and extensions that load others on demand. The file made here holds
what the formulas of this book need: TeX with the commands of ``amsmath``, the output as HTML, and
the formula in MathML for screen readers. A command of another extension is an error on the page,
which the tests of the site look for; to use one, add its file to ``PARTS`` and its name to
``PACKAGES``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from offline_assets import mathjax_folder, write_if_changed
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

FILE = "mathjax/tex-chtml.js"
PACKAGES = ["ams"]
PARTS = (
    "startup.js",
    "core.js",
    "input/tex-base.js",
    "input/tex/extensions/ams.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
"""Files of MathJax, in the order in which they run. The first waits for those after it."""

_FONTS = Path("output") / "chtml" / "fonts" / "woff-v2"
_FONT_NAME = re.compile(r"%%URL%%/(MathJax_[\w-]+\.woff)")


def assembled(folder: Path) -> bytes:
    """Return one file with all parts.

    Raises
    ------
    ExtensionError
        If a part is missing.
    """
    missing = [part for part in PARTS if not (folder / part).is_file()]
    if missing:
        raise ExtensionError(f"sphinx-mathjax-offline holds no {missing[0]}; reinstall it.")
    texts = [(folder / part).read_text(encoding="utf-8") for part in PARTS]
    return "\n;\n".join(text.strip() for text in texts).encode()


def fonts(folder: Path) -> Iterator[Path]:
    """Yield the fonts that a formula can ask for.

    Raises
    ------
    ExtensionError
        If one of them is missing.
    """
    for name in sorted(set(_FONT_NAME.findall(assembled(folder).decode()))):
        if not (folder / _FONTS / name).is_file():
            raise ExtensionError(f"sphinx-mathjax-offline holds no {name}; reinstall it.")
        yield folder / _FONTS / name


def write_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Write the file and the fonts into the built site (``build-finished``)."""
    if exception is not None or app.builder.format != "html":
        return
    folder, static = mathjax_folder(), Path(app.outdir) / "_static"
    write_if_changed(static / FILE, assembled(folder))
    for font in fonts(folder):
        write_if_changed(static / "mathjax" / _FONTS / font.name, font.read_bytes())


def use_parts(app: Sphinx, config: Config) -> None:
    """Point Sphinx to the file, and name its extensions to MathJax (``config-inited``)."""
    config.mathjax_path = FILE
    settings: dict[str, Any] = dict(config.mathjax3_config or {})
    tex: dict[str, Any] = dict(settings.get("tex", {}))
    tex["packages"] = {**tex.get("packages", {}), "[+]": PACKAGES}
    config.mathjax3_config = {**settings, "tex": tex}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", use_parts, priority=100)
    app.connect("build-finished", write_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
