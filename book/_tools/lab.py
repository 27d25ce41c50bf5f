"""Start JupyterLab on the notebooks, with or without a home folder, and with quiet kernels.

``python -m book._tools.lab`` opens ``notebooks/`` in the reader's browser, or ``chapters/`` where
nothing was laid out (:mod:`book._tools.notebooks`); what else is given goes on to JupyterLab, as in
``python -m book._tools.lab --no-browser --port 9999``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from book._tools.command import ROOT
from book._tools.execute import transport_encryption
from book._tools.home import home_variables
from book._tools.notebooks import FOLDER

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run JupyterLab until it is stopped.

    Parameters
    ----------
    arguments : Sequence[str], optional
        Further arguments for JupyterLab; by default those of the process.
    """
    further = sys.argv[1:] if arguments is None else arguments
    os.environ.update(home_variables())
    from jupyterlab.labapp import LabApp  # finds its folders by the variables just set

    folder = ROOT / FOLDER if any((ROOT / FOLDER).glob("*.ipynb")) else ROOT / "chapters"
    LabApp.launch_instance(
        [
            str(folder),
            f"--KernelManager.transport_encryption={transport_encryption()}",
            *further,
        ]
    )


if __name__ == "__main__":
    main()
