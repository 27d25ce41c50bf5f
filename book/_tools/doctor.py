"""Look at a machine before anything is installed on it, and say what would not work.

``make doctor`` prints every check; ``make book`` prints those that found something. Each finding
comes with the one command that mends it. Nothing here is imported from outside the standard
library, and nothing needs a Python that the book itself could not run on: this file must be able
to say that a Python is too old.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from book._tools.command import ROOT, Option, command

OLDEST, NEWEST = (3, 11), (3, 14)
GIGABYTES_OF_DISK = {"cpu": 4.0, "cuda": 10.0}
GIGABYTES_OF_MEMORY = 2.0
# RDKit draws through the first four, which a desktop has and a bare server or container lacks.
LIBRARIES = {
    "libXrender.so.1": "libxrender1",
    "libXext.so.6": "libxext6",
    "libX11.so.6": "libx11-6",
    "libexpat.so.1": "libexpat1",
    "libstdc++.so.6": "libstdc++6",
}
FEDORA = {
    "libxrender1": "libXrender",
    "libxext6": "libXext",
    "libx11-6": "libX11",
    "libexpat1": "expat",
    "libstdc++6": "libstdc++",
}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    what : str
        One sentence.
    mend : str
        The command or the step that mends it; empty if nothing is wrong.
    stops : bool
        Whether the book cannot be made before it is mended.
    """

    what: str
    mend: str = ""
    stops: bool = True

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.mend

    def __str__(self) -> str:
        return f"{self.what}\n  to mend it: {self.mend}" if self.mend else self.what


def _install(debian: str, fedora: str) -> str:
    """Name the command that installs system packages here."""
    root = "" if getattr(os, "geteuid", lambda: 1)() == 0 else "sudo "
    if shutil.which("apt-get"):
        return f"{root}apt-get install -y {debian}"
    if shutil.which("dnf"):
        return f"{root}dnf install -y {fedora}"
    return f"install {debian} with the package manager of this system"


def check_python(version: Sequence[int] = tuple(sys.version_info[:3])) -> Finding:
    """Compare the running Python with those that the book is tested on.

    Parameters
    ----------
    version : sequence of int
        Major, minor and patch number.

    Returns
    -------
    Finding
        Which Python it is, or what to do about it.
    """
    name = ".".join(str(number) for number in version[:3])
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        wanted = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        mend = f"install one of them, or name it: make book PYTHON=/path/to/python{NEWEST[0]}.13"
        if sys.prefix != sys.base_prefix:
            mend = f"remove {sys.prefix}, then {mend}"
        return Finding(
            f"Python {name} at {sys.executable} does not fit: the book runs on {wanted}.", mend
        )
    missing = [part for part in ("venv", "ensurepip") if importlib.util.find_spec(part) is None]
    if missing:
        return Finding(
            f"Python {name} at {sys.executable} cannot make virtual environments: "
            f"it lacks {' and '.join(missing)}.",
            _install(f"python{version[0]}.{version[1]}-venv", "python3"),
        )
    return Finding(f"Python {name} at {sys.executable}")


def check_disk(folder: Path, build: str = "cpu", free: float | None = None) -> Finding:
    """Compare the free space of the disk with what the environment takes.

    Parameters
    ----------
    folder : pathlib.Path
        Where the environment will be, or is.
    build : {"cpu", "cuda"}
        Which PyTorch is to be installed.
    free : float, optional
        Free gigabytes; looked up if not given.

    Returns
    -------
    Finding
        How much is free, or how much is missing.
    """
    if (folder / ".venv" / ".readers").is_file():
        return Finding("The environment is installed")
    wanted = GIGABYTES_OF_DISK[build]
    there = shutil.disk_usage(folder).free / 1e9 if free is None else free
    if there < wanted:
        return Finding(
            f"{there:.1f} GB of disk are free at {folder}; the environment takes up to "
            f"{wanted:.0f} GB.",
            f"free {wanted - there:.1f} GB, or put the copy of the book on another disk",
        )
    return Finding(f"{there:.0f} GB of disk are free")


def _memory() -> float | None:
    """Gigabytes of memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def check_memory(there: float | None = None) -> Finding:
    """Compare the memory of the machine with what a chapter takes.

    Parameters
    ----------
    there : float, optional
        Gigabytes; looked up if not given.

    Returns
    -------
    Finding
        How much there is; too little is no reason to stop, since most chapters take less.
    """
    found = _memory() if there is None else there
    if found is None:
        return Finding("The memory of this machine is not known; chapters take up to 1.5 GB")
    if found < GIGABYTES_OF_MEMORY:
        return Finding(
            f"This machine has {found:.1f} GB of memory; a chapter takes up to 1.5 GB.",
            "run one chapter at a time: make chapter N=05",
            stops=False,
        )
    return Finding(f"{found:.0f} GB of memory")


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def check_libraries(loads: Callable[[str], bool] = _loads, system: str = sys.platform) -> Finding:
    """Try to load the shared libraries that the packages expect of a Linux system.

    Parameters
    ----------
    loads : callable
        Says whether a library of that name can be loaded.
    system : str
        ``sys.platform``.

    Returns
    -------
    Finding
        That all are there, or the command that installs those that are not.
    """
    if not system.startswith("linux"):
        return Finding("No system libraries are needed here")
    missing = {name: package for name, package in LIBRARIES.items() if not loads(name)}
    if missing:
        names = [FEDORA[package] for package in missing.values()]
        return Finding(
            f"RDKit cannot draw molecules here: {', '.join(missing)} cannot be loaded.",
            _install(" ".join(missing.values()), " ".join(names)),
        )
    return Finding(f"{', '.join(LIBRARIES)} can be loaded")


def check_git() -> Finding:
    """Look for git, which dates the pages.

    Returns
    -------
    Finding
        That it is there, or how to install it.
    """
    if shutil.which("git") is None:
        return Finding("git was not found.", _install("git", "git"), stops=False)
    return Finding("git is there")


def check_writing(folder: Path) -> Finding:
    """Try to write a file.

    Parameters
    ----------
    folder : pathlib.Path
        Where the environment and the site are made.

    Returns
    -------
    Finding
        That it can be written to, or what to do.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            f"{folder} cannot be written to ({error.strerror}).",
            "copy the book to a folder of yours",
        )
    return Finding(f"{folder} can be written to")


def examine(root: Path = ROOT, build: str = "cpu") -> list[Finding]:
    """Do every check.

    Parameters
    ----------
    root : pathlib.Path
        The copy of the book.
    build : {"cpu", "cuda"}
        Which PyTorch is to be installed.

    Returns
    -------
    list of Finding
        One each.
    """
    return [
        check_python(),
        check_writing(root),
        check_disk(root, build),
        check_memory(),
        check_libraries(),
        check_git(),
    ]


@command(
    __doc__,
    Option("--quiet", action="store_true", help="print only what is wrong"),
    Option("--cuda", action="store_true", help="reckon with the CUDA build of PyTorch"),
)
def main(options: Namespace) -> list[str] | None:
    """Examine this machine and print what was found."""
    findings = examine(build="cuda" if options.cuda else "cpu")
    for finding in findings:
        if finding.good and not options.quiet:
            print(f"good: {finding.what}")
        elif not finding.good and not finding.stops:
            print(f"note: {finding}", file=sys.stderr)
    return [str(finding) for finding in findings if finding.stops and not finding.good]


if __name__ == "__main__":
    raise SystemExit(main())
