"""Before and during installation: what the doctor notices, and which way leads to PyTorch."""

from __future__ import annotations

import ast
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from book._tools import doctor, install
from book._tools.install import Environment, InstallError, pinned, reachable, torch_commands

VERSION = "2.13.0"
HERE = Environment(Path("venv"))


# ---------------------------------------------------------------- the doctor


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 11, 2), (3, 13, 5), (3, 14, 0)])
def test_pythons_that_fit(version):
    assert doctor.check_python(version).good


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 13), (3, 15, 0), (4, 0, 0)])
def test_pythons_that_do_not_fit_stop(version):
    finding = doctor.check_python(version)
    assert not finding.good
    assert finding.stops
    assert "3.11 to 3.14" in finding.what
    assert "PYTHON=" in finding.mend


def test_the_doctor_and_the_project_name_the_same_pythons(root):
    text = (root / "pyproject.toml").read_text()
    low, high = doctor.OLDEST, doctor.NEWEST
    assert f'requires-python = ">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"' in text
    script = (root / "book" / "_tools" / "python.sh").read_text()
    versions = " ".join(f"3.{minor}" for minor in range(high[1], low[1] - 1, -1))
    assert f"for version in {versions}; do" in script


def test_a_bare_machine_is_told_which_libraries_it_lacks():
    bare = doctor.check_libraries(lambda name: "Xrender" not in name, "linux")
    assert not bare.good
    assert "libXrender.so.1" in bare.what
    assert "libXext" not in bare.what
    assert doctor.FEDORA.keys() == {*doctor.LIBRARIES.values()}
    assert "ibxrender" in bare.mend.lower()
    assert doctor.check_libraries(lambda name: True, "linux").good
    assert doctor.check_libraries(lambda name: False, "darwin").good


def test_little_disk_stops_and_little_memory_does_not(tmp_path):
    assert not doctor.check_disk(tmp_path, "cpu", free=1.0).good
    assert doctor.check_disk(tmp_path, "cpu", free=5.0).good
    assert not doctor.check_disk(tmp_path, "cuda", free=5.0).good
    small = doctor.check_memory(1.0)
    assert not small.good
    assert not small.stops
    assert doctor.check_memory(2.1).good


def test_a_folder_that_cannot_be_written_to(tmp_path):
    assert doctor.check_writing(tmp_path).good
    file = tmp_path / "file"
    file.write_text("")
    finding = doctor.check_writing(file)
    assert not finding.good
    assert "cannot be written to" in finding.what


def test_quiet_says_nothing_when_all_is_well_and_names_what_is_not(monkeypatch, capsys):
    good, bad = doctor.Finding("fine"), doctor.Finding("broken", "mend it")
    note = doctor.Finding("small", "do less", stops=False)
    monkeypatch.setattr(doctor, "examine", lambda **_: [good, note])
    assert doctor.main(["--quiet"]) == 0
    assert "fine" not in capsys.readouterr().out
    monkeypatch.setattr(doctor, "examine", lambda **_: [good, bad])
    assert doctor.main([]) == 1
    printed = capsys.readouterr()
    assert "good: fine" in printed.out
    assert "error: broken\n  to mend it: mend it" in printed.err


