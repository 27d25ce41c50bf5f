"""Make one zip of the built site, to be read where there is no network.

``python -m book._tools.offline`` packs ``_build/html`` into
``_build/offline/interpreting-equivariant-representations.zip``: one folder, whose ``index.html``
opens the book from a file manager, search included. The same site gives the same bytes.
"""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from book._tools.command import ROOT, CommandError, Option, command, title, write_bytes
from book._tools.edition import Edition, edition
from book._tools.search_texts import with_texts

__all__ = ["faults", "files_of", "name_faults", "write_zip"]

SITE = Path("_build/html")
FOLDER = "interpreting-equivariant-representations"
TARGET = Path(f"_build/offline/{FOLDER}.zip")
DOWNLOADS = "downloads"
"""Where the published site has its PDF and this very zip."""

README = """\
Open index.html in a browser: this is the whole book, and it needs no network.
The search works; a figure moves when you move it; notebooks/ holds the chapters to run and change.
{edition}.
"""
_LEFT_OUT = re.compile(
    rf"({DOWNLOADS}/|\.|.*/\.|objects\.inv$|sitemap\.xml$|.*\.(map|po|mo)$|_static/.*\.html$)"
)
"""What no page asks for: the index for other books, maps for debuggers, translations, templates."""
_ON_REQUEST = ("_sources/", "notebooks/", "_images/")
"""Folders of which only what a page leads to is wanted."""

_ELEMENT = re.compile(r"<[a-zA-Z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_REFERENCE = re.compile(r"\s(?:href|src|data-src|poster)=(?:\"([^\"]*)\"|'([^']*)')")
_REFRESH = re.compile(r"<meta http-equiv=\"refresh\"[^>]*url=([^\" >]+)", re.IGNORECASE)
_TAKE_ALONG = re.compile(rb"<p class=\"take-along\">.*?</p>\s*", re.DOTALL)
_LONGEST = 150  # Windows opens paths of 259 characters, and the reader's folder comes first
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[<>:\"|?*\\\x00-\x1f]|[. ]$")


def references(text: str) -> list[str]:
    """Return what the elements of a page refer to, apart from anchors and data.

    Parameters
    ----------
    text : str
        The page.

    Returns
    -------
    list of str
        The addresses, each once. Those in style sheets are not looked for.

    Examples
    --------
    >>> references('<a class="x" href="a.html#b">a</a> <img src="data:image/png;base64,AA==">')
    ['a.html#b']
    >>> references('<a href="a&amp;b.html">a</a>')
    ['a&b.html']
    """
    found = [
        first or second
        for element in _ELEMENT.findall(text)
        for first, second in _REFERENCE.findall(element)
    ]
    found += _REFRESH.findall(text)
    found = [html.unescape(reference) for reference in found]
    return list(dict.fromkeys(f for f in found if f and not f.startswith(("#", "data:"))))


def target_of(page: str, reference: str) -> str | None:
    """Return the file of the site that a reference on a page leads to.

    Parameters
    ----------
    page : str
        The page's path in the site.
    reference : str
        What an element of the page refers to.

    Returns
    -------
    str or None
        The path in the site; ``None`` for an address on the web or for mail.

    Examples
    --------
    >>> target_of("chapters/a.html", "../_static/book.css?v=1")
    '_static/book.css'
    """
    parts = urlsplit(reference)
    if parts.scheme or parts.netloc:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path) or page))


