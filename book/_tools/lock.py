"""Lock the requirements: every package, for every platform, with hashes.

``python -m book._tools.lock`` resolves what pyproject.toml asks for with uv, for all Pythons and
systems that the book runs on at once, starting from the versions locked before; ``--upgrade``
starts from nothing. Four files come out:

``requirements.txt``
    what readers need, all but PyTorch;
``requirements-torch.txt``
    PyTorch as the package index serves it, with what only its build for CUDA needs;
``requirements-dev.txt``
    what developers need besides;
``requirements-uv.txt``
    the installer.

``book/_tools/install.py`` installs them.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from book._tools.command import ROOT, CommandError, Option, command, write
from book._tools.sync import PROJECT, locked, project, sync

READERS = "requirements.txt"
TORCH = "requirements-torch.txt"
DEVELOPERS = "requirements-dev.txt"
INSTALLER = "requirements-uv.txt"
WITHOUT_CUDA = ("--config-file", "book/_tools/lock.toml")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc")
_HEADS = {
    READERS: "All that readers need but PyTorch, which is in requirements-torch.txt.",
    TORCH: "PyTorch as the package index serves it: on Linux the build for CUDA.",
    DEVELOPERS: "What developers need beside requirements.txt.",
    INSTALLER: "What installs the rest.",
}


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


def _compile(
    source: str,
    target: str,
    *options: str,
    without: Iterable[str] = (),
    constraints: Iterable[str] = (),
    upgrade: bool,
    asked: str = "",
) -> None:
    """Resolve one file in place; what stands in it is what uv prefers."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / target
        if (ROOT / target).is_file() and not upgrade:
            draft.write_text((ROOT / target).read_text(encoding="utf-8"), encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", source, "--universal", "--quiet"]
        command += ["--generate-hashes", "--no-header", "--python-version", PYTHONS[0]]
        command += ["--only-binary", ":all:", "--output-file", str(draft), *options]
        command += [word for name in sorted(without) for word in ("--no-emit-package", name)]
        command += [word for name in constraints for word in ("--constraint", name)]
        done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True)
        if done.returncode:
            raise CommandError(f"uv could not resolve {target}:\n{done.stderr.strip()}")
        text = draft.read_text(encoding="utf-8")
    head = f"# {_HEADS[target]}\n# Made by `make lock` from pyproject.toml. Do not edit by hand.\n"
    write(ROOT / target, head + text)
    print(f"{target} written")


def without_wheels() -> list[str]:
    """Ask for every lock on every platform whether all that it names comes as a wheel.

    Returns
    -------
    list of str
        What is missing, one line each; empty if nothing is.
    """
    missing = []
    for platform, python in itertools.product(PLATFORMS, PYTHONS):
        for target in (READERS, TORCH, DEVELOPERS):
            command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--quiet"]
            command += ["--python-platform", platform, "--python-version", python, "--no-deps"]
            command += ["--only-binary", ":all:", "--require-hashes", "-r", target]
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [*command, "--target", folder],
                    cwd=ROOT,
                    env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},
                    capture_output=True,
                    text=True,
                )
            if done.returncode:
                reason = done.stderr.strip().splitlines()[-1:]
                missing.append(f"{target}, Python {python}, {platform}: {''.join(reason)}")
    return missing


def _names(target: str) -> set[str]:
    return {canonical(name) for name in locked(ROOT / target)}


@command(
    __doc__,
    Option("--upgrade", action="store_true", help="do not start from the old lock"),
)
def main(options: Namespace) -> list[str] | None:
    """Resolve the four locks, and see that all they name comes as wheels."""
    upgrade = options.upgrade
    with tempfile.TemporaryDirectory() as folder:
        # The torch of the lock is that of its own file, unless a newer one is asked for.
        pin = Path(folder) / "torch.txt"
        kept = None if upgrade else locked(ROOT / TORCH).get("torch")
        pin.write_text(f"torch=={kept}\n" if kept else "", encoding="utf-8")
        _compile(
            "pyproject.toml",
            READERS,
            *WITHOUT_CUDA,
            *("--extra", "book"),
            without={"torch"},
            constraints=[str(pin)],
            upgrade=upgrade,
        )
    readers = _names(READERS)
    asked = next(a for a in project()["dependencies"] if a.startswith("torch>"))
    _compile(
        "-", TORCH, "--no-config", without=readers, constraints=[READERS],
        upgrade=upgrade, asked=f"{asked}\n",
    )  # fmt: skip
    known = readers | _names(TORCH) | {PROJECT}
    _compile(
        "pyproject.toml", DEVELOPERS, *WITHOUT_CUDA, "--extra", "dev",
        without=known, constraints=[READERS], upgrade=upgrade,
    )  # fmt: skip
    _compile("-", INSTALLER, "--no-config", upgrade=upgrade, asked="uv\n")
    for path in sync():
        print(f"{path} brought in step")
    return [f"no wheel: {line}" for line in without_wheels()]


if __name__ == "__main__":
    raise SystemExit(main())
