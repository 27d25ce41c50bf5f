"""Which trained networks come with the book, and where each of their files lies.

In a checkout, and in whatever was installed from one as editable, all files lie in
``utils/checkpoints``. A wheel is small: it holds ``files.json`` in their place, which names each
file with its size and its SHA-256, and ``manifests.json``, all that is known of each network but
its weights. Files that :func:`utils.training.download_checkpoints` has fetched lie in the cache,
each in a folder named after its checksum, so that no version of the book takes another's.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from utils.data.cache import cache_directory, stand_in
from utils.data.download import Wanted
from utils.training.archive import Place, members

__all__ = ["FILES", "MANIFESTS", "SHARED", "Listing", "Shipped", "listing_of"]

FILES = "files.json"
"""The list of files in a wheel; a checkout has the files themselves."""

MANIFESTS = "manifests.json"
"""The list of all manifests, beside the files."""

SHARED = ("bodies", "digit-split", "digit-zoo", "latent-actions", "qm9-clouds", "springs")
"""Tasks whose networks share one file among those that come with the book."""


@dataclass(frozen=True)
class Listing:
    """What a wheel says of the files that it does not hold.

    Parameters
    ----------
    files : mapping of str to Wanted
        Each file by its name.
    version : str
        The version of the package.
    repository : str
        The address of the repository that it was built from, or nothing.
    commit : str
        The commit, or nothing.
    tag : str
        The tag of a release that points to this commit, or nothing.
    """

    files: Mapping[str, Wanted]
    version: str = ""
    repository: str = ""
    commit: str = ""
    tag: str = ""


@cache
def _listing(path: Path, changed: int) -> Listing:
    content = json.loads(path.read_text(encoding="utf-8"))
    files = {name: Wanted(name, **about) for name, about in content.pop("files").items()}
    return Listing(files, **content)


def listing_of(folder: Path) -> Listing | None:
    """Return the list in a folder like ``utils/checkpoints``; a checkout has none."""
    path = folder / FILES
    return _listing(path, path.stat().st_mtime_ns) if path.is_file() else None


@cache
def _manifests(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@cache
def _whole(path: Path, changed: int, wanted: Wanted) -> bool:
    """Say whether a file is the one that is wanted; each is read once as long as none changes."""
    return wanted.is_at(path)


def in_cache(wanted: Wanted) -> Path:
    """Return where a fetched file lies, or would lie.

    What stands in for a cache that cannot be written to is asked where the cache has no such file,
    or has a damaged one, which nobody could replace.
    """
    path = cache_directory() / "checkpoints" / wanted.sha256[:16] / wanted.name
    here = path.is_file()
    if here and _whole(path, path.stat().st_mtime_ns, wanted):
        return path
    other = stand_in(path)
    better = other is not None and (wanted.is_at(other) if here else other.is_file())
    return other if other is not None and better else path


@dataclass(frozen=True)
class Shipped:
    """The networks that come with the book, as a folder like ``utils/checkpoints`` tells of them.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """

    folder: Path

    @property
    def listing(self) -> Listing | None:
        """The list of the files, where they are not in the folder."""
        return listing_of(self.folder)

    @property
    def manifests(self) -> Mapping[str, Mapping[str, Any]]:
        """All manifests by the names of their networks; not to be changed."""
        path = self.folder / MANIFESTS
        return _manifests(path, path.stat().st_mtime_ns)

    def file_of(self, name: str) -> str:
        """Return the name of the file that holds, or would hold, a network."""
        task = next((task for task in SHARED if name.startswith(f"{task}-")), name)
        return f"{task}.safetensors"

    def names(self) -> tuple[str, ...]:
        """Return the names of all networks, here or not, in alphabetical order."""
        if self.listing is not None:
            return tuple(sorted(self.manifests))
        names: list[str] = []
        for path in self.folder.glob("*.safetensors"):
            names += members(path) if path.stem in SHARED else [path.stem]
        return tuple(sorted(names))

    def path_of(self, file: str) -> Path | None:
        """Return where a file lies, verified if it was fetched; None if it is not here."""
        path = self.folder / file
        if path.is_file():
            return path
        wanted = None if self.listing is None else self.listing.files.get(file)
        if wanted is None or not (path := in_cache(wanted)).is_file():
            return None
        if not _whole(path, path.stat().st_mtime_ns, wanted):
            raise ValueError(
                f"{path} is damaged: it is not the file of this version; fetch it again with: "
                f"python -m utils.training --download {path.stem}"
            )
        return path

    def place_of(self, name: str) -> Place | None:
        """Return where a network lies; None if there is none of that name, or not here."""
        if name in SHARED:
            return None
        path = self.path_of(self.file_of(name))
        if path is None:
            return None
        return members(path).get(name) if path.stem in SHARED else Place(path, name)

    def manifest_of(self, name: str) -> dict[str, Any] | None:
        """Return the manifest of a network whose file is not here; None if there is none."""
        if self.listing is None or name not in self.manifests:
            return None
        return copy.deepcopy(dict(self.manifests[name]))
