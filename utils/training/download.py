"""Trained networks for whoever installed the helpers without them: fetched when asked for.

A checkout has all files, and a wheel none (:mod:`utils.training.shipped`). Their addresses are
derived from where the wheel was built: the release of its version, if its commit is one, and the
files of its commit. A wheel that does not know, because uv built it from a copy in its own cache,
is taken to come from where the installer says (PEP 610). ``BOOK_CHECKPOINTS_URL`` names another
folder, such as a mirror of a class or ``file:///media/stick/checkpoints``. Wherever a file comes
from, only its SHA-256 lets it in.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tqdm import tqdm

from utils.data.cache import writable_or_stand_in
from utils.data.download import fetch
from utils.training.checkpoint import shipped_directory
from utils.training.shipped import Listing, Shipped, in_cache

__all__ = ["URL_VARIABLE", "addresses_of", "available", "download_checkpoints", "files_for"]

URL_VARIABLE = "BOOK_CHECKPOINTS_URL"
"""Name of the environment variable with the address of a folder that holds the files."""

_SCHEMES = ("https://", "http://", "file://")
_GITHUB = "https://github.com/"
_DISTRIBUTION = "interpreting-equivariant-representations"
_REMOTE = re.compile(
    r"(?:https|ssh)://(?:[^/@]*@)?(?:www\.)?github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


def addresses_of(listing: Listing, file: str) -> list[str]:
    """Return the addresses at which a file may lie, the best first.

    Parameters
    ----------
    listing : Listing
        Where the installed package comes from.
    file : str
        The name of the file.

    Examples
    --------
    >>> origin = {"repository": "https://github.com/owner/name", "commit": "0a1b2c"}
    >>> addresses_of(Listing({}, "0.1.0", **origin), "springs.safetensors")
    ['https://raw.githubusercontent.com/owner/name/0a1b2c/utils/checkpoints/springs.safetensors']
    """
    asked = os.environ.get(URL_VARIABLE, "").strip()
    if asked:
        if not asked.startswith(_SCHEMES):
            raise ValueError(
                f"{URL_VARIABLE} is {asked}, which is not the address of a folder; it begins with "
                f"https://, http:// or file://"
            )
        return [f"{asked.rstrip('/')}/{file}"]
    repository, commit = listing.repository, listing.commit
    if not repository:
        repository, installed = _installed_from()
        commit = commit or installed
    found = []
    if repository.startswith(_GITHUB):
        name = repository.removeprefix(_GITHUB)
        if listing.tag:
            found.append(f"{_GITHUB}{name}/releases/download/{listing.tag}/{file}")
        if commit:
            raw = f"https://raw.githubusercontent.com/{name}/{commit}"
            found.append(f"{raw}/utils/checkpoints/{file}")
    if not found:
        raise ValueError(
            f"this installation does not know where the book is published; set {URL_VARIABLE} to "
            f"the address of a folder that holds the files of utils/checkpoints"
        )
    return found


def _installed_from() -> tuple[str, str]:
    """Return the repository on GitHub and the commit that the installer took the package from.

    Both are empty where it took it from elsewhere.
    """
    try:
        said = metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
        about = json.loads(said or "{}")
        address, commit = about["url"], about["vcs_info"]["commit_id"]
        place = _REMOTE.fullmatch(address)
    except (metadata.PackageNotFoundError, ValueError, LookupError, TypeError):
        return "", ""
    return ("", "") if place is None else (f"{_GITHUB}{place[1]}", str(commit))


def files_for(names: Sequence[str], shipped: Shipped) -> list[str]:
    """Return the files that hold some networks, in alphabetical order.

    Parameters
    ----------
    names : sequence of str
        Names of networks or of their files, or patterns such as ``"qm9-vae-*"``; none for all.
    shipped : Shipped
        What comes with the package.
    """
    holders: dict[str, set[str]] = {}
    for network in shipped.names():
        file = shipped.file_of(network)
        holders.setdefault(file, {file, file.removesuffix(".safetensors")}).add(network)
    wanted: set[str] = set()
    for pattern in names or ("*",):
        found = {
            file
            for file, known in holders.items()
            if any(fnmatch.fnmatchcase(name, pattern) for name in known)
        }
        if not found:
            raise ValueError(
                f"no trained network is named {pattern!r}; utils.training.shipped_checkpoints() "
                f"returns their names"
            )
        wanted |= found
    return sorted(wanted)


def available(shipped: Shipped) -> dict[str, tuple[int, int, bool]]:
    """Return of each file how many networks it holds, its size in bytes, and whether it is here.

    Examples
    --------
    >>> networks, size, here = available(Shipped(shipped_directory()))["springs.safetensors"]
    >>> networks > 1, size < 2_000_000
    (True, True)
    """
    counts: dict[str, int] = {}
    for network in shipped.names():
        file = shipped.file_of(network)
        counts[file] = counts.get(file, 0) + 1
    found = {}
    for file, count in sorted(counts.items()):
        try:
            path = shipped.path_of(file)
        except ValueError:  # damaged: to be fetched again
            path = None
        if path is not None:
            size = path.stat().st_size
        else:
            size = shipped.listing.files[file].bytes if shipped.listing else 0
        found[file] = (count, size, path is not None)
    return found


def download_checkpoints(*names: str, progress: bool = True) -> tuple[Path, ...]:
    """Fetch trained networks that are not on this machine, and return where their files lie.

    Nothing else calls this. In a checkout, and wherever the files came with the installation,
    there is nothing to fetch. Elsewhere they come from the release or the commit that the package
    was built from, or from where ``BOOK_CHECKPOINTS_URL`` says, into the cache folder
    (``EQUIVARIANCE_CACHE`` moves it). A download that was interrupted goes on where it stopped,
    and a file is used only if its SHA-256 is the one that the package lists.

    Parameters
    ----------
    *names : str
        Names of networks, such as ``"rotated-mnist-c8-seed0"``, or patterns, such as
        ``"qm9-vae-*"``. Without any, all are fetched, some 40 MB.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    tuple of pathlib.Path
        The files that hold these networks, in alphabetical order.

    Raises
    ------
    ValueError
        If there is no such network, or no address to fetch it from.
    OSError
        If a file cannot be fetched or written.

    Examples
    --------
    >>> [path.name for path in download_checkpoints("springs-trivial-*", "rotated-mnist-so2-seed0")]
    ['rotated-mnist-so2-seed0.safetensors', 'springs.safetensors']
    """
    shipped = Shipped(shipped_directory())
    files = files_for(names, shipped)
    listing = shipped.listing
    if listing is None:
        return tuple(shipped.folder / file for file in files)
    states = available(shipped)
    missing = [file for file in files if not states[file][2]]
    orders = {file: addresses_of(listing, file) for file in missing}
    size = sum(listing.files[file].bytes for file in missing)
    with tqdm(
        total=size, unit="B", unit_scale=True, desc="networks", disable=not (progress and missing)
    ) as bar:
        for file in missing:
            wanted = listing.files[file]
            path = in_cache(wanted)
            path = writable_or_stand_in(path.parent) / path.name
            fetch(wanted, orders[file], path, advance=bar.update)
    found = [shipped.path_of(file) for file in files]
    return tuple(path for path in found if path is not None)
