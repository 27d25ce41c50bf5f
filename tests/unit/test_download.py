"""A file that is fetched is whole or not there, whatever the server and the connection do."""

from __future__ import annotations

import errno
import hashlib
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from release_server import Release, serving

from utils.data import download
from utils.data.cache import CacheError
from utils.data.download import Wanted, fetch

CONTENT = bytes(range(256)) * 2000
PIECE = 2**17
WANTED = Wanted("net.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    """A server with the file, and with another one of its size under ``wrong/``."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "release"
    (folder / "wrong").mkdir(parents=True)
    (folder / "net.bin").write_bytes(CONTENT)
    (folder / "wrong" / "net.bin").write_bytes(CONTENT[:-1] + b"\0")
    with serving(folder) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "net.bin"


def part_of(place: Path) -> Path:
    return place.with_name("net.bin.part")


def left(place: Path) -> set[str]:
    """What lies in the folder, but for the lock that processes wait at."""
    return {path.name for path in place.parent.iterdir()} - {".net.bin.lock"}


@pytest.mark.parametrize("prefix", ["", "/moved"])
def test_a_file_comes_once(server: Release, place: Path, prefix: str) -> None:
    told: list[int] = []
    for _ in range(2):
        fetch(WANTED, [f"{server.address}{prefix}/net.bin"], place, advance=told.append)
        assert place.read_bytes() == CONTENT
        assert left(place) == {"net.bin"}
    assert sum(told) == 2 * len(CONTENT)
    assert len(server.asked) == (1 if not prefix else 2)


def test_a_connection_that_breaks_off_is_taken_up_again(server: Release, place: Path) -> None:
    server.breaks_after = PIECE
    told: list[int] = []
    fetch(WANTED, [f"{server.address}/net.bin"], place, advance=told.append)
    assert place.read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["", *(f"bytes={n * PIECE}-" for n in (1, 2, 3))]
    assert sum(told) == len(CONTENT)


@pytest.mark.parametrize(("ranges", "second"), [(True, 312_000), (False, 512_000)])
def test_the_next_call_goes_on_or_begins_anew(
    server: Release, place: Path, ranges: bool, second: int
) -> None:
    """A server that knows no ranges sends all again; that is noticed, not appended."""
    place.parent.mkdir()
    part_of(place).write_bytes(CONTENT[:200_000])
    server.ranges = ranges
    told: list[int] = []
    fetch(WANTED, [f"{server.address}/net.bin"], place, advance=told.append)
    assert place.read_bytes() == CONTENT
    assert server.asked == [("/net.bin", "bytes=200000-")]
    assert sum(count for count in told if count > 0) == 200_000 + second
    assert sum(told) == len(CONTENT)


@pytest.mark.parametrize("begun", [b"other bytes", b"x" * (len(CONTENT) + 1), CONTENT])
def test_a_part_of_another_file_is_not_continued_for_good(
    server: Release, place: Path, begun: bytes
) -> None:
    place.parent.mkdir()
    part_of(place).write_bytes(begun)
    fetch(WANTED, [f"{server.address}/net.bin"], place)
    assert place.read_bytes() == CONTENT
    assert len(server.asked) == {len(CONTENT): 0, len(CONTENT) + 1: 1}.get(len(begun), 2)


def test_a_server_that_hangs_up_at_once_ends_in_one_sentence(server: Release, place: Path) -> None:
    """What came stays for the next call, and no half file is ever in place."""
    server.breaks_after, server.ranges = PIECE, False
    with pytest.raises(OSError, match=r"^net\.bin could not be fetched; .*goes on where") as caught:
        fetch(WANTED, [f"{server.address}/net.bin"], place)
    assert "\n" not in str(caught.value)
    assert left(place) == {"net.bin.part"}
    server.breaks_after, server.ranges = None, True
    fetch(WANTED, [f"{server.address}/net.bin"], place)
    assert place.read_bytes() == CONTENT
    assert server.asked[-1] == ("/net.bin", f"bytes={PIECE}-")


def test_wrong_bytes_are_never_put_in_place(server: Release, place: Path) -> None:
    with pytest.raises(OSError, match="other bytes than those of this version"):
        fetch(WANTED, [f"{server.address}/wrong/net.bin"], place)
    assert not place.exists()
    assert not part_of(place).read_bytes()
    # The next address is asked, and what the first one said does no harm.
    fetch(WANTED, [f"{server.address}/{name}net.bin" for name in ("wrong/", "")], place)
    assert place.read_bytes() == CONTENT


def test_more_than_was_announced_is_not_stored(server: Release, place: Path) -> None:
    (server.folder / "long.bin").write_bytes(b"\1" * (3 * len(CONTENT)))
    told: list[int] = []
    with pytest.raises(OSError, match="other bytes"):
        fetch(WANTED, [f"{server.address}/long.bin"], place, advance=told.append)
    assert max(sum(told[:count]) for count in range(len(told))) <= len(CONTENT)


def test_addresses_are_tried_in_their_order(server: Release, place: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere\.bin: 404 .*\| .*gone\.bin") as caught:
        fetch(WANTED, [f"{server.address}/nowhere.bin", "file:///gone.bin"], place)
    assert "\n" not in str(caught.value)
    fetch(WANTED, [f"{server.address}/nowhere.bin", f"{server.address}/net.bin"], place)
    assert place.read_bytes() == CONTENT


def test_a_folder_of_this_machine_will_do(server: Release, place: Path) -> None:
    place.parent.mkdir()
    part_of(place).write_bytes(CONTENT[:1000])
    fetch(WANTED, [(server.folder / "net.bin").as_uri()], place)
    assert place.read_bytes() == CONTENT
    assert server.asked == []


def test_a_damaged_file_is_replaced(server: Release, place: Path) -> None:
    place.parent.mkdir()
    place.write_bytes(CONTENT[:-1] + b"\0")
    fetch(WANTED, [f"{server.address}/net.bin"], place)
    assert place.read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_is_said_before_anything_is_asked(
    server: Release, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="is not a folder"):
        fetch(WANTED, [f"{server.address}/net.bin"], tmp_path / "file" / "net.bin")
    for wrong in ([], "http://127.0.0.1/net.bin"):
        with pytest.raises(ValueError, match="at least one address"):
            fetch(WANTED, wrong, tmp_path / "net.bin")
    assert server.asked == []


class FullDisk(io.BytesIO):
    """A file on a disk without space."""

    def write(self, block: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_not_taken_for_a_bad_connection(
    server: Release, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "open", lambda *_: FullDisk(), raising=False)
    address = f"{server.address}/net.bin"
    with pytest.raises(CacheError, match=r"net\.bin: the disk is full; free some space") as caught:
        fetch(WANTED, [address, address], place)
    assert "connection" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_folder_in_the_place_of_the_file_is_named(server: Release, place: Path) -> None:
    place.mkdir(parents=True)
    with pytest.raises(CacheError, match=r"net\.bin: a folder of that name is in the way"):
        fetch(WANTED, [f"{server.address}/net.bin"], place)


def test_two_processes_share_one_download(server: Release, place: Path) -> None:
    code = (
        "import sys; from utils.data.download import Wanted, fetch; "
        f"fetch(Wanted('net.bin', {WANTED.bytes}, '{WANTED.sha256}'), sys.argv[1:2], sys.argv[2])"
    )
    command = [sys.executable, "-c", code, f"{server.address}/net.bin", str(place)]
    server.gate.clear()
    first = subprocess.Popen(command)
    while not server.asked:
        assert first.poll() is None
        time.sleep(0.05)
    second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert "Another process fetches net.bin; waiting for it." in second.stderr.readline()
    server.gate.set()
    assert [one.wait(timeout=60) for one in (first, second)] == [0, 0]
    second.stderr.close()
    assert place.read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert left(place) == {"net.bin"}
