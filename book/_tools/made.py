"""Write files into a folder where people work: what somebody has changed is never written over.

The file ``.made.json`` of the folder holds a digest of every file as it was written. A file that
is still so is renewed; beside one that is not, the new text goes to ``NAME.new.SUFFIX``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from book._tools.command import write, write_bytes

__all__ = ["RECORD", "Made"]

RECORD = ".made.json"
_SOURCES = "sources"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Made:
    """The files that a command has written into a folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder; it need not exist. A record that is damaged counts as none.

    Attributes
    ----------
    kept : list of str
        The files that somebody has changed and that were to be written anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[str] = []
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            record = {}
        sound = isinstance(record, dict) and all(isinstance(v, str) for v in record.values())
        self._record: dict[str, str] = record if sound else {}
        self._now: set[str] = set()

    @property
    def sources(self) -> str:
        """A digest of what the files were made from, if the command keeps one."""
        return self._record.get(_SOURCES, "")

    @sources.setter
    def sources(self, digest: str) -> None:
        self._record[_SOURCES] = digest
        self._now.add(_SOURCES)

    def put(self, name: str, content: str | bytes) -> None:
        """Write a file, or its new version beside one that somebody has changed.

        Parameters
        ----------
        name : str
            Its path in the folder, with slashes.
        content : str or bytes
            What it holds.
        """
        new = content.encode() if isinstance(content, str) else content
        target = self.folder / name
        beside = target.with_name(f"{target.stem}.new{target.suffix}")
        self._now |= {name, beside.relative_to(self.folder).as_posix()}
        if target.exists() and self._record.get(name) == _digest(new):
            return  # nothing new, whatever has been done since
        for place in (target, beside):
            key = place.relative_to(self.folder).as_posix()
            old = place.read_bytes() if place.exists() else None
            if old in (None, new) or _digest(old or b"") == self._record.get(key):
                write_bytes(place, new)
                self._record[key] = self._record[name] = _digest(new)
                return
            self.kept.append(key)

    def remove_others(self, under: str = "") -> None:
        """Remove what is no longer made and nobody has changed.

        Parameters
        ----------
        under : str
            The folder, with a slash at the end, of which everything has been put anew; all of it
            if empty.
        """
        for name in [n for n in self._record if n.startswith(under) and n not in self._now]:
            path = self.folder / name
            if path.exists() and _digest(path.read_bytes()) == self._record[name]:
                path.unlink()
            if not path.exists():
                del self._record[name]

    def __enter__(self) -> Made:
        return self

    def __exit__(self, *_: object) -> None:
        """Write the record, also of what was written before something went wrong."""
        write(self.folder / RECORD, json.dumps(self._record, indent=1, sort_keys=True) + "\n")
