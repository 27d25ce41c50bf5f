"""What an experiment says: its model, its data, its loss, and what to measure.

The training loop is given a :class:`Task`, which loads its data as a :class:`TaskData`. Both are
protocols: nothing has to inherit from them. The experiments of the book are in
:mod:`utils.training.tasks`; what they have in common is :class:`NetworkTask`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal, Protocol, cast, get_type_hints

from torch import Tensor, nn

from utils.models.base import Network, NetworkConfig
from utils.training.recipe import Recipe

__all__ = ["Batch", "NetworkTask", "Split", "Task", "TaskData"]

Batch = tuple[Tensor, ...]
"""Tensors that share their first dimension, one row an example."""

Split = Literal["validation", "test"]
"""The data that are measured on."""


class TaskData(Protocol):
    """The data of a task, loaded and checked."""

    @property
    def training_size(self) -> int:
        """Number of training examples."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the manifest says about the data; must hold a ``checksum``."""

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return training examples, tensors with first dimension ``B``.

        Parameters
        ----------
        rows : torch.Tensor
            Shape ``(B,)``, int64: which examples.
        epoch : int
            The epoch, counted from 0. Augmentation must depend on nothing but the task, the
            epoch and the row (see :func:`utils.training.seeding.epoch_generator`), so
            that every process and every continued run sees the same examples.
        """

    def evaluation(self, split: Split) -> Batch:
        """Return all examples of the validation or the test data.

        The validation data are looked at after every epoch, the test data after the last, and
        for the manifest at the milestones of the recipe; nothing in the training depends on
        them.
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
        """Build the network with weights from the global random state.

        It is a :class:`utils.models.base.Network`, which says what of it was learned.
        """

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean loss over a batch, a scalar.

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
        """

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return what to measure, each of shape ``(B,)``; the loop takes the means.

        Parameters
        ----------
        model : torch.nn.Module
            The network itself, in evaluation mode and without gradients.
        batch : tuple of torch.Tensor
            Evaluation examples, on the device of the model.
        """


@dataclass(frozen=True)
class NetworkTask(ABC):
    """What the tasks of the book have in common: a preset, a recipe, a network and a seed.

    Parameters
    ----------
    preset : str
        Name of the preset.
    recipe : Recipe
        How the network is optimised.
    network : NetworkConfig or mapping
        The configuration of the network. A mapping of the fields that differ from its defaults
        becomes one when the task is made.
    seed : int
        Seed of the run. Which data are held out does not depend on it.
    """

    name: ClassVar[str]

    preset: str
    recipe: Recipe
    _: KW_ONLY
    network: NetworkConfig | Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings; a subclass that checks its own calls this too."""
        if isinstance(self.network, Mapping):
            kind = get_type_hints(self.network_class())["config"]
            object.__setattr__(self, "network", kind.from_dict(self.network))

    @abstractmethod
    def network_class(self) -> type[Network]:
        """Return the class of the network; it is made from its ``config``."""

    def build_model(self) -> Network:
        """Build the network with weights from the global random state."""
        return cast(Any, self.network_class())(self.network)

    def _check_weight(self, name: str) -> None:
        """Refuse a weight in the loss that is negative or no number."""
        value = getattr(self, name)
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a number of at least 0, not {value!r}")
