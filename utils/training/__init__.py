"""Training: one loop for every network of the book, and the checkpoints it leaves.

``python -m utils.training rotated-mnist --preset small`` trains a network;
:func:`load_checkpoint` loads what such a command left, or what came with the book, and
:func:`download_checkpoints` fetches the latter where the package was installed without it.

An experiment is described as a :class:`Task` (:mod:`utils.training.task`) with a
:class:`Recipe` (:mod:`utils.training.recipe`). Those of the book are in
:mod:`utils.training.tasks`, and :mod:`utils.training.presets` gives them names and sizes. The
epochs are in :mod:`utils.training.loop`: it takes random numbers from
:mod:`utils.training.seeding`, optimisers from :mod:`utils.training.optimizers` and the
arithmetic that the machine is fast in from :mod:`utils.training.capabilities`. What lies on disk
while a run lasts is in :mod:`utils.training.run`; what it leaves, in
:mod:`utils.training.checkpoint`, which describes a network by
:mod:`utils.training.model_state` and writes it in the form of :mod:`utils.training.archive`.
:mod:`utils.training.shipped` knows what comes with the book and where it lies,
:mod:`utils.training.download` fetches what is not here,
:mod:`utils.training.export` puts a checkpoint among those that come with the book, and
:mod:`utils.training.sweeps` keeps what was measured on networks of which few come along.
"""

from utils.training.checkpoint import (
    load_checkpoint,
    mean_metric,
    read_manifest,
    save_checkpoint,
    shipped_checkpoints,
    untrained_model,
)
from utils.training.download import download_checkpoints
from utils.training.loop import TrainingResult, train
from utils.training.recipe import Recipe
from utils.training.task import Batch, Task, TaskData

__all__ = [
    "Batch",
    "Recipe",
    "Task",
    "TaskData",
    "TrainingResult",
    "download_checkpoints",
    "load_checkpoint",
    "mean_metric",
    "read_manifest",
    "save_checkpoint",
    "shipped_checkpoints",
    "train",
    "untrained_model",
]
