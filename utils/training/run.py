"""What a run leaves on disk: its record, the state of its last epoch, and who may write there.

``run.json`` is the record (:mod:`utils.training.record`). What is saved is safetensors and JSON,
never a pickle. The state of epoch *n* is written under a new name before ``run.json`` points to
it, so a kill at any instant leaves a ``run.json`` whose state is whole.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from utils.data.cache import sha256_of
from utils.training.archive import write_bytes
from utils.training.record import AWAY, OTHER, STATE, Record, state_file

__all__ = ["Run"]

RUN_FILE = "run.json"
MILESTONES = "milestones"


class Run:
    """The folder of one run, which need not exist, and the name of the checkpoint it leaves."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.path = folder / RUN_FILE
        self._lock: int | None = None

    def unfinished(self, configuration: Mapping[str, Any], resume: bool) -> Record | None:
        """Return the record of an unfinished run of this configuration, or None if there is none.

        A finished run, one of another configuration, and anything that cannot be continued is
        refused with a ValueError that says what to do; without `resume`, so is an unfinished one.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is a file, but --output must name a folder")
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            self._check_free()
            return None
        record = Record.from_json(content, self.path)
        record.check_configuration(configuration, self.folder)
        record.check_unfinished(resume, self.folder)
        return record

    def _check_free(self) -> None:
        """Refuse a folder without a record that holds what this run would write."""
        marks = sorted((self.folder / MILESTONES).glob(f"{self.name}-epoch*"))
        states = (path for path in self.folder.glob("epoch-*") if STATE.fullmatch(path.name))
        for path in (self.checkpoint, *marks, *sorted(states)):
            if path.exists():
                raise ValueError(f"{path} exists and is not replaced; {OTHER}")

    @property
    def checkpoint(self) -> Path:
        """The file that the finished checkpoint is written to."""
        return self.folder / f"{self.name}.safetensors"

    def milestone(self, epoch: int) -> Path:
        """Return the file that the weights after so many epochs are written to."""
        return self.folder / MILESTONES / f"{self.name}-epoch{epoch}.safetensors"

    def acquire(self) -> None:
        """Keep a second process away from the folder for as long as this one lives."""
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            return
        self._lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise ValueError(
                f"another process is training in {self.folder}; wait for it or {OTHER}"
            ) from None

    def release(self) -> None:
        """Let other processes use the folder again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, record: Record) -> None:
        """Replace the record of the run on disk."""
        write_bytes(self.path, record.to_json().encode())

    def save_state(self, record: Record, tensors: dict[str, Tensor]) -> Record:
        """Write the tensors under a new name, point to them, and only then drop the old ones.

        Returns the record as written, which points to the tensors.
        """
        name = state_file(record.epoch)
        digest = write_bytes(self.folder / name, safetensors.torch.save(tensors))
        return self.supersede(record, {"file": name, "sha256": digest})

    def supersede(self, record: Record, state: dict[str, str] | None) -> Record:
        """Write a record that points to another state, and delete those it pointed to before.

        Nothing else in the folder is touched. The record names what is to go before it goes, so
        that the next call does what a kill in between has left undone.
        """
        before = [] if record.state is None else [record.state["file"]]
        gone = sorted({*record.superseded, *before} - ({state["file"]} if state else set()))
        record = dataclasses.replace(record, state=state, superseded=[])
        if gone:
            self.write(dataclasses.replace(record, superseded=gone))
            for name in gone:
                (self.folder / name).unlink(missing_ok=True)
        self.write(record)
        return record

    def load_state(self, record: Record) -> dict[str, Tensor]:
        """Return the tensors that the record points to, on the CPU, once their checksum agrees."""
        assert record.state is not None
        path = self.folder / record.state["file"]
        if not path.exists() or sha256_of(path) != record.state["sha256"]:
            raise ValueError(
                f"{path}, the state of the unfinished run, is missing or damaged, so the run "
                f"cannot be continued; {AWAY}"
            )
        return safetensors.torch.load_file(path)
