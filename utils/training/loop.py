"""One training loop for every network of the book.

The loop knows nothing about digits or molecules. An experiment describes itself as a
:class:`Task`: how to build its model and its data, what its loss is, and what to measure.
The loop does the rest, the same way on one core, on several processes and on a GPU, through
Lightning Fabric: AdamW with the one-cycle schedule, a progress bar on standard error, metrics
on the validation data after every epoch, and a state saved after every epoch from which the
same command continues.

**Why a continued run ends where an uninterrupted one does.** Two things could tell them apart:
what is remembered between epochs, and chance. The first is saved in full (weights and
statistics of the model, moments of the optimiser, position in the schedule). The second is not
remembered at all: every epoch starts its random numbers anew from the pair (seed, epoch), so
epoch 7 draws the same order, the same augmentation and the same noise whether or not epoch 6
ran in the same process. On one thread the two runs agree bit by bit, on the same
machine. What the recipe leaves to the machine, arithmetic and compilation, a continued run takes
from the run that it continues, unless the machine is another one on which that would be too slow
or does not work (:func:`utils.training.capabilities.choose_arithmetic`); ``run.json`` and the
manifest say what was used from which epoch on.

A recipe can name milestones: numbers of epochs after which the weights are kept as a checkpoint
with a manifest, as at the end. The training goes on with the exact weights, so that it ends where
it would have ended without them.

What is saved is safetensors and JSON, never a pickle. The state of epoch *n* is written under
a new name before ``run.json`` points to it, so a kill at any instant leaves a ``run.json``
whose state is whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from tqdm import tqdm

from utils.data.cache import CacheError, ensure_writable, notice, sha256_of, write_atomically
from utils.training.capabilities import (
    Arithmetic,
    Precision,
    bfloat16_is_fast,
    can_compile,
    choose_arithmetic,
)
from utils.training.checkpoint import (
    describe_model,
    holds_checkpoint,
    learned_state,
    load_learned_state,
    save_checkpoint,
)
from utils.training.optimizers import (
    load_optimizers,
    make_optimizers,
    optimizer_settings,
    optimizer_tensors,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Batch", "Recipe", "Task", "TaskData", "TrainingResult", "epoch_generator", "train"]

Batch = tuple[Tensor, ...]
"""Tensors that share their first dimension, one row an example."""

Split = Literal["validation", "test"]
Optimizer = Literal["adamw", "muon"]
Storage = Literal["float32", "float16"]

RUN_FILE = "run.json"
MILESTONES = "milestones"
_RUN_FORMAT = 2
_EVALUATION_ROWS = 500


@dataclass(frozen=True)
class Recipe:
    """How a network is optimised.

    Parameters
    ----------
    epochs : int
        Passes over the training data. The schedule is stretched over all of them.
    batch_size : int
        Examples a step, over all processes together.
    learning_rate : float
        Peak of the one-cycle schedule (Smith & Topin, 2019), which rises to it over the
        share `warmup` of the steps and falls to almost zero along a cosine.
    weight_decay : float
        Decoupled weight decay of AdamW.
    warmup : float
        Share of the steps before the peak, between 0 and 1.
    clip : float, optional
        Largest norm of the gradient; longer ones are scaled down to it.
    precision : {"32-true", "bf16-mixed", "native"}
        Arithmetic of the forward and backward pass: single precision, bfloat16 where it is
        safe, or the second of them on machines where it is fast and the first on others. The
        manifest says for every process what it was.
    compile : bool
        Whether to compile the model with ``torch.compile``, where that works.
    optimizer : {"adamw", "muon"}
        AdamW for everything, or Muon for the matrices between hidden layers; see
        :mod:`utils.training.optimizers`.
    matrix_learning_rate : float
        Peak of the schedule of Muon.
    storage : {"float32", "float16"}
        Arithmetic in which the weights are stored. With ``float16`` they are rounded after the
        last epoch, before they are measured on the test data: what is measured is what is
        stored.
    milestones : tuple of int
        Numbers of epochs, increasing, after which the weights are kept as a checkpoint of
        their own, beside the one at the end. They are points on the way of one training, with
        one schedule. Those from the last epoch on are left out.

    Raises
    ------
    ValueError
        If a number lies outside its range.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.3
    clip: float | None = None
    precision: Precision = "32-true"
    compile: bool = False
    optimizer: Optimizer = "adamw"
    matrix_learning_rate: float = 0.02
    storage: Storage = "float32"
    milestones: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        for name in ("learning_rate", "matrix_learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)!r}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must not be negative: {self.weight_decay!r}")
        if not 0 < self.warmup < 1:
            raise ValueError(f"warmup must lie between 0 and 1, not {self.warmup!r}")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be positive or None, not {self.clip!r}")
        for name, choices in (
            ("precision", get_args(Precision)),
            ("optimizer", get_args(Optimizer)),
            ("storage", get_args(Storage)),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be {' or '.join(choices)}, not {getattr(self, name)!r}"
                )
        self._check_milestones()

    def _check_milestones(self) -> None:
        """Check the milestones, and turn a list of them (from JSON) into a tuple."""
        given = self.milestones
        numbers = given if isinstance(given, (tuple, list)) else (None,)
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in numbers)
        if not whole or any(a >= b for a, b in itertools.pairwise(cast(Any, numbers))):
            raise ValueError(
                f"milestones must be increasing whole numbers of at least 1, such as (1, 2, 4), "
                f"not {given!r}"
            )
        object.__setattr__(self, "milestones", tuple(numbers))


