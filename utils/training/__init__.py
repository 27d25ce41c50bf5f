"""Training: one loop for every network of the book, and the checkpoints it leaves.

``python -m utils.training rotated-mnist --preset small`` trains a network;
:func:`load_checkpoint` loads what such a command left, or what came with the book.
"""

from utils.training.checkpoint import (
    load_checkpoint,
    mean_metric,
    read_manifest,
    save_checkpoint,
    shipped_checkpoints,
    untrained_model,
)
from utils.training.loop import Batch, Recipe, Task, TaskData, TrainingResult, train

__all__ = [
    "Batch",
    "Recipe",
    "Task",
    "TaskData",
    "TrainingResult",
    "load_checkpoint",
    "mean_metric",
    "read_manifest",
    "save_checkpoint",
    "shipped_checkpoints",
    "train",
    "untrained_model",
]
