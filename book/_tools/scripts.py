"""Look over the scripts for the browser, as far as this machine can.

``python -m book._tools.scripts`` asks node whether each script parses, and oxlint, a linter that
npm brings, whether it is sound. A machine without node or npm checks less, and says so in one line.
"""

from __future__ import annotations

import shutil
import subprocess
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from book._tools.command import ROOT, command

RULES = Path(__file__).with_name("oxlint.json")
LINTER = "oxlint@1.94.0"
_PATIENCE = 60  # seconds that npm may take to bring the linter


def scripts(root: Path = ROOT) -> list[Path]:
    """List the scripts for the browser.

    Returns
    -------
    list[pathlib.Path]
        Those of the figures that move and those of the site, sorted.
    """
    folders = (root / "utils", root / "book")
    return sorted(path for folder in folders for path in folder.rglob("*.js"))


def _run(command: Sequence[str], timeout: float | None = None) -> tuple[bool, str]:
    """Run a command; return whether it went well, and what it said."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer in {timeout:g} s"
    return result.returncode == 0, result.stdout + result.stderr


def look(paths: Sequence[Path]) -> tuple[bool, str]:
    """Check scripts with what this machine has.

    Parameters
    ----------
    paths : Sequence[pathlib.Path]
        The scripts.

    Returns
    -------
    sound : bool
        Whether nothing was found.
    said : str
        What was found, or one line on what was checked.
    """
    node, npx = shutil.which("node"), shutil.which("npx")
    if node is None:
        return True, f"The {len(paths)} scripts were not linted: there is no node here."
    for path in paths:
        parses, said = _run([node, "--check", str(path)])
        if not parses:
            return False, said
    if npx is None:
        return True, f"The {len(paths)} scripts parse, but were not linted: there is no npx here."
    linter = [npx, "--yes", "--prefer-offline", LINTER]
    if not _run([*linter, "--version"], _PATIENCE)[0]:
        return True, f"The {len(paths)} scripts parse, but were not linted: npm has no {LINTER}."
    sound, said = _run([*linter, "--config", str(RULES), *map(str, paths)])
    return sound, f"{len(paths)} scripts: nothing found." if sound else said


@command(__doc__)
def main(options: Namespace) -> list[str] | None:
    """Look over every script and print what was found."""
    sound, said = look(scripts())
    print(said)
    return None if sound else ["a script is not sound: see above."]


if __name__ == "__main__":
    raise SystemExit(main())