@pytest.mark.parametrize("module", ["doctor", "install"])
def test_what_runs_before_any_package_is_there_needs_none(root, module):
    command = [sys.executable, "-S", "-m", f"book._tools.{module}", "--help"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--cuda" in done.stdout


def test_the_doctor_can_be_read_by_pythons_that_are_too_old(root):
    for name in ("command", "doctor"):
        ast.parse((root / "book" / "_tools" / f"{name}.py").read_text(), feature_version=(3, 8))
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n    case 1: pass", feature_version=(3, 8))


def test_the_quiet_doctor_is_quiet(root):
    command = [sys.executable, "-S", "-m", "book._tools.doctor", "--quiet"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_name_on_the_path_that_does_not_run_is_passed_over(root, tmp_path):
    """As with the shims of version managers, which exist for Pythons that are not switched on."""
    shim = tmp_path / "python3.14"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    here = tmp_path / f"python3.{sys.version_info[1]}"
    here.symlink_to(sys.executable)
    script = root / "book" / "_tools" / "python.sh"
    done = subprocess.run(
        ["/bin/sh", str(script)], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(here)


@pytest.mark.parametrize("name", ["python3.12", "python3"])
def test_a_python_that_does_not_fit_is_named_so_that_the_doctor_can_say_why(root, tmp_path, name):
    """As with Debian's Python before python3-venv is installed: it runs, and has no ensurepip."""
    unfit = tmp_path / name
    unfit.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexit 0\n')
    unfit.chmod(0o755)
    script = root / "book" / "_tools" / "python.sh"
    done = subprocess.run(
        ["/bin/sh", str(script)], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(unfit)


# ---------------------------------------------------------------- the installer


def ways(**given: bool) -> list[tuple[str, str]]:
    options = {"cuda": False, "linux": True, "index": True, **given}
    return [(said, " ".join(words)) for said, words in torch_commands(HERE, VERSION, **options)]


def test_on_linux_the_cpu_build_is_asked_of_its_own_index_first():
    first, second, *rest = ways()
    assert "--no-index" in first[1]
    assert install.TORCH_CPU_INDEX in second[1]
    assert "200 MB" in second[0]
    assert all("requirements-torch.txt" in command for _, command in rest)
    assert "3 GB" in rest[0][0]
    assert "did not give its build" in rest[0][0]


def test_without_that_index_the_size_of_what_comes_is_said():
    found = ways(index=False)
    assert not any(install.TORCH_CPU_INDEX in command for _, command in found)
    assert "cannot be reached" in found[1][0]
    assert "3 GB" in found[1][0]


@pytest.mark.parametrize(("given", "size"), [({"cuda": True}, "3 GB"), ({"linux": False}, "200")])
def test_elsewhere_and_for_cuda_the_locked_build_is_taken(given, size):
    found = ways(**given)
    assert all("--require-hashes -r requirements-torch.txt" in command for _, command in found)
    assert size in found[0][0]
    assert "cannot be reached" not in found[0][0]


@pytest.fixture
def server() -> Iterator[str]:
    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/there" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def test_an_index_is_asked_once_and_briefly(server):
    assert reachable(f"{server}/there")
    assert not reachable(f"{server}/missing")
    assert not reachable("no address")
    with socket.socket() as silent:  # accepts a connection and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert not reachable(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
        assert time.monotonic() - began < install.PROBE_SECONDS
    assert not reachable("http://127.0.0.1:9", seconds=1)


class Calls:
    """Stands in for the processes that the installer starts; the first to match decides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, works: str, held: str = "") -> None:
        self.made: list[str] = []
        self.works, self.held = works, held
        monkeypatch.setattr(install, "_call", self.call)
        monkeypatch.setattr(install, "_follow", lambda command: self.call(command).returncode)
        monkeypatch.setattr(install, "reachable", lambda address: True)

    def call(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        words = " ".join(command)
        if "importlib.metadata" in words:
            code = 0 if self.held else 1
            return subprocess.CompletedProcess(command, code, self.held, "")
        self.made.append(words)
        return subprocess.CompletedProcess(command, int(self.works not in words), "", "")


def test_the_next_way_is_tried_where_one_fails(monkeypatch):
    monkeypatch.setattr(install.sys, "platform", "linux")
    calls = Calls(monkeypatch, works="requirements-torch.txt")
    install.install_torch(HERE, VERSION, cuda=False)
    assert [("--no-index" in c, install.TORCH_CPU_INDEX in c, " uv " in c) for c in calls.made] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    Calls(monkeypatch, works="nothing works")
    with pytest.raises(InstallError, match="could not be installed"):
        install.install_torch(HERE, VERSION, cuda=False)


@pytest.mark.parametrize(
    ("held", "cuda", "installs"),
    [
        ("2.13.0+cpu", False, False),
        ("2.13.0", False, False),
        ("2.12.0+cpu", False, True),
        ("2.13.0+cpu", True, True),
        ("2.13.0", True, False),
        ("", False, True),
    ],
)
def test_what_is_there_stays_unless_another_build_is_wanted(monkeypatch, held, cuda, installs):
    calls = Calls(monkeypatch, works="", held=held)
    install.install_torch(HERE, VERSION, cuda=cuda)
    assert any(" install " in command for command in calls.made) is installs
    assert any("uninstall" in command for command in calls.made) is (cuda and "+cpu" in held)


@pytest.mark.parametrize("has_pip", [True, False])
def test_an_environment_that_was_left_half_made_is_completed(monkeypatch, tmp_path, has_pip):
    monkeypatch.setattr(install, "install_torch", lambda *_, **__: None)
    python = Environment(tmp_path).python
    python.parent.mkdir(parents=True)
    python.write_text("")
    calls = Calls(monkeypatch, works="pip-version-check --version" if has_pip else " -m venv ")
    with pytest.raises(InstallError, match=r"requirements\.txt did not work"):
        install.install(tmp_path)
    assert any(" -m venv " in command for command in calls.made) is not has_pip


def test_an_environment_whose_python_is_gone_is_named(tmp_path):
    python = Environment(tmp_path).python
    python.parent.mkdir(parents=True)
    python.symlink_to(tmp_path / "gone")
    with pytest.raises(InstallError, match="not there any more"):
        install.install(tmp_path)


def test_pip_takes_over_where_uv_cannot(monkeypatch, capsys):
    calls = Calls(monkeypatch, works="-m pip ")
    install.install_lock(HERE, "requirements.txt")
    assert ["-m uv" in command for command in calls.made] == [True, False]
    assert "trying pip" in capsys.readouterr().out
    assert all("--require-hashes" in command for command in calls.made)
    Calls(monkeypatch, works="nothing works")
    with pytest.raises(InstallError, match=r"requirements\.txt did not work"):
        install.install_lock(HERE, "requirements.txt")


def test_the_lock_is_counted_and_names_pytorch():
    lock = "# head\na==1 \\\n    --hash=sha256:00\nb-c==2 ; os_name == 'nt'\n"
    assert pinned(lock) == 2
    assert install.torch_version("x==1\ntorch==2.13.0 \\\n") == "2.13.0"
    with pytest.raises(InstallError, match="names no torch"):
        install.torch_version("torchvision==1\n")
