"""Make the book's virtual environment from the lock, and say what is going on meanwhile.

``make env`` calls this with the Python that was found; it needs nothing but the standard library.
Three things decide how it goes:

*PyTorch comes first and by itself.* On Linux the package index serves the build for CUDA, which
is ten times as large as what the book needs, so the CPU build is asked of PyTorch's own index.
Where that cannot be reached, the build of the package index is taken, with a notice of its size.
``make CUDA=1 env`` asks for the CUDA build. A wheel in a folder that pip is configured to look
into (``find-links``) is taken before any download.

*All else comes from the lock*, with hashes (the CPU build of PyTorch alone is checked only against
what its own index says), and without resolving anything: what the lock does
not name is not installed.

*uv installs, and pip does where uv cannot be had.* Both read the same files. On the machine where
this was tried the lock took 16 seconds by uv and 230 by pip.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
import urllib.request
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from book._tools.command import ROOT, CommandError, Option, command, title

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 5.0
_PINNED = re.compile(r"^[A-Za-z0-9][\w.-]*==", re.M)


class InstallError(CommandError):
    """A step did not work; the message says which, and what the installer printed."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes
    ----------
    folder : pathlib.Path
        Where it is.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        windows = self.folder / "Scripts" / "python.exe"
        return windows if os.name == "nt" else self.folder / "bin" / "python"

    def pip(self, *words: str) -> list[str]:
        """Return a call of pip in it."""
        return [str(self.python), "-m", "pip", "--disable-pip-version-check", *words]

    def uv(self, *words: str) -> list[str]:
        """Return a call of uv in it; ``words`` follow ``uv pip``."""
        first, *rest = words
        return [str(self.python), "-m", "uv", "pip", first, "--python", str(self.python), *rest]


def pinned(text: str) -> int:
    """Count the packages that a lock names.

    Parameters
    ----------
    text : str
        A requirements file.

    Returns
    -------
    int
        The number of lines ``name==version``.
    """
    return len(_PINNED.findall(text))


def reachable(address: str, seconds: float = PROBE_SECONDS) -> bool:
    """Say whether a server answers at all within a few seconds.

    Parameters
    ----------
    address : str
        What to ask for.
    seconds : float
        How long to wait.

    Returns
    -------
    bool
        Whether an answer without an error came.
    """
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:
            return bool(answer.status < 400)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def _surroundings() -> dict[str, str]:
    """Return the process's variables, without those that would lead an installer elsewhere."""
    left_out = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "PYTHONWARNINGS": "ignore"}


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=_surroundings(), text=True, check=False, capture_output=True
    )


def _follow(command: Sequence[str]) -> int:
    """Run an installer and pass on what it says, but for the list of all that it installed."""
    started = subprocess.Popen(
        command, cwd=ROOT, env=_surroundings(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, errors="replace",
    )  # fmt: skip
    assert started.stdout is not None
    for line in started.stdout:
        if not line.startswith((" + ", " Downloaded", "Requirement already")):
            print(f"   {line.rstrip()}", flush=True)
    return started.wait()


def _must(command: Sequence[str], what: str) -> None:
    done = _call(command)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-3000:]
        raise InstallError(f"{what} did not work.\n{said}")


def torch_build(environment: Environment, version: str) -> str | None:
    """Say which build of PyTorch an environment holds.

    Parameters
    ----------
    environment : Environment
        Where to look.
    version : str
        The version that the lock names.

    Returns
    -------
    str or None
        Its local part, such as ``cpu``, the empty string if it has none, and None if the
        environment holds no PyTorch of that version.
    """
    code = "from importlib.metadata import version; print(version('torch'))"
    done = _call([str(environment.python), "-c", code])
    public, _, local = done.stdout.strip().partition("+")
    return local if done.returncode == 0 and public == version else None


def torch_commands(
    environment: Environment, version: str, *, cuda: bool, linux: bool, index: bool
) -> Iterable[tuple[str, list[str]]]:
    """List the ways to PyTorch, the best first; the next is tried where one fails.

    Parameters
    ----------
    environment : Environment
        Where to install it.
    version : str
        The version that the lock names.
    cuda : bool
        Whether the build for CUDA is wanted.
    linux : bool
        Whether this is Linux; elsewhere the package index serves the build that is wanted.
    index : bool
        Whether PyTorch's own index can be reached.

    Yields
    ------
    tuple of str and list of str
        A sentence for the reader, empty for a silent try, and the command.
    """
    pin = f"torch=={version}"
    if linux and not cuda:
        yield "", environment.pip("install", "--quiet", "--no-deps", "--no-index", pin)
        if index:
            yield (
                "the CPU build, about 200 MB to download",
                environment.pip("install", "--no-deps", "--index-url", TORCH_CPU_INDEX, pin),
            )
        reason = "did not give its build" if index else "cannot be reached"
        notice = (
            f"PyTorch's own index {reason}, so the build for CUDA is taken: "
            "about 3 GB to download and 5.5 GB on disk; the book runs the same"
        )
    else:
        notice = "about 3 GB to download and 5.5 GB on disk" if linux else "about 200 MB"
    locked = ["--no-deps", "--require-hashes", "-r", "requirements-torch.txt"]
    yield notice, environment.uv("install", *locked)
    yield "", environment.pip("install", *locked)