class TaskData(Protocol):
    """The data of a task, loaded and checked."""

    @property
    def training_size(self) -> int:
        """Number of training examples."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the manifest says about the data; must hold a ``checksum``."""

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return training examples.

        Parameters
        ----------
        rows : torch.Tensor
            Shape ``(B,)``, int64: which examples.
        epoch : int
            The epoch, counted from 0. Augmentation must depend on nothing but the task, the
            epoch and the row (see :func:`epoch_generator`), so that every process and every
            continued run sees the same examples.

        Returns
        -------
        tuple of torch.Tensor
            Tensors with first dimension ``B``.
        """

    def evaluation(self, split: Split) -> Batch:
        """Return all examples of the validation or the test data.

        Parameters
        ----------
        split : {"validation", "test"}
            Which data. The validation data are looked at after every epoch, the test data
            after the last, and for the manifest at the milestones of the recipe; nothing in
            the training depends on them.

        Returns
        -------
        tuple of torch.Tensor
            Tensors that share their first dimension.
        """


class Task(Protocol):
    """An experiment, described: everything the loop has to be told.

    A task is configuration only and cheap to make; its data are loaded by :meth:`load_data`.
    """

    @property
    def name(self) -> str:
        """Name on the command line, such as ``rotated-mnist``."""

    @property
    def preset(self) -> str:
        """Name of the preset, such as ``small``."""

    @property
    def seed(self) -> int:
        """Seed of the weights, the order of the examples, the augmentation and the noise."""

    @property
    def recipe(self) -> Recipe:
        """How the network is optimised."""

    def configuration(self) -> Mapping[str, Any]:
        """Return whatever else decides the result, as something JSON can hold."""

    def load_data(self) -> TaskData:
        """Load and check the data, or say in one sentence what is missing."""

    def build_model(self) -> nn.Module:
        """Build the network with weights from the global random state."""

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean loss over a batch.

        Parameters
        ----------
        model : torch.nn.Module
            The network, wrapped for training: call it as ``model(...)`` and use none of its
            other methods, or several processes would not average their gradients.
        batch : tuple of torch.Tensor
            What the data gave, on the device of the model.
        progress : float
            Share of the training steps already taken, from 0 to 1, for losses whose weights
            change on the way.

        Returns
        -------
        torch.Tensor
            A scalar.
        """

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return what to measure, one number an example; the loop takes the means.

        Parameters
        ----------
        model : torch.nn.Module
            The network itself, in evaluation mode and without gradients.
        batch : tuple of torch.Tensor
            Evaluation examples, on the device of the model.

        Returns
        -------
        mapping of str to torch.Tensor
            Each tensor of shape ``(B,)``.
        """


@dataclass(frozen=True)
class TrainingResult:
    """How a call of :func:`train` ended.

    Attributes
    ----------
    finished : bool
        Whether the last epoch was reached. If not, the same call continues.
    epoch : int
        Number of epochs done.
    history : list of dict
        The learning curve: one dictionary an epoch with ``epoch``, ``train_loss``,
        ``learning_rate``, the validation metrics, ``seconds`` and ``cpu_seconds``.
    metrics : dict
        Metrics on the test data; empty unless finished.
    checkpoint : pathlib.Path or None
        The weights of the finished run.
    milestones : tuple of pathlib.Path
        The weights at the milestones of the recipe that were reached, in order.
    """

    finished: bool
    epoch: int
    history: list[dict[str, Any]]
    metrics: dict[str, float]
    checkpoint: Path | None
    milestones: tuple[Path, ...] = ()


def epoch_generator(seed: int, epoch: int, stream: int = 0) -> torch.Generator:
    """Return a generator that depends on nothing but its arguments.

    Parameters
    ----------
    seed : int
        Seed of the run, not negative.
    epoch : int
        The epoch, counted from 0.
    stream : int
        Keeps different uses within an epoch apart.

    Returns
    -------
    torch.Generator
        A generator on the CPU.
    """
    return torch.Generator().manual_seed(_mix(seed, epoch, stream))


def _mix(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


_ORDER, _NOISE = 101, 102  # streams of the loop; tasks use small numbers


# ---------------------------------------------------------------- the folder of a run


class _Run:
    """The folder of one run: ``run.json`` and the state of the last epoch."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.path = folder / RUN_FILE
        self._lock: int | None = None

    def inspect(self, configuration: dict[str, Any], resume: bool) -> dict[str, Any] | None:
        """Return the record of an unfinished run of this configuration, or refuse."""
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is a file, but --output must name a folder")
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            found = record["configuration"], record["status"], record["history"], record["format"]
        except (FileNotFoundError, NotADirectoryError):
            marks = sorted((self.folder / MILESTONES).glob(f"{self.name}-epoch*"))
            for path in (self.checkpoint, self.checkpoint.with_suffix(".json"), *marks):
                if path.exists():
                    raise ValueError(
                        f"{path} exists and is not replaced; choose another --output"
                    ) from None
            return None
        except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.path} is damaged, so the run in it cannot be continued; choose another "
                f"--output or move the folder away"
            ) from error
        stored, status, _, version = found
        if version != _RUN_FORMAT:
            raise ValueError(
                f"{self.path} was written by another version of the book; choose another --output"
            )
        if configuration["data"] is None:  # not loaded yet; compared in a second call
            stored = {**stored, "data": None}
        difference = _first_difference(stored, configuration)
        if difference is not None:
            key, there, here = difference
            raise ValueError(
                f"{self.folder} holds a run of another configuration ({key} is {there} there and "
                f"{here} here); choose another --output or move the folder away"
            )
        if status == "finished":
            raise ValueError(
                f"{self.folder} holds this run already, finished; choose another --output or move "
                f"the folder away to train it again"
            )
        if not resume:
            raise ValueError(
                f"{self.folder} holds an unfinished run; leave out --no-resume to continue it, or "
                f"choose another --output"
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
                f"another process is training in {self.folder}; wait for it or choose another "
                f"--output"
            ) from None

    def release(self) -> None:
        """Let other processes use the folder again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, record: Mapping[str, Any]) -> None:
        """Replace the record of the run on disk."""
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        write_atomically(self.path, lambda stream: _discard(stream.write(text.encode())))

    def save_state(self, record: dict[str, Any], epoch: int, tensors: dict[str, Tensor]) -> None:
        """Write the tensors under a new name, point to them, and only then drop the old ones."""
        path = self.folder / f"epoch-{epoch:04d}.safetensors"
        content = safetensors.torch.save(tensors)
        digest = write_atomically(path, lambda stream: _discard(stream.write(content)))
        record["state"] = {"file": path.name, "sha256": digest}
        record["epoch"] = epoch
        self.write(record)
        self.drop_states(keep=path)

    def drop_states(self, keep: Path | None = None) -> None:
        """Delete the states of all epochs but one."""
        for path in self.folder.glob("epoch-????.safetensors"):
            if path != keep:
                path.unlink(missing_ok=True)

    def load_state(self, record: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the tensors of the state that the record points to, once their checksum agrees."""
        path = self.folder / str(record["state"]["file"])
        if not path.exists() or sha256_of(path) != record["state"]["sha256"]:
            raise ValueError(
                f"{path}, the state of the unfinished run, is missing or damaged, so the run "
                f"cannot be continued; choose another --output or move the folder away"
            )
        return safetensors.torch.load_file(path)


