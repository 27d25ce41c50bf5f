"""What goes into the wheel beside the code: a list of the trained networks, not the networks.

hatchling calls :class:`Checkpoints` whenever it builds one (pyproject.toml names this file). The
networks are more than ten times as large as all else, so that the wheel holds ``files.json`` in
their place: name, size and SHA-256 of each file, and the repository, commit and release that they
can be fetched from (:mod:`utils.training.download`). It is made from the files themselves and thus
cannot be out of step with them.

With ``BOOK_CHECKPOINTS=all`` in the environment the files come along and nothing is left to fetch.
The first cell of a chapter asks for that on Colab, where pip has cloned the repository anyway.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "BOOK_CHECKPOINTS"
FOLDER = "utils/checkpoints"
LIST = f"{FOLDER}/files.json"


def origin(root: Path, version: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Say where the files of a checkout can be fetched from.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    version : str
        The version of the package, whose release is tagged ``v`` and this.
    environ : mapping of str to str
        The environment; its ``BOOK_REPOSITORY`` comes before git's remote. What a workflow says
        of its own repository is not asked: that of another project may build this one.

    Returns
    -------
    dict of str to str
        ``repository``, ``commit`` and ``tag``, each empty if it is not known.

    Raises
    ------
    ValueError
        If ``BOOK_REPOSITORY`` is set to something that is no address.
    """
    if str(root) not in sys.path:
        sys.path.append(str(root))  # a build of its own knows its backend alone
    from book._ext import repository_address as address

    asked = {address.VARIABLE: environ.get(address.VARIABLE, "")}
    found = address.choose_repository(asked, *address.git_remote(root))
    tag = f"v{version}"
    return {
        "repository": found.url if found else "",
        "commit": address.ask_git(root, "rev-parse", "HEAD"),
        "tag": tag if tag in address.ask_git(root, "tag", "--points-at", "HEAD").split() else "",
    }


def networks_in(path: Path) -> set[str]:
    """Return the names of the networks in a file.

    Parameters
    ----------
    path : pathlib.Path
        A file of ``utils/checkpoints``: of one network, which the file is named after, or of many,
        which its header names (:mod:`utils.training.archive`, which a build cannot import).

    Returns
    -------
    set of str
        The names.

    Raises
    ------
    ValueError
        If it has no header, as where Git LFS has left a pointer.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, path.stat().st_size))
    try:
        header = json.loads(text.decode())
        shared = "networks" in header.pop("__metadata__", {})
    except (ValueError, AttributeError):
        raise ValueError(f"{FOLDER}/{path.name} is damaged: its header cannot be read.") from None
    return set(header) if shared else {path.stem}


def file_list(root: Path, version: str, environ: Mapping[str, str]) -> str:
    """Return the text of ``files.json``.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    version : str
        The version of the package.
    environ : mapping of str to str
        The environment.

    Returns
    -------
    str
        JSON, the same for the same checkout.

    Raises
    ------
    ValueError
        If a network of ``manifests.json`` has no file here: a part of a checkout makes no wheel.
    """
    folder = root / FOLDER
    files = sorted(folder.glob("*.safetensors"))
    held = {name for path in files for name in networks_in(path)}
    for name in json.loads((folder / "manifests.json").read_text(encoding="utf-8")):
        if name not in held:
            raise ValueError(f"{FOLDER} lacks the file of {name}: build from a whole checkout.")
    content = {
        "version": version,
        **origin(root, version, environ),
        "files": {
            path.name: {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in files
        },
    }
    return json.dumps(content, indent=1) + "\n"


class Checkpoints(BuildHookInterface):
    """Adds the list of the trained networks to a wheel, or the networks themselves."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what is to be added; an editable install has everything."""
        if version == "editable":
            return
        root = Path(self.root)
        added = build_data["force_include"]
        choice = os.environ.get(VARIABLE, "").strip()
        if choice not in ("", "all"):
            raise ValueError(f"{VARIABLE} is {choice}; it is all, or not set.")
        if choice == "all":
            for path in (root / FOLDER).glob("*.safetensors"):
                added[str(path)] = f"{FOLDER}/{path.name}"
            return
        self.list = tempfile.TemporaryDirectory()
        path = Path(self.list.name) / "files.json"
        text = file_list(root, self.metadata.version, os.environ)
        path.write_text(text, encoding="utf-8")
        added[str(path)] = LIST

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was written for the build alone."""
        if hasattr(self, "list"):
            self.list.cleanup()
