"""The offline copy holds what a reader needs, opens from a file manager, and is always the same."""

from __future__ import annotations

import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest

from book._tools import offline
from book._tools.command import CommandError
from book._tools.edition import Edition, edition
from book._tools.offline import FOLDER, faults, files_of, name_faults, write_zip

PAGE = """<html><head><link rel="stylesheet" href="../_static/book.css?v=1"></head><body>
<a href="b.html#part">b</a> <a href="#here">here</a> <a href="https://example.org/">out</a>
<a href="../_sources/book/a.md">source</a> <img src="data:image/png;base64,AA==" alt="x">
<a title="a > b"
   href="../notebooks/a.ipynb">notebook</a> a &lt;a href="nowhere.html"&gt;
{foot}</body></html>"""
FOOT = """<p class="take-along">Take it along: <a href="../downloads/book.pdf">PDF</a> ·
<a href="../downloads/book.zip">zip</a></p>"""
ISSUED = Edition("1.2.3", date(2026, 11, 30), "0123456789ab")


def laid_out(folder: Path, body: str = PAGE.format(foot=FOOT)) -> Path:
    """A small site, with what no reader needs."""
    files = {
        "index.html": '<meta http-equiv="Refresh" content="0; url=book/a.html" />\n',
        "book/a.html": body,
        "book/b.html": '<h1 id="part">B</h1>',
        "_static/book.css": "",
        "_static/asked-for-by-a-script.js": "",
        "_static/book.css.map": "",
        "_static/macros.html": '<a href="{{ nowhere }}">',
        "_static/locales/de/book.po": "",
        "_sources/book/a.md": "",
        "_sources/book/b.md": "",
        "notebooks/a.ipynb": "{}",
        "notebooks/b.ipynb": "{}",
        "downloads/book.pdf": "",
        "downloads/book.zip": "",
        "objects.inv": "",
        ".buildinfo": "",
        "searchindex.js": "",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_what_no_page_asks_for_is_left_out(tmp_path: Path) -> None:
    files = files_of(laid_out(tmp_path))
    assert list(files) == [
        "_sources/book/a.md",
        "_static/asked-for-by-a-script.js",
        "_static/book.css",
        "book/a.html",
        "book/b.html",
        "index.html",
        "notebooks/a.ipynb",
        "searchindex.js",
    ]
    assert faults(files) == []


def test_the_copy_leads_to_no_download_and_says_the_rest(tmp_path: Path) -> None:
    copied = files_of(laid_out(tmp_path))["book/a.html"].decode()
    assert copied == PAGE.format(foot="")
    assert (tmp_path / "book/a.html").read_text(encoding="utf-8") == PAGE.format(foot=FOOT)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("gone.html", "book/a.html refers to gone.html, which is no file of the copy."),
        ("../book/", "book/a.html refers to ../book/, which is no file of the copy."),
        ("..", "book/a.html refers to .., which is no file of the copy."),
        ("/book/b.html", "book/a.html refers to /book/b.html, which is on a server."),
        ("file:///b.html", "book/a.html refers to file:///b.html, which is on a server."),
    ],
)
def test_a_link_that_a_file_manager_cannot_follow_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str, said: str
) -> None:
    site = laid_out(tmp_path / "site", f'<a href="{link}">x</a>')
    target = tmp_path / "copy.zip"
    assert said in faults(files_of(site))
    assert offline.main(["--site", str(site), "--to", str(target)]) == 1
    assert f"error: {said}" in capsys.readouterr().err
    assert not target.exists()


def test_names_that_windows_refuses_are_found() -> None:
    good = ["book/a.html", "book/consent.html", "a" * 150]
    assert list(name_faults(good)) == []
    bad = ["b/AUX.html", "a:b.html", "end.", "book/A.html", "a" * 151]
    assert len(list(name_faults([*good, *bad]))) == len(bad)


def test_the_same_site_gives_the_same_bytes_whatever_the_clock(tmp_path: Path) -> None:
    one, other = laid_out(tmp_path / "one"), laid_out(tmp_path / "other")
    for path in other.rglob("*"):
        path.touch()
    archives = [tmp_path / "one.zip", tmp_path / "other.zip"]
    for site, target in zip((one, other), archives, strict=True):
        size = write_zip(files_of(site), target, ISSUED)
        assert size == target.stat().st_size
    assert archives[0].read_bytes() == archives[1].read_bytes()
    (other / "book/b.html").write_text("changed")
    write_zip(files_of(other), archives[1], ISSUED)
    assert archives[0].read_bytes() != archives[1].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one",
        "one.zip",
        "other",
        "other.zip",
    ]


def test_the_zip_has_one_folder_and_says_what_it_is(tmp_path: Path) -> None:
    target = tmp_path / "copy.zip"
    write_zip(files_of(laid_out(tmp_path / "site")), target, ISSUED)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {FOLDER}
        assert f"{FOLDER}/index.html" in names
        version = "Version 1.2.3 of 2026-11-30, commit 0123456789ab"
        assert archive.read(f"{FOLDER}/VERSION.txt").decode() == f"{version}\n"
        readme = archive.read(f"{FOLDER}/README.txt").decode()
        assert len(readme.splitlines()) == 3
        assert "index.html" in readme
        assert version in readme
        assert {info.date_time for info in archive.infolist()} == {(2026, 11, 30, 0, 0, 0)}
        assert archive.testzip() is None


def test_a_zip_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copy.zip"
    target.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="disk is full"):
        write_zip({"index.html": b""}, target, ISSUED)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_without_a_site_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="call make html"):
        files_of(tmp_path)


def test_an_edition_is_that_of_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nversion = "4.5.6"\n')
    assert edition(tmp_path) == Edition("4.5.6")
    assert str(edition(tmp_path)) == "Version 4.5.6"

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        given = (*identity, "-c", "commit.gpgsign=false", *arguments)
        subprocess.run(["git", "-C", str(tmp_path), *given], check=True, capture_output=True)

    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-03T04:05:06Z")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "x")
    found = edition(tmp_path)
    assert (found.version, found.day, found.changed) == ("4.5.6", date(2026, 2, 3), False)
    assert len(found.commit) == 12
    project.write_text('[project]\nversion = "4.5.7"\n')
    assert str(edition(tmp_path)).endswith(f"{found.commit} with changes")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert edition(tmp_path).day == date(1970, 1, 1)
    for wrong in ("soon", "1e9", "9" * 20):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(CommandError, match=f"^SOURCE_DATE_EPOCH is {wrong}; it is a whole"):
            edition(tmp_path)
