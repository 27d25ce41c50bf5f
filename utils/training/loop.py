"""One training loop for every network of the book.

The loop knows nothing about digits or molecules. An experiment describes itself as a
:class:`~utils.training.task.Task`: how to build its model and its data, what its loss is, and
what to measure. The loop does the rest, the same way on one core, on several processes and on a
GPU, through Lightning Fabric. It reads from top to bottom: an epoch, all epochs, what is measured
and kept, and at the end :func:`train`, which puts a run together.

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

from utils._checks import check_choice
from utils.data.cache import CacheError, ensure_writable, notice
from utils.models.base import Network
from utils.training.capabilities import (
    bfloat16_is_fast,
    can_compile,
    choose_arithmetic,
    kernels_of_this_processor,
)
from utils.training.checkpoint import holds_checkpoint, save_checkpoint
from utils.training.model_state import as_network
from utils.training.optimizers import (
    load_optimizers,
    make_optimizers,
    optimizer_settings,
    optimizer_tensors,
)
from utils.training.recipe import Recipe, require_whole
from utils.training.record import Record, damaged, run_configuration
from utils.training.run import Run
from utils.training.seeding import epoch_generator, mixed_seed
from utils.training.task import Batch, Split, Task, TaskData

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingResult", "train"]

_EVALUATION_ROWS = 500
_ORDER, _NOISE = 101, 102  # streams of random numbers; tasks use small numbers
_NOISE_OF: Mapping[Split, int] = {"validation": 1 << 20, "test": 1 << 21}  # beyond all ranks


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


class _Loop:
    """One process of one run. ``record`` says how far it came; each epoch makes a new one."""

    def __init__(
        self,
        fabric: Fabric,
        task: Task,
        data: TaskData,
        model: Network,
        run: Run,
        record: Record,
        facts: Mapping[str, Any],
    ) -> None:
        self.fabric, self.task, self.data, self.model = fabric, task, data, model
        self.run, self.record, self.facts = run, record, facts
        self.steps = data.training_size // task.recipe.batch_size
        self.optimizers = make_optimizers(model, task.recipe)
        self.schedulers = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                max_lr=float(optimizer.param_groups[0]["lr"]),
                total_steps=max(2, self.steps * task.recipe.epochs),
                pct_start=task.recipe.warmup,
            )
            for optimizer in self.optimizers
        ]
        if record.state is not None:
            self._restore()
        compiled = record.processes[-1]["compiled"]
        wrapped = cast(nn.Module, torch.compile(model)) if compiled else model
        self.trained, *self.steppers = fabric.setup(wrapped, *self.optimizers)
        self.validation = data.evaluation("validation")

    # ------------------------------------------------------------ an epoch

    def _run_epoch(self, bar: tqdm[Any]) -> None:
        task, recipe, fabric, epoch = self.task, self.task.recipe, self.fabric, self.record.epoch
        began, cpu_began = time.monotonic(), time.process_time()
        bar.set_description(f"epoch {epoch + 1}/{recipe.epochs}")
        chance = epoch_generator(task.seed, epoch, _ORDER)
        order = torch.randperm(self.data.training_size, generator=chance)
        torch.manual_seed(mixed_seed(task.seed, epoch, _NOISE, fabric.global_rank))
        losses = torch.zeros((), dtype=torch.float64, device=fabric.device)
        self.trained.train()
        for step in range(self.steps):
            rows = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            share = rows[fabric.global_rank :: fabric.world_size]
            batch = fabric.to_device(self.data.training_batch(share, epoch))
            progress = (epoch * self.steps + step) / (self.steps * recipe.epochs)
            loss = task.loss(self.trained, batch, progress)
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
        values = self._evaluate("validation", epoch)
        for name, value in values.items():
            if not math.isfinite(value):
                raise ValueError(
                    f"the validation {name} is {value} after epoch {epoch + 1}; lower the learning "
                    f"rate ({recipe.learning_rate:g}), or look at the metric"
                )
        seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
        entry = {
            "epoch": epoch + 1,
            "train_loss": mean,
            "learning_rate": rate,
            **{f"validation_{key}": value for key, value in values.items()},
            "seconds": round(seconds, 3),
            "cpu_seconds": round(cpu_seconds, 3),
        }
        history = [*self.record.history, entry]
        self.record = dataclasses.replace(self.record, epoch=epoch + 1, history=history)
        if epoch + 1 in recipe.milestones and epoch + 1 < recipe.epochs:
            # Before the state: a kill in between repeats the epoch and finds the same weights.
            self._keep_milestone()
        self._save()
        shown = "  ".join(f"validation {key} {value:.4f}" for key, value in values.items())
        _say(
            fabric, f"epoch {epoch + 1}/{recipe.epochs}  loss {mean:.4f}  {shown}  {seconds:.1f} s"
        )

    # ------------------------------------------------------------ all epochs

    def run_epochs(self, limit: float | None, progress: bool) -> bool:
        """Train until the last epoch (true) or until the time is up (false)."""
        epochs, first = self.task.recipe.epochs, self.record.epoch
        if self.fabric.is_global_zero:
            self.run.write(self.record)
        with tqdm(
            total=epochs * self.steps,
            initial=first * self.steps,
            unit="batch",
            disable=not (progress and self.fabric.is_global_zero),
            mininterval=0.5 if sys.stderr.isatty() else 15,
            file=sys.stderr,
        ) as bar:
            while self.record.epoch < epochs:
                if self.record.epoch > first and limit is not None and self._passes(limit):
                    _say(
                        self.fabric,
                        f"The time is up after epoch {self.record.epoch} of {epochs}; the same "
                        f"command continues.",
                    )
                    return False
                self._run_epoch(bar)
        return True

    def _passes(self, limit: float) -> bool:
        """Say whether one more epoch would pass the limit; process 0 decides for all."""
        over = time.monotonic() + float(self.record.history[-1]["seconds"]) > limit
        return bool(self.fabric.broadcast(over, src=0))

    # ------------------------------------------------------------ what is measured

    def _evaluate(self, split: Split, epoch: int) -> dict[str, float]:
        """Return the means of the task's metrics; each process measures its share of the rows."""
        fabric, model = self.fabric, self.model
        batch: Batch = self.validation if split == "validation" else self.data.evaluation(split)
        rows = torch.arange(fabric.global_rank, len(batch[0]), fabric.world_size)
        sums: dict[str, Tensor] = {}
        model.eval()
        torch.manual_seed(mixed_seed(self.task.seed, epoch, _NOISE, _NOISE_OF[split]))
        with torch.no_grad():  # in single precision, as whoever loads the checkpoint computes
            for part in rows.split(_EVALUATION_ROWS):
                share = tuple(fabric.to_device(tensor[part]) for tensor in batch)
                for name, values in self.task.metrics(model, share).items():
                    if values.shape != (len(part),):
                        raise ValueError(
                            f"the metric {name!r} must be one number an example, shape "
                            f"({len(part)},), not {tuple(values.shape)}"
                        )
                    total = values.detach().to("cpu", torch.float64).sum()
                    sums[name] = sums.get(name, torch.zeros((), dtype=torch.float64)) + total
        model.train()
        if fabric.world_size > 1:
            for name, total in sums.items():
                sums[name] = _reduce(fabric, fabric.to_device(total), "sum").cpu()
        return {name: float(total) / len(batch[0]) for name, total in sums.items()}

    def _test(self) -> dict[str, float]:
        """Measure on the test data; the validation metrics are those after the last epoch."""
        values = self._evaluate("test", self.record.epoch)
        last = self.record.history[-1].items()
        validation = {key: value for key, value in last if key.startswith("validation_")}
        return {**{f"test_{key}": value for key, value in values.items()}, **validation}

    # ------------------------------------------------------------ what is kept

    def _save(self) -> None:
        """Leave a state from which the same command continues."""
        if self.fabric.is_global_zero:
            learned = self.model.checkpoint_state().items()
            tensors = {f"model.{key}": tensor for key, tensor in learned}
            record = dataclasses.replace(
                self.record,
                optimizers=optimizer_settings(self.optimizers),
                schedulers=[scheduler.state_dict() for scheduler in self.schedulers],
            )
            self.record = self.run.save_state(
                record, {**tensors, **optimizer_tensors(self.optimizers)}
            )
        self.fabric.barrier()

    def _restore(self) -> None:
        """Continue from what :meth:`_save` left."""
        record, tensors = self.record, self.run.load_state(self.record)
        learned = {key[6:]: tensor for key, tensor in tensors.items() if key.startswith("model.")}
        try:
            self.model.load_checkpoint_state(learned)
            load_optimizers(self.optimizers, tensors, record.optimizers)
            for scheduler, state in zip(self.schedulers, record.schedulers, strict=True):
                scheduler.load_state_dict(state)
                if scheduler.last_epoch != min(
                    record.epoch * self.steps, scheduler.total_steps - 1
                ):
                    raise ValueError("a schedule is not where the epoch is")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise damaged(self.run.path, str(error)) from error
        _say(
            self.fabric,
            f"Continuing the run in {self.run.folder} after epoch {record.epoch} of "
            f"{self.task.recipe.epochs}.",
        )

    def _keep_milestone(self) -> None:
        """Write the weights of now as a checkpoint, and train on with the exact ones."""
        exact = self.model.checkpoint_state()
        self._keep(self.run.milestone(self.record.epoch))
        self.model.load_checkpoint_state(exact)

    def finish(self) -> dict[str, float]:
        """Measure on the test data, write the checkpoint, and mark the run as finished."""
        metrics = self._keep(self.run.checkpoint)
        if self.fabric.is_global_zero:
            done = dataclasses.replace(self.record, status="finished", metrics=metrics)
            self.record = self.run.supersede(done, None)
        self.fabric.barrier()
        shown = "  ".join(f"{key.replace('_', ' ')} {value:.4f}" for key, value in metrics.items())
        _say(self.fabric, f"Finished: {shown}\nThe checkpoint is {self.run.checkpoint}")
        return metrics

    def _keep(self, path: Path) -> dict[str, float]:
        """Round the weights to what is stored of them, measure these, and write a checkpoint."""
        task, record, model = self.task, self.record, self.model
        kept = cast(torch.dtype, getattr(torch, task.recipe.storage))
        if kept != torch.float32:
            exact = model.checkpoint_state().items()
            rounded = {k: t.to(kept).to(t.dtype) for k, t in exact if t.dtype == torch.float32}
            model.load_checkpoint_state({**dict(exact), **rounded})
        metrics = self._test()
        # It is there already if a kill came between the checkpoint and the record.
        if self.fabric.is_global_zero and not holds_checkpoint(path, model, dtype=kept):
            path.parent.mkdir(exist_ok=True)
            facts = {
                "command": self.facts["command"],
                "task": task.name,
                "preset": task.preset,
                "epoch": record.epoch,
                "seeds": {"training": task.seed},
                "data": dict(self.data.facts),
                "recipe": dataclasses.asdict(task.recipe),
                "options": dict(task.configuration()),
                "metrics": dict(metrics),
                "wall_seconds": round(sum(entry["seconds"] for entry in record.history), 1),
                "cpu_seconds": round(sum(entry["cpu_seconds"] for entry in record.history), 1),
                "threads": self.facts["threads"],
                "accelerator": self.fabric.device.type,
                "processes": record.processes,
                "history": record.history,
            }
            save_checkpoint(path, model, dtype=kept, **facts)
        return metrics