def _discard(_: object) -> None:
    return None


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


# ---------------------------------------------------------------- the loop


def _own_rank() -> int:
    """Return the rank of this process before any process group exists."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _say(fabric: Fabric, message: str) -> None:
    if fabric.is_global_zero:
        tqdm.write(message, file=sys.stderr)


def _reduce(fabric: Fabric, tensor: Tensor, operation: Literal["mean", "sum"]) -> Tensor:
    """Return the mean or the sum of a tensor over all processes."""
    return cast(Tensor, fabric.all_reduce(tensor, reduce_op=operation))


def _average_statistics(fabric: Fabric, model: nn.Module) -> None:
    """Give every process the mean of the batch-norm statistics that each has collected."""
    if fabric.world_size == 1:
        return
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for buffer in (module.running_mean, module.running_var):
                if buffer is not None:
                    buffer.copy_(_reduce(fabric, buffer.clone(), "mean"))


def _evaluate(
    fabric: Fabric, task: Task, model: nn.Module, batch: Batch, seed: int
) -> dict[str, float]:
    """Return the means of the task's metrics; each process measures its share of the rows."""
    rows = torch.arange(fabric.global_rank, len(batch[0]), fabric.world_size)
    sums: dict[str, Tensor] = {}
    model.eval()
    torch.manual_seed(seed)
    with torch.no_grad():  # in single precision, as whoever loads the checkpoint computes
        for part in rows.split(_EVALUATION_ROWS):
            share = tuple(fabric.to_device(tensor[part]) for tensor in batch)
            for name, values in task.metrics(model, share).items():
                if values.shape != (len(part),):
                    raise ValueError(
                        f"the metric {name!r} must be one number an example, shape "
                        f"({len(part)},), not {tuple(values.shape)}"
                    )
                total = values.detach().to("cpu", torch.float64).sum()
                sums[name] = sums.get(name, torch.zeros((), dtype=torch.float64)) + total
    model.train()
    if fabric.world_size > 1:
        sums = {
            name: _reduce(fabric, fabric.to_device(total), "sum").cpu()
            for name, total in sums.items()
        }
    return {name: float(total) / len(batch[0]) for name, total in sums.items()}


