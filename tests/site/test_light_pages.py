"""The extensions that make a page light say what they cannot do, and leave nothing half done."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import icon_font
import icons
import light_pages
import mathjax_parts
import offline_assets
import pytest
import unused_files
from fontTools.ttLib import TTFont
from site_tools import DOCUMENTS
from sphinx.errors import ExtensionError

SCRIPT = (
    'p={bars:[4,5,[61,"navicon"],"f0c9","M0z"],"no-entry":[6,7,[],"f0ca","M1z"]};'
    '(d("fab",p),d("fa-brands",p));'
    'q={bars:[8,9,[],"f0c9","M2z"]};(d("fas",q),d("fa-solid",q))'
)
PAGES = [*DOCUMENTS, "search"]
LARGE = "plotly.min.js"  # a library alone, which names nothing of the site
MARKED = re.compile(r'<(?:i|span)\s[^<>]*class="[^"]*\b(?:fa|fas|fa-solid|fab|fa-brands)\b')


def test_an_icon_is_drawn_from_its_set_by_any_of_its_names() -> None:
    held = icons.read_icons(SCRIPT)
    assert held["fas"]["bars"].path == "M2z"
    assert held["fab"]["navicon"] is held["fab"]["bars"]
    drawn = icons.with_icons('<span data-x="1" class="fab fa-no-entry fa-lg y"></span>', held)
    assert 'class="svg-inline--fa fa-no-entry fa-lg y"' in drawn
    assert 'viewBox="0 0 6 7"' in drawn
    assert 'data-x="1"' in drawn
    assert drawn.count("aria-hidden") == 1


@pytest.mark.parametrize(
    "mark",
    [
        '<i class="fas fa-no-entry"></i>',  # held by another set
        '<i class="fas fa-lg"></i>',
        '<i class="fas fa-bars fa-no-entry"></i>',
        '<i class="far fa-bars" aria-hidden="true"></i>',
    ],
)
def test_an_icon_that_the_theme_does_not_hold_is_named(mark: str) -> None:
    with pytest.raises(ExtensionError, match=re.escape(mark)):
        icons.with_icons(mark, icons.read_icons(SCRIPT))


@pytest.mark.parametrize(
    "text", ["<i></i>", '<i class="fas fa-x">a</i>', '<span class="fad"></span>']
)
def test_what_is_no_mark_of_an_icon_stays(text: str) -> None:
    assert icons.with_icons(text, icons.read_icons(SCRIPT)) == text


def test_a_script_of_another_make_is_refused() -> None:
    with pytest.raises(ExtensionError, match=r"icons\.py"):
        icons.read_icons('var icons = {"bars": "M0z"}')


@pytest.mark.parametrize("markup", ["", '<script src="a.js"></script>' * 2])
def test_a_script_that_is_not_there_once_is_named(markup: str) -> None:
    with pytest.raises(ExtensionError, match=r"a\.js"):
        light_pages.without_scripts(markup, "a.js")


def test_a_style_sheet_without_icons_is_refused() -> None:
    with pytest.raises(ExtensionError, match="no font of icons"):
        icon_font.light_sheet("p { color: red }")


def test_a_part_of_mathjax_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "startup.js").touch()
    with pytest.raises(ExtensionError, match=r"core\.js"):
        mathjax_parts.assembled(tmp_path)


def test_a_file_is_written_when_it_changes_and_only_then(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "a.js"
    offline_assets.write_if_changed(file, b"a")
    before = file.stat().st_mtime_ns
    offline_assets.write_if_changed(file, b"a")
    assert file.stat().st_mtime_ns == before
    offline_assets.write_if_changed(file, b"b")
    assert file.read_bytes() == b"b"
    assert [path.name for path in file.parent.iterdir()] == ["a.js"]


def test_two_builders_may_write_one_file(tmp_path: Path) -> None:
    file, contents = tmp_path / "a.js", [bytes([number]) * 20_000 for number in range(80)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: offline_assets.write_if_changed(file, content), contents))
    assert file.read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a.js"]


def test_only_what_no_page_asks_for_is_removed(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    for name in ("a.js", "a.js.map", "styles/b.css.map", "locales/de/x.po", "vendor/fontawesome/f"):
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).touch()
    source = tmp_path / "_sources" / "chapters" / "01.ipynb"
    source.parent.mkdir(parents=True)
    source.touch()
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    unused_files.remove_unused(app, ValueError("the build failed"))
    assert (static / "a.js.map").is_file()
    unused_files.remove_unused(app, None)
    assert not source.exists()
    assert [path.name for path in static.rglob("*") if path.is_file()] == ["a.js"]


def test_no_mark_of_an_icon_is_left_on_a_page(site: Path) -> None:
    assert MARKED.search('<i class="fas fa-bars"></i>')
    assert not MARKED.search('<svg class="svg-inline--fa fa-bars"></svg>')
    texts = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in PAGES}
    assert not [name for name, text in texts.items() if MARKED.search(text)]
    assert not [name for name, text in texts.items() if "svg-inline--fa" not in text]


def test_the_fonts_hold_every_sign_that_a_style_sheet_shows(site: Path) -> None:
    styles = site / "_static" / "styles"
    sheets = [(styles / name).read_text(encoding="utf-8") for name in
              ("pydata-sphinx-theme.css", "sphinx-book-theme.css")]  # fmt: skip
    held = {
        point
        for font in styles.glob("*.woff")
        for point in TTFont(BytesIO(font.read_bytes())).getBestCmap()
    }
    assert icon_font.signs(*sheets) == held
    assert len(held) > 10
    assert sum(font.stat().st_size for font in styles.glob("*.woff")) < 6000


def idle(site: Path) -> list[str]:
    """Return what lies in ``_static`` and is named by no page, style sheet or script."""
    static = [path for path in (site / "_static").rglob("*") if path.is_file()]
    sources = [site / f"{name}.html" for name in PAGES]
    sources += [path for path in static if path.suffix in (".css", ".js") and path.name != LARGE]
    left = {path.name for path in static}
    for source in sources:
        text = source.read_text(encoding="utf-8")
        left -= {name for name in left if name in text}
    return sorted(left)


def test_the_site_holds_little_that_nothing_names(site: Path) -> None:
    """Licences are not asked for, and the logos only where a repository has launch buttons."""
    spared = re.compile(r"(LICENSE|OFL)[\w.-]*|logo_\w+\.(svg|png)|screenshot\.png")
    found = idle(site)
    assert [name for name in found if spared.fullmatch(name)], "a licence is missing"
    assert not [name for name in found if not spared.fullmatch(name)]
