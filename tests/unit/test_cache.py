"""The cache: atomic, verified, and clear about what stands in its way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.data import cache


def writer(content: bytes):
    def write(stream: BinaryIO) -> None:
        stream.write(content)

    return write


def builder(content: bytes, calls: list[int]):
    def build():
        calls.append(1)
        return writer(content)

    return build


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert not text.startswith("[Errno")
    return text


# ------------------------------------------------------------------ where


def test_folder_can_be_overridden_and_is_not_created(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "elsewhere"))
    assert cache.cache_directory() == tmp_path / "elsewhere"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_default_folder_is_the_users_cache(value, monkeypatch, tmp_path):
    if value is None:
        monkeypatch.delenv(cache.CACHE_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(cache.CACHE_VARIABLE, value)
    monkeypatch.setattr(
        cache.platformdirs, "user_cache_dir", lambda name, **_: str(tmp_path / name)
    )
    assert cache.cache_directory() == tmp_path / "interpreting-equivariant-representations"


def test_a_relative_or_home_folder_becomes_absolute(monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, "~/somewhere")
    assert cache.cache_directory() == Path.home() / "somewhere"


def test_a_folder_in_a_home_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, "~nobody-of-that-name/cache")
    with pytest.raises(cache.CacheError, match="no such home folder") as caught:
        cache.cache_directory()
    one_sentence(caught.value)


# ------------------------------------------------------------------ a home that is read-only


@pytest.fixture
def read_only_home(tmp_path, monkeypatch):
    """A cache folder below a file, which nobody can make, and an empty temporary folder."""
    (tmp_path / "home").write_bytes(b"")
    (tmp_path / "tmp").mkdir()
    monkeypatch.delenv(cache.CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(
        cache.platformdirs, "user_cache_dir", lambda name, **_: str(tmp_path / "home" / name)
    )
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_a_read_only_home_is_replaced_with_one_notice_and_found_again(read_only_home, capsys):
    calls: list[int] = []
    path = cache.cache_directory() / "file"
    for _ in range(3):
        assert cache.load_or_build(path, builder(b"x", calls), what="numbers") == b"x"
    assert calls == [1]
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    folder = only(read_only_home / "tmp")
    for words in (str(path.parent), str(folder / "file"), "instead", cache.CACHE_VARIABLE):
        assert words in error
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.name.endswith(f"-{os.getuid()}")


def test_later_processes_find_the_stand_in(read_only_home):
    """Where a home is missing for real, not in the words of a test."""
    code = (
        "from utils.data import cache\n"
        "build = lambda: lambda stream: stream.write(b'content')\n"
        "print(cache.load_or_build(cache.cache_directory() / 'file', build, what='numbers'))\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "EQUIV"))}
    environment |= {"HOME": str(read_only_home / "home"), "TMPDIR": str(read_only_home / "tmp")}
    notices = []
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert ended.stdout == "b'content'\n"
        notices.append(ended.stderr)
    assert "instead" in notices[0]
    assert notices[1] == ""


def test_a_folder_that_was_chosen_has_no_stand_in(read_only_home, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(read_only_home / "home"))
    calls: list[int] = []
    with pytest.raises(cache.CacheError, match="not a folder"):
        cache.load_or_build(cache.cache_directory() / "file", builder(b"", calls), what="numbers")
    with pytest.raises(cache.CacheError, match="not a folder"):
        cache.writable_or_stand_in(cache.cache_directory())
    assert calls == []
    assert list((read_only_home / "tmp").iterdir()) == []


def test_a_folder_elsewhere_has_no_stand_in(read_only_home):
    assert cache.stand_in(read_only_home / "other" / "file", make=True) is None
    with pytest.raises(cache.CacheError):
        cache.writable_or_stand_in(read_only_home / "home")


def test_a_full_disk_has_no_stand_in(read_only_home, monkeypatch):
    def full(*_args, **_keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(cache.Path, "mkdir", full)
        with pytest.raises(cache.CacheError, match="disk is full"):
            cache.writable_or_stand_in(cache.cache_directory())
    assert cache.stand_in(cache.cache_directory()) is None


@pytest.mark.skipif(os.name != "posix", reason="owners and modes of POSIX")
@pytest.mark.parametrize("trap", ["open", "link", "file", "someone else's"])
def test_a_planted_stand_in_is_refused(read_only_home, monkeypatch, trap):
    """Its name can be foreseen; whoever made it first could have filled it."""
    folder = read_only_home / "tmp" / f"interpreting-equivariant-representations-{os.getuid()}"
    target = read_only_home / "target"
    target.mkdir(mode=0o700)
    if trap == "link":
        folder.symlink_to(target)
    elif trap == "file":
        folder.write_bytes(b"")
        folder.chmod(0o600)
    else:
        folder.mkdir(mode=0o700)
        cache.write_verified(folder / "file", writer(b"planted"))
    if trap == "open":
        folder.chmod(0o777)
    if trap == "someone else's":
        number = os.getuid()
        monkeypatch.setattr(cache.os, "getuid", lambda: number + 1)
        folder.rename(folder.with_name(folder.name.replace(str(number), str(number + 1))))
    calls: list[int] = []
    path = cache.cache_directory() / "file"
    assert cache.stand_in(path) is None
    with pytest.raises(cache.CacheError, match="closed to other users") as caught:
        cache.load_or_build(path, builder(b"x", calls), what="numbers")
    assert cache.CACHE_VARIABLE in one_sentence(caught.value)
    assert calls == []
    assert list(target.iterdir()) == []


def test_a_user_without_a_home_gets_a_folder_for_temporary_files(read_only_home, monkeypatch):
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", lambda name, **_: f"~/.cache/{name}")
    folder = cache.cache_directory()
    assert folder == only(read_only_home / "tmp")
    assert cache.load_or_build(folder / "file", builder(b"x", []), what="numbers") == b"x"


def test_without_user_numbers_the_folder_for_temporary_files_is_trusted(
    read_only_home, monkeypatch
):
    """As on Windows, where that folder is the user's."""
    monkeypatch.delattr(cache.os, "getuid", raising=False)
    calls: list[int] = []
    path = cache.cache_directory() / "file"
    for _ in range(2):
        assert cache.load_or_build(path, builder(b"x", calls), what="numbers") == b"x"
    assert calls == [1]
    assert only(read_only_home / "tmp").name == "interpreting-equivariant-representations"