def _check_sizes(task: Task, size: int, devices: int) -> None:
    batch = task.recipe.batch_size
    if size < batch:
        raise ValueError(
            f"the training data hold {size} examples, fewer than one batch of {batch}; choose a "
            f"smaller batch size"
        )
    if batch % devices:
        raise ValueError(
            f"a batch of {batch} cannot be shared equally by {devices} processes; choose a number "
            f"of devices that divides {batch}"
        )


def _find_accelerator(devices: int, accelerator: str) -> str:
    """Check where to train, and return ``cpu`` or ``cuda``."""
    if isinstance(devices, bool) or not isinstance(devices, int) or devices < 1:
        raise ValueError(f"devices must be a whole number of at least 1, not {devices!r}")
    if accelerator not in ("auto", "cpu", "cuda"):
        raise ValueError(f"accelerator must be auto, cpu or cuda, not {accelerator!r}")
    cuda = torch.cuda.device_count()
    if accelerator == "auto":
        accelerator = "cuda" if cuda else "cpu"
    if accelerator == "cuda" and cuda < devices:
        raise ValueError(
            f"{devices} GPUs were asked for, but {cuda} can be used; choose --accelerator cpu or "
            f"fewer devices"
        )
    return accelerator


def _make_fabric(devices: int, accelerator: str, precision: Arithmetic) -> Fabric:
    # Imported here: it is slow to import, and loading a checkpoint does not need it.
    from lightning_fabric import Fabric

    return Fabric(
        accelerator=accelerator,
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=precision,
    )


