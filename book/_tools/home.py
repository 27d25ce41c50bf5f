"""Where Matplotlib and IPython keep their files when the home folder cannot be written to.

Both then make a new folder among the temporary files in every process and say so on standard
error, Matplotlib in the middle of a chapter's output. Named in the environment of a kernel, one
folder that stays serves all of them in silence.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from utils.data.cache import private_folder

__all__ = ["home_variables"]

VARIABLES = {"MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython"}


def _writable(folder: Path) -> bool:
    """Try it: permissions alone do not tell about file systems."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def home_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what to add to the environment of a kernel.

    Parameters
    ----------
    environment : mapping of str to str, optional
        The environment so far; that of this process if not given.

    Returns
    -------
    dict of str to str
        Nothing if the home folder can be written to. Otherwise ``MPLCONFIGDIR`` and
        ``IPYTHONDIR``, each unless it is set already, with folders that were made in
        :func:`utils.data.cache.private_folder`.

    Raises
    ------
    utils.data.cache.CacheError
        If that folder cannot be used either.
    """
    environment = os.environ if environment is None else environment
    try:
        if _writable(Path.home()):
            return {}
    except RuntimeError:  # a user without a home
        pass
    missing = {name: inner for name, inner in VARIABLES.items() if not environment.get(name)}
    added = {}
    for name, inner in missing.items():
        folder = private_folder() / inner
        folder.mkdir(exist_ok=True)
        added[name] = str(folder)
    return added
