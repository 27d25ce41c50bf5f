"""Where Matplotlib, IPython and Jupyter keep their files when the home folder cannot be written to.

The first two then make a new folder among the temporary files in every process and say so on
standard error, Matplotlib in the middle of a chapter's output; Jupyter's server does not start.
Named in the environment, folders that stay serve all of them in silence.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from utils.data.cache import private_folder

__all__ = ["home_variables"]

VARIABLES = {
    "MPLCONFIGDIR": "matplotlib",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter/config",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
}


def _writable(folder: Path) -> bool:
    """Try it: permissions alone do not tell about file systems."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def home_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what to add to the environment of a kernel, or of Jupyter's server.

    Parameters
    ----------
    environment : mapping of str to str, optional
        The environment so far; that of this process if not given.

    Returns
    -------
    dict of str to str
        Nothing if the home folder can be written to. Otherwise the names in ``VARIABLES``, each
        unless it is set already, with folders that were made in
        :func:`utils.data.cache.private_folder`. Settings of Jupyter's in a home folder that can
        only be read are then not used.
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
        folder.mkdir(parents=True, exist_ok=True)
        added[name] = str(folder)
    return added
