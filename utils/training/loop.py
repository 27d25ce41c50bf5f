"""One training loop for every network of the book.

The loop knows nothing about digits or molecules. An experiment describes itself as a
:class:`~utils.training.task.Task`: how to build its model and its data, what its loss is, and
what to measure. The loop does the rest, the same way on one core, on several processes and on a
GPU, through Lightning Fabric: AdamW with the one-cycle schedule, a progress bar on standard
error, metrics on the validation data after every epoch, and a state saved after every epoch from
which the same command continues.

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

What is on disk between two epochs, and why a kill at any instant loses at most the epoch that
is running, says :mod:`utils.training.run`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn
from tqdm import tqdm

from utils.data.cache import CacheError, ensure_writable, notice
from utils.models.base import Network
from utils.training.capabilities import (
    Arithmetic,
    bfloat16_is_fast,
    can_compile,
    choose_arithmetic,
)
from utils.training.checkpoint import holds_checkpoint, save_checkpoint
from utils.training.model_state import as_network
from utils.training.optimizers import (
    load_optimizers,
    make_optimizers,
    optimizer_settings,
    optimizer_tensors,
)
from utils.training.recipe import Recipe
from utils.training.run import Run, new_record, run_configuration
from utils.training.seeding import epoch_generator, mixed_seed
from utils.training.task import Batch, Task, TaskData

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingResult", "train"]

_EVALUATION_ROWS = 500
_ORDER, _NOISE = 101, 102  # streams of random numbers; tasks use small numbers


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
    run = Run(Path(output), name or f"{task.name}-{task.preset}-seed{task.seed}")
    began = time.monotonic()
    with torch.random.fork_rng(), _threads(threads):
        torch.manual_seed(task.seed)
        model = as_network(task.build_model()).train()
        # Refuse before the data are loaded.
        run.inspect(run_configuration(task, model, None), resume)
        data = task.load_data()
        _check_sizes(task, data.training_size, devices)
        settings = run_configuration(task, model, str(data.facts["checksum"]))
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
            record = run.inspect(settings, resume) or new_record(settings)
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


class _Loop:
    """One process of one run."""

    def __init__(
        self,
        fabric: Fabric,
        task: Task,
        data: TaskData,
        model: Network,
        run: Run,
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
        self.model.load_checkpoint_state(
            {key[6:]: tensor for key, tensor in tensors.items() if key.startswith("model.")}
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
        torch.manual_seed(mixed_seed(task.seed, epoch, _NOISE, fabric.global_rank))
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
            fabric, task, self.model, self.validation, mixed_seed(task.seed, epoch, _NOISE, 1 << 20)
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
        state = self.model.checkpoint_state()
        tensors = {f"model.{key}": tensor for key, tensor in state.items()}
        tensors.update(optimizer_tensors(self.optimizers))
        self.record["optimizers"] = optimizer_settings(self.optimizers)
        self.record["schedulers"] = [scheduler.state_dict() for scheduler in self.schedulers]
        self.run.save_state(self.record, self.epoch, tensors)

    def _keep_milestone(self) -> None:
        """Write the weights of now as a checkpoint, and train on with the exact ones."""
        exact = self.model.checkpoint_state()
        self._round()
        metrics = self._test()
        if self.fabric.is_global_zero:
            path = self.run.milestone(self.epoch)
            path.parent.mkdir(exist_ok=True)
            self._write_checkpoint(path, metrics)
        self.model.load_checkpoint_state(exact)

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
            exact = self.model.checkpoint_state()
            rounded = {
                name: tensor.to(self._kept).to(tensor.dtype)
                if tensor.dtype == torch.float32
                else tensor
                for name, tensor in exact.items()
            }
            self.model.load_checkpoint_state(rounded)

    def _test(self) -> dict[str, float]:
        """Measure on the test data; the validation metrics are those after the last epoch."""
        seed = mixed_seed(self.task.seed, self.epoch, _NOISE, 1 << 21)
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
