"""The record of a run, ``run.json``: its configuration, how far it came, its learning curve.

A run is continued only under the configuration that it began with. A record that an earlier
version of the book wrote is brought up to date when it is read (:data:`_UPGRADES`), so that such
a run continues too.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from utils.training.model_state import describe_model
from utils.training.task import Task

__all__ = ["Record", "run_configuration"]

OTHER = "choose another --output"
AWAY = f"{OTHER} or move the folder away"
_FORMAT = 4

STATE = re.compile(r"epoch-\d{4,}\.safetensors")
"""The names of files that hold the state of a run."""


def state_file(epoch: int) -> str:
    """Return the name of the file that holds the state after so many epochs."""
    return f"epoch-{epoch:04d}.safetensors"


def damaged(path: Path, why: str) -> ValueError:
    """Return the error for a record that cannot be believed."""
    return ValueError(f"{path} is damaged ({why}), so the run in it cannot be continued; {AWAY}")


def _say_what_is_empty(values: dict[str, Any]) -> None:
    """Format 2 left out milestones if there were none, and what was not known yet."""
    values["configuration"]["recipe"].setdefault("milestones", [])
    for name, empty in (("optimizers", []), ("schedulers", []), ("metrics", {})):
        values.setdefault(name, empty)


def _say_what_goes(values: dict[str, Any]) -> None:
    """Format 3 did not name the states that are to be deleted."""
    values["superseded"] = []


_UPGRADES: Mapping[int, Callable[[dict[str, Any]], None]] = {
    2: _say_what_is_empty,
    3: _say_what_goes,
}
"""What makes the values of one format those of the next."""


@dataclass(frozen=True)
class Record:
    """What ``run.json`` says; every entry is something that JSON can hold.

    Parameters
    ----------
    configuration : dict
        What :func:`run_configuration` returned.
    status : {"unfinished", "finished"}
    epoch : int
        Number of epochs done.
    state : dict or None
        File and SHA-256 of the tensors that belong to this epoch; None if there are none.
    history : list of dict
        The learning curve, one dictionary an epoch.
    processes : list of dict
        One dictionary for each call that trained: the epoch it began after, the number of
        processes, what was computed in, and whether the network was compiled.
    optimizers, schedulers : list
        What optimisers and schedules remember beside tensors.
    metrics : dict
        Metrics of the finished network.
    superseded : list of str
        Names of the files of earlier states, which are to be deleted.
    """

    configuration: dict[str, Any]
    status: Literal["unfinished", "finished"] = "unfinished"
    epoch: int = 0
    state: dict[str, str] | None = None
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    processes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    optimizers: list[Any] = dataclasses.field(default_factory=list)
    schedulers: list[Any] = dataclasses.field(default_factory=list)
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    superseded: list[str] = dataclasses.field(default_factory=list)

    def to_json(self) -> str:
        """Return the text of ``run.json``."""
        values = {"format": _FORMAT, **vars(self)}
        return json.dumps(values, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, content: bytes, path: Path) -> Record:
        """Read a record of this format or of an earlier one; ``path`` is for the errors."""
        try:
            values = json.loads(content.decode())
            version = values.pop("format")
            while version in _UPGRADES:
                _UPGRADES[version](values)
                version += 1
            if version == _FORMAT:
                return cls(
                    **{field.name: values[field.name] for field in dataclasses.fields(cls)}
                ).agreeing()
        except KeyError as error:
            raise damaged(path, f"it lacks {error}") from error
        except (TypeError, AttributeError) as error:
            raise damaged(path, "it is no record of a run") from error
        except json.JSONDecodeError as error:
            raise damaged(path, "it is no JSON") from error
        except ValueError as error:
            raise damaged(path, str(error)) from error
        raise ValueError(f"{path} was written by another version of the book; {OTHER}")

    def agreeing(self) -> Record:
        """Return the record if its entries agree, or raise a ValueError that says which do not."""
        epochs, curve = self.configuration["recipe"]["epochs"], self.history
        if type(self.epoch) is not int or not 0 <= self.epoch <= epochs:
            raise ValueError(f"its epoch is {self.epoch!r} of {epochs!r}")
        if [entry["epoch"] for entry in curve] != list(range(1, self.epoch + 1)):
            raise ValueError(f"its epoch is {self.epoch}, but its history has {len(curve)} entries")
        finished = self.status == "finished"
        if not finished and self.status != "unfinished":
            raise ValueError(f"its status is {self.status!r}")
        if finished and (self.epoch < epochs or self.state is not None):
            raise ValueError(f"it is finished after {self.epoch} of {epochs} epochs")
        if (self.state is None) != (finished or self.epoch == 0):
            raise ValueError(f"its epoch is {self.epoch}, and its state is {self.state}")
        if self.state is not None and self.state["file"] != state_file(self.epoch):
            raise ValueError(f"its epoch is {self.epoch}, but its state is {self.state['file']}")
        if any(not STATE.fullmatch(name) for name in self.superseded):
            raise ValueError(f"it would delete {', '.join(self.superseded)}")
        return self

    def check_configuration(self, configuration: Mapping[str, Any], folder: Path) -> None:
        """Refuse a run of another configuration; data that are not loaded yet are passed over."""
        there = dict(self.configuration)
        if configuration["data"] is None:
            there["data"] = None
        difference = _first_difference(there, dict(configuration))
        if difference is not None:
            key, old, new = difference
            raise ValueError(
                f"{folder} holds a run of another configuration ({key} is {old} there and {new} "
                f"here); {AWAY}"
            )

    def check_unfinished(self, resume: bool, folder: Path) -> None:
        """Refuse a run that is finished, or that is not to be continued."""
        if self.status == "finished":
            raise ValueError(f"{folder} holds this run already, finished; {AWAY} to train it again")
        if not resume:
            raise ValueError(
                f"{folder} holds an unfinished run; leave out --no-resume to continue it, or "
                f"{OTHER}"
            )


def run_configuration(task: Task, model: nn.Module, checksum: str | None) -> dict[str, Any]:
    """Return everything that decides the result of a run, as JSON would give it back.

    Parameters
    ----------
    task : Task
    model : torch.nn.Module
        Its network, for the description.
    checksum : str or None
        The checksum of its data; None if they are not loaded yet.
    """
    description = describe_model(model)
    settings = {
        "task": task.name,
        "preset": task.preset,
        "seed": task.seed,
        "recipe": dataclasses.asdict(task.recipe),
        "model": {"class": description["class"], **description["config"]},
        "options": dict(task.configuration()),
        "data": checksum,
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _first_difference(there: Any, here: Any, prefix: str = "") -> tuple[str, str, str] | None:
    """Return the name of the first setting that differs, and its two values."""
    if isinstance(there, dict) and isinstance(here, dict):
        keys = sorted(set(there) | set(here))
        found = (_first_difference(there.get(k), here.get(k), f"{prefix}{k}.") for k in keys)
        return next((one for one in found if one is not None), None)
    if there == here:
        return None
    old, new = (text if len(text) <= 24 else text[:21] + "…" for text in (str(there), str(here)))
    return prefix.rstrip("."), old, new
