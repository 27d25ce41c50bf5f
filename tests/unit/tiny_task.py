"""A training task that takes a second: points in the plane, a small network.

Used by ``test_training.py``, in its own process and, as a script, in others.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from utils.models.base import Network, NetworkConfig
from utils.training import Batch, Recipe, loop, train
from utils.training.seeding import epoch_generator
from utils.training.task import Split


@dataclass(frozen=True)
class TinyConfig(NetworkConfig):
    width: int = 8
    noisy: bool = True


class TinyNet(Network):
    """With `noisy`, chance and statistics matter: dropout and batch norm."""

    config: TinyConfig

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.config = config
        extra = [nn.BatchNorm1d(config.width), nn.Dropout(0.2)] if config.noisy else []
        self.layers = nn.Sequential(
            nn.Linear(2, config.width), *extra, nn.ReLU(), nn.Linear(config.width, 3)
        )

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


class TinyData:
    def __init__(self, task: TinyTask) -> None:
        self.task = task
        generator = torch.Generator().manual_seed(1)
        self.labels = torch.arange(240) % 3
        centres = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        self.points = centres[self.labels] + torch.randn(240, 2, generator=generator)

    training_size = 160

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"checksum": "tiny"}

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        task = self.task
        time.sleep(task.pause)
        if task.kill_in_epoch == epoch and rows[0] % 4 == 0:  # somewhere in the middle
            os.kill(os.getpid(), signal.SIGKILL)
        if task.log_rows is not None:
            rank = os.environ.get("LOCAL_RANK", "0")
            with open(f"{task.log_rows}-{rank}-{epoch}", "a", encoding="utf-8") as stream:
                stream.write(json.dumps(rows.tolist()) + "\n")
        noise = torch.randn(160, 2, generator=epoch_generator(task.seed, epoch, 1))
        points = self.points[:160] + 0.3 * noise
        if task.spoil_in_epoch == epoch:
            points = points * float("nan")
        return points[rows], self.labels[:160][rows]

    def evaluation(self, split: Split) -> Batch:
        chosen = slice(160, 197) if split == "validation" else slice(197, 240)
        return self.points[chosen], self.labels[chosen]


@dataclass(frozen=True)
class TinyTask:
    seed: int = 0
    recipe: Recipe = field(
        default_factory=lambda: Recipe(epochs=4, batch_size=16, learning_rate=0.02)
    )
    network: TinyConfig = field(default_factory=TinyConfig)
    kill_in_epoch: int | None = None
    spoil_in_epoch: int | None = None
    log_rows: str | None = None
    pause: float = 0.0
    name: str = "tiny"
    preset: str = "points"

    def configuration(self) -> Mapping[str, Any]:
        return {}

    def load_data(self) -> TinyData:
        return TinyData(self)

    def build_model(self) -> nn.Module:
        return TinyNet(self.network)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        assert 0 <= progress < 1
        points, labels = batch
        return nn.functional.cross_entropy(model(points), labels)

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        points, labels = batch
        logits = model(points)
        return {
            "accuracy": (logits.argmax(dim=1) == labels).float(),
            "loss": nn.functional.cross_entropy(logits, labels, reduction="none"),
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--kill-in-epoch", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--log-rows")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--native", choices=["fast", "slow"], help="what the first one measures")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--no-resume", action="store_true")
    arguments = parser.parse_args()
    recipe = dataclasses.replace(TinyTask().recipe, compile=arguments.compile)
    if arguments.native:
        recipe = dataclasses.replace(recipe, precision="native")
        # Another process of the same run measures the opposite.
        is_first = os.environ.get("LOCAL_RANK", "0") == "0"
        loop.bfloat16_is_fast = lambda _: is_first == (arguments.native == "fast")
    task = TinyTask(
        recipe=recipe,
        network=TinyConfig(noisy=not arguments.plain),
        kill_in_epoch=arguments.kill_in_epoch,
        log_rows=arguments.log_rows,
        pause=arguments.pause,
    )
    train(
        task,
        arguments.output,
        command="tiny",
        devices=arguments.devices,
        accelerator="cpu",
        minutes=arguments.minutes,
        resume=not arguments.no_resume,
        progress=False,
    )


if __name__ == "__main__":
    # Imported by its name, so that the classes are the same ones as in the tests.
    import tiny_task

    tiny_task.main()