def test_a_good_cache_in_a_read_only_home_is_preferred(read_only_home, monkeypatch):
    (read_only_home / "home").unlink()
    path = cache.cache_directory() / "file"
    cache.write_verified(path, writer(b"content"))
    monkeypatch.setattr(cache, "open", _refuse, raising=False)
    assert cache.load_or_build(path, builder(b"x", []), what="numbers") == b"content"
    assert list((read_only_home / "tmp").iterdir()) == []


def _refuse(*_args, **_keywords):
    raise OSError(errno.EROFS, "Read-only file system")


# ------------------------------------------------------------------ atomic writes


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # test vector of FIPS 180-2
    assert (
        cache.sha256_of(tmp_path / "abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_sha256_of_a_file_longer_than_a_block(tmp_path):
    import hashlib

    content = bytes(range(256)) * 5000
    (tmp_path / "long").write_bytes(content)
    assert cache.sha256_of(tmp_path / "long") == hashlib.sha256(content).hexdigest()


def test_write_creates_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    digest = cache.write_atomically(path, writer(b"content"))
    assert path.read_bytes() == b"content"
    assert digest == cache.sha256_of(path)
    assert os.listdir(path.parent) == ["file"]


def test_a_writer_may_seek(tmp_path):
    def write(stream: BinaryIO) -> None:
        stream.write(b"....tail")
        stream.seek(0)
        stream.write(b"head")

    digest = cache.write_atomically(tmp_path / "file", write)
    assert (tmp_path / "file").read_bytes() == b"headtail"
    assert digest == cache.sha256_of(tmp_path / "file")


def test_a_failing_writer_leaves_the_old_file_and_its_own_error(tmp_path):
    path = tmp_path / "file"
    cache.write_atomically(path, writer(b"old"))

    def fail(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        cache.write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_existing_file_can_be_protected(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is not replaced"):
        cache.write_atomically(path, writer(b"new"), overwrite=False)
    assert path.read_bytes() == b"mine"


def test_old_leftovers_are_removed_and_fresh_ones_are_not(tmp_path):
    old, fresh = tmp_path / ".file.dead.tmp", tmp_path / ".file.live.tmp"
    other = tmp_path / ".other.dead.tmp"
    for leftover in (old, fresh, other):
        leftover.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    cache.write_atomically(tmp_path / "file", writer(b"x"))
    assert not old.exists()
    assert fresh.exists()
    assert other.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_full_disk(tmp_path, monkeypatch, number, where):
    path = tmp_path / "file"
    cache.write_atomically(path, writer(b"old"))

    def full(*_args):
        raise OSError(number, os.strerror(number))

    write = writer(b"new")
    if where == "write":
        write = full
    else:
        monkeypatch.setattr(cache.os, where, full)
    with pytest.raises(cache.CacheError) as caught:
        cache.write_atomically(path, write)
    text = one_sentence(caught.value)
    assert "disk is full" in text
    assert cache.CACHE_VARIABLE in text
    assert caught.value.errno == number
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_reported_by_the_system_itself(tmp_path):
    def write(stream: BinaryIO) -> None:
        with open("/dev/full", "wb") as full:
            full.write(b"x")

    with pytest.raises(cache.CacheError, match="disk is full"):
        cache.write_atomically(tmp_path / "file", write)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
@pytest.mark.parametrize(
    "call", [lambda p: cache.write_atomically(p, writer(b"")), lambda p: cache.ensure_writable(p)]
)
def test_read_only_folder_simulated(tmp_path, monkeypatch, number, call):
    def refuse(*_args, **_keywords):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cache, "open", refuse, raising=False)
    with pytest.raises(cache.CacheError) as caught:
        call(tmp_path / "file")
    assert "read-only" in one_sentence(caught.value)
    assert cache.CACHE_VARIABLE in str(caught.value)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_read_only_folder_for_real(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(cache.CacheError, match="read-only"):
            cache.write_atomically(tmp_path / "file", writer(b""))
        with pytest.raises(cache.CacheError, match="read-only"):
            cache.ensure_writable(tmp_path / "folder")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "taken").write_bytes(b"a file")
    for call in (
        lambda: cache.write_atomically(tmp_path / "taken" / "file", writer(b"")),
        lambda: cache.ensure_writable(tmp_path / "taken"),
        lambda: cache.ensure_writable(tmp_path / "taken" / "deeper"),
    ):
        with pytest.raises(cache.CacheError) as caught:
            call()
        assert "not a folder" in one_sentence(caught.value)
    assert (tmp_path / "taken").read_bytes() == b"a file"


def test_a_folder_where_the_file_should_be(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(cache.CacheError) as caught:
        cache.write_atomically(tmp_path / "file", writer(b""))
    assert "folder of that name" in one_sentence(caught.value)
    assert os.listdir(tmp_path) == ["file"]


def test_ensure_writable_leaves_an_empty_folder(tmp_path):
    cache.ensure_writable(tmp_path / "new" / "folder")
    assert os.listdir(tmp_path / "new" / "folder") == []


# ------------------------------------------------------------------ verified reads


def test_verified_round_trip(tmp_path):
    digest = cache.write_verified(tmp_path / "file", writer(b"content"))
    assert cache.read_verified(tmp_path / "file") == b"content"
    assert (tmp_path / "file.sha256").read_text() == f"{digest}  file\n"  # as sha256sum -c wants


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(min_size=1, max_size=200),
    position=st.integers(0, 10**6),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_or_cut_is_noticed(tmp_path_factory, content, position, bit):
    path = tmp_path_factory.mktemp("bits") / "file"
    cache.write_verified(path, writer(content))
    damaged = bytearray(content)
    damaged[position % len(content)] ^= 1 << bit
    path.write_bytes(damaged)
    assert cache.read_verified(path) is None
    path.write_bytes(content[: position % len(content)])
    assert cache.read_verified(path) is None
    path.write_bytes(content)
    assert cache.read_verified(path) == content


@pytest.mark.parametrize("checksum", [None, b"", b"0" * 64, b"not a checksum", "short"])
def test_a_missing_or_wrong_checksum_is_not_trusted(tmp_path, checksum):
    path = tmp_path / "file"
    digest = cache.write_verified(path, writer(b"content"))
    sidecar = tmp_path / "file.sha256"
    if checksum is None:
        sidecar.unlink()
    else:
        sidecar.write_bytes(digest[:40].encode() if checksum == "short" else checksum)
    assert cache.read_verified(path) is None


def test_missing_file_is_none(tmp_path):
    assert cache.read_verified(tmp_path / "nothing") is None
    assert cache.read_verified(tmp_path) is None


# ------------------------------------------------------------------ build or load


def test_built_once_with_a_notice_on_standard_error(tmp_path, capsys):
    calls: list[int] = []
    path = tmp_path / "folder" / "file"
    for _ in range(3):
        assert cache.load_or_build(path, builder(b"x", calls), what="some numbers") == b"x"
    assert len(calls) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "some numbers" in output.err
    assert str(path) in output.err


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "no checksum", "old checksum"])
def test_damage_is_repaired_with_a_notice(tmp_path, capsys, damage):
    path = tmp_path / "file"
    cache.write_verified(path, writer(b"content"))
    if damage == "cut":
        path.write_bytes(b"cont")
    elif damage == "flip":
        path.write_bytes(b"kontent")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "no checksum":
        (tmp_path / "file.sha256").unlink()
    else:
        cache.write_atomically(path, writer(b"newer content"))
    calls: list[int] = []
    assert cache.load_or_build(path, builder(b"content", calls), what="numbers") == b"content"
    assert calls == [1]
    assert "damaged" in capsys.readouterr().err
    assert cache.load_or_build(path, builder(b"content", calls), what="numbers") == b"content"
    assert calls == [1]


def test_an_unwritable_folder_is_reported_before_the_work(tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    calls: list[int] = []
    with pytest.raises(cache.CacheError):
        cache.load_or_build(tmp_path / "taken" / "file", builder(b"x", calls), what="numbers")
    assert calls == []


def test_a_good_cache_in_a_read_only_folder_is_read(tmp_path, monkeypatch):
    path = tmp_path / "file"
    cache.write_verified(path, writer(b"content"))

    def refuse(*_args, **_keywords):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(cache, "open", refuse, raising=False)
    calls: list[int] = []
    assert cache.load_or_build(path, builder(b"x", calls), what="numbers") == b"content"
    assert calls == []


KILLED = """
import os, signal, sys
from utils.data import cache

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def build():
    if sys.argv[2] == "build":
        die()
    def write(stream):
        stream.write(b"con")
        stream.flush()
        if sys.argv[2] == "write":
            die()
        stream.write(b"tent")
    return write

if sys.argv[2] == "rename":
    cache.os.replace = die
if sys.argv[2] == "checksum":
    replace = os.replace
    cache.os.replace = lambda old, new: die() if str(new).endswith("256") else replace(old, new)
cache.read_verified = lambda path: None
cache.load_or_build(sys.argv[1], build, what="numbers")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("before", [None, b"previous"])
@pytest.mark.parametrize("moment", ["build", "write", "rename", "checksum"])
def test_a_killed_build_leaves_nothing_that_is_trusted(tmp_path, moment, before):
    path = tmp_path / "file"
    if before is not None:
        cache.write_verified(path, writer(before))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), moment], timeout=60)
    assert ended.returncode == -signal.SIGKILL
    # What is trusted is the file from before, whole, or nothing at all.
    if moment == "checksum":
        assert path.read_bytes() == b"content"
        assert cache.read_verified(path) is None
    else:
        assert cache.read_verified(path) == before
    calls: list[int] = []
    expected = before if cache.read_verified(path) else b"content"
    assert cache.load_or_build(path, builder(b"content", calls), what="numbers") == expected
    assert cache.read_verified(path) == expected