def files_of(site: Path) -> dict[str, bytes]:
    """Return what a reader of the site needs, by path in the site.

    Left out is what no page asks for. The line that leads to the downloads goes from each page,
    since they are on the published site and not in the copy.

    Parameters
    ----------
    site : pathlib.Path
        The folder of the built site.

    Returns
    -------
    dict of str to bytes
        The files, in the order of their paths.

    Raises
    ------
    CommandError
        If there is no built site.
    """
    if not (site / "index.html").is_file():
        raise CommandError("There is no built site: call make html first.")
    found: dict[str, bytes] = {}
    for path in site.rglob("*"):
        name = path.relative_to(site).as_posix()
        if path.is_file() and not _LEFT_OUT.match(name):
            content = path.read_bytes()
            found[name] = _TAKE_ALONG.sub(b"", content) if name.endswith(".html") else content
    wanted = {
        target_of(page, reference)
        for page, content in found.items()
        if page.endswith(".html")
        for reference in references(content.decode("utf-8"))
    }
    return {
        name: found[name]
        for name in sorted(found)
        if name in wanted or not name.startswith(_ON_REQUEST)
    }


def faults(files: Mapping[str, bytes]) -> list[str]:
    """Find what would not open from a file manager.

    Parameters
    ----------
    files : mapping of str to bytes
        The files by path.

    Returns
    -------
    list of str
        A sentence for each reference to a file that is not there, to a folder (a server answers
        with its index, a file manager with a list), or to the root of a server, and for each name
        that some system would refuse.
    """
    found = list(name_faults(files))
    for page, content in files.items():
        if not page.endswith(".html"):
            continue
        for reference in references(content.decode("utf-8")):
            target = target_of(page, reference)
            if reference.startswith(("/", "file:")):
                found.append(f"{page} refers to {reference}, which is on a server.")
            elif target is not None and target not in files:
                found.append(f"{page} refers to {reference}, which is no file of the copy.")
    return found


def name_faults(names: Iterable[str]) -> Iterator[str]:
    """Find names that Windows or macOS cannot unpack side by side.

    Parameters
    ----------
    names : iterable of str
        Paths with slashes.

    Yields
    ------
    str
        A sentence for each that is too long, reserved, or the same as another but for its case.

    Examples
    --------
    >>> list(name_faults(["book/con.html", "a.html", "A.html"]))
    ['Windows reserves the name book/con.html.', 'a.html and A.html differ in case only.']
    """
    seen: dict[str, str] = {}
    for name in names:
        if len(name) > _LONGEST:
            yield f"{name} has more than {_LONGEST} characters."
        pieces = name.split("/")
        if any(_RESERVED.fullmatch(piece) or _FORBIDDEN.search(piece) for piece in pieces):
            yield f"Windows reserves the name {name}."
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            yield f"{other} and {name} differ in case only."


def write_zip(files: Mapping[str, bytes], target: Path, which: Edition) -> int:
    """Write the zip whole: a reader finds the old one or the new one, never a part.

    Parameters
    ----------
    files : mapping of str to bytes
        The files by path.
    target : pathlib.Path
        The zip.
    which : Edition
        The edition, which is named inside and gives the files their day.

    Returns
    -------
    int
        The size of the zip in bytes.
    """
    extra = {
        "README.txt": README.format(edition=which).encode(),
        "VERSION.txt": f"{which}\n".encode(),
    }
    day = which.day
    # A zip knows no time before 1980.
    moment = (day.year, day.month, day.day, 0, 0, 0) if day and day.year >= 1980 else None
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted({**files, **extra}.items()):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", moment or (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # the same wherever it is made
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    write_bytes(target, whole.getvalue())
    return len(whole.getvalue())


@command(
    __doc__,
    Option("--site", type=Path, default=ROOT / SITE, help="the folder of the built site"),
    Option("--to", type=Path, default=ROOT / TARGET, help="the zip to write"),
)
def main(options: Namespace) -> Iterable[object]:
    """Write the zip, unless something in it would not open."""
    title("making the offline copy")
    files = with_texts(files_of(options.site))
    wrong = faults(files)
    if wrong:
        return wrong
    size = write_zip(files, options.to, edition())
    print(f"The offline copy is ready: {options.to} ({size / 1e6:.1f} MB, {len(files)} files)")
    return []


if __name__ == "__main__":
    raise SystemExit(main())
