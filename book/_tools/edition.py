"""Say which edition of the book this is: its version, and the commit that it was built from."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from book._ext.repository_address import ask_git
from book._tools.command import ROOT, CommandError

__all__ = ["Edition", "edition"]


@dataclass(frozen=True)
class Edition:
    """What tells one copy of the book from another.

    Attributes
    ----------
    version : str
        The version in ``pyproject.toml``.
    day : datetime.date or None
        The day of the commit, or that of ``SOURCE_DATE_EPOCH``; None if neither is known.
    commit : str
        The first twelve digits of the commit; empty where the book is no clone.
    changed : bool
        Whether files differ from that commit.
    """

    version: str
    day: date | None = None
    commit: str = ""
    changed: bool = False

    def __str__(self) -> str:
        """Say it in one line.

        Examples
        --------
        >>> str(Edition("0.1.0", date(2026, 11, 30), "0123456789ab"))
        'Version 0.1.0 of 2026-11-30, commit 0123456789ab'
        >>> str(Edition("0.1.0"))
        'Version 0.1.0'
        """
        day = f" of {self.day.isoformat()}" if self.day else ""
        changed = " with changes" if self.changed else ""
        return f"Version {self.version}{day}" + (
            f", commit {self.commit}{changed}" if self.commit else ""
        )


def edition(root: Path = ROOT) -> Edition:
    """Find the edition of the copy of the book in a folder.

    Nothing of it changes from one day to the next, so that what is made of the same book is the
    same.

    Parameters
    ----------
    root : pathlib.Path
        The folder that holds ``pyproject.toml``. A repository further up is not asked.

    Returns
    -------
    Edition
        The edition.

    Raises
    ------
    CommandError
        If ``SOURCE_DATE_EPOCH`` is set to something that is no time.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    commit, _, stamp = ask_git(root, "log", "-1", "--format=%H %ct").partition(" ")
    changed = bool(commit and ask_git(root, "status", "--porcelain", "--untracked-files=no"))
    stamp = os.environ.get("SOURCE_DATE_EPOCH", "").strip() or stamp
    try:
        day = datetime.fromtimestamp(int(stamp), UTC).date() if stamp else None
    except (ValueError, OverflowError, OSError):
        raise CommandError(
            f"SOURCE_DATE_EPOCH is {stamp}; it is a whole number of seconds since 1970, or not set."
        ) from None
    return Edition(project["version"], day, commit[:12], changed)
