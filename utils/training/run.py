"""What a run leaves on disk: its record, the state of its last epoch, and who may write there.

``run.json`` is the record: the configuration of the run, its learning curve, and which state
belongs to it. What is saved is safetensors and JSON, never a pickle. The state of epoch *n* is
written under a new name before ``run.json`` points to it, so a kill at any instant leaves a
``run.json`` whose state is whole.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from utils.data.cache import sha256_of
from utils.training.archive import write_bytes
from utils.training.model_state import describe_model
from utils.training.task import Task

__all__ = ["Run", "new_record", "run_configuration"]

RUN_FILE = "run.json"
MILESTONES = "milestones"
_RUN_FORMAT = 2
_OTHER = "choose another --output"
_AWAY = f"{_OTHER} or move the folder away"


class Run:
    """The folder of one run, which need not exist, and the name of the checkpoint it leaves."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.path = folder / RUN_FILE
        self._lock: int | None = None

    def inspect(self, configuration: dict[str, Any], resume: bool) -> dict[str, Any] | None:
        """Return the record of an unfinished run of this configuration, or None if there is none.

        A finished run, one of another configuration, and anything that cannot be continued is
        refused with a ValueError that says what to do; without `resume`, so is an unfinished one.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is a file, but --output must name a folder")
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            found = record["configuration"], record["status"], record["history"], record["format"]
        except (FileNotFoundError, NotADirectoryError):
            marks = sorted((self.folder / MILESTONES).glob(f"{self.name}-epoch*"))
            taken = [path for path in (self.checkpoint, *marks) if path.exists()]
            if taken:
                raise ValueError(f"{taken[0]} exists and is not replaced; {_OTHER}") from None
            return None
        except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.path} is damaged, so the run in it cannot be continued; {_AWAY}"
            ) from error
        stored, status, _, version = found
        if version != _RUN_FORMAT:
            raise ValueError(f"{self.path} was written by another version of the book; {_OTHER}")
        if configuration["data"] is None:  # not loaded yet; compared in a second call
            stored = {**stored, "data": None}
        difference = _first_difference(stored, configuration)
        if difference is not None:
            key, there, here = difference
            raise ValueError(
                f"{self.folder} holds a run of another configuration ({key} is {there} there and "
                f"{here} here); {_AWAY}"
            )
        if status == "finished":
            raise ValueError(
                f"{self.folder} holds this run already, finished; {_AWAY} to train it again"
            )
        if not resume:
            raise ValueError(
                f"{self.folder} holds an unfinished run; leave out --no-resume to continue it, or "
                f"{_OTHER}"
            )
        return dict(record)

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
                f"another process is training in {self.folder}; wait for it or {_OTHER}"
            ) from None

    def release(self) -> None:
        """Let other processes use the folder again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, record: Mapping[str, Any]) -> None:
        """Replace the record of the run on disk."""
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        write_bytes(self.path, text.encode())

    def save_state(self, record: dict[str, Any], epoch: int, tensors: dict[str, Tensor]) -> None:
        """Write the tensors under a new name, point to them, and only then drop the old ones."""
        path = self.folder / f"epoch-{epoch:04d}.safetensors"
        digest = write_bytes(path, safetensors.torch.save(tensors))
        record["state"] = {"file": path.name, "sha256": digest}
        record["epoch"] = epoch
        self.write(record)
        self.drop_states(keep=path)

    def drop_states(self, keep: Path | None = None) -> None:
        """Delete the states of all epochs, except one."""
        for path in self.folder.glob("epoch-????.safetensors"):
            if path != keep:
                path.unlink(missing_ok=True)

    def load_state(self, record: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the tensors that the record points to, on the CPU, once their checksum agrees."""
        path = self.folder / str(record["state"]["file"])
        if not path.exists() or sha256_of(path) != record["state"]["sha256"]:
            raise ValueError(
                f"{path}, the state of the unfinished run, is missing or damaged, so the run "
                f"cannot be continued; {_AWAY}"
            )
        return safetensors.torch.load_file(path)


def _first_difference(there: Any, here: Any, prefix: str = "") -> tuple[str, str, str] | None:
    """Return the name of the first setting that differs, and its two values."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted(set(there) | set(here)):
            inner = _first_difference(there.get(key), here.get(key), f"{prefix}{key}.")
            if inner is not None:
                return inner
        return None
    if there == here:
        return None
    shorten = [text if len(text) <= 24 else text[:21] + "…" for text in (str(there), str(here))]
    return prefix.rstrip("."), shorten[0], shorten[1]


def new_record(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run that has not begun, as something JSON can hold."""
    return {
        "format": _RUN_FORMAT,
        "status": "unfinished",
        "configuration": configuration,
        "epoch": 0,
        "state": None,
        "history": [],
        "processes": [],
    }


def run_configuration(task: Task, model: nn.Module, checksum: str | None) -> dict[str, Any]:
    """Return everything that decides the result of a run, as JSON would give it back.

    A run is continued only under the same configuration. The checksum of the data is None as
    long as they are not loaded.
    """
    description = describe_model(model)
    recipe = dataclasses.asdict(task.recipe)
    if not task.recipe.milestones:  # so that runs from before there were any continue
        del recipe["milestones"]
    settings = {
        "task": task.name,
        "preset": task.preset,
        "seed": task.seed,
        "recipe": recipe,
        "model": {"class": description["class"], **description["config"]},
        "options": dict(task.configuration()),
        "data": checksum,
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain
