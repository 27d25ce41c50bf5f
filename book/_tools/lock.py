"""Lock the requirements: every package of the closure, pinned, for readers and for developers.

``python -m book._tools.lock`` resolves what pyproject.toml asks for with pip itself, starting
from the versions locked before; ``--upgrade`` starts from nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from book._tools.sync import PROJECT, ROOT, sync

READERS = "requirements.txt"
DEVELOPERS = "requirements-dev.txt"
_HEAD = "# Made by `make lock` from pyproject.toml. Do not edit by hand.\n"


def canonical(name: str) -> str:
    """Normalise the name of a package as PEP 503 does.

    Parameters
    ----------
    name : str
        A name such as ``Ruamel_Yaml``.

    Returns
    -------
    str
        The name in lower case, with single hyphens.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(report: dict, *, without: Iterable[str] = ()) -> dict[str, str]:
    """Read the pins off a pip installation report.

    Parameters
    ----------
    report : dict
        What ``pip install --dry-run --report`` wrote.
    without : Iterable[str]
        Canonical names to leave out.

    Returns
    -------
    dict[str, str]
        Version by name, sorted; local parts such as ``+cpu`` are dropped, since the version
        without them is what every index has.
    """
    left_out = set(without)
    found = {
        item["metadata"]["name"]: item["metadata"]["version"].split("+")[0]
        for item in report["install"]
        if canonical(item["metadata"]["name"]) not in left_out
    }
    return dict(sorted(found.items(), key=lambda pair: canonical(pair[0])))


def _resolve(target: str, constraints: Sequence[Path]) -> dict:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-"]
    for path in constraints:
        command += ["--constraint", str(path)]
    done = subprocess.run([*command, target], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"pip could not resolve {target}:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def _write(name: str, lines: Iterable[str]) -> None:
    temporary = ROOT / f"{name}.tmp"
    temporary.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    os.replace(temporary, ROOT / name)
    print(f"{name} written")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : Sequence[str], optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        The exit status.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="do not start from the old lock")
    parser.add_argument("--constraint", type=Path, help="a file of versions to prefer")
    options = parser.parse_args(arguments)
    old = [ROOT / name for name in (READERS, DEVELOPERS) if (ROOT / name).is_file()]
    constraints = [] if options.upgrade else old
    if options.constraint:
        constraints = [*constraints, options.constraint.resolve()]
    readers = pins(_resolve(".[book]", constraints), without=[PROJECT])
    _write(READERS, (f"{name}=={version}" for name, version in readers.items()))
    known = {canonical(name) for name in readers} | {PROJECT}
    developers = pins(_resolve(".[dev]", [ROOT / READERS, *constraints]), without=known)
    lines = [f"-r {READERS}", *(f"{name}=={version}" for name, version in developers.items())]
    _write(DEVELOPERS, lines)
    for path in sync():
        print(f"{path} brought in step")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