def _stretch(recipe: Recipe, record: Mapping[str, Any], accelerator: str) -> dict[str, Any]:
    """Decide how this machine computes, and return it as an entry of ``processes``.

    The first process decides. The others, which it starts, find the entry in the record.
    """
    before = record["processes"][-1] if record["processes"] else {}
    if _own_rank() > 0 and "arithmetic" in before:
        return {key: before[key] for key in ("arithmetic", "compiled")}
    arithmetic, message = choose_arithmetic(
        recipe.precision, before.get("arithmetic"), lambda: bfloat16_is_fast(accelerator)
    )
    compiled = recipe.compile and before.get("compiled", True)
    if compiled and not can_compile(accelerator):
        compiled = False
        if _own_rank() == 0:
            notice("torch.compile does not work here (is there a C++ compiler?): training without.")
    if message is not None and _own_rank() == 0:
        notice(message)
    return {"arithmetic": arithmetic, "compiled": compiled}


def train(
    task: Task,
    output: str | os.PathLike[str],
    *,
    command: str,
    name: str | None = None,
    devices: int = 1,
    accelerator: str = "auto",
    threads: int = 1,
    minutes: float | None = None,
    resume: bool = True,
    progress: bool = True,
) -> TrainingResult:
    """Train a task, or continue the unfinished run of it in the output folder.

    Parameters
    ----------
    task : Task
        The experiment.
    output : path-like
        Folder of the run. It is created if needed. While the run lasts it holds
        ``run.json`` and the state of the last epoch; at the end the checkpoint and its
        manifest, beside ``run.json``. Checkpoints at the milestones of the recipe go to the
        folder ``milestones`` in it.
    command : str
        The command that makes this run, for the manifest.
    name : str, optional
        Name of the checkpoint; ``TASK-PRESET-seedSEED`` if not given.
    devices : int
        Number of processes, each on its own core or GPU. They share every batch, average
        their gradients and report common metrics.
    accelerator : {"auto", "cpu", "cuda"}
        Where to train; ``auto`` takes GPUs if there are any.
    threads : int
        Threads of each process. Only one thread gives the same bits every time.
    minutes : float, optional
        Time limit of this call. The run stops before an epoch that would pass it, at the
        earliest after one epoch, and the same call continues it later.
    resume : bool
        Whether to continue an unfinished run. If false, such a run is refused.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    TrainingResult
        How far it came, with the learning curve.

    Raises
    ------
    ValueError
        If the folder holds a finished run or a run of another configuration, or another
        process trains in it, or its state is damaged; if a number is out of range; or if
        the loss stops being finite. Nothing that was there is overwritten.
    OSError
        If the folder cannot be written to.
    """
    if minutes is not None and not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be positive, not {minutes!r}")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads must be a whole number of at least 1, not {threads!r}")
    if task.seed < 0:
        raise ValueError(f"the seed must not be negative, but it is {task.seed}")
    recipe = task.recipe
    accelerator = _find_accelerator(devices, accelerator)
    resume = resume or _own_rank() > 0  # the first process has decided
    run = _Run(Path(output), name or f"{task.name}-{task.preset}-seed{task.seed}")
    began = time.monotonic()
    with torch.random.fork_rng(), _threads(threads):
        torch.manual_seed(task.seed)
        model = task.build_model().train()
        run.inspect(_settings(task, model, None), resume)  # refuse before the data are loaded
        data = task.load_data()
        _check_sizes(task, data.training_size, devices)
        settings = _settings(task, model, str(data.facts["checksum"]))
        run.inspect(settings, resume)
        if _own_rank() == 0:
            try:
                ensure_writable(run.folder)
            except CacheError as error:
                raise OSError(
                    f"cannot write to the folder {run.folder} "
                    f"({os.strerror(error.errno) if error.errno else error}); "
                    f"choose another --output"
                ) from error
            run.acquire()
        try:
            # Again, now that no one else can write.
            record = run.inspect(settings, resume) or _new_record(settings)
            stretch = {
                "from_epoch": record["epoch"],
                "devices": devices,
                **_stretch(recipe, record, accelerator),
            }
            if _own_rank() == 0:
                record["processes"].append(stretch)
                if devices > 1:
                    run.write(record)  # where the processes that are started now find it
            fabric = _make_fabric(devices, accelerator, stretch["arithmetic"])
            fabric.launch()
            facts = {"command": command, "threads": threads, "compiled": stretch["compiled"]}
            loop = _Loop(fabric, task, data, model, run, record, progress, facts)
            limit = None if minutes is None else began + 60 * minutes
            done = loop.run_epochs(limit)
            metrics, checkpoint = (loop.finish(), run.checkpoint) if done else ({}, None)
            marks = tuple(run.milestone(n) for n in recipe.milestones if n < recipe.epochs)
            kept = tuple(path for path in marks if path.exists())
            return TrainingResult(done, loop.epoch, loop.history, metrics, checkpoint, kept)
        finally:
            run.release()