# ---------------------------------------------------------------- a run, put together


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

    Nothing that was there is overwritten. A finished run, a run of another configuration, a
    damaged one and one in which another process trains are refused with a ValueError; so is a
    loss that stops being finite.

    Parameters
    ----------
    task : Task
        The experiment.
    output : path-like
        Folder of the run. It is created if needed. While the run lasts it holds
        ``run.json`` and the state of the last epoch; at the end ``run.json`` and the
        checkpoint. Checkpoints at the milestones of the recipe go to the folder
        ``milestones`` in it.
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
    """
    if minutes is not None and not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be positive, not {minutes!r}")
    require_whole(threads, "threads")
    require_whole(task.seed, "the seed", 0, 2**63 - 1)
    recipe = task.recipe
    accelerator = _find_accelerator(devices, accelerator)
    resume = resume or _own_rank() > 0  # the first process has decided
    run = Run(Path(output), name or f"{task.name}-{task.preset}-seed{task.seed}")
    limit = None if minutes is None else time.monotonic() + 60 * minutes
    with torch.random.fork_rng(), _threads(threads):
        torch.manual_seed(task.seed)
        model = as_network(task.build_model()).train()
        run.unfinished(run_configuration(task, model, None), resume)  # before data are loaded
        data = task.load_data()
        _check_sizes(recipe.batch_size, data.training_size, devices)
        settings = run_configuration(task, model, str(data.facts["checksum"]))
        with _alone(run):
            record = run.unfinished(settings, resume) or Record(settings)
            record = _begin_stretch(record, recipe, devices, accelerator)
            if _own_rank() == 0 and devices > 1:
                run.write(record)  # where the processes that are started now find it
            fabric = _make_fabric(devices, accelerator, record.processes[-1]["arithmetic"])
            fabric.launch()
            facts = {"command": command, "threads": threads}
            loop = _Loop(fabric, task, data, model, run, record, facts)
            with kernels_of_this_processor():
                done = loop.run_epochs(limit, progress)
                metrics, checkpoint = (loop.finish(), run.checkpoint) if done else ({}, None)
    marks = (run.milestone(number) for number in recipe.milestones if number < recipe.epochs)
    kept = tuple(path for path in marks if path.exists())
    return TrainingResult(done, loop.record.epoch, loop.record.history, metrics, checkpoint, kept)


def _begin_stretch(record: Record, recipe: Recipe, devices: int, accelerator: str) -> Record:
    """Decide how this machine computes, and add it to the processes of the record.

    The first process decides. The others, which it starts, find the entry in the record.
    """
    before = record.processes[-1] if record.processes else {}
    if _own_rank() > 0 and "arithmetic" in before:
        return record
    arithmetic, message = choose_arithmetic(
        recipe.precision, before.get("arithmetic"), lambda: bfloat16_is_fast(accelerator)
    )
    compiled = recipe.compile and before.get("compiled", True)
    if compiled and not can_compile(accelerator):
        compiled = False
        _notice("torch.compile does not work here (is there a C++ compiler?): training without.")
    if message is not None:
        _notice(message)
    entry = {
        "from_epoch": record.epoch,
        "devices": devices,
        "arithmetic": arithmetic,
        "compiled": compiled,
    }
    return dataclasses.replace(record, processes=[*record.processes, entry])


def _notice(message: str) -> None:
    if _own_rank() == 0:
        notice(message)


def _find_accelerator(devices: int, accelerator: str) -> str:
    """Check where to train, and return ``cpu`` or ``cuda``."""
    require_whole(devices, "devices")
    check_choice(accelerator, "accelerator", ("auto", "cpu", "cuda"))
    cuda = torch.cuda.device_count()
    if accelerator == "auto":
        accelerator = "cuda" if cuda else "cpu"
    if accelerator == "cuda" and cuda < devices:
        raise ValueError(
            f"{devices} GPUs were asked for, but {cuda} can be used; choose --accelerator cpu or "
            f"fewer devices"
        )
    return accelerator


def _check_sizes(batch: int, size: int, devices: int) -> None:
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


def _own_rank() -> int:
    """Return the rank of this process before any process group exists."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


@contextlib.contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Make the folder of a run, and keep other runs away from it."""
    if _own_rank() == 0:
        try:
            ensure_writable(run.folder)
        except CacheError as error:
            why = os.strerror(error.errno) if error.errno else error
            raise OSError(
                f"cannot write to the folder {run.folder} ({why}); choose another --output"
            ) from error
        run.acquire()
    try:
        yield
    finally:
        run.release()


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# ---------------------------------------------------------------- several processes


def _make_fabric(devices: int, accelerator: str, precision: Any) -> Fabric:
    # Imported here: it is slow to import, and loading a checkpoint does not need it.
    from lightning_fabric import Fabric

    strategy = "ddp" if devices > 1 else "auto"
    return Fabric(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision)


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