def install_torch(environment: Environment, version: str, *, cuda: bool) -> None:
    """Install PyTorch unless the environment holds it.

    Parameters
    ----------
    environment : Environment
        Where.
    version : str
        The version that the lock names.
    cuda : bool
        Whether the build for CUDA is wanted.
    """
    linux = sys.platform.startswith("linux")
    build = torch_build(environment, version)
    if build is not None and not (cuda and build == "cpu"):
        return
    if build == "cpu":
        _must(environment.pip("uninstall", "--yes", "torch"), "Removing the CPU build")
    index = linux and not cuda and reachable(f"{TORCH_CPU_INDEX}/torch/")
    ways = torch_commands(environment, version, cuda=cuda, linux=linux, index=index)
    for sentence, words in ways:
        if sentence:
            print(f"   {sentence}", flush=True)
        if (_follow(words) if sentence else _call(words).returncode) == 0:
            return
    raise InstallError(f"PyTorch {version} could not be installed: see above for the reason.")


def install_lock(environment: Environment, name: str) -> None:
    """Install what a lock names, by uv or else by pip.

    Parameters
    ----------
    environment : Environment
        Where.
    name : str
        The file, in the folder of the book.
    """
    locked = ["--no-deps", "--require-hashes", "-r", name]
    if _follow(environment.uv("install", "--compile-bytecode", *locked)):
        print("   uv did not manage it; trying pip, which takes some minutes", flush=True)
        if _follow(environment.pip("install", "--progress-bar", "off", *locked)):
            raise InstallError(f"Installing {name} did not work: see above for the reason.")


def torch_version(text: str) -> str:
    """Read the version of PyTorch off its lock.

    Parameters
    ----------
    text : str
        The content of ``requirements-torch.txt``.

    Returns
    -------
    str
        For example ``2.13.0``.
    """
    found = re.search(r"^torch==([\w.]+)", text, re.M)
    if found is None:
        raise InstallError("requirements-torch.txt names no torch: run `make lock`.")
    return found.group(1)


def install(folder: Path, *, cuda: bool = False, developers: bool = False) -> None:
    """Make the environment, or bring it up to date.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is or will be.
    cuda : bool
        Whether the build of PyTorch for CUDA is wanted.
    developers : bool
        Whether to install what the tests need as well.
    """
    environment = Environment(folder)
    if environment.python.is_symlink() and not environment.python.exists():
        raise InstallError(
            f"{folder} belongs to a Python that is not there any more: remove that folder, and "
            "call make again."
        )
    # Without pip it is what an interrupted call left; to make it again there completes it.
    if not environment.python.is_file() or _call(environment.pip("--version")).returncode:
        name = ".".join(str(number) for number in sys.version_info[:3])
        title(f"making a virtual environment with Python {name} ({sys.executable})")
        _must([sys.executable, "-m", "venv", str(folder)], "Making the virtual environment")
    version = torch_version((ROOT / "requirements-torch.txt").read_text(encoding="utf-8"))
    title(f"installing PyTorch {version}")
    _call(environment.pip("install", "--quiet", "--require-hashes", "-r", "requirements-uv.txt"))
    install_torch(environment, version, cuda=cuda)
    for name in ["requirements.txt", *(["requirements-dev.txt"] if developers else [])]:
        count = pinned((ROOT / name).read_text(encoding="utf-8"))
        title(f"installing {count} packages ({name})")
        install_lock(environment, name)
    title("installing the book's own package")
    own = ["--no-deps", "--no-build-isolation", "--editable", "."]
    if _call(environment.uv("install", *own)).returncode:
        _must(environment.pip("install", "--quiet", *own), "Installing the book's own package")


@command(
    __doc__,
    Option("--venv", type=Path, default=Path(".venv"), help="where it will be"),
    Option("--cuda", action="store_true", help="the build of PyTorch for CUDA"),
    Option("--developers", action="store_true", help="what the tests need as well"),
)
def main(options: Namespace) -> list[str] | None:
    """Make the environment or bring it up to date, and say how long it took."""
    started = time.monotonic()
    folder = options.venv if options.venv.is_absolute() else ROOT / options.venv
    install(folder, cuda=options.cuda, developers=options.developers)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    title(f"the environment is ready after {minutes} min {seconds} s")
    return None


if __name__ == "__main__":
    raise SystemExit(main())