def _new_record(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run that has not begun."""
    return {
        "format": _RUN_FORMAT,
        "status": "unfinished",
        "configuration": settings,
        "epoch": 0,
        "state": None,
        "history": [],
        "processes": [],
    }


def _settings(task: Task, model: nn.Module, checksum: str | None) -> dict[str, Any]:
    """Return everything that decides the result, as JSON would give it back."""
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


class _Loop:
    """One process of one run."""

    def __init__(
        self,
        fabric: Fabric,
        task: Task,
        data: TaskData,
        model: nn.Module,
        run: _Run,
        record: dict[str, Any],
        progress: bool,
        facts: Mapping[str, Any],
    ) -> None:
        self.fabric, self.task, self.data, self.run = fabric, task, data, run
        self.model, self.progress, self.facts = model, progress, facts
        recipe = task.recipe
        self.steps = data.training_size // recipe.batch_size
        self.optimizers = make_optimizers(model, recipe)
        self.schedulers = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                max_lr=float(optimizer.param_groups[0]["lr"]),
                total_steps=max(2, self.steps * recipe.epochs),
                pct_start=recipe.warmup,
            )
            for optimizer in self.optimizers
        ]
        self.record = record
        self.epoch = int(self.record["epoch"])
        self.history: list[dict[str, Any]] = self.record["history"]
        if self.record["state"] is not None:
            self._restore(run.load_state(self.record))
        wrapped = cast(nn.Module, torch.compile(model)) if facts["compiled"] else model
        self.trained, *self.steppers = fabric.setup(wrapped, *self.optimizers)
        self.validation = data.evaluation("validation")

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        load_learned_state(
            self.model,
            {key[6:]: tensor for key, tensor in tensors.items() if key.startswith("model.")},
        )
        load_optimizers(self.optimizers, tensors, self.record["optimizers"])
        for scheduler, state in zip(self.schedulers, self.record["schedulers"], strict=True):
            scheduler.load_state_dict(state)
        _say(
            self.fabric,
            f"Continuing the run in {self.run.folder} after epoch {self.epoch} of "
            f"{self.task.recipe.epochs}.",
        )

    def run_epochs(self, limit: float | None) -> bool:
        """Train until the last epoch (true) or until the time is up (false)."""
        epochs = self.task.recipe.epochs
        if self.fabric.is_global_zero:
            self.run.write(self.record)
        with tqdm(
            total=epochs * self.steps,
            initial=self.epoch * self.steps,
            unit="batch",
            disable=not (self.progress and self.fabric.is_global_zero),
            mininterval=0.5 if sys.stderr.isatty() else 15,
            file=sys.stderr,
        ) as bar:
            first = True
            while self.epoch < epochs:
                if not first and limit is not None and self._passes(limit):
                    _say(
                        self.fabric,
                        f"The time is up after epoch {self.epoch} of {epochs}; the same command "
                        f"continues.",
                    )
                    return False
                self._run_epoch(bar)
                first = False
        return True

    def _passes(self, limit: float) -> bool:
        """Say whether one more epoch would pass the limit; process 0 decides for all."""
        over = time.monotonic() + float(self.history[-1]["seconds"]) > limit
        return bool(self.fabric.broadcast(over, src=0))

    def _run_epoch(self, bar: tqdm[Any]) -> None:
        task, recipe, fabric = self.task, self.task.recipe, self.fabric
        began, cpu_began = time.monotonic(), time.process_time()
        epoch, total = self.epoch, self.steps * recipe.epochs
        bar.set_description(f"epoch {epoch + 1}/{recipe.epochs}")
        order = torch.randperm(
            self.data.training_size, generator=epoch_generator(task.seed, epoch, _ORDER)
        )
        torch.manual_seed(_mix(task.seed, epoch, _NOISE, fabric.global_rank))
        losses = torch.zeros((), dtype=torch.float64, device=fabric.device)
        self.trained.train()
        for step in range(self.steps):
            rows = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            share = rows[fabric.global_rank :: fabric.world_size]
            batch = fabric.to_device(self.data.training_batch(share, epoch))
            loss = task.loss(self.trained, batch, (epoch * self.steps + step) / total)
            for stepper in self.steppers:
                stepper.zero_grad()
            fabric.backward(loss)
            rate = float(self.optimizers[0].param_groups[0]["lr"])
            for stepper, scheduler in zip(self.steppers, self.schedulers, strict=True):
                if recipe.clip is not None:
                    fabric.clip_gradients(self.trained, stepper, max_norm=recipe.clip)
                stepper.step()
                if scheduler.last_epoch < scheduler.total_steps - 1:
                    scheduler.step()
            losses += loss.detach()
            bar.update()
        mean = float(_reduce(fabric, losses, "mean")) / self.steps
        if not math.isfinite(mean):
            raise ValueError(
                f"the loss is {mean} in epoch {epoch + 1}; lower the learning rate "
                f"({recipe.learning_rate:g}) or clip the gradients"
            )
        _average_statistics(fabric, self.model)
        values = _evaluate(
            fabric, task, self.model, self.validation, _mix(task.seed, epoch, _NOISE, 1 << 20)
        )
        self.epoch = epoch + 1
        self.history.append(
            {
                "epoch": self.epoch,
                "train_loss": mean,
                "learning_rate": rate,
                **{f"validation_{key}": value for key, value in values.items()},
                "seconds": round(time.monotonic() - began, 3),
                "cpu_seconds": round(time.process_time() - cpu_began, 3),
            }
        )
        if self.epoch in recipe.milestones and self.epoch < recipe.epochs:
            # Before the state: a kill in between repeats the epoch and finds the same weights.
            self._keep_milestone()
        if fabric.is_global_zero:
            self._save()
        fabric.barrier()
        shown = "  ".join(f"validation {key} {value:.4f}" for key, value in values.items())
        _say(
            fabric,
            f"epoch {self.epoch}/{recipe.epochs}  loss {mean:.4f}  {shown}  "
            f"{self.history[-1]['seconds']:.1f} s",
        )

    def _save(self) -> None:
        tensors = {f"model.{key}": tensor for key, tensor in learned_state(self.model).items()}
        tensors.update(optimizer_tensors(self.optimizers))
        self.record["optimizers"] = optimizer_settings(self.optimizers)
        self.record["schedulers"] = [scheduler.state_dict() for scheduler in self.schedulers]
        self.run.save_state(self.record, self.epoch, tensors)

    def _keep_milestone(self) -> None:
        """Write the weights of now as a checkpoint, and train on with the exact ones."""
        exact = learned_state(self.model)
        self._round()
        metrics = self._test()
        if self.fabric.is_global_zero:
            path = self.run.milestone(self.epoch)
            path.parent.mkdir(exist_ok=True)
            self._write_checkpoint(path, metrics)
        load_learned_state(self.model, exact)

    def finish(self) -> dict[str, float]:
        """Measure on the test data, write the checkpoint, and mark the run as finished."""
        fabric = self.fabric
        self._round()
        metrics = self._test()
        if fabric.is_global_zero:
            self._write_checkpoint(self.run.checkpoint, metrics)
            self.record["status"] = "finished"
            self.record["state"] = None
            self.record["metrics"] = metrics
            self.run.write(self.record)
            self.run.drop_states()
        fabric.barrier()
        shown = "  ".join(f"{key.replace('_', ' ')} {value:.4f}" for key, value in metrics.items())
        _say(fabric, f"Finished: {shown}\nThe checkpoint is {self.run.checkpoint}")
        return metrics

    @property
    def _kept(self) -> torch.dtype:
        """The arithmetic in which the weights are stored."""
        return cast(torch.dtype, getattr(torch, self.task.recipe.storage))

    def _round(self) -> None:
        """Round all that was learned to what is stored of it."""
        if self._kept != torch.float32:
            exact = learned_state(self.model)
            rounded = {
                name: tensor.to(self._kept).to(tensor.dtype)
                if tensor.dtype == torch.float32
                else tensor
                for name, tensor in exact.items()
            }
            load_learned_state(self.model, rounded)

    def _test(self) -> dict[str, float]:
        """Measure on the test data; the validation metrics are those after the last epoch."""
        seed = _mix(self.task.seed, self.epoch, _NOISE, 1 << 21)
        test = self.data.evaluation("test")
        values = _evaluate(self.fabric, self.task, self.model, test, seed)
        metrics = {f"test_{key}": value for key, value in values.items()}
        last = self.history[-1]
        metrics.update({k: v for k, v in last.items() if k.startswith("validation_")})
        return metrics

    def _write_checkpoint(self, path: Path, metrics: Mapping[str, float]) -> None:
        """Write the weights of now with their manifest, unless they are there already."""
        if holds_checkpoint(path, self.model, dtype=self._kept):
            return
        task = self.task
        facts = {
            "command": self.facts["command"],
            "task": task.name,
            "preset": task.preset,
            "epoch": self.epoch,
            "seeds": {"training": task.seed},
            "data": dict(self.data.facts),
            "recipe": dataclasses.asdict(task.recipe),
            "options": dict(task.configuration()),
            "metrics": dict(metrics),
            "wall_seconds": round(sum(entry["seconds"] for entry in self.history), 1),
            "cpu_seconds": round(sum(entry["cpu_seconds"] for entry in self.history), 1),
            "threads": self.facts["threads"],
            "accelerator": self.fabric.device.type,
            "processes": self.record["processes"],
            "history": self.history,
        }
        save_checkpoint(path, self.model, dtype=self._kept, **facts)
