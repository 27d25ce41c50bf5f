"""The commands that serve the site and prepare the data say in a sentence what is in the way."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from book._tools import data, serve
from book._tools.command import CommandError
from utils.data import qm9
from utils.data.cache import CacheError


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "index.html").write_text("<p>here</p>")
    monkeypatch.setattr(serve, "SITE", tmp_path)
    return tmp_path


def test_the_site_is_served(site):
    with serve.server(0) as serving:
        thread = Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{serving.server_port}/") as page:
            assert page.read() == b"<p>here</p>"
        serving.shutdown()


def test_a_port_in_use_is_named(site):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} is in use.*PORT={port + 1}"):
            serve.server(port)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_out_of_range_is_named(site, port):
    with pytest.raises(CommandError, match=f"from 0 to 65535, and {port} is not"):
        serve.server(port)


def test_a_site_that_is_not_built_is_named(site):
    (site / "index.html").unlink()
    with pytest.raises(CommandError, match="call make book first"):
        serve.server(0)


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch, capsys):
    def refuse() -> None:
        raise CacheError("Cannot write a: the folder b is read-only; set C to another.")

    monkeypatch.setattr(qm9, "load_dense", refuse)
    assert data.main([]) == 1
    assert capsys.readouterr().err == (
        "error: Cannot write a: the folder b is read-only; set C to another.\n"
    )
